package gitsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	format "github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// worktree is git-worktree(1).
func (g *git) worktree(args []string) error {
	if len(args) == 0 {
		return &failure{129, "usage: git worktree add [-f] [--detach] [--checkout] [--lock [--reason <string>]]\n"}
	}
	if err := g.open(); err != nil {
		return err
	}
	sub, rest := args[0], args[1:]
	switch sub {
	case "add":
		return g.addWorktree(rest)
	case "list":
		return g.listWorktrees(rest)
	case "remove":
		return g.removeWorktree(rest)
	case "prune":
		for _, w := range g.worktrees()[1:] {
			if _, err := g.fs.Stat(path.Join(w.dir, ".git")); err != nil {
				if err := g.fs.RemoveAll(w.admin); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return g.cannot("worktree %s", sub)
}

// linked is one worktree of a repository.
type linked struct {
	dir   string
	admin string // its git directory
	bare  bool
}

// worktrees lists the main one and then the linked ones.
func (g *git) worktrees() []linked {
	main := linked{dir: path.Dir(g.r.commonDir), admin: g.r.commonDir}
	if (&repo{gitDir: g.r.commonDir, commonDir: g.r.commonDir}).isBare(g) {
		main = linked{dir: g.r.commonDir, admin: g.r.commonDir, bare: true}
	}
	out := []linked{main}
	list, _ := g.fs.ReadDir(path.Join(g.r.commonDir, "worktrees"))
	for _, i := range list {
		admin := path.Join(g.r.commonDir, "worktrees", i.Name)
		data, err := g.fs.ReadFile(path.Join(admin, "gitdir"))
		if err == nil {
			out = append(out, linked{dir: path.Dir(strings.TrimSpace(string(data))), admin: admin})
		}
	}
	return out
}

func (g *git) headOf(w linked) head {
	r := &repo{gitDir: w.admin, commonDir: g.r.commonDir, store: openStore(g.fs, w.admin, g.r.commonDir)}
	return r.head()
}

func (g *git) addWorktree(args []string) error {
	o, err := g.parse("worktree add", args, "f,force detach d b= B= q,quiet checkout track guess-remote lock orphan")
	if err != nil {
		return err
	}
	if len(o.args) == 0 || o.has("orphan") {
		return g.cannot("worktree add %s", strings.Join(args, " "))
	}
	dir := g.abs(o.args[0])
	name := path.Base(dir)
	rev, branch := "HEAD", o.get("b")+o.get("B")
	if len(o.args) > 1 {
		rev = o.args[1]
	}
	detach := o.has("detach") || o.has("d")
	fresh := false
	switch {
	case branch != "":
		fresh = true
		if !g.r.refHash(plumbing.NewBranchReferenceName(branch)).IsZero() && !o.has("B") {
			return fatal("a branch named '%s' already exists", branch)
		}
	case len(o.args) == 1 && !detach:
		branch = name
		fresh = g.r.refHash(plumbing.NewBranchReferenceName(name)).IsZero()
		if !fresh {
			rev = name
		}
	case !g.r.refHash(plumbing.NewBranchReferenceName(rev)).IsZero() && !detach:
		branch = rev
	default:
		detach = true
	}
	if list, err := g.fs.ReadDir(dir); err == nil && len(list) > 0 {
		return fatal("'%s' already exists", o.args[0])
	}
	c, err := g.resolveCommit(rev)
	if err != nil {
		return fatal("invalid reference: %s", rev)
	}
	if !detach && !fresh && !o.has("force") {
		for _, w := range g.worktrees() {
			if g.headOf(w).ref == plumbing.NewBranchReferenceName(branch) && !w.bare {
				return fatal("'%s' is already used by worktree at '%s'", branch, w.dir)
			}
		}
	}
	if !o.has("quiet") {
		switch {
		case fresh:
			g.say("Preparing worktree (new branch '%s')\n", branch)
		case detach:
			g.say("Preparing worktree (detached HEAD %s)\n", g.r.short(c.Hash))
		default:
			g.say("Preparing worktree (checking out '%s')\n", branch)
		}
	}
	admin := path.Join(g.r.commonDir, "worktrees", name)
	for n := 1; ; n++ {
		if _, err := g.fs.Lstat(admin); err != nil {
			break
		}
		admin = path.Join(g.r.commonDir, "worktrees", fmt.Sprintf("%s%d", name, n))
	}
	if err := g.layWorktree(admin, dir, branch, c.Hash, detach, fresh); err != nil {
		return err
	}
	if !o.has("quiet") {
		g.printf("HEAD is now at %s %s\n", g.r.short(c.Hash), subject(c.Message))
	}
	return nil
}

func (g *git) layWorktree(admin, dir, branch string, h plumbing.Hash, detach, fresh bool) error {
	for _, d := range []string{admin, dir} {
		if err := g.fs.MkdirAll(d, 0o777); err != nil {
			return err
		}
	}
	headText := "ref: refs/heads/" + branch
	if detach {
		headText = h.String()
	}
	for _, f := range []struct{ name, text string }{
		{path.Join(admin, "commondir"), "../.."}, {path.Join(admin, "gitdir"), path.Join(dir, ".git")},
		{path.Join(admin, "HEAD"), headText}, {path.Join(dir, ".git"), "gitdir: " + admin},
	} {
		if err := g.fs.WriteFile(f.name, []byte(f.text+"\n"), 0o666); err != nil {
			return err
		}
	}
	if fresh && !detach {
		if err := g.r.setRef(plumbing.NewBranchReferenceName(branch), h); err != nil {
			return err
		}
	}
	there := &git{p: g.p, fs: g.p.Machine.View(g.p.Cred, dir), dir: dir, given: g.given, files: map[string][]setting{}}
	if err := there.open(); err != nil {
		return err
	}
	files, err := there.r.treeOf(h)
	if err != nil {
		return err
	}
	return there.resetTo(files)
}

func (g *git) listWorktrees(args []string) error {
	o, err := g.parse("worktree list", args, "porcelain v,verbose z")
	if err != nil {
		return err
	}
	all := g.worktrees()
	width := 0
	for _, w := range all {
		width = max(width, len(w.dir))
	}
	end := "\n"
	if o.has("z") {
		end = "\x00"
	}
	for _, w := range all {
		h := g.headOf(w)
		if o.has("porcelain") {
			g.print("worktree " + w.dir + end)
			switch {
			case w.bare:
				g.print("bare" + end)
			case h.ref == "":
				g.print("HEAD " + h.hash.String() + end + "detached" + end)
			default:
				g.print("HEAD " + h.hash.String() + end + "branch " + h.ref.String() + end)
			}
			g.print(end)
			continue
		}
		switch {
		case w.bare:
			g.printf("%-*s (bare)\n", width+1, w.dir)
		case h.ref == "":
			g.printf("%-*s %s (detached HEAD)\n", width+1, w.dir, g.r.short(h.hash))
		default:
			g.printf("%-*s %s [%s]\n", width+1, w.dir, g.r.short(h.hash), h.branch())
		}
	}
	return nil
}

func (g *git) removeWorktree(args []string) error {
	o, err := g.parse("worktree remove", args, "f,force")
	if err != nil {
		return err
	}
	if len(o.args) != 1 {
		return &failure{129, "usage: git worktree remove [-f] <worktree>\n"}
	}
	dir := g.abs(o.args[0])
	all := g.worktrees()
	i := slices.IndexFunc(all, func(w linked) bool { return w.dir == dir })
	switch {
	case i < 0:
		return fatal("'%s' is not a working tree", o.args[0])
	case i == 0:
		return fatal("'%s' is a main working tree", o.args[0])
	}
	if !o.has("force") {
		there := &git{p: g.p, fs: g.p.Machine.View(g.p.Cred, dir), dir: dir, given: g.given, files: map[string][]setting{}}
		if err := there.open(); err != nil {
			return err
		}
		changes, err := there.state("normal", false)
		if err != nil {
			return err
		}
		if len(changes) > 0 {
			return fatal("'%s' contains modified or untracked files, use --force to delete it", o.args[0])
		}
	}
	if err := g.fs.RemoveAll(dir); err != nil {
		return err
	}
	return g.fs.RemoveAll(all[i].admin)
}

// submodule is git-submodule(1): init, update, status, sync and foreach's absence.
func (g *git) submodule(args []string) error {
	if err := g.needWorktree(); err != nil {
		return err
	}
	o, err := g.parse("submodule", args, "q,quiet init recursive remote force f depth= cached b,branch= j,jobs=")
	if err != nil {
		return err
	}
	sub := "status"
	if len(o.args) > 0 {
		sub = o.args[0]
	}
	var names []string
	if len(o.args) > 1 {
		names = o.args[1:]
	}
	switch sub {
	case "init":
		return g.submoduleInit(names, o.has("quiet"))
	case "update":
		if o.has("remote") {
			return g.cannot("submodule update --remote")
		}
		return g.submoduleUpdate(names, o.has("init"), o.has("recursive"), o.has("quiet"))
	case "status":
		return g.submoduleStatus(names)
	case "sync":
		for _, m := range g.modules(names) {
			if err := g.set("submodule."+m.name+".url", g.submoduleURL(m.url)); err != nil {
				return err
			}
			g.printf("Synchronizing submodule url for '%s'\n", m.path)
		}
		return nil
	}
	return g.cannot("submodule %s", sub)
}

// module is one submodule of .gitmodules.
type module struct{ name, path, url string }

func (g *git) modules(only []string) []module {
	raw := g.rawConfig(path.Join(g.r.worktree, ".gitmodules"))
	var out []module
	for _, s := range raw.Section("submodule").Subsections {
		m := module{s.Name, s.Option("path"), s.Option("url")}
		if m.path != "" && (len(only) == 0 || slices.Contains(g.pathspecs(only), m.path)) {
			out = append(out, m)
		}
	}
	return out
}

// submoduleURL makes ./ and ../ relative to the superproject's remote.
func (g *git) submoduleURL(url string) string {
	if !strings.HasPrefix(url, "./") && !strings.HasPrefix(url, "../") {
		return url
	}
	base, ok := g.get("remote." + g.defaultRemote() + ".url")
	if !ok {
		base = g.r.worktree
	}
	scheme, rest, hasScheme := strings.Cut(base, "://")
	if !hasScheme {
		return path.Join(base, url)
	}
	return scheme + "://" + strings.TrimPrefix(path.Join("/"+rest, url), "/")
}

func (g *git) submoduleInit(names []string, quiet bool) error {
	for _, m := range g.modules(names) {
		if _, ok := g.get("submodule." + m.name + ".url"); ok {
			continue
		}
		url := g.submoduleURL(m.url)
		if err := g.edit(g.r.configFile(), func(c *format.Config) {
			c.SetOption("submodule", m.name, "active", "true")
			c.SetOption("submodule", m.name, "url", url)
		}); err != nil {
			return err
		}
		if !quiet {
			g.say("Submodule '%s' (%s) registered for path '%s'\n", m.name, url, m.path)
		}
	}
	return nil
}

func (g *git) submoduleUpdate(names []string, initFirst, recursive, quiet bool) error {
	if initFirst {
		if err := g.submoduleInit(names, quiet); err != nil {
			return err
		}
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	in := staged(idx)
	for _, m := range g.modules(names) {
		url, registered := g.get("submodule." + m.name + ".url")
		want, tracked := in[m.path]
		if !registered || !tracked || want.mode != filemode.Submodule {
			continue
		}
		if err := g.updateModule(m, url, want.hash, recursive, quiet); err != nil {
			return err
		}
	}
	return nil
}

func (g *git) updateModule(m module, url string, want plumbing.Hash, recursive, quiet bool) error {
	dir := path.Join(g.r.worktree, m.path)
	gitDir := path.Join(g.r.commonDir, "modules", m.name)
	there := &git{p: g.p, fs: g.p.Machine.View(g.p.Cred, g.r.worktree), dir: g.r.worktree, given: g.given, files: map[string][]setting{}}
	if !isGitDir(g.fs, gitDir) {
		if err := there.clone([]string{"-q", "--no-checkout", url, dir}); err != nil {
			return err
		}
		if !quiet {
			g.say("Cloning into '%s'...\n", dir)
		}
		if err := g.fs.MkdirAll(path.Dir(gitDir), 0o777); err != nil {
			return err
		}
		if err := g.fs.Rename(path.Join(dir, ".git"), gitDir); err != nil {
			return err
		}
		if err := g.fs.WriteFile(path.Join(dir, ".git"), []byte("gitdir: "+gitDir+"\n"), 0o666); err != nil {
			return err
		}
	}
	there = &git{p: g.p, fs: g.p.Machine.View(g.p.Cred, dir), dir: dir, given: g.given, files: map[string][]setting{}}
	if err := there.open(); err != nil {
		return err
	}
	if there.r.head().hash == want && there.r.head().ref == "" {
		return nil
	}
	if there.r.store.HasEncodedObject(want) != nil {
		if err := there.fetch([]string{"-q"}); err != nil {
			return err
		}
	}
	s := switching{g: there, o: &options{set: map[string][]string{"detach": {""}}}, verb: "checkout", quiet: true, force: there.r.head().hash.IsZero()}
	if err := s.detach(want.String()); err != nil {
		return &failure{128, fmt.Sprintf("fatal: Unable to find current revision in submodule path '%s'\n", m.path)}
	}
	files, err := there.r.treeOf(want)
	if err != nil {
		return err
	}
	if err := there.resetTo(files); err != nil {
		return err
	}
	if !quiet {
		g.printf("Submodule path '%s': checked out '%s'\n", m.path, want)
	}
	if recursive {
		return there.submoduleUpdate(nil, true, true, quiet)
	}
	return nil
}

func (g *git) submoduleStatus(names []string) error {
	idx, err := g.index()
	if err != nil {
		return err
	}
	in := staged(idx)
	for _, m := range g.modules(names) {
		want, ok := in[m.path]
		if !ok {
			continue
		}
		d, _, err := g.diskFile(m.path)
		switch {
		case err != nil || d.mode != filemode.Submodule:
			g.printf("-%s %s\n", want.hash, m.path)
		case d.hash != want.hash:
			g.printf("+%s %s (%s)\n", d.hash, m.path, d.hash.String()[:7])
		default:
			g.printf(" %s %s (%s)\n", d.hash, m.path, g.submoduleName(m.path, d.hash))
		}
	}
	return nil
}

// submoduleName is how status describes the commit of a submodule.
func (g *git) submoduleName(dir string, h plumbing.Hash) string {
	full := path.Join(g.r.worktree, dir)
	there := &git{p: g.p, fs: g.p.Machine.View(g.p.Cred, full), dir: full, files: map[string][]setting{}}
	if there.open() != nil {
		return h.String()[:7]
	}
	for _, kind := range []string{"refs/tags/", "refs/heads/", "refs/remotes/"} {
		for _, ref := range there.r.refs(kind) {
			if target, _ := peelTag(there.r.store, there.r.refHash(ref.Name())); target == h {
				return strings.TrimPrefix(ref.Name().String(), "refs/")
			}
		}
	}
	return h.String()[:7]
}

package gitsim

import (
	"errors"
	"fmt"
	"path"
	"strings"

	format "github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/go-git/go-git/v5/plumbing"
)

const fetchOptions = "q,quiet v,verbose a,append p,prune P,prune-tags t,tags n depth= deepen= unshallow update-shallow f,force k,keep all progress j,jobs= u,update-head-ok 4,ipv4 6,ipv6 recurse-submodules? dry-run auto-gc auto-maintenance write-fetch-head upload-pack="

// update is one reference that a fetch sets.
type update struct {
	from, to plumbing.ReferenceName
	old, new plumbing.Hash
	force    bool
	merge    bool
}

// fetching is one fetch under way.
type fetching struct {
	g       *git
	o       *options
	name    string // of the remote, or the address
	address string
	remote  *remoteRepo
	updates []update
	lines   []string
	failed  bool
	headed  bool
}

// fetch is git-fetch(1).
func (g *git) fetch(args []string) error {
	o, err := g.parse("fetch", args, fetchOptions)
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if o.has("all") {
		for _, name := range g.remotes() {
			f := fetching{g: g, o: o, name: name}
			if err := f.run(nil); err != nil {
				return err
			}
		}
		return nil
	}
	name, specs := "", []string(nil)
	if len(o.args) > 0 {
		name, specs = o.args[0], o.args[1:]
	}
	if name == "" {
		name = g.defaultRemote()
		if _, ok := g.get("remote." + name + ".url"); !ok && name == "origin" {
			return nil // without any remote there's nothing to say
		}
	}
	f := fetching{g: g, o: o, name: name}
	return f.run(specs)
}

// remotes lists the configured remotes, sorted.
func (g *git) remotes() []string {
	seen := map[string]bool{}
	for _, s := range g.settings() {
		if rest, ok := strings.CutPrefix(s.key, "remote."); ok {
			if i := strings.LastIndexByte(rest, '.'); i > 0 {
				seen[rest[:i]] = true
			}
		}
	}
	return sortedNames(seen)
}

func (g *git) defaultRemote() string {
	if r, ok := g.get("branch." + g.r.head().branch() + ".remote"); ok {
		return r
	}
	if all := g.remotes(); len(all) == 1 {
		return all[0]
	}
	return "origin"
}

func (f *fetching) run(specs []string) error {
	g := f.g
	if err := f.connect(); err != nil {
		return err
	}
	configured := g.getAll("remote." + f.name + ".fetch")
	wants, err := f.plan(specs, configured)
	if err != nil {
		return err
	}
	depth, err := depthOf(f.o.get("depth"))
	if err != nil {
		return err
	}
	if f.o.has("deepen") {
		return g.cannot("fetch --deepen")
	}
	if f.o.has("unshallow") {
		if s, _ := g.r.store.Shallow(); len(s) == 0 {
			return fatal("--unshallow on a complete repository does not make sense")
		}
		depth = 1 << 30
	}
	if f.o.has("dry-run") {
		return g.cannot("fetch --dry-run")
	}
	t := transfer{from: f.remote.store, to: g.r.store, depth: depth, keepPack: f.o.has("keep")}
	if err := t.find(wants); err != nil {
		return err
	}
	if err := g.travel(f.remote, len(t.objects)); err != nil {
		return err
	}
	if err := t.send(); err != nil {
		return err
	}
	if f.o.has("prune") || g.getBool("fetch.prune", false) {
		if err := f.prune(configured); err != nil {
			return err
		}
	}
	if err := f.apply(); err != nil {
		return err
	}
	opt, _ := g.get("remote." + f.name + ".tagopt")
	if !f.o.has("no-tags") && !f.o.has("n") && opt != "--no-tags" && len(configured) > 0 {
		if err := g.followTags(f.remote, f); err != nil {
			return err
		}
	}
	f.print()
	if err := f.writeFetchHead(); err != nil {
		return err
	}
	if f.failed {
		return quiet(1)
	}
	return nil
}

// connect finds the address and opens the far side.
func (f *fetching) connect() error {
	g := f.g
	url, ok := g.get("remote." + f.name + ".url")
	f.address = url
	if !ok {
		f.address = f.name
		if kind, _, file := splitAddress(f.name); kind == "path" {
			if _, err := g.fs.Stat(g.abs(file)); err != nil {
				return &failure{128, fmt.Sprintf("fatal: '%s' does not appear to be a git repository\n%s", f.name, noAccess)}
			}
		}
	}
	if kind, _, _ := splitAddress(f.address); kind == "path" && !path.IsAbs(f.address) && ok && g.r.worktree != "" {
		f.address = path.Join(g.r.worktree, f.address)
	}
	r, err := g.openRemote(f.address)
	if err != nil {
		return err
	}
	f.remote = r
	return nil
}

// plan decides which references to fetch and where they go.
func (f *fetching) plan(specs, configured []string) ([]plumbing.Hash, error) {
	g := f.g
	if len(specs) == 0 {
		merge := ""
		if remote, ok := g.get("branch." + g.r.head().branch() + ".remote"); ok && remote == f.name {
			merge, _ = g.get("branch." + g.r.head().branch() + ".merge")
		}
		if len(configured) == 0 {
			h := f.remote.hash(plumbing.HEAD)
			if h.IsZero() {
				return nil, fatal("couldn't find remote ref HEAD")
			}
			f.updates = append(f.updates, update{from: plumbing.HEAD, new: h, merge: true})
		}
		for i, spec := range configured {
			// the first refspec is for merging where nothing else is, unless it's a pattern
			alone := i == 0 && merge == "" && !strings.Contains(spec, "*")
			if err := f.match(spec, merge, false); err != nil {
				return nil, err
			}
			if alone {
				f.updates[0].merge = true
			}
		}
	}
	for _, spec := range specs {
		if err := f.match(spec, "", true); err != nil {
			return nil, err
		}
	}
	if f.o.has("tags") {
		if err := f.match("refs/tags/*:refs/tags/*", "", false); err != nil {
			return nil, err
		}
	}
	var wants []plumbing.Hash
	for _, u := range f.updates {
		wants = append(wants, u.new)
	}
	return wants, nil
}

// match applies one refspec to what the far side has.
func (f *fetching) match(spec, merge string, asked bool) error {
	g := f.g
	force := strings.HasPrefix(spec, "+") || f.o.has("force")
	from, to, hasTo := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
	if strings.Contains(from, "*") {
		for _, ref := range f.remote.refs() {
			if ref.Name() == plumbing.HEAD {
				continue
			}
			if dst, ok := mapRef(spec, ref.Name().String()); ok {
				f.add(update{from: ref.Name(), to: plumbing.ReferenceName(dst), new: ref.Hash(), force: force, merge: ref.Name().String() == merge})
			}
		}
		return nil
	}
	var name plumbing.ReferenceName
	var h plumbing.Hash
	if len(from) == 40 {
		if raw, ok := hexHash(from); ok && f.remote.store.HasEncodedObject(raw) == nil {
			name, h = plumbing.ReferenceName(from), raw
		}
	}
	for _, rule := range []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s"} {
		if !h.IsZero() {
			break
		}
		full := plumbing.ReferenceName(fmt.Sprintf(rule, from))
		if rule == "%s" && full != plumbing.HEAD && !strings.HasPrefix(from, "refs/") {
			continue
		}
		if h = f.remote.hash(full); !h.IsZero() {
			name = full
		}
	}
	if h.IsZero() {
		return fatal("couldn't find remote ref %s", from)
	}
	dst := plumbing.ReferenceName(to)
	if hasTo && to != "" && !strings.HasPrefix(to, "refs/") {
		kind := "refs/heads/"
		if name.IsTag() {
			kind = "refs/tags/"
		}
		dst = plumbing.ReferenceName(kind + to)
	}
	if dst != "" && dst == g.r.head().ref && g.r.worktree != "" && !f.o.has("update-head-ok") {
		return fatal("refusing to fetch into branch '%s' checked out at '%s'", dst, g.r.worktree)
	}
	f.add(update{from: name, to: dst, new: h, force: force, merge: asked || name.String() == merge})
	if asked && dst == "" { // a remote-tracking branch is brought up to date by the way
		for _, c := range g.getAll("remote." + f.name + ".fetch") {
			if t, ok := mapRef(c, name.String()); ok && t != "" {
				f.add(update{from: name, to: plumbing.ReferenceName(t), new: h, force: strings.HasPrefix(c, "+")})
			}
		}
	}
	return nil
}

func hexHash(s string) (plumbing.Hash, bool) {
	if len(s) != 40 || strings.Trim(s, "0123456789abcdef") != "" {
		return plumbing.ZeroHash, false
	}
	return plumbing.NewHash(s), true
}

func (f *fetching) add(u update) {
	if u.to != "" {
		u.old = f.g.r.refHash(u.to)
	}
	f.updates = append(f.updates, u)
}

// apply sets the references, in order, and notes what is to be printed.
func (f *fetching) apply() error {
	g := f.g
	for _, u := range f.updates {
		from, to := pretty(u.from), pretty(u.to)
		switch {
		case u.to == "":
			kind := "branch"
			if u.from.IsTag() {
				kind = "tag"
			} else if !u.from.IsBranch() && u.from != plumbing.HEAD && !strings.HasPrefix(u.from.String(), "refs/") {
				kind = "branch"
			}
			f.line('*', kind, from, "FETCH_HEAD", "")
			continue
		case u.old == u.new:
			if f.o.has("verbose") {
				f.line('=', "[up to date]", from, to, "")
			}
			continue
		case u.old.IsZero():
			kind := "[new branch]"
			if u.from.IsTag() {
				kind = "[new tag]"
			} else if !u.from.IsBranch() {
				kind = "[new ref]"
			}
			f.line('*', kind, from, to, "")
		case u.to.IsTag():
			if !u.force {
				f.line('!', "[rejected]", from, to, "  (would clobber existing tag)")
				f.failed = true
				continue
			}
			f.line('t', "[tag update]", from, to, "")
		case g.isAncestor(u.old, u.new):
			f.line(' ', g.r.short(u.old)+".."+g.r.short(u.new), from, to, "")
		case u.force:
			f.line('+', g.r.short(u.old)+"..."+g.r.short(u.new), from, to, "  (forced update)")
		default:
			f.line('!', "[rejected]", from, to, "  (non-fast-forward)")
			f.failed = true
			continue
		}
		if err := g.r.setRef(u.to, u.new); err != nil {
			return err
		}
	}
	return nil
}

// pretty leaves off what is clear.
func pretty(name plumbing.ReferenceName) string {
	for _, p := range []string{"refs/heads/", "refs/tags/", "refs/remotes/"} {
		if s, ok := strings.CutPrefix(name.String(), p); ok {
			return s
		}
	}
	return name.String()
}

func (f *fetching) line(flag byte, summary, from, to, note string) {
	f.lines = append(f.lines, fmt.Sprintf("%c\x00%s\x00%s\x00%s%s", flag, summary, from, to, note))
}

// print shows the table below "From ADDRESS".
func (f *fetching) print() {
	if len(f.lines) == 0 || f.o.has("quiet") {
		return
	}
	if !f.headed {
		f.headed = true
		shown := strings.TrimRight(f.address, "/")
		f.g.say("From %s\n", strings.TrimSuffix(shown, ".git"))
	}
	width := 10
	for _, l := range f.lines {
		p := strings.SplitN(l, "\x00", 4)
		if n := len(p[2]); n > width && 21+n+4+len(p[3]) < 80 {
			width = n
		}
	}
	for _, l := range f.lines {
		p := strings.SplitN(l, "\x00", 4)
		f.g.say(" %s %-17s %-*s -> %s\n", p[0], p[1], width, p[2], p[3])
	}
	f.lines = nil
}

// prune removes tracking branches that the far side has no longer.
func (f *fetching) prune(specs []string) error {
	g := f.g
	for _, ref := range g.r.refs("refs/") {
		if ref.Type() == plumbing.SymbolicReference {
			continue
		}
		for _, spec := range specs {
			from, to, _ := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
			source, ok := mapRef(to+":"+from, ref.Name().String())
			if !ok || !f.remote.hash(plumbing.ReferenceName(source)).IsZero() {
				continue
			}
			if err := g.r.store.RemoveReference(ref.Name()); err != nil {
				return err
			}
			f.line('-', "[deleted]", "(none)", pretty(ref.Name()), "")
		}
	}
	return nil
}

// followTags takes the tags whose objects are here now.
func (g *git) followTags(r *remoteRepo, f *fetching) error {
	for _, ref := range r.refs() {
		if !ref.Name().IsTag() || !g.r.refHash(ref.Name()).IsZero() {
			continue
		}
		target, _ := peelTag(r.store, ref.Hash())
		if g.r.store.HasEncodedObject(target) != nil {
			continue
		}
		t := transfer{from: r.store, to: g.r.store, seen: map[plumbing.Hash]bool{}}
		if err := t.tags(ref.Hash()); err != nil {
			return err
		}
		if err := t.loose(); err != nil {
			return err
		}
		if err := g.r.setRef(ref.Name(), ref.Hash()); err != nil {
			return err
		}
		if f != nil {
			f.line('*', "[new tag]", pretty(ref.Name()), pretty(ref.Name()), "")
		}
	}
	return nil
}

// writeFetchHead keeps what was fetched; what is to be merged comes first.
func (f *fetching) writeFetchHead() error {
	var first, rest strings.Builder
	seen := map[plumbing.ReferenceName]bool{}
	for _, u := range f.updates {
		if seen[u.from] {
			continue
		}
		seen[u.from] = true
		what := "'" + u.from.String() + "' of "
		switch {
		case u.from == plumbing.HEAD, !strings.HasPrefix(u.from.String(), "refs/") && u.from != plumbing.HEAD:
			what = ""
		case u.from.IsBranch():
			what = "branch '" + u.from.Short() + "' of "
		case u.from.IsTag():
			what = "tag '" + u.from.Short() + "' of "
		}
		where := strings.TrimSuffix(strings.TrimRight(f.address, "/"), ".git")
		if u.merge {
			fmt.Fprintf(&first, "%s\t\t%s%s\n", u.new, what, where)
		} else {
			fmt.Fprintf(&rest, "%s\tnot-for-merge\t%s%s\n", u.new, what, where)
		}
	}
	return f.g.fs.WriteFile(path.Join(f.g.r.gitDir, "FETCH_HEAD"), []byte(first.String()+rest.String()), 0o666)
}

// pull is git-pull(1).
func (g *git) pull(args []string) error {
	o, err := g.parse("pull", args, "q,quiet v,verbose ff-only ff rebase? r depth= p,prune t,tags f,force progress no-edit autostash stat n commit unshallow 4,ipv4 6,ipv6 recurse-submodules? edit allow-unrelated-histories j,jobs=")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	rebase := o.has("rebase") && o.get("rebase") != "false" || o.has("r")
	asked := rebase || o.has("no-rebase") || o.has("ff-only") || o.has("ff")
	if !o.has("rebase") && !o.has("no-rebase") && !o.has("r") {
		branch := g.r.head().branch()
		for _, key := range []string{"branch." + branch + ".rebase", "pull.rebase"} {
			if v, ok := g.get(key); ok {
				rebase, asked = v != "false", true
				break
			}
		}
	}
	if v, ok := g.get("pull.ff"); ok {
		asked = true
		if v == "only" {
			o.set["ff-only"] = []string{""}
		}
	}
	if rebase {
		if err := g.mayRebase(o.has("autostash"), "cannot pull with rebase"); err != nil {
			return err
		}
	}
	name, specs := g.defaultRemote(), []string(nil)
	if len(o.args) > 0 {
		name, specs = o.args[0], o.args[1:]
	}
	if _, ok := g.get("remote." + name + ".url"); !ok && name == "origin" && len(o.args) == 0 {
		return g.nothingToMerge(false, name)
	}
	f := fetching{g: g, o: o, name: name}
	if err := f.run(specs); err != nil {
		var fail *failure
		if errors.As(err, &fail) && fail.code == 128 {
			return &failure{1, fail.text}
		}
		return err
	}
	var target plumbing.Hash
	for _, u := range f.updates {
		if u.merge {
			target = u.new
		}
	}
	if target.IsZero() {
		return g.nothingToMerge(len(o.args) > 0, name)
	}
	if target, err = g.peel(target, "commit"); err != nil {
		return err
	}
	return g.integrate(o, target, rebase, asked)
}

func (g *git) nothingToMerge(named bool, remote string) error {
	h := g.r.head()
	if h.ref == "" {
		return &failure{1, "You are not currently on a branch.\nPlease specify which branch you want to merge with.\nSee git-pull(1) for details.\n\n    git pull <remote> <branch>\n\n"}
	}
	if merge, ok := g.get("branch." + h.branch() + ".merge"); ok && !named {
		return &failure{1, fmt.Sprintf("Your configuration specifies to merge with the ref '%s'\nfrom the remote, but no such ref was fetched.\n", merge)}
	}
	who := "<remote>"
	if all := g.remotes(); len(all) == 1 {
		who = all[0]
		if named {
			who = remote
		}
	}
	if who != "<remote>" && !named {
		who = "<remote>"
	}
	return &failure{1, fmt.Sprintf("There is no tracking information for the current branch.\nPlease specify which branch you want to merge with.\nSee git-pull(1) for details.\n\n    git pull <remote> <branch>\n\nIf you wish to set tracking information for this branch you can do so with:\n\n    git branch --set-upstream-to=%s/<branch> %s\n\n", who, h.branch())}
}

const divergedHint = `hint: You have divergent branches and need to specify how to reconcile them.
hint: You can do so by running one of the following commands sometime before
hint: your next pull:
hint: 
hint:   git config pull.rebase false  # merge
hint:   git config pull.rebase true   # rebase
hint:   git config pull.ff only       # fast-forward only
hint: 
hint: You can replace "git config" with "git config --global" to set a default
hint: preference for all repositories. You can also pass --rebase, --no-rebase,
hint: or --ff-only on the command line to override the configured default per
hint: invocation.
`

// integrate brings the fetched commit into the current branch.
func (g *git) integrate(o *options, target plumbing.Hash, rebase, asked bool) error {
	at := g.r.head().hash
	switch {
	case at.IsZero() || g.isAncestor(at, target) && at != target:
		return g.fastForward(target, o.has("quiet"))
	case g.isAncestor(target, at):
		switch {
		case o.has("quiet"):
		case rebase && at == target:
			g.println("Already up to date.")
		case rebase:
			g.printf("Current branch %s is up to date.\n", g.r.head().branch())
		default:
			g.println("Already up to date.")
		}
		return nil
	case o.has("ff-only"):
		return fatal("Not possible to fast-forward, aborting.")
	case !asked:
		return &failure{128, divergedHint + "fatal: Need to specify how to reconcile divergent branches.\n"}
	case rebase:
		return g.rebaseOnto(target)
	}
	return g.mergeCommit(target, "", target.String(), o.has("quiet"))
}

// remote is git-remote(1).
func (g *git) remote(args []string) error {
	if err := g.open(); err != nil {
		return err
	}
	o, err := g.parse("remote", args, "v,verbose t,track= m,master= f mirror? tags all push add delete")
	if err != nil {
		return err
	}
	if len(o.args) == 0 {
		for _, name := range g.remotes() {
			if !o.has("verbose") {
				g.println(name)
				continue
			}
			url, _ := g.get("remote." + name + ".url")
			push, ok := g.get("remote." + name + ".pushurl")
			if !ok {
				push = url
			}
			g.printf("%s\t%s (fetch)\n%s\t%s (push)\n", name, url, name, push)
		}
		return nil
	}
	sub, rest := o.args[0], o.args[1:]
	need := func(name string) error {
		if _, ok := g.get("remote." + name + ".url"); !ok {
			return &failure{2, "error: No such remote '" + name + "'\n"}
		}
		return nil
	}
	switch {
	case sub == "add" && len(rest) == 2:
		if need(rest[0]) == nil {
			return &failure{3, "error: remote " + rest[0] + " already exists.\n"}
		}
		if err := g.set("remote."+rest[0]+".url", rest[1]); err != nil {
			return err
		}
		if err := g.set("remote."+rest[0]+".fetch", "+refs/heads/*:refs/remotes/"+rest[0]+"/*"); err != nil {
			return err
		}
		if o.has("f") {
			g.printf("Updating %s\n", rest[0])
			return g.fetch([]string{rest[0]})
		}
		return nil
	case sub == "get-url" && len(rest) == 1:
		if err := need(rest[0]); err != nil {
			return err
		}
		url, _ := g.get("remote." + rest[0] + ".url")
		g.println(g.rewriteURL(url))
		return nil
	case sub == "set-url" && len(rest) >= 2:
		if err := need(rest[0]); err != nil {
			return err
		}
		key := ".url"
		if o.has("push") {
			key = ".pushurl"
		}
		return g.set("remote."+rest[0]+key, rest[1])
	case (sub == "remove" || sub == "rm") && len(rest) == 1:
		if err := need(rest[0]); err != nil {
			return err
		}
		return g.removeRemote(rest[0])
	case sub == "prune" && len(rest) == 1:
		f := fetching{g: g, o: o, name: rest[0]}
		if err := f.connect(); err != nil {
			return err
		}
		return f.prune(g.getAll("remote." + rest[0] + ".fetch"))
	case sub == "set-branches" && len(rest) >= 2:
		return g.edit(g.r.configFile(), func(c *format.Config) {
			s := c.Section("remote").Subsection(rest[0])
			if !o.has("add") {
				s.RemoveOption("fetch")
			}
			for _, b := range rest[1:] {
				s.AddOption("fetch", fmt.Sprintf("+refs/heads/%s:refs/remotes/%s/%s", b, rest[0], b))
			}
		})
	case sub == "set-head" && len(rest) == 2:
		ref := plumbing.NewSymbolicReference(plumbing.ReferenceName("refs/remotes/"+rest[0]+"/HEAD"), plumbing.NewRemoteReferenceName(rest[0], rest[1]))
		return g.r.store.SetReference(ref)
	}
	return g.cannot("remote %s", strings.Join(args, " "))
}

func (g *git) removeRemote(name string) error {
	if err := g.edit(g.r.configFile(), func(c *format.Config) {
		c.RemoveSubsection("remote", name)
		for _, b := range c.Section("branch").Subsections {
			if b.Option("remote") == name {
				b.RemoveOption("remote")
				b.RemoveOption("merge")
			}
		}
	}); err != nil {
		return err
	}
	for _, ref := range g.r.refs("refs/remotes/" + name + "/") {
		if err := g.r.store.RemoveReference(ref.Name()); err != nil {
			return err
		}
	}
	return nil
}

package gitsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// revParse is git-rev-parse(1); options and revisions are answered in order.
func (g *git) revParse(args []string) error {
	short, abbrevRef, verify, silent, symbolic := 0, false, false, false, false
	defaultRev := ""
	var revs []string
	for i := 0; i < len(args); i++ {
		name, value, attached := strings.Cut(args[i], "=")
		switch name {
		case "--short":
			short = 7
			if attached {
				_, _ = fmt.Sscan(value, &short)
			}
			verify = true
		case "--abbrev-ref":
			abbrevRef = true
		case "--symbolic-full-name":
			symbolic = true
		case "--verify":
			verify = true
		case "-q", "--quiet":
			silent = true
		case "--default":
			if i+1 < len(args) {
				i++
				defaultRev = args[i]
			}
		case "--revs-only", "--no-revs", "--flags", "--no-flags", "--sq", "--all", "--branches", "--tags", "--remotes", "--parseopt", "--path-format", "--git-path", "--since", "--until", "--glob", "--not", "--end-of-options", "--disambiguate", "--local-env-vars":
			if name == "--end-of-options" {
				continue
			}
			return g.cannot("rev-parse %s", args[i])
		case "--is-bare-repository", "--is-inside-work-tree", "--is-inside-git-dir", "--is-shallow-repository", "--show-toplevel", "--git-dir", "--absolute-git-dir",
			"--git-common-dir", "--show-prefix", "--show-cdup", "--show-object-format", "--show-superproject-working-tree":
			if err := g.revParseInfo(name); err != nil {
				return err
			}
		case "--":
			revs = append(revs, args[i+1:]...)
			i = len(args)
		default:
			if strings.HasPrefix(name, "--") {
				return g.cannot("rev-parse %s", args[i])
			}
			revs = append(revs, args[i])
		}
	}
	if len(revs) == 0 {
		if defaultRev == "" {
			if verify && short == 0 {
				return fatal("Needed a single revision")
			}
			return g.open()
		}
		revs = []string{defaultRev}
	}
	if err := g.open(); err != nil {
		return err
	}
	if verify && len(revs) != 1 {
		return needSingle(silent)
	}
	for _, rev := range revs {
		if err := g.revParseOne(rev, short, abbrevRef, symbolic, verify, silent); err != nil {
			return err
		}
	}
	return nil
}

func needSingle(silent bool) error {
	if silent {
		return quiet(1)
	}
	return fatal("Needed a single revision")
}

func (g *git) revParseOne(rev string, short int, abbrevRef, symbolic, verify, silent bool) error {
	if left, right, ok := strings.Cut(rev, ".."); ok && !verify && !strings.HasPrefix(right, ".") {
		a, errA := g.resolve(orHead(left))
		b, errB := g.resolve(orHead(right))
		if errA == nil && errB == nil {
			g.printf("%s\n^%s\n", b, a)
			return nil
		}
	}
	negative := ""
	if strings.HasPrefix(rev, "^") && !verify {
		negative, rev = "^", rev[1:]
	}
	if (abbrevRef || symbolic) && strings.Contains(rev, "@{") {
		base, inside, _ := strings.Cut(rev, "@{")
		full, err := g.atBrace(orHead(base), strings.TrimSuffix(inside, "}"))
		if err != nil {
			return err
		}
		if g.r.refHash(plumbing.ReferenceName(full)).IsZero() {
			g.println(rev)
			return ambiguous(rev)
		}
		g.println(refForm(plumbing.ReferenceName(full), abbrevRef))
		return nil
	}
	h, err := g.resolve(rev)
	if err != nil {
		switch {
		case verify:
			return needSingle(silent)
		case g.isFile(rev) || strings.HasPrefix(rev, "-"):
			g.println(rev)
			return nil
		}
		g.println(negative + rev)
		return err
	}
	if abbrevRef || symbolic {
		_, full, ok := g.lookUp(rev)
		if !ok {
			return nil
		}
		if full == plumbing.HEAD {
			if at := g.r.head(); at.ref != "" {
				full = at.ref
			}
		}
		g.println(refForm(full, abbrevRef))
		return nil
	}
	if short > 0 {
		s := g.r.short(h)
		if short > len(s) {
			s = h.String()[:min(short, 40)]
		} else if short < 7 {
			s = h.String()[:max(4, short)]
		}
		g.println(negative + s)
		return nil
	}
	g.println(negative + h.String())
	return nil
}

func refForm(name plumbing.ReferenceName, abbreviated bool) string {
	if !abbreviated {
		return name.String()
	}
	return pretty(name)
}

func (g *git) revParseInfo(what string) error {
	if err := g.open(); err != nil {
		return err
	}
	inGit := g.dir == g.r.gitDir || strings.HasPrefix(g.dir, g.r.gitDir+"/")
	yes := func(b bool) { g.printf("%t\n", b) }
	switch what {
	case "--is-bare-repository":
		yes(g.r.worktree == "")
	case "--is-inside-work-tree":
		yes(g.r.worktree != "" && !inGit)
	case "--is-inside-git-dir":
		yes(inGit)
	case "--is-shallow-repository":
		s, _ := g.r.store.Shallow()
		yes(len(s) > 0)
	case "--show-toplevel":
		if g.r.worktree == "" || inGit {
			return fatal("this operation must be run in a work tree")
		}
		g.println(g.r.worktree)
	case "--git-dir":
		switch {
		case g.gitDir != "":
			g.println(g.gitDir)
		case g.r.gitDir == path.Join(g.dir, ".git"):
			g.println(".git")
		case g.r.gitDir == g.dir:
			g.println(".")
		default:
			g.println(g.r.gitDir)
		}
	case "--absolute-git-dir":
		g.println(g.r.gitDir)
	case "--git-common-dir":
		switch g.r.commonDir {
		case path.Join(g.dir, ".git"):
			g.println(".git")
		case g.dir:
			g.println(".")
		default:
			g.println(g.r.commonDir)
		}
	case "--show-prefix":
		g.println(g.prefix())
	case "--show-cdup":
		g.println(strings.Repeat("../", strings.Count(g.prefix(), "/")))
	case "--show-object-format":
		g.println("sha1")
	}
	return nil
}

// symbolicRef is git-symbolic-ref(1).
func (g *git) symbolicRef(args []string) error {
	o, err := g.parse("symbolic-ref", args, "short q,quiet d,delete m=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if len(o.args) == 0 || len(o.args) > 2 {
		return &failure{129, "usage: git symbolic-ref [-m <reason>] <name> <ref>\n"}
	}
	name := plumbing.ReferenceName(o.args[0])
	if len(o.args) == 2 {
		if name == plumbing.HEAD && !strings.HasPrefix(o.args[1], "refs/") {
			return fatal("Refusing to point HEAD outside of refs/")
		}
		return g.r.store.SetReference(plumbing.NewSymbolicReference(name, plumbing.ReferenceName(o.args[1])))
	}
	ref, err := g.r.store.Reference(name)
	if err != nil || ref.Type() != plumbing.SymbolicReference {
		if o.has("quiet") {
			return quiet(1)
		}
		return fatal("ref %s is not a symbolic ref", name)
	}
	if o.has("delete") {
		if name == plumbing.HEAD {
			return fatal("deleting '%s' is not allowed", name)
		}
		return g.r.store.RemoveReference(name)
	}
	g.println(refForm(ref.Target(), o.has("short")))
	return nil
}

// lsFiles is git-ls-files(1).
func (g *git) lsFiles(args []string) error {
	o, err := g.parse("ls-files", args, "c,cached s,stage m,modified d,deleted o,others i,ignored z t u,unmerged exclude-standard error-unmatch full-name directory v f k debug eol recurse-submodules x,exclude= deduplicate")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	end := "\n"
	name := func(s string) string { return quotePath(g.relative(s), false) }
	if o.has("z") {
		end = "\x00"
		name = g.relative
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	specs := g.pathspecs(append(o.args, o.paths...))
	if p := strings.TrimSuffix(g.prefix(), "/"); len(specs) == 0 && p != "" && g.r.worktree != "" {
		specs = []string{p}
	}
	wanted := func(n string) bool { return len(specs) == 0 || matchesPath(strings.TrimSuffix(n, "/"), specs) }
	found := false
	if o.has("others") {
		extra, err := g.untracked(idx, !o.has("directory"), true)
		if err != nil {
			return err
		}
		standard := o.has("exclude-standard")
		for _, c := range extra {
			if !wanted(c.path) || standard && c.ignored != o.has("ignored") {
				continue
			}
			g.print(name(c.path) + end)
		}
		return nil
	}
	var disk map[string]entry
	if o.has("modified") || o.has("deleted") {
		if disk, err = g.onDisk(idx); err != nil {
			return err
		}
	}
	for _, e := range idx.Entries {
		if !wanted(e.Name) || o.has("unmerged") && e.Stage == 0 {
			continue
		}
		if o.has("modified") || o.has("deleted") {
			d, exists := disk[e.Name]
			if exists && (o.has("deleted") && !o.has("modified") || d == entry{e.Mode, e.Hash}) {
				continue
			}
		}
		found = true
		if o.has("stage") || o.has("unmerged") {
			g.printf("%06o %s %d\t%s%s", uint32(e.Mode), e.Hash, e.Stage, name(e.Name), end)
			continue
		}
		g.print(name(e.Name) + end)
	}
	if !found && o.has("error-unmatch") && len(o.args)+len(o.paths) > 0 {
		return &failure{1, fmt.Sprintf("error: pathspec '%s' did not match any file(s) known to git\nDid you forget to 'git add'?\n", append(o.args, o.paths...)[0])}
	}
	return nil
}

// lsTree is git-ls-tree(1).
func (g *git) lsTree(args []string) error {
	o, err := g.parse("ls-tree", args, "r t d l,long z name-only name-status full-name full-tree object-only abbrev? format=")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if len(o.args) == 0 {
		return &failure{129, "usage: git ls-tree [<options>] <tree-ish> [<path>...]\n"}
	}
	if o.has("format") {
		return g.cannot("ls-tree --format")
	}
	h, err := g.resolve(o.args[0])
	if err != nil {
		return fatal("Not a valid object name %s", o.args[0])
	}
	if h, err = g.peel(h, "tree"); err != nil {
		return fatal("not a tree object")
	}
	return g.listTree(o, h, "", append(o.args[1:], o.paths...))
}

func (g *git) listTree(o *options, h plumbing.Hash, prefix string, specs []string) error {
	t, err := object.GetTree(g.r.store, h)
	if err != nil {
		return err
	}
	end := "\n"
	if o.has("z") {
		end = "\x00"
	}
	for _, e := range t.Entries {
		name := prefix + e.Name
		isDir := e.Mode == filemode.Dir
		inside := len(specs) == 0 || matchesPath(name, trimSlashes(specs)) || prefix != "" && slices.Contains(specs, prefix)
		above := isDir && slices.ContainsFunc(specs, func(s string) bool { return strings.HasPrefix(s, name+"/") })
		if !inside && !above {
			continue
		}
		if isDir && (above || o.has("r") && inside) {
			if o.has("t") {
				g.listEntry(o, name, e, end)
			}
			if err := g.listTree(o, e.Hash, name+"/", specs); err != nil {
				return err
			}
			continue
		}
		if o.has("d") && !isDir {
			continue
		}
		g.listEntry(o, name, e, end)
	}
	return nil
}

func trimSlashes(specs []string) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = strings.TrimSuffix(s, "/")
	}
	return out
}

func (g *git) listEntry(o *options, name string, e object.TreeEntry, end string) {
	if end == "\n" {
		name = quotePath(name, false)
	}
	kind := "blob"
	switch e.Mode {
	case filemode.Dir:
		kind = "tree"
	case filemode.Submodule:
		kind = "commit"
	}
	switch {
	case o.has("name-only") || o.has("name-status"):
		g.print(name + end)
	case o.has("object-only"):
		g.print(e.Hash.String() + end)
	case o.has("long"):
		size := "-"
		if b, err := object.GetBlob(g.r.store, e.Hash); err == nil && kind == "blob" {
			size = fmt.Sprint(b.Size)
		}
		g.printf("%06o %s %s %7s\t%s%s", uint32(e.Mode), kind, e.Hash, size, name, end)
	default:
		g.printf("%06o %s %s\t%s%s", uint32(e.Mode), kind, e.Hash, name, end)
	}
}

// catFile is git-cat-file(1).
func (g *git) catFile(args []string) error {
	o, err := g.parse("cat-file", args, "t s e p batch? batch-check? batch-all-objects")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	if o.has("batch") || o.has("batch-check") {
		return g.catBatch(o)
	}
	var kind, rev string
	switch {
	case len(o.args) == 1:
		rev = o.args[0]
	case len(o.args) == 2:
		kind, rev = o.args[0], o.args[1]
	default:
		return &failure{129, "usage: git cat-file <type> <object>\n"}
	}
	h, err := g.resolve(rev)
	if err != nil && strings.Contains(rev, ":") {
		return err
	}
	if err != nil || g.r.store.HasEncodedObject(h) != nil {
		if o.has("e") && err == nil {
			return quiet(1)
		}
		return fatal("Not a valid object name %s", rev)
	}
	if kind != "" {
		if h, err = g.peel(h, kind); err != nil {
			return fatal("git cat-file %s: bad file", rev)
		}
	}
	e, err := g.r.store.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return err
	}
	switch {
	case o.has("e"):
		return nil
	case o.has("t"):
		g.println(e.Type().String())
		return nil
	case o.has("s"):
		g.println(fmt.Sprint(e.Size()))
		return nil
	case o.has("p") && e.Type() == plumbing.TreeObject:
		return g.listTree(&options{set: map[string][]string{}}, h, "", nil)
	}
	return g.dump(e)
}

// log, show and their formats are in log.go.

// countObjects is git-count-objects(1).
func (g *git) countObjects(args []string) error {
	o, err := g.parse("count-objects", args, "v,verbose H,human-readable")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	loose, kib := 0, 0
	objects := path.Join(g.r.commonDir, "objects")
	list, _ := g.fs.ReadDir(objects)
	for _, d := range list {
		if len(d.Name) != 2 {
			continue
		}
		files, _ := g.fs.ReadDir(path.Join(objects, d.Name))
		for _, f := range files {
			loose++
			kib += int((f.Size + 1023) / 1024)
		}
	}
	if !o.has("verbose") {
		g.printf("%d objects, %d kilobytes\n", loose, kib)
		return nil
	}
	packs, packed, size := 0, 0, int64(0)
	files, _ := g.fs.ReadDir(path.Join(objects, "pack"))
	for _, f := range files {
		switch {
		case strings.HasSuffix(f.Name, ".pack"):
			packs++
			size += f.Size
		case strings.HasSuffix(f.Name, ".idx"):
			packed += int((f.Size - 1072) / 28)
			size += f.Size
		}
	}
	g.printf("count: %d\nsize: %d\nin-pack: %d\npacks: %d\nsize-pack: %d\nprune-packable: 0\ngarbage: 0\nsize-garbage: 0\n", loose, kib, packed, packs, (size+1023)/1024)
	return nil
}

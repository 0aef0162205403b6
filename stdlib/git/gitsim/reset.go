package gitsim

import (
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// restore is git-restore(1).
func (g *git) restore(args []string) error {
	o, err := g.parse("restore", args, "s,source= S,staged W,worktree q,quiet progress")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	paths := append(o.args, o.paths...)
	if len(paths) == 0 {
		return fatal("you must specify path(s) to restore")
	}
	if o.has("staged") {
		if err := g.resetPaths(o.get("source"), paths, true); err != nil || !o.has("worktree") {
			return err
		}
	}
	s := switching{g: g, o: o, verb: "restore", quiet: true}
	var from []string
	if o.has("source") {
		from = []string{o.get("source")}
	}
	return s.files(from, paths)
}

// reset is git-reset(1).
func (g *git) reset(args []string) error {
	o, err := g.parse("reset", args, "q,quiet soft mixed hard merge keep N,intent-to-add refresh p")
	if err != nil {
		return err
	}
	if o.has("merge") || o.has("keep") || o.has("p") {
		return g.cannot("reset %s", strings.Join(args, " "))
	}
	if err := g.open(); err != nil {
		return err
	}
	if g.r.worktree == "" && !o.has("soft") {
		return fatal("this operation must be run in a work tree")
	}
	rev, paths := "HEAD", append([]string{}, o.paths...)
	if len(o.args) > 0 {
		if _, err := g.resolve(o.args[0]); err == nil || len(o.args) == 1 && !g.isFile(o.args[0]) {
			rev, paths = o.args[0], append(o.args[1:], paths...)
		} else {
			paths = append(o.args, paths...)
		}
	}
	if len(paths) > 0 {
		if o.has("hard") || o.has("soft") {
			mode := "hard"
			if o.has("soft") {
				mode = "soft"
			}
			return fatal("Cannot do %s reset with paths.", mode)
		}
		return g.resetPaths(rev, paths, o.has("quiet"))
	}
	if rev == "HEAD" && g.r.head().hash.IsZero() {
		if err := g.locked(); err != nil {
			return err
		}
		return g.resetIndex(map[string]entry{}, o.has("quiet"))
	}
	c, err := g.resolveCommit(rev)
	if err != nil {
		return err
	}
	files, err := g.r.treeOf(c.Hash)
	if err != nil {
		return err
	}
	if !o.has("soft") {
		if err := g.locked(); err != nil {
			return err
		}
	}
	old := g.r.head().hash
	if o.has("hard") {
		if err := g.resetTo(files); err != nil {
			return err
		}
	}
	if !old.IsZero() {
		if err := g.r.store.SetReference(plumbing.NewHashReference("ORIG_HEAD", old)); err != nil {
			return err
		}
	}
	if err := g.r.move(c.Hash); err != nil {
		return err
	}
	g.dropStates()
	switch {
	case o.has("hard"):
		if !o.has("quiet") {
			g.printf("HEAD is now at %s %s\n", g.r.short(c.Hash), subject(c.Message))
		}
	case !o.has("soft"):
		return g.resetIndex(files, o.has("quiet"))
	}
	return nil
}

func (g *git) isFile(name string) bool {
	_, err := g.fs.Lstat(g.abs(name))
	return err == nil
}

// dropStates forgets a merge or pick under way.
func (g *git) dropStates() {
	for _, f := range []string{"MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "CHERRY_PICK_HEAD"} {
		_ = g.fs.Remove(path.Join(g.r.gitDir, f))
	}
}

// resetIndex makes the index that of a tree and tells what differs on the disk.
func (g *git) resetIndex(files map[string]entry, quiet bool) error {
	if err := g.refreshTo(files); err != nil {
		return err
	}
	if quiet {
		return nil
	}
	changes, err := g.stateAgainst(files)
	if err != nil {
		return err
	}
	printed := false
	for _, c := range changes {
		if c.y == '.' {
			continue
		}
		if !printed {
			g.println("Unstaged changes after reset:")
			printed = true
		}
		g.printf("%c\t%s\n", c.y, c.path)
	}
	return nil
}

// refreshTo writes an index whose entries are trusted only where the disk agrees.
func (g *git) refreshTo(files map[string]entry) error {
	idx := &index.Index{Version: 2}
	for _, name := range sortedNames(files) {
		e := &index.Entry{Name: name, Mode: files[name].mode, Hash: files[name].hash}
		if d, _, err := g.diskFile(name); err == nil && d == files[name] {
			e = g.indexEntry(name, files[name])
		}
		idx.Entries = append(idx.Entries, e)
	}
	return g.putIndex(idx)
}

func (g *git) resetPaths(rev string, paths []string, quiet bool) error {
	if rev == "" {
		rev = "HEAD"
	}
	tree := map[string]entry{}
	if !(rev == "HEAD" && g.r.head().hash.IsZero()) {
		h, err := g.resolve(rev)
		if err != nil {
			return err
		}
		if tree, err = g.r.treeOf(h); err != nil {
			return err
		}
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	in := staged(idx)
	specs := g.pathspecs(paths)
	known := sortedNames(tree, in)
	for _, e := range idx.Entries {
		known = append(known, e.Name)
	}
	slices.Sort(known)
	for _, name := range slices.Compact(known) {
		if !matchesPath(name, specs) {
			continue
		}
		if e, ok := tree[name]; ok {
			in[name] = e
		} else {
			delete(in, name)
		}
	}
	return g.resetIndex(in, quiet)
}

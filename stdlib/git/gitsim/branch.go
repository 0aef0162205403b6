package gitsim

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// branch is git-branch(1).
func (g *git) branch(args []string) error {
	o, err := g.parse("branch", args, "a,all r,remotes v,verbose q,quiet l,list d,delete D m,move M c,copy C f,force t,track? u,set-upstream-to= unset-upstream show-current contains= merged= format= sort= abbrev= color? points-at= no-color")
	if err != nil {
		return err
	}
	if err := g.open(); err != nil {
		return err
	}
	for _, u := range []string{"copy", "C", "format", "points-at"} {
		if o.has(u) {
			return g.cannot("branch --%s", u)
		}
	}
	at := g.r.head()
	current := at.branch()
	switch {
	case o.has("show-current"):
		if at.ref != "" {
			g.println(current)
		}
		return nil
	case o.has("delete") || o.has("D"):
		return g.deleteBranches(o)
	case o.has("move") || o.has("M"):
		return g.renameBranch(o)
	case o.has("set-upstream-to"):
		return g.setUpstreamTo(o)
	case o.has("unset-upstream"):
		name := current
		if len(o.args) > 0 {
			name = o.args[0]
		}
		if _, ok := g.upstream(name); !ok {
			return fatal("Branch '%s' has no upstream information", name)
		}
		return g.removeBranchConfig(name)
	case len(o.args) > 0 && !o.has("list") && !o.has("contains") && !o.has("merged"):
		return g.newBranch(o)
	}
	return g.listBranches(o, at)
}

func (g *git) newBranch(o *options) error {
	name, start := o.args[0], "HEAD"
	if len(o.args) > 1 {
		start = o.args[1]
	}
	ref := plumbing.NewBranchReferenceName(name)
	switch {
	case !validBranch(name):
		return fatal("'%s' is not a valid branch name", name)
	case !g.r.refHash(ref).IsZero() && !o.has("force"):
		return fatal("a branch named '%s' already exists", name)
	case !g.r.refHash(ref).IsZero() && g.r.head().ref == ref && g.r.worktree != "":
		return fatal("cannot force update the branch '%s' checked out at '%s'", name, g.r.worktree)
	}
	c, err := g.resolveCommit(start)
	if err != nil {
		return fatal("not a valid object name: '%s'", start)
	}
	if err := g.r.setRef(ref, c.Hash); err != nil {
		return err
	}
	if _, full, ok := g.lookUp(start); ok && (full.IsRemote() && !o.has("no-track") || o.has("track")) {
		if err := g.setUpstream(name, full); err != nil {
			return err
		}
		if !o.has("quiet") {
			g.printf("branch '%s' set up to track '%s'.\n", name, full.Short())
		}
	}
	return nil
}

func (g *git) setUpstreamTo(o *options) error {
	name := g.r.head().branch()
	if len(o.args) > 0 {
		name = o.args[0]
	}
	_, full, ok := g.lookUp(o.get("set-upstream-to"))
	if !ok || !full.IsRemote() && !full.IsBranch() {
		return fatal("the requested upstream branch '%s' does not exist", o.get("set-upstream-to"))
	}
	if err := g.setUpstream(name, full); err != nil {
		return err
	}
	g.printf("branch '%s' set up to track '%s'.\n", name, full.Short())
	return nil
}

func (g *git) deleteBranches(o *options) error {
	at := g.r.head()
	var failed error
	for _, name := range o.args {
		ref := plumbing.NewBranchReferenceName(name)
		kind := "branch"
		if o.has("remotes") {
			ref, kind = plumbing.ReferenceName("refs/remotes/"+name), "remote-tracking branch"
		}
		h := g.r.refHash(ref)
		switch {
		case h.IsZero():
			g.say("error: %s '%s' not found.\n", kind, name)
			failed = quiet(1)
			continue
		case ref == at.ref:
			g.say("error: Cannot delete branch '%s' checked out at '%s'\n", name, g.r.worktree)
			failed = quiet(1)
			continue
		case !o.has("D") && !o.has("force") && !o.has("remotes") && !g.isAncestor(h, at.hash):
			g.say("error: The branch '%s' is not fully merged.\nIf you are sure you want to delete it, run 'git branch -D %s'.\n", name, name)
			failed = quiet(1)
			continue
		}
		if err := g.r.store.RemoveReference(ref); err != nil {
			return err
		}
		_ = g.removeBranchConfig(name)
		if !o.has("quiet") {
			g.printf("Deleted %s %s (was %s).\n", kind, name, g.r.short(h))
		}
	}
	return failed
}

func (g *git) renameBranch(o *options) error {
	at := g.r.head()
	from, to := at.branch(), ""
	switch len(o.args) {
	case 1:
		to = o.args[0]
	case 2:
		from, to = o.args[0], o.args[1]
	default:
		return fatal("branch name required")
	}
	old, fresh := plumbing.NewBranchReferenceName(from), plumbing.NewBranchReferenceName(to)
	h := g.r.refHash(old)
	switch {
	case !validBranch(to):
		return fatal("invalid branch name: '%s'", to)
	case h.IsZero() && at.ref != old:
		return fatal("no branch named '%s'", from)
	case from != to && !g.r.refHash(fresh).IsZero() && !o.has("M") && !o.has("force"):
		return fatal("a branch named '%s' already exists", to)
	case from == to:
		return nil
	}
	up, follows := g.upstream(from)
	if !h.IsZero() {
		if err := g.r.setRef(fresh, h); err != nil {
			return err
		}
		if err := g.r.store.RemoveReference(old); err != nil {
			return err
		}
	}
	if follows {
		if err := g.removeBranchConfig(from); err != nil {
			return err
		}
		if err := g.setUpstream(to, up); err != nil {
			return err
		}
	}
	if at.ref == old {
		return g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, fresh))
	}
	return nil
}

func (g *git) listBranches(o *options, at head) error {
	type line struct {
		name, mark, extra string
		hash              plumbing.Hash
		ref               plumbing.ReferenceName
	}
	var lines []line
	keep := func(h plumbing.Hash, name string) bool {
		if len(o.args) > 0 && !slices.ContainsFunc(o.args, func(p string) bool { ok, _ := path.Match(p, name); return ok }) {
			return false
		}
		if rev := o.get("contains"); rev != "" {
			c, err := g.resolveCommit(rev)
			return err == nil && g.isAncestor(c.Hash, h)
		}
		if rev := o.get("merged"); rev != "" {
			c, err := g.resolveCommit(rev)
			return err == nil && g.isAncestor(h, c.Hash)
		}
		return true
	}
	if !o.has("remotes") {
		if at.ref == "" && !at.hash.IsZero() {
			name := fmt.Sprintf("(HEAD detached at %s)", g.r.short(at.hash))
			lines = append(lines, line{name: name, mark: "* ", hash: at.hash})
		}
		for _, ref := range g.r.refs("refs/heads/") {
			name, mark := ref.Name().Short(), "  "
			if ref.Name() == at.ref {
				mark = "* "
			}
			if h := g.r.refHash(ref.Name()); keep(h, name) {
				lines = append(lines, line{name: name, mark: mark, hash: h, ref: ref.Name()})
			}
		}
	}
	if o.has("all") || o.has("remotes") {
		for _, ref := range g.r.refs("refs/remotes/") {
			name := ref.Name().Short()
			if o.has("all") {
				name = "remotes/" + name
			}
			extra := ""
			if ref.Type() == plumbing.SymbolicReference {
				extra = " -> " + ref.Target().Short()
			}
			if h := g.r.refHash(ref.Name()); keep(h, name) {
				lines = append(lines, line{name: name, mark: "  ", extra: extra, hash: h})
			}
		}
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l.name))
	}
	for _, l := range lines {
		if !o.has("verbose") || l.extra != "" {
			g.println(l.mark + l.name + l.extra)
			continue
		}
		info := ""
		if up, ok := g.upstream(l.ref.Short()); ok && l.ref.IsBranch() {
			info = branchInfo(g, up, l.hash, len(o.set["verbose"]) > 1)
		}
		g.printf("%s%-*s %s %s%s\n", l.mark, width, l.name, g.r.short(l.hash), info, g.refSubject(l.hash))
	}
	return nil
}

func branchInfo(g *git, up plumbing.ReferenceName, at plumbing.Hash, named bool) string {
	h := g.r.refHash(up)
	if h.IsZero() {
		return "[gone] "
	}
	ahead, behind := g.aheadBehind(at, h)
	var parts []string
	if ahead > 0 {
		parts = append(parts, fmt.Sprintf("ahead %d", ahead))
	}
	if behind > 0 {
		parts = append(parts, fmt.Sprintf("behind %d", behind))
	}
	text := strings.Join(parts, ", ")
	switch {
	case named && text != "":
		text = up.Short() + ": " + text
	case named:
		text = up.Short()
	}
	if text == "" {
		return ""
	}
	return "[" + text + "] "
}

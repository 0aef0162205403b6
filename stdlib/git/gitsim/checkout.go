package gitsim

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	format "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// switching is a checkout or switch under way.
type switching struct {
	g       *git
	o       *options
	verb    string // "checkout" or "switch" or "merge", for messages
	quiet   bool
	force   bool
	printed bool
}

// checkout is git-checkout(1).
func (g *git) checkout(args []string) error {
	o, err := g.parse("checkout", args, "q,quiet f,force b= B= t,track? detach d orphan= p m,merge guess progress l overwrite-ignore ours theirs ignore-other-worktrees recurse-submodules?")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	if o.has("merge") || o.has("p") || o.has("ours") || o.has("theirs") {
		return g.cannot("checkout %s", strings.Join(args, " "))
	}
	s := switching{g: g, o: o, verb: "checkout", quiet: o.has("quiet"), force: o.has("force")}
	switch {
	case o.has("b") || o.has("B"):
		name := o.get("b") + o.get("B")
		return s.create(name, o.args, o.has("B"))
	case o.has("orphan"):
		return s.orphan(o.get("orphan"))
	case o.split && (len(o.args) <= 1) && len(o.paths) > 0:
		return s.files(o.args, o.paths)
	case len(o.args) == 0 && (o.has("detach") || o.has("d")):
		return s.detach("HEAD")
	case len(o.args) == 0:
		return s.nowhere()
	}
	name := o.args[0]
	if len(o.args) > 1 {
		if _, err := g.resolve(name); err == nil {
			return s.files(o.args[:1], o.args[1:])
		}
		return s.files(nil, o.args)
	}
	if o.has("detach") || o.has("d") {
		return s.detach(name)
	}
	return s.to(name)
}

// switchTo is git-switch(1).
func (g *git) switchTo(args []string) error {
	o, err := g.parse("switch", args, "q,quiet f,force discard-changes c,create= C,force-create= d,detach t,track? orphan= guess progress m,merge ignore-other-worktrees")
	if err != nil {
		return err
	}
	if err := g.needWorktree(); err != nil {
		return err
	}
	s := switching{g: g, o: o, verb: "switch", quiet: o.has("quiet"), force: o.has("force") || o.has("discard-changes")}
	switch {
	case o.has("create") || o.has("force-create"):
		return s.create(o.get("create")+o.get("force-create"), o.args, o.has("force-create"))
	case o.has("orphan"):
		return s.orphan(o.get("orphan"))
	case len(o.args) == 0 && o.has("detach"):
		return s.detach("HEAD")
	case len(o.args) == 0:
		return fatal("missing branch or commit argument")
	case o.has("detach"):
		return s.detach(o.args[0])
	}
	if _, full, ok := g.lookUp(o.args[0]); ok && !full.IsBranch() {
		kind := "commit"
		if full.IsTag() {
			kind = "tag"
		} else if full.IsRemote() {
			kind = "remote branch"
		}
		return fatal("a branch is expected, got %s '%s'\nhint: If you want to detach HEAD at the commit, try again with the --detach option.", kind, o.args[0])
	}
	return s.to(o.args[0])
}

// nowhere is a checkout without arguments: it shows what is changed.
func (s *switching) nowhere() error {
	changes, err := s.g.state("no", false)
	if err != nil {
		return err
	}
	s.show(changes)
	if h := s.g.r.head(); h.ref != "" && !s.quiet {
		s.g.print(s.g.trackingInfo(h.branch(), h.hash))
	}
	return nil
}

// show lists the local changes that are carried along.
func (s *switching) show(changes []change) {
	if s.quiet {
		return
	}
	for _, c := range changes {
		letter := c.y
		if letter == '.' {
			letter = c.x
		}
		s.g.printf("%c\t%s\n", letter, c.path)
	}
}

// to switches to a branch, or detaches at anything else.
func (s *switching) to(name string) error {
	g := s.g
	if name == "-" {
		return g.cannot("%s - (the reflog isn't kept)", s.verb)
	}
	branch := plumbing.NewBranchReferenceName(name)
	if h := g.r.refHash(branch); !h.IsZero() {
		return s.branch(branch, h)
	}
	if h := g.r.head(); h.ref == branch { // not born yet
		return nil
	}
	if !s.o.has("no-guess") {
		if remote, ok := s.guess(name); ok {
			return s.track(name, remote)
		}
	}
	if _, err := g.resolve(name); err == nil && s.verb == "checkout" {
		return s.detach(name)
	}
	if s.verb == "switch" {
		return fatal("invalid reference: %s", name)
	}
	return s.files(nil, []string{name})
}

// guess finds the one remote branch of that name.
func (s *switching) guess(name string) (plumbing.ReferenceName, bool) {
	var found []plumbing.ReferenceName
	for _, remote := range s.g.remotes() {
		for _, spec := range s.g.getAll("remote." + remote + ".fetch") {
			to, ok := mapRef(spec, "refs/heads/"+name)
			if ok && to != "" && !s.g.r.refHash(plumbing.ReferenceName(to)).IsZero() {
				found = append(found, plumbing.ReferenceName(to))
			}
		}
	}
	if len(found) != 1 {
		return "", false
	}
	return found[0], true
}

// track makes a local branch of a remote one.
func (s *switching) track(name string, remote plumbing.ReferenceName) error {
	g := s.g
	h := g.r.refHash(remote)
	if err := s.move(h, name); err != nil {
		return err
	}
	branch := plumbing.NewBranchReferenceName(name)
	if err := g.r.setRef(branch, h); err != nil {
		return err
	}
	if err := g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, branch)); err != nil {
		return err
	}
	if err := g.setUpstream(name, remote); err != nil {
		return err
	}
	if !s.quiet {
		g.say("Switched to a new branch '%s'\n", name)
		g.printf("branch '%s' set up to track '%s'.\n", name, remote.Short())
	}
	return nil
}

// setUpstream records which remote branch a branch follows.
func (g *git) setUpstream(branch string, remote plumbing.ReferenceName) error {
	name, merge := ".", remote.String()
	for _, r := range g.remotes() {
		for _, spec := range g.getAll("remote." + r + ".fetch") {
			from, to, _ := strings.Cut(strings.TrimPrefix(spec, "+"), ":")
			if src, ok := mapRef(to+":"+from, remote.String()); ok {
				name, merge = r, src
			}
		}
	}
	return g.edit(g.r.configFile(), func(c *format.Config) {
		c.SetOption("branch", branch, "remote", name)
		c.SetOption("branch", branch, "merge", merge)
	})
}

func (s *switching) branch(name plumbing.ReferenceName, h plumbing.Hash) error {
	g := s.g
	at := g.r.head()
	if err := s.move(h, name.Short()); err != nil {
		return err
	}
	if err := g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, name)); err != nil {
		return err
	}
	if s.quiet {
		return nil
	}
	switch {
	case at.ref == name:
		g.say("Already on '%s'\n", name.Short())
	case at.ref == "" && at.hash != h:
		s.leave(at.hash)
		g.say("Switched to branch '%s'\n", name.Short())
	default:
		g.say("Switched to branch '%s'\n", name.Short())
	}
	g.print(g.trackingInfo(name.Short(), h))
	return nil
}

// leave names the commit that HEAD was detached at.
func (s *switching) leave(h plumbing.Hash) {
	c, err := s.g.r.commit(h)
	if err != nil {
		return
	}
	s.g.say("Previous HEAD position was %s %s\n", s.g.r.short(h), subject(c.Message))
}

func (s *switching) detach(rev string) error {
	g := s.g
	c, err := g.resolveCommit(rev)
	if err != nil {
		if s.verb == "switch" {
			return fatal("invalid reference: %s", rev)
		}
		return err
	}
	at := g.r.head()
	if err := s.move(c.Hash, rev); err != nil {
		return err
	}
	if err := g.r.store.SetReference(plumbing.NewHashReference(plumbing.HEAD, c.Hash)); err != nil {
		return err
	}
	if s.quiet {
		return nil
	}
	explicit := s.o.has("detach") || s.o.has("d")
	switch {
	case at.ref == "" && at.hash != c.Hash:
		s.leave(at.hash)
	case at.ref != "" && !explicit && g.getBool("advice.detachedhead", true):
		g.say("%s", detachedNote(rev))
	}
	g.say("HEAD is now at %s %s\n", g.r.short(c.Hash), subject(c.Message))
	return nil
}

func detachedNote(rev string) string {
	return fmt.Sprintf(`Note: switching to '%s'.

You are in 'detached HEAD' state. You can look around, make experimental
changes and commit them, and you can discard any commits you make in this
state without impacting any branches by switching back to a branch.

If you want to create a new branch to retain commits you create, you may
do so (now or later) by using -c with the switch command. Example:

  git switch -c <new-branch-name>

Or undo this operation with:

  git switch -

Turn off this advice by setting config variable advice.detachedHead to false

`, rev)
}

// detachedAdvice is what clone -b TAG says.
func detachedAdvice(_ string, h plumbing.Hash) string { return detachedNote(h.String()) }

// create is -b NAME [START].
func (s *switching) create(name string, args []string, replace bool) error {
	g := s.g
	if !validBranch(name) {
		return fatal("'%s' is not a valid branch name", name)
	}
	branch := plumbing.NewBranchReferenceName(name)
	existed := !g.r.refHash(branch).IsZero()
	if existed && !replace {
		return fatal("a branch named '%s' already exists", name)
	}
	start := "HEAD"
	if len(args) > 0 {
		start = args[0]
	}
	if start == "HEAD" && g.r.head().hash.IsZero() {
		if err := g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, branch)); err != nil {
			return err
		}
		if !s.quiet {
			g.say("Switched to a new branch '%s'\n", name)
		}
		return nil
	}
	c, err := g.resolveCommit(start)
	if err != nil {
		return fatal("'%s' is not a commit and a branch '%s' cannot be created from it", start, name)
	}
	if len(args) > 0 {
		if err := s.move(c.Hash, start); err != nil {
			return err
		}
	}
	if err := g.r.setRef(branch, c.Hash); err != nil {
		return err
	}
	if err := g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, branch)); err != nil {
		return err
	}
	_, full, ok := g.lookUp(start)
	follows := ok && full.IsRemote() && !s.o.has("no-track") || s.o.has("track")
	if follows {
		if err := g.setUpstream(name, full); err != nil {
			return err
		}
	}
	if s.quiet {
		return nil
	}
	if existed {
		g.say("Switched to and reset branch '%s'\n", name)
	} else {
		g.say("Switched to a new branch '%s'\n", name)
	}
	if follows {
		g.printf("branch '%s' set up to track '%s'.\n", name, full.Short())
	}
	return nil
}

func validBranch(name string) bool {
	return name != "" && !strings.HasPrefix(name, "-") && name != "HEAD" && plumbing.NewBranchReferenceName(name).Validate() == nil
}

func (s *switching) orphan(name string) error {
	branch := plumbing.NewBranchReferenceName(name)
	if !s.g.r.refHash(branch).IsZero() {
		return fatal("a branch named '%s' already exists", name)
	}
	if s.verb == "switch" {
		if err := s.g.resetTo(map[string]entry{}); err != nil {
			return err
		}
	}
	if err := s.g.r.store.SetReference(plumbing.NewSymbolicReference(plumbing.HEAD, branch)); err != nil {
		return err
	}
	if !s.quiet {
		s.g.say("Switched to a new branch '%s'\n", name)
	}
	return nil
}

// move takes index and files from HEAD to a commit, as a two-way merge: local
// changes to files that don't differ are kept, others refuse.
func (s *switching) move(to plumbing.Hash, _ string) error {
	g := s.g
	if err := g.locked(); err != nil {
		return err
	}
	next, err := g.r.treeOf(to)
	if err != nil {
		return err
	}
	if s.force {
		return g.resetTo(next)
	}
	idx, err := g.index()
	if err != nil {
		return err
	}
	if c := conflicts(idx); len(c) > 0 {
		var b strings.Builder
		for _, x := range c {
			fmt.Fprintf(&b, "%s: needs merge\n", x.path)
		}
		return &failure{1, b.String() + "error: you need to resolve your current index first\n"}
	}
	now, err := g.r.treeOf(g.r.head().hash)
	if err != nil {
		return err
	}
	if err := g.twoWay(idx, now, next, s.verb); err != nil {
		return err
	}
	changes, err := g.stateAgainst(next)
	if err != nil {
		return err
	}
	if s.verb != "merge" && !s.printed {
		s.printed = true
		s.show(changes)
	}
	return nil
}

// stateAgainst is the status as it'll be once HEAD has that tree.
func (g *git) stateAgainst(tree map[string]entry) ([]change, error) {
	idx, err := g.index()
	if err != nil {
		return nil, err
	}
	disk, err := g.onDisk(idx)
	if err != nil {
		return nil, err
	}
	in := staged(idx)
	var out []change
	for _, name := range sortedNames(tree, in) {
		c := change{path: name, x: '.', y: '.'}
		t, inTree := tree[name]
		i, inIndex := in[name]
		d, exists := disk[name]
		switch {
		case !inTree:
			c.x = 'A'
		case !inIndex:
			c.x = 'D'
		case t != i:
			c.x = 'M'
		}
		if inIndex && !exists {
			c.y = 'D'
		} else if inIndex && d != i {
			c.y = 'M'
		}
		if c.x != '.' || c.y != '.' {
			out = append(out, c)
		}
	}
	return out, nil
}

// twoWay moves files from one tree to another and keeps what was changed locally
// where both trees agree.
func (g *git) twoWay(idx *index.Index, now, next map[string]entry, verb string) error {
	disk, err := g.onDisk(idx)
	if err != nil {
		return err
	}
	in := staged(idx)
	result := map[string]entry{}
	var write, erase, touched, inTheWay []string
	for _, name := range sortedNames(now, next, in) {
		a, inNow := now[name]
		b, inNext := next[name]
		i, inIndex := in[name]
		d, exists := disk[name]
		switch {
		case inNow == inNext && a == b: // the trees agree: keep what is here
			if inIndex {
				result[name] = i
			}
		case inIndex == inNext && i == b && (!inNext || exists && d == b || !exists): // already there
			if inNext {
				result[name] = b
			}
		case !inNow && !inIndex: // new: an untracked file must not be lost
			if g.untrackedDiffers(name, b) {
				inTheWay = append(inTheWay, name)
				continue
			}
			result[name] = b
			write = append(write, name)
		case inIndex != inNow || i != a || exists && d != i:
			touched = append(touched, name)
		case inNext:
			result[name] = b
			write = append(write, name)
		default:
			erase = append(erase, name)
		}
	}
	if len(touched)+len(inTheWay) > 0 {
		return overwritten(touched, inTheWay, verb)
	}
	for _, name := range erase {
		if err := g.erase(name); err != nil {
			return err
		}
	}
	for _, name := range write {
		if err := g.write(name, next[name]); err != nil {
			return err
		}
	}
	return g.keepIndex(idx, result)
}

func (g *git) untrackedDiffers(name string, want entry) bool {
	full := path.Join(g.r.worktree, name)
	info, err := g.fs.Lstat(full)
	if err != nil {
		return false
	}
	if info.IsDir() {
		return g.hasFiles(full)
	}
	d, _, err := g.diskFile(name)
	return err != nil || d.hash != want.hash
}

func overwritten(touched, inTheWay []string, verb string) error {
	var b strings.Builder
	list := func(names []string) {
		for _, n := range names {
			b.WriteString("\t" + n + "\n")
		}
	}
	if len(touched) > 0 {
		fmt.Fprintf(&b, "error: Your local changes to the following files would be overwritten by %s:\n", verbNoun(verb))
		list(touched)
		before := "switch branches"
		if verb == "merge" {
			before = "merge"
		}
		fmt.Fprintf(&b, "Please commit your changes or stash them before you %s.\n", before)
	}
	if len(inTheWay) > 0 {
		fmt.Fprintf(&b, "error: The following untracked working tree files would be overwritten by %s:\n", verbNoun(verb))
		list(inTheWay)
		before := "switch branches"
		if verb == "merge" {
			before = "merge"
		}
		fmt.Fprintf(&b, "Please move or remove them before you %s.\n", before)
	}
	b.WriteString("Aborting\n")
	return &failure{1, b.String()}
}

func verbNoun(verb string) string {
	if verb == "switch" {
		return "checkout"
	}
	return verb
}

// files takes files from the index, or from a commit.
func (s *switching) files(from, paths []string) error {
	g := s.g
	idx, err := g.index()
	if err != nil {
		return err
	}
	source := staged(idx)
	if len(from) > 0 {
		c, err := g.resolve(from[0])
		if err != nil {
			return err
		}
		if source, err = g.r.treeOf(c); err != nil {
			return err
		}
	}
	specs := g.pathspecs(paths)
	in := staged(idx)
	updated := 0
	for i, spec := range specs {
		found := false
		for _, name := range sortedNames(source) {
			if !matchesPath(name, []string{spec}) {
				continue
			}
			found = true
			if d, _, err := g.diskFile(name); err != nil || d != source[name] {
				if err := g.write(name, source[name]); err != nil {
					return err
				}
				updated++
			}
			in[name] = source[name]
		}
		if !found {
			return &failure{1, fmt.Sprintf("error: pathspec '%s' did not match any file(s) known to git\n", paths[i])}
		}
	}
	if err := g.refreshTo(in); err != nil {
		return err
	}
	if !s.quiet && !s.o.split && s.verb == "checkout" {
		noun := "paths"
		if updated == 1 {
			noun = "path"
		}
		where := "the index"
		if len(from) > 0 {
			c, _ := g.resolveCommit(from[0])
			where = g.r.short(c.Hash)
		}
		g.say("Updated %d %s from %s\n", updated, noun, where)
	}
	return nil
}

// fastForward moves to a descendant and shows what came.
func (g *git) fastForward(target plumbing.Hash, quiet bool) error {
	at := g.r.head()
	if !at.hash.IsZero() && !quiet {
		g.printf("Updating %s..%s\n", g.r.short(at.hash), g.r.short(target))
	}
	s := switching{g: g, o: &options{}, verb: "merge", quiet: quiet}
	if err := s.move(target, ""); err != nil {
		var f *failure
		if errors.As(err, &f) && f.code == 1 {
			return f
		}
		return err
	}
	if !at.hash.IsZero() {
		if err := g.r.store.SetReference(plumbing.NewHashReference("ORIG_HEAD", at.hash)); err != nil {
			return err
		}
	}
	if err := g.r.move(target); err != nil {
		return err
	}
	if quiet || at.hash.IsZero() {
		return nil
	}
	g.println("Fast-forward")
	d, err := g.compare(at.hash, target)
	if err != nil {
		return err
	}
	d = d.renames()
	d.stat(g)
	d.summary(g)
	return nil
}

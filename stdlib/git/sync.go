package git

import (
	"context"
	"strconv"

	"bsdrun/runtime/effect"
)

// PullArgs say how to bring a working tree up to date.
type PullArgs struct {
	Dir    string `lua:"dir,required" doc:"the working tree"`
	Rebase bool   `lua:"rebase" doc:"put local commits on top of the upstream's; default: fast-forward only"`
	Access `lua:",inline"`
}

// Pull brings the current branch to its upstream, forward only.
func Pull(ctx context.Context, h effect.Doer, a PullArgs) (Checkout, error) {
	const op = "git.pull"
	if err := a.Access.Check(op); err != nil {
		return Checkout{}, err
	}
	now, err := GetStatus(ctx, h, StatusArgs{Dir: a.Dir})
	if err != nil {
		return Checkout{}, err
	}
	done := Checkout{Dir: a.Dir, Before: now.Revision, Revision: now.Revision, Branch: now.Branch}
	if now.Branch == "" || now.Upstream == "" {
		err := effect.Errorf(effect.Failed, op, "%s stands at no branch that follows a remote one", a.Dir)
		err.Hint = "use git.checkout or git.ensure with a branch"
		return done, err
	}
	remote, err := upstream(ctx, h, op, a.Dir, now.Branch)
	if err != nil {
		return done, err
	}
	theirs, err := remoteRevision(ctx, h, op, RemoteRevisionArgs{URI: remote.uri, Ref: remote.ref, Access: a.Access})
	if err != nil {
		return done, err
	}
	if theirs.Revision == now.Revision {
		return done, nil
	}
	mode := "--ff-only"
	if a.Rebase {
		mode = "--rebase"
	}
	e := a.Access.Apply(remoteReads(change(op, a.Dir, "pull", "-q", mode), remote.uri))
	e.Diff = &effect.Diff{Path: a.Dir, Note: "pull " + theirs.Revision + " from " + remote.uri}
	done.Revision = theirs.Revision
	if now.Ahead == 0 {
		e.Leaves = Leaves(a.Dir, theirs.Revision)
	} else {
		done.Revision = ""
	}
	res, err := do(ctx, h, e)
	if err != nil {
		return done, err
	}
	done.Changed = true
	if res.Skipped {
		return done, nil
	}
	done.Revision, err = Revision(ctx, h, RevisionArgs{Dir: a.Dir})
	done.Changed = done.Revision != done.Before
	return done, err
}

// followed is the remote branch that a local one follows.
type followed struct{ name, uri, ref string }

func upstream(ctx context.Context, h effect.Doer, op, dir, branch string) (followed, error) {
	var f followed
	var err error
	if f.name, err = line(ctx, h, query(op, dir, "config", "--get", "branch."+branch+".remote")); err != nil {
		return f, err
	}
	if f.ref, err = line(ctx, h, query(op, dir, "config", "--get", "branch."+branch+".merge")); err != nil {
		return f, err
	}
	if f.name == "." {
		f.uri = dir
		return f, nil
	}
	f.uri, err = line(ctx, h, query(op, dir, "config", "--get", "remote."+f.name+".url"))
	return f, err
}

// FetchArgs say what to fetch.
type FetchArgs struct {
	Dir    string   `lua:"dir,required" doc:"the repository"`
	Remote string   `lua:"remote" doc:"which remote" default:"origin"`
	Refs   []string `lua:"refs" doc:"branches, tags or refspecs; default: as configured"`
	Tags   bool     `lua:"tags" doc:"all tags too"`
	Prune  bool     `lua:"prune" doc:"forget remote branches that are gone"`
	Depth  int      `lua:"depth" doc:"only so many commits; 0: all that are missing"`
	Access `lua:",inline"`
}

// Fetched tells which references moved.
type Fetched struct {
	Changed bool        `lua:"changed"`
	Refs    []RefChange `lua:"refs,produced" doc:"references that are new, moved or gone"`
}

// RefChange is a reference that moved.
type RefChange struct {
	Ref    string `lua:"ref"`
	Before string `lua:"before,omitempty"`
	After  string `lua:"after,omitempty"`
}

// Fetch brings new commits of a remote without touching the working tree.
func Fetch(ctx context.Context, h effect.Doer, a FetchArgs) (Fetched, error) {
	const op = "git.fetch"
	done := Fetched{Refs: []RefChange{}}
	if a.Remote == "" {
		a.Remote = "origin"
	}
	if err := checkDir(op, a.Dir); err != nil {
		return done, err
	}
	for _, name := range append([]string{a.Remote}, a.Refs...) {
		if err := checkRevision(op, name); err != nil {
			return done, err
		}
	}
	if err := a.Access.Check(op); err != nil {
		return done, err
	}
	before, err := listRefs(ctx, h, op, a.Dir)
	if err != nil {
		return done, err
	}
	args := []string{"fetch", "-q"}
	if a.Tags {
		args = append(args, "--tags")
	}
	if a.Prune {
		args = append(args, "--prune")
	}
	if a.Depth > 0 {
		args = append(args, "--depth", strconv.Itoa(a.Depth))
	}
	e := a.Access.Apply(change(op, a.Dir, append(append(args, a.Remote), a.Refs...)...))
	res, err := do(ctx, h, e)
	if err != nil {
		return done, err
	}
	if res.Skipped {
		return Fetched{Changed: true}, nil
	}
	after, err := listRefs(ctx, h, op, a.Dir)
	if err != nil {
		return done, err
	}
	done.Refs = compareRefs(before, after)
	done.Changed = len(done.Refs) > 0
	return done, nil
}

// CheckoutArgs say what to check out.
type CheckoutArgs struct {
	Dir    string `lua:"dir,required" doc:"the working tree"`
	Ref    string `lua:"ref,required" doc:"branch, tag or commit that the repository has"`
	Create bool   `lua:"create" doc:"make a branch of that name where there is none"`
	Force  bool   `lua:"force" doc:"throw away local edits; irreversible"`
}

// SwitchTo checks out a branch, tag or commit.
func SwitchTo(ctx context.Context, h effect.Doer, a CheckoutArgs) (Checkout, error) {
	const op = "git.checkout"
	if err := checkRevision(op, a.Ref); err != nil {
		return Checkout{}, err
	}
	now, err := GetStatus(ctx, h, StatusArgs{Dir: a.Dir})
	if err != nil {
		return Checkout{}, err
	}
	done := Checkout{Dir: a.Dir, Before: now.Revision, Revision: now.Revision, Branch: now.Branch}
	branch, revision, err := a.find(ctx, h, op)
	if err != nil {
		return done, err
	}
	edits := now.Edited && a.Force
	if now.Revision == revision && now.Branch == branch && !edits {
		return done, nil
	}
	e := change(op, a.Dir, a.command(branch, revision)...)
	if edits {
		e.Risk, e.Note = effect.Irreversible, "local edits in "+a.Dir+" are thrown away"
	}
	e.Leaves = Leaves(a.Dir, revision)
	e.Diff = &effect.Diff{Path: a.Dir, Note: "check out " + a.Ref + " at " + revision}
	_, err = do(ctx, h, e)
	done.Changed, done.Revision, done.Branch = err == nil, revision, branch
	return done, err
}

// find tells what the name is: a branch here, a branch of origin, or a commit.
func (a CheckoutArgs) find(ctx context.Context, h effect.Doer, op string) (branch, revision string, err error) {
	for _, name := range []string{"refs/heads/" + a.Ref, "refs/remotes/origin/" + a.Ref} {
		e := query(op, a.Dir, "rev-parse", "--verify", "-q", name+"^{commit}")
		e.Want = []int{0, 1}
		if revision, err = line(ctx, h, e); err != nil || revision != "" {
			return a.Ref, revision, err
		}
	}
	if a.Create {
		if err := checkName(op, "branch", a.Ref); err != nil {
			return "", "", err
		}
		revision, err = Revision(ctx, h, RevisionArgs{Dir: a.Dir})
		return a.Ref, revision, err
	}
	revision, err = Revision(ctx, h, RevisionArgs{Dir: a.Dir, Ref: a.Ref})
	return "", revision, err
}

func (a CheckoutArgs) command(branch, revision string) []string {
	args := []string{"checkout", "-q"}
	if a.Force {
		args = append(args, "--force")
	}
	switch {
	case branch == "":
		return append(args, "--detach", revision)
	case a.Create:
		return append(args, "-B", branch, revision)
	default:
		return append(args, branch, "--")
	}
}

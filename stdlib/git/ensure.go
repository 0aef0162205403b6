package git

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// EnsureArgs say what a working tree is to stand at.
type EnsureArgs struct {
	URI        string `lua:"uri,required" doc:"the repository"`
	Dir        string `lua:"dir,required" doc:"the working tree"`
	Branch     string `lua:"branch" doc:"follow this branch; default: the remote's"`
	Tag        string `lua:"tag" doc:"stand at this tag"`
	Revision   string `lua:"revision" doc:"stand at this commit (its whole id)"`
	Depth      int    `lua:"depth" doc:"only so many commits; 0: all"`
	Submodules bool   `lua:"submodules" doc:"submodules too, recursively"`
	Force      bool   `lua:"force" doc:"throw away local edits and commits that are nowhere else; irreversible"`
	Clean      bool   `lua:"clean" doc:"remove untracked files, but for ignored ones; irreversible"`
	Access     `lua:",inline"`
}

func (a EnsureArgs) check(op string) error {
	given := 0
	for what, name := range map[string]string{"branch": a.Branch, "tag": a.Tag} {
		if name != "" {
			given++
			if err := checkName(op, what, name); err != nil {
				return err
			}
		}
	}
	if a.Revision != "" {
		given++
		if err := checkHash(op, a.Revision); err != nil {
			return err
		}
	}
	if given > 1 {
		return invalid(op, "give one of branch, tag and revision")
	}
	return CloneArgs{URI: a.URI, Dir: a.Dir, Depth: a.Depth, Access: a.Access}.check(op)
}

// target is where a working tree has to stand.
type target struct {
	branch, tag, revision string
	known                 bool // revision is known
}

func (t target) String() string {
	switch {
	case t.branch != "":
		return "branch " + t.branch
	case t.tag != "":
		return "tag " + t.tag
	default:
		return "commit " + t.revision
	}
}

// Ensure makes a working tree stand at a branch, tag or commit of a remote.
func Ensure(ctx context.Context, h effect.Doer, a EnsureArgs) (Checkout, error) {
	const op = "git.ensure"
	if err := a.check(op); err != nil {
		return Checkout{}, err
	}
	found, err := look(ctx, h, op, a.Dir)
	if err != nil {
		return Checkout{}, err
	}
	if found.exists && !found.empty && !found.repository {
		return Checkout{}, notEmpty(op, a.Dir)
	}
	goal, err := a.resolve(ctx, h, op)
	if err != nil && (!unknown(err) || found.repository) {
		return Checkout{}, err
	}
	var done Checkout
	if found.repository {
		done, err = a.converge(ctx, h, op, goal)
	} else {
		done, err = a.create(ctx, h, op, goal)
	}
	if err != nil || !a.Submodules {
		return done, err
	}
	modules, err := EnsureSubmodules(ctx, h, SubmodulesArgs{Dir: a.Dir, Recursive: true, Depth: a.Depth, Access: a.Access})
	done.Changed = done.Changed || modules.Changed
	return done, err
}

// resolve asks the remote where its branch or tag stands.
func (a EnsureArgs) resolve(ctx context.Context, h effect.Doer, op string) (target, error) {
	if a.Revision != "" {
		return target{revision: a.Revision, known: true}, nil
	}
	goal := target{branch: a.Branch, tag: a.Tag}
	name := a.Branch
	switch {
	case a.Branch != "":
		name = "refs/heads/" + a.Branch
	case a.Tag != "":
		name = "refs/tags/" + a.Tag
	}
	at, err := remoteRevision(ctx, h, op, RemoteRevisionArgs{URI: a.URI, Ref: name, Access: a.Access})
	if err != nil {
		return goal, err
	}
	goal.revision, goal.known = at.Revision, true
	if a.Branch == "" && a.Tag == "" {
		goal.branch = at.Branch
	}
	return goal, nil
}

// create clones, and for a commit moves there.
func (a EnsureArgs) create(ctx context.Context, h effect.Doer, op string, goal target) (Checkout, error) {
	name := goal.branch + goal.tag
	args := CloneArgs{URI: a.URI, Dir: a.Dir, Branch: name, Depth: a.Depth, Access: a.Access}
	done, err := clone(ctx, h, op, args, RemoteRev{Revision: goal.revision, Branch: goal.branch})
	if err != nil || a.Revision == "" || done.Revision == a.Revision {
		return done, err
	}
	done.Revision, done.Branch = a.Revision, ""
	return done, a.move(ctx, h, op, goal, effect.Safe, "")
}

// converge moves an existing working tree, if it has to.
func (a EnsureArgs) converge(ctx context.Context, h effect.Doer, op string, goal target) (Checkout, error) {
	now, err := GetStatus(ctx, h, StatusArgs{Dir: a.Dir, Untracked: a.Clean})
	if err != nil {
		return Checkout{}, err
	}
	done := Checkout{Dir: a.Dir, Before: now.Revision, Revision: goal.revision, Branch: goal.branch}
	if done.Changed, err = a.ensureRemote(ctx, h, op); err != nil {
		return done, err
	}
	risk, note, err := a.losses(ctx, h, op, now, goal)
	if err != nil {
		return done, err
	}
	if now.Revision != goal.revision || now.Branch != goal.branch || now.Edited {
		done.Changed = true
		if err := a.move(ctx, h, op, goal, risk, note); err != nil {
			return done, err
		}
	}
	if a.Clean && len(now.Untracked) > 0 {
		done.Changed = true
		clean := change(op, a.Dir, "clean", "-f", "-d", "-q")
		clean.Risk, clean.Note = effect.Irreversible, "untracked files are removed: "+some(now.Untracked)
		clean.Diff = &effect.Diff{Path: a.Dir, Note: clean.Note}
		if _, err := do(ctx, h, clean); err != nil {
			return done, err
		}
	}
	return done, nil
}

// ensureRemote points origin at the address.
func (a EnsureArgs) ensureRemote(ctx context.Context, h effect.Doer, op string) (bool, error) {
	get := query(op, a.Dir, "config", "--get", "remote.origin.url")
	get.Want = []int{0, 1}
	now, err := line(ctx, h, get)
	if err != nil || now == a.URI {
		return false, err
	}
	args := []string{"remote", "set-url", "origin", a.URI}
	if now == "" {
		args = []string{"remote", "add", "origin", a.URI}
	}
	set := change(op, a.Dir, args...)
	set.Leaves = leaves(a.Dir, nil)
	set.Diff = &effect.Diff{Path: a.Dir + "/.git/config", Note: fmt.Sprintf("remote origin: %s -> %s", now, a.URI)}
	_, err = do(ctx, h, set)
	return true, err
}

// losses refuses what would throw away work, or says that it is irreversible.
func (a EnsureArgs) losses(ctx context.Context, h effect.Doer, op string, now Status, goal target) (effect.Risk, string, error) {
	var lost []string
	if now.Edited {
		var names []string
		for _, c := range now.Changes {
			names = append(names, c.Path)
		}
		lost = append(lost, "local edits in "+a.Dir+": "+some(append(names, now.Conflicts...)))
	}
	if now.Revision != "" && now.Revision != goal.revision {
		count, err := a.unpublished(ctx, h, op)
		if err != nil {
			return effect.Safe, "", err
		}
		if count > 0 {
			lost = append(lost, fmt.Sprintf("%d commits in %s that no remote branch or tag holds", count, a.Dir))
		}
	}
	if len(lost) == 0 {
		return effect.Safe, "", nil
	}
	note := strings.Join(lost, "; ")
	if !a.Force {
		err := effect.Errorf(effect.Failed, op, "%s cannot be set to %s: %s", a.Dir, goal, note)
		err.Hint = "commit and push them, or give force=true to throw them away"
		return effect.Safe, "", err
	}
	return effect.Irreversible, "this throws away " + note, nil
}

// unpublished counts the commits of HEAD that are nowhere else, as far as the
// last fetch tells.
func (a EnsureArgs) unpublished(ctx context.Context, h effect.Doer, op string) (int, error) {
	all, err := listRefs(ctx, h, op, a.Dir)
	if err != nil {
		return 0, err
	}
	var known []string
	for name, hash := range all {
		if strings.HasPrefix(name, "refs/remotes/") || strings.HasPrefix(name, "refs/tags/") {
			known = append(known, "^"+hash)
		}
	}
	slices.Sort(known)
	out, err := line(ctx, h, query(op, a.Dir, append([]string{"rev-list", "--count", "HEAD"}, slices.Compact(known)...)...))
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(out)
	if err != nil {
		return 0, fmt.Errorf("git rev-list: not a number: %q", out)
	}
	return count, nil
}

// pinned keeps a commit that was fetched by its id: without a reference it
// would look like work that is nowhere else, and be collected as garbage.
const pinned = "refs/remotes/origin/bsdrun-pinned"

// move fetches the goal and checks it out.
func (a EnsureArgs) move(ctx context.Context, h effect.Doer, op string, goal target, risk effect.Risk, note string) error {
	refspec, at := "", ""
	var checkout []string
	switch {
	case goal.branch != "":
		at = "refs/remotes/origin/" + goal.branch
		refspec = "+refs/heads/" + goal.branch + ":" + at
		checkout = []string{"-B", goal.branch, "--track", "origin/" + goal.branch}
	case goal.tag != "":
		at = "refs/tags/" + goal.tag
		refspec = "+" + at + ":" + at
		checkout = []string{"--detach", at}
	default:
		at, refspec = goal.revision, "+"+goal.revision+":"+pinned
		checkout = []string{"--detach", at}
	}
	have, err := a.holds(ctx, h, op, at, goal.revision)
	if err != nil {
		return err
	}
	if !have {
		if err := a.fetch(ctx, h, op, refspec); err != nil {
			return err
		}
	}
	args := []string{"checkout", "-q"}
	if a.Force {
		args = append(args, "--force")
	}
	e := change(op, a.Dir, append(args, checkout...)...)
	e.Risk, e.Note = risk, note
	e.Leaves = Leaves(a.Dir, goal.revision)
	e.Diff = &effect.Diff{Path: a.Dir, Note: fmt.Sprintf("check out %s at %s", goal, goal.revision)}
	_, err = do(ctx, h, e)
	return err
}

// holds tells whether the repository has the commit under the name already.
func (a EnsureArgs) holds(ctx context.Context, h effect.Doer, op, name, revision string) (bool, error) {
	e := query(op, a.Dir, "rev-parse", "--verify", "-q", name+"^{commit}")
	e.Want = []int{0, 1, 128}
	at, err := line(ctx, h, e)
	if errors.Is(err, effect.ErrUnknown) {
		return false, nil
	}
	return at == revision, err
}

func (a EnsureArgs) fetch(ctx context.Context, h effect.Doer, op, refspec string) error {
	args := []string{"fetch", "-q", "--no-tags"}
	if a.Depth > 0 {
		args = append(args, "--depth", strconv.Itoa(a.Depth))
	}
	e := a.Access.Apply(remoteReads(change(op, a.Dir, append(args, "origin", refspec)...), a.URI))
	e.Diff = &effect.Diff{Path: a.Dir, Note: "fetch " + a.URI}
	e.Leaves = leaves(a.Dir, nil)
	_, err := do(ctx, h, e)
	return err
}

// some names the first few of many.
func some(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

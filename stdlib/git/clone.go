package git

import (
	"context"
	"path"
	"strconv"

	"bsdrun/runtime/effect"
)

// CloneArgs say what to clone.
type CloneArgs struct {
	URI        string `lua:"uri,required" doc:"the repository: https://, ssh://, git@host:path, file:// or a path on the host"`
	Dir        string `lua:"dir,required" doc:"where to; must not exist or be empty"`
	Branch     string `lua:"branch" doc:"branch or tag to check out; default: the remote's"`
	Depth      int    `lua:"depth" doc:"only so many commits; 0: all"`
	Bare       bool   `lua:"bare" doc:"without a working tree"`
	Mirror     bool   `lua:"mirror" doc:"bare, with every reference of the remote, kept equal by fetch"`
	Submodules bool   `lua:"submodules" doc:"with submodules, recursively"`
	Access     `lua:",inline"`
}

// Checkout is what a repository stands at after a change.
type Checkout struct {
	Changed  bool   `lua:"changed"`
	Dir      string `lua:"dir"`
	Before   string `lua:"before,omitempty" doc:"the commit before"`
	Revision string `lua:"revision,produced" doc:"the commit now"`
	Branch   string `lua:"branch,omitempty" doc:"empty when detached"`
}

// Clone copies a remote repository.
func Clone(ctx context.Context, h effect.Doer, a CloneArgs) (Checkout, error) {
	const op = "git.clone"
	if err := a.check(op); err != nil {
		return Checkout{}, err
	}
	state, err := look(ctx, h, op, a.Dir)
	if err != nil {
		return Checkout{}, err
	}
	if state.exists && !state.empty {
		return Checkout{}, notEmpty(op, a.Dir)
	}
	wanted, err := remoteRevision(ctx, h, op, RemoteRevisionArgs{URI: a.URI, Ref: a.Branch, Access: a.Access})
	if err != nil && !unknown(err) {
		return Checkout{}, err
	}
	return clone(ctx, h, op, a, wanted)
}

func notEmpty(op, dir string) error {
	err := effect.Errorf(effect.Failed, op, "%s exists and is not an empty directory", dir)
	err.Hint = "choose another directory, or remove what is there"
	return err
}

func (a CloneArgs) check(op string) error {
	if err := checkURI(op, a.URI); err != nil {
		return err
	}
	if err := checkDir(op, a.Dir); err != nil {
		return err
	}
	if a.Branch != "" {
		if err := checkName(op, "branch or tag", a.Branch); err != nil {
			return err
		}
	}
	if a.Depth < 0 {
		return invalid(op, "the depth %d is negative", a.Depth)
	}
	return a.Access.Check(op)
}

// clone runs git clone; wanted is what the remote stands at, where known.
func clone(ctx context.Context, h effect.Doer, op string, a CloneArgs, wanted RemoteRev) (Checkout, error) {
	args := []string{"clone", "-q"}
	if a.Branch != "" {
		args = append(args, "--branch", a.Branch)
	}
	if a.Depth > 0 {
		args = append(args, "--depth", strconv.Itoa(a.Depth))
	}
	if a.Bare {
		args = append(args, "--bare")
	}
	if a.Mirror {
		args = append(args, "--mirror")
	}
	if a.Submodules {
		args = append(args, "--recurse-submodules")
	}
	e := command(op, effect.Change, "", append(args, a.URI, a.Dir))
	e = a.Access.Apply(remoteReads(e, a.URI))
	e.Writes = writes(a.Dir)
	e.Diff = &effect.Diff{Path: a.Dir, Note: "clone " + a.URI}
	done := Checkout{Changed: true, Dir: a.Dir, Revision: wanted.Revision, Branch: wanted.Branch}
	if wanted.Revision != "" {
		e.Leaves = Leaves(a.Dir, wanted.Revision)
		e.Diff.Note += " at " + wanted.Revision
	}
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return done, err
	}
	done.Revision, err = Revision(ctx, h, RevisionArgs{Dir: a.Dir})
	return done, err
}

// place is what lies at a directory before it is cloned into.
type place struct {
	exists, empty bool
	repository    bool // with a working tree
	bare          bool
}

// look tells what is at dir, without git.
func look(ctx context.Context, h effect.Doer, op, dir string) (place, error) {
	info, err := stat(ctx, h, op, dir)
	if err != nil || info == nil {
		return place{}, err
	}
	if info.Type != "directory" {
		return place{}, effect.Errorf(effect.Failed, op, "%s is a %s, not a directory", dir, info.Type)
	}
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileList, Path: dir}})
	if err != nil {
		return place{}, err
	}
	found := place{exists: true, empty: len(res.List) == 0}
	names := map[string]bool{}
	for _, entry := range res.List {
		names[entry.Name] = true
	}
	found.repository = names[".git"]
	found.bare = !found.repository && names["HEAD"] && names["objects"] && names["refs"]
	return found, nil
}

func stat(ctx context.Context, h effect.Doer, op, file string) (*effect.FileInfo, error) {
	res, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileStat, Path: path.Clean(file)}})
	return res.Info, err
}

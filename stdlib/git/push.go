package git

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// PushArgs say what goes from the controller to a host.
type PushArgs struct {
	From     binding.Local `lua:"from,required" doc:"a repository on the controller: local_file(\"ports\")"`
	Dir      string        `lua:"dir,required" doc:"the repository on the host: bare, or made anew"`
	Branches []string      `lua:"branches" doc:"only these; default: all"`
	Tags     bool          `lua:"tags" doc:"tags too" default:"true"`
	Force    bool          `lua:"force" doc:"move branches and tags that do not follow from what the host has; irreversible"`
	Prune    bool          `lua:"prune" doc:"remove branches and tags that are not on the controller; irreversible"`
}

// Pushed tells what a push did.
type Pushed struct {
	Changed bool        `lua:"changed"`
	Created bool        `lua:"created" doc:"the repository was made"`
	Objects int         `lua:"objects" doc:"how many were sent"`
	Bytes   int         `lua:"bytes" doc:"size of the pack" unit:"bytes"`
	Refs    []RefChange `lua:"refs" doc:"references that moved"`
	Head    string      `lua:"head" doc:"the branch that HEAD names"`
}

// PushFromLocal brings a repository of the controller to a host that need not
// reach any other.
func PushFromLocal(ctx context.Context, h effect.Doer, a PushArgs) (Pushed, error) {
	const op = "git.push_from_local"
	done := Pushed{Refs: []RefChange{}}
	if err := checkDir(op, a.Dir); err != nil {
		return done, err
	}
	source, err := openLocal(a.From.Path)
	if err != nil {
		return done, invalid(op, "%s: %v", a.From.Path, err)
	}
	wanted, err := a.choose(op, source)
	if err != nil {
		return done, err
	}
	found, err := look(ctx, h, op, a.Dir)
	if err != nil {
		return done, err
	}
	if found.repository {
		err := effect.Errorf(effect.Failed, op, "%s has a working tree, which a push would leave behind its branch", a.Dir)
		err.Hint = "push into a bare repository, and let git.ensure follow it"
		return done, err
	}
	if found.exists && !found.empty && !found.bare {
		return done, notEmpty(op, a.Dir)
	}
	have := map[string]string{}
	if found.bare {
		if have, err = listRefs(ctx, h, op, a.Dir); err != nil {
			return done, err
		}
	}
	return a.push(ctx, h, op, source, wanted, have, !found.bare)
}

// choose picks the references that are pushed.
func (a PushArgs) choose(op string, source *local) (map[string]string, error) {
	wanted := map[string]string{}
	for name, hash := range source.refs {
		switch branch, is := strings.CutPrefix(name, "refs/heads/"); {
		case is && (len(a.Branches) == 0 || slices.Contains(a.Branches, branch)):
			wanted[name] = hash
		case !is && a.Tags:
			wanted[name] = hash
		}
	}
	for _, branch := range a.Branches {
		if wanted["refs/heads/"+branch] == "" {
			err := effect.Errorf(effect.Missing, op, "%s has no branch %s", a.From.Path, branch)
			err.Hint = "it has " + strings.Join(branchNames(source.refs), ", ")
			return nil, err
		}
	}
	if len(branchNames(wanted)) == 0 {
		return nil, effect.Errorf(effect.Missing, op, "%s has no commits yet", a.From.Path)
	}
	return wanted, nil
}

func branchNames(refs map[string]string) []string {
	var names []string
	for name := range refs {
		if branch, is := strings.CutPrefix(name, "refs/heads/"); is {
			names = append(names, branch)
		}
	}
	sort.Strings(names)
	return names
}

func (a PushArgs) push(ctx context.Context, h effect.Doer, op string, source *local, wanted, have map[string]string, create bool) (Pushed, error) {
	done := Pushed{Created: create, Refs: []RefChange{}}
	risk, notes := effect.Safe, []string{}
	for _, move := range compareRefs(have, wanted) {
		lost, err := a.loses(source, move)
		switch {
		case err != nil:
			return done, err
		case move.After == "" && !a.Prune:
			continue
		case lost && !a.Force && move.After != "":
			err := effect.Errorf(effect.Failed, op, "%s of %s does not lead to the controller's %s", move.Ref, a.Dir, move.After)
			err.Hint = "the host has commits of its own, or history was rewritten: force=true replaces it"
			return done, err
		case lost:
			risk = effect.Irreversible
			notes = append(notes, fmt.Sprintf("%s of %s at %s is given up", move.Ref, a.Dir, move.Before))
		}
		done.Refs = append(done.Refs, move)
	}
	done.Head = a.head(source, wanted)
	done.Changed = create || len(done.Refs) > 0
	if !done.Changed {
		return done, nil
	}
	wants, haves := hashes(done.Refs), values(have)
	pack, objects, err := source.pack(wants, haves)
	if err != nil {
		return done, effect.Errorf(effect.Failed, op, "%s: %v", a.From.Path, err)
	}
	done.Objects, done.Bytes = objects, len(pack)
	if create {
		if _, err := Bare(ctx, h, InitArgs{Dir: a.Dir, Branch: strings.TrimPrefix(done.Head, "refs/heads/")}); err != nil {
			return done, err
		}
	}
	return done, a.send(ctx, h, op, pack, done, risk, strings.Join(notes, "; "))
}

// loses tells whether a move gives up commits that the host has.
func (a PushArgs) loses(source *local, move RefChange) (bool, error) {
	if move.Before == "" {
		return false, nil
	}
	if move.After == "" {
		return true, nil
	}
	forward, err := source.forward(move.Before, move.After)
	return !forward, err
}

// head is the branch that a new repository's HEAD names.
func (a PushArgs) head(source *local, wanted map[string]string) string {
	if wanted[source.head] != "" {
		return source.head
	}
	return "refs/heads/" + branchNames(wanted)[0]
}

func hashes(moves []RefChange) []string {
	var all []string
	for _, move := range moves {
		if move.After != "" {
			all = append(all, move.After)
		}
	}
	return all
}

func values(refs map[string]string) []string {
	var all []string
	for _, hash := range refs {
		all = append(all, hash)
	}
	sort.Strings(all)
	return all
}

// takePack indexes the pack and moves all references in one transaction, which
// fails as a whole when somebody else moved one meanwhile.
const takePack = `set -e
dir=$1 pack=$2 updates=$3 head=$4
if [ -n "$pack" ]; then
	git -c safe.directory="$dir" -C "$dir" index-pack --stdin <"$pack" >/dev/null
fi
printf '%s' "$updates" | git -c safe.directory="$dir" -C "$dir" update-ref --stdin
if [ -n "$head" ]; then
	git -c safe.directory="$dir" -C "$dir" symbolic-ref HEAD "$head"
fi
if [ -n "$pack" ]; then
	rm -f "$pack"
fi`

// send brings the pack over and has it taken in.
func (a PushArgs) send(ctx context.Context, h effect.Doer, op string, pack []byte, done Pushed, risk effect.Risk, note string) error {
	file := ""
	if len(pack) > 0 {
		file = path.Join(a.Dir, "bsdrun.pack")
		put := effect.Effect{
			Op: op, Kind: effect.Change,
			File:   &effect.FileOp{Verb: effect.FilePut, Path: file, Data: pack},
			Writes: writes(a.Dir), Leaves: leaves(a.Dir, nil),
			Diff: &effect.Diff{Path: file, Note: fmt.Sprintf("send %d objects, %d bytes", done.Objects, len(pack))},
		}
		if _, err := h.Do(ctx, put); err != nil {
			return err
		}
	}
	var updates, moved strings.Builder
	will := map[string]string{}
	for _, move := range done.Refs {
		zero := strings.Repeat("0", max(len(move.Before), len(move.After)))
		switch {
		case move.After == "":
			fmt.Fprintf(&updates, "delete %s %s\n", move.Ref, move.Before)
		case move.Before == "":
			fmt.Fprintf(&updates, "update %s %s %s\n", move.Ref, move.After, zero)
		default:
			fmt.Fprintf(&updates, "update %s %s %s\n", move.Ref, move.After, move.Before)
		}
		fmt.Fprintf(&moved, "%s -> %s\n", move.Ref, move.After)
		will[move.Ref] = move.After
		if move.Ref == done.Head {
			will["HEAD"] = move.After
		}
	}
	head := ""
	if done.Created {
		head = done.Head
	}
	e := effect.Effect{
		Op: op, Kind: effect.Change, Risk: risk, Note: note, Env: Environment(effect.Change),
		Title: "take what was pushed into " + a.Dir,
		Argv:  []string{"sh", "-c", takePack, "git", a.Dir, file, updates.String(), head},
		Reads: reads(a.Dir), Writes: writes(a.Dir), Leaves: leaves(a.Dir, will),
		Diff: &effect.Diff{Path: a.Dir, Note: strings.TrimSuffix(moved.String(), "\n")},
	}
	if _, err := do(ctx, h, e); err != nil {
		told := *effect.AsError(err)
		told.Command = "git -C " + a.Dir + " index-pack, and update-ref"
		return &told
	}
	return nil
}

package zfs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// SnapshotArgs are the arguments of Snapshot.
type SnapshotArgs struct {
	Names      []string       `lua:"names,required" doc:"snapshots to take, such as \"zroot@before\""`
	Recursive  bool           `lua:"recursive" doc:"of all datasets below, too, at the same instant"`
	Properties map[string]any `lua:"properties" doc:"values by property of the snapshots"`
}

// Snapshots tells which snapshots were taken.
type Snapshots struct {
	Changed bool     `lua:"changed"`
	Created []string `lua:"created" doc:"full names"`
}

// Snapshot takes the snapshots that are not there.
func Snapshot(ctx context.Context, h effect.Doer, a SnapshotArgs) (Snapshots, error) {
	const op = "zfs.snapshot"
	done := Snapshots{Created: []string{}}
	for _, name := range a.Names {
		if err := checkName(op, name, "@"); err != nil {
			return done, err
		}
	}
	wanted, err := texts(op, a.Properties)
	if err != nil {
		return done, err
	}
	for _, name := range a.Names {
		missing, whole, err := a.missing(ctx, h, op, name)
		if err != nil {
			return done, err
		}
		done.Created = append(done.Created, missing...)
		if a.Recursive && whole {
			err = take(ctx, h, op, []string{name}, missing, append([]string{"-r"}, options(wanted)...))
		} else if a.Recursive {
			err = takeAll(ctx, h, op, missing, options(wanted))
		}
		if err != nil {
			return done, err
		}
	}
	if !a.Recursive {
		err = takeAll(ctx, h, op, done.Created, options(wanted))
	}
	done.Changed = err == nil && len(done.Created) > 0
	return done, err
}

// missing are the snapshots that a name stands for and that are not there; whole
// tells that these are all of them.
func (a SnapshotArgs) missing(ctx context.Context, h effect.Doer, op, name string) (missing []string, whole bool, err error) {
	dataset, _, last := split(name)
	q := query{op: op, name: dataset, types: []string{"filesystem", "volume", "snapshot"}, recursive: a.Recursive, properties: []string{"type"}}
	if !a.Recursive {
		q.depth = 1
	}
	rows, err := q.list(ctx, h)
	if err != nil {
		return nil, false, err
	}
	there := map[string]bool{}
	for _, r := range rows {
		there[r["name"]] = true
	}
	whole = true
	for _, r := range rows {
		wanted := r["name"] + "@" + last
		switch {
		case r["type"] == "snapshot" || !a.Recursive && r["name"] != dataset:
		case there[wanted]:
			whole = false
		default:
			missing = append(missing, wanted)
		}
	}
	return missing, whole, nil
}

// takeAll takes snapshots at one instant where the release can, and one by one
// where it takes a single name.
func takeAll(ctx context.Context, h effect.Doer, op string, names, options []string) error {
	if len(names) == 0 {
		return nil
	}
	err := take(ctx, h, op, names, names, options)
	if len(names) == 1 || err == nil || effect.AsError(err).Code != 2 {
		return err
	}
	for _, name := range names {
		if err := take(ctx, h, op, []string{name}, []string{name}, options); err != nil {
			return err
		}
	}
	return nil
}

func take(ctx context.Context, h effect.Doer, op string, names, all, options []string) error {
	if len(all) == 0 {
		return nil
	}
	argv := append([]string{"zfs", "snapshot"}, options...)
	_, err := run(ctx, h, change(op, append(argv, names...), "take "+strings.Join(all, ", "), resources(all)...))
	return err
}

// RollbackArgs are the arguments of Rollback.
type RollbackArgs struct {
	Snapshot   string `lua:"snapshot,required" doc:"the snapshot to go back to"`
	Recursive  bool   `lua:"recursive" doc:"destroy the snapshots and bookmarks that were made since; irreversible"`
	Dependents bool   `lua:"dependents" doc:"destroy those and their clones; irreversible"`
	Force      bool   `lua:"force" doc:"unmount clones that are in use"`
}

// RolledBack is what a rollback came to.
type RolledBack struct {
	Changed   bool     `lua:"changed" doc:"false when nothing was written since, as far as the release tells"`
	Destroyed []string `lua:"destroyed" doc:"later snapshots and bookmarks that went"`
}

// Rollback brings a dataset back to a snapshot.
func Rollback(ctx context.Context, h effect.Doer, a RollbackArgs) (RolledBack, error) {
	const op = "zfs.rollback"
	done := RolledBack{Destroyed: []string{}}
	if err := checkName(op, a.Snapshot, "@"); err != nil {
		return done, err
	}
	dataset, _, _ := split(a.Snapshot)
	rows, err := query{op: op, name: dataset, types: listTypes, depth: 1, properties: []string{"type", "mountpoint", "written", "createtxg"}}.list(ctx, h)
	if err != nil {
		return done, err
	}
	of, later, found := since(rows, a.Snapshot)
	if !found {
		return done, effect.Errorf(effect.Missing, op, "there is no snapshot %s", a.Snapshot)
	}
	if len(later) == 0 && of["written"] == "0" {
		return done, nil
	}
	if len(later) > 0 && !a.Recursive && !a.Dependents {
		return done, effect.WithHint(effect.Errorf(effect.Failed, op, "%s is not the last snapshot: %s came later", a.Snapshot, strings.Join(later, ", ")),
			"recursive=true destroys them; a clone of the snapshot loses nothing")
	}
	_, err = run(ctx, h, a.effect(op, of["mountpoint"], later))
	done.Changed = err == nil
	if err == nil {
		done.Destroyed = append(done.Destroyed, later...)
	}
	return done, err
}

// since are a dataset and its snapshots and bookmarks that are later than one. The
// lists of snapshots are in the order of time; bookmarks come apart.
func since(rows []row, snapshot string) (of row, later []string, found bool) {
	dataset, _, _ := split(snapshot)
	var taken int64
	for _, r := range rows {
		in, sign, _ := split(r["name"])
		switch {
		case r["name"] == dataset:
			of = r
		case r["name"] == snapshot:
			found, taken = true, number(r["createtxg"])
		case found && in == dataset && sign == "@":
			later = append(later, r["name"])
		}
	}
	for _, r := range rows {
		if in, sign, _ := split(r["name"]); in == dataset && sign == "#" && number(r["createtxg"]) > taken {
			later = append(later, r["name"])
		}
	}
	return of, later, found
}

func (a RollbackArgs) effect(op, mountpoint string, later []string) effect.Effect {
	argv, risk, note := []string{"zfs", "rollback"}, effect.Disruptive, "what was written since is lost"
	if len(later) > 0 {
		risk, note = effect.Irreversible, strings.Join(later, ", ")+" and what was written since are lost"
		argv = append(argv, map[bool]string{false: "-r", true: "-R"}[a.Dependents])
	}
	if a.Force {
		argv = append(argv, "-f")
	}
	dataset, _, _ := split(a.Snapshot)
	e := change(op, append(argv, a.Snapshot), note, append(mountedAt(mountpoint), below(dataset))...)
	e.Risk, e.Note = risk, note
	return e
}

// BookmarkArgs are the arguments of Bookmark.
type BookmarkArgs struct {
	Snapshot string `lua:"snapshot,required" doc:"a snapshot"`
	Name     string `lua:"name,required" doc:"the bookmark: \"#name\", or in full"`
}

// Bookmark keeps a snapshot's place in time, from which one can still send when
// the snapshot itself has gone.
func Bookmark(ctx context.Context, h effect.Doer, a BookmarkArgs) (Changed, error) {
	const op = "zfs.bookmark"
	dataset, _, _ := split(a.Snapshot)
	if strings.HasPrefix(a.Name, "#") {
		a.Name = dataset + a.Name
	}
	if err := checkName(op, a.Snapshot, "@"); err != nil {
		return Changed{}, err
	}
	if err := checkName(op, a.Name, "#"); err != nil {
		return Changed{}, err
	}
	if of, _, _ := split(a.Name); of != dataset {
		return Changed{}, effect.Errorf(effect.Invalid, op, "%s is a bookmark of another dataset than %s", a.Name, a.Snapshot)
	}
	rows, err := query{op: op, name: dataset, types: []string{"snapshot", "bookmark"}, depth: 1, properties: []string{"type", "guid"}}.list(ctx, h)
	if err != nil {
		return Changed{}, err
	}
	guid := func(name string) string {
		if i := slices.IndexFunc(rows, func(r row) bool { return r["name"] == name }); i >= 0 {
			return rows[i]["guid"]
		}
		return ""
	}
	switch has, wanted := guid(a.Name), guid(a.Snapshot); {
	case wanted == "":
		return Changed{}, effect.Errorf(effect.Missing, op, "there is no snapshot %s", a.Snapshot)
	case has == wanted:
		return Changed{}, nil
	case has != "":
		return Changed{}, effect.Errorf(effect.Failed, op, "%s is there already, and is not of %s", a.Name, a.Snapshot)
	}
	_, err = run(ctx, h, change(op, []string{"zfs", "bookmark", a.Snapshot, a.Name}, fmt.Sprintf("bookmark of %s", a.Snapshot), resource(a.Name)))
	return Changed{Changed: err == nil}, err
}

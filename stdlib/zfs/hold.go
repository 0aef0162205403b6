package zfs

import (
	"context"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
)

// HoldArgs are the arguments of PutHold and Release.
type HoldArgs struct {
	Tag       string   `lua:"tag,required" doc:"name of the hold"`
	Snapshots []string `lua:"snapshots,required" doc:"snapshots, such as \"zroot@before\""`
	Recursive bool     `lua:"recursive" doc:"the snapshots of that name of all datasets below, too"`
}

// Held tells which holds were put or lifted.
type Held struct {
	Changed   bool     `lua:"changed"`
	Snapshots []string `lua:"snapshots" doc:"where a hold was put or lifted"`
}

// PutHold keeps snapshots from being destroyed.
func PutHold(ctx context.Context, h effect.Doer, a HoldArgs) (Held, error) {
	return a.apply(ctx, h, "zfs.hold", []string{"zfs", "hold"}, false)
}

// Release lifts holds.
func Release(ctx context.Context, h effect.Doer, a HoldArgs) (Held, error) {
	return a.apply(ctx, h, "zfs.release", []string{"zfs", "release"}, true)
}

// apply changes the holds of those snapshots that have the tag, or have not.
func (a HoldArgs) apply(ctx context.Context, h effect.Doer, op string, argv []string, has bool) (Held, error) {
	done := Held{Snapshots: []string{}}
	if a.Tag == "" || strings.HasPrefix(a.Tag, "-") || strings.ContainsAny(a.Tag, "\t\n") {
		return done, effect.Errorf(effect.Invalid, op, "%q is no name of a hold", a.Tag)
	}
	snapshots, err := snapshotsOf(ctx, h, op, a.Snapshots, a.Recursive)
	if err != nil || len(snapshots) == 0 {
		return done, err
	}
	holds, err := holdsOf(ctx, h, op, snapshots)
	if err != nil {
		return done, err
	}
	for _, name := range snapshots {
		if has == slices.ContainsFunc(holds, func(h Hold) bool { return h.Snapshot == name && h.Tag == a.Tag }) {
			done.Snapshots = append(done.Snapshots, name)
		}
	}
	if len(done.Snapshots) == 0 {
		return done, nil
	}
	argv = append(append(argv, a.Tag), done.Snapshots...)
	_, err = run(ctx, h, change(op, argv, argv[1]+" "+a.Tag, resources(done.Snapshots)...))
	done.Changed = err == nil
	return done, err
}

// snapshotsOf are the snapshots that names stand for; one that is not there is an
// error, of those below a dataset the missing ones are left out.
func snapshotsOf(ctx context.Context, h effect.Doer, op string, names []string, recursive bool) ([]string, error) {
	for _, name := range names {
		if err := checkName(op, name, "@"); err != nil {
			return nil, err
		}
	}
	if !recursive {
		return names, nil
	}
	var all []string
	for _, name := range names {
		dataset, _, last := split(name)
		rows, err := query{op: op, name: dataset, types: []string{"snapshot"}, recursive: true, properties: []string{"type"}}.list(ctx, h)
		if err != nil {
			return nil, err
		}
		before := len(all)
		for _, r := range rows {
			if _, _, of := split(r["name"]); of == last {
				all = append(all, r["name"])
			}
		}
		if len(all) == before {
			return nil, effect.Errorf(effect.Missing, op, "neither %s nor what is below it has a snapshot %s", dataset, last)
		}
	}
	return all, nil
}

// HoldsArgs are the arguments of Holds.
type HoldsArgs struct {
	Snapshots []string `lua:"snapshots,required" doc:"snapshots"`
	Recursive bool     `lua:"recursive" doc:"the snapshots of that name of all datasets below, too"`
}

// Hold is a hold on a snapshot.
type Hold struct {
	Snapshot string    `lua:"snapshot" doc:"full name"`
	Tag      string    `lua:"tag" doc:"name of the hold"`
	Created  time.Time `lua:"created" doc:"when it was put, to the minute"`
}

// Holds lists the holds on snapshots.
func Holds(ctx context.Context, h effect.Doer, a HoldsArgs) ([]Hold, error) {
	const op = "zfs.holds"
	snapshots, err := snapshotsOf(ctx, h, op, a.Snapshots, a.Recursive)
	if err != nil || len(snapshots) == 0 {
		return []Hold{}, err
	}
	return holdsOf(ctx, h, op, snapshots)
}

// holdsOf asks in the one form that every release knows, with times in UTC.
func holdsOf(ctx context.Context, h effect.Doer, op string, snapshots []string) ([]Hold, error) {
	res, err := run(ctx, h, effect.Effect{
		Op: op, Kind: effect.Read, Argv: append([]string{"zfs", "holds"}, snapshots...), Env: []string{"TZ=UTC"}, Reads: resources(snapshots),
	})
	if err != nil {
		return []Hold{}, err
	}
	out, err := res.Text()
	if err != nil {
		return []Hold{}, err
	}
	return parseHolds(op, out)
}

// parseHolds reads the table that zfs holds prints: its columns begin where their
// headings do.
func parseHolds(op, out string) ([]Hold, error) {
	holds := []Hold{}
	head, body, _ := strings.Cut(out, "\n")
	if head == "" {
		return holds, nil
	}
	tag, at := strings.Index(head, "TAG"), strings.Index(head, "TIMESTAMP")
	if !strings.HasPrefix(head, "NAME") || tag < 0 || at < tag {
		return nil, effect.Errorf(effect.Failed, op, "zfs holds printed something else: %.80q", head)
	}
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\n")
		if len(line) <= at {
			return nil, effect.Errorf(effect.Failed, op, "zfs holds printed something else: %.80q", line)
		}
		hold := Hold{Snapshot: strings.TrimRight(line[:tag], " "), Tag: strings.TrimRight(line[tag:at], " ")}
		if t, err := time.Parse("Mon Jan _2 15:04 2006", strings.TrimSpace(line[at:])); err == nil {
			hold.Created = t.UTC()
		}
		holds = append(holds, hold)
	}
	return holds, nil
}

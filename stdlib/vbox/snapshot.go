package vbox

import (
	"context"
	"strings"

	"bsdrun/runtime/effect"
)

// Snapshot is a state of a machine that was kept.
type Snapshot struct {
	Name        string `lua:"name"`
	UUID        string `lua:"uuid"`
	Parent      string `lua:"parent,omitempty" doc:"name of the snapshot before it"`
	Description string `lua:"description,omitempty"`
	Current     bool   `lua:"current" doc:"the machine's present state goes back to it"`
}

// ListSnapshots returns the snapshots of a machine, each after its parent.
func ListSnapshots(ctx context.Context, h effect.Doer, a ArgsOfMachine) ([]Snapshot, error) {
	const op = "vbox.snapshot.list"
	if err := checkMachine(op, a.VM); err != nil {
		return nil, err
	}
	return a.snapshots(ctx, h, op, a.VM)
}

func (o Owner) snapshots(ctx context.Context, h effect.Doer, op, vm string) ([]Snapshot, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, As: o.As, Argv: []string{tool, "snapshot", vm, "list", "--machinereadable"}, Reads: reads(machine(vm)), Want: []int{0, 1},
	})
	if err != nil {
		return nil, explain(err)
	}
	out, err := res.Text()
	if err != nil {
		return nil, err
	}
	out = withoutWarning(out)
	// a machine without any is told on standard output, and as a failure
	if res.Code == 1 && !strings.Contains(out, "does not have any snapshots") {
		return nil, explain(&effect.Error{Op: op, Kind: effect.Failed, Code: 1, Command: tool + " snapshot " + vm + " list", Out: out, Err: string(res.Stderr.Tail(4096))})
	}
	return parseSnapshots(out), nil
}

// SnapshotArgs are the arguments of functions that name a snapshot.
type SnapshotArgs struct {
	VM       string `lua:"vm,required" doc:"name or UUID of the machine"`
	Snapshot string `lua:"snapshot,required" doc:"name or UUID of the snapshot"`
	Owner    `lua:",inline"`
}

// find looks for the snapshot.
func (a SnapshotArgs) find(ctx context.Context, h effect.Doer, op string) (m Info, s Snapshot, found bool, err error) {
	if err := checkWord(op, "name of a snapshot", a.Snapshot); err != nil {
		return m, s, false, err
	}
	if m, err = a.look(ctx, h, op, a.VM); err != nil {
		return m, s, false, err
	}
	list, err := a.snapshots(ctx, h, op, a.VM)
	for _, each := range list {
		if each.Name == a.Snapshot || each.UUID == a.Snapshot {
			if found {
				return m, s, true, effect.WithHint(effect.Errorf(effect.Failed, op, "two snapshots of %s are named %s", m.Name, a.Snapshot), "call it by its UUID: h.vbox.snapshot.list")
			}
			s, found = each, true
		}
	}
	return m, s, found, err
}

// TakeArgs are the arguments of TakeSnapshot.
type TakeArgs struct {
	VM          string `lua:"vm,required" doc:"name or UUID of the machine"`
	Snapshot    string `lua:"snapshot,required" doc:"name of the snapshot; one of that name stays as it is"`
	Description string `lua:"description" doc:"a text about it"`
	Owner       `lua:",inline"`
}

// TakeSnapshot keeps the state of a machine. What runs is kept as it runs, and is
// paused meanwhile.
func TakeSnapshot(ctx context.Context, h effect.Doer, a TakeArgs) (Changed, error) {
	const op = "vbox.snapshot.take"
	m, _, found, err := SnapshotArgs{VM: a.VM, Snapshot: a.Snapshot, Owner: a.Owner}.find(ctx, h, op)
	if err != nil || found {
		return Changed{}, err
	}
	args := []string{"snapshot", a.VM, "take", a.Snapshot}
	if a.Description != "" {
		args = append(args, "--description", a.Description)
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Diff: note("machine "+m.Name, "take the snapshot %s", a.Snapshot),
	}, args...)
	return Changed{err == nil}, err
}

// RestoreSnapshot brings a machine back to a snapshot; what came after is lost.
func RestoreSnapshot(ctx context.Context, h effect.Doer, a SnapshotArgs) (Changed, error) {
	const op = "vbox.snapshot.restore"
	m, s, found, err := a.find(ctx, h, op)
	switch {
	case err != nil:
		return Changed{}, err
	case !found:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Missing, op, "the machine %s has no snapshot %s", m.Name, a.Snapshot), "h.vbox.snapshot.list lists them")
	case m.Running:
		return Changed{}, refused(op, m, "a machine that runs cannot go back to a snapshot")
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Risk: effect.Irreversible, Note: "what " + m.Name + " has written since the snapshot that it stands on is lost",
		Diff: note("machine "+m.Name, "go back to the snapshot %s", s.Name),
	}, "snapshot", a.VM, "restore", a.Snapshot)
	return Changed{err == nil}, err
}

// DeleteSnapshot gives up a snapshot: the machine stays as it is, and can no longer
// go back to it.
func DeleteSnapshot(ctx context.Context, h effect.Doer, a SnapshotArgs) (Changed, error) {
	const op = "vbox.snapshot.delete"
	m, s, found, err := a.find(ctx, h, op)
	if err != nil || !found {
		return Changed{}, err
	}
	e := effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), media}, Risk: effect.Irreversible, Note: m.Name + " can no longer go back to the snapshot " + s.Name,
		Diff: note("machine "+m.Name, "delete the snapshot %s", s.Name),
	}
	_, err = a.change(ctx, h, e, "snapshot", a.VM, "delete", a.Snapshot)
	return Changed{err == nil}, err
}

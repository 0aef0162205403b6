package vbox

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// CreateArgs are the arguments of Create.
type CreateArgs struct {
	VM         string `lua:"vm,required" doc:"name of the machine"`
	UUID       string `lua:"uuid" doc:"of a new machine; default: a new one"`
	BaseFolder string `lua:"base_folder" doc:"the machine's own folder is made in this one; default: ~/VirtualBox VMs" `
	Settings   `lua:",inline"`
	Owner      `lua:",inline"`
}

// Created is what making a machine came to.
type Created struct {
	Changed    bool              `lua:"changed" doc:"the machine was, or in check mode would be, made or altered"`
	Created    bool              `lua:"created" doc:"it was not there"`
	UUID       string            `lua:"uuid,produced"`
	ConfigFile string            `lua:"config_file,produced" doc:"the file with its settings"`
	Changes    []ModifiedSetting `lua:"changes" doc:"the settings that were, or in check mode would be, altered"`
}

// Create makes a machine with the settings, or gives them to the one of the name.
func Create(ctx context.Context, h effect.Doer, a CreateArgs) (Created, error) {
	const op = "vbox.create"
	if err := a.check(op); err != nil {
		return Created{}, err
	}
	m, found, err := a.find(ctx, h, op, a.VM)
	if err != nil {
		return Created{}, err
	}
	if found {
		if a.UUID != "" && !strings.EqualFold(a.UUID, m.UUID) && m.UUID != "" {
			return Created{}, effect.Errorf(effect.Failed, op, "there is a machine %s, of UUID %s", a.VM, m.UUID)
		}
		done, err := a.modify(ctx, h, op, a.VM, m, a.Settings)
		return Created{Changed: done.Changed, UUID: m.UUID, ConfigFile: m.ConfigFile, Changes: done.Changes}, err
	}
	ostype, err := a.describe(ctx, h, op, a.OSType)
	if err != nil {
		return Created{}, err
	}
	wish := a.Settings
	wish.OSType = "" // it is made with that
	steps, err := wish.plan(op, Info{}, "", true)
	if err != nil {
		return Created{}, err
	}
	done := Created{Changed: true, Created: true, Changes: modified(steps)}
	made, err := a.make(ctx, h, op, ostype)
	if err != nil {
		return done, err
	}
	done.UUID, done.ConfigFile = made.UUID, made.ConfigFile
	if len(steps) == 0 {
		return done, nil
	}
	_, err = a.apply(ctx, h, op, a.VM, made, steps)
	return done, err
}

func (a CreateArgs) check(op string) error {
	if err := checkMachine(op, a.VM); err != nil {
		return err
	}
	if isUUID(a.VM) {
		return invalid(op, "a machine is made by name: uuid= is its UUID")
	}
	if a.UUID != "" && !isUUID(a.UUID) {
		return invalid(op, "%q is no UUID", a.UUID)
	}
	if a.BaseFolder != "" {
		if err := checkPath(op, "a folder", a.BaseFolder); err != nil {
			return err
		}
	}
	if a.OSType == "" {
		a.OSType = "Other"
	}
	return a.Settings.check(op)
}

// make creates and registers the machine.
func (a CreateArgs) make(ctx context.Context, h effect.Doer, op, ostype string) (Info, error) {
	args := []string{"createvm", "--name", a.VM}
	if a.OSType != "" {
		args = append(args, "--ostype", a.OSType)
	}
	writes := []effect.Resource{machine(a.VM), "vbox:list"}
	if a.BaseFolder != "" {
		args = append(args, "--basefolder", a.BaseFolder)
		writes = append(writes, effect.Tree(path.Join(a.BaseFolder, a.VM)))
	}
	if a.UUID != "" {
		args = append(args, "--uuid", strings.Trim(a.UUID, "{}"))
	}
	blank := Info{
		Name: a.VM, UUID: a.UUID, State: "poweroff", OSType: ostype, Boot: []string{}, Controllers: []Controller{}, NICs: []NIC{}, UARTs: []UART{}, Settings: map[string]string{},
	}
	res, err := a.change(ctx, h, effect.Effect{
		Op: op, Writes: writes, Leaves: a.leaves(a.VM, blank), Diff: note("machine "+a.VM, "create a machine of type %s", orDefault(ostype, "Other")),
	}, append(args, "--register")...)
	if err != nil || res.Skipped {
		return blank, err
	}
	return a.look(ctx, h, op, a.VM)
}

func orDefault(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// describe is the description of a type of guests, by which machines show it.
func (o Owner) describe(ctx context.Context, h effect.Doer, op, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	types, err := o.osTypes(ctx, h, op)
	if err != nil {
		return "", err
	}
	for _, t := range types {
		if t.ID == id {
			return t.Description, nil
		}
	}
	return "", effect.WithHint(invalid(op, "VirtualBox knows no type of guests %q", id), "h.vbox.ostypes lists them")
}

// ModifyArgs are the arguments of Modify.
type ModifyArgs struct {
	VM       string `lua:"vm,required" doc:"name or UUID of the machine"`
	Settings `lua:",inline"`
	Owner    `lua:",inline"`
}

// Modified is what changing a machine came to.
type Modified struct {
	Changed bool              `lua:"changed" doc:"something was, or in check mode would be, changed"`
	Changes []ModifiedSetting `lua:"changes" doc:"the settings that were, or in check mode would be, altered"`
}

// Modify gives a machine the settings that it does not have.
func Modify(ctx context.Context, h effect.Doer, a ModifyArgs) (Modified, error) {
	const op = "vbox.modify"
	if err := a.Settings.check(op); err != nil {
		return Modified{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Modified{}, err
	}
	return a.modify(ctx, h, op, a.VM, m, a.Settings)
}

func (o Owner) modify(ctx context.Context, h effect.Doer, op, vm string, m Info, s Settings) (Modified, error) {
	ostype, err := o.describe(ctx, h, op, s.OSType)
	if err != nil {
		return Modified{}, err
	}
	steps, err := s.plan(op, m, ostype, false)
	if err != nil {
		return Modified{}, err
	}
	return o.carryOut(ctx, h, op, vm, m, steps, nil)
}

// carryOut makes the steps: at once where the machine runs and can take them.
func (o Owner) carryOut(ctx context.Context, h effect.Doer, op, vm string, m Info, steps []step, now live) (Modified, error) {
	done := Modified{Changed: len(steps) > 0, Changes: modified(steps)}
	switch {
	case len(steps) == 0:
		return done, nil
	case m.State == "running" && now != nil:
		return done, o.applyLive(ctx, h, op, vm, m, steps, now)
	case m.State != "poweroff" && m.State != "aborted":
		names := make([]string, len(steps))
		for i, s := range steps {
			names[i] = s.Setting
		}
		return Modified{}, refused(op, m, "%s can only be changed while the machine is off", strings.Join(names, ", "))
	}
	_, err := o.apply(ctx, h, op, vm, m, steps)
	return done, err
}

// apply changes a machine that is off, by one command.
func (o Owner) apply(ctx context.Context, h effect.Doer, op, vm string, m Info, steps []step) (effect.Result, error) {
	args := []string{"modifyvm", vm}
	for _, s := range steps {
		args = append(args, s.args...)
	}
	return o.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(vm)}, Leaves: o.leaves(vm, applied(m, steps)), Diff: diffOf(m.Name, steps),
	}, args...)
}

// applyLive changes a machine that runs, step by step.
func (o Owner) applyLive(ctx context.Context, h effect.Doer, op, vm string, m Info, steps []step, now live) error {
	var commands [][]string
	for _, s := range steps {
		command := now(s)
		if command == nil {
			return refused(op, m, "%s can only be changed while the machine is off", s.Setting)
		}
		if !slices.ContainsFunc(commands, func(c []string) bool { return slices.Equal(c, command) }) {
			commands = append(commands, command)
		}
	}
	for _, command := range commands {
		_, err := o.change(ctx, h, effect.Effect{
			Op: op, Writes: []effect.Resource{machine(vm)}, Leaves: o.leaves(vm, applied(m, steps)), Diff: diffOf(m.Name, steps),
		}, append([]string{"controlvm", vm}, command...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// RegisterArgs are the arguments of Register.
type RegisterArgs struct {
	File  string `lua:"file,required" doc:"the machine's settings: NAME.vbox in its folder"`
	Owner `lua:",inline"`
}

// Register takes in a machine whose files are there.
func Register(ctx context.Context, h effect.Doer, a RegisterArgs) (Changed, error) {
	const op = "vbox.register"
	if err := checkPath(op, "a machine's settings", a.File); err != nil {
		return Changed{}, err
	}
	name := strings.TrimSuffix(path.Base(a.File), ".vbox")
	if m, found, err := a.find(ctx, h, op, name); err != nil {
		return Changed{}, err
	} else if found {
		if m.ConfigFile == path.Clean(a.File) {
			return Changed{}, nil
		}
		return Changed{}, effect.Errorf(effect.Failed, op, "another machine is named %s: %s", name, m.ConfigFile)
	}
	_, err := a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(name), "vbox:list", media}, Diff: note("machine "+name, "register %s", a.File),
	}, "registervm", a.File)
	return Changed{err == nil}, err
}

// RemoveArgs are the arguments of Remove.
type RemoveArgs struct {
	VM    string `lua:"vm,required" doc:"name or UUID of the machine"`
	Media bool   `lua:"media" doc:"delete its disks, snapshots and settings, too; else all files stay, and vbox.register takes the machine in again"`
	Owner `lua:",inline"`
}

// Removed is what removing a machine came to.
type Removed struct {
	Changed bool     `lua:"changed" doc:"it was, or in check mode would be, removed"`
	Kept    []string `lua:"kept" doc:"disks that the machine had and that stay"`
	Deleted []string `lua:"deleted" doc:"disks that are, or in check mode would be, deleted with it"`
}

// Remove takes a machine out of the registry. One that is not there is no error.
func Remove(ctx context.Context, h effect.Doer, a RemoveArgs) (Removed, error) {
	const op = "vbox.remove"
	done := Removed{Kept: []string{}, Deleted: []string{}}
	m, found, err := a.find(ctx, h, op, a.VM)
	if err != nil || !found {
		return done, err
	}
	if m.Running {
		return done, refused(op, m, "a machine that runs cannot be removed")
	}
	done.Changed = true
	disks := m.media()
	below, err := a.beneath(ctx, h, m, disks...)
	if err != nil {
		return done, err
	}
	for _, b := range below {
		disks = append(disks, b.Path)
	}
	e := effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM), "vbox:list", media}, Leaves: map[effect.Resource]string{machine(a.VM): a.As + "\n" + gone},
		Diff: note("machine "+m.Name, "unregister; its files stay"),
	}
	args := []string{"unregistervm", a.VM}
	if a.Media {
		done.Deleted = disks
		for _, file := range done.Deleted {
			e.Writes = append(e.Writes, effect.File(file))
		}
		if m.ConfigFile != "" {
			e.Writes = append(e.Writes, effect.Tree(path.Dir(m.ConfigFile)))
		}
		e.Risk, e.Note = effect.Irreversible, fmt.Sprintf("the machine %s is deleted with its disks: %s", m.Name, orNone(done.Deleted))
		e.Diff.Note = "delete, with " + orNone(done.Deleted)
		args = append(args, "--delete")
	} else {
		done.Kept = disks
	}
	if isUUID(a.VM) {
		e.Leaves = nil
	}
	_, err = a.change(ctx, h, e, args...)
	return done, err
}

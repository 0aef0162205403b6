package vbox

import (
	"context"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// State is how a machine is.
type State struct {
	State   string    `lua:"state" doc:"poweroff, running, paused, saved, aborted, starting, stopping ..."`
	Since   time.Time `lua:"since,omitempty"`
	Running bool      `lua:"running"`
}

// ShowState tells how a machine is.
func ShowState(ctx context.Context, h effect.Doer, a ArgsOfMachine) (State, error) {
	const op = "vbox.state"
	if err := checkMachine(op, a.VM); err != nil {
		return State{}, err
	}
	out, err := a.query(ctx, h, op, []effect.Resource{machine(a.VM)}, "showvminfo", a.VM, "--machinereadable")
	if err != nil {
		return State{}, err
	}
	m, err := parseInfo(out)
	return State{m.State, m.Since, m.Running}, err
}

// StartArgs are the arguments of Start.
type StartArgs struct {
	VM    string `lua:"vm,required" doc:"name or UUID of the machine"`
	Type  string `lua:"type" doc:"its front end" enum:"headless|gui|sdl|separate" default:"headless"`
	Owner `lua:",inline"`
}

// Start starts a machine, or lets it go on.
func Start(ctx context.Context, h effect.Doer, a StartArgs) (Changed, error) {
	const op = "vbox.start"
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Changed{}, err
	}
	args := []string{"startvm", a.VM, "--type", orDefault(a.Type, "headless")}
	switch {
	case m.State == "paused":
		args = []string{"controlvm", a.VM, "resume"}
	case m.State == "running" || m.State == "starting" || m.State == "restoring":
		return Changed{}, nil
	case m.Running:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the machine %s is %s", m.Name, m.State), "wait until that is over")
	}
	after := m
	after.State, after.Running = "running", true
	res, err := a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM)}, Leaves: a.leaves(a.VM, after), Diff: note("machine "+m.Name, "state %s -> running", m.State),
	}, args...)
	if err != nil {
		return Changed{}, a.whyNot(ctx, h, op, err)
	}
	if res.Skipped {
		return Changed{true}, nil
	}
	if m, err = a.look(ctx, h, op, a.VM); err == nil && !m.Running {
		err = effect.WithHint(effect.Errorf(effect.Failed, op, "the machine %s was started, and is %s", m.Name, m.State), "see VBox.log in %s", m.LogFolder)
	}
	return Changed{true}, err
}

// whyNot adds to a failed start whether the kernel's module is there.
func (o Owner) whyNot(ctx context.Context, h effect.Doer, op string, err error) error {
	if effect.KindOf(err) != effect.Failed {
		return err
	}
	if v, asked := o.version(ctx, h, op); asked == nil && !v.Driver {
		told := *effect.AsError(err)
		told.Hint = driverHint
		return &told
	}
	return err
}

// StopArgs are the arguments of Stop.
type StopArgs struct {
	VM     string        `lua:"vm,required" doc:"name or UUID of the machine"`
	How    string        `lua:"how" doc:"acpi asks the guest to shut down, poweroff pulls the plug, save keeps its state for the next start" enum:"acpi|poweroff|save" default:"acpi"`
	Within time.Duration `lua:"within" doc:"with acpi: how long the guest may take" unit:"seconds" default:"120"`
	Force  bool          `lua:"force" doc:"with acpi: pull the plug when it takes longer"`
	Owner  `lua:",inline"`
}

// Stopped is what stopping a machine came to.
type Stopped struct {
	Changed bool   `lua:"changed" doc:"it was, or in check mode would be, stopped"`
	State   string `lua:"state,produced" doc:"how it is now: poweroff, saved, aborted"`
	Forced  bool   `lua:"forced,produced" doc:"the guest did not shut down in time, and the plug was pulled"`
}

// Stop stops a machine and waits until it is off.
func Stop(ctx context.Context, h effect.Doer, a StopArgs) (Stopped, error) {
	const op = "vbox.stop"
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil || !m.Running {
		return Stopped{State: m.State}, err
	}
	done := Stopped{Changed: true}
	verb, to := map[string]string{"": "acpipowerbutton", "acpi": "acpipowerbutton", "poweroff": "poweroff", "save": "savestate"}[a.How], "poweroff"
	if a.How == "save" {
		to = "saved"
	}
	if verb == "acpipowerbutton" && m.State == "paused" {
		return done, effect.WithHint(effect.Errorf(effect.Failed, op, "the machine %s is paused: its guest hears nothing", m.Name), `h.vbox.start lets it go on; how="poweroff" pulls the plug`)
	}
	skipped, err := a.press(ctx, h, op, m, verb, to)
	if err != nil || skipped {
		return done, err
	}
	within := a.Within
	if within == 0 || verb != "acpipowerbutton" {
		within = max(within, 2*time.Minute)
	}
	done.State, err = a.awaitStop(ctx, h, op, within)
	if effect.KindOf(err) != effect.Timeout || verb != "acpipowerbutton" {
		return done, err
	}
	if !a.Force {
		return done, effect.WithHint(effect.Errorf(effect.Timeout, op, "the guest of %s has not shut down within %s", m.Name, within),
			`it may not listen to ACPI: force=true pulls the plug then`)
	}
	done.Forced = true
	if _, err := a.press(ctx, h, op, m, "poweroff", "poweroff"); err != nil {
		return done, err
	}
	done.State, err = a.awaitStop(ctx, h, op, 2*time.Minute)
	return done, err
}

// press sends a command to a machine that runs.
func (a StopArgs) press(ctx context.Context, h effect.Doer, op string, m Info, verb, to string) (skipped bool, err error) {
	after := m
	after.State, after.Running = to, false
	res, err := a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM)}, Leaves: a.leaves(a.VM, after), Diff: note("machine "+m.Name, "%s: state %s -> %s", verb, m.State, to),
	}, "controlvm", a.VM, verb)
	return res.Skipped, err
}

// awaitStop waits until a machine is off and nobody has it open any more.
func (a StopArgs) awaitStop(ctx context.Context, h effect.Doer, op string, within time.Duration) (state string, err error) {
	err = host.WaitUntil(ctx, func(ctx context.Context) (bool, error) {
		m, err := a.look(ctx, h, op, a.VM)
		state = m.State
		return err == nil && !m.Running && m.Session == "", err
	}, within)
	return state, err
}

// Reset restarts a machine as its reset button does.
func Reset(ctx context.Context, h effect.Doer, a ArgsOfMachine) (Changed, error) {
	const op = "vbox.reset"
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Changed{}, err
	}
	if m.State != "running" && m.State != "paused" {
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the machine %s is %s", m.Name, m.State), "h.vbox.start starts it")
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Writes: []effect.Resource{machine(a.VM)}, Leaves: a.leaves(a.VM, m), Diff: note("machine "+m.Name, "reset"),
	}, "controlvm", a.VM, "reset")
	return Changed{err == nil}, err
}

// GuestPropertyArgs are the arguments of GuestProperties.
type GuestPropertyArgs struct {
	VM      string `lua:"vm,required" doc:"name or UUID of the machine"`
	Pattern string `lua:"pattern,pos" doc:"only those of such a name: \"/VirtualBox/GuestInfo/Net/*\"; default: all"`
	Owner   `lua:",inline"`
}

// GuestProperties returns what a guest and its host tell each other.
func GuestProperties(ctx context.Context, h effect.Doer, a GuestPropertyArgs) (map[string]string, error) {
	const op = "vbox.guestproperty"
	if err := checkMachine(op, a.VM); err != nil {
		return nil, err
	}
	args := []string{"guestproperty", "enumerate", a.VM}
	if a.Pattern != "" {
		if err := checkWord(op, "pattern", a.Pattern); err != nil {
			return nil, err
		}
		v, err := a.version(ctx, h, op)
		if err != nil {
			return nil, err
		}
		if !v.since(7, 0) {
			args = append(args, "--patterns")
		}
		args = append(args, a.Pattern)
	}
	out, err := a.query(ctx, h, op, []effect.Resource{machine(a.VM)}, args...)
	if err != nil {
		return nil, err
	}
	return parseGuestProperties(out), nil
}

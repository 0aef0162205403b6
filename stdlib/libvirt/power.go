package libvirt

import (
	"context"
	"fmt"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

const (
	shutOff = "shut off"
	running = "running"
)

// Changed is what a change came to.
type Changed struct {
	Changed bool `lua:"changed" doc:"something was, or in check mode would be, changed"`
}

// ShutdownArgs say how a domain is shut down.
type ShutdownArgs struct {
	Name    string        `lua:"name,required" doc:"the domain's name or UUID"`
	Within  time.Duration `lua:"within" doc:"how long the guest may take; 0: for ever" unit:"seconds" default:"300"`
	Force   bool          `lua:"force" doc:"pull the plug when it takes longer: what the guest has not written yet is lost"`
	Mode    string        `lua:"mode" doc:"how the guest is told; default: as libvirt finds best" enum:"acpi|agent|initctl|signal|paravirt"`
	Connect `lua:",inline"`
}

// Stopped is what shutting down came to.
type Stopped struct {
	Changed bool   `lua:"changed" doc:"it was not off before"`
	Forced  bool   `lua:"forced,produced" doc:"the guest did not shut down by itself"`
	State   string `lua:"state,produced" doc:"what it is at: shut off"`
}

// Shutdown shuts a domain down and waits until it is off.
func Shutdown(ctx context.Context, h effect.Doer, a ShutdownArgs) (Stopped, error) {
	const op = "libvirt.shutdown"
	d, err := DomainArgs{Name: a.Name, Connect: a.Connect, Live: true}.look(ctx, h, op, stateOf(a.Name))
	if err != nil {
		return Stopped{}, err
	}
	s := stopping{h: h, op: op, name: NameArgs{a.Name, a.Connect}, uuid: d.UUID, leaves: leaves(d, "shut off (shutdown)")}
	switch {
	case d.State == shutOff:
		return Stopped{State: shutOff}, nil
	case !d.Persistent:
		return Stopped{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the domain %s is transient: once it is off, its definition is lost", a.Name),
			"make it persistent first: virsh dumpxml and virsh define")
	case deaf(d.State) && !a.Force:
		return Stopped{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the domain %s is %s and does not hear that it shall shut down", a.Name, d.State),
			"let it go on first (virsh resume, virsh dompmwakeup), or pull the plug with force=true")
	}
	if s.writes, err = writtenBy(ctx, h, op, a.Connect, d); err != nil {
		return Stopped{}, err
	}
	if deaf(d.State) {
		return s.destroy(ctx)
	}
	return s.shutdown(ctx, a)
}

// deaf tells whether a domain in this state takes no notice of anything.
func deaf(state string) bool {
	return state == "paused" || state == "pmsuspended" || state == "crashed"
}

// writtenBy is what changes while a domain shuts down: its state, its disks, its
// EFI variables.
func writtenBy(ctx context.Context, h effect.Doer, op string, c Connect, d Domain) ([]effect.Resource, error) {
	disks, err := resolve(ctx, h, op, c, d)
	if err != nil {
		return nil, err
	}
	writes := []effect.Resource{stateOf(d.Name), stateOf(d.UUID)}
	for _, disk := range disks {
		if disk.Path != "" && !disk.ReadOnly {
			writes = append(writes, effect.File(disk.Path))
		}
	}
	if d.Firmware.NVRAM != "" {
		writes = append(writes, effect.File(d.Firmware.NVRAM))
	}
	return writes, nil
}

// leaves is what a change makes of a domain's state, by either of its names.
func leaves(d Domain, state string) map[effect.Resource]string {
	return map[effect.Resource]string{stateOf(d.Name): state, stateOf(d.UUID): state}
}

// stopping is a domain on its way down.
type stopping struct {
	h      effect.Doer
	op     string
	name   NameArgs
	uuid   string
	writes []effect.Resource
	leaves map[effect.Resource]string
}

func (s *stopping) shutdown(ctx context.Context, a ShutdownArgs) (Stopped, error) {
	args := []string{"shutdown", "--domain", s.uuid}
	if a.Mode != "" {
		args = append(args, "--mode", a.Mode)
	}
	res, err := s.name.change(ctx, s.h, effect.Effect{
		Op: s.op, Title: "virsh shutdown " + a.Name, Writes: s.writes, Leaves: s.leaves, Diff: diff("domain "+a.Name, "shut down"),
	}, args...)
	if err != nil && !s.isOff(ctx) || res.Skipped {
		return Stopped{Changed: true}, err
	}
	effect.Report(ctx, s.op, "waiting for "+a.Name+" to shut down", map[string]any{"waiting": true})
	err = host.WaitUntil(ctx, func(ctx context.Context) (bool, error) { return s.off(ctx) }, a.Within)
	switch {
	case effect.KindOf(err) != effect.Timeout:
		return Stopped{Changed: true, State: shutOff}, err
	case a.Force:
		return s.destroy(ctx)
	}
	late := effect.Errorf(effect.Timeout, s.op, "the guest of %s has not shut down within %s", a.Name, a.Within)
	late.Reached = "it was told to shut down, and may still do so"
	late.Hint = "shut it down from inside; a guest needs ACPI (or the guest agent, mode=\"agent\") to hear of it; force=true pulls the plug"
	return Stopped{Changed: true}, late
}

// off tells whether the domain is off.
func (s *stopping) off(ctx context.Context) (bool, error) {
	now, err := s.name.state(ctx, s.h, s.op, s.uuid)
	return now.State == shutOff, err
}

// isOff tells whether the domain is off for sure: a guest may have shut down by
// itself just before it was told to.
func (s *stopping) isOff(ctx context.Context) bool {
	off, err := s.off(ctx)
	return err == nil && off
}

func (s *stopping) destroy(ctx context.Context) (Stopped, error) {
	res, err := s.name.change(ctx, s.h, effect.Effect{
		Op: s.op, Title: "virsh destroy " + s.name.Name, Writes: s.writes, Leaves: s.leaves,
		Diff: diff("domain "+s.name.Name, "pull the plug"),
	}, "destroy", "--domain", s.uuid)
	done := Stopped{Changed: true, Forced: true, State: shutOff}
	if err != nil && s.isOff(ctx) {
		return Stopped{Changed: true, State: shutOff}, nil
	}
	if err != nil || res.Skipped {
		return done, err
	}
	off, err := s.off(ctx)
	if err == nil && !off {
		err = effect.Errorf(effect.Failed, s.op, "the plug of %s was pulled, and it still runs", s.name.Name)
	}
	return done, err
}

// Start starts a domain.
func Start(ctx context.Context, h effect.Doer, a NameArgs) (Changed, error) {
	const op = "libvirt.start"
	d, err := DomainArgs{Name: a.Name, Connect: a.Connect}.look(ctx, h, op, stateOf(a.Name))
	switch {
	case err != nil:
		return Changed{}, err
	case d.State == running || d.State == "idle":
		return Changed{}, nil
	case d.State != shutOff:
		return Changed{}, effect.WithHint(effect.Errorf(effect.Failed, op, "the domain %s is %s", a.Name, d.State),
			"virsh resume lets a paused domain go on, virsh dompmwakeup one that sleeps")
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Title: "virsh start " + a.Name, Writes: []effect.Resource{stateOf(d.Name), stateOf(d.UUID)}, Leaves: leaves(d, "running (booted)"),
		Diff: diff("domain "+a.Name, "start"),
	}, "start", "--domain", d.UUID)
	return Changed{true}, err
}

// AutostartArgs say whether a domain starts with the host.
type AutostartArgs struct {
	Name    string `lua:"name,required" doc:"the domain's name or UUID"`
	Enabled bool   `lua:"enabled,required" doc:"it does"`
	Connect `lua:",inline"`
}

// Autostart makes a domain start with its host, or not.
func Autostart(ctx context.Context, h effect.Doer, a AutostartArgs) (Changed, error) {
	const op = "libvirt.autostart"
	d, err := DomainArgs{Name: a.Name, Connect: a.Connect}.look(ctx, h, op)
	if err != nil || d.Autostart == a.Enabled {
		return Changed{}, err
	}
	args := []string{"autostart", "--domain", d.UUID}
	word := "on"
	if !a.Enabled {
		args, word = append(args, "--disable"), "off"
	}
	_, err = a.change(ctx, h, effect.Effect{
		Op: op, Title: fmt.Sprintf("virsh autostart %s (%s)", a.Name, word), Writes: []effect.Resource{definition(a.Name)},
		Diff: diff("domain "+a.Name, "autostart "+word),
	}, args...)
	return Changed{true}, err
}

package freebsdupdate

import (
	"context"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// InstallArgs are the arguments of Install.
type InstallArgs struct {
	// Booted lets the world be installed although the kernel that runs is not
	// the new one: in a jail or under another root the host's kernel counts.
	Booted  *bool         `lua:"booted" doc:"the new kernel runs already; default: looked up, and taken for granted in jails and under another root"`
	Timeout time.Duration `lua:"timeout" doc:"0: none" unit:"seconds"`
	Place   `lua:",inline"`
}

// Installed is what a pass of install came to.
type Installed struct {
	Changed         bool   `lua:"changed" doc:"something was, or in check mode would be, installed"`
	Before          string `lua:"before" doc:"phase before, as progress has it"`
	Phase           string `lua:"phase,produced" doc:"phase after"`
	RebootNeeded    bool   `lua:"reboot_needed,produced" doc:"the new kernel is installed: reboot, then install again"`
	PackagesFirst   bool   `lua:"packages_first,produced" doc:"old shared libraries go with the next pass: renew packages before it"`
	Finished        bool   `lua:"finished,produced" doc:"nothing is left to install"`
	KernelChanged   bool   `lua:"kernel_changed,produced" doc:"files below /boot were among what was installed; after patches, reboot"`
	BootEnvironment string `lua:"boot_environment,produced" doc:"that the tool made before (14 and later); empty: none"`
	SSHDRestarted   bool   `lua:"sshd_restarted,produced" doc:"the tool has restarted sshd"`
}

// Install installs what is prepared: one pass.
func Install(ctx context.Context, h effect.Doer, a InstallArgs) (Installed, error) {
	const op = "freebsd_update.install"
	t, err := locate(ctx, h, op, a.Place)
	if err != nil {
		return Installed{}, err
	}
	before, err := t.begun(ctx, h, op)
	if err != nil {
		return Installed{}, err
	}
	done := Installed{Before: before.Phase, Phase: before.Phase}
	if !before.pending() {
		done.Finished = true
		return done, nil
	}
	if err := t.mayInstall(ctx, h, op, before, a.Booted); err != nil {
		return done, err
	}
	pass, flags := before.pass, passFlags
	if before.Phase == phaseFetched { // patches go in one pass: one that was cut is made again
		pass, _, _ = strings.Cut(pass, " ")
		flags = ""
	}
	o, err := t.carryOut(ctx, h, op, "install", pass, flags, a.Timeout)
	if err != nil && (o == nil || o.code != nothingToDo) {
		return done, err
	}
	done.Changed = true
	if o == nil {
		return done, nil // skipped
	}
	err = t.tell(ctx, h, op, before, *o, &done)
	return done, err
}

// begun is the progress that a pass begins with. Where nothing could be begun
// when a resumed run came by here first, it is looked again.
func (t target) begun(ctx context.Context, h effect.Doer, op string) (Progress, error) {
	p, before, err := t.noted(ctx, h, op)
	if err == nil && before && (!p.pending() || p.Damaged) {
		return t.progress(ctx, h, op)
	}
	return p, err
}

// tell says what a pass came to: how far it is, the state files tell.
func (t target) tell(ctx context.Context, h effect.Doer, op string, before Progress, o outcome, done *Installed) error {
	after, err := t.progress(ctx, h, op)
	if err != nil {
		return err
	}
	done.Phase = after.Phase
	done.Finished = !after.pending()
	done.RebootNeeded = after.Phase == phaseKernelDone
	done.PackagesFirst = after.Phase == phaseWorldDone
	done.KernelChanged = before.boot && (before.Phase == phaseFetched || before.Phase == phaseUpgrade)
	done.SSHDRestarted = strings.Contains(o.out, "Restarting sshd after upgrade")
	if strings.Contains(o.out, snapshotMade) {
		if done.BootEnvironment, err = snapshot(ctx, h, op); err != nil {
			return err
		}
	}
	// A job of a former call may have been about to end when this one looked.
	if !done.Finished && after.Phase == before.Phase && !o.attached {
		return &effect.Error{Op: op, Kind: effect.Failed, Message: "install came to its end and is as far as it was before: " + before.Phase, Out: tail(o.out)}
	}
	return nil
}

// nothingToDo is the exit code of install where nothing is prepared (12 and later).
const nothingToDo = 2

// mayInstall refuses what would leave the system between two releases: an
// incomplete manifest, and a new world on the old kernel.
func (t target) mayInstall(ctx context.Context, h effect.Doer, op string, p Progress, booted *bool) error {
	if p.Damaged {
		return effect.WithHint(effect.Errorf(effect.Failed, op, "what is prepared is incomplete"), "fetch or upgrade again")
	}
	if p.Phase != phaseKernelDone || booted != nil && *booted || booted == nil && !t.isHost() {
		return nil
	}
	if booted == nil {
		facts, err := host.GetFacts(ctx, h)
		if err != nil {
			return err
		}
		if p.To == "" || withoutPatch(facts.Version) == p.To {
			return nil
		}
	}
	return effect.WithHint(
		effect.Errorf(effect.Failed, op, "the kernel of %s is installed and does not run yet", p.To),
		"reboot, then install again; booted=true takes the running kernel for the new one")
}

// passScript runs a command unless what a link of the tool names, and what of it
// is done, are not what the command was decided on: it has been carried out then,
// be it by a job of a former session, and once more would be one pass too many.
const passScript = `cd "$1" || exit 1
now=$(readlink "$2")
for f in $4; do if [ -f "$2/$f" ]; then now="$now $f"; fi; done
if [ "$now" != "$3" ]; then echo "This was done before."; exit 0; fi
shift 4
exec "$@"`

// passFlags are the files beside a manifest that tell how much of it is installed.
const passFlags = "kernelfirst kerneldone worlddone"

// carryOut runs a command that changes the system: install or rollback, for the
// pass that was decided on.
func (t target) carryOut(ctx context.Context, h effect.Doer, op, verb, pass, flags string, limit time.Duration) (*outcome, error) {
	can, err := probe(ctx, h, op)
	if err != nil {
		return nil, err
	}
	c, err := t.prepare(ctx, h, op, verb, can, Source{Timeout: limit}, nil)
	if err != nil {
		return nil, err
	}
	e := t.effectOf(c)
	e.Argv = append([]string{"sh", "-c", passScript, "sh", t.work, t.hash + "-" + verb, pass, flags}, e.Argv...)
	e.Risk, e.Writes = effect.Disruptive, nil // all of the system
	return t.run(ctx, h, e, c)
}

// snapshotMade is what the tool prints where it made a boot environment (14 and
// later); it does not print its name, which ends in the time.
const snapshotMade = "Creating snapshot of existing boot environment... done."

var snapshotForm = lazyregexp.New(`(?m)^(\S+)_(\d{4}-\d\d-\d\d_\d{6})\t`)

// snapshot names the boot environment that the tool made last.
func snapshot(ctx context.Context, h effect.Doer, op string) (string, error) {
	res, err := h.Do(ctx, effect.Effect{
		Op: op, Kind: effect.Read, Argv: []string{"bectl", "list", "-H"}, Reads: []effect.Resource{"zfs"},
	})
	if err != nil {
		return "", err
	}
	out, err := res.Text()
	return latestSnapshot(out), err
}

func latestSnapshot(list string) string {
	name, last := "", ""
	for _, m := range snapshotForm.FindAllStringSubmatch(list, -1) {
		if m[2] >= last {
			name, last = m[1]+"_"+m[2], m[2]
		}
	}
	return name
}

package hostverbs

import (
	"context"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

type rebootArgs struct {
	Within  time.Duration `lua:"within" doc:"seconds that the host may take to come back" default:"900"`
	Command []string      `lua:"command" doc:"what reboots it; shutdown -r now without it"`
}

// Rebooted tells of a reboot.
type Rebooted struct {
	Changed bool          `lua:"changed" doc:"true"`
	Took    time.Duration `lua:"took,produced" doc:"seconds until it answered again"`
}

func reboot(ctx context.Context, h effect.Doer, a rebootArgs) (Rebooted, error) {
	began := clock.Now(ctx)
	err := host.Reboot(ctx, h, host.RebootOptions{Within: a.Within, Command: a.Command, Op: "reboot"})
	return Rebooted{Changed: true, Took: clock.Now(ctx).Sub(began)}, err
}

type waitUntilArgs struct {
	Command `lua:",inline"`
	Timeout time.Duration `lua:"timeout" doc:"seconds to wait at most" default:"300"`
	Reads   []string      `lua:"reads" doc:"what it looks at, as file:/etc/rc.conf, service:sshd; everything without it"`
}

func waitUntil(ctx context.Context, h effect.Doer, a waitUntilArgs) (Result, error) {
	e, err := a.Command.effect("wait_until", effect.Read)
	if err != nil {
		return Result{}, err
	}
	e.Reads = resources(a.Reads)
	e.Want = anyCode
	var last Result
	err = host.WaitUntil(ctx, func(ctx context.Context) (bool, error) {
		result, err := do(ctx, h, e)
		last = result
		return err == nil && result.Code == 0, err
	}, a.Timeout)
	if effect.KindOf(err) == effect.Timeout {
		late := *effect.AsError(err)
		late.Op, late.Code, late.Out, late.Err = "wait_until", last.Code, last.Stdout, last.Stderr
		return Result{}, &late
	}
	return last, err
}

// anyCode is every exit code: that a condition does not hold yet is no failure.
var anyCode = func() []int {
	codes := make([]int, 256)
	for i := range codes {
		codes[i] = i
	}
	return codes
}()

type asArgs struct {
	User string `lua:"user,required" doc:"the user's name"`
}

func asUser(_ context.Context, h effect.Doer, a asArgs) (binding.Host, error) {
	if a.User == "" || strings.ContainsAny(a.User, " \t\n:/\x00") || strings.HasPrefix(a.User, "-") {
		return binding.Host{}, invalid("as", "user: %q is no user's name", a.User)
	}
	return binding.Host{Doer: host.As(h, a.User), Kind: "as", ID: a.User}, nil
}

type jailArgs struct {
	Name string `lua:"name,required" doc:"the jail's name, or number"`
}

func inJail(_ context.Context, h effect.Doer, a jailArgs) (binding.Host, error) {
	if a.Name == "" || strings.ContainsAny(a.Name, " \t\n/\x00") || strings.HasPrefix(a.Name, "-") {
		return binding.Host{}, invalid("jail", "name: %q is no jail's name", a.Name)
	}
	return binding.Host{Doer: host.In(h, a.Name), Name: "/" + a.Name, Kind: "jail", ID: a.Name}, nil
}

func facts(ctx context.Context, h effect.Doer) (host.Facts, error) { return host.GetFacts(ctx, h) }

// lock makes a change that changes nothing: the transport takes the lock with
// the first.
func lock(ctx context.Context, h effect.Doer) error {
	_, err := h.Do(ctx, effect.Effect{
		Op: "lock", Kind: effect.Change, Argv: []string{"true"}, Writes: effect.Nothing,
		Diff: &effect.Diff{Path: "lock of the host", Note: "take"},
	})
	return err
}

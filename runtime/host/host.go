package host

import (
	"context"
	"fmt"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// RebootOptions say how to reboot.
type RebootOptions struct {
	Within  time.Duration // how long the host may take to come back; 0: fifteen minutes
	Command []string      // nil: shutdown -r now
	Op      string        // empty: host.reboot
}

// Reboot reboots a host and waits until it answers with another boot.
func Reboot(ctx context.Context, h effect.Doer, o RebootOptions) error {
	if o.Op == "" {
		o.Op = "host.reboot"
	}
	_, err := h.Do(ctx, effect.Effect{
		Op: o.Op, Kind: effect.Change, Risk: effect.Disruptive, Note: "the host reboots",
		Argv: o.Command, Conn: &effect.ConnOp{Verb: effect.ConnReboot, Within: o.Within},
	})
	return err
}

// Probe tells whether a host takes a new connection.
func Probe(ctx context.Context, h effect.Doer) error {
	_, err := h.Do(ctx, effect.Effect{Op: "host.probe", Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnProbe}})
	return err
}

// WaitUntil asks a condition again and again, ever more rarely, until it holds.
// After timeout (0: never) it gives up.
func WaitUntil(ctx context.Context, cond func(context.Context) (bool, error), timeout time.Duration) error {
	began := clock.Now(ctx)
	for wait := 500 * time.Millisecond; ; wait = min(wait*3/2, longLook) {
		holds, err := cond(ctx)
		if err != nil || holds {
			return err
		}
		waited := clock.Now(ctx).Sub(began)
		if timeout > 0 && waited+wait > timeout {
			if left := timeout - waited; left > 0 {
				wait = left
			} else {
				return &effect.Error{
					Op: "host.wait_until", Kind: effect.Timeout,
					Message: fmt.Sprintf("what was waited for did not come true within %s", timeout),
				}
			}
		}
		if err := clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// As is the host with every effect done as another user.
func As(h effect.Doer, user string) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.As == "" && e.Conn == nil {
			e.As = user
		}
		return h.Do(ctx, e)
	})
}

// In is a jail of the host: every effect is done inside it. A jail in a jail has the
// names of both.
func In(h effect.Doer, jail string) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Conn != nil && e.In == "" {
			switch e.Conn.Verb {
			case effect.ConnReboot:
				return effect.Result{}, effect.WithHint(effect.Errorf(effect.Invalid, e.Op, "a jail has no boot of its own"),
					"restart it with jail.restart of its host, or reboot the host")
			case effect.ConnGreeting, effect.ConnRefresh: // they are the host's
				e = effect.Effect{Op: e.Op, Kind: effect.Read, Shell: FactsScript, Reads: effect.Nothing}
			default:
				return h.Do(ctx, e)
			}
		}
		if e.In == "" {
			e.In = jail
		} else {
			e.In = jail + "." + e.In
		}
		return h.Do(ctx, e)
	})
}

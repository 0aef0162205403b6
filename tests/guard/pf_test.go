package guard

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/stdlib/pf"
	"bsdrun/tests/onsim"
)

const (
	open   = "set skip on lo\nblock in\npass out\npass in proto tcp to port 22\n"
	closed = "set skip on lo\nblock in\npass out\n"
)

func put(ctx context.Context, m *sim.Machine, h effect.Doer, text string) (pf.PutResult, error) {
	return pf.Put(clock.With(ctx, m.Clock()), h, pf.PutArgs{Text: text, File: "/etc/pf.conf", Within: time.Minute, Backup: ".before"})
}

// filter is what is in force, and what the next boot reads.
const filter = "pfctl -s info 2>/dev/null | sed -n 's/^Status: \\([A-Za-z]*\\).*/\\1/p'; pfctl -s rules 2>/dev/null | grep -c ssh; sysrc -n pf_enable; cat /etc/pf.conf 2>/dev/null"

func TestFilterThatGoesOn(t *testing.T) {
	h, m := onsim.New(t, "jailhost", stdlib.Tools())
	done, err := put(t.Context(), m, h, open)
	if err != nil || !done.Changed || !done.Enabled || !done.Loaded {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := out(t, m, filter); got != "Enabled\n1\nYES\n"+open {
		t.Errorf("%s", got)
	}
	if again, err := put(t.Context(), m, h, open); err != nil || again.Changed || again.Loaded {
		t.Errorf("again: %+v, %v", again, err)
	}
	// After a boot the same is in force.
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := out(t, m, filter); got != "Enabled\n1\nYES\n"+open {
		t.Errorf("after a boot: %s", got)
	}
}

func TestRulesThatLockOut(t *testing.T) {
	for name, before := range map[string]string{"the filter was off": "", "other rules were in force": open} {
		t.Run(name, func(t *testing.T) {
			h, m := onsim.New(t, "jailhost", stdlib.Tools())
			if before != "" {
				if _, err := put(t.Context(), m, h, before); err != nil {
					t.Fatal(err)
				}
			}
			want := out(t, m, "sysrc -n pf_enable; cat /etc/pf.conf 2>&1")
			_, err := put(t.Context(), m, h, closed)
			if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "the change") {
				t.Errorf("%v", err)
			}
			if got := out(t, m, "sysrc -n pf_enable; cat /etc/pf.conf 2>&1"); got != want {
				t.Errorf("what boot reads was %q and is %q", want, got)
			}
			inForce := map[string]string{"": "Disabled\n", open: "Enabled\n1\n"}[before]
			if got := out(t, m, filter); !strings.HasPrefix(got, inForce) {
				t.Errorf("in force: %s", got)
			}
			if err := sh(t.Context(), h, ":"); err != nil {
				t.Errorf("nobody gets in: %v", err)
			}
		})
	}
}

// killed is a controller that is gone as soon as the rules are loaded.
type killed struct {
	effect.Doer
	cancel context.CancelFunc
}

func (k killed) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	r, err := k.Doer.Do(ctx, e)
	if strings.HasPrefix(e.Title, "pfctl -f") {
		k.cancel()
	}
	return r, err
}

func TestKilledBetweenLoadingAndConfirming(t *testing.T) {
	for name, after := range map[string]func(m *sim.Machine){"": func(*sim.Machine) {}, "and rebooted": (*sim.Machine).PowerCycle} {
		t.Run("killed "+name, func(t *testing.T) {
			h, m := onsim.New(t, "jailhost", stdlib.Tools())
			if _, err := put(t.Context(), m, h, open); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := put(ctx, m, killed{h, cancel}, closed); err == nil {
				t.Fatal("it ended well")
			}
			if err := m.Clock().Sleep(t.Context(), 5*time.Second); err != nil {
				t.Fatal(err)
			}
			if got := out(t, m, "pfctl -s rules | grep -c ssh"); got != "0\n" {
				t.Errorf("the rules were not loaded: %s", got)
			}
			after(m)
			if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
				t.Fatal(err)
			}
			if got := out(t, m, filter); got != "Enabled\n1\nYES\n"+open {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestRulesThatPfDoesNotTake(t *testing.T) {
	h, m := onsim.New(t, "jailhost", stdlib.Tools())
	_, err := put(t.Context(), m, h, "block in\npass oot\n")
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "pass oot") {
		t.Errorf("%v", err)
	}
	if got := out(t, m, "ls /etc/rc.d | grep -c bsdrun_guard; ls /var/db/bsdrun 2>/dev/null | grep -c pf"); got != "0\n0\n" {
		t.Errorf("something was changed: %s", got)
	}
}

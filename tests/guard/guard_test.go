// Package guard holds guarded changes to their promise: the host takes them back by
// itself, whatever becomes of bsdrun.
package guard

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/tests/onsim"
)

const config = "/etc/ssh/sshd_config"

// lockout is a change that keeps root out.
func lockout() host.Guarded {
	return host.Guarded{
		Op: "t", Note: "sshd", Within: time.Minute, Files: []string{config}, Undo: []string{"service", "sshd", "reload"},
		Apply: func(ctx context.Context, h effect.Doer) error {
			return sh(ctx, h, "sed -i '' -e 's/^PermitRootLogin yes/PermitRootLogin no/' "+config+"; service sshd reload")
		},
	}
}

func sh(ctx context.Context, h effect.Doer, script string) error {
	_, err := h.Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, Shell: script})
	return err
}

func out(t *testing.T, m *sim.Machine, script string) string {
	t.Helper()
	text, _, _ := m.Exec(t.Context(), "root", script)
	return text
}

const state = "grep ^PermitRootLogin " + config + "; ls /etc/rc.d | grep -c bsdrun_guard; cat /var/db/bsdrun/guard-*/outcome"

// dies is a controller that is gone after the change was applied.
func dies(g host.Guarded, cancel context.CancelFunc) host.Guarded {
	apply := g.Apply
	g.Apply = func(ctx context.Context, h effect.Doer) error {
		err := apply(ctx, h)
		cancel()
		return errors.Join(err, ctx.Err())
	}
	return g
}

func TestControllerThatDies(t *testing.T) {
	h, m := onsim.New(t, "", stdlib.Tools())
	ctx, cancel := context.WithCancel(clock.With(t.Context(), m.Clock()))
	if err := host.Guard(ctx, h, dies(lockout(), cancel)); err == nil {
		t.Fatal("it ended well")
	}
	if got := out(t, m, state); !strings.HasPrefix(got, "PermitRootLogin no\n1\n") {
		t.Fatalf("before its time: %s", got)
	}
	if err := m.Clock().Sleep(t.Context(), 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := out(t, m, state); got != "PermitRootLogin yes\n0\ntimer\n" {
		t.Errorf("after its time: %s", got)
	}
}

func TestRebootBeforeTheChangeIsConfirmed(t *testing.T) {
	h, m := onsim.New(t, "", stdlib.Tools())
	ctx, cancel := context.WithCancel(clock.With(t.Context(), m.Clock()))
	if err := host.Guard(ctx, h, dies(lockout(), cancel)); err == nil {
		t.Fatal("it ended well")
	}
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := out(t, m, state); got != "PermitRootLogin yes\n0\nboot\n" {
		t.Errorf("after the boot: %s", got)
	}
	if err := sh(t.Context(), h, ":"); err != nil {
		t.Errorf("nobody gets in: %v", err)
	}
}

func TestNoNewConnection(t *testing.T) {
	h, m := onsim.New(t, "", stdlib.Tools())
	g := lockout()
	g.Keep = func(context.Context, effect.Doer) error { t.Error("the change was made to last"); return nil }
	err := host.Guard(clock.With(t.Context(), m.Clock()), h, g)
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "taken back") {
		t.Errorf("%v", err)
	}
	if got := out(t, m, state); got != "PermitRootLogin yes\n0\nat once\n" {
		t.Error(got)
	}
}

// The host does not hear us any more at all.
func TestNoConnectionAtAll(t *testing.T) {
	h, m := onsim.New(t, "", stdlib.Tools())
	g := lockout()
	g.Undo = []string{"service", "sshd", "start"}
	g.Apply = func(ctx context.Context, h effect.Doer) error {
		return sh(ctx, h, "service sshd stop; pkill -f sshd-session; pkill -9 -f 'sh -' ; :")
	}
	err := host.Guard(clock.With(t.Context(), m.Clock()), h, g)
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "took the change back") && !strings.Contains(err.Error(), "taken back") {
		t.Errorf("%v", err)
	}
	if got := out(t, m, "service sshd status"); !strings.Contains(got, "is running") {
		t.Error(got)
	}
}

func TestChangeThatStands(t *testing.T) {
	h, m := onsim.New(t, "", stdlib.Tools())
	kept := false
	g := host.Guarded{
		Op: "t", Note: "a 'quoted' change", Within: time.Minute, Files: []string{"/etc/it's new"}, Undo: []string{"touch", "/root/it's undone"},
		Apply: func(ctx context.Context, h effect.Doer) error { return sh(ctx, h, `echo x >"/etc/it's new"`) },
		Keep:  func(context.Context, effect.Doer) error { kept = true; return nil },
	}
	for range 2 { // the same again finds no guard in its way
		if err := host.Guard(clock.With(t.Context(), m.Clock()), h, g); err != nil || !kept {
			t.Fatalf("%v, kept %v", err, kept)
		}
	}
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := out(t, m, "cat \"/etc/it's new\"; ls /root | grep -c undone; ls /etc/rc.d | grep -c bsdrun_guard"); got != "x\n0\n0\n" {
		t.Error(got)
	}

	g.Keep = func(context.Context, effect.Doer) error { return errors.New("no room") }
	g.Apply = func(ctx context.Context, h effect.Doer) error { return sh(ctx, h, `echo y >"/etc/it's new"`) }
	if err := host.Guard(clock.With(t.Context(), m.Clock()), h, g); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("%v", err)
	}
	if got := out(t, m, "cat \"/etc/it's new\"; ls /root"); !strings.HasPrefix(got, "x\n") || !strings.Contains(got, "it's undone") {
		t.Errorf("what could not be made to last stands: %s", got)
	}
}

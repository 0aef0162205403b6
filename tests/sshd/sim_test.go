package sshd_test

import (
	"context"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
	"bsdrun/stdlib/sysctl/sysctlsim"
)

// simulated is a machine, and a configuration that reaches it.
func simulated(t *testing.T) (*sim.Machine, sshhost.Config, context.Context) {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), sysctlsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	cfg := sshhost.Config{
		Name: m.Name, User: "root", Dialer: m.Dial, HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")},
		Greeting: host.FactsScript, Greet: true, Run: "run-1", Controller: "ops@control.example.org",
	}
	return m, cfg, clock.With(context.Background(), m.Clock())
}

// TestSimulatedDoer holds the simulated machine to what real servers do.
func TestSimulatedDoer(t *testing.T) {
	t.Parallel()
	_, cfg, ctx := simulated(t)
	h := open(t, cfg)
	if _, err := h.Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, Argv: []string{"mkdir", "/var/tmp/suite"}}); err != nil {
		t.Fatal(err)
	}
	doertest.Run(t, doertest.Suite{Doer: numbered(h), Dir: "/var/tmp/suite", Context: ctx, Virtual: true})
}

func TestSimulatedReboot(t *testing.T) {
	t.Parallel()
	_, cfg, ctx := simulated(t)
	h := open(t, cfg)
	before, err := host.GetFacts(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	began := clock.Now(ctx)
	if err := host.Reboot(ctx, numbered(h), host.RebootOptions{}); err != nil {
		t.Fatal(err)
	}
	after, err := host.GetFacts(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	if after.BootID == before.BootID || before.OS != "FreeBSD" || after.Hostname != before.Hostname {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if waited := clock.Now(ctx).Sub(began); waited <= 0 {
		t.Errorf("the reboot took %s of the machine's time", waited)
	}
	// A resumed run knows that the reboot has happened.
	running, err := h.Do(ctx, effect.Effect{Op: "t", Conn: &effect.ConnOp{Verb: effect.ConnBoot}})
	if err != nil {
		t.Fatal(err)
	}
	again := effect.Effect{Op: "host.reboot", Kind: effect.Change, ID: "reboot", Conn: &effect.ConnOp{Verb: effect.ConnReboot, Before: string(running.Stdout.Tail(100))}}
	if _, err := h.Do(ctx, again); err != nil {
		t.Fatal(err)
	}
	boot, err := host.GetFacts(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	_ = h.Close(ctx, true)
	resumed := open(t, cfg)
	again.Again = true
	r, err := resumed.Do(ctx, again)
	if err != nil || !r.Recorded {
		t.Errorf("recorded %v: %v", r.Recorded, err)
	}
	if now, err := host.GetFacts(ctx, resumed); err != nil || now.BootID != boot.BootID {
		t.Errorf("it was rebooted again: %+v, %v", now, err)
	}
}

package service_test

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/service"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/sysrc/sysrcsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func host(t *testing.T, profile string) *onsim.Count {
	t.Helper()
	doer, _ := onsim.New(t, profile, base.Tools(), servicesim.Tools(), sysrcsim.Tools())
	return &onsim.Count{Doer: doer}
}

type action func(context.Context, effect.Doer, service.NameArgs) (service.Changed, error)

// twice expects a change the first time alone.
func twice(t *testing.T, h *onsim.Count, act action, name string) {
	t.Helper()
	for _, want := range []bool{true, false} {
		done, err := act(ctx, h, service.NameArgs{Name: name})
		if err != nil || done.Changed != want {
			t.Fatalf("%+v %v, want changed %v", done, err, want)
		}
	}
}

func status(t *testing.T, h effect.Doer, name string) service.Status {
	t.Helper()
	s, err := service.StatusOf(ctx, h, service.NameArgs{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLifeOfAService(t *testing.T) {
	for _, profile := range []string{"freebsd-14.3", "freebsd-13.5"} {
		h := host(t, profile)
		if s := status(t, h, "sshd"); !s.Running || len(s.PIDs) != 1 {
			t.Errorf("sshd: %+v", s)
		}
		if s := status(t, h, "nosuch"); s.Exists || s.Running {
			t.Errorf("nosuch: %+v", s)
		}
		// Not enabled: whatever the exit code, nothing was started.
		_, err := service.Start(ctx, h, service.NameArgs{Name: "inetd"})
		if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || !strings.Contains(e.Hint, "h.service.enable") {
			t.Errorf("%s: %v", profile, err)
		}
		twice(t, h, service.Onestart, "inetd")
		twice(t, h, service.Onestop, "inetd")
		twice(t, h, service.Enable, "inetd")
		twice(t, h, service.Start, "inetd")
		if s := status(t, h, "inetd"); !s.Running {
			t.Errorf("inetd: %+v", s)
		}
		if done, err := service.Restart(ctx, h, service.NameArgs{Name: "inetd"}); err != nil || !done.Changed || !strings.Contains(done.Text, "Starting inetd.") {
			t.Errorf("restart: %+v %v", done, err)
		}
		if done, err := service.Reload(ctx, h, service.NameArgs{Name: "inetd"}); err != nil || !done.Changed {
			t.Errorf("reload: %+v %v", done, err)
		}
		twice(t, h, service.Stop, "inetd")
		twice(t, h, service.Disable, "inetd")
	}
}

func TestFailures(t *testing.T) {
	h := host(t, "")
	for name, c := range map[string]struct {
		act  action
		args string
		kind effect.ErrKind
	}{
		"no such service":  {service.Start, "nosuch", effect.Missing},
		"bad name":         {service.Start, "../x", effect.Invalid},
		"unknown action":   {service.Reload, "cron", effect.Failed},
		"always on":        {service.Enable, "netif", effect.Failed},
		"enable a missing": {service.Enable, "nosuch", effect.Missing},
	} {
		if _, err := c.act(ctx, h, service.NameArgs{Name: c.args}); effect.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRisk(t *testing.T) {
	h := host(t, "")
	for name, want := range map[string]effect.Risk{"sshd": effect.Disruptive, "cron": effect.Safe} {
		if _, err := service.Restart(ctx, h, service.NameArgs{Name: name}); err != nil || h.Last.Risk != want {
			t.Errorf("%s: %v %v", name, h.Last.Risk, err)
		}
	}
}

func TestList(t *testing.T) {
	h := host(t, "")
	yes := true
	list, err := service.List(ctx, h, service.ListArgs{Enabled: &yes})
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	all, err := service.List(ctx, h, service.ListArgs{})
	if err != nil || len(all) <= len(list) {
		t.Fatal(all, err)
	}
	for _, s := range list {
		if !s.Enabled || s.Local || s.Name == "inetd" {
			t.Errorf("%+v", s)
		}
	}
}

func TestListOfTheRunning(t *testing.T) {
	h := host(t, "")
	// A script of another make takes any word for a start, and must not be asked.
	const odd = `mkdir -p /usr/local/etc/rc.d && printf '#!/bin/sh\ntouch /tmp/started\n' >/usr/local/etc/rc.d/odd && chmod 755 /usr/local/etc/rc.d/odd`
	if _, err := h.Do(ctx, effect.Effect{Op: "test", Kind: effect.Change, Shell: odd}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.Onestart(ctx, h, service.NameArgs{Name: "inetd"}); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	names := func(a service.ListArgs) string {
		list, err := service.List(ctx, h, a)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, s := range list {
			if s.Status != nil && s.Status.Running && len(s.Status.PIDs) == 0 && s.Name != "jail" { // that one lists jails
				t.Errorf("%+v", s)
			}
			out = append(out, s.Name)
		}
		return " " + strings.Join(out, " ") + " "
	}
	running := names(service.ListArgs{Running: &yes})
	for name, want := range map[string]bool{"sshd": true, "cron": true, "inetd": true, "netif": false, "nfsd": false, "odd": false} {
		if strings.Contains(running, " "+name+" ") != want {
			t.Errorf("%s among those that run:%s", name, running)
		}
	}
	if both := names(service.ListArgs{Running: &yes, Enabled: &yes}); strings.Contains(both, " inetd ") || !strings.Contains(both, " sshd ") {
		t.Errorf("enabled and running:%s", both)
	}
	if idle := names(service.ListArgs{Running: &no}); strings.Contains(idle, " sshd ") || !strings.Contains(idle, " netif ") || !strings.Contains(idle, " odd ") {
		t.Errorf("not running:%s", idle)
	}
	if res, err := h.Do(ctx, effect.Effect{Op: "test", Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileStat, Path: "/tmp/started"}}); err != nil || res.Info != nil {
		t.Error("the odd script was run")
	}
}

// TestOneThatCannotTell: what has no status is started and stopped whenever that
// is asked for.
func TestOneThatCannotTell(t *testing.T) {
	for _, profile := range []string{"", "freebsd-8.2-zfs-mirror"} {
		h := host(t, profile)
		if s := status(t, h, "cleanvar"); !s.Exists || s.Known || s.Running {
			t.Fatalf("%+v", s)
		}
		for _, act := range []action{service.Onestart, service.Onestop} {
			changes := h.Changes
			if done, err := act(ctx, h, service.NameArgs{Name: "cleanvar"}); err != nil || !done.Changed || h.Changes != changes+1 {
				t.Errorf("%q: %+v %v", profile, done, err)
			}
		}
	}
}

func TestEnabled(t *testing.T) {
	h := host(t, "")
	enabled := func(name string) bool {
		t.Helper()
		is, err := service.Enabled(ctx, h, service.NameArgs{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !enabled("sshd") || enabled("inetd") || !enabled("netif") {
		t.Error("at the beginning")
	}
	twice(t, h, service.Enable, "inetd")
	if !enabled("inetd") {
		t.Error("inetd was enabled")
	}
	twice(t, h, service.Delete, "inetd")
	if enabled("inetd") {
		t.Error("its variable is gone")
	}
	if _, err := service.Enabled(ctx, h, service.NameArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Error(err)
	}
}

func TestActions(t *testing.T) {
	h := host(t, "")
	list, err := service.Actions(ctx, h, service.NameArgs{Name: "sshd"})
	if err != nil || strings.Join(list, " ") != "configtest keygen" {
		t.Errorf("%q %v", list, err)
	}
	if _, err := service.Actions(ctx, h, service.NameArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Error(err)
	}
	if done, err := service.Action(ctx, h, service.ActionArgs{Name: "sshd", Action: "configtest"}); err != nil || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	for action, kind := range map[string]effect.ErrKind{"nosuch": effect.Failed, "a; b": effect.Invalid} {
		if _, err := service.Action(ctx, h, service.ActionArgs{Name: "sshd", Action: action}); effect.KindOf(err) != kind {
			t.Errorf("%s: %v", action, err)
		}
	}
}

func TestCheckMode(t *testing.T) {
	real := host(t, "")
	h := effect.Chain(real, layer.Check())
	c := &onsim.Count{Doer: h}
	twice(t, c, service.Enable, "inetd")
	twice(t, c, service.Onestart, "inetd")
	if s := status(t, h, "inetd"); !s.Running {
		t.Errorf("%+v", s)
	}
	twice(t, c, service.Onestop, "inetd")
	if s := status(t, h, "sshd"); !s.Running {
		t.Errorf("another one: %+v", s)
	}
	if real.Changes != 0 {
		t.Error("check mode changed something")
	}
	// A package that would be installed may bring a service.
	if _, err := h.Do(ctx, effect.Effect{Op: "pkg.install", Kind: effect.Change, Argv: []string{"true"}, Writes: []effect.Resource{effect.Tree("/usr/local")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.StatusOf(ctx, h, service.NameArgs{Name: "nginx"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("nginx: %v", err)
	}
	if s := status(t, h, "sshd"); !s.Running {
		t.Errorf("sshd: %+v", s)
	}
}

package sysctl_test

import (
	"context"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/file"
	"bsdrun/stdlib/sysctl"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func TestGetAndSet(t *testing.T) {
	doer, m := onsim.New(t, "", base.Tools(), sysctlsim.Tools())
	h := &onsim.Count{Doer: doer}
	set := sysctl.SetArgs{OID: "net.inet.ip.forwarding", Value: true}
	done, err := sysctl.Set(ctx, h, set)
	if err != nil || !done.Changed || !done.Persisted || done.Before != "0" {
		t.Fatalf("%+v %v", done, err)
	}
	if got, err := sysctl.Get(ctx, h, sysctl.GetArgs{OID: "net.inet.ip.forwarding"}); err != nil || got != "1" {
		t.Fatalf("got %q %v", got, err)
	}
	changes := h.Changes
	if done, err = sysctl.Set(ctx, h, set); err != nil || done.Changed || h.Changes != changes {
		t.Fatalf("a second time: %+v %v", done, err)
	}
	list, err := sysctl.List(ctx, h, sysctl.ListArgs{Prefix: "net.inet.ip"})
	if err != nil || list["net.inet.ip.forwarding"] != "1" || list["net.inet.ip.ttl"] != "64" || list["kern.ostype"] != "" {
		t.Fatalf("%v %v", list, err)
	}
	if all, err := sysctl.List(ctx, h, sysctl.ListArgs{}); err != nil || all["kern.ostype"] != "FreeBSD" {
		t.Fatalf("%v %v", all, err)
	}
	for kind, bad := range map[effect.ErrKind]sysctl.SetArgs{
		effect.Missing: {OID: "no.such", Value: 1}, effect.Failed: {OID: "kern.ostype", Value: "Linux"}, effect.Invalid: {OID: "-a", Value: 1},
	} {
		if _, err := sysctl.Set(ctx, h, bad); effect.KindOf(err) != kind {
			t.Errorf("%v: %v, want %s", bad, err, kind)
		}
	}
	_, err = sysctl.Set(ctx, onsim.As(t, m, "worker"), sysctl.SetArgs{OID: "net.inet.ip.ttl", Value: 3})
	if effect.KindOf(err) != effect.Denied {
		t.Errorf("as a worker: %v", err)
	}
	no := false
	_, err = sysctl.Set(ctx, h, sysctl.SetArgs{OID: "kern.maxproc", Value: 3, Persist: &no})
	if e := effect.AsError(err); e == nil || e.Hint != "h.sysctl.tunable.set sets it for the next boot" {
		t.Errorf("a tunable: %v", err)
	}
}

func TestCheckMode(t *testing.T) {
	doer, _ := onsim.New(t, "", base.Tools(), sysctlsim.Tools())
	h := effect.Chain(doer, layer.Check())
	if done, err := sysctl.Set(ctx, h, sysctl.SetArgs{OID: "net.inet.ip.forwarding", Value: 1}); err != nil || !done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
	if got, err := sysctl.Get(ctx, h, sysctl.GetArgs{OID: "net.inet.ip.forwarding"}); err != nil || got != "1" {
		t.Fatalf("after the skipped change: %q %v", got, err)
	}
	if got, err := sysctl.Get(ctx, h, sysctl.GetArgs{OID: "net.inet.ip.ttl"}); err != nil || got != "64" {
		t.Fatalf("another one: %q %v", got, err)
	}
	if _, err := sysctl.List(ctx, h, sysctl.ListArgs{Prefix: "net"}); effect.KindOf(err) != effect.Unknown {
		t.Fatalf("a list: %v", err)
	}
	if got, err := sysctl.Get(ctx, doer, sysctl.GetArgs{OID: "net.inet.ip.forwarding"}); err != nil || got != "0" {
		t.Fatalf("the host itself: %q %v", got, err)
	}
	if _, err := sysctl.SetTunable(ctx, h, sysctl.SetTunableArgs{Name: "kern.maxproc", Value: 9000}); err != nil {
		t.Fatal(err)
	}
	if got, err := sysctl.GetTunable(ctx, h, sysctl.TunableArgs{Name: "kern.maxproc"}); err != nil || got != "9000" {
		t.Fatalf("the tunable: %q %v", got, err)
	}
}

func TestTunables(t *testing.T) {
	h, _ := onsim.New(t, "", base.Tools(), sysctlsim.Tools())
	if done, err := sysctl.SetTunable(ctx, h, sysctl.SetTunableArgs{Name: "vfs.zfs.arc.max", Value: int64(4 << 30)}); err != nil || !done.Changed {
		t.Fatal(done, err)
	}
	if got, err := sysctl.GetTunable(ctx, h, sysctl.TunableArgs{Name: "vfs.zfs.arc.max"}); err != nil || got != "4294967296" {
		t.Fatal(got, err)
	}
	if done, err := sysctl.RemoveTunable(ctx, h, sysctl.RemoveTunableArgs{Name: "vfs.zfs.arc.max"}); err != nil || !done.Changed {
		t.Fatal(done, err)
	}
	text, err := file.Read(ctx, h, file.ReadArgs{Path: "/boot/loader.conf"})
	if err != nil || text == "" {
		t.Fatal(err)
	}
	_, err = sysctl.GetTunable(ctx, h, sysctl.TunableArgs{Name: "vfs.zfs.arc.max"})
	if effect.KindOf(err) != effect.Missing {
		t.Fatalf("%v in\n%s", err, text)
	}
}

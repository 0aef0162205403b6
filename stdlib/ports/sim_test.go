package ports_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/ports"
	"bsdrun/stdlib/ports/portssim"
	"bsdrun/tests/onsim"
)

// old is a host of the time before packages, with a ports tree.
func old(t *testing.T, params url.Values) (context.Context, effect.Doer, *sim.Machine) {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: "freebsd-8.2-zfs-mirror", Tools: append(base.Tools(), portssim.Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return clock.With(context.Background(), m.Clock()), onsim.As(t, m, "root"), m
}

func TestInstallAndDeinstall(t *testing.T) {
	ctx, h, _ := old(t, nil)
	rsync := ports.PortArgs{Origin: "net/rsync"}
	check := layer.Check()(h)
	for _, first := range []bool{true, false} {
		if got, err := ports.Install(ctx, check, rsync); err != nil || got.Changed != first {
			t.Fatalf("check mode: %+v, %v", got, err)
		}
	}
	for _, first := range []bool{true, false} {
		if got, err := ports.Install(ctx, h, rsync); err != nil || got != (ports.Done{Changed: first, Package: "rsync-3.0.9"}) {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	for _, first := range []bool{true, false} {
		if got, err := ports.Deinstall(ctx, h, ports.DeinstallArgs{Origin: "net/rsync"}); err != nil || got.Changed != first {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if _, err := ports.Install(ctx, h, ports.PortArgs{Origin: "net/nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
}

// What others need stays, unless forced.
func TestDeinstallStopsBeforeDependents(t *testing.T) {
	ctx, h, m := old(t, nil)
	s := m.State()
	s.Lock()
	s.Packages.Installed["nginx"].Deps = append(s.Packages.Installed["nginx"].Deps, "bash")
	s.Unlock()
	got, err := ports.Deinstall(ctx, h, ports.DeinstallArgs{Origin: "shells/bash"})
	if effect.KindOf(err) != effect.Failed || got.Changed || !strings.Contains(err.Error(), "nginx-") {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = ports.Deinstall(ctx, h, ports.DeinstallArgs{Origin: "shells/bash", Force: true}); err != nil || !got.Changed {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestInstallTellsWhatFailed(t *testing.T) {
	ctx, h, _ := old(t, url.Values{"port-fail": {"net/rsync"}})
	got, err := ports.Install(ctx, h, ports.PortArgs{Origin: "net/rsync"})
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || got.Changed || !strings.Contains(e.Out, "Stop in /usr/ports/net/rsync") {
		t.Errorf("%+v, %v", got, err)
	}
}

// Everything is built anew, without a question and as a job.
func TestPortmasterRebuildsAll(t *testing.T) {
	ctx, h, _ := old(t, nil)
	got, err := ports.Portmaster(ctx, h, ports.PortmasterArgs{All: true, Packages: "first", Force: true})
	if err != nil || !got.Changed || len(got.Actions) < 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, action := range got.Actions {
		if !strings.HasPrefix(action, "Re-installation of ") {
			t.Errorf("%q", action)
		}
	}
	if got, err = ports.Portmaster(ctx, h, ports.PortmasterArgs{All: true}); err != nil || got.Changed {
		t.Errorf("nothing is out of date: %+v, %v", got, err)
	}
}

func TestPortmasterStopsAtAFailure(t *testing.T) {
	ctx, h, _ := old(t, url.Values{"port-fail": {"www/nginx"}})
	_, err := ports.Portmaster(ctx, h, ports.PortmasterArgs{Ports: []string{"nginx"}})
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Hint, "www/nginx does not build") {
		t.Errorf("%v", err)
	}
}

func TestOptionsOfOldTrees(t *testing.T) {
	ctx, h, m := old(t, nil)
	for _, first := range []bool{true, false} {
		got, err := ports.Options(ctx, h, ports.OptionsArgs{Origin: "net/rsync", Off: []string{"DOCS"}})
		if err != nil || got.Changed != first || got.Path != "/var/db/ports/rsync/options" {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if src, err := m.View(vfs.Root, "/").ReadFile("/var/db/ports/rsync/options"); err != nil || !strings.HasSuffix(string(src), "WITHOUT_DOCS=true\n") {
		t.Errorf("%q, %v", src, err)
	}
}

func TestUpdatingOnAHost(t *testing.T) {
	ctx, h, m := old(t, nil)
	text := "Head\n\n20120201:\n  AFFECTS: users of shells/bash\n  AUTHOR: a@example.org\n\n  One.\n\n20120101:\n  AFFECTS: users of net/rsync\n  AUTHOR: a@example.org\n\n  Two.\n"
	if err := m.View(vfs.Root, "/").WriteFile("/usr/ports/UPDATING", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := ports.Updating(ctx, h, ports.UpdatingArgs{Since: "2011-12-01"})
	if err != nil || len(got) != 1 || got[0].Text != "One." || !strings.HasPrefix(strings.Join(got[0].Packages, " "), "bash-4") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHostsWithoutPorts(t *testing.T) {
	h, _ := onsim.New(t, "freebsd-14.3-ufs", base.Tools(), portssim.Tools())
	ctx := context.Background()
	if _, err := ports.Install(ctx, h, ports.PortArgs{Origin: "net/rsync"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	if _, err := ports.Portmaster(ctx, h, ports.PortmasterArgs{All: true}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
}

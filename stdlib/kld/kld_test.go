package kld_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/kld"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/stdlib/sysrc/sysrcsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

const old = "freebsd-8.2-zfs-mirror"

func host(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	h, m := onsim.New(t, profile, base.Tools(), kldsim.Tools(), servicesim.Tools(), sysctlsim.Tools(), sysrcsim.Tools())
	return &onsim.Count{Doer: h}, m
}

func isLoaded(m *sim.Machine, name string) bool {
	_, _, code := m.Exec(ctx, "root", "kldstat -n "+name)
	return code == 0
}

func wantKind(t *testing.T, what string, err error, kind effect.ErrKind, text string) {
	t.Helper()
	if effect.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v; want %s with %q", what, err, kind, text)
	}
}

func TestLoadAndUnload(t *testing.T) {
	for _, profile := range []string{old, "freebsd-13.5", "freebsd-14.3"} {
		h, m := host(t, profile)
		for _, step := range []struct {
			name        string
			do          func() (kld.Changed, error)
			changed, is bool
		}{
			{"load", func() (kld.Changed, error) { return kld.Load(ctx, h, kld.LoadArgs{Name: "pf"}) }, true, true},
			{"load again, with its suffix", func() (kld.Changed, error) { return kld.Load(ctx, h, kld.LoadArgs{Name: "pf.ko"}) }, false, true},
			{"unload", func() (kld.Changed, error) { return kld.Unload(ctx, h, kld.UnloadArgs{Name: "pf"}) }, true, false},
			{"unload again", func() (kld.Changed, error) { return kld.Unload(ctx, h, kld.UnloadArgs{Name: "pf"}) }, false, false},
			{"load what is built in", func() (kld.Changed, error) { return kld.Load(ctx, h, kld.LoadArgs{Name: "ufs"}) }, false, false},
		} {
			before := h.Changes
			done, err := step.do()
			if err != nil || done.Changed != step.changed || h.Changes-before != map[bool]int{true: 1}[step.changed] {
				t.Errorf("%s: %s: %+v %v, %d changes", profile, step.name, done, err, h.Changes-before)
			}
			if isLoaded(m, "pf") != step.is {
				t.Errorf("%s: %s: pf loaded: %v", profile, step.name, !step.is)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h, m := host(t, "freebsd-14.3")
	load := func(name string) error {
		_, err := kld.Load(ctx, h, kld.LoadArgs{Name: name})
		return err
	}
	unload := func(name string) error {
		_, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: name})
		return err
	}
	for _, name := range []string{"", "-v", "a b", "kernel", "a/b", "x;y"} {
		wantKind(t, "a name "+name, load(name), effect.Invalid, "no name of a kernel module")
	}
	wantKind(t, "ipfw", load("ipfw"), effect.Failed, "may cut us off")
	wantKind(t, "dummynet", load("dummynet"), effect.Failed, "may cut us off")
	_, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "ipfw", Boot: "loader"})
	wantKind(t, "ipfw at boot", err, effect.Failed, "may cut us off")
	if h.Changes != 0 {
		t.Errorf("%d changes", h.Changes)
	}
	wantKind(t, "nothing of that name", load("nosuch"), effect.Missing, "nosuch")
	wantKind(t, "what is in use", unload("zfs"), effect.Failed, "Device busy")
	wantKind(t, "what is built in", unload("ufs"), effect.Failed, "built into the kernel")

	done, err := kld.Load(ctx, h, kld.LoadArgs{Name: "ipfw", Force: true})
	if err != nil || !done.Changed || h.Last.Risk != effect.Disruptive || h.Last.Note == "" {
		t.Errorf("with force: %+v %v, risk %v", done, err, h.Last.Risk)
	}
	_, err = kld.Load(ctx, onsim.As(t, m, "worker"), kld.LoadArgs{Name: "pf"})
	wantKind(t, "a worker", err, effect.Denied, "Operation not permitted")
}

// The driver of an interface that the host has is not unloaded by mistake.
func TestDriverOfAnInterface(t *testing.T) {
	h, m := host(t, "freebsd-14.3")
	if _, err := kld.Load(ctx, h, kld.LoadArgs{Name: "if_bridge"}); err != nil {
		t.Fatal(err)
	}
	interfaces := "vtnet0 lo0 bridge0"
	with := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if len(e.Argv) > 0 && e.Argv[0] == "ifconfig" {
			e.Argv = []string{"echo", interfaces}
		}
		return h.Do(ctx, e)
	})
	_, err := kld.Unload(ctx, with, kld.UnloadArgs{Name: "if_bridge"})
	wantKind(t, "with a bridge", err, effect.Failed, "the host has the interface bridge0")
	if done, err := kld.Unload(ctx, with, kld.UnloadArgs{Name: "if_bridge", Force: true}); err != nil || !done.Changed || h.Last.Risk != effect.Disruptive {
		t.Errorf("with force: %+v %v", done, err)
	}
	if _, err := kld.Load(ctx, h, kld.LoadArgs{Name: "if_bridge"}); err != nil {
		t.Fatal(err)
	}
	if done, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: "if_bridge"}); err != nil || !done.Changed || h.Last.Risk != effect.Safe || isLoaded(m, "if_bridge") {
		t.Errorf("without a bridge: %+v %v", done, err)
	}
}

func read(t *testing.T, m *sim.Machine, file string) string {
	t.Helper()
	data, err := m.View(vfs.Root, "/").ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// reboot restarts the machine, which has to come back.
func reboot(t *testing.T, m *sim.Machine) {
	t.Helper()
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	if m.Down() {
		t.Fatalf("the machine does not start:\n%s", strings.Join(m.Console(), "\n"))
	}
}

// What ensure promises holds after a boot, whoever loads it, and is taken back by
// unload.
func TestEnsure(t *testing.T) {
	for _, c := range []struct{ profile, boot, file, line string }{
		{old, "loader", "/boot/loader.conf", `if_bridge_load="YES"`},
		{"freebsd-13.5-zfs-mirror", "loader", "/boot/loader.conf", `if_bridge_load="YES"`},
		{"freebsd-13.5-zfs-mirror", "rc", "/etc/rc.conf", `kld_list="if_bridge"`},
		{"freebsd-14.3", "", "/etc/rc.conf", `kld_list="if_bridge"`},
	} {
		h, m := host(t, c.profile)
		a := kld.EnsureArgs{Name: "if_bridge", Boot: c.boot}
		by := c.boot
		if by == "" {
			by = "rc"
		}
		done, err := kld.Ensure(ctx, h, a)
		if err != nil || !done.Changed || !done.Loaded || done.Boot != by || !strings.Contains(read(t, m, c.file), c.line+"\n") || !isLoaded(m, "if_bridge") {
			t.Fatalf("%s %s: %+v %v in\n%s", c.profile, c.boot, done, err, read(t, m, c.file))
		}
		for _, again := range []string{c.boot, ""} {
			before := h.Changes
			done, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "if_bridge", Boot: again})
			if err != nil || done.Changed || done.Loaded || done.Boot != by || h.Changes != before {
				t.Errorf("%s %s, again with %q: %+v %v", c.profile, c.boot, again, done, err)
			}
		}
		reboot(t, m)
		h.Doer = onsim.As(t, m, "root")
		if !isLoaded(m, "if_bridge") {
			t.Errorf("%s %s: not loaded after a boot", c.profile, c.boot)
		}
		if done, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: "if_bridge", Boot: true}); err != nil || !done.Changed || strings.Contains(read(t, m, c.file), "if_bridge") {
			t.Errorf("%s %s: unload: %+v %v in\n%s", c.profile, c.boot, done, err, read(t, m, c.file))
		}
		if done, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: "if_bridge", Boot: true}); err != nil || done.Changed {
			t.Errorf("%s %s: unload again: %+v %v", c.profile, c.boot, done, err)
		}
		reboot(t, m)
		if isLoaded(m, "if_bridge") {
			t.Errorf("%s %s: loaded after a boot", c.profile, c.boot)
		}
	}
}

func TestEnsureInParts(t *testing.T) {
	h, m := host(t, "freebsd-14.3")
	no := false
	done, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf", Running: &no, Boot: "rc"})
	if err != nil || !done.Changed || done.Loaded || isLoaded(m, "pf") {
		t.Errorf("at boot alone: %+v %v", done, err)
	}
	if done, err = kld.Ensure(ctx, h, kld.EnsureArgs{Name: "if_wg", Boot: "none"}); err != nil || !done.Loaded || done.Boot != "" || strings.Contains(read(t, m, "/etc/rc.conf"), "if_wg") {
		t.Errorf("now alone: %+v %v", done, err)
	}
	before := h.Changes
	if done, err = kld.Ensure(ctx, h, kld.EnsureArgs{Name: "ufs"}); err != nil || done.Changed || !done.BuiltIn || h.Changes != before {
		t.Errorf("what is built in: %+v %v", done, err)
	}
	_, err = kld.Ensure(ctx, h, kld.EnsureArgs{Name: "nosuch", Running: &no})
	wantKind(t, "nothing of that name", err, effect.Missing, "there is no module nosuch")
	// A path in the list means the module, too.
	if _, errs, code := m.Exec(ctx, "root", "sysrc kld_list='/boot/modules/if_gre.ko pf'"); code != 0 {
		t.Fatal(errs)
	}
	before = h.Changes
	if done, err = kld.Ensure(ctx, h, kld.EnsureArgs{Name: "if_gre", Running: &no}); err != nil || done.Changed || done.Boot != "rc" || h.Changes != before {
		t.Errorf("a path in the list: %+v %v", done, err)
	}
	if _, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: "if_gre", Boot: true}); err != nil || !strings.Contains(read(t, m, "/etc/rc.conf"), `kld_list="pf"`) {
		t.Errorf("the path is taken out: %v\n%s", err, read(t, m, "/etc/rc.conf"))
	}
}

// The list counts without a boot, too.
func TestServiceLoadsTheList(t *testing.T) {
	h, m := host(t, "freebsd-14.3")
	no := false
	if _, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf", Running: &no, Boot: "rc"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if out, errs, code := m.Exec(ctx, "root", "service kld start"); code != 0 || out != "Loading kernel modules:\n" || errs != "" || !isLoaded(m, "pf") {
			t.Errorf("%d %q %q", code, out, errs)
		}
	}
}

func TestReleaseWithoutList(t *testing.T) {
	h, _ := host(t, old)
	_, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf", Boot: "rc"})
	wantKind(t, "rc", err, effect.Failed, "no rc.d/kld")
	if done, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf"}); err != nil || done.Boot != "loader" {
		t.Errorf("%+v %v", done, err)
	}
}

func TestCheckMode(t *testing.T) {
	doer, m := host(t, "freebsd-14.3")
	h := effect.Chain(doer, layer.Check())
	done, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf", Boot: "rc"})
	if err != nil || !done.Changed || !done.Loaded {
		t.Fatalf("%+v %v", done, err)
	}
	if done, err := kld.Ensure(ctx, h, kld.EnsureArgs{Name: "pf", Boot: "rc"}); err != nil || done.Changed {
		t.Errorf("again: %+v %v", done, err)
	}
	if done, err := kld.Unload(ctx, h, kld.UnloadArgs{Name: "pf"}); err != nil || !done.Changed {
		t.Errorf("unload what would be loaded: %+v %v", done, err)
	}
	if _, err := kld.List(ctx, h, kld.ListArgs{}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("the list: %v", err)
	}
	if doer.Changes != 0 || isLoaded(m, "pf") {
		t.Errorf("%d changes", doer.Changes)
	}
}

func TestList(t *testing.T) {
	for _, profile := range []string{old, "freebsd-14.3"} {
		h, _ := host(t, profile)
		files, err := kld.List(ctx, h, kld.ListArgs{})
		if err != nil || len(files) < 2 || files[0].Name != "kernel" || files[0].ID != 1 {
			t.Fatalf("%s: %+v %v", profile, files, err)
		}
		found := false
		for _, f := range files {
			found = found || f.Name == "zfs" && f.File == "zfs.ko" && f.Size > 0 && len(f.Modules) > 1
		}
		if !found {
			t.Errorf("%s: no zfs in %+v", profile, files)
		}
	}
}

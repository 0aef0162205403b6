package libvirt_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/libvirt"
	"bsdrun/stdlib/libvirt/libvirtsim"
	"bsdrun/tests/onsim"
)

// host is a simulated machine with the domains of libvirtsim, of which mail server
// runs. Its clock is the context's.
func host(t *testing.T, params url.Values) (context.Context, *onsim.Count, *sim.Machine) {
	t.Helper()
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), libvirtsim.Tools()...), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("libvirt-clients"); err != nil {
		t.Fatal(err)
	}
	if err := libvirtsim.Seed(m); err != nil {
		t.Fatal(err)
	}
	onsim.Exec(t, m, "virsh pool-start default; virsh net-start default; virsh start 'mail server'")
	return clock.With(t.Context(), m.Clock()), &onsim.Count{Doer: onsim.As(t, m, "root")}, m
}

func name(of string) libvirt.NameArgs { return libvirt.NameArgs{Name: of} }

func TestDomains(t *testing.T) {
	ctx, h, m := host(t, nil)
	list, err := libvirt.Domains(ctx, h, libvirt.DomainsArgs{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, d.Name+": "+d.State)
	}
	want := []string{"db: shut off", "lab: shut off", "mail server: running", "old: shut off", "store: shut off", "web: shut off"}
	if diff := cmp.Diff(want, got); diff != "" || h.Reads != 1 {
		t.Errorf("%d reads: %s", h.Reads, diff)
	}
	if list[2].ID != 1 || list[2].Memory != 1<<30 || !list[2].Autostart || !list[2].Persistent {
		t.Errorf("%+v", list[2])
	}
	list, err = libvirt.Domains(ctx, h, libvirt.DomainsArgs{State: "running"})
	if err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if list, err = libvirt.Domains(ctx, h, libvirt.DomainsArgs{Connect: libvirt.Connect{URI: "qemu:///nosuch"}}); effect.KindOf(err) != effect.Failed {
		t.Errorf("%+v %v", list, err)
	}
	user := onsim.As(t, m, "worker")
	if _, err := libvirt.Domains(ctx, user, libvirt.DomainsArgs{}); effect.KindOf(err) != effect.Denied || !strings.Contains(effect.AsError(err).Hint, "qemu:///session") {
		t.Errorf("as a worker: %v", err)
	}
	if list, err := libvirt.Domains(ctx, user, libvirt.DomainsArgs{Connect: libvirt.Connect{URI: "qemu:///session"}}); err != nil || len(list) != 0 {
		t.Errorf("a worker's own: %+v %v", list, err)
	}
}

func TestDomain(t *testing.T) {
	ctx, h, _ := host(t, nil)
	d, err := libvirt.Get(ctx, h, libvirt.DomainArgs{Name: "mail server"})
	if err != nil || d.State != "running" || !d.Persistent || d.Disks[0].Path != "/var/lib/libvirt/images/mail server.qcow2" {
		t.Errorf("%+v %v", d, err)
	}
	if d, err = libvirt.Get(ctx, h, libvirt.DomainArgs{Name: "6a1f2f0e-0d0e-4d57-9a10-2f0f4d5b1b02"}); err != nil || d.Name != "db" || d.Firmware.Kind != "efi" {
		t.Errorf("%+v %v", d, err)
	}
	text, err := libvirt.Dumpxml(ctx, h, libvirt.DomainArgs{Name: "db"})
	if err != nil || !strings.HasSuffix(text, "</domain>\n") || strings.Contains(text, "sesame") {
		t.Errorf("%s %v", text, err)
	}
	for _, of := range []string{"nosuch", "-x", "1"} {
		if _, err := libvirt.Get(ctx, h, libvirt.DomainArgs{Name: of}); effect.KindOf(err) != effect.Missing {
			t.Errorf("%s: %v", of, err)
		}
	}
	for _, of := range []string{"", "a/b", "a\nb"} {
		if _, err := libvirt.StateOf(ctx, h, name(of)); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", of, err)
		}
	}
}

// virsh takes 1 for the number of a domain that runs; we mean its name.
func TestNumericName(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh dumpxml lab | sed -e 's/>lab</>1</' -e '/<uuid>/d' >/tmp/1.xml; virsh define /tmp/1.xml")
	if s, err := libvirt.StateOf(ctx, h, name("1")); err != nil || s.State != "shut off" {
		t.Errorf("%+v %v", s, err)
	}
	if out := onsim.Exec(t, m, "virsh domstate 1"); out != "running\n\n" {
		t.Errorf("virsh itself: %q", out)
	}
	d, err := libvirt.Get(ctx, h, libvirt.DomainArgs{Name: "1"})
	if err != nil || d.Name != "1" {
		t.Errorf("%+v %v", d, err)
	}
}

func TestDisks(t *testing.T) {
	ctx, h, m := host(t, nil)
	disks, err := libvirt.Disks(ctx, h, name("store"))
	if err != nil || len(disks) != 3 {
		t.Fatalf("%+v %v", disks, err)
	}
	if c := disks[2]; c.Path != "/var/lib/libvirt/images/store-c.qcow2" || c.Capacity != 40<<30 || c.Allocation == 0 || c.Problem != "" {
		t.Errorf("%+v", c)
	}
	if b := disks[1]; b.Capacity != 8<<30 || b.Physical != 8<<30 || b.Allocation != 128<<10 {
		t.Errorf("%+v", b)
	}
	old, err := libvirt.Disks(ctx, h, name("old"))
	if err != nil || old[2].Problem != "" || old[2].Path != "" {
		t.Errorf("an empty drive: %+v %v", old, err)
	}
	onsim.Exec(t, m, "virsh pool-destroy default; rm /var/lib/libvirt/images/store-b.img")
	disks, err = libvirt.Disks(ctx, h, name("store"))
	if err != nil || !strings.Contains(disks[1].Problem, "No such file") || !strings.Contains(disks[2].Problem, "not active") || disks[0].Problem != "" {
		t.Errorf("%+v %v", disks, err)
	}
	_, err = libvirt.VolPath(ctx, h, libvirt.VolPathArgs{Pool: "default", Volume: "store-c.qcow2"})
	if e := effect.AsError(err); e == nil || e.Hint != "start it first: virsh pool-start default" {
		t.Errorf("%v", err)
	}
}

func TestStorageAndNetworks(t *testing.T) {
	ctx, h, _ := host(t, nil)
	v, err := libvirt.VolPath(ctx, h, libvirt.VolPathArgs{Pool: "default", Volume: "mail server.qcow2"})
	if err != nil || v.Path != "/var/lib/libvirt/images/mail server.qcow2" {
		t.Errorf("%+v %v", v, err)
	}
	if _, err := libvirt.VolPath(ctx, h, libvirt.VolPathArgs{Pool: "default", Volume: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	pools, err := libvirt.Pools(ctx, h, libvirt.ListArgs{})
	if err != nil || len(pools) != 1 || pools[0].State != "running" || pools[0].Capacity == 0 || !pools[0].Autostart {
		t.Errorf("%+v %v", pools, err)
	}
	nets, err := libvirt.Networks(ctx, h, libvirt.ListArgs{})
	if err != nil || len(nets) != 2 || !nets[0].Active || nets[1].Active {
		t.Errorf("%+v %v", nets, err)
	}
	lan, err := libvirt.NetworkOf(ctx, h, libvirt.NetworkArgs{Name: "lan"})
	if err != nil || lan.Forward != "bridge" || lan.Bridge != "br0" {
		t.Errorf("%+v %v", lan, err)
	}
	if _, err := libvirt.NetworkOf(ctx, h, libvirt.NetworkArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	snapshots, err := libvirt.Snapshots(ctx, h, name("lab"))
	if err != nil || len(snapshots) != 1 || snapshots[0].Name != "before upgrade" || !snapshots[0].Current || snapshots[0].External {
		t.Errorf("%+v %v", snapshots, err)
	}
	if snapshots, err = libvirt.Snapshots(ctx, h, name("web")); err != nil || len(snapshots) != 0 {
		t.Errorf("%+v %v", snapshots, err)
	}
}

func TestShutdown(t *testing.T) {
	ctx, h, m := host(t, nil)
	began := m.Now()
	done, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Within: time.Minute})
	if err != nil || done != (libvirt.Stopped{Changed: true, State: "shut off"}) || h.Changes != 1 {
		t.Fatalf("%+v %v, %d changes", done, err, h.Changes)
	}
	if took := m.Now().Sub(began); took < 12*time.Second || took > 40*time.Second {
		t.Errorf("it took %s", took)
	}
	done, err = libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Within: time.Minute})
	if err != nil || done.Changed || h.Changes != 1 {
		t.Errorf("a second time: %+v %v", done, err)
	}
	started, err := libvirt.Start(ctx, h, name("mail server"))
	if err != nil || !started.Changed {
		t.Errorf("%+v %v", started, err)
	}
	if started, err = libvirt.Start(ctx, h, name("mail server")); err != nil || started.Changed {
		t.Errorf("%+v %v", started, err)
	}
}

func TestDeafGuest(t *testing.T) {
	ctx, h, _ := host(t, url.Values{libvirtsim.DeafParam: {"mail server"}})
	_, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Within: 30 * time.Second})
	if effect.KindOf(err) != effect.Timeout {
		t.Fatalf("%v", err)
	}
	if s, err := libvirt.StateOf(ctx, h, name("mail server")); err != nil || s.State != "running" {
		t.Errorf("%+v %v", s, err)
	}
	done, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Within: 30 * time.Second, Force: true})
	if err != nil || done != (libvirt.Stopped{Changed: true, Forced: true, State: "shut off"}) {
		t.Errorf("%+v %v", done, err)
	}
}

func TestPausedGuest(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh suspend 'mail server'")
	if _, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server"}); effect.KindOf(err) != effect.Failed || h.Changes != 0 {
		t.Errorf("%v", err)
	}
	if _, err := libvirt.Start(ctx, h, name("mail server")); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
	if done, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Force: true}); err != nil || !done.Forced {
		t.Errorf("%+v %v", done, err)
	}
}

func TestTransientDomainIsLeft(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh undefine 'mail server'")
	if _, err := libvirt.Shutdown(ctx, h, libvirt.ShutdownArgs{Name: "mail server", Force: true}); effect.KindOf(err) != effect.Failed || h.Changes != 0 {
		t.Errorf("%v", err)
	}
}

func TestAutostart(t *testing.T) {
	ctx, h, _ := host(t, nil)
	for i, on := range []bool{true, true, false, false} {
		done, err := libvirt.Autostart(ctx, h, libvirt.AutostartArgs{Name: "web", Enabled: on})
		if err != nil || done.Changed != (i%2 == 0) {
			t.Errorf("%d: %+v %v", i, done, err)
		}
	}
}

func TestWhatKeepsADomainFromStarting(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh net-destroy default; rm /var/lib/libvirt/images/lab.qcow2")
	_, err := libvirt.Start(ctx, h, name("web"))
	if e := effect.AsError(err); e == nil || e.Hint != "start the network first: virsh net-start default" {
		t.Errorf("%v", err)
	}
	_, err = libvirt.Start(ctx, h, name("lab"))
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Hint, "/var/lib/libvirt/images/lab.qcow2") {
		t.Errorf("%v", err)
	}
}

func TestCheckMode(t *testing.T) {
	ctx, h, m := host(t, nil)
	check := effect.Chain(h, layer.Check())
	done, err := libvirt.Shutdown(ctx, check, libvirt.ShutdownArgs{Name: "mail server"})
	if err != nil || !done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
	if s, err := libvirt.StateOf(ctx, check, name("mail server")); err != nil || s.State != "shut off" {
		t.Errorf("after the skipped change: %+v %v", s, err)
	}
	if _, err := libvirt.Get(ctx, check, libvirt.DomainArgs{Name: "mail server"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("%v", err)
	}
	if _, err := libvirt.Get(ctx, check, libvirt.DomainArgs{Name: "web"}); err != nil {
		t.Errorf("another one: %v", err)
	}
	if out := onsim.Exec(t, m, "virsh domstate 'mail server'"); out != "running\n\n" {
		t.Errorf("the host itself: %q", out)
	}
	_, err = check.Do(ctx, effect.Effect{Op: "test", Argv: []string{"cat", "/x"}, Reads: []effect.Resource{effect.File("/var/lib/libvirt/images/mail server.qcow2")}})
	if effect.KindOf(err) != effect.Unknown {
		t.Errorf("the disk of a machine that would be shut down: %v", err)
	}
}

func TestSavedMemory(t *testing.T) {
	ctx, h, m := host(t, nil)
	onsim.Exec(t, m, "virsh managedsave 'mail server'")
	d, err := libvirt.Get(ctx, h, libvirt.DomainArgs{Name: "mail server"})
	if err != nil || !d.ManagedSave || d.State != "shut off" {
		t.Errorf("%+v %v", d, err)
	}
	if done, err := libvirt.Start(ctx, h, libvirt.NameArgs{Name: "mail server"}); err != nil || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	s, err := libvirt.StateOf(ctx, h, libvirt.NameArgs{Name: "mail server"})
	if err != nil || s != (libvirt.State{State: "running", Reason: "restored"}) {
		t.Errorf("%+v %v", s, err)
	}
	if d, err = libvirt.Get(ctx, h, libvirt.DomainArgs{Name: "mail server"}); err != nil || d.ManagedSave {
		t.Errorf("%+v %v", d, err)
	}
}

// Package libvirt_test has the modules libvirt and image talk to the real virsh,
// libvirtd and qemu-img, by a real OpenSSH server. The daemon is one of the test's
// own, and so is its hypervisor, the one that libvirt has for tests: it keeps
// definitions and states, and runs nothing.
package libvirt_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/libvirt"
	"bsdrun/tests/sshd/sshdtest"
)

// nobody runs the daemon where root runs the tests: root's would be the system's.
const nobody = 65534

// host is reached by OpenSSH and has a hypervisor.
type host struct {
	effect.Doer
	connect libvirt.Connect
}

// start starts daemon and server, which end with the test.
func start(t *testing.T) *host {
	t.Helper()
	for tool, pkg := range map[string]string{"virsh": "libvirt-clients", "libvirtd": "libvirt-daemon", "qemu-img": "qemu-utils"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt-get install %s", err, pkg)
		}
	}
	socket := startDaemon(t)
	h := &host{connect: libvirt.Connect{URI: "test+unix:///default?socket=" + socket}}
	hold(t, h.connect.URI)
	server := sshdtest.Start(t, sshdtest.Options{})
	real := sshhost.New(server.Config())
	t.Cleanup(func() { _ = real.Close(context.Background(), true) })
	h.Doer = numbered(real)
	return h
}

// numbered gives the changes of a test the identifiers that a run gives them.
func numbered(h effect.Doer) effect.Doer {
	n := 0
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change && e.ID == "" {
			n++
			e.ID = fmt.Sprintf("test#%d", n)
		}
		return h.Do(ctx, e)
	})
}

func startDaemon(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "libvirt") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command("libvirtd")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "HOME=" + dir}
	for name, folder := range map[string]string{"XDG_RUNTIME_DIR": "r", "XDG_CONFIG_HOME": "c", "XDG_CACHE_HOME": "k", "XDG_DATA_HOME": "d"} {
		cmd.Env = append(cmd.Env, name+"="+filepath.Join(dir, folder))
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		if os.Geteuid() == 0 {
			_ = os.Chown(filepath.Join(dir, folder), nobody, nobody)
		}
	}
	if os.Geteuid() == 0 {
		_ = os.Chown(dir, nobody, nobody)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("libvirtd: %s", &log)
		}
	})
	socket = filepath.Join(dir, "r/libvirt/libvirt-sock")
	for range 6000 {
		if _, err := os.Stat(socket); err == nil {
			return socket
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("libvirtd does not answer")
	return ""
}

// hold keeps a connection: the hypervisor forgets everything with its last one.
func hold(t *testing.T, uri string) {
	t.Helper()
	cmd := exec.Command("virsh", "-c", uri)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = cmd.Wait()
	})
	// It is connected when the hypervisor remembers what another one has defined.
	file := filepath.Join(t.TempDir(), "probe.xml")
	if err := os.WriteFile(file, []byte("<domain type='test'><name>probe</name><memory>1024</memory><os><type>hvm</type></os></domain>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 6000 {
		if exec.Command("virsh", "-c", uri, "define", file).Run() == nil && exec.Command("virsh", "-c", uri, "undefine", "probe").Run() == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the hypervisor remembers nothing")
}

// virsh runs a command of the real one.
func (h *host) virsh(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("virsh", append([]string{"-c", h.connect.URI}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("virsh %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

var typeForm = regexp.MustCompile(`<domain type='[a-z]*'`)

const recorded = "../../stdlib/libvirt/testdata/domains/"

// define defines a domain of the recordings.
func (h *host) define(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(recorded + name + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".xml")
	text = typeForm.ReplaceAll(text, []byte("<domain type='test'"))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	h.virsh(t, "define", file)
}

func (h *host) name(of string) libvirt.NameArgs {
	return libvirt.NameArgs{Name: of, Connect: h.connect}
}

func TestDomains(t *testing.T) {
	h := start(t)
	names := []string{"web", "db", "old", "store", "lab", "full", "mail"}
	for _, name := range names {
		h.define(t, name)
	}
	list, err := libvirt.Domains(t.Context(), h, libvirt.DomainsArgs{Connect: h.connect})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		got = append(got, d.Name+": "+d.State)
	}
	want := []string{"db: shut off", "full: shut off", "lab: shut off", "mail server: shut off", "old: shut off", "store: shut off", "test: running", "web: shut off"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	other := map[string]int{"db": 1, "store": 1, "full": 11} // the hypervisor for tests drops QEMU's own arguments
	for _, d := range list {
		if d.Name == "test" {
			continue
		}
		got, err := libvirt.Get(t.Context(), h, libvirt.DomainArgs{Name: d.Name, Connect: h.connect})
		if err != nil || got.Memory == 0 || got.UUID != d.UUID || !got.Persistent || got.State != "shut off" || len(got.Other) != other[d.Name] {
			t.Errorf("%s: %+v %v", d.Name, got, err)
		}
		disks, err := libvirt.Disks(t.Context(), h, h.name(d.Name))
		if err != nil || len(disks) != len(got.Disks) {
			t.Errorf("%s: %+v %v", d.Name, disks, err)
		}
	}
	text, err := libvirt.Dumpxml(t.Context(), h, libvirt.DomainArgs{Name: "mail server", Connect: h.connect})
	if err != nil || !strings.Contains(text, "<source file='/var/lib/libvirt/images/mail server.qcow2'/>") {
		t.Errorf("%s %v", text, err)
	}
	for _, name := range []string{"nosuch", "-x", "17"} {
		if _, err := libvirt.StateOf(t.Context(), h, h.name(name)); effect.KindOf(err) != effect.Missing {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := libvirt.DomainsArgs{Connect: libvirt.Connect{URI: "test+unix:///default?socket=/nosuch"}}
	_, err = libvirt.Domains(t.Context(), h, gone)
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Hint, "daemon does not run") {
		t.Errorf("%v", err)
	}
}

// virsh takes 1 for the number of the domain that runs.
func TestNumericName(t *testing.T) {
	h := start(t)
	file := filepath.Join(t.TempDir(), "1.xml")
	if err := os.WriteFile(file, []byte("<domain type='test'><name>1</name><memory>1024</memory><os><type>hvm</type></os></domain>"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.virsh(t, "define", file)
	if out := h.virsh(t, "domname", "1"); !strings.HasPrefix(out, "test\n") && !strings.HasPrefix(out, "1\n") {
		t.Fatalf("%q", out)
	}
	d, err := libvirt.Get(t.Context(), h, libvirt.DomainArgs{Name: "1", Connect: h.connect})
	if err != nil || d.Name != "1" || d.State != "shut off" || d.Memory != 1<<20 {
		t.Errorf("%+v %v", d, err)
	}
}

func TestPower(t *testing.T) {
	h := start(t)
	h.define(t, "mail")
	started, err := libvirt.Start(t.Context(), h, h.name("mail server"))
	if err != nil || !started.Changed {
		t.Fatalf("%+v %v", started, err)
	}
	if started, err = libvirt.Start(t.Context(), h, h.name("mail server")); err != nil || started.Changed {
		t.Errorf("a second time: %+v %v", started, err)
	}
	if s, err := libvirt.StateOf(t.Context(), h, h.name("mail server")); err != nil || s != (libvirt.State{State: "running", Reason: "booted"}) {
		t.Errorf("%+v %v", s, err)
	}
	h.virsh(t, "suspend", "mail server")
	stop := libvirt.ShutdownArgs{Name: "mail server", Connect: h.connect, Within: time.Minute}
	if _, err := libvirt.Shutdown(t.Context(), h, stop); effect.KindOf(err) != effect.Failed {
		t.Errorf("paused: %v", err)
	}
	h.virsh(t, "resume", "mail server")
	done, err := libvirt.Shutdown(t.Context(), h, stop)
	if err != nil || done != (libvirt.Stopped{Changed: true, State: "shut off"}) {
		t.Errorf("%+v %v", done, err)
	}
	if done, err = libvirt.Shutdown(t.Context(), h, stop); err != nil || done.Changed {
		t.Errorf("a second time: %+v %v", done, err)
	}
	h.virsh(t, "start", "mail server")
	h.virsh(t, "suspend", "mail server")
	stop.Force = true
	if done, err = libvirt.Shutdown(t.Context(), h, stop); err != nil || !done.Forced || done.State != "shut off" {
		t.Errorf("%+v %v", done, err)
	}
	for i, on := range []bool{true, true, false, false} {
		set, err := libvirt.Autostart(t.Context(), h, libvirt.AutostartArgs{Name: "mail server", Enabled: on, Connect: h.connect})
		if err != nil || set.Changed != (i%2 == 0) {
			t.Errorf("%d: %+v %v", i, set, err)
		}
	}
}

func TestStorageNetworksSnapshots(t *testing.T) {
	h := start(t)
	h.define(t, "lab")
	h.virsh(t, "vol-create-as", "default-pool", "a b.img", "1M")
	all := libvirt.ListArgs{Connect: h.connect}
	pools, err := libvirt.Pools(t.Context(), h, all)
	if err != nil || len(pools) != 1 || pools[0].Name != "default-pool" || pools[0].State != "running" || pools[0].Path != "/default-pool" {
		t.Errorf("%+v %v", pools, err)
	}
	v, err := libvirt.VolPath(t.Context(), h, libvirt.VolPathArgs{Pool: "default-pool", Volume: "a b.img", Connect: h.connect})
	if err != nil || v.Path != "/default-pool/a b.img" {
		t.Errorf("%+v %v", v, err)
	}
	for _, bad := range []libvirt.VolPathArgs{{Pool: "nosuch", Volume: "a"}, {Pool: "default-pool", Volume: "nosuch"}} {
		bad.Connect = h.connect
		if _, err := libvirt.VolPath(t.Context(), h, bad); effect.KindOf(err) != effect.Missing {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	nets, err := libvirt.Networks(t.Context(), h, all)
	if err != nil || len(nets) != 1 || nets[0].Name != "default" || !nets[0].Active || nets[0].Forward != "nat" {
		t.Errorf("%+v %v", nets, err)
	}
	if _, err := libvirt.NetworkOf(t.Context(), h, libvirt.NetworkArgs{Name: "nosuch", Connect: h.connect}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	if list, err := libvirt.Snapshots(t.Context(), h, h.name("lab")); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	h.virsh(t, "snapshot-create-as", "lab", "one", "the first")
	h.virsh(t, "snapshot-create-as", "lab", "two b")
	list, err := libvirt.Snapshots(t.Context(), h, h.name("lab"))
	if err != nil || len(list) != 2 || list[0].Name != "one" || list[0].Description != "the first" || list[1].Parent != "one" || !list[1].Current || list[0].Current {
		t.Errorf("%+v %v", list, err)
	}
}

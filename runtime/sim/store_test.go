package sim_test

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

func kept(t *testing.T, file string, tools ...*sim.Tool) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Params: url.Values{"state": {file}}, Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type counter struct{ Runs int }

// A machine that was closed is, bit for bit, the one that is opened again.
func TestStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	count := &sim.Tool{
		Name: "count", Paths: []string{"/usr/local/bin/count"}, Package: "count",
		Files: map[string]string{"/usr/local/etc/count.conf": "x\n"},
		Run: func(p *sim.Proc) int {
			sim.ToolState[counter](p.Machine, "count").Runs++
			return 0
		},
	}
	m := kept(t, file, count)
	if err := m.InstallPackage("count"); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := run(t, m, `/usr/local/bin/count; echo changed >>/etc/rc.conf; x=/root/new; echo data >$x; umask 077; echo p >/root/private`); code != 0 {
		t.Fatal(errs)
	}
	root := m.View(vfs.Root, "/")
	for _, err := range []error{
		root.Link("/root/new", "/root/linked"), root.Remove("/etc/motd.template"), root.Symlink("new", "/root/sym"),
		root.Rename("/etc/hosts", "/etc/hosts.old"), root.MkdirAll("/poudriere/data", 0o750), root.Chown("/poudriere", 80, 80),
		root.Chflags("/root/new", vfs.SystemNoUnlink), root.RemoveAll("/usr/share/skel"),
		m.Tree().Mount(vfs.Mount{Point: "/poudriere", Source: "zroot/poudriere", Type: "zfs", Pool: "zroot", Size: 1 << 30}),
		root.WriteFile("/poudriere/inside", []byte("in"), 0o600),
		root.MkdirAll("/view", 0o755), m.Tree().Mount(vfs.Mount{Point: "/view", Source: "/usr/bin", Type: "nullfs"}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	m.State().Lock()
	m.State().Sysctls["kern.coredump"].Value = "0"
	m.State().Unlock()
	if err := m.Clock().Sleep(context.Background(), time.Hour); err != nil {
		t.Fatal(err)
	}
	before := m.Listing()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again := kept(t, file, count)
	if diff := cmp.Diff(before, again.Listing()); diff != "" {
		t.Errorf("before its tools are asked, the machine is another:\n%s", diff)
	}
	if got := sim.ToolState[counter](again, "count").Runs; got != 1 {
		t.Errorf("the tool's state says %d runs", got)
	}
	if diff := cmp.Diff(before, again.Listing()); diff != "" {
		t.Errorf("the machine changed while it was closed:\n%s", diff)
	}
	if a, _ := again.View(vfs.Root, "/").Stat("/root/linked"); a.Nlink != 2 {
		t.Errorf("a hard link has %d names", a.Nlink)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStateFileHasOneUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	m := kept(t, file)
	_, err := sim.New(sim.Options{Params: url.Values{"state": {file}}})
	if err == nil || !strings.Contains(err.Error(), "another bsdrun uses this machine") {
		t.Fatalf("a second user: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(file), ".state.new123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := kept(t, file).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed bsdrun had begun to write is still there")
	}
	if err := os.WriteFile(file, []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sim.New(sim.Options{Params: url.Values{"state": {file}}}); err == nil {
		t.Fatal("garbage was taken for a state file")
	}
}

// The file is written without waiting for the end: a machine whose process is
// killed loses nothing that a command had finished.
func TestStateFileAfterEveryCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	m := kept(t, file)
	run(t, m, "echo precious >/root/kept")
	copied := filepath.Join(dir, "copy")
	for range 12000 {
		data, err := os.ReadFile(file)
		if err == nil && os.WriteFile(copied, data, 0o600) == nil {
			other := kept(t, copied)
			got, _ := other.View(vfs.Root, "/").ReadFile("/root/kept")
			_ = other.Close()
			if string(got) == "precious\n" {
				_ = m.Close()
				return
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the file never held what the command wrote")
}

// Records that tell only what changed add up to the whole: what the machine
// knows, what its tools keep and what its files hold.
func TestStateFileOfChanges(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	tally := &sim.Tool{Name: "tally", Paths: []string{"/usr/bin/tally"}, Run: func(p *sim.Proc) int {
		k := sim.ToolState[counter](p.Machine, "tally")
		k.Runs++
		s := p.Machine.State()
		s.Lock()
		defer s.Unlock()
		s.Sysctls["kern.coredump"].Value = strconv.Itoa(k.Runs)
		return 0
	}}
	m := kept(t, file, tally)
	defer m.Close()
	c := dial(t, m)
	for _, command := range []string{"tally", "echo one >/root/f", "tally", "echo two >/root/f; : >/etc/motd", "true", "tally"} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(command); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, "copy")
		if err := os.WriteFile(copied, data, 0o600); err != nil {
			t.Fatal(err)
		}
		other := kept(t, copied, tally)
		if diff := cmp.Diff(lasting(m), lasting(other)); diff != "" {
			t.Errorf("after %s the file holds another machine:\n%s", command, diff)
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// lasting is a machine's listing but for what a restart makes anew.
func lasting(m *sim.Machine) []string {
	return slices.DeleteFunc(m.Listing(), func(line string) bool {
		return strings.HasPrefix(line, "/dev/") || strings.HasPrefix(line, "/dev ")
	})
}

// A job that was under way begins anew, knows it, and keeps its pid.
func TestDetachedJobIsResumed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	daemon := &sim.Tool{Name: "daemon", Paths: []string{"/usr/sbin/daemon"}, Run: func(p *sim.Proc) int {
		_, err := p.Start(sim.Command{Args: p.Args[1:], Detach: true, Stdin: strings.NewReader(""), Stdout: &strings.Builder{}, Stderr: &strings.Builder{}})
		if err != nil {
			return 1
		}
		return 0
	}}
	long := &sim.Tool{Name: "long", Paths: []string{"/usr/bin/long"}, Run: func(p *sim.Proc) int {
		if p.Resumed {
			p.Printf("resumed\n")
		} else {
			p.Printf("started\n")
		}
		if p.Sleep(time.Hour) != nil {
			return 1
		}
		p.Printf("done\n")
		return 0
	}}
	m := kept(t, file, daemon, long)
	_, errs, code := run(t, m, `echo '#!/bin/sh
echo $$ >>/root/pid
long >>/root/log
echo $? >/root/code' >/root/job; daemon /bin/sh /root/job`)
	if code != 0 {
		t.Fatal(errs)
	}
	if err := m.Clock().Sleep(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = kept(t, file, daemon, long)
	if err := m.Clock().Sleep(context.Background(), 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	root := m.View(vfs.Root, "/")
	log, _ := root.ReadFile("/root/log")
	done, _ := root.ReadFile("/root/code")
	pids, _ := root.ReadFile("/root/pid")
	if string(log) != "started\nresumed\ndone\n" || string(done) != "0\n" {
		t.Errorf("log %q, exit code %q", log, done)
	}
	if f := strings.Fields(string(pids)); len(f) != 2 || f[0] != f[1] {
		t.Errorf("pids %q", pids)
	}
	_ = m.Close()
}

// A state file that ends in the middle of a record holds the machine of the
// record before.
func TestStateFileCutShort(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "state")
	m := kept(t, file)
	defer m.Close()
	run(t, m, "echo one >/root/f")
	c := dial(t, m)
	say := func(text string) []byte {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run("echo " + text + " >/root/f"); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(file) // what the command did is there once it is answered
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	before, after := say("two"), say("three")
	head := len(before) + 8 // a record begins with its length and its checksum
	for _, cut := range []int{len(before), len(before) + 3, head, head + 1, (head + len(after)) / 2, len(after) - 1, len(after)} {
		copied := filepath.Join(dir, "copy")
		if err := os.WriteFile(copied, after[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		other := kept(t, copied)
		got, _ := other.View(vfs.Root, "/").ReadFile("/root/f")
		if string(got) != "three\n" && (string(got) != "two\n" || cut == len(after)) {
			t.Errorf("cut at %d of %d: %q", cut, len(after), got)
		}
		if _, _, code := run(t, other, "echo four >/root/f"); code != 0 {
			t.Error("the machine does not go on")
		}
		if err := other.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

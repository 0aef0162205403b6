// Package keeper tests connections that are kept between runs: the built command, real
// OpenSSH.
package keeper_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

var command string

func TestMain(m *testing.M) { os.Exit(binary.Main(m, &command)) }

// desk is where somebody works with a keeper of their own.
type desk struct {
	*testing.T
	server *sshdtest.Server
	dir    string
	env    []string
}

func newDesk(t *testing.T) *desk {
	dir, err := os.MkdirTemp("", "keep")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var o sshdtest.Options
	if os.Geteuid() == 0 { // whose state is that of the machine
		o.User, _ = sshdtest.NewUser(t, "/bin/sh", "")
	}
	d := &desk{T: t, server: sshdtest.Start(t, o), dir: dir}
	d.env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "SSH_AUTH_SOCK=", "BSDRUN_SECRET_TOKEN=correct-horse")
	d.know(d.server.KnownHosts)
	t.Cleanup(func() { d.run("connections", "stop") })
	return d
}

// know writes an ssh_config with a known_hosts file.
func (d *desk) know(file string) {
	d.Helper()
	config := fmt.Sprintf("Host target\n HostName %s\n Port %d\n User %s\n IdentityFile %s\n UserKnownHostsFile %s\n GlobalKnownHostsFile /dev/null\n ConnectTimeout %.0f\n",
		d.server.Address, d.server.Port, d.server.User, d.server.Key, file, sshdtest.Patience.Seconds())
	if err := os.WriteFile(d.config(), []byte(config), 0o600); err != nil {
		d.Fatal(err)
	}
}

func (d *desk) config() string { return filepath.Join(d.dir, "ssh_config") }

func (d *desk) command(args ...string) *exec.Cmd {
	cmd := exec.Command(command, args...)
	cmd.Env = d.env
	return cmd
}

// run runs the command and returns its output and exit code.
func (d *desk) run(args ...string) (string, int) {
	d.Helper()
	cmd := d.command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		d.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// script runs a script on the server by way of the keeper.
func (d *desk) script(keep, code string) (string, int) {
	d.Helper()
	return d.run("-q", "--keep", keep, "-F", d.config(), "-e", code, "target")
}

func (d *desk) must(out string, code int) string {
	d.Helper()
	if code != 0 {
		d.Fatalf("exit code %d: %s", code, out)
	}
	return out
}

// logins is how often somebody has logged in to the server.
func (d *desk) logins() int {
	d.Helper()
	log, err := os.ReadFile(filepath.Join(d.server.Dir, "log"))
	if err != nil {
		d.Fatal(err)
	}
	return strings.Count(string(log), "Accepted publickey")
}

// until waits for something that comes about by itself.
func (d *desk) until(what string, come func() bool) {
	d.Helper()
	for range 3000 {
		if come() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.Fatal("never: " + what)
}

const hello = `h:run("echo changed >/dev/null"); return h:read("echo hello").stdout`

func TestRunsShareAConnection(t *testing.T) {
	d := newDesk(t)
	for range 3 {
		if out := d.must(d.script("10m", hello)); !strings.Contains(out, "hello") {
			t.Errorf("%q", out)
		}
	}
	if n := d.logins(); n != 1 {
		t.Errorf("%d logins for three runs", n)
	}
	label := fmt.Sprintf("%s@%s", d.server.User, d.server.Addr())
	if list := d.must(d.run("connections")); !strings.Contains(list, label) || !strings.Contains(list, "closes in") {
		t.Errorf("%s is not listed:\n%s", label, list)
	}
	// Without --keep a run has a connection of its own.
	d.must(d.run("-q", "-F", d.config(), "-e", hello, "target"))
	if n := d.logins(); n != 2 {
		t.Errorf("%d logins, not 2", n)
	}
	if out := d.must(d.run("connections", "close", "127.0.0.1")); out != "1 closed\n" {
		t.Errorf("%q", out)
	}
	d.until("the keeper ends that has nothing to keep", func() bool { return !d.listens() })
	d.must(d.script("10m", hello))
	if n := d.logins(); n != 3 {
		t.Errorf("%d logins, not 3", n)
	}
}

func (d *desk) socket() string { return filepath.Join(d.dir, "bsdrun", "keeper-1") }

func (d *desk) listens() bool {
	_, err := os.Stat(d.socket())
	return err == nil
}

func TestOthersCannotReachIt(t *testing.T) {
	d := newDesk(t)
	d.must(d.script("10m", hello))
	for name, mode := range map[string]os.FileMode{d.socket(): os.ModeSocket | 0o600, filepath.Dir(d.socket()): os.ModeDir | 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s: %s, not %s", name, info.Mode(), mode)
		}
	}
	if err := os.Chmod(filepath.Dir(d.socket()), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, code := d.script("10m", hello); code == 0 || !strings.Contains(out, "chmod 700") {
		t.Errorf("%d: %s", code, out)
	}
	if err := os.Chmod(filepath.Dir(d.socket()), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestKnownHostsDecideEachTime(t *testing.T) {
	d := newDesk(t)
	d.must(d.script("10m", hello))
	other := filepath.Join(d.dir, "other")
	d.server.Know(other, sshdtest.NewKey(t, filepath.Join(d.dir, "key"), "").PublicKey())
	d.know(other)
	if out, code := d.script("10m", hello); code != 4 || !strings.Contains(out, "host key has changed") {
		t.Errorf("%d: %s", code, out)
	}
	d.know(filepath.Join(d.dir, "none"))
	if out, code := d.script("10m", hello); code != 4 || !strings.Contains(out, "not known") {
		t.Errorf("%d: %s", code, out)
	}
	d.know(d.server.KnownHosts)
	d.must(d.script("10m", hello))
	if n := d.logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

func TestConnectionsExpire(t *testing.T) {
	d := newDesk(t)
	d.must(d.script("100ms", hello))
	d.until("the connection expires, and the keeper ends", func() bool { return !d.listens() })
}

func TestALostConnectionIsMadeAnew(t *testing.T) {
	d := newDesk(t)
	d.must(d.script("10m", hello))
	d.server.DropConnections()
	d.must(d.script("10m", hello))
	if n := d.logins(); n != 2 {
		t.Errorf("%d logins", n)
	}
}

// TestAKilledRunLeavesNothing: neither its shell nor what it was reading stays on the
// host; a change under way is not touched.
func TestAKilledRunLeavesNothing(t *testing.T) {
	d := newDesk(t)
	reads, changes := mark(1), mark(2)
	for _, code := range []string{`h:read("sleep ` + reads + `")`, `h:run("sleep ` + changes + `")`} {
		cmd := d.command("-q", "--keep", "10m", "-F", d.config(), "-e", code, "target")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		what := reads
		if strings.Contains(code, changes) {
			what = changes
		}
		d.until("it runs", func() bool { return d.runs("sleep " + what) })
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	d.until("what was read has ended", func() bool { return !d.runs("sleep " + reads) })
	if !d.runs("sleep " + changes) {
		t.Error("a change was killed with its run")
	}
	_ = exec.Command("pkill", "-x", "-f", "sleep "+changes).Run()
	d.until("nobody uses a connection any more", func() bool { return !strings.Contains(d.must(d.run("connections")), "in use") })
}

// mark is a number that no other process has among its arguments.
func mark(n int) string { return fmt.Sprintf("%d%d%d", 100+n, os.Getpid(), n) }

// runs tells whether a process has exactly these arguments.
func (d *desk) runs(args string) bool {
	out, err := exec.Command("ps", "-axo", "args=").Output()
	if err != nil {
		d.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.TrimSpace(line) == args {
			return true
		}
	}
	return false
}

func TestItKnowsNoSecrets(t *testing.T) {
	d := newDesk(t)
	d.must(d.script("10m", `h.file.put(h:read("pwd").stdout:gsub("%s", "") .. "/file", secret("token"), { mode = "0600" })`))
	out, err := exec.Command("pgrep", "-f", "^"+command+" keeper "+filepath.Join(d.dir, "bsdrun")).Output()
	if err != nil {
		t.Fatal(err)
	}
	environment, err := os.ReadFile("/proc/" + strings.TrimSpace(string(out)) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(environment), "correct-horse") {
		t.Error("a secret is in its environment")
	}
}

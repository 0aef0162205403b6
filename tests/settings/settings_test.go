// Package settings tests what an inventory says of connections, per host and per group:
// the built command, real OpenSSH.
package settings_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/tests/binary"
	"bsdrun/tests/sshd/sshdtest"
)

var command string

func TestMain(m *testing.M) { os.Exit(binary.Main(m, &command)) }

// run asks the hosts of an inventory who we are there; no ssh_config is read.
func run(t *testing.T, inventory, hosts string, flags ...string) (string, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hosts.toml")
	if err := os.WriteFile(file, []byte(inventory), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-q", "-F", "none", "-i", file}, flags...)
	cmd := exec.Command(command, append(args, "-e", `return "I am " .. h:read("id -un").stdout`, hosts)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+t.TempDir(), "HOME="+t.TempDir(), "SSH_AUTH_SOCK=")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func wants(t *testing.T, out string, code, wanted int, parts ...string) {
	t.Helper()
	if code != wanted {
		t.Fatalf("exit code %d, not %d: %s", code, wanted, out)
	}
	for _, part := range parts {
		if !strings.Contains(out, part) {
			t.Errorf("%q is not in: %s", part, out)
		}
	}
}

// group is an inventory with all that reaches a server, in the settings of a group.
func group(s *sshdtest.Server, more string) string {
	return fmt.Sprintf("[groups.all]\nhosts = [\"web\"]\nuser = %q\nport = %d\nidentity = %q\nknown_hosts = %q\n%s\n[hosts.web]\naddress = %q\n",
		s.User, s.Port, s.Key, s.KnownHosts, more, s.Address)
}

func TestAGroupSaysHowItsHostsAreReached(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	out, code := run(t, group(s, ""), "all")
	wants(t, out, code, 0, "I am "+s.User)
	// Each of them counts.
	for _, c := range []struct{ setting, said string }{
		{fmt.Sprintf("port = %d", s.Port), "connection refused"},
		{fmt.Sprintf("user = %q", s.User), "does not let us in as nobody-here"},
		{fmt.Sprintf("identity = %q", s.Key), "does not let us in"},
		{fmt.Sprintf("known_hosts = %q", s.KnownHosts), "not known"},
	} {
		wrong := map[string]string{"port": "port = 1", "user": `user = "nobody-here"`}[strings.Fields(c.setting)[0]]
		out, code := run(t, strings.Replace(group(s, ""), c.setting, wrong, 1), "all")
		wants(t, out, code, 4, c.said)
	}
}

func TestAHostSaysOtherwiseThanItsGroup(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	s.Know(other, sshdtest.NewKey(t, filepath.Join(dir, "key"), "").PublicKey())
	out, code := run(t, group(s, "")+fmt.Sprintf("known_hosts = %q\n", other), "all")
	wants(t, out, code, 4, "host key has changed", ssh.FingerprintSHA256(s.HostKey))

	wrong := strings.Replace(group(s, ""), fmt.Sprintf("port = %d", s.Port), "port = 1", 1)
	out, code = run(t, wrong+fmt.Sprintf("port = %d\n", s.Port), "all")
	wants(t, out, code, 0, "I am "+s.User)

	// accept_new of the group, told of one host alone not to be.
	learned := filepath.Join(dir, "learned")
	new := strings.Replace(group(s, "accept_new = true"), fmt.Sprintf("known_hosts = %q", s.KnownHosts), fmt.Sprintf("known_hosts = %q", learned), 1)
	out, code = run(t, new+"accept_new = false\n", "all")
	wants(t, out, code, 4, "not known")
	out, code = run(t, new, "all")
	wants(t, out, code, 0, "I am "+s.User)
	if text, err := os.ReadFile(learned); err != nil || len(text) == 0 {
		t.Errorf("the key was not learned: %v", err)
	}
}

func TestAGroupIsReachedThroughAnotherHost(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	jump := sshdtest.Start(t, sshdtest.Options{})
	jump.Authorize(string(ssh.MarshalAuthorizedKey(s.Signer.PublicKey())))
	both, err := os.ReadFile(s.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(jump.KnownHosts)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.KnownHosts, append(both, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := run(t, group(s, fmt.Sprintf("jump = %q", jump.User+"@"+jump.Addr())), "all")
	wants(t, out, code, 0, "I am "+s.User)
	log, err := os.ReadFile(filepath.Join(jump.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "Accepted publickey") {
		t.Error("the jump host was not asked")
	}
	// Its key is checked, too.
	if err := os.WriteFile(s.KnownHosts, both, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code = run(t, group(s, fmt.Sprintf("jump = %q", jump.User+"@"+jump.Addr())), "all")
	wants(t, out, code, 4, "jump host", "not known")
}

// TestAHostHasItsOwnPatience: what accepts a connection and says nothing is given up
// after the time of the host, not that of the command line.
func TestAHostHasItsOwnPatience(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	inventory := fmt.Sprintf("[groups.all]\nhosts = [\"web\"]\nconnect_timeout = 3600\n[hosts.web]\naddress = \"127.0.0.1\"\nport = %d\nconnect_timeout = 1\n",
		silent.Addr().(*net.TCPAddr).Port)
	out, code := run(t, inventory, "all", "--connect-timeout", "1h")
	wants(t, out, code, 4, "does not answer within 1s")
}

func TestAHostSaysWhomToBecome(t *testing.T) {
	s := sshdtest.Start(t, sshdtest.Options{})
	name, _ := sshdtest.NewUser(t, "/bin/sh", "")
	out, code := run(t, group(s, "become = \"sudo\"")+fmt.Sprintf("become_user = %q\n", name), "all")
	wants(t, out, code, 0, "I am "+name)
	out, code = run(t, group(s, fmt.Sprintf("become = \"sudo\"\nbecome_user = %q", name))+"become = \"none\"\n", "all")
	wants(t, out, code, 0, "I am "+s.User)
}

package sshd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
	"bsdrun/tests/sshd/sshdtest"
)

// asUser starts a server for a user with a login shell of its own.
func asUser(t *testing.T, shell, password string, lines ...string) (*sshdtest.Server, sshhost.Config, string) {
	t.Helper()
	name, home := sshdtest.NewUser(t, shell, password)
	s := sshdtest.Start(t, sshdtest.Options{User: name, Lines: lines})
	cfg := s.Config()
	cfg.StateDir = ""
	return s, cfg, home
}

func TestCshWithNoisyStartFiles(t *testing.T) {
	t.Parallel()
	s, cfg, home := asUser(t, "/usr/bin/csh", "")
	_ = s
	write(t, filepath.Join(home, ".cshrc"), []byte("echo 'welcome!'\nsh -c 'echo noise >&2'\nset path = (/bin /usr/bin)\nalias ls 'ls -l'\n"))
	if err := os.Chmod(filepath.Join(home, ".cshrc"), 0o644); err != nil {
		t.Fatal(err)
	}
	doertest.Run(t, doertest.Suite{Doer: open(t, cfg), Dir: workDir(t, home), Quick: true})
}

func TestBashWithNoisyStartFiles(t *testing.T) {
	t.Parallel()
	_, cfg, home := asUser(t, "/bin/bash", "")
	write(t, filepath.Join(home, ".bashrc"), []byte("echo 'welcome!'; echo noise >&2; set -u\n"))
	if err := os.Chmod(filepath.Join(home, ".bashrc"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := open(t, cfg)
	r := do(t, h, sh("echo clean"))
	same(t, "stdout", string(r.Stdout.Tail(100)), "clean\n")
	same(t, "stderr", string(r.Stderr.Tail(100)), "")
}

func TestShellThatRefusesLogins(t *testing.T) {
	t.Parallel()
	_, cfg, _ := asUser(t, "/usr/sbin/nologin", "")
	failure := fails(t, open(t, cfg), effect.Denied, sh(":"))
	if !strings.Contains(failure.Err, "not available") {
		t.Errorf("what it said is not shown: %+v", failure)
	}
}

// workDir is a directory that the user may write.
func workDir(t *testing.T, home string) string {
	t.Helper()
	dir := filepath.Join(home, "work")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sudoer lets a user become anybody, with or without a password.
func sudoer(t *testing.T, name, tag string) {
	t.Helper()
	if _, err := exec.LookPath("sudo"); err != nil {
		t.Skip("sudo is not installed")
	}
	file := filepath.Join("/etc/sudoers.d", name)
	if err := os.WriteFile(file, []byte(fmt.Sprintf("%s ALL=(ALL) %s ALL\n", name, tag)), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(file) })
}

func secret(value string) func(context.Context) (effect.Secret, error) {
	return func(context.Context) (effect.Secret, error) { return effect.NewSecret("password", value), nil }
}

func TestSudoWithoutPassword(t *testing.T) {
	s, cfg, _ := asUser(t, "/bin/sh", "")
	sudoer(t, cfg.User, "NOPASSWD:")
	cfg.Become = sshhost.Become{Method: "auto", Password: func(context.Context) (effect.Secret, error) {
		t.Error("a password is asked for")
		return effect.Secret{}, nil
	}}
	becomesRoot(t, s, cfg)
}

func TestSudoWithOneSessionAConnection(t *testing.T) {
	s, cfg, _ := asUser(t, "/bin/sh", "correct horse", "MaxSessions 1")
	sudoer(t, cfg.User, "")
	cfg.Become = sshhost.Become{Method: "sudo", Password: secret("correct horse")}
	becomesRoot(t, s, cfg)
}

func TestSudoWithPassword(t *testing.T) {
	s, cfg, _ := asUser(t, "/usr/bin/csh", "correct horse")
	sudoer(t, cfg.User, "")
	asked := 0
	cfg.Become = sshhost.Become{Method: "sudo", Password: func(context.Context) (effect.Secret, error) {
		asked++
		return effect.NewSecret("password", "correct horse"), nil
	}}
	becomesRoot(t, s, cfg)
	if asked != 1 {
		t.Errorf("the password was asked for %d times", asked)
	}
	cfg.Become.Password = secret("battery staple")
	failure := fails(t, open(t, cfg), effect.Denied, sh(":"))
	if !strings.Contains(failure.Message, "rejects the password") {
		t.Errorf("message %q", failure.Message)
	}
	if strings.Contains(fmt.Sprintf("%+v", failure), "battery") {
		t.Error("the error tells the password")
	}
}

func TestSudoThatIsNotAllowed(t *testing.T) {
	_, cfg, _ := asUser(t, "/bin/sh", "correct horse")
	if _, err := exec.LookPath("sudo"); err != nil {
		t.Skip("sudo is not installed")
	}
	cfg.Become = sshhost.Become{Method: "sudo", Password: secret("correct horse")}
	failure := fails(t, open(t, cfg), effect.Denied, sh(":"))
	if !strings.Contains(failure.Message, "does not let us become root") {
		t.Errorf("%+v", failure)
	}
}

// becomesRoot tests that commands, small and large files, input, dialogues,
// timeouts and jobs all work as root.
func becomesRoot(t *testing.T, s *sshdtest.Server, cfg sshhost.Config) {
	t.Helper()
	cfg.StateDir = filepath.Join(s.Dir, "rootstate")
	h := open(t, cfg)
	same(t, "who", text(t, h, sh("id -un")), "root\n")
	dir := filepath.Join(s.Dir, "private")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	doertest.Run(t, doertest.Suite{Doer: h, Dir: dir, Quick: true})
	e := sh("id -un; printf 'go? '; read x; echo $x")
	e.Talk = &effect.Dialogue{Exchanges: []effect.Exchange{{Expect: `go\? `, Send: "gone\n"}}}
	same(t, "on a terminal", text(t, h, e), "root\ngo? gone\n")
	same(t, "as another user again", text(t, h, effect.Effect{Op: "t", Shell: "id -un; echo $HOME $USER", As: "nobody"}), "nobody\n/nonexistent nobody\n")
	large := strings.NewReader(strings.Repeat("x", 300<<10))
	same(t, "input of another user's command", strings.TrimSpace(text(t, h, effect.Effect{Op: "t", Shell: "wc -c", As: "nobody", Stdin: large})), "307200")
}

// TestDoasWithPasswordOnATerminal: doas takes a password from a terminal alone.
func TestDoasWithPasswordOnATerminal(t *testing.T) {
	s, cfg, _ := asUser(t, "/usr/bin/csh", "correct horse")
	doer(t, "permit "+cfg.User)
	asked := 0
	cfg.Become = sshhost.Become{Method: "doas", Password: func(context.Context) (effect.Secret, error) {
		asked++
		return effect.NewSecret("password", "correct horse"), nil
	}}
	h := open(t, cfg)
	r := do(t, h, sh("printf 'a\\0b'; printf err >&2"))
	same(t, "plain stdout", string(r.Stdout.Tail(100)), "a\x00b")
	same(t, "plain stderr", string(r.Stderr.Tail(100)), "err")
	becomesRoot(t, s, cfg)
	if asked != 2 {
		t.Errorf("the password of two hosts was asked for %d times", asked)
	}
	same(t, "named pipes left", text(t, open(t, s.Config()), sh("find /tmp -maxdepth 1 -name '.bsdrun*' -user "+cfg.User)), "")
	cfg.Become.Password = secret("battery staple")
	failure := fails(t, open(t, cfg), effect.Denied, sh(":"))
	if !strings.Contains(failure.Message, "rejects the password") {
		t.Errorf("%+v", failure)
	}
	same(t, "processes that wait for a pipe", text(t, open(t, s.Config()), sh("for i in 1 2 3 4 5 6 7 8 9 10; do n=$(ps -o pid= -u $(id -u) -o args= | grep -c '[m]kfifo'); [ $n = 0 ] && break; sleep $i; done; echo $n")), "0\n")
}

func TestDoasWithoutPassword(t *testing.T) {
	_, cfg, _ := asUser(t, "/bin/sh", "")
	doer(t, "permit nopass "+cfg.User)
	cfg.Become = sshhost.Become{Method: "doas"}
	same(t, "who", text(t, open(t, cfg), sh("id -un")), "root\n")
}

// doer writes a rule for doas, which has one file alone.
func doer(t *testing.T, rule string) {
	t.Helper()
	if _, err := exec.LookPath("doas"); err != nil {
		t.Skip("doas is not installed: apt-get install opendoas")
	}
	const file = "/etc/doas.conf"
	if _, err := os.Stat(file); err == nil {
		t.Skip(file + " is there already")
	}
	if err := os.WriteFile(file, []byte(rule+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(file) })
}

func TestAsAnotherUserNeedsRoot(t *testing.T) {
	t.Parallel()
	_, cfg, _ := asUser(t, "/bin/sh", "")
	failure := fails(t, open(t, cfg), effect.Denied, effect.Effect{Op: "t", Argv: []string{"id"}, As: "nobody"})
	if !strings.Contains(failure.Err, "only root") {
		t.Errorf("%+v", failure)
	}
}

func TestPlacesForState(t *testing.T) {
	t.Parallel()
	_, cfg, home := asUser(t, "/bin/sh", "")
	cfg.Run = "run-1"
	h := open(t, cfg)
	do(t, h, change("1", "echo x"))
	dir := filepath.Join(home, ".local/state/bsdrun")
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", dir, info, err)
	}
	if err := h.Close(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lock", "runs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s is left behind", name)
		}
	}
}

func TestNoPlaceForState(t *testing.T) {
	t.Parallel()
	s, cfg, _ := asUser(t, "/bin/sh", "")
	cfg.Run, cfg.StateDir = "run-1", filepath.Join(s.Dir, "forbidden")
	var heard events
	h := open(t, cfg)
	ctx := effect.WithEvents(context.Background(), &heard)
	r, err := h.Do(ctx, change("1", "echo done"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "it is done all the same", string(r.Stdout.Tail(100)), "done\n")
	if heard.text("connection.ledger") == "" {
		t.Error("nobody was told that there is no ledger")
	}
}

package base

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

// typed runs a command on a terminal as a user, types the answers one by one as
// each "assword:" appears, and returns what the terminal showed.
func typed(t *testing.T, m *sim.Machine, user, command string, answers ...string) (string, int) {
	t.Helper()
	conn, err := m.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c, chans, reqs, err := ssh.NewClientConn(conn, "sim", &ssh.ClientConfig{User: user, HostKeyCallback: ssh.FixedHostKey(m.HostKey())})
	if err != nil {
		t.Fatal(err)
	}
	client := ssh.NewClient(c, chans, reqs)
	defer func() { _ = client.Close() }()
	s, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Start(command); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*time.Minute, func() { _ = client.Close() })
	defer timer.Stop()
	var shown bytes.Buffer
	for b := make([]byte, 1); ; {
		n, err := out.Read(b)
		shown.Write(b[:n])
		if (bytes.HasSuffix(shown.Bytes(), []byte("assword:")) || bytes.HasSuffix(shown.Bytes(), []byte("assword: "))) && len(answers) > 0 {
			_, _ = io.WriteString(in, answers[0]+"\r")
			answers = answers[1:]
		}
		if err != nil {
			break
		}
	}
	code := 0
	var exit *ssh.ExitError
	if err := s.Wait(); errors.As(err, &exit) {
		code = exit.ExitStatus()
	} else if err != nil {
		t.Fatalf("%v after %q", err, shown.String())
	}
	return strings.ReplaceAll(shown.String(), "\r\n", "\n"), code
}

// becoming is a machine with alice (wheel) and bob, whose passwords are known.
func becoming(t *testing.T) *sim.Machine {
	t.Helper()
	m := newMachine(t)
	for _, pkg := range []string{"doas", "sudo"} {
		if err := m.InstallPackage(pkg); err != nil {
			t.Fatal(err)
		}
	}
	_, errs, code := sh(t, m, "root", `
echo apple | pw useradd alice -m -G wheel -h 0
echo berry | pw useradd bob -m -h 0
echo cherry | pw usermod root -h 0`)
	if code != 0 {
		t.Fatal(errs)
	}
	return m
}

func TestSuAsksForThePassword(t *testing.T) {
	m := becoming(t)
	for _, c := range []struct {
		user, command string
		answers       []string
		shown         string
		code          int
	}{
		{"alice", "su root -c 'id -u'", []string{"cherry"}, "Password:\n0\n", 0},
		{"alice", "su root -c 'id -u'", []string{"wrong"}, "Password:\nsu: Sorry\n", 1},
		{"bob", "su root -c 'id -u'", nil, "su: Sorry\n", 1},
		{"bob", "su alice -c 'id -un'", []string{"apple"}, "Password:\nalice\n", 0},
	} {
		shown, code := typed(t, m, c.user, c.command, c.answers...)
		if shown != c.shown || code != c.code {
			t.Errorf("%s: %s\n got  %q (%d)\n want %q (%d)", c.user, c.command, shown, code, c.shown, c.code)
		}
	}
}

func TestDoas(t *testing.T) {
	m := becoming(t)
	run := func(conf, user, script, wantOut, wantErr string, wantCode int) {
		t.Helper()
		if _, errs, code := sh(t, m, "root", "cat >/usr/local/etc/doas.conf <<'E'\n"+conf+"\nE\nchmod 600 /usr/local/etc/doas.conf"); code != 0 {
			t.Fatal(errs)
		}
		out, errs, code := sh(t, m, user, script)
		if out != wantOut || errs != wantErr || code != wantCode {
			t.Errorf("%q: %s: %s\n got  %q %q %d\n want %q %q %d", conf, user, script, out, errs, code, wantOut, wantErr, wantCode)
		}
	}
	_, errs, code := sh(t, m, "alice", "doas id")
	if code != 1 || errs != "doas: doas is not enabled, /usr/local/etc/doas.conf: No such file or directory\n" {
		t.Errorf("%q %d", errs, code)
	}
	run("permit nopass :wheel", "alice", "doas id -un; doas -u www id -un", "root\nwww\n", "", 0)
	run("permit nopass :wheel", "bob", "doas id", "", "doas: Operation not permitted\n", 1)
	run("permit nopass bob as root cmd id args -un", "bob", "doas id -un; doas id", "root\n", "doas: Operation not permitted\n", 1)
	run("permit nopass alice\ndeny alice cmd id", "alice", "doas whoami; doas id", "root\n", "doas: Operation not permitted\n", 1)
	run("permit alice", "alice", "doas -n id", "", "doas: Authentication required\n", 1)
	run("permit alice", "alice", "doas id", "", "doas: a tty is required\n", 1)
	run("permit nopass setenv { A=b C=$HOME -D } alice", "alice", "D=1 doas sh -c 'echo $A $C $D $DOAS_USER $USER'", "b /home/alice alice root\n", "", 0)
	run("permit nopass keepenv alice", "alice", "X=y doas sh -c 'echo $X $HOME'", "y /root\n", "", 0)
	run("permit nopas alice", "alice", "doas id", "", "doas: syntax error at line 1\n", 1)
	run("permit nopass alice", "alice", "doas nosuch", "", "doas: nosuch: command not found\n", 1)
	run("permit nopass alice", "alice", "doas sh -c 'exit 7'", "", "", 7)
	run("permit nopass alice", "root", "chmod 666 /usr/local/etc/doas.conf; doas id", "", "doas: /usr/local/etc/doas.conf is writable by group or other\n", 1)

	run("permit alice", "root", "doas -C /usr/local/etc/doas.conf; echo $?", "0\n", "", 0)
	shown, code := typed(t, m, "alice", "doas id -un", "apple")
	if want := "doas (alice@box) password: \nroot\n"; shown != want || code != 0 {
		t.Errorf("got %q (%d), want %q", shown, code, want)
	}
	shown, code = typed(t, m, "alice", "doas id -un", "wrong")
	if want := "doas (alice@box) password: \ndoas: Authentication failed\n"; shown != want || code != 1 {
		t.Errorf("got %q (%d), want %q", shown, code, want)
	}
}

func TestSudo(t *testing.T) {
	m := becoming(t)
	run := func(conf, user, script, wantOut, wantErr string, wantCode int) {
		t.Helper()
		if _, errs, code := sh(t, m, "root", "mkdir -p /usr/local/etc/sudoers.d; printf '%s\\n' '"+conf+"' >/usr/local/etc/sudoers.d/test"); code != 0 {
			t.Fatal(errs)
		}
		out, errs, code := sh(t, m, user, script)
		if out != wantOut || errs != wantErr || code != wantCode {
			t.Errorf("%q: %s: %s\n got  %q %q %d\n want %q %q %d", conf, user, script, out, errs, code, wantOut, wantErr, wantCode)
		}
	}
	run("%wheel ALL=(ALL:ALL) NOPASSWD: ALL", "alice", "sudo id -un; sudo -u www id -un; sudo -n true; echo $?", "root\nwww\n0\n", "", 0)
	run("%wheel ALL=(ALL:ALL) NOPASSWD: ALL", "bob", "sudo -n id", "", "sudo: a password is required\n", 1)
	run("%wheel ALL=(ALL) ALL", "alice", "sudo -n id", "", "sudo: a password is required\n", 1)
	run("%wheel ALL=(ALL) ALL", "alice", "sudo id", "", "sudo: a terminal is required to read the password; either use the -S option to read from standard input or configure an askpass helper\nsudo: a password is required\n", 1)
	run("%wheel ALL=(ALL) ALL", "alice", "echo apple | sudo -S -p '' id -un", "root\n", "", 0)
	run("%wheel ALL=(ALL) ALL", "alice", "yes wrong | head -5 | sudo -S -p '' id -un", "", "Sorry, try again.\nSorry, try again.\nsudo: 3 incorrect password attempts\n", 1)
	run("bob ALL=(root) NOPASSWD: /usr/bin/id -u, /bin/ls", "bob", "sudo id -u; sudo ls /etc/hosts; sudo -n id", "0\n/etc/hosts\n", "sudo: a password is required\n", 1)
	run("alice ALL=(ALL) NOPASSWD: ALL", "alice", "sudo sh -c 'echo $SUDO_USER $USER $HOME'; sudo -i pwd; A=b sudo sh -c 'echo [$A]'; sudo -E sh -c 'echo $HOME'; sudo X=y sh -c 'echo $X'",
		"alice root /root\n/root\n[]\n/root\ny\n", "", 0)
	run("alice ALL=(ALL) NOPASSWD: ALL", "alice", "sudo nosuch", "", "sudo: nosuch: command not found\n", 1)
	run("alice ALL=(ALL) NOPASSWD: ALL", "alice", "sudo -u nosuch id", "", "sudo: unknown user nosuch\n", 1)
	run("alice ALL=(ALL) NOPASSWD: ALL", "alice", "sudo sh -c 'exit 9'", "", "", 9)
	run("alice ALL=(ALL) NOPASSWD: ALL", "alice", "sudo -l", "User alice may run the following commands on box:\n    (ALL) NOPASSWD: ALL\n", "", 0)
	run("Cmnd_Alias IDS = /usr/bin/id, /usr/bin/whoami\nUser_Alias OPS = alice, bob\nOPS ALL = NOPASSWD: IDS", "bob", "sudo whoami", "root\n", "", 0)

	run("%wheel ALL=(ALL) ALL", "root", "sudo id -un", "root\n", "", 0)
	shown, code := typed(t, m, "alice", "sudo id -un; sudo id -un", "wrong", "apple")
	if want := "Password:\nSorry, try again.\nPassword:\nroot\nroot\n"; shown != want || code != 0 {
		t.Errorf("got %q (%d), want %q", shown, code, want)
	}
	shown, code = typed(t, m, "bob", "sudo id", "berry")
	if want := "Password:\nbob is not in the sudoers file.\n"; shown != want || code != 1 {
		t.Errorf("got %q (%d), want %q", shown, code, want)
	}
}

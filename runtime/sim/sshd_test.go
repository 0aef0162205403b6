package sim_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

func dial(t *testing.T, m *sim.Machine) *ssh.Client {
	t.Helper()
	conn, err := m.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return client(t, m, conn)
}

func client(t *testing.T, m *sim.Machine, conn net.Conn) *ssh.Client {
	t.Helper()
	c, chans, reqs, err := ssh.NewClientConn(conn, "sim", &ssh.ClientConfig{User: "root", HostKeyCallback: ssh.FixedHostKey(m.HostKey())})
	if err != nil {
		t.Fatal(err)
	}
	cl := ssh.NewClient(c, chans, reqs)
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

func TestExecOverSSH(t *testing.T) {
	m := newMachine(t)
	c := dial(t, m)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	s.Stdout, s.Stderr, s.Stdin = &out, &errs, strings.NewReader("typed\n")
	err = s.Run("read x; echo out $x; echo err >&2; exit 3")
	var exit *ssh.ExitError
	if !asExit(err, &exit) || exit.ExitStatus() != 3 {
		t.Fatalf("want exit code 3, got %v", err)
	}
	if out.String() != "out typed\n" || errs.String() != "err\n" {
		t.Fatalf("stdout %q, stderr %q", out.String(), errs.String())
	}
}

// A statement of a shell fed by the channel runs as soon as its newline is there.
func TestShellRunsEachLine(t *testing.T) {
	m := newMachine(t)
	s, err := dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Start("exec /bin/sh"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	for _, step := range []struct{ in, want string }{
		{"echo one\n", "one\n"},
		{"{ echo two; (eval 'echo three; exit 4') </dev/null; echo $?; }\n", "two\nthree\n4\n"},
		{"cat_() { while read -r l; do echo \"<$l>\"; done; }\ncat_ <<E\na $((1+1))\nE\n", "<a 2>\n"},
		{"x='a\nb'; echo \"$x\"\n", "a\nb\n"},
	} {
		if _, err := io.WriteString(in, step.in); err != nil {
			t.Fatal(err)
		}
		got := ""
		for len(got) < len(step.want) {
			n, err := out.Read(buf)
			if err != nil {
				t.Fatalf("after %q: %v", step.in, err)
			}
			got += string(buf[:n])
		}
		if got != step.want {
			t.Fatalf("%q printed %q, want %q", step.in, got, step.want)
		}
	}
	_ = in.Close()
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestSFTP(t *testing.T) {
	m := newMachine(t)
	c, err := sftp.NewClient(dial(t, m))
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.Create("/root/big")
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 40000)
	if _, err := f.ReadFrom(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if err := c.Chmod("/root/big", 0o4711); err != nil {
		t.Fatal(err)
	}
	got, err := m.View(rootCred, "/").ReadFile("/root/big")
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read back %d bytes, %v", len(got), err)
	}
	i, err := c.Stat("/root/big")
	if err != nil || i.Size() != int64(len(data)) || i.Mode().Perm() != 0o711 {
		t.Fatalf("stat: %v %v", i, err)
	}
	if _, err := c.Stat("/nope"); !isNotExist(err) {
		t.Fatalf("stat of nothing: %v", err)
	}
	if err := c.PosixRename("/root/big", "/root/big2"); err != nil {
		t.Fatal(err)
	}
	if err := c.Mkdir("/nope/x"); !isNotExist(err) {
		t.Fatalf("mkdir below nothing: %v", err)
	}
}

// Time jumps for whoever waits, and stands still otherwise.
func TestClockJumps(t *testing.T) {
	sleeper := &sim.Tool{Name: "sleep", Paths: []string{"/bin/sleep"}, Run: func(p *sim.Proc) int {
		d, _ := time.ParseDuration(p.Args[1] + "s")
		if p.Sleep(d) != nil {
			return 1
		}
		return 0
	}}
	m := newMachine(t, sleeper)
	start := m.Now()
	if _, _, code := run(t, m, "sleep 3600"); code != 0 {
		t.Fatal(code)
	}
	if got := m.Now().Sub(start); got != time.Hour {
		t.Fatalf("an hour's sleep took %v", got)
	}
	out, _, _ := run(t, m, "(sleep 50; echo late >/tmp/late) & echo now")
	if out != "now\n" {
		t.Fatal(out)
	}
	if got := m.Now().Sub(start); got != time.Hour {
		t.Fatalf("a background sleep let %v pass", got)
	}
	if err := m.Clock().Sleep(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := m.Now().Sub(start); got != time.Hour+time.Minute {
		t.Fatalf("the controller's sleep led to %v", got)
	}
	if data, err := m.View(rootCred, "/").ReadFile("/tmp/late"); string(data) != "late\n" {
		t.Fatalf("the job wrote %q, %v", data, err)
	}
}

func TestReboot(t *testing.T) {
	m := newMachine(t)
	c := dial(t, m)
	before := m.State().Boot.ID
	m.Reboot()
	if err := m.Clock().Sleep(context.Background(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Dial(context.Background()); err == nil {
		t.Fatal("a machine that boots answered")
	}
	if err := c.Wait(); err == nil {
		t.Fatal("the connection lived on")
	}
	if err := m.Clock().Sleep(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	dial(t, m)
	if m.State().Boot.ID == before {
		t.Fatal("the boot id is the same")
	}
}

func TestJumpHost(t *testing.T) {
	n := sim.NewNetwork()
	a, err := sim.New(sim.Options{Name: "alpha", Network: n})
	if err != nil {
		t.Fatal(err)
	}
	b, err := sim.New(sim.Options{Name: "beta", Network: n})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := dial(t, a).Dial("tcp", "beta:22")
	if err != nil {
		t.Fatal(err)
	}
	s, err := client(t, b, conn).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Output("echo $SSH_CLIENT >/dev/null; echo $USER")
	if err != nil || string(out) != "root\n" {
		t.Fatalf("%q %v", out, err)
	}
	if _, err := dial(t, a).Dial("tcp", "gamma:22"); err == nil {
		t.Fatal("reached a machine that is not there")
	}
}

package sim_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

func faulty(t *testing.T, query string, tools ...*sim.Tool) *sim.Machine {
	t.Helper()
	m, err := sim.Open("sim:freebsd-14.3?"+query, tools, sim.NewNetwork())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestCutAfterBytes(t *testing.T) {
	m := faulty(t, "cut=6000")
	s, err := dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, err := s.Output("i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done")
	var missing *ssh.ExitMissingError
	if !errors.As(err, &missing) || len(out) == 0 || len(out) > 6000 {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	// Once: the next connection is whole.
	s, err = dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Output("echo whole"); string(out) != "whole\n" {
		t.Fatalf("%q %v", out, err)
	}
}

// The command is done, its answer lost.
func TestCutOp(t *testing.T) {
	m := faulty(t, "cut-op=2")
	c := dial(t, m)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Output("echo first >/root/first"); err != nil {
		t.Fatal(err)
	}
	s, err = c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Output("echo second >/root/second; echo answer"); err == nil {
		t.Fatal("the answer came through")
	}
	for range 60000 {
		if data, _ := m.View(vfs.Root, "/").ReadFile("/root/second"); string(data) == "second\n" {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the command was not done")
}

func TestDiskFullAndDenied(t *testing.T) {
	m := faulty(t, "disk-full=/var/tmp&deny=/etc/fstab")
	if _, errs, code := run(t, m, "echo x >/var/tmp/f"); code == 0 || !strings.Contains(errs, "No space left on device") {
		t.Errorf("full disk: %d %q", code, errs)
	}
	if _, errs, code := run(t, m, "read x </etc/fstab"); code == 0 || !strings.Contains(errs, "Permission denied") {
		t.Errorf("denied: %d %q", code, errs)
	}
	small := faulty(t, "disk=1M")
	if err := small.View(vfs.Root, "/").WriteFile("/root/big", make([]byte, 1<<20), 0o600); err == nil {
		t.Error("more than the disk was written")
	}
}

func TestToolFault(t *testing.T) {
	m := faulty(t, "fault=echo:3:echo:%20broken", echoTool())
	if out, errs, code := run(t, m, "/bin/echo hello"); code != 3 || errs != "echo: broken\n" || out != "" {
		t.Errorf("%q %q %d", out, errs, code)
	}
	m.HealTool("echo")
	m.FailTool("echo", 9, "", 1)
	if out, _, code := run(t, m, "/bin/echo a; x=$?; /bin/echo b; exit $x"); code != 9 || out != "b\n" {
		t.Errorf("%q %d", out, code)
	}
}

func TestRefusedChannels(t *testing.T) {
	m := faulty(t, "refuse=sftp&max-sessions=1")
	c := dial(t, m)
	refused, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := refused.RequestSubsystem("sftp"); err == nil {
		t.Error("sftp was opened")
	}
	_ = refused.Close()
	s, err := c.NewSession()
	for i := 0; err != nil && i < 60000; i++ { // until the refused one is closed
		time.Sleep(time.Millisecond)
		s, err = c.NewSession()
	}
	if err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	if err := s.Start("exec /bin/sh"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.NewSession(); err == nil {
		t.Error("a second session was opened")
	}
	_ = in.Close()
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
}

func TestLatency(t *testing.T) {
	m := faulty(t, "latency=5ms&bandwidth=10M")
	s, err := dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.Output("echo slow"); string(out) != "slow\n" {
		t.Errorf("%q %v", out, err)
	}
}

func TestBadParametersAreRefused(t *testing.T) {
	for _, text := range []string{
		"builder", "sim:nosuch", "sim:builder*0", "sim:builder*x", "sim:b d", "sim:builder?cut=x", "sim:builder?disk=1Q", "sim:builder?fault=x",
		"sim:builder?fault=x:y:z", "sim:builder?latency=5", "sim:builder?become=magic", "sim:builder?start=today", "sim:builder?git=nodir",
		"sim:builder?git=https://example.org/x.git=/no/such/directory", "sim:builder?disk-full=/nope", "sim:builder*2", "sim:builder?%zz",
	} {
		if m, err := sim.Open(text, nil, sim.NewNetwork()); err == nil {
			_ = m.Close()
			t.Errorf("%s was opened", text)
		}
	}
}

func TestParseURL(t *testing.T) {
	s, err := sim.ParseURL("sim:builder*3/www?state=a%20b&fault=x:1:y")
	if err != nil || s.Profile != "builder" || s.Count != 3 || s.Jail != "www" || s.Params.Get("state") != "a b" || s.Params.Get("fault") != "x:1:y" {
		t.Errorf("%+v %v", s, err)
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("sim:builder*3/www?state=f&cut=10")
	f.Add("sim:")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sim.ParseURL(text)
		if err == nil && (s.Count < 1 || !strings.HasPrefix(text, "sim:"+s.Profile)) {
			t.Errorf("%q became %+v", text, s)
		}
	})
}

// Every profile boots, answers and knows what it is.
func TestProfiles(t *testing.T) {
	for _, p := range sim.Profiles() {
		if p.OS == "Linux" {
			continue // see TestLinuxBoots
		}
		m, err := sim.New(sim.Options{Profile: p.Name})
		if err != nil {
			t.Fatal(err)
		}
		if p.Doc == "" {
			t.Errorf("%s has no description", p.Name)
		}
		out, errs, code := run(t, m, `. /etc/defaults/rc.conf; . /etc/rc.conf; echo $hostname $sshd_enable $cron_enable; [ -x /bin/sh ] && [ -d /usr/local ] && [ -c /dev/null ] && [ -k /tmp ] && echo ok`)
		if code != 0 || out != p.Name+".example.org YES YES\nok\n" {
			t.Errorf("%s: %d %q %q", p.Name, code, out, errs)
		}
		if u, ok := m.LookupUser("root"); !ok || u.Shell != p.RootShell {
			t.Errorf("%s: root is %+v", p.Name, u)
		}
		for _, name := range []string{"/etc/master.passwd", "/etc/fstab", "/etc/hosts", "/etc/rc.conf"} {
			data, err := m.View(vfs.Root, "/").ReadFile(name)
			if err != nil || bytes.Contains(data, []byte("{{")) || len(data) == 0 {
				t.Errorf("%s: %s: %v\n%s", p.Name, name, err, data)
			}
		}
		if i, _ := m.View(vfs.Root, "/").Stat("/etc/master.passwd"); i.Mode != 0o600 {
			t.Errorf("%s: master.passwd has mode %o", p.Name, i.Mode)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Two machines made alike are alike to the bit.
func TestMachinesAreDeterministic(t *testing.T) {
	listing := func() string {
		m, err := sim.New(sim.Options{Profile: "builder", Params: url.Values{"become": {"doas"}, "user": {"admin"}}})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		run(t, m, "echo x >/root/x")
		return strings.Join(m.Listing(), "\n")
	}
	if a, b := listing(), listing(); a != b {
		t.Error("two fresh machines differ")
	}
}

func TestLoginUser(t *testing.T) {
	m := faulty(t, "user=admin&become=doas")
	if m.Login() != "admin" {
		t.Fatalf("login is %s", m.Login())
	}
	u, _ := m.LookupUser("admin")
	cred := m.CredOf(u)
	if cred.UID != 1001 || len(cred.Groups) != 2 || cred.Groups[1] != 0 {
		t.Errorf("%+v", cred)
	}
	out, _, _ := m.Exec(context.Background(), "admin", "pwd; echo x >f && echo wrote; echo y >/etc/f || echo denied")
	if out != "/home/admin\nwrote\ndenied\n" {
		t.Error(out)
	}
	if data, _ := m.View(vfs.Root, "/").ReadFile("/usr/local/etc/doas.conf"); !strings.Contains(string(data), ":wheel") {
		t.Errorf("doas.conf: %q", data)
	}
}

// A terminal echoes, passwords are not shown, and keys send signals.
func TestTerminal(t *testing.T) {
	ask := &sim.Tool{Name: "ask", Paths: []string{"/bin/ask"}, Run: func(p *sim.Proc) int {
		secret, err := p.Password("Password:")
		if err != nil {
			p.Errorf("ask: %s\n", sim.ErrText(err))
			return 1
		}
		p.Printf("got %d letters\n", len(secret))
		return 0
	}}
	m := newMachine(t, ask)
	s, err := dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	stdout, _ := s.StdoutPipe()
	if err := s.Start("ask; read x; echo \"<$x>\"; [ -t 0 ] && echo terminal"); err != nil {
		t.Fatal(err)
	}
	prompt := make([]byte, len("Password:"))
	if _, err := io.ReadFull(stdout, prompt); err != nil || string(prompt) != "Password:" {
		t.Fatalf("%q %v", prompt, err)
	}
	_, _ = io.WriteString(in, "hidden\r")
	var out []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(out), "letters\r\n"); out = append(out, b[0]) {
		if _, err := stdout.Read(b); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(in, "shown\r")
	rest, err := io.ReadAll(stdout)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(out) + string(rest); strings.Contains(got, "hidden") || !strings.Contains(got, "got 6 letters\r\n") || !strings.Contains(got, "<shown>\r\nterminal\r\n") {
		t.Errorf("%q", got)
	}
	s, err = dial(t, m).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := s.CombinedOutput("ask"); string(out) != "ask: Inappropriate ioctl for device\n" {
		t.Errorf("without a terminal: %q", out)
	}
}

// A person at a terminal is prompted, and survives mistakes.
func TestInteractiveShell(t *testing.T) {
	s, err := dial(t, newMachine(t)).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RequestPty("xterm", 24, 80, ssh.TerminalModes{ssh.ECHO: 0}); err != nil {
		t.Fatal(err)
	}
	in, _ := s.StdinPipe()
	out, _ := s.StdoutPipe()
	if err := s.Shell(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(10*time.Second, func() { _ = s.Close() })
	defer limit.Stop()
	var got strings.Builder
	until := func(text string) {
		t.Helper()
		for b := make([]byte, 1); !strings.HasSuffix(got.String(), text); got.WriteByte(b[0]) {
			if _, err := out.Read(b); err != nil {
				t.Fatalf("%v, after %q", err, got.String())
			}
		}
	}
	until("root@freebsd-14:~ # ")
	for _, step := range []struct{ in, want string }{
		{"cd /etc; echo a$((1+1))\r", "~ # a2\r\nroot@freebsd-14:/etc # "},
		{"echo ${x?missing}\r", "x: missing\r\nroot@freebsd-14:/etc # "},
		{")\r", "Syntax error: \")\" unexpected\r\nroot@freebsd-14:/etc # "},
		{"if true\r", "> "},
		{"then echo yes; fi\r", "yes\r\nroot@freebsd-14:/etc # "},
		{"nosuch\r", "nosuch: not found\r\nroot@freebsd-14:/etc # "},
	} {
		_, _ = io.WriteString(in, step.in)
		until(step.want)
	}
	_, _ = io.WriteString(in, "exit 7\r")
	var exit *ssh.ExitError
	if err := s.Wait(); !asExit(err, &exit) || exit.ExitStatus() != 7 {
		t.Errorf("%v", err)
	}
}

// What a lost connection leaves running goes on.
func TestCommandsOutliveTheConnection(t *testing.T) {
	sleep := &sim.Tool{Name: "sleep", Paths: []string{"/bin/sleep"}, Run: func(p *sim.Proc) int {
		d, _ := time.ParseDuration(p.Args[1] + "s")
		if p.Sleep(d) != nil {
			return 1
		}
		return 0
	}}
	m := newMachine(t, sleep)
	m.RunRealTime(1000)
	c := dial(t, m)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out, _ := s.StdoutPipe()
	if err := s.Start("echo begun; sleep 60; echo done >/root/done"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadFull(out, make([]byte, 6))
	m.DropConnections()
	for range 60000 {
		if _, err := m.View(vfs.Root, "/").Stat("/root/done"); err == nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the command did not go on")
}

// Killing a process ends it and not its children; a group goes as a whole.
func TestKill(t *testing.T) {
	sleep := &sim.Tool{Name: "sleep", Paths: []string{"/bin/sleep"}, Run: func(p *sim.Proc) int {
		if p.Sleep(time.Hour) != nil {
			return 1
		}
		return 0
	}}
	m := newMachine(t, sleep)
	out, errs, _ := run(t, m, `
sleep 1 & a=$!
(sleep 2; echo never) & b=$!
kill -0 $a && echo alive
kill $a; wait $a; echo $?
kill -KILL $b; wait $b; echo $?
kill -0 $a 2>/dev/null || echo gone
kill 99999 2>/dev/null; echo $?
trap 'echo term' TERM; (kill -TERM $$); echo next
(while sleep 60; do :; done) </dev/null >/dev/null & a=$!; (while sleep 60; do :; done) & kill $a $!; wait; echo ended`)
	if out != "alive\n143\n137\ngone\n1\nterm\nnext\nended\n" {
		t.Errorf("%q %q", out, errs)
	}
	for _, p := range m.Processes() {
		if p.Args[0] == "sh" {
			t.Errorf("%d %v lives on", p.PID, p.Args)
		}
	}
	if _, errs, code := m.Exec(context.Background(), "nobody", "kill 1"); code == 0 || !strings.Contains(errs, "Operation not permitted") {
		t.Errorf("anybody kills init: %d %q", code, errs)
	}
}

func TestNetwork(t *testing.T) {
	n := sim.NewNetwork()
	dir := t.TempDir()
	m, err := sim.New(sim.Options{Profile: "builder", Name: "b1", Network: n, Params: url.Values{"git": {"https://git.example.org/p.git=" + dir}, "unreachable": {"github.com"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := n.Git("https://git.example.org/p"); !ok || got != dir {
		t.Errorf("%q %v", got, ok)
	}
	for target, ok := range map[string]bool{
		"https://git.example.org/p.git": true, "https://pkg.FreeBSD.org/x": true, "https://nowhere.invalid/": false,
		"https://github.com/x": false, "git@gitlab.com:a/b.git": true, "b1": true, m.Address(): true, "10.1.2.3": false,
	} {
		if err := n.Reachable(target); (err == nil) != ok {
			t.Errorf("%s: %v", target, err)
		}
	}
	if a, err := n.Resolve("b1"); err != nil || a != m.Address() {
		t.Errorf("%s %v", a, err)
	}
}

package sshd_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/runtime/sshhost/doertest"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/sshd/sshdtest"
)

// A real server whose jexec(8) is chroot(8) in a mount namespace of its own.
func TestJailHoldsOnARealServer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip("needs root and mount namespaces")
	}
	dir := t.TempDir()
	root := filepath.Join(dir, "jails", "www")
	for _, d := range []string{"usr", "dev", "proc", "tmp", "var/db"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+link, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	standIn := `#!/bin/sh
[ -d ` + dir + `/jails/"$1" ] || { echo "jexec: jail \"$1\" not found" >&2; exit 1; }
root=` + dir + `/jails/$1; shift
exec unshare -m sh -c 'mount --bind /usr "$0/usr" && mount --bind /dev "$0/dev" && mount --bind /proc "$0/proc" && cd "$0" && exec chroot . "$@"' "$root" "$@"
`
	if err := os.WriteFile(filepath.Join(bin, "jexec"), []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	s := sshdtest.Start(t, sshdtest.Options{Lines: []string{"SetEnv PATH=" + bin + ":/usr/sbin:/usr/bin:/sbin:/bin"}})
	h := open(t, s.Config())
	inside := host.In(h, "www")
	if err := exec.Command("mountpoint", "-q", filepath.Join(root, "usr")).Run(); err == nil {
		t.Fatal("the stand-in's mounts are seen outside")
	}
	same(t, "root", text(t, inside, sh("ls -d /var/* /usr/bin/env")), "/usr/bin/env\n/var/db\n")
	doertest.Escape(t, doertest.Jail{Host: h, Inside: inside, Root: root, Outside: filepath.Join(dir, "outside"), Context: context.Background()})
	failure := fails(t, host.In(h, "nosuch"), effect.Missing, sh("true"))
	same(t, "message", failure.Message, "no jail nosuch runs on the host")
	same(t, "the host after that", text(t, h, sh("echo well")), "well\n")
}

func TestJailHoldsOnASimulatedMachine(t *testing.T) {
	t.Parallel()
	m, err := sim.New(sim.Options{Profile: "jailhost", Tools: append(base.Tools(), sysctlsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	dials := 0
	h := open(t, sshhost.Config{
		Name: m.Name, User: "root", HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")}, Greeting: host.FactsScript,
		Dialer: func(ctx context.Context) (net.Conn, error) {
			dials++
			return m.Dial(ctx)
		},
	})
	ctx := clock.With(context.Background(), m.Clock())
	inside := host.In(h, "www")
	doertest.Escape(t, doertest.Jail{Host: h, Inside: inside, Root: "/usr/jails/www", Outside: "/outside", Context: ctx})
	facts, err := host.GetFacts(ctx, inside)
	if err != nil || !facts.Jailed || facts.Hostname != "www.example.org" || len(facts.Jails) != 0 || len(facts.Addresses["lo1"]) != 1 {
		t.Errorf("%+v, %v", facts, err)
	}
	if err := host.Reboot(ctx, inside, host.RebootOptions{}); effect.KindOf(err) != effect.Invalid || m.Down() {
		t.Errorf("a jail reboots its host: %v", err)
	}
	fails(t, host.In(h, "nosuch"), effect.Missing, sh("true"))
	if dials != 1 {
		t.Errorf("%d connections", dials)
	}
}

// TestDoerInAJail holds a jail to what hosts do.
func TestDoerInAJail(t *testing.T) {
	t.Parallel()
	m, err := sim.New(sim.Options{Profile: "jailhost", Tools: append(base.Tools(), sysctlsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, sshhost.Config{
		Name: m.Name, User: "root", HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")}, Dialer: m.Dial,
		Greeting: host.FactsScript, Run: "run-1", Controller: "ops@control.example.org",
	})
	ctx := clock.With(context.Background(), m.Clock())
	inside := host.In(numbered(h), "www")
	if _, err := inside.Do(ctx, effect.Effect{Op: "t", Kind: effect.Change, Argv: []string{"mkdir", "/var/tmp/suite"}}); err != nil {
		t.Fatal(err)
	}
	doertest.Run(t, doertest.Suite{Doer: inside, Dir: "/var/tmp/suite", Context: ctx, Virtual: true})
}

package git

import (
	"context"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/git/gitsim"
)

// TestOnTheSimulatedMachine: what real git accepts, the simulated one does too.
func TestOnTheSimulatedMachine(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: append(base.Tools(), gitsim.Tool())})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallPackage("git"); err != nil {
		t.Fatal(err)
	}
	h := sshhost.New(sshhost.Config{
		Name: "host", Address: "host", User: "root", Dialer: func(ctx context.Context) (net.Conn, error) { return m.Dial(ctx) },
		HostKey: ssh.FixedHostKey(m.HostKey()), Auth: []ssh.AuthMethod{ssh.Password("")},
	})
	t.Cleanup(func() { _ = h.Close(context.Background(), false) })
	ctx := clock.With(t.Context(), m.Clock())

	// From the controller's real git to a machine without a route.
	w := newWorld(t)
	w.origin()
	push := PushArgs{From: binding.Local{Path: w.path("origin")}, Dir: "/srv/git/ports.git", Tags: true}
	if done := must(PushFromLocal(ctx, h, push)); !done.Created || len(done.Refs) != 3 {
		t.Errorf("pushed %+v", done)
	}
	if again := must(PushFromLocal(ctx, h, push)); again.Changed {
		t.Errorf("the second push changed: %+v", again)
	}
	w.sh("cd origin && echo v3 >misc/hello/Makefile && git commit -q -a -m third")
	must(PushFromLocal(ctx, h, push))
	const uri = "file:///srv/git/ports.git"
	if there := must(RemoteRevision(ctx, h, RemoteRevisionArgs{URI: uri, Ref: "main"})); there.Revision != w.head("origin") {
		t.Errorf("main is %+v, want %s", there, w.head("origin"))
	}
	_, err = RemoteRevision(ctx, h, RemoteRevisionArgs{URI: uri, Ref: "nosuch"})
	failure(t, err, effect.Missing, "dev, main")

	args := EnsureArgs{URI: uri, Dir: "/usr/ports", Branch: "main", Depth: 1}
	if got := must(Ensure(ctx, h, args)); got.Revision != w.head("origin") {
		t.Errorf("stands at %+v", got)
	}
	if again := must(Ensure(ctx, h, args)); again.Changed {
		t.Errorf("the second time changed: %+v", again)
	}
	args.Branch, args.Tag = "", "v1.0"
	if got := must(Ensure(ctx, h, args)); got.Revision != w.sh("git -C origin rev-parse v1.0^{commit}") {
		t.Errorf("v1.0 stands at %+v", got)
	}
	s := must(GetStatus(ctx, h, StatusArgs{Dir: "/usr/ports", Untracked: true}))
	if !s.Detached || !s.Clean {
		t.Errorf("status %+v", s)
	}
	must(SwitchTo(ctx, h, CheckoutArgs{Dir: "/usr/ports", Ref: "main"}))
	if commits := must(Log(ctx, h, LogArgs{Dir: "/srv/git/ports.git", To: "main"})); len(commits) != 3 || commits[0].Subject != "third" {
		t.Errorf("log %+v", commits)
	}
	_, err = Clone(ctx, h, CloneArgs{URI: "file:///srv/git/nosuch.git", Dir: "/x"})
	failure(t, err, effect.Missing, "check the address")
	if out, _, _ := m.Exec(ctx, "root", "cat /usr/ports/misc/hello/Makefile"); strings.TrimSpace(out) != "v3" {
		t.Errorf("the tree holds %q", out)
	}
}

// Package onsim gives tests of modules a simulated machine and the real
// transport to it.
package onsim

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/runtime/sshhost"
)

// New makes a machine of a profile (empty: the current release) that has the
// tools, and connects to it as root.
func New(t testing.TB, profile string, tools ...[]*sim.Tool) (effect.Doer, *sim.Machine) {
	t.Helper()
	var all []*sim.Tool
	for _, list := range tools {
		all = append(all, list...)
	}
	m, err := sim.New(sim.Options{Profile: profile, Tools: all})
	if err != nil {
		t.Fatal(err)
	}
	return As(t, m, "root"), m
}

// Open opens a machine by its URL for what is done to it by hand, and closes it.
func Open(t testing.TB, url string, tools []*sim.Tool, do func(m *sim.Machine)) {
	t.Helper()
	m, err := sim.Open(url, tools, sim.NewNetwork())
	if err != nil {
		t.Fatal(err)
	}
	do(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// Exec runs a script as the machine's administrator and returns what it printed.
func Exec(t testing.TB, m *sim.Machine, script string) string {
	t.Helper()
	out, errs, code := m.Exec(context.Background(), "root", script)
	if code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", script, code, out, errs)
	}
	return out
}

// As connects to a machine as a user, who is made if need be.
func As(t testing.TB, m *sim.Machine, user string) effect.Doer {
	t.Helper()
	if _, known := m.LookupUser(user); !known {
		addUser(t, m, user)
	}
	h := sshhost.New(sshhost.Config{
		Name: m.Name, User: user, Dialer: m.Dial, HostKey: m.Trust(),
		Auth: m.Auth(), StateDir: "/var/tmp/bsdrun", Greeting: host.FactsScript,
		Legacy: true, // machines of old releases have no other algorithms
	})
	t.Cleanup(func() { _ = h.Close(context.Background(), true) })
	return h
}

func addUser(t testing.TB, m *sim.Machine, user string) {
	t.Helper()
	view := m.View(vfs.Root, "/")
	f, err := view.OpenFile("/etc/master.passwd", vfs.O_WRONLY|vfs.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s::1001:1001::0:0:%s:/home/%s:/bin/sh\n", user, user, user); err != nil {
		t.Fatal(err)
	}
	if err := view.MkdirAll("/home/"+user, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := view.Chown("/home/"+user, 1001, 1001); err != nil {
		t.Fatal(err)
	}
}

// Count passes effects on and counts the Changes, for tests of what converges.
type Count struct {
	effect.Doer
	Changes int
	Reads   int
	Last    effect.Effect

	mu sync.Mutex
}

// Do counts and passes on.
func (c *Count) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	c.mu.Lock()
	if e.Kind == effect.Change {
		c.Changes++
		c.Last = e
	} else {
		c.Reads++
	}
	c.mu.Unlock()
	return c.Doer.Do(ctx, e)
}

package sim_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"bsdrun/runtime/sim"
)

// A closed machine leaves nothing running, whatever ran on it.
func TestCloseLeavesNothing(t *testing.T) {
	sleep := &sim.Tool{Name: "sleep", Paths: []string{"/bin/sleep"}, Run: func(p *sim.Proc) int {
		if p.Sleep(time.Hour) != nil {
			return 1
		}
		return 0
	}}
	before := runtime.NumGoroutine()
	for range 20 {
		m, err := sim.New(sim.Options{Tools: []*sim.Tool{sleep}})
		if err != nil {
			t.Fatal(err)
		}
		m.Exec(context.Background(), "root", "sleep 5 & (while :; do sleep 5; done) & read x <<E | cat_ & \nE\n")
		conn, err := m.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		c, chans, reqs, err := ssh.NewClientConn(conn, "sim", &ssh.ClientConfig{User: "root", HostKeyCallback: ssh.FixedHostKey(m.HostKey())})
		if err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewClient(c, chans, reqs).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := s.Start("exec /bin/sh"); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 12000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	buf := make([]byte, 1<<20)
	t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
}

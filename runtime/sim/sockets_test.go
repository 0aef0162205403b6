package sim_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/socket"
)

func TestSocketsEndWithTheirProcess(t *testing.T) {
	listener := &sim.Tool{Name: "listener", Paths: []string{"/usr/bin/listener"}, Run: func(p *sim.Proc) int {
		sockets := p.Machine.Sockets()
		s := sockets.Socket(socket.Inet6, "tcp", p.Cred.UID, p.PID)
		if err := errors.Join(sockets.Bind(s, netip.AddrPortFrom(s.Family.Any(), 7020)), sockets.Listen(s)); err != nil {
			p.Errorf("%v\n", err)
			return 1
		}
		p.Printf("%s\n", sockets.List()[len(sockets.List())-1].Name())
		return 0
	}}
	m := newMachine(t, listener)
	for range 2 {
		if out, errs, code := run(t, m, "listener"); code != 0 || out != "tcp6\n" {
			t.Fatalf("%d: %s%s", code, out, errs)
		}
	}
	m.State().Lock()
	m.State().Sysctls["net.inet6.ip6.v6only"].Value = "0"
	m.State().Unlock()
	if out, _, _ := run(t, m, "listener"); out != "tcp46\n" {
		t.Errorf("with v6only=0: %s", out)
	}
}

func TestDaemonsHoldTheirPorts(t *testing.T) {
	m := newMachine(t)
	sockets := m.Sockets()
	s := sockets.Socket(socket.Inet, "tcp", 0, 1)
	if err := sockets.Bind(s, netip.AddrPortFrom(s.Family.Any(), 22)); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("sshd has port 22: %v", err)
	}
}

package socket

import (
	"net/netip"
	"slices"
	"sync"
)

// Stack is the sockets of one machine.
type Stack struct {
	Kernel func() Kernel
	V6Only func() bool // what IPV6_V6ONLY is where nobody sets it
	// Daemons are further sockets, of processes that nothing of runs.
	Daemons func() []*Socket

	mu   sync.Mutex
	open []*Socket
}

// Socket opens a socket for a process.
func (s *Stack) Socket(family Family, proto string, uid, pid int) *Socket {
	fresh := &Socket{Family: family, Proto: proto, UID: uid, PID: pid, FD: firstFD, V6Only: family == Inet6 && s.V6Only()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for slices.ContainsFunc(s.open, func(o *Socket) bool { return o.PID == pid && o.FD == fresh.FD }) {
		fresh.FD++
	}
	s.open = append(s.open, fresh)
	return fresh
}

// firstFD is the first descriptor after the standard ones.
const firstFD = 3

// Bind gives a socket its address, as bind(2) does; port 0 stands for any free
// one. IPv4-mapped addresses are not modelled.
func (s *Stack) Bind(k *Socket, at netip.AddrPort) error {
	return s.decide(func(kernel Kernel, all []*Socket) error { return bind(kernel, all, k, at) })
}

// Listen makes a bound socket accept connections, as listen(2) does.
func (s *Stack) Listen(k *Socket) error {
	return s.decide(func(kernel Kernel, all []*Socket) error { return listen(kernel, all, k) })
}

func (s *Stack) decide(decision func(k Kernel, all []*Socket) error) error {
	kernel, daemons := s.Kernel(), s.Daemons()
	s.mu.Lock()
	defer s.mu.Unlock()
	return decision(kernel, slices.Concat(daemons, s.open))
}

// Takes tells whether some socket takes connections to an address.
func (s *Stack) Takes(to netip.AddrPort) bool {
	return slices.ContainsFunc(s.List(), func(k *Socket) bool {
		hears := k.Inet6()
		if to.Addr().Is4() {
			hears = k.Inet4()
		}
		here := k.Local.Addr().IsUnspecified() || k.Local.Addr() == to.Addr()
		return k.Listening && hears && here && k.Local.Port() == to.Port()
	})
}

// Close closes a socket.
func (s *Stack) Close(k *Socket) { s.close(func(o *Socket) bool { return o == k }) }

// CloseAll closes the sockets of a process.
func (s *Stack) CloseAll(pid int) { s.close(func(o *Socket) bool { return o.PID == pid }) }

func (s *Stack) close(match func(*Socket) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, match)
}

// List is all sockets that have an address, in the order in which they got open.
func (s *Stack) List() []*Socket {
	daemons := s.Daemons()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Concat(daemons, s.open), func(k *Socket) bool { return !k.Local.IsValid() })
}

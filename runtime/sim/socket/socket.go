// Package socket models what bind(2) and listen(2) answer: which sockets may
// share a port. The rules differ by kernel; the errors are those of errno(2).
package socket

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"
)

// Family is the address family of a socket.
type Family int

// The families.
const (
	Inet Family = iota
	Inet6
)

// String is the family's name in C.
func (f Family) String() string {
	if f == Inet6 {
		return "AF_INET6"
	}
	return "AF_INET"
}

// Any is the family's wildcard address.
func (f Family) Any() netip.Addr {
	if f == Inet6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// Socket is one socket that has no peer.
type Socket struct {
	Family    Family
	Proto     string // tcp or udp
	V6Only    bool   // IPV6_V6ONLY
	ReuseAddr bool   // SO_REUSEADDR
	ReusePort bool   // SO_REUSEPORT
	UID       int
	Local     netip.AddrPort // zero: not bound
	Listening bool
	PID, FD   int
}

// Inet4 tells whether the socket hears IPv4; one of IPv6 does where it is bound to
// the wildcard address without IPV6_V6ONLY.
func (s *Socket) Inet4() bool {
	return s.Family == Inet || !s.V6Only && s.Local.IsValid() && s.Local.Addr().IsUnspecified()
}

// Inet6 tells whether the socket hears IPv6.
func (s *Socket) Inet6() bool { return s.Family == Inet6 }

// Name is how sockstat(1) and netstat(1) call the socket's protocol: tcp4, tcp6,
// tcp46.
func (s *Socket) Name() string {
	name := s.Proto
	if s.Inet4() {
		name += "4"
	}
	if s.Inet6() {
		name += "6"
	}
	return name
}

// Kernel is how one system decides.
type Kernel interface {
	// Errno is the number of an error in the system's errno.h.
	Errno(err error) int
	// Passive is the order in which getaddrinfo(3) tells where to listen when it
	// is asked for no host and any family.
	Passive() []Family
	// taken tells whether others keep s from being bound to an address; others
	// are in the order in which they were bound.
	taken(others []*Socket, s *Socket, at netip.AddrPort) bool
	// heard tells whether others keep s, which is bound, from listening.
	heard(others []*Socket, s *Socket) bool
	// ephemeral are the first and the last port for those that ask for any.
	ephemeral() (first, last uint16)
}

// firstUnreserved is the first port that anybody may have.
const firstUnreserved = 1024

// bind gives a socket its address; port 0 stands for any free one. Others are the
// sockets of the machine.
func bind(k Kernel, others []*Socket, s *Socket, at netip.AddrPort) error {
	switch {
	case s.Local.IsValid():
		return syscall.EINVAL
	case at.Addr().Is4() != (s.Family == Inet):
		return syscall.EAFNOSUPPORT
	case at.Port() == 0:
		return bindAny(k, others, s, at.Addr())
	case at.Port() < firstUnreserved && s.UID != 0:
		return syscall.EACCES
	case k.taken(ofProto(others, s), s, at):
		return syscall.EADDRINUSE
	}
	s.Local = at
	return nil
}

// bindAny binds to the first port that nobody has, whatever the options of those
// that have it.
func bindAny(k Kernel, others []*Socket, s *Socket, at netip.Addr) error {
	plain := *s
	plain.ReuseAddr, plain.ReusePort = false, false
	first, last := k.ephemeral()
	for port := first; ; port++ {
		if !k.taken(ofProto(others, s), &plain, netip.AddrPortFrom(at, port)) {
			s.Local = netip.AddrPortFrom(at, port)
			return nil
		}
		if port == last {
			return syscall.EADDRNOTAVAIL
		}
	}
}

// listen makes a bound socket accept connections.
func listen(k Kernel, others []*Socket, s *Socket) error {
	switch {
	case s.Proto != "tcp":
		return syscall.EOPNOTSUPP
	case !s.Local.IsValid():
		return syscall.EDESTADDRREQ
	case k.heard(ofProto(others, s), s):
		return syscall.EADDRINUSE
	}
	s.Listening = true
	return nil
}

// ofProto are the others that share a socket's ports.
func ofProto(others []*Socket, s *Socket) []*Socket {
	return slices.DeleteFunc(slices.Clone(others), func(o *Socket) bool {
		return o == s || o.Proto != s.Proto || !o.Local.IsValid()
	})
}

// number finds an error's number in a table.
func number(table map[syscall.Errno]int, err error) int {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return 0
	}
	if n, ok := table[errno]; ok {
		return n
	}
	return int(errno)
}

package socket

import (
	"net/netip"
	"slices"
	"syscall"
)

// Linux is the kernel of Linux with glibc, to hold the model to what was recorded
// there. Its rules are those of inet_csk_bind_conflict() and udp_lib_lport_inuse().
type Linux struct{}

var linuxErrno = map[syscall.Errno]int{
	syscall.EACCES: 13, syscall.EINVAL: 22, syscall.EDESTADDRREQ: 89, syscall.EOPNOTSUPP: 95, syscall.EAFNOSUPPORT: 97,
	syscall.EADDRINUSE: 98, syscall.EADDRNOTAVAIL: 99,
}

// Errno is the number of an error.
func (Linux) Errno(err error) int { return number(linuxErrno, err) }

// Passive is IPv4 first.
func (Linux) Passive() []Family { return []Family{Inet, Inet6} }

func (Linux) ephemeral() (first, last uint16) { return 32768, 60999 }

func (Linux) taken(others []*Socket, s *Socket, at netip.AddrPort) bool {
	bound := *s
	bound.Local = at
	return slices.ContainsFunc(others, func(o *Socket) bool { return overlap(&bound, o) && !share(&bound, o) })
}

// heard is what bind(2) would say now: a socket that listens shares nothing.
func (k Linux) heard(others []*Socket, s *Socket) bool { return k.taken(others, s, s.Local) }

// share tells whether options allow two sockets the same address.
func share(s, o *Socket) bool {
	return s.ReuseAddr && o.ReuseAddr && !o.Listening || s.ReusePort && o.ReusePort && s.UID == o.UID
}

// overlap tells whether some packet could be meant for either socket.
func overlap(s, o *Socket) bool {
	a, b := s.Local.Addr(), o.Local.Addr()
	meet := a.IsUnspecified() || b.IsUnspecified() || a == b
	return s.Local.Port() == o.Local.Port() && meet && (s.Inet4() && o.Inet4() || s.Inet6() && o.Inet6())
}

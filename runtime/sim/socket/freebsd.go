package socket

import (
	"net/netip"
	"slices"
	"syscall"
)

// FreeBSD is the kernel of a FreeBSD release. Its rules are those of in_pcbbind()
// and in6_pcbbind(), by way of in_pcblookup_local() and in6_pcblookup_local().
type FreeBSD struct {
	Major int
}

var freebsdErrno = map[syscall.Errno]int{
	syscall.EACCES: 13, syscall.EINVAL: 22, syscall.EDESTADDRREQ: 39, syscall.EOPNOTSUPP: 45, syscall.EAFNOSUPPORT: 47,
	syscall.EADDRINUSE: 48, syscall.EADDRNOTAVAIL: 49,
}

// Errno is the number of an error.
func (FreeBSD) Errno(err error) int { return number(freebsdErrno, err) }

// Passive is IPv6 first: getaddrinfo(3) leaves the order of its own table where
// the answer is for listening, whatever ip6addrctl(8) prefers.
func (FreeBSD) Passive() []Family { return []Family{Inet6, Inet} }

func (FreeBSD) ephemeral() (first, last uint16) { return 49152, 65535 }

// heard is never so: listen(2) does not look at other sockets.
func (FreeBSD) heard([]*Socket, *Socket) bool { return false }

func (k FreeBSD) taken(others []*Socket, s *Socket, at netip.AddrPort) bool {
	if s.Family == Inet {
		return k.taken4(others, s, at)
	}
	return k.taken6(others, s, at)
}

// taken4 decides for sockets of IPv4.
func (k FreeBSD) taken4(others []*Socket, s *Socket, at netip.AddrPort) bool {
	wildcard := at.Addr().IsUnspecified()
	if t := lookup4(others, at, true); s.UID != 0 && t != nil && t.UID != s.UID && !(wildcard && t.Local.Addr().IsUnspecified() && t.ReusePort) {
		return true
	}
	t := lookup4(others, at, wild(s))
	if t == nil || s.ReusePort && t.ReusePort {
		return false
	}
	// Up to 8 a wildcard socket of the other family was never in the way. Since
	// then that holds only for the one of IPv6 that comes second.
	return !(k.Major < 9 && wildcard && t.Local.Addr().IsUnspecified() && t.Family == Inet6)
}

// taken6 decides for sockets of IPv6. One that hears IPv4, too, looks for
// those of IPv4, but a wildcard one of these is not in its way.
func (k FreeBSD) taken6(others []*Socket, s *Socket, at netip.AddrPort) bool {
	wildcard := at.Addr().IsUnspecified()
	dual := wildcard && !s.V6Only
	at4 := netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())
	if s.UID != 0 {
		if t := lookup6(others, at, true); t != nil && t.UID != s.UID && !(wildcard && t.Local.Addr().IsUnspecified() && t.ReusePort) {
			return true
		}
		if t := lookup4(others, at4, true); dual && t != nil && t.UID != s.UID {
			return true
		}
	}
	if t := lookup6(others, at, wild(s)); t != nil && !(s.ReusePort && t.ReusePort) {
		return true
	}
	if !dual {
		return false
	}
	t := lookup4(others, at4, wild(s))
	return t != nil && !(s.ReusePort && t.ReusePort) && (!t.Local.Addr().IsUnspecified() || t.Family == Inet6)
}

// wild tells whether a socket minds others of the same port and another address.
func wild(s *Socket) bool { return !s.ReuseAddr && !s.ReusePort }

// mappedCost ranks sockets of IPv6 that hear IPv4 behind those of IPv4.
const mappedCost = 3

func lookup4(others []*Socket, at netip.AddrPort, wild bool) *Socket {
	return lookup(others, at, wild, 3+mappedCost, func(s *Socket) (cost int, hears bool) {
		if s.Family == Inet6 {
			cost = mappedCost
		}
		return cost, s.Inet4()
	})
}

func lookup6(others []*Socket, at netip.AddrPort, wild bool) *Socket {
	return lookup(others, at, wild, 3, func(s *Socket) (int, bool) { return 0, s.Inet6() })
}

// lookup finds the socket that fits an address best, below a cost: the one of
// exactly this address, and where wild is set also a wildcard one, or for the
// wildcard address any. Of equal ones the latest counts.
func lookup(others []*Socket, at netip.AddrPort, wild bool, best int, weigh func(*Socket) (cost int, hears bool)) *Socket {
	var found *Socket
	for _, s := range slices.Backward(others) {
		cost, hears := weigh(s)
		if !hears || s.Local.Port() != at.Port() {
			continue
		}
		mine, theirs := at.Addr().IsUnspecified(), s.Local.Addr().IsUnspecified()
		switch {
		case mine && theirs || s.Local.Addr() == at.Addr():
		case wild && (mine || theirs):
			cost++
		default:
			continue
		}
		if cost < best {
			found, best = s, cost
		}
	}
	return found
}

package sim

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"bsdrun/runtime/sim/state"
)

// Packet is one packet as it passes an interface of a machine. A firewall may give
// it other addresses.
type Packet struct {
	Interface string
	In        bool
	Proto     string // tcp, udp, icmp, ipv6-icmp
	From, To  netip.AddrPort
	Flags     string // of TCP: S, SA, A, ...; EchoReply
}

// EchoReply marks the answer to a ping.
const EchoReply = "reply"

// Reply is the packet that answers this one.
func (p Packet) Reply() Packet {
	r := Packet{Interface: p.Interface, In: !p.In, Proto: p.Proto, From: p.To, To: p.From}
	switch {
	case p.Proto != "tcp" && p.Proto != "udp":
		r.Flags = EchoReply
	case p.Flags == "S":
		r.Flags = "SA"
	case p.Proto == "tcp":
		r.Flags = "A"
	}
	return r
}

// Verdict is what becomes of a packet.
type Verdict int

// A packet passes, is dropped without a word, or is answered by a refusal.
const (
	Passes Verdict = iota
	Dropped
	Refused
)

// filter asks the machine's firewalls about a packet.
func (m *Machine) filter(p *Packet) Verdict {
	for _, judge := range m.filters {
		if v := judge(m, p); v != Passes {
			return v
		}
	}
	return Passes
}

// ErrTimeout and ErrRefused are how a connection fails.
var (
	ErrTimeout = errors.New("Operation timed out")
	ErrRefused = errors.New("Connection refused")
	errNoWay   = errors.New("No route to host")
	errDenied  = errors.New("Permission denied")
)

// Connect sends the first packet of a connection into the world and looks whether
// an answer comes back. from is the sender's address, or the zero one for that of
// the way out. It returns the packet as it left the machine.
func (m *Machine) Connect(proto string, from netip.AddrPort, to netip.AddrPort) (Packet, error) {
	if m.jid != 0 { // the host sends what its jails send, from their addresses
		source, ok := m.jailSource(to.Addr())
		if !ok {
			return Packet{}, errNoWay
		}
		return m.host.Connect(proto, netip.AddrPortFrom(source, from.Port()), to)
	}
	var out *state.Interface
	var source netip.Addr
	var err error
	m.locked(func(n *state.Network) { out, source, _, err = n.Way(to.Addr()) })
	if err != nil {
		return Packet{}, errNoWay
	}
	if !from.Addr().IsValid() {
		from = netip.AddrPortFrom(source, from.Port())
	}
	if from.Port() == 0 && proto != "icmp" {
		from = netip.AddrPortFrom(from.Addr(), m.ephemeralPort())
	}
	p := Packet{Interface: out.Name, Proto: proto, From: from, To: to}
	if proto == "tcp" {
		p.Flags = "S"
	}
	switch m.filter(&p) {
	case Dropped:
		return p, errDenied // a local sender is told
	case Refused:
		return p, ErrRefused
	}
	if out.Has("LOOPBACK") {
		arrived := p
		arrived.In = true
		return p, verdictError(m.filter(&arrived))
	}
	if !m.returns(p.From.Addr()) {
		return p, ErrTimeout
	}
	reply := p.Reply()
	return p, verdictError(m.filter(&reply))
}

func verdictError(v Verdict) error {
	switch v {
	case Dropped:
		return ErrTimeout
	case Refused:
		return ErrRefused
	}
	return nil
}

// returns tells whether the world's answers to an address come back: it is one of
// the machine's own that is no private one.
func (m *Machine) returns(a netip.Addr) (back bool) {
	m.locked(func(n *state.Network) {
		i := n.Owner(a)
		back = i != nil && !i.Has("LOOPBACK") && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
	})
	return back
}

// ephemeralPort is a port for a connection that asks for none.
func (m *Machine) ephemeralPort() uint16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastPort++
	return uint16(49152 + m.lastPort%16384)
}

// Arrives asks whether a connection from outside reaches a port of the machine:
// nil, ErrTimeout or ErrRefused.
func (m *Machine) Arrives(from, to netip.AddrPort) error {
	in, ok := m.incoming(from, to, "S")
	if !ok {
		return ErrTimeout
	}
	if v := m.filter(&in); v != Passes {
		return verdictError(v)
	}
	reply := in.Reply()
	return verdictError(m.filter(&reply))
}

// incoming is a packet of TCP from outside; ok is false when no interface takes it.
func (m *Machine) incoming(from, to netip.AddrPort, flags string) (p Packet, ok bool) {
	m.locked(func(n *state.Network) {
		i := n.Owner(to.Addr())
		if i == nil {
			return
		}
		name := i.Name
		if n.Owner(from.Addr()) != nil || from.Addr().IsLoopback() {
			name = m.loopback()
		}
		p, ok = Packet{Interface: name, In: true, Proto: "tcp", From: from, To: to, Flags: flags}, true
	})
	return p, ok
}

// line is a machine's end of a connection from outside: what its network does not
// carry is sent again, as TCP does, until it gives up. What is written is sent by a
// goroutine of its own: who writes may hold what the network needs to be looked at.
type line struct {
	net.Conn
	m      *Machine
	client netip.AddrPort
	server netip.AddrPort
	ended  context.Context
	end    context.CancelFunc

	mu      sync.Mutex
	cond    *sync.Cond
	unsent  []byte
	closing bool // when all is sent
	failed  bool
}

// sendBuffer is as much as waits to be sent before writing waits too.
const sendBuffer = 1 << 20

// retransmissions is how often, and after how long each time, a packet is sent again.
var retransmissions = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}

func (m *Machine) lineOf(conn net.Conn) *line {
	l := &line{Conn: conn, m: m, client: addrPort(conn.RemoteAddr()), server: addrPort(conn.LocalAddr())}
	if _, ok := conn.LocalAddr().(machineAddr); !ok { // a listener of the controller stands for the machine's sshd
		l.server = netip.AddrPortFrom(m.primary(), 22)
		l.client = netip.AddrPortFrom(controller, l.client.Port())
	}
	l.cond = sync.NewCond(&l.mu)
	l.ended, l.end = context.WithCancel(m.ctx)
	go l.send()
	return l
}

// controller is where connections come from.
var controller = netip.MustParseAddr("192.0.2.254")

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPortFrom(controller, 50022)
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// carries tells whether the network takes a packet of the connection now.
func (l *line) carries(in bool) bool {
	p, ok := l.m.incoming(l.client, l.server, "A")
	if !ok {
		return false
	}
	if !in {
		p = p.Reply()
	}
	return l.m.filter(&p) == Passes
}

// again waits for the network to carry a packet; false: it gave up.
func (l *line) again(in bool) bool {
	for _, pause := range retransmissions {
		_ = l.m.Clock().Sleep(l.ended, pause)
		switch {
		case l.ended.Err() != nil:
			return false
		case l.carries(in):
			return true
		}
	}
	return false
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 && !l.carries(true) && !l.again(true) {
		l.abort()
		return 0, net.ErrClosed
	}
	return n, err
}

func (l *line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.unsent) > sendBuffer && !l.failed && !l.closing {
		l.cond.Wait()
	}
	if l.failed || l.closing {
		return 0, net.ErrClosed
	}
	l.unsent = append(l.unsent, b...)
	l.cond.Broadcast()
	return len(b), nil
}

// send sends what was written until the connection is closed, or given up.
func (l *line) send() {
	for {
		l.mu.Lock()
		for len(l.unsent) == 0 && !l.closing && !l.failed {
			l.cond.Wait()
		}
		data, failed := l.unsent, l.failed
		l.unsent = nil
		l.cond.Broadcast()
		l.mu.Unlock()
		if len(data) == 0 || failed {
			break
		}
		if !l.carries(false) && !l.again(false) {
			break
		}
		if _, err := l.Conn.Write(data); err != nil {
			break
		}
	}
	if p, ok := l.m.incoming(l.client, l.server, "FA"); ok {
		l.m.filter(&p) // so that firewalls know
	}
	l.abort()
}

// abort ends the connection at once.
func (l *line) abort() {
	l.mu.Lock()
	l.failed = true
	l.cond.Broadcast()
	l.mu.Unlock()
	l.end()
	_ = l.Conn.Close()
}

// Close ends the connection when all is sent.
func (l *line) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = true
	l.cond.Broadcast()
	return nil
}

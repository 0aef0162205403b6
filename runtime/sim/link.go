package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"bsdrun/runtime/sim/vfs"
)

// Link is a connection of a process to the sshd of another machine. Time on both
// machines goes on together as long as Wait is called, and what is sent takes some.
type Link struct {
	net.Conn
	Peer *Machine

	m         *Machine
	began     time.Time // here
	peerBegan time.Time
	speed     int64 // bytes a second

	cut  atomic.Bool  // nothing more comes
	held atomic.Int32 // writes to this machine's own files and pipes that are under way

	mu    sync.Mutex
	owed  int64 // bytes whose time has not passed yet
	quiet int   // looks at the link since something was sent
}

// quietLooks is how often nothing has come before both sides are taken to wait: what
// is under way may still be decrypted. Before much time passes more looks are taken,
// as what was not seen then costs more.
const (
	quietLooks = 150
	sureLooks  = 400
	muchTime   = 2 * time.Minute

	look = time.Millisecond
	// slowLook is how long a look takes on a machine that is too busy for it to tell
	// anything.
	slowLook = 10 * look
)

// linkSpeed is what two machines send each other in a second: a gigabit.
const linkSpeed = 125_000_000

// ConnectSSH connects to a port of the machine that has an address. What comes back
// is a line of connect(2)'s: ErrRefused, ErrTimeout, no route. A machine that does
// not answer is tried for as long as patience lasts.
func (p *Proc) ConnectSSH(to netip.AddrPort, patience time.Duration) (*Link, error) {
	l, err := p.connectSSH(to)
	for waited := time.Duration(0); errors.Is(err, ErrTimeout) && waited < patience; waited += time.Second {
		if err := p.Sleep(time.Second); err != nil {
			return nil, err
		}
		if peer := p.Machine.network.at(to.Addr()); peer != nil && peer != p.Machine.host {
			p.GiveWay(func() { peer.follow(p.Context, time.Second) })
		}
		l, err = p.connectSSH(to)
	}
	return l, err
}

// follow lets some time pass on a machine, if nothing there keeps it from doing so.
func (m *Machine) follow(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	_ = m.clock.pass(ctx, d)
}

func (p *Proc) connectSSH(to netip.AddrPort) (*Link, error) {
	m := p.Machine
	sent, err := m.Connect("tcp", netip.AddrPort{}, to)
	if err != nil {
		return nil, err
	}
	peer := m.host
	if !to.Addr().IsLoopback() {
		peer = m.network.at(to.Addr())
	}
	switch {
	case peer == nil && m.network.Reachable(to.Addr().String()) != nil:
		return nil, ErrTimeout
	case peer == nil:
		return nil, ErrRefused
	case peer.Down() || peer != m.host && m.network.owner(to.Addr()) == nil:
		return nil, ErrTimeout
	case !peer.sshdListens(to.Port()):
		return nil, ErrRefused
	}
	conn, err := peer.dial(p.Context, sent.From, to, ServeOptions{Strict: true, near: peer != m.host})
	switch {
	case errors.Is(err, syscall.ETIMEDOUT):
		return nil, ErrTimeout
	case err != nil:
		return nil, ErrRefused
	}
	l := &Link{Conn: conn, Peer: peer, m: m, began: m.Now(), peerBegan: peer.Now(), speed: linkSpeed}
	for _, end := range []*Machine{m, peer} {
		if s := end.faults.bandwidth; s > 0 {
			l.speed = min(l.speed, s)
		}
	}
	return l, nil
}

// sshdListens tells whether sshd is told to listen on a port.
func (m *Machine) sshdListens(port uint16) bool {
	ports := m.sshdThatRuns().config.values["port"]
	return len(ports) == 0 && port == 22 || slices.Contains(ports, strconv.Itoa(int(port)))
}

func (l *Link) Read(b []byte) (int, error) {
	if l.cut.Load() {
		_ = l.Close()
		return 0, net.ErrClosed
	}
	n, err := l.Conn.Read(b)
	l.count(n)
	if pass := l.cutBefore(n); pass >= 0 { // what came before the cut is still looked at
		l.cut.Store(true)
		return pass, nil
	}
	return n, err
}

func (l *Link) Write(b []byte) (int, error) {
	if pass := l.cutBefore(len(b)); pass >= 0 {
		n, _ := l.Conn.Write(b[:pass])
		_ = l.Close()
		return n, syscall.EPIPE
	}
	n, err := l.Conn.Write(b)
	l.count(n)
	return n, err
}

func (l *Link) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed += int64(n)
	if n > 0 {
		l.quiet = 0
	}
}

// cutBefore counts down to the byte after which one of the machines has the
// connection cut: how many bytes still pass, or -1.
func (l *Link) cutBefore(n int) int {
	for _, m := range []*Machine{l.m, l.Peer} {
		f := &m.faults
		f.mu.Lock()
		left := f.cutLink
		if left > 0 {
			f.cutLink = max(left-int64(n), 0)
		}
		f.mu.Unlock()
		if left > 0 && int64(n) >= left {
			return int(left)
		}
	}
	return -1
}

// Wait returns when done is closed or the process is killed. Meanwhile time passes
// here and there, to whatever happens next on either machine, and as what is sent
// takes it; but not while input is awaited from the controller.
func (l *Link) Wait(p *Proc, done <-chan struct{}, input func() bool) error {
	for {
		began, ended := time.Now(), false
		wait := func() {
			select {
			case <-done:
				ended = true
			case <-p.Context.Done():
			case <-time.After(look):
			}
		}
		if l.Peer == l.m.host { // one clock: it goes on by itself
			p.Block(wait)
		} else {
			p.GiveWay(wait)
		}
		if err := context.Cause(p.Context); err != nil {
			return err
		}
		l.looked(time.Since(began))
		if err := l.together(p, ended || input != nil && input()); err != nil {
			return err
		}
		if ended {
			return nil
		}
	}
}

// looked counts a look at the link that lasted so long.
func (l *Link) looked(lasted time.Duration) {
	if lasted > slowLook {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet++
}

// Deliver hands what came to somebody on this machine, who may not be ready for it.
func (l *Link) Deliver(to io.Writer, b []byte) (int, error) {
	l.held.Add(1)
	defer l.held.Add(-1)
	return to.Write(b)
}

// together lets the clocks of both machines show that as much time has passed.
func (l *Link) together(p *Proc, busy bool) error {
	if l.Peer == l.m.host {
		return nil
	}
	l.mu.Lock()
	d := time.Duration(l.owed * int64(time.Second) / l.speed)
	if d > 0 {
		l.owed = 0
	}
	looks := l.quiet
	l.mu.Unlock()
	if d == 0 && looks > quietLooks && !busy {
		if d = l.untilNext(); d > muchTime && looks <= sureLooks {
			d = 0
		}
	}
	ahead := l.Peer.Now().Sub(l.peerBegan) - l.m.Now().Sub(l.began)
	if d = max(d, ahead); d > 0 {
		if err := p.Sleep(d); err != nil {
			return err
		}
	}
	if behind := l.m.Now().Sub(l.began) - l.Peer.Now().Sub(l.peerBegan); behind > 0 {
		p.GiveWay(func() { l.Peer.follow(p.Context, behind) })
	}
	return nil
}

// untilNext is how long nothing happens on both machines, as far as they are known
// to wait; 0 when nobody can tell.
func (l *Link) untilNext() time.Duration {
	here, _ := l.m.clock.untilNext()
	there, busy := l.Peer.clock.untilNext()
	switch {
	case busy && l.held.Load() == 0:
		return 0
	case busy || there < 0:
		return max(here, 0)
	case here < 0:
		return there
	}
	return min(here, there)
}

// untilNext is how long it is to the next event, negative when there is none, and
// whether something runs.
func (c *clockwork) untilNext() (d time.Duration, busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return -1, c.running > 0
	}
	return max(c.events[0].when.Sub(c.time()), 1), c.running > 0
}

// asideKey marks a context whose reads are not what the process waits for.
type asideKey struct{}

// ReadAside reads standard input beside what the process does: that input is
// awaited does not mean that the process is idle.
func (p *Proc) ReadAside(ctx context.Context, b []byte) (int, error) {
	in, ok := p.Stdin.(bound)
	if !ok {
		return p.Stdin.Read(b)
	}
	if r, ok := in.stream.reader.(ctxReader); ok {
		return r.readContext(context.WithValue(ctx, asideKey{}, true), b)
	}
	return in.stream.Read(b)
}

// FromController tells whether standard input is what the controller sends.
func (p *Proc) FromController() bool {
	in, ok := p.Stdin.(bound)
	if !ok {
		return false
	}
	_, ok = in.stream.reader.(*inlet)
	return ok
}

// Resolve finds a name's address in /etc/hosts and then in the network.
func (m *Machine) Resolve(name string) (string, error) {
	name = strings.TrimSuffix(name, ".")
	text, _ := m.View(vfs.Root, "/").ReadFile("/etc/hosts")
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		for i := 1; i < len(f); i++ {
			if strings.EqualFold(f[i], name) {
				return f[0], nil
			}
		}
	}
	return m.network.Resolve(name)
}

// Hostname is the name that hostname(1) shows.
func (m *Machine) Hostname() string {
	m.state.Lock()
	defer m.state.Unlock()
	return m.state.Network.Hostname
}

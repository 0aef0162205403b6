package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// memConn is one end of a buffered connection in memory. net.Pipe has no buffer:
// both ends of an SSH handshake write first and would wait for ever.
type memConn struct {
	in, out *memQueue
	local   net.Addr
	remote  net.Addr
	once    sync.Once
}

// memQueue is one direction.
type memQueue struct {
	mu       sync.Mutex
	cond     *sync.Cond
	data     []byte
	closed   bool
	readBy   time.Time
	writeBy  time.Time
	readEnd  *time.Timer
	writeEnd *time.Timer
}

const memQueueSize = 256 << 10

func newMemQueue() *memQueue {
	q := &memQueue{}
	q.cond = sync.NewCond(&q.mu)
	return q
}

// newConnPair makes the two ends of a connection.
func newConnPair(client, server net.Addr) (net.Conn, net.Conn) {
	a, b := newMemQueue(), newMemQueue()
	return &memConn{in: a, out: b, local: client, remote: server}, &memConn{in: b, out: a, local: server, remote: client}
}

func (c *memConn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *memConn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *memConn) LocalAddr() net.Addr         { return c.local }
func (c *memConn) RemoteAddr() net.Addr        { return c.remote }

func (c *memConn) Close() error {
	c.once.Do(func() {
		c.in.close()
		c.out.close()
	})
	return nil
}

func (c *memConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memConn) SetReadDeadline(t time.Time) error {
	c.in.deadline(&c.in.readBy, &c.in.readEnd, t)
	return nil
}

func (c *memConn) SetWriteDeadline(t time.Time) error {
	c.out.deadline(&c.out.writeBy, &c.out.writeEnd, t)
	return nil
}

func (q *memQueue) deadline(at *time.Time, timer **time.Timer, t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	*at = t
	if *timer != nil {
		(*timer).Stop()
		*timer = nil
	}
	if !t.IsZero() {
		*timer = time.AfterFunc(time.Until(t), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.cond.Broadcast()
		})
	}
	q.cond.Broadcast()
}

func late(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (q *memQueue) read(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.data) == 0 {
		switch {
		case q.closed:
			return 0, io.EOF
		case late(q.readBy):
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		}
		q.cond.Wait()
	}
	n := copy(b, q.data)
	if q.data = q.data[n:]; len(q.data) == 0 {
		q.data = nil
	}
	q.cond.Broadcast()
	return n, nil
}

func (q *memQueue) write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	written := 0
	for written < len(b) {
		switch {
		case q.closed:
			return written, io.ErrClosedPipe
		case late(q.writeBy):
			return written, os.ErrDeadlineExceeded
		}
		if room := memQueueSize - len(q.data); room > 0 {
			n := min(room, len(b)-written)
			q.data = append(q.data, b[written:written+n]...)
			written += n
			q.cond.Broadcast()
			continue
		}
		q.cond.Wait()
	}
	return written, nil
}

func (q *memQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, t := range []*time.Timer{q.readEnd, q.writeEnd} {
		if t != nil {
			t.Stop()
		}
	}
	q.cond.Broadcast()
}

// troubledConn is a machine's end of a connection with the faults asked for.
type troubledConn struct {
	net.Conn
	m        *Machine
	mu       sync.Mutex
	cutNext  bool   // cut instead of the next answer
	near     bool   // to another machine, whose link takes the machines' time
	held     []byte // answers that wait for the state file
	delayed  chan delayedBytes
	stopped  chan struct{}
	stopOnce sync.Once
}

type delayedBytes struct {
	due  time.Time
	data []byte
}

func (m *Machine) troubled(conn net.Conn) *troubledConn {
	t := &troubledConn{Conn: conn, m: m, stopped: make(chan struct{})}
	m.mu.Lock()
	m.wires[t] = struct{}{}
	m.mu.Unlock()
	if m.faults.latency > 0 {
		t.delayed = make(chan delayedBytes, 1024)
		go t.deliver()
	}
	return t
}

// deliver sends what was delayed when its time has come.
func (t *troubledConn) deliver() {
	for {
		select {
		case d := <-t.delayed:
			time.Sleep(time.Until(d.due))
			if _, err := t.Conn.Write(d.data); err != nil {
				return
			}
		case <-t.stopped:
			return
		}
	}
}

// Write sends, or holds back until the machine is saved.
func (t *troubledConn) Write(b []byte) (int, error) {
	s := t.m.store
	if s == nil {
		return t.transmit(b)
	}
	select {
	case <-t.stopped:
		return 0, net.ErrClosed
	default:
	}
	t.mu.Lock()
	t.held = append(t.held, b...)
	t.mu.Unlock()
	s.poke()
	return len(b), nil
}

// heldAnswer is what one connection held back.
type heldAnswer struct {
	t    *troubledConn
	data []byte
}

func (h heldAnswer) send() { _, _ = h.t.transmit(h.data) }

// takeHeld takes what the connections hold back.
func (m *Machine) takeHeld() []heldAnswer {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []heldAnswer
	for t := range m.wires {
		t.mu.Lock()
		if len(t.held) > 0 {
			all = append(all, heldAnswer{t, t.held})
			t.held = nil
		}
		t.mu.Unlock()
	}
	return all
}

func (t *troubledConn) transmit(b []byte) (int, error) {
	f := &t.m.faults
	f.mu.Lock()
	latency, bandwidth := f.latency, f.bandwidth
	cut := t.takeCut(&f.cutBytes, len(b))
	f.mu.Unlock()
	if cut >= 0 {
		_, _ = t.Conn.Write(b[:cut])
		_ = t.Close()
		return cut, net.ErrClosed
	}
	t.throttle(len(b), bandwidth)
	if t.delayed != nil && !t.near {
		select {
		case t.delayed <- delayedBytes{time.Now().Add(latency), append([]byte(nil), b...)}:
			return len(b), nil
		case <-t.stopped:
			return 0, net.ErrClosed
		}
	}
	return t.Conn.Write(b)
}

// takeCut counts down to the byte after which the connection is cut, once; it
// returns how many bytes still pass, -1 when nothing is cut.
func (t *troubledConn) takeCut(left *int64, n int) int {
	t.mu.Lock()
	next := t.cutNext
	t.cutNext = false
	t.mu.Unlock()
	if next {
		return 0
	}
	if *left == 0 {
		return -1
	}
	if int64(n) < *left {
		*left -= int64(n)
		return -1
	}
	pass := int(*left)
	*left = 0
	return pass
}

func (t *troubledConn) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.throttle(n, t.m.faults.bandwidth)
	return n, err
}

func (t *troubledConn) throttle(n int, bandwidth int64) {
	if bandwidth > 0 && !t.near {
		time.Sleep(time.Duration(int64(n) * int64(time.Second) / bandwidth))
	}
}

func (t *troubledConn) Close() error {
	t.stopOnce.Do(func() {
		close(t.stopped)
		t.m.mu.Lock()
		delete(t.m.wires, t)
		t.m.mu.Unlock()
	})
	return t.Conn.Close()
}

// cutSoon cuts the connection instead of the next answer.
func (t *troubledConn) cutSoon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cutNext = true
}

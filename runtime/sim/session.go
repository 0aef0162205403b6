package sim

import (
	"bytes"
	"context"
	"io"
	"sync"
)

// session is what a controller started and waits for: while its first process
// lives and does not wait for the controller's input, time may pass.
type session struct {
	clock    *clockwork
	open     bool
	readers  int // processes that wait for the controller
	terminal *Terminal
	follows  bool // another machine waits, which makes time pass itself
}

// begin starts to wait for the machine. No time passes before the process is there,
// which begun tells.
func (s *session) begin() {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.open = !s.follows
	s.clock.running++
	if s.open && s.readers == 0 {
		s.clock.waiting++
	}
}

func (s *session) begun() { s.clock.leave() }

// end stops waiting.
func (s *session) end() {
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	if s.open && s.readers == 0 {
		s.clock.waiting--
	}
	s.open = false
}

// reading counts processes that wait for input; the clock is locked.
func (s *session) reading(delta int) {
	before := s.readers
	s.readers += delta
	switch {
	case !s.open:
	case before == 0 && s.readers > 0:
		s.clock.waiting--
	case before > 0 && s.readers == 0:
		s.clock.waiting++
	}
}

const inletSize = 256 << 10

// inlet carries what the controller sends to the processes that read it.
type inlet struct {
	session *session
	mu      sync.Mutex
	room    *sync.Cond
	data    []byte
	eof     bool
	waiting []*ticket
	lines   bool // a read gives one line at most, as terminals do
}

func newInlet(s *session) *inlet {
	in := &inlet{session: s}
	in.room = sync.NewCond(&in.mu)
	return in
}

// Write is called by the connection; it blocks while too much is unread.
func (in *inlet) Write(b []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.data) >= inletSize && !in.eof {
		in.room.Wait()
	}
	if in.eof {
		return 0, io.ErrClosedPipe
	}
	in.data = append(in.data, b...)
	in.wakeAll()
	return len(b), nil
}

// Close is the end of input.
func (in *inlet) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.eof = true
	in.wakeAll()
	in.room.Broadcast()
	return nil
}

func (in *inlet) wakeAll() {
	for _, t := range in.waiting {
		t.wake()
	}
	in.waiting = nil
}

func (in *inlet) Read(b []byte) (int, error) { return in.readContext(context.Background(), b) }

func (in *inlet) readContext(ctx context.Context, b []byte) (int, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		in.mu.Lock()
		switch {
		case len(in.data) > 0:
			ready := in.data
			if end := bytes.IndexByte(ready, '\n'); in.lines && end >= 0 {
				ready = ready[:end+1]
			}
			n := copy(b, ready)
			if in.data = in.data[n:]; len(in.data) == 0 {
				in.data = nil
			}
			in.room.Signal()
			in.mu.Unlock()
			return n, nil
		case in.eof:
			in.mu.Unlock()
			return 0, io.EOF
		}
		owner := processOf(ctx)
		t := in.session.clock.block(owner, func(t *ticket) {
			if ctx.Value(asideKey{}) == nil {
				t.input = in.session
			}
			owner.holds(t)
			in.waiting = append(in.waiting, t)
		})
		in.mu.Unlock()
		err := t.wait(ctx)
		owner.lets(t)
		if err != nil {
			return 0, err
		}
	}
}

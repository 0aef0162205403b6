package sim

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"bsdrun/runtime/sim/vfs"
)

// stream is an open file that processes share: a pipe's end, a file of the
// machine, a channel of the connection. The last one that closes it closes what
// is below.
type stream struct {
	reader io.Reader
	writer io.Writer
	close  func()
	file   *vfs.File // when it is a file of the machine
	tty    bool
	refs   atomic.Int32
}

func newStream(r io.Reader, w io.Writer, closeIt func()) *stream {
	s := &stream{reader: r, writer: w, close: closeIt}
	s.refs.Store(1)
	return s
}

func fileStream(f *vfs.File) *stream {
	s := newStream(f, f, func() { _ = f.Close() })
	s.file = f
	return s
}

// textStream is a text to read, by several processes in turn.
func textStream(text string) *stream {
	return newStream(&lockedReader{r: strings.NewReader(text)}, nil, nil)
}

type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

// dup is the stream once more.
func (s *stream) dup() *stream {
	s.refs.Add(1)
	return s
}

func (s *stream) release() {
	if s.refs.Add(-1) == 0 && s.close != nil {
		s.close()
	}
}

func (s *stream) Read(b []byte) (int, error) {
	if s.reader == nil {
		return 0, syscall.EBADF
	}
	return s.reader.Read(b)
}

func (s *stream) Write(b []byte) (int, error) {
	if s.writer == nil {
		return 0, syscall.EBADF
	}
	return s.writer.Write(b)
}

// asStream takes any reader or writer as a stream that nobody closes.
func asStream(r io.Reader, w io.Writer) *stream {
	switch v := any(r).(type) {
	case bound:
		return v.stream.dup()
	case *stream:
		return v.dup()
	}
	switch v := any(w).(type) {
	case bound:
		return v.stream.dup()
	case *stream:
		return v.dup()
	case *vfs.File: // the state file must know it, to open it again
		s := newStream(r, w, nil)
		s.file = v
		return s
	}
	return newStream(r, w, nil)
}

// bound is a stream in the hands of one process: blocking reads and writes end
// when it is killed, and a write nobody reads kills it.
type bound struct {
	*stream
	owner *task
}

// FileOf is the file of the machine that a process reads; nil: it is none.
func FileOf(r io.Reader) *vfs.File {
	switch v := r.(type) {
	case *vfs.File:
		return v
	case bound:
		return v.file
	}
	return nil
}

func (b bound) Read(p []byte) (int, error) {
	if r, ok := b.stream.reader.(ctxReader); ok {
		return r.readContext(b.owner.ctx, p)
	}
	return b.stream.Read(p)
}

func (b bound) Write(p []byte) (int, error) {
	var n int
	var err error
	if w, ok := b.stream.writer.(ctxWriter); ok {
		n, err = w.writeContext(b.owner.ctx, p)
	} else {
		n, err = b.stream.Write(p)
	}
	if errors.Is(err, syscall.EPIPE) {
		b.owner.signal(syscall.SIGPIPE)
	}
	return n, err
}

type ctxReader interface {
	readContext(ctx context.Context, b []byte) (int, error)
}

type ctxWriter interface {
	writeContext(ctx context.Context, b []byte) (int, error)
}

const pipeSize = 64 << 10 // BIG_PIPE_SIZE of FreeBSD

// pipe is pipe(2): readers wait for bytes, writers for space, and the clock
// knows of both.
type pipe struct {
	clock   *clockwork
	mu      sync.Mutex
	data    []byte
	waiting []*ticket
	noRead  bool // the reading end is closed
	noWrite bool // the writing end is closed
}

// newPipe returns the two ends.
func newPipe(c *clockwork) (r, w *stream) {
	p := &pipe{clock: c}
	return newStream(p, nil, p.closeRead), newStream(nil, p, p.closeWrite)
}

func (p *pipe) Read(b []byte) (int, error)  { return p.readContext(context.Background(), b) }
func (p *pipe) Write(b []byte) (int, error) { return p.writeContext(context.Background(), b) }

func (p *pipe) readContext(ctx context.Context, b []byte) (int, error) {
	for {
		p.mu.Lock()
		switch {
		case len(b) == 0:
			p.mu.Unlock()
			return 0, nil
		case len(p.data) > 0:
			n := copy(b, p.data)
			p.data = p.data[n:]
			p.wakeAll()
			p.mu.Unlock()
			return n, nil
		case p.noWrite:
			p.mu.Unlock()
			return 0, io.EOF
		}
		if err := p.block(ctx); err != nil {
			return 0, err
		}
	}
}

func (p *pipe) writeContext(ctx context.Context, b []byte) (int, error) {
	written := 0
	for {
		p.mu.Lock()
		if p.noRead {
			p.mu.Unlock()
			return written, syscall.EPIPE
		}
		if room := pipeSize - len(p.data); room > 0 {
			n := min(room, len(b)-written)
			p.data = append(p.data, b[written:written+n]...)
			written += n
			p.wakeAll()
		}
		if written == len(b) {
			p.mu.Unlock()
			return written, nil
		}
		if err := p.block(ctx); err != nil {
			return written, err
		}
	}
}

// block waits for the other side; it takes the lock over and releases it.
func (p *pipe) block(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		p.mu.Unlock()
		return err
	}
	owner := processOf(ctx)
	t := p.clock.block(owner, func(t *ticket) {
		owner.holds(t)
		p.waiting = append(p.waiting, t)
	})
	p.mu.Unlock()
	err := t.wait(ctx)
	owner.lets(t)
	return err
}

func (p *pipe) wakeAll() {
	for _, t := range p.waiting {
		t.wake()
	}
	p.waiting = nil
}

func (p *pipe) closeRead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noRead = true
	p.wakeAll()
}

func (p *pipe) closeWrite() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noWrite = true
	p.wakeAll()
}

package trips

import (
	"io"
	"net"
	"sync"
	"time"
)

// Far puts a connection behind a link on which everything takes a while. On a clock
// that jumps when nobody has anything to do, what a run takes is then what its round
// trips take, and nothing else.
func Far(conn net.Conn, oneWay time.Duration) net.Conn {
	f := &far{Conn: conn, up: newWay(oneWay), down: newWay(oneWay)}
	go func() {
		_, _ = io.Copy(conn, f.up)
		_ = conn.Close()
	}()
	go func() {
		_, _ = io.Copy(f.down, conn)
		f.down.close()
	}()
	return f
}

type far struct {
	net.Conn
	up, down *way
}

func (f *far) Read(p []byte) (int, error)  { return f.down.Read(p) }
func (f *far) Write(p []byte) (int, error) { return f.up.Write(p) }
func (f *far) Close() error {
	f.up.close()
	f.down.close()
	return nil
}

// way is one direction of a link.
type way struct {
	takes time.Duration

	mu      sync.Mutex
	changed *sync.Cond
	sent    []parcel
	closed  bool
}

type parcel struct {
	data   []byte
	arrive time.Time
}

func newWay(takes time.Duration) *way {
	w := &way{takes: takes}
	w.changed = sync.NewCond(&w.mu)
	return w
}

func (w *way) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, net.ErrClosed
	}
	w.sent = append(w.sent, parcel{append([]byte(nil), p...), time.Now().Add(w.takes)})
	w.changed.Broadcast()
	return len(p), nil
}

func (w *way) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case len(w.sent) == 0 && w.closed:
			return 0, io.EOF
		case len(w.sent) == 0:
			w.changed.Wait()
		default:
			first := &w.sent[0]
			if wait := time.Until(first.arrive); wait > 0 {
				w.mu.Unlock()
				time.Sleep(wait)
				w.mu.Lock()
				continue
			}
			n := copy(p, first.data)
			if first.data = first.data[n:]; len(first.data) == 0 {
				w.sent = w.sent[1:]
			}
			return n, nil
		}
	}
}

func (w *way) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
}

package sshhost

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A frame is one exchange with a shell: both streams carry
//
//	NONCE.SEQ.s           the command's output begins
//	NONCE.SEQ.e.WORD      it has ended; WORD is the exit code, or what the frame
//	                      found instead ("locked")
//
// each on a line of its own after the marker. NONCE is random and known to
// nobody but us and the shell, so no output can be taken for a marker; what
// comes outside a frame is nobody's result.
type frame struct {
	mark     []byte // nonce and a dot
	seq      int
	next     *frame // sent in the same piece
	out, err io.Writer
	word     string        // of the end marker on standard output
	left     atomic.Int32  // streams that have not ended
	done     chan struct{} // closed when none is left
	beat     atomic.Int64  // when output last came, in Unix nanoseconds
	pid      atomic.Int64  // of the process above what runs, where that is not the shell
}

func newFrame(nonce string, seq int, out, err io.Writer) *frame {
	f := &frame{mark: []byte(nonce + "."), seq: seq, out: out, err: err, done: make(chan struct{})}
	f.left.Store(2)
	f.beat.Store(time.Now().UnixNano())
	return f
}

// of finds a frame by its number among f and those sent with it.
func (f *frame) of(seq int) *frame {
	for f != nil && f.seq != seq {
		f = f.next
	}
	return f
}

func newNonce() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return "_" + hex.EncodeToString(b[:])
}

// marks writes a frame around a statement. The statement's exit code, or what
// it left in the variable that result names, goes into the end marker.
func marks(b *bytes.Buffer, nonce string, seq int, statement func(*bytes.Buffer), result string) {
	mark := nonce + "." + strconv.Itoa(seq)
	b.WriteString("echo " + mark + ".s;echo " + mark + ".s >&2\n")
	statement(b)
	b.WriteString("\necho " + mark + ".e." + result + ";echo " + mark + ".e >&2\n")
}

// demux takes the markers out of one of a shell's streams and hands everything
// else to the frame under way.
type demux struct {
	stderr  bool
	current *atomic.Pointer[frame]
	inside  *frame // the frame whose start marker has been seen
	stray   func([]byte)
}

const (
	demuxSmall = 1 << 10
	demuxLarge = 256 << 10
	demuxGrows = 16 // times, when a buffer was too small
	maxMarker  = 64 // of a marker after its nonce
)

// run reads until the stream ends.
func (d *demux) run(r io.Reader) error {
	buf, kept := make([]byte, demuxSmall), 0
	for {
		n, err := r.Read(buf[kept:])
		full := kept+n == len(buf)
		kept = d.consume(buf[:kept+n])
		if full && len(buf) < demuxLarge {
			buf = append(make([]byte, 0, len(buf)*demuxGrows), buf...)[:len(buf)*demuxGrows]
		}
		if err != nil {
			d.emit(buf[:kept])
			return err
		}
	}
}

// consume works through b and moves what may be the beginning of a marker to
// its front; it returns how many bytes that is.
func (d *demux) consume(b []byte) int {
	mark, rest := d.current.Load().mark, b
	for {
		i := bytes.Index(rest, mark)
		if i < 0 {
			keep := partial(rest, mark)
			d.emit(rest[:len(rest)-keep])
			return copy(b, rest[len(rest)-keep:])
		}
		d.emit(rest[:i])
		rest = rest[i:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 && len(rest) < len(mark)+maxMarker {
			return copy(b, rest)
		}
		if end < 0 {
			// No marker is as long: somebody echoes the nonce.
			d.emit(rest[:len(mark)])
			rest = rest[len(mark):]
			continue
		}
		if !d.marker(string(rest[len(mark):end])) {
			d.emit(rest[:end+1])
		}
		rest = rest[end+1:]
	}
}

// partial is the length of the longest end of b that mark begins with.
func partial(b, mark []byte) int {
	for n := min(len(b), len(mark)-1); n > 0; n-- {
		if bytes.HasPrefix(mark, b[len(b)-n:]) {
			return n
		}
	}
	return 0
}

// marker acts on one marker ("7.s", "7.e.0") and tells whether it was one.
func (d *demux) marker(text string) bool {
	number, rest, _ := cut(text, '.')
	kind, word, _ := cut(rest, '.')
	seq, err := strconv.Atoi(number)
	f := d.current.Load().of(seq)
	if err != nil || f == nil {
		return err == nil // of a frame that was given up
	}
	switch kind {
	case "s":
		d.inside = f
	case "e":
		d.inside = nil
		if !d.stderr {
			f.word = word
		}
		if f.left.Add(-1) == 0 {
			close(f.done)
		}
	default:
		return false
	}
	return true
}

func cut(s string, sep byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func (d *demux) emit(b []byte) {
	if len(b) == 0 {
		return
	}
	if d.inside == nil {
		d.stray(b)
		return
	}
	d.inside.beat.Store(time.Now().UnixNano())
	w := d.inside.out
	if d.stderr {
		w = d.inside.err
	}
	_, _ = w.Write(b) // captures never fail
}

// lockedWriter lets both streams of a frame write to one writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// both writes into keep, then shows the same to live.
type both struct{ keep, live io.Writer }

func (b both) Write(p []byte) (int, error) {
	n, err := b.keep.Write(p)
	// Whoever watches cannot make the command fail.
	_, _ = b.live.Write(p)
	return n, err
}

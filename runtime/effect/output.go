package effect

import (
	"bytes"
	"fmt"
	"os"
	"sync"
)

// Bounds of what is kept of a stream in memory.
const (
	HeadSize = 256 << 10 // the first bytes
	TailSize = 64 << 10  // the last bytes beyond the head
	// MaxText is the most a stream may hold to be handed over whole.
	MaxText = 16 << 20
)

// Output is a stream of an ended command: its head and tail in memory and, if
// it was longer than both, all of it in a spill file.
type Output struct {
	head, tail []byte // tail follows head, perhaps after a gap
	size       int64
	spill      string
}

// OutputOf is an Output of known content.
func OutputOf(b []byte) Output { return Output{head: b, size: int64(len(b))} }

// Size is the stream's length in bytes.
func (o Output) Size() int64 { return o.size }

// Spill is the path of the file with the whole stream; empty when memory holds
// it all.
func (o Output) Spill() string { return o.spill }

// Bytes is the whole stream; longer than MaxText is an error.
func (o Output) Bytes() ([]byte, error) {
	if o.size > MaxText {
		return nil, fmt.Errorf("the output has %d bytes, more than %d: write it to a file on the host or use to=", o.size, int64(MaxText))
	}
	if o.size == int64(len(o.head)) {
		return o.head, nil
	}
	if o.size == int64(len(o.head)+len(o.tail)) {
		return append(bytes.Clone(o.head), o.tail...), nil
	}
	return os.ReadFile(o.spill)
}

// Tail is at most the last n bytes, for people.
func (o Output) Tail(n int) []byte {
	all := o.head
	if len(o.tail) > 0 {
		all = o.tail
		if o.size == int64(len(o.head)+len(o.tail)) {
			all = append(bytes.Clone(o.head), o.tail...)
		}
	}
	if len(all) > n {
		all = all[len(all)-n:]
	}
	return all
}

// Capture collects a stream into an Output in bounded memory. It may be written
// by one goroutine and read by another.
type Capture struct {
	mu         sync.Mutex
	head, tail []byte
	size       int64
	spill      *os.File
	err        error
	dir        func() string
}

// NewCapture is a Capture that spills into dir (empty: the system's temporary
// folder).
func NewCapture(dir string) *Capture { return NewLazyCapture(func() string { return dir }) }

// NewLazyCapture is a Capture that asks for its folder once it needs it.
func NewLazyCapture(dir func() string) *Capture { return &Capture{dir: dir} }

// Write keeps p; it never fails, so that a full disk here does not end the
// command there: the error comes with Output.
func (c *Capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(p)
	c.size += int64(n)
	if room := HeadSize - len(c.head); room > 0 {
		k := min(room, len(p))
		c.head = append(c.head, p[:k]...)
		p = p[k:]
	}
	if len(p) == 0 {
		return n, nil
	}
	if c.spill == nil && len(c.tail)+len(p) > TailSize {
		c.openSpill()
	}
	if c.spill != nil && c.err == nil {
		_, c.err = c.spill.Write(p)
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - TailSize; over > 0 {
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	return n, nil
}

// openSpill starts the spill file with what memory holds.
func (c *Capture) openSpill() {
	if c.err != nil {
		return
	}
	c.spill, c.err = os.CreateTemp(c.dir(), "bsdrun-output-")
	if c.err == nil {
		_, c.err = c.spill.Write(append(bytes.Clone(c.head), c.tail...))
	}
}

// Output ends the collecting.
func (c *Capture) Output() (Output, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := Output{head: c.head, tail: c.tail, size: c.size}
	if c.spill != nil {
		o.spill = c.spill.Name()
		if err := c.spill.Close(); c.err == nil {
			c.err = err
		}
	}
	return o, c.err
}

package vfs

import (
	"bytes"
	"hash"
	"slices"
	"sort"
	"strconv"
)

// Content is what a file holds: pieces in order, and holes between them, which
// read as zeros and take no space. Pieces begin where a block of the file system
// does, and end so, but for the last.
type Content []Piece

// Piece is a part of a file without holes.
type Piece struct {
	At    int64  `json:",omitempty"`
	Data  []byte `json:",omitempty"`
	Zeros int64  `json:",omitempty"` // without data: this many zeros, which take space of the disk alone

	own bool // nothing else shows Data: it may be changed in place
}

const (
	sector = 512
	grain  = 4 << 10  // the smallest hole
	window = 64 << 10 // no data crosses a border of this size: as much is copied when a shared file changes
)

func roundUp(n, unit int64) int64   { return (n + unit - 1) / unit * unit }
func roundDown(n, unit int64) int64 { return n / unit * unit }

func (p *Piece) size() int64 { return p.Zeros + int64(len(p.Data)) }
func (p *Piece) end() int64  { return p.At + p.size() }

// cut is the part of a piece between two offsets of the file.
func (p *Piece) cut(from, to int64) Piece {
	if p.Zeros > 0 {
		return Piece{At: from, Zeros: to - from}
	}
	return Piece{At: from, Data: p.Data[from-p.At : to-p.At : to-p.At], own: p.own}
}

// NewContent is a file without holes; the data is not copied.
func NewContent(data []byte) Content {
	var c Content
	for at := 0; at < len(data); at += window {
		c = append(c, Piece{At: int64(at), Data: data[at:min(at+window, len(data)):min(at+window, len(data))]})
	}
	return c
}

// end is where the last piece ends.
func (c Content) end() int64 {
	if len(c) == 0 {
		return 0
	}
	return c[len(c)-1].end()
}

// after is the number of the first piece that ends beyond an offset.
func (c Content) after(off int64) int {
	return sort.Search(len(c), func(i int) bool { return c[i].end() > off })
}

// used is the space on the disk.
func (c Content) used() int64 {
	var n int64
	for i := range c {
		n += roundUp(c[i].size(), sector)
	}
	return n
}

// read fills b with what stands at an offset.
func (c Content) read(b []byte, off int64) {
	done := 0
	for i := c.after(off); i < len(c) && c[i].At < off+int64(len(b)); i++ {
		from := max(int(c[i].At-off), 0)
		clear(b[done:from])
		done = from
		if c[i].Zeros == 0 {
			done += copy(b[from:], c[i].Data[max(off-c[i].At, 0):])
		}
	}
	clear(b[done:])
}

// growth is how much more space a write takes.
func (c Content) growth(off, end int64) int64 {
	from, to, last := roundDown(off, grain), roundUp(end, sector), c.end()
	var n int64
	if end < last {
		to = min(roundUp(end, grain), roundUp(last, sector))
	}
	if from >= roundUp(last, grain) {
		n += roundUp(last, grain) - roundUp(last, sector)
	}
	n += to - from
	for i := c.after(from); i < len(c) && c[i].At < to; i++ {
		n -= max(min(roundUp(c[i].end(), sector), to)-max(c[i].At, from), 0)
	}
	return max(n, 0)
}

// write changes the content from an offset on. What others show too is copied.
func (c *Content) write(b []byte, off int64) {
	c.pad(roundDown(off, grain))
	for len(b) > 0 {
		n := min(int64(len(b)), roundDown(off, window)+window-off)
		c.writeWindow(b[:n], off)
		b, off = b[n:], off+n
	}
}

// pad fills the last block before more is written after it.
func (c *Content) pad(upTo int64) {
	if full := roundUp(c.end(), grain); full <= upTo {
		c.stretch(full)
	}
}

// stretch adds zeros to the last piece, inside its last block.
func (c *Content) stretch(to int64) {
	last := c.end()
	if last >= to {
		return
	}
	p := &(*c)[len(*c)-1]
	if p.Zeros > 0 {
		p.Zeros += to - last
		return
	}
	p.extend(make([]byte, to-last), last)
}

var zeros [window]byte

// writeWindow writes what crosses no border of a window.
func (c *Content) writeWindow(b []byte, off int64) {
	end, begin := off+int64(len(b)), roundDown(off, grain)
	limit := roundUp(end, grain)
	if off == begin && len(b) >= grain && bytes.Equal(b, zeros[:len(b)]) && (end == limit || end >= c.end()) {
		c.carve(begin, limit)
		c.insert(Piece{At: begin, Zeros: int64(len(b))})
		return
	}
	i := c.after(begin)
	if i == len(*c) || (*c)[i].At > begin {
		i-- // the one before may go on here
	}
	grows := i >= 0 && (*c)[i].Zeros == 0 && (*c)[i].At/window == off/window && off <= roundUp((*c)[i].end(), grain)
	if grows && end <= (*c)[i].end() {
		(*c)[i].extend(b, off)
		return
	}
	if rest := min(limit, c.end()) - end; rest > 0 {
		tail := make([]byte, rest)
		c.read(tail, end)
		b = slices.Concat(b, tail)
	}
	if grows {
		c.carve(max((*c)[i].end(), begin), limit)
		(*c)[i].extend(b, off)
		return
	}
	c.carve(begin, limit)
	data := make([]byte, off-begin+int64(len(b)))
	copy(data[off-begin:], b)
	c.insert(Piece{At: begin, Data: data, own: true})
}

// extend writes into a piece of data, or at its end.
func (p *Piece) extend(b []byte, off int64) {
	end := off + int64(len(b)) - p.At
	if old := int64(len(p.Data)); !p.own || end > int64(cap(p.Data)) {
		data := make([]byte, old, max(end, min(2*old, window)))
		copy(data, p.Data)
		p.Data, p.own = data, true
	}
	if old := int64(len(p.Data)); end > old {
		p.Data = p.Data[:end]
		clear(p.Data[old:])
	}
	copy(p.Data[off-p.At:], b)
}

// carve makes a hole.
func (c *Content) carve(from, to int64) {
	first := c.after(from)
	last := first
	var rest []Piece
	for ; last < len(*c) && (*c)[last].At < to; last++ {
		p := &(*c)[last]
		if p.At < from {
			rest = append(rest, p.cut(p.At, from))
		}
		if p.end() > to {
			rest = append(rest, p.cut(to, p.end()))
		}
	}
	if first < last {
		*c = slices.Replace(*c, first, last, rest...)
	}
}

// insert puts a piece where there is a hole.
func (c *Content) insert(p Piece) {
	i := c.after(p.At)
	if p.Zeros > 0 && i > 0 && (*c)[i-1].Zeros > 0 && (*c)[i-1].end() == p.At {
		(*c)[i-1].Zeros += p.Zeros
		return
	}
	*c = slices.Insert(*c, i, p)
}

// allocate fills the holes between two offsets with zeros.
func (c *Content) allocate(from, to int64) {
	from = roundDown(from, grain)
	c.pad(from)
	if full := roundUp(c.end(), grain); from < full {
		c.stretch(min(to, full))
	}
	for from < to {
		i := c.after(from)
		end := to
		if i < len(*c) {
			end = min(end, (*c)[i].At)
		}
		if from < end {
			if i < len(*c) {
				end = roundUp(end, grain)
			}
			c.insert(Piece{At: from, Zeros: end - from})
			i = c.after(from)
		}
		from = roundUp((*c)[i].end(), grain)
	}
}

// disown is a copy of the list whose data is copied before it changes.
func (c Content) disown() Content {
	c = slices.Clone(c)
	for i := range c {
		c[i].own = false
	}
	return c
}

// compact is the content with holes for blocks of zeros.
func (c Content) compact() Content {
	var out Content
	for i := range c {
		p := &c[i]
		if p.Zeros > 0 {
			continue
		}
		from := p.At
		for at := p.At; at < p.end(); at += grain {
			block := p.cut(at, min(at+grain, p.end()))
			if !bytes.Equal(block.Data, zeros[:len(block.Data)]) {
				continue
			}
			if from < at {
				out = append(out, p.cut(from, at))
			}
			from = at + grain
		}
		if from < p.end() {
			out = append(out, p.cut(from, p.end()))
		}
	}
	return out
}

// equal tells whether two contents take the same space and hold the same.
func (c Content) equal(other Content) bool {
	return sameSlice(c, other) || slices.EqualFunc(c, other, func(a, b Piece) bool {
		return a.At == b.At && a.Zeros == b.Zeros && (sameSlice(a.Data, b.Data) || bytes.Equal(a.Data, b.Data))
	})
}

// sum adds what is not zero to a checksum, so that holes do not matter.
func (c Content) sum(to hash.Hash) {
	for _, p := range c.compact() {
		for at := p.At; at < p.end(); at += grain {
			block := p.cut(at, min(at+grain, p.end()))
			_, _ = to.Write(strconv.AppendInt(nil, at, 10))
			_, _ = to.Write(block.Data)
		}
	}
}

// Bytes is the content of a file of a size, holes as zeros.
func (c Content) Bytes(size int64) []byte {
	b := make([]byte, size)
	c.read(b, 0)
	return b
}

package sshhost

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
)

// pieces hands out a stream in the given sizes.
type pieces struct {
	data  []byte
	sizes []byte
	reads int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := len(p.data)
	if len(p.sizes) > 0 {
		n = int(p.sizes[p.reads%len(p.sizes)])%64 + 1
		p.reads++
	}
	n = min(n, len(p.data), len(b))
	copy(b, p.data[:n])
	p.data = p.data[n:]
	return n, nil
}

// through runs a stream of one frame through a demux.
func through(nonce string, stream, sizes []byte) (inside, stray, word string, ended bool) {
	var current atomic.Pointer[frame]
	var out, rest bytes.Buffer
	f := newFrame(nonce, 1, &out, io.Discard)
	f.left.Store(1)
	current.Store(f)
	d := &demux{current: &current, stray: func(b []byte) { rest.Write(b) }}
	_ = d.run(&pieces{data: stream, sizes: sizes})
	select {
	case <-f.done:
		ended = true
	default:
	}
	return out.String(), rest.String(), f.word, ended
}

func TestFrames(t *testing.T) {
	const n = "_0123456789abcdef01234567"
	for name, c := range map[string]struct{ stream, inside, stray, word string }{
		"plain":              {n + ".1.s\nout\n" + n + ".1.e.0\n", "out\n", "", "0"},
		"no newline":         {n + ".1.s\nout" + n + ".1.e.3\n", "out", "", "3"},
		"empty":              {n + ".1.s\n" + n + ".1.e.locked\n", "", "", "locked"},
		"stray":              {"hello\n" + n + ".1.s\nout" + n + ".1.e.0\nbye\n", "out", "hello\nbye\n", "0"},
		"half a marker":      {n + ".1.s\n_01234 _0123456789abcdef0123456" + n + ".1.e.0\n", "_01234 _0123456789abcdef0123456", "", "0"},
		"the nonce in it":    {n + ".1.s\n" + n + ".x.y\n" + n + ".1.e.0\n", n + ".x.y\n", "", "0"},
		"a former frame":     {n + ".0.e.9\n" + n + ".1.s\nout" + n + ".1.e.0\n", "out", "", "0"},
		"a long false alarm": {n + ".1.s\n" + n + "." + strings.Repeat("z", 200) + "\n" + n + ".1.e.0\n", n + "." + strings.Repeat("z", 200) + "\n", "", "0"},
	} {
		t.Run(name, func(t *testing.T) {
			for size := range 70 {
				inside, stray, word, ended := through(n, []byte(c.stream), []byte{byte(size)})
				if inside != c.inside || stray != c.stray || word != c.word || !ended {
					t.Fatalf("in pieces of %d: inside %q, stray %q, word %q, ended %v", size+1, inside, stray, word, ended)
				}
			}
		})
	}
}

func TestFrameThatNeverEnds(t *testing.T) {
	inside, _, _, ended := through("_n", []byte("_n.1.s\npartial _n.1.e"), nil)
	if ended || inside != "partial _n.1.e" {
		t.Errorf("inside %q, ended %v", inside, ended)
	}
}

// FuzzFrames: whatever is printed, in whatever pieces it arrives, comes out the
// same.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("before"), []byte("out\n"), []byte("after"), []byte{3, 1, 60})
	f.Add([]byte("_0123"), []byte("_0123456789abcdef0123456"), []byte("_"), []byte{0})
	f.Fuzz(func(t *testing.T, before, out, after, sizes []byte) {
		const n = "_0123456789abcdef01234567"
		for _, b := range [][]byte{before, out, after} {
			if bytes.Contains(b, []byte(n)) {
				return // nobody knows the nonce
			}
		}
		stream := append(append([]byte(nil), before...), n+".1.s\n"...)
		stream = append(append(stream, out...), n+".1.e.0\n"...)
		stream = append(stream, after...)
		inside, stray, word, ended := through(n, stream, sizes)
		if inside != string(out) || stray != string(before)+string(after) || word != "0" || !ended {
			t.Errorf("inside %q, stray %q, word %q, ended %v", inside, stray, word, ended)
		}
	})
}

// FuzzDemux: no stream makes it fail, and nothing gets lost that is no marker.
func FuzzDemux(f *testing.F) {
	f.Add([]byte("_n.1.s\nx_n.1.e.0\n_n.1.e.0\n"), []byte{5})
	f.Fuzz(func(t *testing.T, stream, sizes []byte) {
		inside, stray, _, _ := through("_n", stream, sizes)
		if len(inside)+len(stray) > len(stream) {
			t.Errorf("%d bytes became %d", len(stream), len(inside)+len(stray))
		}
		if !bytes.Contains(stream, []byte("_n.")) && stray != string(stream) {
			t.Errorf("%q became %q", stream, stray)
		}
	})
}

func TestFirstLine(t *testing.T) {
	for size := 1; size < 12; size++ {
		var rest bytes.Buffer
		w := &firstLine{rest: &rest}
		for text := "state 7\nand\nmore"; text != ""; {
			n := min(size, len(text))
			if k, err := w.Write([]byte(text[:n])); k != n || err != nil {
				t.Fatal(k, err)
			}
			text = text[n:]
		}
		if w.line != "state 7" || rest.String() != "and\nmore" {
			t.Errorf("line %q, rest %q", w.line, rest.String())
		}
	}
}

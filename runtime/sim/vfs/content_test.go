package vfs

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// checkPieces tells what is wrong with the order of a content's pieces.
func checkPieces(t *testing.T, c Content) {
	t.Helper()
	for i := range c {
		p := &c[i]
		switch {
		case p.size() <= 0 || (p.Zeros > 0) == (len(p.Data) > 0):
			t.Fatalf("piece %d is empty or both", i)
		case p.At%grain != 0:
			t.Fatalf("piece %d begins at %d", i, p.At)
		case i < len(c)-1 && (p.end()%grain != 0 || p.end() > c[i+1].At):
			t.Fatalf("piece %d ends at %d, the next begins at %d", i, p.end(), c[i+1].At)
		case p.Zeros == 0 && p.At/window != (p.end()-1)/window:
			t.Fatalf("piece %d crosses a border", i)
		}
	}
}

// A content and a plain slice are changed in the same way, and snapshots of it
// stay what they were.
func TestContentIsASlice(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, want := &node{Type: TypeFile}, []byte(nil)
		var kept Content
		var keptWant []byte
		for range 60 {
			off, size := r.Int64N(5*window), 1+r.Int64N(3*grain)
			switch r.IntN(4) {
			case 0:
				off, size = roundDown(off, grain), roundUp(size, grain)
			case 1:
				size = window + r.Int64N(window)
			case 2:
				off = int64(len(want))
			}
			switch r.IntN(7) {
			default:
				b := make([]byte, size)
				if r.IntN(3) > 0 {
					for i := range b {
						b[i] = byte(1 + r.IntN(255))
					}
				}
				before, growth := n.used(), n.Data.growth(off, off+size)
				n.writeAt(b, off)
				if !bytes.Equal(b, zeros[:min(size, window)]) && n.used() != before+growth {
					t.Fatalf("seed %d: %d bytes at %d took %d, announced %d", seed, size, off, n.used()-before, growth)
				}
				if need := off + size - int64(len(want)); need > 0 {
					want = append(want, make([]byte, need)...)
				}
				copy(want[off:], b)
			case 4:
				n.truncate(off)
				if off < int64(len(want)) {
					want = want[:off]
				} else {
					want = append(want, make([]byte, off-int64(len(want)))...)
				}
			case 5:
				before, growth := n.used(), n.Data.growth(off, off+size)
				n.content().allocate(off, off+size)
				n.Size = max(n.Size, off+size)
				if n.used() != before+growth {
					t.Fatalf("seed %d: allocating %d at %d took %d, announced %d", seed, size, off, n.used()-before, growth)
				}
				if need := off + size - int64(len(want)); need > 0 {
					want = append(want, make([]byte, need)...)
				}
			case 6:
				kept, keptWant = n.Data, bytes.Clone(want)
				n.shared = true
			}
			checkPieces(t, n.Data)
			if n.Size != int64(len(want)) || !bytes.Equal(n.Data.Bytes(n.Size), want) {
				t.Fatalf("seed %d: not what was written", seed)
			}
			if !bytes.Equal(n.Data.compact().Bytes(n.Size), want) {
				t.Fatalf("seed %d: compacted it is something else", seed)
			}
			if !bytes.Equal(kept.Bytes(int64(len(keptWant))), keptWant) {
				t.Fatalf("seed %d: what was kept has changed", seed)
			}
		}
	}
}

func sparseTree(t *testing.T) (*Tree, *View) {
	t.Helper()
	tree := New(func() time.Time { return time.Unix(1e9, 0) })
	return tree, tree.View(Root, "/")
}

func mustOpen(t *testing.T, v *View, name string, flag int) *File {
	t.Helper()
	f, err := v.OpenFile(name, flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestBigFileWithLittleInIt(t *testing.T) {
	const size = 40 << 30
	tree, v := sparseTree(t)
	f := mustOpen(t, v, "/disk.img", O_RDWR|O_CREATE)
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 10 << 30, size - 4096} {
		if _, err := f.WriteAt(bytes.Repeat([]byte("x"), 4096), at); err != nil {
			t.Fatal(err)
		}
	}
	if info, _ := v.Stat("/disk.img"); info.Size != size || info.Blocks != 24 {
		t.Errorf("size %d, blocks %d", info.Size, info.Blocks)
	}
	if u, _ := tree.UsageOf("/"); u.Used != 3*4096 {
		t.Errorf("the file system has %d bytes in use", u.Used)
	}
	var found []int64
	err := f.EachData(1<<20, func(b []byte, off int64) error {
		found = append(found, off, int64(len(b)))
		return nil
	})
	if want := []int64{0, 4096, 10 << 30, 4096, size - 4096, 4096}; err != nil || !equalInts(found, want) {
		t.Errorf("data at %v, %v; want %v", found, err, want)
	}
	if hole, err := f.NextHole(10 << 30); hole != 10<<30+4096 || err != nil {
		t.Errorf("hole at %d, %v", hole, err)
	}
	if hole, err := f.NextHole(size - 4096); hole != size || err != nil {
		t.Errorf("the last hole is at %d, %v", hole, err)
	}
	if _, err := f.NextData(size); err == nil {
		t.Error("data beyond the end")
	}
	b := make([]byte, 8192)
	if _, err := f.ReadAt(b, 10<<30-4096); err != nil || b[4095] != 0 || b[4096] != 'x' {
		t.Errorf("read across the border: %v", err)
	}
}

func equalInts(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestCopySharesUntilWritten(t *testing.T) {
	_, v := sparseTree(t)
	a := mustOpen(t, v, "/a", O_RDWR|O_CREATE)
	_, _ = a.WriteAt([]byte("one"), 0)
	_, _ = a.WriteAt([]byte("two"), 1<<30)
	b := mustOpen(t, v, "/b", O_RDWR|O_CREATE)
	if err := b.CopyFrom(a); err != nil {
		t.Fatal(err)
	}
	_, _ = a.WriteAt([]byte("ONE"), 0)
	_, _ = b.WriteAt([]byte("TWO"), 1<<30)
	for _, c := range []struct {
		f    *File
		off  int64
		want string
	}{{a, 0, "ONE"}, {b, 0, "one"}, {a, 1 << 30, "two"}, {b, 1 << 30, "TWO"}} {
		got := make([]byte, 3)
		_, _ = c.f.ReadAt(got, c.off)
		if string(got) != c.want {
			t.Errorf("%s at %d holds %q, want %q", c.f.Name(), c.off, got, c.want)
		}
	}
}

func TestAllocateAndPunch(t *testing.T) {
	tree, v := sparseTree(t)
	_ = tree.Resize("/", 1<<20)
	f := mustOpen(t, v, "/f", O_RDWR|O_CREATE)
	if err := f.Allocate(0, 2<<20); err == nil {
		t.Error("more was allocated than there is")
	}
	if err := f.Allocate(0, 512<<10); err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt(bytes.Repeat([]byte("x"), 12288), 0)
	if info, _ := v.Stat("/f"); info.Blocks != 1024 {
		t.Errorf("%d blocks", info.Blocks)
	}
	if err := f.Punch(100, 8192); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 12288)
	_, _ = f.ReadAt(got, 0)
	want := bytes.Repeat([]byte("x"), 12288)
	clear(want[100:8292])
	if !bytes.Equal(got, want) {
		t.Error("the hole is not where it was asked for")
	}
	if info, _ := v.Stat("/f"); info.Blocks != 1016 {
		t.Errorf("%d blocks after the hole", info.Blocks)
	}
	if _, err := f.WriteAt(make([]byte, 2<<20), 0); err == nil || errors.Is(err, bytes.ErrTooLarge) {
		t.Error("more was written than there is")
	}
}

func TestSparseFileInDumpAndSnapshot(t *testing.T) {
	img := func() *Image { tree, _ := sparseTree(t); return tree.Freeze() }()
	tree := img.Clone(time.Now)
	v := tree.View(Root, "/")
	f := mustOpen(t, v, "/disk", O_RDWR|O_CREATE)
	_, _ = f.WriteAt([]byte("begin"), 0)
	_, _ = f.WriteAt([]byte("end"), 40<<30)
	first := tree.Dump()
	if err := tree.Snapshot("root", "root@one"); err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteAt([]byte("BEGIN"), 0)
	again := img.Clone(time.Now)
	if err := again.Load(first); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, again.View(Root, "/"), "/disk", O_RDONLY)
	got := make([]byte, 5)
	if _, _ = g.ReadAt(got, 0); string(got) != "begin" {
		t.Errorf("the dump has %q", got)
	}
	if err := tree.RollBack("root", "root@one"); err != nil {
		t.Fatal(err)
	}
	h := mustOpen(t, v, "/disk", O_RDONLY)
	if _, _ = h.ReadAt(got, 0); string(got) != "begin" {
		t.Errorf("the snapshot has %q", got)
	}
	if info, _ := v.Stat("/disk"); info.Size != 40<<30+3 || info.Blocks != 9 {
		t.Errorf("size %d, blocks %d", info.Size, info.Blocks)
	}
}

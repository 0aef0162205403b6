package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bsdrun/runtime/effect"
)

const mega = 1 << 20

func at(offset, length int64) effect.Extent { return effect.Extent{Offset: offset, Length: length} }

func TestCover(t *testing.T) {
	for name, c := range map[string]struct {
		in   []effect.Extent
		size int64
		want []effect.Extent
	}{
		"nothing":          {nil, mega, nil},
		"one byte":         {[]effect.Extent{at(Block+5, 1)}, mega, []effect.Extent{at(Block, Block)}},
		"over the end":     {[]effect.Extent{at(2*mega, 5)}, mega - 10, nil},
		"up to the end":    {[]effect.Extent{at(Block, mega)}, mega - 10, []effect.Extent{at(Block, mega-10-Block)}},
		"near":             {[]effect.Extent{at(0, 1), at(2*Block, 1)}, mega, []effect.Extent{at(0, 3*Block)}},
		"far":              {[]effect.Extent{at(0, 1), at(mega, 1)}, 2 * mega, []effect.Extent{at(0, Block), at(mega, Block)}},
		"any order, twice": {[]effect.Extent{at(mega, 9), at(0, 1), at(mega, 1)}, 2 * mega, []effect.Extent{at(0, Block), at(mega, Block)}},
	} {
		if got := Cover(c.in, c.size); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestPieces: every byte of data is in one piece, and in no piece but its own.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 1<<36).Draw(t, "size")
		data := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) effect.Extent {
			return at(rapid.Int64Range(0, size-1).Draw(t, "offset"), rapid.Int64Range(1, 64*mega).Draw(t, "length"))
		}), 0, 8).Draw(t, "data")
		length := PieceSize(size)
		covered := Cover(data, size)
		var all []effect.Extent
		last := -1
		for _, p := range Pieces(data, size) {
			if p.Index <= last {
				t.Fatalf("piece %d after %d", p.Index, last)
			}
			last = p.Index
			for _, x := range p.Extents {
				if x.Offset/length != int64(p.Index) || (x.End()-1)/length != int64(p.Index) || x.Offset%Block != 0 {
					t.Fatalf("%v in piece %d of %d", x, p.Index, length)
				}
			}
			if got := Length(p.Grains(size)); got != p.Length() || len(p.Grains(size)) > 2*grains {
				t.Fatalf("grains hold %d of %d", got, p.Length())
			}
			all = append(all, p.Extents...)
		}
		if Length(all) != Length(covered) {
			t.Fatalf("%d bytes in pieces, %d covered", Length(all), Length(covered))
		}
		for _, x := range data {
			end := min(x.End(), size)
			if !slices.ContainsFunc(covered, func(c effect.Extent) bool { return c.Offset <= x.Offset && end <= c.End() }) {
				t.Fatalf("%v is not covered by %v", x, covered)
			}
		}
	})
}

func TestMissing(t *testing.T) {
	there := map[int64]bool{Block: true, 2 * Block: true, 4 * Block: true}
	got := Missing([]effect.Extent{at(0, 5*Block), at(10*Block, 7)}, func(at int64) bool { return there[at] })
	if want := []effect.Extent{at(0, Block), at(3*Block, Block), at(10*Block, 7)}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestTrim(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := make([]byte, rapid.IntRange(0, Block).Draw(t, "length"))
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, Block-1), 0, 3).Draw(t, "data") {
			if i < len(b) {
				b[i] = 1
			}
		}
		begin, end := Trim(b)
		if begin > end || !Zero(b[:begin]) || !Zero(b[end:]) {
			t.Fatalf("%d to %d of %d", begin, end, len(b))
		}
		if begin < end && (Zero(b[begin:min(begin+page, end)]) || Zero(b[max(begin, (end-1)/page*page):end])) {
			t.Fatalf("%d to %d of %d holds a page of zeroes at its border", begin, end, len(b))
		}
	})
}

// TestMap: what was noted under another boot, or by a line that was cut, is not
// sure.
func TestMap(t *testing.T) {
	text := Header(5, "x") + "\nboot one\n0\n1\nboot two\n1\n2\nnonsense\n3"
	m := ParseMap(text, "two")
	if m.Header != Header(5, "x") || !maps.Equal(m.Sure, map[int]bool{1: true, 2: true}) || !maps.Equal(m.Doubtful, map[int]bool{0: true}) {
		t.Errorf("%+v", m)
	}
	for _, boot := range []string{"three", "", "-"} {
		if m := ParseMap(strings.ReplaceAll(text, "two", boot+"x"), boot); len(m.Sure) != 0 || len(m.Doubtful) != 3 {
			t.Errorf("%q: %+v", boot, m)
		}
	}
	if Header(5, "x") == Header(5, "y") || Header(5, "x") == Header(6, "x") {
		t.Error("other contents have the same header")
	}
}

func FuzzMap(f *testing.F) {
	f.Add("bsdrun-map 2 4194304 5-aa\nboot one\n0\n", "one")
	f.Fuzz(func(t *testing.T, text, boot string) {
		m := ParseMap(text, boot)
		for i := range m.Sure {
			if i < 0 || m.Doubtful[i] {
				t.Error(i)
			}
		}
	})
}

// TestHashed: what is mostly data is hashed as a whole.
func TestHashed(t *testing.T) {
	data := []effect.Extent{at(0, 4*mega), at(8*mega, mega)}
	if got, whole := Hashed(data, 10*mega, false); !whole || !slices.Equal(got, []effect.Extent{at(0, 10*mega)}) {
		t.Errorf("%v %v", got, whole)
	}
	if got, whole := Hashed(data, 11*mega, false); whole || !slices.Equal(got, data) {
		t.Errorf("%v %v", got, whole)
	}
	if _, whole := Hashed(data, 11*mega, true); !whole {
		t.Error("not the whole")
	}
}

// TestSum: however the parts become ready, the hash is that of all of them.
func TestSum(t *testing.T) {
	content := make([]byte, 5*Block+7)
	for i := range content {
		content[i] = byte(i / 1000)
	}
	parts := []effect.Extent{at(0, Block), at(2*Block, 3*Block+7)}
	open := func(_ context.Context, parts []effect.Extent) (io.ReadCloser, error) {
		return Stream(bytes.NewReader(content), io.NopCloser(nil), parts), nil
	}
	want := sha256.Sum256(append(slices.Clone(content[:Block]), content[2*Block:]...))
	rapid.Check(t, func(rt *rapid.T) {
		s := NewSum(t.Context(), parts, open)
		for _, offset := range rapid.SliceOfN(rapid.Int64Range(0, 6*Block), 0, 5).Draw(rt, "ready") {
			s.Ready(offset)
		}
		if got, err := s.Wait(t.Context()); err != nil || got != hex.EncodeToString(want[:]) {
			rt.Fatalf("%s %v", got, err)
		}
	})
	content = content[:4*Block]
	if _, err := NewSum(t.Context(), parts, open).Wait(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("what is too short: %v", err)
	}
}

// TestHolesFunction: this system's dd leaves what lies behind a hole, another one may
// not, or may know no holes.
func TestHolesFunction(t *testing.T) {
	dir := t.TempDir()
	for name, dd := range map[string]string{
		"this": `command dd "$@"`,
		"cuts": `for a; do case $a in of=*) printf %512s x >"${a#of=}";; esac; done`,
		"none": `echo "dd: unknown conversion sparse" >&2; return 1`,
	} {
		out, err := exec.Command("sh", "-c", HolesFunction+"dd() { "+dd+"; }\n_holes "+dir+"/try && echo yes; ls "+dir).CombinedOutput()
		if want := map[string]string{"this": "yes\n"}[name]; err != nil || string(out) != want {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
}

// sparseFile has data in some places.
func sparseFile(t *testing.T, size int64, data ...effect.Extent) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for _, x := range data {
		if _, err := f.WriteAt(bytes.Repeat([]byte{1}, int(x.Length)), x.Offset); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// TestTarExtents: tar knows the holes that the file system knows.
func TestTarExtents(t *testing.T) {
	data := []effect.Extent{at(0, 4096), at(8*mega, 2*mega), at(64*mega, 8192)}
	name := sparseFile(t, 100*mega, data...)
	out, err := exec.Command("tar", "-cSf", "-", "--format=pax", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, cut := TarExtents(out, 100*mega); !slices.Equal(got, data) || cut {
		t.Errorf("%v %v", got, cut)
	}
	if got, cut := TarExtents(out[:1545], 100*mega); got != nil || !cut {
		t.Errorf("cut: %v %v", got, cut)
	}
	if got, _ := TarExtents(out, 99*mega); got != nil {
		t.Errorf("of another size: %v", got)
	}
}

func FuzzTarExtents(f *testing.F) {
	f.Add(make([]byte, 2048), int64(100))
	f.Fuzz(func(t *testing.T, archive []byte, size int64) {
		extents, _ := TarExtents(archive, size)
		for _, x := range extents {
			if x.Offset < 0 || x.Length <= 0 || x.End() > size {
				t.Errorf("%v of %d", x, size)
			}
		}
	})
}

func TestFile(t *testing.T) {
	data := []effect.Extent{at(mega, 4096), at(8*mega, 2*mega)}
	name := sparseFile(t, 16*mega, data...)
	f := &File{Name: name, Open: func() (*os.File, error) { return os.Open(name) }}
	if got, err := f.Extents(t.Context()); err != nil || !slices.Equal(got, data) {
		t.Errorf("%v %v", got, err)
	}
	if _, err := f.Identity(); err != nil || f.Unchanged(t.Context()) != nil {
		t.Error(err)
	}
	if err := os.WriteFile(name, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Unchanged(t.Context()); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
}

// TestStage: what was left is there again, but not for another content.
func TestStage(t *testing.T) {
	dir := t.TempDir()
	open := func(content string) *Stage {
		t.Helper()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenStage(root, "file", 3*Block, content)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open("one")
	if _, err := s.WriteAt([]byte("data"), Block); err != nil {
		t.Fatal(err)
	}
	if err := s.Note(0); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open("one")
	if !s.Kept() || !s.Noted(0) || s.Noted(1) || !s.Has(at(Block, Block)) || s.Has(at(0, Block)) {
		t.Error("it is forgotten")
	}
	_ = s.Close()
	s = open("two")
	if s.Kept() || s.Noted(0) || s.Has(at(Block, Block)) {
		t.Error("another content has inherited")
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "file" {
		t.Errorf("%v %v", left, err)
	}
}

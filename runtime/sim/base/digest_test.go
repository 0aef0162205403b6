package base

import (
	"crypto/md5" //nolint:gosec // md5(1) is what the command computes
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// The hash of a file with holes is that of its bytes, each time, and from where it
// is read.
func TestHashesOfHoles(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.View(vfs.Root, "/").OpenFile("/tmp/disk", vfs.O_RDWR|vfs.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{5, manyZeroes + 4096, manyZeroes + 3<<20} {
		if _, err := f.WriteAt([]byte("data"), off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(2*manyZeroes + 5<<20); err != nil {
		t.Fatal(err)
	}
	for name, h := range map[string]func() hash.Hash{"md5": md5.New, "sha256": sha256.New} {
		for _, from := range []int64{0, manyZeroes + 8192} {
			want := h()
			if _, err := io.Copy(want, io.NewSectionReader(f, from, 3*manyZeroes)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if _, err := f.Seek(from, io.SeekStart); err != nil {
					t.Fatal(err)
				}
				got, err := digestOf(name, f)
				if err != nil || got != hex.EncodeToString(want.Sum(nil)) {
					t.Errorf("%s from %d: %s, %v", name, from, got, err)
				}
			}
		}
	}
	_ = f.Close()
}

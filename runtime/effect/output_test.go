package effect

import (
	"bytes"
	"os"
	"testing"
)

func fill(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

func TestCaptureKeepsEveryByte(t *testing.T) {
	for _, size := range []int{0, 1, HeadSize, HeadSize + 1, HeadSize + TailSize, HeadSize + TailSize + 1, 3 << 20} {
		for _, chunk := range []int{1 << 10, 100_000, 5 << 20} {
			want := fill(size)
			c := NewCapture(t.TempDir())
			for rest := want; len(rest) > 0; {
				n := min(chunk, len(rest))
				if _, err := c.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			o, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			got, err := o.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) || o.Size() != int64(size) {
				t.Errorf("%d bytes in chunks of %d: got %d, size %d", size, chunk, len(got), o.Size())
			}
			if tail := o.Tail(100); !bytes.Equal(tail, want[max(0, size-100):]) {
				t.Errorf("%d bytes: wrong tail", size)
			}
			if inMemory := size <= HeadSize+TailSize; inMemory != (o.Spill() == "") {
				t.Errorf("%d bytes: spill %q", size, o.Spill())
			}
		}
	}
}

func TestTooMuchTextIsRefused(t *testing.T) {
	c := NewCapture(t.TempDir())
	for range MaxText>>20 + 1 {
		_, _ = c.Write(make([]byte, 1<<20))
	}
	o, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Bytes(); err == nil {
		t.Error("17 MiB were handed over as text")
	}
	info, err := os.Stat(o.Spill())
	if err != nil || info.Size() != o.Size() {
		t.Errorf("the spill file: %v, %v", info, err)
	}
}

func TestCaptureOutlivesAFullDisk(t *testing.T) {
	c := NewCapture("/nonexistent")
	for range 100 {
		if n, err := c.Write(fill(10_000)); n != 10_000 || err != nil {
			t.Fatalf("the command would end: %d, %v", n, err)
		}
	}
	if _, err := c.Output(); err == nil {
		t.Error("the lost spill file was not told")
	}
}

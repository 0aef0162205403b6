package file_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
)

// reading counts what is read of a file to be sent.
type reading struct {
	effect.Doer
	bytes  atomic.Int64
	whole  atomic.Bool // it was hashed with its holes
	mapped atomic.Bool // by qemu-img
}

func (r *reading) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	switch {
	case strings.HasPrefix(e.Title, "read "):
		e.Sink = counting{e.Sink, &r.bytes}
	case strings.HasPrefix(e.Title, "map "):
		r.mapped.Store(true)
	case strings.Contains(e.Shell, "\n_whole "):
		r.whole.Store(true)
	}
	return r.Doer.Do(ctx, e)
}

type counting struct {
	io.Writer
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.Writer.Write(p)
}

// TestHoles: what a file system has taken for a file, and nobody has written to, is
// neither read nor sent where there is qemu-img. Without it tar finds what is not
// even taken.
func TestHoles(t *testing.T) {
	const size = 48 << 20
	local, _ := here(t)
	if _, err := local.Do(t.Context(), effect.Effect{Kind: effect.Read, Argv: []string{"qemu-img", "--version"}}); err != nil {
		t.Skip(err)
	}
	for _, test := range []struct {
		name                string
		allocated, unusable bool
		small               bool // little is read
	}{
		{"taken beforehand", true, false, true},
		{"taken beforehand, without qemu-img", true, true, false},
		{"holes", false, false, true},
		{"holes, without qemu-img", false, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.unusable {
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "qemu-img"), []byte("#!/bin/sh\necho '[{ \"start\": 0,'\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
				t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			}
			image := newImage(t, size, map[int64]string{5 << 20: "first", 40 << 20: "second"})
			if test.allocated {
				f, err := os.OpenFile(image.Name, os.O_RDWR, 0)
				if err == nil {
					err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
					_ = f.Close()
				}
				if err != nil {
					t.Skip("this file system takes no space beforehand:", err)
				}
			}
			local, _ := here(t) // its shell has the new PATH
			from := &reading{Doer: local}
			to, _ := at(t, "")
			done, err := file.Transfer(t.Context(), from, file.TransferArgs{Path: image.Name, Host: to, To: "/var/tmp/copy", Compress: "no"})
			if err != nil || !done.Changed {
				t.Fatalf("%+v %v", done, err)
			}
			if n := from.bytes.Load(); !from.mapped.Load() || n < 256<<10 || n < size && !test.small || n > size/8 && test.small || from.whole.Load() == test.small {
				t.Errorf("%d bytes were read; hashed with its holes: %v; qemu-img was asked: %v", n, from.whole.Load(), from.mapped.Load())
			}
			want, _ := image.SHA256()
			if got, err := file.Hash(t.Context(), to, file.PathArgs{Path: "/var/tmp/copy"}); err != nil || got != want {
				t.Errorf("what arrived has %s, not %s: %v", got, want, err)
			}
		})
	}
}

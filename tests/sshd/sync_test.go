package sshd_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
	"bsdrun/tests/sshd/sshdtest"
)

type folder struct {
	fs.ReadLinkFS
	io.Closer
}

// folderOf is a local folder as scripts have it.
func folderOf(dir string) binding.Local {
	return binding.Local{Path: dir, Tree: func() (binding.Tree, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		return folder{root.FS().(fs.ReadLinkFS), root}, nil
	}}
}

// noise is what no compressor makes smaller.
func noise(seed, size int) []byte {
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(data) // never fails
	return data
}

// dropping ends every session of the server in the middle of the first stream.
type dropping struct {
	*sshhost.Host
	s    *sshdtest.Server
	done atomic.Bool
}

func (d *dropping) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Stdin != nil && e.Kind == effect.Change && !d.done.Load() {
		e.Stdin = io.MultiReader(io.LimitReader(e.Stdin, 3<<20), &drop{d}, e.Stdin)
	}
	return d.Host.Do(ctx, e)
}

type drop struct{ *dropping }

func (d *drop) Read([]byte) (int, error) {
	if !d.done.Swap(true) {
		d.s.DropConnections()
	}
	return 0, io.EOF
}

// A tree goes to a real host, also where the connection is lost on the way; then an
// unchanged one costs one look.
func TestSync(t *testing.T) {
	t.Parallel()
	s := sshdtest.Start(t, sshdtest.Options{})
	from := t.TempDir()
	for n := range 40 {
		if err := os.WriteFile(filepath.Join(from, fmt.Sprint("file ", n)), noise(n, 200000), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, h := range map[string]effect.Doer{"whole": open(t, s.Config()), "cut": &dropping{Host: open(t, s.Config()), s: s}} {
		counted := &onsim.Count{Doer: h}
		a := file.SyncArgs{From: folderOf(from), Path: filepath.Join(hostDir(t, s), "tree")}
		done, err := file.Sync(t.Context(), counted, a)
		streams := map[string]int{"whole": 1, "cut": 2}[name]
		if err != nil || !done.Changed || counted.Changes != streams {
			t.Fatalf("%s: %d streams, %+v %v", name, counted.Changes, done, err)
		}
		counted.Reads, counted.Changes = 0, 0
		if done, err := file.Sync(t.Context(), counted, a); err != nil || done.Changed || counted.Reads != 1 || counted.Changes != 0 {
			t.Errorf("%s: %d reads, %d changes, %+v %v", name, counted.Reads, counted.Changes, done, err)
		}
	}
}

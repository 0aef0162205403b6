package vfs

import (
	"errors"
	"io"
	"syscall"
)

// NextData is where data begins at or after an offset, as lseek(2) finds it with
// SEEK_DATA; ENXIO when there is none.
func (f *File) NextData(off int64) (int64, error) {
	return f.seekContent(off, func(n *node) (int64, bool) {
		i := n.Data.after(off)
		if i == len(n.Data) {
			return 0, false
		}
		return max(off, n.Data[i].At), true
	})
}

// NextHole is where a hole begins at or after an offset, as lseek(2) finds it with
// SEEK_HOLE: at the latest at the end of the file.
func (f *File) NextHole(off int64) (int64, error) {
	return f.seekContent(off, func(n *node) (int64, bool) {
		at := off
		for i := n.Data.after(off); i < len(n.Data) && n.Data[i].At <= at; i++ {
			at = n.Data[i].end()
		}
		return min(at, n.Size), true
	})
}

func (f *File) seekContent(off int64, find func(n *node) (int64, bool)) (int64, error) {
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	n := f.tree.get(f.ino)
	switch {
	case n.Type != TypeFile:
		return 0, f.fail("seek", syscall.EINVAL)
	case off < 0 || off >= n.Size:
		return 0, f.fail("seek", syscall.ENXIO)
	}
	at, ok := find(n)
	if !ok {
		return 0, f.fail("seek", syscall.ENXIO)
	}
	return at, nil
}

// Allocate takes the space for a part of the file, as posix_fallocate(2) does; the
// file grows when it is shorter.
func (f *File) Allocate(off, size int64) error {
	return f.change("fallocate", func(n *node) error {
		if err := f.tree.charge(f.tree.device(f.ino.dev()), n.Data.growth(off, off+size)); err != nil {
			return err
		}
		n.content().allocate(off, off+size)
		n.Size = max(n.Size, off+size)
		return nil
	})
}

// Punch gives back the space of the whole blocks of a part of the file, and makes
// the rest of it zeros.
func (f *File) Punch(off, size int64) error {
	return f.change("fallocate", func(n *node) error {
		end := min(off+size, n.Size)
		from, to := roundUp(off, grain), roundDown(end, grain)
		if end == n.Size {
			to = roundUp(end, grain)
		}
		before, c := n.used(), n.content()
		for _, edge := range [][2]int64{{off, min(from, end)}, {max(to, from), end}} {
			if edge[0] < edge[1] && edge[0] < c.end() {
				c.write(make([]byte, min(edge[1], c.end())-edge[0]), edge[0])
			}
		}
		if from < to {
			c.carve(from, to)
		}
		f.tree.system(f.ino).used += n.used() - before
		return nil
	})
}

// ZeroesToHoles gives back the space of blocks that hold zeros alone.
func (f *File) ZeroesToHoles() error {
	return f.change("fallocate", func(n *node) error {
		before := n.used()
		n.Data, n.shared = n.Data.compact(), true
		f.tree.system(f.ino).used += n.used() - before
		return nil
	})
}

// CopyFrom gives the file what another one of the tree holds. Both show the same
// data until one of them changes; holes stay holes.
func (f *File) CopyFrom(from *File) error {
	return f.change("write", func(n *node) error {
		source := f.tree.get(from.ino)
		if from.tree != f.tree || source.Type != TypeFile || n.Type != TypeFile {
			return syscall.EINVAL
		}
		if err := f.tree.charge(f.tree.device(f.ino.dev()), source.used()-n.used()); err != nil {
			return err
		}
		if f.tree.system(from.ino).changed[from.ino.object()] == source {
			source.shared = true // from now on a write copies
		}
		n.Data, n.Size, n.shared = source.Data, source.Size, true
		return nil
	})
}

// change lets fn change an open file's content.
func (f *File) change(op string, fn func(n *node) error) error {
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	if f.flag&accessMode == O_RDONLY {
		return f.fail(op, syscall.EBADF)
	}
	if err := f.tree.deny[f.path]; err != nil {
		return f.fail(op, err)
	}
	if n := f.tree.get(f.ino); n.Type != TypeFile {
		return f.fail(op, syscall.ENODEV)
	}
	n := f.tree.own(f.ino)
	if err := fn(n); err != nil {
		return f.fail(op, err)
	}
	n.MTime = f.tree.now()
	return nil
}

// IsRegular tells whether the open file is one with content.
func (f *File) IsRegular() bool {
	info, err := f.Stat()
	return err == nil && info.Type == TypeFile
}

// EachData calls fn for the parts of a file between its holes, read in portions of
// at most size bytes.
func (f *File) EachData(size int, fn func(b []byte, off int64) error) error {
	buf := make([]byte, size)
	for off := int64(0); ; {
		at, err := f.NextData(off)
		if err != nil {
			return nil //nolint:nilerr // there is no more
		}
		if off, err = f.NextHole(at); err != nil {
			return err
		}
		for at < off {
			n, err := f.ReadAt(buf[:min(int64(size), off-at)], at)
			if n == 0 && err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if err := fn(buf[:n], at); err != nil {
				return err
			}
			at += int64(n)
		}
	}
}

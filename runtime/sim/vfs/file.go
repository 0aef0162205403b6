package vfs

import (
	"crypto/rand"
	"io"
	"os"
	"path"
	"sort"
	"sync"
	"syscall"
)

// Flags of OpenFile, as in os.
const (
	O_RDONLY = os.O_RDONLY //nolint:staticcheck // open(2)'s own names read best
	O_WRONLY = os.O_WRONLY //nolint:staticcheck // as above
	O_RDWR   = os.O_RDWR   //nolint:staticcheck // as above
	O_APPEND = os.O_APPEND //nolint:staticcheck // as above
	O_CREATE = os.O_CREATE //nolint:staticcheck // as above
	O_EXCL   = os.O_EXCL   //nolint:staticcheck // as above
	O_TRUNC  = os.O_TRUNC  //nolint:staticcheck // as above

	accessMode = os.O_RDONLY | os.O_WRONLY | os.O_RDWR
)

// File is an open file. Its methods may be called from several goroutines.
type File struct {
	tree   *Tree
	name   string // as given
	path   string // resolved
	ino    inode
	mnt    *mount
	flag   int
	device string

	mu     sync.Mutex
	offset int64
	closed bool
}

// Open opens a file to read.
func (v *View) Open(name string) (*File, error) { return v.OpenFile(name, O_RDONLY, 0) }

// OpenFile opens a file as open(2) does.
func (v *View) OpenFile(name string, flag int, perm uint32) (*File, error) {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	f, err := v.open(name, flag, perm)
	if err != nil {
		return nil, fail("open", name, err)
	}
	return f, nil
}

func (v *View) open(name string, flag int, perm uint32) (*File, error) {
	p, err := v.find(name, flag&(O_CREATE|O_EXCL) != O_CREATE|O_EXCL)
	if err != nil {
		return nil, err
	}
	v.tree.refresh(p)
	f := &File{tree: v.tree, name: name, path: p.path, ino: p.ino, mnt: p.mnt, flag: flag}
	switch {
	case p.ino == 0 && flag&O_CREATE == 0:
		return nil, syscall.ENOENT
	case p.ino == 0:
		if f.ino, err = v.create(p, &node{Type: TypeFile, Mode: perm & 0o7777 &^ v.Umask}); err != nil {
			return nil, err
		}
	case flag&O_CREATE != 0 && flag&O_EXCL != 0:
		return nil, syscall.EEXIST
	default:
		if err := v.mayOpen(p, flag); err != nil {
			return nil, err
		}
		f.openExisting()
	}
	v.tree.open[f.ino]++
	return f, nil
}

func (v *View) mayOpen(p place, flag int) error {
	n := v.tree.get(p.ino)
	want := R
	if mode := flag & accessMode; mode == O_WRONLY {
		want = W
	} else if mode == O_RDWR {
		want = R | W
	}
	if flag&O_TRUNC != 0 {
		want |= W
	}
	if want&W != 0 {
		switch {
		case n.Type == TypeDir:
			return syscall.EISDIR
		case p.mnt.ReadOnly() && n.Type == TypeFile:
			return syscall.EROFS
		}
	}
	if err := n.allow(v.cred, want); err != nil {
		return err
	}
	if want&W != 0 && n.Flags&immutable != 0 {
		return syscall.EPERM
	}
	if want&W != 0 && n.Flags&appendOnly != 0 && flag&O_APPEND == 0 {
		return syscall.EPERM
	}
	switch n.Type {
	case TypeSocket:
		return syscall.EOPNOTSUPP
	case TypeChar, TypeBlock:
		if !knownDevice(n.Target) && !v.tree.isDisk(n.Target) {
			return syscall.ENXIO
		}
	}
	return nil
}

// openExisting truncates when asked, and remembers a device's name.
func (f *File) openExisting() {
	n := f.tree.get(f.ino)
	switch n.Type {
	case TypeChar, TypeBlock:
		f.device = n.Target
	case TypeFile:
		if f.flag&O_TRUNC != 0 && n.Size > 0 {
			own := f.tree.own(f.ino)
			f.tree.system(f.ino).used -= own.used()
			own.truncate(0)
			own.MTime = f.tree.now()
		}
	}
}

// knownDevice tells which devices can be opened by name alone; terminals are
// opened by the machine, for disks see SetDisks.
func knownDevice(name string) bool {
	switch name {
	case "null", "zero", "random", "full":
		return true
	}
	return false
}

// Name is the name the file was opened by.
func (f *File) Name() string { return f.name }

// Path is the absolute path the file had when it was opened, without links.
func (f *File) Path() string { return f.path }

// Stat describes the open file.
func (f *File) Stat() (Info, error) {
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	return info(path.Base(f.path), f.ino, f.tree.get(f.ino)), nil
}

func (f *File) fail(op string, err error) error { return fail(op, f.name, err) }

// Read reads from the current offset.
func (f *File) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReadAt(b, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// ReadAt reads from an offset; less than asked for comes with io.EOF.
func (f *File) ReadAt(b []byte, off int64) (int, error) {
	if f.flag&accessMode == O_WRONLY {
		return 0, f.fail("read", syscall.EBADF)
	}
	switch f.device {
	case "null":
		return 0, io.EOF
	case "zero", "full":
		clear(b)
		return len(b), nil
	case "random":
		return rand.Read(b)
	}
	if disks := f.disks(); disks != nil {
		return disks.ReadDisk(f.device, b, off)
	}
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	node := f.tree.get(f.ino)
	if node.Type == TypeDir {
		return 0, f.fail("read", syscall.EISDIR)
	}
	n := node.readAt(b, off)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Write writes at the current offset, or the end.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if disks := f.disks(); disks != nil {
		n, err := f.writeDisk(disks, b, f.offset)
		f.offset += int64(n)
		return n, err
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	if f.flag&O_APPEND != 0 && f.device == "" {
		f.offset = f.tree.get(f.ino).Size
	}
	n, err := f.writeAt(b, f.offset)
	f.offset += int64(n)
	return n, err
}

// WriteAt writes at an offset.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	if disks := f.disks(); disks != nil {
		return f.writeDisk(disks, b, off)
	}
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	return f.writeAt(b, off)
}

func (f *File) writeAt(b []byte, off int64) (int, error) {
	if f.flag&accessMode == O_RDONLY {
		return 0, f.fail("write", syscall.EBADF)
	}
	switch f.device {
	case "null", "zero", "random":
		return len(b), nil
	case "full":
		return 0, f.fail("write", syscall.ENOSPC)
	}
	if len(b) == 0 {
		return 0, nil
	}
	if err := f.tree.deny[f.path]; err != nil {
		return 0, f.fail("write", err)
	}
	n := f.tree.own(f.ino)
	fit := b
	err := f.reserve(n, off, len(b))
	if err != nil {
		fit = b[:f.fitting(n, off, len(b))]
		_ = f.reserve(n, off, len(fit))
	}
	if len(fit) > 0 {
		n.writeAt(fit, off)
		n.MTime = f.tree.now()
	}
	if err != nil {
		return len(fit), f.fail("write", err)
	}
	return len(b), nil
}

// show makes data the content of an empty file, without a copy.
func (f *File) show(data []byte) error {
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	n := f.tree.own(f.ino)
	if err := f.reserve(n, 0, len(data)); err != nil {
		return f.fail("write", err)
	}
	n.Data, n.Size, n.shared, n.MTime = NewContent(data), int64(len(data)), true, f.tree.now()
	return nil
}

// reserve takes the space for what is written at an offset.
func (f *File) reserve(n *node, off int64, size int) error {
	return f.tree.charge(f.tree.device(f.ino.dev()), n.Data.growth(off, off+int64(size)))
}

// fitting is how many bytes of a write still fit on the file system.
func (f *File) fitting(n *node, off int64, want int) int {
	free := f.tree.free(f.tree.device(f.ino.dev()))
	sectors := sort.Search(want/sector, func(i int) bool { return n.Data.growth(off, off+int64(i+1)*sector) > free })
	return sectors * sector
}

// Seek sets the offset.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		f.tree.mu.RLock()
		offset += f.tree.get(f.ino).size()
		f.tree.mu.RUnlock()
	}
	if offset < 0 {
		return 0, f.fail("seek", syscall.EINVAL)
	}
	f.offset = offset
	return offset, nil
}

// Truncate sets the size; growing makes a hole.
func (f *File) Truncate(size int64) error {
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	n := f.tree.own(f.ino)
	if n.Type != TypeFile || size < 0 || f.flag&accessMode == O_RDONLY {
		return f.fail("truncate", syscall.EINVAL)
	}
	before := n.used()
	n.truncate(size)
	f.tree.system(f.ino).used += n.used() - before
	n.MTime = f.tree.now()
	return nil
}

// Sync does nothing: all is in memory.
func (f *File) Sync() error { return nil }

// Close closes the file; a file without names then disappears.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return f.fail("close", os.ErrClosed)
	}
	f.closed = true
	f.tree.mu.Lock()
	defer f.tree.mu.Unlock()
	if f.tree.open[f.ino]--; f.tree.open[f.ino] <= 0 {
		delete(f.tree.open, f.ino)
		f.tree.reap(f.ino)
	}
	return nil
}

// Device is the device's name when the open file is one.
func (f *File) Device() string { return f.device }

// Flag is what the file was opened with.
func (f *File) Flag() int { return f.flag }

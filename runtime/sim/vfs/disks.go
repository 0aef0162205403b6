package vfs

import (
	"slices"
	"syscall"
)

// Disks reads and writes what lies on disks and partitions, by the names of their
// devices. It is called without the tree being locked.
type Disks interface {
	ReadDisk(name string, b []byte, off int64) (int, error)
	WriteDisk(name string, b []byte, off int64) (int, error)
}

// SetDisks says which devices are disks or partitions, and how to get at what
// they hold.
func (t *Tree) SetDisks(names []string, disks Disks) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.diskNames, t.disks = names, disks
}

func (t *Tree) isDisk(name string) bool { return slices.Contains(t.diskNames, name) }

// disks is where an open disk's data is; nil for anything else.
func (f *File) disks() Disks {
	if f.device == "" || knownDevice(f.device) {
		return nil
	}
	f.tree.mu.RLock()
	defer f.tree.mu.RUnlock()
	return f.tree.disks
}

func (f *File) writeDisk(disks Disks, b []byte, off int64) (int, error) {
	if f.flag&accessMode == O_RDONLY {
		return 0, f.fail("write", syscall.EBADF)
	}
	n, err := disks.WriteDisk(f.device, b, off)
	if err != nil {
		err = f.fail("write", err)
	}
	return n, err
}

package vfs

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"syscall"
)

// Usage is how full a mounted file system is.
type Usage struct {
	Mount
	Total, Used, Free int64 // bytes; Total 0: no limit
	Files             int64
}

// charge takes space on a file system, or gives it back.
func (t *Tree) charge(m *mount, delta int64) error {
	if delta > 0 && !t.fits(m, delta) {
		return syscall.ENOSPC
	}
	t.systems[m.Dev].used += delta
	t.systems[m.Dev].version++
	return nil
}

// fits tells whether something can still be written to a file system. It counts
// exactly only where it is close: that takes long on one with snapshots.
func (t *Tree) fits(m *mount, size int64) bool {
	if m.Size > 0 && m.Quota == 0 {
		least := m.Size
		for _, dev := range t.poolOf(m) {
			least -= t.systems[dev].atMost()
		}
		if least >= size {
			return true
		}
	}
	return t.free(m) >= size
}

const unlimited = int64(1) << 62

// free is what can still be written to a file system: the pool's rest, and the
// file system's quota.
func (t *Tree) free(m *mount) int64 {
	free := unlimited
	if m.Size > 0 {
		free = m.Size
		for _, dev := range t.poolOf(m) {
			free -= t.systems[dev].countFresh()
		}
	}
	if m.Quota > 0 {
		free = min(free, m.Quota-t.systems[m.Dev].used)
	}
	return max(free, 0)
}

// poolOf lists the file systems that share a file system's space, snapshots and
// what is not mounted with them.
func (t *Tree) poolOf(m *mount) []int {
	if m.Pool == "" {
		return []int{m.Dev}
	}
	return t.ofPool(m.Pool)
}

func (t *Tree) ofPool(pool string) []int {
	var devs []int
	for _, m := range t.mounts {
		if m.Pool == pool && m.Type != "nullfs" {
			devs = append(devs, m.Dev)
		}
	}
	for _, m := range t.detached {
		if m.Pool == pool {
			devs = append(devs, m.Dev)
		}
	}
	return devs
}

// PoolUsed is what the file systems of a pool and their snapshots take together,
// mounted or not.
func (t *Tree) PoolUsed(pool string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n int64
	for _, dev := range t.ofPool(pool) {
		n += t.systems[dev].countFresh()
	}
	return n
}

// device is the mounted file system a node belongs to.
func (t *Tree) device(dev int) *mount {
	for _, m := range t.mounts {
		if m.Dev == dev && m.Type != "nullfs" {
			return m
		}
	}
	return t.mounts[0]
}

// Mounts lists what is mounted, in order of mounting.
func (t *Tree) Mounts() []Usage {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var all []Usage
	for _, m := range t.mounts {
		all = append(all, t.usage(m))
	}
	return all
}

func (t *Tree) usage(m *mount) Usage {
	if m.Type == "nullfs" {
		if below := t.device(m.Dev); below != m {
			u := t.usage(below)
			u.Mount = m.Mount
			return u
		}
	}
	u := Usage{Mount: m.Mount, Used: t.systems[m.Dev].used}
	if m.Size > 0 || m.Quota > 0 {
		u.Free = t.free(m)
		u.Total = u.Used + u.Free
	}
	return u
}

// UsageOf is the file system a path lies on; the path must exist.
func (t *Tree) UsageOf(abs string) (Usage, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	p, err := t.resolve(Root, path.Clean(abs), true)
	if err == nil && p.ino == 0 {
		err = syscall.ENOENT
	}
	if err != nil {
		return Usage{}, err
	}
	return t.usage(p.mnt), nil
}

// Mount mounts a file system on an existing directory. A nullfs shows the
// directory Source; anything else starts empty, unless a file system of that
// source was unmounted before: that keeps its limits where no others are given.
func (t *Tree) Mount(m Mount) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	if m.Point == "/" {
		t.mounts[0].Mount = m
		return nil
	}
	at, err := t.directory(m.Point)
	if err != nil {
		return err
	}
	m.Point = at.path
	mnt := &mount{Mount: m}
	switch kept := t.detached[m.Source]; {
	case m.Type == "nullfs":
		from, err := t.directory(m.Source)
		if err != nil {
			return err
		}
		mnt.Dev, mnt.Root = from.mnt.Dev, from.ino
	case kept != nil && m.Type != "tmpfs":
		mnt.Dev, mnt.Root = kept.Dev, kept.Root
		mnt.Size, mnt.Quota = cmp.Or(m.Size, kept.Size), cmp.Or(m.Quota, kept.Quota)
		delete(t.detached, m.Source)
	default:
		mnt.Dev = t.freshDevice(nil)
		mnt.Root = t.newRoot(mnt.Dev)
	}
	t.mounts = append(t.mounts, mnt)
	return nil
}

func (t *Tree) directory(abs string) (place, error) {
	p, err := t.resolve(Root, path.Clean(abs), true)
	switch {
	case err != nil:
		return p, err
	case p.ino == 0:
		return p, syscall.ENOENT
	case t.get(p.ino).Type != TypeDir:
		return p, syscall.ENOTDIR
	}
	return p, nil
}

// Unmount takes a file system away; what it held comes back when a file system
// of the same source is mounted again, except for tmpfs.
func (t *Tree) Unmount(point string) error {
	return t.unmount(point, func(*mount) bool { return true })
}

// UnmountSource takes a file system away by its source too: another one may be
// mounted over it.
func (t *Tree) UnmountSource(source, point string) error {
	return t.unmount(point, func(m *mount) bool { return m.Source == source })
}

func (t *Tree) unmount(point string, match func(m *mount) bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	for i := len(t.mounts) - 1; i > 0; i-- {
		m := t.mounts[i]
		if m.Point != point || !match(m) {
			continue
		}
		for _, other := range t.mounts[i+1:] {
			if strings.HasPrefix(other.Point, point+"/") {
				return syscall.EBUSY
			}
		}
		t.mounts = slices.Delete(t.mounts, i, i+1)
		switch m.Type {
		case "nullfs":
		case "tmpfs":
			t.forget(m.Dev)
		default:
			t.detached[m.Source] = m
		}
		return nil
	}
	return syscall.EINVAL
}

// Discard forgets an unmounted file system, as destroying its dataset does.
func (t *Tree) Discard(source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	if m := t.detached[source]; m != nil {
		t.release(t.systems[m.Dev])
		t.forget(m.Dev)
		delete(t.detached, source)
	}
}

// discard removes a directory and all below it.
func (t *Tree) discard(ino inode) {
	n := t.own(ino)
	names := n.Names
	n.Names = map[string]object{}
	for _, o := range names {
		child := o.in(ino.dev())
		if t.get(child).Type == TypeDir {
			t.discard(child)
		} else {
			t.drop(child)
		}
	}
	t.drop(ino)
}

// Resize changes the size of the pool (or the file system) a path lies on.
func (t *Tree) Resize(abs string, size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	p, err := t.resolve(Root, path.Clean(abs), true)
	if err != nil {
		return err
	}
	for _, m := range t.mounts {
		if m == p.mnt || (m.Pool != "" && m.Pool == p.mnt.Pool) {
			m.Size = size
		}
	}
	return nil
}

// Fill leaves no space for a path: the file system it lies on is as large as
// what it holds.
func (t *Tree) Fill(abs string) error {
	t.mu.RLock()
	p, err := t.resolve(Root, path.Clean(abs), true)
	if err == nil && p.ino == 0 {
		err = syscall.ENOENT
	}
	used := int64(0)
	if err == nil {
		for _, dev := range t.poolOf(p.mnt) {
			used += t.systems[dev].countFresh()
		}
	}
	t.mu.RUnlock()
	if err != nil {
		return err
	}
	return t.Resize(abs, max(used, 1))
}

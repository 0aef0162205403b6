package zfs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// MountError is a file system that could not be mounted or unmounted: the whole
// line that zfs(8) prints.
type MountError struct {
	Verb  string // mount, unmount
	Point string // or the dataset's name
	Err   error
}

func (e *MountError) Error() string {
	return fmt.Sprintf("cannot %s '%s': %s", e.Verb, e.Point, sim.ErrText(e.Err))
}

func (e *MountError) Unwrap() error { return e.Err }

// errPoolBusy is a file system in use.
var errPoolBusy = errors.New("pool or dataset is busy")

// MountPoint is where a file system is to be mounted, below the pool's alternate
// root: a path, none or legacy.
func MountPoint(m *sim.Machine, name string) string {
	defer enter(m)()
	pool, d := find(m, name)
	if d == nil {
		return ""
	}
	return mountPoint(pool, name)
}

func mountPoint(pool *state.Pool, name string) string {
	point := pool.MountPoint(name)
	if root := pool.Properties["altroot"]; root != "" && strings.HasPrefix(point, "/") {
		point = cmp.Or(strings.TrimSuffix(root, "/")+strings.TrimSuffix(point, "/"), "/")
	}
	return point
}

// MountedAt is where a file system is mounted; empty when it is not.
func MountedAt(m *sim.Machine, name string) string {
	for _, u := range m.Tree().Mounts() {
		if u.Source == name && u.Type == "zfs" {
			return u.Point
		}
	}
	return ""
}

// MountDataset mounts a file system where its properties say (zfs mount).
func MountDataset(m *sim.Machine, name string) error {
	defer enter(m)()
	pool, d := find(m, name)
	if d == nil {
		return ErrNoDataset
	}
	point := mountPoint(pool, name)
	canMount := d.Properties["canmount"]
	switch {
	case d.Type != FileSystem:
		return ErrWrongType
	case point == "legacy":
		return errors.New("legacy mountpoint\nuse mount(8) to mount this filesystem") //nolint:revive // the tool's words
	case point == "none":
		return errors.New("no mountpoint set")
	case canMount == "off":
		return errors.New("'canmount' property is set to 'off'")
	case MountedAt(m, name) != "":
		return errors.New("filesystem already mounted")
	}
	return mountAt(m, pool, d, point)
}

// MountDatasetAt mounts a file system, or a snapshot, at a directory of choice, as
// bectl mount does.
func MountDatasetAt(m *sim.Machine, name, point string) error {
	defer enter(m)()
	pool, d := find(m, name)
	switch {
	case d == nil:
		return ErrNoDataset
	case d.Type != FileSystem && d.Type != Snapshot:
		return ErrWrongType
	case MountedAt(m, name) != "":
		return syscall.EBUSY
	}
	return mountAt(m, pool, d, point)
}

func mountAt(m *sim.Machine, pool *state.Pool, d *state.Dataset, point string) error {
	if err := mount(m, pool, d, point); err != nil {
		return &MountError{Verb: "mount", Point: point, Err: err}
	}
	return nil
}

// mountIfWanted mounts a file system that is to be mounted by itself.
func mountIfWanted(m *sim.Machine, pool *state.Pool, d *state.Dataset) error {
	if !wanted(pool, d) || MountedAt(m, d.Name) != "" {
		return nil
	}
	return mountAt(m, pool, d, mountPoint(pool, d.Name))
}

// wanted tells whether a file system is to be mounted by itself.
func wanted(pool *state.Pool, d *state.Dataset) bool {
	canMount := d.Properties["canmount"]
	return d.Type == FileSystem && canMount != "off" && canMount != "noauto" && strings.HasPrefix(pool.MountPoint(d.Name), "/")
}

// UnmountDataset unmounts a file system and what is mounted below it that belongs
// to datasets below it.
func UnmountDataset(m *sim.Machine, name string, force bool) error {
	in := usersOf(m)
	defer enter(m)()
	pool, d := find(m, name)
	switch {
	case d == nil:
		return ErrNoDataset
	case d.Type != FileSystem && d.Type != Snapshot:
		return ErrWrongType
	case MountedAt(m, name) == "":
		return errors.New("not currently mounted")
	}
	return unmountAll(m, pool, mountedBelow(m, name), in, force)
}

// users are the directories that processes work in.
type users []string

// usersOf looks where processes work; the state must not be locked.
func usersOf(m *sim.Machine) users {
	var dirs users
	for _, p := range m.Processes() {
		dirs = append(dirs, p.Dir)
	}
	return dirs
}

// busy tells whether a process works below a directory.
func (u users) busy(dir string) bool {
	return slices.ContainsFunc(u, func(at string) bool {
		return at == dir || strings.HasPrefix(at, strings.TrimSuffix(dir, "/")+"/")
	})
}

// mountedBelow lists the mounts of a dataset and of those below it, the last
// mounted first.
func mountedBelow(m *sim.Machine, name string) []vfs.Usage {
	mounts := m.Tree().Mounts()
	slices.Reverse(mounts)
	return slices.DeleteFunc(mounts, func(u vfs.Usage) bool { return u.Type != "zfs" || !below(u.Source, name) })
}

// unmountAll unmounts file systems of a pool in the order given, all or none. One
// in use keeps them from that unless forced.
func unmountAll(m *sim.Machine, pool *state.Pool, points []vfs.Usage, in users, force bool) error {
	for _, u := range points {
		if u.Point == "/" || !force && in.busy(u.Point) {
			return &MountError{Verb: "unmount", Point: u.Point, Err: errPoolBusy}
		}
	}
	for n, u := range points {
		if err := m.Tree().UnmountSource(u.Source, u.Point); err != nil {
			for _, again := range slices.Backward(points[:n]) {
				_ = m.Tree().Mount(again.Mount)
			}
			return &MountError{Verb: "unmount", Point: u.Point, Err: errPoolBusy}
		}
	}
	for _, u := range points {
		if d := pool.Find(u.Source); d != nil {
			d.Mounted = false
		}
	}
	return nil
}

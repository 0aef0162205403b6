package zfs

import (
	"errors"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// MountPool mounts the file systems of a pool that are to be mounted by
// themselves, the upper ones first.
func MountPool(m *sim.Machine, pool *state.Pool) error {
	defer enter(m)()
	var targets []*state.Dataset
	for _, d := range pool.Datasets {
		if wanted(pool, d) && !d.Mounted {
			targets = append(targets, d)
		}
	}
	slices.SortStableFunc(targets, func(a, b *state.Dataset) int {
		return strings.Compare(mountPoint(pool, a.Name), mountPoint(pool, b.Name))
	})
	var failed error
	for _, d := range targets {
		failed = errors.Join(failed, mountIfWanted(m, pool, d))
	}
	return failed
}

// mount mounts a file system, or a snapshot to read.
func mount(m *sim.Machine, pool *state.Pool, d *state.Dataset, point string) error {
	if err := m.View(vfs.Root, "/").MkdirAll(point, 0o755); err != nil {
		return err
	}
	err := m.Tree().Mount(vfs.Mount{
		Point: point, Source: d.Name, Type: "zfs", Pool: pool.Name, Size: usable(m, pool), Quota: quota(pool, d.Name), Options: mountOptions(pool, d),
	})
	d.Mounted = d.Mounted || err == nil
	return err
}

// mountOptions are those that the properties of a dataset come to.
func mountOptions(pool *state.Pool, d *state.Dataset) []string {
	property := pool.Effective(fsName(d.Name))
	if pool.Properties["readonly"] == "on" || d.Type == Snapshot {
		property["readonly"] = "on"
	}
	return sim.ZFSOptions(property)
}

// UnmountPool unmounts all file systems of a pool. A file system in use keeps it
// from that, and stays mounted with those above it, unless forced.
func UnmountPool(m *sim.Machine, pool *state.Pool, force bool) error {
	in := usersOf(m)
	defer enter(m)()
	mounts := m.Tree().Mounts()
	slices.Reverse(mounts)
	mounts = slices.DeleteFunc(mounts, func(u vfs.Usage) bool { return u.Pool != pool.Name || u.Type != "zfs" })
	return unmountAll(m, pool, mounts, in, force)
}

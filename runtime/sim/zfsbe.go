package sim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// subordinates is the release from which rc.d/zfsbe mounts what lies below a boot
// environment.
const subordinates = 12

// mountSubordinates mounts the file systems below the boot environment that runs,
// which are not mounted by themselves (canmount=noauto), and makes an environment
// that was booted once the usual one where rc.conf asks for that.
func (m *Machine) mountSubordinates(a *attempt) {
	s := m.state
	s.Lock()
	defer s.Unlock()
	if a.pool == nil || major(a.kernel.Release) < subordinates {
		return
	}
	for _, d := range a.below() {
		point := a.pool.MountPoint(d.Name)
		if inherited := "/" + a.root; strings.HasPrefix(point, inherited+"/") {
			point = strings.TrimPrefix(point, inherited)
		}
		if m.View(vfs.Root, "/").MkdirAll(point, 0o755) == nil {
			_ = m.mountDataset(a.pool, d, point)
		}
	}
	if a.once && m.rcYes("zfs_bootonce_activate") {
		a.pool.Properties["bootfs"] = a.root
	}
}

// below lists what is to be mounted of what lies below the root, by mount point.
func (a *attempt) below() []*state.Dataset {
	var list []*state.Dataset
	for _, d := range a.pool.Datasets {
		point := a.pool.MountPoint(d.Name)
		if d.Type == "filesystem" && strings.HasPrefix(d.Name, a.root+"/") && !d.Mounted && d.Properties["canmount"] != "off" &&
			strings.HasPrefix(point, "/") && point != "/" && point != "/"+a.root {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(x, y *state.Dataset) int {
		return strings.Compare(a.pool.MountPoint(x.Name), a.pool.MountPoint(y.Name))
	})
	return list
}

// mountDataset mounts a file system of a pool at a directory that is there; the
// state is locked.
func (m *Machine) mountDataset(pool *state.Pool, d *state.Dataset, point string, options ...string) error {
	options = append(ZFSOptions(pool.Effective(d.Name)), options...)
	err := m.tree.Mount(vfs.Mount{Point: point, Source: d.Name, Type: "zfs", Pool: pool.Name, Size: m.poolSize(pool), Options: options})
	d.Mounted = d.Mounted || err == nil
	return err
}

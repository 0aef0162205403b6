package zfssim

import (
	"errors"
	"slices"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// mount is zfs mount.
func (c *call) mount() int {
	switch {
	case c.Given("o"):
		return c.Cannot("zfs mount -o")
	case c.Has("l"), c.Has("R"):
		return c.Cannot("zfs mount -l and -R")
	case c.Has("O") && !c.Era.Modern():
		c.Errorf("zfs: no overlay mounts support on FreeBSD, ignoring\n")
	}
	switch {
	case c.Has("a") && len(c.Operands) > 0, len(c.Operands) > 1:
		return c.misuse("too many arguments")
	case c.Has("a"):
		return c.mountAll()
	case len(c.Operands) == 0:
		return c.listMounts()
	}
	d := c.open(c.Operands[0], fileSystems)
	if d == nil {
		return 1
	}
	return c.mountOne(d, true)
}

// listMounts lists what is mounted.
func (c *call) listMounts() int {
	list := cli.Object{}
	for _, u := range c.zfsMounts() {
		if c.Has("j") {
			list = append(list, cli.Field{Key: u.Source, Value: cli.Object{{Key: "filesystem", Value: u.Source}, {Key: "mountpoint", Value: u.Point}}})
			continue
		}
		c.Printf("%-30s  %s\n", u.Source, u.Point)
	}
	if c.Has("j") {
		return c.PrintJSON("zfs mount", cli.Field{Key: "datasets", Value: list})
	}
	return 0
}

// zfsMounts are the mounted file systems of pools, without snapshots.
func (c *call) zfsMounts() []vfs.Usage {
	return slices.DeleteFunc(c.Machine.Tree().Mounts(), func(u vfs.Usage) bool { return u.Type != "zfs" || strings.Contains(u.Source, "@") })
}

// mountAll mounts what is to be mounted by itself, upper directories first.
func (c *call) mountAll() int {
	found, _ := c.choose(nil, selection{want: fileSystems, limit: -1})
	slices.SortStableFunc(found, func(a, b *state.Dataset) int {
		return strings.Compare(zfs.MountPoint(c.Machine, a.Name), zfs.MountPoint(c.Machine, b.Name))
	})
	code := 0
	for _, d := range found {
		code = max(code, c.mountOne(d, false))
	}
	return code
}

// mountsItself tells whether a file system is to be mounted as it is made.
func (c *call) mountsItself(d *state.Dataset) bool {
	canMount, _ := zfs.PropertyValue(c.Machine, d, "canmount")
	return d.Type == "filesystem" && canMount == "on" && strings.HasPrefix(zfs.MountPoint(c.Machine, d.Name), "/")
}

// mountOne mounts a file system; what is not to be mounted by itself is refused
// when it was named, and left alone otherwise.
func (c *call) mountOne(d *state.Dataset, named bool) int {
	point := zfs.MountPoint(c.Machine, d.Name)
	canMount, _ := zfs.PropertyValue(c.Machine, d, "canmount")
	jailed, _ := zfs.PropertyValue(c.Machine, d, "jailed")
	why, advice := "", ""
	switch {
	case jailed == "on":
		why = "dataset is exported to a local zone"
	case point == "legacy":
		why, advice = "legacy mountpoint", "use mount(8) to mount this filesystem\n"
	case point == "none":
		why = "no mountpoint set"
	case canMount == "off":
		why = "'canmount' property is set to 'off'"
	case canMount == "noauto" && !named:
		return 0
	case d.Token != "":
		why = "Contains partially-completed state from \"zfs receive -s\", which can be resumed with \"zfs send -t\""
	case c.mountedAt(d.Name) != "":
		why = "filesystem already mounted"
	}
	switch {
	case why != "" && named:
		c.refuse("mount", d.Name, why)
		c.Errorf("%s", advice)
		return 1
	case why != "":
		return 0
	case c.Cred.UID != 0 && c.Era.Modern():
		return c.refuse("mount", d.Name, "Insufficient privileges")
	case c.Cred.UID != 0:
		return c.refuse("mount", point, "Operation not permitted")
	}
	if err := zfs.MountDataset(c.Machine, d.Name); err != nil && !c.mountTrouble(err) {
		return c.refuse("mount", d.Name, err)
	} else if err != nil {
		return 1
	}
	return 0
}

// reason is why something could not be mounted or unmounted, in the era's words.
func (c *call) reason(err error) string {
	text := sim.ErrText(err)
	busy := text == "pool or dataset is busy" || errors.Is(err, syscall.EBUSY)
	switch {
	case busy && c.Era.Modern():
		return "pool or dataset is busy"
	case busy:
		return "Device busy"
	}
	return text
}

// unmount is zfs unmount.
func (c *call) unmount() int {
	if c.Has("u") {
		return c.Cannot("zfs unmount -u")
	}
	if c.Has("a") {
		if len(c.Operands) > 0 {
			return c.misuse("too many arguments")
		}
		return c.unmountAll()
	}
	if code := c.need("filesystem"); code != 0 {
		return code
	}
	name := c.Operands[0]
	if strings.HasPrefix(name, "/") {
		if name = c.mountedOn(name); name == "" {
			return 1
		}
	}
	d := c.open(name, fileSystems)
	if d == nil {
		return 1
	}
	if point := zfs.MountPoint(c.Machine, name); point == "legacy" {
		c.refuse("unmount", name, "legacy mountpoint")
		c.Errorf("use umount(8) to unmount this filesystem\n")
		return 1
	}
	if c.mountedAt(name) == "" {
		return c.refuse("unmount", name, "not currently mounted")
	}
	return c.unmountOne(name)
}

// mountedOn is the file system that is mounted on a directory, empty with a
// message when there is none.
func (c *call) mountedOn(path string) string {
	u, err := c.Machine.Tree().UsageOf(c.FS().Abs(path))
	switch {
	case err != nil:
		c.refuse("unmount", path, "No such file or directory")
	case u.Type != "zfs":
		c.refuse("unmount", path, "not a ZFS filesystem")
	case u.Point != c.FS().Abs(path):
		c.refuse("unmount", path, "not a mountpoint")
	default:
		return u.Source
	}
	return ""
}

// unmountOne unmounts a file system with what is mounted below it.
func (c *call) unmountOne(name string) int {
	point := c.mountedAt(name)
	switch {
	case c.Cred.UID != 0 && c.Era.Modern():
		return c.refuse("unmount", point, denied)
	case c.Cred.UID != 0:
		return c.refuse("unmount", point, "Operation not permitted")
	}
	if err := zfs.UnmountDataset(c.Machine, name, c.Has("f")); err != nil && !c.mountTrouble(err) {
		return c.refuse("unmount", point, c.reason(err))
	} else if err != nil {
		return 1
	}
	return 0
}

// unmountAll unmounts all that was mounted by itself, the deepest first.
func (c *call) unmountAll() int {
	mounts := c.zfsMounts()
	slices.SortFunc(mounts, func(a, b vfs.Usage) int { return strings.Compare(b.Point, a.Point) })
	code := 0
	for _, u := range mounts {
		_, d := zfs.FindDataset(c.Machine, u.Source)
		if d == nil || zfs.MountPoint(c.Machine, d.Name) == "legacy" || c.mountedAt(d.Name) == "" {
			continue
		}
		if canMount, _ := zfs.PropertyValue(c.Machine, d, "canmount"); canMount == "noauto" {
			continue
		}
		code = max(code, c.unmountOne(d.Name))
	}
	return code
}

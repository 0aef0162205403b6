package zfs

import (
	"errors"
	"slices"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// SetProperty sets a property of a dataset, and mounts anew what its mount point
// moves. A *MountError says that a file system could not be unmounted, or not be
// mounted again.
func SetProperty(m *sim.Machine, name, property, value string) error {
	in := usersOf(m)
	defer enter(m)()
	pool, d, err := require(m, name)
	if err != nil {
		return err
	}
	property, value, err = checkProperty(m, pool, d, property, value, false)
	if err != nil {
		return err
	}
	return carry(m, pool, d, property, in, func() { keep(m, d, property, value) })
}

// SetInPlace sets a property of a dataset, and leaves what is mounted where it is
// (zfs set -u).
func SetInPlace(m *sim.Machine, name, property, value string) error {
	defer enter(m)()
	pool, d, err := require(m, name)
	if err != nil {
		return err
	}
	property, value, err = checkProperty(m, pool, d, property, value, false)
	if err != nil {
		return err
	}
	keep(m, d, property, value)
	return nil
}

// InheritProperty takes a property away that is set on a dataset itself.
func InheritProperty(m *sim.Machine, name, property string) error {
	in := usersOf(m)
	defer enter(m)()
	pool, d, err := require(m, name)
	if err != nil {
		return err
	}
	if p, ok := FindProperty(m, property); ok {
		switch {
		case p.ReadOnly || p.Once || p.Alone:
			return errors.New("property cannot be inherited")
		case !p.has(d.Type):
			return errors.New("'" + p.Name + "' does not apply to datasets of this type")
		}
		property = p.Name
	} else if err := userProperty(property, ""); err != nil {
		return err
	}
	return carry(m, pool, d, property, in, func() { delete(d.Properties, property) })
}

// carry makes a change of a property and what follows from it.
func carry(m *sim.Machine, pool *state.Pool, d *state.Dataset, property string, in users, change func()) error {
	switch property {
	case "mountpoint":
		return remount(m, pool, d, in, change)
	case "canmount":
		return allowMount(m, pool, d, in, change)
	}
	change()
	for _, other := range subtree(pool, d.Name) {
		if other.Type == FileSystem {
			m.Tree().Adjust(other.Name, mountOptions(pool, other), quota(pool, other.Name))
		}
	}
	return nil
}

// allowMount changes whether a file system may be mounted; one that may not is
// unmounted.
func allowMount(m *sim.Machine, pool *state.Pool, d *state.Dataset, in users, change func()) error {
	was := d.Properties["canmount"]
	change()
	if d.Properties["canmount"] != "off" || MountedAt(m, d.Name) == "" {
		return nil
	}
	points := mountedBelow(m, d.Name)
	if err := unmountAll(m, pool, points, in, false); err != nil {
		keep(m, d, "canmount", was)
		return err
	}
	var failed error
	for _, u := range slices.Backward(points) {
		if other := pool.Find(u.Source); other != d {
			failed = errors.Join(failed, mountAt(m, pool, other, u.Point))
		}
	}
	return failed
}

// keep notes a checked value.
func keep(m *sim.Machine, d *state.Dataset, property, value string) {
	switch property {
	case "version":
		d.Version = int(number(value))
		if value == "current" {
			d.Version = FileSystemVersion(SupportedVersion(m))
		}
		return
	case "volsize":
		d.Size = number(value)
		return
	}
	if d.Properties == nil {
		d.Properties = map[string]string{}
	}
	d.Properties[property] = value
	if value == "" {
		delete(d.Properties, property)
	}
}

// applyProperties sets the properties of a dataset that is being made.
func applyProperties(m *sim.Machine, pool *state.Pool, d *state.Dataset, set map[string]string) error {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		property, value, err := checkProperty(m, pool, d, name, set[name], true)
		if err != nil {
			return err
		}
		keep(m, d, property, value)
	}
	return nil
}

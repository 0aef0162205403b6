package zfssim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// rename is zfs rename.
func (c *call) rename() int {
	if code := c.need("source dataset", "target dataset"); code != 0 {
		return code
	}
	from, to := c.Operands[0], c.Operands[1]
	recursive, parents := c.Has("r"), c.Has("p")
	switch {
	case recursive && parents:
		return c.misuse("-p and -r options are mutually exclusive")
	case recursive && !strings.Contains(from, "@"):
		return c.misuse("source dataset for recursive rename must be a snapshot")
	case c.Has("u") && parents:
		return c.misuse("-u and -p options are mutually exclusive")
	}
	want := datasets
	switch {
	case c.Has("u"):
		want = fileSystems
	case parents:
		want = upper
	}
	of, _ := cutName(from)
	d := c.open(map[bool]string{true: of, false: from}[recursive && !c.exists(from)], want)
	if d == nil {
		return 1
	}
	if strings.Contains(from, "@") {
		return c.renameSnapshot(from, to, recursive)
	}
	return c.renameDataset(d, to, parents)
}

// renameSnapshot gives a snapshot, and with -r those of the same name below, a
// new name; the new one may be short.
func (c *call) renameSnapshot(from, to string, recursive bool) int {
	of, short := cutName(from)
	newOf, newShort, full := strings.Cut(to, "@")
	switch {
	case !full:
		newOf, newShort = of, to
	case newOf == "":
		newOf = of
	}
	target := newOf + "@" + newShort
	if newOf != of {
		return c.refuse("rename to", to, "snapshots must be part of same dataset")
	}
	if err := c.checkName(target, snapshots); err != nil {
		return c.refuse("rename to", target, err)
	}
	if newShort == short {
		return 0
	}
	names := slices.DeleteFunc(c.sameBelow(of, recursive), func(n string) bool { return !c.exists(n + "@" + short) })
	for _, n := range names {
		switch {
		case !c.may(n, "rename"):
			return c.refuse("rename", n+"@"+short, denied)
		case c.exists(n+"@"+newShort) && recursive:
			return c.refuse("rename", n+"@"+short, "a child dataset already has a snapshot with the new name")
		case c.exists(n + "@" + newShort):
			return c.refuse("rename", n+"@"+short, "dataset already exists")
		}
	}
	for _, n := range names {
		if err := zfs.RenameDataset(c.Machine, n+"@"+short, n+"@"+newShort); err != nil {
			return c.refuse("rename", n+"@"+short, err)
		}
	}
	c.record(of)
	return 0
}

// renameDataset gives a file system or volume a new name.
func (c *call) renameDataset(d *state.Dataset, to string, parents bool) int {
	from := d.Name
	if err := c.checkName(to, kindOf(d)); err != nil {
		return c.refuse("rename to", to, err)
	}
	if parents {
		if code := c.makeAncestors(to); code != 0 {
			return code
		}
	}
	switch {
	case to == from:
		return 0
	case parentOf(to) == "":
		return c.refuse("create", to, "missing dataset name")
	case zfs.FindPool(c.Machine, poolOf(to)) == nil:
		return c.refuse("create", to, "no such pool '"+poolOf(to)+"'")
	case !c.exists(parentOf(to)):
		return c.refuse("create", to, "parent does not exist")
	case poolOf(to) != poolOf(from):
		return c.refuse("rename to", to, "datasets must be within same pool")
	case strings.HasPrefix(to, from+"/"):
		return c.refuse("rename to", to, "New dataset name cannot be a descendant of current dataset name")
	case c.exists(to):
		return c.refuse("rename", from, "dataset already exists")
	case !c.may(from, "rename"):
		return c.refuse("rename", from, denied)
	}
	rename := zfs.RenameDataset
	if c.Has("u") {
		rename = zfs.RenameInPlace
	}
	if err := rename(c.Machine, from, to); err != nil && !c.mountTrouble(err) {
		return c.refuse("rename", from, err)
	} else if err != nil {
		return 1
	}
	c.record(to)
	return 0
}

// makeAncestors makes what is missing above a name.
func (c *call) makeAncestors(name string) int {
	parent := parentOf(name)
	if parent == "" || c.exists(parent) {
		return 0
	}
	if _, err := zfs.CreateDataset(c.Machine, zfs.NewDataset{Name: parent, Type: "filesystem", Parents: true}); err != nil && !c.mountTrouble(err) {
		return c.refuse("create", name, err)
	} else if err != nil {
		return 1
	}
	return 0
}

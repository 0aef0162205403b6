package zfssim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// rollback is zfs rollback.
func (c *call) rollback() int {
	if code := c.need("dataset"); code != 0 {
		return code
	}
	name := c.Operands[0]
	snap := c.open(name, snapshots)
	if snap == nil {
		return 1
	}
	of, _ := cutName(name)
	later := c.laterThan(of, snap)
	if len(later) > 0 && !c.Has("R") && !c.mayGo(name, later) {
		return 1
	}
	if !c.may(of, "rollback") {
		return c.refuse("rollback", of, denied)
	}
	for _, d := range later {
		for _, victim := range append(c.dependents(d), d) {
			if c.destroyOne(victim) != 0 {
				return 1
			}
		}
	}
	if err := zfs.RollBack(c.Machine, name); err != nil {
		return c.refuse("rollback", of, err)
	}
	c.record(name)
	return 0
}

// laterThan are the snapshots and bookmarks of a dataset that are younger than
// one of them, the youngest last.
func (c *call) laterThan(of string, snap *state.Dataset) []*state.Dataset {
	var list []*state.Dataset
	for _, child := range zfs.Children(c.Machine, of) {
		if child.TXG > snap.TXG && strings.ContainsAny(child.Name, "@#") && parentOf(child.Name) == of {
			list = append(list, child)
		}
	}
	slices.SortStableFunc(list, func(a, b *state.Dataset) int { return strings.Compare(a.Type, b.Type) * -1 })
	return list
}

// mayGo tells whether a rollback may destroy what is younger; it says what needs
// -r or -R.
func (c *call) mayGo(name string, later []*state.Dataset) bool {
	if !c.Has("r") {
		exist, following := "more recent snapshots or bookmarks exist", "snapshots and bookmarks"
		if c.Era == cli.Numbered || c.Release < 1000 {
			exist, following = "more recent snapshots exist", "snapshots"
		}
		c.refuse("rollback to", name, exist)
		c.Errorf("use '-r' to force deletion of the following %s:\n", following)
		for _, d := range later {
			c.Errorf("%s\n", d.Name)
		}
		return false
	}
	var clones []*state.Dataset
	for _, d := range later {
		clones = append(clones, c.dependents(d)...)
	}
	if len(clones) == 0 {
		return true
	}
	c.refuse("rollback to", name, "clones of previous snapshots exist")
	c.Errorf("use '-R' to force deletion of the following clones and dependents:\n")
	for _, d := range clones {
		c.Errorf("%s\n", d.Name)
	}
	return false
}

package zfssim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// destroy is zfs destroy.
func (c *call) destroy() int {
	if code := c.need("dataset"); code != 0 {
		return code
	}
	name := c.Operands[0]
	switch {
	case strings.Contains(name, "#") && c.Release >= 1000:
		return c.destroyBookmark(name)
	case strings.Contains(name, "@"):
		return c.destroySnapshots(name)
	case c.Has("d"):
		c.open(name, snapshots)
		return 1
	}
	return c.destroyDataset(name)
}

func (c *call) recursive() bool { return c.Has("r") || c.Has("R") }

// destroyDataset destroys a file system or volume, with what depends on it where
// that was asked for.
func (c *call) destroyDataset(name string) int {
	d := c.open(name, upper)
	if d == nil {
		return 1
	}
	isPool := !strings.Contains(name, "/")
	if isPool && !c.recursive() {
		c.refuse("destroy", name, "operation does not apply to pools")
		c.Errorf("use 'zfs destroy -r %s' to destroy all datasets in the pool\nuse 'zpool destroy %s' to destroy the pool itself\n", name, name)
		return 1
	}
	list := c.dependents(d)
	if !c.Has("R") && !c.independent(d, list) {
		return 1
	}
	c.announce(append(slices.Clone(list), d))
	if c.Has("n") {
		return 0
	}
	code := 0
	for _, victim := range append(list, d) {
		if isPool && victim == d {
			continue
		}
		if c.destroyOne(victim) != 0 {
			code = 1
			if !c.Era.Modern() {
				return 1
			}
		}
	}
	if code == 0 {
		c.record(name)
	}
	return code
}

// dependents are what has to go before a dataset: below it, and clones of its
// snapshots with what is below those, the last first.
func (c *call) dependents(d *state.Dataset) []*state.Dataset {
	var list []*state.Dataset
	for _, child := range c.below(d) {
		for _, e := range append(c.dependents(child), child) {
			if !slices.Contains(list, e) {
				list = append(list, e)
			}
		}
	}
	if d.Type == "snapshot" {
		for _, clone := range c.clonesOf(d.Name) {
			list = append(append(list, c.dependents(clone)...), clone)
		}
	}
	return list
}

// below are the children of a dataset: what is under it, then its snapshots.
func (c *call) below(d *state.Dataset) []*state.Dataset {
	var list, under []*state.Dataset
	for _, child := range zfs.Children(c.Machine, d.Name) {
		switch {
		case parentOf(child.Name) != d.Name || child.Type == "bookmark":
		case child.Type == "snapshot":
			list = append(list, child)
		default:
			under = append(under, child)
		}
	}
	return append(under, list...)
}

// clonesOf are the datasets made from a snapshot.
func (c *call) clonesOf(snapshot string) []*state.Dataset {
	var list []*state.Dataset
	for _, pool := range zfs.Pools(c.Machine) {
		for _, d := range pool.Datasets {
			if d.Origin == snapshot {
				list = append(list, d)
			}
		}
	}
	return list
}

// independent tells whether nothing that was not asked for has to go with a
// dataset; it says what does.
func (c *call) independent(d *state.Dataset, list []*state.Dataset) bool {
	first := true
	say := func(what, option string, other *state.Dataset) {
		if first {
			c.refuse("destroy", d.Name, d.Type+" has "+what)
			c.Errorf("use '-%s' to destroy the following datasets:\n", option)
		}
		first = false
		c.Errorf("%s\n", other.Name)
	}
	for _, other := range list {
		inside := strings.HasPrefix(other.Name, d.Name+"/") || strings.HasPrefix(other.Name, d.Name+"@")
		switch {
		case inside && !c.Has("r"):
			say("children", "r", other)
		case !inside && (c.Has("r") || d.Type == "snapshot"):
			say("dependent clones", "R", other)
		}
	}
	return first
}

// announce says what is destroyed, or would be.
func (c *call) announce(list []*state.Dataset) {
	if !c.Has("v") && !c.Has("p") {
		return
	}
	form := "will destroy %s\n"
	switch {
	case c.Has("p"):
		form = "destroy\t%s\n"
	case c.Has("n"):
		form = "would destroy %s\n"
	}
	for _, d := range list {
		c.Printf(form, d.Name)
	}
}

// announceSpace says what destroying snapshots gives back.
func (c *call) announceSpace(n int64) {
	if !c.Has("v") && !c.Has("p") {
		return
	}
	switch {
	case c.Has("p"):
		c.Printf("reclaim\t%d\n", n)
	case c.Has("n"):
		c.Printf("would reclaim %s\n", c.Era.Bytes(n, false))
	default:
		c.Printf("will reclaim %s\n", c.Era.Bytes(n, false))
	}
}

// destroyOne destroys a dataset that nothing depends on any more.
func (c *call) destroyOne(d *state.Dataset) int {
	if !c.may(d.Name, "destroy") {
		return c.cannotDestroy(d, denied)
	}
	if c.Has("f") && c.mountedAt(d.Name) != "" && d.Type == "filesystem" {
		if err := zfs.UnmountDataset(c.Machine, d.Name, true); err != nil && !c.mountTrouble(err) {
			return c.refuse("unmount", d.Name, err)
		} else if err != nil {
			return 1
		}
	}
	if err := zfs.DestroyDataset(c.Machine, d.Name); err != nil && !c.mountTrouble(err) {
		return c.cannotDestroy(d, err)
	} else if err != nil {
		return 1
	}
	return 0
}

// cannotDestroy reports why a dataset stays; newer tools call a snapshot one.
func (c *call) cannotDestroy(d *state.Dataset, reason any) int {
	if d.Type != "snapshot" || c.Era == cli.Numbered {
		return c.refuse("destroy", d.Name, reason)
	}
	if len(d.Holds) > 0 && c.Era.Modern() {
		reason = "it's being held. Run 'zfs holds -r " + d.Name + "' to see holders."
	} else if len(d.Holds) > 0 {
		reason = "it's being held."
	}
	c.Errorf("cannot destroy snapshot %s: %v\n", d.Name, reason)
	return 1
}

// destroySnapshots destroys the snapshots that FS@A,B%C stands for.
func (c *call) destroySnapshots(operand string) int {
	of, spec, _ := strings.Cut(operand, "@")
	if c.Era == cli.Numbered {
		return c.destroySnapshotOf(operand)
	}
	if c.open(of, upper) == nil {
		return 1
	}
	if code := c.checkSpec(spec); code != 0 {
		return code
	}
	var list []*state.Dataset
	whole := true
	for _, name := range c.sameBelow(of, c.recursive()) {
		found, ok := c.inSpec(name, spec)
		whole = whole && ok
		list = append(list, found...)
	}
	for _, snap := range list {
		if !c.Has("R") && !c.Has("d") && !c.independent(snap, c.dependents(snap)) {
			return 1
		}
	}
	switch {
	case !whole:
		return 1
	case len(list) == 0:
		c.Errorf("could not find any snapshots to destroy; check snapshot names.\n")
		return 1
	}
	return c.destroyAll(of, list)
}

// checkSpec refuses a list of snapshots with names that cannot be.
func (c *call) checkSpec(spec string) int {
	for _, part := range strings.FieldsFunc(spec, func(r rune) bool { return r == ',' || r == '%' }) {
		if strings.ContainsFunc(part, func(r rune) bool { return !validInName(r) }) {
			c.Errorf("could not find any snapshots to destroy; check snapshot names.\n")
			return 1
		}
	}
	return 0
}

// inSpec lists the snapshots of a dataset that A,B%C names; a part that is not
// there is left out, an end of a range that is not there is said.
func (c *call) inSpec(of, spec string) (list []*state.Dataset, ok bool) {
	var all []*state.Dataset
	for _, child := range zfs.Children(c.Machine, of) {
		if child.Type == "snapshot" && parentOf(child.Name) == of {
			all = append(all, child)
		}
	}
	index := func(short string) int {
		return slices.IndexFunc(all, func(d *state.Dataset) bool { return d.Name == of+"@"+short })
	}
	chosen := map[int]bool{}
	for _, part := range strings.Split(spec, ",") {
		first, last, isRange := strings.Cut(part, "%")
		if !isRange {
			last = first
		}
		from, to := index(first), index(last)
		if first == "" {
			from = 0
		}
		if last == "" {
			to = len(all) - 1
		}
		if isRange && from > to && to >= 0 && !c.recursive() {
			c.Errorf("invalid range '%s'\n", part)
			return nil, false
		}
		for i := from; from >= 0 && i <= to; i++ {
			chosen[i] = true
		}
	}
	for i, d := range all {
		if chosen[i] {
			list = append(list, d)
		}
	}
	return list, true
}

// destroyAll destroys snapshots at once, with the clones of them for -R.
func (c *call) destroyAll(of string, list []*state.Dataset) int {
	c.announce(list)
	var space int64
	for _, d := range list {
		space += zfs.Used(c.Machine, d).Used
	}
	c.announceSpace(space)
	if c.Has("n") {
		return 0
	}
	var clones []*state.Dataset
	if c.Has("R") {
		for _, d := range list {
			clones = append(clones, c.dependents(d)...)
		}
	}
	for _, d := range list {
		switch {
		case !c.may(d.Name, "destroy"):
			return c.cannotDestroy(d, denied)
		case c.Has("d") && (len(d.Holds) > 0 || len(c.clonesOf(d.Name)) > 0):
			return c.Cannot("zfs destroy -d of a snapshot that is held or has clones")
		case len(d.Holds) > 0:
			return c.cannotDestroy(d, "dataset is busy")
		}
	}
	for _, d := range append(clones, list...) {
		if c.destroyOne(d) != 0 {
			return 1
		}
	}
	c.record(of)
	return 0
}

// destroySnapshotOf destroys a snapshot as tools without lists do, with those of
// the same name below for -r.
func (c *call) destroySnapshotOf(name string) int {
	of, short := cutName(name)
	if !c.recursive() && c.open(name, snapshots) == nil || c.open(of, upper) == nil {
		return 1
	}
	var list []*state.Dataset
	for _, n := range c.sameBelow(of, c.recursive()) {
		if _, d := zfs.FindDataset(c.Machine, n+"@"+short); d != nil {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		c.refuse("destroy", name, "no such snapshot")
		c.noneDestroyed()
		return 1
	}
	for _, d := range list {
		if code := c.inTheWay(d); code != 0 {
			return code
		}
	}
	return c.destroyAll(of, list)
}

// inTheWay says what keeps a snapshot from being destroyed, and all with it.
func (c *call) inTheWay(d *state.Dataset) int {
	clones := c.dependents(d)
	switch {
	case c.Has("d") && (len(d.Holds) > 0 || len(clones) > 0):
		return c.Cannot("zfs destroy -d of a snapshot that is held or has clones")
	case c.recursive() && !c.Has("R") && len(clones) > 0:
		c.refuse("destroy", d.Name, "snapshot is cloned")
	case !c.Has("R") && !c.independent(d, clones):
	case len(d.Holds) > 0:
		c.refuse("destroy", d.Name, "dataset is busy")
	default:
		return 0
	}
	c.noneDestroyed()
	return 1
}

// noneDestroyed says that nothing happened to any of several snapshots.
func (c *call) noneDestroyed() {
	if c.recursive() {
		c.Errorf("no snapshots destroyed\n")
	}
}

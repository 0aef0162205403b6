package bectlsim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

func (c *call) destroy() int {
	if len(c.args) != 1 {
		return c.misuse("wrong number of arguments")
	}
	name := c.args[0]
	if path, err := c.path(name); err == 0 && !c.has('o') && !strings.Contains(name, "@") {
		switch d := c.find(path); {
		case d == nil:
			c.zfsError("open", path, "dataset does not exist")
		case d.Origin != "" && (c.release < 1202 || !ownStamp.MatchString(d.Origin)):
			c.Errorf("bectl destroy: leaving origin '%s' intact\n", d.Origin)
		}
	}
	return c.destroyOne(name, c.has('o'), false)
}

// destroyOne destroys an environment or a snapshot of one; then, if it is wanted
// or was made by bectl itself, the snapshot it was cloned from. asOrigin says
// that it is such a snapshot, which may stay when others were cloned from it.
func (c *call) destroyOne(name string, withOrigin, asOrigin bool) int {
	path, _ := c.path(name)
	d := c.find(path)
	if d == nil {
		return c.fail(errMissing)
	}
	if dataset, label, ok := strings.Cut(path, "@"); ok {
		return c.destroySnapshots(dataset, label, asOrigin && !withOrigin)
	}
	if path == c.rootFS || path == c.bootFS {
		return c.fail(errActive)
	}
	if point := c.mountedAt(d); point != "" {
		if !c.has('F') {
			return c.fail(errStillThere)
		}
		_ = zfs.UnmountDataset(c.Machine, path, false)
	}
	if c.notPermitted("destroy", path) {
		return c.fail(errUnknown)
	}
	if !c.promoteClones(path) {
		return c.fail(errStillThere)
	}
	origin := d.Origin
	if withOrigin && origin == "" {
		return c.fail(errNoOrigin)
	}
	if !c.destroyTree(path) {
		return c.fail(errUnknown)
	}
	below, isOurs := strings.CutPrefix(origin, c.beRoot+"/")
	switch automatic := c.release >= 1202 && ownStamp.MatchString(origin); {
	case origin == "" || !withOrigin && !automatic:
		return 0
	case !isOurs:
		return 0
	default:
		return c.destroyOne(below, withOrigin, true)
	}
}

// promoteClones makes those independent that were cloned from what goes.
func (c *call) promoteClones(path string) bool {
	for _, clone := range c.clones(path, "") {
		if err := zfs.Promote(c.Machine, clone); err != nil {
			c.zfsError("promote", clone, err)
			return false
		}
	}
	return true
}

// clones are the datasets outside path that were cloned from its snapshots or
// those below it; a label narrows it to snapshots of that name.
func (c *call) clones(path, label string) []string {
	var list []string
	for _, d := range c.pool.Datasets {
		from, snapshot, _ := strings.Cut(d.Origin, "@")
		inside := d.Name == path || strings.HasPrefix(d.Name, path+"/")
		if d.Origin == "" || inside || label != "" && label != snapshot {
			continue
		}
		if from == path || strings.HasPrefix(from, path+"/") {
			list = append(list, d.Name)
		}
	}
	return list
}

// destroyTree destroys a file system with all below it, the lowest first.
func (c *call) destroyTree(path string) bool {
	all := zfs.Children(c.Machine, path)
	slices.SortStableFunc(all, func(a, b *state.Dataset) int { return depth(b) - depth(a) })
	for _, d := range append(all, c.find(path)) {
		if d.Type == "filesystem" && c.mountedAt(d) != "" {
			c.zfsError("destroy", d.Name, "dataset is busy")
			return false
		}
		if err := zfs.DestroyDataset(c.Machine, d.Name); err != nil {
			c.zfsError("destroy", d.Name, err)
			return false
		}
	}
	return true
}

// depth orders datasets: a snapshot lies below its file system.
func depth(d *state.Dataset) int { return strings.Count(d.Name, "/")*2 + strings.Count(d.Name, "@") }

// destroySnapshots destroys the snapshots of a name of a dataset and those below.
// Trouble with one of them is no failure.
func (c *call) destroySnapshots(dataset, label string, mayStay bool) int {
	if len(c.clones(dataset, label)) > 0 {
		if mayStay {
			return 0
		}
		return c.fail(errClones)
	}
	for _, d := range append(zfs.Children(c.Machine, dataset), c.find(dataset)) {
		if snapshot := d.Name + "@" + label; d.Type == "filesystem" && c.exists(snapshot) && !c.notPermitted("destroy", snapshot) {
			if err := zfs.DestroyDataset(c.Machine, snapshot); err != nil {
				c.zfsError("destroy", snapshot, err)
			}
		}
	}
	return 0
}

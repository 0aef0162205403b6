package zfssim

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// hold is zfs hold.
func (c *call) hold() int {
	if len(c.Operands) > 1 && strings.HasPrefix(c.Operands[0], ".") {
		return c.misuse("tag may not start with '.'")
	}
	return c.eachHeld("hold", zfs.HoldSnapshot)
}

// release is zfs release.
func (c *call) release() int {
	return c.eachHeld("release", zfs.ReleaseSnapshot)
}

// cannotHold reports why a snapshot is not held or released, in the era's words.
func (c *call) cannotHold(permission, name string, reason any) {
	switch first := c.Era == cli.Numbered; {
	case first && permission == "hold":
		c.refuse("hold", name, reason)
	case first:
		c.refuse("release '"+c.Operands[0]+"' from", name, reason)
	case permission == "hold":
		c.refuse("hold snapshot", name, reason)
	default:
		c.refuse("release hold from snapshot", name, reason)
	}
}

// eachHeld holds or releases the snapshots that operands name.
func (c *call) eachHeld(permission string, do func(m *sim.Machine, snapshot, tag string) error) int {
	if len(c.Operands) < 2 {
		return c.usage()
	}
	failed := false
	for _, name := range c.Operands[1:] {
		of, short, ok := strings.Cut(name, "@")
		switch {
		case !ok:
			c.Errorf("'%s' is not a snapshot\n", name)
			failed = true
		case c.open(of, upper) == nil || !c.holdOrRelease(permission, name, c.held(of, short), do):
			failed = true
		}
	}
	if failed {
		return 1
	}
	c.record(c.Operands[1:]...)
	return 0
}

// holdOrRelease does so with the snapshots that a name stands for. Of several, one
// that has the hold is enough to release.
func (c *call) holdOrRelease(permission, name string, snapshots []string, do func(m *sim.Machine, snapshot, tag string) error) bool {
	if len(snapshots) == 0 {
		c.cannotHold(permission, name, zfs.ErrNoDataset)
		return false
	}
	several := c.Has("r") && permission == "release"
	ok, done := true, false
	for _, n := range snapshots {
		err := errDenied
		if c.may(n, permission) {
			err = do(c.Machine, n, c.Operands[0])
		}
		done = done || err == nil
		if err != nil && !(several && errors.Is(err, zfs.ErrNoTag)) {
			c.cannotHold(permission, n, err)
			ok = false
		}
	}
	if ok && !done {
		if c.Era == cli.Numbered { // it tells of the last
			name = snapshots[len(snapshots)-1]
		}
		c.cannotHold(permission, name, zfs.ErrNoTag)
	}
	return ok && done
}

var errDenied = errors.New(denied)

// held are the snapshots that a name stands for: with -r those of the same name
// below, too.
func (c *call) held(of, short string) []string {
	var names []string
	if c.exists(of + "@" + short) {
		names = append(names, of+"@"+short)
	}
	if !c.Has("r") {
		return names
	}
	for _, child := range zfs.Children(c.Machine, of) {
		if child.Type == "snapshot" && child.Name != of+"@"+short && strings.HasSuffix(child.Name, "@"+short) {
			names = append(names, child.Name)
		}
	}
	return names
}

// holds is zfs holds.
func (c *call) holds() int {
	limit, code := c.depth()
	if code != 0 {
		return code
	}
	recurse := c.Has("r") || limit >= 0
	if len(c.Operands) == 0 {
		return c.usage()
	}
	var list []*state.Dataset
	ok := true
	for _, name := range c.Operands {
		of, short := cutName(name)
		if !recurse {
			of = name
		}
		found, there := c.choose([]string{of}, selection{want: snapshots, recurse: recurse, limit: limit})
		ok = ok && there
		for _, d := range found {
			if _, s := cutName(d.Name); short == "" || s == short {
				list = append(list, d)
			}
		}
	}
	c.printHolds(list)
	if len(list) == 0 {
		c.Printf("no datasets available\n")
	}
	return exitCode(ok)
}

// printHolds prints who holds snapshots since when.
func (c *call) printHolds(list []*state.Dataset) {
	t := table{bare: c.Has("H"), columns: []column{{head: "NAME"}, {head: "TAG"}, {head: "TIMESTAMP"}}}
	for _, d := range list {
		t.columns[0].width = max(t.columns[0].width, len(d.Name))
		for _, tag := range slices.Sorted(maps.Keys(d.Holds)) {
			at, _ := time.Parse(time.RFC3339, d.Holds[tag])
			text := dateText(at, false)
			if c.Has("p") {
				text = strconv.FormatInt(at.Unix(), 10)
			}
			t.rows = append(t.rows, []string{d.Name, tag, text})
		}
	}
	c.Printf("%s", t)
}

package zfs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// States of vdevs and pools, as zpool status shows them.
const (
	Online    = "ONLINE"
	Degraded  = "DEGRADED"
	Faulted   = "FAULTED"
	Offline   = "OFFLINE"
	Removed   = "REMOVED"
	Unavail   = "UNAVAIL"
	Suspended = "SUSPENDED"
	Available = "AVAIL" // of a spare that waits
	InUse     = "INUSE" // of one that has stepped in
)

// VdevState is the state of a device or a group of them.
func VdevState(m *sim.Machine, v *state.Vdev) string {
	defer enter(m)()
	return vdevState(m, v)
}

// vdevState is VdevState with the state locked.
func vdevState(m *sim.Machine, v *state.Vdev) string {
	if len(v.Children) > 0 {
		return groupState(m, v.Children, parity(v))
	}
	switch {
	case v.Removed: // an indirect vdev needs no device
		return Online
	case v.State != "":
		return v.State
	case !present(m, v):
		return Unavail
	}
	return Online
}

// parity is how many children a group can lose.
func parity(v *state.Vdev) int {
	if n, ok := strings.CutPrefix(v.Type, "raidz"); ok {
		lost, err := strconv.Atoi(n)
		if err != nil {
			return 1
		}
		return lost
	}
	return len(v.Children) - 1
}

// groupState is what becomes of a group that survives the loss of some children.
func groupState(m *sim.Machine, children []*state.Vdev, lost int) string {
	bad, ill := 0, 0
	for _, c := range children {
		switch s := vdevState(m, c); {
		case !Readable(s):
			bad++
		case s != Online:
			ill++
		}
	}
	switch {
	case bad > lost:
		return Unavail
	case bad+ill > 0:
		return Degraded
	}
	return Online
}

// Readable tells whether a vdev in this state can be read.
func Readable(s string) bool { return s == Online || s == Degraded }

// whole tells whether a vdev can give all the data it should hold.
func whole(m *sim.Machine, v *state.Vdev) bool {
	if len(v.Children) == 0 {
		return v.Stale == 0 && Readable(vdevState(m, v))
	}
	n := 0
	for _, c := range v.Children {
		if whole(m, c) {
			n++
		}
	}
	return n >= len(v.Children)-parity(v)
}

// rootState is the state of a pool's top level.
func rootState(m *sim.Machine, pool *state.Pool) string {
	result := Online
	for _, v := range pool.Vdevs {
		if v.Class == "cache" || v.Class == "spare" {
			continue
		}
		switch s := vdevState(m, v); {
		case v.Class != "log" && !(Readable(s) && whole(m, v)):
			return Unavail
		case s != Online:
			result = Degraded
		}
	}
	return result
}

// VdevName is the name of a vdev in zpool status: of a group, its type and
// number; of a device, its path below /dev.
func VdevName(m *sim.Machine, pool *state.Pool, v *state.Vdev) string {
	if len(v.Children) == 0 && !v.Removed {
		return strings.TrimPrefix(v.Path, "/dev/")
	}
	defer enter(m)()
	kind := v.Type
	if v.Removed {
		kind = "indirect"
	}
	return fmt.Sprintf("%s-%d", kind, vdevNumber(pool, v))
}

// vdevNumber is a vdev's place among its siblings: the number in its name.
func vdevNumber(pool *state.Pool, v *state.Vdev) int {
	siblings := topLevel(pool)
	if up := parentOf(pool, v); up != nil {
		siblings = up.Children
	}
	return slices.Index(siblings, v)
}

// topLevel lists the top-level vdevs that have a number: caches and spares have
// none.
func topLevel(pool *state.Pool) []*state.Vdev {
	var list []*state.Vdev
	for _, v := range pool.Vdevs {
		if v.Class != "cache" && v.Class != "spare" {
			list = append(list, v)
		}
	}
	return list
}

// parentOf is the group a vdev belongs to, nil at the top level.
func parentOf(pool *state.Pool, v *state.Vdev) *state.Vdev {
	var search func(list []*state.Vdev) *state.Vdev
	search = func(list []*state.Vdev) *state.Vdev {
		for _, g := range list {
			if slices.Contains(g.Children, v) {
				return g
			}
			if found := search(g.Children); found != nil {
				return found
			}
		}
		return nil
	}
	return search(pool.Vdevs)
}

// FindVdev is the vdev that a name stands for: a path, a name below /dev, an
// identifier, or a group such as mirror-0; nil when there is none.
func FindVdev(m *sim.Machine, pool *state.Pool, name string) *state.Vdev {
	defer enter(m)()
	return findVdev(pool, name)
}

func findVdev(pool *state.Pool, name string) *state.Vdev {
	var found *state.Vdev
	eachVdev(pool, func(v *state.Vdev) {
		if found != nil {
			return
		}
		group := len(v.Children) > 0 && fmt.Sprintf("%s-%d", v.Type, vdevNumber(pool, v)) == name
		leaf := v.Path != "" && v.Path == DeviceName(name)
		if group || leaf || fmt.Sprint(v.GUID) == name {
			found = v
		}
	})
	return found
}

// eachVdev calls fn for every vdev, groups before their children.
func eachVdev(pool *state.Pool, fn func(*state.Vdev)) {
	var walk func(list []*state.Vdev)
	walk = func(list []*state.Vdev) {
		for _, v := range list {
			fn(v)
			walk(v.Children)
		}
	}
	walk(pool.Vdevs)
}

// replaceVdev puts another vdev in the place of one.
func replaceVdev(pool *state.Pool, old, fresh *state.Vdev) {
	list := pool.Vdevs
	if up := parentOf(pool, old); up != nil {
		list = up.Children
	}
	if i := slices.Index(list, old); i >= 0 {
		list[i] = fresh
	}
}

// dropVdev takes a vdev out; a group that has one child left gives it its place.
func dropVdev(pool *state.Pool, v *state.Vdev) {
	up := parentOf(pool, v)
	if up == nil {
		pool.Vdevs = slices.DeleteFunc(pool.Vdevs, func(o *state.Vdev) bool { return o == v })
		return
	}
	up.Children = slices.DeleteFunc(up.Children, func(o *state.Vdev) bool { return o == v })
	if len(up.Children) == 1 {
		only := up.Children[0]
		only.Class = up.Class
		replaceVdev(pool, up, only)
	}
}

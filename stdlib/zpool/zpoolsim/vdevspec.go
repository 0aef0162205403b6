package zpoolsim

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// groupLeast is how many devices a group has at least.
var groupLeast = map[string]int{"mirror": 2, "raidz1": 2, "raidz2": 3, "raidz3": 4}

// vdevSpec reads devices and groups off a command line: a device alone, mirror
// or raidz with its devices, log, cache, spare, special and dedup before those
// of a class. code is not 0 when it's wrong, which has been said then.
func (c *call) vdevSpec(words []string, current *state.Pool) (vdevs []*state.Vdev, code int) {
	class, group := "", (*state.Vdev)(nil)
	close := func() int {
		if group != nil && len(group.Children) < groupLeast[group.Type] {
			c.Errorf("invalid vdev specification: %s requires at least %d devices\n", strings.TrimSuffix(group.Type, "1"), groupLeast[group.Type])
			return 1
		}
		return 0
	}
	for _, word := range words {
		kind := word
		if kind == "raidz" {
			kind = "raidz1"
		}
		switch {
		case groupLeast[kind] > 0:
			if code := close(); code != 0 {
				return nil, code
			}
			group = &state.Vdev{Type: kind, Class: class}
			vdevs = append(vdevs, group)
		case word == "log" || word == "cache" || word == "spare" || c.Era.Modern() && (word == "special" || word == "dedup"):
			if code := close(); code != 0 {
				return nil, code
			}
			class, group = word, nil
		case strings.HasPrefix(word, "draid"):
			return nil, c.Cannot("draid")
		default:
			path, ok := c.device(word)
			if !ok {
				return nil, 1
			}
			leaf := &state.Vdev{Type: "disk", Path: path}
			if group == nil {
				leaf.Class = class
				vdevs = append(vdevs, leaf)
			} else {
				group.Children = append(group.Children, leaf)
			}
		}
	}
	if code := close(); code != 0 {
		return nil, code
	}
	if len(vdevs) == 0 {
		c.Errorf("invalid vdev specification: at least one toplevel vdev must be specified\n")
		return nil, 1
	}
	if current == nil && !slices.ContainsFunc(vdevs, func(v *state.Vdev) bool { return v.Class == "" }) {
		c.Errorf("invalid vdev specification: at least one toplevel vdev must be specified\n")
		return nil, 1
	}
	if !c.mayUse(vdevs) || !c.alike(vdevs, current) {
		return nil, 1
	}
	return vdevs, 0
}

// device is the path of a device that is there; what is wrong with it is said.
func (c *call) device(name string) (path string, ok bool) {
	path = zfs.DeviceName(name)
	if zfs.DeviceThere(c.Machine, &state.Vdev{Path: path}) {
		return path, true
	}
	_, err := c.FS().Stat(path)
	switch {
	case !strings.HasPrefix(name, "/") && c.Era.Modern():
		c.Errorf("cannot open '%s': no such device in /dev\nmust be a full path or shorthand device name\n", name)
	case !strings.HasPrefix(name, "/"):
		c.Errorf("cannot open '%s': no such GEOM provider\nmust be a full path or shorthand device name\n", name)
	case err == nil:
		c.Errorf("cannot use '%s': must be a GEOM provider or regular file\n", name)
	case c.Era.Modern():
		c.Errorf("cannot resolve path '%s'\n", name)
	default:
		c.Errorf("cannot open '%s': %s\n", name, sim.ErrText(err))
	}
	return path, false
}

// mayUse refuses devices that a pool has, those of exported ones unless forced.
func (c *call) mayUse(vdevs []*state.Vdev) bool {
	var fixed, forced []string
	for _, path := range paths(vdevs) {
		switch owner := zfs.Member(c.Machine, path); {
		case owner == nil:
		case owner.Imported:
			fixed = append(fixed, fmt.Sprintf("%s is part of active pool '%s'", path, owner.Name))
		case !c.Has("f"):
			forced = append(forced, fmt.Sprintf("%s is part of exported pool '%s'", path, owner.Name))
		}
	}
	return c.objections(fixed, forced)
}

// objections prints what is wrong with devices.
func (c *call) objections(fixed, forced []string) bool {
	list, how := fixed, "the following errors must be manually repaired:"
	if len(fixed) == 0 {
		list, how = forced, "use '-f' to override the following errors:"
	}
	if len(list) == 0 {
		return true
	}
	c.Errorf("invalid vdev specification\n%s\n%s\n", how, strings.Join(list, "\n"))
	return false
}

func paths(vdevs []*state.Vdev) []string {
	var list []string
	for _, v := range vdevs {
		if v.Path != "" {
			list = append(list, v.Path)
		}
		list = append(list, paths(v.Children)...)
	}
	return list
}

// alike refuses top-level devices that survive less than others, unless forced.
func (c *call) alike(vdevs []*state.Vdev, current *state.Pool) bool {
	if c.Has("f") {
		return true
	}
	var first *state.Vdev
	if current != nil {
		i := slices.IndexFunc(current.Vdevs, func(v *state.Vdev) bool { return v.Class == "" && !v.Removed })
		if i >= 0 {
			first = current.Vdevs[i]
		}
	}
	before := first != nil
	for _, v := range vdevs {
		if v.Class != "" {
			continue
		}
		if first == nil {
			first = v
			continue
		}
		if why := mismatch(first, v, before); why != "" {
			return c.objections(nil, []string{"mismatched replication level: " + why})
		}
	}
	return true
}

// mismatch is how the redundancy of two groups differs, in the tool's words.
func mismatch(have, v *state.Vdev, before bool) string {
	kind := func(v *state.Vdev) string {
		if len(v.Children) == 0 {
			return "disk"
		}
		return strings.TrimRight(v.Type, "123")
	}
	was, is := kind(have), kind(v)
	wasWays, isWays := fmt.Sprintf("%d-way %s", len(have.Children), was), fmt.Sprintf("%d-way %s", len(v.Children), is)
	switch {
	case was != is && before:
		return fmt.Sprintf("pool uses %s and new vdev is %s", was, is)
	case was != is:
		return fmt.Sprintf("both %s and %s vdevs are present", was, is)
	case have.Type != v.Type || len(have.Children) == len(v.Children):
		return ""
	case before:
		return fmt.Sprintf("pool uses %s and new vdev uses %s", wasWays, isWays)
	}
	return fmt.Sprintf("both %s and %s vdevs are present", wasWays, isWays)
}

// busy tells about devices that something else than a pool uses.
func (c *call) busy(vdevs []*state.Vdev) bool {
	return slices.ContainsFunc(paths(vdevs), func(path string) bool {
		real := zfs.RealDevice(c.Machine, &state.Vdev{Path: path})
		by := c.Machine.UsedAs(strings.TrimPrefix(real, "/dev/"))
		return by != "" && !c.inPool(by)
	})
}

// inPool tells whether a device is one of an imported pool.
func (c *call) inPool(path string) bool {
	return slices.ContainsFunc(zfs.Pools(c.Machine), func(p *state.Pool) bool {
		return slices.ContainsFunc(p.Leaves(), func(v *state.Vdev) bool { return v.Path == path })
	})
}

// layout prints what a pool would look like (-n).
func (c *call) layout(vdevs []*state.Vdev, depth int) {
	for _, v := range vdevs {
		name := strings.TrimPrefix(v.Path, "/dev/")
		if len(v.Children) > 0 {
			name = v.Type
		}
		c.Printf("\t%s%s\n", strings.Repeat("  ", depth), name)
		c.layout(v.Children, depth+1)
	}
}

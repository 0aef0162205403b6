package zfssim

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// set is zfs set.
func (c *call) set() int {
	props, names, code := c.settings()
	if code != 0 {
		return code
	}
	found, ok := c.choose(names, selection{want: datasets, limit: -1})
	code = exitCode(ok)
	for _, d := range found {
		for _, name := range slices.Sorted(maps.Keys(props)) {
			if failed := c.setOne(d.Name, name, props[name]); failed != 0 {
				return failed
			}
		}
	}
	if code == 0 {
		c.record(names...)
	}
	return code
}

// settings reads the operands of zfs set: assignments, then datasets. The first
// tools took one.
func (c *call) settings() (props map[string]string, names []string, code int) {
	args := c.Operands
	if c.Release < 1100 {
		if code := c.oneSetting(args); code != 0 {
			return nil, nil, code
		}
		name, value, _ := strings.Cut(args[0], "=")
		return map[string]string{name: value}, args[1:], 0
	}
	first := slices.IndexFunc(args, func(a string) bool { return !strings.Contains(a, "=") })
	switch {
	case len(args) == 0:
		return nil, nil, c.misuse("missing arguments")
	case len(args) == 1 && first == 0:
		return nil, nil, c.misuse("missing property=value argument(s)")
	case first < 0:
		return nil, nil, c.misuse("missing dataset name(s)")
	case slices.ContainsFunc(args[first:], func(a string) bool { return strings.Contains(a, "=") }):
		return nil, nil, c.misuse("invalid argument order")
	}
	props = map[string]string{}
	for _, a := range args[:first] {
		if !c.assignment(props, a) {
			return nil, nil, 1
		}
	}
	if len(props) == 0 {
		return nil, nil, 255
	}
	return props, args[first:], 0
}

// oneSetting checks what tools took that set one property.
func (c *call) oneSetting(args []string) int {
	switch {
	case len(args) == 0:
		return c.misuse("missing property=value argument")
	case len(args) == 1:
		return c.misuse("missing dataset name")
	case !strings.Contains(args[0], "=") || strings.HasSuffix(args[0], "="):
		return c.misuse("missing value in property=value argument")
	}
	return 0
}

// setOne sets a property of a dataset.
func (c *call) setOne(dataset, name, value string) int {
	failed := 1
	if c.Era >= cli.OpenZFS22 {
		failed = 255
	}
	if !c.may(dataset, name) {
		c.refuse("set property for", dataset, denied)
		return failed
	}
	set := zfs.SetProperty
	if c.Has("u") && (name == "mountpoint" || name == "canmount") {
		set = zfs.SetInPlace
	}
	err := set(c.Machine, dataset, name, value)
	if err == nil {
		return 0
	}
	if c.mountTrouble(err) {
		c.Errorf("property may be set but unable to remount filesystem\n")
		return 1
	}
	c.refuse("set property for", dataset, err)
	return failed
}

// mountTrouble reports that a file system could not be mounted or unmounted, if
// that is what an error says.
func (c *call) mountTrouble(err error) bool {
	var trouble *zfs.MountError
	if !errors.As(err, &trouble) {
		return false
	}
	c.refuse(trouble.Verb, trouble.Point, c.reason(trouble.Err))
	return true
}

// inherit is zfs inherit.
func (c *call) inherit() int {
	if len(c.Operands) < 1 {
		return c.misuse("missing property argument")
	}
	if len(c.Operands) < 2 {
		return c.misuse("missing dataset argument")
	}
	name, names := c.Operands[0], c.Operands[1:]
	p, ok := c.findProperty(name)
	if !ok {
		return c.misuse("invalid property '%s'", name)
	}
	if code := c.inheritable(p); code != 0 {
		return code
	}
	found, ok := c.choose(names, selection{want: datasets, recurse: c.Has("r"), limit: -1})
	code := exitCode(ok)
	for _, d := range found {
		if c.Has("r") && !strings.Contains(p.Types, d.Type[:1]) {
			continue
		}
		if c.Has("S") && len(d.Received) > 0 {
			return c.Cannot("zfs inherit -S of received properties")
		}
		if !c.may(d.Name, p.Name) {
			return c.refuse("inherit "+p.Name+" for", d.Name, denied)
		}
		if err := zfs.InheritProperty(c.Machine, d.Name, p.Name); err != nil && !c.mountTrouble(err) {
			return c.refuse("inherit "+p.Name+" for", d.Name, err)
		} else if err != nil {
			code = 1
		}
	}
	if code == 0 {
		c.record(names...)
	}
	return code
}

// inheritable tells why a property cannot be inherited.
func (c *call) inheritable(p zfs.Property) int {
	switch {
	case p.ReadOnly:
		c.Errorf("%s property is read-only\n", p.Name)
		return 1
	case p.Alone && !c.Has("S"):
		c.Errorf("'%s' property cannot be inherited\n", p.Name)
		if p.Kind == "limit" {
			c.Errorf("use 'zfs set %s=none' to clear\n", p.Name)
			if c.Era >= cli.Features {
				c.Errorf("use 'zfs inherit -S %s' to revert to received value\n", p.Name)
			}
		}
		return 1
	case c.Has("S") && (p.Name == "volsize" || p.Name == "version"):
		c.Errorf("'%s' property cannot be reverted to a received value\n", p.Name)
		return 1
	}
	return 0
}

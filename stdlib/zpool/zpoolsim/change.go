package zpoolsim

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// settings reads options of the form -o NAME=VALUE.
func (c *call) settings(option string) (map[string]string, int) {
	set := map[string]string{}
	for _, text := range c.Values(option) {
		name, value, ok := strings.Cut(text, "=")
		switch _, twice := set[name]; {
		case !ok && option == "o" && c.command == "import":
			continue // mount options
		case !ok:
			return nil, c.misuse("missing '=' for -%s option", option)
		case twice:
			c.Errorf("property '%s' specified multiple times\n", name)
			return nil, 2
		}
		if option == "o" {
			if _, known := c.findProperty(name); !known {
				c.Errorf("property '%s' is not a valid pool property\n", name)
				return nil, 2
			}
		}
		set[name] = value
	}
	return set, 0
}

// create is zpool create.
func (c *call) create() int {
	if code := c.need("pool name argument", "vdev specification"); code != 0 {
		return code
	}
	name := c.Operands[0]
	props, code := c.settings("o")
	if code != 0 {
		return code
	}
	root, code := c.settings("O")
	if code != 0 {
		return code
	}
	if err := zfs.CheckPoolName(name); err != nil {
		c.refuse("create '"+name+"'", err)
		c.Errorf("pool name may have been omitted\n")
		return 1
	}
	n := zfs.NewPool{Name: name, NoFeatures: c.Has("d"), Properties: map[string]string{}, Root: root}
	for key, value := range props {
		if f, ok := strings.CutPrefix(key, featurePrefix); ok {
			if value == "enabled" {
				n.Features = append(n.Features, f)
			}
			continue
		}
		if why := c.checkValue(nil, key, value); why != "" {
			return c.refuse("create '"+name+"'", why)
		}
		if key == "version" {
			n.Version, _ = strconv.Atoi(value)
			continue
		}
		n.Properties[key] = value
	}
	if c.Value("m") != "" {
		root["mountpoint"] = c.Value("m")
	}
	if r := c.Value("R"); r != "" {
		n.Properties["altroot"], n.Properties["cachefile"] = r, "none"
	}
	vdevs, code := c.vdevSpec(c.Operands[1:], nil)
	if code != 0 {
		return code
	}
	if c.Has("n") {
		c.Printf("would create '%s' with the following layout:\n\n\t%s\n", name, name)
		c.layout(vdevs, 1)
		return 0
	}
	n.Vdevs = vdevs
	return c.createPool(n)
}

func (c *call) createPool(n zfs.NewPool) int {
	what := "create '" + n.Name + "'"
	point := n.Root["mountpoint"]
	if point == "" {
		point = "/" + n.Name
	}
	switch {
	case !c.root():
		return c.refuse(what, denied)
	case zfs.FindPool(c.Machine, n.Name) != nil:
		return c.refuse(what, "pool already exists")
	case c.busy(n.Vdevs):
		return c.refuse(what, "one or more vdevs refer to the same device")
	case strings.HasPrefix(point, "/") && n.Root["canmount"] != "off" && c.filled(path.Join("/", n.Properties["altroot"], point)):
		c.Errorf("mountpoint '%s' exists and is not empty\nuse '-m' option to provide a different default\n", point)
		return 1
	}
	pool, err := zfs.CreatePool(c.Machine, n)
	if err != nil {
		return c.refuse(what, err)
	}
	c.record(pool)
	c.Machine.Devices()
	return c.mount(pool)
}

// filled tells a directory that holds something.
func (c *call) filled(dir string) bool {
	list, err := c.FS().ReadDir(dir)
	return err == nil && len(list) > 0
}

// mount mounts a pool's file systems; those that fail are named.
func (c *call) mount(pool *state.Pool) int {
	if err := zfs.MountPool(c.Machine, pool); err != nil {
		c.Errorf("%v\n", err)
		return 1
	}
	return 0
}

// destroy is zpool destroy.
func (c *call) destroy() int {
	if code := c.need("pool argument"); code != 0 {
		return code
	}
	if len(c.Operands) > 1 {
		return c.misuse("too many arguments")
	}
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	if !c.root() {
		return c.refuse("destroy '"+pool.Name+"'", denied)
	}
	if err := zfs.UnmountPool(c.Machine, pool, c.Has("f")); err != nil {
		c.Errorf("%v\ncould not destroy '%s': could not unmount datasets\n", err, pool.Name)
		return 1
	}
	for _, path := range paths(pool.Vdevs) {
		memoryOf(c.Machine).Destroyed[path] = true
	}
	zfs.DestroyPool(c.Machine, pool)
	c.Machine.Devices()
	return 0
}

// change runs what changes a pool: it needs its pool and root, and leaves a line
// in the history.
func (c *call) change(what string, failure int, do func(pool *state.Pool) error) int {
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	if !c.root() {
		c.refuse(what, denied)
		return failure
	}
	if err := do(pool); err != nil {
		c.refuse(what, err)
		return failure
	}
	c.record(pool)
	c.Machine.Devices() // labels come and go with the names devices are used by
	return 0
}

// add is zpool add.
func (c *call) add() int {
	if code := c.need("pool name argument", "vdev specification"); code != 0 {
		return code
	}
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	vdevs, code := c.vdevSpec(c.Operands[1:], pool)
	if code != 0 {
		return code
	}
	if c.Has("n") {
		c.Printf("would update '%s' to the following configuration:\n\n\t%s\n", pool.Name, pool.Name)
		c.layout(pool.Vdevs, 1)
		c.layout(vdevs, 1)
		return 0
	}
	if c.busy(vdevs) {
		return c.refuse("add to '"+pool.Name+"'", "one or more vdevs refer to the same device")
	}
	return c.change("add to '"+pool.Name+"'", 1, func(pool *state.Pool) error {
		if pool.Properties["bootfs"] != "" && c.Era < openZFS21 && c.addsLog(vdevs) {
			return errors.New("root pool can not have multiple vdevs or separate logs")
		}
		return zfs.AddDevices(c.Machine, pool, vdevs)
	})
}

func (c *call) addsLog(vdevs []*state.Vdev) bool {
	for _, v := range vdevs {
		if v.Class == "log" {
			return c.Release < 803
		}
	}
	return false
}

// remove is zpool remove.
func (c *call) remove() int {
	if code := c.need("pool name argument"); code != 0 {
		return code
	}
	if c.Has("s") || c.Has("n") || c.Has("p") {
		return c.Cannot("zpool remove -n, -p and -s")
	}
	if len(c.Operands) < 2 {
		return c.misuse("missing device")
	}
	code := 0
	for _, device := range c.Operands[1:] {
		code = max(code, c.change("remove "+device, 1, func(pool *state.Pool) error {
			return zfs.RemoveDevice(c.Machine, pool, device)
		}))
	}
	return code
}

// attach is zpool attach.
func (c *call) attach() int {
	if code := c.need("pool name argument", "<device> specification", "<new_device> specification"); code != 0 {
		return code
	}
	if len(c.Operands) > 3 {
		return c.misuse("too many arguments")
	}
	if c.Has("s") {
		return c.Cannot("zpool attach -s")
	}
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	vdevs, code := c.vdevSpec(c.Operands[2:3], nil)
	if code != 0 {
		return code
	}
	old, fresh := c.Operands[1], c.Operands[2]
	what := fmt.Sprintf("attach %s to %s", fresh, old)
	if c.busy(vdevs) {
		return c.refuse(what, fresh+" is busy")
	}
	code = c.change(what, 1, func(pool *state.Pool) error {
		return zfs.AttachDevice(c.Machine, pool, old, vdevs[0].Path)
	})
	if code != 0 {
		return code
	}
	if pool.Properties["bootfs"] != "" && !c.Era.Modern() {
		c.Printf("Make sure to wait until resilver is done before rebooting.\n\nIf you boot from pool '%s', you may need to update\n"+
			"boot code on newly attached disk '%s'.\n\nAssuming you use GPT partitioning and 'da0' is your new boot disk\n"+
			"you may use the following command:\n\n\tgpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 da0\n\n", pool.Name, fresh)
	}
	return c.waitFor(pool, "resilver")
}

// replace is zpool replace.
func (c *call) replace() int {
	if code := c.need("pool name argument", "<device> specification"); code != 0 {
		return code
	}
	if len(c.Operands) > 3 {
		return c.misuse("too many arguments")
	}
	if c.Has("s") {
		return c.Cannot("zpool replace -s")
	}
	pool := c.pool(c.Operands[0])
	if pool == nil {
		return 1
	}
	old, fresh := c.Operands[1], c.Operands[len(c.Operands)-1]
	if len(c.Operands) == 2 {
		if v := zfs.FindVdev(c.Machine, pool, old); v != nil {
			fresh = v.Path
		}
	}
	path, ok := c.device(fresh)
	if !ok {
		return 1
	}
	v := &state.Vdev{Path: path}
	if !zfs.IsSpare(c.Machine, pool, path) && !c.mayUse([]*state.Vdev{v}) {
		return 1
	}
	what := fmt.Sprintf("replace %s with %s", old, fresh)
	if c.busy([]*state.Vdev{v}) {
		return c.refuse(what, fresh+" is busy")
	}
	code := c.change(what, 1, func(pool *state.Pool) error { return zfs.ReplaceDevice(c.Machine, pool, old, path) })
	if code != 0 {
		return code
	}
	return c.waitFor(pool, "replace")
}

// waitFor is option -w: the command ends with what it began.
func (c *call) waitFor(pool *state.Pool, activity string) int {
	if !c.Has("w") {
		return 0
	}
	return c.await(pool, []string{activity})
}

// detach is zpool detach, which fails with 255.
func (c *call) detach() int {
	if code := c.need("pool name argument", "<device> specification"); code != 0 {
		return code
	}
	device := c.Operands[1]
	return c.change("detach "+device, 255, func(pool *state.Pool) error { return zfs.DetachDevice(c.Machine, pool, device) })
}

// offline is zpool offline.
func (c *call) offline() int {
	if code := c.need("pool name", "device name"); code != 0 {
		return code
	}
	code := 0
	for _, device := range c.Operands[1:] {
		code = max(code, c.change("offline "+device, 1, func(pool *state.Pool) error {
			return zfs.OfflineDevice(c.Machine, pool, device, c.Has("t"), c.Has("f"))
		}))
	}
	return code
}

// online is zpool online. A device that is not there stays what it is.
func (c *call) online() int {
	if code := c.need("pool name", "device name"); code != 0 {
		return code
	}
	code := 0
	for _, device := range c.Operands[1:] {
		code = max(code, c.change("online "+device, 1, func(pool *state.Pool) error {
			s, err := zfs.OnlineDevice(c.Machine, pool, device, c.Has("e"))
			if err == nil && s != zfs.Online {
				c.Printf("warning: device '%s' onlined, but remains in faulted state\n", device)
				if s != zfs.Faulted {
					c.Printf("use 'zpool replace' to replace devices that are no longer present\n")
				} else {
					c.Printf("use 'zpool clear' to restore a faulted device\n")
				}
			}
			return err
		}))
	}
	return code
}

// clear is zpool clear.
func (c *call) clear() int {
	if code := c.need("pool name"); code != 0 {
		return code
	}
	if c.Has("F") || c.Has("n") {
		return c.Cannot("zpool clear -F")
	}
	device, what := "", "clear errors for "+c.Operands[0]
	if len(c.Operands) > 1 {
		device = c.Operands[1]
		what = "clear errors for " + device
	}
	return c.change(what, 1, func(pool *state.Pool) error { return zfs.ClearErrors(c.Machine, pool, device) })
}

// reopen is zpool reopen.
func (c *call) reopen() int {
	if len(c.Operands) == 0 && !c.Era.Modern() {
		return c.misuse("missing pool name")
	}
	pools, ok := c.pools(c.Operands)
	for _, pool := range pools {
		if !c.root() {
			return c.refuse("reopen '"+pool.Name+"'", denied)
		}
		zfs.Reopen(c.Machine, pool)
	}
	if !ok {
		return 1
	}
	return 0
}

// reguid is zpool reguid.
func (c *call) reguid() int {
	if code := c.need("pool name"); code != 0 {
		return code
	}
	guid := uint64(0)
	if text := c.Value("g"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return c.misuse("invalid GUID: %s", text)
		}
		guid = n
	}
	return c.change("reguid '"+c.Operands[0]+"'", 1, func(pool *state.Pool) error {
		return zfs.Reguid(c.Machine, pool, guid)
	})
}

// split is zpool split.
func (c *call) split() int {
	if code := c.need("pool name", "new pool name"); code != 0 {
		return code
	}
	if c.Has("n") || c.Value("R") != "" || c.Value("o") != "" {
		return c.Cannot("zpool split -n, -R and -o")
	}
	name := c.Operands[1]
	what := "split " + c.Operands[0]
	if err := zfs.CheckPoolName(name); err != nil {
		return c.refuse("create '"+name+"'", err)
	}
	return c.change(what, 1, func(pool *state.Pool) error {
		_, err := zfs.Split(c.Machine, pool, name, c.Operands[2:])
		return err
	})
}

// labelclear is zpool labelclear.
func (c *call) labelclear() int {
	if code := c.need("vdev name"); code != 0 {
		return code
	}
	if len(c.Operands) > 1 {
		return c.misuse("too many arguments")
	}
	path := zfs.DeviceName(c.Operands[0])
	if !zfs.DeviceThere(c.Machine, &state.Vdev{Path: path}) {
		if c.Era.Modern() {
			c.Errorf("failed to open %s: No such file or directory\n", path)
		} else {
			c.Errorf("Unable to open %s\n", path)
		}
		return 1
	}
	owner := zfs.Member(c.Machine, path)
	switch {
	case !c.root():
		c.Errorf("failed to open %s: Permission denied\n", path)
		return 1
	case owner == nil && !memoryOf(c.Machine).Destroyed[path]:
		c.Errorf("failed to read label from %s\n", path)
		return 1
	case owner == nil:
		// a destroyed pool's label may go
	case owner.Imported:
		c.Errorf("%s is a member (%s) of pool \"%s\"\n", path, "ACTIVE", owner.Name)
		return 1
	case !c.Has("f"):
		c.Errorf("use '-f' to override the following error:\n%s is a member of exported pool \"%s\"\n", path, owner.Name)
		return 1
	}
	delete(memoryOf(c.Machine).Destroyed, path)
	zfs.ClearLabel(c.Machine, path)
	return 0
}

// checkpoint is zpool checkpoint.
func (c *call) checkpoint() int {
	if c.Era == features && c.Release < 1102 {
		c.Errorf("unrecognized command 'checkpoint'\n")
		return c.wholeUsage(true)
	}
	if code := c.need("pool argument"); code != 0 {
		return code
	}
	if c.Has("d") || c.Has("discard") {
		return c.change("discard checkpoint in '"+c.Operands[0]+"'", 1, func(pool *state.Pool) error {
			return zfs.DiscardCheckpoint(c.Machine, pool)
		})
	}
	return c.change("checkpoint '"+c.Operands[0]+"'", 1, func(pool *state.Pool) error { return zfs.TakeCheckpoint(c.Machine, pool) })
}

// set is zpool set.
func (c *call) set() int {
	switch {
	case len(c.Operands) == 0:
		return c.misuse("missing property=value argument")
	case len(c.Operands) < 2:
		return c.misuse("missing pool name")
	case len(c.Operands) > 2:
		return c.misuse("too many pool names")
	}
	name, value, ok := strings.Cut(c.Operands[0], "=")
	if !ok {
		return c.misuse("missing value in property=value argument")
	}
	pool := c.pool(c.Operands[1])
	if pool == nil {
		return 1
	}
	what := "set property for '" + pool.Name + "'"
	prop, known := c.findProperty(name)
	switch {
	case !known:
		return c.refuse(what, "invalid property '"+name+"'")
	case prop.readOnly:
		return c.refuse(what, "'"+name+"' is readonly")
	}
	if why := c.checkValue(pool, prop.name, value); why != "" {
		return c.refuse(what, why)
	}
	c.Operands = []string{pool.Name}
	return c.change(what, 1, func(pool *state.Pool) error { return c.assign(pool, prop.name, value) })
}

// assign sets a property whose value is right.
func (c *call) assign(pool *state.Pool, name, value string) error {
	if f, ok := strings.CutPrefix(name, featurePrefix); ok {
		return zfs.EnableFeature(c.Machine, pool, f)
	}
	if name == "version" {
		n, _ := strconv.Atoi(value)
		_, err := zfs.Upgrade(c.Machine, pool, n)
		return err
	}
	return zfs.SetPoolProperty(c.Machine, pool, name, value)
}

// checkValue tells what is wrong with the value of a property; pool is nil while
// it is being created.
func (c *call) checkValue(pool *state.Pool, name, value string) string {
	prop, _ := c.findProperty(name)
	if strings.Contains(prop.values, " | ") && !strings.Contains(prop.values, "<") {
		for _, v := range strings.Split(prop.values, " | ") {
			if v == value {
				return ""
			}
		}
		return fmt.Sprintf("'%s' must be one of '%s'", name, prop.values)
	}
	switch {
	case name == "version":
		n, err := strconv.Atoi(value)
		newest := zfs.SupportedVersion(c.Machine)
		known := n >= 1 && n <= 28 && n <= newest || n == newest
		if err != nil || !known || pool != nil && n < pool.Version {
			return fmt.Sprintf("property 'version' number %s is invalid.", value)
		}
	case strings.HasPrefix(name, featurePrefix) && value != "enabled" && !(value == "disabled" && pool == nil):
		return fmt.Sprintf("property '%s' can only be set to 'enabled'", name)
	case name == "compatibility":
		if _, err := zfs.Compatibility(c.Machine, value); err != nil {
			return err.Error()
		}
	case name == "altroot" && pool != nil, name == "readonly" && pool != nil:
		return fmt.Sprintf("property '%s' can only be set at import time", name)
	case name == "ashift":
		if n, err := strconv.Atoi(value); err != nil || n != 0 && (n < 9 || n > 16) {
			return fmt.Sprintf("property 'ashift' number %s is invalid, only values between 9 and 16 are allowed.", value)
		}
	}
	return ""
}

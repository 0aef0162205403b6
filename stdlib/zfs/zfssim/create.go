package zfssim

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// assignment takes a NAME=VALUE into a set of properties.
func (c *call) assignment(props map[string]string, text string) bool {
	name, value, ok := strings.Cut(text, "=")
	_, twice := props[name]
	switch {
	case !ok && c.Era.Modern():
		c.Errorf("missing '=' for property=value argument\n")
	case !ok:
		c.Errorf("missing '=' for -o option\n")
	case twice:
		c.Errorf("property '%s' specified multiple times\n", name)
	default:
		props[name] = value
		return true
	}
	return false
}

// assignments are the properties that -o gives.
func (c *call) assignments() (map[string]string, bool) {
	props := map[string]string{}
	for _, text := range c.Values("o") {
		if !c.assignment(props, text) {
			return nil, false
		}
	}
	return props, true
}

// create is zfs create.
func (c *call) create() int {
	n := zfs.NewDataset{Type: "filesystem", Parents: c.Has("p"), NoMount: c.Has("u")}
	if c.Given("V") {
		n.Type = "volume"
	}
	switch {
	case (c.Given("b") || c.Has("s")) && n.Type != "volume":
		return c.misuse("'-s' and '-b' can only be used when creating a volume")
	case n.NoMount && n.Type == "volume" && c.Era.Modern():
		return c.misuse("'-u' can only be used when creating a filesystem")
	case n.NoMount && n.Type == "volume":
		return c.misuse("'-u' can only be used when creating a file system")
	}
	if code := c.need(n.Type); code != 0 {
		return code
	}
	n.Name = c.Operands[0]
	props, ok := c.assignments()
	if !ok {
		return 1
	}
	n.Properties = props
	if n.Type == "volume" {
		if code := c.volume(&n); code != 0 {
			return code
		}
	}
	if n.Parents && c.checkName(n.Name, upper) == nil && c.exists(n.Name) {
		return 0
	}
	return c.createDataset(n)
}

// volume reads what a new volume is to be like.
func (c *call) volume(n *zfs.NewDataset) int {
	size, err := sim.ParseSize(c.Value("V"))
	if err != nil || size <= 0 {
		c.Errorf("bad volume size '%s': bad numeric value '%s'\n", c.Value("V"), c.Value("V"))
		return 1
	}
	block := int64(8 << 10)
	if c.Era >= cli.OpenZFS22 {
		block = 16 << 10
	}
	if b := c.Value("b"); b != "" {
		if block, err = sim.ParseSize(b); err != nil || block <= 0 {
			c.Errorf("bad volume block size '%s': bad numeric value '%s'\n", b, b)
			return 1
		}
		n.Properties["volblocksize"] = strconv.FormatInt(block, 10)
	}
	if size%block != 0 {
		if !c.Era.Modern() {
			return c.refuse("create", n.Name, "volume size must be a multiple of volume block size")
		}
		size = (size/block + 1) * block
	}
	n.Size = size
	if _, given := n.Properties["refreservation"]; !given && !c.Has("s") {
		n.Properties["refreservation"] = strconv.FormatInt(size, 10)
	}
	return 0
}

// createDataset makes a file system or a volume, or tells what it would make.
func (c *call) createDataset(n zfs.NewDataset) int {
	if err := c.checkName(n.Name, upper); err != nil {
		return c.refuse("create", n.Name, err)
	}
	if c.Has("v") || c.Has("P") {
		c.tellCreate(n)
	}
	if c.Has("n") {
		return 0
	}
	if parent := parentOf(n.Name); c.exists(parent) && !c.exists(n.Name) && !c.may(parent, "create") {
		return c.refuse("create", n.Name, denied)
	}
	return c.made(n, "filesystem")
}

// made makes a dataset; what says which words it is called by when it could not
// be mounted.
func (c *call) made(n zfs.NewDataset, what string) int {
	for _, name := range []string{"encryption", "keyformat", "keylocation"} {
		if value := n.Properties[name]; value != "" && value != "off" && value != "none" {
			return c.Cannot("encrypted datasets")
		}
	}
	mount := !n.NoMount
	n.NoMount = n.NoMount || c.Cred.UID != 0
	d, err := zfs.CreateDataset(c.Machine, n)
	trouble := err != nil && c.mountTrouble(err)
	if err == nil && mount && n.NoMount && c.mountsItself(d) { // others than root may not mount
		trouble = c.mountOne(d, true) != 0
	}
	if err != nil && !trouble {
		return c.refuse("create", n.Name, err)
	}
	c.record(n.Name)
	if trouble {
		c.Errorf("%s successfully created, but not mounted\n", what)
		return 1
	}
	return 0
}

// tellCreate says what a new dataset will be, for -v.
func (c *call) tellCreate(n zfs.NewDataset) {
	ancestors, create, property := "create ancestors of %s\n", "create %s\n", "\t%s=%s\n"
	switch {
	case c.Has("P"):
		ancestors, create, property = "create_ancestors\t%s\n", "create\t%s\n", "property\t%s\t%s\n"
	case c.Has("n"):
		ancestors, create = "would create ancestors of %s\n", "would create %s\n"
	}
	if n.Parents {
		c.Printf(ancestors, n.Name)
	}
	c.Printf(create, n.Name)
	if n.Type == "volume" {
		c.Printf(property, "volsize", strconv.FormatInt(n.Size, 10))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		c.Printf(property, name, n.Properties[name])
	}
}

// parentOf is the name of the dataset above one, empty above a pool.
func parentOf(name string) string {
	of, short := cutName(name)
	if short != "" {
		return of
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// clone is zfs clone.
func (c *call) clone() int {
	props, ok := c.assignments()
	if !ok {
		return 1
	}
	if code := c.need("source dataset", "target dataset"); code != 0 {
		return code
	}
	from, to := c.Operands[0], c.Operands[1]
	origin := c.open(from, snapshots)
	if origin == nil {
		return 1
	}
	if c.Has("p") && c.exists(to) {
		return 0
	}
	if err := c.checkName(to, upper); err != nil {
		return c.refuse("create", to, err)
	}
	if parent := parentOf(to); c.exists(parent) && !c.exists(to) && !(c.may(from, "clone") && c.may(parent, "create")) {
		return c.refuse("create", to, denied)
	}
	of, _ := cutName(from)
	_, source := zfs.FindDataset(c.Machine, of)
	return c.made(zfs.NewDataset{Name: to, Type: source.Type, Origin: from, Parents: c.Has("p"), Properties: props}, "clone")
}

// promote is zfs promote.
func (c *call) promote() int {
	if code := c.need("clone filesystem"); code != 0 {
		return code
	}
	name := c.Operands[0]
	if c.open(name, upper) == nil {
		return 1
	}
	if !c.may(name, "promote") {
		return c.refuse("promote", name, denied)
	}
	if err := zfs.Promote(c.Machine, name); err != nil {
		return c.refuse("promote", name, err)
	}
	c.record(name)
	return 0
}

// snapshot is zfs snapshot.
func (c *call) snapshot() int {
	props, ok := c.assignments()
	if !ok {
		return 1
	}
	if len(c.Operands) == 0 {
		return c.misuse("missing snapshot argument")
	}
	if len(c.Operands) > 1 && c.Era == cli.Numbered {
		return c.misuse("too many arguments")
	}
	var names []string
	for _, operand := range c.Operands {
		of, short, ok := strings.Cut(operand, "@")
		if !ok {
			return c.notSnapshot(operand)
		}
		if c.open(of, upper) == nil {
			if c.Era == cli.Numbered {
				return 1
			}
			return c.usage()
		}
		for _, name := range c.sameBelow(of, c.Has("r")) {
			names = append(names, name+"@"+short)
		}
	}
	return c.takeSnapshots(names, props)
}

// notSnapshot refuses a name without the delimiter.
func (c *call) notSnapshot(name string) int {
	if c.Era == cli.Numbered {
		return c.refuse("snapshot", name, "missing '@' delimiter in snapshot name")
	}
	return c.usage()
}

// takeSnapshots takes snapshots all at once, or tells of each why not.
func (c *call) takeSnapshots(names []string, props map[string]string) int {
	failed := false
	fail := func(name string, reason any) {
		if !failed || c.Era != cli.Numbered { // the first tools told of one
			c.refuse("create snapshot", name, reason)
		}
		failed = true
	}
	for _, name := range names {
		of, _ := cutName(name)
		err := c.checkName(name, snapshots)
		switch {
		case err != nil:
			fail(name, err)
		case !c.may(of, "snapshot"):
			fail(name, denied)
		case c.exists(name):
			fail(name, "dataset already exists")
		}
	}
	if !failed {
		if err := zfs.TakeSnapshots(c.Machine, names, props); err != nil {
			fail(names[0], err)
		}
	}
	if failed {
		if c.Has("r") || len(c.Operands) > 1 {
			c.Errorf("no snapshots were created\n")
		}
		return 1
	}
	c.record(names...)
	return 0
}

// bookmark is zfs bookmark.
func (c *call) bookmark() int {
	what := []string{"snapshot", "bookmark"}
	if c.Era.Modern() {
		what = []string{"source", "bookmark"}
	}
	if code := c.need(what...); code != 0 {
		return code
	}
	return c.makeBookmark(c.Operands[0], c.Operands[1])
}

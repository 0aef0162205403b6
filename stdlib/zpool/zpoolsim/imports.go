package zpoolsim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// export is zpool export.
func (c *call) export() int {
	if c.Has("a") {
		if len(c.Operands) > 0 {
			return c.misuse("too many arguments")
		}
		for _, p := range zfs.Pools(c.Machine) {
			c.Operands = append(c.Operands, p.Name)
		}
	} else if code := c.need("pool argument"); code != 0 {
		return code
	}
	code := 0
	for _, name := range c.Operands {
		pool := c.pool(name)
		if pool == nil {
			code = 1
			continue
		}
		code = max(code, c.exportPool(pool))
	}
	c.Machine.Devices()
	return code
}

func (c *call) exportPool(pool *state.Pool) int {
	if !c.root() {
		return c.refuse("export '"+pool.Name+"'", denied)
	}
	if err := zfs.UnmountPool(c.Machine, pool, c.Has("f")); err != nil {
		c.Errorf("%v\n", err)
		return 1
	}
	c.record(pool)
	if err := zfs.ExportPool(c.Machine, pool); err != nil {
		return c.refuse("export '"+pool.Name+"'", err)
	}
	return 0
}

// imports is zpool import.
func (c *call) imports() int {
	switch {
	case c.Has("D"):
		if len(c.Operands) == 0 && !c.Has("a") {
			return c.noneToImport()
		}
		return c.Cannot("import of destroyed pools")
	case c.Has("F") || c.Has("X") || c.Has("n") || c.Value("T") != "" || c.Value("t") != "" || c.Has("m"):
		return c.Cannot("zpool import -F, -m, -n, -t, -T and -X")
	case c.Has("a") && len(c.Operands) > 0:
		return c.misuse("too many arguments")
	case len(c.Operands) > 2:
		return c.misuse("too many arguments")
	}
	props, code := c.settings("o")
	if code != 0 {
		return code
	}
	found := zfs.Exported(c.Machine, c.Values("d"))
	switch {
	case c.Has("a"):
		return c.importAll(found, props)
	case len(c.Operands) == 0:
		return c.listImports(found)
	}
	return c.importOne(found, props)
}

func (c *call) noneToImport() int {
	if c.Era.Modern() {
		c.Errorf("no pools available to import\n")
		return 0
	}
	if c.Era == numbered {
		return 1
	}
	return 0
}

func (c *call) listImports(found []*state.Pool) int {
	if !c.root() {
		c.Errorf("cannot discover pools: %s\n", denied)
		return 1
	}
	if len(found) == 0 {
		return c.noneToImport()
	}
	for i, pool := range found {
		if i > 0 {
			c.Printf("\n")
		}
		c.showImport(pool)
	}
	return 0
}

func (c *call) importAll(found []*state.Pool, props map[string]string) int {
	if len(found) == 0 {
		return c.noneToImport()
	}
	code := 0
	for _, pool := range found {
		code = max(code, c.importPool(pool, pool.Name, props))
	}
	return code
}

func (c *call) importOne(found []*state.Pool, props map[string]string) int {
	name := c.Operands[0]
	var match []*state.Pool
	for _, pool := range found {
		if strconv.FormatUint(pool.GUID, 10) == name {
			match = []*state.Pool{pool}
			break
		}
		if pool.Name == name {
			match = append(match, pool)
		}
	}
	switch {
	case len(match) == 0:
		c.refuse("import '"+name+"'", "no such pool available")
		return 1
	case len(match) > 1:
		c.refuse("import '"+name+"'", "more than one matching pool")
		c.Errorf("import by numeric ID instead\n")
		return 1
	}
	as := match[0].Name
	if len(c.Operands) > 1 {
		as = c.Operands[1]
		if err := zfs.CheckPoolName(as); err != nil {
			return c.refuse("create '"+as+"'", err)
		}
	}
	return c.importPool(match[0], as, props)
}

// importPool takes one pool into use.
func (c *call) importPool(pool *state.Pool, name string, props map[string]string) int {
	what := "import '" + pool.Name + "'"
	if name != pool.Name {
		what += " as '" + name + "'"
	}
	if !c.root() {
		return c.refuse(what, denied)
	}
	altroot := c.Value("R")
	if altroot == "" {
		altroot = props["altroot"]
	}
	var unsupported *zfs.UnsupportedError
	back := c.Has("rewind-to-checkpoint")
	if back && props["readonly"] == "on" {
		return c.Cannot("zpool import --rewind-to-checkpoint -o readonly=on")
	}
	err := zfs.ImportPool(c.Machine, pool, zfs.Import{Name: name, ReadOnly: props["readonly"] == "on", AltRoot: altroot, Rewind: back})
	switch {
	case errors.As(err, &unsupported):
		return c.refuseFormat(what, unsupported)
	case err != nil:
		return c.refuse(what, err)
	}
	for key, value := range props {
		if key != "readonly" && key != "altroot" {
			_ = zfs.SetPoolProperty(c.Machine, pool, key, value)
		}
	}
	if props["readonly"] != "on" {
		c.record(pool)
	}
	c.Machine.Devices()
	if c.Has("N") {
		return 0
	}
	return c.mount(pool)
}

// refuseFormat refuses a pool whose format the kernel does not know.
func (c *call) refuseFormat(what string, e *zfs.UnsupportedError) int {
	if len(e.Features) == 0 {
		c.refuse(what, "pool is formatted using an unsupported ZFS version")
		return 1
	}
	c.Printf("This pool uses the following feature(s) not supported by this system:\n%s", featureLines(e.Features))
	if e.ReadOnly {
		c.Printf("All unsupported features are only required for writing to the pool.\nThe pool can be imported using '-o readonly=on'.\n")
	}
	return c.refuse(what, e)
}

// featureLines names features that are missing.
func featureLines(list []zfs.Feature) string {
	var b strings.Builder
	for _, f := range list {
		fmt.Fprintf(&b, "\t%s (%s)\n", f.GUID, f.Text)
	}
	return b.String()
}

// showImport shows a pool that could be imported.
func (c *call) showImport(pool *state.Pool) {
	s := zfs.PoolState(c.Machine, pool)
	why, action, see := c.importReason(pool, &s)
	indent := " " // one less from OpenZFS 2.3 on
	if c.Era == openZFS24 {
		indent = ""
	}
	line := func(label string, value any) { c.Printf("%s%6s: %v\n", indent, label, value) }
	line("pool", pool.Name)
	line("id", pool.GUID)
	line("state", c.stateName(s))
	if why != "" {
		line("status", why)
	}
	line("action", action)
	if see != "" {
		line("see", c.see(see))
	}
	if v := pool.Properties["comment"]; v != "" {
		line("comment", v)
	}
	c.Printf("%sconfig:\n\n", indent)
	rows := c.tree(pool)
	wide := 10
	for _, r := range rows {
		wide = max(wide, 2*r.depth+len(r.name))
	}
	for _, r := range rows {
		c.showImportRow(pool, r, wide, s)
	}
}

func (c *call) showImportRow(pool *state.Pool, r row, wide int, whole string) {
	name := strings.Repeat("  ", r.depth) + r.name
	if r.heading {
		c.Printf("\t%s\n", name)
		return
	}
	if r.v == nil {
		c.Printf("\t%-*s  %s\n", wide, name, c.stateName(whole))
		return
	}
	if r.v.Class == "spare" || r.v.Class == "cache" {
		c.Printf("\t%s\n", name)
		return
	}
	s := zfs.VdevState(c.Machine, r.v)
	remark := ""
	if s == zfs.Unavail && len(r.v.Children) == 0 {
		remark = "  cannot open"
		if zfs.DeviceThere(c.Machine, r.v) {
			remark = "  invalid label"
		}
	} else if s == zfs.Unavail {
		remark = "  insufficient replicas"
	}
	c.Printf("\t%-*s  %s%s\n", wide, name, s, remark)
}

// importReason is what zpool import says of a pool: its status, what may be done
// and the explanation's name; it may worsen the state.
func (c *call) importReason(pool *state.Pool, s *string) (why, action, see string) {
	const plain = "The pool can be imported using its name or numeric identifier."
	var unsupported *zfs.UnsupportedError
	if err := zfs.Importable(c.Machine, pool); errors.As(err, &unsupported) {
		*s = zfs.Unavail
		switch {
		case len(unsupported.Features) == 0 && c.Era == numbered:
			return "The pool is formatted using an incompatible version.",
				"The pool cannot be imported.  Access the pool on a system running newer\n\tsoftware, or recreate the pool from backup.", "ZFS-8000-A5"
		case len(unsupported.Features) == 0:
			return "The pool is formatted using an incompatible version.",
				"The pool cannot be imported.  Access the pool on a system running newer\n\tsoftware, or recreate the pool from backup.", "ZFS-8000-A5"
		case unsupported.ReadOnly:
			return "The pool can only be accessed in read-only mode on this system. It\n\tcannot be accessed in read-write mode because it uses the following\n\tfeature(s) not supported on this system:\n" + strings.TrimSuffix(featureLines(unsupported.Features), "\n"),
				"The pool cannot be imported in read-write mode. Import the pool with\n\t\"-o readonly=on\", access the pool on a system that supports the\n\trequired feature(s), or recreate the pool from backup.", ""
		}
		return "The pool uses the following feature(s) not supported on this system:\n" + strings.TrimSuffix(featureLines(unsupported.Features), "\n"),
			"The pool cannot be imported. Access the pool on a system that supports\n\tthe required feature(s), or recreate the pool from backup.", ""
	}
	seen := c.leafStates(pool)
	switch {
	case *s == zfs.Unavail:
		return "One or more devices are missing from the system.",
			"The pool cannot be imported. Attach the missing\n\tdevices and try again.", "ZFS-8000-3C"
	case seen["bad label"]:
		return "One or more devices contains corrupted data.",
			"The pool can be imported despite missing or damaged devices.  The\n\tfault tolerance of the pool may be compromised if imported.", "ZFS-8000-4J"
	case seen["missing"]:
		return "One or more devices are missing from the system.",
			"The pool can be imported despite missing or damaged devices.  The\n\tfault tolerance of the pool may be compromised if imported.", "ZFS-8000-2Q"
	case slices.ContainsFunc(pool.Leaves(), func(v *state.Vdev) bool { return v.State == zfs.Offline }):
		return "One or more devices are offlined.",
			"The pool can be imported despite missing or damaged devices.  The\n\tfault tolerance of the pool may be compromised if imported.", ""
	case pool.Version < zfs.SupportedVersion(c.Machine) && c.Era == numbered:
		return "The pool is formatted using an older on-disk version.",
			"The pool can be imported using its name or numeric identifier, though\n\tsome features will not be available without an explicit 'zpool upgrade'.", ""
	case pool.Version < zfs.FeatureFlags && c.Era > numbered:
		return "The pool is formatted using a legacy on-disk version.",
			"The pool can be imported using its name or numeric identifier, though\n\tsome features will not be available without an explicit 'zpool upgrade'.", ""
	case len(zfs.Missing(c.Machine, pool)) > 0:
		return "Some supported features are not enabled on the pool.",
			"The pool can be imported using its name or numeric identifier, though\n\tsome features will not be available without an explicit 'zpool upgrade'.", ""
	}
	return "", plain, ""
}

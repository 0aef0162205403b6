package zpoolsim

import (
	_ "embed"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// versionTexts says what each pool version brought, from the first.
//
//go:embed versions.txt
var versionTexts string

// upgrade is zpool upgrade.
func (c *call) upgrade() int {
	version, code := c.upgradeVersion()
	if code != 0 {
		return code
	}
	switch {
	case c.Has("v") && (c.Has("a") || len(c.Operands) > 0):
		return c.misuse("-v option is incompatible with other arguments")
	case c.Has("a") && len(c.Operands) > 0:
		return c.misuse("-a option should not be used along with a pool name")
	}
	if c.Era == numbered {
		c.Printf("This system is currently running ZFS pool version %d.\n\n", zfs.SupportedVersion(c.Machine))
	} else {
		c.Printf("This system supports ZFS pool feature flags.\n\n")
	}
	switch {
	case c.Has("v"):
		c.listVersions()
		return 0
	case c.Has("a"):
		return c.upgradeAll(version)
	case len(c.Operands) == 0:
		c.listUpgradable()
		return 0
	}
	code = 0
	reminder := ""
	for _, name := range c.Operands {
		pool := c.pool(name)
		if pool == nil {
			code = 1
			continue
		}
		_, failed := c.upgradePool(pool, version, true)
		code = max(code, failed)
		if failed == 0 && reminder == "" && c.boots(pool) {
			reminder = pool.Name
		}
	}
	c.remind(reminder)
	return code
}

// upgradeVersion is option -V; 0 is the newest.
func (c *call) upgradeVersion() (version, code int) {
	text := c.Value("V")
	if text == "" {
		return 0, 0
	}
	n, err := strconv.Atoi(text)
	newest := zfs.SupportedVersion(c.Machine)
	if err != nil || n < 1 || n > 28 && n != zfs.FeatureFlags || n > newest {
		return 0, c.misuse("invalid version '%s'", text)
	}
	if !c.Has("a") && len(c.Operands) == 0 {
		return 0, c.misuse("-V option is incompatible with other arguments")
	}
	return n, 0
}

// upgradePool upgrades one pool and says so; it tells whether anything changed.
func (c *call) upgradePool(pool *state.Pool, version int, named bool) (changed bool, code int) {
	newest := zfs.SupportedVersion(c.Machine)
	target := version
	if target == 0 {
		target = newest
	}
	blank := "\n"
	if c.Era == numbered {
		blank = ""
	}
	switch {
	case pool.Version > target:
		if named {
			c.Printf("Pool '%s' is already formatted using more current version '%d'.\n%s", pool.Name, pool.Version, blank)
		}
		return false, 0
	case pool.Version == target && target != newest:
		if named {
			c.Printf("Pool '%s' is already formatted using version %d.\n%s", pool.Name, target, blank)
		}
		return false, 0
	case pool.Version == target && c.Era == numbered:
		if named {
			c.Printf("Pool '%s' is already formatted using the current version.\n", pool.Name)
		}
		return false, 0
	}
	if pool.Version == target && len(zfs.Missing(c.Machine, pool)) == 0 || pool.Properties["compatibility"] == "legacy" {
		if named {
			c.Printf("Pool '%s' already has all %s enabled.\n", pool.Name, c.featuresMeant())
		}
		return false, 0
	}
	if !c.root() {
		return false, c.refuse("set property for '"+pool.Name+"'", denied)
	}
	done, err := zfs.Upgrade(c.Machine, pool, target)
	if err != nil {
		return false, c.refuse("set property for '"+pool.Name+"'", err)
	}
	c.tell(pool, done)
	c.record(pool)
	return true, 0
}

// featuresMeant is which features an upgrade enables.
func (c *call) featuresMeant() string {
	if c.Era.Modern() {
		return "supported and requested features"
	}
	return "supported features"
}

// tell says what an upgrade did.
func (c *call) tell(pool *state.Pool, done zfs.Upgraded) {
	switch {
	case done.From == done.To:
	case done.To == zfs.FeatureFlags:
		c.Printf("Successfully upgraded '%s' from version %d to feature flags.\n", pool.Name, done.From)
	case c.Era == numbered:
		c.Printf("Successfully upgraded '%s' from version %d to version %d\n", pool.Name, done.From, done.To)
	default:
		c.Printf("Successfully upgraded '%s' from version %d to version %d.\n", pool.Name, done.From, done.To)
	}
	if len(done.Enabled) > 0 {
		c.Printf("Enabled the following features on '%s':\n", pool.Name)
		for _, f := range done.Enabled {
			c.Printf("  %s\n", f.Name)
		}
	}
	c.Printf("\n")
}

// boots tells whether the machine may boot from a pool.
func (c *call) boots(pool *state.Pool) bool {
	if pool.Properties["bootfs"] != "" {
		return true
	}
	name, _, _ := strings.Cut(c.Machine.Tree().Mounts()[0].Source, "/")
	return name == pool.Name
}

// remind says what else a pool to boot from needs. OpenZFS doesn't.
func (c *call) remind(name string) {
	if name == "" || c.Era.Modern() {
		return
	}
	c.Printf("If you boot from pool '%s', don't forget to update boot code.\n"+
		"Assuming you use GPT partitioning and da0 is your boot disk\n"+
		"the following command will do it:\n\n\tgpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 da0\n\n", name)
}

func (c *call) upgradeAll(version int) int {
	code, any, reminder := 0, false, ""
	for _, pool := range zfs.Pools(c.Machine) {
		changed, failed := c.upgradePool(pool, version, false)
		code, any = max(code, failed), any || changed
		if changed && reminder == "" && c.boots(pool) {
			reminder = pool.Name
		}
	}
	switch {
	case any || code != 0:
	case c.Era == numbered:
		c.Printf("All pools are formatted using this version.\n")
	case version != 0 && version < zfs.FeatureFlags:
		c.Printf("All pools are already formatted using version %d or higher.\n", version)
	default:
		c.Printf("All pools are already formatted using feature flags.\n\nEvery feature flags pool already has all %s enabled.\n", c.featuresMeant())
	}
	c.remind(reminder)
	return code
}

// listUpgradable lists the pools that could be upgraded.
func (c *call) listUpgradable() {
	pools := zfs.Pools(c.Machine)
	if c.Era == numbered {
		c.listOutdated(pools)
		return
	}
	c.listLegacy(pools)
	first := true
	for _, pool := range pools {
		unused := zfs.Unused(c.Machine, pool)
		if pool.Version < zfs.FeatureFlags || len(unused) == 0 {
			continue
		}
		if first {
			c.Printf("\nSome supported features are not enabled on the following pools. Once a\nfeature is enabled the pool may become incompatible with software\nthat does not support the feature. See zpool-features(7) for details.\n\n")
			if c.Era.Modern() {
				c.Printf("Note that the pool 'compatibility' feature can be used to inhibit\nfeature upgrades.\n\n")
			}
			c.Printf("POOL  FEATURE\n---------------\n")
			first = false
		}
		c.Printf("%s\n", pool.Name)
		for _, f := range unused {
			c.Printf("      %s\n", f.Name)
		}
	}
	if first {
		c.Printf("Every feature flags pool has all %s enabled.\n", c.featuresMeant())
	} else {
		c.Printf("\n")
	}
}

func (c *call) listOutdated(pools []*state.Pool) {
	old := slices.DeleteFunc(slices.Clone(pools), func(p *state.Pool) bool { return p.Version >= zfs.SupportedVersion(c.Machine) })
	if len(old) == 0 {
		c.Printf("All pools are formatted using this version.\n")
		return
	}
	c.Printf("The following pools are out of date, and can be upgraded.  After being\nupgraded, these pools will no longer be accessible by older software versions.\n\n")
	c.versionTable(old)
	c.Printf("\nUse 'zpool upgrade -v' for a list of available versions and their associated\nfeatures.\n")
}

func (c *call) versionTable(pools []*state.Pool) {
	c.Printf("VER  POOL\n---  ------------\n")
	for _, p := range pools {
		c.Printf("%2d   %s\n", p.Version, p.Name)
	}
}

func (c *call) listLegacy(pools []*state.Pool) {
	old := slices.DeleteFunc(slices.Clone(pools), func(p *state.Pool) bool { return p.Version == zfs.FeatureFlags })
	if len(old) == 0 {
		c.Printf("All pools are formatted using feature flags.\n\n")
		return
	}
	c.Printf("The following pools are formatted with legacy version numbers and can\nbe upgraded to use feature flags.  After being upgraded, these pools\nwill no longer be accessible by software that does not support feature\nflags.\n\n")
	if c.Era.Modern() {
		c.Printf("Note that setting a pool's 'compatibility' feature to 'legacy' will\ninhibit upgrades.\n\n")
	}
	c.versionTable(old)
	c.Printf("\nUse 'zpool upgrade -v' for a list of available legacy versions.\n")
}

// listVersions is zpool upgrade -v.
func (c *call) listVersions() {
	if c.Era != numbered {
		c.Printf("The following features are supported:\n\nFEAT DESCRIPTION\n-------------------------------------------------------------\n")
		for _, f := range zfs.SupportedFeatures(c.Machine) {
			note := ""
			if sim.FeatureReadOnly(f.Name) {
				note = " (read-only compatible)"
			}
			c.Printf("%-37s%s\n     %s\n", f.Name, note, f.Text)
		}
		c.Printf("\nThe following legacy versions are also supported:\n\n")
	} else {
		c.Printf("The following versions are supported:\n\n")
	}
	c.Printf("VER  DESCRIPTION\n---  --------------------------------------------------------\n")
	n := 0
	for line := range strings.Lines(versionTexts) {
		if n++; n > zfs.SupportedVersion(c.Machine) {
			break
		}
		c.Printf(" %-3d %s", n, line)
	}
	if c.Era == numbered {
		c.Printf("\nFor more information on a particular version, including supported releases, see:\n\nhttp://www.opensolaris.org/os/community/zfs/version/N\n\nWhere 'N' is the version number.\n")
		return
	}
	c.Printf("\nFor more information on a particular version, including supported releases,\nsee the ZFS Administration Guide.\n\n")
}

// version is zpool version.
func (c *call) version() int {
	name := cli.Version(c.Release)
	if c.Has("j") || c.Has("json") {
		return c.printJSON(field{"zfs_version", object{{"userland", "zfs-" + name}, {"kernel", "zfs-kmod-" + name}}})
	}
	c.Printf("zfs-%s\nzfs-kmod-%s\n", name, name)
	return 0
}

package zpoolsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// property is a property of pools.
type property struct {
	name     string
	column   string // heading
	values   string // as the usage text has them
	readOnly bool
	since    era
	until    era    // first that lacks it; 0: none does
	fallback string // default value
}

// propertyTable is in the order of zpool get all.
var propertyTable = []property{
	{"size", "SIZE", "<size>", true, 0, 0, ""},
	{"capacity", "CAP", "<percent>", true, 0, 0, ""},
	{"altroot", "ALTROOT", "<path>", false, 0, 0, "-"},
	{"health", "HEALTH", "<state>", true, 0, 0, ""},
	{"guid", "GUID", "<guid>", true, 0, 0, ""},
	{"version", "VERSION", "<version>", false, 0, 0, ""},
	{"bootfs", "BOOTFS", "<filesystem>", false, 0, 0, "-"},
	{"delegation", "DELEGATION", "on | off", false, 0, 0, "on"},
	{"autoreplace", "REPLACE", "on | off", false, 0, 0, "off"},
	{"cachefile", "CACHEFILE", "<file> | none", false, 0, 0, "-"},
	{"failmode", "FAILMODE", "wait | continue | panic", false, 0, 0, "wait"},
	{"listsnapshots", "LISTSNAPS", "on | off", false, 0, 0, "off"},
	{"autoexpand", "AUTOEXPAND", "on | off", false, 0, 0, "off"},
	{"dedupditto", "DEDUPDITTO", "<threshold (min 100)>", false, 0, openZFS21, "0"},
	{"dedupratio", "DEDUP", "<1.00x or higher if deduped>", true, 0, 0, ""},
	{"free", "FREE", "<size>", true, 0, 0, ""},
	{"allocated", "ALLOC", "<size>", true, 0, 0, ""},
	{"readonly", "RDONLY", "on | off", false, features, 0, "off"},
	{"ashift", "ASHIFT", "<ashift, 9-16, or 0=default>", false, openZFS21, 0, "0"},
	{"comment", "COMMENT", "<comment-string>", false, features, 0, "-"},
	{"expandsize", "EXPANDSZ", "<size>", true, features, 0, ""},
	{"freeing", "FREEING", "<size>", true, features, 0, ""},
	{"fragmentation", "FRAG", "<percent>", true, features, 0, ""},
	{"leaked", "LEAKED", "<size>", true, features, 0, ""},
	{"multihost", "MULTIHOST", "on | off", false, openZFS21, 0, "off"},
	{"checkpoint", "CKPOINT", "<size>", true, features, 0, ""},
	{"load_guid", "LOAD_GUID", "<load_guid>", true, openZFS21, 0, ""},
	{"autotrim", "AUTOTRIM", "on | off", false, openZFS21, 0, "off"},
	{"compatibility", "COMPATIBILITY", "<file[,file...]> | off | legacy", false, openZFS21, 0, "off"},
	{"bcloneused", "BCLONE_USED", "<size>", true, openZFS22, 0, ""},
	{"bclonesaved", "BCLONE_SAVED", "<size>", true, openZFS22, 0, ""},
	{"bcloneratio", "BCLONE_RATIO", "<1.00x or higher if cloned>", true, openZFS22, 0, ""},
	{"dedup_table_size", "DDTSIZE", "<size>", true, openZFS24, 0, ""},
	{"dedup_table_quota", "DDTQUOTA", "<size>", false, openZFS24, 0, "auto"},
	{"last_scrubbed_txg", "LAST_SCRUBBED_TXG", "<txg>", true, openZFS24, 0, ""},
}

// shortNames are what some properties may be called.
var shortNames = map[string]string{
	"cap": "capacity", "alloc": "allocated", "frag": "fragmentation", "dedup": "dedupratio", "listsnaps": "listsnapshots",
	"expand": "autoexpand", "replace": "autoreplace", "ckpoint": "checkpoint", "expandsz": "expandsize", "rdonly": "readonly",
}

// properties are those of the era: as zpool get all has them, or sorted as the
// usage text does.
func (c *call) properties(sorted bool) []property {
	var list []property
	for _, p := range propertyTable {
		if c.Era < p.since || p.until != 0 && c.Era >= p.until {
			continue
		}
		if p.name == "capacity" && c.Era == numbered {
			p.values = "<size>"
		}
		if c.Release < 803 {
			if slices.Contains([]string{"autoexpand", "dedupditto", "dedupratio"}, p.name) {
				continue
			}
			p = firstName(p)
		}
		list = append(list, p)
	}
	if sorted {
		slices.SortFunc(list, func(a, b property) int {
			if a.readOnly != b.readOnly {
				return map[bool]int{true: -1, false: 1}[a.readOnly]
			}
			return strings.Compare(a.name, b.name)
		})
	}
	return list
}

// firstName is a property as the first releases call it.
func firstName(p property) property {
	switch p.name {
	case "allocated":
		p.name, p.column = "used", "USED"
	case "free":
		p.name, p.column = "available", "AVAIL"
	}
	return p
}

const featurePrefix = "feature@"

// findProperty is a property of the era by its name or short name. Early releases
// say used and avail.
func (c *call) findProperty(name string) (property, bool) {
	if long := shortNames[name]; long != "" {
		name = long
	}
	if c.Release < 803 && name == "avail" {
		name = "available"
	}
	if name == "name" && c.command == "list" {
		return property{name: "name", column: "NAME"}, true
	}
	for _, p := range c.properties(false) {
		if p.name == name {
			return p, true
		}
	}
	if f, ok := strings.CutPrefix(name, featurePrefix); ok && c.Era >= features {
		if _, known := c.feature(f); known {
			return property{name: name, column: strings.ToUpper(name)}, true
		}
	}
	return property{}, false
}

// feature is a feature that the running kernel knows.
func (c *call) feature(name string) (zfs.Feature, bool) {
	for _, f := range zfs.SupportedFeatures(c.Machine) {
		if f.Name == name {
			return f, true
		}
	}
	return zfs.Feature{}, false
}

// read is the value of a property and where it comes from.
func (c *call) read(pool *state.Pool, p property, exact bool) (value, source string) {
	m := c.Machine
	size := func(n int64) string { return bytesText(n, exact) }
	switch p.name {
	case "name":
		return pool.Name, "-"
	case "size":
		return size(zfs.Size(m, pool)), "-"
	case "allocated", "used":
		return size(zfs.Allocated(m, pool)), "-"
	case "free", "available":
		return size(zfs.Free(m, pool)), "-"
	case "capacity":
		return percent(capacity(zfs.Allocated(m, pool), zfs.Size(m, pool)), exact), "-"
	case "health":
		return zfs.PoolState(m, pool), "-"
	case "guid":
		return strconv.FormatUint(pool.GUID, 10), c.ownSource()
	case "load_guid":
		return strconv.FormatUint(pool.GUID^0x9e3779b97f4a7c15, 10), "-"
	case "version":
		return c.versionValue(pool)
	case "dedupratio", "bcloneratio":
		return ratio(exact), "-"
	case "expandsize":
		return sizeOrDash(expandSize(c, pool), exact), "-"
	case "fragmentation":
		if pool.Features["spacemap_histogram"] != "active" {
			return "-", "-"
		}
		return percent(zfs.Fragmentation(m, pool), exact), "-"
	case "checkpoint":
		if pool.Checkpoint == nil {
			return "-", "-"
		}
		return size(pool.Checkpoint.Used), "-"
	case "freeing", "leaked", "bcloneused", "bclonesaved", "dedup_table_size", "last_scrubbed_txg":
		return "0", "-"
	case "readonly":
		if pool.Properties["readonly"] != "on" {
			return "off", "-"
		}
	}
	if f, ok := strings.CutPrefix(p.name, featurePrefix); ok {
		if is := pool.Features[f]; is != "" {
			return is, "local"
		}
		return "disabled", "local"
	}
	if v := pool.Properties[p.name]; v != "" {
		return v, "local"
	}
	return p.fallback, "default"
}

func (c *call) ownSource() string {
	if c.Era == numbered {
		return "local"
	}
	return "-"
}

func (c *call) versionValue(pool *state.Pool) (value, source string) {
	switch {
	case pool.Version == zfs.FeatureFlags:
		return "-", "default"
	case pool.Version == zfs.SupportedVersion(c.Machine):
		return strconv.Itoa(pool.Version), "default"
	}
	return strconv.Itoa(pool.Version), "local"
}

func expandSize(c *call, pool *state.Pool) int64 {
	var n int64
	for _, v := range pool.Vdevs {
		if v.Class == "" {
			n += zfs.Expandable(c.Machine, v)
		}
	}
	return n
}

func capacity(used, size int64) int64 {
	if size == 0 {
		return 0
	}
	return used * 100 / size
}

func percent(n int64, exact bool) string {
	if exact {
		return strconv.FormatInt(n, 10)
	}
	return fmt.Sprintf("%d%%", n)
}

func ratio(exact bool) string {
	if exact {
		return "1.00"
	}
	return "1.00x"
}

func sizeOrDash(n int64, exact bool) string {
	if n == 0 {
		return "-"
	}
	return bytesText(n, exact)
}

// bytesText is a size in bytes, for people in at most five characters.
func bytesText(n int64, exact bool) string {
	if exact {
		return strconv.FormatInt(n, 10)
	}
	return cli.Nice(n, "B")
}

// count is a number for people: 1.2K.
func count(n int64, exact bool) string {
	if exact {
		return strconv.FormatInt(n, 10)
	}
	return cli.Nice(n, "")
}

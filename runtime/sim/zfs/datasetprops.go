package zfs

import (
	_ "embed"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// Property is a native property of datasets.
type Property struct {
	Name    string
	Column  string // heading of zfs list, which in lower case is another name
	Default string // as PropertyValue gives it
	// Kind is how values are written: index (words), size and limit (bytes; a
	// limit of 0 is none), count (empty is none), date (Unix seconds), ratio,
	// number, text.
	Kind         string
	Types        string // what has it: f file systems, v volumes, s snapshots, b bookmarks
	ReadOnly     bool
	Once         bool   // can be set only when the dataset is made
	Alone        bool   // is not inherited
	Hidden       bool   // is not among those that zfs get all shows
	Values       string // as usage texts have them
	since, until int    // releases; until is the first that lacks it, 0 when none does
}

//go:embed datasetproperties.txt
var propertyTable string

var allProperties = sync.OnceValue(func() []Property {
	var list []Property
	for line := range strings.Lines(propertyTable) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 9)
		if strings.HasPrefix(line, "#") || len(f) != 9 {
			continue
		}
		p := Property{
			Name: f[0], Column: f[1], Default: f[2], Kind: f[3], Types: f[4], Values: f[8],
			ReadOnly: strings.Contains(f[5], "r"), Once: strings.Contains(f[5], "o"), Alone: strings.ContainsAny(f[5], "nr"), Hidden: strings.Contains(f[5], "h"),
		}
		p.since, _ = strconv.Atoi(f[6])
		p.until, _ = strconv.Atoi(f[7])
		list = append(list, p)
	}
	return list
})

// DatasetProperties lists the native properties that the running release knows, in
// the order of zfs get all.
func DatasetProperties(m *sim.Machine) []Property {
	release := ReleaseNumber(m.State().Release.Uname())
	var list []Property
	for _, p := range allProperties() {
		if p.since <= release && (p.until == 0 || release < p.until) {
			list = append(list, p)
		}
	}
	return list
}

// FindProperty finds a native property that the running release knows, by its name
// or its short name (avail).
func FindProperty(m *sim.Machine, name string) (Property, bool) {
	list := DatasetProperties(m)
	i := slices.IndexFunc(list, func(p Property) bool { return p.Name == name || strings.ToLower(p.Column) == name })
	if i < 0 {
		return Property{}, false
	}
	return list[i], true
}

// has tells whether datasets of a type have a property.
func (p Property) has(kind string) bool { return strings.Contains(p.Types, kind[:1]) }

// Has tells whether datasets of a type have a property.
func (p Property) Has(kind string) bool { return p.has(kind) }

// userProperty checks a property of the user's own.
func userProperty(name, value string) error {
	switch {
	case !strings.Contains(name, ":"):
		return fmt.Errorf("invalid property '%s'", name)
	case strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune(":-._+", r)
	}):
		return fmt.Errorf("invalid property '%s'", name)
	case len(name) > longestName:
		return fmt.Errorf("property name '%s' is too long", name)
	case len(value) > 8191:
		return fmt.Errorf("property value '%s' is too long", value)
	}
	return nil
}

// checkProperty is a value as it is kept, or what is wrong with it; created tells
// that the dataset is being made.
func checkProperty(m *sim.Machine, pool *state.Pool, d *state.Dataset, name, value string, created bool) (string, string, error) {
	if strings.Contains(name, ":") {
		return name, value, userProperty(name, value)
	}
	if strings.HasPrefix(name, "userquota@") || strings.HasPrefix(name, "groupquota@") {
		n, err := parseSize(value)
		return name, n, err
	}
	p, ok := FindProperty(m, name)
	switch {
	case !ok:
		return name, "", fmt.Errorf("invalid property '%s'", name)
	case !p.has(d.Type) || d.Type == Snapshot:
		return p.Name, "", fmt.Errorf("'%s' does not apply to datasets of this type", p.Name)
	case p.ReadOnly, p.Once && !created:
		return p.Name, "", fmt.Errorf("'%s' is readonly", p.Name)
	}
	kept, err := p.parse(value)
	if err == nil {
		err = fits(m, pool, d, p, kept)
	}
	if err == nil && !knows(pool, p.Name, kept) {
		err = ErrUnsupported
		if created {
			err = errOldPool
		}
	}
	return p.Name, kept, err
}

// parse is a value as it is kept.
func (p Property) parse(value string) (string, error) {
	switch p.Kind {
	case "index":
		if p.listed(value) {
			return value, nil
		}
		return "", fmt.Errorf("'%s' must be one of '%s'", p.Name, p.Values)
	case "limit":
		if value == "none" {
			return "0", nil
		}
		n, err := parseSize(value)
		if n == "0" && (p.Name == "quota" || p.Name == "refquota") {
			return "", errors.New("use 'none' to disable quota/refquota")
		}
		return n, err
	case "size":
		return parseSize(value)
	case "count":
		if value == "none" {
			return "", nil
		}
		return parseSize(value)
	}
	if p.Name == "mountpoint" && value != "none" && value != "legacy" {
		if !strings.HasPrefix(value, "/") {
			return "", errors.New("'mountpoint' must be an absolute path, 'none', or 'legacy'")
		}
		if trimmed := strings.TrimRight(value, "/"); trimmed != "" {
			return trimmed, nil
		}
		return "/", nil
	}
	return value, nil
}

// listed tells whether a word is among the values: gzip-[1-9] stands for several,
// and sha256[,verify] for two.
func (p Property) listed(word string) bool {
	for _, v := range strings.Split(p.Values, " | ") {
		start, rest, ranged := strings.Cut(v, "[")
		if !ranged {
			if v == word {
				return true
			}
			continue
		}
		inside := strings.TrimSuffix(rest, "]")
		if strings.HasPrefix(inside, ",") {
			if word == start || word == start+inside {
				return true
			}
			continue
		}
		tail, ok := strings.CutPrefix(word, start)
		if ok && inRanges(tail, inside) {
			return true
		}
	}
	return false
}

func inRanges(word, ranges string) bool {
	n, err := strconv.Atoi(word)
	if err != nil {
		return false
	}
	for _, r := range strings.Split(ranges, ",") {
		low, high, span := strings.Cut(r, "-")
		a, _ := strconv.Atoi(low)
		b, _ := strconv.Atoi(high)
		if span && n >= a && n <= b || !span && n == a {
			return true
		}
	}
	return false
}

// fits tells why a value that is well written cannot be had.
func fits(m *sim.Machine, pool *state.Pool, d *state.Dataset, p Property, value string) error {
	n := number(value)
	switch p.Name {
	case "recordsize", "volblocksize":
		most, text := int64(128<<10), "128k"
		if strings.Contains(p.Values, "1M") && enabled(pool, "large_blocks") {
			most, text = 16<<20, "16MB"
		}
		if bits.OnesCount64(uint64(n)) != 1 || n < 512 || n > most {
			if !SupportsFeatures(m) {
				return fmt.Errorf("'%s' must be power of 2 from 512 to %s", p.Name, text)
			}
			return fmt.Errorf("'%s' must be power of 2 from 512B to %s", p.Name, text)
		}
	case "volsize":
		if n == 0 {
			return errors.New("'volsize' cannot be zero")
		}
	case "version":
		return versionFits(m, pool, d, value)
	case "quota", "refquota":
		full := m.Tree().Space(d.Name).Referenced
		if p.Name == "quota" && pool.Find(d.Name) != nil {
			full = taken(m, pool, d).Used
		}
		if n > 0 && n < full {
			return errors.New("size is less than current used or reserved space")
		}
	case "reservation", "refreservation":
		if n > usable(m, pool) {
			return errors.New("size is greater than available space")
		}
	}
	return nil
}

// versionFits tells why a file system cannot have a version.
func versionFits(m *sim.Machine, pool *state.Pool, d *state.Dataset, value string) error {
	newest := FileSystemVersion(SupportedVersion(m))
	n := int(number(value))
	if value == "current" {
		n = newest
	}
	switch {
	case n < 1 || n > newest:
		return fmt.Errorf("property 'version' number %s is invalid.", value) //nolint:revive // the tool's words
	case pool.Find(d.Name) != nil && n < d.Version:
		return fmt.Errorf("Can not downgrade; already at version %d", d.Version) //nolint:revive // the tool's words
	case n > FileSystemVersion(pool.Version):
		return ErrUnsupported
	}
	return nil
}

// parseSize is a size in bytes: 10G, 1.5T, 512.
func parseSize(value string) (string, error) {
	end := strings.IndexFunc(value, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(value)
	}
	n, err := strconv.ParseFloat(value[:end], 64)
	if end == 0 || err != nil {
		return "", fmt.Errorf("bad numeric value '%s'", value)
	}
	suffix := strings.ToUpper(value[end:])
	shift := strings.Index("BKMGTPEZ", suffix[:min(len(suffix), 1)])
	if ok := slices.Contains([]string{"", "B", "IB"}, suffix[min(len(suffix), 1):]); shift < 0 || !ok {
		return "", fmt.Errorf("invalid numeric suffix '%s'", value[end:])
	}
	for range shift {
		n *= 1024
	}
	if n >= 1<<63 {
		return "", errors.New("numeric value is too large")
	}
	return strconv.FormatInt(int64(n), 10), nil
}

// errOldPool is ErrUnsupported of a dataset that is being made.
var errOldPool = errors.New("pool must be upgraded to set this property or value")

// needs are the pool versions and features that values of properties need, by
// their beginnings.
var needs = []struct {
	property, value string
	version         int
	feature         string
}{
	{"compression", "gzip", 5, ""}, {"compression", "zle", 20, ""}, {"compression", "lz4", 0, "lz4_compress"}, {"compression", "zstd", 0, "zstd_compress"},
	{"checksum", "sha512", 0, "sha512"}, {"checksum", "skein", 0, "skein"}, {"checksum", "edonr", 0, "edonr"}, {"checksum", "blake3", 0, "blake3"},
	{"dedup", "on", 21, ""}, {"dedup", "verify", 21, ""}, {"dedup", "sha256", 21, ""},
	{"dedup", "sha512", 0, "sha512"}, {"dedup", "skein", 0, "skein"}, {"dedup", "edonr", 0, "edonr"}, {"dedup", "blake3", 0, "blake3"},
	{"dnodesize", "auto", 0, "large_dnode"}, {"dnodesize", "1", 0, "large_dnode"}, {"dnodesize", "2k", 0, "large_dnode"}, {"dnodesize", "4k", 0, "large_dnode"}, {"dnodesize", "8k", 0, "large_dnode"},
}

// knows tells whether a pool's format has what a value of a property needs.
func knows(pool *state.Pool, property, value string) bool {
	for _, n := range needs {
		if n.property == property && strings.HasPrefix(value, n.value) && (pool.Version < n.version || n.feature != "" && !enabled(pool, n.feature)) {
			return false
		}
	}
	return true
}

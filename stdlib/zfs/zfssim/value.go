package zfssim

import (
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// read is the value of a property and where it comes from, exact or for people;
// ok is false where the dataset does not have it.
func (c *call) read(d *state.Dataset, p zfs.Property, exact bool) (value, source string, ok bool) {
	switch {
	case p.Name == nameProperty.Name:
		return d.Name, "-", true
	case !strings.Contains(p.Types, d.Type[:1]):
		return "-", "-", false
	case c.Release < 1300 && p.Name == "mlslabel":
		return "", "-", true
	case c.Release < 1300 && p.Name == "xattr" && d.Mounted:
		return "off", "temporary", true // the port mounts without extended attributes
	}
	raw, source := zfs.PropertyValue(c.Machine, d, p.Name)
	switch {
	case raw == "-" && p.Name == "clones":
		raw = ""
	case raw == "-":
		return "-", "-", false
	}
	return c.write(p, raw, exact), source, true
}

// write is a raw value in the form that the property has.
func (c *call) write(p zfs.Property, raw string, exact bool) string {
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil && p.Kind != "ratio" {
		return raw
	}
	switch p.Kind {
	case "size":
		if !exact && (p.Name == "special_small_blocks" || p.Name == "written") {
			return cli.Nice(n, "") // not written as an amount of bytes
		}
		return c.Era.Bytes(n, exact)
	case "limit":
		if n == 0 && !exact {
			return "none"
		}
		return c.Era.Bytes(n, exact)
	case "ratio":
		return c.ratio(raw, exact)
	case "date":
		if exact {
			return raw
		}
		return dateText(time.Unix(n, 0), p.Name == "snapshots_changed")
	}
	return raw
}

// ratio is a compression ratio; only OpenZFS leaves the x out.
func (c *call) ratio(raw string, exact bool) string {
	raw = strings.TrimSuffix(raw, "x")
	if exact && c.Era.Modern() {
		return raw
	}
	return raw + "x"
}

// dateText is a time as the tool shows it.
func dateText(t time.Time, seconds bool) string {
	if seconds {
		return t.UTC().Format("Mon Jan _2 15:04:05 2006")
	}
	text := t.UTC().Format("Mon Jan _2 15:04 2006")
	if t.UTC().Hour() < 10 { // hours are padded with a blank
		text = text[:11] + " " + text[12:]
	}
	return text
}

// userProperties are the names of the properties made up by users that a dataset
// has or inherits, in order.
func (c *call) userProperties(d *state.Dataset) []string {
	pool := zfs.FindPool(c.Machine, poolOf(d.Name))
	of, _ := cutName(d.Name)
	names := map[string]bool{}
	for name := range pool.Effective(of) {
		names[name] = strings.Contains(name, ":")
	}
	for name := range d.Properties {
		names[name] = strings.Contains(name, ":")
	}
	for name := range d.Received {
		names[name] = strings.Contains(name, ":")
	}
	return sortedTrue(names)
}

package zfs

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
)

// PropertyValue is the value in force of a dataset's property, sizes in bytes, dates
// in Unix seconds, and where it comes from as zfs get prints it: local, default,
// inherited from NAME, received, temporary or -. A property the dataset doesn't
// have is -.
func PropertyValue(m *sim.Machine, d *state.Dataset, property string) (value, source string) {
	defer enter(m)()
	pool := importedPool(m, d.Name)
	if pool == nil {
		return "-", "-"
	}
	if strings.Contains(property, ":") {
		return setValue(pool, d, Property{Name: property, Default: "-", Types: "fvs"})
	}
	if snapshot, ok := strings.CutPrefix(property, "written@"); ok {
		if !strings.Contains(snapshot, "@") {
			snapshot = fsName(d.Name) + "@" + snapshot
		}
		return fmt.Sprint(m.Tree().Beyond(d.Name, snapshot)), "-"
	}
	p, ok := FindProperty(m, property)
	switch {
	case !ok || !p.has(d.Type):
		return "-", "-"
	case p.Kind == "count" && p.ReadOnly:
		return "none", "default" // nothing limits them, so nothing counts
	case p.ReadOnly:
		return cmp.Or(computed(m, pool, d, p.Name), "-"), "-"
	case p.Name == "version":
		return strconv.Itoa(d.Version), "-"
	case p.Name == "volsize" && d.Size == 0: // of a file system's snapshot
		return "-", "-"
	case p.Name == "volsize":
		return strconv.FormatInt(d.Size, 10), "local"
	case p.Name == "mountpoint":
		_, source = setValue(pool, d, p)
		return mountPoint(pool, d.Name), source
	case p.Name == "readonly" && pool.Properties["readonly"] == "on":
		return "on", "temporary"
	}
	value, source = setValue(pool, d, p)
	if p.Once && strings.Contains(p.Types, "fs") && p.since < 1300 || p.Name == "mlslabel" && p.Default == "" {
		source = "-"
	}
	return cmp.Or(value, "none"), source
}

// setValue is a value that was set, here or above, or the default.
func setValue(pool *state.Pool, d *state.Dataset, p Property) (value, source string) {
	value, from := pool.Inherited(d.Name, p.Name)
	if d.Type == Snapshot && from == "" {
		value, from = pool.Inherited(fsName(d.Name), p.Name)
	}
	if p.Alone && from != d.Name {
		from = ""
	}
	switch {
	case from == "":
		return p.Default, map[bool]string{true: "-", false: "default"}[strings.Contains(p.Name, ":")]
	case from != d.Name:
		return value, "inherited from " + from
	case d.Received[p.Name] == value:
		return value, "received"
	}
	return value, "local"
}

// computed is a property that nobody sets.
func computed(m *sim.Machine, pool *state.Pool, d *state.Dataset, name string) string {
	switch name {
	case "type":
		return d.Type
	case "creation":
		return strconv.FormatInt(d.Created.Unix(), 10)
	case "compressratio", "refcompressratio":
		return "1.00"
	case "mounted":
		return yesNo(MountedAt(m, d.Name) != "")
	case "origin":
		return d.Origin
	case "createtxg":
		return strconv.FormatUint(d.TXG, 10)
	case "guid":
		return strconv.FormatUint(d.GUID, 10)
	case "objsetid":
		return strconv.FormatUint(d.GUID%4096+50, 10)
	case "defer_destroy":
		return "off"
	case "userrefs":
		return strconv.Itoa(len(d.Holds))
	case "clones":
		return strings.Join(clonesOf(pool, d.Name), ",")
	case "receive_resume_token":
		return d.Token
	case "snapshots_changed":
		if list := snapshotsOf(pool, d.Name); len(list) > 0 {
			return strconv.FormatInt(list[len(list)-1].Created.Unix(), 10)
		}
		return ""
	}
	return space(m, pool, d, name)
}

func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// space is one of the properties that count bytes.
func space(m *sim.Machine, pool *state.Pool, d *state.Dataset, name string) string {
	u := taken(m, pool, d)
	n, known := map[string]int64{
		"used": u.Used, "referenced": u.Referenced, "usedbysnapshots": u.BySnapshots, "usedbydataset": u.ByDataset,
		"usedbychildren": u.ByChildren, "usedbyrefreservation": u.ByRefReservation, "written": u.Written,
		"logicalused": u.Used, "logicalreferenced": u.Referenced,
	}[name]
	if name == "available" {
		n, known = available(m, pool, d, u), true
	}
	if !known {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

package zpoolsim

import (
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// object is a JSON object that keeps its order.
type object []field

type field cli.Field

// MarshalJSON writes the fields in order.
func (o object) MarshalJSON() ([]byte, error) { return cli.Object(fields(o)).MarshalJSON() }

func fields(list []field) []cli.Field {
	same := make([]cli.Field, len(list))
	for i, f := range list {
		same[i] = cli.Field(f)
	}
	return same
}

// printJSON prints a document of the subcommand.
func (c *call) printJSON(rest ...field) int { return c.PrintJSON("zpool "+c.command, fields(rest)...) }

// number is an integer as --json-int wants it: a number, or else a string.
func (c *call) number(n uint64) any {
	if c.Has("json-int") {
		return n
	}
	return strconv.FormatUint(n, 10)
}

// size is an amount of bytes: exact with --json-int, or else for people.
func (c *call) size(n int64) any {
	if c.Has("json-int") {
		return n
	}
	return cli.Nice(n, "B")
}

// poolHead is what every document tells of a pool.
func (c *call) poolHead(pool *state.Pool, kind bool) object {
	o := object{{"name", pool.Name}}
	if kind {
		o = append(o, field{"type", "POOL"})
	}
	return append(o, object{
		{"state", zfs.PoolState(c.Machine, pool)}, {"pool_guid", c.number(pool.GUID)}, {"txg", c.number(c.txg(pool))},
		{"spa_version", c.number(zfs.FeatureFlags)}, {"zpl_version", c.number(5)},
	}...)
}

// txg is the transaction group of the last change to a pool's configuration.
func (c *call) txg(pool *state.Pool) uint64 {
	last := uint64(4)
	for _, d := range pool.Datasets {
		last = max(last, d.TXG)
	}
	return last + uint64(len(pool.History))
}

// poolKey is the key of a pool among others.
func (c *call) poolKey(pool *state.Pool) string {
	if c.Has("json-pool-key-guid") {
		return strconv.FormatUint(pool.GUID, 10)
	}
	return pool.Name
}

// listJSON is zpool list -j and zpool get -j. Without pools it prints nothing.
func (c *call) listJSON(pools []*state.Pool, props []property, ok bool) int {
	if !ok {
		return 1
	}
	if len(pools) == 0 {
		return 0
	}
	list := object{}
	for _, pool := range pools {
		values := object{}
		for _, p := range props {
			if p.name == "name" {
				continue
			}
			values = append(values, field{p.name, c.propertyJSON(pool, p)})
		}
		list = append(list, field{c.poolKey(pool), append(c.poolHead(pool, true), field{"properties", values})})
	}
	return c.printJSON(field{"pools", list})
}

func (c *call) propertyJSON(pool *state.Pool, p property) object {
	value, source := c.read(pool, p, c.Has("json-int") || c.Has("p"))
	kind := map[string]string{"-": "NONE", "default": "DEFAULT", "local": "LOCAL"}[source]
	var v any = value
	if n, err := strconv.ParseUint(value, 10, 64); err == nil && c.Has("json-int") {
		v = n
	}
	return object{{"value", v}, {"source", object{{"type", kind}, {"data", "-"}}}}
}

// statusJSON is zpool status -j.
func (c *call) statusJSON(pools []*state.Pool, ok bool) int {
	if !ok {
		return 1
	}
	if c.Has("json-flat-vdevs") {
		return c.Cannot("zpool status --json-flat-vdevs")
	}
	list := object{}
	for _, pool := range pools {
		list = append(list, field{c.poolKey(pool), c.poolJSON(pool)})
	}
	return c.printJSON(field{"pools", list})
}

func (c *call) poolJSON(pool *state.Pool) object {
	o := c.poolHead(pool, false)
	if why := c.examine(pool); why != nil {
		o = append(o, field{"status", why.status + "\n"}, field{"action", why.action + "\n"})
		if why.id != "" {
			o = append(o, field{"msgid", why.id}, field{"moreinfo", c.see(why.id)})
		}
	}
	if pool.Scan != nil {
		o = append(o, field{"scan_stats", c.scanJSON(pool.Scan)})
	}
	if cp := pool.Checkpoint; cp != nil {
		o = append(o, field{"checkpoint_stats", object{{"state", "EXISTS"}, {"start_time", zoned(cp.Created)}, {"space", c.size(cp.Used)}}})
	}
	groups := map[string]object{}
	for _, v := range pool.Vdevs {
		groups[v.Class] = append(groups[v.Class], field{c.vdevName(pool, v), c.vdevJSON(pool, v, true)})
	}
	m := c.Machine
	root := object{
		{"name", pool.Name}, {"vdev_type", "root"}, {"guid", c.number(pool.GUID)}, {"class", "normal"}, {"state", zfs.PoolState(m, pool)},
		{"alloc_space", c.size(zfs.Allocated(m, pool))}, {"total_space", c.size(zfs.Size(m, pool))}, {"def_space", c.size(zfs.Size(m, pool))},
		{"read_errors", c.number(0)}, {"write_errors", c.number(0)}, {"checksum_errors", c.number(0)}, {"vdevs", groups[""]},
	}
	o = append(o, field{"vdevs", object{{pool.Name, root}}})
	for _, class := range []string{"dedup", "special", "log", "cache", "spare"} {
		if len(groups[class]) > 0 {
			o = append(o, field{sectionKey(class), groups[class]})
		}
	}
	n := uint64(len(pool.Damaged))
	if n == 0 && pool.Scan != nil {
		n = uint64(pool.Scan.Errors)
	}
	o = append(o, field{"error_count", c.number(n)})
	if c.Has("v") && len(pool.Damaged) > 0 {
		o = append(o, field{"errlist", pool.Damaged})
	}
	return o
}

// sectionKey is the key of devices of a class.
func sectionKey(class string) string {
	if class == "cache" {
		return "l2cache"
	}
	return sectionName(class)
}

// zoned is a time as JSON documents have it.
func zoned(t time.Time) string { return t.UTC().Format("Mon Jan _2 15:04:05 MST 2006") }

func (c *call) scanJSON(s *state.Scan) object {
	done, _, _ := zfs.Progress(c.Machine, s)
	end := "-"
	if s.State == zfs.Finished || s.State == zfs.Canceled {
		end = zoned(s.End)
	}
	state, pause := s.State, "-"
	if s.State == zfs.Paused {
		state, pause = zfs.Scanning, zoned(s.End)
	}
	return object{
		{"function", s.Function}, {"state", state}, {"start_time", zoned(s.Start)}, {"end_time", end},
		{"to_examine", c.size(s.Total)}, {"examined", c.size(s.Total)}, {"skipped", c.size(0)}, {"processed", c.size(s.Repaired)},
		{"errors", c.number(uint64(s.Errors))}, {"bytes_per_scan", c.size(0)}, {"pass_start", strconv.FormatInt(s.Start.Unix(), 10)},
		{"scrub_pause", pause}, {"scrub_spent_paused", "0"}, {"issued_bytes_per_scan", c.size(done)}, {"issued", c.size(done)},
	}
}

// vdevJSON is a device or group with what is below it.
func (c *call) vdevJSON(pool *state.Pool, v *state.Vdev, top bool) object {
	m := c.Machine
	s := zfs.VdevState(m, v)
	if s == zfs.Unavail {
		s = "CANT_OPEN"
	}
	kind, _, _ := strings.Cut(v.Type, "-")
	if strings.HasPrefix(kind, "raidz") {
		kind = "raidz"
	}
	o := object{{"name", c.vdevName(pool, v)}, {"vdev_type", kind}, {"guid", c.number(v.GUID)}}
	leaf := len(v.Children) == 0
	if leaf {
		o = append(o, field{"path", v.Path})
	}
	o = append(o, field{"class", "normal"}, field{"state", s})
	size := zfs.VdevSize(m, v)
	if top {
		used := int64(0)
		if whole := zfs.Size(m, pool); whole > 0 {
			used = int64(float64(zfs.Allocated(m, pool)) * float64(size) / float64(whole))
		}
		o = append(o, field{"alloc_space", c.size(used)}, field{"total_space", c.size(size)}, field{"def_space", c.size(size)})
	}
	o = append(o, field{"rep_dev_size", c.size(size)})
	if leaf {
		if v.Processed > 0 && pool.Scan != nil && pool.Scan.Function == zfs.Scrub {
			o = append(o, field{"self_healed", c.size(v.Processed)})
		}
		o = append(o, field{"phys_space", c.size(v.Size)})
	}
	o = append(o, field{"read_errors", c.number(uint64(v.Read))}, field{"write_errors", c.number(uint64(v.Write))}, field{"checksum_errors", c.number(uint64(v.Checksum))})
	if leaf {
		if v.Processed > 0 {
			o = append(o, field{"scan_processed", c.size(v.Processed)})
		}
		o = append(o, field{"slow_ios", c.number(0)})
		if c.absent(v) {
			o = append(o, field{"not_present", c.number(1)}, field{"was", v.Path})
		}
		return o
	}
	below := object{}
	for _, child := range v.Children {
		below = append(below, field{c.vdevName(pool, child), c.vdevJSON(pool, child, false)})
	}
	return append(o, field{"vdevs", below})
}

package zpoolsim

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// listColumns are those of zpool list, by release.
func (c *call) listColumns() []string {
	var names string
	switch {
	case c.Release < 803:
		names = "name,size,used,avail,cap,health,altroot"
	case c.Release < 903:
		names = "name,size,alloc,free,cap,dedup,health,altroot"
	case c.Release < 1003:
		names = "name,size,alloc,free,frag,expandsz,cap,dedup,health,altroot"
	case c.Release < 1200:
		names = "name,size,alloc,free,expandsz,frag,cap,dedup,health,altroot"
	default:
		names = "name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot"
	}
	return strings.Split(names, ",")
}

// widths are the least widths of columns.
var widths = map[string]int{
	"size": 5, "allocated": 5, "free": 5, "used": 5, "available": 5, "checkpoint": 7, "expandsize": 8, "fragmentation": 5, "capacity": 5, "dedupratio": 5,
}

// right tells which columns end flush.
func (c *call) right(name string) bool { return widths[name] > 0 || name == "health" && c.Era.Modern() }

// list is zpool list.
func (c *call) list() int {
	if c.interval() || c.Value("T") != "" {
		return c.Cannot("zpool list again and again")
	}
	names := c.listColumns()
	if o := c.Value("o"); o != "" {
		names = strings.Split(o, ",")
	}
	var props []property
	for _, name := range names {
		p, ok := c.findProperty(name)
		if !ok {
			return c.misuse("bad property list: invalid property '%s'", name)
		}
		props = append(props, p)
	}
	pools, ok := c.pools(c.Operands)
	switch {
	case c.Has("j") || c.Has("json"):
		return c.listJSON(pools, props, ok)
	case len(c.Operands) == 0 && len(pools) == 0:
		if !c.Has("H") {
			c.Printf("no pools available\n")
		}
		return 0
	}
	c.printList(pools, props)
	if !ok {
		return 1
	}
	return 0
}

// printList prints the table, devices below their pools where -v asks for them.
func (c *call) printList(pools []*state.Pool, props []property) {
	exact := c.Has("p")
	var rows [][]string
	for _, pool := range pools {
		var row []string
		for _, p := range props {
			v, _ := c.read(pool, p, exact)
			row = append(row, v)
		}
		rows = append(rows, row)
		if c.Has("v") {
			rows = append(rows, c.deviceRows(pool, props)...)
		}
	}
	if len(rows) == 0 {
		return
	}
	if c.Has("H") {
		for _, row := range rows {
			c.Printf("%s\n", strings.TrimRight(strings.Join(row, "\t"), "\t"))
		}
		return
	}
	var head []string
	wide := make([]int, len(props))
	for i, p := range props {
		head = append(head, p.column)
		wide[i] = max(widths[p.name], len(p.column))
		for _, row := range rows {
			if p.name == "name" || p.name == "health" && c.Era.Modern() && c.Release >= 1300 {
				wide[i] = max(wide[i], len(row[i]))
			}
		}
		if p.name == "health" && c.Era.Modern() {
			wide[i] = max(wide[i], 8)
		}
	}
	for _, row := range append([][]string{head}, rows...) {
		var b strings.Builder
		for i, cell := range row {
			switch {
			case c.right(props[i].name):
				fmt.Fprintf(&b, "%*s", wide[i], cell)
			case i == len(row)-1:
				b.WriteString(cell)
			default:
				fmt.Fprintf(&b, "%-*s", wide[i], cell)
			}
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		c.Printf("%s\n", strings.TrimRight(b.String(), " "))
	}
}

// deviceRows are the devices of a pool as rows of the table.
func (c *call) deviceRows(pool *state.Pool, props []property) [][]string {
	var rows [][]string
	for _, class := range []string{"", "special", "dedup", "log", "cache", "spare"} {
		var list []*state.Vdev
		for _, v := range pool.Vdevs {
			if v.Class == class {
				list = append(list, v)
			}
		}
		if len(list) == 0 {
			continue
		}
		if head := sectionName(class); head != "" {
			row := make([]string, len(props))
			for i := range row {
				row[i] = "-"
			}
			row[0] = head
			rows = append(rows, row)
		}
		for _, v := range list {
			rows = append(rows, c.deviceRow(pool, v, props, 1)...)
		}
	}
	return rows
}

func (c *call) deviceRow(pool *state.Pool, v *state.Vdev, props []property, depth int) [][]string {
	name := c.vdevName(pool, v)
	if c.Has("H") {
		name = "\t" + name
	} else {
		name = strings.Repeat("  ", depth) + name
	}
	m, exact := c.Machine, c.Has("p")
	used := int64(0)
	if whole := zfs.Size(m, pool); whole > 0 {
		used = int64(float64(zfs.Allocated(m, pool)) * float64(zfs.VdevSize(m, v)) / float64(whole))
	}
	top, holds := depth == 1, v.Class != "cache" && v.Class != "spare"
	row := []string{name}
	for _, p := range props[1:] {
		cell := "-"
		switch {
		case p.name == "size" && len(v.Children) == 0 && !(top && holds):
			cell = bytesText(v.Size, exact)
		case p.name == "size" && top:
			cell = bytesText(zfs.VdevSize(m, v), exact)
		case p.name == "allocated" && top && holds:
			cell = bytesText(used, exact)
		case p.name == "free" && top && holds:
			cell = bytesText(zfs.VdevSize(m, v)-used, exact)
		case p.name == "capacity" && top && holds:
			cell = devicePercent(used, zfs.VdevSize(m, v), exact)
		case p.name == "fragmentation" && top && holds:
			cell, _ = c.read(pool, p, exact)
		case p.name == "health":
			cell = zfs.VdevState(m, v)
		case p.name == "altroot":
			cell = ""
		}
		row = append(row, cell)
	}
	rows := [][]string{row}
	for _, child := range v.Children {
		rows = append(rows, c.deviceRow(pool, child, props, depth+1)...)
	}
	return rows
}

// devicePercent is how full a group is: precisely when it is nearly empty.
func devicePercent(used, size int64, exact bool) string {
	if size == 0 {
		return "-"
	}
	part := float64(used) * 100 / float64(size)
	switch {
	case exact:
		return fmt.Sprintf("%.0f", part)
	case part < 1:
		return fmt.Sprintf("%.2f%%", part)
	}
	return fmt.Sprintf("%.1f%%", part)
}

// get is zpool get.
func (c *call) get() int {
	if code := c.need("property argument"); code != 0 {
		return code
	}
	props, code := c.wanted(c.Operands[0])
	if code != 0 {
		return code
	}
	if len(c.Operands) == 1 && c.Era == numbered {
		return c.misuse("missing pool name argument")
	}
	var pools []*state.Pool
	ok := true
	for _, name := range c.Operands[1:] {
		p := zfs.FindPool(c.Machine, name)
		if p == nil {
			c.noProperties(name)
			ok = false
			continue
		}
		pools = append(pools, p)
	}
	if len(c.Operands) == 1 {
		pools = zfs.Pools(c.Machine)
	}
	if c.Has("j") || c.Has("json") {
		return c.listJSON(pools, props, ok)
	}
	c.printProperties(pools, props)
	if !ok {
		return 1
	}
	return 0
}

func (c *call) noProperties(name string) {
	if c.Era.Modern() {
		c.Errorf("Cannot get properties of %s: no such pool available.\n", name)
		return
	}
	c.Errorf("cannot open '%s': no such pool\n", name)
}

// wanted are the properties a list names; all stands for every one.
func (c *call) wanted(list string) ([]property, int) {
	if list == "all" {
		props := c.properties(false)
		for _, f := range zfs.SupportedFeatures(c.Machine) {
			props = append(props, property{name: featurePrefix + f.Name, column: strings.ToUpper(featurePrefix + f.Name)})
		}
		return props, 0
	}
	var props []property
	for _, name := range strings.Split(list, ",") {
		p, ok := c.findProperty(name)
		if !ok {
			return nil, c.misuse("bad property list: invalid property '%s'", name)
		}
		props = append(props, p)
	}
	return props, 0
}

// texts are the properties whose values widen their column.
var texts = []string{"altroot", "bootfs", "cachefile", "comment", "compatibility", "health"}

// printProperties prints a table of properties.
func (c *call) printProperties(pools []*state.Pool, props []property) {
	fields := []string{"name", "property", "value", "source"}
	if o := c.Value("o"); o != "" && o != "all" {
		fields = strings.Split(o, ",")
	}
	wide := map[string]int{"name": 4, "property": 8, "value": 5, "source": 6}
	for _, p := range props {
		wide["property"] = max(wide["property"], len(p.name))
		wide["value"] = max(wide["value"], len(p.column))
	}
	for _, pool := range pools {
		wide["name"] = max(wide["name"], len(pool.Name))
		for _, p := range props {
			if value, _ := c.read(pool, p, c.Has("p")); slices.Contains(texts, p.name) {
				wide["value"] = max(wide["value"], len(value))
			}
		}
	}
	line := func(cells map[string]string) {
		var b strings.Builder
		for i, f := range fields {
			switch {
			case c.Has("H") && i > 0:
				b.WriteString("\t" + cells[f])
			case c.Has("H") || i == len(fields)-1:
				b.WriteString(cells[f])
			default:
				fmt.Fprintf(&b, "%-*s  ", wide[f], cells[f])
			}
		}
		c.Printf("%s\n", b.String())
	}
	if !c.Has("H") && len(pools) > 0 {
		line(map[string]string{"name": "NAME", "property": "PROPERTY", "value": "VALUE", "source": "SOURCE"})
	}
	for _, pool := range pools {
		for _, p := range props {
			value, source := c.read(pool, p, c.Has("p"))
			line(map[string]string{"name": pool.Name, "property": p.name, "value": value, "source": source})
		}
	}
}

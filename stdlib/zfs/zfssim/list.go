package zfssim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// spaceColumns are what -o space stands for.
const spaceColumns = "name,available,used,usedbysnapshots,usedbydataset,usedbyrefreservation,usedbychildren"

// list is zfs list.
func (c *call) list() int {
	s := selection{want: datasets, paths: true, listSnaps: true}
	code := c.readSelection(&s)
	if code != 0 {
		return code
	}
	if s.sort, code = c.sortKeys(); code != 0 {
		return code
	}
	props, code := c.listColumns(&s)
	if code != 0 {
		return code
	}
	// OpenZFS takes a file system as meaning its snapshots.
	if c.Era.Modern() && (s.want == snapshots || s.want == bookmarks) && len(c.Operands) > 0 && !s.recurse {
		s.recurse, s.limit = true, 1
	}
	if code := c.checkJSON(); code != 0 {
		return code
	}
	found, ok := c.choose(c.Operands, s)
	switch {
	case c.Has("j") && !ok:
		return 1
	case c.Has("j"):
		if code := c.printDatasets("zfs list", found, props); code != 0 || len(found) > 0 || c.Has("H") {
			return code
		}
		c.noDatasets()
	case len(found) > 0:
		c.printList(found, props)
	case ok && !c.Has("H"):
		c.noDatasets()
	}
	return exitCode(ok)
}

func exitCode(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

// noDatasets says that there are none; OpenZFS says it in an error's place.
func (c *call) noDatasets() {
	if c.Era.Modern() {
		c.Errorf("no datasets available\n")
	} else {
		c.Printf("no datasets available\n")
	}
}

// listColumns are the columns of zfs list. A list of space shows no snapshots
// unless asked to.
func (c *call) listColumns(s *selection) ([]zfs.Property, int) {
	names := "name,used,available,referenced,mountpoint"
	if o := c.Value("o"); o != "" {
		names = o
	}
	if names == "space" && !c.Given("t") {
		s.want &^= snapshots
	}
	if names == "all" {
		return append([]zfs.Property{nameProperty}, c.visible()...), 0
	}
	words := strings.Split(names, ",")
	for i, word := range words {
		if word == "space" {
			words[i] = spaceColumns
		}
	}
	return c.findProperties(strings.Join(words, ","))
}

// sortKeys reads -s and -S; those with -s count first.
func (c *call) sortKeys() (keys []sortKey, code int) {
	for _, option := range []string{"s", "S"} {
		for _, name := range c.Values(option) {
			p, ok := c.findProperty(name)
			if !ok {
				return nil, c.misuse("invalid property '%s'", name)
			}
			keys = append(keys, sortKey{p, option == "S"})
		}
	}
	return keys, 0
}

// printList prints a table of datasets.
func (c *call) printList(found []*state.Dataset, props []zfs.Property) {
	exact := c.Has("p")
	t := table{bare: c.Has("H")}
	for _, p := range props {
		least, fixed := width(p)
		t.columns = append(t.columns, column{head: p.Column, width: least, fixed: fixed && !exact, right: right(p)})
	}
	for _, d := range found {
		var row []string
		for _, p := range props {
			value, _, _ := c.read(d, p, exact)
			row = append(row, value)
		}
		t.rows = append(t.rows, row)
	}
	c.Printf("%s", t)
}

// column is one of a table.
type column struct {
	head  string
	width int  // at least
	fixed bool // values do not widen it
	right bool // flush right
}

// table is what zfs list and zfs get print.
type table struct {
	columns []column
	rows    [][]string
	bare    bool // no heading, a tab between values
}

// String is the table as text.
func (t table) String() string {
	var b strings.Builder
	if t.bare {
		for _, row := range t.rows {
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
		return b.String()
	}
	var heads []string
	for i := range t.columns {
		col := &t.columns[i]
		heads = append(heads, col.head)
		for _, row := range t.rows {
			if !col.fixed {
				col.width = max(col.width, len(row[i]))
			}
		}
	}
	for _, row := range append([][]string{heads}, t.rows...) {
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(t.cell(i, cell))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// cell is a value as wide as its column, but for the last one.
func (t table) cell(i int, value string) string {
	col := t.columns[i]
	switch {
	case col.right:
		return fmt.Sprintf("%*s", col.width, value)
	case i == len(t.columns)-1:
		return value
	}
	return fmt.Sprintf("%-*s", col.width, value)
}

// sortedTrue lists the keys that are set, in order.
func sortedTrue(set map[string]bool) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if set[key] {
			list = append(list, key)
		}
	}
	return list
}

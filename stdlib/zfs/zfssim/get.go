package zfssim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// shown is a property of a dataset as zfs get shows it.
type shown struct {
	dataset  *state.Dataset
	property zfs.Property
	value    string
	source   string
	received string
}

// get is zfs get.
func (c *call) get() int {
	s := selection{want: datasets, paths: true}
	if c.Era.Modern() {
		s.want = anything
	}
	if code := c.readSelection(&s); code != 0 {
		return code
	}
	fields, code := c.getFields()
	if code != 0 {
		return code
	}
	sources, code := c.getSources()
	if code != 0 {
		return code
	}
	if code := c.checkJSON(); code != 0 {
		return code
	}
	if len(c.Operands) == 0 {
		return c.misuse("missing property argument")
	}
	if c.Operands[0] != "all" {
		if _, code := c.findProperties(c.Operands[0]); code != 0 {
			return code
		}
	}
	found, ok := c.choose(c.Operands[1:], s)
	switch {
	case c.Has("j") && !ok:
		return 1
	case c.Has("j"):
		return c.printDatasetProperties(found, sources)
	}
	c.printProperties(found, fields, sources)
	return exitCode(ok)
}

// getFields are the columns of zfs get.
func (c *call) getFields() ([]string, int) {
	known := []string{"name", "property", "value", "received", "source"}
	if c.Release < 803 {
		known = []string{"name", "property", "value", "source"}
	}
	text := c.Value("o")
	switch {
	case text == "":
		return []string{"name", "property", "value", "source"}, 0
	case text == "all" && c.Release >= 803:
		return known, 0
	}
	fields := strings.Split(text, ",")
	for i, f := range fields {
		switch {
		case i >= len(known):
			return nil, c.misuse("too many fields given to -o option")
		case f == "all" && c.Release >= 803:
			return nil, c.misuse("\"all\" conflicts with specific fields given to -o option")
		case !slices.Contains(known, f):
			return nil, c.misuse("invalid column name '%s'", f)
		}
	}
	return fields, 0
}

// getSources are the sources that zfs get -s asks for, nil for all.
func (c *call) getSources() ([]string, int) {
	text := c.Value("s")
	if text == "" {
		return nil, 0
	}
	sources := strings.Split(text, ",")
	for _, s := range sources {
		if !slices.Contains([]string{"local", "default", "inherited", "received", "temporary", "none"}, s) || s == "received" && c.Release < 803 {
			return nil, c.misuse("invalid source '%s'", s)
		}
	}
	return sources, 0
}

// sourceWord is the word of -s for a source as zfs get prints it.
func sourceWord(source string) string {
	switch {
	case source == "-":
		return "none"
	case strings.HasPrefix(source, "inherited from "):
		return "inherited"
	}
	return source
}

// showProperties is what zfs get tells of a dataset. Of all properties it shows
// those that there are.
func (c *call) showProperties(d *state.Dataset, exact bool, sources []string) []shown {
	all := c.Operands[0] == "all"
	var props []zfs.Property
	if all {
		props = c.visible()
		for _, name := range c.userProperties(d) {
			p, _ := c.findProperty(name)
			props = append(props, p)
		}
	} else {
		props, _ = c.findProperties(c.Operands[0])
	}
	var list []shown
	for _, p := range props {
		value, source, ok := c.read(d, p, exact)
		if all && !ok || sources != nil && !slices.Contains(sources, sourceWord(source)) {
			continue
		}
		received := "-"
		if v, ok := d.Received[p.Name]; ok {
			received = v
		}
		list = append(list, shown{d, p, value, source, received})
	}
	return list
}

// printProperties prints a table of properties.
func (c *call) printProperties(found []*state.Dataset, fields, sources []string) {
	exact := c.Has("p")
	var list []shown
	wide := map[string]int{"name": 4, "property": 8, "value": 5, "received": 8}
	for _, d := range found {
		wide["name"] = max(wide["name"], len(d.Name))
		for _, s := range c.showProperties(d, exact, nil) {
			if sources == nil || slices.Contains(sources, sourceWord(s.source)) {
				list = append(list, s)
			}
			least, fixed := width(s.property) // what is not shown counts, too
			if !fixed || exact {
				least = max(least, len(s.value))
			}
			wide["property"], wide["value"] = max(wide["property"], len(s.property.Name)), max(wide["value"], least)
		}
	}
	if len(list) == 0 {
		return
	}
	wide["source"] = wide["name"] + len("inherited from")
	t := table{bare: c.Has("H")}
	for _, f := range fields {
		t.columns = append(t.columns, column{head: strings.ToUpper(f), width: wide[f], fixed: f == "source"})
	}
	for _, s := range list {
		cells := map[string]string{"name": s.dataset.Name, "property": s.property.Name, "value": s.value, "received": s.received, "source": s.source}
		var row []string
		for _, f := range fields {
			row = append(row, cells[f])
		}
		t.rows = append(t.rows, row)
	}
	c.Printf("%s", t)
}

// inheritedFrom is the dataset that a source names.
func inheritedFrom(source string) string {
	from, _ := strings.CutPrefix(source, "inherited from ")
	return from
}

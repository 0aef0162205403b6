package zfs

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// row is one dataset: its properties by name, as -p prints them, and "name".
type row map[string]string

// parseRows reads what zfs list -Hp -o COLUMNS prints.
func parseRows(op, out string, columns []string) ([]row, error) {
	var rows []row
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != len(columns) {
			return nil, effect.Errorf(effect.Failed, op, "zfs list printed %d columns where there are %d: %.80q", len(fields), len(columns), line)
		}
		r := row{}
		for i, column := range columns {
			r[column] = fields[i]
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// property is a line of zfs get -Hp -o name,property,value,source.
type property struct{ name, property, value, source string }

// sourceForm is what ends a property.
var sourceForm = lazyregexp.New(`^(-|default|local|none|received|temporary|inherited from .+)$`)

// parseProperties reads what zfs get prints. The value of a user property may
// hold tabs and line breaks.
func parseProperties(op, out string) ([]property, error) {
	var all []property
	begun := "" // a value that goes on in the next line
	for line := range strings.Lines(out) {
		begun += line
		fields := strings.Split(strings.TrimSuffix(begun, "\n"), "\t")
		last := len(fields) - 1
		if last < 3 || !sourceForm.MatchString(fields[last]) {
			continue
		}
		all = append(all, property{fields[0], fields[1], strings.Join(fields[2:last], "\t"), fields[last]})
		begun = ""
	}
	if begun != "" {
		return nil, effect.Errorf(effect.Failed, op, "zfs get printed something else: %.80q", begun)
	}
	return all, nil
}

// rowsOf gathers properties by dataset, in their order.
func rowsOf(all []property) []row {
	var rows []row
	for _, p := range all {
		if len(rows) == 0 || rows[len(rows)-1]["name"] != p.name {
			rows = append(rows, row{"name": p.name})
		}
		rows[len(rows)-1][p.property] = p.value
	}
	return rows
}

// number reads a count or size as -p prints it; what is not there is 0.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// moment reads a time as -p prints it.
func moment(text string) time.Time {
	if n := number(text); n > 0 {
		return time.Unix(n, 0).UTC()
	}
	return time.Time{}
}

// known is a value that says something, or empty.
func known(value string) string {
	if value == "-" {
		return ""
	}
	return value
}

// units are what zfs(8) takes after a number.
const units = "KMGTPEZ"

// size reads a size as a person gives it to zfs set: "10G", "1.5T", "none".
func size(text string) (int64, bool) {
	upper := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I")
	if upper == "NONE" {
		return 0, true
	}
	scale := 1.0
	if n := len(upper); n > 0 {
		if i := strings.IndexByte(units, upper[n-1]); i >= 0 {
			upper = upper[:n-1]
			for range i + 1 {
				scale *= 1024
			}
		}
	}
	if n, err := strconv.ParseInt(upper, 10, 64); err == nil && scale == 1 {
		return n, n >= 0
	}
	f, err := strconv.ParseFloat(upper, 64)
	if err != nil || f < 0 || f*scale >= 1<<63 || strings.ContainsAny(upper, "XPNE_+-") {
		return 0, false
	}
	return int64(f * scale), true
}

// sizes are the properties whose values are numbers of bytes or counts.
var sizes = strings.Fields(`available used referenced usedbychildren usedbydataset usedbyrefreservation
	usedbysnapshots written logicalused logicalreferenced volsize volblocksize quota reservation refquota
	refreservation recordsize filesystem_limit snapshot_limit filesystem_count snapshot_count userrefs copies
	special_small_blocks pbkdf2iters createtxg objsetid version`)

// isSize tells whether a property's value is a number.
func isSize(name string) bool {
	base, _, of := strings.Cut(name, "@")
	if of && base != "" {
		return strings.HasSuffix(base, "quota") || strings.HasSuffix(base, "used") || base == "written"
	}
	return slices.Contains(sizes, name)
}

// typed is a property's value for a script: bytes and counts as numbers, times
// as text, identifiers as they are.
func typed(name, value string) any {
	switch {
	case strings.Contains(name, ":"):
		return value
	case name == "creation" || name == "snapshots_changed":
		if at := moment(value); !at.IsZero() {
			return at.Format(time.RFC3339)
		}
	case strings.HasSuffix(name, "compressratio"):
		if f, err := strconv.ParseFloat(strings.TrimSuffix(value, "x"), 64); err == nil {
			return f
		}
	case isSize(name):
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return n
		}
	}
	return value
}

// same tells whether a property that has one value needs no change to have the
// other.
func same(name, has, wanted string) bool {
	if has == wanted {
		return true
	}
	if strings.Contains(name, ":") || !isSize(name) {
		return false
	}
	a, okA := size(has)
	b, okB := size(wanted)
	return okA && okB && a == b
}

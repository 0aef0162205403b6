package zfssim

import (
	"slices"
	"strings"

	"bsdrun/runtime/sim/zfs"
)

// userKind is the kind of properties that users made up.
const userKind = "user"

// nameProperty is the name of a dataset, which is listed like a property.
var nameProperty = zfs.Property{Name: "name", Column: "NAME", Types: "fvsb", Kind: "text", ReadOnly: true}

// visible are the properties of the release, in the order of zfs get all.
func (c *call) visible() []zfs.Property {
	return slices.DeleteFunc(zfs.DatasetProperties(c.Machine), func(p zfs.Property) bool { return p.Hidden })
}

// isUserProperty tells whether a name is one that users may make up.
func isUserProperty(name string) bool {
	return strings.Contains(name, ":") && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:", r)
	})
}

// findProperty is what a word of a list of properties stands for.
func (c *call) findProperty(word string) (zfs.Property, bool) {
	if strings.EqualFold(word, nameProperty.Name) {
		return nameProperty, true
	}
	if p, ok := zfs.FindProperty(c.Machine, strings.ToLower(word)); ok {
		return p, true
	}
	if isUserProperty(word) {
		return zfs.Property{Name: word, Column: strings.ToUpper(word), Types: "fvs", Kind: userKind}, true
	}
	return zfs.Property{}, false
}

// findProperties are the properties that a list names; code is not 0 when one of
// them is not there. Some lists are modelled no further than their names.
func (c *call) findProperties(list string) (props []zfs.Property, code int) {
	families := append(append(c.quotaNames("used"), c.quotaNames("quota")...), "written@...")
	for _, word := range strings.Split(list, ",") {
		if family, _, ok := strings.Cut(word, "@"); ok && slices.Contains(families, family+"@...") {
			return nil, c.Cannot("the property %s", word)
		}
		p, ok := c.findProperty(word)
		if !ok {
			return nil, c.misuse("bad property list: invalid property '%s'", word)
		}
		props = append(props, p)
	}
	return props, 0
}

// width is the least width of a property's column, and whether values never need
// more.
func width(p zfs.Property) (least int, fixed bool) {
	least = len(p.Column)
	switch p.Kind {
	case "size", "limit", "count", "ratio":
		return max(least, 5), true
	case "number":
		return max(least, 5), p.Name == "userrefs"
	case "date":
		return max(least, 5), false
	case "index":
		for _, word := range strings.Split(p.Values, " | ") {
			least = max(least, len(lastForm(word)))
		}
		return least, true
	}
	return least, false
}

// lastForm is the longest of the words that one with brackets stands for:
// gzip-[1-9] for gzip-9, sha256[,verify] for sha256,verify.
func lastForm(word string) string {
	front, inside, ok := strings.Cut(strings.TrimSuffix(word, "]"), "[")
	switch {
	case !ok || strings.HasPrefix(inside, ","):
		return front + inside
	case strings.Contains(inside, ","):
		return front + inside[strings.LastIndexByte(inside, ',')+1:]
	}
	return front + inside[strings.LastIndexByte(inside, '-')+1:]
}

// right tells whether the column ends flush.
func right(p zfs.Property) bool {
	return slices.Contains([]string{"size", "limit", "count", "ratio", "number"}, p.Kind)
}

package page

import "strings"

// maxLong bounds what outputs and diffs make of a page. Those of a fleet are
// much alike, and equal ones count once.
const maxLong = 32 << 20

// leftOut stands for a text beyond that.
const leftOut = "left out, since the page would grow too large: bsdrun show -v -D tells it\n"

// stringTable gives every text a number.
type stringTable struct {
	list  []string
	index map[string]int
	long  int // bytes of long texts
}

func newStrings() *stringTable {
	return &stringTable{list: []string{""}, index: map[string]int{"": 0}}
}

func (t *stringTable) add(text string) int {
	text = valid(text)
	if i, ok := t.index[text]; ok {
		return i
	}
	t.index[text] = len(t.list)
	t.list = append(t.list, text)
	return len(t.list) - 1
}

// addLong adds a text that may be long.
func (t *stringTable) addLong(text string) int {
	if _, known := t.index[text]; !known {
		if t.long+len(text) > maxLong {
			text = leftOut
		}
		t.long += len(text)
	}
	return t.add(text)
}

// valid makes bytes of a host a text that JSON can carry.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

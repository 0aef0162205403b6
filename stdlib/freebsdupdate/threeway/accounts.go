package threeway

import (
	"fmt"
	"slices"
	"strings"
)

// Fields of master.passwd(5) and group(5).
const (
	passwdFields = 10
	groupFields  = 4
	nameField    = 0
	secretField  = 1
	numberField  = 2
	memberField  = 3 // of group
)

// Passwd merges three texts of master.passwd by name. A local account stays,
// with its password and numbers; fields that were not changed locally follow
// the new release; accounts that the new release adds are added. Notes say what
// a person should look at.
func Passwd(local, old, fresh string) (text string, notes []string) {
	return table{fields: passwdFields, what: "account"}.merge(local, old, fresh)
}

// Group merges three texts of group by name, like Passwd; members that the new
// release adds are added, and none is removed.
func Group(local, old, fresh string) (text string, notes []string) {
	return table{fields: groupFields, what: "group", members: true}.merge(local, old, fresh)
}

// table is how one of the two files is merged.
type table struct {
	fields  int
	what    string
	members bool
}

func (t table) merge(local, old, fresh string) (string, []string) {
	lines := splitLines(local)
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	before, _ := t.entries(old)
	after, order := t.entries(fresh)
	numbers := t.numbersOf(lines)
	var notes []string
	for i, line := range lines {
		mine := t.split(line)
		if mine == nil || before[mine[nameField]] == nil || after[mine[nameField]] == nil {
			continue
		}
		lines[i] = strings.Join(t.follow(mine, before[mine[nameField]], after[mine[nameField]]), ":")
	}
	for n, name := range order {
		if before[name] != nil || t.index(lines, name) >= 0 {
			continue
		}
		entry := after[name]
		if other, taken := numbers[entry[numberField]]; taken {
			notes = append(notes, fmt.Sprintf("the new %s %s was not added: its number %s belongs to %s", t.what, name, entry[numberField], other))
			continue
		}
		lines = slices.Insert(lines, t.placeFor(lines, order[:n]), strings.Join(entry, ":"))
		numbers[entry[numberField]] = name
	}
	return strings.Join(lines, "\n") + "\n", notes
}

// split is an entry's fields; nil for comments, NIS lines and what else is none.
func (t table) split(line string) []string {
	fields := strings.Split(line, ":")
	if len(fields) != t.fields || fields[nameField] == "" || strings.ContainsAny(line[:1], "#+-") {
		return nil
	}
	return fields
}

// entries are the entries of a text by name, and their names in order. Of two
// of one name the first counts, as it does for the system.
func (t table) entries(text string) (map[string][]string, []string) {
	byName, order := map[string][]string{}, []string{}
	for line := range strings.Lines(text) {
		fields := t.split(strings.TrimSuffix(line, "\n"))
		if fields == nil || byName[fields[nameField]] != nil {
			continue
		}
		byName[fields[nameField]] = fields
		order = append(order, fields[nameField])
	}
	return byName, order
}

func (t table) numbersOf(lines []string) map[string]string {
	numbers := map[string]string{}
	for _, line := range lines {
		if fields := t.split(line); fields != nil {
			numbers[fields[numberField]] = fields[nameField]
		}
	}
	return numbers
}

// follow lets fields that are as the old release had them become as the new one
// has them. The name, the password and the number are local matters always.
func (t table) follow(mine, before, after []string) []string {
	out := slices.Clone(mine)
	for i := range out {
		switch {
		case i == nameField || i == secretField || i == numberField:
		case t.members && i == memberField:
			out[i] = union(mine[i], before[i], after[i])
		case mine[i] == before[i]:
			out[i] = after[i]
		}
	}
	return out
}

// union adds to the local members those that are new in the new release.
func union(mine, before, after string) string {
	members := splitList(mine)
	known := append(splitList(before), members...)
	for _, name := range splitList(after) {
		if !slices.Contains(known, name) {
			members = append(members, name)
		}
	}
	return strings.Join(members, ",")
}

func splitList(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func (t table) index(lines []string, name string) int {
	return slices.IndexFunc(lines, func(line string) bool {
		fields := t.split(line)
		return fields != nil && fields[nameField] == name
	})
}

// placeFor is where an entry goes: behind the nearest one that precedes it in
// the new release, else before the lines of NIS, which must be last.
func (t table) placeFor(lines, preceding []string) int {
	for _, name := range slices.Backward(preceding) {
		if i := t.index(lines, name); i >= 0 {
			return i + 1
		}
	}
	if i := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "+") }); i >= 0 {
		return i
	}
	return len(lines)
}

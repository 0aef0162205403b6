package vbox

import (
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// withoutWarning leaves out what the start script of some systems prints before
// the answer where the kernel's module is missing.
func withoutWarning(out string) string {
	if !strings.HasPrefix(out, "WARNING: ") {
		return out
	}
	const last = "until this problem is fixed.\n"
	if at := strings.Index(out, last); at >= 0 {
		return strings.TrimPrefix(out[at+len(last):], "\n")
	}
	return out
}

// property is one line of a machine-readable answer.
type property struct{ key, value string }

// parseProperties reads what --machinereadable prints: keys and values in quotes
// or without, of which only some versions escape what is inside. A value may go
// on over several lines. What has no = is a heading.
func parseProperties(out string) []property {
	var list []property
	for rest := out; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		key, value, ok := cutKey(line)
		if !ok {
			continue
		}
		if strings.HasPrefix(value, `"`) && !closed(value) {
			var more string
			more, rest = cutQuoted(rest)
			value += "\n" + more
		}
		list = append(list, property{key, unquote(value)})
	}
	return list
}

// cutKey cuts a line at the first = outside of quotes.
func cutKey(line string) (key, value string, ok bool) {
	if quoted, isQuoted := strings.CutPrefix(line, `"`); isQuoted {
		key, value, ok = strings.Cut(quoted, `"=`)
		return key, value, ok
	}
	key, value, ok = strings.Cut(line, "=")
	return key, value, ok && key != "" && !strings.ContainsAny(key, ` "`)
}

// closed tells whether a value that begins with a quote also ends with one.
func closed(value string) bool { return len(value) > 1 && endsQuoted(value) }

// endsQuoted tells whether a line ends with a quote that is not escaped.
func endsQuoted(line string) bool {
	before, quoted := strings.CutSuffix(line, `"`)
	escapes := len(before) - len(strings.TrimRight(before, `\`))
	return quoted && escapes%2 == 0
}

// cutQuoted cuts a text behind the first line that ends with a quote.
func cutQuoted(text string) (value, rest string) {
	for at := 0; at < len(text); {
		line, _, more := strings.Cut(text[at:], "\n")
		at += len(line)
		if endsQuoted(line) || !more {
			return text[:at], strings.TrimPrefix(text[at:], "\n")
		}
		at++
	}
	return text, ""
}

func unquote(value string) string {
	if !strings.HasPrefix(value, `"`) {
		return value
	}
	value = value[1:]
	value = strings.TrimSuffix(value, `"`)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(value)
}

// parseBlocks reads answers of "Key:   value" lines, a blank line after each
// block. A key that comes twice has its values in order.
func parseBlocks(out string) []map[string][]string {
	var list []map[string][]string
	var block map[string][]string
	last := ""
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\n")
		if strings.TrimSpace(line) == "" {
			block = nil
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if indented := strings.HasPrefix(line, " "); !ok || indented {
			// the next of the values that the line before began
			if block != nil && indented {
				block[last] = append(block[last], strings.TrimSpace(line))
			}
			continue
		}
		if block == nil {
			block = map[string][]string{}
			list = append(list, block)
		}
		last = key
		block[key] = append(block[key], strings.TrimSpace(value))
	}
	return list
}

// first is a block's only value of a key.
func first(block map[string][]string, key string) string {
	if values := block[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

var machineLine = lazyregexp.New(`^"(.*)" \{([0-9a-f-]{36})\}$`)

// inaccessible is the name of a machine whose settings cannot be read.
const inaccessible = "<inaccessible>"

// parseMachines reads list vms, and list runningvms.
func parseMachines(out string) []VM {
	list := []VM{}
	for line := range strings.Lines(out) {
		if found := machineLine.FindStringSubmatch(strings.TrimSpace(line)); found != nil {
			list = append(list, VM{Name: found[1], UUID: found[2], Accessible: found[1] != inaccessible})
		}
	}
	return list
}

var versionLine = lazyregexp.New(`^(\d+)\.(\d+)\.(\d+)(?:\w*?)(?:r(\d+))?$`)

// parseVersion reads --version. A start script may print a warning before it.
func parseVersion(out string) (Version, error) {
	text := strings.TrimSpace(out)
	text = text[strings.LastIndexByte(text, '\n')+1:]
	found := versionLine.FindStringSubmatch(text)
	if found == nil {
		return Version{}, effect.Errorf(effect.Failed, "vbox.version", "VBoxManage printed something else than its version: %.80q", text)
	}
	v := Version{Version: strings.Join(found[1:4], "."), Text: text, Revision: found[4]}
	v.Major, _ = strconv.Atoi(found[1])
	v.Minor, _ = strconv.Atoi(found[2])
	v.Patch, _ = strconv.Atoi(found[3])
	return v, nil
}

// parseTime reads a time as VirtualBox prints it, in UTC without a zone.
func parseTime(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.999999999", strings.TrimSuffix(text, "Z"))
	if err != nil {
		return time.Time{}
	}
	return t.Truncate(time.Second)
}

var sizeForm = lazyregexp.New(`^(\d+) (Bytes|MBytes|KBytes|GBytes|TBytes)\b`)

// parseSize reads a size such as "40 MBytes".
func parseSize(text string) int64 {
	found := sizeForm.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseInt(found[1], 10, 64)
	if err != nil {
		return 0
	}
	return n << map[string]int{"Bytes": 0, "KBytes": 10, "MBytes": 20, "GBytes": 30, "TBytes": 40}[found[2]]
}

// parseMedium reads a block of list hdds and of showmediuminfo.
func parseMedium(block map[string][]string) Medium {
	m := Medium{
		UUID: first(block, "UUID"), State: first(block, "State"), Path: first(block, "Location"), Format: first(block, "Storage format"),
		Variant: first(block, "Format variant"), Capacity: parseSize(first(block, "Capacity")), SizeOnDisk: parseSize(first(block, "Size on disk")),
		VMs: []MediumUse{},
	}
	m.Type, _, _ = strings.Cut(first(block, "Type"), " ")
	if parent := first(block, "Parent UUID"); parent != "base" {
		m.Parent = parent
	}
	if m.Capacity == 0 { // versions before 5
		m.Capacity = parseSize(first(block, "Logical size"))
	}
	if m.SizeOnDisk == 0 {
		m.SizeOnDisk = parseSize(first(block, "Current size on disk"))
	}
	for _, use := range block["In use by VMs"] {
		if found := useLine.FindStringSubmatch(use); found != nil {
			m.VMs = append(m.VMs, MediumUse{Name: found[1], UUID: found[2], Snapshot: found[3]})
		}
	}
	return m
}

var useLine = lazyregexp.New(`^(.*?) \(UUID: ([0-9a-f-]{36})\)(?: \[(.*) \(UUID: [0-9a-f-]{36}\)\])?$`)

// parseMedia reads list -l hdds.
func parseMedia(out string) []Medium {
	list := []Medium{}
	for _, block := range parseBlocks(out) {
		if first(block, "UUID") != "" {
			list = append(list, parseMedium(block))
		}
	}
	return list
}

// parseOSTypes reads list ostypes, in the form of 7.1 and later or the one before.
func parseOSTypes(out string) []OSType {
	list := []OSType{}
	for _, block := range parseBlocks(out) {
		t := OSType{ID: first(block, "ID"), Description: first(block, "Description")}
		if both := first(block, "ID / Description"); both != "" {
			t.ID, t.Description, _ = strings.Cut(both, " -- ")
			family, _, _ := strings.Cut(first(block, "Family"), " / ")
			t.Family = family
			t.Bits64 = strings.Contains(first(block, "Architecture"), "64-bit")
		} else {
			t.Family = first(block, "Family ID")
			t.Bits64 = first(block, "64 bit") == "true"
		}
		if t.ID != "" {
			list = append(list, t)
		}
	}
	return list
}

// parseSnapshots reads snapshot list --machinereadable: the numbers behind a key
// say where in the tree it stands.
func parseSnapshots(out string) []Snapshot {
	list := []Snapshot{}
	at := map[string]int{} // by suffix
	current := ""
	for _, p := range parseProperties(out) {
		if suffix, ok := strings.CutPrefix(p.key, "SnapshotName"); ok {
			at[suffix] = len(list)
			s := Snapshot{Name: p.value}
			if i := strings.LastIndexByte(suffix, '-'); i >= 0 {
				if parent, known := at[suffix[:i]]; known {
					s.Parent = list[parent].Name
				}
			}
			list = append(list, s)
			continue
		}
		for key, set := range snapshotKeys {
			if suffix, ok := strings.CutPrefix(p.key, key); ok {
				if i, known := at[suffix]; known {
					set(&list[i], p.value)
				}
			}
		}
		if p.key == "CurrentSnapshotUUID" {
			current = p.value
		}
	}
	for i := range list {
		list[i].Current = current != "" && list[i].UUID == current
	}
	return list
}

var snapshotKeys = map[string]func(*Snapshot, string){
	"SnapshotUUID":        func(s *Snapshot, v string) { s.UUID = v },
	"SnapshotDescription": func(s *Snapshot, v string) { s.Description = v },
}

// The forms of guestproperty enumerate: since 7.0, and before.
var (
	propertyLine    = lazyregexp.New(`^(\S+)\s+= '(.*)'(?:\s+@ (\S+))?(?:\s+\(?([A-Z, ]+)\)?)?$`)
	oldPropertyLine = lazyregexp.New(`^Name: (.*?), value: (.*), timestamp: \d+, flags: ?(.*)$`)
)

// parseGuestProperties reads guestproperty enumerate.
func parseGuestProperties(out string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \n")
		if found := oldPropertyLine.FindStringSubmatch(line); found != nil {
			all[found[1]] = found[2]
		} else if found := propertyLine.FindStringSubmatch(line); found != nil {
			all[found[1]] = found[2]
		}
	}
	return all
}

// parseBridges reads list bridgedifs.
func parseBridges(out string) []Bridgeable {
	list := []Bridgeable{}
	for _, block := range parseBlocks(out) {
		list = append(list, Bridgeable{
			Name: first(block, "Name"), Address: first(block, "IPAddress"), MAC: first(block, "HardwareAddress"), Up: first(block, "Status") == "Up",
			Wireless: first(block, "Wireless") == "Yes",
		})
	}
	return list
}

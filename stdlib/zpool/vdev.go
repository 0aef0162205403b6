package zpool

import (
	"slices"
	"strings"

	"bsdrun/runtime/lazyregexp"
)

// Vdev is a device of a pool, or a group of them.
type Vdev struct {
	Name     string `lua:"name" doc:"as the tool names it, without /dev/: mirror-0, gpt/disk0; the guid of a device that is gone"`
	Type     string `lua:"type" doc:"mirror, raidz1 to raidz3, draid, replacing, spare, indirect, hole, missing, disk or file"`
	Class    string `lua:"class" doc:"what it is for: normal, log, cache, spare, special or dedup"`
	State    string `lua:"state" doc:"ONLINE, DEGRADED, FAULTED, OFFLINE, UNAVAIL, REMOVED; of a spare AVAIL or INUSE"`
	Path     string `lua:"path,omitempty" doc:"absolute path of a device or file; the last known one of a device that is gone"`
	GUID     string `lua:"guid,omitempty" doc:"identifier, where the tool tells it: of devices that are gone, and since FreeBSD 15"`
	Read     int64  `lua:"read" doc:"read errors"`
	Write    int64  `lua:"write" doc:"write errors"`
	Checksum int64  `lua:"checksum" doc:"checksum errors"`
	Note     string `lua:"note,omitempty" doc:"what the tool says of it besides: (resilvering), 12K resilvered, was /dev/gpt/disk1"`
	Vdevs    []Vdev `lua:"vdevs" doc:"what the group consists of"`
}

// Leaves are the devices that hold data, in the tool's order.
func Leaves(vdevs []Vdev) []Vdev {
	var leaves []Vdev
	for _, v := range vdevs {
		if v.Type == "disk" || v.Type == "file" {
			leaves = append(leaves, v)
		}
		leaves = append(leaves, Leaves(v.Vdevs)...)
	}
	return leaves
}

// find is the device of a name, which may be its path, its path below /dev, the
// path it had, or its guid; parent is the group it is in, nil at the top.
func find(vdevs []Vdev, device string) (found, parent *Vdev) {
	for i := range vdevs {
		v := &vdevs[i]
		if v.named(device) {
			return v, nil
		}
		if found, parent := find(v.Vdevs, device); found != nil {
			if parent == nil {
				parent = v
			}
			return found, parent
		}
	}
	return nil, nil
}

func (v *Vdev) named(device string) bool {
	device = strings.TrimPrefix(device, "/dev/")
	return v.Name == device || v.GUID == device || v.Path != "" && strings.TrimPrefix(v.Path, "/dev/") == device
}

var (
	groupForm = lazyregexp.New(`^(mirror|raidz[123]?|draid[123]?|replacing|spare|indirect|hole|missing|root)([-:].*)?$`)
	guidForm  = lazyregexp.New(`^\d{6,20}$`)
)

// typeOf tells from its name what a device is: groups have reserved names,
// files absolute paths outside /dev.
func typeOf(name string) string {
	if m := groupForm.FindStringSubmatch(name); m != nil {
		switch m[1] {
		case "raidz", "draid":
			return m[1] + "1"
		}
		return m[1]
	}
	if strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/dev/") {
		return "file"
	}
	return "disk"
}

// newVdev makes a device of a line of the tree: name, state, three counters and
// what follows them.
func newVdev(name, class, columns string) Vdev {
	v := Vdev{Name: strings.TrimPrefix(name, "/dev/"), Type: typeOf(name), Class: class, Vdevs: []Vdev{}}
	v.State, columns = cutWord(columns)
	v.countErrors(&columns)
	v.Note = columns
	if v.Type == "disk" || v.Type == "file" {
		v.locate(name)
	}
	return v
}

// countErrors takes the three counters off the columns; spares have none.
func (v *Vdev) countErrors(columns *string) {
	rest := *columns
	for _, counter := range []*int64{&v.Read, &v.Write, &v.Checksum} {
		var word string
		var ok bool
		word, rest = cutWord(rest)
		if *counter, ok = parseSize(word); !ok {
			v.Read, v.Write, v.Checksum = 0, 0, 0
			return
		}
	}
	*columns = rest
}

// locate tells where a device is, or was before it went missing.
func (v *Vdev) locate(name string) {
	switch was, gone := strings.CutPrefix(v.Note, "was "); {
	case guidForm.MatchString(name):
		v.GUID = name
		if gone {
			v.Path, _, _ = strings.Cut(was, "  ")
			v.Type = typeOf(v.Path)
		}
	case strings.HasPrefix(name, "/"):
		v.Path = name
	default:
		v.Path = "/dev/" + name
	}
}

// cutWord parts the first word from what follows it.
func cutWord(text string) (word, rest string) {
	word, rest, _ = strings.Cut(strings.TrimLeft(text, " "), " ")
	return word, strings.TrimLeft(rest, " ")
}

// sections are the bare lines in the tree that tell what follows is for.
var sections = map[string]string{"logs": "log", "cache": "cache", "spares": "spare", "special": "special", "dedup": "dedup"}

// parseTree reads the lines of a config section, header apart. It returns the
// pool's own line, with the devices below it.
func parseTree(lines []string) (Vdev, bool) {
	t := tree{class: "normal"}
	for _, line := range lines {
		t.line(line)
	}
	t.close(0)
	if len(t.done) == 0 {
		return Vdev{}, false
	}
	root := t.done[0]
	root.Vdevs = append(root.Vdevs, t.done[1:]...) // logs, cache and spares stand beside the pool
	return root, true
}

type tree struct {
	class string
	open  []openVdev // from the top to the last line
	done  []Vdev
}

type openVdev struct {
	depth int
	vdev  Vdev
}

func (t *tree) line(line string) {
	text := strings.ReplaceAll(strings.TrimLeft(line, "\t"), "\t", " ")
	words := strings.TrimLeft(text, " ")
	depth := len(text) - len(words)
	name, columns := cutName(strings.TrimRight(words, " "))
	if name == "" {
		return
	}
	// Old releases give the logs a state as if they were a group.
	if class, section := sections[name]; section && (columns == "" || depth == 0 && len(t.open)+len(t.done) > 0) {
		t.close(0)
		t.class = class
		return
	}
	if state, _ := cutWord(columns); columns != "" && !isState(state) {
		return // a sentence, as zpool import has below the tree
	}
	t.close(depth)
	t.open = append(t.open, openVdev{depth, newVdev(name, t.class, columns)})
}

// cutName parts a line's name from its columns: a path may hold blanks, and a
// state begins the columns.
func cutName(words string) (name, columns string) {
	for at := 0; ; {
		i := strings.IndexByte(words[at:], ' ')
		if i < 0 {
			return cutWord(words)
		}
		at += i + 1
		if word, _ := cutWord(words[at:]); isState(word) {
			return strings.TrimRight(words[:at], " "), strings.TrimLeft(words[at:], " ")
		}
	}
}

var states = []string{"ONLINE", "DEGRADED", "FAULTED", "OFFLINE", "UNAVAIL", "REMOVED", "AVAIL", "INUSE", "SUSPENDED", "SPLIT"}

func isState(word string) bool { return slices.Contains(states, word) }

// close ends every open device at this depth or deeper.
func (t *tree) close(depth int) {
	for n := len(t.open); n > 0 && t.open[n-1].depth >= depth; n = len(t.open) {
		last := t.open[n-1].vdev
		t.open = t.open[:n-1]
		if n == 1 {
			t.done = append(t.done, last)
			return
		}
		parent := &t.open[n-2].vdev
		parent.Vdevs = append(parent.Vdevs, last)
	}
}

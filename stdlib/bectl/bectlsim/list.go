package bectlsim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
)

// table prints the list: its widths, and how far a row is moved in.
type table struct {
	*call
	name, mount int
	indent      int
	once        string // the dataset to boot once, where it is told
	details     bool   // -a or -s: datasets and snapshots as well
}

const (
	activeWidth = len("Active")
	spaceWidth  = len("Space")
)

func (c *call) list() int {
	if len(c.args) != 0 {
		return c.misuse("extra argument provided")
	}
	if !c.exists(c.beRoot) {
		c.zfsError("open", c.beRoot, "dataset does not exist")
		c.Errorf("bectl list: failed to fetch boot environments\n")
		return 1
	}
	all, ok := c.sorted()
	if !ok {
		return c.Cannot("bectl list sorted by %s", c.sortKey())
	}
	t := &table{call: c, details: c.has('a') || c.has('s')}
	if !c.has('H') {
		t.header(all)
	}
	for n, d := range all {
		if n > 0 && t.details {
			c.Printf("\n")
		}
		t.environment(d)
	}
	return 0
}

// sortKey is what the list is sorted by: the last of -c and -C counts.
func (c *call) sortKey() string {
	if c.descending() {
		return c.values['C']
	}
	return cmp.Or(c.values['c'], "name")
}

func (c *call) descending() bool {
	return strings.LastIndexByte(c.flags, 'C') > strings.LastIndexByte(c.flags, 'c')
}

func (c *call) sorted() ([]*state.Dataset, bool) {
	compare := map[string]func(a, b *state.Dataset) int{
		"name":     func(a, b *state.Dataset) int { return strings.Compare(a.Name, b.Name) },
		"origin":   func(a, b *state.Dataset) int { return strings.Compare(a.Origin, b.Origin) },
		"creation": func(a, b *state.Dataset) int { return a.Created.Compare(b.Created) },
		"used":     func(a, b *state.Dataset) int { return cmp.Compare(c.used(a), c.used(b)) },
	}[c.sortKey()]
	if compare == nil {
		return nil, false
	}
	all := c.environments()
	slices.SortFunc(all, func(a, b *state.Dataset) int {
		if c.descending() {
			a, b = b, a
		}
		return cmp.Or(compare(a, b), strings.Compare(a.Name, b.Name))
	})
	return all, true
}

func (c *call) used(d *state.Dataset) int64 { return zfs.Used(c.Machine, d).Used }

func (t *table) header(all []*state.Dataset) {
	title := "BE"
	if t.details {
		title = "BE/Dataset/Snapshot"
	}
	t.name, t.mount = len(title), len("Mountpoint")
	for _, d := range all {
		t.name = max(t.name, len(t.short(d)))
		t.mount = max(t.mount, len(t.mountedAt(d)))
		if t.details {
			t.name = max(t.name, len(d.Name)+2)
			if d.Origin != "" {
				t.name = max(t.name, len(d.Origin)+4)
			}
		}
	}
	t.Printf("%-*s Active %-*s Space Created\n", t.name, title, t.mount, "Mountpoint")
	if t.details {
		t.Printf("\n")
	}
}

// short is what follows the last slash.
func (t *table) short(d *state.Dataset) string { return d.Name[strings.LastIndexByte(d.Name, '/')+1:] }

// environment prints one: a row, or with -a and -s its name, its dataset, what it
// was cloned from, and with -s its snapshots.
func (t *table) environment(d *state.Dataset) {
	if t.release >= 1300 {
		t.once = t.pool.NextBoot
	}
	if !t.details {
		t.row(t.short(d), d)
		return
	}
	t.Printf("%s\n", t.short(d))
	t.indent = 2
	t.row(d.Name, d)
	if origin := t.find(d.Origin); d.Origin != "" && origin != nil {
		t.indent, t.once = 4, ""
		t.row(origin.Name, origin)
		t.indent = 2
	}
	if t.has('s') {
		for _, s := range zfs.Children(t.Machine, d.Name) {
			if s.Type == "snapshot" && strings.HasPrefix(s.Name, d.Name+"@") {
				t.row(t.short(s), s)
			}
		}
	}
	t.indent = 0
}

// pad fills a column; scripts get one tab.
func (t *table) pad(text string, width int) {
	if t.has('H') {
		t.Printf("\t")
		return
	}
	t.Printf("%*s ", max(width-len(text), 0), "")
}

func (t *table) row(name string, d *state.Dataset) {
	t.cell(strings.Repeat(" ", t.indent)+name, t.name)
	t.cell(t.active(d), activeWidth)
	t.cell(cmp.Or(t.mountedAt(d), "-"), t.mount)
	t.cell(nice(t.space(d)), spaceWidth)
	t.Printf("%s\n", d.Created.UTC().Format("2006-01-02 15:04"))
}

func (t *table) cell(text string, width int) {
	t.Printf("%s", text)
	t.pad(text, width)
}

func (t *table) active(d *state.Dataset) string {
	flags := ""
	if d.Name == t.rootFS {
		flags += "N"
	}
	if d.Name == t.bootFS {
		flags += "R"
	}
	if t.once != "" && d.Name == t.once {
		flags += "T"
	}
	return cmp.Or(flags, "-")
}

// space is what an environment takes, with the snapshot it was cloned from; with
// -D also what the dataset of that snapshot takes.
func (t *table) space(d *state.Dataset) int64 {
	n := t.used(d)
	origin := t.find(d.Origin)
	if t.details || d.Origin == "" || origin == nil {
		return n
	}
	n += t.used(origin)
	if from, _, _ := strings.Cut(d.Origin, "@"); t.has('D') {
		n += t.used(t.find(from))
	}
	return n
}

// nice writes a size as zfs_nicenum(3) does, in at most five characters.
func nice(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	unit, div := -1, int64(1)
	for rest := n; rest >= 1024; rest /= 1024 {
		unit++
		div *= 1024
	}
	letter := "KMGTPE"[unit : unit+1]
	if n%div == 0 {
		return strconv.FormatInt(n/div, 10) + letter
	}
	for digits := 2; ; digits-- {
		if text := strconv.FormatFloat(float64(n)/float64(div), 'f', digits, 64) + letter; len(text) <= 5 || digits == 0 {
			return text
		}
	}
}

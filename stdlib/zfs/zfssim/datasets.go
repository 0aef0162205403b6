package zfssim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/runtime/sim/zfs/cli"
)

// kinds are types of datasets.
type kinds uint8

const (
	fileSystems kinds = 1 << iota
	volumes
	snapshots
	bookmarks

	upper    = fileSystems | volumes
	datasets = upper | snapshots
	anything = datasets | bookmarks
)

// kindNames are the words of -t and what they stand for.
var kindNames = map[string]kinds{
	"filesystem": fileSystems, "volume": volumes, "snapshot": snapshots, "bookmark": bookmarks, "all": anything,
}

// shortKinds are more words of -t.
var shortKinds = map[string]string{"fs": "filesystem", "vol": "volume", "snap": "snapshot"}

func kindOf(d *state.Dataset) kinds { return kindNames[d.Type] }

// parseKinds reads the lists of -t.
func (c *call) parseKinds(lists []string) (want kinds, code int) {
	for _, list := range lists {
		want = 0
		for _, word := range strings.Split(list, ",") {
			long, ok := shortKinds[word]
			if ok && (c.Era >= cli.OpenZFS22 || word == "snap" && c.Release >= 902) {
				word = long
			}
			k, known := kindNames[word]
			if !known || word == "bookmark" && c.Release < 1000 {
				return 0, c.misuse("invalid type '%s'", word)
			}
			want |= k
		}
	}
	return want, 0
}

// checkName tells what is wrong with a name that is to be one of these kinds.
func (c *call) checkName(name string, want kinds) error {
	if err := c.checkDelimiters(name, want); err != nil && c.Era.Modern() {
		return err
	}
	_, short := cutName(name)
	delimiters := strings.Count(name, "@") + strings.Count(name, "#")
	switch {
	case len(name) >= 256:
		return fmt.Errorf("name is too long")
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("leading slash in name")
	case delimiters > 1 && c.Era.Modern():
		return fmt.Errorf("multiple '@' and/or '#' delimiters in name")
	case delimiters > 1:
		return fmt.Errorf("multiple '@' delimiters in name")
	case strings.HasSuffix(name, "/"), strings.Contains(short, "/"):
		return fmt.Errorf("trailing slash in name")
	}
	if err := c.checkComponents(name, delimiters > 0); err != nil {
		return err
	}
	return c.checkDelimiters(name, want)
}

// checkComponents looks at what is between the slashes of a name.
func (c *call) checkComponents(name string, delimited bool) error {
	of, short := cutName(name)
	parts := strings.Split(of, "/")
	if delimited {
		parts = append(parts, short)
	}
	for _, part := range parts {
		bad := strings.IndexFunc(part, func(r rune) bool { return !validInName(r) })
		switch {
		case part == "" && c.Era.Modern():
			return fmt.Errorf("empty component or misplaced '@' or '#' delimiter in name")
		case part == "":
			return fmt.Errorf("empty component in name")
		case bad >= 0:
			return fmt.Errorf("invalid character '%c' in name", part[bad])
		case part == "." && c.Era.Modern():
			return fmt.Errorf("self reference, '.' is found in name")
		case part == ".." && c.Era.Modern():
			return fmt.Errorf("parent reference, '..' is found in name")
		}
	}
	return nil
}

func validInName(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.: %", r)
}

// checkDelimiters tells whether a name has the delimiter its kind asks for.
func (c *call) checkDelimiters(name string, want kinds) error {
	here := "is not expected here"
	if !c.Era.Modern() {
		here = "in filesystem name"
	}
	switch {
	case want&snapshots == 0 && strings.Contains(name, "@"):
		return fmt.Errorf("snapshot delimiter '@' %s", here)
	case want == snapshots && !strings.Contains(name, "@"):
		return fmt.Errorf("missing '@' delimiter in snapshot name")
	case want&bookmarks == 0 && strings.Contains(name, "#") && c.Era.Modern():
		return fmt.Errorf("bookmark delimiter '#' is not expected here")
	case want&bookmarks == 0 && strings.Contains(name, "#"):
		return fmt.Errorf("invalid character '#' in name")
	}
	return nil
}

// open is a dataset of one of the kinds, nil with a message when there is none.
func (c *call) open(name string, want kinds) *state.Dataset {
	expected := want
	if !c.Era.Modern() { // only that it is the name of something
		expected = anything
	}
	if err := c.checkName(name, expected); err != nil {
		c.refuse("open", name, err)
		return nil
	}
	_, d := zfs.FindDataset(c.Machine, name)
	switch {
	case d == nil:
		c.refuse("open", name, "dataset does not exist")
		return nil
	case kindOf(d)&want == 0:
		c.refuse("open", name, "operation not applicable to datasets of this type")
		return nil
	}
	return d
}

// openPath is open for what may also be the path of a file.
func (c *call) openPath(name string, want kinds) *state.Dataset {
	if !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "./") {
		return c.open(name, want)
	}
	abs := c.FS().Abs(name)
	u, err := c.Machine.Tree().UsageOf(abs)
	switch {
	case err != nil:
		c.Errorf("%s: No such file or directory\n", name)
		return nil
	case u.Type != "zfs":
		c.Errorf("'%s': not a ZFS filesystem\n", name)
		return nil
	}
	return c.open(u.Source, want)
}

// selection says which datasets a subcommand looks at.
type selection struct {
	want      kinds
	paths     bool // operands may be paths
	recurse   bool
	limit     int  // how deep; below 0: all
	listSnaps bool // snapshots below only where the pool's property says so
	sort      []sortKey
}

// sortKey is an -s or -S of zfs list.
type sortKey struct {
	property zfs.Property
	reverse  bool
}

// depth reads -d; code is not 0 when it is no number.
func (c *call) depth() (limit, code int) {
	text := c.Value("d")
	if text == "" {
		return -1, 0
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return 0, c.misuse("%s is not an integer", text)
	case n < 0:
		return 0, c.misuse("Depth can not be negative.")
	}
	return n, 0
}

// readSelection reads the options that say which datasets are meant.
func (c *call) readSelection(s *selection) (code int) {
	if s.limit, code = c.depth(); code != 0 {
		return code
	}
	s.recurse = c.Has("r") || s.limit >= 0
	if !c.Given("t") {
		return 0
	}
	s.listSnaps = false
	s.want, code = c.parseKinds(c.Values("t"))
	return code
}

// choose lists the datasets of a selection that operands name, or all, in order.
func (c *call) choose(names []string, s selection) (list []*state.Dataset, ok bool) {
	ok = true
	seen := map[string]bool{}
	add := func(d *state.Dataset) {
		if !seen[d.Name] {
			seen[d.Name] = true
			list = append(list, d)
		}
	}
	if len(names) == 0 {
		s.recurse = true
		for _, pool := range zfs.Pools(c.Machine) {
			c.visit(pool.Find(pool.Name), s, add)
		}
	}
	for _, name := range names {
		if d := c.root(name, s); d != nil {
			c.visit(d, s, add)
		} else {
			ok = false
		}
	}
	slices.SortStableFunc(list, func(a, b *state.Dataset) int { return c.compare(a, b, s.sort) })
	return list, ok
}

// root is the dataset an operand names, where looking begins.
func (c *call) root(name string, s selection) *state.Dataset {
	want := s.want
	if s.recurse {
		want |= fileSystems
		if want&(snapshots|bookmarks) != 0 {
			want |= volumes
		}
	}
	if s.paths {
		return c.openPath(name, want)
	}
	return c.open(name, want)
}

// visit hands on a dataset and what is below it.
func (c *call) visit(d *state.Dataset, s selection, add func(*state.Dataset)) {
	if d == nil {
		return
	}
	if kindOf(d)&s.want != 0 {
		add(d)
	}
	if !s.recurse {
		return
	}
	below := s.want
	if pool := zfs.FindPool(c.Machine, poolOf(d.Name)); s.listSnaps && pool.Properties["listsnapshots"] != "on" {
		below &^= snapshots
	}
	for _, child := range zfs.Children(c.Machine, d.Name) {
		if kindOf(child)&below != 0 && (s.limit < 0 || level(child.Name)-level(d.Name) <= s.limit) {
			add(child)
		}
	}
}

// level is how deep a name lies below its pool.
func level(name string) int {
	return strings.Count(name, "/") + strings.Count(name, "@") + strings.Count(name, "#")
}

// compare orders datasets: by keys, then by name, snapshots by age after what
// they are of.
func (c *call) compare(a, b *state.Dataset, keys []sortKey) int {
	for _, k := range keys {
		n := 0
		if k.property.Name == nameProperty.Name {
			n = byName(a, b)
		} else {
			n = c.byProperty(a, b, k.property)
		}
		if k.reverse {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return byName(a, b)
}

func byName(a, b *state.Dataset) int {
	aOf, aSnap, _ := strings.Cut(a.Name, "@")
	bOf, bSnap, _ := strings.Cut(b.Name, "@")
	switch {
	case aOf != bOf:
		return strings.Compare(aOf, bOf)
	case aSnap == "" || bSnap == "":
		return strings.Compare(aSnap, bSnap)
	case a.TXG != b.TXG:
		return cmp.Compare(a.TXG, b.TXG)
	}
	return strings.Compare(aSnap, bSnap)
}

// byProperty orders by a property; datasets without it come last.
func (c *call) byProperty(a, b *state.Dataset, p zfs.Property) int {
	av, _, aok := c.read(a, p, true)
	bv, _, bok := c.read(b, p, true)
	an, aerr := strconv.ParseFloat(av, 64)
	bn, berr := strconv.ParseFloat(bv, 64)
	switch {
	case aok != bok:
		return map[bool]int{true: -1, false: 1}[aok]
	case p.Kind != "text" && p.Kind != userKind && aerr == nil && berr == nil:
		return cmp.Compare(an, bn)
	}
	return strings.Compare(av, bv)
}

// sameBelow are the names of a dataset and, if all of them are meant, of the file
// systems and volumes below it.
func (c *call) sameBelow(of string, all bool) []string {
	names := []string{of}
	if !all {
		return names
	}
	for _, child := range zfs.Children(c.Machine, of) {
		if kindOf(child)&upper != 0 {
			names = append(names, child.Name)
		}
	}
	return names
}

// exists tells whether there is a dataset of the name.
func (c *call) exists(name string) bool {
	_, d := zfs.FindDataset(c.Machine, name)
	return d != nil
}

// mountedAt is where a dataset is mounted, empty when it is not.
func (c *call) mountedAt(name string) string {
	for _, u := range c.Machine.Tree().Mounts() {
		if u.Source == name && u.Type == "zfs" {
			return u.Point
		}
	}
	return ""
}

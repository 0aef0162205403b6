package pfsim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib/pf/rules"
)

func (c *call) showTables(title bool) {
	for _, path := range slices.Sorted(maps.Keys(c.k.Anchors)) {
		if path != c.anchor {
			continue
		}
		tables := c.k.Anchors[path].Tables
		for _, name := range slices.Sorted(maps.Keys(tables)) {
			if title {
				c.title("TABLES:")
				title = false
			}
			c.showTable(path, name, tables[name])
		}
	}
}

func (c *call) showTable(path, name string, t *table) {
	if c.verbose == 0 {
		c.Printf("%s\n", name)
		return
	}
	mark := func(on bool, letter string) string {
		if on {
			return letter
		}
		return "-"
	}
	used := c.k.named()[name]
	c.Printf("%s%sa-%s-%s\t%s", mark(t.Const, "c"), mark(t.Persist, "p"), mark(used, "r"), mark(t.Counters, "C"), name)
	if path != "" {
		c.Printf("\t%s", path)
	}
	c.Printf("\n")
	if c.verbose < 2 {
		return
	}
	references := 0
	if used {
		references = 1
	}
	c.Printf("\tAddresses:   %d\n\tCleared:     %s\n\tReferences:  [ Anchors: %-18d Rules: %-18d ]\n", len(t.Entries), t.Cleared.UTC().Format(time.ANSIC), 0, references)
	c.Printf("\tEvaluations: [ NoMatch: %-18d Match: %-18d ]\n", t.NoMatch, t.Match)
	for _, way := range []string{"In", "Out"} {
		for _, what := range []string{"Block", "Pass", "XPass"} {
			c.Printf("\t%-12s [ Packets: %-18d Bytes: %-18d ]\n", way+"/"+what+":", 0, 0)
		}
	}
}

// report is a message of -T.
func (c *call) report(format string, args ...any) {
	suffix := "."
	if c.flags['n'] {
		if suffix = " (syntax only)."; c.k != nil {
			suffix = " (dummy)."
		}
	}
	c.tell("%s%s\n", fmt.Sprintf(format, args...), suffix)
}

// refused is how a -T fails: the code is that of exit(-1).
const refused = 255

// table is -t with -T.
func (c *call) table(file string) int {
	name, given := c.value['t']
	if !given || len(name) >= 32 {
		c.usage()
	}
	if c.k == nil {
		return 0
	}
	changes := slices.Contains([]string{"add", "delete", "replace", "expire", "kill", "flush", "zero"}, c.command)
	a := c.k.Anchors[c.anchor]
	var t *table
	if a != nil {
		t = a.Tables[name]
	}
	creates := c.command == "add" || c.command == "replace"
	var addresses []rules.TableAddress
	if creates || c.command == "delete" || c.command == "test" {
		var ok bool
		if addresses, ok = c.addresses(file); !ok {
			return refused
		}
	} else if file != "" || len(c.args) > 0 && c.command != "expire" {
		c.usage()
	}
	if t == nil {
		if !creates {
			c.Errorf("pfctl: Table does not exist.\n")
			return refused
		}
		c.report("1 table created")
		if c.flags['n'] {
			return 0
		}
		t = &table{Persist: true, Cleared: c.Now()}
		c.k.at(c.anchor).Tables[name] = t
	}
	if t.Const && changes && c.command != "zero" {
		c.Errorf("pfctl: Operation not permitted.\n")
		return refused
	}
	if c.flags['n'] {
		draft := *t
		draft.Entries = slices.Clone(t.Entries)
		t = &draft
	}
	return c.tableCommand(name, t, addresses)
}

func (c *call) tableCommand(name string, t *table, addresses []rules.TableAddress) int {
	switch c.command {
	case "add":
		n := c.each(addresses, 'A', func(a rules.TableAddress) bool { return t.add(a, c.Now()) })
		c.report("%d/%d addresses added", n, len(addresses))
		c.feedback()
	case "delete":
		n := c.each(addresses, 'D', t.remove)
		c.report("%d/%d addresses deleted", n, len(addresses))
		c.feedback()
	case "replace":
		c.replace(t, addresses)
	case "expire":
		c.expireTable(t)
	case "kill":
		if !c.flags['n'] {
			delete(c.k.Anchors[c.anchor].Tables, name)
			c.k.drop()
		}
		c.report("1 table deleted")
	case "flush":
		n := len(t.Entries)
		t.Entries = nil
		c.report("%d addresses deleted", n)
	case "zero":
		t.Match, t.NoMatch, t.Cleared = 0, 0, c.Now()
		for i := range t.Entries {
			t.Entries[i].Cleared = c.Now()
		}
		c.report("1 table/stats cleared")
	case "show":
		c.showEntries(t)
	case "test":
		return c.test(t, addresses)
	}
	return 0
}

// each does something with addresses and notes those that changed, for -v.
func (c *call) each(addresses []rules.TableAddress, mark byte, do func(rules.TableAddress) bool) (n int) {
	for _, a := range addresses {
		if do(a) {
			n++
			c.args = append(c.args, string(mark)+"  "+plain(a))
		} else if c.verbose > 1 {
			c.args = append(c.args, "   "+plain(a))
		}
	}
	return n
}

func (c *call) feedback() {
	if c.verbose == 0 {
		return
	}
	for _, line := range c.args {
		c.Printf("%s\n", line)
	}
}

// plain is an address as -T prints it, a blank or "!" in front.
func plain(a rules.TableAddress) string {
	return strings.TrimPrefix(a.String(), "!")
}

func shownEntry(a rules.TableAddress) string {
	if a.Not {
		return "  !" + plain(a)
	}
	return "   " + plain(a)
}

func (c *call) replace(t *table, addresses []rules.TableAddress) {
	old := t.Entries
	t.Entries = nil
	added, changed := 0, 0
	for _, a := range addresses {
		at := slices.IndexFunc(old, func(e entry) bool { return e.Prefix == a.Prefix })
		since := c.Now()
		if at >= 0 {
			since = old[at].Cleared
			if old[at].Not != a.Not {
				changed++
			}
		}
		if t.add(a, since) && at < 0 {
			added++
		}
	}
	deleted := 0
	for _, e := range old {
		if !slices.ContainsFunc(t.Entries, func(x entry) bool { return x.Prefix == e.Prefix }) {
			deleted++
		}
	}
	for _, m := range []struct {
		n    int
		text string
	}{{added, "added"}, {deleted, "deleted"}, {changed, "changed"}} {
		if m.n > 0 {
			c.report("%d addresses %s", m.n, m.text)
		}
	}
	if added+deleted+changed == 0 {
		c.report("no changes")
	}
}

func (c *call) expireTable(t *table) {
	if len(c.args) != 1 {
		c.usage()
	}
	age, err := strconv.ParseUint(c.args[0], 10, 32)
	if err != nil {
		c.fatal("expiry time: invalid")
	}
	before := len(t.Entries)
	t.Entries = slices.DeleteFunc(t.Entries, func(e entry) bool {
		return c.Now().Sub(e.Cleared) > time.Duration(age)*time.Second
	})
	gone := before - len(t.Entries)
	c.report("%d/%d addresses expired", gone, gone)
}

func (c *call) showEntries(t *table) {
	for _, e := range t.Entries {
		c.Printf("%s\n", shownEntry(e.TableAddress))
		if c.verbose > 0 {
			c.Printf("\tCleared:     %s\n", e.Cleared.UTC().Format(time.ANSIC))
			if !t.Counters && c.release("9.0") {
				continue
			}
			for _, way := range []string{"In", "Out"} {
				for _, what := range []string{"Block", "Pass"} {
					c.Printf("\t%-12s [ Packets: %-18d Bytes: %-18d ]\n", way+"/"+what+":", 0, 0)
				}
			}
		}
	}
}

// test is -T test: 2 when an address is not in the table.
func (c *call) test(t *table, addresses []rules.TableAddress) int {
	n := 0
	var matched []string
	for _, a := range addresses {
		if !a.Not && a.Prefix.IsSingleIP() && t.has(a.Prefix.Addr()) {
			n++
			matched = append(matched, "M  "+plain(a))
		}
	}
	c.report("%d/%d addresses match", n, len(addresses))
	if c.verbose == 1 {
		c.args = matched
		c.feedback()
	}
	if n < len(addresses) {
		return 2
	}
	return 0
}

// addresses are those of the command line and of -f.
func (c *call) addresses(file string) (all []rules.TableAddress, ok bool) {
	words := c.args
	c.args = nil
	if file != "" {
		data, err := c.FS().ReadFile(file)
		if err != nil {
			c.warn("cannot load %s: %s", file, sim.ErrText(err))
			return nil, false
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			words = append(words, strings.Fields(line)...)
		}
	}
	e := env(c.Machine, c.FS(), nil)
	for _, w := range words {
		found, complaint := e.TableAddresses(w)
		if complaint != "" {
			c.Errorf("%s\n", complaint)
			return nil, false
		}
		for _, a := range found {
			if c.command == "test" && (a.Not || !a.Prefix.IsSingleIP()) {
				c.warn("cannot decode %s: Invalid argument", w)
				return nil, false
			}
			a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Bits()).Masked()
			all = append(all, a)
		}
	}
	return all, true
}

package pfsim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"bsdrun/stdlib/pf/rules"
)

// shown is -s; its code is that of -s Running, 0 for the others.
func (c *call) shown() int {
	switch c.show {
	case "nat":
		c.showNat(false)
	case "rules":
		c.showRules(false)
	case "Anchors":
		return c.showAnchors(c.anchor)
	case "states":
		c.showStates(false)
	case "Sources":
		c.showSources()
	case "info":
		c.showInfo()
	case "Interfaces":
		c.showInterfaces()
	case "labels":
		c.showLabels()
	case "timeouts":
		c.showTimeouts()
	case "memory":
		c.showLimits()
	case "Tables":
		c.showTables(false)
	case "Running":
		return c.showRunning()
	case "osfp":
		return c.Cannot("pfctl -s osfp")
	case "all":
		c.showAll()
	}
	return 0
}

func (c *call) title(text string) {
	if c.titled {
		c.Printf("\n")
	}
	c.titled = true
	c.Printf("%s\n", text)
}

func (c *call) showAll() {
	c.showNat(true)
	c.title("FILTER RULES:")
	c.showRules(true)
	c.showStates(true)
	c.showSources()
	c.title("INFO:")
	c.showInfo()
	c.title("TIMEOUTS:")
	c.showTimeouts()
	c.title("LIMITS:")
	c.showLimits()
	c.showTables(true)
}

// style is how rules are shown: -vv tells how many addresses stand behind a name.
func (c *call) style(path string) rules.Style {
	style := rules.Style{Numeric: c.flags['P']}
	if c.verbose > 1 {
		style.Count = func(a rules.Address) int {
			if a.Kind == rules.TableOf {
				if t := c.k.table(path, a.Name); t != nil {
					return len(t.Entries)
				}
				return -1
			}
			n := 0
			for _, i := range interfacesOf(c.Machine) {
				if i.Name == a.Name || slices.Contains(i.Groups, a.Name) {
					n += len(i.Prefixes(a))
				}
			}
			return n
		}
	}
	return style
}

func (c *call) showNat(title bool) {
	a := c.k.Anchors[c.anchor]
	if a == nil {
		return
	}
	for _, list := range [][]*rule{a.Nat, a.Rdr, a.Binat} {
		for n, r := range list {
			if title {
				c.title("TRANSLATION RULES:")
				title = false
			}
			c.showRule(n, r, "", "")
			c.Printf("\n")
			c.counters(r)
		}
	}
}

// showRule prints a rule's line without the break.
func (c *call) showRule(n int, r *rule, indent, path string) {
	c.Printf("%s", indent)
	if c.verbose > 1 || c.flags['g'] {
		c.Printf("@%d ", n)
	}
	c.Printf("%s", r.Text(c.style(path)))
}

// counters are what -v adds to a rule.
func (c *call) counters(r *rule) {
	if c.verbose == 0 {
		return
	}
	states := 0
	for _, s := range c.k.States {
		if s.Rule == r.Number && s.Rule >= 0 && r.State != "" {
			states++
		}
	}
	c.Printf("  [ Evaluations: %-8d  Packets: %-8d  Bytes: %-10d  States: %-6d]\n", r.Evaluations, r.Packets, r.Packets*60, states)
	if c.release("12.0") {
		c.Printf("  [ Inserted: uid 0 pid %d State Creations: %-6d]\n", r.PID, r.Matched)
	} else {
		c.Printf("  [ Inserted: uid 0 pid %d ]\n", r.PID)
	}
	if c.flags['z'] {
		r.Evaluations, r.Packets, r.Matched = 0, 0, 0
	}
}

func (c *call) showRules(bool) {
	a := c.k.Anchors[c.anchor]
	if a == nil {
		return
	}
	for n, r := range a.Scrub {
		c.showRule(n, r, "", c.anchor)
		c.Printf("\n")
		c.counters(r)
	}
	c.showFilter(a.Filter, c.anchor, 0)
}

// showFilter prints filter rules; what stands in braces without a name is shown,
// and with a star at the end of -a all that is below.
func (c *call) showFilter(list []*rule, path string, depth int) {
	indent := ""
	if c.verbose == 0 {
		indent = strings.Repeat("  ", depth)
	}
	for n, r := range list {
		c.showRule(n, r, indent, path)
		inner, braces := r.Inner, strings.HasPrefix(r.Anchor, "_")
		if r.Anchor != "" && c.recurse {
			braces = true
			if below := c.k.Anchors[join(path, r.Anchor)]; below != nil {
				inner = below.Filter
			}
		}
		if !braces {
			c.Printf("\n")
			c.counters(r)
			continue
		}
		c.Printf(" {\n")
		c.counters(r)
		c.showFilter(inner, join(path, r.Anchor), depth+1)
		c.Printf("%s}\n", indent)
	}
}

func (c *call) showAnchors(path string) int {
	if path != "" && c.k.Anchors[path] == nil && len(c.k.children(path)) == 0 {
		c.Errorf("Anchor '%s' not found.\n", path)
		if c.release("14.0") {
			return 1
		}
		return 0
	}
	for _, below := range c.k.children(path) {
		if below[0] != '_' || c.verbose > 0 {
			c.Printf("  %s\n", below)
		}
		if c.verbose > 0 {
			c.showAnchors(below)
		}
	}
	return 0
}

// stateNames are how far both sides are.
func (s *flow) stateNames() string {
	sender, receiver := "SYN_SENT", "CLOSED"
	switch {
	case s.Proto == "icmp" || s.Proto == "ipv6-icmp":
		return "0:0"
	case s.Proto == "tcp" && s.Closed:
		sender, receiver = "FIN_WAIT_2", "FIN_WAIT_2"
	case s.Proto == "tcp" && s.Answered:
		sender, receiver = "ESTABLISHED", "ESTABLISHED"
	case s.Proto == "tcp":
	case s.Answered:
		sender, receiver = "MULTIPLE", "SINGLE"
	default:
		sender, receiver = "SINGLE", "NO_TRAFFIC"
	}
	if s.Out {
		return sender + ":" + receiver
	}
	return receiver + ":" + sender
}

func (c *call) showStates(title bool) {
	c.k.expire(c.Now())
	for _, s := range c.k.States {
		if on := c.value['i']; on != "" && s.Interface != on {
			continue
		}
		if title {
			c.title("STATES:")
			title = false
		}
		c.Printf("%s\n", s.line())
		if c.verbose > 0 {
			c.stateDetails(s)
		}
	}
}

// line is a state as -s states prints it: the addresses on the wire, those inside
// in parentheses where they differ.
func (s *flow) line() string {
	side := func(a, other fmt.Stringer) string {
		if a.String() == other.String() {
			return hostPort(a.String())
		}
		return hostPort(a.String()) + " (" + hostPort(other.String()) + ")"
	}
	first, second := side(s.WireFrom, s.From), side(s.WireTo, s.To)
	arrow := "->"
	if !s.Out {
		first, second, arrow = side(s.To, s.WireTo), side(s.From, s.WireFrom), "<-"
	}
	return fmt.Sprintf("%s %s %s %s %s       %s", s.Interface, s.Proto, first, arrow, second, s.stateNames())
}

// hostPort writes an address with its port as pfctl does: 10.0.0.1:22, ::1[22].
func hostPort(text string) string {
	if rest, six := strings.CutPrefix(text, "["); six {
		text = strings.Replace(rest, "]:", "[", 1) + "]"
		return strings.TrimSuffix(text, "[0]")
	}
	return strings.TrimSuffix(text, ":0")
}

func clockTime(d time.Duration) string {
	s := int(d / time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

func (c *call) stateDetails(s *flow) {
	now := c.Now()
	if s.Proto == "tcp" {
		c.Printf("   [0 + 65536]  [0 + 65536]\n")
	}
	c.Printf("   age %s, expires in %s, %d:%d pkts, %d:%d bytes", clockTime(now.Sub(s.Created)), clockTime(c.k.lifetime(s)-now.Sub(s.Used)),
		s.Packets[0], s.Packets[1], s.Packets[0]*60, s.Packets[1]*60)
	if s.Rule >= 0 {
		c.Printf(", rule %d", s.Rule)
	}
	c.Printf("\n")
	if c.verbose > 1 {
		c.Printf("   id: %016x creatorid: %08x\n", s.ID, 0x5f3759df)
	}
}

func (c *call) showSources() {
	for _, key := range slices.Sorted(maps.Keys(c.k.Sticky)) {
		c.Printf("%s -> %s ( states %d, connections 0, rate 0.0/0s )\n", key[strings.LastIndexByte(key, '/')+1:], c.k.Sticky[key], 1)
	}
}

func (c *call) showRunning() int {
	if c.k.Enabled {
		c.Printf("Enabled\n")
		return 0
	}
	c.Printf("Disabled\n")
	return 1
}

// reasons are the counters of -s info, in pf's order.
var reasons = []string{
	"match", "bad-offset", "fragment", "short", "normalize", "memory", "bad-timestamp", "congestion", "ip-option", "proto-cksum",
	"state-mismatch", "state-insert", "state-limit", "src-limit", "synproxy", "map-failed", "translate",
}

func (c *call) showInfo() {
	k := c.k
	running := "Disabled"
	if k.Enabled {
		running = "Enabled"
	}
	since := int(c.Now().Sub(k.Since) / time.Second)
	line := fmt.Sprintf("Status: %s for %d days %02d:%02d:%02d", running, since/86400, since/3600%24, since/60%60, since%60)
	debug := map[string]string{"": "Urgent", "urgent": "Urgent", "none": "None", "misc": "Misc", "loud": "Loud"}[k.Options["debug"]]
	c.Printf("%-44s%15s\n\n", line, "Debug: "+debug)
	if c.verbose > 0 {
		c.Printf("Hostid:   %s\nChecksum: 0x%032x\n\n", cmp.Or(k.Options["hostid"], "0x5f3759df"), 0)
	}
	if on := k.Options["loginterface"]; on != "" && on != "none" {
		c.Printf("Interface Stats for %-16s %5s %16s\n", on, "IPv4", "IPv6")
		for _, row := range []string{"  Bytes In                 ", "  Bytes Out                "} {
			c.Printf("%s %14d %16d\n", row, 0, 0)
		}
		for _, way := range []string{"In", "Out"} {
			c.Printf("  Packets %s\n    %-23s %14d %16d\n    %-23s %14d %16d\n", way, "Passed", 0, 0, "Blocked", 0, 0)
		}
		c.Printf("\n")
	}
	rate := func(name string, total int) {
		c.Printf("  %-25s %14d ", name, total)
		if since > 0 {
			c.Printf("%14.1f/s\n", float64(total)/float64(since))
		} else {
			c.Printf("%14s\n", "")
		}
	}
	c.Printf("%-27s %14s %16s\n  %-25s %14d %14s\n", "State Table", "Total", "Rate", "current entries", len(k.States), "")
	for _, name := range []string{"searches", "inserts", "removals"} {
		rate(name, k.Counters[name])
	}
	c.Printf("Counters\n")
	for _, name := range reasons {
		if name == "map-failed" && !c.release("11.0") || name == "translate" && !c.release("14.0") {
			continue
		}
		rate(name, k.Counters[name])
	}
}

func (c *call) showInterfaces() {
	list := interfacesOf(c.Machine)
	names := map[string]bool{"all": true}
	for _, i := range list {
		names[i.Name] = true
		for _, g := range i.Groups {
			names[g] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if on := c.value['i']; on != "" && on != name {
			continue
		}
		c.Printf("%s", name)
		if c.verbose > 0 && c.skips(name, list) {
			c.Printf(" (skip)")
		}
		c.Printf("\n")
		if c.verbose > 1 {
			c.Printf("\tCleared:     %s\n\tReferences:  %-18d\n", c.k.Since.UTC().Format(time.ANSIC), 0)
			for _, af := range []string{"4", "6"} {
				for _, way := range []string{"In", "Out"} {
					for _, what := range []string{"Pass", "Block"} {
						c.Printf("\t%-12s [ Packets: %-18d Bytes: %-18d ]\n", way+af+"/"+what+":", 0, 0)
					}
				}
			}
		}
	}
}

func (c *call) skips(name string, list []rules.Interface) bool {
	for _, i := range list {
		if i.Name == name && slices.ContainsFunc(i.Groups, func(g string) bool { return slices.Contains(c.k.Skip, g) }) {
			return true
		}
	}
	return slices.Contains(c.k.Skip, name)
}

func (c *call) showLabels() {
	a := c.k.Anchors[c.anchor]
	if a == nil {
		return
	}
	for _, r := range a.Filter {
		for _, l := range r.Labels {
			c.Printf("%s %d %d %d %d %d %d %d %d\n", l, r.Evaluations, r.Packets, r.Packets*60, r.Packets, r.Packets*60, 0, 0, r.Matched)
		}
	}
}

func (c *call) showTimeouts() {
	for _, t := range rules.Timeouts {
		unit := "s"
		if strings.HasPrefix(t.Name, "adaptive.") {
			unit = " states"
		}
		c.Printf("%-20s %10d%s\n", t.Name, c.k.timeout(t.Name), unit)
	}
}

func (c *call) showLimits() {
	for _, l := range rules.Limits {
		n := l.Default
		if text := c.k.Options["limit "+l.Name]; text != "" {
			_, _ = fmt.Sscan(text, &n)
		}
		c.Printf("%-13s hard limit %8d\n", l.Name, n)
	}
}

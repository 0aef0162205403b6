package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Style is how rules are printed.
type Style struct {
	Numeric bool              // -P: ports as numbers
	Count   func(Address) int // -vv: how many addresses a table or interface has, -1 for unknown
}

// String is the rule as pfctl prints it.
func (r Rule) String() string { return r.Text(Style{}) }

// printer puts words after each other.
type printer struct {
	strings.Builder
	style Style
}

func (w *printer) put(format string, args ...any) { fmt.Fprintf(&w.Builder, format, args...) }

// word puts " text" where the condition holds.
func (w *printer) word(on bool, format string, args ...any) {
	if on {
		w.put(" "+format, args...)
	}
}

// Text is the rule as pfctl prints it in a style, without the rules in its braces.
func (r Rule) Text(style Style) string {
	w := &printer{style: style}
	w.head(r)
	w.word(r.Direction != "", "%s", r.Direction)
	w.log(r.Log)
	w.word(r.Quick, "quick")
	if r.Interface != "" {
		w.word(r.NotOn, "on ! %s", r.Interface)
		w.word(!r.NotOn, "on %s", r.Interface)
	}
	if r.Route != nil {
		w.put(" %s ", r.Route.How)
		w.pool(r.Route.Pool, r.Route.How, r.Family)
	}
	w.word(r.Family != "", "%s", r.Family)
	w.word(r.Proto != "", "proto %s", r.Proto)
	w.fromTo(r)
	w.account("user", r.User)
	w.account("group", r.Group)
	w.flags(r)
	w.icmp(r)
	w.word(r.TOS != 0, "tos %s", hex(r.TOS))
	w.word(r.Prio >= 0, "prio %d", r.Prio)
	w.word(len(r.Set) > 0, "set ( %s )", strings.Join(r.Set, ", "))
	switch {
	case r.State != "":
		w.put(" %s state", r.State)
	case r.Action == "pass" && r.Anchor == "":
		w.put(" no state")
	}
	if r.Probability > 0 {
		w.put(" probability %s%%", percent(r.Probability))
	}
	if items := r.StateOpts.items(); len(items) > 0 && (r.State != "" || r.Action == "pass") {
		w.put(" (%s)", strings.Join(items, ", "))
	}
	w.packets(r)
	for _, l := range r.Labels {
		w.put(" label \"%s\"", l)
	}
	w.word(r.Identifier != 0, "ridentifier %d", r.Identifier)
	w.word(r.Queue != "" && r.PQueue != "", "queue(%s, %s)", r.Queue, r.PQueue)
	w.word(r.Queue != "" && r.PQueue == "", "queue %s", r.Queue)
	w.word(r.Dummynet != "", "%s", r.Dummynet)
	w.word(r.Tag != "", "tag %s", r.Tag)
	w.word(r.Tagged != "" && r.NotTagged, "! tagged %s", r.Tagged)
	w.word(r.Tagged != "" && !r.NotTagged, "tagged %s", r.Tagged)
	w.word(r.RTable >= 0, "rtable %d", r.RTable)
	w.word(r.DivertTo != 0, "divert-to %d", r.DivertTo)
	w.translation(r)
	return w.String()
}

func (w *printer) head(r Rule) {
	if r.Anchor != "" {
		kind := map[string]string{"nat": "nat-anchor", "rdr": "rdr-anchor", "binat": "binat-anchor"}[r.Action]
		if kind == "" {
			kind = "anchor"
		}
		w.put("%s", kind)
		w.word(r.Anchor[0] != '_', "\"%s\"", r.Anchor)
		return
	}
	w.put("%s", r.Action)
	w.word(r.NatPass, "pass")
	if r.Action == "block" {
		w.block(r)
	}
}

func (w *printer) block(r Rule) {
	code := codesOf(unreach, false).name(r.Block.Code)
	code6 := codesOf(unreach6, true).name(r.Block.Code6)
	switch {
	case r.Block.How == "return-rst" && r.Block.TTL > 0:
		w.put(" return-rst(ttl %d)", r.Block.TTL)
	case r.Block.How != "return-icmp":
		w.put(" %s", r.Block.How)
	case r.Family == "inet":
		w.put(" return-icmp(%s)", code)
	case r.Family == "inet6":
		w.put(" return-icmp6(%s)", code6)
	default:
		w.put(" return-icmp(%s, %s)", code, code6)
	}
}

func (w *printer) log(l *Log) {
	if l == nil {
		return
	}
	var options []string
	if l.All {
		options = append(options, "all")
	}
	if l.User {
		options = append(options, "user")
	}
	if l.To > 0 {
		options = append(options, fmt.Sprintf("to pflog%d", l.To))
	}
	w.put(" log")
	w.word(options != nil, "(%s)", strings.Join(options, ", "))
}

func (w *printer) fromTo(r Rule) {
	plain := func(p Peer) bool { return p.Addr.Kind == Any && !p.Not && p.Port.Op == "" }
	if plain(r.From) && plain(r.To) && r.OS == "" {
		w.put(" all")
		return
	}
	w.peer(" from ", r.From, r)
	w.word(r.OS != "", "os \"%s\"", r.OS)
	w.peer(" to ", r.To, r)
}

func (w *printer) peer(word string, p Peer, r Rule) {
	w.put("%s", word)
	if p.Not {
		w.put("! ")
	}
	w.put("%s", addressText(p.Addr, r.Family, w.style.Count))
	if p.Port.Op == "" {
		return
	}
	w.put(" port")
	first := strconv.Itoa(p.Port.A)
	switch {
	case p.Port.Name != "":
		first = p.Port.Name
	case !w.style.Numeric && (p.Port.Op == "=" || p.Port.Op == "!="):
		first = serviceName(p.Port.A, r.Proto == "tcp")
	}
	w.comparison(p.Port, first)
}

func (w *printer) comparison(r Range, first string) {
	switch r.Op {
	case "><", "<>":
		w.put(" %s %s %d", first, r.Op, r.B)
	case ":":
		w.put(" %s:%d", first, r.B)
	default:
		w.put(" %s %s", r.Op, first)
	}
}

func (w *printer) account(kind string, r Range) {
	if r.Op == "" {
		return
	}
	first := strconv.Itoa(r.A)
	switch {
	case r.Name != "":
		first = r.Name
	case r.A == unknownAccount:
		first = "unknown"
	}
	w.put(" %s", kind)
	w.comparison(r, first)
}

func (w *printer) flags(r Rule) {
	switch {
	case r.Flags != nil && (r.Flags.Set != "" || r.Flags.Of != ""):
		w.put(" flags %s/%s", r.Flags.Set, r.Flags.Of)
	case r.Action == "pass" && (r.Proto == "" || r.Proto == "tcp") && !r.Fragment && r.Anchor == "" && r.State != "":
		w.put(" flags any")
	}
}

func (w *printer) icmp(r Rule) {
	if r.ICMP == nil {
		return
	}
	six := r.Family == "inet6"
	word := map[bool]string{false: "icmp-type", true: "icmp6-type"}[six]
	w.put(" %s %s", word, typesOf(six).name(r.ICMP.Type))
	w.word(r.ICMP.Code >= 0, "code %s", codesOf(r.ICMP.Type, six).name(r.ICMP.Code))
}

// percent is a probability without needless zeroes.
func percent(p float64) string {
	text := strings.TrimRight(strconv.FormatFloat(p*100, 'f', 6, 64), "0")
	return strings.TrimSuffix(text, ".")
}

// items are the options as they stand in parentheses.
func (s StateOptions) items() (items []string) {
	add := func(on bool, format string, args ...any) {
		if on {
			items = append(items, fmt.Sprintf(format, args...))
		}
	}
	add(s.Max > 0, "max %d", s.Max)
	add(s.NoSync, "no-sync")
	add(s.SourceTrack != "", "source-track %s", s.SourceTrack)
	add(s.MaxSrcStates > 0, "max-src-states %d", s.MaxSrcStates)
	add(s.MaxSrcConn > 0, "max-src-conn %d", s.MaxSrcConn)
	add(s.RateLimit > 0, "max-src-conn-rate %d/%d", s.RateLimit, s.RateSeconds)
	add(s.MaxSrcNodes > 0, "max-src-nodes %d", s.MaxSrcNodes)
	add(s.Overload != "" && s.Flush != "", "overload <%s> %s", s.Overload, s.Flush)
	add(s.Overload != "" && s.Flush == "", "overload <%s>", s.Overload)
	add(s.IfBound, "if-bound")
	add(s.Sloppy, "sloppy")
	for _, name := range stateTimeouts {
		add(s.Timeouts[name] > 0, "%s %d", name, s.Timeouts[name])
	}
	return items
}

// packets is what a rule asks of packets, or makes of them.
func (w *printer) packets(r Rule) {
	w.word(r.Fragment, "fragment")
	if r.Scrubs {
		w.put(" scrub (%s)", strings.Join(scrubItems(r), ", "))
	} else {
		for _, item := range scrubItems(r) {
			w.put(" %s", item)
		}
	}
	w.word(r.AllowOpts, "allow-opts")
	if r.Action != "scrub" {
		return
	}
	w.word(r.ReassembleTCP, "reassemble tcp")
	w.word(r.NoReassemble, "fragment no reassemble")
	w.word(!r.NoReassemble, "fragment reassemble")
}

func scrubItems(r Rule) (items []string) {
	add := func(on bool, format string, args ...any) {
		if on {
			items = append(items, fmt.Sprintf(format, args...))
		}
	}
	add(r.NoDF, "no-df")
	add(r.RandomID, "random-id")
	add(r.MinTTL > 0, "min-ttl %d", r.MinTTL)
	add(r.MaxMSS > 0, "max-mss %d", r.MaxMSS)
	add(r.SetTOS >= 0, "set-tos %s", hex(r.SetTOS))
	add(r.Scrubs && r.ReassembleTCP, "reassemble tcp")
	return items
}

func (w *printer) translation(r Rule) {
	switch {
	case r.Anchor != "":
	case r.Action == "nat" || r.Action == "rdr" || r.Action == "binat":
		w.put(" -> ")
		w.pool(*r.Pool, r.Action, r.Family)
	default:
		if r.NatTo {
			w.put(" nat-to ")
			w.pool(*r.Pool, "nat", r.Family)
		}
		if r.RdrPool != nil {
			w.put(" rdr-to ")
			w.pool(*r.RdrPool, "rdr", r.Family)
		}
	}
}

func (w *printer) pool(p Pool, use, family string) {
	var targets []string
	for _, a := range p.Addresses {
		text := addressText(a.Addr, family, nil)
		switch {
		case a.Interface != "" && a.Addr.Kind == Any:
			text = a.Interface
		case a.Interface != "":
			text = fmt.Sprintf("(%s %s)", a.Interface, text)
		}
		targets = append(targets, text)
	}
	if len(targets) > 1 {
		w.put("{ %s }", strings.Join(targets, ", "))
	} else {
		w.put("%s", strings.Join(targets, ""))
	}
	ported := p.Low != 0 && !(use == "nat" && p.Low == natPortLow && p.High == natPortHigh)
	w.word(ported && (use == "nat" || use == "rdr"), "port %s", portText(p.Low, p.High))
	w.word(p.Type != "", "%s", p.Type)
	w.word(p.Type == "source-hash", "%s", p.Key)
	w.word(p.Sticky, "sticky-address")
	w.word(p.Static, "static-port")
}

// addressText is an address as it is printed.
func addressText(a Address, family string, count func(Address) int) string {
	counted := func() string {
		if count == nil {
			return ""
		}
		if n := count(a); n > 0 || n == 0 && a.Kind == TableOf {
			return ":" + strconv.Itoa(n)
		}
		return ":*"
	}
	switch a.Kind {
	case Net:
		if a.Prefix.IsSingleIP() {
			return a.Prefix.Addr().String()
		}
		return a.Prefix.String()
	case Span:
		return fmt.Sprintf("%s - %s", a.Prefix.Addr(), a.Last)
	case TableOf:
		return "<" + a.Name + counted() + ">"
	case Dynamic:
		text := "(" + a.Name
		for _, m := range []struct {
			on   bool
			name string
		}{{a.Network, ":network"}, {a.Broadcast, ":broadcast"}, {a.Peer, ":peer"}, {a.First, ":0"}} {
			if m.on {
				text += m.name
			}
		}
		text += counted() + ")"
		if full := a.Bits == 32 && family == "inet" || a.Bits == 128; a.Bits > 0 && !full {
			text += "/" + strconv.Itoa(a.Bits)
		}
		return text
	case Named:
		return a.Name
	}
	return a.Kind
}

// head is the table's name with its flags.
func (t Table) head() string {
	text := "table <" + t.Name + ">"
	for _, flag := range []struct {
		on   bool
		name string
	}{{t.Const, " const"}, {t.Persist, " persist"}, {t.Counters, " counters"}} {
		if flag.on {
			text += flag.name
		}
	}
	return text
}

// String is the table as pfctl -v says it.
func (t Table) String() string {
	text := braced(t.head(), t.Addresses)
	for _, f := range t.Files {
		text += " file \"" + f + "\""
	}
	if t.Given && len(t.Addresses) == 0 && len(t.Files) == 0 {
		text += " { }"
	}
	return text
}

// String is the address with its "!".
func (a TableAddress) String() string {
	text := a.Prefix.Addr().String()
	if !a.Prefix.IsSingleIP() {
		text = a.Prefix.String()
	}
	if a.Not {
		return "!" + text
	}
	return text
}

// Lines are rules as pfctl prints them, those in braces indented. verbose is how
// pfctl -nv does it, which shows the braces of named anchors too.
func Lines(list []Rule, style Style, verbose bool) []string { return lines(list, style, verbose, 0) }

func lines(list []Rule, style Style, verbose bool, depth int) (out []string) {
	indent := strings.Repeat("  ", depth)
	for _, r := range list {
		text := indent + r.Text(style)
		shown := r.Inline != nil && (r.Anchor[0] == '_' || verbose)
		if !shown || verbose && len(r.Inline.Filter) == 0 {
			out = append(out, text)
			continue
		}
		out = append(out, text+" {")
		out = append(out, lines(r.Inline.Filter, style, verbose, depth+1)...)
		out = append(out, indent+"}")
	}
	return out
}

// Preview is what pfctl -nv says of a file.
func (s *Ruleset) Preview(style Style) []string {
	out := slices.Clone(s.Said)
	for _, list := range [][]Rule{s.Scrub, s.Nat, s.Rdr, s.Binat, s.Filter} {
		out = append(out, Lines(list, style, true)...)
	}
	return out
}

// String is the address as it is printed.
func (a Address) String() string { return addressText(a, "", nil) }

// String is the comparison as it is printed: "= 22", "8000:8010"; empty for any.
func (r Range) String() string {
	if r.Op == "" {
		return ""
	}
	first := strconv.Itoa(r.A)
	if r.Name != "" {
		first = r.Name
	}
	var w printer
	w.comparison(r, first)
	return strings.TrimSpace(w.String())
}

// PortText is the ports of the pool, empty where they are those of nat by default,
// or none are given.
func (p Pool) PortText() string {
	if p.Low == 0 || p.Low == natPortLow && p.High == natPortHigh {
		return ""
	}
	return portText(p.Low, p.High)
}

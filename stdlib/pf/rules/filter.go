package rules

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// parts are the lists of a rule that is not expanded yet.
type parts struct {
	interfaces []ifItem
	protos     []string
	from, to   []host
	fromPorts  []Range
	toPorts    []Range
	systems    []string
	users      []Range
	groups     []Range
	icmp       []icmpItem
	pool       []host
}

type ifItem struct {
	not      bool
	name     string
	dynamic  bool // in parentheses, for antispoof
	loopback bool
}

type icmpItem struct {
	six  bool
	icmp ICMP
}

func newRule(action string, at Position) Rule {
	return Rule{Action: action, At: at, Prio: -1, RTable: -1, SetTOS: -1}
}

func (p *parser) here() Position { return Position{p.lex.file().name, p.tok.line} }

// filterRule is pass, block or match.
func (p *parser) filterRule() {
	r := newRule(p.tok.kind, p.here())
	if p.shift().kind == "block" {
		r.Block = p.blockSpec()
	}
	r.Direction = p.direction()
	r.Log, r.Quick = p.logQuick()
	var lists parts
	lists.interfaces = p.interfaces()
	r.Route, lists.pool = p.route()
	r.Family = p.family()
	lists.protos = p.protos()
	p.fromTo(&lists)
	o := p.filterOptions(&r, &lists)
	p.section(inFilter)
	p.checkFlags(r, lists, "apply")
	p.stateful(&r, o)
	r.Family = familyOf(familyOf(r.Family, lists.from), lists.to)
	p.checkRoute(&r, &lists)
	p.expand(r, lists)
}

// checkFlags refuses flags that can never be, or that the protocols don't have.
func (p *parser) checkFlags(r Rule, lists parts, verb string) {
	flags := r.Flags != nil && (r.Flags.Set != "" || r.Flags.Of != "")
	if flags && strings.Trim(r.Flags.Set, r.Flags.Of) != "" {
		p.refuse("flags always false")
	}
	if (flags || lists.systems != nil) && lists.protos != nil && !slices.Contains(lists.protos, "tcp") {
		if flags {
			p.complain("flags only apply to tcp")
		}
		if lists.systems != nil {
			p.complain("OS fingerprinting only %s to tcp", verb)
		}
		panic(abandon{})
	}
}

// stateful fills in what a rule about state means unless it says otherwise.
func (p *parser) stateful(r *Rule, o filterOptions) {
	defaults := false
	if r.Action == "pass" && !o.keep {
		r.State = "keep"
		if p.defaults != nil {
			r.StateOpts, defaults = *p.defaults, true
		}
	}
	if !defaults {
		p.checkStateOptions(o.stateItems)
		r.StateOpts = o.state
	}
	if r.Action == "pass" && r.Flags == nil && !r.Fragment && r.State != "" {
		r.Flags = &Flags{"S", "SA"}
	}
	s := &r.StateOpts
	set := func(name string, seconds int) {
		timeouts := map[string]int{name: seconds}
		for n, v := range s.Timeouts {
			timeouts[n] = v
		}
		timeouts[name] = seconds
		s.Timeouts = timeouts
	}
	if s.Max > 0 && s.Timeouts["adaptive.start"] == 0 && s.Timeouts["adaptive.end"] == 0 {
		set("adaptive.start", s.Max/10*6)
		set("adaptive.end", s.Max/10*12)
	}
	perRule := s.MaxSrcConn > 0 || s.RateLimit > 0 || s.MaxSrcNodes > 0
	if s.SourceTrack == "global" && !p.env.Printed {
		for _, limit := range []struct {
			set  bool
			name string
		}{{s.MaxSrcNodes > 0, "max-src-nodes"}, {s.MaxSrcConn > 0, "max-src-conn"}, {s.RateSeconds > 0, "max-src-conn-rate"}} {
			if limit.set {
				p.refuse("'%s' is incompatible with 'source-track global'", limit.name)
			}
		}
	}
	switch {
	case perRule:
		s.SourceTrack = "rule"
	case s.SourceTrack == "" && s.MaxSrcStates > 0:
		s.SourceTrack = "global"
	}
	if s.RateSeconds > s.Timeouts["src.track"] {
		set("src.track", s.RateSeconds)
	}
	if r.State != "" && !o.locked && p.ifBound {
		s.IfBound = true
	}
}

// checkStateOptions refuses options that are given twice.
func (p *parser) checkStateOptions(items []string) {
	seen := map[string]bool{}
	for _, name := range items {
		if seen[name] {
			switch name {
			case "overload":
				p.refuse("multiple 'overload' table definitions")
			case "sloppy":
				p.refuse("state sloppy option: multiple definitions")
			case "lock":
				p.refuse("state locking option: multiple definitions")
			case "no-sync":
				p.refuse("state option 'sync' multiple definitions")
			}
			if isTimeout(name) {
				p.refuse("state timeout %s multiple definitions", name)
			}
			p.refuse("state option '%s' multiple definitions", name)
		}
		seen[name] = true
	}
}

func (p *parser) checkRoute(r *Rule, lists *parts) {
	if r.Route == nil {
		return
	}
	if r.Direction == "" {
		p.refuse("direction must be explicit with rules that specify routing")
	}
	r.Family = familyOf(r.Family, lists.pool)
	lists.pool, r.Family = ofFamily(lists.pool, r.Family)
	if len(lists.pool) == 0 {
		p.refuse("no routing address with matching address family found.")
	}
	r.Route.Pool.Type = p.poolType(r.Route.Pool.Type, lists.pool, "routing")
}

// poolType is round-robin where there are several addresses; other types cannot
// do with them.
func (p *parser) poolType(kind string, hosts []host, use string) string {
	if kind == "" && (len(hosts) > 1 || hosts[0].addr.Kind == TableOf || hosts[0].addr.several()) {
		kind = "round-robin"
	}
	if kind == "round-robin" {
		return kind
	}
	for _, h := range hosts {
		if h.addr.Kind == TableOf {
			p.refuse("tables are only supported in round-robin %s pools", use)
		}
	}
	for _, h := range hosts {
		if h.addr.several() {
			p.refuse("interface (%s) is only supported in round-robin %s pools", h.addr.Name, use)
		}
	}
	return kind
}

// several tells whether an interface in parentheses may have several addresses: it
// is not the first alone, or a group.
func (a Address) several() bool {
	return a.Kind == Dynamic && (!a.First || !isDigit(int(a.Name[len(a.Name)-1])))
}

func (p *parser) blockSpec() Block {
	policy := Block{How: p.blockPolicy, Code: unreachPort, Code6: unreach6Port}
	switch p.tok.kind {
	case "drop":
		p.shift()
		return Block{How: "drop"}
	case "return":
		p.shift()
		policy.How = "return"
	case "return-rst":
		p.shift()
		b := Block{How: "return-rst"}
		if p.accept("(") {
			p.want("ttl")
			n := p.want(tokNumber).num
			if n < 0 || n > 255 {
				p.refuse("illegal ttl value %d", n)
			}
			b.TTL = int(n)
			p.want(")")
		}
		return b
	case "return-icmp", "return-icmp6":
		six := p.shift().kind == "return-icmp6"
		policy.How = "return-icmp"
		if !p.accept("(") {
			break
		}
		if six {
			policy.Code6 = p.icmpCode(true)
		} else {
			policy.Code = p.icmpCode(false)
			if !p.is(")") {
				p.accept(",")
				policy.Code6 = p.icmpCode(true)
			}
		}
		p.want(")")
	}
	return policy
}

// icmpCode reads a code of unreachable.
func (p *parser) icmpCode(six bool) int {
	if p.tok.kind == tokNumber {
		n := p.tok.num
		if n < 0 || n > 255 {
			p.refuse("invalid icmp code %d", n)
		}
		p.shift()
		return int(n)
	}
	name := p.text()
	if n, err := strconv.ParseUint(name, 0, 32); err == nil {
		if n > 255 {
			p.refuse("invalid icmp code %d", n)
		}
		return int(n)
	}
	kind := unreach
	if six {
		kind = unreach6
	}
	code, ok := codesOf(kind, six).number(name)
	if !ok {
		p.refuse("unknown icmp code %s", name)
	}
	return code
}

func (p *parser) direction() string {
	if p.is("in", "out") {
		return p.shift().kind
	}
	return ""
}

func (p *parser) logQuick() (l *Log, quick bool) {
	quick = p.accept("quick")
	if p.is("log") {
		l = p.log()
		quick = quick || p.accept("quick")
	}
	return l, quick
}

func (p *parser) log() *Log {
	p.shift()
	l := &Log{}
	if !p.is("(") {
		return l
	}
	p.enclosed(func() {
		switch p.tok.kind {
		case "all":
			l.All = true
		case "user", "group":
			l.User = true
		case "to":
			p.shift()
			name := p.words()
			digits, ok := strings.CutPrefix(name, "pflog")
			if !ok {
				p.refuse("%s: should be a pflog interface", name)
			}
			n, err := strconv.Atoi(digits)
			if err != nil {
				p.refuse("%s: invalid", name)
			}
			if n > 255 {
				p.refuse("%s: too large", name)
			}
			l.To = n
			return
		default:
			p.syntax()
		}
		p.shift()
	})
	return l
}

func (p *parser) interfaces() []ifItem {
	if !p.accept("on") {
		return nil
	}
	return list(p, func() ifItem {
		not := p.accept("!")
		i := p.ifItem()
		i.not = not
		return i
	})
}

func (p *parser) ifItem() ifItem {
	name := p.text()
	if len(name) >= 16 {
		p.refuse("interface name too long")
	}
	i := ifItem{name: name}
	for _, known := range p.env.Interfaces {
		if known.Name == name {
			i.loopback = known.Loopback
		}
	}
	if p.env.Interfaces == nil {
		i.loopback = strings.HasPrefix(name, "lo")
	}
	return i
}

func (p *parser) family() string {
	if p.is("inet", "inet6") {
		return p.shift().kind
	}
	return ""
}

func (p *parser) protos() []string {
	if !p.accept("proto") {
		return nil
	}
	return list(p, p.proto)
}

func (p *parser) proto() string {
	number := 0
	switch p.tok.kind {
	case tokNumber:
		if p.tok.num < 0 || p.tok.num > 255 {
			p.refuse("protocol outside range")
		}
		number = int(p.shift().num)
	default:
		name := p.text()
		var ok bool
		if number, ok = protocols.number(name); !ok {
			p.refuse("unknown protocol %s", name)
		}
	}
	if number&255 == 0 {
		p.refuse("proto 0 cannot be used")
	}
	return protocols.name(number)
}

// fromTo reads all, or from and to.
func (p *parser) fromTo(lists *parts) {
	if p.accept("all") {
		return
	}
	if p.accept("from") {
		lists.from, lists.fromPorts = p.peer()
	}
	if p.accept("os") {
		lists.systems = list(p, p.text)
	}
	if p.accept("to") {
		lists.to, lists.toPorts = p.peer()
		for _, h := range lists.to {
			if h.addr.Kind == URPFFailed {
				p.refuse("\"urpf-failed\" is not permitted in a destination address")
			}
		}
	}
}

func (p *parser) peer() (hosts []host, ports []Range) {
	if !p.is("port") {
		hosts = p.hosts()
	}
	if p.accept("port") {
		ports = list(p, func() Range { return p.comparison(p.port) })
	}
	return hosts, ports
}

// comparison reads an operator with its number or numbers.
func (p *parser) comparison(number func(r *Range)) Range {
	var r Range
	switch {
	case p.accept("="):
		r.Op = "="
	case p.accept("!"):
		p.want("=")
		r.Op = "!="
	case p.is("<", ">"):
		r.Op = p.shift().kind
		if p.accept("=") {
			r.Op += "="
		}
	}
	unary := r.Op != ""
	number(&r)
	if unary {
		if r.B != 0 {
			p.refuse("':' cannot be used with an other port operator")
		}
		return r
	}
	if !p.is("<>", "><") {
		r.Op = "="
		if r.B != 0 {
			r.Op = ":"
		}
		return r
	}
	op := p.shift().kind
	var second Range
	number(&second)
	if r.B != 0 || second.B != 0 {
		p.refuse("':' cannot be used with an other port operator")
	}
	return Range{Op: op, A: r.A, B: second.A}
}

// port reads a port, or a range of them.
func (p *parser) port(r *Range) {
	text := p.mixed()
	first, last, both := strings.Cut(text, ":")
	r.A, r.Name = p.service(first)
	if !both {
		return
	}
	if r.B, _ = p.service(last); r.A == r.B {
		r.B = 0
	}
}

func (p *parser) service(name string) (number int, unknown string) {
	if n, err := strconv.ParseUint(name, 0, 64); err == nil {
		if n > 65535 {
			p.refuse("illegal port value %d", n)
		}
		return int(n), ""
	}
	n, ok := serviceNumber(name)
	if !ok && p.env.Printed {
		return 0, name
	}
	if !ok {
		p.refuse("unknown port %s", name)
	}
	return n, ""
}

// filterOptions is what is said behind the addresses and does not stand in Rule.
type filterOptions struct {
	keep       bool // state is spoken of
	locked     bool
	state      StateOptions
	stateItems []string
}

func (p *parser) filterOptions(r *Rule, lists *parts) filterOptions {
	var o filterOptions
	seen := map[string]bool{}
	once := func(name, text string) {
		if seen[name] {
			p.refuse("%s", text)
		}
		seen[name] = true
	}
	for {
		switch kind := p.tok.kind; kind {
		case "user":
			p.shift()
			lists.users = append(list(p, func() Range { return p.account(kind, p.env.User) }), lists.users...)
		case "group":
			p.shift()
			lists.groups = append(list(p, func() Range { return p.account(kind, p.env.Group) }), lists.groups...)
		case "flags":
			f := p.flags()
			once(kind, "flags cannot be redefined")
			r.Flags = f
		case "icmp-type", "icmp6-type":
			p.shift()
			items := list(p, func() icmpItem { return p.icmpItem(kind == "icmp6-type") })
			once("icmp", "icmp-type cannot be redefined")
			lists.icmp = items
		case "prio":
			p.shift()
			n := p.want(tokNumber).num
			once(kind, "prio cannot be redefined")
			r.Prio = p.prio(n)
		case "tos":
			p.shift()
			n := p.tos()
			once(kind, "tos cannot be redefined")
			r.TOS = n
		case "no", "keep", "modulate", "synproxy":
			p.shift()
			p.want("state")
			if kind != "no" && p.is("(") {
				p.stateOptions(&o)
			}
			once("keep", "modulate or keep cannot be redefined")
			o.keep = true
			if kind != "no" {
				r.State = kind
			}
		case "(":
			if !p.env.Printed || !o.keep {
				return o
			}
			p.stateOptions(&o) // printed behind the probability
		case "fragment":
			p.shift()
			r.Fragment = true
		case "allow-opts":
			p.shift()
			r.AllowOpts = true
		case "label":
			p.label(r, once)
		case "queue":
			q, pq := p.queueNames()
			once(kind, "queue cannot be redefined")
			r.Queue, r.PQueue = q, pq
		case "tag":
			p.shift()
			r.Tag = p.words()
		case "!", "tagged":
			r.NotTagged = p.accept("!")
			p.want("tagged")
			r.Tagged = p.words()
		case "probability":
			p.shift()
			r.Probability = p.probability()
		case "rtable":
			r.RTable = p.rtable()
		case "divert-to":
			p.divert(r)
		case "divert-reply":
			p.refuse("divert-reply has no meaning in FreeBSD pf(4)")
		case "set":
			p.shift()
			if p.is("(") {
				p.enclosed(func() { p.setItem(r, once) })
			} else {
				p.setItem(r, once)
			}
		case "scrub":
			if !since(p.env.Release, "14.0") {
				return o
			}
			p.shift()
			r.Scrubs = true
			p.enclosed(func() { p.scrubOption(r, map[string]bool{}) })
		case "ridentifier":
			p.shift()
			r.Identifier = p.number()
		case "dnpipe", "dnqueue":
			p.dummynet(r)
		case "nat-to", "rdr-to":
			p.redirect(r)
		default:
			return o
		}
	}
}

// maxLabels is PF_RULE_MAX_LABEL_COUNT; before 14 a rule has one.
const maxLabels = 5

func (p *parser) label(r *Rule, once func(name, text string)) {
	p.shift()
	text := p.text()
	if !since(p.env.Release, "14.0") {
		once("label", "label cannot be redefined")
	} else if len(r.Labels) >= maxLabels {
		p.refuse("label can only be used %d times", maxLabels)
	}
	if len(text) >= 64 {
		p.refuse("rule label too long (max %d chars)", 63)
	}
	r.Labels = append(r.Labels, text)
}

func (p *parser) queueNames() (queue, second string) {
	p.shift()
	if !p.accept("(") {
		return p.text(), ""
	}
	queue = p.text()
	if !p.is(")") {
		p.accept(",")
		second = p.text()
	}
	p.want(")")
	return queue, second
}

// number reads a number, also one that is written as a string, as 0x10.
func (p *parser) number() int {
	if p.tok.kind == tokNumber {
		return int(p.shift().num)
	}
	text := p.text()
	n, err := strconv.ParseUint(text, 0, 63)
	if err != nil {
		p.refuse("%s is not a number", text)
	}
	return int(n)
}

func (p *parser) dummynet(r *Rule) {
	kind := p.shift().kind
	if !p.accept("(") {
		r.Dummynet = kind + " " + strconv.Itoa(p.number())
		return
	}
	r.Dummynet = kind + "(" + strconv.Itoa(p.number())
	if !p.is(")") {
		p.accept(",")
		r.Dummynet += ", " + strconv.Itoa(p.number())
	}
	r.Dummynet += ")"
	p.want(")")
}

func (p *parser) prio(n int64) int {
	if n < 0 || n > 7 {
		p.refuse("prio must be 0 - 7")
	}
	return int(n)
}

// setItem is what a packet that passes gets.
func (p *parser) setItem(r *Rule, once func(name, text string)) {
	switch p.tok.kind {
	case "prio":
		p.shift()
		text := ""
		if p.accept("(") {
			low := p.prio(p.want(tokNumber).num)
			p.accept(",")
			high := p.prio(p.want(tokNumber).num)
			p.want(")")
			if text = "prio(" + strconv.Itoa(low) + ", " + strconv.Itoa(high) + ")"; low == high {
				text = "prio " + strconv.Itoa(low)
			}
		} else {
			text = "prio " + strconv.Itoa(p.prio(p.want(tokNumber).num))
		}
		once("set prio", "prio cannot be redefined")
		r.Set = append(r.Set, text)
	case "tos":
		if !since(p.env.Release, "14.0") {
			p.syntax()
		}
		p.shift()
		n := p.tos()
		once("set tos", "tos cannot be redefined")
		r.Set = append(r.Set, "tos "+hex(n))
	default:
		p.syntax()
	}
}

func (p *parser) probability() float64 {
	if p.tok.kind == tokNumber {
		return p.chance(float64(p.shift().num))
	}
	text := p.text()
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		p.refuse("invalid probability: %s", text)
	}
	if percent {
		n *= 0.01
	}
	return p.chance(n)
}

func (p *parser) chance(n float64) float64 {
	units := math.Floor(n*math.MaxUint32 + 0.5)
	if !(units >= 0 && units <= math.MaxUint32) {
		p.refuse("invalid probability: %f", units)
	}
	return max(units, 1) / (math.MaxUint32 + 1.0)
}

func (p *parser) rtable() int {
	p.shift()
	n := p.want(tokNumber).num
	if n < 0 || n > 15 {
		p.refuse("invalid rtable id")
	}
	return int(n)
}

func (p *parser) divert(r *Rule) {
	p.shift()
	text := p.mixed()
	if p.accept("port") {
		text = p.mixed()
	}
	if r.DivertTo, _ = p.service(text); r.DivertTo == 0 {
		p.refuse("invalid divert port: 0")
	}
}

// account reads a comparison with a user or a group.
func (p *parser) account(kind string, lookup func(string) (int, bool)) Range {
	name := map[string]string{"user": "uid", "group": "gid"}[kind]
	unknown := false
	r := p.comparison(func(r *Range) {
		if p.tok.kind == tokNumber {
			n := p.tok.num
			if n < 0 || n >= unknownAccount {
				p.refuse("illegal %s value %d", name, n)
			}
			p.shift()
			r.A = int(n)
			return
		}
		text := p.text()
		switch {
		case text == "unknown":
			unknown, r.A = true, unknownAccount
		case lookup == nil:
			r.Name = text
		default:
			n, ok := lookup(text)
			if !ok {
				p.refuse("unknown %s %s", kind, text)
			}
			r.A = n
		}
	})
	if unknown && r.Op != "=" && r.Op != "!=" {
		p.refuse("%s unknown requires operator = or !=", kind)
	}
	return r
}

func (p *parser) flags() *Flags {
	p.shift()
	if p.accept("any") {
		return &Flags{}
	}
	set := ""
	if !p.is("/") {
		set = p.flag()
	}
	p.want("/")
	return &Flags{set, p.flag()}
}

func (p *parser) flag() string {
	text := p.text()
	ordered, ok := orderFlags(text)
	if !ok {
		p.refuse("bad flags %s", text)
	}
	return ordered
}

func (p *parser) icmpItem(six bool) icmpItem {
	word := "icmp"
	if six {
		word = "icmp6"
	}
	number := func(what string, names func() named) int {
		if p.tok.kind == tokNumber {
			n := p.tok.num
			if n < 0 || n > 255 {
				p.refuse("illegal %s-%s %d", word, what, n)
			}
			p.shift()
			return int(n)
		}
		name := p.text()
		n, ok := names().number(name)
		if !ok {
			p.refuse("unknown %s-%s %s", word, what, name)
		}
		return n
	}
	i := icmpItem{six, ICMP{Code: -1}}
	i.icmp.Type = number("type", func() named { return typesOf(six) })
	if p.accept("code") {
		i.icmp.Code = number("code", func() named { return codesOf(i.icmp.Type, six) })
	}
	return i
}

func (p *parser) tos() int {
	if p.tok.kind == tokNumber {
		n := p.tok.num
		if n < 0 || n > 255 {
			p.refuse("illegal tos value %d", n)
		}
		p.shift()
		return int(n)
	}
	text := p.text()
	if n, ok := tosNames.number(strings.ToLower(text)); ok {
		return n
	}
	digits, isHex := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 8)
	if !isHex || err != nil {
		p.refuse("illegal tos value %s", text)
	}
	return int(n)
}

func (p *parser) stateOptions(o *filterOptions) {
	p.enclosed(func() { p.stateItem(o) })
}

// positive reads a number that is not negative.
func (p *parser) positive() int {
	n := p.want(tokNumber).num
	if n < 0 || n > math.MaxUint32 {
		p.refuse("only positive values permitted")
	}
	return int(n)
}

func (p *parser) stateItem(o *filterOptions) {
	s := &o.state
	item := func(name string) { o.stateItems = append(o.stateItems, name) }
	limit := func(name string, field *int) {
		p.shift()
		*field = p.positive()
		if *field == 0 && name != "max" {
			p.refuse("'%s' must be > 0", name)
		}
		item(name)
	}
	switch kind := p.tok.kind; kind {
	case "max":
		limit(kind, &s.Max)
	case "no-sync":
		p.shift()
		s.NoSync = true
		item(kind)
	case "max-src-states":
		limit(kind, &s.MaxSrcStates)
	case "max-src-conn":
		limit(kind, &s.MaxSrcConn)
	case "max-src-nodes":
		limit(kind, &s.MaxSrcNodes)
	case "max-src-conn-rate":
		p.shift()
		s.RateLimit = p.positive()
		p.want("/")
		if s.RateSeconds = p.positive(); s.RateLimit == 0 || s.RateSeconds == 0 {
			p.refuse("'max-src-conn-rate' values must be > 0")
		}
		item(kind)
	case "overload":
		p.shift()
		p.want("<")
		s.Overload = p.text()
		p.want(">")
		if len(s.Overload) >= tableNameSize {
			p.refuse("table name '%s' too long", s.Overload)
		}
		if p.accept("flush") {
			if s.Flush = "flush"; p.accept("global") {
				s.Flush = "flush global"
			}
		}
		item(kind)
	case "source-track":
		p.shift()
		if s.SourceTrack = "global"; p.is("global", "rule") {
			s.SourceTrack = p.shift().kind
		}
		item(kind)
	case "if-bound", "floating":
		p.shift()
		s.IfBound, o.locked = kind == "if-bound", true
		item("lock")
	case "sloppy":
		p.shift()
		s.Sloppy = true
		item(kind)
	case tokString:
		name := p.shift().text
		seconds := p.positive()
		if !isTimeout(name) {
			p.refuse("illegal timeout name %s", name)
		}
		if !strings.Contains(name, ".") {
			p.refuse("illegal state timeout %s", name)
		}
		if s.Timeouts == nil {
			s.Timeouts = map[string]int{}
		}
		s.Timeouts[name] = seconds
		item(name)
	default:
		p.syntax()
	}
}

func hex(n int) string {
	text := strconv.FormatInt(int64(n), 16)
	if len(text) == 1 {
		text = "0" + text
	}
	return "0x" + text
}

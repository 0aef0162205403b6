package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// hints are the timeouts of set optimization.
var hints = map[string]map[string]int{
	"normal": {
		"tcp.first": 120, "tcp.opening": 30, "tcp.established": 86400, "tcp.closing": 900, "tcp.finwait": 45, "tcp.closed": 90, "tcp.tsdiff": 30,
	},
	"satellite": {
		"tcp.first": 180, "tcp.opening": 35, "tcp.established": 86400, "tcp.closing": 905, "tcp.finwait": 50, "tcp.closed": 95, "tcp.tsdiff": 60,
	},
	"conservative": {
		"tcp.first": 3600, "tcp.opening": 900, "tcp.established": 432000, "tcp.closing": 3600, "tcp.finwait": 600, "tcp.closed": 180,
		"tcp.tsdiff": 60,
	},
	"aggressive": {
		"tcp.first": 30, "tcp.opening": 5, "tcp.established": 18000, "tcp.closing": 60, "tcp.finwait": 30, "tcp.closed": 30, "tcp.tsdiff": 10,
	},
}

// Limits are the names of set limit with their defaults.
var Limits = []struct {
	Name    string
	Default int
}{{"states", 100000}, {"src-nodes", 10000}, {"frags", 5000}, {"table-entries", 200000}}

// note keeps an option; the last one of a name counts.
func (p *parser) note(name, value string) {
	p.top.Options = append(p.top.Options, Option{name, value})
}

// option reads what follows "set".
func (p *parser) option() {
	switch kind := p.tok.kind; kind {
	case "optimization":
		p.shift()
		p.optimization(p.text())
	case "ruleset-optimization":
		p.shift()
		value := p.words()
		if !slices.Contains([]string{"none", "basic", "profile"}, value) {
			p.refuse("unknown ruleset-optimization %s", value)
		}
		p.note(kind, value)
	case "timeout":
		p.shift()
		p.optionList(p.timeout)
	case "limit":
		p.shift()
		p.optionList(p.limit)
	case "loginterface":
		p.shift()
		value := "all"
		if !p.accept("all") {
			value = p.text()
		}
		p.section(inOptions)
		p.note(kind, value)
		p.say("set loginterface %s", value)
	case "hostid":
		p.shift()
		n := p.number()
		if n <= 0 || n > math.MaxUint32 {
			p.refuse("hostid must be non-zero")
		}
		p.note(kind, fmt.Sprintf("0x%08x", n))
		p.say("set hostid 0x%08x", n)
	case "block-policy", "fail-policy":
		p.shift()
		if !p.is("drop", "return") {
			p.syntax()
		}
		value := p.shift().kind
		p.say("set %s %s", kind, value)
		p.section(inOptions)
		if kind == "block-policy" {
			p.blockPolicy = value
		}
		p.note(kind, value)
	case "require-order":
		p.shift()
		p.requireOrder = p.yesNo()
		value := map[bool]string{true: "yes", false: "no"}[p.requireOrder]
		p.note(kind, value)
		p.say("set require-order %s", value)
	case "fingerprints":
		p.shift()
		value := p.text()
		p.say("set fingerprints \"%s\"", value)
		p.section(inOptions)
		p.note(kind, value)
	case "state-policy":
		p.shift()
		if !p.is("if-bound", "floating") {
			p.syntax()
		}
		value := p.shift().kind
		p.ifBound = value == "if-bound"
		p.note(kind, value)
		p.say("set state-policy %s", value)
	case "debug":
		p.shift()
		p.debug(p.text())
	case "skip":
		p.shift()
		p.skip()
	case "state-defaults":
		p.shift()
		p.stateDefaults()
	case "reassemble":
		if !since(p.env.Release, "14.0") {
			p.syntax()
		}
		p.shift()
		p.reassemble()
	case "keepcounters":
		p.shift()
		p.note(kind, "")
	case "syncookies":
		p.shift()
		p.syncookies()
	default:
		p.syntax()
	}
}

// optionList reads one name with its number, or several in braces.
func (p *parser) optionList(item func()) {
	if !p.accept("{") {
		item()
		return
	}
	p.newlines()
	for {
		item()
		p.newlines()
		if p.accept("}") {
			return
		}
		p.accept(",")
	}
}

func (p *parser) optimization(value string) {
	p.section(inOptions)
	name := strings.ToLower(value)
	if name == "high-latency" {
		name = "satellite"
	}
	timeouts := hints[name]
	if timeouts == nil {
		p.mutter("pfctl: invalid state timeouts optimization")
		p.refuse("unknown optimization %s", value)
	}
	for _, t := range Timeouts {
		if seconds, ok := timeouts[t.Name]; ok {
			p.note("timeout "+t.Name, strconv.Itoa(seconds))
		}
	}
	p.note("optimization", value)
	p.say("set optimization %s", value)
}

func (p *parser) timeout() {
	name := "interval"
	if !p.accept("interval") {
		name = p.text()
	}
	n := p.want(tokNumber).num
	p.section(inOptions)
	if n < 0 || n > math.MaxUint32 {
		p.refuse("only positive values permitted")
	}
	if !isTimeout(strings.ToLower(name)) {
		p.mutter("pfctl: Bad timeout name.")
		p.refuse("unknown timeout %s", name)
	}
	p.note("timeout "+strings.ToLower(name), strconv.FormatInt(n, 10))
	p.say("set timeout %s %d", name, n)
}

func (p *parser) limit() {
	name := p.text()
	n := p.want(tokNumber).num
	p.section(inOptions)
	if n < 0 || n > math.MaxUint32 {
		p.refuse("only positive values permitted")
	}
	known := false
	for _, l := range Limits {
		known = known || strings.EqualFold(l.Name, name)
	}
	if !known {
		p.mutter("pfctl: Bad pool name.")
		p.refuse("unable to set limit %s %d", name, n)
	}
	p.note("limit "+strings.ToLower(name), strconv.FormatInt(n, 10))
	p.say("set limit %s %d", name, n)
}

func (p *parser) debug(value string) {
	p.section(inOptions)
	if !slices.Contains([]string{"none", "urgent", "misc", "loud"}, value) {
		p.mutter("pfctl: unknown debug level \"%s\"", value)
		p.refuse("error setting debuglevel %s", value)
	}
	p.note("debug", value)
	p.say("set debug %s", value)
}

func (p *parser) skip() {
	interfaces := p.interfaces()
	if len(interfaces) == 0 || len(interfaces) == 1 && !interfaces[0].not && interfaces[0].name == "none" {
		p.note("skip", "none")
		p.say("set skip on none")
		return
	}
	text, negated := "set skip on {", false
	for _, i := range interfaces {
		text += " " + i.name
		if i.not {
			negated = true
			p.complain("skip on ! <interface> is not supported")
			continue
		}
		p.note("skip", i.name)
	}
	p.say("%s }", text)
	if negated {
		p.refuse("error setting skip interface(s)")
	}
}

func (p *parser) stateDefaults() {
	var o filterOptions
	for {
		p.stateItem(&o)
		if p.is("\n", tokEOF) {
			break
		}
		p.accept(",")
	}
	if p.defaults != nil {
		p.refuse("cannot redefine state-defaults")
	}
	p.defaults = &o.state
	p.note("state-defaults", strings.Join(o.state.items(), ", "))
}

func (p *parser) reassemble() {
	yes := p.yesNo()
	noDF := p.accept("no-df")
	p.section(inOptions)
	value := map[bool]string{true: "yes", false: "no"}[yes]
	if noDF {
		value += " no-df"
	}
	p.note("reassemble", value)
	p.say("set reassemble %s", value)
}

func (p *parser) syncookies() {
	value := p.text()
	if !slices.Contains([]string{"never", "adaptive", "always"}, value) {
		p.refuse("illegal value for syncookies")
	}
	if p.is("(") {
		var marks []string
		p.enclosed(func() {
			name := p.text()
			n, err := strconv.ParseFloat(strings.TrimSuffix(p.text(), "%"), 64)
			switch {
			case err != nil:
				panic(abandon{})
			case n <= 0 || n > 100:
				p.refuse("illegal percentage value")
			case name != "start" && name != "end":
				p.refuse("illegal syncookie option")
			}
			marks = append(marks, fmt.Sprintf("%s %g%%", name, n))
		})
		value += " (" + strings.Join(marks, ", ") + ")"
	}
	p.note("syncookies", value)
}

func (p *parser) yesNo() bool {
	if p.accept("no") {
		return false
	}
	if word := p.text(); word != "yes" {
		p.refuse("invalid value '%s', expected 'yes' or 'no'", word)
	}
	return true
}

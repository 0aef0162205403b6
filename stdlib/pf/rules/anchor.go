package rules

import (
	"fmt"
	"strings"
)

// anchorRule calls another set of rules, which may follow in braces.
func (p *parser) anchorRule() {
	r := newRule("pass", p.here())
	p.shift()
	name, named := "", p.tok.kind == tokString
	if named {
		name = p.shift().text
	}
	r.Direction = p.direction()
	r.Quick = p.accept("quick")
	var lists parts
	lists.interfaces = p.interfaces()
	r.Family = p.family()
	lists.protos = p.protos()
	p.fromTo(&lists)
	p.filterOptions(&r, &lists)
	inline := p.inline()
	p.section(inFilter)
	if strings.HasPrefix(name, "_") || strings.Contains(name, "/_") {
		p.refuse("anchor names beginning with '_' are reserved for internal use")
	}
	switch {
	case inline == nil && !named:
		p.refuse("anchors without explicit rules must specify a name")
	case inline != nil && named && strings.Contains(name, "/") && since(p.env.Release, "13.0"):
		p.refuse("anchor paths containing '/' cannot be used for inline anchors.")
	case inline != nil && named:
		for _, other := range p.set.Filter {
			if other.Anchor == name && other.Inline != nil && len(other.Inline.Filter) > 0 {
				p.refuse("inline anchor '%s' already exists", name)
			}
		}
	case inline != nil:
		name = fmt.Sprintf("_%d", p.braces)
	}
	p.checkFlags(r, lists, "applies")
	if r.State != "" {
		p.refuse("cannot specify state handling on anchors")
	}
	r.Anchor, r.Inline = name, inline
	r.Family = familyOf(familyOf(r.Family, lists.from), lists.to)
	p.expand(r, lists)
}

// inline reads rules in braces, nil for none.
func (p *parser) inline() *Ruleset {
	if !p.accept("{") {
		return nil
	}
	p.braces++
	outer := p.set
	p.set = &Ruleset{}
	inner := p.set
	defer func() { p.set = outer }()
	p.want("\n")
	for !p.accept("}") {
		switch p.tok.kind {
		case "\n":
		case "pass", "block", "match":
			p.filterRule()
		case "anchor":
			p.anchorRule()
		default:
			p.syntax()
		}
		p.want("\n")
	}
	return inner
}

// natAnchor calls translation rules.
func (p *parser) natAnchor() {
	kind, _ := strings.CutSuffix(p.tok.kind, "-anchor")
	r := newRule(kind, p.here())
	p.shift()
	r.Anchor = p.words()
	var lists parts
	lists.interfaces = p.interfaces()
	r.Family = p.family()
	lists.protos = p.protos()
	p.fromTo(&lists)
	if p.is("rtable") {
		r.RTable = p.rtable()
	}
	p.section(inNat)
	switch kind {
	case "rdr":
		switch {
		case lists.fromPorts != nil:
			p.refuse("source port parameter not supported in rdr-anchor")
		case len(lists.toPorts) > 1:
			p.refuse("destination port list expansion not supported in rdr-anchor")
		case len(lists.toPorts) == 1 && lists.toPorts[0].Op != "=":
			p.refuse("destination port operators not supported in rdr-anchor")
		}
	case "binat":
		if len(lists.protos) > 1 {
			p.refuse("proto list expansion not supported in binat-anchor")
		}
		if lists.from != nil || lists.to != nil || lists.fromPorts != nil || lists.toPorts != nil {
			p.refuse("fromto parameter not supported in binat-anchor")
		}
	}
	r.Family = familyOf(familyOf(r.Family, lists.from), lists.to)
	p.expand(r, lists)
}

// antispoof blocks what comes in with an interface's addresses from elsewhere.
func (p *parser) antispoof() {
	r := newRule("block", p.here())
	p.shift()
	r.Block = Block{How: "drop"}
	r.Direction = "in"
	r.Log, r.Quick = p.logQuick()
	p.want("for")
	interfaces := list(p, func() ifItem {
		if p.accept("(") {
			i := p.ifItem()
			i.dynamic = true
			p.want(")")
			return i
		}
		return p.ifItem()
	})
	r.Family = p.family()
	once := map[string]bool{}
	for p.is("label", "rtable") {
		if p.is("rtable") {
			r.RTable = p.rtable()
			continue
		}
		p.label(&r, func(name, text string) {
			if once[name] {
				p.refuse("%s", text)
			}
			once[name] = true
		})
	}
	p.section(inFilter)
	for _, i := range interfaces {
		elsewhere := i
		elsewhere.not = true
		p.spoofed(r, i, ":network", Address{Network: true}, []ifItem{elsewhere})
		if !i.loopback {
			p.spoofed(r, i, "", Address{}, nil)
		}
	}
}

// spoofed is one of the rules of antispoof; an interface without addresses has
// none.
func (p *parser) spoofed(r Rule, i ifItem, suffix string, a Address, on []ifItem) {
	hosts := []host{{addr: Address{Kind: Dynamic, Name: i.name, Network: a.Network}}}
	if !i.dynamic {
		if p.env.Interfaces == nil {
			hosts = []host{{addr: Address{Kind: Named, Name: i.name + suffix}}}
		} else {
			hosts, _, _ = p.env.interfaceHosts(i.name+suffix, -1)
		}
	}
	if len(hosts) > 0 {
		p.expand(r, parts{interfaces: on, from: hosts})
	}
}

package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// host is an address of a rule before lists are expanded.
type host struct {
	not    bool
	addr   Address
	family string
	scope  string // the interface of a link-local address
	via    string // the interface of route-to
}

// hosts reads any, one host, or a list of them; nil is any.
func (p *parser) hosts() []host {
	switch {
	case p.accept("any"):
		return nil
	case p.accept("{"):
		p.newlines()
		return p.hostList()
	}
	not := p.accept("!")
	for _, kind := range []string{NoRoute, URPFFailed} {
		if p.accept(kind) {
			return []host{{not: not, addr: Address{Kind: kind}}}
		}
	}
	all := p.host()
	for i := range all {
		all[i].not = not
	}
	return all
}

// hostList reads a list after its brace; what is in braces itself is part of it.
func (p *parser) hostList() []host {
	var all []host
	for {
		all = append(all, p.hosts()...)
		p.newlines()
		if p.accept("}") {
			return all
		}
		p.accept(",")
	}
}

// host reads what may stand for an address; a name may stand for several.
func (p *parser) host() []host {
	switch p.tok.kind {
	case "(":
		return []host{p.dynamic()}
	case "<":
		p.shift()
		name := p.text()
		if p.env.Printed { // -vv tells how many addresses it has
			name, _, _ = strings.Cut(name, ":")
		}
		p.want(">")
		if len(name) >= tableNameSize {
			p.refuse("table name '%s' too long", name)
		}
		return []host{{addr: Address{Kind: TableOf, Name: name}}}
	case tokNumber:
		text := strconv.FormatInt(p.shift().num, 10)
		p.want("/")
		return p.resolve(text + "/" + strconv.FormatInt(p.want(tokNumber).num, 10))
	}
	text := p.text()
	switch {
	case p.accept("/"):
		return p.resolve(text + "/" + strconv.FormatInt(p.want(tokNumber).num, 10))
	case p.accept("-"):
		return []host{p.span(text, p.text())}
	}
	return p.resolve(text)
}

// span is the addresses from one to another.
func (p *parser) span(first, last string) host {
	a, b := p.resolve(first), p.resolve(last)
	single := func(list []host) bool {
		return len(list) == 1 && list[0].addr.Kind == Net && list[0].addr.Prefix.IsSingleIP()
	}
	if !single(a) || !single(b) || a[0].family != b[0].family {
		p.refuse("invalid address range")
	}
	return host{family: a[0].family, addr: Address{Kind: Span, Prefix: a[0].addr.Prefix, Last: b[0].addr.Prefix.Addr()}}
}

// dynamic reads (em0:network), the addresses an interface will have.
func (p *parser) dynamic() host {
	p.want("(")
	text := p.text()
	p.want(")")
	if text == "" || !isAlnum(int(text[0])) || isDigit(int(text[0])) {
		p.refuse("invalid interface name '%s'", text)
	}
	if i := strings.LastIndexByte(text, ':'); p.env.Printed && i > 0 && text[i+1:] != "network" && text[i+1:] != "0" &&
		strings.Trim(text[i+1:], "0123456789*") == "" {
		text = text[:i] // how many addresses it has, as -vv tells
	}
	a := Address{Kind: Dynamic}
	name, bad := a.modify(text)
	if bad {
		p.refuse("interface %s has bad modifier", name)
	}
	if a.modes() > 1 {
		p.refuse("illegal combination of interface modifiers")
	}
	if a.Name = name; len(name) >= 16 {
		p.refuse("interface name too long")
	}
	if p.accept("/") {
		n := p.want(tokNumber).num
		if n < 0 || n > 128 {
			p.refuse("bit number too big")
		}
		a.Bits = int(n)
	}
	return host{addr: a}
}

// modify takes the modifiers off an interface's name.
func (a *Address) modify(text string) (name string, bad bool) {
	for {
		i := strings.LastIndexByte(text, ':')
		if i < 0 {
			return text, false
		}
		switch text[i+1:] {
		case "network":
			a.Network = true
		case "broadcast":
			a.Broadcast = true
		case "peer":
			a.Peer = true
		case "0":
			a.First = true
		default:
			return text, true
		}
		text = text[:i]
	}
}

func (a Address) modes() (n int) {
	for _, set := range []bool{a.Network, a.Broadcast, a.Peer} {
		if set {
			n++
		}
	}
	return n
}

// resolve is what a word stands for: an address, a network, the addresses of an
// interface, or those of a name.
func (p *parser) resolve(text string) []host {
	found, complaint := p.env.resolve(text)
	if complaint != "" {
		p.mutter("%s", complaint)
		p.refuse("could not parse host specification")
	}
	return found
}

// TableAddresses are the addresses that a word stands for in a table, "!" in front
// for one that is not in it. What is wrong is said in pfctl's words.
func (e Env) TableAddresses(word string) (all []TableAddress, complaint string) {
	not := false
	for strings.HasPrefix(word, "!") {
		not, word = !not, word[1:]
	}
	found, complaint := e.resolve(word)
	if complaint != "" {
		return nil, complaint
	}
	for _, h := range found {
		prefix := h.addr.Prefix
		switch h.addr.Kind {
		case Any:
			prefix = zero(h.family)
		case Named:
			return nil, "no IP address found for " + word
		}
		all = append(all, TableAddress{not, prefix})
	}
	return all, ""
}

func (e Env) resolve(text string) (found []host, complaint string) {
	name, bits := text, -1
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		n, err := strconv.Atoi(text[i+1:])
		if err != nil || n < 0 || n > 128 {
			return nil, fmt.Sprintf("invalid netmask '%s'", text[i:])
		}
		name, bits = text[:i], n
	}
	if prefix, ok := literal(name, bits); ok {
		return []host{literalHost(prefix)}, ""
	}
	if e.Interfaces == nil && e.Lookup == nil {
		return []host{{addr: Address{Kind: Named, Name: text}}}, ""
	}
	if found, complaint, ok := e.interfaceHosts(name, bits); ok {
		if complaint == "" && len(found) == 0 {
			complaint = "no IP address found for " + text
		}
		return found, complaint
	}
	if e.Lookup != nil {
		for _, a := range e.Lookup(strings.TrimSuffix(name, ":0")) {
			n := bits
			if n < 0 || n > a.BitLen() {
				n = a.BitLen()
			}
			found = append(found, literalHost(netip.PrefixFrom(a, n).Masked()))
		}
	}
	if len(found) == 0 {
		return nil, "no IP address found for " + text
	}
	return found, ""
}

// literal reads an address or a network; networks of IPv4 may leave out bytes.
func literal(name string, bits int) (netip.Prefix, bool) {
	if bits >= 0 && bits <= 32 && strings.Trim(name, "0123456789.") == "" {
		full := name + strings.Repeat(".0", max(0, 3-strings.Count(name, ".")))
		if a, err := netip.ParseAddr(full); err == nil {
			return netip.PrefixFrom(a, bits).Masked(), true
		}
	}
	a, err := netip.ParseAddr(name)
	if err != nil || a.Is4() && bits >= 0 {
		return netip.Prefix{}, false
	}
	if a.Is4In6() {
		a = netip.AddrFrom16(a.As16())
	}
	if bits < 0 {
		bits = a.BitLen()
	}
	return netip.PrefixFrom(a, min(bits, a.BitLen())), true
}

func literalHost(prefix netip.Prefix) host {
	scope := prefix.Addr().Zone()
	prefix = netip.PrefixFrom(prefix.Addr().WithZone(""), prefix.Bits()).Masked()
	family := "inet6"
	if prefix.Addr().Is4() {
		family = "inet"
	}
	if prefix.Bits() == 0 && prefix.Addr().IsUnspecified() {
		return host{family: family, addr: Address{Kind: Any}}
	}
	return host{family: family, scope: scope, addr: Address{Kind: Net, Prefix: prefix}}
}

// interfaceHosts are the addresses of an interface, of a group, or of all ("self");
// ok is false for a name that is none of these.
func (e Env) interfaceHosts(text string, bits int) (found []host, complaint string, ok bool) {
	var a Address
	name, bad := a.modify(text)
	if bad {
		return nil, "", false
	}
	if a.modes() > 1 {
		return nil, "illegal combination of interface modifiers", true
	}
	members := e.members(name)
	if members == nil {
		return nil, "", false
	}
	if (a.Network || a.Broadcast) && bits >= 0 {
		return nil, "network or broadcast lookup, but extra netmask given", true
	}
	for _, i := range members {
		found = append(found, i.hosts(a, bits)...)
	}
	return found, "", true
}

// members are the interfaces a name stands for, nil for none.
func (e Env) members(name string) []Interface {
	var list []Interface
	for _, i := range e.Interfaces {
		if i.Name == name || name == "self" || slices.Contains(i.Groups, name) {
			list = append(list, i)
		}
	}
	return list
}

// Exists tells whether there is such an interface or group.
func (e Env) Exists(name string) bool { return e.members(name) != nil }

// Prefixes are the addresses, or networks, of the interface as modifiers choose
// them.
func (i Interface) Prefixes(a Address) []netip.Prefix {
	var list []netip.Prefix
	for n, p := range i.Inet {
		switch {
		case a.First && n > 0, a.Peer, a.Broadcast && !i.Broadcast:
			continue
		case a.Network:
			p = p.Masked()
		case a.Broadcast:
			p = netip.PrefixFrom(lastOf(p), 32)
		default:
			p = netip.PrefixFrom(p.Addr(), 32)
		}
		list = append(list, p)
	}
	got := false
	for _, p := range i.Inet6 {
		local := p.Addr().IsLinkLocalUnicast()
		if a.Broadcast || a.Peer || a.First && (got || local) || a.Network && local {
			continue
		}
		got = true
		if a.Network {
			p = p.Masked()
		} else {
			p = netip.PrefixFrom(p.Addr(), 128)
		}
		list = append(list, p)
	}
	return list
}

func (i Interface) hosts(a Address, bits int) []host {
	var found []host
	for _, p := range i.Prefixes(a) {
		if bits >= 0 {
			p = netip.PrefixFrom(p.Addr(), min(bits, p.Addr().BitLen())).Masked()
		}
		h := literalHost(p)
		if p.Addr().IsLinkLocalUnicast() && p.Addr().Is6() {
			h.scope = i.Name
		}
		found = append(found, h)
	}
	return found
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// familyOf is the one family that all hosts have.
func familyOf(family string, hosts []host) string {
	if family != "" || len(hosts) == 0 {
		return family
	}
	for _, h := range hosts {
		if h.family != hosts[0].family {
			return ""
		}
	}
	return hosts[0].family
}

// ofFamily drops the hosts of the other family; the first that has one decides.
func ofFamily(hosts []host, family string) ([]host, string) {
	var kept []host
	for _, h := range hosts {
		if family != "" && h.family != "" && h.family != family {
			continue
		}
		if family == "" {
			family = h.family
		}
		kept = append(kept, h)
	}
	return kept, family
}

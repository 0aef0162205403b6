package rules

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

func (p *parser) scrubRule(no bool) {
	r := newRule("scrub", p.here())
	if no {
		r.Action = "no scrub"
	}
	p.shift()
	r.Direction = p.direction()
	var quick bool
	r.Log, quick = p.logQuick()
	var lists parts
	lists.interfaces = p.interfaces()
	r.Family = p.family()
	lists.protos = p.protos()
	p.fromTo(&lists)
	seen := map[string]bool{}
	for p.scrubOption(&r, seen) {
		if since(p.env.Release, "14.0") {
			p.accept(",")
		}
	}
	p.section(inScrub)
	if quick {
		p.refuse("scrub rules do not support 'quick'")
	}
	if r.ReassembleTCP && r.Direction != "" {
		p.refuse("reassemble tcp rules can not specify direction")
	}
	p.expand(r, lists)
}

// scrubOption reads one way to clean packets; false is none.
func (p *parser) scrubOption(r *Rule, seen map[string]bool) bool {
	once := func(name string) {
		if seen[name] {
			p.refuse("%s cannot be respecified", name)
		}
		seen[name] = true
	}
	bounded := func(name string, most int64) int {
		p.shift()
		n := p.want(tokNumber).num
		once(name)
		if n < 0 || n > most {
			p.refuse("illegal %s value %d", name, n)
		}
		return int(n)
	}
	switch kind := p.tok.kind; kind {
	case "no-df":
		p.shift()
		once(kind)
		r.NoDF = true
	case "min-ttl":
		r.MinTTL = bounded(kind, 255)
	case "max-mss":
		r.MaxMSS = bounded(kind, 65535)
	case "set-tos":
		p.shift()
		n := p.tos()
		once(kind)
		r.SetTOS = n
	case "fragment":
		p.fragments(r)
		once("fragcache")
	case "reassemble":
		p.shift()
		if what := p.text(); !strings.EqualFold(what, "tcp") {
			p.refuse("scrub reassemble supports only tcp, not '%s'", what)
		}
		once("reassemble tcp")
		r.ReassembleTCP = true
	case "random-id":
		p.shift()
		once(kind)
		r.RandomID = true
	case "rtable":
		r.RTable = p.rtable()
	case "!", "tagged":
		r.NotTagged = p.accept("!")
		p.want("tagged")
		r.Tagged = p.words()
	default:
		return false
	}
	return true
}

// fragments reads how fragments are put together; crop and drop-ovl mean the same
// since 10, and are no words since 13.
func (p *parser) fragments(r *Rule) {
	p.shift()
	if since(p.env.Release, "13.0") && p.accept("no") {
		r.NoReassemble = true
	}
	if p.tok.kind == tokString && (p.tok.text == "crop" || p.tok.text == "drop-ovl") && !since(p.env.Release, "13.0") {
		p.shift()
		return
	}
	p.want("reassemble")
}

func (p *parser) natRule(no bool) {
	r := newRule(p.tok.kind, p.here())
	p.shift()
	p.natPass(&r, no)
	var lists parts
	lists.interfaces = p.interfaces()
	r.Family = p.family()
	lists.protos = p.protos()
	p.fromTo(&lists)
	p.tags(&r)
	pool, given := p.arrow(&lists, true)
	static := p.poolOptions(&pool)
	p.section(inNat)
	for _, hosts := range [][]host{lists.from, lists.to} {
		if r.Family == "" && len(hosts) > 0 && hosts[0].scope == "" {
			r.Family = hosts[0].family
		}
	}
	if no {
		if given {
			p.refuse("translation rule with 'no' does not need '->'")
		}
		r.Action = "no " + r.Action
	} else {
		p.natPool(&r, &pool, &lists, given)
	}
	p.staticPort(r, &pool, static)
	r.Pool = &pool
	p.expand(r, lists)
}

func (p *parser) natPass(r *Rule, no bool) {
	r.NatPass = p.accept("pass")
	if p.is("log") {
		r.Log = p.log()
	}
	if no && r.NatPass {
		p.refuse("\"pass\" not valid with \"no\"")
	}
}

// tags reads tag, tagged and rtable, in this order.
func (p *parser) tags(r *Rule) {
	if p.accept("tag") {
		r.Tag = p.text()
	}
	if p.is("!", "tagged") {
		r.NotTagged = p.accept("!")
		p.want("tagged")
		r.Tagged = p.words()
	}
	if p.is("rtable") {
		r.RTable = p.rtable()
	}
}

// arrow reads where a translation leads.
func (p *parser) arrow(lists *parts, several bool) (pool Pool, given bool) {
	if !p.accept("->") {
		return Pool{}, false
	}
	return p.target(lists, several), true
}

// target reads addresses and ports of a pool. The ports are kept as they stand:
// -1 is a star.
func (p *parser) target(lists *parts, several bool) (pool Pool) {
	if several && p.accept("{") {
		p.newlines()
		for {
			lists.pool = append(lists.pool, p.host()...)
			p.newlines()
			if p.accept("}") {
				break
			}
			p.accept(",")
		}
	} else {
		lists.pool = p.host()
	}
	if !p.accept("port") {
		return pool
	}
	first, last, both := strings.Cut(p.mixed(), ":")
	pool.Low, _ = p.service(first)
	switch {
	case both && last == "*":
		pool.High = -1
	case both:
		if pool.High, _ = p.service(last); pool.High == pool.Low {
			pool.High = 0
		}
	}
	return pool
}

func (p *parser) poolOptions(pool *Pool) (static bool) {
	kind := func(name string) {
		p.shift()
		key := ""
		if name == "source-hash" {
			key = p.hashKey()
		}
		if pool.Type != "" {
			p.refuse("pool type cannot be redefined")
		}
		pool.Type, pool.Key = name, key
	}
	for {
		switch name := p.tok.kind; name {
		case "bitmask", "random", "source-hash", "round-robin":
			kind(name)
		case "static-port":
			p.shift()
			if static {
				p.refuse("static-port cannot be redefined")
			}
			static = true
		case "sticky-address":
			p.shift()
			pool.Sticky = true
		default:
			return static
		}
	}
}

// hashKey reads the key of source-hash: hexadecimal, any text, or none, which is a
// random one.
func (p *parser) hashKey() string {
	if p.tok.kind != tokString {
		key := make([]byte, 16)
		_, _ = rand.Read(key)
		return fmt.Sprintf("0x%x", key)
	}
	text := p.words()
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		if len(digits) != 32 {
			p.refuse("hex key must be 128 bits (32 hex digits) long")
		}
		if strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
			p.refuse("invalid hex key")
		}
		return strings.ToLower(text)
	}
	sum := md5.Sum([]byte(text))
	key := "0x"
	for i := 0; i < len(sum); i += 4 {
		key += fmt.Sprintf("%08x", binary.BigEndian.Uint32(sum[i:]))
	}
	return key
}

// natPool checks where a translation leads and fills in what is meant.
func (p *parser) natPool(r *Rule, pool *Pool, lists *parts, given bool) {
	if !given || len(lists.pool) == 0 {
		p.refuse("translation rule requires '-> address'")
	}
	if r.Family == "" && lists.pool[0].scope == "" {
		r.Family = lists.pool[0].family
	}
	lists.pool, r.Family = ofFamily(lists.pool, r.Family)
	p.checkPool(r.Family, lists.pool)
	if r.Action == "rdr" {
		if pool.High < 0 {
			if pool.High = 0; len(lists.toPorts) > 0 {
				pool.High = pool.Low + lists.toPorts[0].B - lists.toPorts[0].A
			}
		}
	} else {
		pool.High = max(pool.High, 0)
		switch {
		case pool.Low == 0 && pool.High == 0:
			pool.Low, pool.High = natPortLow, natPortHigh
		case pool.High == 0:
			pool.High = pool.Low
		}
	}
	pool.Type = p.poolType(pool.Type, lists.pool, "redirection")
	if len(lists.pool) > 1 && pool.Type != "round-robin" {
		p.refuse("only round-robin valid for multiple redirection addresses")
	}
}

func (p *parser) checkPool(family string, hosts []host) {
	if family == "" {
		for _, h := range hosts {
			if h.addr.Kind != TableOf && h.addr.Kind != Dynamic && h.addr.Kind != Named {
				p.refuse("address family not given and translation address expands to multiple address families")
			}
		}
	}
	if len(hosts) == 0 {
		p.refuse("no translation address with matching address family found.")
	}
	p.checkMasks(family, hosts)
}

// checkMasks refuses masks that IPv4 addresses can't have.
func (p *parser) checkMasks(family string, hosts []host) {
	for _, h := range hosts {
		if family == "inet" && h.addr.Kind == Dynamic && h.addr.Bits > 32 {
			p.mutter("netmask %d invalid for IPv4 address", h.addr.Bits)
			panic(abandon{})
		}
	}
}

func (p *parser) staticPort(r Rule, pool *Pool, static bool) {
	if !static {
		return
	}
	if r.Action != "nat" {
		p.refuse("the 'static-port' option is only valid with nat rules")
	}
	if pool.Low != natPortLow && pool.High != natPortHigh {
		p.refuse("the 'static-port' option can't be used when specifying a port range")
	}
	pool.Low, pool.High, pool.Static = 0, 0, true
}

// binatRule is a translation of one address to one other; it is not expanded.
func (p *parser) binatRule(no bool) {
	r := newRule("binat", p.here())
	p.shift()
	r.NatPass = p.accept("pass")
	if p.is("log") {
		r.Log = p.log()
	}
	var lists parts
	lists.interfaces = p.interfaces()
	r.Family = p.family()
	lists.protos = p.protos()
	if p.env.Printed && p.accept("all") {
		lists.from, lists.to = nil, nil
	} else {
		p.want("from")
		lists.from = p.hosts()
		if p.accept("to") {
			lists.to = p.hosts()
		}
	}
	p.tags(&r)
	pool, given := p.arrow(&lists, false)
	p.section(inNat)
	if no && r.NatPass {
		p.refuse("\"pass\" not valid with \"no\"")
	}
	if no {
		r.Action = "no binat"
	}
	p.binatFamily(&r, lists)
	p.binatPeers(&r, lists)
	if no {
		if given {
			p.refuse("'no binat' rule does not need '->'")
		}
	} else {
		p.binatPool(&r, &pool, &lists, given)
	}
	if len(lists.interfaces) > 0 {
		r.Interface, r.NotOn = lists.interfaces[0].name, lists.interfaces[0].not
	}
	if len(lists.protos) > 0 {
		r.Proto = lists.protos[0]
	}
	r.Pool = &pool
	p.add(r)
}

func (p *parser) binatFamily(r *Rule, lists parts) {
	for _, h := range lists.to {
		if h.addr.Kind == URPFFailed {
			p.refuse("\"urpf-failed\" is not permitted as a binat destination")
		}
	}
	for _, hosts := range [][]host{lists.from, lists.to, lists.pool} {
		if r.Family == "" && len(hosts) > 0 {
			r.Family = hosts[0].family
		}
	}
	if r.Family == "" {
		p.refuse("address family (inet/inet6) undefined")
	}
	for _, side := range []struct {
		hosts []host
		name  string
	}{{lists.from, "source"}, {lists.pool, "redirect"}} {
		for _, h := range side.hosts {
			if h.addr.Kind == TableOf {
				p.refuse("invalid use of table <%s> as the %s address of a binat rule", h.addr.Name, side.name)
			}
			if h.addr.several() {
				p.refuse("invalid use of interface (%s) as the %s address of a binat rule", h.addr.Name, side.name)
			}
		}
	}
}

func (p *parser) binatPeers(r *Rule, lists parts) {
	for n, hosts := range [][]host{lists.from, lists.to} {
		peer := &r.From
		if n == 1 {
			peer = &r.To
		}
		peer.Addr = Address{Kind: Any}
		if len(hosts) == 0 {
			continue
		}
		h := hosts[0]
		switch {
		case len(hosts) > 1:
			p.refuse("multiple binat ip addresses")
		case h.family != r.Family && h.family != "", n == 0 && h.family == "" && h.addr.Kind != Dynamic && h.addr.Kind != Named:
			p.refuse("binat ip versions must match")
		}
		p.checkMasks(r.Family, hosts)
		peer.Addr, peer.Not = h.addr, n == 1 && h.not
	}
}

func (p *parser) binatPool(r *Rule, pool *Pool, lists *parts, given bool) {
	if !given || len(lists.pool) == 0 {
		p.refuse("'binat' rule requires '-> address'")
	}
	lists.pool, _ = ofFamily(lists.pool, r.Family)
	p.checkPool(r.Family, lists.pool)
	if len(lists.pool) > 1 {
		p.refuse("binat rule must redirect to a single address")
	}
	target := lists.pool[0].addr
	if r.From.Addr.Kind == Net && target.Kind == Net && r.From.Addr.Prefix.Bits() != target.Prefix.Bits() {
		p.refuse("'binat' source mask and redirect mask must be the same")
	}
	pool.Addresses = []PoolAddress{{Addr: target}}
}

// route reads route-to, reply-to and dup-to.
func (p *parser) route() (*Route, []host) {
	if p.accept("fastroute") {
		return nil, nil
	}
	if !p.is("route-to", "reply-to", "dup-to") {
		return nil, nil
	}
	r := &Route{How: p.shift().kind}
	family := ""
	hosts := flat(list(p, func() []host {
		if p.tok.kind == tokString {
			return []host{{via: p.shift().text, addr: Address{Kind: Any}}}
		}
		p.want("(")
		name := p.text()
		all := p.host()
		p.want(")")
		for i := range all {
			all[i].via = name
		}
		if family == "" {
			family = all[0].family
		}
		if family != all[0].family {
			p.refuse("all pool addresses must be in the same address family")
		}
		return all
	}))
	p.poolOptions(&r.Pool)
	return r, hosts
}

func flat[T any](lists [][]T) (all []T) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// redirect reads nat-to and rdr-to, which pass and match rules of 15 have.
func (p *parser) redirect(r *Rule) {
	nat := p.shift().kind == "nat-to"
	var lists parts
	pool := p.target(&lists, true)
	pool.High = max(pool.High, 0)
	static := p.poolOptions(&pool)
	p.checkPool("inet", lists.pool)
	pool.Type = p.poolType(pool.Type, lists.pool, "redirection")
	for _, h := range lists.pool {
		pool.Addresses = append(pool.Addresses, PoolAddress{Addr: h.addr})
		if r.Family == "" {
			r.Family = h.family
		}
	}
	if !nat {
		r.RdrPool = &pool
		return
	}
	if pool.Low == 0 && !static {
		pool.Low, pool.High = natPortLow, natPortHigh
	}
	if pool.High == 0 {
		pool.High = pool.Low
	}
	pool.Static, r.Pool, r.NatTo = static, &pool, true
}

// number of a port as it is printed.
func portText(low, high int) string {
	if high != 0 && high != low {
		return strconv.Itoa(low) + ":" + strconv.Itoa(high)
	}
	return strconv.Itoa(low)
}

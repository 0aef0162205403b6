package pfsim

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/stdlib/pf/rules"
)

// filter is what pf makes of a packet.
func filter(m *sim.Machine, p *sim.Packet) sim.Verdict {
	k := enter(m)
	if k == nil {
		return sim.Passes
	}
	defer k.mu.Unlock()
	if !k.Enabled {
		return sim.Passes
	}
	c := &crossing{k: k, m: m, p: p, interfaces: interfacesOf(m), now: m.Now()}
	return c.judge()
}

// crossing is one packet on its way through the rules.
type crossing struct {
	k          *kernel
	m          *sim.Machine
	p          *sim.Packet
	interfaces []rules.Interface
	now        time.Time
	tag        string
}

func (c *crossing) judge() sim.Verdict {
	if c.skipped() {
		return sim.Passes
	}
	c.k.expire(c.now)
	c.k.Counters["searches"]++
	if c.known() {
		return sim.Passes
	}
	before := *c.p
	translation, ok := c.translate()
	if !ok {
		c.k.Counters["translate"]++
		return sim.Dropped
	}
	var last *rule
	if translation != nil && translation.NatPass {
		last = &rule{Rule: rules.Rule{Action: "pass", State: "keep"}}
	} else {
		c.evaluate(c.k.Anchors[""].Filter, "", &last)
	}
	if last != nil {
		c.k.Counters["match"]++
		last.Packets++
	}
	if last != nil && last.Action == "block" {
		*c.p = before
		if last.Block.How == "drop" || last.Block.How == "return" && c.p.Proto != "tcp" && c.p.Proto != "udp" {
			return sim.Dropped
		}
		return sim.Refused
	}
	if last != nil && last.State != "" || translation != nil {
		if !c.remember(before, last) {
			*c.p = before
			return sim.Dropped
		}
	}
	return sim.Passes
}

func (c *crossing) skipped() bool {
	return slices.ContainsFunc(c.k.Skip, func(name string) bool { return c.on(name) })
}

// on tells whether the packet's interface has a name, or is of a group.
func (c *crossing) on(name string) bool {
	if c.p.Interface == name {
		return true
	}
	for _, i := range c.interfaces {
		if i.Name == c.p.Interface {
			return slices.Contains(i.Groups, name)
		}
	}
	return false
}

// known lets pass what belongs to a state, with the addresses of the other side.
func (c *crossing) known() bool {
	if c.p.Flags == "S" { // who opens anew has done with what was closed
		c.k.States = slices.DeleteFunc(c.k.States, func(s *flow) bool {
			return s.Closed && (s.Out && s.From == c.p.From && s.To == c.p.To || !s.Out && s.WireFrom == c.p.From && s.WireTo == c.p.To)
		})
	}
	for _, s := range c.k.States {
		if s.Proto != c.p.Proto || s.Interface != "all" && s.Interface != c.p.Interface {
			continue
		}
		switch {
		case s.Out && !c.p.In && c.p.From == s.From && c.p.To == s.To, !s.Out && c.p.In && c.p.From == s.WireFrom && c.p.To == s.WireTo:
			if s.Out {
				c.p.From, c.p.To = s.WireFrom, s.WireTo
			} else {
				c.p.From, c.p.To = s.From, s.To
			}
			s.Packets[0]++
		case s.Out && c.p.In && c.p.From == s.WireTo && c.p.To == s.WireFrom:
			c.p.From, c.p.To = s.To, s.From
			s.Packets[1]++
			s.Answered = true
		case !s.Out && !c.p.In && c.p.From == s.To && c.p.To == s.From:
			c.p.From, c.p.To = s.WireTo, s.WireFrom
			s.Packets[1]++
			s.Answered = true
		default:
			continue
		}
		s.Used = c.now
		s.Closed = s.Closed || strings.Contains(c.p.Flags, "F")
		return true
	}
	return false
}

// remember makes a state for a connection that passes; false: a limit forbids it.
func (c *crossing) remember(before sim.Packet, last *rule) bool {
	s := &flow{
		Out: !c.p.In, Interface: "all", Proto: c.p.Proto, Created: c.now, Used: c.now, Packets: [2]int{1, 0}, Source: before.From.Addr(), Rule: -1,
	}
	if c.p.In {
		s.WireFrom, s.WireTo, s.From, s.To = before.From, before.To, c.p.From, c.p.To
	} else {
		s.From, s.To, s.WireFrom, s.WireTo = before.From, before.To, c.p.From, c.p.To
	}
	if last != nil {
		if !c.within(last, s.Source) {
			c.k.Counters["src-limit"]++
			return false
		}
		last.Matched++
		s.Rule = last.Number
		s.Label = strings.Join(last.Labels, ",")
		if last.StateOpts.IfBound {
			s.Interface = c.p.Interface
		}
	}
	c.k.NextID++
	s.ID = c.k.NextID
	c.k.States = append(c.k.States, s)
	c.k.Counters["inserts"]++
	return true
}

// within tells whether the limits of a rule allow one more state of a source; who
// exceeds them is put into the table of overload.
func (c *crossing) within(r *rule, source netip.Addr) bool {
	o := r.StateOpts
	all, mine, recent := 0, 0, 0
	for _, s := range c.k.States {
		if s.Rule != r.Number {
			continue
		}
		all++
		if s.Source != source {
			continue
		}
		mine++
		if c.now.Sub(s.Created) < time.Duration(o.RateSeconds)*time.Second {
			recent++
		}
	}
	over := o.MaxSrcConn > 0 && mine >= o.MaxSrcConn || o.RateLimit > 0 && recent >= o.RateLimit
	if over && o.Overload != "" {
		if t := c.k.table("", o.Overload); t != nil {
			t.add(rules.TableAddress{Prefix: netip.PrefixFrom(source, source.BitLen())}, c.now)
		}
		if o.Flush != "" {
			c.k.States = slices.DeleteFunc(c.k.States, func(s *flow) bool {
				return s.Source == source && (o.Flush == "flush global" || s.Rule == r.Number)
			})
		}
	}
	return !over && (o.Max == 0 || all < o.Max) && (o.MaxSrcStates == 0 || mine < o.MaxSrcStates)
}

// evaluate goes through rules; the last that matches counts, unless one is quick.
// It tells whether a quick one, or a quick anchor with a match, ended the search.
func (c *crossing) evaluate(list []*rule, path string, last **rule) (done bool) {
	for _, r := range list {
		r.Evaluations++
		if !c.matches(r, path) {
			continue
		}
		if r.Anchor != "" {
			found := *last
			if c.anchored(r, path, last) || r.Quick && *last != found {
				return true
			}
			continue
		}
		if r.Tag != "" {
			c.tag = r.Tag
		}
		if r.NatTo && !c.p.In {
			c.leave(r, *r.Pool)
		}
		if r.RdrPool != nil && c.p.In {
			c.enterBy(r, *r.RdrPool)
		}
		if r.Action == "match" {
			continue
		}
		*last = r
		if r.Quick {
			return true
		}
	}
	return false
}

// anchored goes through the rules of an anchor, or of all below it.
func (c *crossing) anchored(r *rule, path string, last **rule) bool {
	if r.Inner != nil && strings.HasPrefix(r.Anchor, "_") {
		return c.evaluate(r.Inner, join(path, r.Anchor), last)
	}
	for _, p := range c.k.called(path, r.Anchor) {
		if c.evaluate(c.k.Anchors[p].Filter, p, last) {
			return true
		}
	}
	return false
}

// called are the anchors that a call means: "spam", "ftp-proxy/*".
func (k *kernel) called(path, name string) []string {
	if below, all := strings.CutSuffix(name, "*"); all {
		var list []string
		for _, p := range k.children(join(path, strings.TrimSuffix(below, "/"))) {
			if k.Anchors[p] != nil {
				list = append(list, p)
			}
		}
		return list
	}
	if rooted, ok := strings.CutPrefix(name, "/"); ok {
		path, name = "", rooted
	}
	if p := join(path, name); k.Anchors[p] != nil {
		return []string{p}
	}
	return nil
}

func (c *crossing) matches(r *rule, path string) bool {
	p := c.p
	six := p.From.Addr().Is6()
	switch {
	case r.Direction == "in" && !p.In, r.Direction == "out" && p.In,
		r.Interface != "" && c.on(r.Interface) == r.NotOn,
		r.Family == "inet" && six, r.Family == "inet6" && !six,
		r.Proto != "" && r.Proto != p.Proto,
		r.Fragment, r.OS != "", r.TOS != 0,
		r.Tagged != "" && (c.tag == r.Tagged) == r.NotTagged,
		!c.side(r.From, p.From, path), !c.side(r.To, p.To, path):
		return false
	}
	if f := r.Flags; f != nil && p.Proto == "tcp" {
		for _, letter := range f.Of {
			if strings.ContainsRune(f.Set, letter) != strings.ContainsRune(p.Flags, letter) {
				return false
			}
		}
	}
	if r.ICMP != nil && !c.icmp(r.ICMP.Type, six) {
		return false
	}
	if !r.User.Matches(0) || !r.Group.Matches(0) { // the programs of the machine are root's
		return false
	}
	return r.Probability == 0 || c.chance() < r.Probability
}

// icmp tells whether the packet, which is an echo, has the type.
func (c *crossing) icmp(kind int, six bool) bool {
	request, reply := 8, 0
	if six {
		request, reply = 128, 129
	}
	if c.p.Flags == sim.EchoReply {
		return kind == reply
	}
	return kind == request
}

// chance is a number below 1, well spread, the same in every run.
func (c *crossing) chance() float64 {
	c.k.Draws++
	const golden = 0.6180339887498949
	x := float64(c.k.Draws) * golden
	return x - float64(int(x))
}

func (c *crossing) side(peer rules.Peer, a netip.AddrPort, path string) bool {
	if peer.Port.Op != "" && !peer.Port.Matches(int(a.Port())) {
		return false
	}
	return c.address(peer.Addr, a.Addr(), path) != peer.Not
}

// address tells whether an address is one of those a rule names.
func (c *crossing) address(of rules.Address, a netip.Addr, path string) bool {
	switch of.Kind {
	case rules.Any:
		return true
	case rules.Net:
		return of.Prefix.Contains(a)
	case rules.Span:
		return a.BitLen() == of.Last.BitLen() && of.Prefix.Addr().Compare(a) <= 0 && a.Compare(of.Last) <= 0
	case rules.TableOf:
		t := c.k.table(path, of.Name)
		if t == nil {
			return false
		}
		in := t.has(a)
		if in {
			t.Match++
		} else {
			t.NoMatch++
		}
		return in
	case rules.Dynamic:
		return slices.ContainsFunc(c.dynamic(of, a.Is6()), func(p netip.Prefix) bool { return p.Contains(a) })
	case rules.NoRoute:
		s := c.m.State()
		s.Lock()
		defer s.Unlock()
		_, _, _, err := s.Network.Way(a)
		return err != nil
	}
	return false
}

// dynamic are the addresses that an interface in parentheses stands for now.
func (c *crossing) dynamic(of rules.Address, six bool) (list []netip.Prefix) {
	for _, i := range c.interfaces {
		if i.Name != of.Name && !slices.Contains(i.Groups, of.Name) {
			continue
		}
		for _, p := range i.Prefixes(of) {
			if p.Addr().Is6() != six {
				continue
			}
			if of.Bits > 0 && of.Bits < p.Bits() {
				p = netip.PrefixFrom(p.Addr(), of.Bits).Masked()
			}
			list = append(list, p)
		}
	}
	return list
}

// translate finds the first translation rule that matches and acts by it; ok is
// false when there is no address to translate to.
func (c *crossing) translate() (done *rule, ok bool) {
	kinds := []func(*anchor) []*rule{func(a *anchor) []*rule { return a.Binat }, func(a *anchor) []*rule { return a.Nat }}
	if c.p.In {
		kinds[1] = func(a *anchor) []*rule { return a.Rdr }
	}
	for _, kind := range kinds {
		if r := c.first(kind, ""); r != nil {
			if strings.HasPrefix(r.Action, "no ") {
				return nil, true
			}
			return r, c.act(r)
		}
	}
	return nil, true
}

// first is the first rule of a kind that matches, looked for in anchors too.
func (c *crossing) first(kind func(*anchor) []*rule, path string) *rule {
	for _, r := range kind(c.k.Anchors[path]) {
		r.Evaluations++
		if !c.fits(r, path) {
			continue
		}
		if r.Anchor == "" {
			r.Packets++
			return r
		}
		for _, p := range c.k.called(path, r.Anchor) {
			if found := c.first(kind, p); found != nil {
				return found
			}
		}
	}
	return nil
}

// fits is matches for translations: a binat rule also looks at what comes in to
// its outer address.
func (c *crossing) fits(r *rule, path string) bool {
	if r.Action != "binat" || !c.p.In || r.Anchor != "" {
		return c.matches(r, path)
	}
	turned := *r
	turned.From = rules.Peer{Not: r.To.Not, Addr: r.To.Addr}
	turned.To = rules.Peer{Addr: r.Pool.Addresses[0].Addr}
	return c.matches(&turned, path)
}

// act gives the packet the addresses of a translation.
func (c *crossing) act(r *rule) bool {
	if r.Tag != "" {
		c.tag = r.Tag
	}
	switch {
	case strings.HasPrefix(r.Action, "binat"):
		return c.binat(r)
	case c.p.In:
		return c.enterBy(r, *r.Pool)
	}
	return c.leave(r, *r.Pool)
}

func (c *crossing) binat(r *rule) bool {
	inner, outer := r.From.Addr, r.Pool.Addresses[0].Addr
	if c.p.In {
		a, ok := c.moved(c.p.To.Addr(), outer, inner)
		c.p.To = netip.AddrPortFrom(a, c.p.To.Port())
		return ok
	}
	a, ok := c.moved(c.p.From.Addr(), inner, outer)
	c.p.From = netip.AddrPortFrom(a, c.p.From.Port())
	return ok
}

// moved is an address at the same place in another network.
func (c *crossing) moved(a netip.Addr, from, to rules.Address) (netip.Addr, bool) {
	there := c.networks(to, a.Is6())
	if len(there) == 0 {
		return a, false
	}
	return merge(there[0], a), true
}

// merge takes the network's bits of a prefix and the others of an address.
func merge(p netip.Prefix, host netip.Addr) netip.Addr {
	network, bits := p.Masked().Addr().AsSlice(), host.AsSlice()
	if len(network) != len(bits) {
		return p.Addr()
	}
	for i := p.Bits(); i < len(bits)*8; i++ {
		mask := byte(0x80 >> (i % 8))
		network[i/8] = network[i/8]&^mask | bits[i/8]&mask
	}
	merged, _ := netip.AddrFromSlice(network)
	return merged
}

// networks are those that an address of a pool stands for.
func (c *crossing) networks(a rules.Address, six bool) []netip.Prefix {
	switch a.Kind {
	case rules.Net:
		if a.Prefix.Addr().Is6() == six {
			return []netip.Prefix{a.Prefix}
		}
	case rules.Dynamic:
		return c.dynamic(a, six)
	case rules.TableOf:
		var list []netip.Prefix
		if t := c.k.table("", a.Name); t != nil {
			for _, e := range t.Entries {
				if e.Prefix.Addr().Is6() == six && !e.Not {
					list = append(list, e.Prefix)
				}
			}
		}
		return list
	}
	return nil
}

// leave translates the source of a packet that goes out.
func (c *crossing) leave(r *rule, pool rules.Pool) bool {
	a, ok := c.choose(r, pool, c.p.From.Addr())
	if !ok {
		return false
	}
	port := c.p.From.Port()
	if !pool.Static && c.p.Proto != "icmp" && c.p.Proto != "ipv6-icmp" {
		port = c.port(pool)
	}
	c.p.From = netip.AddrPortFrom(a, port)
	return true
}

// port is the next one out of a range.
func (c *crossing) port(pool rules.Pool) uint16 {
	if c.k.NextPort < pool.Low || c.k.NextPort > pool.High {
		c.k.NextPort = pool.Low
	}
	port := c.k.NextPort
	c.k.NextPort++
	return uint16(port)
}

// enterBy translates the destination of a packet that comes in.
func (c *crossing) enterBy(r *rule, pool rules.Pool) bool {
	a, ok := c.choose(r, pool, c.p.From.Addr())
	if !ok {
		return false
	}
	port := int(c.p.To.Port())
	if pool.Low > 0 {
		offset := 0
		if pool.High > pool.Low && r.To.Port.Op == ":" {
			offset = (port - r.To.Port.A) % (pool.High - pool.Low + 1)
		}
		port = pool.Low + offset
	}
	c.p.To = netip.AddrPortFrom(a, uint16(port))
	return true
}

// choose takes an address out of a pool for a source.
func (c *crossing) choose(r *rule, pool rules.Pool, source netip.Addr) (netip.Addr, bool) {
	key := fmt.Sprintf("%s/%d/%s", r.Action, r.Number, source)
	if a, ok := c.k.Sticky[key]; ok && pool.Sticky {
		return a, true
	}
	var networks []netip.Prefix
	for _, a := range pool.Addresses {
		networks = append(networks, c.networks(a.Addr, source.Is6())...)
	}
	if len(networks) == 0 {
		return netip.Addr{}, false
	}
	a := networks[0].Addr()
	switch pool.Type {
	case "bitmask":
		a = merge(networks[0], source)
	case "round-robin":
		a = turn(networks, r.Turn)
		r.Turn++
	case "random":
		a = turn(networks, int(c.chance()*float64(size(networks))))
	case "source-hash":
		h := fnv.New32a()
		_, _ = h.Write([]byte(pool.Key + source.String()))
		a = turn(networks, int(h.Sum32()%uint32(size(networks))))
	}
	if pool.Sticky {
		c.k.Sticky[key] = a
	}
	return a, true
}

// most is as many addresses of one network as are counted.
const most = 1 << 16

func count(p netip.Prefix) int {
	if free := p.Addr().BitLen() - p.Bits(); free < 16 {
		return 1 << free
	}
	return most
}

func size(networks []netip.Prefix) (n int) {
	for _, p := range networks {
		n += count(p)
	}
	return n
}

// turn is the n-th address of networks, beginning anew after the last.
func turn(networks []netip.Prefix, n int) netip.Addr {
	n %= size(networks)
	for _, p := range networks {
		if n >= count(p) {
			n -= count(p)
			continue
		}
		a := p.Masked().Addr()
		if p.IsSingleIP() {
			return p.Addr()
		}
		for range n {
			a = a.Next()
		}
		return a
	}
	return networks[0].Addr()
}

// lifetime is how long a state lasts without a packet.
func (k *kernel) lifetime(s *flow) time.Duration {
	name := map[string]string{"tcp": "tcp.first", "udp": "udp.first", "icmp": "icmp.first", "ipv6-icmp": "icmp.first"}[s.Proto]
	switch {
	case name == "":
		name = "other.first"
	case s.Proto == "tcp" && s.Closed:
		name = "tcp.closed"
	case s.Proto == "tcp" && s.Answered:
		name = "tcp.established"
	case s.Proto == "udp" && s.Answered:
		name = "udp.multiple"
	}
	return time.Duration(k.timeout(name)) * time.Second
}

func (k *kernel) timeout(name string) int {
	if n, err := strconv.Atoi(k.Options["timeout "+name]); err == nil {
		return n
	}
	for _, t := range rules.Timeouts {
		if t.Name == name {
			return t.Default
		}
	}
	return 0
}

func (k *kernel) expire(now time.Time) {
	before := len(k.States)
	k.States = slices.DeleteFunc(k.States, func(s *flow) bool { return now.Sub(s.Used) >= k.lifetime(s) })
	k.Counters["removals"] += before - len(k.States)
}

package rules

import (
	"fmt"
	"strings"
)

// or is the list, or one empty item where there is none.
func or[T any](items []T) []T {
	if len(items) == 0 {
		return make([]T, 1)
	}
	return items
}

// expand adds one rule for each combination of the lists.
func (p *parser) expand(r Rule, lists parts) {
	added, bad := 0, false
	pool := poolOf(lists.pool)
	icmp := lists.icmp
	if len(icmp) == 0 {
		icmp = []icmpItem{{icmp: ICMP{Type: -1}}}
	}
	for _, i := range or(lists.interfaces) {
		for _, proto := range or(lists.protos) {
			for _, kind := range icmp {
				for _, from := range or(lists.from) {
					for _, fromPort := range or(lists.fromPorts) {
						for _, system := range or(lists.systems) {
							for _, to := range or(lists.to) {
								for _, toPort := range or(lists.toPorts) {
									for _, user := range or(lists.users) {
										for _, group := range or(lists.groups) {
											c := combination{i, proto, kind, peer(from, fromPort), peer(to, toPort), from, to, system, user, group}
											one, fits := p.combine(r, c, pool)
											if !fits {
												continue
											}
											ok := p.consistent(one, kind)
											if bad = bad || !ok; bad {
												p.complain("skipping rule due to errors")
												continue
											}
											p.add(one)
											added++
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if added == 0 {
		p.complain("rule expands to no valid combination")
	}
}

// combination is one of those that the lists of a rule allow.
type combination struct {
	on          ifItem
	proto       string
	icmp        icmpItem
	from, to    Peer
	fromH, toH  host
	system      string
	user, group Range
}

func peer(h host, port Range) Peer {
	a := h.addr
	if a.Kind == "" {
		a.Kind = Any
	}
	return Peer{Not: h.not, Addr: a, Port: port}
}

func poolOf(hosts []host) (pool []PoolAddress) {
	for _, h := range hosts {
		pool = append(pool, PoolAddress{Interface: h.via, Addr: h.addr})
	}
	return pool
}

// combine makes one rule; fits is false for families or interfaces that do not go
// together.
func (p *parser) combine(r Rule, c combination, pool []PoolAddress) (one Rule, fits bool) {
	from, to := c.fromH, c.toH
	clash := func(a, b string) bool { return a != "" && b != "" && a != b }
	if clash(r.Family, from.family) || clash(r.Family, to.family) || clash(from.family, to.family) ||
		clash(from.scope, to.scope) || clash(from.scope, c.on.name) || clash(to.scope, c.on.name) {
		return r, false
	}
	for _, family := range []string{from.family, to.family} {
		if r.Family == "" {
			r.Family = family
		}
	}
	r.Interface, r.NotOn = c.on.name, c.on.not
	for _, scope := range []string{from.scope, to.scope} {
		if r.Interface == "" {
			r.Interface = scope
		}
	}
	r.Proto, r.From, r.To, r.OS, r.User, r.Group = c.proto, c.from, c.to, c.system, c.user, c.group
	if c.icmp.icmp.Type >= 0 {
		icmp := c.icmp.icmp
		r.ICMP = &icmp
	}
	if r.Proto != "" && r.Proto != "tcp" {
		r.Flags = nil
		if r.State == "modulate" || r.State == "synproxy" {
			r.State = "keep"
		}
	}
	if r.Route != nil {
		route := *r.Route
		route.Pool.Addresses = pool
		r.Route = &route
	} else if r.Pool != nil && !r.NatTo {
		translated := *r.Pool
		translated.Addresses = pool
		r.Pool = &translated
	}
	r.Labels = append([]string(nil), r.Labels...)
	for i := range r.Labels {
		r.Labels[i] = p.fill(r.Labels[i], r)
	}
	r.Tag, r.Tagged = p.fill(r.Tag, r), p.fill(r.Tagged, r)
	return r, true
}

// fill replaces the macros that labels and tags may have.
func (p *parser) fill(text string, r Rule) string {
	if !strings.Contains(text, "$") {
		return text
	}
	on := r.Interface
	if on == "" {
		on = "any"
	}
	address := func(peer Peer) string {
		text := plainAddress(peer.Addr)
		if peer.Not {
			text = "! " + text
		}
		return text
	}
	port := func(r Range) string {
		switch r.Op {
		case "":
			return ""
		case "=":
			return fmt.Sprint(r.A)
		case "><", "<>":
			return fmt.Sprintf("%d%s%d", r.A, r.Op, r.B)
		case ":":
			return ""
		}
		return fmt.Sprintf("%s%d", r.Op, r.A)
	}
	proto := r.Proto
	if proto == "" {
		proto = "ip"
	}
	return strings.NewReplacer("$if", on, "$srcaddr", address(r.From), "$dstaddr", address(r.To), "$srcport", port(r.From.Port),
		"$dstport", port(r.To.Port), "$proto", proto, "$nr", fmt.Sprint(p.numbers[p.set])).Replace(text)
}

func plainAddress(a Address) string {
	if a.Kind == Dynamic {
		return "(" + a.Name + ")"
	}
	return addressText(a, "", nil)
}

// consistent says what of a rule cannot go together.
func (p *parser) consistent(r Rule, kind icmpItem) bool {
	bad := false
	check := func(wrong bool, format string, args ...any) {
		if wrong {
			p.complain(format, args...)
			bad = true
		}
	}
	ports := r.From.Port.Op != "" || r.To.Port.Op != ""
	portProto := r.Proto == "tcp" || r.Proto == "udp" || r.Proto == "sctp" && since(p.env.Release, "14.0")
	if r.Family == "inet" {
		for _, a := range []Address{r.From.Addr, r.To.Addr} {
			if a.Kind == Dynamic && a.Bits > 32 {
				p.mutter("netmask %d invalid for IPv4 address", a.Bits)
				bad = true
			}
		}
	}
	if r.ICMP != nil {
		want := map[bool]string{false: "icmp", true: "ipv6-icmp"}[kind.six]
		check(r.Proto != want, "icmp-type mismatch")
	}
	switch r.Action {
	case "pass", "block", "match", "scrub", "no scrub":
		check(!portProto && ports, "port only applies to tcp/udp")
		check(r.Proto != "icmp" && r.Proto != "ipv6-icmp" && r.ICMP != nil, "icmp-type/code only applies to icmp")
		check(r.Family == "" && r.ICMP != nil, "must indicate address family with icmp-type/code")
		s := r.StateOpts
		check(s.Overload != "" && s.MaxSrcConn == 0 && s.RateSeconds == 0, "'overload' requires 'max-src-conn' or 'max-src-conn-rate'")
		check(r.Proto == "icmp" && r.Family == "inet6", "proto icmp doesn't match address family inet6")
		check(r.Proto == "ipv6-icmp" && r.Family == "inet", "proto icmp6 doesn't match address family inet")
		check(r.AllowOpts && r.Action != "pass" && r.Action != "match", "allow-opts can only be specified for pass rules")
		check(r.Fragment && (ports || r.Flags != nil && r.Flags.Of != "" || r.ICMP != nil), "fragments can be filtered only on IP header fields")
		check(r.Block.How == "return-rst" && r.Proto != "tcp", "return-rst can only be applied to TCP rules")
		check(s.MaxSrcNodes > 0 && s.SourceTrack != "rule", "max-src-nodes requires 'source-track rule'")
		check(r.Action == "block" && r.State != "", "keep state on block rules doesn't make sense")
		check(s.Sloppy && (r.State == "modulate" || r.State == "synproxy"),
			"sloppy state matching cannot be used with synproxy state or modulate state")
	case "rdr", "no rdr":
		if r.Anchor != "" {
			break
		}
		check(!portProto && r.From.Port.Op != "", "src port only applies to tcp/udp")
		check(!portProto && r.To.Port.Op != "", "dst port only applies to tcp/udp")
		check(!portProto && r.Pool != nil && r.Pool.Low > 0, "rpool port only applies to tcp/udp")
		check(r.To.Port.Op != "" && r.To.Port.Op != "=" && r.To.Port.Op != ":", "invalid port operator for rdr destination port")
	}
	return !bad
}

// add puts a rule where its kind belongs.
func (p *parser) add(r Rule) {
	if p.numbers == nil {
		p.numbers = map[*Ruleset]int{}
	}
	r.Number = p.numbers[p.set]
	p.numbers[p.set]++
	set := p.set
	switch strings.TrimPrefix(r.Action, "no ") {
	case "scrub":
		set.Scrub = append(set.Scrub, r)
	case "nat":
		set.Nat = append(set.Nat, r)
	case "rdr":
		set.Rdr = append(set.Rdr, r)
	case "binat":
		set.Binat = append(set.Binat, r)
	default:
		set.Filter = append(set.Filter, r)
	}
}

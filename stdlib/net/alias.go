package net

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// EnsureAliasArgs are the arguments of EnsureAlias.
type EnsureAliasArgs struct {
	Interface string        `lua:"interface,required" doc:"\"em0\""`
	Address   string        `lua:"address,required" doc:"\"192.0.2.20\", or with its prefix: \"192.0.2.20/32\""`
	Prefix    int           `lua:"prefix" doc:"length of the prefix; default: that of the address where it is there, else 32, or 64 for IPv6"`
	Vhid      int           `lua:"vhid" doc:"group of carp(4) that shares it; the group itself, with its password, is there already"`
	State     string        `lua:"state" doc:"whether the interface has it" enum:"present|absent" default:"present"`
	Persist   *bool         `lua:"persist" doc:"at boot, too: in rc.conf" default:"true"`
	Within    time.Duration `lua:"within" doc:"until the host takes back what cut our connection" unit:"seconds" default:"60"`
}

// AliasChanged is what became of an address.
type AliasChanged struct {
	Changed bool `lua:"changed" doc:"one of the two, or in check mode would be"`
	Running bool `lua:"running" doc:"the interface was changed"`
	Boot    bool `lua:"boot" doc:"rc.conf was changed"`
}

var interfaceName = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_.-]{0,14}$`)

// EnsureAlias gives an interface an address, or takes it away.
func EnsureAlias(ctx context.Context, h effect.Doer, a EnsureAliasArgs) (AliasChanged, error) {
	const op = "net.alias.ensure"
	w, err := wishOf(op, a.Interface, a.Address, a.Prefix)
	if err != nil {
		return AliasChanged{}, err
	}
	switch {
	case a.Vhid < 0 || a.Vhid > 255:
		return AliasChanged{}, effect.Errorf(effect.Invalid, op, "%d is no group of carp: they are 1 to 255", a.Vhid)
	case a.Within < 0:
		return AliasChanged{}, effect.Errorf(effect.Invalid, op, "within is a time in the future")
	}
	w.vhid, w.absent = a.Vhid, a.State == "absent"
	return converge(ctx, h, op, w, a.Persist == nil || *a.Persist, a.Within)
}

// wishOf checks an address and its prefix.
func wishOf(op, name, address string, bits int) (wish, error) {
	w := wish{name: name}
	if !interfaceName.MatchString(name) {
		return w, effect.Errorf(effect.Invalid, op, "%q is no name of an interface", name)
	}
	text, length, given := strings.Cut(address, "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return w, effect.Errorf(effect.Invalid, op, "%q is no address", address)
	}
	if given {
		n, err := strconv.Atoi(length)
		if err != nil || bits != 0 && bits != n {
			return w, effect.Errorf(effect.Invalid, op, "%s: say its prefix once, as a number", address)
		}
		bits = n
	}
	if w.anyLen = bits == 0; w.anyLen {
		bits = map[bool]int{true: 32, false: 64}[a.Is4()]
	}
	if w.prefix = netip.PrefixFrom(a, bits); !w.prefix.IsValid() {
		return w, effect.Errorf(effect.Invalid, op, "%s has no prefix of %d bits", a, bits)
	}
	if why := unfit(w.prefix); why != "" {
		return w, effect.Errorf(effect.Invalid, op, "%s: %s", w.prefix, why)
	}
	return w, nil
}

// unfit says why an interface cannot have an address; empty: it can.
func unfit(p netip.Prefix) string {
	a := p.Addr()
	switch {
	case a.IsUnspecified():
		return "that is no address but the lack of one"
	case a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "that addresses many hosts, not one"
	case a.Is6() || p.Bits() >= 31:
		return ""
	case a == p.Masked().Addr():
		return "that is the network itself"
	case a == lastOf(p):
		return "that is the network's broadcast address"
	}
	return ""
}

// lastOf is the last address of a network of IPv4.
func lastOf(p netip.Prefix) netip.Addr {
	last := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(last)
}

// converge brings the interface, and rc.conf, to a wish.
func converge(ctx context.Context, h effect.Doer, op string, w wish, persist bool, within time.Duration) (AliasChanged, error) {
	var done AliasChanged
	list, err := interfaces(ctx, h, op)
	if err != nil {
		return done, err
	}
	m, needed, err := planMove(op, list, w)
	if err != nil {
		return done, err
	}
	var boot bootEdit
	if persist {
		if boot, err = bootPlan(ctx, h, op, w); err != nil {
			return done, err
		}
	}
	done = AliasChanged{Changed: needed || !boot.empty(), Running: needed, Boot: !boot.empty()}
	if !needed {
		return done, boot.write(ctx, h)
	}
	if err := m.look(ctx, h, op); err != nil {
		return AliasChanged{}, err
	}
	if m.danger == "" {
		if err := change(ctx, h, m.effect(op)); err != nil {
			return AliasChanged{}, err
		}
		return done, boot.write(ctx, h)
	}
	err = host.Guard(ctx, h, host.Guarded{
		Op: op, Note: fmt.Sprintf("%s of %s", w.prefix, w.name), Within: within, Undo: []string{"sh", "-c", strings.Join(m.undo(), "\n")},
		Files: []string{"/etc/rc.conf", "/etc/rc.conf.local"},
		Apply: func(ctx context.Context, h effect.Doer) error { return m.apply(ctx, h, op) },
		Keep: func(ctx context.Context, h effect.Doer) error {
			if err := m.verify(ctx, h, op); err != nil {
				return err
			}
			return boot.write(ctx, h)
		},
	})
	if err != nil {
		return AliasChanged{}, err
	}
	return done, nil
}

func bootPlan(ctx context.Context, h effect.Doer, op string, w wish) (bootEdit, error) {
	facts, err := host.GetFacts(ctx, h)
	if err != nil {
		return bootEdit{}, err
	}
	major, _, _ := strings.Cut(facts.Release, ".")
	number, _ := strconv.Atoi(major)
	vars, err := bootVariables(ctx, h, w.name, number)
	if err != nil {
		return bootEdit{}, err
	}
	edit, err := vars.plan(w)
	if err != nil {
		return bootEdit{}, effect.Errorf(effect.Failed, op, "rc.conf: %v", err)
	}
	return edit, nil
}

// move is a change of an interface's addresses.
type move struct {
	wish
	list   []Interface // as they are
	on     *Interface  // the one that is changed
	at     int         // place of the address among the interface's own; -1: it is not there
	danger string      // why it may cut our connection
	route  Default     // of the family
	routes []Route     // that may go with the address
}

// planMove tells whether the interface has to be changed, and refuses nonsense.
func planMove(op string, list []Interface, w wish) (*move, bool, error) {
	on := find(list, w.name)
	if on == nil {
		return nil, false, missingInterface(op, w.name)
	}
	a := w.prefix.Addr()
	m := &move{wish: w, list: list, on: on, at: slices.IndexFunc(on.Addresses, func(x Address) bool { return x.addr() == a })}
	if w.absent {
		return m, m.at >= 0, nil
	}
	if m.at >= 0 {
		is := on.Addresses[m.at]
		return m, !w.anyLen && is.Prefix != w.prefix.Bits() || w.vhid != 0 && is.Vhid != w.vhid, nil
	}
	for _, other := range list {
		if !a.IsLinkLocalUnicast() && slices.ContainsFunc(other.Addresses, func(x Address) bool { return x.addr() == a }) {
			return nil, false, effect.Errorf(effect.Failed, op, "%s is an address of %s", a, other.Name)
		}
	}
	return m, true, nil
}

// look finds out what the change may cut.
func (m *move) look(ctx context.Context, h effect.Doer, op string) error {
	out, err := read(ctx, h, effect.Effect{Op: op, Title: "look for our own connection", Argv: []string{"sh", "-c", connectionScript}, Reads: effect.Nothing})
	if err != nil {
		return err
	}
	ours := parseConnections(out)
	route, err := defaultRoute(ctx, h, op, m.family())
	if err != nil {
		return err
	}
	m.route = route
	a := m.prefix.Addr()
	comesIn := slices.Contains(ours.here, a)
	switch {
	case m.at < 0 && route.Gateway == a.String():
		return effect.Errorf(effect.Failed, op, "%s is the gateway of the default route", a)
	case m.absent && comesIn && m.isLast():
		return effect.WithHint(effect.Errorf(effect.Failed, op, "our own connection comes in by %s, and %s has no other address", a, m.name),
			"give it another address first, and come in by that")
	case m.at >= 0 && comesIn:
		m.danger = "our own connection comes in by " + a.String()
	case m.at >= 0 && route.Interface == m.name:
		m.danger = "the default route leads out by " + m.name
	case m.at < 0 && slices.ContainsFunc(ours.there, m.prefix.Contains):
		m.danger = "answers to us would leave by " + m.name
	}
	if m.danger == "" || m.at < 0 {
		return nil
	}
	routes, err := Routes(ctx, h, RoutesArgs{Family: m.family()})
	if effect.KindOf(err) == effect.Unknown {
		return nil // in check mode nothing will have to be set again
	}
	m.routes = slices.DeleteFunc(routes, func(r Route) bool {
		return r.Interface != m.name || !strings.Contains(r.Flags, "G") || !strings.Contains(r.Flags, "S")
	})
	return err
}

// isLast tells that the interface has no other address of the family.
func (m *move) isLast() bool {
	return !slices.ContainsFunc(m.on.Addresses, func(x Address) bool {
		return x.Family == m.family() && x.addr() != m.prefix.Addr() && !x.addr().IsLinkLocalUnicast()
	})
}

// connectionScript tells by which address we came in. Where sudo has swept the
// environment, whichever connection it is counts as ours.
const connectionScript = `if [ -n "$SSH_CONNECTION" ]; then echo "ssh $SSH_CONNECTION"; else netstat -anW -p tcp; fi`

// connections are the ends of those that may be ours.
type connections struct{ here, there []netip.Addr }

func parseConnections(out string) (c connections) {
	add := func(here, there string) {
		if a, err := netip.ParseAddr(here); err == nil && !a.IsLoopback() {
			c.here = append(c.here, a.WithZone(""))
		}
		if a, err := netip.ParseAddr(there); err == nil && !a.IsLoopback() {
			c.there = append(c.there, a.WithZone(""))
		}
	}
	if words := strings.Fields(out); len(words) == 5 && words[0] == "ssh" {
		add(words[3], words[1])
		return c
	}
	for _, s := range parseNetstat(out) {
		if s.State == "ESTABLISHED" {
			add(s.LocalAddress, s.ForeignAddress)
		}
	}
	return c
}

// setting is the command that gives the interface an address.
func setting(name string, a Address) string {
	line := fmt.Sprintf("ifconfig %s %s %s/%d", name, a.Family, scoped(name, a.addr()), a.Prefix)
	if a.Vhid != 0 {
		line += fmt.Sprintf(" vhid %d", a.Vhid)
	}
	return line + " alias"
}

func dropping(name string, a netip.Addr) string {
	return fmt.Sprintf("ifconfig %s %s %s -alias", name, familyOf(a), scoped(name, a))
}

// scoped is an address as ifconfig takes it.
func scoped(name string, a netip.Addr) string {
	if a.Is6() && a.IsLinkLocalUnicast() {
		return a.String() + "%" + name
	}
	return a.String()
}

// address is what the interface shall have.
func (m *move) address() Address {
	a := Address{Interface: m.name, Family: m.family(), Address: m.prefix.Addr().String(), Prefix: m.prefix.Bits(), Vhid: m.vhid, Flags: []string{}}
	if m.at >= 0 {
		is := m.on.Addresses[m.at]
		if m.anyLen {
			a.Prefix = is.Prefix
		}
		if m.vhid == 0 {
			a.Vhid = is.Vhid
		}
	}
	return a
}

// command is the one that makes the change.
func (m *move) command() string {
	if m.absent {
		return dropping(m.name, m.prefix.Addr())
	}
	return setting(m.name, m.address())
}

// effect is the change by itself.
func (m *move) effect(op string) effect.Effect {
	note := "add " + m.address().line()
	switch {
	case m.absent:
		note = "remove " + m.on.Addresses[m.at].line()
	case m.at >= 0:
		note = "change " + m.on.Addresses[m.at].line() + " to " + m.address().line()
	}
	return effect.Effect{
		Op: op, Argv: strings.Fields(m.command()), Writes: []effect.Resource{interfacesResource, networkResource, connectedResource},
		Leaves: map[effect.Resource]string{interfacesResource: show(m.after())},
		Diff:   &effect.Diff{Path: "interface " + m.name, Note: note},
	}
}

// after are the interfaces as the change leaves them.
func (m *move) after() []Interface {
	list := slices.Clone(m.list)
	i := find(list, m.name)
	i.Addresses = slices.DeleteFunc(slices.Clone(i.Addresses), func(x Address) bool { return x.addr() == m.prefix.Addr() })
	if !m.absent {
		i.Addresses = append(i.Addresses, m.address())
	}
	return list
}

// keepsDefault tells whether the default route is, or will be again, as it was.
func (m *move) keepsDefault() bool {
	gateway, err := netip.ParseAddr(m.route.Gateway)
	return m.route.Interface != m.name || err == nil && slices.ContainsFunc(find(m.after(), m.name).Addresses, func(a Address) bool {
		return netip.PrefixFrom(a.addr(), a.Prefix).Contains(gateway)
	})
}

// restoring are the commands that set routes again that went with an address. Those
// that are still there, or lead nowhere now, say so and stay as they are.
func (m *move) restoring() (lines []string) {
	for _, r := range m.routes {
		line := "route -n add "
		if r.Family == inet6 {
			line += "-inet6 "
		}
		switch {
		case r.Destination == "default":
		case strings.Contains(r.Flags, "H"):
			line += "-host "
		default:
			line += "-net "
		}
		lines = append(lines, line+r.Destination+" "+r.Gateway)
	}
	return lines
}

// undo are the commands that bring back the addresses in their order, and the routes.
func (m *move) undo() (lines []string) {
	if m.at < 0 {
		return []string{dropping(m.name, m.prefix.Addr())}
	}
	var behind []Address
	for _, a := range m.on.Addresses[m.at:] {
		if a.Family == m.family() && (a.addr() == m.prefix.Addr() || !a.addr().IsLinkLocalUnicast()) {
			behind = append(behind, a)
		}
	}
	for _, a := range behind {
		lines = append(lines, dropping(m.name, a.addr()))
	}
	for _, a := range behind {
		lines = append(lines, setting(m.name, a))
	}
	return append(lines, m.restoring()...)
}

// settling is what the host is given to make a guarded change, which it starts on
// its own: the answer to the command that does so still comes through.
const settling = 5 * time.Second

// late keeps a host that is too busy from making the change when nobody watches it
// any more: it does so within the time that it is given, or not at all.
const late = `sleep 1; [ $(($(date +%s) - $1)) -lt 4 ] || exit`

// apply has the host make the change, and does not wait for an answer.
func (m *move) apply(ctx context.Context, h effect.Doer, op string) error {
	e := m.effect(op)
	e.Title, e.Risk, e.Note = strings.Join(e.Argv, " "), effect.Disruptive, m.danger
	script := strings.Join(append([]string{late, m.command()}, m.restoring()...), "\n")
	e.Argv = []string{"sh", "-c", `nohup sh -c "$1" sh "$(date +%s)" >/dev/null 2>&1 </dev/null &`, "sh", script}
	if !m.keepsDefault() {
		e.Writes = append(e.Writes, defaultResource)
	}
	if err := change(ctx, h, e); err != nil {
		return err
	}
	return clock.Sleep(ctx, settling)
}

// verify tells whether the host has made the change.
func (m *move) verify(ctx context.Context, h effect.Doer, op string) error {
	list, err := interfaces(ctx, h, op)
	if err != nil {
		return err
	}
	_, needed, err := planMove(op, list, m.wish)
	if err == nil && needed {
		err = effect.Errorf(effect.Failed, op, "ifconfig has not done it: %s", m.command())
	}
	return err
}

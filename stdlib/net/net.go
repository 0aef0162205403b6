// Package net tells of a host's network, and gives its interfaces addresses: now,
// and by rc.conf(5) at every boot.
package net

import (
	"context"
	"net/netip"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Module is h.net.
var Module = binding.Module{
	Name: "net",
	Doc:  "The network of the host: interfaces, addresses, routes, sockets, and what it reaches.",
	Funcs: []binding.Func{
		{
			Name: "addresses", Kind: effect.Read, Call: Addresses, See: []string{"ifconfig(8)"},
			Doc:     "Lists addresses, interface by interface, in the order in which they were configured: the first one of a family is the primary one.",
			Example: `for _, a in ipairs(h.net.addresses{ family = "inet" }) do log("%s/%d on %s", a.address, a.prefix, a.interface) end`,
		},
		{
			Name: "alias.ensure", Kind: effect.Change, Risk: effect.Disruptive, Call: EnsureAlias, See: []string{"ifconfig(8)", "rc.conf(5)"},
			Doc: "Gives an interface an address, or takes it away: now, and in rc.conf, where aliases are numbered without gaps, or stand in ifconfig_IF_aliases where that is in use; other lines stay. " +
				"What may cut our own connection is guarded: the host takes it back by itself unless a new connection comes about, and rc.conf is written only then. " +
				"Routes that a guarded change takes along are set again where their gateways are still reached.",
			Raises: []string{
				`kind "missing": there is no such interface`,
				`kind "invalid": the address is none that an interface can have`,
				`kind "failed": another interface or the gateway has the address; the last address that our connection comes in by would go; or the change was taken back`,
			},
			Example: `h.net.alias.ensure("em0", "192.0.2.20", { prefix = 32 })` + "\n" +
				`h.net.alias.ensure("em0", "192.0.2.21", { state = "absent" })`,
		},
		{
			Name: "clone.ensure", Kind: effect.Change, Call: EnsureClone, See: []string{"ifconfig(8)", "rc.conf(5)"},
			Doc: "Makes an interface that is no device, such as lo1, bridge0, epair0 or vlan5, now and at every boot, with its addresses; or unmakes it. " +
				"Addresses that it has besides stay.",
			Raises: []string{`kind "failed": the kernel cannot make it; an address belongs to another interface; or what should go is in use by our connection or the default route`},
			Example: `h.net.clone.ensure("lo1", { addresses = { "10.0.0.1/24" } })` + "\n" +
				`h.net.clone.ensure("vlan5", { args = { "vlan", "5", "vlandev", "em0" } })`,
		},
		{
			Name: "default_route", Kind: effect.Read, Call: DefaultRoute, See: []string{"route(8)"},
			Doc:     "Returns the way that packets take to addresses that no other route covers; found is false where there is none.",
			Example: `local out = h.net.default_route().interface`,
		},
		{
			Name: "interfaces", Kind: effect.Read, Call: Interfaces, See: []string{"ifconfig(8)"},
			Doc:     "Lists interfaces with what ifconfig shows of them.",
			Example: `for _, i in ipairs(h.net.interfaces()) do log("%s: %s", i.name, i.status) end`,
		},
		{
			Name: "reachable", Kind: effect.Read, Call: Reachable, See: []string{"nc(1)", "ping(8)"},
			Doc: "Tells whether the host reaches another one: a TCP port of it, or with no port its answer to a ping. That it does not is no error but an answer. " +
				"Releases before 13 give a ping over IPv6 no limit of time: it waits some ten seconds.",
			Example: `if not h.net.reachable("pkg.example.org", { port = 443 }).reachable then fail("no way out") end`,
		},
		{
			Name: "resolve", Kind: effect.Read, Call: Resolve, See: []string{"getaddrinfo(1)", "getent(1)"},
			Doc:     "Looks a name up as programs of the host do, /etc/hosts included. A name that has no address is no error but an answer.",
			Example: `log("%s", h.net.resolve("www.example.org").addresses[1])`,
		},
		{
			Name: "routes", Kind: effect.Read, Call: Routes, See: []string{"netstat(1)"},
			Doc:     "Lists the routing table.",
			Example: `for _, r in ipairs(h.net.routes{ family = "inet" }) do log("%s via %s", r.destination, r.gateway) end`,
		},
		{
			Name: "sockets", Kind: effect.Read, Call: Sockets, See: []string{"sockstat(1)", "netstat(1)"},
			Doc: "Lists sockets of IPv4 and IPv6 and whose they are. Those that no process holds, such as connections that have just ended, have neither user nor process. " +
				"Old releases cut the names of commands to ten characters.",
			Example: `for _, s in ipairs(h.net.sockets{ listening = true, port = 80 }) do log("%s (%d)", s.command, s.pid) end`,
		},
	},
}

// What the functions read and change. Others know the network as a whole as "net".
const (
	interfacesResource = effect.Resource("interface")
	routesResource     = effect.Resource("route")
	defaultResource    = effect.Resource("route:default")
	connectedResource  = effect.Resource("route:connected")
	networkResource    = effect.Resource("net")
)

const (
	inet  = "inet"
	inet6 = "inet6"
)

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return inet
	}
	return inet6
}

var rules = []effect.Rule{
	{Pattern: lazyregexp.New(`(?i)Operation not permitted|Permission denied`), Kind: effect.Denied, Hint: "run as root: -b, or h:as(\"root\")"},
	{Pattern: lazyregexp.New(`interface \S+ does not exist`), Kind: effect.Missing, Hint: "net.clone.ensure makes interfaces that are no devices"},
	{Pattern: lazyregexp.New(`SIOCIFCREATE2?.*Invalid argument`), Kind: effect.Failed, Hint: "the kernel has no such kind of interface: load its module, such as if_bridge"},
}

// read runs a command or a script that changes nothing, for its output.
func read(ctx context.Context, h effect.Doer, e effect.Effect) (string, error) {
	e.Kind = effect.Read
	res, err := h.Do(ctx, e)
	if err, _ = effect.Explain(err, rules); err != nil {
		return "", err
	}
	return res.Text()
}

func change(ctx context.Context, h effect.Doer, e effect.Effect) error {
	e.Kind = effect.Change
	_, err := h.Do(ctx, e)
	err, _ = effect.Explain(err, rules)
	return err
}

---@meta
error("Cannot require a meta file")

-- generated from the declarations of modules; do not edit

---The network of the host: interfaces, addresses, routes, sockets, and what it reaches.
---@class h.net
local net = {}

net.alias = {}

net.clone = {}

---Lists addresses, interface by interface, in the order in which they were configured: the first one of a family is the primary one.
---@param options? net.addresses.options
---@return net.Address[]
function net.addresses(options) end

---Gives an interface an address, or takes it away: now, and in rc.conf, where aliases are numbered without gaps, or stand in ifconfig_IF_aliases where that is in use; other lines stay. What may cut our own connection is guarded: the host takes it back by itself unless a new connection comes about, and rc.conf is written only then. Routes that a guarded change takes along are set again where their gateways are still reached.
---@param interface string "em0"
---@param address string "192.0.2.20", or with its prefix: "192.0.2.20/32"
---@param options? net.alias.ensure.options
---@return net.AliasChanged
---@overload fun(arguments: net.alias.ensure.arguments): net.AliasChanged
function net.alias.ensure(interface, address, options) end

---Makes an interface that is no device, such as lo1, bridge0, epair0 or vlan5, now and at every boot, with its addresses; or unmakes it. Addresses that it has besides stay.
---@param name string "lo1", "bridge0", "epair0" (whose ends are epair0a and epair0b), "vlan5"
---@param options? net.clone.ensure.options
---@return net.CloneChanged
---@overload fun(arguments: net.clone.ensure.arguments): net.CloneChanged
function net.clone.ensure(name, options) end

---Returns the way that packets take to addresses that no other route covers; found is false where there is none.
---@param options? net.default_route.options
---@return net.Default
function net.default_route(options) end

---Lists interfaces with what ifconfig shows of them.
---@param options? net.interfaces.options
---@return net.Interface[]
function net.interfaces(options) end

---Tells whether the host reaches another one: a TCP port of it, or with no port its answer to a ping. That it does not is no error but an answer. Releases before 13 give a ping over IPv6 no limit of time: it waits some ten seconds.
---@param host string name or address
---@param options? net.reachable.options
---@return net.Reached
---@overload fun(arguments: net.reachable.arguments): net.Reached
function net.reachable(host, options) end

---Looks a name up as programs of the host do, /etc/hosts included. A name that has no address is no error but an answer.
---@param name string name of a host
---@param options? net.resolve.options
---@return net.Resolved
---@overload fun(arguments: net.resolve.arguments): net.Resolved
function net.resolve(name, options) end

---Lists the routing table.
---@param options? net.routes.options
---@return net.Route[]
function net.routes(options) end

---Lists sockets of IPv4 and IPv6 and whose they are. Those that no process holds, such as connections that have just ended, have neither user nor process. Old releases cut the names of commands to ten characters.
---@param options? net.sockets.options
---@return net.Socket[]
function net.sockets(options) end

---@class net.addresses.options
---@field interface? string only of this interface
---@field family? "inet"|"inet6" only of this family

---@class net.Address
---@field interface string whose it is
---@field family string inet or inet6
---@field address string address, without scope and prefix
---@field prefix integer length of the network's prefix
---@field broadcast? string broadcast address
---@field peer? string the other end
---@field vhid? integer group of carp(4) that shares it
---@field flags string[] of IPv6: tentative, deprecated, autoconf ...

---@class net.alias.ensure.options
---@field prefix? integer length of the prefix; default: that of the address where it is there, else 32, or 64 for IPv6
---@field vhid? integer group of carp(4) that shares it; the group itself, with its password, is there already
---@field state? "present"|"absent" whether the interface has it ("present" by default)
---@field persist? boolean at boot, too: in rc.conf (true by default)
---@field within? number until the host takes back what cut our connection (60 by default)

---@class net.alias.ensure.arguments
---@field interface string "em0"
---@field address string "192.0.2.20", or with its prefix: "192.0.2.20/32"
---@field prefix? integer length of the prefix; default: that of the address where it is there, else 32, or 64 for IPv6
---@field vhid? integer group of carp(4) that shares it; the group itself, with its password, is there already
---@field state? "present"|"absent" whether the interface has it ("present" by default)
---@field persist? boolean at boot, too: in rc.conf (true by default)
---@field within? number until the host takes back what cut our connection (60 by default)

---@class net.AliasChanged
---@field changed boolean one of the two, or in check mode would be
---@field running boolean the interface was changed
---@field boot boolean rc.conf was changed

---@class net.clone.ensure.options
---@field addresses? string[] addresses with their prefixes: "10.0.0.1/24"
---@field args? string[] words for ifconfig create, as vlan and vlandev with their values; they count when it is made
---@field state? "present"|"absent" whether it is there ("present" by default)
---@field persist? boolean at boot, too: in rc.conf (true by default)

---@class net.clone.ensure.arguments
---@field name string "lo1", "bridge0", "epair0" (whose ends are epair0a and epair0b), "vlan5"
---@field addresses? string[] addresses with their prefixes: "10.0.0.1/24"
---@field args? string[] words for ifconfig create, as vlan and vlandev with their values; they count when it is made
---@field state? "present"|"absent" whether it is there ("present" by default)
---@field persist? boolean at boot, too: in rc.conf (true by default)

---@class net.CloneChanged
---@field changed boolean something of it, or in check mode would be
---@field made boolean it was made
---@field unmade boolean it was unmade
---@field boot boolean rc.conf was changed

---@class net.default_route.options
---@field family? "inet"|"inet6" whose ("inet" by default)

---@class net.Default
---@field found boolean there is one
---@field gateway? string address of the gateway; none where the interface itself is the way
---@field interface? string interface that it leads out by
---@field mtu? integer largest packet

---@class net.interfaces.options
---@field group? string only those of this group, such as lo or epair

---@class net.Interface
---@field name string em0, lo1 ...
---@field up boolean it is marked as up
---@field flags string[] UP, BROADCAST, RUNNING, LOOPBACK ...
---@field mtu integer largest packet
---@field description? string what somebody wrote down for it
---@field ether? string hardware address
---@field media? string as ifconfig has it
---@field status? string active, no carrier, associated ...
---@field groups string[] groups of interfaces that it is in
---@field vlan? integer number of the VLAN
---@field parent? string interface that carries the VLAN
---@field members string[] members of a bridge, ports of an aggregate
---@field addresses net.Address[] in their order

---@class net.reachable.options
---@field port? integer TCP port; without one it is pinged
---@field family? "inet"|"inet6" by this one; default: whichever is tried first
---@field timeout? number how long to wait for an answer (5 by default)

---@class net.reachable.arguments
---@field host string name or address
---@field port? integer TCP port; without one it is pinged
---@field family? "inet"|"inet6" by this one; default: whichever is tried first
---@field timeout? number how long to wait for an answer (5 by default)

---@class net.Reached
---@field reachable boolean it answered
---@field time? number round trip of the ping
---@field error? string why not, in the words of nc or ping

---@class net.resolve.options
---@field family? "inet"|"inet6" only addresses of this family

---@class net.resolve.arguments
---@field name string name of a host
---@field family? "inet"|"inet6" only addresses of this family

---@class net.Resolved
---@field name string as it was asked for
---@field addresses string[] in the order in which programs try them; none where the name is not known
---@field error? string what the resolver said instead

---@class net.routes.options
---@field family? "inet"|"inet6" only of this family

---@class net.Route
---@field family string inet or inet6
---@field destination string default, a network with its prefix, or an address
---@field gateway string address of the gateway, or link#N: the network itself
---@field flags string as netstat has them: UGS is up, by a gateway, static
---@field interface string interface that it leads out by
---@field mtu? integer largest packet, where the release tells
---@field expire? integer until it goes

---@class net.sockets.options
---@field proto? "tcp"|"udp"|"sctp"|"udplite" only of this protocol
---@field family? "inet"|"inet6" only those that speak it
---@field port? integer only with this local port
---@field listening? boolean only those that wait for others: TCP that listens, UDP without a peer

---@class net.Socket
---@field proto string tcp, udp, sctp ...
---@field family string inet, inet6, or both: one socket of IPv6 that hears IPv4 too
---@field local_address string * for all of them
---@field local_port integer 0 where none is bound
---@field foreign_address string the other end; * where there is none
---@field foreign_port integer 0 where there is none
---@field state? string of TCP: LISTEN, ESTABLISHED ...
---@field user? string who holds it
---@field command? string name of the process
---@field pid? integer process that holds it
---@field fd? integer its descriptor there

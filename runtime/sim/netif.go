package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim/state"
)

// startNetwork is what a boot makes of the interfaces: what was configured by hand
// is gone, and rc.conf says what they have.
func (m *Machine) startNetwork() {
	s := m.state
	s.Lock()
	n := &s.Network
	n.Interfaces = slices.DeleteFunc(n.Interfaces, func(i *state.Interface) bool { return i.Cloned })
	for _, i := range n.Interfaces {
		i.Inet, i.Inet6, i.Descr = nil, nil, ""
		i.Set("UP", false)
	}
	n.Gateway, n.Gateway6, n.Routes = "", "", nil
	s.Unlock()
	m.StartInterfaces(nil)
	m.StartRouting()
}

// StartInterfaces is service netif start: clones are made, and interfaces get what
// rc.conf says; none given stands for all. It returns their names.
func (m *Machine) StartInterfaces(names []string) []string {
	m.locked(func(n *state.Network) {
		for _, clone := range m.clones(names) {
			_, _ = n.Create(clone)
		}
	})
	list := m.interfaceNames(names)
	for _, name := range list {
		m.configure(name)
	}
	return list
}

// StopInterfaces is service netif stop: interfaces lose their addresses, clones
// go, and with them the routes that led through them.
func (m *Machine) StopInterfaces(names []string) []string {
	list := m.interfaceNames(names)
	m.locked(func(n *state.Network) {
		for _, name := range list {
			i := n.Find(name)
			i.Inet, i.Inet6 = nil, nil
			i.Set("UP", false)
		}
		for _, clone := range m.clones(names) {
			if strings.HasPrefix(clone, "epair") { // one end stands for both
				clone += "a"
			}
			_ = n.Destroy(clone)
		}
		n.Settle()
	})
	return list
}

// clones are the interfaces of cloned_interfaces, or those of them that are named.
func (m *Machine) clones(names []string) []string {
	all := strings.Fields(m.RCVar("cloned_interfaces"))
	return slices.DeleteFunc(all, func(c string) bool { return len(names) > 0 && !slices.Contains(names, c) })
}

// interfaceNames are those that netif looks after, lo0 first.
func (m *Machine) interfaceNames(names []string) (list []string) {
	chosen := strings.Fields(m.RCVar("network_interfaces"))
	m.locked(func(n *state.Network) {
		for _, i := range n.Interfaces {
			listed := len(chosen) == 0 || slices.Contains(chosen, "auto") || slices.Contains(chosen, i.Name)
			if len(names) == 0 && listed || slices.Contains(names, i.Name) {
				list = append(list, i.Name)
			}
		}
	})
	slices.SortStableFunc(list, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case a == "lo0":
			return -1
		case b == "lo0":
			return 1
		}
		return 0
	})
	return list
}

func (m *Machine) locked(fn func(n *state.Network)) {
	m.state.Lock()
	defer m.state.Unlock()
	fn(&m.state.Network)
}

// configure gives an interface what rc.conf says of it.
func (m *Machine) configure(name string) {
	lines := []string{m.RCVar("ifconfig_" + name)}
	if name == "lo0" && lines[0] == "" {
		lines[0] = "inet 127.0.0.1/8"
	}
	if lines[0] == "" {
		lines[0] = m.RCVar("ifconfig_DEFAULT")
	}
	lines = append(lines, m.RCVar("ifconfig_"+name+"_ipv6"))
	aliases := m.RCVar("ifconfig_" + name + "_aliases")
	for k := 0; ; k++ {
		alias := m.RCVar(fmt.Sprintf("ifconfig_%s_alias%d", name, k))
		if alias == "" {
			break
		}
		lines = append(lines, alias)
	}
	for family := range strings.SplitSeq(aliases, " inet") {
		if f := strings.TrimSpace(family); f != "" {
			lines = append(lines, "inet"+strings.TrimPrefix(f, "inet"))
		}
	}
	m.locked(func(n *state.Network) {
		i := n.Find(name)
		if name == "lo0" {
			i.Add(netip.MustParsePrefix("::1/128"))
			i.Add(netip.MustParsePrefix("fe80::1/64"))
		}
		for _, line := range lines {
			m.apply(n, i, strings.Fields(line))
		}
	})
}

// apply does what a line of rc.conf for an interface says.
func (m *Machine) apply(n *state.Network, i *state.Interface, words []string) {
	for _, word := range words {
		switch strings.ToUpper(word) {
		case "DHCP", "SYNCDHCP", "NOSYNCDHCP":
			if m.address != "" {
				i.Add(netip.MustParsePrefix(m.address + "/24"))
				n.Gateway = lanGateway
			}
			return
		}
	}
	prefix, rest, err := ParseInterfaceAddress(words)
	if err == nil && prefix.IsValid() {
		i.Add(prefix)
	}
	for k, word := range rest {
		switch {
		case word == "up":
			i.Set("UP", true)
			i.Set("RUNNING", true)
		case word == "mtu" && k+1 < len(rest):
			i.MTU, _ = strconv.Atoi(rest[k+1])
		}
	}
}

// lanGateway is the router of the network that the machines are in.
const lanGateway = "192.0.2.1"

// StartRouting is service routing start: the routes and what makes a router.
func (m *Machine) StartRouting() {
	set := func(name string) {
		m.state.Lock()
		defer m.state.Unlock()
		if v := m.state.Sysctls[name]; v != nil {
			v.Value = "1"
		}
	}
	if m.rcYes("gateway_enable") {
		set("net.inet.ip.forwarding")
	}
	if m.rcYes("ipv6_gateway_enable") {
		set("net.inet6.ip6.forwarding")
	}
	m.locked(func(n *state.Network) {
		if gateway := m.RCVar("defaultrouter"); gateway != "" && !strings.EqualFold(gateway, "NO") {
			n.Gateway = gateway
		}
		if gateway := m.RCVar("ipv6_defaultrouter"); gateway != "" && !strings.EqualFold(gateway, "NO") {
			n.Gateway6 = gateway
		}
		for name := range strings.FieldsSeq(m.RCVar("static_routes")) {
			if to, gateway, ok := ParseRoute(strings.Fields(m.RCVar("route_" + name))); ok {
				n.Routes = append(n.Routes, state.Route{To: to.String(), Gateway: gateway})
			}
		}
		n.Settle()
	})
}

// StopRouting is service routing stop.
func (m *Machine) StopRouting() {
	m.locked(func(n *state.Network) { n.Gateway, n.Gateway6, n.Routes = "", "", nil })
}

// ParseRoute reads the destination and the gateway of route(8): -net 10.0.0.0/8
// 192.0.2.1, -net 10.0.0.0 192.0.2.1 -netmask 255.0.0.0, a host without -net.
func ParseRoute(words []string) (to netip.Prefix, gateway string, ok bool) {
	var operands []string
	mask := ""
	for k := 0; k < len(words); k++ {
		switch word := words[k]; {
		case (word == "-netmask" || word == "-prefixlen") && k+1 < len(words):
			k++
			mask = words[k]
		case !strings.HasPrefix(word, "-"):
			operands = append(operands, word)
		}
	}
	if len(operands) == 0 || len(operands) > 2 {
		return to, "", false
	}
	text := operands[0]
	if mask != "" {
		text += "/" + mask
	}
	to, ok = parsePrefix(text)
	if len(operands) == 2 {
		gateway = operands[1]
	}
	return to.Masked(), gateway, ok
}

// parsePrefix reads an address with a mask in any form; without one it is a host.
func parsePrefix(text string) (netip.Prefix, bool) {
	address, mask, masked := strings.Cut(text, "/")
	a, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if masked {
		var ok bool
		if bits, ok = maskBits(mask, a); !ok {
			return netip.Prefix{}, false
		}
	}
	return netip.PrefixFrom(a, bits), true
}

// maskBits is the length of a mask: 24, 255.255.255.0, 0xffffff00.
func maskBits(mask string, a netip.Addr) (int, bool) {
	if n, err := strconv.Atoi(mask); err == nil {
		return n, n >= 0 && n <= a.BitLen()
	}
	var value uint64
	if digits, ok := strings.CutPrefix(mask, "0x"); ok {
		n, err := strconv.ParseUint(digits, 16, 32)
		if err != nil {
			return 0, false
		}
		value = n
	} else {
		m, err := netip.ParseAddr(mask)
		if err != nil || !m.Is4() {
			return 0, false
		}
		for _, b := range m.AsSlice() {
			value = value<<8 | uint64(b)
		}
	}
	for bits := 0; bits <= 32; bits++ {
		if value == 1<<32-1<<(32-bits) {
			return bits, true
		}
	}
	return 0, false
}

// ParseInterfaceAddress reads the address of ifconfig(8)'s arguments: inet
// 192.0.2.10/24, or with netmask or prefixlen. What is none of it is left over; an
// invalid prefix and no error mean that there is no address.
func ParseInterfaceAddress(words []string) (prefix netip.Prefix, rest []string, err error) {
	address, mask, family := "", "", ""
	for k := 0; k < len(words); k++ {
		word := words[k]
		switch {
		case word == "inet" || word == "inet6":
			family = word
		case (word == "netmask" || word == "prefixlen") && k+1 < len(words):
			k++
			mask = words[k]
		case word == "broadcast" && k+1 < len(words):
			k++
		case address == "" && (k > 0 && words[k-1] == family || strings.ContainsAny(word, ".:")):
			address = word
		default:
			rest = append(rest, word)
		}
	}
	if address == "" {
		return prefix, rest, nil
	}
	text := address
	if mask != "" {
		text, _, _ = strings.Cut(text, "/")
		text += "/" + mask
	}
	prefix, ok := parsePrefix(text)
	if !ok {
		return prefix, rest, fmt.Errorf("%s: bad value", address)
	}
	if !strings.Contains(text, "/") {
		prefix = netip.PrefixFrom(prefix.Addr(), classBits(prefix.Addr()))
	}
	return prefix, rest, nil
}

// classBits is the mask an address has when none is given.
func classBits(a netip.Addr) int {
	if a.Is6() {
		return 64
	}
	switch first := a.As4()[0]; {
	case first < 128:
		return 8
	case first < 192:
		return 16
	}
	return 24
}

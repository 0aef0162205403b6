package net

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/lazyregexp"
)

// Interface is what ifconfig(8) shows of an interface.
type Interface struct {
	Name        string    `lua:"name" doc:"em0, lo1 ..."`
	Up          bool      `lua:"up" doc:"it is marked as up"`
	Flags       []string  `lua:"flags" doc:"UP, BROADCAST, RUNNING, LOOPBACK ..."`
	MTU         int       `lua:"mtu" doc:"largest packet" unit:"bytes"`
	Description string    `lua:"description,omitempty" doc:"what somebody wrote down for it"`
	Ether       string    `lua:"ether,omitempty" doc:"hardware address"`
	Media       string    `lua:"media,omitempty" doc:"as ifconfig has it"`
	Status      string    `lua:"status,omitempty" doc:"active, no carrier, associated ..."`
	Groups      []string  `lua:"groups" doc:"groups of interfaces that it is in"`
	Vlan        int       `lua:"vlan,omitempty" doc:"number of the VLAN"`
	Parent      string    `lua:"parent,omitempty" doc:"interface that carries the VLAN"`
	Members     []string  `lua:"members" doc:"members of a bridge, ports of an aggregate"`
	Addresses   []Address `lua:"addresses" doc:"in their order"`
}

// Address is an address of an interface.
type Address struct {
	Interface string   `lua:"interface" doc:"whose it is"`
	Family    string   `lua:"family" doc:"inet or inet6"`
	Address   string   `lua:"address" doc:"address, without scope and prefix"`
	Prefix    int      `lua:"prefix" doc:"length of the network's prefix"`
	Broadcast string   `lua:"broadcast,omitempty" doc:"broadcast address"`
	Peer      string   `lua:"peer,omitempty" doc:"the other end"`
	Vhid      int      `lua:"vhid,omitempty" doc:"group of carp(4) that shares it"`
	Flags     []string `lua:"flags" doc:"of IPv6: tentative, deprecated, autoconf ..."`
}

func (a Address) addr() netip.Addr {
	parsed, _ := netip.ParseAddr(a.Address)
	return parsed
}

// InterfacesArgs are the arguments of Interfaces.
type InterfacesArgs struct {
	Group string `lua:"group" doc:"only those of this group, such as lo or epair"`
}

// Interfaces lists interfaces.
func Interfaces(ctx context.Context, h effect.Doer, a InterfacesArgs) ([]Interface, error) {
	list, err := interfaces(ctx, h, "net.interfaces")
	return slices.DeleteFunc(list, func(i Interface) bool { return a.Group != "" && !slices.Contains(i.Groups, a.Group) }), err
}

// AddressesArgs are the arguments of Addresses.
type AddressesArgs struct {
	Interface string `lua:"interface" doc:"only of this interface"`
	Family    string `lua:"family" doc:"only of this family" enum:"inet|inet6"`
}

// Addresses lists addresses.
func Addresses(ctx context.Context, h effect.Doer, a AddressesArgs) ([]Address, error) {
	const op = "net.addresses"
	list, err := interfaces(ctx, h, op)
	if err != nil {
		return nil, err
	}
	if a.Interface != "" && find(list, a.Interface) == nil {
		return nil, missingInterface(op, a.Interface)
	}
	all := []Address{}
	for _, i := range list {
		for _, address := range i.Addresses {
			if (a.Interface == "" || a.Interface == i.Name) && (a.Family == "" || a.Family == address.Family) {
				all = append(all, address)
			}
		}
	}
	return all, nil
}

// interfaces reads the interfaces; check mode answers with those that skipped
// changes would have left.
func interfaces(ctx context.Context, h effect.Doer, op string) ([]Interface, error) {
	out, err := read(ctx, h, effect.Effect{
		Op: op, Argv: []string{"ifconfig", "-a"}, Reads: []effect.Resource{interfacesResource},
		Answer: func(left map[effect.Resource]string) (effect.Result, bool) {
			text, ok := left[interfacesResource]
			return effect.Result{Stdout: effect.OutputOf([]byte(text))}, ok
		},
	})
	if err != nil {
		return nil, err
	}
	list, err := parseInterfaces(out)
	if err != nil {
		return nil, effect.Errorf(effect.Failed, op, "%v", err)
	}
	return list, nil
}

func find(list []Interface, name string) *Interface {
	at := slices.IndexFunc(list, func(i Interface) bool { return i.Name == name })
	if at < 0 {
		return nil
	}
	return &list[at]
}

func missingInterface(op, name string) error {
	return effect.WithHint(effect.Errorf(effect.Missing, op, "the host has no interface %s", name), "net.clone.ensure makes interfaces that are no devices")
}

var (
	headLine   = lazyregexp.New(`^([^\s:]+): flags=[0-9a-fA-F]+(?:<([^>]*)>)?(?: metric \d+)?(?: mtu (\d+))?\s*$`)
	vlanLine   = lazyregexp.New(`^vlan: (\d+)(?:.*parent interface: (\S+))?`)
	memberLine = lazyregexp.New(`^(?:member|laggport): (\S+)`)
)

// parseInterfaces reads what ifconfig(8) prints, of any release.
func parseInterfaces(out string) ([]Interface, error) {
	list := []Interface{}
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
		case line[0] != '\t' && line[0] != ' ':
			m := headLine.FindStringSubmatch(line)
			if m == nil {
				return nil, fmt.Errorf("ifconfig printed something else: %.80q", line)
			}
			i := Interface{Name: m[1], Flags: []string{}, Groups: []string{}, Members: []string{}, Addresses: []Address{}}
			if m[2] != "" {
				i.Flags = strings.Split(m[2], ",")
			}
			i.Up = slices.Contains(i.Flags, "UP")
			i.MTU, _ = strconv.Atoi(m[3])
			list = append(list, i)
		case len(list) == 0:
			return nil, fmt.Errorf("ifconfig printed something else: %.80q", line)
		default:
			if err := list[len(list)-1].detail(strings.TrimSpace(line)); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// detail reads a line below an interface; what nobody asks for is passed over.
func (i *Interface) detail(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case inet, inet6:
		a, err := parseAddress(strings.Fields(line))
		if err != nil {
			return fmt.Errorf("%s: %w", i.Name, err)
		}
		a.Interface = i.Name
		i.Addresses = append(i.Addresses, a)
	case "description:":
		i.Description = rest
	case "ether":
		i.Ether, _, _ = strings.Cut(rest, " ")
	case "media:":
		i.Media = rest
	case "status:":
		i.Status = rest
	case "groups:":
		i.Groups = strings.Fields(rest)
	case "vlan:":
		if m := vlanLine.FindStringSubmatch(line); m != nil {
			i.Vlan, _ = strconv.Atoi(m[1])
			i.Parent = m[2]
		}
	case "member:", "laggport:":
		if m := memberLine.FindStringSubmatch(line); m != nil {
			i.Members = append(i.Members, m[1])
		}
	}
	return nil
}

// parseAddress reads the words of an address's line.
func parseAddress(words []string) (Address, error) {
	a := Address{Family: words[0], Prefix: -1, Flags: []string{}}
	strange := fmt.Errorf("ifconfig printed something else: %.80q", strings.Join(words, " "))
	if len(words) < 2 {
		return a, strange
	}
	text, length, hasLength := strings.Cut(words[1], "/")
	text, _, _ = strings.Cut(text, "%")
	address, err := netip.ParseAddr(text)
	if err != nil || familyOf(address) != a.Family {
		return a, strange
	}
	a.Address = text
	if hasLength {
		a.Prefix = maskBits(length, address)
	}
	for k := 2; k < len(words); k++ {
		value := ""
		if k+1 < len(words) {
			value = words[k+1]
		}
		switch words[k] {
		case "netmask", "prefixlen":
			a.Prefix = maskBits(value, address)
		case "broadcast":
			a.Broadcast = value
		case "-->":
			a.Peer = value
		case "vhid":
			a.Vhid, _ = strconv.Atoi(value)
		case "scopeid", "pltime", "vltime":
		default:
			a.Flags = append(a.Flags, words[k])
			continue
		}
		k++
	}
	if a.Prefix < 0 {
		return a, strange
	}
	return a, nil
}

// maskBits is the length of a mask in any form: 24, 0xffffff00, 255.255.255.0; -1
// for what is none.
func maskBits(text string, address netip.Addr) int {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > address.BitLen() {
			return -1
		}
		return n
	}
	var mask uint32
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		n, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			return -1
		}
		mask = uint32(n)
	} else {
		dotted, err := netip.ParseAddr(text)
		if err != nil || !dotted.Is4() {
			return -1
		}
		for _, b := range dotted.As4() {
			mask = mask<<8 | uint32(b)
		}
	}
	for bits := range 33 {
		if address.Is4() && mask == uint32(0xffffffff<<(32-bits)) {
			return bits
		}
	}
	return -1
}

// show prints interfaces as ifconfig would, as far as parseInterfaces reads it: for
// what check mode keeps of skipped changes.
func show(list []Interface) string {
	var b strings.Builder
	for _, i := range list {
		fmt.Fprintf(&b, "%s: flags=0<%s> metric 0 mtu %d\n", i.Name, strings.Join(i.Flags, ","), i.MTU)
		for _, detail := range []struct{ word, value string }{
			{"description:", i.Description}, {"ether", i.Ether}, {"media:", i.Media}, {"status:", i.Status}, {"groups:", strings.Join(i.Groups, " ")},
		} {
			if detail.value != "" {
				fmt.Fprintf(&b, "\t%s %s\n", detail.word, detail.value)
			}
		}
		if i.Vlan != 0 {
			fmt.Fprintf(&b, "\tvlan: %d parent interface: %s\n", i.Vlan, i.Parent)
		}
		for _, m := range i.Members {
			fmt.Fprintf(&b, "\tmember: %s\n", m)
		}
		for _, a := range i.Addresses {
			fmt.Fprintf(&b, "\t%s\n", a.line())
		}
	}
	return b.String()
}

func (a Address) line() string {
	line := fmt.Sprintf("%s %s/%d", a.Family, a.Address, a.Prefix)
	for _, detail := range []struct{ word, value string }{{"-->", a.Peer}, {"broadcast", a.Broadcast}} {
		if detail.value != "" {
			line += " " + detail.word + " " + detail.value
		}
	}
	if a.Vhid != 0 {
		line += fmt.Sprintf(" vhid %d", a.Vhid)
	}
	return strings.Join(append([]string{line}, a.Flags...), " ")
}

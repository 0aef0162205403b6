package state

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Network is the machine's own side of it.
type Network struct {
	Hostname   string
	Interfaces []*Interface
	Gateway    string // of the default route
	Gateway6   string
	Routes     []Route // static ones besides the default
}

// Interface is a network interface.
type Interface struct {
	Name   string
	Ether  string
	MTU    int
	Flags  []string // UP, BROADCAST, RUNNING ...
	Inet   []string // 192.0.2.10/24, the primary one first
	Inet6  []string
	Media  string
	Group  []string
	Cloned bool   `json:",omitempty"` // made by ifconfig create
	Descr  string `json:",omitempty"`
}

// Route is a static route.
type Route struct {
	To      string // 198.51.100.0/24
	Gateway string
}

// Has tells whether a flag is set.
func (i *Interface) Has(flag string) bool { return slices.Contains(i.Flags, flag) }

// Set sets or clears a flag.
func (i *Interface) Set(flag string, on bool) {
	i.Flags = slices.DeleteFunc(i.Flags, func(f string) bool { return f == flag })
	if on {
		i.Flags = append(i.Flags, flag)
	}
}

// Addresses are those of the interface, as prefixes: first those of IPv4.
func (i *Interface) Addresses() (list []netip.Prefix) {
	for _, text := range slices.Concat(i.Inet, i.Inet6) {
		if p, err := netip.ParsePrefix(text); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func (i *Interface) list(a netip.Addr) *[]string {
	if a.Is4() {
		return &i.Inet
	}
	return &i.Inet6
}

// Add gives the interface an address, or another mask to one that it has. An
// address that is there already loses its place to the new ones behind it.
func (i *Interface) Add(p netip.Prefix) {
	i.Remove(p.Addr())
	list := i.list(p.Addr())
	*list = append(*list, p.String())
	i.Set("UP", true)
	i.Set("RUNNING", true)
}

// Replace puts an address in the place of the primary one, as ifconfig does with
// one that is no alias.
func (i *Interface) Replace(p netip.Prefix) {
	i.Remove(p.Addr())
	list := i.list(p.Addr())
	if len(*list) > 0 && p.Addr().Is4() {
		*list = (*list)[1:]
	}
	*list = append(*list, p.String())
	i.Set("UP", true)
	i.Set("RUNNING", true)
}

// Remove takes an address away; false: it was not there.
func (i *Interface) Remove(a netip.Addr) bool {
	list := i.list(a)
	before := len(*list)
	*list = slices.DeleteFunc(slices.Clone(*list), func(text string) bool {
		p, err := netip.ParsePrefix(text)
		return err == nil && p.Addr() == a
	})
	return len(*list) < before
}

// Find is the interface of a name, nil for none.
func (n *Network) Find(name string) *Interface {
	for _, i := range n.Interfaces {
		if i.Name == name {
			return i
		}
	}
	return nil
}

// cloners are the kinds of interfaces that can be made, with their groups.
var cloners = map[string]struct {
	flags []string
	mtu   int
	ether bool
}{
	"lo":     {[]string{"LOOPBACK", "MULTICAST", "LOWER_UP"}, 16384, false},
	"epair":  {[]string{"BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST", "LOWER_UP"}, 1500, true},
	"bridge": {[]string{"BROADCAST", "SIMPLEX", "MULTICAST"}, 1500, true},
	"tap":    {[]string{"BROADCAST", "SIMPLEX", "MULTICAST"}, 1500, true},
	"tun":    {[]string{"POINTOPOINT", "MULTICAST"}, 1500, false},
	"gif":    {[]string{"POINTOPOINT", "MULTICAST"}, 1280, false},
	"pflog":  {[]string{"LOWER_UP"}, 33152, false},
	"vlan":   {[]string{"BROADCAST", "SIMPLEX", "MULTICAST"}, 1500, true},
}

// Create makes an interface: "lo1", or the next one of a kind: "lo". Of a pair it
// returns the first end. The errors are those of the system call.
func (n *Network) Create(name string) (*Interface, error) {
	kind := strings.TrimRight(name, "0123456789")
	cloner, known := cloners[kind]
	if !known {
		return nil, syscall.EINVAL
	}
	ends := []string{""}
	if kind == "epair" {
		ends = []string{"a", "b"}
	}
	if name == kind {
		for k := 0; ; k++ {
			if name = kind + strconv.Itoa(k); n.Find(name+ends[0]) == nil {
				break
			}
		}
	}
	if n.Find(name+ends[0]) != nil {
		return nil, syscall.EEXIST
	}
	at := len(n.Interfaces)
	for _, end := range ends {
		i := &Interface{Name: name + end, MTU: cloner.mtu, Flags: slices.Clone(cloner.flags), Group: []string{kind}, Cloned: true}
		if cloner.ether {
			i.Ether = fmt.Sprintf("58:9c:fc:10:00:%02x", len(n.Interfaces)&0xff)
		}
		n.Interfaces = append(n.Interfaces, i)
	}
	return n.Interfaces[at], nil
}

// pairEnd is an end of a pair: what its number ends with.
func pairEnd(name string) (pair string, is bool) {
	pair = strings.TrimRight(name, "ab")
	return pair, strings.HasPrefix(name, "epair") && len(pair) == len(name)-1
}

// Destroy unmakes an interface, and with one end of a pair the other one.
func (n *Network) Destroy(name string) error {
	i := n.Find(name)
	switch {
	case i == nil:
		return syscall.ENXIO
	case !i.Cloned:
		return syscall.EINVAL
	}
	pair, paired := pairEnd(name)
	n.Interfaces = slices.DeleteFunc(n.Interfaces, func(x *Interface) bool {
		other, is := pairEnd(x.Name)
		return x == i || paired && is && other == pair
	})
	n.Settle()
	return nil
}

// Owner is the interface that has an address, nil for none.
func (n *Network) Owner(a netip.Addr) *Interface {
	for _, i := range n.Interfaces {
		for _, p := range i.Addresses() {
			if p.Addr() == a && i.Has("UP") {
				return i
			}
		}
	}
	return nil
}

// direct is the interface whose network an address is in, the narrowest first.
func (n *Network) direct(a netip.Addr) (best *Interface, own netip.Prefix) {
	for _, i := range n.Interfaces {
		if !i.Has("UP") {
			continue
		}
		for _, p := range i.Addresses() {
			if p.Contains(a) && (best == nil || p.Bits() > own.Bits()) {
				best, own = i, p
			}
		}
	}
	return best, own
}

// ErrNoRoute is the answer for an address that no route leads to.
var ErrNoRoute = errors.New("no route to host")

// Way is how packets to an address leave: the interface, the address they have
// unless their sender chose one, and the gateway, if there is one.
func (n *Network) Way(to netip.Addr) (out *Interface, source, gateway netip.Addr, err error) {
	if i := n.Owner(to); i != nil {
		if lo := n.Find("lo0"); lo != nil {
			return lo, to, gateway, nil
		}
		return i, to, gateway, nil
	}
	if i, own := n.direct(to); i != nil {
		return i, own.Addr(), gateway, nil
	}
	hop, bits := n.Gateway, -1
	if to.Is6() {
		hop = n.Gateway6
	}
	for _, r := range n.Routes {
		if p, err := netip.ParsePrefix(r.To); err == nil && p.Contains(to) && p.Bits() > bits {
			hop, bits = r.Gateway, p.Bits()
		}
	}
	gateway, perr := netip.ParseAddr(hop)
	if perr != nil {
		return nil, source, gateway, ErrNoRoute
	}
	i, own := n.direct(gateway)
	if i == nil {
		return nil, source, gateway, ErrNoRoute
	}
	return i, own.Addr(), gateway, nil
}

// Settle forgets routes whose gateway no interface reaches any more, as they go
// with the address that led there.
func (n *Network) Settle() {
	reaches := func(gateway string) bool {
		a, err := netip.ParseAddr(gateway)
		if err != nil {
			return false
		}
		i, _ := n.direct(a)
		return i != nil
	}
	if !reaches(n.Gateway) {
		n.Gateway = ""
	}
	if !reaches(n.Gateway6) {
		n.Gateway6 = ""
	}
	n.Routes = slices.DeleteFunc(n.Routes, func(r Route) bool { return !reaches(r.Gateway) })
}

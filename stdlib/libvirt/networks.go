package libvirt

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"

	"libvirt.org/go/libvirtxml"

	"bsdrun/runtime/effect"
)

// Network is a network of libvirt's.
type Network struct {
	Name       string           `lua:"name" doc:"its name"`
	UUID       string           `lua:"uuid" doc:"its identifier"`
	Active     bool             `lua:"active" doc:"it runs"`
	Autostart  bool             `lua:"autostart" doc:"it is started with the host"`
	Persistent bool             `lua:"persistent" doc:"it stays when it is stopped"`
	Forward    string           `lua:"forward" doc:"where its packets go: nat, route, open, bridge (an existing bridge), private, vepa, passthrough, hostdev; none: nowhere"`
	Bridge     string           `lua:"bridge,omitempty" doc:"its bridge on the host"`
	Interfaces []string         `lua:"interfaces" doc:"interfaces of the host that it goes out by"`
	Addresses  []NetworkAddress `lua:"addresses" doc:"addresses of the host in it"`
	PortGroups []string         `lua:"portgroups" doc:"its port groups"`
}

// NetworkAddress is an address of the host in a network.
type NetworkAddress struct {
	Address string `lua:"address" doc:"with its prefix: 192.0.2.1/24"`
	DHCP    bool   `lua:"dhcp" doc:"guests get their addresses from it"`
}

// NetworkArgs name a network.
type NetworkArgs struct {
	Name    string `lua:"name,required" doc:"the network"`
	Connect `lua:",inline"`
}

// Networks lists the networks.
func Networks(ctx context.Context, h effect.Doer, a ListArgs) ([]Network, error) {
	return networks(ctx, h, "libvirt.networks", a.Connect)
}

// NetworkOf returns one network.
func NetworkOf(ctx context.Context, h effect.Doer, a NetworkArgs) (Network, error) {
	const op = "libvirt.network"
	if err := checkName(op, "network", a.Name); err != nil {
		return Network{}, err
	}
	list, err := networks(ctx, h, op, a.Connect, a.Name)
	if err != nil {
		return Network{}, err
	}
	if len(list) != 1 {
		return Network{}, effect.Errorf(effect.Failed, op, "virsh net-dumpxml printed no network")
	}
	return list[0], nil
}

func networks(ctx context.Context, h effect.Doer, op string, c Connect, name ...string) ([]Network, error) {
	out, err := c.query(ctx, h, op, "virsh net-list --all", detailScript, []effect.Resource{"libvirt:network/"},
		append([]string{"net-list", "net-dumpxml", "net-info", "--network"}, name...)...)
	if err != nil {
		return nil, err
	}
	return parseNetworks(op, out)
}

func parseNetworks(op, out string) ([]Network, error) {
	list := []Network{}
	for _, d := range parseDetails(out, "network") {
		var x libvirtxml.Network
		if err := x.Unmarshal(d.xml); err != nil {
			return nil, effect.Errorf(effect.Failed, op, "the network's XML makes no sense: %v", err)
		}
		f := fields(d.info)
		n := networkOf(&x)
		n.Active, n.Autostart, n.Persistent = f["Active"] == "yes", f["Autostart"] == "yes", f["Persistent"] == "yes"
		list = append(list, n)
	}
	return list, nil
}

func networkOf(x *libvirtxml.Network) Network {
	n := Network{Name: x.Name, UUID: x.UUID, Forward: "none", Interfaces: []string{}, Addresses: []NetworkAddress{}, PortGroups: []string{}}
	if f := x.Forward; f != nil {
		n.Forward = f.Mode
		if f.Mode == "" {
			n.Forward = "nat"
		}
		for _, i := range f.Interfaces {
			n.Interfaces = append(n.Interfaces, i.Dev)
		}
		if len(n.Interfaces) == 0 && f.Dev != "" {
			n.Interfaces = append(n.Interfaces, f.Dev)
		}
	}
	if x.Bridge != nil {
		n.Bridge = x.Bridge.Name
	}
	for _, ip := range x.IPs {
		n.Addresses = append(n.Addresses, NetworkAddress{Address: withPrefix(ip), DHCP: ip.DHCP != nil})
	}
	for _, g := range x.PortGroups {
		n.PortGroups = append(n.PortGroups, g.Name)
	}
	return n
}

// withPrefix is an address with its prefix, which may be told as a mask, or as the
// class of old times.
func withPrefix(ip libvirtxml.NetworkIP) string {
	prefix := int(min(ip.Prefix, 128))
	if mask, err := netip.ParseAddr(ip.Netmask); err == nil && prefix == 0 && mask.Is4() {
		m := mask.As4()
		prefix = bits.LeadingZeros32(^binary.BigEndian.Uint32(m[:]))
	}
	if address, err := netip.ParseAddr(ip.Address); err == nil && prefix == 0 && address.Is4() {
		switch first := address.As4()[0]; {
		case first < 128:
			prefix = 8
		case first < 192:
			prefix = 16
		default:
			prefix = 24
		}
	}
	return fmt.Sprintf("%s/%d", ip.Address, prefix)
}

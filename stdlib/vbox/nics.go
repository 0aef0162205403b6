package vbox

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/effect"
)

// nics compares all adapters.
func (p *planner) nics(op string, want []NICSettings) error {
	most := max(maxNICs, len(want))
	for _, n := range p.m.NICs {
		most = max(most, n.Slot)
	}
	for i := range most {
		w := NICSettings{Kind: "none"}
		if i < len(want) {
			w = want[i]
		} else if p.all && i > 0 {
			break // a new machine has one at most
		}
		if err := p.nic(op, i+1, w); err != nil {
			return err
		}
	}
	return nil
}

// nic compares one adapter.
func (p *planner) nic(op string, slot int, want NICSettings) error {
	n := strconv.Itoa(slot)
	before := NIC{Slot: slot, Kind: "none"}
	if found := p.m.nic(slot); found != nil {
		before = *found
	}
	if want.kind() == "none" {
		p.differs("nic"+n, before.Kind, "none", func(m *Info) {
			m.NICs = slices.DeleteFunc(m.NICs, func(n NIC) bool { return n.Slot == slot })
		}, "--nic"+n, "none")
		return nil
	}
	mac, err := macOf(op, want.MAC)
	if err != nil {
		return err
	}
	change := func(set func(n *NIC)) func(m *Info) { return func(m *Info) { set(m.needNIC(slot)) } }
	kind := want.kind()
	p.differs("nic"+n, before.Kind, kind, change(func(n *NIC) { n.Kind = kind }), "--nic"+n, kind)
	p.text("nictype"+n, before.Type, want.Type, change(func(n *NIC) { n.Type = want.Type }), "--nictype"+n, want.Type)
	p.text("macaddress"+n, before.MAC, mac, change(func(n *NIC) { n.MAC = mac }), "--macaddress"+n, mac)
	cable, cableBefore := want.Cable == nil || *want.Cable, onOff(before.Cable)
	if before.Kind == "none" {
		cableBefore = "" // a new adapter has what VirtualBox gives it
	}
	p.differs("cableconnected"+n, cableBefore, onOff(cable), change(func(n *NIC) { n.Cable = cable }), "--cableconnected"+n, onOff(cable))
	if option := adapterOptions[kind]; option != "" {
		p.text(option+n, before.Adapter, want.Adapter, change(func(n *NIC) { n.Adapter = want.Adapter }), "--"+option+n, want.Adapter)
	}
	if option := networkOptions[kind]; option != "" {
		p.text(option+n, before.Network, want.Network, change(func(n *NIC) { n.Network = want.Network }), "--"+option+n, want.Network)
	}
	if want.Forwards == nil {
		return nil
	}
	rules, err := completeForwards(op, want.Forwards)
	if err != nil {
		return err
	}
	p.forwards(slot, before.Forwards, rules, true)
	return nil
}

// The options that name where an adapter leads. All versions take these
// spellings; since 7.0 others, with dashes, are documented beside them.
var (
	adapterOptions = map[string]string{"bridged": "bridgeadapter", "hostonly": "hostonlyadapter"}
	networkOptions = map[string]string{"nat": "natnet", "intnet": "intnet", "natnetwork": "nat-network", "generic": "nicgenericdrv"}
)

// needNIC is an adapter of a machine, which is made if need be.
func (m *Info) needNIC(slot int) *NIC {
	if m.nic(slot) == nil {
		m.NICs = append(m.NICs, NIC{Slot: slot, Kind: "none", Forwards: []Forward{}})
		slices.SortFunc(m.NICs, func(a, b NIC) int { return a.Slot - b.Slot })
	}
	return m.nic(slot)
}

// completeForwards checks rules and gives them the names that they lack.
func completeForwards(op string, rules []Forward) ([]Forward, error) {
	var list []Forward
	names := map[string]bool{}
	for _, f := range rules {
		if f.Protocol == "" {
			f.Protocol = "tcp"
		}
		if f.Name == "" {
			f.Name = fmt.Sprintf("%s_%d_%d", f.Protocol, f.HostPort, f.GuestPort)
		}
		switch {
		case f.Protocol != "tcp" && f.Protocol != "udp":
			return nil, invalid(op, "forwards: the protocol is tcp or udp, not %q", f.Protocol)
		case f.HostPort < 1 || f.HostPort > 65535 || f.GuestPort < 1 || f.GuestPort > 65535:
			return nil, invalid(op, "forwards: %s leads from port %d to port %d: ports are 1 to 65535", f.Name, f.HostPort, f.GuestPort)
		case names[f.Name]:
			return nil, invalid(op, "forwards: two rules are named %s", f.Name)
		case strings.ContainsAny(f.Name, ",\n\"") || f.Name == "delete" || f.Name[0] == '-':
			return nil, invalid(op, "forwards: %q is no name of a rule", f.Name)
		}
		for _, address := range []string{f.HostIP, f.GuestIP} {
			if _, err := netip.ParseAddr(address); address != "" && err != nil {
				return nil, invalid(op, "forwards: %q is no address", address)
			}
		}
		names[f.Name] = true
		list = append(list, f)
	}
	return list, nil
}

// Rule is a forward as the tool writes it.
func (f Forward) rule() string {
	return fmt.Sprintf("%s,%s,%s,%d,%s,%d", f.Name, f.Protocol, f.HostIP, f.HostPort, f.GuestIP, f.GuestPort)
}

// forwards compares the rules of an adapter. With exact, those that are not
// wanted are removed.
func (p *planner) forwards(slot int, before, want []Forward, exact bool) {
	option := "--natpf" + strconv.Itoa(slot)
	setting := "forward " + strconv.Itoa(slot) + " "
	kept := map[string]bool{}
	for _, f := range before {
		same := slices.Contains(want, f)
		other := slices.ContainsFunc(want, func(w Forward) bool { return w.Name == f.Name })
		if same || !other && !exact {
			kept[f.Name] = true
			continue
		}
		p.differs(setting+f.Name, f.rule(), "", func(m *Info) {
			nic := m.needNIC(slot)
			nic.Forwards = slices.DeleteFunc(slices.Clone(nic.Forwards), func(x Forward) bool { return x.Name == f.Name })
		}, option, "delete", f.Name)
	}
	for _, f := range want {
		if kept[f.Name] {
			continue
		}
		p.differs(setting+f.Name, "", f.rule(), func(m *Info) {
			nic := m.needNIC(slot)
			nic.Forwards = append(slices.Clone(nic.Forwards), f)
		}, option, f.rule())
	}
}

// ForwardArgs are the arguments of SetForwards.
type ForwardArgs struct {
	VM       string    `lua:"vm,required" doc:"name or UUID of the machine"`
	Forwards []Forward `lua:"forwards,required" doc:"the rules; one that is there under a name with other ports is replaced"`
	NIC      int       `lua:"nic" doc:"number of the adapter, which is one of NAT" default:"1"`
	Exact    bool      `lua:"exact" doc:"remove all other rules of the adapter"`
	Owner    `lua:",inline"`
}

// SetForwards leads ports of the host to the guest; a machine that runs is
// changed at once.
func SetForwards(ctx context.Context, h effect.Doer, a ForwardArgs) (Modified, error) {
	const op = "vbox.forward"
	rules, err := completeForwards(op, a.Forwards)
	if err != nil {
		return Modified{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Modified{}, err
	}
	slot := max(a.NIC, 1)
	nic := m.nic(slot)
	if nic == nil || nic.Kind != "nat" {
		return Modified{}, effect.WithHint(effect.Errorf(effect.Failed, op, "adapter %d of %s is not one of NAT", slot, m.Name), "h.vbox.modify can make it one")
	}
	p := planner{m: m}
	p.forwards(slot, nic.Forwards, rules, a.Exact)
	return a.carryOut(ctx, h, op, a.VM, m, p.steps, liveForward)
}

// BridgeArgs are the arguments of Bridge.
type BridgeArgs struct {
	VM      string `lua:"vm,required" doc:"name or UUID of the machine"`
	Adapter string `lua:"adapter,required" doc:"the host's interface: \"em0\""`
	NIC     int    `lua:"nic" doc:"number of the machine's adapter" default:"1"`
	Type    string `lua:"type" doc:"the chip; not given: it stays" enum:"Am79C970A|Am79C973|82540EM|82543GC|82545EM|virtio"`
	MAC     string `lua:"mac" doc:"hardware address; not given: it stays"`
	Owner   `lua:",inline"`
}

// Bridge connects a network adapter of a machine to an interface of the host.
func Bridge(ctx context.Context, h effect.Doer, a BridgeArgs) (Modified, error) {
	const op = "vbox.bridge"
	want := NICSettings{Kind: "bridged", Adapter: a.Adapter, Type: a.Type, MAC: a.MAC}
	if err := want.check(op); err != nil {
		return Modified{}, err
	}
	m, err := a.look(ctx, h, op, a.VM)
	if err != nil {
		return Modified{}, err
	}
	slot := max(a.NIC, 1)
	if nic := m.nic(slot); nic != nil {
		want.Cable = &nic.Cable
	}
	p := planner{m: m}
	if err := p.nic(op, slot, want); err != nil || len(p.steps) == 0 {
		return Modified{Changes: []ModifiedSetting{}}, err
	}
	if err := a.bridgeable(ctx, h, op, a.Adapter); err != nil {
		return Modified{}, err
	}
	return a.carryOut(ctx, h, op, a.VM, m, p.steps, liveBridge(slot, a.Adapter))
}

// bridgeable sees that the host has the interface.
func (o Owner) bridgeable(ctx context.Context, h effect.Doer, op, adapter string) error {
	out, err := o.query(ctx, h, op, []effect.Resource{"net"}, "list", "bridgedifs")
	if err != nil {
		return err
	}
	var names []string
	for _, b := range parseBridges(out) {
		// on some systems the name has the description behind it
		if name, _, _ := strings.Cut(b.Name, ": "); name == adapter || b.Name == adapter {
			return nil
		}
		names = append(names, b.Name)
	}
	return effect.WithHint(effect.Errorf(effect.Missing, op, "VirtualBox can bridge to %s, not to %s", orNone(names), adapter),
		"the interface must be there, and vboxnet_enable=YES started: service vboxnet start loads vboxnetflt and vboxnetadp")
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// Bridgeable is an interface of the host that machines can be bridged to.
type Bridgeable struct {
	Name     string `lua:"name"`
	Address  string `lua:"address"`
	MAC      string `lua:"mac"`
	Up       bool   `lua:"up"`
	Wireless bool   `lua:"wireless"`
}

// ListBridges lists the interfaces that machines can be bridged to.
func ListBridges(ctx context.Context, h effect.Doer, a Owner) ([]Bridgeable, error) {
	out, err := a.query(ctx, h, "vbox.bridges", []effect.Resource{"net"}, "list", "bridgedifs")
	if err != nil {
		return nil, err
	}
	return parseBridges(out), nil
}

// live tells how a machine that runs takes a step, as arguments of controlvm; nil:
// it cannot.
type live func(s step) []string

// liveForward changes the rules of NAT.
func liveForward(s step) []string {
	return append([]string{strings.TrimPrefix(s.args[0], "--")}, s.args[1:]...)
}

// liveBridge connects an adapter elsewhere; its chip and address stay.
func liveBridge(slot int, adapter string) live {
	n := strconv.Itoa(slot)
	return func(s step) []string {
		switch s.Setting {
		case "nic" + n, "bridgeadapter" + n:
			return []string{"nic" + n, "bridged", adapter}
		}
		return nil
	}
}

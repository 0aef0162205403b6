package base

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/socket"
	"bsdrun/runtime/sim/state"
)

var interfaceCommands = []command{
	{name: "ifconfig", dir: "/sbin", flags: "aC!df:G!g:j:klLmnuvX!D!", run: ifconfig, usage: `
usage: ifconfig [-j jail] [-f type:format] interface address_family
                [address [dest_address]] [parameters]
       ifconfig [-j jail] interface create
       ifconfig -a [-dLmuv] [-G groupname] [-f type:format] [address_family]
       ifconfig -l [-du] [-g groupname] [address_family]
       ifconfig [-dLmuv] [-f type:format]`[1:]},
	{name: "netstat", dir: "/usr/bin", flags: "46AaBbcCdf:F:ghI:iLlM:mN:nPp:Qq:RrSsTuWw:xXz", run: netstat, libxo: 11,
		usage: "usage: netstat [-46AaCLlnRSTWx] [-f protocol_family | -p protocol]\n       netstat -r [-46AnW] [-F fibnum] [-f address_family]"},
	{name: "route", dir: "/sbin", flags: "46dnqtv", run: route, code: 64, usage: "usage: route [-j jail] [-46dnqtv] command [[modifiers] args]"},
	{name: "sockstat", dir: "/usr/bin", flags: "46ACcf:Iij:LlnP:p:qSsUuvw", run: sockstat,
		usage: "usage: sockstat [-46ACcIiLlnqSsUuvw] [-j jid] [-p ports] [-P protocols]"},
}

func interfaces(p *sim.Proc) (list []state.Interface) {
	withState(p, func(s *state.State) {
		for _, i := range s.Network.Interfaces {
			list = append(list, *i)
		}
	})
	return list
}

// flagBits are if_flags of net/if.h.
var flagBits = map[string]int{
	"UP": 0x1, "BROADCAST": 0x2, "DEBUG": 0x4, "LOOPBACK": 0x8, "POINTOPOINT": 0x10, "RUNNING": 0x40, "NOARP": 0x80, "PROMISC": 0x100,
	"ALLMULTI": 0x200, "SIMPLEX": 0x800, "MULTICAST": 0x8000, "LOWER_UP": 0x1000000,
}

// flagOrder is the order ifconfig prints them in.
var flagOrder = []string{"UP", "BROADCAST", "DEBUG", "LOOPBACK", "POINTOPOINT", "RUNNING", "NOARP", "PROMISC", "ALLMULTI", "SIMPLEX", "MULTICAST", "LOWER_UP"}

func hasFlag(i state.Interface, flag string) bool { return i.Has(flag) }

func ifconfig(p *sim.Proc, o *options) int {
	if _, jail := o.get("j"); jail {
		return p.Cannot("ifconfig -j")
	}
	group, byGroup := o.get("g")
	list, args := interfaces(p), o.args
	chosen := slices.DeleteFunc(slices.Clone(list), func(i state.Interface) bool {
		return o.has("u") && !hasFlag(i, "UP") || o.has("d") && hasFlag(i, "UP") || byGroup && !slices.Contains(i.Group, group)
	})
	if len(args) > 0 && !o.has("alg") {
		name, rest := args[0], args[1:]
		if len(rest) > 0 && !(len(rest) == 1 && isOneOf(rest[0], "inet", "inet6", "ether", "link")) {
			return changeInterface(p, name, rest)
		}
		at := slices.IndexFunc(list, func(x state.Interface) bool { return x.Name == name })
		if at < 0 {
			return errx(p, "interface %s does not exist", name)
		}
		chosen, args = list[at:at+1], rest
	}
	if o.has("lg") {
		var words []string
		for _, i := range chosen {
			words = append(words, i.Name)
		}
		p.Printf("%s\n", strings.Join(words, map[bool]string{true: "\n", false: " "}[byGroup]))
		return 0
	}
	families, cidr := map[string]bool{}, false
	for _, f := range args {
		families[f] = true
	}
	for _, format := range o.all("f") {
		cidr = cidr || slices.Contains(strings.Split(format, ","), "inet:cidr")
	}
	for _, i := range chosen {
		printInterface(p, i, families, cidr)
	}
	return 0
}

func printInterface(p *sim.Proc, i state.Interface, families map[string]bool, cidr bool) {
	show := func(family string) bool { return len(families) == 0 || families[family] }
	bits := 0
	var flags []string
	for _, f := range flagOrder {
		if hasFlag(i, f) && (f != "LOWER_UP" || major(p) >= 14) {
			bits |= flagBits[f]
			flags = append(flags, f)
		}
	}
	p.Printf("%s: flags=%x<%s> metric 0 mtu %d\n", i.Name, bits, strings.Join(flags, ","), i.MTU)
	loopback := hasFlag(i, "LOOPBACK")
	if len(families) == 0 {
		options := "options=4c07bb<RXCSUM,TXCSUM,VLAN_MTU,VLAN_HWTAGGING,JUMBO_MTU,VLAN_HWCSUM,TSO4,TSO6,LRO,VLAN_HWTSO,LINKSTATE,TXCSUM_IPV6>"
		if loopback {
			options = "options=680003<RXCSUM,TXCSUM,LINKSTATE,RXCSUM_IPV6,TXCSUM_IPV6>"
		}
		p.Printf("\t%s\n", options)
	}
	if i.Ether != "" && (show("ether") || show("link")) {
		p.Printf("\tether %s\n", i.Ether)
	}
	for _, text := range i.Inet {
		if prefix, err := netip.ParsePrefix(text); err == nil && show("inet") {
			p.Printf("\t%s\n", inetLine(prefix, cidr, loopback))
		}
	}
	for _, text := range i.Inet6 {
		if prefix, err := netip.ParsePrefix(text); err == nil && show("inet6") {
			line := fmt.Sprintf("inet6 %s prefixlen %d", prefix.Addr(), prefix.Bits())
			if prefix.Addr().IsLinkLocalUnicast() {
				line = fmt.Sprintf("inet6 %s%%%s prefixlen %d scopeid %#x", prefix.Addr(), i.Name, prefix.Bits(), interfaceIndex(p, i.Name))
			}
			p.Printf("\t%s\n", line)
		}
	}
	if len(families) > 0 {
		return
	}
	if len(i.Group) > 0 {
		p.Printf("\tgroups: %s\n", strings.Join(i.Group, " "))
	}
	if i.Media != "" {
		p.Printf("\tmedia: %s\n\tstatus: active\n", i.Media)
	}
	nd6 := "29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>"
	if len(i.Inet6) > 0 {
		nd6 = "21<PERFORMNUD,AUTO_LINKLOCAL>"
	}
	p.Printf("\tnd6 options=%s\n", nd6)
}

func interfaceIndex(p *sim.Proc, name string) int {
	return slices.IndexFunc(interfaces(p), func(i state.Interface) bool { return i.Name == name }) + 1
}

func inetLine(prefix netip.Prefix, cidr, loopback bool) string {
	address := prefix.Addr().As4()
	mask := ^uint32(0) << (32 - prefix.Bits())
	line := fmt.Sprintf("inet %s netmask %#08x", prefix.Addr(), mask)
	if cidr {
		line = fmt.Sprintf("inet %s", prefix)
	}
	if !loopback {
		var broadcast [4]byte
		for i := range broadcast {
			broadcast[i] = address[i] | byte(^mask>>(24-8*i))
		}
		line += fmt.Sprintf(" broadcast %s", netip.AddrFrom4(broadcast))
	}
	return line
}

// defaultRoute is the gateway and the interface that reaches it.
func defaultRoute(p *sim.Proc, six bool) (gateway, name string) {
	withState(p, func(s *state.State) {
		if gateway = s.Network.Gateway; six {
			gateway = s.Network.Gateway6
		}
		name = interfaceTo(&s.Network, gateway)
	})
	return gateway, name
}

// interfaceTo is the interface that leads to a gateway.
func interfaceTo(n *state.Network, gateway string) string {
	address, err := netip.ParseAddr(gateway)
	if err != nil {
		return ""
	}
	if i, _, _, err := n.Way(address); err == nil {
		return i.Name
	}
	return ""
}

// routeRow is a line of netstat -rn.
type routeRow struct{ destination, gateway, flags, name string }

func routes(p *sim.Proc, six bool) []routeRow {
	var rows []routeRow
	if gateway, name := defaultRoute(p, six); gateway != "" {
		rows = append(rows, routeRow{"default", gateway, "UGS", name})
	}
	withState(p, func(s *state.State) {
		for _, r := range s.Network.Routes {
			if to, err := netip.ParsePrefix(r.To); err == nil && to.Addr().Is6() == six {
				row := routeRow{to.String(), r.Gateway, "UGS", interfaceTo(&s.Network, r.Gateway)}
				if to.IsSingleIP() {
					row.destination, row.flags = to.Addr().String(), "UGHS"
				}
				rows = append(rows, row)
			}
		}
	})
	for n, i := range interfaces(p) {
		if !hasFlag(i, "UP") {
			continue
		}
		list := i.Inet
		if six {
			list = i.Inet6
		}
		link := fmt.Sprintf("link#%d", n+1)
		for _, text := range list {
			prefix, err := netip.ParsePrefix(text)
			if err != nil {
				continue
			}
			address := prefix.Addr().String()
			scope := ""
			if prefix.Addr().IsLinkLocalUnicast() {
				scope = "%" + i.Name
			}
			if hasFlag(i, "LOOPBACK") {
				if !prefix.Addr().IsLinkLocalUnicast() {
					rows = append(rows, routeRow{address, link, "UH" + map[bool]string{true: "S"}[six], i.Name})
					continue
				}
			}
			if prefix.IsSingleIP() {
				rows = append(rows, routeRow{address + scope, link, "UH", i.Name})
				continue
			}
			network := prefix.Masked()
			destination := fmt.Sprintf("%s%s/%d", network.Addr(), scope, network.Bits())
			rows = append(rows, routeRow{destination, link, "U", i.Name}, routeRow{address + scope, link, "UHS", "lo0"})
		}
	}
	slices.SortStableFunc(rows, func(a, b routeRow) int {
		if a.destination == "default" || b.destination == "default" {
			return map[bool]int{true: -1, false: 1}[a.destination == "default"]
		}
		x, _ := netip.ParseAddr(strings.FieldsFunc(a.destination, func(r rune) bool { return r == '/' || r == '%' })[0])
		y, _ := netip.ParseAddr(strings.FieldsFunc(b.destination, func(r rune) bool { return r == '/' || r == '%' })[0])
		return x.Compare(y)
	})
	return rows
}

func netstat(p *sim.Proc, o *options) int {
	family, _ := o.get("f")
	if o.has("r") {
		var tables []routeTable
		if family != "inet6" && !o.has("6") || o.has("4") {
			tables = append(tables, routeTable{"Internet", routes(p, false), [2]int{18, 18}})
		}
		if family != "inet" && !o.has("4") || o.has("6") {
			tables = append(tables, routeTable{"Internet6", routes(p, true), [2]int{33, 29}})
		}
		tables = slices.DeleteFunc(tables, func(t routeTable) bool { return len(t.rows) == 0 })
		if o.hasLong("libxo") {
			return routesJSON(p, tables, o.has("W"))
		}
		p.Printf("Routing tables\n")
		for _, t := range tables {
			t.print(p, o.has("W"))
		}
		return 0
	}
	if o.hasLong("libxo") {
		return p.Cannot("netstat --libxo for anything but routes")
	}
	if o.has("imsgMBbIQL") {
		return p.Cannot("netstat -%s", o.last("imsgMBbIQL"))
	}
	return netstatSockets(p, o)
}

// routeTable is the table of one family.
type routeTable struct {
	title  string
	rows   []routeRow
	widths [2]int // of destination and gateway
}

// mtu of the interface that a route leads out by.
func (r routeRow) mtu(p *sim.Proc) (mtu int) {
	withState(p, func(s *state.State) {
		if i := s.Network.Find(r.name); i != nil {
			mtu = i.MTU
		}
	})
	return mtu
}

// routeColumn is a column between the flags and the interface.
type routeColumn struct {
	title string
	width int
	value func(n int, r routeRow) int
}

// routeColumns are those that the release has.
func routeColumns(p *sim.Proc, wide bool) (list []routeColumn) {
	zero := func(int, routeRow) int { return 0 }
	if major(p) < 10 {
		list = append(list, routeColumn{"Refs", 6, zero}, routeColumn{"Use", 8, zero})
	}
	if wide && major(p) >= 10 && major(p) < 13 {
		list = append(list, routeColumn{"Use", 10, zero})
	}
	if wide && major(p) >= 13 {
		list = append(list, routeColumn{"Nhop#", 5, func(n int, _ routeRow) int { return n + 1 }})
	}
	if wide {
		list = append(list, routeColumn{"Mtu", 6, func(_ int, r routeRow) int { return r.mtu(p) }})
	}
	return list
}

// print cuts what does not fit its column, unless the output is wide.
func (t routeTable) print(p *sim.Proc, wide bool) {
	widths := t.widths
	if wide {
		for _, r := range t.rows {
			widths[0], widths[1] = max(widths[0], len(r.destination)), max(widths[1], len(r.gateway))
		}
	}
	columns := routeColumns(p, wide)
	row := func(r routeRow, cell func(c routeColumn) string) {
		p.Printf("%-*.*s %-*.*s %-9s", widths[0], widths[0], r.destination, widths[1], widths[1], r.gateway, r.flags)
		for _, c := range columns {
			p.Printf(" %*s", c.width, cell(c))
		}
		p.Printf(" %8s", r.name)
	}
	p.Printf("\n%s:\n", t.title)
	row(routeRow{"Destination", "Gateway", "Flags", "Netif"}, func(c routeColumn) string { return c.title })
	p.Printf(" Expire\n")
	for n, r := range t.rows {
		row(r, func(c routeColumn) string { return strconv.Itoa(c.value(n, r)) })
		p.Printf("\n")
	}
}

// flagWords are the flags of routes in libxo's words.
var flagWords = map[rune]string{'U': "up", 'G': "gateway", 'H': "host", 'S': "static"}

func routesJSON(p *sim.Proc, tables []routeTable, wide bool) int {
	type entry struct {
		Destination string   `json:"destination"`
		Gateway     string   `json:"gateway"`
		Flags       string   `json:"flags"`
		Pretty      []string `json:"flags_pretty"`
		MTU         int      `json:"mtu,omitempty"`
		Name        string   `json:"interface-name"`
	}
	type family struct {
		Family  string  `json:"address-family"`
		Entries []entry `json:"rt-entry"`
	}
	list := []family{}
	for _, t := range tables {
		f := family{Family: t.title}
		for _, r := range t.rows {
			e := entry{Destination: r.destination, Gateway: r.gateway, Flags: r.flags, Name: r.name}
			for _, letter := range r.flags {
				e.Pretty = append(e.Pretty, flagWords[letter])
			}
			if wide {
				e.MTU = r.mtu(p)
			}
			f.Entries = append(f.Entries, e)
		}
		list = append(list, f)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return errx(p, "%v", err)
	}
	p.Printf(`{"statistics": {"route-information": {"route-table": {"rt-family": %s}}}}`+"\n", text)
	return 0
}

func route(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) == 0 {
		return o.wrong(p)
	}
	switch args[0] {
	case "add", "delete", "del", "change", "flush":
		return changeRoutes(p, o, args[0], args[1:])
	case "get", "show":
	default:
		return p.Cannot("route %s", args[0])
	}
	args = args[1:]
	six := o.has("6")
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		six = six || args[0] == "-inet6" || args[0] == "-6"
		args = args[1:]
	}
	if len(args) == 0 {
		return o.wrong(p)
	}
	name := args[0]
	address := name
	if name != "default" {
		resolved, err := resolve(p, name)
		if err != nil {
			return exitWith(68, errx(p, "bad address: %s", name))
		}
		address = resolved
	}
	return routeGet(p, name, address, six)
}

func routeGet(p *sim.Proc, name, address string, six bool) int {
	target, err := netip.ParseAddr(address)
	if err == nil {
		six = target.Is6()
		if found, ok := attached(p, target); ok {
			printRouteGet(p, name, found)
			return 0
		}
		if found, ok := static(p, target); ok {
			printRouteGet(p, name, found)
			return 0
		}
	}
	gateway, out := defaultRoute(p, six)
	if gateway == "" {
		return errx(p, "route has not been found")
	}
	zero := "default"
	mask := "default"
	if err == nil || name == "default" {
		zero, mask = "0.0.0.0", "0.0.0.0"
		if six {
			zero, mask = "::", "::"
		}
	}
	if name == "default" {
		name = zero
	}
	printRouteGet(p, name, routeFound{zero, mask, gateway, out, "UP,GATEWAY,DONE,STATIC", 1500})
	return 0
}

// attached is the way to an address of the machine itself or of its networks.
func attached(p *sim.Proc, target netip.Addr) (found routeFound, ok bool) {
	for _, i := range interfaces(p) {
		for _, prefix := range i.Addresses() {
			if !hasFlag(i, "UP") || !prefix.Contains(target) {
				continue
			}
			found = routeFound{prefix.Masked().Addr().String(), maskText(prefix), "", i.Name, "UP,DONE,PINNED", i.MTU}
			if prefix.Addr() == target {
				found.out, found.flags = "lo0", "UP,HOST,DONE,STATIC,PINNED"
				return found, true
			}
			ok = true
		}
		if ok {
			return found, true
		}
	}
	return found, false
}

// static is the way that a static route shows.
func static(p *sim.Proc, target netip.Addr) (found routeFound, ok bool) {
	bits := -1
	withState(p, func(s *state.State) {
		for _, r := range s.Network.Routes {
			to, err := netip.ParsePrefix(r.To)
			if err == nil && to.Contains(target) && to.Bits() > bits {
				bits, ok = to.Bits(), true
				found = routeFound{to.Addr().String(), maskText(to), r.Gateway, interfaceTo(&s.Network, r.Gateway), "UP,GATEWAY,DONE,STATIC", 1500}
			}
		}
	})
	return found, ok
}

type routeFound struct {
	destination, mask, gateway, out, flags string
	mtu                                    int
}

func maskText(prefix netip.Prefix) string {
	if prefix.Addr().Is6() {
		return "ffff:ffff:ffff:ffff::"
	}
	mask := ^uint32(0) << (32 - prefix.Bits())
	return netip.AddrFrom4([4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}).String()
}

func printRouteGet(p *sim.Proc, name string, r routeFound) {
	p.Printf("   route to: %s\ndestination: %s\n       mask: %s\n", name, r.destination, r.mask)
	if r.gateway != "" {
		p.Printf("    gateway: %s\n", r.gateway)
	}
	p.Printf("        fib: 0\n  interface: %s\n      flags: <%s>\n", r.out, r.flags)
	p.Printf(" recvpipe  sendpipe  ssthresh  rtt,msec    mtu        weight    expire\n       0         0         0         0      %4d         1         0 \n", r.mtu)
}

func sockstat(p *sim.Proc, o *options) int {
	if o.has("ACIiSsvUfj") {
		return p.Cannot("sockstat -%s", o.last("ACIiSsvUfj"))
	}
	if !o.has("q") {
		p.Printf("%-8s %-10s %-5s %-3s %-6s %-21s %-21s\n", "USER", "COMMAND", "PID", "FD", "PROTO", "LOCAL ADDRESS", "FOREIGN ADDRESS")
	}
	if o.has("c") && !o.has("l") {
		return 0
	}
	ports, hasPorts := o.get("p")
	protocols, hasProtocols := o.get("P")
	for _, k := range p.Machine.Sockets().List() {
		switch {
		case !ofFamily(k, o.has("4"), o.has("6")), o.has("u") && !o.has("46"):
			continue
		case hasPorts && !portListed(ports, k.Local.Port()), hasProtocols && !slices.Contains(strings.Split(protocols, ","), k.Proto):
			continue
		}
		user, name := userName(p, k.UID), "?"
		if q := p.Machine.Process(k.PID); q != nil {
			name = procName(q)
		}
		p.Printf("%-8s %-10.10s %-5d %-3d %-6s %-21s %-21s\n", user, name, k.PID, k.FD, k.Name(), endpoint(k, ":"), "*:*")
	}
	return 0
}

// ofFamily tells whether a socket hears one of the families asked for; where none
// is, any will do.
func ofFamily(k *socket.Socket, four, six bool) bool {
	return four == six || four && k.Inet4() || six && k.Inet6()
}

// endpoint is the local end of a socket; a wildcard address is a star.
func endpoint(k *socket.Socket, separator string) string {
	address := "*"
	if !k.Local.Addr().IsUnspecified() {
		address = k.Local.Addr().String()
	}
	return address + separator + strconv.Itoa(int(k.Local.Port()))
}

// portListed reads a list such as 22,80-90.
func portListed(list string, port uint16) bool {
	n := int(port)
	for part := range strings.SplitSeq(list, ",") {
		low, high, ranged := strings.Cut(part, "-")
		a, errA := strconv.Atoi(low)
		b := a
		if ranged {
			b, _ = strconv.Atoi(high)
		}
		if errA == nil && n >= a && n <= b {
			return true
		}
	}
	return false
}

// netstatSockets lists TCP, then UDP, each with the latest socket first.
func netstatSockets(p *sim.Proc, o *options) int {
	p.Printf("Active Internet connections%s\n", map[bool]string{true: " (including servers)"}[o.has("a")])
	p.Printf("%-5s %6s %6s  %-22s %-22s %s\n", "Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "(state)")
	if !o.has("a") {
		return 0
	}
	family, _ := o.get("f")
	four, six := o.has("4") || family == "inet", o.has("6") || family == "inet6"
	only, filtered := o.get("p")
	for _, proto := range []string{"tcp", "udp"} {
		for _, k := range slices.Backward(p.Machine.Sockets().List()) {
			if k.Proto != proto || filtered && proto != only || !ofFamily(k, four, six) {
				continue
			}
			p.Printf("%-5s %6d %6d  %-22s %-22s %s\n", k.Name(), 0, 0, endpoint(k, "."), "*.*", map[bool]string{true: "LISTEN"}[k.Listening])
		}
	}
	return 0
}

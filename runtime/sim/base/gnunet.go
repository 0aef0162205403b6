package base

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/socket"
	"bsdrun/runtime/sim/state"
)

const iproute = "iproute2 6.1.0"

var gnuNetCommands = []command{
	{name: "ip", gnu: iproute, flags: raw, run: ipCommand},
	{name: "ss", gnu: iproute, flags: "46alnptuxHOeim0", long: "listening=l numeric=n processes=p tcp=t udp=u all=a ipv4=4 ipv6=6 no-header=H oneline=O", run: ssCommand},
}

// ipCall is one call of ip(8).
type ipCall struct {
	p       *sim.Proc
	family  string // -4, -6
	oneline bool
	brief   bool
	json    bool
	network state.Network
}

func ipCommand(p *sim.Proc, o *options) int {
	c := &ipCall{p: p}
	args := o.args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-4", "-6":
			c.family = args[0][1:]
		case "-o", "-oneline":
			c.oneline = true
		case "-br", "-brief":
			c.brief = true
		case "-j", "-json":
			c.json = true
		case "-d", "-details", "-s", "-stats", "-p", "-pretty", "-c", "-color=never":
		case "-V", "-Version":
			p.Printf("ip utility, iproute2-6.1.0, libbpf 1.1.0\n")
			return 0
		default:
			p.Errorf("Option \"%s\" is unknown, try \"ip -help\".\n", args[0])
			return 255
		}
		args = args[1:]
	}
	if len(args) == 0 {
		return p.Cannot("ip without an object")
	}
	withState(p, func(s *state.State) { c.network = s.Network })
	object, args := args[0], args[1:]
	if len(args) > 0 && isOneOf(args[0], "show", "list", "lst", "sh", "ls") {
		args = args[1:]
	} else if len(args) > 0 && isOneOf(args[0], "add", "del", "delete", "set", "change", "replace", "flush", "append") {
		return c.change(object, args)
	}
	switch {
	case object != "" && strings.HasPrefix("address", object) && object != "":
		return c.addresses(args, true)
	case strings.HasPrefix("link", object):
		return c.addresses(args, false)
	case strings.HasPrefix("route", object):
		return c.routes(args)
	case strings.HasPrefix("neighbour", object), strings.HasPrefix("rule", object), strings.HasPrefix("netns", object):
		return p.Cannot("ip %s", object)
	}
	p.Errorf("Object \"%s\" is unknown, try \"ip help\".\n", object)
	return 1
}

func (c *ipCall) flags(i *state.Interface) string {
	if i.Has("LOOPBACK") {
		return "LOOPBACK,UP,LOWER_UP"
	}
	if !i.Has("UP") {
		return "BROADCAST,MULTICAST"
	}
	return "BROADCAST,MULTICAST,UP,LOWER_UP"
}

// chosen are the interfaces that the words after show name.
func (c *ipCall) chosen(args []string) (list []int, code int) {
	name := ""
	for len(args) > 0 {
		switch args[0] {
		case "dev":
			if len(args) < 2 {
				c.p.Errorf("Command line is not complete. Try option \"help\"\n")
				return nil, 255
			}
			args = args[1:]
			name = args[0]
		case "up":
		case "scope", "type", "master", "to", "label":
			return nil, c.p.Cannot("ip addr show %s", args[0])
		default:
			name = args[0]
		}
		args = args[1:]
	}
	// lo comes first.
	for _, loopback := range []bool{true, false} {
		for n, i := range c.network.Interfaces {
			if i.Has("LOOPBACK") == loopback && (name == "" || name == i.Name) {
				list = append(list, n)
			}
		}
	}
	if len(list) == 0 {
		c.p.Errorf("Device \"%s\" does not exist.\n", name)
		return nil, 1
	}
	return list, 0
}

func (c *ipCall) index(i *state.Interface) int {
	if i.Has("LOOPBACK") {
		return 1
	}
	for n, other := range c.network.Interfaces {
		if other == i {
			return n + 2
		}
	}
	return 0
}

type ipAddr struct {
	Family string `json:"family"`
	Local  string `json:"local"`
	Prefix int    `json:"prefixlen"`
	Cast   string `json:"broadcast,omitempty"`
	Scope  string `json:"scope"`
	Label  string `json:"label,omitempty"`
}

// addressesOf are an interface's addresses of the families asked for.
func (c *ipCall) addressesOf(i *state.Interface) (list []ipAddr) {
	for _, prefix := range i.Addresses() {
		a := ipAddr{Family: "inet", Local: prefix.Addr().String(), Prefix: prefix.Bits(), Scope: "global", Label: i.Name}
		switch {
		case prefix.Addr().Is6():
			a.Family, a.Label = "inet6", ""
			if prefix.Addr().IsLinkLocalUnicast() {
				a.Scope = "link"
			}
		case prefix.Bits() < 31 && !i.Has("LOOPBACK"):
			a.Cast = broadcast(prefix).String()
		}
		if prefix.Addr().IsLoopback() {
			a.Scope = "host"
		}
		if i.Has("LOOPBACK") && prefix.Addr().IsLinkLocalUnicast() || c.family == "4" && a.Family == "inet6" || c.family == "6" && a.Family == "inet" {
			continue
		}
		list = append(list, a)
	}
	return list
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := range 32 - p.Bits() {
		b[3-i/8] |= 1 << (i % 8)
	}
	return netip.AddrFrom4(b)
}

func (c *ipCall) addresses(args []string, withAddresses bool) int {
	list, code := c.chosen(args)
	if code != 0 {
		return code
	}
	var all []map[string]any
	for _, n := range list {
		i := c.network.Interfaces[n]
		addrs := c.addressesOf(i)
		switch {
		case c.json:
			entry := map[string]any{
				"ifindex": c.index(i), "ifname": i.Name, "flags": strings.Split(c.flags(i), ","), "mtu": i.MTU, "operstate": c.operState(i),
				"link_type": c.linkType(i), "address": c.ether(i),
			}
			if withAddresses {
				entry["addr_info"] = addrs
			}
			all = append(all, entry)
		case c.brief:
			c.printBrief(i, addrs, withAddresses)
		case c.oneline && withAddresses:
			for _, a := range addrs {
				c.p.Printf("%d: %-7s %s\\       valid_lft forever preferred_lft forever\n", c.index(i), i.Name, "   "+a.text(" "))
			}
		case c.family == "" || len(addrs) > 0:
			c.printInterface(i, addrs, withAddresses)
		}
	}
	if c.json {
		text, _ := json.Marshal(all)
		c.p.Printf("%s\n", text)
	}
	return 0
}

func (a ipAddr) text(end string) string {
	text := fmt.Sprintf("%s %s/%d", a.Family, a.Local, a.Prefix)
	if a.Cast != "" {
		text += " brd " + a.Cast
	}
	text += " scope " + a.Scope + " "
	if a.Label != "" {
		return text + a.Label
	}
	return strings.TrimSuffix(text, " ") + end
}

func (c *ipCall) operState(i *state.Interface) string {
	switch {
	case i.Has("LOOPBACK"):
		return "UNKNOWN"
	case i.Has("UP"):
		return "UP"
	}
	return "DOWN"
}

func (c *ipCall) linkType(i *state.Interface) string {
	if i.Has("LOOPBACK") {
		return "loopback"
	}
	return "ether"
}

func (c *ipCall) ether(i *state.Interface) string {
	if i.Ether == "" {
		return "00:00:00:00:00:00"
	}
	return i.Ether
}

func (c *ipCall) printBrief(i *state.Interface, addrs []ipAddr, withAddresses bool) {
	c.p.Printf("%-16s %-14s ", i.Name, c.operState(i))
	if !withAddresses {
		c.p.Printf("%s <%s> ", c.ether(i), c.flags(i))
	} else {
		for _, a := range addrs {
			c.p.Printf("%s/%d ", a.Local, a.Prefix)
		}
	}
	c.p.Printf("\n")
}

func (c *ipCall) printInterface(i *state.Interface, addrs []ipAddr, withAddresses bool) {
	qdisc, cast := "fq_codel", "ff:ff:ff:ff:ff:ff"
	if i.Has("LOOPBACK") {
		qdisc, cast = "noqueue", "00:00:00:00:00:00"
	}
	end := "\n"
	if c.oneline {
		end = "\\"
	}
	c.p.Printf("%d: %s: <%s> mtu %d qdisc %s state %s ", c.index(i), i.Name, c.flags(i), i.MTU, qdisc, c.operState(i))
	if !withAddresses {
		c.p.Printf("mode DEFAULT ")
	}
	c.p.Printf("group default qlen 1000%s    link/%s %s brd %s\n", end, c.linkType(i), c.ether(i), cast)
	if !withAddresses {
		return
	}
	for _, a := range addrs {
		c.p.Printf("    %s\n       valid_lft forever preferred_lft forever\n", a.text(" "))
	}
}

func (c *ipCall) routes(args []string) int {
	want := ""
	for len(args) > 0 {
		switch args[0] {
		case "default":
			want = "default"
		case "get", "dev", "table", "via", "proto":
			return c.p.Cannot("ip route %s", strings.Join(args, " "))
		default:
			want = args[0]
		}
		args = args[1:]
	}
	var device *state.Interface
	for _, i := range c.network.Interfaces {
		if !i.Has("LOOPBACK") && device == nil {
			device = i
		}
	}
	show := func(line string) {
		if want == "" || strings.HasPrefix(line, want+" ") {
			c.p.Printf("%s \n", line)
		}
	}
	if c.family == "6" {
		if c.network.Gateway6 != "" && device != nil {
			show(fmt.Sprintf("default via %s dev %s proto static metric 1024 pref medium", c.network.Gateway6, device.Name))
		}
		return 0
	}
	if c.network.Gateway != "" && device != nil {
		show(fmt.Sprintf("default via %s dev %s onlink", c.network.Gateway, device.Name))
	}
	for _, i := range c.network.Interfaces {
		for _, prefix := range i.Addresses() {
			if prefix.Addr().Is4() && !i.Has("LOOPBACK") {
				show(fmt.Sprintf("%s dev %s proto kernel scope link src %s", prefix.Masked(), i.Name, prefix.Addr()))
			}
		}
	}
	return 0
}

// change is ip addr add and del.
func (c *ipCall) change(object string, args []string) int {
	p := c.p
	if !strings.HasPrefix("address", object) || !isOneOf(args[0], "add", "del", "delete") || len(args) != 4 || args[2] != "dev" {
		return p.Cannot("ip %s %s", object, strings.Join(args, " "))
	}
	if p.Cred.UID != 0 {
		p.Errorf("RTNETLINK answers: Operation not permitted\n")
		return 2
	}
	prefix, err := netip.ParsePrefix(args[1])
	if err != nil {
		if a, aerr := netip.ParseAddr(args[1]); aerr == nil {
			prefix, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
	}
	if err != nil {
		p.Errorf("Error: any valid prefix is expected rather than \"%s\".\n", args[1])
		return 1
	}
	code := 1
	withState(p, func(s *state.State) {
		for _, i := range s.Network.Interfaces {
			if i.Name != args[3] {
				continue
			}
			owner := s.Network.Owner(prefix.Addr())
			switch {
			case args[0] == "add" && owner == i:
				p.Errorf("RTNETLINK answers: File exists\n")
				code = 2
			case args[0] == "add":
				i.Add(prefix)
				code = 0
			case owner != i:
				p.Errorf("RTNETLINK answers: Cannot assign requested address\n")
				code = 2
			default:
				i.Remove(prefix.Addr())
				code = 0
			}
			return
		}
		p.Errorf("Cannot find device \"%s\"\n", args[3])
	})
	return code
}

func ssCommand(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		return p.Cannot("ss %s", strings.Join(o.args, " "))
	}
	both := !o.has("tu")
	if !o.has("H") {
		p.Printf("%s", ssHead(both || o.has("t") && o.has("u"), o.has("p")))
	}
	for _, s := range p.Machine.Sockets().List() {
		if !both && !o.has(map[string]string{"tcp": "t", "udp": "u"}[s.Proto]) {
			continue
		}
		if o.has("4") && !o.has("6") && s.Family != socket.Inet || o.has("6") && !o.has("4") && s.Family != socket.Inet6 {
			continue
		}
		if !o.has("la") {
			continue // those with a peer are not modelled
		}
		status := map[bool]string{true: "LISTEN", false: "UNCONN"}[s.Proto == "tcp"]
		local := s.Local.Addr().String()
		if s.Family == socket.Inet6 {
			local = "[" + local + "]"
		}
		peer := "0.0.0.0:*"
		if s.Family == socket.Inet6 {
			peer = "[::]:*"
		}
		queue := map[bool]string{true: "128", false: "0"}[s.Proto == "tcp"]
		kind := ""
		if both || o.has("t") && o.has("u") {
			kind = fmt.Sprintf("%-6s", s.Proto)
		}
		users := ""
		if o.has("p") {
			users = fmt.Sprintf("users:((\"%s\",pid=%d,fd=%d))", commandName(p, s.PID), s.PID, s.FD)
		}
		p.Printf("%s\n", strings.TrimRight(fmt.Sprintf("%s%-7s%-7s%-7s%20s %18s %s", kind, status, "0", queue, local+":"+strconv.Itoa(int(s.Local.Port())), peer, users), " "))
	}
	return 0
}

func ssHead(kind, users bool) string {
	text := fmt.Sprintf("%-7s%-7s%-7s%20s %18s", "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port")
	if kind {
		text = fmt.Sprintf("%-6s", "Netid") + text
	}
	if users {
		text += " Process"
	}
	return text + "\n"
}

// commandName is the name of a process.
func commandName(p *sim.Proc, pid int) string {
	for _, other := range p.Machine.Processes() {
		if other.PID == pid {
			return other.Path[strings.LastIndexByte(other.Path, '/')+1:]
		}
	}
	return "-"
}

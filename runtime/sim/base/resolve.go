package base

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
)

var resolveCommands = []command{
	{name: "host", dir: "/usr/bin", flags: "46aCdilm:N:nrsTt:vVW:wR:c:", run: host, usage: "Usage: host [-aCdilrTvVw] [-c class] [-N ndots] [-t type] [-W time] name [server]"},
	{name: "drill", dir: "/usr/bin", flags: raw, run: drill},
	{name: "getaddrinfo", dir: "/usr/bin", flags: "cf:nNPp:s:t:", run: getaddrinfo, usage: "usage: getaddrinfo [-cNnP] [-f family] [-p protocol] [-s service] [-t socktype] [hostname]"},
	{name: "ping ping6", dir: "/sbin", flags: "46AaDdfhHno:QqRrvc:C:e:G:g:I:i:k:l:M:m:P:p:S:s:T:t:W:z:x:X:", run: ping, live: true, code: 64,
		usage: "usage:\tping [-4AaDdfHnoQqRrv] [-C pcp] [-c count] [-G sweepmaxsize] [-g sweepminsize]\n\t    [-h sweepincrsize] [-i wait] [-l preload] [-M mask | time] [-m ttl]\n\t    [-P policy] [-p pattern] [-S src_addr] [-s packetsize] [-t timeout]\n\t    [-W waittime] [-z tos] IPv4-host"},
	{name: "nc", dir: "/usr/bin", flags: "46DdEFhklnNrStUuvzCe:I:i:M!O:P!p:s:T:V:w:X!x!", run: netcat,
		usage: "usage: nc [-46DdEFhklMNnrStUuvz] [-e policy] [-I length] [-i interval] [-O length]\n\t  [--crlf] [--no-tcpopt] [--sctp] [--tun tundev] [-P proxy_username] [-p source_port]\n\t  [-s source] [-T ToS] [-V rtable] [-w timeout] [-X proxy_protocol]\n\t  [-x proxy_address[:port]] [destination] [port]"},
}

func resolve(p *sim.Proc, name string) (string, error) { return p.Machine.Resolve(name) }

// answers tells whether an address replies to a packet from one of the machine's
// own, or from the one of the way out.
func answers(p *sim.Proc, name, address, proto, from string, port int) error {
	to, err := netip.ParseAddr(address)
	if err != nil {
		return err
	}
	source := netip.Addr{}
	if from != "" {
		if source, err = netip.ParseAddr(from); err != nil || !ownAddress(p, source) {
			return &sim.UnreachableError{Host: name, Reason: "Can't assign requested address"}
		}
	}
	gateway, _ := defaultRoute(p, false)
	switch {
	case address == gateway:
		err = p.Machine.Network().Reachable(p.Machine.Address())
	case !ownAddress(p, to):
		err = p.Machine.Network().Reachable(name)
	}
	if err != nil {
		return err
	}
	if _, err := p.Machine.Connect(proto, netip.AddrPortFrom(source, 0), netip.AddrPortFrom(to, uint16(port))); err != nil {
		return &sim.UnreachableError{Host: name, Reason: err.Error()}
	}
	return nil
}

func ownAddress(p *sim.Proc, a netip.Addr) bool {
	for _, i := range interfaces(p) {
		for _, prefix := range i.Addresses() {
			if prefix.Addr() == a {
				return true
			}
		}
	}
	return false
}

func host(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	if kind, ok := o.get("t"); ok && !isOneOf(strings.ToUpper(kind), "A", "AAAA") {
		return p.Cannot("host -t %s", kind)
	}
	name := o.args[0]
	if _, err := netip.ParseAddr(name); err == nil {
		return p.Cannot("host with an address")
	}
	address, err := resolve(p, name)
	if err != nil {
		p.Printf("Host %s not found: 3(NXDOMAIN)\n", name)
		return 1
	}
	kind, _ := o.get("t")
	six := strings.Contains(address, ":")
	if strings.EqualFold(kind, "AAAA") && !six {
		p.Printf("%s has no AAAA record\n", name)
		return 0
	}
	if six {
		p.Printf("%s has IPv6 address %s\n", name, address)
	} else {
		p.Printf("%s has address %s\n", name, address)
	}
	return 0
}

func drill(p *sim.Proc, o *options) int {
	var words []string
	for _, a := range o.args {
		switch {
		case strings.HasPrefix(a, "-"):
			return p.Cannot("drill %s", a)
		case strings.HasPrefix(a, "@") || strings.EqualFold(a, "IN") || strings.EqualFold(a, "A"):
		default:
			words = append(words, a)
		}
	}
	if len(words) != 1 {
		return p.Cannot("drill for other records than A")
	}
	name := strings.TrimSuffix(words[0], ".")
	address, err := p.Machine.Network().Resolve(name)
	code, count := "NOERROR", 1
	if err != nil {
		code, count = "NXDOMAIN", 0
	}
	p.Printf(";; ->>HEADER<<- opcode: QUERY, rcode: %s, id: %d\n;; flags: qr rd ra ; QUERY: 1, ANSWER: %d, AUTHORITY: 0, ADDITIONAL: 0 \n", code, p.PID, count)
	p.Printf(";; QUESTION SECTION:\n;; %s.\tIN\tA\n\n;; ANSWER SECTION:\n", name)
	if count > 0 {
		p.Printf("%s.\t3600\tIN\tA\t%s\n", name, address)
	}
	p.Printf("\n;; AUTHORITY SECTION:\n\n;; ADDITIONAL SECTION:\n\n;; Query time: 1 msec\n;; SERVER: 127.0.0.1\n;; WHEN: %s\n;; MSG SIZE  rcvd: %d\n",
		strftime("%a %b %e %H:%M:%S %Y", p.Now().In(zone(p))), 28+len(name))
	return 0
}

func getaddrinfo(p *sim.Proc, o *options) int {
	if len(o.args) != 1 {
		return o.wrong(p)
	}
	address, err := resolve(p, o.args[0])
	if err != nil {
		p.Errorf("getaddrinfo: Name does not resolve\n")
		return 1
	}
	family := "inet"
	if strings.Contains(address, ":") {
		family = "inet6"
	}
	wanted, _ := o.get("t")
	for _, kind := range [][2]string{{"dgram", "udp"}, {"stream", "tcp"}, {"seqpacket", "sctp"}} {
		if wanted == "" && kind[0] != "seqpacket" || strings.TrimPrefix(wanted, "sock_") == kind[0] {
			p.Printf("%s %s %s %s 0\n", kind[0], family, kind[1], address)
		}
	}
	return 0
}

func ping(p *sim.Proc, o *options) int {
	if len(o.args) != 1 {
		return o.wrong(p)
	}
	name := o.args[0]
	address, err := resolve(p, name)
	if err != nil {
		return exitWith(68, errx(p, "cannot resolve %s: Name does not resolve", name))
	}
	count, wait := -1, time.Second
	if text, ok := o.get("c"); ok {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return exitWith(64, errx(p, "invalid count of packets to transmit: `%s'", text))
		}
		count = n
	}
	if text, ok := o.get("i"); ok {
		wait, _ = parseDuration(text)
	}
	limit := time.Duration(-1)
	if text, ok := o.get("t"); ok {
		limit, _ = parseDuration(text)
	}
	p.Printf("PING %s (%s): 56 data bytes\n", name, address)
	from, _ := o.get("S")
	reachable := answers(p, name, address, "icmp", from, 0)
	sent, got := 0, 0
	start := p.Now()
	for count < 0 || sent < count {
		sent++
		if reachable != nil && strings.HasSuffix(reachable.Error(), "Permission denied") { // by a firewall of its own
			p.Errorf("ping: sendto: Permission denied\n")
		}
		if reachable == nil {
			got++
			if !o.has("q") {
				p.Printf("64 bytes from %s: icmp_seq=%d ttl=64 time=%.3f ms\n", address, sent-1, pingTime(sent))
			}
			if o.has("o") {
				break
			}
		}
		if sent == count && reachable == nil || limit >= 0 && p.Now().Add(wait).Sub(start) > limit {
			break
		}
		if p.Sleep(wait) != nil {
			break
		}
	}
	if reachable != nil && limit < 0 && count > 0 {
		_ = p.Sleep(9 * time.Second) // it waits ten seconds for the last reply
	}
	p.Printf("\n--- %s ping statistics ---\n%d packets transmitted, %d packets received, %.1f%% packet loss\n", name, sent, got, float64(sent-got)/float64(sent)*100)
	if got == 0 {
		return 2
	}
	p.Printf("round-trip min/avg/max/stddev = %.3f/%.3f/%.3f/%.3f ms\n", pingTime(1), pingTime(1), pingTime(1), 0.0)
	return 0
}

// pingTime is a steady round trip.
func pingTime(int) float64 { return 0.321 }

// openPorts of the hosts of the world.
var openPorts = map[string]bool{"22": true, "80": true, "443": true, "9418": true}

func netcat(p *sim.Proc, o *options) int {
	if !o.has("z") || o.has("lu") {
		return p.Cannot("nc without -z")
	}
	if len(o.args) != 2 {
		return o.wrong(p)
	}
	name := o.args[0]
	address, err := resolve(p, name)
	if err != nil {
		return errx(p, "getaddrinfo: Name does not resolve")
	}
	low, high, ranged := strings.Cut(o.args[1], "-")
	first, errLow := strconv.Atoi(low)
	last := first
	if ranged {
		last, _ = strconv.Atoi(high)
	}
	if errLow != nil {
		return errx(p, "port number invalid: %s", low)
	}
	from, _ := o.get("s")
	code := 1
	for port := first; port <= last; port++ {
		text := strconv.Itoa(port)
		if err := connect(p, name, address, from, text); err != nil {
			if o.has("v") {
				p.Errorf("nc: connect to %s port %s (tcp) failed: %s\n", name, text, err.Error())
			}
			continue
		}
		code = 0
		if o.has("v") {
			p.Errorf("Connection to %s %s port [tcp/%s] succeeded!\n", name, text, serviceName(p, text))
		}
	}
	return code
}

// connect tells whether a TCP port takes connections.
func connect(p *sim.Proc, name, address, from, port string) error {
	number, _ := strconv.Atoi(port)
	if err := answers(p, name, address, "tcp", from, number); err != nil {
		var unreachable *sim.UnreachableError
		if errors.As(err, &unreachable) {
			return errors.New(unreachable.Reason)
		}
		return err
	}
	if m := listener(p, name, address); m != nil {
		if to, err := netip.ParseAddr(address); err == nil && m.Sockets().Takes(netip.AddrPortFrom(to, uint16(number))) {
			return nil
		}
		return errors.New("Connection refused")
	}
	if !openPorts[port] {
		return errors.New("Connection refused")
	}
	return nil
}

// listener is the machine behind a name and its address; nil for one of the world.
func listener(p *sim.Proc, name, address string) *sim.Machine {
	if strings.HasPrefix(address, "127.") || address == "::1" {
		return p.Machine
	}
	return p.Machine.Network().Machine(name)
}

func serviceName(p *sim.Proc, port string) string {
	for _, line := range matchingLines(p, "/etc/services", "", 0) {
		f := strings.Fields(line)
		if len(f) > 1 && f[1] == port+"/tcp" {
			return f[0]
		}
	}
	return "*"
}

// fetchProblem puts why a host is not reached into fetch(3)'s words.
func fetchProblem(p *sim.Proc, target, hostName string) error {
	if _, err := resolve(p, hostName); err != nil {
		return errors.New("No address record")
	}
	if err := p.Machine.Network().Reachable(target); err != nil {
		var unreachable *sim.UnreachableError
		if errors.As(err, &unreachable) {
			return fmt.Errorf("%s", unreachable.Reason)
		}
		return err
	}
	return nil
}

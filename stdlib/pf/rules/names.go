package rules

import (
	"slices"
	"strconv"
	"strings"
)

// named is a table of names and numbers, in the order of the real one: the first
// name of a number is the one printed.
type named []struct {
	name   string
	number int
}

func (t named) number(name string) (int, bool) {
	for _, e := range t {
		if e.name == name {
			return e.number, true
		}
	}
	return 0, false
}

func (t named) name(number int) string {
	for _, e := range t {
		if e.number == number {
			return e.name
		}
	}
	return strconv.Itoa(number)
}

// protocols are those of /etc/protocols that rules speak of.
var protocols = named{
	{"icmp", 1}, {"igmp", 2}, {"ggp", 3}, {"ipencap", 4}, {"st2", 5}, {"tcp", 6}, {"egp", 8}, {"igp", 9}, {"udp", 17}, {"hmp", 20},
	{"rdp", 27}, {"dccp", 33}, {"ipv6", 41}, {"ipv6-route", 43}, {"ipv6-frag", 44}, {"rsvp", 46}, {"gre", 47}, {"esp", 50}, {"ah", 51},
	{"ipv6-icmp", 58}, {"icmp6", 58}, {"ipv6-nonxt", 59}, {"ipv6-opts", 60}, {"eigrp", 88}, {"ospf", 89}, {"etherip", 97}, {"pim", 103},
	{"ipcomp", 108}, {"carp", 112}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136}, {"pfsync", 240}, {"divert", 258},
}

// services are those of /etc/services that rules speak of, for tcp and udp.
var services = named{
	{"ftp-data", 20}, {"ftp", 21}, {"ssh", 22}, {"telnet", 23}, {"smtp", 25}, {"time", 37}, {"nicname", 43}, {"whois", 43}, {"tacacs", 49},
	{"domain", 53}, {"bootps", 67}, {"bootpc", 68}, {"tftp", 69}, {"gopher", 70}, {"finger", 79}, {"http", 80}, {"www", 80},
	{"kerberos-sec", 88}, {"pop3", 110}, {"sunrpc", 111}, {"auth", 113}, {"ident", 113}, {"nntp", 119}, {"ntp", 123}, {"netbios-ns", 137},
	{"netbios-dgm", 138}, {"netbios-ssn", 139}, {"imap", 143}, {"imap2", 143}, {"snmp", 161}, {"snmptrap", 162}, {"bgp", 179}, {"irc", 194},
	{"ldap", 389}, {"https", 443}, {"microsoft-ds", 445}, {"smtps", 465}, {"isakmp", 500}, {"syslog", 514}, {"printer", 515}, {"router", 520},
	{"submission", 587}, {"ipp", 631}, {"ldaps", 636}, {"rsync", 873}, {"ftps-data", 989}, {"ftps", 990}, {"imaps", 993}, {"pop3s", 995},
	{"openvpn", 1194}, {"nfsd", 2049}, {"nfs", 2049}, {"mysql", 3306}, {"svn", 3690}, {"sip", 5060}, {"mdns", 5353}, {"postgresql", 5432},
	{"http-alt", 8080}, {"git", 9418},
}

// tcpServices are those that are others over tcp.
var tcpServices = named{{"shell", 514}, {"efs", 520}}

func serviceNumber(name string) (int, bool) {
	if n, ok := tcpServices.number(name); ok {
		return n, true
	}
	return services.number(name)
}

func serviceName(port int, tcp bool) string {
	if tcp {
		if name := tcpServices.name(port); name != strconv.Itoa(port) {
			return name
		}
	}
	return services.name(port)
}

var icmpTypes = named{
	{"echoreq", 8}, {"echorep", 0}, {"unreach", 3}, {"squench", 4}, {"redir", 5}, {"althost", 6}, {"routeradv", 9}, {"routersol", 10},
	{"timex", 11}, {"paramprob", 12}, {"timereq", 13}, {"timerep", 14}, {"inforeq", 15}, {"inforep", 16}, {"maskreq", 17}, {"maskrep", 18},
	{"trace", 30}, {"dataconv", 31}, {"mobredir", 32}, {"ipv6-where", 33}, {"ipv6-here", 34}, {"mobregreq", 35}, {"mobregrep", 36},
	{"skip", 39}, {"photuris", 40},
}

var icmp6Types = named{
	{"unreach", 1}, {"toobig", 2}, {"timex", 3}, {"paramprob", 4}, {"echoreq", 128}, {"echorep", 129}, {"groupqry", 130}, {"listqry", 130},
	{"grouprep", 131}, {"listenrep", 131}, {"groupterm", 132}, {"listendone", 132}, {"routersol", 133}, {"routeradv", 134},
	{"neighbrsol", 135}, {"neighbradv", 136}, {"redir", 137}, {"routrrenum", 138}, {"wrureq", 139}, {"wrurep", 140}, {"fqdnreq", 139},
	{"fqdnrep", 140}, {"niqry", 139}, {"nirep", 140}, {"mtraceresp", 200}, {"mtrace", 201},
}

var icmpCodes = map[int]named{
	3: {
		{"net-unr", 0}, {"host-unr", 1}, {"proto-unr", 2}, {"port-unr", 3}, {"needfrag", 4}, {"srcfail", 5}, {"net-unk", 6}, {"host-unk", 7},
		{"isolate", 8}, {"net-prohib", 9}, {"host-prohib", 10}, {"net-tos", 11}, {"host-tos", 12}, {"filter-prohib", 13}, {"host-preced", 14},
		{"cutoff-preced", 15},
	},
	5:  {{"redir-net", 0}, {"redir-host", 1}, {"redir-tos-net", 2}, {"redir-tos-host", 3}},
	9:  {{"normal-adv", 0}, {"common-adv", 16}},
	11: {{"transit", 0}, {"reassemb", 1}},
	12: {{"badhead", 0}, {"optmiss", 1}, {"badlen", 2}},
	40: {{"unknown-ind", 1}, {"auth-fail", 2}, {"decrypt-fail", 3}},
}

var icmp6Codes = map[int]named{
	1:   {{"noroute-unr", 0}, {"admin-unr", 1}, {"notnbr-unr", 2}, {"beyond-unr", 2}, {"addr-unr", 3}, {"port-unr", 4}},
	3:   {{"transit", 0}, {"reassemb", 1}},
	4:   {{"badhead", 0}, {"nxthdr", 1}},
	137: {{"redironlink", 0}, {"redirrouter", 1}},
}

func typesOf(six bool) named {
	if six {
		return icmp6Types
	}
	return icmpTypes
}

func codesOf(kind int, six bool) named {
	if six {
		return icmp6Codes[kind]
	}
	return icmpCodes[kind]
}

// Unreachable and its code for a port, the default of return-icmp.
const (
	unreach, unreachPort   = 3, 3
	unreach6, unreach6Port = 1, 4
)

// Timeouts are the names of timeouts in pfctl's order, with their defaults in
// seconds.
var Timeouts = []struct {
	Name    string
	Default int
}{
	{"tcp.first", 120}, {"tcp.opening", 30}, {"tcp.established", 86400}, {"tcp.closing", 900}, {"tcp.finwait", 45}, {"tcp.closed", 90},
	{"tcp.tsdiff", 30}, {"udp.first", 60}, {"udp.single", 30}, {"udp.multiple", 60}, {"icmp.first", 20}, {"icmp.error", 10},
	{"other.first", 60}, {"other.single", 30}, {"other.multiple", 60}, {"frag", 30}, {"interval", 10}, {"adaptive.start", 60000},
	{"adaptive.end", 120000}, {"src.track", 0},
}

// stateTimeouts is the order in which a rule's own ones are printed.
var stateTimeouts = []string{
	"tcp.first", "tcp.opening", "tcp.established", "tcp.closing", "tcp.finwait", "tcp.closed", "udp.first", "udp.single", "udp.multiple",
	"icmp.first", "icmp.error", "other.first", "other.single", "other.multiple", "frag", "interval", "adaptive.start", "adaptive.end",
	"src.track", "tcp.tsdiff",
}

// tcpFlags is the order of the letters.
const tcpFlags = "FSRPAUEW"

// orderFlags sorts letters of flags; ok is false for one that there is not.
func orderFlags(letters string) (ordered string, ok bool) {
	if strings.Trim(letters, tcpFlags) != "" {
		return "", false
	}
	for _, l := range tcpFlags {
		if strings.ContainsRune(letters, l) {
			ordered += string(l)
		}
	}
	return ordered, true
}

var tosNames = named{
	{"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38}, {"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58}, {"af31", 0x68}, {"af32", 0x70},
	{"af33", 0x78}, {"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98}, {"critical", 0xa0}, {"cs0", 0}, {"cs1", 0x20}, {"cs2", 0x40},
	{"cs3", 0x60}, {"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0}, {"ef", 0xb8}, {"inetcontrol", 0xc0}, {"lowdelay", 0x10},
	{"netcontrol", 0xe0}, {"reliability", 0x04}, {"throughput", 0x08},
}

func isTimeout(name string) bool { return slices.Contains(stateTimeouts, name) }

// keywords are the words with a meaning of their own, and the first release that
// knows them; empty: all.
var keywords = map[string]string{
	"all": "", "allow-opts": "", "altq": "", "anchor": "", "antispoof": "", "any": "", "bandwidth": "", "binat": "", "binat-anchor": "",
	"bitmask": "", "block": "", "block-policy": "", "bridge-to": "14.0", "buckets": "11.0", "cbq": "", "code": "", "codelq": "11.0", "debug": "",
	"divert-reply": "9.0", "divert-to": "9.0", "dnpipe": "14.0", "dnqueue": "14.0", "drop": "", "dup-to": "", "ether": "14.0",
	"fail-policy": "12.0", "fairq": "11.0", "fastroute": "", "file": "", "fingerprints": "", "flags": "", "floating": "", "flush": "",
	"for": "", "fragment": "", "from": "", "global": "", "group": "", "hfsc": "", "hogs": "11.0", "hostid": "", "icmp-type": "",
	"icmp6-type": "", "if-bound": "", "in": "", "include": "9.0", "inet": "", "inet6": "", "interval": "", "keep": "", "keepcounters": "13.0",
	"l3": "14.0", "label": "", "limit": "", "linkshare": "", "load": "", "log": "", "loginterface": "", "map-e-portset": "13.0",
	"match": "14.0", "max": "", "max-mss": "", "max-src-conn": "", "max-src-conn-rate": "", "max-src-nodes": "", "max-src-states": "",
	"min-ttl": "", "modulate": "", "nat": "", "nat-anchor": "", "nat-to": "15.0", "no": "", "no-df": "", "no-route": "", "no-sync": "",
	"on": "", "optimization": "", "os": "", "out": "", "overload": "", "pass": "", "port": "", "prio": "10.2", "priority": "", "priq": "",
	"probability": "", "proto": "", "qlimit": "", "queue": "", "quick": "", "random": "", "random-id": "", "rdr": "", "rdr-anchor": "",
	"rdr-to": "15.0", "realtime": "", "reassemble": "", "reply-to": "", "require-order": "", "return": "", "return-icmp": "",
	"return-icmp6": "", "return-rst": "", "ridentifier": "14.0", "round-robin": "", "route": "", "route-to": "", "rtable": "", "rule": "",
	"ruleset-optimization": "", "scrub": "", "set": "", "set-tos": "9.0", "skip": "", "sloppy": "9.0", "source-hash": "", "source-track": "",
	"state": "", "state-defaults": "9.0", "state-policy": "", "static-port": "", "sticky-address": "", "syncookies": "14.0", "synproxy": "",
	"table": "", "tag": "", "tagged": "", "target": "11.0", "tbrsize": "", "timeout": "", "to": "", "tos": "", "ttl": "", "upperlimit": "",
	"urpf-failed": "", "user": "",
}

// since tells whether a release is at least another.
func since(release, first string) bool {
	if release == "" || first == "" {
		return true
	}
	number := func(v string) (n [2]int) {
		v, _, _ = strings.Cut(v, "-")
		for i, part := range strings.SplitN(v, ".", 3) {
			if i < 2 {
				n[i], _ = strconv.Atoi(part)
			}
		}
		return n
	}
	a, b := number(release), number(first)
	return a[0] > b[0] || a[0] == b[0] && a[1] >= b[1]
}

package net

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/tests/answers"
)

func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/net.txtar", name)
}

func TestParseInterfaces(t *testing.T) {
	address := func(on, line string) Address {
		a, err := parseAddress(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		a.Interface = on
		return a
	}
	old, err := parseInterfaces(recorded(t, "ifconfig-8.2"))
	if err != nil || len(old) != 5 {
		t.Fatalf("%+v, %v", old, err)
	}
	want := Interface{
		Name: "bge0", Up: true, Flags: []string{"UP", "BROADCAST", "RUNNING", "SIMPLEX", "MULTICAST"}, MTU: 1500, Ether: "00:1e:0b:aa:bb:cc",
		Media: "Ethernet autoselect (1000baseT <full-duplex>)", Status: "active", Groups: []string{}, Members: []string{},
		Addresses: []Address{
			{Interface: "bge0", Family: "inet", Address: "192.0.2.10", Prefix: 24, Broadcast: "192.0.2.255", Flags: []string{}},
			{Interface: "bge0", Family: "inet", Address: "192.0.2.11", Prefix: 32, Broadcast: "192.0.2.11", Flags: []string{}},
			{Interface: "bge0", Family: "inet6", Address: "fe80::21e:bff:feaa:bbcc", Prefix: 64, Flags: []string{}},
		},
	}
	if diff := cmp.Diff(want, old[0]); diff != "" {
		t.Error(diff)
	}
	if old[1].Up || old[3].Vlan != 5 || old[3].Parent != "bge0" {
		t.Errorf("%+v\n%+v", old[1], old[3])
	}
	if diff := cmp.Diff([]Address{{Interface: "tun0", Family: "inet", Address: "198.51.100.7", Prefix: 32, Peer: "198.51.100.1", Flags: []string{}}}, old[4].Addresses); diff != "" {
		t.Error(diff)
	}

	list, err := parseInterfaces(recorded(t, "ifconfig-15"))
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	if diff := cmp.Diff([]Address{
		address("em0", "inet 192.0.2.10/24 broadcast 192.0.2.255"),
		address("em0", "inet 192.0.2.100/32 broadcast 192.0.2.100 vhid 1"),
		address("em0", "inet6 fe80::5a9c:fcff:fe00:1/64"),
		address("em0", "inet6 2001:db8::5a9c:fcff:fe00:1/64 tentative autoconf"),
	}, list[0].Addresses); diff != "" {
		t.Error(diff)
	}
	if list[0].Description != "to the outside" || list[0].Addresses[1].Vhid != 1 || !slices.Equal(list[0].Addresses[3].Flags, []string{"tentative", "autoconf"}) {
		t.Errorf("%+v", list[0])
	}
	if !slices.Equal(list[1].Members, []string{"em1", "em2"}) || list[1].Status != "no carrier" || !slices.Equal(list[2].Members, []string{"epair0a"}) {
		t.Errorf("%+v\n%+v", list[1], list[2])
	}
	if list[3].Name != "em0.5" || list[3].Vlan != 5 || list[3].Parent != "em0" || !slices.Equal(list[3].Groups, []string{"vlan"}) {
		t.Errorf("%+v", list[3])
	}
	short, err := parseInterfaces(recorded(t, "ifconfig-cidr"))
	if err != nil || short[0].Addresses[0].Prefix != 24 || short[0].Addresses[1].Prefix != 128 {
		t.Errorf("%+v, %v", short, err)
	}
}

// What is kept for check mode reads as what it was made of.
func TestShow(t *testing.T) {
	for _, name := range []string{"ifconfig-8.2", "ifconfig-15", "ifconfig-cidr"} {
		list, err := parseInterfaces(recorded(t, name))
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseInterfaces(show(list))
		if diff := cmp.Diff(list, again); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestParseNonsense(t *testing.T) {
	for _, out := range []string{"ifconfig: not found", "\tinet 192.0.2.1/24", "em0: flags=1<UP> mtu 1500\n\tinet 192.0.2.1 netmask 0xff00ff00", "em0: flags=1<UP> mtu 1500\n\tinet ::1/128"} {
		if list, err := parseInterfaces(out); err == nil {
			t.Errorf("%q: %+v", out, list)
		}
	}
	for _, out := range []string{"netstat: not found", "Routing tables\n\nInternet:\nDestination Gateway Flags Netif\nx y", "{}", "{"} {
		if list, err := parseRoutes(out); err == nil {
			t.Errorf("%q: %+v", out, list)
		}
	}
	if list, err := parseSockstat("sockstat: what?"); err == nil {
		t.Errorf("%+v", list)
	}
	if d, err := parseRouteGet("route: what?"); err == nil {
		t.Errorf("%+v", d)
	}
}

func TestParseRoutes(t *testing.T) {
	for name, want := range map[string][]Route{
		"netstat-r-8.2": {
			{"inet", "default", "192.0.2.1", "UGS", "bge0", 1500, 0}, {"inet", "127.0.0.1", "link#3", "UH", "lo0", 16384, 0},
			{"inet", "192.0.2.0/24", "link#1", "U", "bge0", 1500, 0}, {"inet", "192.0.2.10", "link#1", "UHS", "lo0", 16384, 0},
			{"inet", "192.0.2.33", "00:53:00:00:00:33", "UHLW", "bge0", 1500, 1083},
			{"inet6", "::1", "::1", "UH", "lo0", 16384, 0}, {"inet6", "fe80::%bge0/64", "link#1", "U", "bge0", 1500, 0},
		},
		"netstat-r-14": {
			{"inet", "default", "192.0.2.1", "UGS", "em0", 1500, 0}, {"inet", "10.0.0.0/8", "192.0.2.7", "UGS", "em0", 1500, 0},
			{"inet", "127.0.0.1", "link#2", "UH", "lo0", 16384, 0}, {"inet6", "::/96", "link#2", "URS", "lo0", 16384, 0},
			{"inet6", "default", "fe80::1%em0", "UG", "em0", 1500, 1797},
		},
		"netstat-r-json": {
			{"inet", "default", "192.0.2.1", "UGS", "em0", 1500, 0}, {"inet", "127.0.0.1", "link#2", "UH", "lo0", 16384, 0},
			{"inet6", "default", "fe80::1%em0", "UG", "em0", 1500, 1797},
		},
	} {
		got, err := parseRoutes(recorded(t, name))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestParseRouteGet(t *testing.T) {
	if got, err := parseRouteGet(recorded(t, "route-get")); err != nil || got != (Default{true, "192.0.2.1", "em0", 1500}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseRouteGet(recorded(t, "route-get-8.2")); err != nil || got != (Default{true, "192.0.2.1", "bge0", 1500}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSocketsOfBothTools(t *testing.T) {
	old, err := parseSockstat(recorded(t, "sockstat-8.2"))
	if err != nil {
		t.Fatal(err)
	}
	states := parseNetstat(recorded(t, "netstat-a"))
	got := merge(old, states)
	want := []Socket{
		{"tcp", "inet", "192.0.2.10", 22, "198.51.100.9", 60803, "ESTABLISHED", "root", "sshd", 45768, 3},
		{"udp", "inet", "192.0.2.10", 60001, "*", 0, "", "root", "mosh-serve", 19493, 4},
		{"udp", "inet6", "fe80::1%lo0", 123, "*", 0, "", "root", "ntpd", 1068, 23},
		{"tcp", "inet", "192.0.2.10", 2049, "*", 0, "", "", "", 0, 0},
		{"tcp", "inet", "192.0.2.10", 22, "198.51.100.9", 60711, "TIME_WAIT", "", "", 0, 0},
		{"tcp", "both", "*", 80, "*", 0, "LISTEN", "", "", 0, 0},
		{"tcp", "inet6", "2001:db8::10", 22, "2001:db8::9", 54322, "ESTABLISHED", "", "", 0, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	now, err := parseSockstat(recorded(t, "sockstat-15"))
	if err != nil {
		t.Fatal(err)
	}
	want = []Socket{
		{"tcp", "both", "*", 80, "*", 0, "LISTEN", "www", "nginx: worker", 1532, 6},
		{"tcp", "inet6", "2001:db8::10", 22, "2001:db8::9", 54322, "ESTABLISHED", "root", "sshd-session", 2041, 5},
		{"udp", "inet6", "fe80::4ff:daff:febe:3ed9%em0", 123, "*", 0, "", "ntpd", "ntpd", 1666, 22},
		{"icmp", "inet", "*", 0, "*", 0, "", "root", "dhclient", 741, 7},
	}
	if diff := cmp.Diff(want, merge(now, states)[:4]); diff != "" {
		t.Error(diff)
	}
	var waiting []string
	for _, s := range merge(now, states) {
		if (SocketsArgs{Listening: true, Family: inet}).wants(s) {
			waiting = append(waiting, fmt.Sprint(s.Proto, s.LocalPort))
		}
	}
	if !slices.Equal(waiting, []string{"tcp80", "udp60001"}) {
		t.Error(waiting)
	}
}

func TestParseConnections(t *testing.T) {
	c := parseConnections("ssh 198.51.100.9 50022 192.0.2.10 22\n")
	if fmt.Sprint(c.here, c.there) != "[192.0.2.10] [198.51.100.9]" {
		t.Error(c)
	}
	c = parseConnections(recorded(t, "netstat-a"))
	if fmt.Sprint(c.here, c.there) != "[192.0.2.10 2001:db8::10] [198.51.100.9 2001:db8::9]" {
		t.Error(c)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"ifconfig-8.2", "ifconfig-15", "netstat-r-8.2", "netstat-r-json", "route-get", "sockstat-15", "netstat-a"} {
		f.Add(recorded(f, name))
	}
	f.Fuzz(func(t *testing.T, out string) {
		if list, err := parseInterfaces(out); err == nil {
			for _, i := range list {
				for _, a := range i.Addresses {
					if !a.addr().IsValid() || a.Prefix < 0 || a.Prefix > a.addr().BitLen() || a.Interface != i.Name {
						t.Errorf("%q: %+v", out, a)
					}
				}
			}
		}
		if list, err := parseRoutes(out); err == nil {
			for _, r := range list {
				if r.Family != inet && r.Family != inet6 {
					t.Errorf("%q: %+v", out, r)
				}
			}
		}
		if list, err := parseSockstat(out); err == nil {
			for _, s := range list {
				if s.Family == "" || s.Proto == "" {
					t.Errorf("%q: %+v", out, s)
				}
			}
		}
		_, _ = parseRouteGet(out)
		parseConnections(out)
		parseResolved(out, "")
	})
}

package net

import (
	"slices"
	"strings"
	"testing"
)

// What the host is given to take a change back with: the addresses in their order,
// and the routes that may have gone with them.
func TestUndo(t *testing.T) {
	list, err := parseInterfaces("em0: flags=8843<UP> metric 0 mtu 1500\n" +
		"\tinet 192.0.2.10/24\n\tinet6 fe80::1%em0 prefixlen 64\n\tinet 192.0.2.20/32 vhid 3\n\tinet6 2001:db8::1 prefixlen 64\n\tinet 192.0.2.30/32\n")
	if err != nil {
		t.Fatal(err)
	}
	routes := []Route{
		{Family: "inet", Destination: "default", Gateway: "192.0.2.1", Flags: "UGS"}, {Family: "inet", Destination: "10.0.0.0/8", Gateway: "192.0.2.7", Flags: "UGS"},
		{Family: "inet", Destination: "203.0.113.5", Gateway: "192.0.2.8", Flags: "UGHS"},
	}
	for address, want := range map[string][]string{
		"192.0.2.20": {
			"ifconfig em0 inet 192.0.2.20 -alias", "ifconfig em0 inet 192.0.2.30 -alias",
			"ifconfig em0 inet 192.0.2.20/32 vhid 3 alias", "ifconfig em0 inet 192.0.2.30/32 alias",
			"route -n add default 192.0.2.1", "route -n add -net 10.0.0.0/8 192.0.2.7", "route -n add -host 203.0.113.5 192.0.2.8",
		},
		"192.0.2.99": {"ifconfig em0 inet 192.0.2.99 -alias"},
	} {
		w, err := wishOf("t", "em0", address, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.absent = address == "192.0.2.20"
		m, needed, err := planMove("t", list, w)
		if err != nil || !needed {
			t.Fatalf("%s: %v, %v", address, needed, err)
		}
		m.routes = routes
		if got := m.undo(); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s", address, strings.Join(got, "\n"))
		}
	}
	w, _ := wishOf("t", "em0", "fe80::1", 0)
	w.absent = true
	m, _, err := planMove("t", list, w)
	if err != nil || m.command() != "ifconfig em0 inet6 fe80::1%em0 -alias" {
		t.Errorf("%v, %v", m, err)
	}
	m.routes = []Route{{Family: "inet6", Destination: "default", Gateway: "2001:db8::f", Flags: "UGS"}}
	if got := m.restoring(); !slices.Equal(got, []string{"route -n add -inet6 default 2001:db8::f"}) {
		t.Error(got)
	}
}

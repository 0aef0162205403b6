package net_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/stdlib/net"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

var releases = []string{"", "freebsd-8.2-zfs-mirror", "freebsd-13.5", "freebsd-15.0-pkgbase", "jailhost"}

func out(t *testing.T, m *sim.Machine, script string) string {
	t.Helper()
	text, _, _ := m.Exec(t.Context(), "root", script)
	return text
}

func on(t *testing.T, profile string) (context.Context, *onsim.Count, *sim.Machine) {
	t.Helper()
	h, m := onsim.New(t, profile, stdlib.Tools())
	return clock.With(t.Context(), m.Clock()), &onsim.Count{Doer: h}, m
}

// outside is the interface that the default route leads out by, and the host's
// address there.
func outside(t *testing.T, ctx context.Context, h effect.Doer) (name, address string) {
	t.Helper()
	route, err := net.DefaultRoute(ctx, h, net.DefaultRouteArgs{})
	if err != nil || !route.Found || route.Gateway != "192.0.2.1" {
		t.Fatalf("%+v, %v", route, err)
	}
	list, err := net.Addresses(ctx, h, net.AddressesArgs{Interface: route.Interface, Family: "inet"})
	if err != nil || len(list) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	return route.Interface, list[0].Address
}

func TestReads(t *testing.T) {
	for _, profile := range releases {
		ctx, h, _ := on(t, profile)
		name, address := outside(t, ctx, h)
		all, err := net.Interfaces(ctx, h, net.InterfacesArgs{})
		if err != nil || !slices.ContainsFunc(all, func(i net.Interface) bool {
			return i.Name == name && i.Up && i.Ether != "" && i.Addresses[0].Address == address
		}) {
			t.Errorf("%s: %+v, %v", profile, all, err)
		}
		routes, err := net.Routes(ctx, h, net.RoutesArgs{Family: "inet"})
		if err != nil || routes[0] != (net.Route{Family: "inet", Destination: "default", Gateway: "192.0.2.1", Flags: "UGS", Interface: name, MTU: 1500}) {
			t.Errorf("%s: %+v, %v", profile, routes, err)
		}
		list, err := net.Sockets(ctx, h, net.SocketsArgs{Proto: "tcp", Family: "inet", Port: 22, Listening: true})
		if err != nil || len(list) != 1 || list[0].Command != "sshd" || list[0].State != "LISTEN" || list[0].PID == 0 || list[0].User != "root" {
			t.Errorf("%s: %+v, %v", profile, list, err)
		}
		if none, err := net.DefaultRoute(ctx, h, net.DefaultRouteArgs{Family: "inet6"}); err != nil || none.Found {
			t.Errorf("%s: %+v, %v", profile, none, err)
		}
		if name, err := net.Resolve(ctx, h, net.ResolveArgs{Name: "pkg.freebsd.org"}); err != nil || len(name.Addresses) != 1 {
			t.Errorf("%s: %+v, %v", profile, name, err)
		}
		if r, err := net.Reachable(ctx, h, net.ReachableArgs{Host: "192.0.2.1", Timeout: 3 * time.Second}); err != nil || !r.Reachable || r.Time <= 0 {
			t.Errorf("%s: %+v, %v", profile, r, err)
		}
		if r, err := net.Reachable(ctx, h, net.ReachableArgs{Host: "pkg.freebsd.org", Port: 443}); err != nil || !r.Reachable {
			t.Errorf("%s: %+v, %v", profile, r, err)
		}
		if r, err := net.Reachable(ctx, h, net.ReachableArgs{Host: "pkg.freebsd.org", Port: 8443}); err != nil || r.Reachable || r.Error != "Connection refused" {
			t.Errorf("%s: %+v, %v", profile, r, err)
		}
		if h.Changes > 0 {
			t.Errorf("%s: a read has changed something", profile)
		}
	}
}

func TestAliasComesAndGoes(t *testing.T) {
	for _, profile := range releases {
		ctx, h, m := on(t, profile)
		name, _ := outside(t, ctx, h)
		before := out(t, m, "cat /etc/rc.conf; ifconfig "+name)
		a := net.EnsureAliasArgs{Interface: name, Address: "192.0.2.200", Prefix: 32}
		got, err := net.EnsureAlias(ctx, h, a)
		if err != nil || !got.Running || !got.Boot {
			t.Fatalf("%s: %+v, %v", profile, got, err)
		}
		changes := h.Changes
		if got, err = net.EnsureAlias(ctx, h, a); err != nil || got.Changed || h.Changes != changes {
			t.Errorf("%s: a second time: %+v, %v", profile, got, err)
		}
		m.PowerCycle()
		if err := m.Clock().Sleep(ctx, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		if text := out(t, m, "ifconfig "+name); !strings.Contains(text, "inet 192.0.2.200 netmask 0xffffffff") {
			t.Errorf("%s: after a boot: %s", profile, text)
		}
		a.State = "absent"
		if got, err = net.EnsureAlias(ctx, h, a); err != nil || !got.Running || !got.Boot {
			t.Errorf("%s: %+v, %v", profile, got, err)
		}
		if now := out(t, m, "cat /etc/rc.conf; ifconfig "+name); now != before {
			t.Errorf("%s: it left\n%s\nof\n%s", profile, now, before)
		}
	}
}

func TestAliasNow(t *testing.T) {
	ctx, h, m := on(t, "")
	before := out(t, m, "cat /etc/rc.conf")
	no := false
	got, err := net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "lo0", Address: "10.9.9.9/32", Persist: &no})
	if err != nil || !got.Running || got.Boot || out(t, m, "cat /etc/rc.conf") != before {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "lo0", Address: "10.9.9.9"})
	if err != nil || got.Running || !got.Boot {
		t.Errorf("only rc.conf was left to do: %+v, %v", got, err)
	}
	if got, err = net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "lo0", Address: "10.9.9.9", Prefix: 24}); err != nil || !got.Running || !got.Boot {
		t.Errorf("another prefix: %+v, %v", got, err)
	}
	if text := out(t, m, "ifconfig lo0 inet; grep lo0 /etc/rc.conf"); !strings.Contains(text, "inet 10.9.9.9 netmask 0xffffff00") || !strings.Contains(text, `"inet 10.9.9.9/24"`) {
		t.Error(text)
	}
}

func TestRefusals(t *testing.T) {
	ctx, h, _ := on(t, "")
	for name, c := range map[string]struct {
		args net.EnsureAliasArgs
		kind effect.ErrKind
		says string
	}{
		"no such interface":    {net.EnsureAliasArgs{Interface: "em9", Address: "192.0.2.20"}, effect.Missing, "no interface em9"},
		"another's address":    {net.EnsureAliasArgs{Interface: "lo0", Address: "192.0.2.10"}, effect.Failed, "an address of vtnet0"},
		"the gateway's":        {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.1"}, effect.Failed, "the gateway"},
		"our last one":         {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.10", State: "absent"}, effect.Failed, "our own connection"},
		"no address":           {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.300"}, effect.Invalid, "no address"},
		"a network":            {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.0/24"}, effect.Invalid, "network itself"},
		"a broadcast address":  {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.63/26"}, effect.Invalid, "broadcast"},
		"many hosts":           {net.EnsureAliasArgs{Interface: "vtnet0", Address: "224.0.0.1"}, effect.Invalid, "many hosts"},
		"a long prefix":        {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.20", Prefix: 64}, effect.Invalid, "64 bits"},
		"two prefixes":         {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.20/32", Prefix: 24}, effect.Invalid, "once"},
		"no interface's name":  {net.EnsureAliasArgs{Interface: "a;b", Address: "192.0.2.20"}, effect.Invalid, "no name"},
		"no group":             {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.20", Vhid: 256}, effect.Invalid, "carp"},
		"a time that has gone": {net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.20", Within: -1}, effect.Invalid, "within"},
	} {
		if _, err := net.EnsureAlias(ctx, h, c.args); effect.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, says := range map[string]string{"lo0": "own", "epair0a": "one end", "lo": "a kind", "-a": "a kind"} {
		if _, err := net.EnsureClone(ctx, h, net.EnsureCloneArgs{Name: name}); effect.KindOf(err) != effect.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := net.EnsureClone(ctx, h, net.EnsureCloneArgs{Name: "lo1", Addresses: []string{"192.0.2.10/32"}}); effect.KindOf(err) != effect.Failed {
		t.Errorf("an address of another interface: %v", err)
	}
	if h.Changes > 0 {
		t.Errorf("%d changes", h.Changes)
	}
}

// The address that we come in by goes: nobody gets in any more, and the host takes
// it back.
func TestOwnAddressGoes(t *testing.T) {
	ctx, h, m := on(t, "jailhost")
	before := out(t, m, "cat /etc/rc.conf; ifconfig em0; netstat -rn")
	_, err := net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "em0", Address: "192.0.2.10", State: "absent"})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "no new connection came about") {
		t.Errorf("%v", err)
	}
	if now := out(t, m, "cat /etc/rc.conf; ifconfig em0; netstat -rn"); now != before {
		t.Errorf("\n%s\nbefore\n%s", now, before)
	}
}

// Another prefix of the address that we come in by: the connection may go, a new one
// comes about, the default route is there again, and only then rc.conf is written.
func TestOwnAddressChanges(t *testing.T) {
	ctx, h, m := on(t, "")
	got, err := net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.10", Prefix: 25})
	if err != nil || !got.Running || !got.Boot {
		t.Fatalf("%+v, %v", got, err)
	}
	text := out(t, m, "ifconfig vtnet0 inet; route -n get default; cat /etc/rc.conf; cat /var/db/bsdrun/guard-*/outcome")
	for _, want := range []string{"192.0.2.10 netmask 0xffffff80", "gateway: 192.0.2.1", `ifconfig_vtnet0="inet 192.0.2.10/25"`, "kept"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got, err := net.EnsureAlias(ctx, h, net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.10", Prefix: 25}); err != nil || got.Changed {
		t.Errorf("a second time: %+v, %v", got, err)
	}
}

func TestClones(t *testing.T) {
	for _, profile := range releases[:4] {
		ctx, h, m := on(t, profile)
		before := out(t, m, "cat /etc/rc.conf; ifconfig -l")
		lo := net.EnsureCloneArgs{Name: "lo1", Addresses: []string{"10.0.0.1/24", "10.0.0.2/32", "2001:db8:1::1/64"}}
		for _, a := range []net.EnsureCloneArgs{lo, {Name: "bridge0"}, {Name: "epair0"}} {
			got, err := net.EnsureClone(ctx, h, a)
			if err != nil || !got.Made || !got.Boot {
				t.Fatalf("%s: %+v, %v", profile, got, err)
			}
			changes := h.Changes
			if got, err = net.EnsureClone(ctx, h, a); err != nil || got.Changed || h.Changes != changes {
				t.Errorf("%s: a second time: %+v, %v", profile, got, err)
			}
		}
		m.PowerCycle()
		if err := m.Clock().Sleep(ctx, 5*time.Minute); err != nil {
			t.Fatal(err)
		}
		text := out(t, m, "ifconfig -l; ifconfig lo1; grep lo1 /etc/rc.conf")
		for _, want := range []string{"lo1 bridge0 epair0a epair0b", "inet 10.0.0.1 netmask 0xffffff00", "inet 10.0.0.2 netmask 0xffffffff", "2001:db8:1::1 prefixlen 64", `cloned_interfaces="lo1 bridge0 epair0"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: after a boot no %q in\n%s", profile, want, text)
			}
		}
		for _, name := range []string{"epair0", "bridge0", "lo1"} {
			got, err := net.EnsureClone(ctx, h, net.EnsureCloneArgs{Name: name, State: "absent"})
			if err != nil || !got.Unmade || !got.Boot {
				t.Errorf("%s: %s: %+v, %v", profile, name, got, err)
			}
			if got, err = net.EnsureClone(ctx, h, net.EnsureCloneArgs{Name: name, State: "absent"}); err != nil || got.Changed {
				t.Errorf("%s: %s a second time: %+v, %v", profile, name, got, err)
			}
		}
		if now := out(t, m, "cat /etc/rc.conf; ifconfig -l"); now != before {
			t.Errorf("%s: it left\n%s\nof\n%s", profile, now, before)
		}
	}
}

// Check mode foresees all of it, though the interface is not there yet.
func TestCheck(t *testing.T) {
	ctx, h, m := on(t, "")
	before := out(t, m, "cat /etc/rc.conf; ifconfig; ls /var/db/bsdrun /etc/rc.d")
	checked := effect.Chain(h, layer.Check())
	made, err := net.EnsureClone(ctx, checked, net.EnsureCloneArgs{Name: "lo1", Addresses: []string{"10.0.0.1/24"}})
	if err != nil || !made.Made || !made.Boot {
		t.Errorf("%+v, %v", made, err)
	}
	for _, want := range []bool{true, false} {
		got, err := net.EnsureAlias(ctx, checked, net.EnsureAliasArgs{Interface: "lo1", Address: "10.0.0.2"})
		if err != nil || got.Changed != want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if list, err := net.Addresses(ctx, checked, net.AddressesArgs{Interface: "lo1"}); err != nil || len(list) != 2 || list[1].Address != "10.0.0.2" {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := net.EnsureAlias(ctx, checked, net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.10/25"}); err != nil || !got.Running || !got.Boot {
		t.Errorf("guarded: %+v, %v", got, err)
	}
	if got, err := net.EnsureAlias(ctx, checked, net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.50"}); err != nil || !got.Running || !got.Boot {
		t.Errorf("after the guarded one: %+v, %v", got, err)
	}
	if now := out(t, m, "cat /etc/rc.conf; ifconfig; ls /var/db/bsdrun /etc/rc.d"); now != before {
		t.Errorf("check mode has changed\n%s\nto\n%s", before, now)
	}
}

// A group of carp shares the address, and sudo has swept the environment.
func TestScripted(t *testing.T) {
	h := answers.New(t)
	h.Says("ifconfig -a", answers.Recorded(t, "testdata/net.txtar", "ifconfig-15"))
	h.Says("look for our own connection", answers.Recorded(t, "testdata/net.txtar", "netstat-a"))
	h.Says("route -n get default", answers.Recorded(t, "testdata/net.txtar", "route-get"))
	h.Says("route -n get -inet6 default", answers.Recorded(t, "testdata/net.txtar", "route-get"))
	h.Says("ifconfig em0 inet 192.0.2.101/32 vhid 1 alias", "")
	h.Says("ifconfig em1", "")
	h.Says("ifconfig lagg0", "")
	no := false
	got, err := net.EnsureAlias(t.Context(), h, net.EnsureAliasArgs{Interface: "em0", Address: "192.0.2.101", Vhid: 1, Persist: &no})
	if err != nil || !got.Running || len(h.Changes) != 1 || h.Changes[0].Diff.Note != "add inet 192.0.2.101/32 vhid 1" || h.Changes[0].Risk != effect.Safe {
		t.Errorf("%+v, %v, %+v", got, err, h.Changes)
	}
	if got, err = net.EnsureAlias(t.Context(), h, net.EnsureAliasArgs{Interface: "em0", Address: "192.0.2.100", Vhid: 1, Persist: &no}); err != nil || got.Changed {
		t.Errorf("%+v, %v", got, err)
	}
	h.Changes = nil
	h.Says("ifconfig lagg0 inet 10.0.0.3 -alias", "")
	if got, err = net.EnsureAlias(t.Context(), h, net.EnsureAliasArgs{Interface: "lagg0", Address: "10.0.0.3", State: "absent", Persist: &no}); err != nil || !got.Running || h.Changes[0].Risk != effect.Safe {
		t.Errorf("an interface that nobody comes in by: %+v, %v", got, err)
	}
	if _, err = net.EnsureClone(t.Context(), h, net.EnsureCloneArgs{Name: "lagg0", State: "absent", Persist: &no}); err != nil {
		t.Error(err)
	}
	h.Fails("look up nix.example.org", answers.Answer{Err: "getaddrinfo: Name does not resolve\n", Code: 1})
	if r, err := net.Resolve(t.Context(), h, net.ResolveArgs{Name: "nix.example.org"}); err != nil || len(r.Addresses) > 0 || r.Error != "Name does not resolve" {
		t.Errorf("%+v, %v", r, err)
	}
	h.Says("look up", "stream inet6 tcp 2001:db8::1 0\nstream inet tcp 192.0.2.1 0\nstream inet tcp 192.0.2.1 0\n")
	if r, err := net.Resolve(t.Context(), h, net.ResolveArgs{Name: "www.example.org"}); err != nil || !slices.Equal(r.Addresses, []string{"2001:db8::1", "192.0.2.1"}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := net.Resolve(t.Context(), h, net.ResolveArgs{Name: "www.example.org", Family: "inet"}); err != nil || !slices.Equal(r.Addresses, []string{"192.0.2.1"}) {
		t.Errorf("%+v, %v", r, err)
	}
	h.Fails("nc -z -v -w 2 -4 192.0.2.77 80", answers.Answer{Err: "nc: connect to 192.0.2.77 port 80 (tcp) failed: Operation timed out\n", Code: 1})
	if r, err := net.Reachable(t.Context(), h, net.ReachableArgs{Host: "192.0.2.77", Port: 80, Family: "inet", Timeout: 1500 * time.Millisecond}); err != nil || r.Reachable || r.Error != "Operation timed out" {
		t.Errorf("%+v, %v", r, err)
	}
	h.Fails("ping nix", answers.Answer{Err: "ping: cannot resolve nix.example.org: Unknown host\n", Code: 68})
	if r, err := net.Reachable(t.Context(), h, net.ReachableArgs{Host: "nix.example.org"}); err != nil || r.Reachable || r.Error != "Unknown host" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, name := range []string{"", "-h", "a b", "$(x)"} {
		if _, err := net.Resolve(t.Context(), h, net.ResolveArgs{Name: name}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := net.Reachable(t.Context(), h, net.ReachableArgs{Host: name}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A host that does not do what it was given: the change is not kept.
func TestChangeThatIsNotMade(t *testing.T) {
	ctx, h, m := on(t, "")
	before := out(t, m, "cat /etc/rc.conf; ifconfig; netstat -rn")
	idle := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Risk == effect.Disruptive {
			return effect.Result{}, nil
		}
		return h.Do(ctx, e)
	})
	_, err := net.EnsureAlias(ctx, idle, net.EnsureAliasArgs{Interface: "vtnet0", Address: "192.0.2.10", Prefix: 25})
	if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "ifconfig has not done it") {
		t.Error(err)
	}
	if now := out(t, m, "cat /etc/rc.conf; ifconfig; netstat -rn"); now != before {
		t.Errorf("\n%s\nbefore\n%s", now, before)
	}
}

// What an interface is made with is kept for boot.
func TestCloneWithArgs(t *testing.T) {
	h := answers.New(t)
	h.Says("ifconfig -a", answers.Recorded(t, "testdata/net.txtar", "ifconfig-8.2"))
	h.Says("ifconfig vlan6 create vlan 6 vlandev bge0", "")
	h.Files["/etc/rc.conf"] = "cloned_interfaces=\"vlan5 lo1:sticky\"\n"
	a := net.EnsureCloneArgs{Name: "vlan6", Args: []string{"vlan", "6", "vlandev", "bge0"}}
	got, err := net.EnsureClone(t.Context(), h, a)
	const want = "cloned_interfaces=\"vlan5 lo1:sticky vlan6\"\ncreate_args_vlan6=\"vlan 6 vlandev bge0\"\n"
	if err != nil || !got.Made || !got.Boot || h.Files["/etc/rc.conf"] != want {
		t.Errorf("%+v, %v\n%s", got, err, h.Files["/etc/rc.conf"])
	}
	h.Says("ifconfig lo1 create", "")
	if got, err = net.EnsureClone(t.Context(), h, net.EnsureCloneArgs{Name: "lo1"}); err != nil || !got.Made || got.Boot {
		t.Errorf("there at boot already: %+v, %v", got, err)
	}
	if _, err = net.EnsureClone(t.Context(), h, net.EnsureCloneArgs{Name: "vlan7", Args: []string{"vlan", "7;reboot"}}); effect.KindOf(err) != effect.Invalid {
		t.Error(err)
	}
}

package pfsim_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib"
)

func jailhost(t *testing.T) *sim.Machine { return machine(t, "jailhost", nil) }

func machine(t *testing.T, profile string, params url.Values) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Name: "box", Tools: stdlib.Tools(), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// root runs a script as root.
func root(t *testing.T, m *sim.Machine, script string) (out, errs string, code int) {
	t.Helper()
	return m.Exec(context.Background(), "root", script)
}

// load enables pf with rules.
func load(t *testing.T, m *sim.Machine, rules string) {
	t.Helper()
	if err := m.View(vfs.Root, "/").WriteFile("/etc/pf.conf", []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs, code := root(t, m, "kldload -n pf; pfctl -f /etc/pf.conf && { pfctl -qs Running >/dev/null || pfctl -qe; }")
	if code != 0 || errs != "" {
		t.Fatalf("pfctl: %s", errs)
	}
}

// leaves tells from which addresses connections of a source leave.
func leaves(t *testing.T, m *sim.Machine, source, to string, n int) (list []string) {
	t.Helper()
	for range n {
		p, err := m.Connect("tcp", netip.AddrPortFrom(netip.MustParseAddr(source), 0), netip.MustParseAddrPort(to))
		text := p.From.Addr().String()
		if err != nil {
			text += " " + err.Error()
		}
		list = append(list, text)
	}
	return list
}

// With several addresses on the interface, what it is in parentheses translates to
// them in turn, and connections from one that is not routed get no answer; the
// first alone, and an address that is given, are steady.
func TestNATWithSeveralAddresses(t *testing.T) {
	const world, jail = "203.0.113.5:443", "10.0.0.2"
	for _, test := range []struct {
		name, rules string
		want        []string
	}{
		{"none", "pass\n", []string{"10.0.0.2 Operation timed out", "10.0.0.2 Operation timed out"}},
		{"naive", "nat on em0 from 10.0.0.0/24 to any -> (em0)\n", []string{"192.0.2.10", "198.51.100.1", "172.16.10.1 Operation timed out", "192.0.2.10"}},
		{"first", "nat on em0 from 10.0.0.0/24 to any -> (em0:0)\n", []string{"192.0.2.10", "192.0.2.10"}},
		{"literal", "nat on em0 from 10.0.0.0/24 to any -> 198.51.100.1\n", []string{"198.51.100.1", "198.51.100.1"}},
		{"sticky", "nat on em0 from 10.0.0.0/24 to any -> (em0) sticky-address\n", []string{"192.0.2.10", "192.0.2.10"}},
		{"list", "nat on em0 from 10.0.0.0/24 to any -> { 198.51.100.1, 192.0.2.10 }\n", []string{"198.51.100.1", "192.0.2.10", "198.51.100.1"}},
		{"network:0", "nat on em0 from lo1:network:0 to any -> 192.0.2.10\n", []string{"192.0.2.10"}},
		{"no nat", "no nat on em0 from 10.0.0.2 to any\nnat on em0 from 10.0.0.0/24 to any -> 192.0.2.10\n", []string{"10.0.0.2 Operation timed out"}},
		{"binat", "binat on em0 from 10.0.0.2 to any -> 198.51.100.1\n", []string{"198.51.100.1"}},
		{"elsewhere", "nat on vtnet0 from 10.0.0.0/24 to any -> 192.0.2.10\n", []string{"10.0.0.2 Operation timed out"}},
		{"skipped", "set skip on em0\nnat on em0 from 10.0.0.0/24 to any -> 192.0.2.10\n", []string{"10.0.0.2 Operation timed out"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := jailhost(t)
			load(t, m, test.rules)
			if got := leaves(t, m, jail, world, len(test.want)); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// A hash of the source is steady for a source.
func TestSourceHash(t *testing.T) {
	m := jailhost(t)
	load(t, m, "nat on em0 from 10.0.0.0/24 to any -> 198.51.100.0/28 source-hash 0x00112233445566778899aabbccddeeff\n")
	first := leaves(t, m, "10.0.0.2", "203.0.113.5:80", 3)
	if first[0] != first[1] || first[1] != first[2] {
		t.Errorf("%q", first)
	}
	if !strings.HasPrefix(first[0], "198.51.100.") {
		t.Errorf("%q", first)
	}
}

func TestPorts(t *testing.T) {
	m := jailhost(t)
	load(t, m, "nat on em0 inet proto tcp from 10.0.0.2 to any -> 192.0.2.10 static-port\nnat on em0 inet proto tcp from 10.0.0.3 to any -> 192.0.2.10 port 2000:2001\n")
	connect := func(source string) int {
		p, err := m.Connect("tcp", netip.MustParseAddrPort(source), netip.MustParseAddrPort("203.0.113.5:80"))
		if err != nil {
			t.Fatal(err)
		}
		return int(p.From.Port())
	}
	if got := connect("10.0.0.2:4321"); got != 4321 {
		t.Errorf("static-port: %d", got)
	}
	for _, want := range []int{2000, 2001, 2000} {
		if got := connect(fmt.Sprintf("10.0.0.3:%d", 5000+want)); got != want && got != 2001 && got != 2000 {
			t.Errorf("port %d, want %d", got, want)
		}
	}
}

// What comes in: the last rule that matches counts, quick ends the search, tables
// know exceptions, anchors are looked into, a refusal differs from silence.
func TestWhoComesIn(t *testing.T) {
	timeout, refused := sim.ErrTimeout, sim.ErrRefused
	for _, test := range []struct {
		rules    string
		from, to string
		want     error
	}{
		{"pass\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block in\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block return in\n", "203.0.113.9:1024", "192.0.2.10:22", refused},
		{"set block-policy return\nblock in\n", "203.0.113.9:1024", "192.0.2.10:22", refused},
		{"pass in\nblock in proto tcp to port 22\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"pass in quick\nblock in proto tcp to port 22\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\npass in proto tcp to (em0:0) port ssh\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\npass in proto tcp to (em0:0) port ssh\n", "203.0.113.9:1024", "198.51.100.1:22", timeout},
		{"block\npass in proto udp to port 22\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass in on em1\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass in on ! em1\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\npass in inet6\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass out\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass in flags /S\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block out\npass in no state\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block out\npass in\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"table <ok> { 203.0.113.0/24, !203.0.113.9 }\nblock\npass in from <ok>\n", "203.0.113.8:1024", "192.0.2.10:22", nil},
		{"table <ok> { 203.0.113.0/24, !203.0.113.9 }\nblock\npass in from <ok>\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass in from ! 203.0.113.9\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\npass in from 203.0.113.1 - 203.0.113.9\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\nanchor in on em0 {\n\tpass proto tcp to port 22\n}\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\nanchor \"a\" in on em1 {\n\tpass\n}\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"block\nanchor \"a\" quick {\n\tpass\n}\nblock quick\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"antispoof for lo1\n", "10.0.0.77:1024", "192.0.2.10:22", timeout},
		{"rdr on em0 proto tcp from any to any port 2222 -> 192.0.2.10 port 22\nblock\npass in proto tcp to port 22\n", "203.0.113.9:1024", "192.0.2.10:2222", nil},
		{"rdr pass on em0 proto tcp from any to any port 2222 -> 192.0.2.10 port 22\nblock\n", "203.0.113.9:1024", "192.0.2.10:2222", nil},
		{"block\npass in proto tcp from port > 1024\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
		{"match in tag X\nblock\npass in tagged X\n", "203.0.113.9:1024", "192.0.2.10:22", nil},
		{"block\npass in from no-route\n", "203.0.113.9:1024", "192.0.2.10:22", timeout},
	} {
		m := jailhost(t)
		load(t, m, test.rules)
		if err := m.Arrives(netip.MustParseAddrPort(test.from), netip.MustParseAddrPort(test.to)); !errors.Is(err, test.want) {
			t.Errorf("%s from %s to %s: %v, want %v", test.rules, test.from, test.to, err, test.want)
		}
	}
}

// Rules that do not pass ssh keep new connections out at once; those that are there
// live by their states, until these are flushed.
func TestLockedOut(t *testing.T) {
	m := jailhost(t)
	load(t, m, "pass\n")
	conn, err := m.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := make([]byte, 64)
	if n, err := conn.Read(hello); err != nil || !strings.HasPrefix(string(hello[:n]), "SSH-2.0-") {
		t.Fatalf("%q %v", hello[:n], err)
	}
	load(t, m, "block\n")
	if _, err := m.Dial(t.Context()); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("a new connection: %v", err)
	}
	if out, _, _ := root(t, m, "pfctl -ss"); !strings.HasPrefix(out, "all tcp 192.0.2.10:22 <- 192.0.2.254:") || !strings.Contains(out, "ESTABLISHED:ESTABLISHED\n") {
		t.Errorf("states: %s", out)
	}
	if _, err := conn.Write([]byte("SSH-2.0-test\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(hello); err != nil {
		t.Errorf("the connection with a state: %v", err)
	}
	if _, errs, _ := root(t, m, "pfctl -F states"); errs != "1 states cleared\n" {
		t.Errorf("flush: %s", errs)
	}
	_, _ = conn.Write([]byte("rubbish"))
	for err = nil; err == nil; {
		_, err = conn.Read(hello)
	}
	if m.Now().Second() < 31 {
		t.Errorf("it ended at %s, before TCP gives up", m.Now())
	}
}

// The state of a connection that ended lets no new one in.
func TestClosedStates(t *testing.T) {
	m := jailhost(t)
	load(t, m, "pass\n")
	from, to := netip.MustParseAddrPort("203.0.113.9:4000"), netip.MustParseAddrPort("192.0.2.10:22")
	if err := m.Arrives(from, to); err != nil {
		t.Fatal(err)
	}
	load(t, m, "block\n")
	if err := m.Arrives(from, to); err != nil {
		t.Errorf("it has a state: %v", err)
	}
	conn, err := m.Dial(t.Context())
	if err == nil {
		_ = conn.Close()
		t.Error("a new connection")
	}
	load(t, m, "pass\n")
	if conn, err = m.Dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	for {
		if out, _, _ := root(t, m, "pfctl -ss"); strings.Contains(out, "FIN_WAIT_2") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	out, _, _ := root(t, m, "pfctl -ss | grep FIN_WAIT")
	client := netip.MustParseAddrPort(strings.Fields(out)[4])
	load(t, m, "block\n")
	if err := m.Arrives(client, to); !errors.Is(err, sim.ErrTimeout) {
		t.Errorf("from %s: %v", client, err)
	}
}

func TestPfctl(t *testing.T) {
	m := jailhost(t)
	for _, test := range []struct {
		script, out, errs string
		code              int
	}{
		{"pfctl -s rules", "", "pfctl: /dev/pf: No such file or directory\n", 1},
		{"echo pass | pfctl -nf -", "", "", 0},
		{"echo 'pass in porto tcp' | pfctl -nf -", "", "stdin:1: syntax error\n", 1},
		{"printf 'pass\\nscrub in\\n' >/tmp/x; pfctl -nf /tmp/x", "", "/tmp/x:2: Rules must be in order: options, ether, normalization, queueing, translation, filtering\n", 1},
		{"ls /dev/pf; kldload pf; ls -l /dev/pf | cut -c1-10; kldunload pf; ls /dev/pf", "crw-------\n", "ls: /dev/pf: No such file or directory\nls: /dev/pf: No such file or directory\n", 1},
		{"kldload pf; pfctl -s Running", "Disabled\n", "", 1},
		{"pfctl -e; pfctl -e", "", "pf enabled\npfctl: pf already enabled\n", 1},
		{"pfctl -s Running; pfctl -d; pfctl -d", "Enabled\n", "pf disabled\npfctl: pf not enabled\n", 1},
		{"pfctl -sr; pfctl -sn; pfctl -ss; pfctl -sT; pfctl -sA", "", "", 0},
		{"pfctl -f /etc/nosuch", "", "pfctl: /etc/nosuch: No such file or directory\npfctl: cannot open the main config file!: No such file or directory\npfctl: Syntax error in config file: pf rules not loaded\n", 1},
		{"echo 'block in' | pfctl -f - && echo 'pas' | pfctl -f -; pfctl -sr", "block drop in all\n", "stdin:1: syntax error\npfctl: Syntax error in config file: pf rules not loaded\n", 0},
		{"printf 'ext=em0\\npass in on $ext\\n' | pfctl -nvf -", "ext = \"em0\"\npass in on em0 all flags S/SA keep state\n", "", 0},
		{"echo 'pass in on $x' | pfctl -nf - -D x=em0", "", "", 0},
		{"echo 'nat on em0 from em7 to any -> 192.0.2.10' | pfctl -nf -", "", "no IP address found for em7\nstdin:1: could not parse host specification\n", 1},
		{"pfctl -t t -T add 10.0.0.0/8 '!10.1.0.0/16' 192.0.2.1; pfctl -t t -T show", "   10.0.0.0/8\n  !10.1.0.0/16\n   192.0.2.1\n", "1 table created.\n3/3 addresses added.\n", 0},
		{"pfctl -t t -T test 10.2.0.1; pfctl -t t -T test 10.2.0.1 10.1.0.1", "", "1/1 addresses match.\n1/2 addresses match.\n", 2},
		{"pfctl -t t -T replace 192.0.2.1 192.0.2.2; pfctl -t t -T replace 192.0.2.1 192.0.2.2", "", "1 addresses added.\n2 addresses deleted.\nno changes.\n", 0},
		{"pfctl -t t -T delete 192.0.2.2 192.0.2.3; pfctl -t t -T flush; pfctl -t t -T zero; pfctl -t t -T kill", "", "1/2 addresses deleted.\n1 addresses deleted.\n1 table/stats cleared.\n1 table deleted.\n", 0},
		{"pfctl -t nosuch -T show", "", "pfctl: Table does not exist.\n", 255},
		{"pfctl -t t -T add 192.0.2.1; sleep 100; pfctl -t t -T add 192.0.2.2; pfctl -t t -T expire 60; pfctl -t t -T show", "   192.0.2.2\n", "1 table created.\n1/1 addresses added.\n1/1 addresses added.\n1/1 addresses expired.\n", 0},
		{"echo 'table <c> const persist { 192.0.2.1 }' | pfctl -f - && pfctl -t c -T add 192.0.2.9", "", "pfctl: Operation not permitted.\n", 255},
		{"echo 'pass in proto tcp' | pfctl -a x/y -f -; pfctl -sA; pfctl -vsA; pfctl -a x/y -sr", "  x\n  x\n  x/y\npass in proto tcp all flags S/SA keep state\n", "No ALTQ support in kernel\nALTQ related functions disabled\n", 0},
		{"pfctl -a x/y -F rules; pfctl -sA; pfctl -a nosuch -sA", "", "rules cleared\nAnchor 'nosuch' not found.\n", 1},
		{"pfctl -a _1 -F rules", "", "pfctl: anchor names beginning with '_' cannot be modified from the command line\n", 1},
		{"pfctl -F all", "", "rules cleared\nnat cleared\n2 tables deleted.\n0 states cleared\nsource tracking entries cleared\npf: statistics cleared\npf: interface flags reset\n", 0},
		{"pfctl -k 10.0.0.0/8", "", "killed 0 states from 1 sources and 0 destinations\n", 0},
		{"pfctl -k 0.0.0.0/0 -k 192.0.2.9", "", "killed 0 states from 1 sources and 1 destinations\n", 0},
		{"printf 'set skip on lo\\n' | pfctl -f - && pfctl -vsI", "all\nem0\nlo (skip)\nlo0 (skip)\nlo1 (skip)\n", "No ALTQ support in kernel\nALTQ related functions disabled\n", 0},
		{"pfctl -sm | head -1; pfctl -st | head -1; pfctl -x loud; pfctl -qx none", "states        hard limit   100000\ntcp.first                   120s\n", "debug level set to 'loud'\n", 0},
		{"pfctl -s nosuch 2>&1 | head -1", "pfctl: Unknown show modifier 'nosuch'\n", "", 0},
		{"pfctl what 2>&1 | head -1", "pfctl: unknown command line argument: what ...\n", "", 0},
		{"su -m nobody -c 'pfctl -sr'", "", "pfctl: /dev/pf: Permission denied\n", 1},
		{"pfctl -s osfp", "", "the simulator can't: pfctl -s osfp\n", sim.CannotCode},
	} {
		out, errs, code := root(t, m, test.script)
		if out != test.out || errs != test.errs || code != test.code {
			t.Errorf("%s:\n%q %q %d, want\n%q %q %d", test.script, out, errs, code, test.out, test.errs, test.code)
		}
	}
}

// An old pfctl says at each call that there is no ALTQ.
func TestOldRelease(t *testing.T) {
	m := machine(t, "freebsd-8.2-zfs-mirror", nil)
	_, errs, _ := root(t, m, "kldload pf; pfctl -sr; pfctl -s Running 2>&1 | head -1 >&2")
	if want := "No ALTQ support in kernel\nALTQ related functions disabled\npfctl: Unknown show modifier 'Running'\n"; errs != want {
		t.Errorf("%q", errs)
	}
}

func TestServiceAndBoot(t *testing.T) {
	m := jailhost(t)
	reboot := func() {
		t.Helper()
		m.PowerCycle()
		if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		script, out, errs string
		code              int
	}{
		{"service pf status", "pf.ko is not loaded\n", "", 1},
		{"service pf start | cut -c1-18", "Cannot 'start' pf.\n", "", 0},
		{"sysrc -q pf_enable=YES >/dev/null; service pf start", "", "/etc/rc.d/pf: WARNING: /etc/pf.conf is not readable.\n", 1},
		{"echo 'pass in quick' >/etc/pf.conf; service pf start", "Enabling pf.\n", "", 0},
		{"service pf check; service pf status | head -1 | cut -c1-15; pfctl -sr", "Checking pf rules.\nStatus: Enabled\npass in quick all flags S/SA keep state\n", "", 0},
		{"echo 'pass in' >/etc/pf.conf; service pf reload; pfctl -sr", "Reloading pf rules.\npass in all flags S/SA keep state\n", "", 0},
		{"echo 'pas in' >/etc/pf.conf; service pf reload; echo $?; pfctl -sr", "Reloading pf rules.\n1\npass in all flags S/SA keep state\n", "/etc/pf.conf:1: syntax error\n", 0},
		{"service pf stop; pfctl -s Running", "Disabling pf.\nDisabled\n", "", 1},
	} {
		out, errs, code := root(t, m, test.script)
		if out != test.out || errs != test.errs || code != test.code {
			t.Errorf("%s:\n%q %q %d, want\n%q %q %d", test.script, out, errs, code, test.out, test.errs, test.code)
		}
	}
	root(t, m, "echo 'nat on em0 from 10.0.0.0/24 to any -> (em0:0)' >/etc/pf.conf; pfctl -t gone -T add 192.0.2.1")
	reboot()
	if out, _, _ := root(t, m, "pfctl -s Running; pfctl -sn; pfctl -sT"); out != "Enabled\nnat on em0 inet from 10.0.0.0/24 to any -> (em0:0)\n" {
		t.Errorf("after a boot: %s", out)
	}
	if got := leaves(t, m, "10.0.0.3", "203.0.113.5:80", 2); got[0] != "192.0.2.10" || got[1] != got[0] {
		t.Errorf("jails leave from %q", got)
	}
	root(t, m, "echo rubbish >/etc/pf.conf")
	reboot()
	if out, _, _ := root(t, m, "pfctl -s Running; pfctl -sn"); out != "Enabled\n" {
		t.Errorf("after a boot with bad rules: %s", out)
	}
	if said := strings.Join(m.Console(), "\n"); !strings.Contains(said, "/etc/pf.conf:1: syntax error\n") {
		t.Errorf("the console: %s", said)
	}
}

// What pf has in memory is kept with the machine.
func TestKept(t *testing.T) {
	params := url.Values{"state": {filepath.Join(t.TempDir(), "state")}}
	m, err := sim.New(sim.Options{Profile: "jailhost", Name: "box", Tools: stdlib.Tools(), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	load(t, m, "table <t> { 192.0.2.1 }\nnat on em0 from 10.0.0.0/24 to any -> (em0)\nanchor {\n\tblock from <t>\n}\n")
	leaves(t, m, "10.0.0.2", "203.0.113.5:80", 1)
	const look = "pfctl -s Running; pfctl -sn; pfctl -sr; pfctl -t t -T show; pfctl -ss"
	before, _, _ := root(t, m, look)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again := machine(t, "jailhost", params)
	if after, _, _ := root(t, again, look); after != before || strings.Count(before, "\n") != 7 {
		t.Errorf("%s\nwant\n%s", after, before)
	}
	if got := leaves(t, again, "10.0.0.2", "203.0.113.6:80", 1); got[0] != "198.51.100.1" {
		t.Errorf("the pool begins anew: %q", got)
	}
}

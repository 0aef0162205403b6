package pf_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/kld/kldsim"
	"bsdrun/stdlib/pf"
	"bsdrun/stdlib/pf/pfsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

func jailhost(t *testing.T) (effect.Doer, *sim.Machine) {
	t.Helper()
	return onsim.New(t, "jailhost", base.Tools(), kldsim.Tools(), pfsim.Tools())
}

// load puts rules into the kernel behind the module's back.
func load(t *testing.T, m *sim.Machine, rules string) {
	t.Helper()
	if err := m.View(vfs.Root, "/").WriteFile("/etc/pf.conf", []byte(rules), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := m.Exec(ctx, "root", "kldload -n pf; pfctl -qf /etc/pf.conf"); code != 0 {
		t.Fatal(errs)
	}
}

const someRules = `set skip on lo
table <bad> persist { 203.0.113.0/24, !203.0.113.7 }
nat on em0 from 10.0.0.0/24 to any -> (em0)
nat on em0 from 10.1.0.0/24 to any -> 192.0.2.10 static-port
rdr pass on em0 proto tcp from any to (em0:0) port 80 -> 10.0.0.2 port 8080
block return in log on ! lo0 from <bad> to any
pass in quick proto tcp to port { 22, 8000:8010 } label "admin"
anchor "web" {
	pass in proto tcp to port 80
}
anchor in on em0 {
	block quick proto udp
}
pass out
`

func TestStatusEnableDisable(t *testing.T) {
	h, m := jailhost(t)
	see := func(want pf.Status) {
		t.Helper()
		got, err := pf.StatusOf(ctx, h, pf.StatusArgs{})
		if got.Since = 0; err != nil || got != want {
			t.Fatalf("%+v %v, want %+v", got, err, want)
		}
	}
	see(pf.Status{})
	if _, err := pf.Rules(ctx, h, pf.RulesArgs{}); effect.KindOf(err) != effect.Missing {
		t.Errorf("without the module: %v", err)
	}
	for _, want := range []bool{true, false} {
		if c, err := pf.Enable(ctx, h, pf.EnableArgs{}); err != nil || c.Changed != want {
			t.Fatalf("enable: %+v %v", c, err)
		}
	}
	see(pf.Status{Loaded: true, Enabled: true, Debug: "urgent"})
	for _, want := range []bool{true, false} {
		if c, err := pf.Disable(ctx, h, pf.DisableArgs{}); err != nil || c.Changed != want {
			t.Fatalf("disable: %+v %v", c, err)
		}
	}
	see(pf.Status{Loaded: true, Debug: "urgent"})
	if _, err := pf.StatusOf(ctx, onsim.As(t, m, "joe"), pf.StatusArgs{}); effect.KindOf(err) != effect.Denied {
		t.Errorf("as a user: %v", err)
	}
}

func TestRulesAndNat(t *testing.T) {
	h, m := jailhost(t)
	load(t, m, someRules)
	rules, err := pf.Rules(ctx, h, pf.RulesArgs{})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, r := range rules {
		actions = append(actions, r.Action)
	}
	if want := []string{"block", "pass", "pass", "anchor", "anchor", "block", "pass"}; !slices.Equal(actions, want) {
		t.Fatalf("%q", actions)
	}
	b, p := rules[0], rules[2]
	if b.From != "<bad>" || b.Interface != "! lo0" || !b.Log || b.Direction != "in" || b.To != "any" {
		t.Errorf("%+v", b)
	}
	if !p.Quick || p.Proto != "tcp" || p.ToPort != "8000:8010" || p.State != "keep" || !slices.Equal(p.Labels, []string{"admin"}) ||
		p.Text != `pass in quick proto tcp from any to any port 8000:8010 flags S/SA keep state label "admin"` {
		t.Errorf("%+v", p)
	}
	if web, err := pf.Rules(ctx, h, pf.RulesArgs{Anchor: "web"}); err != nil || len(web) != 1 || web[0].ToPort != "= 80" {
		t.Errorf("%+v %v", web, err)
	}
	nat, err := pf.Nat(ctx, h, pf.RulesArgs{})
	if err != nil || len(nat) != 3 {
		t.Fatalf("%+v %v", nat, err)
	}
	if n := nat[0]; n.Steady || n.Pool != "round-robin" || !slices.Equal(n.Targets, []string{"(em0)"}) || n.From != "10.0.0.0/24" {
		t.Errorf("%+v", n)
	}
	if n := nat[1]; !n.Steady || !n.Static || !slices.Equal(n.Targets, []string{"192.0.2.10"}) {
		t.Errorf("%+v", n)
	}
	if n := nat[2]; n.Action != "rdr" || n.Ports != "8080" || n.To != "(em0:0)" || n.ToPort != "= 80" {
		t.Errorf("%+v", n)
	}
	if anchors, err := pf.Anchors(ctx, h, pf.AnchorsArgs{}); err != nil || !slices.Contains(anchors, "web") {
		t.Errorf("%q %v", anchors, err)
	}
}

// Rules of 15 translate as part of filter rules, and show there.
func TestNatTo(t *testing.T) {
	h, m := onsim.New(t, "freebsd-15.0-pkgbase", base.Tools(), kldsim.Tools(), pfsim.Tools())
	load(t, m, "match out on vtnet0 inet from 10.0.0.0/24 to any nat-to (vtnet0:0)\n")
	nat, err := pf.Nat(ctx, h, pf.RulesArgs{})
	if err != nil || len(nat) != 1 || nat[0].Action != "match" || !nat[0].Steady || nat[0].Targets[0] != "(vtnet0:0)" {
		t.Errorf("%+v %v", nat, err)
	}
}

func TestCheck(t *testing.T) {
	h, m := jailhost(t)
	ok, err := pf.Check(ctx, h, pf.CheckArgs{Text: someRules})
	if err != nil || !ok.OK || len(ok.Errors) != 0 {
		t.Errorf("%+v %v", ok, err)
	}
	bad, err := pf.Check(ctx, h, pf.CheckArgs{Text: "pass\nnat on em0 from lo9:network to any -> (em0)\n\npas\n\nblock in on $x\n"})
	want := []pf.Problem{
		{File: "stdin", Line: 2, Text: "no IP address found for lo9:network"},
		{File: "stdin", Line: 2, Text: "could not parse host specification"},
		{File: "stdin", Line: 4, Text: "syntax error"},
		{File: "stdin", Line: 6, Text: "macro 'x' not defined"},
		{File: "stdin", Line: 6, Text: "syntax error"},
	}
	if err != nil || bad.OK || !slices.Equal(bad.Errors, want) {
		t.Errorf("%+v %v", bad, err)
	}
	if err := m.View(vfs.Root, "/").WriteFile("/etc/new.conf", []byte("pass in on $x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err := pf.Check(ctx, h, pf.CheckArgs{Path: "/etc/new.conf", Macros: map[string]string{"x": "em0"}}); err != nil || !c.OK {
		t.Errorf("%+v %v", c, err)
	}
	for _, a := range []pf.CheckArgs{{}, {Text: "pass\n", Path: "/x"}, {Path: "x"}, {Text: "x", Macros: map[string]string{"a b": ""}}} {
		if _, err := pf.Check(ctx, h, a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

func TestDiff(t *testing.T) {
	h, m := jailhost(t)
	load(t, m, someRules)
	if d, err := pf.DiffOf(ctx, h, pf.DiffArgs{Path: "/etc/pf.conf"}); err != nil || !d.Same || d.Moved || len(d.Added)+len(d.Removed) != 0 {
		t.Errorf("%+v %v", d, err)
	}
	d, err := pf.DiffOf(ctx, h, pf.DiffArgs{Text: strings.Replace(someRules, "-> (em0)", "-> (em0:0)", 1)})
	if err != nil || d.Same || d.Moved || !slices.Equal(d.Added, []string{"nat on em0 inet from 10.0.0.0/24 to any -> (em0:0)"}) ||
		!slices.Equal(d.Removed, []string{"nat on em0 inet from 10.0.0.0/24 to any -> (em0) round-robin"}) {
		t.Errorf("%+v %v", d, err)
	}
	load(t, m, "block\npass\n")
	if d, err := pf.DiffOf(ctx, h, pf.DiffArgs{Text: "pass\nblock\n"}); err != nil || d.Same || !d.Moved || len(d.Added)+len(d.Removed) != 0 {
		t.Errorf("%+v %v", d, err)
	}
	// What rules do not show: addresses of tables, options, the rules of an anchor.
	const hidden = "set skip on lo\nset timeout tcp.first 60\nset limit states 5000\ntable <t> { 192.0.2.1 }\nanchor \"web\" {\n\tpass in\n}\nblock from <t>"
	load(t, m, hidden+"\n")
	if d, err := pf.DiffOf(ctx, h, pf.DiffArgs{Text: hidden}); err != nil || !d.Same {
		t.Errorf("%+v %v", d, err)
	}
	for _, c := range [][]string{
		{"skip on lo", "skip on em0", "set skip on em0"}, {"tcp.first 60", "tcp.first 30", "set timeout tcp.first 30"},
		{"states 5000", "states 7000", "set limit states 7000"}, {"192.0.2.1", "192.0.2.0/24", "table <t> 192.0.2.0/24"},
		{"pass in", "block in", `anchor "web": block drop in all`},
	} {
		d, err := pf.DiffOf(ctx, h, pf.DiffArgs{Text: strings.Replace(hidden, c[0], c[1], 1)})
		if err != nil || d.Same || d.Moved || !slices.Equal(d.Added, c[2:]) || len(d.Removed) == 0 {
			t.Errorf("%s: %+v %v", c[1], d, err)
		}
	}
	if _, err := pf.DiffOf(ctx, h, pf.DiffArgs{Text: "pas\n"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("%v", err)
	}
}

func TestTables(t *testing.T) {
	h, m := jailhost(t)
	load(t, m, someRules)
	list, err := pf.ListTables(ctx, h, pf.ListTablesArgs{})
	if want := (pf.Table{Name: "bad", Addresses: 2, Persist: true, Used: true}); err != nil || len(list) != 1 || list[0] != want {
		t.Fatalf("%+v %v", list, err)
	}
	get := func(want ...string) {
		t.Helper()
		if got, err := pf.GetTable(ctx, h, pf.TableArgs{Name: "bad"}); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q %v, want %q", got, err, want)
		}
	}
	get("203.0.113.0/24", "!203.0.113.7")
	for _, want := range []bool{true, false} {
		c, err := pf.AddToTable(ctx, h, pf.AddressesArgs{Name: "bad", Addresses: []string{"203.0.113.0/24", "10/8"}})
		if err != nil || c.Changed != want || want && !slices.Equal(c.Added, []string{"10.0.0.0/8"}) {
			t.Fatalf("add: %+v %v", c, err)
		}
	}
	get("10.0.0.0/8", "203.0.113.0/24", "!203.0.113.7")
	for address, want := range map[string]bool{"203.0.113.9": true, "203.0.113.7": false, "10.1.2.3": true, "192.0.2.1": false} {
		if got, err := pf.TestTable(ctx, h, pf.TestArgs{Name: "bad", Address: address}); err != nil || got.Matches != want {
			t.Errorf("test %s: %+v %v", address, got, err)
		}
	}
	for _, want := range []bool{true, false} {
		if c, err := pf.RemoveFromTable(ctx, h, pf.AddressesArgs{Name: "bad", Addresses: []string{"10.0.0.0/8", "192.0.2.9"}}); err != nil || c.Changed != want {
			t.Fatalf("remove: %+v %v", c, err)
		}
	}
	for _, want := range []bool{true, false} {
		c, err := pf.ReplaceTable(ctx, h, pf.AddressesArgs{Name: "bad", Addresses: []string{"192.0.2.1", "203.0.113.0/24"}})
		if err != nil || c.Changed != want || want && (!slices.Equal(c.Added, []string{"192.0.2.1"}) || !slices.Equal(c.Removed, []string{"!203.0.113.7"})) {
			t.Fatalf("replace: %+v %v", c, err)
		}
	}
	if c, err := pf.AddToTable(ctx, h, pf.AddressesArgs{Name: "new", Addresses: []string{"::1"}}); err != nil || !c.Changed {
		t.Errorf("a new table: %+v %v", c, err)
	}
	m.Exec(ctx, "root", "sleep 100; pfctl -qt bad -T add 192.0.2.2")
	if e, err := pf.ExpireTable(ctx, h, pf.ExpireArgs{Name: "bad", Age: 60}); err != nil || e.Removed != 2 || !e.Changed {
		t.Errorf("expire: %+v %v", e, err)
	}
	get("192.0.2.2")
	if _, err := pf.GetTable(ctx, h, pf.TableArgs{Name: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"-F", "a b", ""} {
		if _, err := pf.GetTable(ctx, h, pf.TableArgs{Name: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := pf.AddToTable(ctx, h, pf.AddressesArgs{Name: "bad", Addresses: []string{"www.example.org"}}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("a name: %v", err)
	}
}

func TestStatesAndCounters(t *testing.T) {
	h, m := jailhost(t)
	load(t, m, "nat on em0 inet from 10.0.0.0/24 to any -> 198.51.100.1\npass label \"all\"\n")
	m.Exec(ctx, "root", "pfctl -qe")
	if _, err := m.Connect("tcp", netip.MustParseAddrPort("10.0.0.2:4000"), netip.MustParseAddrPort("203.0.113.5:443")); err != nil {
		t.Fatal(err)
	}
	list, err := pf.States(ctx, h, pf.StatesArgs{From: "10.0.0.0/24"})
	want := pf.State{
		Interface: "all", Proto: "tcp", Direction: "out", From: "10.0.0.2:4000", Outside: "198.51.100.1:50001", To: "203.0.113.5:443",
		Inside: "203.0.113.5:443", State: "ESTABLISHED:ESTABLISHED",
	}
	if err != nil || len(list) != 1 || list[0] != want {
		t.Errorf("%+v %v", list, err)
	}
	c, err := pf.CountersOf(ctx, h, pf.CountersArgs{})
	if err != nil || len(c.Rules) != 2 || c.Rules[1].Packets == 0 || c.Counters["inserts"] == 0 || c.Rules[0].Text != "nat on em0 inet from 10.0.0.0/24 to any -> 198.51.100.1" {
		t.Errorf("%+v %v", c, err)
	}
	for _, n := range []int{1, 0} {
		if k, err := pf.KillStates(ctx, h, pf.KillArgs{From: "10.0.0.2", To: "203.0.113.5"}); err != nil || k.Killed != n || k.Changed != (n > 0) {
			t.Errorf("kill: %+v %v", k, err)
		}
	}
	for _, a := range []pf.KillArgs{{}, {Label: "x", From: "192.0.2.1"}, {From: "-F"}} {
		if _, err := pf.KillStates(ctx, h, a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", a, err)
		}
	}
	if _, err := pf.States(ctx, h, pf.StatesArgs{From: "www.example.org"}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("%v", err)
	}
	if c, err := pf.Flush(ctx, h, pf.FlushArgs{What: "nat"}); err != nil || !c.Changed {
		t.Errorf("flush: %+v %v", c, err)
	}
	if nat, err := pf.Nat(ctx, h, pf.RulesArgs{}); err != nil || len(nat) != 0 {
		t.Errorf("%+v %v", nat, err)
	}
	for _, a := range []pf.FlushArgs{{What: "all"}, {What: "states", Anchor: "x"}, {What: "rules", Anchor: "-x"}} {
		if _, err := pf.Flush(ctx, h, a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

func TestBuild(t *testing.T) {
	got, err := pf.Build(ctx, nil, pf.RulesetArgs{
		Macros:  map[string]string{"ext_if": "em0"},
		Options: []pf.OptionSpec{{Name: "skip", On: []string{"lo"}}, {Name: "block-policy", Value: "return"}},
		Tables:  []pf.TableSpec{{Name: "bad", Persist: true, Addresses: []string{"203.0.113.0/24", "!203.0.113.7"}}},
		Scrub:   []pf.RuleSpec{{Direction: "in"}},
		Nat: []pf.RuleSpec{
			{No: true, On: []string{"$ext_if"}, From: []string{"10.0.0.9"}},
			{On: []string{"$ext_if"}, From: []string{"10.0.0.0/24"}, Target: []string{"(em0:0)"}},
		},
		Rdr: []pf.RuleSpec{{Pass: true, On: []string{"$ext_if"}, Proto: []string{"tcp"}, ToPort: []string{"80", "443"}, Target: []string{"10.0.0.2"}}},
		Filter: []pf.RuleSpec{
			{Action: "block", Log: true},
			{Action: "pass", Direction: "in", Quick: true, Proto: []string{"tcp"}, From: []string{"! <bad>"}, ToPort: []string{"22"}, Label: "ssh"},
			{Anchor: "web", Rules: []string{"pass in proto tcp to port 80"}},
			{Text: "pass out"},
		},
	})
	const want = `ext_if = "em0"
set skip on lo
set block-policy return
table <bad> persist { 203.0.113.0/24, !203.0.113.7 }
scrub in
no nat on $ext_if from 10.0.0.9 to any
nat on $ext_if from 10.0.0.0/24 to any -> (em0:0)
rdr pass on $ext_if proto tcp from any to any port { 80, 443 } -> 10.0.0.2
block log
pass in quick proto tcp from ! <bad> to port 22 label "ssh"
anchor "web" {
	pass in proto tcp to port 80
}
pass out
`
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	h, _ := jailhost(t)
	if c, err := pf.Check(ctx, h, pf.CheckArgs{Text: got}); err != nil || !c.OK {
		t.Errorf("pfctl does not take it: %+v %v", c, err)
	}
	for name, a := range map[string]pf.RulesetArgs{
		"no action":        {Filter: []pf.RuleSpec{{Direction: "in"}}},
		"a line break":     {Filter: []pf.RuleSpec{{Action: "pass\nblock"}}},
		"no target":        {Nat: []pf.RuleSpec{{On: []string{"em0"}}}},
		"a port without":   {Filter: []pf.RuleSpec{{Action: "pass", ToPort: []string{"22"}}}},
		"rubbish":          {Filter: []pf.RuleSpec{{Text: "pas in"}}},
		"the wrong order":  {Scrub: []pf.RuleSpec{{Text: "pass"}, {Text: "scrub in"}}},
		"a quote":          {Macros: map[string]string{"a": `"`}},
		"too new for it":   {Release: "8.2", Filter: []pf.RuleSpec{{Action: "match"}}},
		"an unknown macro": {Filter: []pf.RuleSpec{{Action: "pass", From: []string{"$x"}}}},
	} {
		if text, err := pf.Build(ctx, nil, a); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

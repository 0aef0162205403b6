package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func names(hosts []Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.Name)
	}
	return strings.Join(out, " ")
}

func TestHostsOfTheCommandLine(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Host
	}{
		{"local:", []Host{{Name: "local", Kind: Local}}},
		{"web.example.org", []Host{{Name: "web.example.org", Kind: SSH, Address: "web.example.org"}}},
		{"root@web:2222", []Host{{Name: "root@web:2222", Kind: SSH, Address: "web", User: "root", Port: 2222}}},
		{"ssh://root@web", []Host{{Name: "ssh://root@web", Kind: SSH, Address: "web", User: "root"}}},
		{"2001:db8::1", []Host{{Name: "2001:db8::1", Kind: SSH, Address: "2001:db8::1"}}},
		{"root@[2001:db8::1]:22", []Host{{Name: "root@[2001:db8::1]:22", Kind: SSH, Address: "2001:db8::1", User: "root", Port: 22}}},
		{"[2001:db8::1]", []Host{{Name: "[2001:db8::1]", Kind: SSH, Address: "2001:db8::1"}}},
		{"sim:", []Host{{Name: "sim", Kind: Sim, Sim: "sim:"}}},
		{"sim:builder?state=/tmp/a*b", []Host{{Name: "builder", Kind: Sim, Sim: "sim:builder?state=/tmp/a*b"}}},
		{"sim:builder*2/www?x=1", []Host{
			{Name: "builder-1/www", Kind: Sim, Sim: "sim:builder?x=1", Jail: "www"},
			{Name: "builder-2/www", Kind: Sim, Sim: "sim:builder?x=1", Jail: "www"},
		}},
		{"root@web1:2222/db.old", []Host{{Name: "root@web1:2222/db.old", Kind: SSH, User: "root", Address: "web1", Port: 2222, Jail: "db.old"}}},
		{"local:/www", []Host{{Name: "local/www", Kind: Local, Jail: "www"}}},
	} {
		got, err := Parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.text, diff)
		}
	}
}

func TestWhatIsNoHostIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "-oProxyCommand=x", "root@-x", "@web", "web:0", "web:99999", "a b", "a;b", "sim:b*0", "sim:b*2?state=f", "sim:b*999999"} {
		if got, err := Parse(text); effect.KindOf(err) != effect.Usage {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
}

func TestRangesAreWrittenOut(t *testing.T) {
	for text, want := range map[string]string{
		"web[08:11].example.org": "web08.example.org web09.example.org web10.example.org web11.example.org",
		"r[1:2]h[a:b]":           "r1ha r1hb r2ha r2hb",
		"[2001:db8::1]":          "[2001:db8::1]",
		"root@db[1:2]:22":        "root@db1:22 root@db2:22",
	} {
		hosts, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := names(hosts); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

const sample = `
[groups.eu]
children = ["web"]
become = "sudo"
vars = { region = "eu", tier = 1 }
[groups.web]
hosts = ["web[1:3]"]
become = "doas"
vars = { tier = 2 }
[hosts.web2]
address = "192.0.2.2"
user = "admin"
legacy = true
vars = { tier = 3 }
`

func read(t *testing.T, text string) *Inventory {
	t.Helper()
	inv, err := Read("hosts.toml", []byte(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestNearerVariablesAndSettingsWin(t *testing.T) {
	hosts, err := read(t, sample).Select([]string{"eu", "web2", "other"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := names(hosts); got != "web1 web2 web3 other" {
		t.Fatalf("got %s", got)
	}
	web2 := hosts[1]
	if diff := cmp.Diff(map[string]any{"region": "eu", "tier": int64(3)}, web2.Vars); diff != "" {
		t.Error(diff)
	}
	if web2.Address != "192.0.2.2" || web2.User != "admin" || !web2.Legacy || web2.Become != "doas" {
		t.Errorf("got %+v", web2)
	}
	if hosts[0].Vars["tier"] != int64(2) || len(hosts[3].Vars) != 0 {
		t.Errorf("got %+v and %+v", hosts[0], hosts[3])
	}
}

// TestEntriesNameHostsAsTheCommandLineDoes: also by a range, and simulated ones.
func TestEntriesNameHostsAsTheCommandLineDoes(t *testing.T) {
	inv, err := Read("hosts.toml", []byte(`
[hosts."web[01:03]"]
user = "ops"
port = 2222
legacy = true
vars = { region = "eu", rack = "1" }
[hosts.web02]
port = 22
vars = { region = "us" }
[hosts."sim:"]
legacy = true
[hosts."sim:builder*2"]
become = "doas"
[hosts."local:"]
become = "sudo"
state_dir = "/home/ops/state/"
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := func(name string) Host {
		t.Helper()
		hosts, err := inv.Select([]string{name}, "")
		if err != nil || len(hosts) != 1 {
			t.Fatalf("%s: %v, %v", name, hosts, err)
		}
		return hosts[0]
	}
	if h := got("web01"); h.User != "ops" || h.Port != 2222 || !h.Legacy || h.Vars["region"] != "eu" {
		t.Errorf("%+v", h)
	}
	if h := got("web02"); h.User != "ops" || h.Port != 22 || !h.Legacy || h.Vars["region"] != "us" || h.Vars["rack"] != "1" {
		t.Errorf("%+v", h)
	}
	for _, name := range []string{"sim:", "sim:?start=2025-01-01"} {
		if h := got(name); !h.Legacy {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if h := got("local:"); h.Become != "sudo" || h.StateDir != "/home/ops/state" {
		t.Errorf("%+v", h)
	}
	hosts, err := inv.Select([]string{"all"}, "")
	if err != nil || len(hosts) != 7 {
		t.Fatalf("%d hosts: %v", len(hosts), err)
	}
	for _, h := range hosts {
		if strings.HasPrefix(h.Name, "builder-") && h.Become != "doas" {
			t.Errorf("%+v", h)
		}
	}
}

func TestLimit(t *testing.T) {
	for limit, want := range map[string]string{
		"":          "web1 web2 web3",
		"web1":      "web1",
		"!web1":     "web2 web3",
		"web*,!w*3": "web1 web2",
		"web":       "web1 web2 web3",
	} {
		hosts, err := read(t, sample).Select([]string{"all"}, limit)
		if err != nil {
			t.Errorf("%q: %v", limit, err)
		}
		if got := names(hosts); got != want {
			t.Errorf("%q: got %s, want %s", limit, got, want)
		}
	}
	if _, err := read(t, sample).Select([]string{"all"}, "db*"); effect.KindOf(err) != effect.Usage {
		t.Errorf("a limit that keeps nothing: %v", err)
	}
}

func TestSimulatedMachinesOfOneName(t *testing.T) {
	inv := read(t, sample)
	if _, err := inv.Select([]string{"sim:builder?state=a", "sim:builder?state=b"}, ""); effect.KindOf(err) != effect.Usage || !strings.Contains(err.Error(), "state=b") {
		t.Errorf("one of them is passed over: %v", err)
	}
	if hosts, err := inv.Select([]string{"sim:builder?state=a", "sim:builder?state=a"}, ""); err != nil || len(hosts) != 1 {
		t.Errorf("one named twice: %v, %v", hosts, err)
	}
}

func TestBadInventoriesAreRefused(t *testing.T) {
	for _, text := range []string{
		"[groups.a]\nhosst = ['x']\n",
		"[hosts.\"-oProxyCommand\"]\nport = 22\n",
		"[groups.a]\nchildren = ['b']\n",
		"[groups.a]\nchildren = ['b']\n[groups.b]\nchildren = ['a']\n",
		"not toml",
	} {
		if _, err := Read("x.toml", []byte(text), Options{}); effect.KindOf(err) != effect.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"web[01:03]", "root@[::1]:22", "sim:a*3?x=y", "local:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		hosts, err := Parse(text)
		if err == nil && len(hosts) == 0 {
			t.Errorf("%q: neither a host nor an error", text)
		}
	})
}

package rules

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// host is the machine of testdata/pfctl.txtar.
func testEnv() Env {
	return Env{
		Interfaces: []Interface{
			{Name: "em0", Broadcast: true, Inet: prefixes("192.0.2.10/24", "192.0.2.11/24"), Inet6: prefixes("fe80::1/64", "2001:db8::10/64")},
			{Name: "lo0", Groups: []string{"lo"}, Loopback: true, Inet: prefixes("127.0.0.1/8"), Inet6: prefixes("::1/128")},
			{Name: "lo1", Groups: []string{"lo"}, Loopback: true, Inet: prefixes("10.0.0.1/24", "10.0.0.2/32")},
			{Name: "tun0"},
		},
		Lookup: func(string) []netip.Addr { return nil },
		User:   func(name string) (int, bool) { return 0, name == "root" },
		Group:  func(name string) (int, bool) { return 0, name == "wheel" },
		Open: func(name string) ([]byte, error) {
			if name == "/etc/b" {
				return []byte("# none\n"), nil
			}
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
		},
	}
}

func TestAsPfctlPrints(t *testing.T) {
	a, err := txtar.ParseFile("testdata/pfctl.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range a.Files {
		files[f.Name] = string(f.Data)
	}
	for name, text := range files {
		if strings.Contains(name, ".") {
			continue
		}
		set, errors := Parse("pf.conf", []byte(text), testEnv())
		var said string
		for _, e := range errors {
			said += e.Error() + "\n"
		}
		if want := files[name+".errors"]; said != want {
			t.Errorf("%s: said\n%s\nwant\n%s", name, said, want)
		}
		want, ok := files[name+".ok"]
		if got := strings.Join(set.Preview(Style{}), "\n") + "\n"; ok && got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

// printed are the rules of a set as pfctl prints them.
func printed(set *Ruleset) []string {
	var out []string
	for _, t := range set.Tables {
		out = append(out, t.String())
	}
	for _, list := range [][]Rule{set.Scrub, set.Nat, set.Rdr, set.Binat, set.Filter} {
		out = append(out, Lines(list, Style{}, true)...)
	}
	return out
}

// again reads what was printed and prints it.
func again(t *testing.T, lines []string) []string {
	t.Helper()
	text := strings.Join(lines, "\n") + "\n"
	set, errors := Parse("printed", []byte(text), Env{Printed: true})
	for _, e := range errors {
		t.Fatalf("%v in\n%s", e, text)
	}
	return printed(set)
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("line %d:\n%s\nwant\n%s", i+1, g, w)
		}
	}
}

// Two hundred rules of all kinds, with tables and anchors, are read again to the
// same.
func TestRoundTrip(t *testing.T) {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "table <t%d> persist { 10.%d.0.0/16, !10.%d.1.1, 2001:db8:%d::/48 }\n", i, i, i, i)
	}
	b.WriteString("scrub in all no-df max-mss 1440\n")
	for i := range 20 {
		fmt.Fprintf(&b, "nat on em%d inet from 10.%d.0.0/16 to ! <t%d> -> { 192.0.2.%d, 192.0.2.%d } sticky-address\n", i%3, i, i, i+1, i+2)
		fmt.Fprintf(&b, "rdr pass on em%d inet proto tcp from <t%d> to (em0) port %d:%d -> 10.0.0.%d port %d\n", i%3, i, 100+i, 110+i, i+1, 8000+i)
		fmt.Fprintf(&b, "binat on em%d inet from 10.9.%d.0/24 to any -> 198.51.%d.0/24\n", i%3, i, i)
	}
	for i := range 28 {
		fmt.Fprintf(&b, "block return in log quick on em%d inet6 proto { tcp udp } from <t%d> to any port { %d, > %d } label \"%d\"\n", i%3, i%20, i+1, i+60000, i)
		fmt.Fprintf(&b, "anchor \"a%d\" in on em%d proto tcp from <t%d> {\n\tpass quick inet proto tcp from any to any port %d flags S/SAFR keep state (max %d, tcp.first 5) probability 12.5%%\n\tanchor {\n\t\tblock user { 0, > %d }\n\t}\n}\n", i, i%3, i%20, i+1, i+10, i)
	}
	set, errors := Parse("pf.conf", []byte(b.String()), Env{})
	if len(errors) > 0 {
		t.Fatal(errors)
	}
	if n := len(set.Nat) + len(set.Rdr) + len(set.Binat) + len(set.Filter); n < 200 {
		t.Fatalf("only %d rules", n)
	}
	lines := printed(set)
	sameLines(t, again(t, lines), lines)
}

func TestIncludeAndMacros(t *testing.T) {
	env := testEnv()
	env.Open = func(name string) ([]byte, error) {
		if name != "/etc/more.conf" {
			return nil, &os.PathError{Op: "open", Path: name, Err: syscall.ENOENT}
		}
		return []byte("pass in on $ext\npass on on\n"), nil
	}
	env.Macros = map[string]string{"ext": "em0"}
	set, errors := Parse("pf.conf", []byte("ext = \"tun0\"\ninclude \"/etc/more.conf\"\npass out on $ext\ninclude \"/etc/none\"\npass \\\nin"), env)
	sameLines(t, Lines(set.Filter[:2], Style{}, false), []string{"pass in on em0 all flags S/SA keep state", "pass out on em0 all flags S/SA keep state"})
	var said []string
	for _, e := range errors {
		said = append(said, e.Error())
	}
	sameLines(t, said, []string{
		"/etc/more.conf:3: syntax error",
		"pfctl: /etc/none: No such file or directory",
		"pf.conf:4: failed to include file /etc/none",
		"pf.conf:6: syntax error", // no line break at the end
	})
}

// Old releases do not know newer words, and name the sections they have.
func TestReleases(t *testing.T) {
	for _, test := range []struct{ release, text, want string }{
		{"8.2", "match in all\n", "pf.conf:1: syntax error"},
		{"13.5", "match in all\n", "pf.conf:1: syntax error"},
		{"13.5", "pass\nscrub in\n", "pf.conf:2: Rules must be in order: options, normalization, queueing, translation, filtering"},
		{"14.3", "pass\nscrub in\n", "pf.conf:2: Rules must be in order: options, ether, normalization, queueing, translation, filtering"},
		{"14.3", "match out nat-to 192.0.2.1\n", "pf.conf:1: syntax error"},
		{"15.0", "match out inet nat-to 192.0.2.1\n", ""},
		{"8.2", "scrub in all fragment crop\n", ""},
		{"14.3", "scrub in all fragment crop\n", "pf.conf:1: syntax error"},
	} {
		_, errors := Parse("pf.conf", []byte(test.text), Env{Release: test.release})
		got := ""
		if len(errors) > 0 {
			got = errors[0].Error()
		}
		if got != test.want {
			t.Errorf("%s: %q: %q, want %q", test.release, test.text, got, test.want)
		}
	}
}

// Whatever a file holds, reading ends, every error has a line, and what was read
// prints to what reads to the same.
func FuzzParse(f *testing.F) {
	a, err := txtar.ParseFile("testdata/pfctl.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range a.Files {
		f.Add(string(file.Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, errors := Parse("pf.conf", []byte(text), testEnv())
		for _, e := range errors {
			if e.Line < 1 || e.File == "" || e.Text == "" {
				t.Fatalf("%+v", e)
			}
		}
		if len(errors) > 0 || strings.ContainsAny(text, "\"'\\") {
			return // names in quotes may hold anything
		}
		lines := printed(set)
		sameLines(t, again(t, lines), lines)
	})
}

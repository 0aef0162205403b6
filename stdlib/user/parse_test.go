package user

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/stdlib/group"
)

const shown = "U alice:locked set:1001:1001:staff:0:4102358400:Alice &:/home/alice:/bin/sh\nH\nS root\n" +
	"G wheel:*:0:root,alice\nG alice:*:1001:\nG other:*:1001:\n"

func TestParse(t *testing.T) {
	accounts, s := parse(shown + "some warning of pw\nU short:line\n")
	if len(accounts) != 1 || !s.home || s.self != "root" || len(s.groups) != 3 {
		t.Fatalf("%+v %+v", accounts, s)
	}
	a := accounts[0]
	want := Account{
		Name: "alice", UID: 1001, GID: 1001, Group: "alice", Groups: []string{"wheel"}, Class: "staff", Comment: "Alice &",
		Home: "/home/alice", Shell: "/bin/sh", Locked: true, Password: "set", Expire: moment("4102358400"),
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
}

// TestText: what check mode foretells reads as what the host would show.
func TestText(t *testing.T) {
	accounts, s := parse(shown)
	s.Account, s.exists = accounts[0], true
	again, same := parse(s.text())
	if diff := cmp.Diff(accounts, again); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(s.groups, same.groups); diff != "" || !same.home || same.self != "root" {
		t.Error(diff)
	}
	fresh := state{
		Account: Account{Name: "bob", UID: unknown, GID: 0, Group: "wheel", Groups: []string{"builders"}, Home: "/home/bob", Shell: "/bin/sh", Password: "none"},
		home:    true, fresh: true,
	}
	again, same = parse(fresh.text())
	if diff := cmp.Diff([]Account{fresh.Account}, again); diff != "" || !same.fresh {
		t.Error(diff)
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		`ssh-rsa AAAA a comment`:                {"ssh-rsa", "AAAA", "a", "comment"},
		"a\t b":                                 {"a", "b"},
		`command="echo \"a b\"",restrict t k c`: {`command="echo \"a b\"",restrict`, "t", "k", "c"},
		`from="a b`:                             {`from="a b`},
	} {
		if diff := cmp.Diff(want, words(line)); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(shown, "ssh-ed25519 AAAA x")
	f.Fuzz(func(t *testing.T, out, line string) {
		accounts, s := parse(out)
		for _, a := range accounts {
			s.Account = a
			again, _ := parse(s.text())
			if len(again) != 1 || again[0].Name != a.Name || again[0].Shell != a.Shell {
				t.Errorf("%q: %+v, again %+v", out, a, again)
			}
		}
		if k, ok := parseKey(line); ok && k.id == "" {
			t.Errorf("%q: %+v", line, k)
		}
		edit(out, nil, nil, true)
		group.Parse(out)
	})
}

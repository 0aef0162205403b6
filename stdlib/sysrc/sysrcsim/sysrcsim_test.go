package sysrcsim

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

func TestSysrc(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, script string
		code         int
		out, errs    string
	}{
		{"root", "sysrc -n sshd_enable", 0, "YES\n", ""},
		{"root", "sysrc sshd_enable", 0, "sshd_enable: YES\n", ""},
		{"root", "sysrc -n pf_enable", 0, "NO\n", ""}, // defaults count
		{"root", "sysrc nosuch_var", 1, "", "sysrc: unknown variable 'nosuch_var'\n"},
		{"root", "sysrc -i nosuch_var", 1, "", ""},
		{"root", "sysrc -n kld_list", 0, "\n", ""}, // defined and empty
		{"root", "sysrc pf_enable=YES", 0, "pf_enable: NO -> YES\n", ""},
		{"root", "sysrc pf_enable=YES", 0, "pf_enable: YES -> YES\n", ""},
		{"root", "sysrc -c pf_enable=YES", 0, "", ""},
		{"root", "sysrc -c pf_enable=NO", 1, "", ""},
		{"root", "sysrc kld_list+=pf; sysrc kld_list+=if_bridge; sysrc kld_list+=pf", 0,
			"kld_list:  -> pf\nkld_list: pf -> pf if_bridge\nkld_list: pf if_bridge -> pf if_bridge\n", ""},
		{"root", "sysrc kld_list-=pf", 0, "kld_list: pf if_bridge -> if_bridge\n", ""},
		{"root", "sysrc -x kld_list; sysrc -x kld_list", 1, "", "sysrc: unknown variable 'kld_list'\n"},
		{"root", `sysrc 'motd=a "b" $c'; sysrc -n motd`, 0, `motd:  -> a "b" $c` + "\n" + `a "b" $c` + "\n", ""},
		{"root", "sysrc -f /tmp/x.conf A=1; sysrc -f /tmp/x.conf -n A", 0, "A:  -> 1\n1\n", ""},
		{"root", "sysrc -f /tmp/x.conf sshd_enable", 1, "", "sysrc: unknown variable 'sshd_enable'\n"},
	} {
		out, errs, code := m.Exec(context.Background(), c.user, c.script)
		if code != c.code || out != c.out || errs != c.errs {
			t.Errorf("%s: code %d\n%s%s", c.script, code, out, errs)
		}
	}
	if _, errs, code := m.Exec(context.Background(), "nobody", "sysrc sshd_enable=NO"); code == 0 || !strings.Contains(errs, "Permission denied") {
		t.Errorf("nobody: code %d, %s", code, errs)
	}
	out, _, _ := m.Exec(context.Background(), "root", "sysrc -ae")
	if !strings.Contains(out, "sshd_enable=\"YES\"\n") || strings.Contains(out, "kld_list") {
		t.Errorf("sysrc -ae: %s", out)
	}
}

func TestEditKeepsTheLine(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	view := m.View(vfs.Root, "/")
	if err := view.WriteFile("/tmp/f", []byte("# top\nA='1' # one\nB=2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Exec(context.Background(), "root", "sysrc -f /tmp/f A=x B='y z' C=3")
	got, _ := view.ReadFile("/tmp/f")
	if want := "# top\nA='x' # one\nB=\"y z\"\nC=\"3\"\n"; string(got) != want {
		t.Fatalf("got\n%s", got)
	}
}

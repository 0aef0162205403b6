package sysctlsim

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

func TestSysctl(t *testing.T) {
	m, err := sim.New(sim.Options{Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user, script string
		code         int
		out, errs    string
	}{
		{"root", "sysctl -n kern.ostype", 0, "FreeBSD\n", ""},
		{"root", "sysctl kern.ostype", 0, "kern.ostype: FreeBSD\n", ""},
		{"root", "sysctl -e kern.ostype", 0, "kern.ostype=FreeBSD\n", ""},
		{"root", "sysctl net.inet.ip.forwarding=1", 0, "net.inet.ip.forwarding: 0 -> 1\n", ""},
		{"root", "sysctl -n net.inet.ip.forwarding", 0, "1\n", ""},
		{"root", "sysctl no.such", 1, "", "sysctl: unknown oid 'no.such'\n"},
		{"root", "sysctl -i no.such", 0, "", ""},
		{"root", "sysctl kern.boot_id; sysctl -n kern.boot_id", 0, "", ""},
		{"root", "sysctl -nx kern.boot_id", 0, "Format: Length:16 Dump:0x" + m.State().Boot.ID + "\n", ""},
		{"root", "sysctl kern.boot_id=1", 1, "", "sysctl: oid 'kern.boot_id' is read only\n"},
		{"root", "sysctl kern.ostype=Linux", 1, "", "sysctl: oid 'kern.ostype' is read only\n"},
		{"root", "sysctl kern.maxproc=1", 1, "", "sysctl: oid 'kern.maxproc' is a read only tunable\nsysctl: Tunable values are set in /boot/loader.conf\n"},
		{"root", "sysctl net.inet.ip.forwarding=x", 1, "", "sysctl: invalid integer 'x'\n"},
		{"nobody", "sysctl net.inet.ip.forwarding=0", 1, "net.inet.ip.forwarding: 1\n", "sysctl: net.inet.ip.forwarding=0: Operation not permitted\n"},
		{"root", "sysctl kern.securelevel=1; sysctl kern.securelevel=0", 1, "kern.securelevel: -1 -> 1\nkern.securelevel: 1\n", "sysctl: kern.securelevel=0: Operation not permitted\n"},
		{"root", "sysctl -z", 1, "", "sysctl: illegal option -- z\n" + usage},
		{"root", "echo 'net.inet.ip.ttl=32 # hops' >/tmp/c; echo bad.oid=1 >>/tmp/c; sysctl -f /tmp/c", 1, "net.inet.ip.ttl: 64 -> 32\n", "sysctl: unknown oid 'bad.oid' at line 2\n"},
	} {
		out, errs, code := m.Exec(context.Background(), c.user, c.script)
		if code != c.code || out != c.out || errs != c.errs {
			t.Errorf("%s: code %d\n%s%s", c.script, code, out, errs)
		}
	}
	out, _, _ := m.Exec(context.Background(), "root", "sysctl -a")
	if !strings.Contains(out, "\nkern.ostype: FreeBSD\n") || !strings.Contains(out, "\nvm.overcommit: 0\n") {
		t.Errorf("sysctl -a: %s", out)
	}
}

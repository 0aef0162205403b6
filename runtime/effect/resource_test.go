package effect

import "testing"

func TestResourcesTouch(t *testing.T) {
	for _, c := range []struct {
		a, b Resource
		want bool
	}{
		{File("/etc/rc.conf"), File("/etc/rc.conf"), true},
		{File("/etc/rc.conf"), File("/etc/rc.conf.local"), false},
		{Tree("/usr/ports"), File("/usr/ports/Mk/bsd.port.mk"), true},
		{Tree("/usr/ports"), File("/usr/ports"), true},
		{Tree("/usr/ports"), File("/usr/ports2"), false},
		{Tree("/usr"), Tree("/usr/ports"), true},
		{Tree("/"), File("/etc/rc.conf"), true},
		{"pkg", "pkg:git", true},
		{"pkg:git", "pkg:git", true},
		{"pkg:git", "pkg:git-lite", false},
		{"pkg:etc", File("/etc"), false},
		{"zfs:zroot/", "zfs:zroot/usr", true},
		{"zfs:zroot/usr", "zfs:zroot", false},
	} {
		if got := c.a.Touches(c.b); got != c.want {
			t.Errorf("%s touches %s: %v", c.a, c.b, got)
		}
		if got := c.b.Touches(c.a); got != c.want {
			t.Errorf("%s touches %s: %v", c.b, c.a, got)
		}
	}
}

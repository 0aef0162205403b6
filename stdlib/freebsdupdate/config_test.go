package freebsdupdate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const conf = `
# Trusted keyprint.
KeyPrint 800651ef4b4c71c27e60786d7b487188970f4b4169cc055784e21eb71d410cc5
ServerName update.FreeBSD.org # the pool
Components src world kernel
IgnorePaths
IDSIgnorePaths /usr/share/man/cat
IDSIgnorePaths /var/log
UpdateIfUnmodified /etc/ /var/ /root/ /.cshrc /.profile
MergeChanges /etc/ /boot/device.hints
AllowAdd no
`

func TestParseConfig(t *testing.T) {
	c, err := parseConfig(conf)
	if err != nil {
		t.Fatal(err)
	}
	if c.Server != "update.FreeBSD.org" || c.AllowAdd || !c.AllowDelete || c.Workdir != "/var/db/freebsd-update" || c.Basedir != "/" || c.StrictComponents {
		t.Errorf("%+v", c)
	}
	if want := []string{"/usr/share/man/cat", "/var/log"}; !cmp.Equal(c.IDSIgnorePaths, want) {
		t.Error(c.IDSIgnorePaths)
	}
	if want := []string{"/etc/", "/var/named/etc/", "/boot/device.hints"}; !cmp.Equal(c.mergePaths(), want) {
		t.Error(c.mergePaths())
	}
	if _, err := parseConfig("Bogus x\n"); err == nil {
		t.Error("an unknown word was accepted")
	}
}

// Nothing is to be asked, and nothing merged by the tool itself.
func TestPrivateConfig(t *testing.T) {
	c, err := parseConfig(conf)
	if err != nil {
		t.Fatal(err)
	}
	got := c.private(map[string][]string{"Components": {"world/base", "kernel/generic"}, "StrictComponents": {"yes"}, "MergeChanges": nil, "ServerName": {"mirror.example.org"}})
	want := `# Made by bsdrun from the host's freebsd-update.conf, for its own commands.
KeyPrint 800651ef4b4c71c27e60786d7b487188970f4b4169cc055784e21eb71d410cc5
IgnorePaths
IDSIgnorePaths /usr/share/man/cat
IDSIgnorePaths /var/log
UpdateIfUnmodified /etc/ /var/ /root/ /.cshrc /.profile
AllowAdd no
Components world/base kernel/generic
ServerName mirror.example.org
StrictComponents yes
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(conf)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseConfig(text)
		if err != nil {
			return
		}
		again, err := parseConfig(c.private(nil))
		if err != nil || again.Server != c.Server || len(again.Components) != len(c.Components) {
			t.Errorf("%q: %+v, %v", text, again, err)
		}
	})
}

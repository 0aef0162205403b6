package freebsdupdatesim

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/sysctl/sysctlsim"
)

// machine is one of a profile.
func machine(t *testing.T, profile string, params url.Values, more ...*sim.Tool) *sim.Machine {
	t.Helper()
	tools := append(base.Tools(), Tools()...)
	tools = append(append(tools, sysctlsim.Tools()...), servicesim.Tools()...)
	m, err := sim.New(sim.Options{Profile: profile, Params: params, Tools: append(tools, more...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// does runs shell text as root, and fails when the code is another.
func does(t *testing.T, m *sim.Machine, code int, script string) string {
	t.Helper()
	out, errs, got := m.Exec(context.Background(), "root", script)
	if got != code {
		t.Fatalf("%s: exit code %d, not %d\n%s%s", script, got, code, out, errs)
	}
	return out
}

// says fails when a text is not there.
func says(t *testing.T, out string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			t.Fatalf("%q is not in:\n%s", text, out)
		}
	}
}

// clean has nothing be merged.
const clean = `sed -i '' -e '/^MergeChanges/d' /etc/freebsd-update.conf; export PAGER=cat; `

const state = `ls /var/db/freebsd-update/*-install/ | grep done; `

func restart(t *testing.T, m *sim.Machine) {
	t.Helper()
	m.PowerCycle()
	if err := m.Clock().Sleep(context.Background(), 10*60*1e9); err != nil {
		t.Fatal(err)
	}
}

func TestUpgradeInThreePasses(t *testing.T) {
	m := machine(t, "freebsd-13.5-zfs-mirror", nil)
	out := does(t, m, 0, clean+`freebsd-update -r 14.3-RELEASE upgrade </dev/null`)
	says(t, out,
		"src component not installed, skipped\nSkipping kernel modules check. pkg(8) not present.\nLooking up update.FreeBSD.org mirrors... 2 mirrors found.\nFetching public key from update2.freebsd.org... done.\n"+
			"Fetching metadata signature for 13.5-RELEASE from update2.freebsd.org... done.\nFetching metadata index... done.\nFetching 2 metadata files... done.\n",
		"\nThe following components of FreeBSD seem to be installed:\nkernel/generic world/base\n",
		"Fetching metadata signature for 14.3-RELEASE from update2.freebsd.org... done.\n",
		"have been modified\nlocally:\n", "/etc/ssh/sshd_config\n",
		"The following files will be removed as part of updating to\n14.3-RELEASE-p6:\n", "/lib/libcrypto.so.111\n",
		"The following files will be updated as part of updating to\n14.3-RELEASE-p6:\n", "/boot/kernel/kernel\n",
		"To install the downloaded upgrades, run \"/usr/sbin/freebsd-update install\".\n")
	if got := does(t, m, 0, `cd /var/db/freebsd-update; ls *-install/; readlink *-install | cut -c 1-8`); got != "INDEX-NEW\nINDEX-OLD\nkernelfirst\ninstall.\n" {
		t.Errorf("state: %s", got)
	}
	says(t, does(t, m, 0, clean+"freebsd-update install"), "Installing updates...\nKernel updates have been installed.  Please reboot and run\n\"/usr/sbin/freebsd-update install\" again")
	if got := does(t, m, 0, "freebsd-version -kru; "+state); got != "14.3-RELEASE-p6\n13.5-RELEASE\n13.5-RELEASE\nkerneldone\n" {
		t.Errorf("after the kernel: %s", got)
	}
	restart(t, m)
	if got := does(t, m, 0, "freebsd-version -kru; sysctl -n kern.osreldate"); got != "14.3-RELEASE-p6\n14.3-RELEASE-p6\n13.5-RELEASE\n1403000\n" {
		t.Errorf("after the restart: %s", got)
	}
	says(t, does(t, m, 0, clean+"freebsd-update install"), "Installing updates...\nCompleting this upgrade requires removing old shared object files.\n")
	if got := does(t, m, 0, "freebsd-version -u; ls /lib/libcrypto.so.*; "+state); got != "14.3-RELEASE-p6\n/lib/libcrypto.so.111\n/lib/libcrypto.so.30\nkerneldone\nworlddone\n" {
		t.Errorf("after the world: %s", got)
	}
	says(t, does(t, m, 0, clean+"freebsd-update install"), "Installing updates... done.\n")
	if got := does(t, m, 0, "ls /lib/libcrypto.so.*; ls /var/db/freebsd-update | grep -c rollback"); got != "/lib/libcrypto.so.30\n1\n" {
		t.Errorf("at the end: %s", got)
	}
	does(t, m, 2, "freebsd-update install")
	sameAsProfile(t, m, "14.3-RELEASE-p6")
}

// sameAsProfile compares kernel and world with those of a release.
func sameAsProfile(t *testing.T, m *sim.Machine, release string) {
	t.Helper()
	want, err := m.Distribution(release)
	if err != nil {
		t.Fatal(err)
	}
	view := m.View(vfs.Root, "/")
	err = want.Walk("/", func(name string, i vfs.Info, err error) error {
		if err != nil || i.Type != vfs.TypeFile || strings.HasPrefix(name, "/etc/") || name == "/boot/kernel/linker.hints" {
			return err
		}
		data, _ := want.ReadFile(name)
		got, err := view.ReadFile(name)
		if err != nil || string(got) != string(data) {
			t.Errorf("%s is not that of %s: %v", name, release, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

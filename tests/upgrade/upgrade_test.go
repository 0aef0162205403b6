package upgrade

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/sim"
	"bsdrun/tests/outcome"
)

func to(release string) map[string]any { return map[string]any{"to": release} }

// with are parameters with one more.
func with(params map[string]any, name string, value any) map[string]any {
	params[name] = value
	return params
}

// runsOn fails the test unless the machine starts again, with kernel and userland of
// a release.
func runsOn(t *testing.T, h *host, release string) {
	t.Helper()
	h.script("h:reboot()")
	h.on(func(m *sim.Machine) {
		for what, is := range map[string]string{"kernel": m.RunningRelease(), "userland": m.UserlandRelease("")} {
			if !strings.HasPrefix(is, release) {
				t.Errorf("the %s is %s, not %s", what, is, release)
			}
		}
	})
}

func TestUpgrades(t *testing.T) {
	for _, test := range []struct {
		profile, to string
		installs    int // passes of the upgrade
		patches     int // passes of patches before
		automatic   bool
	}{
		{"freebsd-8.2-zfs-mirror", "9.0-RELEASE", 3, 1, false},
		{"freebsd-8.2-zfs-mirror", "8.4-RELEASE", 2, 1, false},
		{"freebsd-13.5-zfs-mirror", "14.3-RELEASE", 3, 1, true},
		{"freebsd-14.3-zfs-mirror-uefi", "15.0-RELEASE", 3, 1, true},
		{"freebsd-14.3-ufs", "15.0-RELEASE", 3, 1, false},
	} {
		t.Run(test.profile+" to "+test.to, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.profile)
			r := h.upgrade(ok, to(test.to))
			runsOn(t, h, test.to)
			if n := count(r, "freebsd_update.install"); n != test.installs+test.patches {
				t.Errorf("%d passes of install, want %d of patches and %d of the upgrade", n, test.patches, test.installs)
			}
			if n := count(r, "reboot"); n != 2 {
				t.Errorf("%d reboots", n)
			}
			if activated := count(r, "bectl.activate"); test.automatic != (activated > 0) {
				t.Errorf("%d boot environments activated", activated)
			}
			if count(r, "zpool.upgrade") > 0 || count(r, "zfs.upgrade") > 0 {
				t.Error("a pool was upgraded without being asked")
			}
			if first, code := place(r, "reboot"), place(r, "boot.update"); code < 0 || code > first {
				t.Errorf("the boot code was written at %d, the first reboot is at %d", code, first)
			}
			again := h.upgrade(ok, to(test.to))
			if again.Changed != 0 || len(again.Steps) > 2 {
				t.Errorf("a second run: %d changes, %v", again.Changed, again.Steps)
			}
		})
	}
}

func TestSingleDisk(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-14.3-zfs-mirror-uefi")
	h.byHand("zpool detach zroot ada1p4")
	r := h.upgrade(ok, to("15.0"))
	if disks := fmt.Sprint(outcome.Result(t, r, "boot_code", "written")); strings.Contains(disks, "ada1") {
		t.Errorf("boot code was written to %s", disks)
	}
	pools, _ := outcome.Result(t, r, "upgradable", "pools").([]any)
	if len(pools) != 1 {
		t.Errorf("upgradable: %v", pools)
	}
	runsOn(t, h, "15.0-RELEASE")
}

func TestFrom82AsDocumented(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-8.2-zfs-mirror")
	h.allow = []string{"irreversible"}
	r := h.upgrade(ok, with(to("9.0"), "upgrade_pools", true))
	if n := count(r, "freebsd_update.patch_integrity_check"); n != 1 {
		t.Errorf("the integrity check was changed %d times", n)
	}
	order := []string{
		"freebsd_update.install", "freebsd_update.patch_integrity_check", "boot.update", "reboot", "freebsd_update.merge",
		"ports.portmaster", "zpool.upgrade", "zfs.upgrade",
	}
	for i := 1; i < len(order); i++ {
		if a, b := place(r, order[i-1]), place(r, order[i]); a < 0 || b < a {
			t.Errorf("%s is at %d, %s at %d", order[i-1], a, order[i], b)
		}
	}
	out := h.byHand(`zpool get version zroot; zfs get -H -o value version zroot; ldd /usr/local/bin/bash | grep -c libutil.so.8; grep -c '=_' /usr/sbin/freebsd-update.orig`)
	outcome.Lacks(t, "the machine", out, " 28 ", "\n5\n0\n1\n")
	runsOn(t, h, "9.0-RELEASE")
}

func TestTheIntegrityCheckIsLeftAloneElsewhere(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-14.3-ufs")
	before := h.byHand("cksum /usr/sbin/freebsd-update")
	r := h.begin(true, to("15.0"))
	if n := count(r, "freebsd_update.patch_integrity_check"); n != 0 || h.byHand("cksum /usr/sbin/freebsd-update") != before {
		t.Errorf("%d changes of the integrity check", n)
	}
}

func TestOldLibrariesAlone(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-8.2-zfs-mirror")
	r := h.upgrade(ok, with(to("9.0"), "packages", "compat"))
	if count(r, "ports.install") != 1 || count(r, "ports.portmaster") != 0 {
		t.Errorf("%v", changes(r))
	}
	outcome.Lacks(t, "bash", h.byHand("bash -c true && echo runs; ldd /usr/local/bin/bash"), "runs\n", "libutil.so.8 => /usr/local/lib/compat/")
}

func TestPoolsAreUpgradedWithLeaveAlone(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-13.5-zfs-mirror")
	r := h.upgrade(stopped, with(to("14.3"), "upgrade_pools", true))
	outcome.Lacks(t, "the message", r.Error.Message, "cannot be taken back", "zpool upgrade zroot")
	outcome.Lacks(t, "the hint", r.Error.Hint, "--allow irreversible", "resume")
	h.allow = []string{"irreversible"}
	r = h.expect(ok, h.resume())
	if count(r, "zpool.upgrade") != 1 {
		t.Errorf("%v", changes(r))
	}
	runsOn(t, h, "14.3-RELEASE")
}

func TestHostOfPackagesIsToldWhatToUse(t *testing.T) {
	t.Parallel()
	r := newHost(t, "freebsd-15.0-pkgbase").upgrade(failed, to("15.1"))
	outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, "comes from packages", "pkgbase.upgrade")
	if r.Changed != 0 {
		t.Errorf("%d changes", r.Changed)
	}
}

func TestHostsThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		profile, to, before, says string
		params                    map[string]any
	}{
		"securelevel":        {"freebsd-14.3-ufs", "15.0", "sysctl kern.securelevel=1", "securelevel", nil},
		"a degraded mirror":  {"freebsd-14.3-zfs-mirror-uefi", "15.0", "zpool offline zroot ada1p4", "not well", nil},
		"no space":           {"freebsd-14.3-ufs", "15.0", ":", "GiB are free", map[string]any{"free": 1e6}},
		"an older release":   {"freebsd-14.3-ufs", "14.2", ":", "older", nil},
		"an old scrub":       {"freebsd-14.3-zfs-mirror-uefi", "15.0", "sleep 3456000", "last read as a whole", nil},
		"a release not made": {"freebsd-14.3-ufs", "15.9", ":", "15.9", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, test.profile)
			h.byHand(test.before)
			params := to(test.to)
			for name, value := range test.params {
				params[name] = value
			}
			r := h.upgrade(failed, params)
			outcome.Lacks(t, "the error", r.Error.Message, test.says)
			if n := count(r, "freebsd_update.install"); name != "a release not made" && n+int(r.Changed) != 0 {
				t.Errorf("%d changes", r.Changed)
			}
		})
	}
}

func TestUpgradeBegunBefore(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, further string) *host {
		h := newHost(t, "freebsd-14.3-ufs")
		h.script(`h.freebsd_update.upgrade("15.0-RELEASE")` + further)
		return h
	}
	h := begin(t, "")
	r := h.upgrade(failed, with(to("15.0"), "half_done", "refuse"))
	outcome.Lacks(t, "the error", r.Error.Message+r.Error.Hint, "half done", "rollback")
	for phase, further := range map[string]string{"fetched": "", "kernel installed": " h.freebsd_update.install()"} {
		t.Run(phase, func(t *testing.T) {
			h := begin(t, further)
			h.upgrade(ok, to("15.0"))
			runsOn(t, h, "15.0-RELEASE")
		})
	}
}

func TestCheckChangesNothingAndNamesEveryStep(t *testing.T) {
	for _, profile := range []string{"freebsd-14.3-zfs-mirror-uefi", "freebsd-14.3-ufs"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, profile)
			var before, after []string
			h.byHand("gpart show >/dev/null; zpool list >/dev/null") // tools that have run once
			h.on(func(m *sim.Machine) { before = m.Listing() })
			checked := h.expect(ok, h.begin(true, with(to("15.0"), "upgrade_pools", true)))
			h.on(func(m *sim.Machine) { after = m.Listing() })
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the check changed the machine:\n%s", diff)
			}
			h.allow = []string{"irreversible"}
			run := h.upgrade(ok, with(to("15.0"), "upgrade_pools", true))
			for i, s := range run.Steps {
				if i >= len(checked.Steps) || checked.Steps[i].Name != s.Name {
					t.Errorf("the check does not name step %d, %s", i, s.Name)
				}
			}
			for _, s := range checked.Steps {
				if s.Status == "unknown" && s.Reason == "" {
					t.Errorf("%s: no reason", s.Name)
				}
			}
		})
	}
}

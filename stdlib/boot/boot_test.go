package boot_test

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/boot"
	"bsdrun/stdlib/gpart/gpartsim"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/stdlib/zpool/zpoolsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

const (
	mirror82   = "freebsd-8.2-zfs-mirror"
	mirrorBIOS = "freebsd-13.5-zfs-mirror"
	mirrorUEFI = "freebsd-14.3-zfs-mirror-uefi"
	single     = "freebsd-14.3"
	ufs        = "freebsd-14.3-ufs"
	pkgbase    = "freebsd-15.0-pkgbase"
)

// machine makes one of a profile; params are those of a sim: URL.
func machine(t *testing.T, profile, params string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	q, err := url.ParseQuery(params)
	if err != nil {
		t.Fatal(err)
	}
	var tools []*sim.Tool
	for _, list := range [][]*sim.Tool{base.Tools(), gpartsim.Tools(), sysctlsim.Tools(), zpoolsim.Tools()} {
		tools = append(tools, list...)
	}
	m, err := sim.New(sim.Options{Profile: profile, Name: "box", Params: q, Tools: tools})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return &onsim.Count{Doer: onsim.As(t, m, "root")}, m
}

// states lists disks and the states of their codes: "ada0 current: pmbr@ada0=current".
func states(disks []boot.Disk) string {
	var lines []string
	for _, d := range disks {
		line := d.Name + " " + d.State + ":"
		for _, c := range d.Codes {
			line += " " + c.Kind + "@" + c.Place() + "=" + c.State
			if !c.Needed {
				line += "(not needed)"
			}
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func planOf(t *testing.T, h effect.Doer) boot.Plan {
	t.Helper()
	p, err := boot.PlanOf(ctx, h, boot.PlanArgs{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantStates(t *testing.T, what string, disks []boot.Disk, want ...string) {
	t.Helper()
	if got := states(disks); got != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, strings.Join(want, "\n"))
	}
}

func TestPlanOfFreshMachines(t *testing.T) {
	uefiDisk := func(name string) string {
		return name + " current: pmbr@" + name + "=current(not needed) gptzfsboot@" + name + "p2=current(not needed)" +
			" loader.efi@" + name + "p1:/EFI/BOOT/BOOTX64.EFI=current loader.efi@" + name + "p1:/EFI/FREEBSD/LOADER.EFI=current"
	}
	biosDisk := func(name string) string {
		return name + " current: pmbr@" + name + "=current gptzfsboot@" + name + "p1=current"
	}
	for _, c := range []struct {
		profile, method, rootType string
		want                      []string
	}{
		{mirror82, "BIOS", "zfs", []string{biosDisk("ad0"), biosDisk("ad1")}},
		{mirrorBIOS, "BIOS", "zfs", []string{biosDisk("ada0"), biosDisk("ada1")}},
		{mirrorUEFI, "UEFI", "zfs", []string{uefiDisk("ada0"), uefiDisk("ada1")}},
		{single, "UEFI", "zfs", []string{uefiDisk("ada0")}},
		{ufs, "BIOS", "ufs", []string{"ada0 current: pmbr@ada0=current gptboot@ada0p1=current"}},
		{pkgbase, "UEFI", "zfs", []string{uefiDisk("ada0")}},
	} {
		h, m := machine(t, c.profile, "")
		before := len(m.Tree().Mounts())
		p := planOf(t, h)
		if p.Method != c.method || p.RootType != c.rootType || !p.Current || len(p.Missing)+len(p.Problems) != 0 {
			t.Errorf("%s: %+v", c.profile, p)
		}
		wantStates(t, c.profile, p.Disks, c.want...)
		if h.Changes != 0 || len(m.Tree().Mounts()) != before {
			t.Errorf("%s: %d changes, mounts %v", c.profile, h.Changes, m.Tree().Mounts())
		}
	}
}

// reboot restarts a machine and tells whether it came back.
func reboot(t *testing.T, m *sim.Machine) bool {
	t.Helper()
	m.PowerCycle()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	return !m.Down()
}

// The whole way of an upgraded pool, once the disk with the old boot code is all
// that the firmware has: check says beforehand that it will not start, and it does
// not; with new boot code it starts.
func TestOldBootCodeAndUpgradedPool(t *testing.T) {
	for profile, c := range map[string]struct{ release, feature string }{
		mirrorBIOS: {"12.4-RELEASE", "zstd_compress"}, mirrorUEFI: {"13.5-RELEASE", "head_errlog"},
	} {
		for _, update := range []bool{false, true} {
			h, m := machine(t, profile, "bootcode=ada1:"+c.release)
			verdict, err := boot.Check(ctx, h, boot.CheckArgs{})
			if err != nil || verdict.OK || !strings.Contains(strings.Join(verdict.Reasons, "\n"), "is old") {
				t.Fatalf("%s: %+v %v", profile, verdict, err)
			}
			if update {
				if _, err := boot.Update(ctx, h, boot.UpdateArgs{}); err != nil {
					t.Fatal(err)
				}
				if verdict, err := boot.Check(ctx, h, boot.CheckArgs{}); err != nil || !verdict.OK || len(verdict.Reasons) != 0 {
					t.Fatalf("%s: after the update: %+v %v", profile, verdict, err)
				}
			}
			s := m.State()
			s.Lock()
			s.Pools[0].Features[c.feature] = "active"
			s.Unlock()
			withoutOtherDisk(t, m)
			m.PullDisk("ada0", true)
			if up := reboot(t, m); up != update {
				t.Errorf("%s: updated %v, up %v\n%s", profile, update, up, strings.Join(m.Console(), "\n"))
			}
		}
	}
}

// withoutOtherDisk takes out of fstab what names a disk.
func withoutOtherDisk(t *testing.T, m *sim.Machine) {
	t.Helper()
	if err := m.View(vfs.Root, "/").WriteFile("/etc/fstab", nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMissingDisk(t *testing.T) {
	for profile, disk := range map[string]string{mirror82: "ad1", mirrorBIOS: "ada1", mirrorUEFI: "ada1"} {
		h, _ := machine(t, profile, "gone="+disk)
		p := planOf(t, h)
		if len(p.Missing) != 1 || !strings.Contains(p.Missing[0], "1") || len(p.Disks) != 2 || p.Disks[1].State != "missing" || len(p.Problems) != 1 {
			t.Errorf("%s: %+v", profile, p)
		}
		verdict, err := boot.Check(ctx, h, boot.CheckArgs{})
		if err != nil || verdict.OK || !strings.Contains(strings.Join(verdict.Reasons, "\n"), "is not there") {
			t.Errorf("%s: %+v %v", profile, verdict, err)
		}
		done, err := boot.Update(ctx, h, boot.UpdateArgs{})
		if err != nil || len(done.Missing) != 1 || done.Changed {
			t.Errorf("%s: %+v %v", profile, done, err)
		}
	}
}

func TestRaidz(t *testing.T) {
	h, m := machine(t, mirrorBIOS, "bootcode=ada1:13.4-RELEASE")
	s := m.State()
	s.Lock()
	s.Pools[0].Vdevs[0].Type = "raidz1"
	s.Unlock()
	wantStates(t, "raidz", planOf(t, h).Disks,
		"ada0 current: pmbr@ada0=current gptzfsboot@ada0p1=current", "ada1 old: pmbr@ada1=old gptzfsboot@ada1p1=old")
}

func TestUpgradable(t *testing.T) {
	h, m := machine(t, mirrorBIOS, "")
	s := m.State()
	s.Lock()
	delete(s.Pools[0].Features, "zstd_compress")
	delete(s.Pools[0].Features, "draid")
	s.Unlock()
	list, err := boot.UpgradableOf(ctx, h, boot.UpgradableArgs{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	u := list[0]
	if !u.Root || !u.Safe || !u.Needed || !slices.Equal(u.Pending, []string{"draid", "zstd_compress"}) || !slices.Equal(u.Features, []string{"zstd_compress"}) || len(u.Reasons) != 0 {
		t.Errorf("%+v", u)
	}
	m.WriteRaw("ada1p1", []byte("old"))
	if list, err = boot.UpgradableOf(ctx, h, boot.UpgradableArgs{}); err != nil || list[0].Safe || len(list[0].Features) != 0 || len(list[0].Reasons) != 1 {
		t.Errorf("with old boot code: %+v %v", list, err)
	}
	s.Lock()
	s.Pools[0].Features["draid"] = "active"
	s.Unlock()
	if verdict, err := boot.Check(ctx, h, boot.CheckArgs{}); err != nil || !strings.Contains(strings.Join(verdict.Reasons, "\n"), "draid is active") {
		t.Errorf("with a feature that nothing reads: %+v %v", verdict, err)
	}

	h, m = machine(t, mirror82, "")
	if list, err = boot.UpgradableOf(ctx, h, boot.UpgradableArgs{}); err != nil || len(list) != 1 || list[0].Version != 15 || list[0].Needed || !list[0].Safe {
		t.Errorf("8.2: %+v %v", list, err)
	}
	s = m.State()
	s.Lock()
	s.Pools[0].Version = 13
	s.Unlock()
	if list, err = boot.UpgradableOf(ctx, h, boot.UpgradableArgs{}); err != nil || len(list) != 1 || !list[0].Needed || list[0].Supports != 15 {
		t.Errorf("8.2 with an older pool: %+v %v", list, err)
	}
}

// Boot code of /boot that is older than the kernel that runs.
func TestCheckKnowsReleases(t *testing.T) {
	h, _ := machine(t, mirrorBIOS, "")
	asks := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if strings.HasPrefix(e.Title, "freebsd-version") {
			e.Argv = []string{"sh", "-c", "echo 13.5-RELEASE-p1; echo 14.3-RELEASE"}
		}
		return h.Do(ctx, e)
	})
	verdict, err := boot.Check(ctx, asks, boot.CheckArgs{})
	if err != nil || verdict.OK || verdict.Release != "13.5-RELEASE-p1" || !strings.Contains(strings.Join(verdict.Reasons, "\n"), "but the kernel 14.3-RELEASE runs") {
		t.Errorf("%+v %v", verdict, err)
	}
	h, _ = machine(t, ufs, "")
	if verdict, err := boot.Check(ctx, h, boot.CheckArgs{}); err != nil || !verdict.OK || verdict.Pool != "" {
		t.Errorf("UFS: %+v %v", verdict, err)
	}
}

func TestNotForEverybody(t *testing.T) {
	_, m := machine(t, mirrorUEFI, "")
	if _, err := boot.PlanOf(ctx, onsim.As(t, m, "worker"), boot.PlanArgs{}); effect.KindOf(err) != effect.Denied {
		t.Errorf("a worker: %v", err)
	}
}

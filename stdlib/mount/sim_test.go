package mount_test

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/zfs"
	"bsdrun/stdlib/mount"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/onsim"
)

// mounts are lines of mount -p by directory, without what is not of interest.
func mounts(t *testing.T, m *sim.Machine, point string) string {
	t.Helper()
	out, _, _ := m.Exec(t.Context(), "root", "mount -p | awk '$2 == \""+point+"\" { print $1, $3, $4 }'")
	return strings.TrimSuffix(out, "\n")
}

// A file system is mounted and named, once, stays so over a reboot, and goes.
func TestEnsureAndRemove(t *testing.T) {
	for _, profile := range []string{"freebsd-8.2-zfs-mirror", "freebsd-13.5-zfs-mirror", "freebsd-14.3-ufs", "freebsd-15.0-pkgbase"} {
		t.Run(profile, func(t *testing.T) {
			h, m := onsim.New(t, profile, base.Tools(), sysctlsim.Tools())
			ctx := clock.With(context.Background(), m.Clock())
			before, _, _ := m.Exec(ctx, "root", "cat /etc/fstab")
			build := mount.EnsureArgs{Mountpoint: "/var/build", Device: "tmpfs", Type: "tmpfs", Options: []string{"nosuid", "size=64m"}}
			view := mount.EnsureArgs{Mountpoint: "/mnt/etc", Device: "/etc", Type: "nullfs", Options: []string{"ro"}}
			check := layer.Check()(h)
			for _, a := range []mount.EnsureArgs{build, view} {
				for _, first := range []bool{true, false} {
					if got, err := mount.Ensure(ctx, check, a); err != nil || got.Changed != first {
						t.Fatalf("check mode, %s: %+v, %v", a.Mountpoint, got, err)
					}
				}
				if mounts(t, m, a.Mountpoint) != "" {
					t.Fatalf("check mode mounted %s", a.Mountpoint)
				}
				for _, first := range []bool{true, false} {
					if got, err := mount.Ensure(ctx, h, a); err != nil || got != (mount.Changed{Changed: first, Mounted: first, Fstab: first}) {
						t.Fatalf("%s: %+v, %v", a.Mountpoint, got, err)
					}
				}
			}
			if err := host.Reboot(ctx, h, host.RebootOptions{}); err != nil {
				t.Fatal(err)
			}
			if got := mounts(t, m, "/var/build") + "; " + mounts(t, m, "/mnt/etc"); got != "tmpfs tmpfs rw,nosuid; /etc nullfs ro" {
				t.Errorf("after a reboot: %s", got)
			}
			for _, a := range []mount.EnsureArgs{build, view} {
				for _, first := range []bool{true, false} {
					if got, err := mount.Remove(ctx, h, mount.RemoveArgs{Mountpoint: a.Mountpoint}); err != nil || got.Changed != first {
						t.Fatalf("%s: %+v, %v", a.Mountpoint, got, err)
					}
				}
			}
			if after, _, _ := m.Exec(ctx, "root", "cat /etc/fstab"); after != before {
				t.Errorf("fstab was\n%s\nand is\n%s", before, after)
			}
		})
	}
}

func TestLegacyDataset(t *testing.T) {
	h, m := onsim.New(t, "freebsd-14.3-zfs-mirror-uefi", base.Tools())
	if _, err := zfs.CreateDataset(m, zfs.NewDataset{Name: "zroot/db", Type: zfs.FileSystem, Properties: map[string]string{"mountpoint": "legacy"}}); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	a := mount.EnsureArgs{Mountpoint: "/var/db/data", Device: "zroot/db", Type: "zfs"}
	for _, first := range []bool{true, false} {
		if got, err := mount.Ensure(ctx, h, a); err != nil || got.Changed != first {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if got := mounts(t, m, "/var/db/data"); !strings.HasPrefix(got, "zroot/db zfs rw") {
		t.Error(got)
	}
	a.Device = "zroot/none"
	if _, err := mount.Ensure(ctx, h, a); effect.KindOf(err) != effect.Failed {
		t.Errorf("another one is mounted there: %v", err)
	}
	a.Mountpoint = "/mnt"
	if _, err := mount.Ensure(ctx, h, a); effect.KindOf(err) != effect.Missing {
		t.Errorf("there is no such dataset: %v", err)
	}
}

// The flags of what is mounted follow what is asked for.
func TestFlags(t *testing.T) {
	h, m := onsim.New(t, "freebsd-14.3-ufs", base.Tools())
	s := m.State()
	s.Lock()
	s.Disks = append(s.Disks, &state.Disk{Name: "da0", Size: 1 << 30, Serial: "D0", Table: &state.Table{Scheme: "GPT", Entries: 128, First: 40, Last: 2097118, Parts: []*state.Partition{
		{Index: 1, Type: "freebsd-ufs", Start: 40, Size: 2000000, FileSystem: "ufs"},
	}}})
	s.Unlock()
	m.Devices()
	ctx := context.Background()
	a := mount.EnsureArgs{Mountpoint: "/data", Device: "/dev/da0p1", Type: "ufs", Options: []string{"ro", "noexec"}, Pass: 2}
	for _, options := range [][]string{{"ro", "noexec"}, {"noexec", "noatime"}, {"noatime"}, {}} {
		a.Options = options
		for _, first := range []bool{true, false} {
			if got, err := mount.Ensure(ctx, h, a); err != nil || got.Changed != first {
				t.Fatalf("%v: %+v, %v", options, got, err)
			}
		}
	}
	if got := mounts(t, m, "/data"); got != "/dev/da0p1 ufs rw" {
		t.Error(got)
	}
	if fstab, _, _ := m.Exec(ctx, "root", "grep /data /etc/fstab"); fstab != "/dev/da0p1\t/data\tufs\trw\t0\t2\n" {
		t.Errorf("%q", fstab)
	}
}

func TestWhatIsInUseStays(t *testing.T) {
	h, m := onsim.New(t, "freebsd-14.3-ufs", base.Tools())
	ctx := context.Background()
	if _, err := mount.Ensure(ctx, h, mount.EnsureArgs{Mountpoint: "/mnt", Device: "tmpfs", Type: "tmpfs"}); err != nil {
		t.Fatal(err)
	}
	if _, err := mount.Ensure(ctx, h, mount.EnsureArgs{Mountpoint: "/mnt/below", Device: "tmpfs", Type: "tmpfs"}); err != nil {
		t.Fatal(err)
	}
	got, err := mount.Remove(ctx, h, mount.RemoveArgs{Mountpoint: "/mnt"})
	if effect.KindOf(err) != effect.Failed || got.Changed || !strings.Contains(effect.AsError(err).Hint, "fstat") {
		t.Errorf("%+v, %v", got, err)
	}
	if fstab, _, _ := m.Exec(ctx, "root", "grep -c tmpfs /etc/fstab"); fstab != "2\n" {
		t.Errorf("%q", fstab)
	}
	if _, err := mount.Ensure(ctx, onsim.As(t, m, "jo"), mount.EnsureArgs{Mountpoint: "/home/jo/x", Device: "tmpfs", Type: "tmpfs"}); effect.KindOf(err) != effect.Denied {
		t.Errorf("%v", err)
	}
}

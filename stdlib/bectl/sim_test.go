package bectl_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/bectl"
	"bsdrun/stdlib/bectl/bectlsim"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

// done fails the test unless a call changed what it should.
func done(t *testing.T, want bool) func(bectl.Changed, error) {
	t.Helper()
	return func(got bectl.Changed, err error) {
		t.Helper()
		if err != nil || got.Changed != want {
			t.Fatalf("changed %v, not %v: %v", got.Changed, want, err)
		}
	}
}

// The way to try a new system with one boot, and to come back.
func TestOnceAndBack(t *testing.T) {
	for _, profile := range []string{"freebsd-13.5-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "freebsd-15.0-pkgbase"} {
		t.Run(profile, func(t *testing.T) {
			h, m := onsim.New(t, profile, base.Tools(), bectlsim.Tools(), sysctlsim.Tools())
			ctx := clock.With(ctx, m.Clock())
			for _, first := range []bool{true, false} {
				done(t, first)(bectl.Create(ctx, h, bectl.CreateArgs{Name: "new"}))
				done(t, first)(bectl.Activate(ctx, h, bectl.ActivateArgs{Name: "new", Temporary: true}))
				done(t, false)(bectl.Activate(ctx, h, bectl.ActivateArgs{Name: "default"}))
			}
			for _, want := range []string{"new", "default"} {
				if err := host.Reboot(ctx, h, host.RebootOptions{}); err != nil {
					t.Fatal(err)
				}
				if now, err := bectl.Current(ctx, h); err != nil || now.Name != want {
					t.Fatalf("%+v runs, not %s: %v", now, want, err)
				}
			}
			for _, first := range []bool{true, false} {
				got, err := bectl.Mount(ctx, h, bectl.MountArgs{Name: "new", At: "/mnt"})
				if err != nil || got.Changed != first || got.Mountpoint != "/mnt" {
					t.Fatalf("%+v, %v", got, err)
				}
			}
			for _, first := range []bool{true, false} {
				done(t, first)(bectl.Unmount(ctx, h, bectl.UnmountArgs{Name: "new"}))
			}
			for _, first := range []bool{true, false} {
				done(t, first)(bectl.Rename(ctx, h, bectl.RenameArgs{From: "new", To: "tried"}))
			}
			for _, first := range []bool{true, false} {
				done(t, first)(bectl.Remove(ctx, h, bectl.RemoveArgs{Name: "tried"}))
			}
			if all, err := bectl.List(ctx, h); err != nil || len(all) != 1 || !all[0].Running || !all[0].Next || all[0].Space < 1<<20 {
				t.Errorf("%+v, %v", all, err)
			}
		})
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	h, m := onsim.New(t, "freebsd-14.3-zfs-mirror-uefi", base.Tools(), bectlsim.Tools())
	ctx := clock.With(ctx, m.Clock())
	for _, name := range []string{"auto-1", "auto-2", "auto-3", "mine"} {
		done(t, true)(bectl.Create(ctx, h, bectl.CreateArgs{Name: name}))
		if err := clock.Sleep(ctx, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	got, err := bectl.Prune(ctx, h, bectl.PruneArgs{Keep: 1, Pattern: "auto-*"})
	if err != nil || !got.Changed || strings.Join(got.Removed, " ") != "auto-1 auto-2" || strings.Join(got.Kept, " ") != "auto-3" {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err = bectl.Prune(ctx, h, bectl.PruneArgs{OlderThan: 90 * time.Minute}); err != nil || strings.Join(got.Removed, " ") != "auto-3" {
		t.Fatalf("%+v, %v", got, err)
	}
	if all, err := bectl.List(ctx, h); err != nil || len(all) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestHostsWithoutEnvironmentsOnSim(t *testing.T) {
	for profile, kind := range map[string]effect.ErrKind{"freebsd-8.2-zfs-mirror": effect.Missing, "freebsd-14.3-ufs": effect.Failed} {
		h, _ := onsim.New(t, profile, base.Tools(), bectlsim.Tools())
		_, err := bectl.Create(ctx, h, bectl.CreateArgs{Name: "new"})
		if e := effect.AsError(err); e == nil || e.Kind != kind || !strings.Contains(e.Hint, "h.zfs.snapshot") {
			t.Errorf("%s: %v", profile, err)
		}
	}
}

func TestOnlyRootMayCreate(t *testing.T) {
	_, m := onsim.New(t, "freebsd-14.3-zfs-mirror-uefi", base.Tools(), bectlsim.Tools())
	_, err := bectl.Create(ctx, onsim.As(t, m, "jo"), bectl.CreateArgs{Name: "new"})
	if effect.KindOf(err) != effect.Denied {
		t.Errorf("%v", err)
	}
}

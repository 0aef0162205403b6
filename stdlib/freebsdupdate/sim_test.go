package freebsdupdate

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/freebsdupdate/freebsdupdatesim"
	"bsdrun/stdlib/pkg/pkgsim"
	"bsdrun/stdlib/service/servicesim"
	"bsdrun/stdlib/sysctl/sysctlsim"
	"bsdrun/tests/onsim"
)

func simulated(t *testing.T, profile string) (context.Context, effect.Doer, *sim.Machine) {
	t.Helper()
	h, m := onsim.New(t, profile, base.Tools(), freebsdupdatesim.Tools(), pkgsim.Tools(), servicesim.Tools(), sysctlsim.Tools())
	return clock.With(t.Context(), m.Clock()), h, m
}

// change puts a line before a file of the machine.
func change(t *testing.T, m *sim.Machine, name, line string) {
	t.Helper()
	put(t, m, name, line+get(t, m, name))
}

func reboot(ctx context.Context, t *testing.T, h effect.Doer) {
	t.Helper()
	if err := host.Reboot(ctx, h, host.RebootOptions{Within: 30 * time.Minute}); err != nil {
		t.Fatal(err)
	}
}

// upgraded goes from one release to another, rebooting as it is told.
func upgraded(ctx context.Context, t *testing.T, h effect.Doer, to string) Upgraded {
	t.Helper()
	up, err := Upgrade(ctx, h, UpgradeArgs{To: to, Merge: "keep"})
	if err != nil {
		t.Fatalf("%v\n%s", err, effect.AsError(err).Out)
	}
	for range 4 {
		pass, err := Install(ctx, h, InstallArgs{})
		if err != nil {
			t.Fatalf("%v\n%s", err, effect.AsError(err).Out)
		}
		if pass.RebootNeeded {
			reboot(ctx, t, h)
		}
		if pass.Finished {
			return up
		}
	}
	t.Fatal("the upgrade does not finish")
	return up
}

// An upgrade that is adopted tells what it touches as the one that fetched it did.
func TestListsOfAnAdoptedUpgrade(t *testing.T) {
	ctx, h, _ := simulated(t, "freebsd-14.3-ufs")
	up, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0"})
	if err != nil || len(up.Removed) == 0 {
		t.Fatalf("%v, removed %v", err, up.Removed)
	}
	again, err := Upgrade(ctx, h, UpgradeArgs{To: "15.0"})
	if err != nil || !again.Adopted {
		t.Fatalf("%+v, %v", again, err)
	}
	up.Kept = again.Kept // are not in the manifests
	if diff := cmp.Diff(up.Lists, again.Lists); diff != "" {
		t.Error(diff)
	}
}

func TestSimulatedUpgrade(t *testing.T) {
	for _, test := range []struct{ profile, from, to string }{
		{"freebsd-13.5-zfs-mirror", "13.5-RELEASE", "14.3-RELEASE"},
		{"freebsd-14.3-ufs", "14.3-RELEASE", "15.0-RELEASE"},
		{"freebsd-8.2-zfs-mirror", "8.2-RELEASE", "9.0-RELEASE"},
	} {
		t.Run(test.to, func(t *testing.T) {
			ctx, h, m := simulated(t, test.profile)
			if _, err := PatchIntegrityCheck(ctx, h, PatchArgs{}); err != nil {
				t.Fatal(err)
			}
			change(t, m, "/etc/ssh/sshd_config", "# of this host\n")
			up := upgraded(ctx, t, h, test.to)
			if up.From != test.from || !slices.Equal(up.Components, []string{"kernel/generic", "world/base"}) {
				t.Errorf("%+v", up)
			}
			done, err := Merge(ctx, h, MergeArgs{})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(done.Files, func(f MergedFile) bool {
				return f.Path == "/etc/ssh/sshd_config" && f.How == "merged" && f.Changed
			}) {
				t.Errorf("%+v", done)
			}
			if got := m.UserlandRelease(""); !strings.HasPrefix(got, test.to) {
				t.Errorf("userland of %s", got)
			}
			if !strings.Contains(get(t, m, "/etc/ssh/sshd_config"), "# of this host\n") {
				t.Error("the local change of sshd_config is lost")
			}
			again, err := Upgrade(ctx, h, UpgradeArgs{To: test.to})
			if err != nil || !again.Done || again.Changed {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
}

func TestSimulatedPatches(t *testing.T) {
	for _, profile := range []string{"freebsd-13.5-zfs-mirror", "freebsd-8.2-zfs-mirror"} {
		ctx, h, _ := simulated(t, profile)
		got, err := Fetch(ctx, h, FetchArgs{})
		if err != nil || got.Pending != got.Changed {
			t.Fatalf("%s: %+v, %v", profile, got, err)
		}
		if !got.Pending {
			continue
		}
		pass, err := Install(ctx, h, InstallArgs{})
		if err != nil || !pass.Finished || pass.Before != "fetched" {
			t.Errorf("%s: %+v, %v", profile, pass, err)
		}
		again, err := Fetch(ctx, h, FetchArgs{})
		if err != nil || again.Pending || again.Changed || again.To != got.To {
			t.Errorf("%s: %+v, %v", profile, again, err)
		}
	}
}

package zpool_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/stdlib/gpart/gpartsim"
	"bsdrun/stdlib/zpool"
	"bsdrun/stdlib/zpool/zpoolsim"
	"bsdrun/tests/onsim"
)

// mirrors are profiles with the pool zroot on a mirror, by what sets them apart.
var mirrors = []struct {
	profile    string
	group      string // the mirror's name
	devices    string
	partitions string
	version    int
}{
	{"freebsd-8.2-zfs-mirror", "mirror", "gpt/disk0 gpt/disk1", "ad0:3 ad1:3", 15},
	{"freebsd-13.5-zfs-mirror", "mirror-0", "ada0p3 ada1p3", "ada0:3 ada1:3", 0},
	{"freebsd-14.3-zfs-mirror-uefi", "mirror-0", "ada0p4 ada1p4", "ada0:4 ada1:4", 0},
}

// host is a machine of a profile with three more disks, da0 to da2, and a
// context with its clock.
func host(t *testing.T, profile string) (*onsim.Count, *sim.Machine, context.Context) {
	t.Helper()
	h, m := onsim.New(t, profile, base.Tools(), gpartsim.Tools(), zpoolsim.Tools())
	s := m.State()
	s.Lock()
	for n := range 3 {
		s.Disks = append(s.Disks, &state.Disk{Name: fmt.Sprint("da", n), Size: 4 << 30, Serial: fmt.Sprint("S", n)})
	}
	s.Unlock()
	m.Devices()
	return &onsim.Count{Doer: h}, m, clock.With(t.Context(), m.Clock())
}

// twice runs a change that converges: the second time it does nothing.
func twice(t *testing.T, h *onsim.Count, what string, f func() (zpool.Changed, error)) {
	t.Helper()
	before := h.Changes
	if done, err := f(); err != nil || !done.Changed || h.Changes != before+1 {
		t.Fatalf("%s: %+v %v, %d changes", what, done, err, h.Changes-before)
	}
	if done, err := f(); err != nil || done.Changed || h.Changes != before+1 {
		t.Fatalf("%s a second time: %+v %v, %d changes", what, done, err, h.Changes-before-1)
	}
}

func leafNames(s zpool.Status) string {
	var names []string
	for _, v := range zpool.Leaves(s.Vdevs) {
		names = append(names, v.Name)
	}
	return strings.Join(names, " ")
}

// TestRootPools looks at the root pool of machines of all eras; each function
// needs one exchange.
func TestRootPools(t *testing.T) {
	for _, want := range mirrors {
		t.Run(want.profile, func(t *testing.T) {
			h, _, ctx := host(t, want.profile)
			s, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "zroot"})
			if err != nil || !s.Healthy || s.State != "ONLINE" || len(s.Vdevs) != 1 || s.Vdevs[0].Name != want.group || leafNames(s) != want.devices {
				t.Errorf("status: %+v %v", s, err)
			}
			disks, err := zpool.Disks(ctx, h, zpool.DisksArgs{Pool: "zroot"})
			var places []string
			for _, d := range disks {
				places = append(places, fmt.Sprint(d.Disk, ":", d.Partition))
				if d.Type != "freebsd-zfs" || d.Label == "" || d.State != "ONLINE" || d.Class != "normal" || d.File || d.Encrypted {
					t.Errorf("disks: %+v", d)
				}
			}
			if err != nil || strings.Join(places, " ") != want.partitions {
				t.Errorf("disks: %+v %v", disks, err)
			}
			pools, err := zpool.List(ctx, h, zpool.ListArgs{Pool: "zroot"})
			if err != nil || len(pools) != 1 || pools[0].Version != want.version || pools[0].Exact != (want.version == 0) || pools[0].Size < 10<<30 ||
				pools[0].Free > pools[0].Size || pools[0].Health != "ONLINE" || len(pools[0].GUID) < 10 {
				t.Errorf("list: %+v %v", pools, err)
			}
			f, err := zpool.FeaturesOf(ctx, h, zpool.FeaturesArgs{Pool: "zroot"})
			if err != nil || f.Version != want.version || (f.Features["async_destroy"] != "") != (want.version == 0) {
				t.Errorf("features: %+v %v", f, err)
			}
			if health, err := zpool.Healthy(ctx, h, zpool.HealthyArgs{}); err != nil || !health.Healthy || len(health.Pools) != 1 {
				t.Errorf("healthy: %+v %v", health, err)
			}
			if h.Reads != 5 || h.Changes != 0 {
				t.Errorf("%d reads and %d changes for five questions", h.Reads, h.Changes)
			}
		})
	}
}

func TestJSONOfFreeBSD15(t *testing.T) {
	h, _, ctx := host(t, "freebsd-15.0-pkgbase")
	s, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "zroot"})
	if err != nil || !s.Healthy || s.ID == "" || leafNames(s) != "ada0p4" || s.Vdevs[0].GUID == "" || s.Vdevs[0].Path != "/dev/ada0p4" {
		t.Errorf("status: %+v %v", s, err)
	}
	pools, err := zpool.List(ctx, h, zpool.ListArgs{})
	if err != nil || len(pools) != 1 || !pools[0].Exact || pools[0].GUID != s.ID || pools[0].Allocated+pools[0].Free != pools[0].Size {
		t.Errorf("list: %+v %v", pools, err)
	}
	properties, err := zpool.Get(ctx, h, zpool.GetArgs{Pool: "zroot", Properties: []string{"guid", "autotrim"}})
	if err != nil || len(properties) != 2 || properties["guid"].Value != s.ID || properties["autotrim"] != (zpool.Property{Value: "off", Source: "default"}) {
		t.Errorf("get: %+v %v", properties, err)
	}
	for _, op := range []func() error{
		func() error { _, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "nosuch"}); return err },
		func() error { _, err := zpool.List(ctx, h, zpool.ListArgs{Pool: "nosuch"}); return err },
		func() error { _, err := zpool.Get(ctx, h, zpool.GetArgs{Pool: "nosuch"}); return err },
	} {
		if err := op(); effect.KindOf(err) != effect.Missing {
			t.Errorf("a pool that is not there: %v", err)
		}
	}
}

// TestLife takes a pool through all that changes its devices, on each release.
func TestLife(t *testing.T) {
	for _, profile := range []string{"freebsd-8.2-zfs-mirror", "freebsd-13.5-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "freebsd-15.0-pkgbase"} {
		t.Run(profile, func(t *testing.T) {
			h, _, ctx := host(t, profile)
			look := func() zpool.Status {
				t.Helper()
				s, err := zpool.Wait(ctx, h, zpool.WaitArgs{Pool: "tank", Activities: []string{"resilver", "replace"}, Within: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			twice(t, h, "create", func() (zpool.Changed, error) {
				return zpool.Create(ctx, h, zpool.CreateArgs{Pool: "tank", Devices: []string{"mirror", "da0", "da1"}, Mountpoint: "none"})
			})
			if h.Last.Risk != effect.Safe {
				t.Errorf("create: risk %v", h.Last.Risk)
			}
			twice(t, h, "offline", func() (zpool.Changed, error) {
				return zpool.Offline(ctx, h, zpool.OfflineArgs{Pool: "tank", Devices: []string{"da1"}})
			})
			if s := look(); s.State != "DEGRADED" || s.Healthy || s.Problems[len(s.Problems)-1] != "da1 is OFFLINE" {
				t.Errorf("offline: %+v", s)
			}
			twice(t, h, "replace", func() (zpool.Changed, error) {
				return zpool.Replace(ctx, h, zpool.ReplaceArgs{Pool: "tank", Device: "da1", New: "/dev/da2"})
			})
			if s := look(); !s.Healthy || leafNames(s) != "da0 da2" || s.Scan.Function != "resilver" || s.Scan.State != "finished" {
				t.Errorf("replace: %+v", s)
			}
			twice(t, h, "detach", func() (zpool.Changed, error) {
				return zpool.Detach(ctx, h, zpool.DetachArgs{Pool: "tank", Device: "da0"})
			})
			twice(t, h, "attach", func() (zpool.Changed, error) {
				return zpool.Attach(ctx, h, zpool.AttachArgs{Pool: "tank", Device: "da2", New: "da0"})
			})
			if s := look(); !s.Healthy || leafNames(s) != "da2 da0" {
				t.Errorf("attach: %+v", s)
			}
			twice(t, h, "set", func() (zpool.Changed, error) {
				return zpool.Set(ctx, h, zpool.SetArgs{Pool: "tank", Properties: map[string]any{"failmode": "continue"}})
			})
			twice(t, h, "export", func() (zpool.Changed, error) { return zpool.Export(ctx, h, zpool.ExportArgs{Pool: "tank"}) })
			found, err := zpool.Importable(ctx, h, zpool.ImportableArgs{})
			if err != nil || len(found) != 1 || found[0].Name != "tank" || leafNames(found[0]) != "da2 da0" {
				t.Errorf("importable: %+v %v", found, err)
			}
			twice(t, h, "import", func() (zpool.Changed, error) { return zpool.Import(ctx, h, zpool.ImportArgs{Pool: "tank"}) })
			history, err := zpool.History(ctx, h, zpool.HistoryArgs{Pool: "tank", Last: 1})
			if err != nil || len(history) != 1 || history[0].Command != "zpool import tank" || history[0].Time.IsZero() {
				t.Errorf("history: %+v %v", history, err)
			}
			twice(t, h, "destroy", func() (zpool.Changed, error) { return zpool.Destroy(ctx, h, zpool.DestroyArgs{Pool: "tank"}) })
			if h.Last.Risk != effect.Irreversible {
				t.Errorf("destroy: risk %v", h.Last.Risk)
			}
		})
	}
}

func TestScrubs(t *testing.T) {
	for _, profile := range []string{"freebsd-8.2-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "freebsd-15.0-pkgbase"} {
		h, _, ctx := host(t, profile)
		done, err := zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: "zroot", Wait: true, Within: 24 * time.Hour})
		if err != nil || !done.Changed || done.Scan.State != "finished" || done.Scan.Ended.IsZero() {
			t.Errorf("%s: %+v %v", profile, done, err)
		}
		changes := h.Changes
		if done, err = zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: "zroot", MaxAge: time.Hour}); err != nil || done.Changed || h.Changes != changes {
			t.Errorf("%s: a recent scrub: %+v %v", profile, done, err)
		}
		if done, err = zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: "zroot", Stop: true}); err != nil || done.Changed {
			t.Errorf("%s: nothing to stop: %+v %v", profile, done, err)
		}
	}
}

func TestUpgrades(t *testing.T) {
	h, _, ctx := host(t, "freebsd-14.3-zfs-mirror-uefi")
	create := zpool.CreateArgs{Pool: "tank", Devices: []string{"da0"}, Mountpoint: "none", Properties: map[string]any{"version": 15}}
	if _, err := zpool.Create(ctx, h, create); err != nil {
		t.Fatal(err)
	}
	checked, err := zpool.Upgrade(ctx, effect.Chain(h, layer.Check()), zpool.UpgradeArgs{Pool: "tank"})
	if err != nil || !checked.Changed || checked.From != 15 || checked.To != 0 || checked.Features != nil {
		t.Errorf("in check mode: %+v %v", checked, err)
	}
	done, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "tank"})
	if err != nil || !done.Changed || done.From != 15 || len(done.Features) < 30 || done.Features[0] != "async_destroy" || h.Last.Risk != effect.Irreversible {
		t.Errorf("got %+v %v", done, err)
	}
	changes := h.Changes
	if done, err = zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "tank"}); err != nil || done.Changed || h.Changes != changes {
		t.Errorf("a second time: %+v %v", done, err)
	}
	if _, err = zpool.Destroy(ctx, h, zpool.DestroyArgs{Pool: "tank"}); err != nil {
		t.Fatal(err)
	}
	create.Properties = map[string]any{"compatibility": "openzfs-2.0-freebsd"}
	create.Force = true
	if _, err := zpool.Create(ctx, h, create); err != nil || h.Last.Risk != effect.Irreversible {
		t.Fatalf("risk %v, %v", h.Last.Risk, err)
	}
	if done, err = zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "tank"}); err != nil || done.Changed || len(done.Pending) != 0 {
		t.Errorf("all that the compatibility allows: %+v %v", done, err)
	}
	if _, err := zpool.Set(ctx, h, zpool.SetArgs{Pool: "tank", Properties: map[string]any{"compatibility": "off"}}); err != nil {
		t.Fatal(err)
	}
	done, err = zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "tank"})
	if err != nil || !done.Changed || len(done.Features) == 0 || strings.Join(done.Features, " ") != strings.Join(done.Pending, " ") {
		t.Errorf("what it does not hold back any more: %+v %v", done, err)
	}
	for name, f := range map[string]func() error{
		"a pool that is not there": func() error { _, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "nosuch"}); return err },
		"its status":               func() error { _, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "nosuch"}); return err },
	} {
		if err := f(); effect.KindOf(err) != effect.Missing {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUpgradeOnAnOldRelease: the newest version there is a number.
func TestUpgradeOnAnOldRelease(t *testing.T) {
	h, _, ctx := host(t, "freebsd-8.2-zfs-mirror")
	if done, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "zroot"}); err != nil || done.Changed || h.Changes != 0 {
		t.Errorf("a current pool: %+v %v", done, err)
	}
	create := zpool.CreateArgs{Pool: "tank", Devices: []string{"da0"}, Mountpoint: "none", Properties: map[string]any{"version": 13}}
	if _, err := zpool.Create(ctx, h, create); err != nil {
		t.Fatal(err)
	}
	if done, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "tank"}); err != nil || !done.Changed || done.From != 13 || done.To != 15 {
		t.Errorf("got %+v %v", done, err)
	}
	if _, err := zpool.Trim(ctx, h, zpool.TrimArgs{Pool: "tank"}); effect.KindOf(err) != effect.Failed || effect.AsError(err).Hint != "the ZFS of this release has no trim" {
		t.Errorf("trim: %v", err)
	}
}

func TestCheckpointsTrimEventsAndTraffic(t *testing.T) {
	for _, profile := range []string{"freebsd-14.3-zfs-mirror-uefi", "freebsd-15.0-pkgbase"} {
		h, _, ctx := host(t, profile)
		twice(t, h, "checkpoint", func() (zpool.Changed, error) {
			return zpool.MakeCheckpoint(ctx, h, zpool.CheckpointArgs{Pool: "zroot"})
		})
		s, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "zroot"})
		if err != nil || !s.Checkpoint.Exists || s.Checkpoint.Created.IsZero() {
			t.Errorf("%s: %+v %v", profile, s.Checkpoint, err)
		}
		twice(t, h, "discard", func() (zpool.Changed, error) {
			return zpool.MakeCheckpoint(ctx, h, zpool.CheckpointArgs{Pool: "zroot", Discard: true})
		})
		traffic, err := zpool.IostatOf(ctx, h, zpool.IostatArgs{Pool: "zroot"})
		if err != nil || traffic.Name != "zroot" || traffic.Free == 0 || len(traffic.Devices) != 1 {
			t.Errorf("%s: %+v %v", profile, traffic, err)
		}
	}
}

func TestMissingDisk(t *testing.T) {
	h, m, ctx := host(t, "freebsd-14.3-zfs-mirror-uefi")
	if _, err := zpool.Create(ctx, h, zpool.CreateArgs{Pool: "tank", Devices: []string{"mirror", "da0", "da1"}, Mountpoint: "none"}); err != nil {
		t.Fatal(err)
	}
	m.PullDisk("da1", true)
	health, err := zpool.Healthy(ctx, h, zpool.HealthyArgs{Pools: []string{"tank"}})
	if err != nil || health.Healthy || health.Problems[len(health.Problems)-1] != "tank: da1 is REMOVED" {
		t.Errorf("%+v %v", health.Problems, err)
	}
	disks, err := zpool.Disks(ctx, h, zpool.DisksArgs{Pool: "tank"})
	if err != nil || len(disks) != 2 || disks[1].State != "REMOVED" || disks[1].Disk != "da1" || disks[0].Partition != 0 {
		t.Errorf("%+v %v", disks, err)
	}
}

func TestOnlyRootChangesPools(t *testing.T) {
	h, m, ctx := host(t, "freebsd-14.3-zfs-mirror-uefi")
	worker := onsim.As(t, m, "worker")
	if _, err := zpool.StatusOf(ctx, worker, zpool.StatusArgs{Pool: "zroot"}); err != nil {
		t.Errorf("looking: %v", err)
	}
	if _, err := zpool.Scrub(ctx, worker, zpool.ScrubArgs{Pool: "zroot"}); effect.KindOf(err) != effect.Denied {
		t.Errorf("changing: %v", err)
	}
	for _, bad := range []string{"", "-a", "a/b", "a\nb"} {
		if _, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: bad}); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := zpool.Detach(ctx, h, zpool.DetachArgs{Pool: "zroot", Device: "-f"}); effect.KindOf(err) != effect.Invalid {
		t.Errorf("an option for a device: %v", err)
	}
	if h.Reads+h.Changes != 0 {
		t.Errorf("%d effects of what is refused", h.Reads+h.Changes)
	}
}

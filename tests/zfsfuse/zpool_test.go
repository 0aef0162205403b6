package zfsfuse_test

import (
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/stdlib/zpool"
	"bsdrun/tests/zfsfuse"
)

const tank = "tank"

// mirror makes a pool of two files that mounts nothing.
func mirror(t *testing.T, h *zfsfuse.Host, properties map[string]any) (a, b string) {
	t.Helper()
	a, b = h.Disk(t, "disk0"), h.Disk(t, "disk1")
	create := zpool.CreateArgs{Pool: tank, Devices: []string{"mirror", a, b}, Mountpoint: "none", Properties: properties}
	for _, first := range []bool{true, false} {
		if done, err := zpool.Create(t.Context(), h, create); err != nil || done.Changed != first {
			t.Fatalf("create: %+v %v", done, err)
		}
	}
	return a, b
}

func status(t *testing.T, h effect.Doer) zpool.Status {
	t.Helper()
	s, err := zpool.StatusOf(t.Context(), h, zpool.StatusArgs{Pool: tank})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// states are the states of the pool's leaves, in the tool's order.
func states(s zpool.Status) string {
	var all []string
	for _, v := range zpool.Leaves(s.Vdevs) {
		all = append(all, v.State)
	}
	return strings.Join(all, " ")
}

// twice runs a function that converges: first it changes something, and then
// nothing.
func twice(t *testing.T, what string, f func() (zpool.Changed, error)) {
	t.Helper()
	for _, first := range []bool{true, false} {
		if done, err := f(); err != nil || done.Changed != first {
			t.Fatalf("%s: %+v %v", what, done, err)
		}
	}
}

func TestPoolsComeAndGo(t *testing.T) {
	h, ctx := zfsfuse.Start(t), t.Context()
	a, b := mirror(t, h, nil)
	s := status(t, h)
	if s.State != "ONLINE" || !s.Healthy || len(s.Vdevs) != 1 || s.Vdevs[0].Type != "mirror" || s.Scan.State != "none" {
		t.Errorf("got %+v", s)
	}
	leaves := zpool.Leaves(s.Vdevs)
	if len(leaves) != 2 || leaves[0].Path != a || leaves[1].Path != b || leaves[0].Type != "file" {
		t.Errorf("got %+v", leaves)
	}
	pools, err := zpool.List(ctx, h, zpool.ListArgs{})
	if err != nil || len(pools) != 1 || pools[0].Name != tank || pools[0].Version != 23 || pools[0].Health != "ONLINE" ||
		pools[0].Size < 40<<20 || pools[0].Size > 64<<20 || pools[0].GUID == "" || pools[0].Exact {
		t.Errorf("got %+v %v", pools, err)
	}
	if _, err := zpool.StatusOf(ctx, h, zpool.StatusArgs{Pool: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a pool that is not there: %v", err)
	}
	set := zpool.SetArgs{Pool: tank, Properties: map[string]any{"autoreplace": true, "failmode": "continue"}}
	twice(t, "set", func() (zpool.Changed, error) { return zpool.Set(ctx, h, set) })
	properties, err := zpool.Get(ctx, h, zpool.GetArgs{Pool: tank})
	if err != nil || properties["failmode"] != (zpool.Property{Value: "continue", Source: "local"}) || properties["version"].Value != "23" {
		t.Errorf("got %+v %v", properties, err)
	}
	history, err := zpool.History(ctx, h, zpool.HistoryArgs{Pool: tank})
	if err != nil || len(history) != 3 || !strings.HasPrefix(history[0].Command, "zpool create ") || time.Since(history[0].Time).Abs() > time.Hour || history[0].By == "" {
		t.Errorf("got %+v %v", history, err)
	}
	if traffic, err := zpool.IostatOf(ctx, h, zpool.IostatArgs{Pool: tank}); err != nil || len(traffic.Devices) != 1 || len(traffic.Devices[0].Devices) != 2 || traffic.Free == 0 {
		t.Errorf("got %+v %v", traffic, err)
	}
	twice(t, "export", func() (zpool.Changed, error) { return zpool.Export(ctx, h, zpool.ExportArgs{Pool: tank}) })
	importable, err := zpool.Importable(ctx, h, zpool.ImportableArgs{Dirs: []string{h.Dir}})
	if err != nil || len(importable) != 1 || importable[0].Name != tank || importable[0].ID != pools[0].GUID || len(zpool.Leaves(importable[0].Vdevs)) != 2 {
		t.Errorf("got %+v %v", importable, err)
	}
	twice(t, "import", func() (zpool.Changed, error) {
		return zpool.Import(ctx, h, zpool.ImportArgs{Pool: tank, Dirs: []string{h.Dir}})
	})
	twice(t, "destroy", func() (zpool.Changed, error) { return zpool.Destroy(ctx, h, zpool.DestroyArgs{Pool: tank}) })
	if importable, err := zpool.Importable(ctx, h, zpool.ImportableArgs{Dirs: []string{h.Dir}}); err != nil || len(importable) != 0 {
		t.Errorf("after destroy: %+v %v", importable, err)
	}
}

func TestMembersOfAMirror(t *testing.T) {
	h, ctx := zfsfuse.Start(t), t.Context()
	a, b := mirror(t, h, nil)
	c := h.Disk(t, "disk2")
	twice(t, "offline", func() (zpool.Changed, error) {
		return zpool.Offline(ctx, h, zpool.OfflineArgs{Pool: tank, Devices: []string{b}})
	})
	s := status(t, h)
	if s.State != "DEGRADED" || s.Healthy || states(s) != "ONLINE OFFLINE" || len(s.Problems) != 3 || !strings.Contains(s.Action, "zpool online") {
		t.Errorf("got %+v", s)
	}
	health, err := zpool.Healthy(ctx, h, zpool.HealthyArgs{})
	if err != nil || health.Healthy || len(health.Problems) != 3 || health.Problems[0] != "tank: the pool is DEGRADED" {
		t.Errorf("got %+v %v", health, err)
	}
	_, err = zpool.Offline(ctx, h, zpool.OfflineArgs{Pool: tank, Devices: []string{a}})
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || !strings.Contains(e.Hint, "do not hold all of the data") {
		t.Errorf("the last replica: %v", err)
	}
	twice(t, "online", func() (zpool.Changed, error) {
		return zpool.Online(ctx, h, zpool.OnlineArgs{Pool: tank, Devices: []string{b}})
	})
	waited(t, h, "resilver")
	twice(t, "replace", func() (zpool.Changed, error) {
		return zpool.Replace(ctx, h, zpool.ReplaceArgs{Pool: tank, Device: b, New: c})
	})
	s = waited(t, h, "resilver", "replace")
	if !s.Healthy || states(s) != "ONLINE ONLINE" || zpool.Leaves(s.Vdevs)[1].Path != c || s.Scan.Function != "resilver" || s.Scan.State != "finished" {
		t.Errorf("after the replacement: %+v", s)
	}
	twice(t, "attach", func() (zpool.Changed, error) {
		return zpool.Attach(ctx, h, zpool.AttachArgs{Pool: tank, Device: a, New: b, Force: true})
	})
	if s = waited(t, h, "resilver"); states(s) != "ONLINE ONLINE ONLINE" {
		t.Errorf("three: %+v", s)
	}
	twice(t, "detach", func() (zpool.Changed, error) {
		return zpool.Detach(ctx, h, zpool.DetachArgs{Pool: tank, Device: b})
	})
	if s = status(t, h); states(s) != "ONLINE ONLINE" || !s.Healthy {
		t.Errorf("two: %+v", s)
	}
	if _, err := zpool.Online(ctx, h, zpool.OnlineArgs{Pool: tank, Devices: []string{"/nosuch"}}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a device that is not there: %v", err)
	}
}

func waited(t *testing.T, h effect.Doer, activities ...string) zpool.Status {
	t.Helper()
	s, err := zpool.Wait(t.Context(), h, zpool.WaitArgs{Pool: tank, Activities: activities, Within: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScrubFindsDamage(t *testing.T) {
	h, ctx := zfsfuse.Start(t), t.Context()
	_, b := mirror(t, h, nil)
	done, err := zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: tank, Wait: true, Within: time.Minute})
	if err != nil || !done.Changed || done.Scan.Function != "scrub" || done.Scan.State != "finished" || done.Scan.Errors != 0 || time.Since(done.Scan.Ended).Abs() > time.Hour {
		t.Fatalf("got %+v %v", done, err)
	}
	if done, err = zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: tank, MaxAge: time.Hour}); err != nil || done.Changed {
		t.Errorf("a recent one: %+v %v", done, err)
	}
	// What the pool holds is written over on one side, but for the labels.
	text(t, h, "zpool", "export", tank)
	text(t, h, "dd", "if=/dev/urandom", "of="+b, "bs=1M", "seek=4", "count=50", "conv=notrunc")
	text(t, h, "zpool", "import", "-d", h.Dir, tank)
	if _, err := zpool.Scrub(ctx, h, zpool.ScrubArgs{Pool: tank, Wait: true, Within: time.Minute}); err != nil {
		t.Fatal(err)
	}
	s := status(t, h)
	if damaged := zpool.Leaves(s.Vdevs)[1]; s.Healthy || s.State != "ONLINE" || damaged.Checksum == 0 || s.Message != "ZFS-8000-9P" || s.Errors.Count != 0 {
		t.Errorf("got %+v", s)
	}
	twice(t, "clear", func() (zpool.Changed, error) { return zpool.Clear(ctx, h, zpool.ClearArgs{Pool: tank}) })
	if s = status(t, h); !s.Healthy {
		t.Errorf("after clear: %+v", s)
	}
}

func TestUpgradeOfAnOldPool(t *testing.T) {
	h, ctx := zfsfuse.Start(t), t.Context()
	mirror(t, h, map[string]any{"version": 15})
	if f, err := zpool.FeaturesOf(ctx, h, zpool.FeaturesArgs{Pool: tank}); err != nil || f.Version != 15 || len(f.Features) != 0 {
		t.Errorf("got %+v %v", f, err)
	}
	if s := status(t, h); !s.Healthy || !strings.Contains(s.Status, "older on-disk format") {
		t.Errorf("an old pool is healthy: %+v", s)
	}
	done, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: tank, Version: 20})
	if err != nil || !done.Changed || done.From != 15 || done.To != 20 {
		t.Errorf("to version 20: %+v %v", done, err)
	}
	done, err = zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: tank})
	if err != nil || !done.Changed || done.From != 20 || done.To != 23 || len(done.Features) != 0 {
		t.Errorf("got %+v %v", done, err)
	}
	if done, err = zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: tank}); err != nil || done.Changed {
		t.Errorf("a second time: %+v %v", done, err)
	}
	if _, err := zpool.Upgrade(ctx, h, zpool.UpgradeArgs{Pool: "nosuch"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a pool that is not there: %v", err)
	}
	if s := status(t, h); s.Status != "" {
		t.Errorf("after the upgrade: %+v", s)
	}
}

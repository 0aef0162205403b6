package zfs

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/tests/onsim"
	"bsdrun/tests/zfsfuse"
)

// pool makes a host with a pool on the real tools of the version era.
func pool(t *testing.T, name string) *onsim.Count {
	t.Helper()
	h := zfsfuse.Start(t)
	sh(t, h, "zpool", "create", "-m", "none", name, h.Disk(t, name))
	return &onsim.Count{Doer: h}
}

// sh runs a command of the test itself.
func sh(t *testing.T, h effect.Doer, argv ...string) string {
	t.Helper()
	res, err := h.Do(t.Context(), effect.Effect{Op: "test", Argv: argv})
	if err != nil {
		t.Fatalf("%v\n%s", err, effect.AsError(err).Err)
	}
	out, err := res.Text()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// twice runs what converges: the second time nothing is to be done.
func twice(t *testing.T, h *onsim.Count, what string, call func() (bool, error)) {
	t.Helper()
	for _, want := range []bool{true, false} {
		before := h.Changes
		changed, err := call()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, effect.AsError(err).Err)
		}
		if changed != want || (h.Changes > before) != want {
			t.Errorf("%s: changed %t by %d changes, want %t", what, changed, h.Changes-before, want)
		}
	}
}

func names(t *testing.T, h effect.Doer, a ListArgs) string {
	t.Helper()
	all, err := List(t.Context(), h, a)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, d := range all {
		words = append(words, d.Name)
	}
	return strings.Join(words, " ")
}

func TestOnRealPoolDatasets(t *testing.T) {
	h, ctx := pool(t, "tank"), t.Context()
	off := false
	twice(t, h, "create", func() (bool, error) {
		done, err := Create(ctx, h, CreateArgs{Name: "tank/a/b", Parents: true, Properties: map[string]any{"quota": "10M", "atime": false, "org.example:who": "me"}})
		return done.Changed, err
	})
	// zfs-fuse has no volumes.
	if _, err := Create(ctx, h, CreateArgs{Name: "tank/a", Size: "1M"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("a volume in a file system's place: %v", err)
	}
	if _, err := Create(ctx, h, CreateArgs{Name: "tank/a", Properties: map[string]any{"utf8only": true}}); effect.KindOf(err) != effect.Failed {
		t.Errorf("what only creation can set: %v", err)
	}
	twice(t, h, "set", func() (bool, error) {
		done, err := SetProperties(ctx, h, SetArgs{Name: "tank/a", Properties: map[string]any{"quota": "20M", "compression": "gzip", "copies": 2}})
		return done.Changed, err
	})
	got, err := Get(ctx, h, GetArgs{Name: "tank/a/b", Properties: []string{"quota", "compression", "atime", "org.example:who"}})
	want := map[string]Property{
		"quota": {int64(10 << 20), "local", ""}, "compression": {"gzip", "inherited", "tank/a"}, "atime": {"off", "local", ""}, "org.example:who": {"me", "local", ""},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	twice(t, h, "set what is only inherited", func() (bool, error) {
		done, err := SetProperties(ctx, h, SetArgs{Name: "tank/a/b", Properties: map[string]any{"compression": "gzip"}})
		return done.Changed, err
	})
	twice(t, h, "inherit", func() (bool, error) {
		done, err := Inherit(ctx, h, InheritArgs{Name: "tank/a", Properties: []string{"compression", "copies"}, Recursive: true})
		return done.Changed, err
	})
	if out := sh(t, h, "zfs", "get", "-H", "-r", "-o", "value", "compression", "tank/a"); out != "off\noff\n" {
		t.Errorf("after inherit: %q", out)
	}
	if got := names(t, h, ListArgs{}); got != "tank tank/a tank/a/b" {
		t.Errorf("all: %s", got)
	}
	if got := names(t, h, ListArgs{Name: "tank/a", Recursive: &off}); got != "tank/a" {
		t.Errorf("one: %s", got)
	}
	all, err := List(ctx, h, ListArgs{Name: "tank/a/b", Properties: []string{"quota"}})
	if err != nil || len(all) != 1 || all[0].Type != "filesystem" || all[0].Properties["quota"] != int64(10<<20) || all[0].Creation.IsZero() || len(all[0].GUID) < 5 {
		t.Errorf("one with a further property: %+v, %v", all, err)
	}
	if _, err := List(ctx, h, ListArgs{Name: "tank/none"}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a missing one: %v", err)
	}
	if _, err := Get(ctx, h, GetArgs{Name: "tank", Properties: []string{"encryption"}}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a property of later releases: %v", err)
	}
}

func TestOnRealPoolSnapshots(t *testing.T) {
	h, ctx := pool(t, "tank"), t.Context()
	sh(t, h, "zfs", "create", "-p", "tank/a/b")
	sh(t, h, "zfs", "snapshot", "tank/a/b@one")
	twice(t, h, "snapshot, some of them there", func() (bool, error) {
		done, err := Snapshot(ctx, h, SnapshotArgs{Names: []string{"tank@one"}, Recursive: true})
		if done.Changed && strings.Join(done.Created, " ") != "tank@one tank/a@one" {
			t.Errorf("created %v", done.Created)
		}
		return done.Changed, err
	})
	twice(t, h, "several snapshots", func() (bool, error) {
		done, err := Snapshot(ctx, h, SnapshotArgs{Names: []string{"tank/a@two", "tank/a/b@two"}})
		return done.Changed, err
	})
	if got := names(t, h, ListArgs{Name: "tank", Types: []string{"snapshot"}}); got != "tank@one tank/a@one tank/a@two tank/a/b@one tank/a/b@two" {
		t.Errorf("snapshots: %s", got)
	}
	twice(t, h, "clone", func() (bool, error) {
		done, err := Clone(ctx, h, CloneArgs{Snapshot: "tank/a/b@one", Name: "tank/c"})
		return done.Changed, err
	})
	if _, err := Clone(ctx, h, CloneArgs{Snapshot: "tank/a/b@two", Name: "tank/c"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("another clone in its place: %v", err)
	}
	twice(t, h, "promote", func() (bool, error) {
		done, err := Promote(ctx, h, PromoteArgs{Name: "tank/c"})
		return done.Changed, err
	})
	twice(t, h, "rename", func() (bool, error) {
		done, err := Rename(ctx, h, RenameArgs{From: "tank/c", To: "tank/d"})
		return done.Changed, err
	})
	twice(t, h, "rename a snapshot", func() (bool, error) {
		done, err := Rename(ctx, h, RenameArgs{From: "tank/d@one", To: "@first"})
		return done.Changed, err
	})
	_, err := Rollback(ctx, h, RollbackArgs{Snapshot: "tank/a@one"})
	if e := effect.AsError(err); err == nil || !strings.Contains(e.Message, "tank/a@two came later") {
		t.Errorf("rollback over a later snapshot: %v", err)
	}
	back, err := Rollback(ctx, h, RollbackArgs{Snapshot: "tank/a@one", Recursive: true})
	if err != nil || !back.Changed || strings.Join(back.Destroyed, " ") != "tank/a@two" || h.Last.Risk != effect.Irreversible {
		t.Errorf("rollback: %+v, %v, %s", back, err, h.Last.Risk)
	}
	if back, err = Rollback(ctx, h, RollbackArgs{Snapshot: "tank/a@one"}); err != nil || !back.Changed || h.Last.Risk != effect.Disruptive {
		t.Errorf("rollback to the last: %+v, %v, %s", back, err, h.Last.Risk)
	}
}

func TestOnRealPoolDestroy(t *testing.T) {
	h, ctx := pool(t, "tank"), t.Context()
	sh(t, h, "zfs", "create", "-p", "tank/a/b")
	sh(t, h, "zfs", "snapshot", "-r", "tank/a@one")
	sh(t, h, "zfs", "clone", "tank/a@one", "tank/c")
	sh(t, h, "zfs", "create", "tank/c/d")
	if _, err := Destroy(ctx, h, DestroyArgs{Name: "tank/a"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("with children: %v", err)
	}
	checked := effect.Chain(h.Doer, layer.Check())
	would, err := Destroy(ctx, checked, DestroyArgs{Name: "tank/a", Dependents: true})
	if err != nil || !would.Changed {
		t.Fatalf("in check mode: %+v, %v", would, err)
	}
	if got := names(t, h, ListArgs{}); got != "tank tank/a tank/a/b tank/c tank/c/d" {
		t.Fatalf("check mode destroyed: %s", got)
	}
	if _, err := List(ctx, checked, ListArgs{}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("check mode shows the old world: %v", err)
	}
	done, err := Destroy(ctx, h, DestroyArgs{Name: "tank/a", Dependents: true})
	if err != nil || !done.Changed || h.Last.Risk != effect.Irreversible || !reflect.DeepEqual(done, would) {
		t.Errorf("destroy: %+v, foreseen %+v, %v", done, would, err)
	}
	if got := strings.Join(done.Destroyed, " "); got != "tank/a tank/a@one tank/a/b tank/a/b@one tank/c tank/c/d" {
		t.Errorf("destroyed %s", got)
	}
	if got := names(t, h, ListArgs{Types: []string{"filesystem", "snapshot"}}); got != "tank" {
		t.Errorf("left: %s", got)
	}
	if done, err = Destroy(ctx, h, DestroyArgs{Name: "tank/a"}); err != nil || done.Changed {
		t.Errorf("again: %+v, %v", done, err)
	}
}

func TestOnRealPoolUpgrade(t *testing.T) {
	h, ctx := pool(t, "tank"), t.Context()
	for _, v := range []string{"1", "2", "3"} {
		sh(t, h, "zfs", "create", "-o", "version="+v, "tank/v"+v)
	}
	old := []OldFileSystem{{"tank/v1", 1}, {"tank/v2", 2}, {"tank/v3", 3}}
	done, err := Upgrade(ctx, h, UpgradeArgs{})
	if err != nil || done.Changed || done.Supported != 4 || !reflect.DeepEqual(done.Old, old) || h.Changes != 0 {
		t.Fatalf("the list: %+v, %v", done, err)
	}
	twice(t, h, "upgrade one", func() (bool, error) {
		done, err := Upgrade(ctx, h, UpgradeArgs{Names: []string{"tank/v2", "tank"}})
		if done.Changed && (strings.Join(done.Upgraded, " ") != "tank/v2" || h.Last.Risk != effect.Irreversible) {
			t.Errorf("upgraded %v, %s", done.Upgraded, h.Last.Risk)
		}
		return done.Changed, err
	})
	twice(t, h, "upgrade all", func() (bool, error) {
		done, err := Upgrade(ctx, h, UpgradeArgs{All: true})
		return done.Changed, err
	})
	if out := sh(t, h, "zfs", "get", "-Hr", "-o", "value", "version", "tank"); out != "4\n4\n4\n4\n" {
		t.Errorf("versions: %q", out)
	}
	if _, err := Upgrade(ctx, h, UpgradeArgs{Names: []string{"tank/none"}}); effect.KindOf(err) != effect.Missing {
		t.Errorf("a missing one: %v", err)
	}
}

func TestOnRealPoolMount(t *testing.T) {
	host := zfsfuse.Start(t)
	host.NeedMounts(t)
	h, ctx := &onsim.Count{Doer: host}, t.Context()
	at := host.Dir + "/tank"
	sh(t, h, "zpool", "create", "-m", at, "tank", host.Disk(t, "disk"))
	twice(t, h, "unmount", func() (bool, error) {
		done, err := Unmount(ctx, h, UnmountArgs{Name: "tank"})
		return done.Changed, err
	})
	twice(t, h, "mount", func() (bool, error) {
		done, err := Mount(ctx, h, MountArgs{Name: "tank"})
		// zfs-fuse lets go of what it has unmounted in its own time.
		for i := 0; i < 600 && err != nil && strings.Contains(effect.AsError(err).Err, "dataset is busy"); i++ {
			time.Sleep(100 * time.Millisecond)
			done, err = Mount(ctx, h, MountArgs{Name: "tank"})
		}
		if done.Mountpoint != at {
			t.Errorf("mounted on %s", done.Mountpoint)
		}
		return done.Changed, err
	})
}

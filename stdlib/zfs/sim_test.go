package zfs

import (
	"context"
	"io"
	"reflect"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/zfs/zfssim"
	"bsdrun/tests/onsim"
)

// eras are profiles of every kind of zfs(8).
var eras = []string{"freebsd-8.2-zfs-mirror", "freebsd-13.5-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "freebsd-15.0-pkgbase"}

func machine(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	h, m := onsim.New(t, profile, base.Tools(), zfssim.Tools())
	return &onsim.Count{Doer: h}, m
}

func onEveryEra(t *testing.T, test func(t *testing.T, h *onsim.Count)) {
	for _, profile := range eras {
		t.Run(profile, func(t *testing.T) {
			h, _ := machine(t, profile)
			test(t, h)
		})
	}
}

func TestCreateAndDestroy(t *testing.T) {
	onEveryEra(t, func(t *testing.T, h *onsim.Count) {
		ctx := t.Context()
		twice(t, h, "create", func() (bool, error) {
			done, err := Create(ctx, h, CreateArgs{Name: "zroot/data/sub", Parents: true, Properties: map[string]any{"quota": "1G", "atime": false}})
			return done.Changed, err
		})
		twice(t, h, "create a volume", func() (bool, error) {
			done, err := Create(ctx, h, CreateArgs{Name: "zroot/vol", Size: "16M", Properties: map[string]any{"volblocksize": "8K"}})
			return done.Changed, err
		})
		twice(t, h, "a larger volume", func() (bool, error) {
			done, err := Create(ctx, h, CreateArgs{Name: "zroot/vol", Size: "32M"})
			return done.Changed, err
		})
		if _, err := Create(ctx, h, CreateArgs{Name: "zroot/vol", Size: "32M", Properties: map[string]any{"volblocksize": "16K"}}); effect.KindOf(err) != effect.Failed {
			t.Errorf("another block size: %v", err)
		}
		twice(t, h, "set", func() (bool, error) {
			done, err := SetProperties(ctx, h, SetArgs{Name: "zroot/data", Properties: map[string]any{"compression": "gzip", "org.example:who": "me"}})
			return done.Changed, err
		})
		twice(t, h, "inherit", func() (bool, error) {
			done, err := Inherit(ctx, h, InheritArgs{Name: "zroot/data", Properties: []string{"compression"}, Recursive: true})
			return done.Changed, err
		})
		twice(t, h, "snapshot", func() (bool, error) {
			done, err := Snapshot(ctx, h, SnapshotArgs{Names: []string{"zroot/data@one", "zroot/data/sub@one"}})
			return done.Changed, err
		})
		would, err := Destroy(ctx, effect.Chain(h.Doer, layer.Check()), DestroyArgs{Name: "zroot/data", Recursive: true})
		if err != nil {
			t.Fatal(err)
		}
		done, err := Destroy(ctx, h, DestroyArgs{Name: "zroot/data", Recursive: true})
		if err != nil || !reflect.DeepEqual(done, would) || len(done.Destroyed) != 4 || h.Last.Risk != effect.Irreversible {
			t.Errorf("destroyed %+v, foreseen %+v, %v", done, would, err)
		}
		if done, err := Destroy(ctx, h, DestroyArgs{Name: "zroot/data"}); err != nil || done.Changed {
			t.Errorf("again: %+v, %v", done, err)
		}
	})
}

func TestRollbackAndClone(t *testing.T) {
	onEveryEra(t, func(t *testing.T, h *onsim.Count) {
		ctx := t.Context()
		sh(t, h, "zfs", "create", "-o", "mountpoint=/data", "zroot/data")
		sh(t, h, "sh", "-c", "echo old >/data/f; zfs snapshot zroot/data@one; echo new >/data/f; zfs snapshot zroot/data@two")
		if _, err := Rollback(ctx, h, RollbackArgs{Snapshot: "zroot/data@one"}); effect.KindOf(err) != effect.Failed {
			t.Errorf("over a later one: %v", err)
		}
		done, err := Rollback(ctx, h, RollbackArgs{Snapshot: "zroot/data@one", Recursive: true})
		if err != nil || strings.Join(done.Destroyed, " ") != "zroot/data@two" || h.Last.Risk != effect.Irreversible {
			t.Errorf("%+v, %v", done, err)
		}
		if got := sh(t, h, "cat", "/data/f"); got != "old\n" {
			t.Errorf("the file: %q", got)
		}
		twice(t, h, "clone", func() (bool, error) {
			done, err := Clone(ctx, h, CloneArgs{Snapshot: "zroot/data@one", Name: "zroot/look", Properties: map[string]any{"readonly": true}})
			return done.Changed, err
		})
		if _, err := Destroy(ctx, h, DestroyArgs{Name: "zroot/data@one"}); effect.KindOf(err) != effect.Failed || !strings.Contains(effect.AsError(err).Hint, "dependents") {
			t.Errorf("what has a clone: %v", err)
		}
		twice(t, h, "promote", func() (bool, error) {
			done, err := Promote(ctx, h, PromoteArgs{Name: "zroot/look"})
			return done.Changed, err
		})
		twice(t, h, "rename", func() (bool, error) {
			done, err := Rename(ctx, h, RenameArgs{From: "zroot/look", To: "zroot/seen"})
			return done.Changed, err
		})
		twice(t, h, "unmount", func() (bool, error) {
			done, err := Unmount(ctx, h, UnmountArgs{Name: "zroot/data"})
			return done.Changed, err
		})
		twice(t, h, "mount", func() (bool, error) {
			done, err := Mount(ctx, h, MountArgs{Name: "zroot/data"})
			return done.Changed, err
		})
	})
}

// Rolling back what nobody has written to is no change, where the release tells.
func TestRollbackOfNothing(t *testing.T) {
	h, _ := machine(t, eras[2])
	sh(t, h, "zfs", "create", "zroot/data")
	sh(t, h, "zfs", "snapshot", "zroot/data@one")
	if done, err := Rollback(t.Context(), h, RollbackArgs{Snapshot: "zroot/data@one"}); err != nil || done.Changed {
		t.Errorf("%+v, %v", done, err)
	}
	sh(t, h, "zfs", "snapshot", "zroot/data@two")
	twice(t, h, "bookmark", func() (bool, error) {
		done, err := Bookmark(t.Context(), h, BookmarkArgs{Snapshot: "zroot/data@two", Name: "#two"})
		return done.Changed, err
	})
	done, err := Rollback(t.Context(), h, RollbackArgs{Snapshot: "zroot/data@one", Recursive: true})
	if err != nil || strings.Join(done.Destroyed, " ") != "zroot/data@two zroot/data#two" {
		t.Errorf("with a bookmark: %+v, %v", done, err)
	}
}

func TestHolds(t *testing.T) {
	for _, profile := range eras[1:] {
		h, _ := machine(t, profile)
		ctx := t.Context()
		sh(t, h, "zfs", "create", "-p", "zroot/data/sub")
		sh(t, h, "zfs", "snapshot", "-r", "zroot/data@one")
		sh(t, h, "zfs", "hold", "keep", "zroot/data@one")
		a := HoldArgs{Tag: "keep", Snapshots: []string{"zroot/data@one"}, Recursive: true}
		twice(t, h, "hold", func() (bool, error) {
			done, err := PutHold(ctx, h, a)
			if done.Changed && strings.Join(done.Snapshots, " ") != "zroot/data/sub@one" {
				t.Errorf("held %v", done.Snapshots)
			}
			return done.Changed, err
		})
		holds, err := Holds(ctx, h, HoldsArgs{Snapshots: []string{"zroot/data@one"}})
		if err != nil || len(holds) != 1 || holds[0].Tag != "keep" || holds[0].Snapshot != "zroot/data@one" || holds[0].Created.IsZero() {
			t.Errorf("%s: %+v, %v", profile, holds, err)
		}
		if _, err := Destroy(ctx, h, DestroyArgs{Name: "zroot/data@one"}); effect.KindOf(err) != effect.Failed || !strings.Contains(effect.AsError(err).Hint, "zfs.release") {
			t.Errorf("%s: what is held: %v", profile, err)
		}
		twice(t, h, "release", func() (bool, error) {
			done, err := Release(ctx, h, a)
			return done.Changed, err
		})
	}
	h, _ := machine(t, eras[0])
	sh(t, h, "zfs", "snapshot", "zroot@one")
	if _, err := PutHold(t.Context(), h, HoldArgs{Tag: "keep", Snapshots: []string{"zroot@one"}}); effect.KindOf(err) != effect.Failed || effect.AsError(err).Hint == "" {
		t.Errorf("before there were holds: %v", err)
	}
}

func TestAllow(t *testing.T) {
	onEveryEra(t, func(t *testing.T, h *onsim.Count) {
		ctx := t.Context()
		sh(t, h, "zfs", "create", "zroot/data")
		a := AllowArgs{Name: "zroot/data", Permissions: []string{"snapshot", "mount"}, Users: []string{"operator"}, Everyone: true}
		twice(t, h, "allow", func() (bool, error) {
			done, err := Allow(ctx, h, a)
			return done.Changed, err
		})
		listed, err := Allow(ctx, h, AllowArgs{Name: "zroot/data"})
		if err != nil || listed.Changed || len(listed.Before) != 2 {
			t.Errorf("%+v, %v", listed, err)
		}
		a.Permissions = nil
		twice(t, h, "unallow", func() (bool, error) {
			done, err := Unallow(ctx, h, a)
			return done.Changed, err
		})
	})
}

func TestDiff(t *testing.T) {
	h, _ := machine(t, eras[2])
	sh(t, h, "zfs", "create", "-o", "mountpoint=/data", "zroot/data")
	sh(t, h, "sh", "-c", "echo 1 >/data/a; echo 1 >/data/b; zfs snapshot zroot/data@one; rm /data/a; echo 2 >/data/b; echo 3 >'/data/c d'")
	got, err := Diff(t.Context(), h, DiffArgs{From: "zroot/data@one"})
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]string{}
	for _, d := range got {
		words[d.Path] = d.Change + " " + d.Type
	}
	want := map[string]string{"/data/": "modified directory", "/data/a": "removed file", "/data/b": "modified file", "/data/c d": "added file"}
	if !reflect.DeepEqual(words, want) {
		t.Errorf("%v", words)
	}
}

// Whoever asks for a key hears it by standard input, and nowhere else.
func TestKeysGoByStandardInput(t *testing.T) {
	var seen []effect.Effect
	var input []string
	loaded := false
	h := effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		seen = append(seen, e)
		if e.Stdin != nil {
			b, err := io.ReadAll(e.Stdin)
			if err != nil {
				return effect.Result{}, err
			}
			input = append(input, string(b))
		}
		out := "zroot/vault\tfilesystem\tzroot/vault\tunavailable\tpassphrase\tprompt\n"
		if loaded {
			out = strings.ReplaceAll(out, "unavailable", "available")
		}
		return effect.Result{Stdout: effect.OutputOf([]byte(out))}, nil
	})
	key := effect.NewSecret("vault", "hunter2222")
	if done, err := LoadKey(t.Context(), h, LoadKeyArgs{Name: "zroot/vault", Key: key}); err != nil || !done.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := ChangeKey(t.Context(), h, ChangeKeyArgs{Name: "zroot/vault", Key: key}); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("without its old key: %v", err)
	}
	loaded = true
	if done, err := ChangeKey(t.Context(), h, ChangeKeyArgs{Name: "zroot/vault", Key: key, Format: "passphrase"}); err != nil || !done.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	if !reflect.DeepEqual(input, []string{"hunter2222\n", "hunter2222\n"}) {
		t.Errorf("input %q", input)
	}
	for _, e := range seen {
		if strings.Contains(strings.Join(append(append(e.Argv, e.Env...), e.Title), " "), "hunter") {
			t.Errorf("it shows: %v", e)
		}
	}
	if last := strings.Join(seen[len(seen)-1].Argv, " "); last != "zfs change-key -o keyformat=passphrase -o keylocation=prompt zroot/vault" {
		t.Errorf("%s", last)
	}
}

func TestUpgradeOnEveryEra(t *testing.T) {
	onEveryEra(t, func(t *testing.T, h *onsim.Count) {
		ctx := t.Context()
		sh(t, h, "zfs", "create", "-o", "version=3", "zroot/old")
		listed, err := Upgrade(ctx, h, UpgradeArgs{})
		if err != nil || listed.Changed || !reflect.DeepEqual(listed.Old, []OldFileSystem{{"zroot/old", 3}}) || h.Changes != 0 {
			t.Fatalf("%+v, %v", listed, err)
		}
		twice(t, h, "upgrade", func() (bool, error) {
			done, err := Upgrade(ctx, h, UpgradeArgs{All: true})
			return done.Changed, err
		})
		if got := number(strings.TrimSpace(sh(t, h, "zfs", "get", "-H", "-o", "value", "version", "zroot/old"))); got != listed.Supported {
			t.Errorf("version %d, want %d", got, listed.Supported)
		}
	})
}

func TestListOnEveryEra(t *testing.T) {
	onEveryEra(t, func(t *testing.T, h *onsim.Count) {
		sh(t, h, "zfs", "create", "-o", "mountpoint=/data", "zroot/data")
		sh(t, h, "zfs", "snapshot", "-r", "zroot@x")
		sh(t, h, "zfs", "snapshot", "zroot/data@a") // later, though its name comes first
		off := false
		for want, a := range map[string]ListArgs{
			"zroot/data":                           {Name: "zroot/data"},
			"zroot/data@x zroot/data@a":            {Name: "zroot/data", Types: []string{"snapshot"}},
			"zroot/data zroot/data@x zroot/data@a": {Name: "zroot/data", Types: []string{"filesystem", "snapshot"}},
			"zroot@x":                              {Name: "zroot", Types: []string{"snapshot"}, Recursive: &off},
			"zroot zroot@x":                        {Name: "zroot", Types: []string{"filesystem", "snapshot", "bookmark"}, Recursive: &off},
			"zroot/data@a":                         {Name: "zroot/data@a"},
		} {
			if got := names(t, h, a); got != want {
				t.Errorf("%+v: %s, want %s", a, got, want)
			}
		}
		all, err := List(t.Context(), h, ListArgs{Name: "zroot/data", Properties: []string{"compression", "recordsize"}})
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		d := all[0]
		if d.Mountpoint != "/data" || !d.Mounted || d.Used <= 0 || d.Available <= 0 || d.Creation.IsZero() || d.Properties["recordsize"] != int64(128<<10) || d.Properties["compression"] == nil {
			t.Errorf("%+v", d)
		}
	})
}

// What check mode would have changed is unknown afterwards, and the rest is not.
func TestCheckModeKnowsWhatItTouched(t *testing.T) {
	h, _ := machine(t, eras[2])
	ctx := t.Context()
	sh(t, h, "zfs", "create", "-p", "zroot/data/sub")
	checked := effect.Chain(h.Doer, layer.Check())
	if done, err := SetProperties(ctx, checked, SetArgs{Name: "zroot/data", Properties: map[string]any{"compression": "gzip"}}); err != nil || !done.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := Get(ctx, checked, GetArgs{Name: "zroot/data/sub", Properties: []string{"compression"}}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("what inherits it: %v", err)
	}
	if got, err := Get(ctx, checked, GetArgs{Name: "zroot/usr", Properties: []string{"compression"}}); err != nil || len(got) != 1 {
		t.Errorf("another one: %v, %v", got, err)
	}
	if done, err := Snapshot(ctx, checked, SnapshotArgs{Names: []string{"zroot/var@a"}, Recursive: true}); err != nil || len(done.Created) < 2 {
		t.Errorf("%+v, %v", done, err)
	}
	if _, err := List(ctx, checked, ListArgs{Name: "zroot/var/log", Types: []string{"snapshot"}}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("snapshots that it would have taken: %v", err)
	}
	if got := names(t, h, ListArgs{Name: "zroot/var", Types: []string{"snapshot"}}); got != "" {
		t.Errorf("check mode took %s", got)
	}
}

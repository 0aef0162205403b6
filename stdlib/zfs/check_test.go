package zfs

import (
	"context"
	"reflect"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
)

// What check mode says of a call is what the call then does, and it leaves
// everything as it is.
func TestCheckModeForeseesWhatIsDone(t *testing.T) {
	h, _ := machine(t, eras[2])
	sh(t, h, "zfs", "create", "-o", "mountpoint=/data", "-o", "compression=gzip", "zroot/data")
	sh(t, h, "zfs", "create", "-o", "version=4", "zroot/data/sub")
	sh(t, h, "zfs", "snapshot", "-r", "zroot/data@one")
	for _, call := range []struct {
		name string
		do   func(ctx context.Context, h effect.Doer) (any, error)
	}{
		{"create", func(ctx context.Context, h effect.Doer) (any, error) {
			return Create(ctx, h, CreateArgs{Name: "zroot/new/below", Parents: true})
		}},
		{"set", func(ctx context.Context, h effect.Doer) (any, error) {
			return SetProperties(ctx, h, SetArgs{Name: "zroot/data", Properties: map[string]any{"quota": "1G", "mountpoint": "/elsewhere"}})
		}},
		{"inherit", func(ctx context.Context, h effect.Doer) (any, error) {
			return Inherit(ctx, h, InheritArgs{Name: "zroot/data", Properties: []string{"compression"}, Recursive: true})
		}},
		{"snapshot", func(ctx context.Context, h effect.Doer) (any, error) {
			return Snapshot(ctx, h, SnapshotArgs{Names: []string{"zroot/data@two"}, Recursive: true})
		}},
		{"bookmark", func(ctx context.Context, h effect.Doer) (any, error) {
			return Bookmark(ctx, h, BookmarkArgs{Snapshot: "zroot/data@one", Name: "#one"})
		}},
		{"hold", func(ctx context.Context, h effect.Doer) (any, error) {
			return PutHold(ctx, h, HoldArgs{Tag: "keep", Snapshots: []string{"zroot/data@one"}, Recursive: true})
		}},
		{"release", func(ctx context.Context, h effect.Doer) (any, error) {
			return Release(ctx, h, HoldArgs{Tag: "keep", Snapshots: []string{"zroot/data@one"}, Recursive: true})
		}},
		{"clone", func(ctx context.Context, h effect.Doer) (any, error) {
			return Clone(ctx, h, CloneArgs{Snapshot: "zroot/data@one", Name: "zroot/look"})
		}},
		{"promote", func(ctx context.Context, h effect.Doer) (any, error) {
			return Promote(ctx, h, PromoteArgs{Name: "zroot/look"})
		}},
		{"rename", func(ctx context.Context, h effect.Doer) (any, error) {
			return Rename(ctx, h, RenameArgs{From: "zroot/look", To: "zroot/seen"})
		}},
		{"allow", func(ctx context.Context, h effect.Doer) (any, error) {
			return Allow(ctx, h, AllowArgs{Name: "zroot/data", Permissions: []string{"snapshot"}, Groups: []string{"operator"}, Scope: "local"})
		}},
		{"unallow", func(ctx context.Context, h effect.Doer) (any, error) {
			return Unallow(ctx, h, AllowArgs{Name: "zroot/data", Groups: []string{"operator"}, Scope: "local"})
		}},
		{"unmount", func(ctx context.Context, h effect.Doer) (any, error) {
			return Unmount(ctx, h, UnmountArgs{Name: "zroot/data"})
		}},
		{"mount", func(ctx context.Context, h effect.Doer) (any, error) {
			return Mount(ctx, h, MountArgs{Name: "zroot/data"})
		}},
		{"upgrade", func(ctx context.Context, h effect.Doer) (any, error) {
			return Upgrade(ctx, h, UpgradeArgs{All: true})
		}},
		{"rollback", func(ctx context.Context, h effect.Doer) (any, error) {
			return Rollback(ctx, h, RollbackArgs{Snapshot: "zroot/seen@one", Recursive: true})
		}},
		{"destroy", func(ctx context.Context, h effect.Doer) (any, error) {
			return Destroy(ctx, h, DestroyArgs{Name: "zroot/seen", Dependents: true})
		}},
	} {
		before := sh(t, h, "sh", "-c", state)
		would, err := call.do(t.Context(), effect.Chain(h.Doer, layer.Check()))
		if err != nil {
			t.Errorf("%s in check mode: %v", call.name, err)
		}
		if after := sh(t, h, "sh", "-c", state); after != before {
			t.Errorf("%s: check mode changed\n%s\ninto\n%s", call.name, before, after)
		}
		did, err := call.do(t.Context(), h)
		if err != nil || !reflect.DeepEqual(did, would) {
			t.Errorf("%s: foreseen %+v, done %+v (%v)", call.name, would, did, err)
		}
		if changed := sh(t, h, "sh", "-c", state) != before; changed != reflect.ValueOf(did).FieldByName("Changed").Bool() {
			t.Errorf("%s: says %+v, and the host has changed: %t", call.name, did, changed)
		}
	}
}

// state is all that the calls may touch.
const state = `zfs list -Hp -t all -o name,used,mounted,mountpoint,origin; zfs get -Hp -r compression,quota,version,userrefs zroot
zfs allow zroot/data; zfs list -H -t bookmark`

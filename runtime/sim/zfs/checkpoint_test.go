package zfs

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// second gives a machine a pool on two disks of its own.
func second(t *testing.T) *sim.Machine {
	t.Helper()
	m, pool := bench(t, "mirror", "", "")
	ok(t, ExportPool(m, pool), ImportPool(m, pool, Import{}))
	s := m.State()
	s.Lock()
	pool.Version = FeatureFlags
	enable(pool, Features, true)
	s.Unlock()
	insert(pool, newDataset(m, pool, NewDataset{Name: "tank", Type: FileSystem}))
	ok(t, MountPool(m, pool))
	return m
}

// A rewind brings back what was destroyed, with its snapshots, and takes away what
// came later.
func TestRewindDatasets(t *testing.T) {
	m := second(t)
	pool := FindPool(m, "tank")
	create(t, m, "tank/a")
	put(t, m, "/tank/a/f", "1")
	ok(t, TakeSnapshots(m, []string{"tank/a@1", "tank@1"}, nil))
	put(t, m, "/tank/a/f", "2")
	ok(t, TakeCheckpoint(m, pool))
	ok(t, DestroyDataset(m, "tank/a@1"), DestroyDataset(m, "tank/a"))
	create(t, m, "tank/late")
	ok(t, UnmountPool(m, pool, false), ExportPool(m, pool), ImportPool(m, pool, Import{Rewind: true, Name: "other"}), MountPool(m, pool))
	if _, late := FindDataset(m, "other/late"); late != nil || content(m, "/other/a/f") != "2" {
		t.Errorf("late %v, file %q", late, content(m, "/other/a/f"))
	}
	ok(t, RollBack(m, "other/a@1"))
	if content(m, "/other/a/f") != "1" {
		t.Error("the snapshot holds something else")
	}
	refused(t, DiscardCheckpoint(m, pool), "checkpoint does not exist")
}

// A checkpoint keeps what was removed since.
func TestCheckpointTakesSpace(t *testing.T) {
	m := second(t)
	pool := FindPool(m, "tank")
	put(t, m, "/tank/f", strings.Repeat("x", 1<<20))
	ok(t, TakeCheckpoint(m, pool))
	before := Allocated(m, pool)
	ok(t, m.View(vfs.Root, "/").Remove("/tank/f"))
	if got := Allocated(m, pool); got != before || pool.Checkpoint.Used != checkpointRecords+1<<20 {
		t.Errorf("%d allocated, %d before; the checkpoint takes %d", got, before, pool.Checkpoint.Used)
	}
	ok(t, DiscardCheckpoint(m, pool))
	if got := Allocated(m, pool); got != before-checkpointRecords-1<<20 {
		t.Errorf("%d allocated without the checkpoint, %d before", got, before)
	}
}

func TestSplitTakesSnapshotsAlong(t *testing.T) {
	m := second(t)
	pool := FindPool(m, "tank")
	put(t, m, "/tank/f", "1")
	ok(t, TakeSnapshots(m, []string{"tank@1"}, nil))
	_, err := CreateDataset(m, NewDataset{Name: "tank/clone", Origin: "tank@1"})
	ok(t, err)
	put(t, m, "/tank/f", "2")
	half, err := Split(m, pool, "half", nil)
	ok(t, err, DestroyDataset(m, "tank/clone"), DestroyDataset(m, "tank@1"))
	ok(t, ImportPool(m, half, Import{}), MountPool(m, half))
	if content(m, "/half/f") != "2" || content(m, "/half/clone/f") != "1" {
		t.Errorf("files %q and %q", content(m, "/half/f"), content(m, "/half/clone/f"))
	}
	ok(t, Promote(m, "half/clone"))
	if _, root := FindDataset(m, "half"); root.Origin != "half/clone@1" {
		t.Errorf("origin %q", root.Origin)
	}
}

// Every dataset of every profile can be snapshot, be it mounted or not.
func TestProfilesAreWhole(t *testing.T) {
	for _, p := range sim.Profiles() {
		m := machine(t, p.Name)
		for _, pool := range Pools(m) {
			names := []string{pool.Name + "@all"}
			for _, d := range Children(m, pool.Name) {
				names = append(names, d.Name+"@all")
				at := MountedAt(m, d.Name)
				if want := MountPoint(m, d.Name); d.Mounted != (at != "") || at != "" && at != want || at == "" && wanted(pool, d) {
					t.Errorf("%s: %s is mounted at %q (%t), and to be at %s", p.Name, d.Name, at, d.Mounted, want)
				}
			}
			ok(t, TakeSnapshots(m, names, nil))
			_, root := FindDataset(m, pool.Name)
			if u := Used(m, root); u.Used != Allocated(m, pool) || u.Available <= 0 {
				t.Errorf("%s: %+v, %d allocated", p.Name, u, Allocated(m, pool))
			}
		}
	}
}

// A machine that is kept in a state file finds its snapshots, clones and the rest
// again.
func TestKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "machine")
	open := func() *sim.Machine {
		m, err := sim.New(sim.Options{Profile: profile14, Params: url.Values{"state": {file}}})
		ok(t, err)
		return m
	}
	m := open()
	create(t, m, "zroot/a")
	put(t, m, "/zroot/a/f", "1")
	ok(t, TakeSnapshots(m, []string{"zroot/a@1", "zroot/ROOT/default@1"}, nil))
	put(t, m, "/zroot/a/f", "2")
	ok(t, TakeSnapshots(m, []string{"zroot/a@2"}, nil))
	_, err := CreateDataset(m, NewDataset{Name: "zroot/clone", Origin: "zroot/a@1"})
	ok(t, err)
	put(t, m, "/zroot/clone/g", "3")
	put(t, m, "/etc/motd", "changed")
	be := environment(t, m, "new", "14.2-RELEASE")
	ok(t, TakeCheckpoint(m, FindPool(m, "zroot")), Promote(m, "zroot/clone"), m.Close())

	m = open()
	t.Cleanup(func() { _ = m.Close() })
	ok(t, RollBack(m, "zroot/a@2"), MountDatasetAt(m, "zroot/clone@1", "/mnt"))
	for file, want := range map[string]string{"/zroot/a/f": "2", "/zroot/clone/f": "1", "/zroot/clone/g": "3", "/mnt/f": "1", "/mnt/g": "", "/etc/motd": "changed"} {
		if got := content(m, file); got != want {
			t.Errorf("%s holds %q, want %q", file, got, want)
		}
	}
	ok(t, UnmountDataset(m, "zroot/clone@1", false))
	pool, root := FindDataset(m, "zroot")
	if used, given := Used(m, root).Used+pool.Checkpoint.Used, Allocated(m, pool); used != given {
		t.Errorf("%d used, %d allocated", used, given)
	}
	ok(t, SetPoolProperty(m, pool, "bootfs", be))
	m.PowerCycle()
	passes(t, m)
	runs(t, m, be, "14.2-RELEASE", "new")
}

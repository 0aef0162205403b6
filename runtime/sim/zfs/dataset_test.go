package zfs

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// machine is one of a profile.
func machine(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

const profile14 = "freebsd-14.3-zfs-mirror-uefi"

func ok(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, m *sim.Machine, name string, property ...string) *state.Dataset {
	t.Helper()
	set := map[string]string{}
	for i := 0; i < len(property); i += 2 {
		set[property[i]] = property[i+1]
	}
	d, err := CreateDataset(m, NewDataset{Name: name, Type: FileSystem, Properties: set})
	ok(t, err)
	return d
}

func put(t *testing.T, m *sim.Machine, file, text string) {
	t.Helper()
	ok(t, m.View(vfs.Root, "/").WriteFile(file, []byte(text), 0o644))
}

func content(m *sim.Machine, file string) string {
	data, _ := m.View(vfs.Root, "/").ReadFile(file)
	return string(data)
}

func names(list []*state.Dataset) []string {
	var all []string
	for _, d := range list {
		all = append(all, d.Name)
	}
	return all
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCreateRefuses(t *testing.T) {
	m := machine(t, profile14)
	for _, c := range []struct {
		n    NewDataset
		want string
	}{
		{NewDataset{Name: "zroot/home", Type: FileSystem}, "dataset already exists"},
		{NewDataset{Name: "zroot/a/b", Type: FileSystem}, "parent does not exist"},
		{NewDataset{Name: "tank/a", Type: FileSystem}, "no such pool 'tank'"},
		{NewDataset{Name: "zroot/a/", Type: FileSystem}, "trailing slash in name"},
		{NewDataset{Name: "zroot/a%b", Type: FileSystem}, "invalid character '%' in name"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Properties: map[string]string{"bogus": "1"}}, "invalid property 'bogus'"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Properties: map[string]string{"used": "1"}}, "'used' is readonly"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Properties: map[string]string{"volsize": "1"}}, "'volsize' does not apply to datasets of this type"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Properties: map[string]string{"mountpoint": "a"}}, "'mountpoint' must be an absolute path, 'none', or 'legacy'"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Properties: map[string]string{"atime": "maybe"}}, "'atime' must be one of 'on | off'"},
		{NewDataset{Name: "zroot/a", Type: FileSystem, Origin: "zroot/home@no"}, "dataset does not exist"},
	} {
		_, err := CreateDataset(m, c.n)
		refused(t, err, c.want)
	}
	_, err := CreateDataset(m, NewDataset{Name: "zroot/a", Type: Volume, Size: 1 << 40})
	refused(t, err, "out of space")
	if _, d := FindDataset(m, "zroot/a"); d != nil {
		t.Error("a refused dataset was made")
	}
}

func TestCreateMounts(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/data")
	create(t, m, "zroot/data/db", "mountpoint", "/srv/db/", "setuid", "off")
	create(t, m, "zroot/data/off", "canmount", "off")
	for name, want := range map[string]string{"zroot/data": "/zroot/data", "zroot/data/db": "/srv/db", "zroot/data/off": ""} {
		if got := MountedAt(m, name); got != want {
			t.Errorf("%s is mounted at %q, want %q", name, got, want)
		}
		if _, d := FindDataset(m, name); d.Mounted != (want != "") {
			t.Errorf("%s: mounted is %t", name, d.Mounted)
		}
	}
	u, err := m.Tree().UsageOf("/srv/db")
	ok(t, err)
	if !slices.Contains(u.Options, "nosuid") || !slices.Contains(u.Options, "noatime") {
		t.Errorf("mounted with %q", u.Options)
	}
	if _, err := CreateDataset(m, NewDataset{Name: "zroot/x/y/z", Type: FileSystem, Parents: true}); err != nil || MountedAt(m, "zroot/x/y/z") != "/zroot/x/y/z" {
		t.Errorf("parents: %v", err)
	}
}

// TestOrder has children in the order a recorded zfs list -t all shows.
func TestOrder(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/d")
	create(t, m, "zroot/d/e")
	create(t, m, "zroot/d-e")
	ok(t, TakeSnapshots(m, []string{"zroot/d@z"}, nil), TakeSnapshots(m, []string{"zroot/d@a", "zroot/d/e@a"}, nil))
	ok(t, TakeBookmark(m, "zroot/d@z", "zroot/d#0"))
	want := []string{"zroot/d@z", "zroot/d@a", "zroot/d#0", "zroot/d/e", "zroot/d/e@a"}
	if got := names(Children(m, "zroot/d")); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSnapshotsAndClones(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/data")
	put(t, m, "/zroot/data/f", "old")
	ok(t, TakeSnapshots(m, []string{"zroot/data@1"}, nil))
	refused(t, TakeSnapshots(m, []string{"zroot/home@1", "zroot/data@1"}, nil), "dataset already exists")
	if _, d := FindDataset(m, "zroot/home@1"); d != nil {
		t.Error("one of several snapshots was taken though another could not be")
	}
	put(t, m, "/zroot/data/f", "new")
	_, err := CreateDataset(m, NewDataset{Name: "zroot/clone", Origin: "zroot/data@1"})
	ok(t, err)
	if got := content(m, "/zroot/clone/f"); got != "old" {
		t.Errorf("the clone holds %q", got)
	}
	refused(t, DestroyDataset(m, "zroot/data"), "filesystem has children")
	refused(t, DestroyDataset(m, "zroot/data@1"), "snapshot has dependent clones")
	ok(t, TakeSnapshots(m, []string{"zroot/data@2"}, nil), Promote(m, "zroot/clone"))
	if got, want := names(Children(m, "zroot/clone")), []string{"zroot/clone@1"}; !slices.Equal(got, want) {
		t.Errorf("after promote %q, want %q", got, want)
	}
	_, data := FindDataset(m, "zroot/data")
	if _, clone := FindDataset(m, "zroot/clone"); data.Origin != "zroot/clone@1" || clone.Origin != "" {
		t.Errorf("origins %q and %q", data.Origin, clone.Origin)
	}
	refused(t, Promote(m, "zroot/clone"), "not a cloned filesystem")
	ok(t, DestroyDataset(m, "zroot/data@2"), DestroyDataset(m, "zroot/data"))
	if content(m, "/zroot/clone/f") != "old" || content(m, "/zroot/data/f") != "" {
		t.Error("destroying the original took the clone's files, or left its own")
	}
	refused(t, DestroyDataset(m, "zroot"), "operation does not apply to pools\nuse 'zfs destroy -r zroot' to destroy all datasets in the pool\nuse 'zpool destroy zroot' to destroy the pool itself")
}

func TestRollBack(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/data")
	put(t, m, "/zroot/data/f", "1")
	ok(t, TakeSnapshots(m, []string{"zroot/data@1"}, nil))
	put(t, m, "/zroot/data/f", "2")
	ok(t, TakeSnapshots(m, []string{"zroot/data@2"}, nil))
	refused(t, RollBack(m, "zroot/data@1"), "more recent snapshots or bookmarks exist")
	ok(t, DestroyDataset(m, "zroot/data@2"), RollBack(m, "zroot/data@1"))
	if got := content(m, "/zroot/data/f"); got != "1" {
		t.Errorf("after rolling back the file holds %q", got)
	}
}

func TestHolds(t *testing.T) {
	m := machine(t, profile14)
	ok(t, TakeSnapshots(m, []string{"zroot/home@1"}, nil), HoldSnapshot(m, "zroot/home@1", "keep"))
	refused(t, HoldSnapshot(m, "zroot/home@1", "keep"), "tag already exists on this dataset")
	if err := DestroyDataset(m, "zroot/home@1"); !errors.Is(err, ErrHeld) {
		t.Errorf("destroying a held snapshot: %v", err)
	}
	refused(t, ReleaseSnapshot(m, "zroot/home@1", "other"), "no such tag on this dataset")
	ok(t, ReleaseSnapshot(m, "zroot/home@1", "keep"), DestroyDataset(m, "zroot/home@1"))
}

func TestRename(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/a")
	create(t, m, "zroot/a/b")
	create(t, m, "zroot/a/c", "mountpoint", "/srv/c")
	put(t, m, "/zroot/a/b/f", "b")
	ok(t, TakeSnapshots(m, []string{"zroot/a/b@1"}, nil))
	_, err := CreateDataset(m, NewDataset{Name: "zroot/clone", Origin: "zroot/a/b@1"})
	ok(t, err, RenameDataset(m, "zroot/a", "zroot/z"))
	for name, want := range map[string]string{"zroot/z": "/zroot/z", "zroot/z/b": "/zroot/z/b", "zroot/z/c": "/srv/c"} {
		if got := MountedAt(m, name); got != want {
			t.Errorf("%s is mounted at %q, want %q", name, got, want)
		}
	}
	if content(m, "/zroot/z/b/f") != "b" {
		t.Error("the files didn't come along")
	}
	if _, clone := FindDataset(m, "zroot/clone"); clone.Origin != "zroot/z/b@1" {
		t.Errorf("the clone's origin is %s", clone.Origin)
	}
	refused(t, RenameDataset(m, "zroot/z/b@1", "zroot/z@1"), "snapshots must be part of same dataset")
	refused(t, RenameDataset(m, "zroot/z", "zroot/z/y"), "New dataset name cannot be a descendant of current dataset name")
	refused(t, RenameDataset(m, "zroot/z", "zroot/home"), "dataset already exists")
	ok(t, RenameDataset(m, "zroot/z/b@1", "zroot/z/b@2"), RollBack(m, "zroot/z/b@2"))
	// What runs is renamed where it is.
	ok(t, RenameDataset(m, "zroot/ROOT/default", "zroot/ROOT/old"))
	pool := FindPool(m, "zroot")
	if MountedAt(m, "zroot/ROOT/old") != "/" || pool.Properties["bootfs"] != "zroot/ROOT/old" {
		t.Errorf("the running system is mounted at %q and bootfs is %s", MountedAt(m, "zroot/ROOT/old"), pool.Properties["bootfs"])
	}
}

func TestProperties(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/a", "compression", "zstd-3", "quota", "10G", "org.example:note", "hello")
	create(t, m, "zroot/a/b")
	ok(t, TakeSnapshots(m, []string{"zroot/a/b@1"}, nil))
	check := func(name, property, value, source string) {
		t.Helper()
		_, d := FindDataset(m, name)
		if v, s := PropertyValue(m, d, property); v != value || s != source {
			t.Errorf("%s of %s: %q %q, want %q %q", property, name, v, s, value, source)
		}
	}
	check("zroot/a", "compression", "zstd-3", "local")
	check("zroot/a/b", "compress", "zstd-3", "inherited from zroot/a")
	check("zroot/a/b", "atime", "off", "inherited from zroot")
	check("zroot/a", "quota", "10737418240", "local")
	check("zroot/a/b", "quota", "0", "default")
	check("zroot/a/b", "org.example:note", "hello", "inherited from zroot/a")
	check("zroot/a/b@1", "org.example:note", "hello", "inherited from zroot/a")
	check("zroot/a/b", "mountpoint", "/zroot/a/b", "inherited from zroot")
	check("zroot/ROOT/default", "canmount", "noauto", "local")
	check("zroot/a", "canmount", "on", "default")
	check("zroot/a", "casesensitivity", "sensitive", "-")
	check("zroot/a", "version", "5", "-")
	check("zroot/a", "mounted", "yes", "-")
	check("zroot/a", "origin", "-", "-")
	check("zroot/a", "userrefs", "-", "-")
	check("zroot/a/b@1", "userrefs", "0", "-")
	for _, c := range []struct{ property, value, want string }{
		{"compression", "nope", "'compression' must be one of 'on | off | lzjb | gzip | gzip-[1-9] | zle | lz4 | zstd | zstd-[1-19] | zstd-fast | zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]'"},
		{"quota", "0", "use 'none' to disable quota/refquota"},
		{"quota", "x", "bad numeric value 'x'"},
		{"quota", "1", "size is less than current used or reserved space"},
		{"recordsize", "1000", "'recordsize' must be power of 2 from 512B to 16MB"},
		{"casesensitivity", "mixed", "'casesensitivity' is readonly"},
		{"version", "9", "'version' must be one of '1 | 2 | 3 | 4 | 5 | current'"},
		{"version", "3", "Can not downgrade; already at version 5"},
	} {
		refused(t, SetProperty(m, "zroot/a", c.property, c.value), c.want)
	}
	ok(t, InheritProperty(m, "zroot/a", "compression"))
	check("zroot/a", "compression", "on", "inherited from zroot")
	refused(t, InheritProperty(m, "zroot/a", "quota"), "property cannot be inherited")
}

// TestEra has an old release know no more than it did.
func TestEra(t *testing.T) {
	m := machine(t, "freebsd-8.2-zfs-mirror")
	refused(t, SetProperty(m, "zroot/usr", "compression", "lz4"), "'compression' must be one of 'on | off | lzjb | gzip | gzip-[1-9]'")
	refused(t, SetProperty(m, "zroot/usr", "sync", "disabled"), "invalid property 'sync'")
	refused(t, SetProperty(m, "zroot/usr", "version", "5"), "'version' must be one of '1 | 2 | 3 | 4 | current'")
	_, d := FindDataset(m, "zroot/usr")
	if v, _ := PropertyValue(m, d, "version"); v != "4" {
		t.Errorf("version %s", v)
	}
}

func TestMountPointMoves(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/a")
	create(t, m, "zroot/a/b")
	put(t, m, "/zroot/a/b/f", "b")
	ok(t, SetProperty(m, "zroot/a", "mountpoint", "/srv"))
	if MountedAt(m, "zroot/a") != "/srv" || content(m, "/srv/b/f") != "b" {
		t.Errorf("mounted at %q", MountedAt(m, "zroot/a"))
	}
	ok(t, SetProperty(m, "zroot/a", "mountpoint", "none"))
	if MountedAt(m, "zroot/a")+MountedAt(m, "zroot/a/b") != "" {
		t.Error("still mounted")
	}
	refused(t, MountDataset(m, "zroot/a"), "no mountpoint set")
	ok(t, InheritProperty(m, "zroot/a", "mountpoint"))
	if MountedAt(m, "zroot/a/b") != "/zroot/a/b" {
		t.Error("not mounted again")
	}
	ok(t, SetProperty(m, "zroot/a", "canmount", "off"))
	if MountedAt(m, "zroot/a") != "" || MountedAt(m, "zroot/a/b") == "" {
		t.Error("canmount=off unmounts the wrong file systems")
	}
	refused(t, MountDataset(m, "zroot/a"), "'canmount' property is set to 'off'")
	refused(t, SetProperty(m, "zroot/ROOT/default", "mountpoint", "/other"), "cannot unmount '/': pool or dataset is busy")
	if MountPoint(m, "zroot/ROOT/default") != "/" {
		t.Error("the refused mount point was kept")
	}
	ok(t, SetProperty(m, "zroot/a/b", "readonly", "on"))
	if err := m.View(vfs.Root, "/").WriteFile("/zroot/a/b/f", nil, 0o644); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("writing to a read-only file system: %v", err)
	}
}

// TestSpace has the parts of what is used add up to what the pool has given.
func TestSpace(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/a")
	put(t, m, "/zroot/a/f", strings.Repeat("x", 1<<20))
	ok(t, TakeSnapshots(m, []string{"zroot/a@1"}, nil))
	ok(t, m.View(vfs.Root, "/").Remove("/zroot/a/f"))
	_, err := CreateDataset(m, NewDataset{Name: "zroot/clone", Origin: "zroot/a@1"})
	ok(t, err)
	put(t, m, "/zroot/clone/g", strings.Repeat("y", 512<<10))
	pool, root := FindDataset(m, "zroot")
	if used, given := Used(m, root).Used, Allocated(m, pool); used != given {
		t.Errorf("%d used, %d allocated", used, given)
	}
	_, a := FindDataset(m, "zroot/a")
	if u := Used(m, a); u.BySnapshots != 1<<20 || u.Referenced != ownRecords || u.Used != 1<<20+ownRecords {
		t.Errorf("%+v", u)
	}
	_, clone := FindDataset(m, "zroot/clone")
	if u := Used(m, clone); u.Used != 512<<10+ownRecords || u.Referenced != 1<<20+512<<10+ownRecords {
		t.Errorf("clone %+v", u)
	}
	ok(t, DestroyDataset(m, "zroot/clone"))
	_, snapshot := FindDataset(m, "zroot/a@1")
	if u := Used(m, snapshot); u.Used != 1<<20 {
		t.Errorf("snapshot %+v", u)
	}
	ok(t, SetProperty(m, "zroot/a", "quota", "2M"))
	if err := m.View(vfs.Root, "/").WriteFile("/zroot/a/g", make([]byte, 4<<20), 0o644); err == nil {
		t.Error("the quota was not kept")
	}
}

// A quota outlives a boot.
func TestQuotaStays(t *testing.T) {
	m := machine(t, profile14)
	create(t, m, "zroot/a", "quota", "1M")
	m.PowerCycle()
	passes(t, m)
	if err := m.View(vfs.Root, "/").WriteFile("/zroot/a/f", make([]byte, 4<<20), 0o644); err == nil {
		t.Error("the quota was forgotten")
	}
	ok(t, SetProperty(m, "zroot/a", "quota", "none"))
	put(t, m, "/zroot/a/f", strings.Repeat("x", 4<<20))
}

// A snapshot that is taken again is another one.
func TestIdentity(t *testing.T) {
	m := machine(t, profile14)
	ok(t, TakeSnapshots(m, []string{"zroot/home@1"}, nil))
	_, first := FindDataset(m, "zroot/home@1")
	ok(t, DestroyDataset(m, "zroot/home@1"), TakeSnapshots(m, []string{"zroot/home@1"}, nil))
	if _, again := FindDataset(m, "zroot/home@1"); again.GUID == first.GUID {
		t.Errorf("both are %d", again.GUID)
	}
}

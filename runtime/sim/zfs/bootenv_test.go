package zfs

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// environment makes a boot environment that is a clone of the running system, with
// another kernel in it, and files of its own.
func environment(t *testing.T, m *sim.Machine, name, release string) string {
	t.Helper()
	running := m.Tree().Mounts()[0].Source
	snapshot, be := running+"@"+name, "zroot/ROOT/"+name
	ok(t, TakeSnapshots(m, []string{snapshot}, nil))
	_, err := CreateDataset(m, NewDataset{Name: be, Origin: snapshot, Properties: map[string]string{"canmount": "noauto", "mountpoint": "/"}})
	ok(t, err, MountDatasetAt(m, be, "/mnt"), m.InstallKernel("/mnt", release))
	put(t, m, "/mnt/etc/which", name)
	ok(t, UnmountDataset(m, be, false))
	return be
}

// passes lets the machine's time pass until it has booted, and once more if it has
// to.
func passes(t *testing.T, m *sim.Machine) {
	t.Helper()
	ok(t, m.Clock().Sleep(t.Context(), 5*time.Minute))
	if m.Down() {
		t.Fatalf("it is down:\n%s", strings.Join(m.Console(), "\n"))
	}
}

func runs(t *testing.T, m *sim.Machine, be, release, which string) {
	t.Helper()
	if at, is := m.Tree().Mounts()[0].Source, m.RunningRelease(); at != be || is != release || content(m, "/etc/which") != which {
		t.Errorf("%s runs %s and says %q, want %s, %s, %q\n%s", at, is, content(m, "/etc/which"), be, release, which, strings.Join(m.Console(), "\n"))
	}
}

func TestCloneBoots(t *testing.T) {
	for _, profile := range []string{"freebsd-13.5-zfs-mirror", profile14} {
		t.Run(profile, func(t *testing.T) {
			m := machine(t, profile)
			usual := m.RunningRelease()
			be := environment(t, m, "new", "14.2-RELEASE")
			pool := FindPool(m, "zroot")
			pool.NextBoot = be
			m.Reboot()
			passes(t, m)
			runs(t, m, be, "14.2-RELEASE", "new")
			put(t, m, "/etc/which", "changed")
			m.PowerCycle()
			passes(t, m)
			runs(t, m, "zroot/ROOT/default", usual, "")

			ok(t, SetPoolProperty(m, pool, "bootfs", be))
			m.Reboot()
			passes(t, m)
			runs(t, m, be, "14.2-RELEASE", "changed")
			if o := m.Tree().Mounts()[0].Options; !slices.Contains(o, "noatime") {
				t.Errorf("the root is mounted with %q", o)
			}
			ok(t, Promote(m, be), DestroyDataset(m, "zroot/ROOT/default"))
			m.Reboot()
			passes(t, m)
			runs(t, m, be, "14.2-RELEASE", "changed")
		})
	}
}

// A kernel that panics leads back to the old environment when the new one was to be
// booted once.
func TestPanicLeadsBack(t *testing.T) {
	m, err := sim.New(sim.Options{Profile: profile14, Params: url.Values{"panic": {"15.0"}}})
	ok(t, err)
	t.Cleanup(func() { _ = m.Close() })
	be := environment(t, m, "new", "15.0-RELEASE")
	usual := m.RunningRelease()
	FindPool(m, "zroot").NextBoot = be
	m.Reboot()
	passes(t, m)
	runs(t, m, "zroot/ROOT/default", usual, "")
	if !strings.Contains(strings.Join(m.Console(), "\n"), "panic: ") {
		t.Error("it never panicked")
	}
}

// What lies below an environment and isn't mounted by itself is mounted with it.
func TestSubordinates(t *testing.T) {
	m := machine(t, profile14)
	be := environment(t, m, "new", "14.3-RELEASE")
	_, err := CreateDataset(m, NewDataset{Name: be + "/opt", Type: FileSystem, Properties: map[string]string{"canmount": "noauto"}})
	ok(t, err)
	if got := MountPoint(m, be+"/opt"); got != "/opt" {
		t.Fatalf("it is to be mounted at %s", got)
	}
	put(t, m, "/etc/rc.conf", content(m, "/etc/rc.conf")+"zfs_bootonce_activate=\"YES\"\n")
	ok(t, MountDatasetAt(m, be, "/mnt"))
	ok(t, m.View(vfs.Root, "/").WriteFile("/mnt/etc/rc.conf", []byte(content(m, "/etc/rc.conf")), 0o644), UnmountDataset(m, be, false))
	pool := FindPool(m, "zroot")
	pool.NextBoot = be
	m.Reboot()
	passes(t, m)
	if got := MountedAt(m, be+"/opt"); got != "/opt" {
		t.Errorf("mounted at %q", got)
	}
	if pool.Properties["bootfs"] != be {
		t.Errorf("bootfs is %s", pool.Properties["bootfs"])
	}
}

// A pool that was split off boots by itself.
func TestSplitPoolBoots(t *testing.T) {
	m := machine(t, "freebsd-13.5-zfs-mirror")
	put(t, m, "/etc/which", "shared")
	_, err := Split(m, FindPool(m, "zroot"), "half", nil)
	ok(t, err)
	put(t, m, "/etc/which", "zroot alone")
	usual := m.RunningRelease()
	m.PullDisk("ada0", true)
	m.PowerCycle()
	passes(t, m)
	runs(t, m, "half/ROOT/default", usual, "shared")
	if got := MountedAt(m, "half/home"); got != "/home" {
		t.Errorf("its other file systems are mounted at %q", got)
	}
}

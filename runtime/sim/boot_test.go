package sim_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/runtime/sim/vfs"
)

// bootMachine makes a machine that may or may not have started.
func bootMachine(t *testing.T, profile string, params url.Values) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Name: "box", Params: params, Tools: base.Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// await lets the machine's time pass, as a controller that waits does.
func await(t *testing.T, m *sim.Machine) {
	t.Helper()
	if err := m.Clock().Sleep(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
}

func TestEveryProfileBoots(t *testing.T) {
	for _, p := range sim.Profiles() {
		m := bootMachine(t, p.Name, nil)
		if m.Down() {
			t.Errorf("%s does not start:\n%s", p.Name, strings.Join(m.Console(), "\n"))
			continue
		}
		before := m.Tree().Mounts()
		m.PowerCycle()
		await(t, m)
		if m.Down() {
			t.Errorf("%s does not start again:\n%s", p.Name, strings.Join(m.Console(), "\n"))
		}
		if after := m.Tree().Mounts(); len(before) != len(after) {
			t.Errorf("%s: mounted before a power cycle:\n%v\nafter:\n%v", p.Name, before, after)
		}
	}
}

// On a clock that runs much faster than ours the machine boots right after it was
// halted, but never before.
func TestRebootOnAFastClock(t *testing.T) {
	m := bootMachine(t, "", nil)
	m.RunRealTime(1e9)
	for range 20 {
		m.Reboot()
		for m.Down() {
			time.Sleep(time.Millisecond)
		}
		if _, errs, code := m.Exec(t.Context(), "root", "pgrep -x sshd"); code != 0 {
			t.Fatalf("sshd does not run after a reboot: %s", errs)
		}
	}
}

func remove(file string) func(m *sim.Machine) {
	return func(m *sim.Machine) { _ = m.View(vfs.Root, "/").Remove(file) }
}

// older replaces a program by one of a release that knows no features.
func older(file, kind string) func(m *sim.Machine) {
	return func(m *sim.Machine) {
		remove(file)(m)
		old := state.Program{Kind: kind, Release: "9.0-RELEASE", Pool: 28}
		_ = m.View(vfs.Root, "/").WriteFile(file, old.Bytes(1024), 0o444)
	}
}

func TestWhatStopsABoot(t *testing.T) {
	bios, uefi, ufs := "freebsd-13.5-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi", "freebsd-14.3-ufs"
	for _, c := range []struct {
		name, profile, params string
		break_                func(m *sim.Machine)
		want                  string // a line of the console; empty: it boots
	}{
		{"nothing", bios, "", nil, ""},
		{"no boot code", bios, "", func(m *sim.Machine) { m.WriteRaw("ada0p1", make([]byte, 512)) }, "[nothing goes on: ada0p1 holds no boot program]"},
		{"no boot code on the disk that doesn't boot", bios, "", func(m *sim.Machine) { m.WriteRaw("ada1p1", make([]byte, 512)) }, ""},
		{"the other disk boots without boot code", bios, "bootorder=ada1,ada0", func(m *sim.Machine) { m.WriteRaw("ada1p1", make([]byte, 512)) }, "[nothing goes on: ada1p1 holds no boot program]"},
		{"no first sector", bios, "", func(m *sim.Machine) {
			for _, d := range m.State().Disks {
				d.Table.Boot = nil
			}
		}, "No bootable device."},
		{"no boot partition", bios, "", func(m *sim.Machine) { m.State().Disks[0].Table.Part(1).Type = "freebsd" }, "Missing boot loader"},
		{"boot partition too large", bios, "", func(m *sim.Machine) { m.State().Disks[0].Table.Part(1).Size = 2000 }, "Boot loader too large"},
		{"a disk gone", bios, "", func(m *sim.Machine) { m.PullDisk("ada0", true) }, ""},
		{"both gone", bios, "", func(m *sim.Machine) { m.PullDisk("ada0", true); m.PullDisk("ada1", true) }, "No bootable device."},
		{"a disk of a raidz gone", bios, "", func(m *sim.Machine) {
			m.State().Pools[0].Vdevs[0].Type = "raidz1"
			m.PullDisk("ada0", true)
		}, ""},
		{"a disk of a stripe gone", bios, "", func(m *sim.Machine) {
			m.State().Pools[0].Vdevs = m.State().Pools[0].Vdevs[0].Children
			m.PullDisk("ada0", true)
		}, "ZFS: i/o error - all block copies unavailable"},
		{"the pool's partitions overwritten", bios, "", func(m *sim.Machine) {
			m.WriteRaw("ada0p3", []byte("x"))
			m.WriteRaw("ada1p3", []byte("x"))
		}, "Can't find /boot/zfsloader"},
		{"the pool's partition overwritten on one disk", bios, "", func(m *sim.Machine) { m.WriteRaw("ada0p3", []byte("x")) }, ""},
		{"boot code older than the pool", bios, "", func(m *sim.Machine) { m.State().Pools[0].Features["head_errlog"] = "active" }, "ZFS: unsupported feature: head_errlog"},
		{"boot code of an age", bios, "bootcode=8.2-RELEASE", nil, "gptzfsboot: No ZFS pools located, can't boot"},
		{"boot code of an age, version", bios, "bootcode=8.2-RELEASE", nil, "ZFS: unsupported ZFS version 5000 (should be 15)"},
		{"old boot code on the other disk", bios, "bootcode=ada1:8.2-RELEASE", nil, ""},
		{"a loader older than the pool", bios, "", older("/boot/zfsloader", "loader"), "can't load 'kernel'"},
		{"a module older than the pool", bios, "", older("/boot/kernel/zfs.ko", "zfs.ko"), "Mounting from zfs:zroot/ROOT/default failed with error 45."},
		{"no loader", bios, "", func(m *sim.Machine) { remove("/boot/loader")(m); remove("/boot/zfsloader")(m) }, "Can't find /boot/zfsloader"},
		{"no kernel", bios, "", remove("/boot/kernel/kernel"), "can't load 'kernel'"},
		{"no zfs.ko", bios, "", remove("/boot/kernel/zfs.ko"), "Mounting from zfs:zroot/ROOT/default failed with error 2: unknown file system."},
		{"zfs not loaded", bios, "", remove("/boot/loader.conf"), "mountroot> "},
		{"no root dataset", bios, "", func(m *sim.Machine) { m.State().Pools[0].Properties["bootfs"] = "zroot/ROOT/other" }, "gptzfsboot: failed to mount default pool zroot"},
		{"root told otherwise", bios, "", func(m *sim.Machine) {
			appendTo(t, m, "/boot/loader.conf", "vfs.root.mountfrom=\"zfs:zroot/none\"\n")
		}, "Mounting from zfs:zroot/none failed with error 2."},
		{"a line of fstab that cannot be", bios, "", func(m *sim.Machine) {
			appendTo(t, m, "/etc/fstab", "/dev/ada7p1 /mnt ufs rw 2 2\n")
		}, "mount: /dev/ada7p1: No such file or directory"},
		{"a line of fstab that may fail", bios, "", func(m *sim.Machine) {
			appendTo(t, m, "/etc/fstab", "/dev/ada7p1 /mnt ufs rw,failok 2 2\n")
		}, ""},
		{"a kernel that hangs", bios, "hang=13.5", nil, "[nothing goes on: the kernel 13.5-RELEASE hangs]"},
		{"UEFI", uefi, "", nil, ""},
		{"ESPs overwritten", uefi, "", func(m *sim.Machine) { m.WriteRaw("ada0p1", []byte("x")); m.WriteRaw("ada1p1", []byte("x")) }, "BdsDxe: No bootable option or device was found."},
		{"the disk gone whose ESP fstab names", uefi, "gone=ada0", nil, "mount: /dev/gpt/efiboot0: No such file or directory"},
		{"the other disk gone", uefi, "gone=ada1", nil, ""},
		{"one ESP overwritten", uefi, "", func(m *sim.Machine) { m.WriteRaw("ada1p1", []byte("x")) }, ""},
		{"an ESP without loader", uefi, "bootcode=none", nil, "BdsDxe: No bootable option or device was found."},
		{"loader.efi older than the pool", uefi, "bootcode=12.4-RELEASE", nil, "Failed to find bootable partition"},
		{"loader.efi older than the pool on one disk", uefi, "bootcode=ada0:12.4-RELEASE", nil, ""},
		{"UFS", ufs, "", nil, ""},
		{"UFS without kernel", ufs, "", remove("/boot/kernel/kernel"), "can't load 'kernel'"},
		{"UFS not in fstab", ufs, "", remove("/etc/fstab"), "mountroot> "},
	} {
		t.Run(c.name, func(t *testing.T) {
			params, _ := url.ParseQuery(c.params)
			m := bootMachine(t, c.profile, params)
			if c.break_ != nil {
				if m.Down() && c.params == "" {
					t.Fatalf("it does not even start once:\n%s", strings.Join(m.Console(), "\n"))
				}
				c.break_(m)
				m.PowerCycle()
				await(t, m)
			}
			if up := c.want == ""; up == m.Down() {
				t.Errorf("down: %v; the console:\n%s", m.Down(), strings.Join(m.Console(), "\n"))
			}
			if c.want != "" && !slices.Contains(m.Console(), c.want) {
				t.Errorf("want %q on the console:\n%s", c.want, strings.Join(m.Console(), "\n"))
			}
		})
	}
}

func appendTo(t *testing.T, m *sim.Machine, file, text string) {
	t.Helper()
	view := m.View(vfs.Root, "/")
	data, _ := view.ReadFile(file)
	if err := view.WriteFile(file, append(data, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// twoEnvironments gives a machine a second boot environment with a kernel of its
// own, and says what the pool is.
func twoEnvironments(t *testing.T, m *sim.Machine, name, release string) *state.Pool {
	t.Helper()
	source := "zroot/ROOT/" + name
	tree := m.Tree()
	if err := tree.Mount(vfs.Mount{Point: "/mnt", Source: source, Type: "zfs", Pool: "zroot", Size: 60 << 30}); err != nil {
		t.Fatal(err)
	}
	view := m.View(vfs.Root, "/")
	for _, dir := range []string{"/mnt/dev", "/mnt/boot", "/mnt/etc", "/mnt/var/run"} {
		if err := view.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"boot", "boot/defaults", "etc", "etc/defaults", "etc/ssh"} {
		_ = view.MkdirAll("/mnt/"+dir, 0o755)
		list, _ := view.ReadDir("/" + dir)
		for _, i := range list {
			if data, err := view.ReadFile("/" + dir + "/" + i.Name); err == nil {
				_ = view.WriteFile("/mnt/"+dir+"/"+i.Name, data, i.Mode)
			}
		}
	}
	if err := m.InstallKernel("/mnt", release); err != nil {
		t.Fatal(err)
	}
	if err := tree.Unmount("/mnt"); err != nil {
		t.Fatal(err)
	}
	s := m.State()
	s.Lock()
	defer s.Unlock()
	pool := s.Pools[0]
	pool.Datasets = append(pool.Datasets, &state.Dataset{
		Name: source, Type: "filesystem", Properties: map[string]string{"canmount": "noauto", "mountpoint": "/"},
	})
	return pool
}

func runningOn(m *sim.Machine) string { return m.RunningRelease() + " " + m.Tree().Mounts()[0].Source }

func TestBootOnce(t *testing.T) {
	for _, profile := range []string{"freebsd-13.5-zfs-mirror", "freebsd-14.3-zfs-mirror-uefi"} {
		t.Run(profile, func(t *testing.T) {
			m := bootMachine(t, profile, nil)
			usual := runningOn(m)
			pool := twoEnvironments(t, m, "new", "14.3-RELEASE")
			pool.NextBoot = "zroot/ROOT/new"
			m.Reboot()
			await(t, m)
			if got := runningOn(m); got != "14.3-RELEASE zroot/ROOT/new" || pool.NextBoot != "" {
				t.Errorf("booted once: %s, next %q\n%s", got, pool.NextBoot, strings.Join(m.Console(), "\n"))
			}
			if !m.State().Pools[0].Find("zroot/ROOT/new").Mounted || m.State().Pools[0].Find("zroot/ROOT/default").Mounted {
				t.Error("which dataset is mounted does not follow the root")
			}
			m.PowerCycle()
			await(t, m)
			if got := runningOn(m); got != usual {
				t.Errorf("after that: %s, not %s", got, usual)
			}
			m.BootFrom("zroot/ROOT/new")
			await(t, m)
			if got := runningOn(m); got != "14.3-RELEASE zroot/ROOT/new" {
				t.Errorf("chosen in the menu: %s", got)
			}
		})
	}
}

func TestPanicFallsBack(t *testing.T) {
	m := bootMachine(t, "freebsd-13.5-zfs-mirror", url.Values{"panic": {"14.2"}})
	usual := runningOn(m)
	pool := twoEnvironments(t, m, "new", "14.2-RELEASE")
	pool.NextBoot = "zroot/ROOT/new"
	m.Reboot()
	await(t, m)
	console := strings.Join(m.Console(), "\n")
	if got := runningOn(m); m.Down() || got != usual || !strings.Contains(console, "panic: ") {
		t.Errorf("down %v, runs %s\n%s", m.Down(), got, console)
	}

	pool.Properties["bootfs"] = "zroot/ROOT/new" // for good: it never comes back
	m.Reboot()
	await(t, m)
	if !m.Down() || strings.Count(strings.Join(m.Console(), "\n"), "panic: ") < 2 {
		t.Errorf("down %v after\n%s", m.Down(), strings.Join(m.Console(), "\n"))
	}
	m.BootFrom("zroot/ROOT/default")
	await(t, m)
	if got := runningOn(m); m.Down() || got != usual {
		t.Errorf("chosen by a person: down %v, runs %s\n%s", m.Down(), got, strings.Join(m.Console(), "\n"))
	}
}

// A release that doesn't know of it leaves the note alone.
func TestOldBootCodeIgnoresBootOnce(t *testing.T) {
	m := bootMachine(t, "freebsd-8.2-zfs-mirror", nil)
	pool := m.State().Pools[0]
	pool.NextBoot = "zroot/usr"
	m.Reboot()
	await(t, m)
	if got := runningOn(m); m.Down() || !strings.HasSuffix(got, " zroot") || pool.NextBoot == "" {
		t.Errorf("down %v, runs %s, next %q", m.Down(), got, pool.NextBoot)
	}
}

func TestOldLoaderIsToldTheRoot(t *testing.T) {
	m := bootMachine(t, "freebsd-8.2-zfs-mirror", nil)
	if err := m.View(vfs.Root, "/").WriteFile("/boot/loader.conf", []byte("zfs_load=\"YES\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m.PowerCycle()
	await(t, m)
	if !m.Down() || !slices.Contains(m.Console(), "mountroot> ") {
		t.Errorf("down %v:\n%s", m.Down(), strings.Join(m.Console(), "\n"))
	}
}

// The documented upgrade order matters: a pool of the new format and boot code
// of the old does not start, the other way round it does.
func TestPoolUpgradeNeedsBootCode(t *testing.T) {
	for _, updated := range []bool{true, false} {
		m := bootMachine(t, "freebsd-8.2-zfs-mirror", nil)
		if err := m.InstallKernel("/", "9.0-RELEASE"); err != nil {
			t.Fatal(err)
		}
		if updated {
			code, _ := m.View(vfs.Root, "/").ReadFile("/boot/gptzfsboot")
			m.WriteRaw("ad0p1", code)
		}
		m.Reboot()
		await(t, m)
		if got := m.RunningRelease(); got != "9.0-RELEASE" {
			t.Fatalf("runs %s\n%s", got, strings.Join(m.Console(), "\n"))
		}
		m.State().Pools[0].Version = 28
		m.Reboot()
		await(t, m)
		if m.Down() == updated {
			t.Errorf("boot code updated %v, down %v:\n%s", updated, m.Down(), strings.Join(m.Console(), "\n"))
		}
		if want := "ZFS: unsupported ZFS version 28 (should be 15)"; !updated && !slices.Contains(m.Console(), want) {
			t.Errorf("want %q:\n%s", want, strings.Join(m.Console(), "\n"))
		}
	}
}

func TestNextBootOnUFS(t *testing.T) {
	m := bootMachine(t, "freebsd-14.3-ufs", url.Values{"panic": {"15.0"}})
	if err := m.InstallKernel("/", "15.0-RELEASE"); err != nil {
		t.Fatal(err)
	}
	m.Exec(t.Context(), "root", "mv /boot/kernel /boot/new && mv /boot/kernel.old /boot/kernel && nextboot -k new")
	m.Reboot()
	await(t, m)
	console := strings.Join(m.Console(), "\n")
	if m.Down() || m.RunningRelease() != "14.3-RELEASE" || !strings.Contains(console, "panic: ") {
		t.Errorf("down %v, runs %s\n%s", m.Down(), m.RunningRelease(), console)
	}
}

func TestASecondRunFindsTheMachine(t *testing.T) {
	file := t.TempDir() + "/machine"
	params := url.Values{"state": {file}}
	m := bootMachine(t, "freebsd-13.5-zfs-mirror", params)
	twoEnvironments(t, m, "new", "14.3-RELEASE").Properties["bootfs"] = "zroot/ROOT/new"
	m.Reboot()
	await(t, m)
	want := runningOn(m)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	m = bootMachine(t, "freebsd-13.5-zfs-mirror", params)
	if got := runningOn(m); got != want {
		t.Errorf("runs %s, not %s", got, want)
	}
	m.BootFrom("zroot/ROOT/default")
	await(t, m)
	if got := runningOn(m); got != "13.5-RELEASE zroot/ROOT/default" {
		t.Errorf("the first environment: %s\n%s", got, strings.Join(m.Console(), "\n"))
	}
}

func TestSecureLevel(t *testing.T) {
	m := bootMachine(t, "freebsd-14.3", nil)
	appendTo(t, m, "/etc/rc.conf", "kern_securelevel_enable=\"YES\"\nkern_securelevel=\"2\"\n")
	m.Reboot()
	await(t, m)
	if got := m.State().Sysctls["kern.securelevel"].Value; got != "2" {
		t.Errorf("kern.securelevel is %s", got)
	}
}

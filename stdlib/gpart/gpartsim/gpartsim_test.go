package gpartsim_test

import (
	"strings"
	"testing"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/stdlib/gpart/gpartsim"
)

func machine(t *testing.T, profile string) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Profile: profile, Name: "box", Tools: append(base.Tools(), gpartsim.Tools()...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	// A disk of 80 GiB without a table, as the reference shows one.
	s := m.State()
	s.Lock()
	s.Disks = append(s.Disks, &state.Disk{Name: "da0", Size: 80 << 30, Model: "QEMU HARDDISK", Serial: "QM00001"})
	s.Unlock()
	m.Devices()
	return m
}

// step is a command with what it prints and its exit code.
type step struct {
	run, out, errs string
	code           int
}

func play(t *testing.T, m *sim.Machine, user string, steps []step) {
	t.Helper()
	for _, s := range steps {
		out, errs, code := m.Exec(t.Context(), user, s.run)
		if out != s.out || errs != s.errs || code != s.code {
			t.Errorf("%s\n%s%s= %d\nwant\n%s%s= %d", s.run, out, errs, code, s.out, s.errs, s.code)
		}
	}
}

func TestReferenceShape(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	play(t, m, "root", []step{
		{"gpart show da0", "", "gpart: No such geom: da0.\n", 1},
		{"gpart add -t freebsd-zfs da0", "", "gpart: No partitioning scheme found on geom da0. Create one first using 'gpart create'.\n", 1},
		{"gpart create -s gpt da0", "da0 created\n", "", 0},
		{"gpart create -s gpt da0", "", "gpart: geom 'da0': File exists\n", 1},
		{"gpart add -t freebsd-boot -s 512k -l boot8 da0", "da0p1 added\n", "", 0},
		{"gpart add -a 1m -t freebsd-swap -s 4g -l swap8 da0", "da0p2 added\n", "", 0},
		{"gpart add -t freebsd-zfs -l zfs8 da0", "da0p3 added\n", "", 0},
		{"gpart show da0", `=>       40  167772080  da0  GPT  (80G)
         40       1024    1  freebsd-boot  (512K)
       1064        984       - free -  (492K)
       2048    8388608    2  freebsd-swap  (4.0G)
    8390656  159381464    3  freebsd-zfs  (76G)

`, "", 0},
		{"gpart show -p /dev/da0", `=>       40  167772080    da0  GPT  (80G)
         40       1024  da0p1  freebsd-boot  (512K)
       1064        984         - free -  (492K)
       2048    8388608  da0p2  freebsd-swap  (4.0G)
    8390656  159381464  da0p3  freebsd-zfs  (76G)

`, "", 0},
		{"gpart show -l da0 | sed -n 2p", "         40       1024    1  boot8  (512K)\n", "", 0},
		{"gpart show -r da0 | sed -n 2p", "         40       1024    1  83bd6b9d-7f41-11dc-be0b-001560b84f0f  (512K)\n", "", 0},
		{"gpart show -lr da0", "", "gpart: -l and -r are mutually exclusive\n", 1},
		{"gpart show da9", "", "gpart: No such geom: da9.\n", 1},
		{"gpart status -s da0", "da0p1  OK  da0\nda0p2  OK  da0\nda0p3  OK  da0\n", "", 0},
		{"gpart status da0", " Name  Status  Components\nda0p1      OK  da0\nda0p2      OK  da0\nda0p3      OK  da0\n", "", 0},
		{"gpart set -a bootme -i 3 da0", "bootme set on da0p3\n", "", 0},
		{"gpart show da0 | tail -2", "    8390656  159381464    3  freebsd-zfs  [bootme]  (76G)\n\n", "", 0},
		{"gpart backup da0", "GPT 128\n1   freebsd-boot        40      1024 boot8 \n2   freebsd-swap      2048   8388608 swap8 \n3    freebsd-zfs   8390656 159381464 zfs8  [bootme] \n", "", 0},
		{"gpart unset -a bootme -i 3 da0", "bootme unset on da0p3\n", "", 0},
		{"gpart set -a fine -i 3 da0", "", "gpart: attrib 'fine': Invalid argument\n", 1},
		{"ls /dev/da0p1 /dev/gpt/swap8", "/dev/da0p1\n/dev/gpt/swap8\n", "", 0},
		{"glabel status -s | grep ' da0'", "gpt/boot8  N/A  da0p1\ngpt/swap8  N/A  da0p2\ngpt/zfs8  N/A  da0p3\n", "", 0},
		{"gpart delete -i 9 da0", "", "gpart: index '9': No such file or directory\n", 1},
		{"gpart delete -i 2 da0", "da0p2 deleted\n", "", 0},
		{"ls /dev/da0p2", "", "ls: /dev/da0p2: No such file or directory\n", 1},
		{"gpart resize -i 1 -s 256k da0", "da0p1 resized\n", "", 0},
		{"gpart modify -i 1 -t efi -l esp da0", "da0p1 modified\n", "", 0},
		{"gpart show -l da0 | sed -n 2p", "         40        512    1  esp  (256K)\n", "", 0},
		{"gpart modify -i 1 -t strange da0", "", "gpart: type 'strange': Invalid argument\n", 1},
		{"gpart add -t efi -i 1 -s 1m da0", "", "gpart: index '1': File exists\n", 1},
		{"gpart add -t efi -s 100g da0", "", "gpart: autofill: No space left on device\n", 1},
		{"gpart destroy da0", "", "gpart: Device busy\n", 1},
		{"gpart destroy -F da0", "da0 destroyed\n", "", 0},
		{"gpart show da0", "", "gpart: No such geom: da0.\n", 1},
	})
}

func TestUndoAndCommit(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	play(t, m, "root", []step{
		{"gpart create -s gpt da0", "da0 created\n", "", 0},
		{"gpart undo da0", "", "gpart: Operation not permitted\n", 1},
		{"gpart add -f x -t freebsd-ufs -s 1g da0", "da0p1 added\n", "", 0},
		{"gpart list da0 | grep modified", "modified: true\n", "", 0},
		{"gpart undo da0", "", "", 0},
		{"gpart status -s da0", "", "", 0},
		{"gpart add -f x -t freebsd-ufs -s 1g da0", "da0p1 added\n", "", 0},
		{"gpart commit da0", "", "", 0},
		{"gpart status -s da0", "da0p1  OK  da0\n", "", 0},
		{"gpart backup ada0 | gpart restore da0", "", "gpart: geom 'da0': File exists\n", 1},
		{"gpart backup ada0 | gpart restore -F da0", "", "", 0},
		{"gpart backup da0 | awk '{print $2}'", "128\nefi\nfreebsd-boot\nfreebsd-swap\nfreebsd-zfs\n", "", 0},
		{"gpart show -l da0 | grep -c null", "4\n", "", 0},
		{"gpart backup ada0 | gpart restore -lF da0; gpart show -l da0 | grep -c null", "0\n", "", 1},
		{"echo nonsense | gpart restore -F da0", "", "gpart: scheme 'nonsense': Invalid argument\n", 1},
		{"gpart status -s da0 | wc -l | tr -d ' '", "4\n", "", 0},
	})
}

func TestRefusals(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	play(t, m, "root", []step{
		{"gpart delete -i 4 ada0", "", "gpart: Device busy\n", 1},
		{"gpart destroy -F ada0", "", "gpart: Device busy\n", 1},
		{"gpart bootcode ada0", "", "gpart: neither -b nor -p specified\n", 1},
		{"gpart bootcode -b /boot/pmbr -i 1 ada0", "", "gpart: -i is only valid with -p\n", 1},
		{"gpart bootcode -b /boot/none ada0", "", "gpart: /boot/none: No such file or directory\n", 1},
		{"gpart bootcode -p /boot/gptzfsboot ada0", "", "gpart: missing -i option\n", 1},
		{"gpart bootcode -p /boot/gptzfsboot -i 9 ada0", "", "gpart: invalid partition index\n", 1},
		{"gpart bootcode -p /boot/gptzfsboot -i 2 da9", "", "gpart: No such geom: da9.\n", 1},
		{"gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 2 ada0 da0", "", "gpart: Invalid number of arguments.\n", 1},
		{"gpart bootcode -b /boot/gptzfsboot ada0", "", "gpart: File too large\n", 1},
		{"gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 2 ada0", "partcode written to ada0p2\nbootcode written to ada0\n", "", 0},
	})
	m.Exec(t.Context(), "root", "pw useradd guest -m")
	play(t, m, "guest", []step{
		{"/sbin/gpart status -s ada0 | head -1", "ada0p1  OK  ada0\n", "", 0},
		{"/sbin/gpart destroy -F ada0", "", "gpart: Permission denied\n", 1},
		{"/sbin/gpart bootcode -p /boot/gptzfsboot -i 2 ada0", "", "gpart: /dev/ada0p2: Permission denied\n", 1},
	})
	if out, errs, code := m.Exec(t.Context(), "root", "gpart frobnicate"); code != 1 || !strings.HasPrefix(errs, "gpart: Unknown command: frobnicate.\nusage: gpart add -t type") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	if _, errs, code := m.Exec(t.Context(), "root", "gpart add da0"); code != 1 || !strings.HasPrefix(errs, "gpart: Option 't' not specified.\nusage:") {
		t.Errorf("%d %s", code, errs)
	}
}

// A program written onto an EFI partition takes the file system with it.
func TestBootcodeOntoAnESP(t *testing.T) {
	m := machine(t, "freebsd-14.3")
	play(t, m, "root", []step{
		{"gpart bootcode -p /boot/gptzfsboot -i 1 ada0", "", "gpart: /dev/ada0p1: Operation not permitted\n", 1},
		{"umount /boot/efi && gpart bootcode -p /boot/gptzfsboot -i 1 ada0", "partcode written to ada0p1\n", "", 0},
		{"mount -t msdosfs /dev/ada0p1 /mnt", "", "mount_msdosfs: /dev/ada0p1: Invalid argument\n", 1},
		{"newfs_msdos -F 32 -c 1 /dev/ada0p1 >/dev/null && mount -t msdosfs /dev/ada0p1 /mnt && mkdir -p /mnt/EFI/BOOT && cp /boot/loader.efi /mnt/EFI/BOOT/BOOTX64.EFI && umount /mnt", "", "", 0},
	})
}

func TestBootcodeByRelease(t *testing.T) {
	play(t, machine(t, "freebsd-8.2-zfs-mirror"), "root", []step{
		{"gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 ad0", "ad0 has bootcode\n", "", 0},
		{"gpart bootcode -p /boot/gptzfsboot -i 1 ad0", "", "", 0},
	})
	play(t, machine(t, "freebsd-13.5-zfs-mirror"), "root", []step{
		{"gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 ada1", "partcode written to ada1p1\nbootcode written to ada1\n", "", 0},
	})
}

func TestFirmware(t *testing.T) {
	play(t, machine(t, "freebsd-14.3-zfs-mirror-uefi"), "root", []step{
		{"efibootmgr", "Boot to FW : false\nBootCurrent: 0000\nTimeout    : 2 seconds\nBootOrder  : 0000, 0001\n+Boot0000* FreeBSD\n Boot0001* FreeBSD\n", "", 0},
		{"efibootmgr -E", "/dev/ada0p1\n", "", 0},
		{"efibootmgr -n -b 0001 | head -2", "Boot to FW : false\nBootNext : 0001\n", "", 0},
		{"efibootmgr -N | grep -c Next", "0\n", "", 1},
		{"efibootmgr -B -b 1 | grep Order", "BootOrder  : 0000\n", "", 0},
		{"efibootmgr -a -c -l ada1p1:/EFI/BOOT/BOOTX64.EFI -L second | tail -2", " Boot0001* second\n+Boot0000* FreeBSD\n", "", 0},
		{"efibootmgr -B -b 7", "", "efibootmgr: no such boot variable Boot0007\n", 1},
	})
	play(t, machine(t, "freebsd-13.5-zfs-mirror"), "root", []step{
		{"efibootmgr", "", "efibootmgr: efi variables not supported on this system. kldload efirt?\n", 1},
	})
}

// What stands in a partition can be read back, and written without gpart.
func TestRawDevices(t *testing.T) {
	m := machine(t, "freebsd-13.5-zfs-mirror")
	play(t, m, "root", []step{
		{"head -c $(stat -f %z /boot/gptzfsboot) /dev/ada0p1 | cmp - /boot/gptzfsboot", "", "", 0},
		{"dd if=/dev/zero of=/dev/ada0p1 bs=64k count=1 status=none; cmp -s /dev/ada0p1 /boot/gptzfsboot", "", "", 1},
		{"dd if=/boot/gptzfsboot of=/dev/ada0p1 bs=64k status=none; head -c $(stat -f %z /boot/gptzfsboot) /dev/ada0p1 | cmp - /boot/gptzfsboot", "", "", 0},
		{"dd if=/dev/zero of=/dev/ada0p3 bs=64k count=1 status=none", "", "dd: /dev/ada0p3: Operation not permitted\n", 1},
		{"wc -c < /dev/ada0p1 | tr -d ' '", "524288\n", "", 0},
	})
}

package boot_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/boot"
)

// Boot code of another age on every disk, or on one: plan tells which, update
// writes it once, and the machine starts from either disk.
func TestUpdate(t *testing.T) {
	for _, c := range []struct{ name, profile, params, disk string }{
		{"8.2, empty", mirror82, "bootcode=ad1:none", "ad1"},
		{"BIOS, all disks", mirrorBIOS, "bootcode=13.4-RELEASE", "ada0"},
		{"BIOS, one disk", mirrorBIOS, "bootcode=ada1:12.4-RELEASE", "ada1"},
		{"UEFI, all disks", mirrorUEFI, "bootcode=14.2-RELEASE", "ada0"},
		{"UEFI, the disk that is not mounted", mirrorUEFI, "bootcode=ada1:13.5-RELEASE", "ada1"},
		{"UEFI, no loader on one", mirrorUEFI, "bootcode=ada1:none", "ada1"},
		{"single", single, "bootcode=14.2-RELEASE", "ada0"},
		{"UFS", ufs, "bootcode=14.2-RELEASE", "ada0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, m := machine(t, c.profile, c.params)
			fresh, _ := machine(t, c.profile, "")
			p := planOf(t, h)
			one := strings.Contains(c.params, ":")
			for _, d := range p.Disks {
				affected := !one || d.Name == c.disk
				want := map[bool][]string{true: {boot.Old, boot.Absent}, false: {boot.Current}}[affected]
				if !slices.Contains(want, d.State) {
					t.Errorf("%s is %s, want one of %v\n%s", d.Name, d.State, want, states(p.Disks))
				}
			}
			if p.Current {
				t.Errorf("all is said to be current:\n%s", states(p.Disks))
			}
			mounts := len(m.Tree().Mounts())
			done, err := boot.Update(ctx, h, boot.UpdateArgs{})
			if err != nil || !done.Changed || len(done.Written) == 0 {
				t.Fatalf("%+v %v", done, err)
			}
			for _, file := range done.Backups {
				if info, err := m.View(vfs.Root, "/").Stat(file); err != nil || info.Size == 0 {
					t.Errorf("%s: %v", file, err)
				}
			}
			for _, d := range done.Disks {
				for _, code := range d.Codes {
					if code.State != boot.Current && code.Needed {
						t.Errorf("%s is %s after the update", code.Place(), code.State)
					}
				}
			}
			if !strings.Contains(c.params, "none") {
				if got, want := states(planOf(t, h).Disks), states(planOf(t, fresh).Disks); got != want {
					t.Errorf("after the update:\n%s\nwant\n%s", got, want)
				}
			}
			if now := len(m.Tree().Mounts()); now != mounts {
				t.Errorf("mounted: %v", m.Tree().Mounts())
			}
			changes := h.Changes
			if done, err := boot.Update(ctx, h, boot.UpdateArgs{}); err != nil || done.Changed || h.Changes != changes {
				t.Errorf("again: %+v %v", done, err)
			}
			if !reboot(t, m) {
				t.Errorf("the machine does not start:\n%s", strings.Join(m.Console(), "\n"))
			}
		})
	}
}

// What cannot be updated is refused before anything is written.
func TestUpdateRefuses(t *testing.T) {
	for _, c := range []struct {
		name, profile string
		change        func(m *sim.Machine)
		want          string
	}{
		{"too small", mirrorBIOS, func(m *sim.Machine) { m.State().Disks[1].Table.Part(1).Size = 64 }, "/boot/gptzfsboot has 159744 bytes, but ada1p1 only room for 32768"},
		{"no place", mirrorBIOS, func(m *sim.Machine) { m.State().Disks[1].Table.Part(1).Type = "freebsd" }, "ada1: the firmware boots by gptzfsboot, for which there is no place: there is no freebsd-boot partition"},
		{"no ESP", mirrorUEFI, func(m *sim.Machine) { m.State().Disks[1].Table.Part(1).Type = "freebsd" }, "ada1: the firmware boots by loader.efi, for which there is no place: there is no efi partition"},
		{"an ESP without file system", mirrorUEFI, func(m *sim.Machine) { m.WriteRaw("ada1p1", []byte("x")) }, "ada1p1 cannot be read: mount_msdosfs: /dev/ada1p1: Invalid argument"},
		{"no file", mirrorUEFI, func(m *sim.Machine) { _ = m.View(vfs.Root, "/").Remove("/boot/loader.efi") }, "there is no /boot/loader.efi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, m := machine(t, c.profile, "bootcode=ada0:12.4-RELEASE")
			c.change(m)
			_, err := boot.Update(ctx, h, boot.UpdateArgs{})
			if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "nothing was written") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
			if h.Changes != 0 {
				t.Errorf("%d changes", h.Changes)
			}
			if c.name == "no file" {
				return
			}
			done, err := boot.Update(ctx, h, boot.UpdateArgs{Skip: []string{"ada1"}})
			if err != nil || !done.Changed || len(done.Problems) != 1 {
				t.Errorf("without the disk: %+v %v", done, err)
			}
		})
	}
}

// A program of somebody else's on the EFI partition stays.
func TestForeignLoader(t *testing.T) {
	h, m := machine(t, mirrorUEFI, "bootcode=14.2-RELEASE")
	const file = "/boot/efi/EFI/BOOT/BOOTX64.EFI"
	view := m.View(vfs.Root, "/")
	if err := view.WriteFile(file, []byte("GRUB"), 0o755); err != nil {
		t.Fatal(err)
	}
	done, err := boot.Update(ctx, h, boot.UpdateArgs{})
	if err != nil || !done.Changed || slices.Contains(done.Written, "ada0p1:/EFI/BOOT/BOOTX64.EFI") || !slices.Contains(done.Written, "ada0p1:/EFI/FREEBSD/LOADER.EFI") {
		t.Fatalf("%+v %v", done, err)
	}
	if data, _ := view.ReadFile(file); string(data) != "GRUB" {
		t.Errorf("%s holds %.20q", file, data)
	}
	if err := view.Remove("/boot/efi/EFI/FREEBSD/LOADER.EFI"); err != nil {
		t.Fatal(err)
	}
	if _, err := boot.Update(ctx, h, boot.UpdateArgs{}); err == nil || !strings.Contains(err.Error(), "ada0p1:/EFI/BOOT/BOOTX64.EFI is a program that is not FreeBSD's") {
		t.Errorf("nothing of FreeBSD's left: %v", err)
	}
}

// The former loader stays on the partition, under a name that a firmware starts.
func TestFormerLoaderIsKept(t *testing.T) {
	h, m := machine(t, mirrorUEFI, "bootcode=14.2-RELEASE")
	view := m.View(vfs.Root, "/")
	before, err := view.ReadFile("/boot/efi/EFI/FREEBSD/LOADER.EFI")
	if err != nil {
		t.Fatal(err)
	}
	done, err := boot.Update(ctx, h, boot.UpdateArgs{})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := view.ReadFile("/boot/efi/EFI/FREEBSD/LOADER-OLD.EFI"); err != nil || string(kept) != string(before) {
		t.Errorf("beside: %v", err)
	}
	found := false
	for _, file := range done.Backups {
		if kept, _ := view.ReadFile(file); string(kept) == string(before) {
			found = true
		}
	}
	if !found {
		t.Errorf("not in any of %v", done.Backups)
	}
	if list, _ := view.ReadDir("/boot/efi/EFI/FREEBSD"); len(list) != 2 {
		t.Errorf("left behind: %v", list)
	}
}

func TestReadOnlyESP(t *testing.T) {
	h, m := machine(t, mirrorUEFI, "bootcode=14.2-RELEASE")
	if _, errs, code := m.Exec(ctx, "root", "umount /boot/efi && mount -t msdosfs -o ro /dev/ada0p1 /boot/efi"); code != 0 {
		t.Fatal(errs)
	}
	if _, err := boot.Update(ctx, h, boot.UpdateArgs{}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "ada0p1 is mounted read-only on /boot/efi") {
		t.Errorf("%v", err)
	}
}

// An EFI partition that was unmounted meanwhile does not get its loader into the
// directory it was mounted on.
func TestUnmountedMeanwhile(t *testing.T) {
	h, m := machine(t, mirrorUEFI, "bootcode=14.2-RELEASE")
	meanwhile := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change && strings.Contains(e.Title, "ada0p1:") {
			if _, errs, code := m.Exec(ctx, "root", "umount /boot/efi"); code != 0 {
				t.Error(errs)
			}
		}
		return h.Do(ctx, e)
	})
	if _, err := boot.Update(ctx, meanwhile, boot.UpdateArgs{}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "/boot/efi: nothing is mounted there any more") {
		t.Errorf("%v", err)
	}
	if list, _ := m.View(vfs.Root, "/").ReadDir("/boot/efi"); len(list) != 0 {
		t.Errorf("written: %v", list)
	}
}

func TestCheckMode(t *testing.T) {
	for _, profile := range []string{mirrorBIOS, mirrorUEFI} {
		doer, _ := machine(t, profile, "bootcode=ada1:12.4-RELEASE")
		h := effect.Chain(doer, layer.Check())
		done, err := boot.Update(ctx, h, boot.UpdateArgs{})
		if err != nil || !done.Changed || len(done.Written) == 0 || doer.Changes != 0 {
			t.Errorf("%s: %+v %v, %d changes", profile, done, err, doer.Changes)
		}
		for _, place := range done.Written {
			if !strings.HasPrefix(place, "ada1") {
				t.Errorf("%s: %s would be written", profile, place)
			}
		}
	}
}

// An update that stops half way says how far it came, and goes on from there.
func TestUpdateStopsHalfWay(t *testing.T) {
	for profile, c := range map[string]struct{ params, want string }{
		mirrorBIOS: {"bootcode=13.4-RELEASE", "written: ada0, ada0p1"},
		mirrorUEFI: {"bootcode=14.2-RELEASE", "written: ada0, ada0p2, ada0p1:/EFI/BOOT/BOOTX64.EFI, ada0p1:/EFI/FREEBSD/LOADER.EFI"},
	} {
		h, _ := machine(t, profile, c.params)
		disks := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change && strings.Contains(e.Title, "ada1") {
				return effect.Result{}, effect.Errorf(effect.Failed, e.Op, "input/output error")
			}
			return h.Do(ctx, e)
		})
		_, err := boot.Update(ctx, disks, boot.UpdateArgs{})
		if failure := effect.AsError(err); failure == nil || failure.Reached != c.want {
			t.Errorf("%s: %+v", profile, failure)
		}
		done, err := boot.Update(ctx, h, boot.UpdateArgs{})
		if err != nil || slices.ContainsFunc(done.Written, func(place string) bool { return !strings.HasPrefix(place, "ada1") }) {
			t.Errorf("%s: the rest: %+v %v", profile, done.Written, err)
		}
	}
}

// A new release in /boot makes the code on every disk old, which update puts
// right; the machine then starts the new kernel.
func TestNewRelease(t *testing.T) {
	for profile, release := range map[string]string{mirror82: "9.0-RELEASE", mirrorBIOS: "14.3-RELEASE", mirrorUEFI: "15.0-RELEASE", ufs: "15.0-RELEASE"} {
		h, m := machine(t, profile, "")
		if err := m.InstallKernel("", release); err != nil {
			t.Fatal(err)
		}
		for _, d := range planOf(t, h).Disks {
			if d.State != boot.Old {
				t.Errorf("%s: %s", profile, states([]boot.Disk{d}))
			}
		}
		if done, err := boot.Update(ctx, h, boot.UpdateArgs{}); err != nil || !done.Changed {
			t.Fatalf("%s: %+v %v", profile, done, err)
		}
		if !reboot(t, m) || m.RunningRelease() != release {
			t.Errorf("%s: down %v, runs %s\n%s", profile, m.Down(), m.RunningRelease(), strings.Join(m.Console(), "\n"))
		}
	}
}

package gpart_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/gpart"
	"bsdrun/stdlib/gpart/gpartsim"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

// bootArgs write the boot programs of /boot to a disk.
func bootArgs(disk string) gpart.BootcodeArgs {
	return gpart.BootcodeArgs{Disk: disk, Partcode: "/boot/gptzfsboot", Bootcode: "/boot/pmbr", Backup: "/var/backups/bootcode"}
}

func TestBootcode(t *testing.T) {
	for profile, disk := range map[string]string{
		"freebsd-8.2-zfs-mirror": "ad1", "freebsd-13.5-zfs-mirror": "ada1", "freebsd-14.3-zfs-mirror-uefi": "ada1",
	} {
		h, m := host(t, profile)
		index := map[bool]int{false: 1, true: 2}[strings.HasSuffix(profile, "uefi")]
		part := disk + "p" + string(rune('0'+index))
		old := strings.Repeat("old", 1000)
		m.WriteRaw(part, []byte(old))

		done, err := gpart.Bootcode(ctx, h, bootArgs(disk))
		if err != nil || !done.Changed || done.Partition != part || done.Index != index || len(done.Backups) != 2 {
			t.Fatalf("%s: %+v %v", profile, done, err)
		}
		if h.Last.Risk != effect.Disruptive {
			t.Errorf("%s: risk %v", profile, h.Last.Risk)
		}
		kept, err := m.View(vfs.Root, "/").ReadFile(done.Backups[0])
		if err != nil || !strings.HasPrefix(string(kept), old) {
			t.Errorf("%s: the former code is not in %s: %v", profile, done.Backups[0], err)
		}
		size, _, _ := m.Exec(ctx, "root", "stat -f %z /boot/gptzfsboot")
		if _, errs, code := m.Exec(ctx, "root", "dd if=/dev/"+part+" bs=512 count=2000 2>/dev/null | head -c "+strings.TrimSpace(size)+" | cmp - /boot/gptzfsboot"); code != 0 {
			t.Errorf("%s: what is written: %s", profile, errs)
		}
		before := h.Changes
		if done, err := gpart.Bootcode(ctx, h, bootArgs(disk)); err != nil || done.Changed || h.Changes != before {
			t.Errorf("%s again: %+v %v", profile, done, err)
		}
	}
}

func TestBootcodeRefuses(t *testing.T) {
	h, m := host(t, "freebsd-14.3-zfs-mirror-uefi")
	touch := func(file string, size int) {
		if err := m.View(vfs.Root, "/").WriteFile(file, slices.Repeat([]byte("x"), size), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	touch("/boot/large", 600<<10)
	touch("/boot/empty", 0)
	esp := bootArgs("ada0")
	esp.Index = 1
	none := bootArgs("ada0")
	none.Partcode = "/boot/none"
	large := bootArgs("ada0")
	large.Partcode = "/boot/large"
	empty := bootArgs("ada0")
	empty.Partcode = "/boot/empty"
	relative := bootArgs("ada0")
	relative.Partcode = "gptzfsboot"
	for _, c := range []struct {
		name string
		a    gpart.BootcodeArgs
		kind effect.ErrKind
		text string
	}{
		{"an EFI partition", esp, effect.Failed, "ada0p1 has the type efi, not freebsd-boot"},
		{"no file", none, effect.Missing, "/boot/none"},
		{"too large", large, effect.Failed, "/boot/large has 614400 bytes, but ada0p2 only 524288"},
		{"empty", empty, effect.Failed, "empty"},
		{"no absolute path", relative, effect.Invalid, "no absolute path"},
		{"no table", bootArgs("da0"), effect.Missing, "gpart show da0"},
	} {
		_, err := gpart.Bootcode(ctx, h, c.a)
		wantKind(t, c.name, err, c.kind, c.text)
	}
	if h.Changes != 0 {
		t.Errorf("%d changes", h.Changes)
	}
	if _, err := gpart.Bootcode(ctx, onsim.As(t, m, "worker"), bootArgs("ada0")); effect.KindOf(err) != effect.Denied {
		t.Errorf("as a worker: %v", err)
	}
	s := m.State()
	s.Lock()
	s.Disks[0].Table.Part(2).Type = "freebsd"
	s.Unlock()
	_, err := gpart.Bootcode(ctx, h, bootArgs("ada0"))
	wantKind(t, "no freebsd-boot", err, effect.Failed, "has no freebsd-boot partition, but ada0p1 efi, ada0p2 freebsd")
}

// A gpart that says it wrote, and did not, is not believed.
func TestBootcodeReadsBack(t *testing.T) {
	doer, m := onsim.New(t, "freebsd-13.5-zfs-mirror", base.Tools(), gpartsim.Tools())
	m.WriteRaw("ada0p1", []byte("old"))
	lying := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if e.Kind == effect.Change {
			e.Argv = []string{"echo", "bootcode written to ada0"}
		}
		return doer.Do(ctx, e)
	})
	_, err := gpart.Bootcode(ctx, lying, bootArgs("ada0"))
	wantKind(t, "after a write that did nothing", err, effect.Failed, "ada0p1 does not hold /boot/gptzfsboot after writing it")
}

func TestCheckMode(t *testing.T) {
	doer, m := host(t, "freebsd-13.5-zfs-mirror")
	m.WriteRaw("ada0p1", []byte("old"))
	h := effect.Chain(doer, layer.Check())
	done, err := gpart.Bootcode(ctx, h, bootArgs("ada0"))
	if err != nil || !done.Changed || done.Partition != "ada0p1" {
		t.Fatalf("%+v %v", done, err)
	}
	if doer.Changes != 0 {
		t.Errorf("%d changes", doer.Changes)
	}
	if _, err := gpart.Bootcode(ctx, h, bootArgs("ada0")); effect.KindOf(err) != effect.Unknown {
		t.Errorf("what was not written is compared: %v", err)
	}
	if done, err := gpart.Bootcode(ctx, h, bootArgs("ada1")); err != nil || done.Changed {
		t.Errorf("the other disk: %+v %v", done, err)
	}
}

// What gpart prints beside the table counts less than its exit code: 8.2 says
// something else than later releases.
func TestWhatBootcodePrints(t *testing.T) {
	for _, said := range []string{"ad4 has bootcode\n", "bootcode written to ad4\n", "partcode written to ad4p1\nbootcode written to ad4\n"} {
		h := answers.New(t)
		h.Says("gpart show ad4", "=>       34  167772093  ad4  GPT  (80G)\n         34        128    1  freebsd-boot  (64K)\n        162  167771965       - free -  (80G)\n\n== labels\n")
		digest := func(c string) string { return strings.Repeat(c, 64) }
		written := false
		h.Commands["compare boot code"] = func(string) answers.Answer {
			if written {
				return answers.Answer{Out: "40960 " + digest("a") + " " + digest("a") + "\n512 " + digest("b") + " " + digest("b") + "\n"}
			}
			return answers.Answer{Out: "40960 " + digest("c") + " " + digest("a") + "\n512 " + digest("b") + " " + digest("b") + "\n"}
		}
		h.Commands["gpart bootcode -b /boot/pmbr -p /boot/gptzfsboot -i 1 ad4"] = func(string) answers.Answer {
			written = true
			return answers.Answer{Out: "kept /var/backups/bootcode/ad4p1-1\nkept /var/backups/bootcode/ad4-1\n" + said}
		}
		done, err := gpart.Bootcode(ctx, h, bootArgs("ad4"))
		if err != nil || !done.Changed || len(done.Backups) != 2 {
			t.Errorf("%q: %+v %v", said, done, err)
		}
	}
}

package gpart_test

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/state"
	"bsdrun/stdlib/gpart"
	"bsdrun/stdlib/gpart/gpartsim"
	"bsdrun/tests/answers"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

// host is a machine of a profile with one more disk of 80 GiB, da0, that has no
// table.
func host(t *testing.T, profile string) (*onsim.Count, *sim.Machine) {
	t.Helper()
	h, m := onsim.New(t, profile, base.Tools(), gpartsim.Tools())
	s := m.State()
	s.Lock()
	s.Disks = append(s.Disks, &state.Disk{Name: "da0", Size: 80 << 30, Model: "QEMU HARDDISK", Serial: "QM00001"})
	s.Unlock()
	m.Devices()
	return &onsim.Count{Doer: h}, m
}

// wantKind checks an error's kind and that it says something.
func wantKind(t *testing.T, what string, err error, kind effect.ErrKind, text string) {
	t.Helper()
	if effect.KindOf(err) != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v; want %s with %q", what, err, kind, text)
	}
}

func TestShowOnEveryProfile(t *testing.T) {
	for profile, want := range map[string]string{
		"freebsd-8.2-zfs-mirror":       "ad0: ad0p1 freebsd-boot boot0, ad0p2 freebsd-swap swap0, ad0p3 freebsd-zfs disk0",
		"freebsd-13.5-zfs-mirror":      "ada0: ada0p1 freebsd-boot gptboot0, ada0p2 freebsd-swap swap0, ada0p3 freebsd-zfs zfs0",
		"freebsd-14.3-zfs-mirror-uefi": "ada0: ada0p1 efi efiboot0, ada0p2 freebsd-boot gptboot0, ada0p3 freebsd-swap swap0, ada0p4 freebsd-zfs zfs0",
		"freebsd-14.3-ufs":             "ada0: ada0p1 freebsd-boot , ada0p2 freebsd-ufs , ada0p3 freebsd-swap ",
	} {
		h, _ := host(t, profile)
		tables, err := gpart.Show(ctx, h, gpart.ShowArgs{})
		if err != nil || len(tables) == 0 {
			t.Errorf("%s: %v %v", profile, tables, err)
			continue
		}
		var parts []string
		for _, p := range tables[0].Partitions {
			parts = append(parts, p.Name+" "+p.Type+" "+p.Label)
		}
		if got := tables[0].Disk + ": " + strings.Join(parts, ", "); got != want {
			t.Errorf("%s:\n%s, want\n%s", profile, got, want)
		}
	}
	h, _ := host(t, "")
	_, err := gpart.Show(ctx, h, gpart.ShowArgs{Disk: "da0"})
	wantKind(t, "a disk without a table", err, effect.Missing, "gpart show da0")
	_, err = gpart.Show(ctx, h, gpart.ShowArgs{Disk: "-l"})
	wantKind(t, "an option", err, effect.Invalid, "no name of a disk")
}

// A disk from blank to partitions and back, each step twice: the second time
// nothing is changed.
func TestConverges(t *testing.T) {
	for _, profile := range []string{"freebsd-8.2-zfs-mirror", "freebsd-14.3"} {
		h, _ := host(t, profile)
		add := func(a gpart.AddArgs) func() (bool, error) {
			return func() (bool, error) {
				done, err := gpart.Add(ctx, h, a)
				return done.Changed, err
			}
		}
		changed := func(done gpart.Changed, err error) (bool, error) { return done.Changed, err }
		for _, step := range []struct {
			name string
			do   func() (bool, error)
		}{
			{"create", func() (bool, error) {
				return changed(gpart.Create(ctx, h, gpart.CreateArgs{Disk: "/dev/da0", Scheme: "GPT"}))
			}},
			{"add a boot partition", add(gpart.AddArgs{Disk: "da0", Type: "freebsd-boot", Label: "boot9", Size: 512 << 10, Align: 512})},
			{"add swap", add(gpart.AddArgs{Disk: "da0", Type: "freebsd-swap", Label: "swap9", Size: 4 << 30, Align: 1 << 20})},
			{"add by index", add(gpart.AddArgs{Disk: "da0", Type: "freebsd-ufs", Index: 7, Size: 1 << 30, Align: 1 << 20})},
			{"label", func() (bool, error) {
				return changed(gpart.Label(ctx, h, gpart.LabelArgs{Disk: "da0", Index: 7, Label: "ufs9"}))
			}},
			{"grow", func() (bool, error) {
				return changed(gpart.Resize(ctx, h, gpart.ResizeArgs{Disk: "da0", Index: 7, Align: 1 << 20}))
			}},
			{"shrink", func() (bool, error) {
				return changed(gpart.Resize(ctx, h, gpart.ResizeArgs{Disk: "da0", Index: 7, Size: 2 << 30}))
			}},
			{"remove", func() (bool, error) {
				return changed(gpart.Remove(ctx, h, gpart.WhichArgs{Disk: "da0", Label: "ufs9"}))
			}},
			{"add the rest", add(gpart.AddArgs{Disk: "da0", Type: "freebsd-zfs", Label: "zfs9", Align: 1 << 20})},
			{"destroy", func() (bool, error) {
				return changed(gpart.Destroy(ctx, h, gpart.DestroyArgs{Disk: "da0", Force: true}))
			}},
		} {
			before := h.Changes
			if done, err := step.do(); err != nil || !done || h.Changes == before {
				t.Fatalf("%s: %s: %v %v", profile, step.name, done, err)
			}
			before = h.Changes
			if step.name == "destroy" || step.name == "create" {
				if done, err := step.do(); err != nil || done || h.Changes != before {
					t.Errorf("%s: %s again: %v %v", profile, step.name, done, err)
				}
				continue
			}
			if done, err := step.do(); err != nil || done || h.Changes != before {
				t.Errorf("%s: %s again: %v %v", profile, step.name, done, err)
			}
			table, err := gpart.Show(ctx, h, gpart.ShowArgs{Disk: "da0"})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range table[0].Partitions {
				if p.Type != "freebsd-boot" && p.Offset%(1<<20) != 0 {
					t.Errorf("%s: %s: %s begins at %d", profile, step.name, p.Name, p.Offset)
				}
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	h, m := host(t, "freebsd-14.3")
	show := func() string {
		out, _, _ := m.Exec(ctx, "root", "gpart show; gpart show -l")
		return out
	}
	before := show()
	offset := int64(1000)
	for _, c := range []struct {
		name string
		kind effect.ErrKind
		text string
		do   func() error
	}{
		{"another scheme", effect.Failed, "has a GPT table", func() error {
			_, err := gpart.Create(ctx, h, gpart.CreateArgs{Disk: "ada0", Scheme: "MBR"})
			return err
		}},
		{"no disk", effect.Missing, "there is no disk da7", func() error {
			_, err := gpart.Create(ctx, h, gpart.CreateArgs{Disk: "da7", Scheme: "GPT"})
			return err
		}},
		{"no name to know it by", effect.Invalid, "neither label nor index", func() error {
			_, err := gpart.Add(ctx, h, gpart.AddArgs{Disk: "ada0", Type: "efi"})
			return err
		}},
		{"no room", effect.Failed, "no room", func() error {
			_, err := gpart.Add(ctx, h, gpart.AddArgs{Disk: "ada0", Type: "efi", Label: "big", Size: 1 << 40, Align: 1})
			return err
		}},
		{"no whole sector", effect.Invalid, "no number of sectors", func() error {
			_, err := gpart.Add(ctx, h, gpart.AddArgs{Disk: "ada0", Type: "efi", Label: "odd", Size: 700, Align: 512})
			return err
		}},
		{"a place in a partition", effect.Failed, "no room there", func() error {
			_, err := gpart.Add(ctx, h, gpart.AddArgs{Disk: "ada0", Type: "efi", Label: "there", Size: 512, Start: &offset})
			return err
		}},
		{"a partition of another type", effect.Failed, "but has the type", func() error {
			_, err := gpart.Add(ctx, h, gpart.AddArgs{Disk: "ada0", Type: "freebsd-ufs", Index: 1})
			return err
		}},
		{"a label with a slash", effect.Invalid, "no label", func() error {
			_, err := gpart.Label(ctx, h, gpart.LabelArgs{Disk: "ada0", Index: 1, Label: "a/b"})
			return err
		}},
		{"no such partition", effect.Missing, "no partition 9", func() error {
			_, err := gpart.Resize(ctx, h, gpart.ResizeArgs{Disk: "ada0", Index: 9})
			return err
		}},
		{"more than the room", effect.Failed, "has room for", func() error {
			_, err := gpart.Resize(ctx, h, gpart.ResizeArgs{Disk: "ada0", Index: 1, Size: 1 << 40})
			return err
		}},
		{"partitions", effect.Failed, "partitions", func() error {
			_, err := gpart.Destroy(ctx, h, gpart.DestroyArgs{Disk: "ada0"})
			return err
		}},
		{"neither index nor label", effect.Invalid, "either index or label", func() error {
			_, err := gpart.Remove(ctx, h, gpart.WhichArgs{Disk: "ada0"})
			return err
		}},
		{"no table", effect.Invalid, "none that gpart backup prints", func() error {
			_, err := gpart.Restore(ctx, h, gpart.RestoreArgs{Disk: "da0", Text: "hello"})
			return err
		}},
		{"another table", effect.Failed, "has another GPT table", func() error {
			_, err := gpart.Restore(ctx, h, gpart.RestoreArgs{Disk: "ada0", Text: "GPT 128\n"})
			return err
		}},
	} {
		wantKind(t, c.name, c.do(), c.kind, c.text)
	}
	if h.Changes != 0 || show() != before {
		t.Errorf("%d changes:\n%s", h.Changes, show())
	}
	_, err := gpart.Create(ctx, onsim.As(t, m, "worker"), gpart.CreateArgs{Disk: "da0", Scheme: "GPT"})
	wantKind(t, "as a worker", err, effect.Denied, "")
}

// What has no way back says so.
func TestRisk(t *testing.T) {
	h, _ := host(t, "freebsd-14.3")
	stopped := effect.Chain(h, layer.Confirm(nil))
	for name, do := range map[string]func() error{
		"destroy": func() error {
			_, err := gpart.Destroy(ctx, stopped, gpart.DestroyArgs{Disk: "ada0", Force: true})
			return err
		},
		"remove": func() error {
			_, err := gpart.Remove(ctx, stopped, gpart.WhichArgs{Disk: "ada0", Index: 1})
			return err
		},
		"shrink": func() error {
			_, err := gpart.Resize(ctx, stopped, gpart.ResizeArgs{Disk: "ada0", Index: 2, Size: 512})
			return err
		},
		"restore": func() error {
			_, err := gpart.Restore(ctx, stopped, gpart.RestoreArgs{Disk: "ada0", Text: "GPT 128\n", Force: true})
			return err
		},
	} {
		wantKind(t, name, do(), effect.Stopped, "cannot be taken back")
	}
	if h.Changes != 0 {
		t.Errorf("%d changes", h.Changes)
	}
}

// A table on a disk that holds something, such as a pool on the whole of it, has
// no way back either.
func TestCreateOnData(t *testing.T) {
	for state, want := range map[string]effect.Risk{"blank": effect.Safe, "data": effect.Irreversible} {
		h := answers.New(t)
		h.Says("look at the beginning of da0", state+"\n")
		h.Says("gpart create -s gpt da0", "da0 created\n")
		done, err := gpart.Create(ctx, h, gpart.CreateArgs{Disk: "da0", Scheme: "GPT"})
		if err != nil || !done.Changed || len(h.Changes) != 1 || h.Changes[0].Risk != want {
			t.Errorf("%s: %+v %v %+v", state, done, err, h.Changes)
		}
	}
	h := answers.New(t)
	h.Says("look at the beginning of da0", "unreadable\n")
	_, err := gpart.Create(ctx, h, gpart.CreateArgs{Disk: "da0", Scheme: "GPT"})
	wantKind(t, "a disk that may not be read", err, effect.Denied, "cannot be read")
}

func TestBackupAndRestore(t *testing.T) {
	h, m := host(t, "freebsd-13.5-zfs-mirror")
	saved, err := gpart.Backup(ctx, h, gpart.DiskArgs{Disk: "ada0"})
	if err != nil || saved.Scheme != "GPT" || !strings.Contains(saved.Text, "freebsd-zfs") {
		t.Fatalf("%+v %v", saved, err)
	}
	no := false
	a := gpart.RestoreArgs{Disk: "da0", Text: saved.Text, Labels: &no}
	for _, want := range []bool{true, false} {
		done, err := gpart.Restore(ctx, h, a)
		if err != nil || done.Changed != want {
			t.Fatalf("%+v %v, want %v", done, err, want)
		}
	}
	out, _, _ := m.Exec(ctx, "root", "gpart show -l da0 | grep -c null; gpart backup da0 | awk '{print $2}'")
	if out != "3\n128\nfreebsd-boot\nfreebsd-swap\nfreebsd-zfs\n" {
		t.Errorf("da0 has\n%s", out)
	}
}

package bectl

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/tests/answers"
)

var ctx = context.Background()

func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/list.txtar", name)
}

func at(text string) time.Time {
	when, _ := time.Parse("2006-01-02 15:04", text)
	return when
}

func TestParse(t *testing.T) {
	want := map[string][]Environment{
		"14.3": {
			{Name: "default", Running: true, Next: true, Mountpoint: "/", Space: 10114647982, Created: at("2024-12-09 10:15")},
			{Name: "before-upgrade", Once: true, Space: 384 << 10, Created: at("2025-06-10 08:01")},
			{Name: "old", Mountpoint: "/tmp/be_mount.c6Sf", Space: 1 << 30, Created: at("2023-01-02 03:04")},
		},
		"12.4": {
			{Name: "default", Running: true, Next: true, Mountpoint: "/", Space: 812 << 20, Created: at("2022-12-05 17:20")},
			{Name: "12.3", Created: at("2022-12-05 17:21")},
		},
		"empty": {},
	}
	for name, list := range want {
		got, err := parse("bectl.list", recorded(t, name))
		if diff := cmp.Diff(list, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for _, wrong := range []string{"default\tX\t/\t1G\t2024-12-09 10:15\n", "default NR / 1G 2024-12-09 10:15\n", "a\tN\t/\t1Q\t2024-12-09 10:15\n", "a\tN\t/\t1G\tyesterday\n", "BE\n"} {
		if got, err := parse("bectl.list", wrong); effect.KindOf(err) != effect.Failed {
			t.Errorf("%q: %+v, %v", wrong, got, err)
		}
	}
}

func TestParseMounted(t *testing.T) {
	for out, want := range map[string]string{
		"Successfully mounted old at /mnt/at /x\n": "/mnt/at /x",
		"Successfully mounted old at /mnt\n":       "/mnt",
		"/tmp/be_mount.c6Sf\n":                     "/tmp/be_mount.c6Sf",
		"something else\n":                         "",
	} {
		if got := parseMounted("old", out); got != want {
			t.Errorf("%q: %q", out, got)
		}
	}
}

func host(t *testing.T, release string) *answers.Host {
	h := answers.New(t)
	h.Says("bectl list -H", recorded(t, release))
	return h
}

// ran lists the changing commands.
func ran(h *answers.Host) string {
	var list []string
	for _, e := range h.Changes {
		list = append(list, answers.Line(e))
	}
	return strings.Join(list, "; ")
}

// What is so already is left alone; what is not costs one command.
func TestConverges(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(h effect.Doer) (Changed, error)
		want string
	}{
		{"create", func(h effect.Doer) (Changed, error) {
			return Create(ctx, h, CreateArgs{Name: "new", From: "old@x", Recursive: true})
		}, "bectl create -r -e old@x new"},
		{"create again", func(h effect.Doer) (Changed, error) { return Create(ctx, h, CreateArgs{Name: "old"}) }, ""},
		{"activate", func(h effect.Doer) (Changed, error) { return Activate(ctx, h, ActivateArgs{Name: "old"}) }, "bectl activate old"},
		{"activate again", func(h effect.Doer) (Changed, error) { return Activate(ctx, h, ActivateArgs{Name: "default"}) }, ""},
		{"once", func(h effect.Doer) (Changed, error) {
			return Activate(ctx, h, ActivateArgs{Name: "old", Temporary: true})
		}, "bectl activate -t old"},
		{"once again", func(h effect.Doer) (Changed, error) {
			return Activate(ctx, h, ActivateArgs{Name: "before-upgrade", Temporary: true})
		}, ""},
		{"for good what was once", func(h effect.Doer) (Changed, error) { return Activate(ctx, h, ActivateArgs{Name: "before-upgrade"}) }, "bectl activate before-upgrade"},
		{"rename", func(h effect.Doer) (Changed, error) { return Rename(ctx, h, RenameArgs{From: "old", To: "older"}) }, "bectl rename old older"},
		{"rename again", func(h effect.Doer) (Changed, error) { return Rename(ctx, h, RenameArgs{From: "gone", To: "old"}) }, ""},
		{"remove", func(h effect.Doer) (Changed, error) {
			return Remove(ctx, h, RemoveArgs{Name: "old", Force: true, Origin: true})
		}, "bectl destroy -F -o old"},
		{"remove again", func(h effect.Doer) (Changed, error) { return Remove(ctx, h, RemoveArgs{Name: "gone"}) }, ""},
		{"unmount", func(h effect.Doer) (Changed, error) { return Unmount(ctx, h, UnmountArgs{Name: "old"}) }, "bectl unmount old"},
		{"unmount again", func(h effect.Doer) (Changed, error) { return Unmount(ctx, h, UnmountArgs{Name: "before-upgrade"}) }, ""},
	} {
		h := host(t, "14.3")
		h.Says("bectl", "")
		done, err := c.call(h)
		if err != nil || done.Changed != (c.want != "") || ran(h) != c.want {
			t.Errorf("%s: %+v, %v; ran %q, want %q", c.name, done, err, ran(h), c.want)
		}
	}
}

// What has no way back says so, and what changes the boot is no small thing.
func TestRisks(t *testing.T) {
	h := host(t, "14.3")
	h.Says("bectl", "")
	_, err := Remove(ctx, h, RemoveArgs{Name: "old", Force: true})
	_, again := Activate(ctx, h, ActivateArgs{Name: "old"})
	if err != nil || again != nil || h.Changes[0].Risk != effect.Irreversible || h.Changes[1].Risk != effect.Disruptive {
		t.Errorf("%v, %v: %+v", err, again, h.Changes)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		kind effect.ErrKind
	}{
		{"remove what runs", second(Remove(ctx, host(t, "14.3"), RemoveArgs{Name: "default", Force: true})), effect.Failed},
		{"remove what boots once", second(Remove(ctx, host(t, "14.3"), RemoveArgs{Name: "before-upgrade", Force: true})), effect.Failed},
		{"remove what is mounted", second(Remove(ctx, host(t, "14.3"), RemoveArgs{Name: "old"})), effect.Failed},
		{"activate none", second(Activate(ctx, host(t, "14.3"), ActivateArgs{Name: "gone"})), effect.Missing},
		{"rename onto another", second(Rename(ctx, host(t, "14.3"), RenameArgs{From: "old", To: "default"})), effect.Failed},
		{"rename none", second(Rename(ctx, host(t, "14.3"), RenameArgs{From: "gone", To: "new"})), effect.Missing},
		{"unmount the root", second(Unmount(ctx, host(t, "14.3"), UnmountArgs{Name: "default"})), effect.Failed},
		{"mounted elsewhere", second(Mount(ctx, host(t, "14.3"), MountArgs{Name: "old", At: "/mnt"})), effect.Failed},
		{"a snapshot", second(Create(ctx, answers.New(t), CreateArgs{Name: "a@b"})), effect.Invalid},
		{"an option", second(Create(ctx, answers.New(t), CreateArgs{Name: "a", From: "-r"})), effect.Invalid},
		{"all of them", second(Prune(ctx, answers.New(t), PruneArgs{})), effect.Invalid},
	} {
		if effect.KindOf(c.err) != c.kind {
			t.Errorf("%s: %v", c.name, c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Up to 14 a rename that fails exits with 0.
func TestRenameReadsWhatWasSaid(t *testing.T) {
	h := host(t, "14.3")
	h.Fails("bectl rename", answers.Answer{Err: "cannot rename 'zroot/ROOT/old': permission denied\nunknown error\nFailed to rename bootenv old to new\n"})
	if done, err := Rename(ctx, h, RenameArgs{From: "old", To: "new"}); effect.KindOf(err) != effect.Denied || done.Changed {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestHostsWithoutEnvironments(t *testing.T) {
	for _, c := range []struct {
		answer answers.Answer
		kind   effect.ErrKind
		hint   string
	}{
		{answers.Answer{Code: 127, Err: "sh: bectl: not found\n"}, effect.Missing, "h.zfs.snapshot"},
		{answers.Answer{Code: 255, Err: "libbe_init(\"\") failed.\n"}, effect.Failed, "POOL/ROOT/NAME"},
		{answers.Answer{Code: 255}, effect.Failed, "POOL/ROOT/NAME"},
	} {
		h := answers.New(t)
		h.Fails("bectl", c.answer)
		_, err := Current(ctx, h)
		if e := effect.AsError(err); e.Kind != c.kind || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%+v: %v, hint %q", c.answer, err, e.Hint)
		}
	}
}

func TestPrune(t *testing.T) {
	now := at("2025-07-01 00:00")
	all := []Environment{
		{Name: "default", Running: true, Next: true, Created: at("2020-01-01 00:00")},
		{Name: "auto-1", Created: at("2025-01-01 00:00")},
		{Name: "auto-2", Created: at("2025-02-01 00:00")},
		{Name: "auto-3", Created: at("2025-06-30 00:00")},
		{Name: "auto-4", Created: at("2024-01-01 00:00"), Mountpoint: "/mnt"},
		{Name: "auto-5", Created: at("2024-01-01 00:00"), Once: true},
		{Name: "mine", Created: at("2019-01-01 00:00")},
	}
	for _, c := range []struct {
		a         PruneArgs
		old, kept string
	}{
		{PruneArgs{Keep: 1}, "mine auto-1 auto-2", "auto-3 auto-5 auto-4 default"},
		{PruneArgs{Keep: 1, Pattern: "auto-*"}, "auto-1 auto-2", "auto-3 auto-5 auto-4"},
		{PruneArgs{OlderThan: 365 * 24 * time.Hour}, "mine", "auto-3 auto-2 auto-1 auto-5 auto-4 default"},
		{PruneArgs{Keep: 9}, "", "auto-3 auto-2 auto-1 auto-5 auto-4 default mine"},
	} {
		old, kept := c.a.split(all, now)
		if strings.Join(old, " ") != c.old || strings.Join(kept, " ") != c.kept {
			t.Errorf("%+v: %q goes, %q stays", c.a, old, kept)
		}
	}

	h := host(t, "14.3")
	h.Says("bectl destroy", "")
	done, err := Prune(ctx, h, PruneArgs{Keep: 0, OlderThan: time.Hour})
	if err != nil || done.Changed || len(h.Changes) > 0 {
		t.Errorf("what is mounted or boots next went: %+v, %v", done, err)
	}
}

// Check mode knows of an environment that it would have made.
func TestCheckMode(t *testing.T) {
	h := layer.Check()(host(t, "14.3"))
	if done, err := Create(ctx, h, CreateArgs{Name: "new"}); err != nil || !done.Changed {
		t.Fatalf("%+v, %v", done, err)
	}
	if done, err := Create(ctx, h, CreateArgs{Name: "new"}); err != nil || done.Changed {
		t.Errorf("made twice: %+v, %v", done, err)
	}
	if done, err := Activate(ctx, h, ActivateArgs{Name: "new"}); err != nil || !done.Changed {
		t.Errorf("%+v, %v", done, err)
	}
	if done, err := Activate(ctx, h, ActivateArgs{Name: "new"}); err != nil || done.Changed {
		t.Errorf("activated twice: %+v, %v", done, err)
	}
	if _, err := List(ctx, h); effect.KindOf(err) != effect.Unknown {
		t.Errorf("a list of the old world: %v", err)
	}
	if done, err := Remove(ctx, h, RemoveArgs{Name: "old", Force: true}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("whether old boots is not known: %+v, %v", done, err)
	}
	if done, err := Activate(ctx, h, ActivateArgs{Name: "before-upgrade", Temporary: true}); err != nil || done.Changed {
		t.Errorf("it boots once already: %+v, %v", done, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"14.3", "12.4", "empty"} {
		f.Add(recorded(f, name))
	}
	f.Add("a\tN\t-\t-\t2024-12-09 10:15\n")
	f.Fuzz(func(t *testing.T, out string) {
		list, err := parse("bectl.list", out)
		for _, be := range list {
			if err != nil || be.Name == "" || be.Space < 0 {
				t.Errorf("%q: %+v, %v", out, be, err)
			}
		}
		if at := parseMounted("old", out); at != "" && at[0] != '/' {
			t.Errorf("%q mounted on %q", out, at)
		}
	})
}

package mount

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/tests/answers"
)

var ctx = context.Background()

func recorded(t testing.TB, name string) string {
	t.Helper()
	return answers.Recorded(t, "testdata/mount.txtar", name)
}

func TestParseMounted(t *testing.T) {
	list, err := parseMounted(recorded(t, "mounted"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, strings.Join([]string{e.device, e.point, e.kind, strings.Join(e.options, "+")}, "|"))
	}
	want := []string{
		"zroot/ROOT/default|/|zfs|rw+noatime+nfsv4acls", "devfs|/dev|devfs|rw", "/dev/gpt/efiboot0|/boot/efi|msdosfs|rw",
		"/dev/ada1p1|/mnt/a name that is long|ufs|ro+noexec+nosuid", "tmpfs|/tmp/with blank|tmpfs|ro+nosuid",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := parseMounted("zroot on / (zfs, local)\n"); err == nil {
		t.Error("another form is taken for mount -p")
	}
}

// A changed line keeps its place and its blanks; every other one stays as it is.
func TestSetLine(t *testing.T) {
	src := recorded(t, "fstab")
	build := entry{device: "tmpfs", point: "/var/build", kind: "tmpfs", options: []string{"rw", "size=8g"}}
	for _, c := range []struct {
		name     string
		e        entry
		old, new string
	}{
		{"another size", build, "tmpfs  /var/build  tmpfs  rw,size=4g  0  0   ", "tmpfs  /var/build  tmpfs  rw,size=8g  0  0   "},
		{"fields that were left out", entry{device: "proc", point: "/proc", kind: "procfs", options: []string{"rw"}, dump: 0, pass: 3}, "proc\t/proc\tprocfs\trw\n", "proc\t/proc\tprocfs\trw\t0\t3\n"},
		{"a new one", entry{device: "/dev/da 0", point: "/mnt/x", kind: "ufs", options: []string{"rw", "noauto"}, dump: 2, pass: 2}, "procfs\trw\n", "procfs\trw\n/dev/da\\0400\t/mnt/x\tufs\trw,noauto\t2\t2\n"},
		{"as it is", entry{device: "proc", point: "/proc", kind: "procfs", options: []string{"rw"}}, "", ""},
	} {
		want := strings.Replace(src, c.old, c.new, 1)
		got, err := setLine(src, c.e)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.name, err, diff)
		}
		if again, err := setLine(got, c.e); err != nil || again != got {
			t.Errorf("%s, again: %v\n%s", c.name, err, again)
		}
	}
	if got, err := dropLine(src, "/var/build"); err != nil || got != strings.Replace(src, "tmpfs  /var/build  tmpfs  rw,size=4g  0  0   \n", "", 1) {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := setLine(src+"tmpfs /var/build tmpfs rw 0 0\n", build); err == nil || !strings.Contains(err.Error(), "lines 6 and 8") {
		t.Errorf("two lines for one directory: %v", err)
	}
	if got, err := dropLine(src, "none"); err != nil || got != src {
		t.Errorf("swap went: %v\n%s", err, got)
	}
}

func host(t *testing.T) *answers.Host {
	h := answers.New(t)
	h.Files["/etc/fstab"] = recorded(t, "fstab")
	h.Says("mount -p", recorded(t, "mounted"))
	h.Fails("realpath", answers.Answer{Code: 1})
	h.Says("mount -t", "")
	h.Says("mount -u", "")
	h.Says("umount", "")
	return h
}

func ran(h *answers.Host) string {
	var list []string
	for _, e := range h.Changes {
		if e.File == nil {
			list = append(list, answers.Line(e))
		}
	}
	return strings.Join(list, "; ")
}

func TestList(t *testing.T) {
	all, err := List(ctx, host(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range all {
		got = append(got, strings.Join([]string{m.Mountpoint, m.Type, map[bool]string{true: "mounted"}[m.Mounted], map[bool]string{true: "fstab"}[m.Fstab]}, " "))
	}
	want := []string{
		"/ zfs mounted ", "/dev devfs mounted ", "/boot/efi msdosfs mounted fstab", "/mnt/a name that is long ufs mounted ", "/tmp/with blank tmpfs mounted ",
		"none swap  fstab", "/var/build tmpfs  fstab", "/proc procfs  fstab",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnsure(t *testing.T) {
	no := false
	for _, c := range []struct {
		name string
		a    EnsureArgs
		want Changed
		ran  string
	}{
		{"nfs", EnsureArgs{Mountpoint: "/ports", Device: "nfs.example.org:/ports", Type: "nfs", Options: []string{"ro", "late"}},
			Changed{true, true, true}, "mount -t nfs -o ro nfs.example.org:/ports /ports"},
		{"mounted and named", EnsureArgs{Mountpoint: "/boot/efi", Device: "/dev/gpt/efiboot0", Type: "msdosfs", Dump: 2, Pass: 2}, Changed{}, ""},
		{"named alone", EnsureArgs{Mountpoint: "/var/build", Device: "tmpfs", Type: "tmpfs", Options: []string{"size=4g"}},
			Changed{true, true, false}, "mount -t tmpfs -o rw,size=4g tmpfs /var/build"},
		{"by hand", EnsureArgs{Mountpoint: "/media", Device: "/dev/da0s1", Type: "msdosfs", Options: []string{"noauto"}, Mounted: &no}, Changed{true, false, true}, ""},
		{"not at boot", EnsureArgs{Mountpoint: "/mnt", Device: "/usr/src", Type: "nullfs", Options: []string{"ro"}, Fstab: &no},
			Changed{true, true, false}, "mount -t nullfs -o ro /usr/src /mnt"},
		{"other flags", EnsureArgs{Mountpoint: "/mnt/a name that is long", Device: "ada1p1", Type: "ufs", Options: []string{"nosuid", "noatime"}, Fstab: &no},
			Changed{true, true, false}, "mount -u -o rw,nosuid,noatime,exec /mnt/a name that is long"},
	} {
		h := host(t)
		got, err := Ensure(ctx, h, c.a)
		if err != nil || got != c.want || ran(h) != c.ran {
			t.Errorf("%s: %+v, %v; ran %q, want %q", c.name, got, err, ran(h), c.ran)
		}
	}
}

// What does not mount does not get into fstab, where it would stop the boot.
func TestFailureLeavesFstabAlone(t *testing.T) {
	h := host(t)
	h.Fails("mount -t", answers.Answer{Code: 1, Err: "mount: /dev/ada7p1: No such file or directory\n"})
	got, err := Ensure(ctx, h, EnsureArgs{Mountpoint: "/mnt", Device: "/dev/ada7p1", Type: "ufs"})
	if effect.KindOf(err) != effect.Missing || got.Changed || h.Files["/etc/fstab"] != recorded(t, "fstab") {
		t.Errorf("%+v, %v\n%s", got, err, h.Files["/etc/fstab"])
	}
}

func TestRefusals(t *testing.T) {
	no := false
	tmpfs := func(change func(a *EnsureArgs)) EnsureArgs {
		a := EnsureArgs{Mountpoint: "/mnt", Device: "tmpfs", Type: "tmpfs"}
		change(&a)
		return a
	}
	for name, c := range map[string]struct {
		a    EnsureArgs
		kind effect.ErrKind
	}{
		"the root":              {tmpfs(func(a *EnsureArgs) { a.Mountpoint = "/" }), effect.Invalid},
		"no absolute path":      {tmpfs(func(a *EnsureArgs) { a.Mountpoint = "mnt" }), effect.Invalid},
		"an option of mount":    {tmpfs(func(a *EnsureArgs) { a.Device = "-u" }), effect.Invalid},
		"two options in one":    {tmpfs(func(a *EnsureArgs) { a.Options = []string{"ro,late"} }), effect.Invalid},
		"an untried line":       {tmpfs(func(a *EnsureArgs) { a.Mounted = &no }), effect.Invalid},
		"neither":               {tmpfs(func(a *EnsureArgs) { a.Mounted, a.Fstab = &no, &no }), effect.Invalid},
		"something else there":  {tmpfs(func(a *EnsureArgs) { a.Mountpoint = "/boot/efi" }), effect.Failed},
		"flags that cannot be":  {EnsureArgs{Mountpoint: "/", Device: "a", Type: "zfs"}, effect.Invalid},
		"devfs becomes no ufs":  {EnsureArgs{Mountpoint: "/tmp/with blank", Device: "/dev/da0", Type: "ufs"}, effect.Failed},
		"no type":               {EnsureArgs{Mountpoint: "/mnt", Device: "tmpfs"}, effect.Invalid},
		"less than no pass":     {tmpfs(func(a *EnsureArgs) { a.Pass = -1 }), effect.Invalid},
		"a comment in the name": {tmpfs(func(a *EnsureArgs) { a.Mountpoint = "/mnt#" }), effect.Invalid},
	} {
		h := host(t)
		if _, err := Ensure(ctx, h, c.a); effect.KindOf(err) != c.kind || len(h.Changes) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	h := host(t)
	h.Says("realpath /mnt/link", "/usr/mnt\n")
	if _, err := Ensure(ctx, h, tmpfs(func(a *EnsureArgs) { a.Mountpoint = "/mnt/link" })); effect.KindOf(err) != effect.Invalid || len(h.Changes) > 0 {
		t.Errorf("a symbolic link: %v", err)
	}
}

func TestRemove(t *testing.T) {
	h := host(t)
	got, err := Remove(ctx, h, RemoveArgs{Mountpoint: "/boot/efi", Force: true})
	if err != nil || got != (Changed{true, true, true}) || ran(h) != "umount -f /boot/efi" || strings.Contains(h.Files["/etc/fstab"], "efiboot0") {
		t.Errorf("%+v, %v; ran %q\n%s", got, err, ran(h), h.Files["/etc/fstab"])
	}
	if got, err = Remove(ctx, h, RemoveArgs{Mountpoint: "/none"}); err != nil || got.Changed {
		t.Errorf("%+v, %v", got, err)
	}
	h = host(t)
	h.Fails("umount", answers.Answer{Code: 1, Err: "umount: unmount of /boot/efi failed: Device busy\n"})
	if _, err = Remove(ctx, h, RemoveArgs{Mountpoint: "/boot/efi"}); !strings.Contains(effect.AsError(err).Hint, "fstat") || h.Files["/etc/fstab"] != recorded(t, "fstab") {
		t.Errorf("%v", err)
	}
}

// FuzzFstab edits any text: what is set is found again, alone for its directory,
// and removing it leaves the other lines.
func FuzzFstab(f *testing.F) {
	f.Add(recorded(f, "fstab"), "/var/build")
	f.Add("", "/mnt")
	f.Add("a /mnt ufs rw", "/mnt")
	f.Add("# x\r\ntmpfs /a\\040b tmpfs rw 0 0 # y\r\n", "/a b")
	f.Fuzz(func(t *testing.T, text, point string) {
		if checkPoint("mount.ensure", point) != nil {
			t.Skip()
		}
		want := entry{device: "/dev/da0", point: point, kind: "ufs", options: []string{"rw"}, dump: 1, pass: 2}
		set, err := setLine(text, want)
		if err != nil {
			t.Skip()
		}
		found := 0
		for _, e := range parseFstab(set) {
			if e.point == point && e.same(want) {
				found++
			}
		}
		again, err := setLine(set, want)
		if found != 1 || err != nil || again != set {
			t.Fatalf("%q becomes %q: found %d, then %q, %v", text, set, found, again, err)
		}
		dropped, err := dropLine(set, point)
		if err != nil || len(parseFstab(dropped)) != len(parseFstab(set))-1 {
			t.Errorf("%q without %s is %q, %v", set, point, dropped, err)
		}
	})
}

func FuzzParseMounted(f *testing.F) {
	f.Add(recorded(f, "mounted"))
	f.Fuzz(func(t *testing.T, out string) {
		list, err := parseMounted(out)
		for _, e := range list {
			if err != nil || e.device == "" || e.point == "" || e.kind == "" {
				t.Errorf("%q: %+v, %v", out, e, err)
			}
		}
	})
}

package vfs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"

	"bsdrun/runtime/sim/vfs"

	"pgregory.net/rapid"
)

// shown is what a file system holds, read where it can be mounted for it.
func shown(tree *vfs.Tree, source string) string {
	at := ""
	for _, u := range tree.Mounts() {
		if u.Source == source {
			at = u.Point
		}
	}
	if at == "" {
		at = "/mnt"
		if err := tree.Mount(vfs.Mount{Point: at, Source: source, Type: "zfs", Pool: "tank"}); err != nil {
			return err.Error()
		}
		defer func() { _ = tree.Unmount(at) }()
	}
	v := tree.View(vfs.Root, "/")
	var lines []string
	_ = v.Walk(at, func(name string, i vfs.Info, err error) error {
		if err != nil {
			return err
		}
		data, _ := v.ReadFile(name)
		if i.IsDir() {
			i.Nlink = 0
		}
		lines = append(lines, fmt.Sprintf("%s %s %o %d %d %q", strings.TrimPrefix(name, at), i.Type, i.Mode, i.Nlink, i.Size, data))
		return nil
	})
	return strings.Join(lines, "\n")
}

func tank(t *testing.T) *vfs.Image {
	t.Helper()
	base := vfs.New(now)
	v := base.View(vfs.Root, "/")
	must(t, v.Mkdir("/tank", 0o755), v.Mkdir("/mnt", 0o755),
		base.Mount(vfs.Mount{Point: "/tank", Source: "tank", Type: "zfs", Pool: "tank", Size: 64 << 20}))
	for _, name := range []string{"a", "b", "c/d"} {
		must(t, v.MkdirAll("/tank/"+name, 0o755), v.WriteFile("/tank/"+name+"/file", []byte(name), 0o644))
	}
	return base.Freeze()
}

// Whatever is done to a file system, its snapshots keep showing what it held, and
// a dump gives all of them back.
func TestSnapshotsStay(t *testing.T) {
	img := tank(t)
	rapid.Check(t, func(r *rapid.T) {
		tree := img.Clone(now)
		v := tree.View(vfs.Root, "/")
		want := map[string]string{} // snapshots and clones by source
		var snapshots []string      // of tank, the oldest first
		cloned := ""
		name := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "file", "new"}), 1, 3), func(parts []string) string {
			return "/tank/" + strings.Join(parts, "/")
		})
		for n := range rapid.IntRange(1, 40).Draw(r, "steps") {
			a, b := name.Draw(r, "a"), name.Draw(r, "b")
			switch rapid.IntRange(0, 11).Draw(r, "op") {
			case 0:
				_ = v.WriteFile(a, []byte(b), 0o600)
			case 1:
				_ = v.RemoveAll(a)
			case 2:
				_ = v.Rename(a, b)
			case 3:
				_ = v.Link(a, b)
			case 4:
				_ = v.MkdirAll(a, 0o711)
			case 5:
				_ = v.Chmod(a, 0o4750)
			case 6:
				_ = v.Truncate(a, 100000)
			case 7:
				s := fmt.Sprintf("tank@%d", n)
				if err := tree.Snapshot("tank", s); err != nil {
					r.Fatal(err)
				}
				want[s] = shown(tree, "tank")
				snapshots = append(snapshots, s)
			case 8:
				if len(snapshots) == 0 || cloned != "" {
					continue
				}
				i := rapid.IntRange(0, len(snapshots)-1).Draw(r, "which")
				before, unique := tree.PoolUsed("tank"), tree.Space(snapshots[i]).Unique
				tree.Discard(snapshots[i])
				if freed := before - tree.PoolUsed("tank"); freed != unique {
					r.Fatalf("%d bytes were only in %s, %d came back", unique, snapshots[i], freed)
				}
				delete(want, snapshots[i])
				snapshots = slices.Delete(snapshots, i, i+1)
			case 9:
				if len(snapshots) == 0 {
					continue
				}
				last := snapshots[len(snapshots)-1]
				if err := tree.RollBack("tank", last); err != nil {
					r.Fatal(err)
				}
				if got := shown(tree, "tank"); got != want[last] {
					r.Fatalf("rolled back to\n%s\nwant\n%s", got, want[last])
				}
			case 10:
				if len(snapshots) == 0 || cloned != "" {
					continue
				}
				cloned = "tank/clone"
				if err := tree.Clone(snapshots[0], cloned); err != nil {
					r.Fatal(err)
				}
				want[cloned] = want[snapshots[0]]
			case 11:
				tree.Dump()
			}
		}
		want["tank"] = shown(tree, "tank")
		again := img.Clone(now)
		if err := again.Load(reread(r, tree.Dump())); err != nil {
			r.Fatal(err)
		}
		for source, text := range want {
			if got := shown(tree, source); got != text {
				r.Errorf("%s shows\n%s\nwant\n%s", source, got, text)
			}
			if got := shown(again, source); got != text {
				r.Errorf("after a restart %s shows\n%s\nwant\n%s", source, got, text)
			}
			if a, b := tree.Space(source).Referenced, again.Space(source).Referenced; a != b {
				r.Errorf("%s shows %d bytes, after a restart %d", source, a, b)
			}
		}
	})
}

func TestCloneIsWritable(t *testing.T) {
	tree := tank(t).Clone(now)
	v := tree.View(vfs.Root, "/")
	must(t, tree.Snapshot("tank", "tank@1"), tree.Clone("tank@1", "tank/two"), tree.Mount(vfs.Mount{Point: "/mnt", Source: "tank/two", Type: "zfs", Pool: "tank"}))
	must(t, v.WriteFile("/mnt/a/file", []byte("changed"), 0o644), v.Remove("/tank/b/file"))
	for file, want := range map[string]string{"/mnt/a/file": "changed", "/tank/a/file": "a", "/mnt/b/file": "b"} {
		if got, err := v.ReadFile(file); string(got) != want {
			t.Errorf("%s: %q, %v, want %q", file, got, err, want)
		}
	}
	must(t, tree.Unmount("/mnt"), tree.Mount(vfs.Mount{Point: "/mnt", Source: "tank@1", Type: "zfs", Pool: "tank", Options: []string{"read-only"}}))
	if err := v.WriteFile("/mnt/a/file", nil, 0o644); !errors.Is(err, syscall.EROFS) {
		t.Errorf("writing to a snapshot: %v", err)
	}
	if err := tree.Clone("tank@1", "tank"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a clone over a file system: %v", err)
	}
}

// A file that was open when its file system went back to before it was made can
// be read and closed.
func TestRollBackUnderOpenFile(t *testing.T) {
	tree := tank(t).Clone(now)
	v := tree.View(vfs.Root, "/")
	must(t, tree.Snapshot("tank", "tank@1"), v.WriteFile("/tank/late", []byte("late"), 0o644))
	f, err := v.Open("/tank/late")
	must(t, err, tree.RollBack("tank", "tank@1"))
	b := make([]byte, 4)
	if n, _ := f.Read(b); string(b[:n]) != "late" {
		t.Errorf("read %q", b[:n])
	}
	must(t, f.Close())
	if _, err := v.Stat("/tank/late"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if tree.PoolUsed("tank") != tree.Space("tank@1").Referenced {
		t.Error("the closed file still takes space")
	}
}

// Snapshots hold the space of what is removed from the file system.
func TestSnapshotsTakeSpace(t *testing.T) {
	tree := tank(t).Clone(now)
	v := tree.View(vfs.Root, "/")
	must(t, v.WriteFile("/tank/big", make([]byte, 32<<20), 0o644), tree.Snapshot("tank", "tank@1"), v.Remove("/tank/big"))
	if err := v.WriteFile("/tank/more", make([]byte, 40<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a snapshot's space was given away: %v", err)
	}
	tree.Discard("tank@1")
	must(t, v.WriteFile("/tank/more", make([]byte, 40<<20), 0o644))
}

func TestSnapshotDirectory(t *testing.T) {
	tree := tank(t).Clone(now)
	v := tree.View(vfs.Root, "/")
	must(t, tree.Snapshot("tank", "tank@1"), v.WriteFile("/tank/a/file", []byte("later"), 0o644), tree.Snapshot("tank", "tank@2"))
	if got, err := v.ReadFile("/tank/.zfs/snapshot/1/a/file"); string(got) != "a" {
		t.Errorf("%q, %v", got, err)
	}
	list, err := v.ReadDir("/tank/.zfs/snapshot/")
	must(t, err)
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	if !slices.Equal(names, []string{"1", "2"}) {
		t.Errorf("snapshots %q", names)
	}
	list, err = v.ReadDir("/tank")
	must(t, err)
	for _, i := range list {
		if i.Name == ".zfs" {
			t.Error("the directory is listed")
		}
	}
	for _, err := range []error{
		v.WriteFile("/tank/.zfs/snapshot/1/a/file", nil, 0o644), v.Mkdir("/tank/.zfs/snapshot/3", 0o755), v.Remove("/tank/.zfs/snapshot/1/a/file"),
		v.Chmod("/tank/.zfs", 0o777), v.Rename("/tank/.zfs/snapshot/1/a/file", "/tank/x"),
	} {
		if !errors.Is(err, syscall.EROFS) && !errors.Is(err, syscall.EXDEV) {
			t.Errorf("a snapshot was changed: %v", err)
		}
	}
	if _, err := v.Stat("/tank/.zfs/snapshot/3"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a snapshot that isn't there: %v", err)
	}
	if _, err := v.Stat("/.zfs"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("on another file system: %v", err)
	}
}

// BenchmarkWriteAfterSnapshot writes to a file system that has a snapshot: what it
// takes must not grow with what was written before.
func BenchmarkWriteAfterSnapshot(b *testing.B) {
	base := vfs.New(now)
	v := base.View(vfs.Root, "/")
	_ = v.Mkdir("/tank", 0o755)
	_ = base.Mount(vfs.Mount{Point: "/tank", Source: "tank", Type: "zfs", Pool: "tank", Size: 1 << 40})
	tree := base.Freeze().Clone(now)
	_ = tree.Snapshot("tank", "tank@1")
	v = tree.View(vfs.Root, "/")
	for n := 0; b.Loop(); n++ {
		if err := v.WriteFile(fmt.Sprint("/tank/", n), []byte("content"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

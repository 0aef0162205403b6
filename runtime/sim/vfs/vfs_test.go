package vfs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"bsdrun/runtime/sim/vfs"
)

var user = vfs.Cred{UID: 1001, GID: 1001, Groups: []int{1001, 0}}
var other = vfs.Cred{UID: 1002, GID: 1002}

func now() time.Time { return time.Unix(1700000000, 0) }

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func want(t *testing.T, err error, errno syscall.Errno) {
	t.Helper()
	if !errors.Is(err, errno) {
		t.Helper()
		t.Errorf("got %v, want %v", err, errno)
	}
}

// Permissions follow the owner, group and others rules, directories included.
func TestPermissions(t *testing.T) {
	tree := vfs.New(now)
	root, u, o := tree.View(vfs.Root, "/"), tree.View(user, "/"), tree.View(other, "/")
	must(t, root.Mkdir("/d", 0o750), root.Chown("/d", 1001, 0), root.WriteFile("/d/f", []byte("x"), 0o640), root.Chown("/d/f", 0, 0))
	if _, err := u.ReadFile("/d/f"); err != nil {
		t.Errorf("a member of the group cannot read: %v", err)
	}
	want(t, u.WriteFile("/d/f", nil, 0), syscall.EACCES)
	_, err := o.ReadFile("/d/f")
	want(t, err, syscall.EACCES)
	_, err = o.ReadDir("/d")
	want(t, err, syscall.EACCES)
	_, err = o.Stat("/d/f")
	want(t, err, syscall.EACCES)
	want(t, o.Mkdir("/x", 0o755), syscall.EACCES)
	want(t, o.Chmod("/d", 0o777), syscall.EPERM)
	must(t, u.Chmod("/d", 0o700))
	want(t, u.Chown("/d", 1002, -1), syscall.EPERM)
	must(t, u.Chown("/d", -1, 0))
	// The first class that matches decides, even where a later one allows more.
	must(t, root.WriteFile("/odd", []byte("x"), 0o644), root.Chown("/odd", 1001, 1001), root.Chmod("/odd", 0o077))
	_, err = u.ReadFile("/odd")
	want(t, err, syscall.EACCES)
	// Root may execute only what somebody may.
	want(t, root.Access("/d/f", vfs.X), syscall.EACCES)
}

func TestStickyAndFlags(t *testing.T) {
	tree := vfs.New(now)
	root, u, o := tree.View(vfs.Root, "/"), tree.View(user, "/"), tree.View(other, "/")
	must(t, root.Mkdir("/tmp", 0), root.Chmod("/tmp", 0o1777), u.WriteFile("/tmp/f", []byte("x"), 0o666))
	want(t, o.Remove("/tmp/f"), syscall.EPERM)
	want(t, o.Rename("/tmp/f", "/tmp/g"), syscall.EPERM)
	must(t, u.Rename("/tmp/f", "/tmp/g"), root.Chflags("/tmp/g", vfs.SystemImmutable))
	want(t, root.Remove("/tmp/g"), syscall.EPERM)
	want(t, root.WriteFile("/tmp/g", nil, 0), syscall.EPERM)
	want(t, root.Chmod("/tmp/g", 0o600), syscall.EPERM)
	want(t, u.Chflags("/tmp/g", 0), syscall.EPERM)
	must(t, root.Chflags("/tmp/g", 0), u.Remove("/tmp/g"))
}

func TestLinks(t *testing.T) {
	tree := vfs.New(now)
	v := tree.View(vfs.Root, "/a/b")
	must(t, v.MkdirAll("/a/b", 0o755), v.WriteFile("f", []byte("one"), 0o644), v.Link("f", "g"), v.Symlink("../b/f", "s"), v.Symlink("loop", "loop"))
	must(t, v.WriteFile("g", []byte("two"), 0o644))
	if data, _ := v.ReadFile("s"); string(data) != "two" {
		t.Errorf("through the links: %q", data)
	}
	if i, _ := v.Lstat("s"); i.Type != vfs.TypeLink || i.Target != "../b/f" {
		t.Errorf("lstat: %+v", i)
	}
	if real, _ := v.EvalSymlinks("s"); real != "/a/b/f" {
		t.Errorf("realpath: %s", real)
	}
	_, err := v.Stat("loop")
	want(t, err, syscall.ELOOP)
	must(t, v.Remove("f"))
	if i, err := v.Stat("g"); err != nil || i.Nlink != 1 {
		t.Errorf("after removing one name: %+v %v", i, err)
	}
	_, err = v.Stat("s")
	want(t, err, syscall.ENOENT)
	_, err = v.Stat("g/x")
	want(t, err, syscall.ENOTDIR)
	want(t, v.Link("/a", "dirlink"), syscall.EPERM)
	want(t, v.Rename("/a", "/a/b/c"), syscall.EINVAL)
	want(t, v.Remove("/a"), syscall.ENOTEMPTY)
	want(t, v.Mkdir("/a", 0o755), syscall.EEXIST)
	if _, err := v.OpenFile("s2", vfs.O_WRONLY|vfs.O_CREATE|vfs.O_EXCL, 0o600); err != nil {
		t.Error(err)
	}
	must(t, v.Symlink("made", "dangling"), v.WriteFile("dangling", []byte("x"), 0o644))
	if _, err := v.Stat("made"); err != nil {
		t.Errorf("writing through a dangling link: %v", err)
	}
}

// A file that lost its last name lives until it is closed.
func TestOpenFileOutlivesItsName(t *testing.T) {
	tree := vfs.New(now)
	must(t, tree.Mount(vfs.Mount{Point: "/", Type: "ufs", Size: 1 << 20}))
	v := tree.View(vfs.Root, "/")
	f, err := v.OpenFile("f", vfs.O_RDWR|vfs.O_CREATE, 0o600)
	must(t, err)
	_, err = f.Write(make([]byte, 512<<10))
	must(t, err, v.Remove("f"))
	if used := tree.Mounts()[0].Used; used != 512<<10 {
		t.Errorf("%d bytes used while open", used)
	}
	if n, err := f.ReadAt(make([]byte, 10), 100); n != 10 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	must(t, f.Close())
	if used := tree.Mounts()[0].Used; used != 0 {
		t.Errorf("%d bytes used after closing", used)
	}
}

func TestNoSpace(t *testing.T) {
	tree := vfs.New(now)
	must(t, tree.Mount(vfs.Mount{Point: "/", Type: "zfs", Source: "p", Pool: "p", Size: 8192}))
	v := tree.View(vfs.Root, "/")
	must(t, v.Mkdir("/d", 0o755), tree.Mount(vfs.Mount{Point: "/d", Type: "zfs", Source: "p/d", Pool: "p", Size: 8192}))
	must(t, v.WriteFile("/d/a", make([]byte, 4096), 0o644))
	f, err := v.OpenFile("/b", vfs.O_WRONLY|vfs.O_CREATE, 0o644)
	must(t, err)
	n, err := f.Write(make([]byte, 8192))
	want(t, err, syscall.ENOSPC)
	if n != 4096 {
		t.Errorf("%d bytes fit beside the other file system's", n)
	}
	must(t, f.Close())
	want(t, v.Mkdir("/c", 0o755), syscall.ENOSPC)
	must(t, v.Remove("/d/a"), v.Mkdir("/c", 0o755))
	u, err := tree.UsageOf("/d")
	must(t, err)
	if u.Total != 4096 || u.Used != 0 || u.Free != 4096 {
		t.Errorf("usage %+v", u)
	}
	want(t, v.Rename("/b", "/d/b"), syscall.EXDEV)
	want(t, v.Remove("/d"), syscall.EBUSY)
}

func TestMountsHideAndShow(t *testing.T) {
	tree := vfs.New(now)
	v := tree.View(vfs.Root, "/")
	must(t, v.MkdirAll("/m", 0o755), v.WriteFile("/m/below", []byte("x"), 0o644), v.MkdirAll("/n", 0o755))
	must(t, tree.Mount(vfs.Mount{Point: "/m", Source: "p/m", Type: "zfs"}), v.WriteFile("/m/above", []byte("y"), 0o644))
	_, err := v.Stat("/m/below")
	want(t, err, syscall.ENOENT)
	must(t, tree.Mount(vfs.Mount{Point: "/n", Source: "/m", Type: "nullfs", Options: []string{"ro"}}))
	if data, _ := v.ReadFile("/n/above"); string(data) != "y" {
		t.Errorf("through nullfs: %q", data)
	}
	want(t, v.WriteFile("/n/x", nil, 0o644), syscall.EROFS)
	if list, _ := v.ReadDir("/n/.."); len(list) != 2 {
		t.Errorf(".. of a mount point leads to %v", list)
	}
	want(t, tree.Unmount("/nope"), syscall.EINVAL)
	must(t, tree.Unmount("/n"), tree.Unmount("/m"))
	if _, err := v.Stat("/m/below"); err != nil {
		t.Error(err)
	}
	must(t, tree.Mount(vfs.Mount{Point: "/m", Source: "p/m", Type: "zfs"}))
	if _, err := v.Stat("/m/above"); err != nil {
		t.Errorf("what was in the file system: %v", err)
	}
}

// Machines of one image do not see each other's changes.
func TestImageIsShared(t *testing.T) {
	tree := vfs.New(now)
	v := tree.View(vfs.Root, "/")
	must(t, v.MkdirAll("/etc", 0o755), v.WriteFile("/etc/f", []byte("base"), 0o644))
	img := tree.Freeze()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c := img.Clone(now)
			v := c.View(vfs.Root, "/")
			f, _ := v.OpenFile("/etc/f", vfs.O_WRONLY|vfs.O_APPEND, 0)
			_, _ = fmt.Fprint(f, i)
			_ = f.Close()
			_ = v.Mkdir(fmt.Sprint("/d", i), 0o755)
			data, _ := v.ReadFile("/etc/f")
			list, _ := v.ReadDir("/")
			if string(data) != fmt.Sprint("base", i) || len(list) != 2 {
				t.Errorf("machine %d sees %q and %d files", i, data, len(list))
			}
		})
	}
	wg.Wait()
	if data, _ := img.Clone(now).View(vfs.Root, "/").ReadFile("/etc/f"); string(data) != "base" {
		t.Errorf("the image now holds %q", data)
	}
}

func TestHolesAreFree(t *testing.T) {
	tree := vfs.New(now)
	must(t, tree.Mount(vfs.Mount{Point: "/", Type: "ufs", Size: 1 << 20}))
	v := tree.View(vfs.Root, "/")
	must(t, v.WriteFile("f", []byte("head"), 0o644), v.Truncate("f", 1<<40))
	i, err := v.Stat("f")
	must(t, err)
	if i.Size != 1<<40 || i.Blocks != 1 {
		t.Errorf("size %d in %d blocks", i.Size, i.Blocks)
	}
	f, err := v.Open("f")
	must(t, err)
	b := make([]byte, 8)
	if n, err := f.ReadAt(b, 2); n != 8 || err != nil || string(b) != "ad\x00\x00\x00\x00\x00\x00" {
		t.Errorf("%d %v %q", n, err, b)
	}
	if _, err := f.ReadAt(b, 1<<40); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestDevices(t *testing.T) {
	tree := vfs.New(now)
	v := tree.View(vfs.Root, "/")
	must(t, v.Mknod("null", vfs.TypeChar, "null", 0o666), v.Mknod("full", vfs.TypeChar, "full", 0o666), v.Mknod("ada9", vfs.TypeChar, "ada9", 0o600))
	must(t, v.WriteFile("null", []byte("gone"), 0))
	if data, err := v.ReadFile("null"); len(data) > 0 || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	want(t, v.WriteFile("full", []byte("x"), 0), syscall.ENOSPC)
	_, err := v.Open("ada9")
	want(t, err, syscall.ENXIO)
	want(t, tree.View(user, "/").Mknod("x", vfs.TypeChar, "x", 0o600), syscall.EPERM)
}

// reread takes a value through its JSON form.
func reread[T any](r *rapid.T, v T) (again T) {
	data, err := json.Marshal(v)
	if err != nil {
		r.Fatal(err)
	}
	if err := json.Unmarshal(data, &again); err != nil {
		r.Fatal(err)
	}
	return again
}

func since(r *rapid.T, later, earlier *vfs.Dump) vfs.Delta {
	delta, ok := later.Since(earlier)
	if !ok {
		r.Fatal("the file systems are taken for others")
	}
	return delta
}

// Whatever is done to a tree, laying its dump over a fresh clone gives the same
// tree, and the space counted is that of the files.
func TestDumpRestoresAnything(t *testing.T) {
	base := vfs.New(now)
	v := base.View(vfs.Root, "/")
	must(t, base.Mount(vfs.Mount{Point: "/", Source: "root", Type: "ufs", Size: 1 << 30}))
	for _, name := range []string{"a", "b", "c/d", "c/e/f"} {
		must(t, v.MkdirAll("/"+name, 0o755), v.WriteFile("/"+name+"/file", []byte(name), 0o644))
	}
	img := base.Freeze()
	rapid.Check(t, func(r *rapid.T) {
		tree := img.Clone(now)
		v := tree.View(vfs.Root, "/")
		name := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "file", "new"}), 1, 4), func(parts []string) string {
			return "/" + strings.Join(parts, "/")
		})
		last := tree.Dump()
		dump := last // as it is put together from deltas
		for range rapid.IntRange(1, 30).Draw(r, "steps") {
			if rapid.IntRange(0, 4).Draw(r, "save") == 0 {
				later := tree.Dump()
				dump = reread(r, vfs.Assemble(dump, []vfs.Delta{reread(r, since(r, later, last))}))
				last = later
			}
			a, b := name.Draw(r, "a"), name.Draw(r, "b")
			switch rapid.IntRange(0, 8).Draw(r, "op") {
			case 0:
				_ = v.WriteFile(a, []byte(b), 0o600)
			case 1:
				_ = v.RemoveAll(a)
			case 2:
				_ = v.Rename(a, b)
			case 3:
				_ = v.Link(a, b)
			case 4:
				_ = v.Symlink(a, b)
			case 5:
				_ = v.MkdirAll(a, 0o711)
			case 6:
				_ = v.Chmod(a, 0o4750)
			case 7:
				_ = v.Remove(a)
			case 8:
				_ = v.Truncate(a, 100000)
			}
		}
		later := tree.Dump()
		again := img.Clone(now)
		if err := again.Load(later); err != nil {
			r.Fatal(err)
		}
		byDeltas := img.Clone(now)
		if err := byDeltas.Load(vfs.Assemble(dump, []vfs.Delta{since(r, later, last)})); err != nil {
			r.Fatal(err)
		}
		if a, b := strings.Join(tree.Listing(), "\n"), strings.Join(byDeltas.Listing(), "\n"); a != b {
			r.Fatalf("before:\n%s\nby deltas:\n%s", a, b)
		}
		if a, b := strings.Join(tree.Listing(), "\n"), strings.Join(again.Listing(), "\n"); a != b {
			r.Fatalf("before:\n%s\nafter:\n%s", a, b)
		}
		if a, b := tree.Mounts()[0].Used, again.Mounts()[0].Used; a != b {
			r.Fatalf("%d bytes used before, %d after", a, b)
		}
		_ = v.RemoveAll("/a")
		for _, dir := range []string{"/a", "/b", "/c", "/d", "/e", "/f", "/file", "/new"} {
			_ = v.RemoveAll(dir)
		}
		if used := tree.Mounts()[0].Used; used != 0 {
			r.Fatalf("%d bytes used by nothing", used)
		}
	})
}

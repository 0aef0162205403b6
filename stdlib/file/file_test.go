package file_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
)

var ctx = context.Background()

// both runs a test on this machine, by real commands, and on a simulated one.
func both(t *testing.T, test func(t *testing.T, h *onsim.Count, dir string)) {
	t.Run("here", func(t *testing.T) {
		h, dir := here(t)
		test(t, h, dir)
	})
	t.Run("sim", func(t *testing.T) {
		doer, m := onsim.New(t, "", base.Tools())
		if err := m.View(vfs.Root, "/").MkdirAll("/var/work", 0o755); err != nil {
			t.Fatal(err)
		}
		test(t, &onsim.Count{Doer: doer}, "/var/work")
	})
}

// here is this machine itself.
func here(t *testing.T) (*onsim.Count, string) {
	t.Helper()
	h := sshhost.NewLocal(sshhost.Config{Name: "local:", StateDir: t.TempDir()})
	t.Cleanup(func() { _ = h.Close(ctx, true) })
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &onsim.Count{Doer: h}, dir
}

func content(text string) binding.Content { return binding.Content{Data: []byte(text)} }

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// twice expects a change the first time alone.
func twice(t *testing.T, h *onsim.Count, call func() (file.Changed, error)) {
	t.Helper()
	if done, err := call(); err != nil || !done.Changed {
		t.Fatalf("the first time: %+v %v", done, err)
	}
	before := h.Changes
	if done, err := call(); err != nil || done.Changed || h.Changes != before {
		t.Fatalf("the second time: %+v %v, %d changes", done, err, h.Changes-before)
	}
}

func TestPut(t *testing.T) { both(t, testPut) }

func testPut(t *testing.T, h *onsim.Count, dir string) {
	p := dir + "/conf"
	put := file.PutArgs{Path: p, Content: content("one\x00\xff\n"), Mode: "0640"}
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	if got := must[string](t)(file.Read(ctx, h, file.ReadArgs{Path: p})); got != "one\x00\xff\n" {
		t.Fatalf("content %q", got)
	}
	put.Content, put.Backup, put.Mode = content("two\n"), ".orig", ""
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	if d := h.Last.Diff; d == nil || string(d.Before) != "one\x00\xff\n" || string(d.After) != "two\n" || d.Hidden {
		t.Errorf("diff %+v", d)
	}
	info := must[file.Info](t)(file.Stat(ctx, h, file.StatArgs{Path: p}))
	if info.Mode != "0640" || info.Type != "file" || info.Size != 4 || info.MTime.IsZero() {
		t.Errorf("info %+v", info)
	}
	if got := must[string](t)(file.Read(ctx, h, file.ReadArgs{Path: p + ".orig"})); got != "one\x00\xff\n" {
		t.Errorf("backup %q", got)
	}
	put.Mode = "0600"
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	if h.Last.File.Verb != effect.FileChmod {
		t.Errorf("only the mode differs, but %s was sent", h.Last.File.Verb)
	}
}

func TestFlags(t *testing.T) {
	doer, _ := onsim.New(t, "", base.Tools())
	h := &onsim.Count{Doer: doer}
	put := file.PutArgs{Path: "/root/f", Content: content("a"), Flags: "nodump"}
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	put.Flags = "schg"
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	if info := must[file.Info](t)(file.Stat(ctx, h, file.StatArgs{Path: "/root/f"})); info.Flags != "schg" {
		t.Errorf("flags %q", info.Flags)
	}
	changed := put
	changed.Content, changed.Flags = content("b"), ""
	if _, err := file.Put(ctx, h, changed); effect.KindOf(err) != effect.Denied {
		t.Errorf("an immutable file: %v", err)
	}
	put.Content, put.Mode = content("b"), "0600"
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	put.Flags, put.Mode = "0", "0644"
	twice(t, h, func() (file.Changed, error) { return file.Put(ctx, h, put) })
	put.Flags = "noschg"
	if _, err := file.Put(ctx, h, put); effect.KindOf(err) != effect.Invalid {
		t.Errorf("flags that clear: %v", err)
	}
}

func TestPutFollowsLinks(t *testing.T) {
	h, dir := here(t)
	if err := os.WriteFile(dir+"/real", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	done := must[file.Changed](t)(file.Put(ctx, h, file.PutArgs{Path: dir + "/link", Content: content("y")}))
	if target, err := os.Readlink(dir + "/link"); err != nil || target != "real" || done.Path != dir+"/real" {
		t.Errorf("link %q %v, changed %+v", target, err, done)
	}
}

func TestPutValidates(t *testing.T) { both(t, testPutValidates) }

func testPutValidates(t *testing.T, h *onsim.Count, dir string) {
	p := dir + "/script"
	valid := []string{"sh", "-n", "%s"}
	must[file.Changed](t)(file.Put(ctx, h, file.PutArgs{Path: p, Content: content("true\n"), Validate: valid}))
	_, err := file.Put(ctx, h, file.PutArgs{Path: p, Content: content("if\n"), Validate: valid})
	if effect.KindOf(err) != effect.Failed {
		t.Fatalf("a broken script: %v", err)
	}
	if got := must[string](t)(file.Read(ctx, h, file.ReadArgs{Path: p})); got != "true\n" {
		t.Errorf("the live file became %q", got)
	}
	entries, err := file.List(ctx, h, file.PathArgs{Path: dir})
	if err != nil || len(entries) != 1 {
		t.Errorf("something was left: %v %v", entries, err)
	}
}

func TestPutHidesSecrets(t *testing.T) { both(t, testPutHidesSecrets) }

func testPutHidesSecrets(t *testing.T, h *onsim.Count, dir string) {
	must[file.Changed](t)(file.Put(ctx, h, file.PutArgs{Path: dir + "/key", Content: content("k"), Mode: "0600"}))
	if !h.Last.Diff.Hidden {
		t.Error("the content of a private file is shown")
	}
	secret := binding.Content{Data: []byte("hush"), Secret: true}
	must[file.Changed](t)(file.Put(ctx, h, file.PutArgs{Path: dir + "/pw", Content: secret}))
	if d := h.Last.Diff; d.After != nil || !h.Last.File.Secret {
		t.Errorf("diff %+v", d)
	}
}

func TestRefusals(t *testing.T) { both(t, testRefusals) }

func testRefusals(t *testing.T, h *onsim.Count, dir string) {
	for name, call := range map[string]func() error{
		"relative path": func() error { _, err := file.Put(ctx, h, file.PutArgs{Path: "x", Content: content("")}); return err },
		"bad mode":      func() error { _, err := file.Put(ctx, h, file.PutArgs{Path: dir + "/x", Mode: "99"}); return err },
		"remove /":      func() error { _, err := file.Remove(ctx, h, file.RemoveArgs{Path: "/", Recursive: true}); return err },
		"remove /usr/": func() error {
			_, err := file.Remove(ctx, h, file.RemoveArgs{Path: "/usr//", Recursive: true})
			return err
		},
		"remove by ..":  func() error { _, err := file.Remove(ctx, h, file.RemoveArgs{Path: "/usr/bin/../../etc"}); return err },
		"bad regexp":    func() error { _, err := file.ReplaceIn(ctx, h, file.ReplaceArgs{Path: dir, Pattern: "("}); return err },
		"move /etc":     func() error { _, err := file.Move(ctx, h, file.MoveArgs{From: "/etc", To: dir + "/etc"}); return err },
		"negative read": func() error { _, err := file.Read(ctx, h, file.ReadArgs{Path: dir, Offset: -1}); return err },
		"tree in itself": func() error {
			_, err := file.Copy(ctx, h, file.CopyArgs{From: dir, To: dir + "/sub", Recursive: true})
			return err
		},
	} {
		if err := call(); effect.KindOf(err) != effect.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.Changes != 0 {
		t.Errorf("%d changes were made", h.Changes)
	}
}

func TestMissing(t *testing.T) { both(t, testMissing) }

func testMissing(t *testing.T, h *onsim.Count, dir string) {
	if info := must[file.Info](t)(file.Stat(ctx, h, file.StatArgs{Path: dir + "/no"})); info.Exists {
		t.Error("exists")
	}
	if must[bool](t)(file.Exists(ctx, h, file.PathArgs{Path: dir + "/no"})) {
		t.Error("exists")
	}
	for name, call := range map[string]func() error{
		"read": func() error { _, err := file.Read(ctx, h, file.ReadArgs{Path: dir + "/no"}); return err },
		"get":  func() error { _, err := file.Get(ctx, h, file.PathArgs{Path: dir + "/no"}); return err },
		"hash": func() error { _, err := file.Hash(ctx, h, file.PathArgs{Path: dir + "/no"}); return err },
		"list": func() error { _, err := file.List(ctx, h, file.PathArgs{Path: dir + "/no"}); return err },
		"copy": func() error {
			_, err := file.Copy(ctx, h, file.CopyArgs{From: dir + "/no", To: dir + "/x"})
			return err
		},
		"move": func() error {
			_, err := file.Move(ctx, h, file.MoveArgs{From: dir + "/no", To: dir + "/x"})
			return err
		},
		"lines": func() error {
			_, err := file.EnsureLinesIn(ctx, h, file.LinesArgs{Path: dir + "/no", Lines: []string{"x"}})
			return err
		},
	} {
		if err := call(); effect.KindOf(err) != effect.Missing {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTree(t *testing.T) { both(t, testTree) }

func testTree(t *testing.T, h *onsim.Count, dir string) {
	twice(t, h, func() (file.Changed, error) {
		return file.Mkdir(ctx, h, file.MkdirArgs{Path: dir + "/a/b", Mode: "0750"})
	})
	must[file.Changed](t)(file.Put(ctx, h, file.PutArgs{Path: dir + "/a/b/f", Content: content("x")}))
	twice(t, h, func() (file.Changed, error) {
		return file.Link(ctx, h, file.LinkArgs{Path: dir + "/l", Target: "a/b/f"})
	})
	twice(t, h, func() (file.Changed, error) {
		return file.Link(ctx, h, file.LinkArgs{Path: dir + "/hard", Target: dir + "/a/b/f", Hard: true})
	})
	if _, err := file.Link(ctx, h, file.LinkArgs{Path: dir + "/l", Target: "a"}); effect.KindOf(err) != effect.Failed {
		t.Errorf("a link to elsewhere: %v", err)
	}
	twice(t, h, func() (file.Changed, error) {
		return file.Link(ctx, h, file.LinkArgs{Path: dir + "/l", Target: "a", Force: true})
	})
	twice(t, h, func() (file.Changed, error) {
		return file.Copy(ctx, h, file.CopyArgs{From: dir + "/a/b/f", To: dir + "/copy"})
	})
	must[file.Changed](t)(file.Copy(ctx, h, file.CopyArgs{From: dir + "/a", To: dir + "/tree", Recursive: true}))
	twice(t, h, func() (file.Changed, error) {
		return file.Move(ctx, h, file.MoveArgs{From: dir + "/copy", To: dir + "/moved"})
	})
	var names []string
	for _, f := range must[[]file.Info](t)(file.List(ctx, h, file.PathArgs{Path: dir})) {
		names = append(names, f.Name+" "+f.Type)
	}
	if want := []string{"a directory", "hard file", "l link", "moved file", "tree directory"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	if _, err := file.Remove(ctx, h, file.RemoveArgs{Path: dir + "/a"}); err == nil {
		t.Error("a directory that is not empty was removed")
	}
	twice(t, h, func() (file.Changed, error) {
		return file.Remove(ctx, h, file.RemoveArgs{Path: dir + "/a", Recursive: true})
	})
	tmp := must[file.Tmp](t)(file.Tmpdir(ctx, h, file.TmpdirArgs{Parent: dir, Prefix: "x y"}))
	if !strings.HasPrefix(tmp.Path, dir+"/x y.") {
		t.Errorf("tmpdir %q", tmp.Path)
	}
}

func TestRemoveRefusesMounted(t *testing.T) {
	doer, m := onsim.New(t, "", base.Tools())
	h := &onsim.Count{Doer: doer}
	if err := m.View(vfs.Root, "/").MkdirAll("/var/work/a/mnt", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Tree().Mount(vfs.Mount{Point: "/var/work/a/mnt", Source: "tmpfs", Type: "tmpfs"}); err != nil {
		t.Fatal(err)
	}
	remove := file.RemoveArgs{Path: "/var/work/a", Recursive: true}
	_, err := file.Remove(ctx, h, remove)
	if e := effect.AsError(err); e == nil || !strings.Contains(e.Message, "a file system is mounted in /var/work/a: tmpfs on /var/work/a/mnt") || h.Changes != 0 {
		t.Fatalf("%v, %d changes", err, h.Changes)
	}
	if err := m.Tree().Unmount("/var/work/a/mnt"); err != nil {
		t.Fatal(err)
	}
	twice(t, h, func() (file.Changed, error) { return file.Remove(ctx, h, remove) })
}

func TestFind(t *testing.T) { both(t, testFind) }

func testFind(t *testing.T, h *onsim.Count, dir string) {
	must[file.Changed](t)(file.Mkdir(ctx, h, file.MkdirArgs{Path: dir + "/sub"}))
	must[file.Changed](t)(file.Mkdir(ctx, h, file.MkdirArgs{Path: dir + "/skip"}))
	for name, size := range map[string]int{"a.log": 10, "b.log": 100, "c.txt": 1000, "sub/d.log": 10, "skip/e.log": 10, "odd\nname.log": 1, "empty": 0} {
		put := file.PutArgs{Path: dir + "/" + name, Content: content(strings.Repeat("x", size))}
		if name == "b.log" {
			put.Mode = "0666"
		}
		must[file.Changed](t)(file.Put(ctx, h, put))
	}
	if _, err := h.Do(ctx, effect.Effect{Op: "test", Kind: effect.Change, Argv: []string{"touch", "-t", "202001010000", dir + "/a.log"}}); err != nil {
		t.Fatal(err)
	}
	size, depth := int64(100), 1
	for name, c := range map[string]struct {
		args file.FindArgs
		want []string
	}{
		"name":     {file.FindArgs{Name: "*.log", Exclude: []string{"skip"}}, []string{"a.log", "b.log", "odd\nname.log", "sub/d.log"}},
		"depth":    {file.FindArgs{Type: "file", MaxDepth: &depth, INAME: "?.LOG"}, []string{"a.log", "b.log"}},
		"min size": {file.FindArgs{MinSize: 100, Type: "file"}, []string{"b.log", "c.txt"}},
		"max size": {file.FindArgs{MinSize: 1, MaxSize: &size, Name: "?.log", MaxDepth: &depth}, []string{"a.log", "b.log"}},
		"older":    {file.FindArgs{Older: time.Hour, Type: "file"}, []string{"a.log"}},
		"younger":  {file.FindArgs{Younger: time.Hour, Name: "?.log", MaxDepth: &depth}, []string{"b.log"}},
		"perm":     {file.FindArgs{Perm: "0002", Type: "file"}, []string{"b.log"}},
		"empty":    {file.FindArgs{Empty: true, Type: "file"}, []string{"empty"}},
		"match":    {file.FindArgs{Match: "*/sub/*"}, []string{"sub/d.log"}},
		"dirs":     {file.FindArgs{Type: "directory", MinDepth: 1}, []string{"skip", "sub"}},
		"nothing":  {file.FindArgs{Name: "nosuch"}, []string{}},
	} {
		c.args.Path = dir
		got, err := file.Find(ctx, h, c.args)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := []string{}
		for _, w := range c.want {
			want = append(want, dir+"/"+w)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := file.Find(ctx, h, file.FindArgs{Path: dir, Limit: 2}); effect.KindOf(err) != effect.Failed {
		t.Errorf("over the limit: %v", err)
	}
}

func TestEdits(t *testing.T) {
	h, dir := here(t)
	p := dir + "/f"
	if err := os.WriteFile(p, []byte("#Port 22\nAddressFamily any\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	twice(t, h, func() (file.Changed, error) {
		return file.EnsureLinesIn(ctx, h, file.LinesArgs{Path: p, Lines: []string{"Port 2222"}, Match: "^#?Port "})
	})
	twice(t, h, func() (file.Changed, error) {
		return file.EnsureBlockIn(ctx, h, file.BlockArgs{Path: p, Content: "a\nb\n", After: "^Port"})
	})
	twice(t, h, func() (file.Changed, error) {
		return file.ReplaceIn(ctx, h, file.ReplaceArgs{Path: p, Pattern: "^(AddressFamily) any$", With: "${1} inet"})
	})
	want := "Port 2222\n# BEGIN bsdrun block\na\nb\n# END bsdrun block\nAddressFamily inet\n"
	if got := must[string](t)(file.Read(ctx, h, file.ReadArgs{Path: p})); got != want {
		t.Fatalf("%s", got)
	}
	twice(t, h, func() (file.Changed, error) { return file.EnsureBlockIn(ctx, h, file.BlockArgs{Path: p}) })
	twice(t, h, func() (file.Changed, error) {
		return file.RemoveLinesIn(ctx, h, file.RemoveLinesArgs{Path: p, Match: "^Address"})
	})
	info := must[file.Whole](t)(file.Get(ctx, h, file.PathArgs{Path: p}))
	if info.Content != "Port 2222\n" || info.Mode != "0640" {
		t.Errorf("%q mode %s", info.Content, info.Mode)
	}
}

func TestCheckModeIsExact(t *testing.T) {
	real, dir := here(t)
	h := effect.Chain(real, layer.Check())
	steps := func(h effect.Doer) (seen []string) {
		note := func(changed bool, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, map[bool]string{true: "changed", false: "same"}[changed])
		}
		changed := func(c file.Changed, err error) { t.Helper(); note(c.Changed, err) }
		changed(file.Mkdir(ctx, h, file.MkdirArgs{Path: dir + "/etc"}))
		changed(file.Put(ctx, h, file.PutArgs{Path: dir + "/etc/conf", Content: content("a\n")}))
		changed(file.EnsureLinesIn(ctx, h, file.LinesArgs{Path: dir + "/etc/conf", Lines: []string{"b"}}))
		changed(file.EnsureLinesIn(ctx, h, file.LinesArgs{Path: dir + "/etc/conf", Lines: []string{"a", "b"}}))
		text, err := file.Read(ctx, h, file.ReadArgs{Path: dir + "/etc/conf"})
		note(text == "a\nb\n", err)
		changed(file.Link(ctx, h, file.LinkArgs{Path: dir + "/etc/alias", Target: "conf"}))
		changed(file.Put(ctx, h, file.PutArgs{Path: dir + "/etc/alias", Content: content("a\nb\n")}))
		changed(file.Remove(ctx, h, file.RemoveArgs{Path: dir + "/etc/conf"}))
		exists, err := file.Exists(ctx, h, file.PathArgs{Path: dir + "/etc/conf"})
		note(!exists, err)
		return seen
	}
	foretold := steps(h)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 || real.Changes != 0 {
		t.Fatalf("check mode changed something: %v %v", entries, err)
	}
	if diff := cmp.Diff(foretold, steps(real)); diff != "" {
		t.Fatal(diff)
	}
}

func TestUnknownAfterACommand(t *testing.T) {
	real, dir := here(t)
	h := effect.Chain(real, layer.Check())
	if _, err := file.Tmpdir(ctx, h, file.TmpdirArgs{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Do(ctx, effect.Effect{Op: "x", Kind: effect.Change, Argv: []string{"true"}, Writes: []effect.Resource{effect.Tree(dir)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Read(ctx, h, file.ReadArgs{Path: dir + "/f"}); effect.KindOf(err) != effect.Unknown {
		t.Errorf("%v", err)
	}
}

type sink struct{ bytes.Buffer }

func (*sink) Close() error { return nil }

func TestDownload(t *testing.T) {
	h, dir := here(t)
	want := bytes.Repeat([]byte("0123456789abcde\n"), 600<<10) // over two pieces
	if err := os.WriteFile(dir+"/big", want, 0o600); err != nil {
		t.Fatal(err)
	}
	var got sink
	to := binding.Local{Path: "big", Create: func() (io.WriteCloser, error) { return &got, nil }}
	done := must[file.Downloaded](t)(file.Download(ctx, h, file.DownloadArgs{Path: dir + "/big", To: to}))
	if !bytes.Equal(got.Bytes(), want) || done.Size != int64(len(want)) {
		t.Errorf("%d bytes of %d", got.Len(), len(want))
	}
	if sum := must[string](t)(file.Hash(ctx, h, file.PathArgs{Path: dir + "/big"})); sum != done.SHA256 {
		t.Errorf("hash %s, not %s", done.SHA256, sum)
	}
	if _, err := file.Download(ctx, h, file.DownloadArgs{Path: dir + "/big"}); effect.KindOf(err) != effect.Denied {
		t.Errorf("without leave: %v", err)
	}
}

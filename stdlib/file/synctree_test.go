package file_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/sim/base"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
)

// everywhere runs a test on this machine, by real commands, and on simulated ones
// of an old and the current release.
func everywhere(t *testing.T, test func(t *testing.T, h *onsim.Count, dir string)) {
	both(t, test)
	t.Run("8.2", func(t *testing.T) {
		doer, m := onsim.New(t, "freebsd-8.2-zfs-mirror", base.Tools())
		if err := m.View(vfs.Root, "/").MkdirAll("/var/work", 0o755); err != nil {
			t.Fatal(err)
		}
		test(t, &onsim.Count{Doer: doer}, "/var/work")
	})
}

// on runs a script on the host.
func on(t *testing.T, h effect.Doer, script string) string {
	t.Helper()
	res, err := h.Do(t.Context(), effect.Effect{Op: "test", Shell: script})
	if err != nil {
		t.Fatal(err)
	}
	out, err := res.Text()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func noise(n int) string {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return string(data)
}

// An unchanged tree costs one look.
func TestSyncConverges(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := site(t)
		write(t, from, "ünicode |\\ 'q\" $x", "odd\n", 0o644)
		write(t, from, strings.Repeat("long/", 60)+"name", "deep\n", 0o644)
		for n := range 40 {
			write(t, from, fmt.Sprintf("many/%d", n), noise(3000), 0o644)
		}
		if err := os.Link(filepath.Join(from, "many/1"), filepath.Join(from, "many/other")); err != nil {
			t.Fatal(err)
		}
		a := file.SyncArgs{From: local(t, from), Path: dir + "/site"}
		first, err := file.Sync(t.Context(), h, a)
		if err != nil || !first.Changed || h.Changes != 1 || h.Reads > 2 {
			t.Fatalf("%d changes, %d reads: %+v %v", h.Changes, h.Reads, first, err)
		}
		h.Changes, h.Reads = 0, 0
		again, err := file.Sync(t.Context(), h, a)
		if err != nil || again.Changed || h.Changes != 0 || h.Reads != 1 {
			t.Fatalf("%d changes, %d reads: %+v %v", h.Changes, h.Reads, again, err)
		}
		out := on(t, h, "cd "+dir+"/site && cat ünic* && ls -d empty && cat "+strings.Repeat("long/", 60)+"name && wc -c <many/other")
		if got := strings.Join(strings.Fields(out), " "); got != "odd empty deep 3000" {
			t.Errorf("%q", got)
		}
	})
}

// A list of many names travels packed.
func TestSyncOfManyFiles(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := t.TempDir()
		for n := range 1000 {
			write(t, from, fmt.Sprintf("a folder with a long name/file %d", n), fmt.Sprint(n), 0o644)
		}
		a := file.SyncArgs{From: local(t, from), Path: dir + "/many"}
		for _, want := range []int{1002, 0} {
			if done, err := file.Sync(t.Context(), h, a); err != nil || len(done.Sent) != want {
				t.Fatalf("%d %v", len(done.Sent), err)
			}
		}
		write(t, from, "a folder with a long name/file 7", "8", 0o644)
		if done, err := file.Sync(t.Context(), h, a); err != nil || !slices.Equal(done.Sent, []string{"a folder with a long name/file 7"}) {
			t.Fatalf("%q %v", done.Sent, err)
		}
	})
}

func TestSyncKeepsModes(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := t.TempDir()
		write(t, from, "tool", "x", 0o755)
		write(t, from, "shared/secret", "y", 0o600)
		for name, mode := range map[string]os.FileMode{"tool": 0o755 | os.ModeSetuid, "shared": 0o770 | os.ModeSetgid | os.ModeSticky} {
			if err := os.Chmod(filepath.Join(from, name), mode); err != nil {
				t.Fatal(err)
			}
		}
		a := file.SyncArgs{From: local(t, from), Path: dir + "/t", Modes: true}
		for _, want := range []bool{true, false} {
			if done, err := file.Sync(t.Context(), h, a); err != nil || done.Changed != want {
				t.Fatalf("%+v %v", done, err)
			}
		}
		out := on(t, h, "cd "+dir+"/t && ls -ld tool shared shared/secret | cut -c1-10")
		if out != "drwxrws--T\n-rw-------\n-rwsr-xr-x\n" {
			t.Errorf("%q", out)
		}
		on(t, h, "chmod 755 "+dir+"/t/tool")
		if done, err := file.Sync(t.Context(), h, a); err != nil || !slices.Equal(done.Sent, []string{"tool"}) {
			t.Errorf("%+v %v", done, err)
		}
	})
}

// What is excluded stays, wherever it is; the rest of a foreign directory goes.
func TestSyncDeletesAroundWhatIsExcluded(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := t.TempDir()
		write(t, from, "a", "1", 0o644)
		on(t, h, "mkdir -p "+dir+"/x/old/deep/.keep.d "+dir+"/x/gone/er && cd "+dir+"/x && touch old/f old/deep/g 'new\nline' gone/er/h && echo k >old/deep/.keep.d/k && echo k >old/k.keep")
		a := file.SyncArgs{From: local(t, from), Path: dir + "/x", Delete: true, Exclude: []string{".keep*", "*.kee[p]"}}
		done, err := file.Sync(t.Context(), h, a)
		if want := []string{"gone", "new\nline", "old/deep/g", "old/f"}; err != nil || !slices.Equal(done.Removed, want) {
			t.Fatalf("%q %v", done.Removed, err)
		}
		out := on(t, h, "cd "+dir+"/x && find . ! -type d | sort")
		if out != "./a\n./old/deep/.keep.d/k\n./old/k.keep\n" {
			t.Errorf("%q", out)
		}
		if done, err := file.Sync(t.Context(), h, a); err != nil || done.Changed {
			t.Errorf("%+v %v", done, err)
		}
		// It is in the way of a file.
		write(t, from, "old", "a file", 0o644)
		if _, err := file.Sync(t.Context(), h, a); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "old/") {
			t.Errorf("%v", err)
		}
	})
}

// Owners without a name keep their files.
func TestSyncKeepsNumbers(t *testing.T) {
	h, m := machine(t)
	from := t.TempDir()
	write(t, from, "a", "1", 0o644)
	onHost(t, m, "mkdir -p /srv/x && touch /srv/x/a && chown 4711:4712 /srv/x/a")
	if done, err := file.Sync(t.Context(), h, file.SyncArgs{From: local(t, from), Path: "/srv/x"}); err != nil || !done.Changed {
		t.Errorf("%+v %v", done, err)
	}
	if out := onHost(t, m, "stat -f '%u %g' /srv/x/a"); out != "4711 4712\n" {
		t.Errorf("%q", out)
	}
}

// hooked is a folder in which something happens when a file is read.
type hooked struct {
	binding.Tree
	name string
	do   func()
}

// during has something done while a file is read for sending, which is after its
// first part.
func during(l binding.Local, name string, do func()) binding.Local {
	open := l.Tree
	l.Tree = func() (binding.Tree, error) {
		tree, err := open()
		return &hooked{tree, name, do}, err
	}
	return l
}

func (h *hooked) Open(name string) (f fs.File, err error) {
	f, err = h.Tree.Open(name)
	if err == nil && name == h.name {
		f = &hookedFile{f, h.do}
	}
	return f, err
}

type hookedFile struct {
	fs.File
	do func()
}

func (f *hookedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p[:min(len(p), 1000)])
	f.do()
	return n, err
}

// A file that changes, shrinks or goes while it is sent is sent as it is in the
// end; one that never comes to rest fails the call by its name.
func TestSyncOfWhatChanges(t *testing.T) {
	for name, change := range map[string]func(path string, n int) error{
		"grows": func(path string, n int) error {
			if n > 1 {
				return nil
			}
			return os.WriteFile(path, []byte(noise(90000)), 0o644)
		},
		"shrinks": func(path string, n int) error {
			if n > 1 {
				return nil
			}
			return os.WriteFile(path, []byte("short"), 0o644)
		},
		"never rests": func(path string, n int) error {
			return os.Chtimes(path, time.Now(), time.Unix(int64(n), 0))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, m := machine(t)
			from := t.TempDir()
			write(t, from, "a", noise(50000), 0o644)
			write(t, from, "b", "still", 0o644)
			n := 0
			l := during(local(t, from), "a", func() {
				n++
				if err := change(filepath.Join(from, "a"), n); err != nil {
					t.Error(err)
				}
			})
			done, err := file.Sync(t.Context(), h, file.SyncArgs{From: l, Path: "/srv/x"})
			if name == "never rests" {
				if effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "change while they are sent: a") {
					t.Errorf("%v", err)
				}
				return
			}
			want := must[[]byte](t)(os.ReadFile(filepath.Join(from, "a")))
			if out := onHost(t, m, "cat /srv/x/a"); err != nil || !done.Changed || out != string(want) {
				t.Errorf("%d bytes: %+v %v", len(out), done, err)
			}
			if out := onHost(t, m, "cat /srv/x/b"); out != "still" {
				t.Errorf("%q", out)
			}
		})
	}
	t.Run("goes", func(t *testing.T) {
		h, m := machine(t)
		from := t.TempDir()
		write(t, from, "a", noise(500), 0o644)
		write(t, from, "b", "gone soon", 0o644)
		l := during(local(t, from), "a", func() { _ = os.Remove(filepath.Join(from, "b")) })
		if _, err := file.Sync(t.Context(), h, file.SyncArgs{From: l, Path: "/srv/x"}); err != nil {
			t.Error(err)
		}
		if out := onHost(t, m, "ls /srv/x"); out != "a\n" {
			t.Errorf("%q", out)
		}
	})
}

func TestSyncFailsClearly(t *testing.T) {
	from := t.TempDir()
	write(t, from, "big", noise(4<<20), 0o644)
	t.Run("full disk", func(t *testing.T) {
		h, m := machine(t)
		onHost(t, m, "mkdir -p /srv/x")
		m.FailTool("tar", 1, "tar: ./big: Write failed: No space left on device", 1)
		a := file.SyncArgs{From: local(t, from), Path: "/srv/x"}
		_, err := file.Sync(t.Context(), h, a)
		if e := effect.AsError(err); effect.KindOf(err) != effect.Failed || !strings.Contains(e.Hint, "is full") {
			t.Errorf("%v", err)
		}
		if done, err := file.Sync(t.Context(), h, a); err != nil || !done.Changed {
			t.Errorf("%+v %v", done, err)
		}
	})
	t.Run("nothing readable", func(t *testing.T) {
		_, m := machine(t)
		h := &onsim.Count{Doer: onsim.As(t, m, "ada")}
		onHost(t, m, "mkdir -p /srv/x/closed && echo x >/srv/x/closed/y && chmod 700 /srv/x/closed && chown ada /srv/x")
		_, err := file.Sync(t.Context(), h, file.SyncArgs{From: local(t, from), Path: "/srv/x", Delete: true})
		if effect.KindOf(err) != effect.Denied || !strings.Contains(err.Error(), "closed") || h.Changes != 0 {
			t.Errorf("%v", err)
		}
	})
}

// cutting loses the connection while a stream is sent.
type cutting struct {
	effect.Doer
	times int
}

func (c *cutting) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Stdin == nil || e.Kind != effect.Change || c.times == 0 {
		return c.Doer.Do(ctx, e)
	}
	c.times--
	data, err := io.ReadAll(e.Stdin)
	if err != nil {
		return effect.Result{}, err
	}
	e.Stdin = bytes.NewReader(data[:len(data)/2])
	_, _ = c.Doer.Do(ctx, e)
	return effect.Result{}, effect.Errorf(effect.Unreachable, e.Op, "the connection was lost")
}

// After a lost connection only what is missing is sent.
func TestSyncGoesOnAfterACut(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := t.TempDir()
		for n := range 20 {
			write(t, from, fmt.Sprint("f", n), noise(60000), 0o644)
		}
		var streams []int
		watched := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				streams = append(streams, strings.Count(e.Diff.Note, "f"))
			}
			return h.Do(ctx, e)
		})
		a := file.SyncArgs{From: local(t, from), Path: dir + "/x"}
		done, err := file.Sync(t.Context(), &cutting{watched, 1}, a)
		if err != nil || !done.Changed || len(streams) != 2 || streams[1] > streams[0]*2/3 {
			t.Fatalf("%v: %+v %v", streams, done, err)
		}
		if done, err = file.Sync(t.Context(), h, a); err != nil || done.Changed {
			t.Errorf("%+v %v", done, err)
		}
		if _, err := file.Sync(t.Context(), &cutting{h, 100}, file.SyncArgs{From: local(t, from), Path: dir + "/y"}); effect.KindOf(err) != effect.Unreachable && err != nil {
			t.Errorf("%v", err)
		}
	})
}

// What can be packed travels packed, and is told of while it does.
func TestSyncPacksAndTells(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		from := t.TempDir()
		for n := range 50 {
			write(t, from, fmt.Sprint("text", n), strings.Repeat("all work and no play\n", 2000), 0o644)
		}
		var sent int
		counted := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				data, err := io.ReadAll(e.Stdin)
				if err != nil {
					return effect.Result{}, err
				}
				sent, e.Stdin = len(data), bytes.NewReader(data)
			}
			return h.Do(ctx, e)
		})
		var told events
		if _, err := file.Sync(effect.WithEvents(t.Context(), &told), counted, file.SyncArgs{From: local(t, from), Path: dir + "/x"}); err != nil {
			t.Fatal(err)
		}
		if sent == 0 || sent > 200000 {
			t.Errorf("%d bytes were sent for 2.1 MB of text", sent)
		}
		if last := told[len(told)-1]; len(told) < 10 || last.Data["done"] != 51 || last.Data["bytes"] != last.Data["of"] {
			t.Errorf("%d events, last %+v", len(told), last)
		}
	})
}

type events []effect.Event

func (l *events) Emit(e effect.Event) {
	if e.Type == effect.Progress {
		*l = append(*l, e)
	}
}

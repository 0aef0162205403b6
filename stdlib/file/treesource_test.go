package file_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/stdlib/file"
	"bsdrun/tests/onsim"
)

// fill is a folder to write into, as the sandbox gives it.
type fill struct {
	*os.Root
	fs.ReadLinkFS
}

func (f fill) Open(name string) (fs.File, error)      { return f.ReadLinkFS.Open(name) }
func (f fill) Lstat(name string) (fs.FileInfo, error) { return f.ReadLinkFS.Lstat(name) }
func (f fill) Create(name string) (io.WriteCloser, error) {
	return f.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

func filled(dir string) binding.Local {
	return binding.Local{Path: dir, Fill: func() (binding.Filling, error) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		return fill{root, root.FS().(fs.ReadLinkFS)}, nil
	}}
}

// A host's tree of everything: odd names, modes, links, a directory that only its
// owner enters, what no archive carries.
const plant = `umask 022 && mkdir -p etc/deep/er empty closed && echo one >'etc/a b' && echo two >'etc/deep/er/ü|\"' &&
echo x >tool && chmod 4755 tool && ln tool other && ln -s ../nowhere etc/link && echo s >closed/secret && chmod 600 closed/secret && chmod 700 closed &&
mkdir .git && echo no >.git/config && mkfifo pipe`

func TestTreeDownload(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		on(t, h, "mkdir "+dir+"/src && cd "+dir+"/src && "+plant)
		to := filepath.Join(t.TempDir(), "deep", "copy")
		a := file.TreeDownloadArgs{Path: dir + "/src", To: filled(to), Exclude: []string{".git"}}
		first, err := file.DownloadTree(t.Context(), h, a)
		if err != nil || !first.Changed || len(first.Received) != 11 || h.Changes != 0 {
			t.Fatalf("%q %v", first.Received, err)
		}
		again, err := file.DownloadTree(t.Context(), h, a)
		if err != nil || again.Changed {
			t.Fatalf("%+v %v", again, err)
		}
		for name, want := range map[string]string{"etc/a b": "one\n", `etc/deep/er/ü|\"`: "two\n", "tool": "x\n", "other": "x\n", "closed/secret": "s\n"} {
			if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || string(got) != want {
				t.Errorf("%s: %q %v", name, got, err)
			}
		}
		for name, want := range map[string]fs.FileMode{"tool": 0o755, "closed/secret": 0o600, "closed": 0o700 | fs.ModeDir, "empty": 0o755 | fs.ModeDir} {
			if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Mode() != want {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
		}
		if target, err := os.Readlink(filepath.Join(to, "etc/link")); err != nil || target != "../nowhere" {
			t.Errorf("%q %v", target, err)
		}
		// Only what differs comes; what is local alone stays.
		write(t, to, "mine", "stays", 0o644)
		write(t, to, "etc/a b", "eno\n", 0o644)
		on(t, h, "echo three >"+dir+"/src/tool")
		third, err := file.DownloadTree(t.Context(), h, a)
		if err != nil || !slices.Contains(third.Received, "etc/a b") || !slices.Contains(third.Received, "tool") || len(third.Received) > 3 {
			t.Errorf("%q %v", third.Received, err)
		}
		if got, err := os.ReadFile(filepath.Join(to, "mine")); err != nil || string(got) != "stays" {
			t.Errorf("%q %v", got, err)
		}
		if left := must[[]string](t)(filepath.Glob(filepath.Join(to, "*", ".*.bsdrun"))); len(left) > 0 {
			t.Errorf("%q", left)
		}
	})
}

func TestTreeDownloadRefusals(t *testing.T) {
	h, m := machine(t)
	onHost(t, m, "mkdir -p /srv/odd /srv/kind/x && touch '/srv/odd/a\nb' /srv/file")
	to := t.TempDir()
	write(t, to, "x", "a file", 0o644)
	for name, c := range map[string]struct {
		args file.TreeDownloadArgs
		kind effect.ErrKind
	}{
		"missing":     {file.TreeDownloadArgs{Path: "/srv/none", To: filled(to)}, effect.Missing},
		"a file":      {file.TreeDownloadArgs{Path: "/srv/file", To: filled(to)}, effect.Failed},
		"odd name":    {file.TreeDownloadArgs{Path: "/srv/odd", To: filled(to)}, effect.Invalid},
		"in the way":  {file.TreeDownloadArgs{Path: "/srv/kind", To: filled(to)}, effect.Failed},
		"not granted": {file.TreeDownloadArgs{Path: "/srv/kind"}, effect.Denied},
	} {
		if _, err := file.DownloadTree(t.Context(), h, c.args); effect.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTreeTransfer(t *testing.T) {
	everywhere(t, func(t *testing.T, h *onsim.Count, dir string) {
		to, m := machine(t)
		on(t, h, "mkdir "+dir+"/src && cd "+dir+"/src && "+plant)
		onHost(t, m, "mkdir -p /srv/copy && echo old >/srv/copy/foreign")
		a := file.TreeTransferArgs{Path: dir + "/src", Host: to, To: "/srv/copy", Exclude: []string{".git"}, Owner: "www", Group: "www", Delete: true}
		for _, want := range []bool{true, false} {
			done, err := file.TransferTree(t.Context(), h, a)
			if err != nil || done.Changed != want || h.Changes != 0 {
				t.Fatalf("%+v %v", done, err)
			}
			if want && (len(done.Sent) != 11 || !slices.Equal(done.Removed, []string{"foreign"})) {
				t.Errorf("%+v", done)
			}
		}
		out := onHost(t, m, "cd /srv/copy && cat tool other 'etc/a b' && stat -f '%Mp%Lp %Su' tool closed closed/secret && readlink etc/link && ls -A")
		if want := "x\nx\none\n4755 www\n0700 www\n0600 www\n../nowhere\nclosed\nempty\netc\nother\ntool\n"; out != want {
			t.Errorf("%q", out)
		}
	})
}

// Owners go along, and a file that changes on its way is sent as it is in the end.
func TestTreeTransferOfWhatChanges(t *testing.T) {
	from, source := machine(t)
	to, m := machine(t)
	onHost(t, source, "mkdir -p /srv/src && echo one >/srv/src/a && echo two >/srv/src/b && chown www:4711 /srv/src/b")
	times := 0
	busy := effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		res, err := from.Do(ctx, e)
		if e.Sink != nil && times < 2 {
			times++
			onHost(t, source, fmt.Sprintf("echo %d >/srv/src/a", times))
		}
		return res, err
	})
	done, err := file.TransferTree(t.Context(), busy, file.TreeTransferArgs{Path: "/srv/src", Host: to})
	if err != nil || !done.Changed {
		t.Fatalf("%+v %v", done, err)
	}
	if out := onHost(t, m, "cat /srv/src/a /srv/src/b && stat -f '%Su %g' /srv/src/b"); out != "2\ntwo\nwww 4711\n" {
		t.Errorf("%q", out)
	}
	times = -100
	if _, err := file.TransferTree(t.Context(), busy, file.TreeTransferArgs{Path: "/srv/src", Host: to, To: "/srv/other"}); effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), "change while they are sent: a") {
		t.Errorf("%v", err)
	}
}

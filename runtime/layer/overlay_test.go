package layer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bsdrun/runtime/effect"
)

// tree is a host whose files are real ones, below a folder.
type tree struct{ root string }

func (h tree) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	if rest, ok := strings.CutPrefix(e.Shell, "f="); ok {
		name, _, _ := strings.Cut(rest, ";")
		return h.resolve(name), nil
	}
	f := e.File
	switch f.Verb {
	case effect.FileStat, effect.FileLstat:
		return describeReal(f.Path, f.Verb == effect.FileStat)
	case effect.FileGet:
		b, err := os.ReadFile(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			return effect.Result{}, missing(e)
		}
		return effect.Result{Data: b}, err
	case effect.FileReadlink:
		target, err := os.Readlink(f.Path)
		return effect.Result{Data: []byte(target)}, err
	case effect.FileList:
		entries, err := os.ReadDir(f.Path)
		var r effect.Result
		for _, entry := range entries {
			one, infoErr := describeReal(filepath.Join(f.Path, entry.Name()), false)
			if err = errors.Join(err, infoErr); one.Info != nil {
				r.List = append(r.List, *one.Info)
			}
		}
		return r, err
	case effect.FilePut:
		return effect.Result{}, putReal(f.Path, f.Data)
	case effect.FileMkdir:
		return effect.Result{}, os.MkdirAll(f.Path, 0o755)
	case effect.FileRemove:
		return effect.Result{}, os.RemoveAll(f.Path)
	case effect.FileRename:
		return effect.Result{}, os.Rename(f.Path, f.To)
	case effect.FileLink:
		return effect.Result{}, os.Symlink(f.To, f.Path)
	case effect.FileChmod:
		return effect.Result{}, os.Chmod(f.Path, *f.Mode)
	}
	return effect.Result{}, fmt.Errorf("no %s", f.Verb)
}

// putReal replaces a file as the transport does: where a link leads, under
// another name, then by rename.
func putReal(p string, data []byte) error {
	for range maxLinks {
		target, err := os.Readlink(p)
		if err != nil {
			break
		}
		p = resolve(p, target)
	}
	info, err := os.Lstat(p)
	mode := fs.FileMode(0o644)
	if err == nil {
		mode = info.Mode().Perm()
		if !info.Mode().IsRegular() {
			return errors.New("not a file")
		}
	}
	if err := os.WriteFile(p+".tmp", data, mode); err != nil {
		return err
	}
	return os.Rename(p+".tmp", p)
}

func describeReal(p string, follow bool) (effect.Result, error) {
	stat := os.Lstat
	if follow {
		stat = os.Stat
	}
	info, err := stat(p)
	if err != nil {
		return effect.Result{}, nil //nolint:nilerr // a missing file is no error, and nothing else happens here
	}
	out := &effect.FileInfo{Name: path.Base(p), Path: p, Mode: info.Mode().Perm(), Type: "file", Size: info.Size()}
	switch {
	case info.IsDir():
		out.Type, out.Size = "directory", 0
	case info.Mode()&fs.ModeSymlink != 0:
		out.Type, out.Mode = "link", 0o755
		out.Target, _ = os.Readlink(p)
	}
	return effect.Result{Info: out}, nil
}

// resolve does what resolveScript does.
func (h tree) resolve(p string) effect.Result {
	folder, rest, blind := path.Dir(p), "", ""
	for {
		real, err := filepath.EvalSymlinks(folder)
		if info, statErr := os.Stat(real); err == nil && statErr == nil && info.IsDir() {
			folder = real
			break
		}
		if _, err := os.Readlink(folder); err == nil {
			blind = "folder"
		}
		folder, rest = path.Dir(folder), path.Join(path.Base(folder), rest)
	}
	whole, err := filepath.EvalSymlinks(p)
	if target, linkErr := os.Readlink(p); err != nil && linkErr == nil { // realpath(1) needs all but the last
		blind += " end"
		if above, err := filepath.EvalSymlinks(path.Dir(resolve(p, target))); err == nil {
			whole, blind = path.Join(above, path.Base(target)), strings.TrimSuffix(blind, " end")
		}
	}
	return effect.Result{Stdout: effect.OutputOf([]byte(path.Join(folder, rest, path.Base(p)) + "\n" + whole + "\n" + blind + "\n"))}
}

var (
	names = []string{"a", "b", "c"}
	paths = rapid.Map(rapid.SliceOfN(rapid.SampledFrom(names), 1, 3), func(words []string) string { return path.Join(words...) })
)

// change draws one file operation below a root.
func change(t *rapid.T, root string) effect.Effect {
	p := path.Join(root, paths.Draw(t, "path"))
	switch rapid.IntRange(0, 5).Draw(t, "verb") {
	case 0:
		return put(p, rapid.StringMatching(`[xyz]{0,3}`).Draw(t, "content"))
	case 1:
		return mkdirs(p)
	case 2:
		return removeAll(p)
	case 3:
		return rename(p, path.Join(root, paths.Draw(t, "to")))
	case 4:
		to := paths.Draw(t, "target")
		if rapid.Bool().Draw(t, "absolute") {
			to = path.Join(root, to)
		}
		return symlink(p, to)
	default:
		return chmod(p, rapid.SampledFrom([]fs.FileMode{0o600, 0o755}).Draw(t, "mode"))
	}
}

// under moves an effect to another root.
func under(e effect.Effect, from, to string) effect.Effect {
	f := *e.File
	f.Path, f.To = strings.Replace(f.Path, from, to, 1), strings.Replace(f.To, from, to, 1)
	e.File = &f
	return e
}

// Whatever is done to the files of a host, check mode then tells of them what a
// host tells to which it has been done, or that it does not know.
func TestCheckTellsWhatTheHostWouldTell(t *testing.T) {
	ctx := context.Background()
	exact := 0
	rapid.Check(t, func(t *rapid.T) {
		// Both have the same length, since links tell their targets' size.
		base, err := os.MkdirTemp("", "overlay")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(base) }()
		done, checked := tree{path.Join(base, "1")}, tree{path.Join(base, "2")}
		for _, h := range []tree{done, checked} {
			if err := os.Mkdir(h.root, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			e := change(t, done.root)
			_, _ = done.Do(ctx, e)
			_, _ = checked.Do(ctx, under(e, done.root, checked.root))
		}
		var history []string
		h := Check()(effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change {
				t.Errorf("a change reached the host: %s", Describe(e))
			}
			return checked.Do(ctx, e)
		}))
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			e := change(t, done.root)
			if _, err := done.Do(ctx, e); err != nil {
				continue // check mode is not asked what fails
			}
			history = append(history, Describe(e))
			if _, err := h.Do(ctx, under(e, done.root, checked.root)); err != nil {
				t.Fatalf("%s: %v", Describe(e), err)
			}
		}
		for _, verb := range []string{"lstat", "stat", "get", "list", "readlink"} {
			p := paths.Draw(t, "asked")
			got := strings.ReplaceAll(toldQuietly(h, verb+" "+path.Join(checked.root, p)), checked.root, "ROOT")
			want := strings.ReplaceAll(toldQuietly(done, verb+" "+path.Join(done.root, p)), done.root, "ROOT")
			if got == "unknown" {
				continue
			}
			exact++
			if got != want {
				t.Fatalf("after %q: %s %s says %q, the host would say %q", history, verb, p, got, want)
			}
		}
	})
	if exact == 0 {
		t.Error("nothing was ever known")
	}
}

// toldQuietly is told without owners, and with every failure alike.
func toldQuietly(h effect.Doer, question string) string {
	answer := strings.TrimSuffix(told(h, question), " :")
	answer = strings.Replace(answer, " : ->", " ->", 1)
	if verb, _, _ := strings.Cut(question, " "); verb == "get" || verb == "list" || verb == "readlink" {
		if strings.Contains(answer, "ROOT") || strings.Contains(answer, "/overlay") {
			return "fails"
		}
		if answer == "missing" {
			return "fails"
		}
	}
	return answer
}

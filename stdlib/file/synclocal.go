package file

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
)

// localTree is a folder of the controller.
type localTree struct {
	op      string
	tree    fs.FS
	exclude []string
	modes   bool // they are meant; else nothing but "may be executed" is
}

// excluded tells whether a name is left alone.
func excluded(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// look walks the tree.
func (t *localTree) look(context.Context) (entries, error) {
	all := entries{}
	return all, fs.WalkDir(t.tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return effect.Errorf(effect.Failed, t.op, "%v", err)
		}
		if name != "." && excluded(t.exclude, path.Base(name)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		all[name], err = t.describe(name, d)
		return err
	})
}

// describe is an entry. Of the modes only "may be executed" counts, if they are not
// meant: the rest is the umask of whoever made the files.
func (t *localTree) describe(name string, d fs.DirEntry) (e entry, err error) {
	info, err := d.Info()
	if err != nil {
		return e, effect.Errorf(effect.Failed, t.op, "%v", err)
	}
	switch {
	case d.IsDir():
		e = entry{kind: "directory", mode: 0o755}
	case d.Type() == fs.ModeSymlink:
		e.kind = "link"
		if e.target, err = fs.ReadLink(t.tree, name); err != nil {
			return e, effect.Errorf(effect.Failed, t.op, "%v", err)
		}
	case !d.Type().IsRegular():
		return e, effect.Errorf(effect.Invalid, t.op, "%s is neither a file nor a directory nor a link", name)
	default:
		e = entry{kind: "file", mode: 0o644, size: info.Size()}
		if info.Mode()&0o100 != 0 {
			e.mode = 0o755
		}
	}
	if t.modes && e.kind != "link" {
		e.mode = unixMode(info.Mode())
	}
	return e, checkName(t.op, name, e)
}

// checkName refuses what lists of names cannot hold.
func checkName(op, name string, e entry) error {
	if strings.Contains(name+e.target, "\n") {
		return effect.Errorf(effect.Invalid, op, "the name %q, or where it leads, has a line end", name)
	}
	return nil
}

// unixMode is a mode with all its bits where Unix has them.
func unixMode(m fs.FileMode) fs.FileMode {
	mode := m.Perm()
	for i, bit := range []fs.FileMode{fs.ModeSticky, fs.ModeSetgid, fs.ModeSetuid} {
		if m&bit != 0 {
			mode |= 0o1000 << i
		}
	}
	return mode
}

// hash completes the sums of files.
func (t *localTree) hash(_ context.Context, all entries, names []string) error {
	for _, name := range names {
		e := all[name]
		if e.sum != "" {
			continue
		}
		f, err := t.tree.Open(name)
		if err != nil {
			return effect.Errorf(effect.Failed, t.op, "%v", err)
		}
		sum := sha256.New()
		_, err = io.Copy(sum, f)
		_ = f.Close() // it was read
		if err != nil {
			return effect.Errorf(effect.Failed, t.op, "%v", err)
		}
		e.sum = hex.EncodeToString(sum.Sum(nil))
		all[name] = e
	}
	return nil
}

// stream hands out what is there, file by file.
func (t *localTree) stream(_ context.Context, names []string, take func(item) error) (torn []string, err error) {
	for _, name := range names {
		same, err := t.handOut(name, take)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it has gone meanwhile
		case err != nil:
			return torn, err
		case !same:
			torn = append(torn, name)
		}
	}
	return torn, nil
}

// handOut tells whether a file stayed as it was while it was taken.
func (t *localTree) handOut(name string, take func(item) error) (same bool, err error) {
	info, err := fs.Lstat(t.tree, name)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() {
		return true, take(item{name: name, modified: info.ModTime()})
	}
	f, err := t.tree.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return false, err
	}
	if err := take(item{name: name, size: before.Size(), modified: before.ModTime(), content: f}); err != nil {
		return false, err
	}
	after, err := f.Stat()
	return err == nil && after.Size() == before.Size() && after.ModTime().Equal(before.ModTime()), err
}

// packing packs a sample of what is sent. A compressor must save enough to be
// worth its time: zstd is faster than most links, gzip is not.
func (t *localTree) packing(all entries, names, tools []string) string {
	var plain countingWriter
	tool := ""
	if slices.Contains(tools, "zstd") {
		tool = "zstd"
	} else if slices.Contains(tools, "gzip") {
		tool = "gzip"
	} else {
		return ""
	}
	var packed countingWriter
	c := compressor(tool, &packed)
	out := io.MultiWriter(&plain, c)
	for i := 0; i < len(names); i += 1 + len(names)/samples {
		if err := t.sample(out, names[i], all[names[i]]); err != nil {
			return "" // whoever sends it will meet it again
		}
	}
	if c.Close() != nil {
		return ""
	}
	saved := 1 - float64(packed)/float64(max(plain, 1))
	if saved < 0.05 || tool == "gzip" && saved < 0.15 && all.size(names) > 16<<20 {
		return ""
	}
	return tool
}

// Samples of what is sent: how many files, and how much of each.
const (
	samples    = 32
	sampleSize = 32 << 10
)

// sample writes a file's header and beginning.
func (t *localTree) sample(w io.Writer, name string, e entry) error {
	var head bytes.Buffer
	if err := tar.NewWriter(&head).WriteHeader(header(name, e)); err != nil {
		return err
	}
	if _, err := head.WriteTo(w); err != nil || e.kind != "file" {
		return err
	}
	f, err := t.tree.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, io.LimitReader(f, sampleSize))
	return err
}

// size is what the files of some names come to.
func (all entries) size(names []string) (n int64) {
	for _, name := range names {
		n += all[name].size
	}
	return n
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

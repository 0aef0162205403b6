package gitsim

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/go-git/go-billy/v5"

	"bsdrun/runtime/sim/vfs"
)

// tree is a directory of the simulated machine as go-git's storage wants it.
type tree struct {
	view *vfs.View
	root string
	temp *int
}

func newTree(view *vfs.View, root string) *tree {
	return &tree{view: view, root: root, temp: new(int)}
}

// at is a name below the root, absolute on the machine.
func (t *tree) at(name string) string { return path.Join(t.root, path.Join("/", name)) }

func (t *tree) Create(name string) (billy.File, error) {
	return t.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

func (t *tree) Open(name string) (billy.File, error) { return t.OpenFile(name, os.O_RDONLY, 0) }

func (t *tree) OpenFile(name string, flag int, perm os.FileMode) (billy.File, error) {
	if flag&os.O_CREATE != 0 {
		if err := t.view.MkdirAll(path.Dir(t.at(name)), 0o777); err != nil {
			return nil, err
		}
	}
	f, err := t.view.OpenFile(t.at(name), flag, uint32(perm.Perm()))
	if err != nil {
		return nil, err
	}
	return &openFile{File: f, name: name}, nil
}

func (t *tree) Stat(name string) (os.FileInfo, error) {
	i, err := t.view.Stat(t.at(name))
	if err != nil {
		return nil, err
	}
	return fileInfo{i, path.Base(name)}, nil
}

func (t *tree) Lstat(name string) (os.FileInfo, error) {
	i, err := t.view.Lstat(t.at(name))
	if err != nil {
		return nil, err
	}
	return fileInfo{i, path.Base(name)}, nil
}

func (t *tree) Rename(from, to string) error {
	if err := t.view.MkdirAll(path.Dir(t.at(to)), 0o777); err != nil {
		return err
	}
	return t.view.Rename(t.at(from), t.at(to))
}

func (t *tree) Remove(name string) error { return t.view.Remove(t.at(name)) }

func (t *tree) Join(elem ...string) string { return path.Join(elem...) }

func (t *tree) TempFile(dir, prefix string) (billy.File, error) {
	for {
		*t.temp++
		name := path.Join(dir, fmt.Sprintf("%s%06d", prefix, *t.temp))
		f, err := t.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil || !os.IsExist(err) {
			return f, err
		}
	}
}

func (t *tree) ReadDir(name string) ([]os.FileInfo, error) {
	list, err := t.view.ReadDir(t.at(name))
	if err != nil {
		return nil, err
	}
	out := make([]os.FileInfo, 0, len(list))
	for _, i := range list {
		out = append(out, fileInfo{i, i.Name})
	}
	return out, nil
}

func (t *tree) MkdirAll(name string, _ os.FileMode) error {
	return t.view.MkdirAll(t.at(name), 0o777)
}

func (t *tree) Symlink(target, link string) error { return t.view.Symlink(target, t.at(link)) }

func (t *tree) Readlink(link string) (string, error) { return t.view.Readlink(t.at(link)) }

func (t *tree) Chroot(dir string) (billy.Filesystem, error) {
	return &tree{view: t.view, root: t.at(dir), temp: t.temp}, nil
}

func (t *tree) Root() string { return t.root }

// openFile is an open file of the machine; locks are not needed: one process at a
// time uses a repository, and git's own lock files tell when not.
type openFile struct {
	*vfs.File
	name string
}

func (f *openFile) Name() string  { return f.name }
func (f *openFile) Lock() error   { return nil }
func (f *openFile) Unlock() error { return nil }

// fileInfo is a vfs.Info as an os.FileInfo.
type fileInfo struct {
	info vfs.Info
	name string
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.info.Size }
func (i fileInfo) ModTime() time.Time { return i.info.MTime }
func (i fileInfo) IsDir() bool        { return i.info.IsDir() }
func (i fileInfo) Sys() any           { return i.info }

func (i fileInfo) Mode() fs.FileMode {
	m := fs.FileMode(i.info.Mode & 0o777)
	switch i.info.Type {
	case vfs.TypeDir:
		m |= fs.ModeDir
	case vfs.TypeLink:
		m |= fs.ModeSymlink
	case vfs.TypeFile:
	default:
		m |= fs.ModeIrregular
	}
	return m
}

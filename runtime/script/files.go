package script

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/bulk"
	"bsdrun/runtime/effect"
)

// maxLocal bounds a file that is read into memory: a template, a required file.
const maxLocal = 16 << 20

// sandbox is the part of the local disk that a script may read.
type sandbox struct {
	root   string
	allow  []string
	files  map[string][]byte
	loaded func(name string, content []byte)
}

func newSandbox(root string, allow []string, files map[string][]byte, loaded func(string, []byte)) *sandbox {
	return &sandbox{root, allow, files, loaded}
}

// granted is a file within a folder that the sandbox opens.
type granted struct{ folder, name string }

func (g granted) open() (*os.File, error) {
	root, err := os.OpenRoot(g.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.Open(g.name)
}

func (g granted) path() string { return filepath.Join(g.folder, g.name) }

// places are where a name may be: in the recipe's folder, its lib/, or a folder
// that --allow-read adds.
func (s *sandbox) places(name string) []granted {
	var places []granted
	for _, folder := range s.folders() {
		if !filepath.IsAbs(name) {
			places = append(places, granted{folder, filepath.FromSlash(path.Clean(name))})
			continue
		}
		absolute, err := filepath.Abs(folder)
		if err != nil {
			continue
		}
		inside, err := filepath.Rel(absolute, filepath.Clean(name))
		switch {
		case err != nil || !filepath.IsLocal(inside):
		case inside == ".": // the folder itself, or a single file that is allowed
			places = append(places, granted{filepath.Dir(absolute), filepath.Base(absolute)})
		default:
			places = append(places, granted{absolute, inside})
		}
	}
	return places
}

func (s *sandbox) folders() []string {
	var folders []string
	if s.root != "" {
		folders = append(folders, s.root, filepath.Join(s.root, "lib"))
	}
	return append(folders, s.allow...)
}

// find is the first place where the file is.
func (s *sandbox) find(name string) (granted, error) {
	places := s.places(name)
	for _, g := range places {
		f, err := g.open()
		if err == nil {
			return g, f.Close()
		}
		// A single file may be allowed, too: nothing is below it.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return granted{}, s.refused(name, err)
		}
	}
	if len(places) == 0 {
		return granted{}, s.refused(name, errors.New("it is outside the recipe's folder"))
	}
	return granted{}, s.refused(name, fs.ErrNotExist)
}

func (s *sandbox) refused(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		e := effect.Errorf(effect.Missing, "", "there is no local file %s", name)
		e.Hint = "looked in " + strings.Join(s.folders(), ", ")
		if len(s.folders()) == 0 {
			e.Hint = "this script has no folder to read from"
		}
		return e
	}
	e := effect.Errorf(effect.Denied, "", "the local file %s is out of reach: %v", name, effect.FileTrouble(err))
	e.Hint = "scripts read the recipe's folder, its lib/, and folders given with --allow-read; they write in the recipe's folder alone"
	return e
}

// read gives a file's content: of the stored copy where the run has one.
func (s *sandbox) read(name string) ([]byte, error) {
	for _, stored := range []string{path.Clean(name), path.Join("lib", name)} {
		if content, ok := s.files[stored]; ok {
			s.note(stored, content)
			return content, nil
		}
	}
	g, err := s.find(name)
	if err != nil {
		return nil, err
	}
	f, err := g.open()
	if err != nil {
		return nil, s.refused(name, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxLocal+1))
	if err != nil {
		return nil, s.refused(name, err)
	}
	if len(content) > maxLocal {
		return nil, s.refused(name, fmt.Errorf("it is larger than %d bytes", maxLocal))
	}
	s.note(path.Clean(name), content)
	return content, nil
}

func (s *sandbox) note(name string, content []byte) {
	if s.loaded != nil {
		s.loaded(name, content)
	}
}

// localFile is what local_file gives: a binding.File.
type localFile struct {
	granted
	content []byte // of the stored copy
	stored  bool
	sum     string

	once  sync.Once
	parts *bulk.File
}

func (f *localFile) Path() string { return f.path() }

func (f *localFile) Open() (io.ReadCloser, error) {
	if f.stored {
		return io.NopCloser(bytes.NewReader(f.content)), nil
	}
	return f.regular()
}

// regular opens the file on the disk, if it is one that holds a content.
func (f *localFile) regular() (*os.File, error) {
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", f.path())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Tree opens a folder.
func (f *localFile) Tree() (binding.Tree, error) {
	if f.stored {
		return nil, fmt.Errorf("%s is a file", f.path())
	}
	outer, err := os.OpenRoot(f.folder)
	if err != nil {
		return nil, err
	}
	defer outer.Close()
	inner, err := outer.OpenRoot(f.name)
	if err != nil {
		return nil, err
	}
	return tree{inner.FS(), inner}, nil
}

// tree is a folder of the sandbox that is open.
type tree struct {
	fs.FS
	io.Closer
}

func (t tree) ReadLink(name string) (string, error)       { return fs.ReadLink(t.FS, name) }
func (t tree) Lstat(name string) (fs.FileInfo, error)     { return fs.Lstat(t.FS, name) }
func (t tree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }

func (f *localFile) Size() int64 {
	if f.stored {
		return int64(len(f.content))
	}
	file, err := f.open()
	if err != nil {
		return 0
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}

// smallFile is the length up to which a file's identity is its content.
const smallFile = 4 << 20

// Identity is the content of what is small, and of a large file that which tells
// whether it was written to.
func (f *localFile) Identity() (string, error) {
	if f.stored || f.Size() <= smallFile {
		return f.SHA256()
	}
	return f.ranges().Identity()
}

func (f *localFile) Unchanged(ctx context.Context) error {
	if f.stored || f.Size() <= smallFile {
		return nil
	}
	return f.ranges().Unchanged(ctx)
}

func (f *localFile) Extents(ctx context.Context) ([]effect.Extent, error) {
	if f.stored {
		return []effect.Extent{{Length: f.Size()}}, nil
	}
	return f.ranges().Extents(ctx)
}

func (f *localFile) Stream(ctx context.Context, parts []effect.Extent) (io.ReadCloser, error) {
	if f.stored {
		return bulk.Stream(bytes.NewReader(f.content), io.NopCloser(nil), parts), nil
	}
	return f.ranges().Stream(ctx, parts)
}

// ranges is the file on the disk, read in parts.
func (f *localFile) ranges() *bulk.File {
	f.once.Do(func() { f.parts = &bulk.File{Open: f.regular, Name: f.path()} })
	return f.parts
}

func (f *localFile) SHA256() (string, error) {
	if f.sum != "" {
		return f.sum, nil
	}
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, r)
	if err = errors.Join(err, r.Close()); err != nil {
		return "", err
	}
	f.sum = hex.EncodeToString(hash.Sum(nil))
	return f.sum, nil
}

// newFile is a local file that the script may write: a binding.Writable. Only
// files of the recipe's folder can be one; what --allow-read adds is for reading.
type newFile struct{ localFile }

func (f *newFile) Create() (io.WriteCloser, error) {
	root, err := os.OpenRoot(f.folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(f.name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
}

// Receive begins to receive a large content.
func (f *newFile) Receive(size int64, content string) (*bulk.Stage, error) {
	root, err := os.OpenRoot(f.folder)
	if err != nil {
		return nil, err
	}
	return bulk.OpenStage(root, f.name, size, content)
}

// Fill opens a folder to write into.
func (f *newFile) Fill() (binding.Filling, error) {
	outer, err := os.OpenRoot(f.folder)
	if err != nil {
		return nil, err
	}
	defer outer.Close()
	if err := outer.MkdirAll(f.name, 0o755); err != nil {
		return nil, err
	}
	inner, err := outer.OpenRoot(f.name)
	if err != nil {
		return nil, err
	}
	return filling{inner, tree{inner.FS(), inner}}, nil
}

// filling is a folder of the sandbox that is written into.
type filling struct {
	*os.Root
	tree
}

func (f filling) Open(name string) (fs.File, error)      { return f.tree.Open(name) }
func (f filling) Lstat(name string) (fs.FileInfo, error) { return f.tree.Lstat(name) }
func (f filling) Close() error                           { return f.Root.Close() }

// Create begins a file.
func (f filling) Create(name string) (io.WriteCloser, error) {
	return f.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
}

// Rename gives a file its name; no script gets one.
func (f filling) Rename(from, to string) error {
	if isScript(to) {
		return fmt.Errorf("%s is a script, and scripts are not written", to)
	}
	return f.Root.Rename(from, to)
}

func isScript(name string) bool { return strings.EqualFold(filepath.Ext(name), ".lua") }

// forWriting grants a file of the recipe's folder, there or not. Scripts are
// left alone, so that no run rewrites what the next one does.
func (s *sandbox) forWriting(name string) (*newFile, error) {
	clean := filepath.FromSlash(path.Clean(name))
	switch {
	case s.root == "":
		return nil, s.refused(name, errors.New("this script has no folder to write to"))
	case !filepath.IsLocal(clean):
		return nil, s.refused(name, errors.New("only files in the recipe's folder are written"))
	case isScript(clean):
		return nil, s.refused(name, errors.New("scripts are not written"))
	}
	return &newFile{localFile: localFile{granted: granted{s.root, clean}}}, nil
}

var localFileGlobal = Global{
	Name: "local_file", Usage: "local_file(path, [opts])",
	Doc: "Gives a file of the controller to functions that take a content or a local file, or a folder to file.sync. Reachable are the recipe's folder, its lib/, and what --allow-read adds. With write=true it is a file for file.download and the like, or a folder for file.tree.download, to write, in the recipe's folder.",
	Params: []GlobalParam{
		{"path", "string", "relative to the recipe, or absolute below an allowed folder"},
		{"opts", "{write?: boolean}?", "write: the file may be written, and need not be there"},
	},
	Returns: "LocalFile",
	Example: `h.file.put("/usr/local/etc/app.conf", local_file("files/app.conf"))`,
	fn: func(v *vm, L *lua.LState) int {
		name := v.wantString(L, 1, "local_file", "path")
		opts := v.options(L, L.Get(2), "local_file", "write")
		f, err := v.localFile(name, v.optBool(L, opts, "local_file", "write"))
		if err != nil {
			v.raise(L, withOp(err, "local_file"))
		}
		L.Push(v.fileValue(f))
		return 1
	},
}

func (v *vm) localFile(name string, write bool) (binding.File, error) {
	if write {
		return v.box.forWriting(name)
	}
	if content, ok := v.box.files[path.Clean(name)]; ok {
		return &localFile{content: content, stored: true, granted: granted{v.box.root, name}}, nil
	}
	g, err := v.box.find(name)
	return &localFile{granted: g}, err
}

func (v *vm) fileValue(f binding.File) lua.LValue {
	ud := v.wrap(f)
	ud.Metatable = v.marked(&v.fileMeta, "file", func(*lua.LTable) {})
	return ud
}

func withOp(err error, op string) error {
	e := *effect.AsError(err)
	e.Op = op
	return &e
}

var requireGlobal = Global{
	Name: "require", Usage: "require(name)",
	Doc:     "Runs a Lua file beside the recipe, or in its lib/, once and returns what it returns.",
	Params:  []GlobalParam{{"name", "string", `"common" for common.lua or lib/common.lua; dots are folders`}},
	Returns: "any", anywhere: true,
	fn: (*vm).require,
}

func (v *vm) require(L *lua.LState) int {
	name := v.wantString(L, 1, "require", "name")
	if value, ok := v.loaded[name]; ok {
		if value == nil {
			v.raise(L, effect.Errorf(effect.Script, "require", "%s requires itself", name))
		}
		L.Push(value)
		return 1
	}
	file := strings.TrimSuffix(strings.ReplaceAll(strings.TrimSuffix(name, ".lua"), ".", "/"), "/") + ".lua"
	source, err := v.box.read(file)
	if err != nil {
		v.raise(L, withOp(err, "require"))
	}
	u, err := v.program.unit(file, source, func() (*lua.FunctionProto, error) {
		_, proto, err := compile(file, source, v.program.cover)
		return proto, err
	})
	if err != nil {
		v.raise(L, err)
	}
	v.loaded[name] = nil
	returned, failure := v.protected(L, v.ctx, L.NewFunctionFromProto(u.proto))
	if failure != nil {
		delete(v.loaded, name)
		L.Error(failure, 0)
	}
	v.loaded[name] = first(returned)
	L.Push(v.loaded[name])
	return 1
}

var connectGlobal = Global{
	Name: "connect", Usage: "connect(name)",
	Doc:     "Gives another host of the run. Reachable are the hosts of the command line, parameters of type host, and the groups of --allow-connect.",
	Params:  []GlobalParam{{"name", "string", "the host's name"}},
	Returns: "Host",
	fn: func(v *vm, L *lua.LState) int {
		name := v.wantString(L, 1, "connect", "name")
		if v.world.Connect == nil {
			v.invalidf(L, "connect", "this run has no other hosts")
		}
		if name == v.self.name {
			L.Push(v.self.value)
			return 1
		}
		ho, err := v.connected(v.ctx, name)
		if err != nil {
			v.raise(L, err)
		}
		L.Push(ho.value)
		return 1
	},
}

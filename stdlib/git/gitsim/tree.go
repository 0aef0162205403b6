package gitsim

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"bsdrun/runtime/sim/vfs"
)

// entry is a file of a tree, of the index or of the disk.
type entry struct {
	mode filemode.FileMode
	hash plumbing.Hash
}

// flatten lists all files of the tree that a commit, tag or tree names.
func flatten(s storer.EncodedObjectStorer, h plumbing.Hash) (map[string]entry, error) {
	o, err := s.EncodedObject(plumbing.AnyObject, h)
	if err != nil {
		return nil, err
	}
	switch o.Type() {
	case plumbing.CommitObject:
		c, err := object.DecodeCommit(s, o)
		if err != nil {
			return nil, err
		}
		h = c.TreeHash
	case plumbing.TagObject:
		t, err := object.DecodeTag(s, o)
		if err != nil {
			return nil, err
		}
		return flatten(s, t.Target)
	}
	out := map[string]entry{}
	return out, flattenInto(s, h, "", out)
}

func flattenInto(s storer.EncodedObjectStorer, h plumbing.Hash, prefix string, out map[string]entry) error {
	t, err := object.GetTree(s, h)
	if err != nil {
		return err
	}
	for _, e := range t.Entries {
		if e.Mode == filemode.Dir {
			if err := flattenInto(s, e.Hash, prefix+e.Name+"/", out); err != nil {
				return err
			}
			continue
		}
		out[prefix+e.Name] = entry{e.Mode, e.Hash}
	}
	return nil
}

func sortedNames[T any](sets ...map[string]T) []string {
	var names []string
	for _, set := range sets {
		for name := range set {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// stageMerged is the stage of an entry without a conflict.
const stageMerged index.Stage = 0

// index reads .git/index.
func (g *git) index() (*index.Index, error) {
	idx, err := g.r.store.Index()
	if err != nil {
		return nil, fatal("index file corrupt")
	}
	return idx, nil
}

// staged is the index as a map, conflicts left out.
func staged(idx *index.Index) map[string]entry {
	out := make(map[string]entry, len(idx.Entries))
	for _, e := range idx.Entries {
		if e.Stage == stageMerged {
			out[e.Name] = entry{e.Mode, e.Hash}
		}
	}
	return out
}

// saveIndex writes the entries as the new index; the sizes and times let a later
// status trust unchanged files.
func (g *git) saveIndex(files map[string]entry) error {
	idx := &index.Index{Version: 2}
	for _, name := range sortedNames(files) {
		idx.Entries = append(idx.Entries, g.indexEntry(name, files[name]))
	}
	return g.putIndex(idx)
}

// keepIndex writes an index in which entries that didn't change keep what is known
// about their files.
func (g *git) keepIndex(old *index.Index, files map[string]entry) error {
	known := map[string]*index.Entry{}
	for _, e := range old.Entries {
		if e.Stage == stageMerged {
			known[e.Name] = e
		}
	}
	idx := &index.Index{Version: 2}
	for _, name := range sortedNames(files) {
		if e := known[name]; e != nil && (entry{e.Mode, e.Hash}) == files[name] {
			idx.Entries = append(idx.Entries, e)
			continue
		}
		idx.Entries = append(idx.Entries, g.indexEntry(name, files[name]))
	}
	return g.putIndex(idx)
}

// indexEntry is an entry for a file that was just written.
func (g *git) indexEntry(name string, f entry) *index.Entry {
	e := &index.Entry{Name: name, Mode: f.mode, Hash: f.hash}
	if info, err := g.fs.Lstat(path.Join(g.r.worktree, name)); err == nil && g.r.worktree != "" {
		e.ModifiedAt, e.CreatedAt, e.Size = info.MTime, info.MTime, uint32(info.Size)
		e.UID, e.GID, e.Inode = uint32(info.UID), uint32(info.GID), uint32(info.Inode)
	}
	return e
}

func (g *git) putIndex(idx *index.Index) error {
	if err := g.locked(); err != nil {
		return err
	}
	return g.r.store.SetIndex(idx)
}

// blobHash is the name that content gets as a blob.
func blobHash(content []byte) plumbing.Hash {
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	var out plumbing.Hash
	copy(out[:], h.Sum(nil))
	return out
}

// diskFile reads a file of the worktree as git sees it.
func (g *git) diskFile(name string) (entry, []byte, error) {
	full := path.Join(g.r.worktree, name)
	info, err := g.fs.Lstat(full)
	if err != nil {
		return entry{}, nil, err
	}
	switch info.Type {
	case vfs.TypeLink:
		target, err := g.fs.Readlink(full)
		return entry{filemode.Symlink, blobHash([]byte(target))}, []byte(target), err
	case vfs.TypeFile:
		data, err := g.fs.ReadFile(full)
		if err != nil {
			return entry{}, nil, err
		}
		mode := filemode.Regular
		if info.Mode&0o100 != 0 {
			mode = filemode.Executable
		}
		return entry{mode, blobHash(data)}, data, nil
	case vfs.TypeDir:
		if _, real, ok := discoverAt(g.fs, full); ok { // a submodule
			store := openStore(g.fs, real, real)
			if ref, err := storer.ResolveReference(store, plumbing.HEAD); err == nil {
				return entry{filemode.Submodule, ref.Hash()}, nil, nil
			}
		}
	}
	return entry{}, nil, syscall.ENOENT
}

// discoverAt finds the git directory of a worktree whose top is dir.
func discoverAt(view *vfs.View, dir string) (worktree, gitDir string, ok bool) {
	dot := path.Join(dir, ".git")
	i, err := view.Stat(dot)
	switch {
	case err != nil:
		return "", "", false
	case i.IsDir():
		return dir, dot, isGitDir(view, dot)
	}
	gitDir, ok = follow(view, dot)
	return dir, gitDir, ok
}

// onDisk gives the present state of the names, which are those of the index.
func (g *git) onDisk(idx *index.Index) (map[string]entry, error) {
	out := map[string]entry{}
	for _, e := range idx.Entries {
		if _, done := out[e.Name]; done {
			continue
		}
		if info, err := g.fs.Lstat(path.Join(g.r.worktree, e.Name)); err == nil && unchanged(e, info) {
			out[e.Name] = entry{e.Mode, e.Hash}
			continue
		}
		d, _, err := g.diskFile(e.Name)
		switch {
		case err == nil:
			out[e.Name] = d
		case e.Mode == filemode.Submodule:
			out[e.Name] = entry{e.Mode, e.Hash}
		case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ENOTDIR):
		default:
			return nil, err
		}
	}
	return out, nil
}

// unchanged trusts the index when size, time and inode are as recorded.
func unchanged(e *index.Entry, info vfs.Info) bool {
	if info.Type != vfs.TypeFile || e.Stage != stageMerged || e.Inode == 0 {
		return false
	}
	executable := e.Mode == filemode.Executable
	return e.Mode.IsFile() && executable == (info.Mode&0o100 != 0) && e.Size == uint32(info.Size) &&
		e.Inode == uint32(info.Inode) && e.ModifiedAt.Equal(info.MTime.Truncate(time.Nanosecond)) && !e.ModifiedAt.IsZero()
}

// write puts one file of a tree on the disk.
func (g *git) write(name string, e entry) error {
	full := path.Join(g.r.worktree, name)
	if err := g.makeParents(full); err != nil {
		return err
	}
	if e.mode == filemode.Submodule {
		return g.fs.MkdirAll(full, 0o755)
	}
	blob, err := object.GetBlob(g.r.store, e.hash)
	if err != nil {
		return fatal("unable to read %s", e.hash)
	}
	data, err := readBlob(blob)
	if err != nil {
		return err
	}
	if info, err := g.fs.Lstat(full); err == nil {
		if info.IsDir() {
			if err := g.fs.RemoveAll(full); err != nil {
				return err
			}
		} else if err := g.fs.Remove(full); err != nil {
			return &failure{1, fmt.Sprintf("error: unable to unlink old '%s': %s\n", name, errnoText(err))}
		}
	}
	if e.mode == filemode.Symlink {
		return g.fs.Symlink(string(data), full)
	}
	perm := uint32(0o666)
	if e.mode == filemode.Executable {
		perm = 0o777
	}
	if err := g.fs.WriteFile(full, data, perm); err != nil {
		return &failure{1, fmt.Sprintf("error: unable to write file %s: %s\n", name, errnoText(err))}
	}
	return nil
}

// makeParents makes the directories above a file; a file in the way goes.
func (g *git) makeParents(full string) error {
	dir := path.Dir(full)
	err := g.fs.MkdirAll(dir, 0o777)
	if err == nil || !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	for at := dir; at != g.r.worktree && at != "/"; at = path.Dir(at) {
		if i, err := g.fs.Lstat(at); err == nil && !i.IsDir() {
			if err := g.fs.Remove(at); err != nil {
				return err
			}
		}
	}
	return g.fs.MkdirAll(dir, 0o777)
}

func readBlob(b *object.Blob) ([]byte, error) {
	r, err := b.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(r)
	return buf.Bytes(), err
}

// erase removes a file and the directories that are empty then.
func (g *git) erase(name string) error {
	full := path.Join(g.r.worktree, name)
	if info, err := g.fs.Lstat(full); err == nil && info.IsDir() {
		_ = g.fs.Remove(full) // a submodule's directory stays while it holds something
	} else if err := g.fs.Remove(full); err != nil && !errors.Is(err, syscall.ENOENT) && !errors.Is(err, syscall.ENOTDIR) {
		return err
	}
	for dir := path.Dir(full); dir != g.r.worktree && dir != "/"; dir = path.Dir(dir) {
		if g.fs.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// resetTo makes index and disk those of a tree, whatever they held. The bytes of
// the checkout take the machine's time.
func (g *git) resetTo(want map[string]entry) error {
	idx, err := g.index()
	if err != nil {
		return err
	}
	disk, err := g.onDisk(idx)
	if err != nil {
		return err
	}
	for _, e := range idx.Entries {
		if _, keep := want[e.Name]; !keep {
			if err := g.erase(e.Name); err != nil {
				return err
			}
		}
	}
	for _, name := range sortedNames(want) {
		if disk[name] == want[name] {
			continue
		}
		if err := g.write(name, want[name]); err != nil {
			return err
		}
	}
	return g.saveIndex(want)
}

// writeTrees stores the trees of a set of files and returns the root's name.
func (g *git) writeTrees(files map[string]entry) (plumbing.Hash, error) {
	return storeTrees(g.r.store, files)
}

func storeTrees(s storer.EncodedObjectStorer, files map[string]entry) (plumbing.Hash, error) {
	t := &object.Tree{}
	below := map[string]map[string]entry{}
	for name, e := range files {
		dir, rest, nested := strings.Cut(name, "/")
		if !nested {
			t.Entries = append(t.Entries, object.TreeEntry{Name: name, Mode: e.mode, Hash: e.hash})
			continue
		}
		if below[dir] == nil {
			below[dir] = map[string]entry{}
		}
		below[dir][rest] = e
	}
	for dir, sub := range below {
		h, err := storeTrees(s, sub)
		if err != nil {
			return h, err
		}
		t.Entries = append(t.Entries, object.TreeEntry{Name: dir, Mode: filemode.Dir, Hash: h})
	}
	key := func(e object.TreeEntry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(t.Entries, func(a, b object.TreeEntry) int { return strings.Compare(key(a), key(b)) })
	return store(s, t)
}

// store encodes an object and keeps it.
func store(s storer.EncodedObjectStorer, o interface {
	Encode(plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	enc := s.NewEncodedObject()
	if err := o.Encode(enc); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(enc)
}

func storeBlob(s storer.EncodedObjectStorer, data []byte) (plumbing.Hash, error) {
	enc := s.NewEncodedObject()
	enc.SetType(plumbing.BlobObject)
	enc.SetSize(int64(len(data)))
	w, err := enc.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := w.Write(data); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.SetEncodedObject(enc)
}

package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/revlist"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// local is a repository on the controller, only read.
type local struct {
	store *filesystem.Storage
	head  string            // the branch that HEAD names: refs/heads/main
	refs  map[string]string // branches and tags
}

// openLocal reads the repository at a granted path: bare, with a working tree,
// or a further working tree of another one.
func openLocal(path string) (*local, error) {
	fs, err := gitDir(path)
	if err != nil {
		return nil, err
	}
	l := &local{store: filesystem.NewStorage(fs, cache.NewObjectLRUDefault()), refs: map[string]string{}}
	shallow, err := l.store.Shallow()
	if err != nil {
		return nil, err
	}
	if len(shallow) > 0 {
		return nil, errors.New("it is a shallow clone, whose history cannot be handed on: git fetch --unshallow completes it")
	}
	if head, err := l.store.Reference(plumbing.HEAD); err == nil && head.Type() == plumbing.SymbolicReference {
		l.head = head.Target().String()
	}
	all, err := l.store.IterReferences()
	if err != nil {
		return nil, err
	}
	return l, all.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.HashReference && (r.Name().IsBranch() || r.Name().IsTag()) {
			l.refs[r.Name().String()] = r.Hash().String()
		}
		return nil
	})
}

// gitDir finds the folder with the objects of the repository at path.
func gitDir(path string) (billy.Filesystem, error) {
	root := osfs.New(path)
	inner, err := root.Stat(".git")
	switch {
	case err == nil && inner.IsDir():
		root = osfs.New(filepath.Join(path, ".git"))
	case err == nil:
		name, err := pointer(root, ".git", "gitdir: ")
		if err != nil {
			return nil, err
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(path, name)
		}
		path, root = name, osfs.New(name)
		if common, err := pointer(root, "commondir", ""); err == nil {
			if !filepath.IsAbs(common) {
				common = filepath.Join(path, common)
			}
			return dotgit.NewRepositoryFilesystem(root, osfs.New(common)), nil
		}
	}
	if _, err := root.Stat("HEAD"); err != nil {
		return nil, errors.New("there is no git repository")
	}
	return root, nil
}

// pointer reads a file that names a path.
func pointer(fs billy.Filesystem, name, prefix string) (string, error) {
	file, err := fs.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, 64<<10))
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(content)), prefix)
	if !ok || target == "" {
		return "", fmt.Errorf("%s is not understood", name)
	}
	return target, nil
}

// has tells whether the object is here.
func (l *local) has(hash string) bool {
	return l.store.HasEncodedObject(plumbing.NewHash(hash)) == nil
}

// forward tells whether new follows after old.
func (l *local) forward(old, new string) (bool, error) {
	if !l.has(old) {
		return false, nil
	}
	before, err := object.GetCommit(l.store, plumbing.NewHash(old))
	if err != nil {
		return false, nil //nolint:nilerr // a tag or a blob is no ancestor of anything
	}
	after, err := object.GetCommit(l.store, plumbing.NewHash(new))
	if err != nil {
		return false, nil //nolint:nilerr // as above
	}
	return before.IsAncestor(after)
}

// deltaWindow is how far git looks for similar objects; beyond manyObjects the
// search costs more memory than it saves bytes.
const (
	deltaWindow = 10
	manyObjects = 20000
)

// pack makes a pack of everything that wants need and haves do not have. The
// same repository gives the same bytes.
func (l *local) pack(wants, haves []string) ([]byte, int, error) {
	var known []plumbing.Hash
	for _, hash := range haves {
		if l.has(hash) {
			known = append(known, plumbing.NewHash(hash))
		}
	}
	var wanted []plumbing.Hash
	for _, hash := range wants {
		wanted = append(wanted, plumbing.NewHash(hash))
	}
	objects, err := revlist.Objects(l.store, wanted, known)
	if err != nil || len(objects) == 0 {
		return nil, 0, err
	}
	slices.SortFunc(objects, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	objects = slices.Compact(objects)
	window := uint(deltaWindow)
	if len(objects) > manyObjects {
		window = 0
	}
	var out bytes.Buffer
	_, err = packfile.NewEncoder(&out, l.store, false).Encode(objects, window)
	return out.Bytes(), len(objects), err
}

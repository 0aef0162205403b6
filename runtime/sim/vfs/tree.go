package vfs

import (
	"strings"
	"sync"
	"syscall"
	"time"
)

// Image is a file tree that never changes again, shared as the base of many
// trees.
type Image struct {
	systems []*system
	mounts  []mount
	next    object
}

// Tree is the file tree of one machine: what changed, above a shared image.
type Tree struct {
	mu      sync.RWMutex
	systems []*system     // by number
	next    object        // the next number of a new file, on whatever file system
	first   object        // the first number that no file of the image has
	open    map[inode]int // open files by node, which outlive their last name
	mounts  []*mount
	deny    map[string]error
	version int // counts changes
	// detached are file systems that are not mounted now, by source.
	detached map[string]*mount
	now      func() time.Time

	live func(name string, mounts []Mount) ([]byte, bool) // see SetLive

	diskNames []string // see SetDisks
	disks     Disks
}

// Mount is a mounted file system.
type Mount struct {
	Point   string // "/poudriere"
	Source  string // "zroot/poudriere", "tmpfs", the directory of a nullfs
	Type    string // zfs, ufs, tmpfs, devfs, nullfs
	Options []string
	Pool    string // file systems of one pool share its space; empty: Source
	Size    int64  // bytes of the pool (or of the file system alone); 0: no limit
	Quota   int64  // bytes this file system may take of it; 0: no limit
}

// ReadOnly tells whether nothing may be written.
func (m Mount) ReadOnly() bool {
	for _, o := range m.Options {
		if o == "ro" || o == "read-only" {
			return true
		}
	}
	return false
}

// mount is a mounted file system and where it hangs.
type mount struct {
	Mount
	Dev  int
	Root inode // its own root directory
}

// New makes an empty tree with a root directory; now is the time new files get.
func New(now func() time.Time) *Tree {
	t := &Tree{
		open: map[inode]int{}, now: now, next: 1, first: 1,
		detached: map[string]*mount{},
	}
	t.freshDevice(nil)
	t.mounts = []*mount{{Mount: Mount{Point: "/", Source: "root", Type: "ufs"}, Root: t.newRoot(0)}}
	return t
}

// Freeze turns the tree into an image; the tree must not be used afterwards.
func (t *Tree) Freeze() *Image {
	t.mu.Lock()
	defer t.mu.Unlock()
	img := &Image{next: t.next}
	for _, s := range t.systems {
		img.systems = append(img.systems, &system{image: true, changed: s.flat(), used: s.used})
	}
	for _, m := range t.mounts {
		if m.Type != "nullfs" {
			img.systems[m.Dev].source = m.Source
		}
	}
	for _, m := range t.mounts {
		img.mounts = append(img.mounts, *m)
	}
	return img
}

// Clone starts a tree on an image; nothing is copied until it changes.
func (img *Image) Clone(now func() time.Time) *Tree {
	t := &Tree{open: map[inode]int{}, now: now, next: img.next, first: img.next, detached: map[string]*mount{}}
	for _, s := range img.systems {
		t.freshDevice(s)
	}
	for _, m := range img.mounts {
		t.mounts = append(t.mounts, &m)
	}
	return t
}

// get is a node to read.
func (t *Tree) get(ino inode) *node {
	if ino.object() >= firstControl {
		return t.control(ino)
	}
	return t.system(ino).get(ino.object())
}

// own is a node to write.
func (t *Tree) own(ino inode) *node {
	t.version++
	return t.system(ino).own(ino.object())
}

// add puts a node on a file system.
func (t *Tree) add(dev int, n *node) inode {
	t.next++
	return t.place(dev, t.next-1, n)
}

// place puts a node on a file system under a number.
func (t *Tree) place(dev int, o object, n *node) inode {
	t.version++
	s := t.systems[dev]
	s.version++
	s.changed[o] = n
	return o.in(dev)
}

// drop takes a name away from a node; without names and open files it is gone.
func (t *Tree) drop(ino inode) {
	n := t.own(ino)
	if n.Type == TypeDir {
		n.Nlink = 0
	} else {
		n.Nlink--
	}
	t.reap(ino)
}

func (t *Tree) reap(ino inode) {
	n := t.get(ino)
	if n == nil || n.Nlink > 0 || t.open[ino] > 0 {
		return
	}
	t.system(ino).remove(ino.object())
}

// place is a resolved name: the path without links, and the directory above it.
type place struct {
	path   string // absolute and clean
	parent inode
	name   string // in parent; empty for the root
	ino    inode  // 0: there is no such file, but parent exists
	mnt    *mount // the file system the file (or, when missing, its parent) is on
}

// walker resolves names for one user.
type walker struct {
	t     *Tree
	cred  Cred
	links int
	stack []place // the directories from the root down to the current one
}

// resolve finds a name; follow says whether a last symbolic link is followed.
func (t *Tree) resolve(cred Cred, abs string, follow bool) (place, error) {
	root := t.mounts[0]
	return t.resolveFrom(place{path: "/", ino: root.Root, mnt: root}, cred, abs, follow)
}

// resolveFrom is resolve where some directory is the root: neither .. nor a
// symbolic link leads out of it.
func (t *Tree) resolveFrom(root place, cred Cred, abs string, follow bool) (place, error) {
	if len(abs) >= maxPath {
		return place{}, syscall.ENAMETOOLONG
	}
	w := &walker{t: t, cred: cred, stack: []place{root}}
	return w.walk(abs, follow)
}

func (w *walker) walk(name string, follow bool) (place, error) {
	needDir := strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") || strings.HasSuffix(name, "/..")
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		last := i == len(parts)-1
		here, err := w.step(part, last, follow || needDir)
		if err != nil || (last && here.ino == 0) {
			return here, err
		}
		if last {
			if needDir && w.t.get(here.ino).Type != TypeDir {
				return here, syscall.ENOTDIR
			}
			return here, nil
		}
		if here.ino == 0 { // a link to nothing
			return place{}, syscall.ENOENT
		}
		if w.t.get(here.ino).Type != TypeDir {
			return place{}, syscall.ENOTDIR
		}
	}
	return w.stack[len(w.stack)-1], nil
}

// step goes one name down (or up) and follows links; the current place is the
// top of the stack.
func (w *walker) step(part string, last, follow bool) (place, error) {
	cur := w.stack[len(w.stack)-1]
	dir := w.t.get(cur.ino)
	if dir.Type != TypeDir {
		return place{}, syscall.ENOTDIR
	}
	if err := dir.allow(w.cred, X); err != nil {
		return place{}, err
	}
	switch {
	case part == ".":
		return cur, nil
	case part == "..":
		if len(w.stack) > 1 {
			w.stack = w.stack[:len(w.stack)-1]
		}
		return w.stack[len(w.stack)-1], nil
	case len(part) > maxName:
		return place{}, syscall.ENAMETOOLONG
	}
	here := place{path: join(cur.path, part), parent: cur.ino, name: part, ino: w.t.child(cur.ino, part), mnt: cur.mnt}
	if err := w.t.deny[here.path]; err != nil {
		return place{}, err
	}
	if made, ok := w.stepControl(cur, part); ok {
		w.stack = append(w.stack, made)
		return made, nil
	}
	if here.ino == 0 {
		if last {
			return here, nil
		}
		return place{}, syscall.ENOENT
	}
	n := w.t.get(here.ino)
	if n.Type == TypeLink && (!last || follow) {
		if w.links++; w.links > maxLinksFollowed {
			return place{}, syscall.ELOOP
		}
		if n.Target == "" {
			return place{}, syscall.ENOENT
		}
		if strings.HasPrefix(n.Target, "/") {
			w.stack = w.stack[:1]
		}
		return w.walk(n.Target, true)
	}
	if n.Type == TypeDir {
		if m := w.t.mountAt(here.path); m != nil {
			here.ino, here.mnt = m.Root, m
		}
		w.stack = append(w.stack, here)
	}
	return here, nil
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// mountAt is the topmost file system mounted at a path. Paths are compared, not
// directories: a nullfs shows the same directory in two places.
func (t *Tree) mountAt(path string) *mount {
	for i := len(t.mounts) - 1; i > 0; i-- {
		if m := t.mounts[i]; m.Point == path {
			return m
		}
	}
	return nil
}

// Deny makes every access to a path fail with an error; nil allows it again.
func (t *Tree) Deny(path string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deny == nil {
		t.deny = map[string]error{}
	}
	if err == nil {
		delete(t.deny, path)
		return
	}
	t.deny[path] = err
}

// Version counts the changes of the tree: while it stays the same, so does the
// tree.
func (t *Tree) Version() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.version
}

package vfs

import (
	"bytes"
	"io/fs"
	"path"
	"sort"
	"strings"
	"syscall"
	"time"
)

// View is a tree as one user in one directory sees it.
type View struct {
	tree  *Tree
	cred  Cred
	dir   string
	root  string // the directory that is its root; empty: the tree's
	Umask uint32 // taken off the mode of new files
}

// View makes a view; dir is absolute.
func (t *Tree) View(cred Cred, dir string) *View {
	return &View{tree: t, cred: cred, dir: path.Clean("/" + dir)}
}

// Under is the view of a process whose root is a directory of the tree, as
// chroot(2) and jail(2) have it.
func (v *View) Under(root string) *View {
	under := *v
	under.root = strings.TrimSuffix(path.Clean("/"+root), "/")
	return &under
}

// Info describes a file.
type Info struct {
	Name   string
	Type   Type
	Size   int64
	Mode   uint32 // permission bits with setuid, setgid and sticky: 04755
	UID    int
	GID    int
	MTime  time.Time
	Inode  uint64
	Nlink  uint32
	Flags  uint32
	Target string // of a symbolic link
	Device string // of a device: "null", "ada0"
	Dev    int    // file system number
	Blocks int64  // 512-byte blocks in use
}

// IsDir tells whether the file is a directory.
func (i Info) IsDir() bool { return i.Type == TypeDir }

func info(name string, ino inode, n *node) Info {
	i := Info{
		Name: name, Type: n.Type, Size: n.size(), Mode: n.Mode, UID: n.UID, GID: n.GID, MTime: n.MTime,
		Inode: uint64(ino.object()), Nlink: n.Nlink, Flags: n.Flags, Dev: ino.dev(), Blocks: n.used() / 512,
	}
	switch n.Type {
	case TypeLink:
		i.Target = n.Target
	case TypeChar, TypeBlock:
		i.Device = n.Target
	}
	return i
}

// Abs makes a name absolute, without looking at the tree.
func (v *View) Abs(name string) string {
	if strings.HasPrefix(name, "/") {
		return path.Clean(name)
	}
	return path.Join(v.dir, name)
}

// Dir is the directory relative names start at.
func (v *View) Dir() string { return v.dir }

// Cred is the user the view belongs to.
func (v *View) Cred() Cred { return v.cred }

// raw is absolute but keeps dots and slashes, which the walk understands.
func (v *View) raw(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return v.dir + "/" + name
}

func fail(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// find resolves a name that may be missing; an empty name is no file.
func (v *View) find(name string, follow bool) (place, error) {
	if name == "" {
		return place{}, syscall.ENOENT
	}
	if v.root == "" {
		return v.tree.resolve(v.cred, v.raw(name), follow)
	}
	root, err := v.tree.resolve(Root, v.root, true)
	if err == nil && root.ino == 0 {
		err = syscall.ENOENT
	}
	if err != nil {
		return place{}, err
	}
	root.parent, root.name = 0, ""
	return v.tree.resolveFrom(root, v.cred, v.raw(name), follow)
}

// exists resolves a name that must exist.
func (v *View) exists(name string, follow bool) (place, *node, error) {
	p, err := v.find(name, follow)
	if err == nil && p.ino == 0 {
		err = syscall.ENOENT
	}
	if err != nil {
		return p, nil, err
	}
	return p, v.tree.get(p.ino), nil
}

// Stat describes a file, following a last symbolic link.
func (v *View) Stat(name string) (Info, error) { return v.stat("stat", name, true) }

// Lstat describes a file, a last symbolic link itself.
func (v *View) Lstat(name string) (Info, error) { return v.stat("lstat", name, false) }

func (v *View) stat(op, name string, follow bool) (Info, error) {
	v.tree.mu.RLock()
	defer v.tree.mu.RUnlock()
	p, n, err := v.exists(name, follow)
	if err != nil {
		return Info{}, fail(op, name, err)
	}
	return info(path.Base(v.Abs(name)), p.ino, n), nil
}

// Access checks for read, write or execute permission, as access(2) does.
func (v *View) Access(name string, want uint32) error {
	v.tree.mu.RLock()
	defer v.tree.mu.RUnlock()
	p, n, err := v.exists(name, true)
	if err == nil {
		err = n.allow(v.cred, want)
	}
	if err == nil && want&W != 0 && p.mnt.ReadOnly() {
		err = syscall.EROFS
	}
	if err != nil {
		return fail("access", name, err)
	}
	return nil
}

// EvalSymlinks is the path without symbolic links.
func (v *View) EvalSymlinks(name string) (string, error) {
	v.tree.mu.RLock()
	defer v.tree.mu.RUnlock()
	p, _, err := v.exists(name, true)
	if err != nil {
		return "", fail("realpath", name, err)
	}
	return v.inside(p.path), nil
}

// inside is a path of the tree as the view names it.
func (v *View) inside(name string) string {
	if rest, ok := strings.CutPrefix(name, v.root); ok && v.root != "" {
		return path.Clean("/" + rest)
	}
	return name
}

// Readlink is where a symbolic link points to.
func (v *View) Readlink(name string) (string, error) {
	v.tree.mu.RLock()
	defer v.tree.mu.RUnlock()
	_, n, err := v.exists(name, false)
	if err == nil && n.Type != TypeLink {
		err = syscall.EINVAL
	}
	if err != nil {
		return "", fail("readlink", name, err)
	}
	return n.Target, nil
}

// ReadDir lists a directory sorted by name, without . and ..
func (v *View) ReadDir(name string) ([]Info, error) {
	v.tree.mu.RLock()
	defer v.tree.mu.RUnlock()
	p, n, err := v.exists(name, true)
	if err == nil && n.Type != TypeDir {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = n.allow(v.cred, R)
	}
	if err != nil {
		return nil, fail("open", name, err)
	}
	list := make([]Info, 0, len(n.Names))
	for child, o := range n.Names {
		ino := o.in(p.ino.dev())
		c := v.tree.get(ino)
		if c.Type == TypeDir && len(v.tree.mounts) > 1 {
			if m := v.tree.mountAt(join(p.path, child)); m != nil {
				ino, c = m.Root, v.tree.get(m.Root)
			}
		}
		list = append(list, info(child, ino, c))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// Walk calls fn for a file and all below it, a directory before what is in it.
// An error of reading is handed to fn, which decides; fs.SkipDir leaves a
// directory out.
func (v *View) Walk(name string, fn func(name string, i Info, err error) error) error {
	i, err := v.Lstat(name)
	err = v.walk(name, i, err, fn)
	if err == fs.SkipDir || err == fs.SkipAll { //nolint:errorlint // these are signals, never wrapped
		return nil
	}
	return err
}

func (v *View) walk(name string, i Info, err error, fn func(string, Info, error) error) error {
	if err := fn(name, i, err); err != nil || !i.IsDir() {
		return err
	}
	list, err := v.ReadDir(name)
	if err != nil {
		return fn(name, i, err)
	}
	for _, child := range list {
		err := v.walk(joinName(name, child.Name), child, nil, fn)
		if err != nil && (err != fs.SkipDir || !child.IsDir()) { //nolint:errorlint // a signal, never wrapped
			return err
		}
	}
	return nil
}

// joinName adds a name below one the caller gave, as find(1) prints it.
func joinName(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// ReadFile is a file's content.
func (v *View) ReadFile(name string) ([]byte, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size+bytes.MinRead)) // devices have more than their size
	if _, err := data.ReadFrom(f); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// WriteFile creates or replaces a file's content.
func (v *View) WriteFile(name string, data []byte, perm uint32) error {
	f, err := v.OpenFile(name, O_WRONLY|O_CREATE|O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// PutShared is WriteFile without a copy: the file shows data, which must not change
// any more, until somebody writes into it.
func (v *View) PutShared(name string, data []byte, perm uint32) error {
	f, err := v.OpenFile(name, O_WRONLY|O_CREATE|O_TRUNC, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.show(data)
}

// canEdit tells whether names may be added to or taken from a directory.
func (v *View) canEdit(p place) error {
	dir := v.tree.get(p.parent)
	if dir == nil || p.parent == 0 {
		return syscall.EBUSY
	}
	if p.mnt.ReadOnly() {
		return syscall.EROFS
	}
	if err := dir.allow(v.cred, W|X); err != nil {
		return err
	}
	if dir.Flags&immutable != 0 {
		return syscall.EPERM
	}
	return nil
}

// canRemove adds to canEdit what removing asks for: sticky directories, flags,
// mount points.
func (v *View) canRemove(p place, n *node) error {
	if p.name == "" || v.tree.mountAt(p.path) != nil {
		return syscall.EBUSY
	}
	if err := v.canEdit(p); err != nil {
		return err
	}
	dir := v.tree.get(p.parent)
	if dir.Flags&appendOnly != 0 || n.Flags&(immutable|appendOnly|noUnlink) != 0 {
		return syscall.EPERM
	}
	if dir.Mode&Sticky != 0 && v.cred.UID != 0 && v.cred.UID != dir.UID && v.cred.UID != n.UID {
		return syscall.EPERM
	}
	return nil
}

// create adds a node at a place that is free. The group comes from the
// directory, as BSD has it.
func (v *View) create(p place, n *node) (inode, error) {
	if err := v.canEdit(p); err != nil {
		return 0, err
	}
	if err := v.tree.charge(p.mnt, 0); err != nil {
		return 0, err
	}
	if !v.tree.fits(p.mnt, 1) {
		return 0, syscall.ENOSPC
	}
	now := v.tree.now()
	dir := v.tree.own(p.parent)
	n.UID, n.GID, n.MTime, n.Nlink = v.cred.UID, dir.GID, now, 1
	if n.Type == TypeDir {
		n.Nlink, n.Names = 2, map[string]object{}
		dir.Nlink++
	}
	ino := v.tree.add(p.mnt.Dev, n)
	dir.Names[p.name], dir.MTime = ino.object(), now
	return ino, nil
}

// Mkdir makes a directory.
func (v *View) Mkdir(name string, perm uint32) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	return v.mkdir(name, perm)
}

func (v *View) mkdir(name string, perm uint32) error {
	p, err := v.find(strings.TrimRight(name, "/"), false)
	if strings.Trim(name, "/") == "" && name != "" {
		err = syscall.EISDIR // mkdir(2) of the root
	}
	if err == nil && p.ino != 0 {
		err = syscall.EEXIST
	}
	if err == nil {
		_, err = v.create(p, &node{Type: TypeDir, Mode: perm & 0o7777 &^ v.Umask})
	}
	if err != nil {
		return fail("mkdir", name, err)
	}
	return nil
}

// MkdirAll makes a directory and those above it.
func (v *View) MkdirAll(name string, perm uint32) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	abs := v.Abs(name)
	for i := 1; i <= len(abs); i++ {
		if i < len(abs) && abs[i] != '/' || abs == "/" {
			continue
		}
		p, err := v.find(abs[:i], true)
		switch {
		case err != nil:
			return fail("mkdir", name, err)
		case p.ino == 0:
			if err := v.mkdir(abs[:i], perm); err != nil {
				return err
			}
		case v.tree.get(p.ino).Type != TypeDir:
			return fail("mkdir", name, syscall.ENOTDIR)
		}
	}
	return nil
}

// Remove removes a file or an empty directory.
func (v *View) Remove(name string) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	p, n, err := v.exists(name, false)
	if err == nil {
		err = v.remove(p, n)
	}
	if err != nil {
		return fail("remove", name, err)
	}
	return nil
}

func (v *View) remove(p place, n *node) error {
	if err := v.canRemove(p, n); err != nil {
		return err
	}
	if n.Type == TypeDir && len(n.Names) > 0 {
		return syscall.ENOTEMPTY
	}
	v.unlink(p, n)
	return nil
}

func (v *View) unlink(p place, n *node) {
	dir := v.tree.own(p.parent)
	delete(dir.Names, p.name)
	dir.MTime = v.tree.now()
	if n.Type == TypeDir {
		dir.Nlink--
	}
	v.tree.drop(p.ino)
}

// RemoveAll removes a file and all below it; a missing one is fine. It stops at
// the first that cannot be removed.
func (v *View) RemoveAll(name string) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	p, err := v.find(name, false)
	if err == nil && p.ino != 0 {
		err = v.removeAll(p)
	}
	if err != nil {
		return fail("remove", name, err)
	}
	return nil
}

func (v *View) removeAll(p place) error {
	n := v.tree.get(p.ino)
	if n.Type == TypeDir {
		if err := n.allow(v.cred, R|X); err != nil {
			return err
		}
		for child, o := range n.Names {
			below := place{path: join(p.path, child), parent: p.ino, name: child, ino: o.in(p.ino.dev()), mnt: p.mnt}
			if err := v.removeAll(below); err != nil {
				return err
			}
		}
		n = v.tree.get(p.ino)
	}
	return v.remove(p, n)
}

// Rename moves a file, replacing what is there.
func (v *View) Rename(from, to string) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	if err := v.rename(from, to); err != nil {
		return fail("rename", from, err)
	}
	return nil
}

func (v *View) rename(from, to string) error {
	src, n, err := v.exists(from, false)
	if err != nil {
		return err
	}
	dst, err := v.find(strings.TrimRight(to, "/"), false)
	if err != nil {
		return err
	}
	if src.mnt.Dev != dst.mnt.Dev {
		return syscall.EXDEV
	}
	if src.ino == dst.ino {
		return nil
	}
	if err := v.canRemove(src, n); err != nil {
		return err
	}
	if n.Type == TypeDir && strings.HasPrefix(dst.path+"/", src.path+"/") {
		return syscall.EINVAL
	}
	if err := v.replace(dst, n); err != nil {
		return err
	}
	now := v.tree.now()
	old, dir := v.tree.own(src.parent), v.tree.own(dst.parent)
	delete(old.Names, src.name)
	dir.Names[dst.name] = src.ino.object()
	if n.Type == TypeDir {
		old.Nlink--
		dir.Nlink++
	}
	old.MTime, dir.MTime = now, now
	return nil
}

// replace clears the way for a renamed node.
func (v *View) replace(dst place, n *node) error {
	if dst.ino == 0 {
		return v.canEdit(dst)
	}
	there := v.tree.get(dst.ino)
	switch {
	case there.Type == TypeDir && n.Type != TypeDir:
		return syscall.EISDIR
	case there.Type != TypeDir && n.Type == TypeDir:
		return syscall.ENOTDIR
	}
	return v.remove(dst, there)
}

// Link makes another name for a file.
func (v *View) Link(old, name string) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	if err := v.link(old, name); err != nil {
		return fail("link", name, err)
	}
	return nil
}

func (v *View) link(old, name string) error {
	src, n, err := v.exists(old, true)
	if err != nil {
		return err
	}
	if n.Type == TypeDir || n.Flags&(immutable|appendOnly) != 0 {
		return syscall.EPERM
	}
	dst, err := v.find(name, false)
	switch {
	case err != nil:
		return err
	case dst.ino != 0:
		return syscall.EEXIST
	case src.mnt.Dev != dst.mnt.Dev:
		return syscall.EXDEV
	}
	if err := v.canEdit(dst); err != nil {
		return err
	}
	v.tree.own(src.ino).Nlink++
	dir := v.tree.own(dst.parent)
	dir.Names[dst.name], dir.MTime = src.ino.object(), v.tree.now()
	return nil
}

// Symlink makes a symbolic link at name that points to target.
func (v *View) Symlink(target, name string) error {
	return v.make("symlink", name, &node{Type: TypeLink, Mode: 0o777 &^ v.Umask, Target: target})
}

// Mkfifo makes a named pipe.
func (v *View) Mkfifo(name string, perm uint32) error {
	return v.make("mkfifo", name, &node{Type: TypeFIFO, Mode: perm & 0o777 &^ v.Umask})
}

// Mknod makes a device node, which only the superuser may.
func (v *View) Mknod(name string, kind Type, device string, perm uint32) error {
	if v.cred.UID != 0 {
		return fail("mknod", name, syscall.EPERM)
	}
	return v.make("mknod", name, &node{Type: kind, Mode: perm & 0o777, Target: device})
}

func (v *View) make(op, name string, n *node) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	p, err := v.find(name, false)
	if err == nil && p.ino != 0 {
		err = syscall.EEXIST
	}
	if err == nil {
		_, err = v.create(p, n)
	}
	if err != nil {
		return fail(op, name, err)
	}
	return nil
}

// change runs fn on a node that the owner (or root) may change.
func (v *View) change(op, name string, follow bool, fn func(n *node) error) error {
	v.tree.mu.Lock()
	defer v.tree.mu.Unlock()
	p, n, err := v.exists(name, follow)
	if err == nil && v.cred.UID != 0 && v.cred.UID != n.UID {
		err = syscall.EPERM
	}
	if err == nil && op != "chflags" && n.Flags&(immutable|appendOnly) != 0 {
		err = syscall.EPERM
	}
	if err == nil && p.mnt.ReadOnly() {
		err = syscall.EROFS
	}
	if err == nil {
		copied := *n
		if err = fn(&copied); err == nil {
			own := v.tree.own(p.ino)
			own.Mode, own.UID, own.GID, own.MTime, own.Flags = copied.Mode, copied.UID, copied.GID, copied.MTime, copied.Flags
		}
	}
	if err != nil {
		return fail(op, name, err)
	}
	return nil
}

// Chmod sets the permission bits of what a name leads to.
func (v *View) Chmod(name string, mode uint32) error { return v.chmod(name, mode, true) }

// Lchmod sets those of a symbolic link itself.
func (v *View) Lchmod(name string, mode uint32) error { return v.chmod(name, mode, false) }

func (v *View) chmod(name string, mode uint32, follow bool) error {
	return v.change("chmod", name, follow, func(n *node) error {
		if v.cred.UID != 0 {
			if mode&Sticky != 0 && n.Type != TypeDir {
				return syscall.EPERM // chmod(2) says EFTYPE, which not every Go platform knows
			}
			if mode&Setgid != 0 && !v.cred.inGroup(n.GID) {
				return syscall.EPERM
			}
		}
		n.Mode = mode & 0o7777
		return nil
	})
}

// Chown sets owner and group of what a name leads to; -1 keeps one.
func (v *View) Chown(name string, uid, gid int) error { return v.chown(name, uid, gid, true) }

// Lchown sets those of a symbolic link itself.
func (v *View) Lchown(name string, uid, gid int) error { return v.chown(name, uid, gid, false) }

func (v *View) chown(name string, uid, gid int, follow bool) error {
	return v.change("chown", name, follow, func(n *node) error {
		if v.cred.UID != 0 {
			if uid >= 0 && uid != n.UID || gid >= 0 && !v.cred.inGroup(gid) {
				return syscall.EPERM
			}
			n.Mode &^= Setuid | Setgid
		}
		if uid >= 0 {
			n.UID = uid
		}
		if gid >= 0 {
			n.GID = gid
		}
		return nil
	})
}

// Chtimes sets the modification time.
func (v *View) Chtimes(name string, mtime time.Time) error {
	return v.change("utimes", name, true, func(n *node) error {
		n.MTime = mtime
		return nil
	})
}

// Chflags sets the file flags; those of the system are root's.
func (v *View) Chflags(name string, flags uint32) error {
	return v.change("chflags", name, false, func(n *node) error {
		if v.cred.UID != 0 && (flags&systemFlags != n.Flags&systemFlags) {
			return syscall.EPERM
		}
		n.Flags = flags
		return nil
	})
}

// Truncate sets a file's size; growing makes a hole.
func (v *View) Truncate(name string, size int64) error {
	f, err := v.OpenFile(name, O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

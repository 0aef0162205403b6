package vfs

import (
	"fmt"
	"strings"
	"time"
)

// Load lays a dump over a tree that has just been cloned from its image.
func (t *Tree) Load(d *Dump) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := &loader{t: t, d: d, image: map[string]*mount{}, systems: make([]*mount, len(d.Systems))}
	for _, m := range t.mounts {
		l.image[m.Source] = m
	}
	if len(d.Entries) != len(d.Systems) {
		return fmt.Errorf("the dump has files of %d file systems and not of %d", len(d.Entries), len(d.Systems))
	}
	for i := range d.Systems {
		if err := l.system(i); err != nil {
			return err
		}
	}
	return l.mount()
}

// loader makes the file systems of a dump, each after the one it came from.
type loader struct {
	t       *Tree
	d       *Dump
	image   map[string]*mount
	systems []*mount
}

func (l *loader) system(i int) error {
	s := l.d.Systems[i]
	if l.systems[i] != nil || s.Type == "nullfs" {
		return nil
	}
	m := &mount{Mount: s.Mount}
	l.systems[i] = m
	parent := s.Parent - 1
	switch from := l.image[s.Image]; {
	case parent >= len(l.systems) || parent >= 0 && l.d.Systems[parent].Type == "nullfs":
		return fmt.Errorf("%s comes from a file system the dump does not have", s.Source)
	case parent >= 0:
		if err := l.system(parent); err != nil {
			return err
		}
		l.derive(m, l.systems[parent], l.t.systems[l.systems[parent].Dev])
	case from != nil:
		l.derive(m, from, l.t.systems[from.Dev].parent)
	default:
		m.Dev = l.t.freshDevice(nil)
		m.Root = l.t.newRoot(m.Dev)
	}
	for _, e := range l.d.Entries[i] {
		if err := l.t.restore(m, e); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

func (l *loader) derive(m, from *mount, state *system) {
	m.Dev = l.t.freshDevice(state)
	m.Root = from.Root.object().in(m.Dev)
}

// mount hangs the file systems up as they were.
func (l *loader) mount() error {
	t := l.t
	t.mounts = nil
	for i, s := range l.d.Systems {
		switch {
		case !s.Mounted:
			t.detached[s.Source] = l.systems[i]
		case s.Type != "nullfs":
			t.mounts = append(t.mounts, l.systems[i])
		default:
			from, err := t.directory(s.Source)
			if err != nil {
				return fmt.Errorf("nullfs of %s: %w", s.Source, err)
			}
			t.mounts = append(t.mounts, &mount{Mount: s.Mount, Dev: from.mnt.Dev, Root: from.ino})
		}
	}
	return nil
}

// restore makes one file as an entry describes it.
func (t *Tree) restore(m *mount, e Entry) error {
	dirIno, name := m.Root, ""
	if e.Path != "" {
		parts := strings.Split(e.Path, "/")
		for _, part := range parts[:len(parts)-1] {
			if dirIno = t.child(dirIno, part); dirIno == 0 {
				return fmt.Errorf("the directory above is missing")
			}
		}
		name = parts[len(parts)-1]
	}
	old := dirIno
	if name != "" {
		old = t.child(dirIno, name)
	}
	switch {
	case e.Removed:
		t.detach(dirIno, name, old)
		return nil
	case e.Link != "":
		return t.relink(m, e, dirIno, name, old)
	}
	if old == 0 || e.Fresh {
		t.detach(dirIno, name, old)
		fresh := &node{Type: e.Type, Nlink: 1}
		dir := t.own(dirIno)
		if e.Type == TypeDir {
			fresh.Nlink, fresh.Names = 2, map[string]object{}
			dir.Nlink++
		}
		old = t.again(m.Dev, e, fresh)
		dir.Names[name] = old.object()
	}
	t.rewrite(old, e)
	return nil
}

// again adds a file under the number it had, so that what was copied is known to
// be the same in two places.
func (t *Tree) again(dev int, e Entry, n *node) inode {
	o := t.first + object(e.Object) - 1
	if e.Object == 0 || o >= firstControl || t.systems[dev].get(o) != nil {
		return t.add(dev, n)
	}
	t.next = max(t.next, o+1)
	return t.place(dev, o, n)
}

// rewrite gives a file what an entry says. What it held already is kept, not held
// twice.
func (t *Tree) rewrite(ino inode, e Entry) {
	s, n := t.system(ino), t.own(ino)
	s.used -= n.used()
	if n.Data.equal(e.Data) {
		e.Data = n.Data
	}
	n.Mode, n.UID, n.GID, n.MTime, n.Flags = e.Mode, e.UID, e.GID, time.Unix(0, e.MTime).UTC(), e.Flags
	n.Target, n.Size, n.Data, n.shared = e.Target, e.Size, e.Data, true
	s.used += n.used()
}

func (t *Tree) detach(dirIno inode, name string, old inode) {
	if old == 0 || name == "" {
		return
	}
	dir := t.own(dirIno)
	delete(dir.Names, name)
	if t.get(old).Type == TypeDir {
		dir.Nlink--
		t.discard(old)
		return
	}
	t.drop(old)
}

func (t *Tree) relink(m *mount, e Entry, dirIno inode, name string, old inode) error {
	at := m.Root
	for part := range strings.SplitSeq(e.Link, "/") {
		if at = t.child(at, part); at == 0 {
			return fmt.Errorf("its other name %s is missing", e.Link)
		}
	}
	if at == old {
		return nil
	}
	t.detach(dirIno, name, old)
	t.own(dirIno).Names[name] = at.object()
	t.own(at).Nlink++
	return nil
}

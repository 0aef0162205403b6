package vfs

// object numbers a file within a file system. A snapshot, and a clone of it, know
// a file by the number it had in the file system they come from.
type object uint64

// inode numbers a file in the whole tree: its file system and its object.
type inode uint64

const objectBits = 40

// in is the inode of an object in a file system; 0 when there is no object.
func (o object) in(dev int) inode {
	if o == 0 {
		return 0
	}
	return inode(dev)<<objectBits | inode(o)
}

func (i inode) dev() int { return int(i >> objectBits) }

func (i inode) object() object { return object(i & (1<<objectBits - 1)) }

// system is what a file system holds: what changed over what it came from, which
// is its last snapshot, the snapshot it is a clone of, or the image. What another
// one came from never changes again.
type system struct {
	parent  *system
	image   bool
	source  string           // of the image's
	changed map[object]*node // nil: removed
	used    int64            // bytes of all it shows

	version  int // counts changes
	fresh    int64
	freshAt  int // the version that fresh was counted at; -1: not yet
	dumped   []Entry
	dumpedAt int // the version that was dumped; -1: none yet
}

func newSystem(parent *system) *system {
	s := &system{parent: parent, changed: map[object]*node{}, freshAt: -1, dumpedAt: -1}
	if parent != nil {
		s.used = parent.used
	}
	return s
}

func (s *system) get(o object) *node {
	for ; s != nil; s = s.parent {
		if n, ok := s.changed[o]; ok {
			return n
		}
	}
	return nil
}

// own is a node to write.
func (s *system) own(o object) *node {
	s.version++
	if n, ok := s.changed[o]; ok {
		return n
	}
	n := s.parent.get(o).clone()
	s.changed[o] = n
	return n
}

func (s *system) remove(o object) {
	s.version++
	s.used -= s.get(o).used()
	if s.parent.get(o) != nil {
		s.changed[o] = nil
	} else {
		delete(s.changed, o)
	}
}

// flat is what a system shows, without what is below it.
func (s *system) flat() map[object]*node {
	all := map[object]*node{}
	hidden := map[object]bool{}
	for ; s != nil; s = s.parent {
		for o, n := range s.changed {
			if n == nil {
				hidden[o] = true
			}
			if _, above := all[o]; !above && !hidden[o] {
				all[o] = n
			}
		}
	}
	return all
}

// absorb lets a system do without the one it came from.
func (s *system) absorb() {
	s.version++
	for o, n := range s.parent.changed {
		_, own := s.changed[o]
		switch {
		case own:
		case n != nil:
			s.changed[o] = n.clone()
		case s.parent.parent.get(o) != nil:
			s.changed[o] = nil
		}
	}
	s.parent = s.parent.parent
}

// bottom tells whether there is no earlier state of a system that takes space by
// itself.
func (s *system) bottom() bool { return s.parent == nil || s.parent.image }

// system is the file system that a node lies on.
func (t *Tree) system(ino inode) *system { return t.systems[ino.dev()] }

// child is a file in a directory; 0 when it has none of the name.
func (t *Tree) child(dir inode, name string) inode {
	return t.get(dir).Names[name].in(dir.dev())
}

// newRoot makes the root directory of a file system.
func (t *Tree) newRoot(dev int) inode {
	return t.add(dev, &node{Type: TypeDir, Mode: 0o755, Nlink: 2, MTime: t.now(), Names: map[string]object{}})
}

// freshDevice is the number of a new file system over an earlier state; nil: an
// empty one.
func (t *Tree) freshDevice(parent *system) int {
	t.systems = append(t.systems, newSystem(parent))
	return len(t.systems) - 1
}

// forget empties a file system; what is still open stays until it is closed.
func (t *Tree) forget(dev int) {
	t.reset(dev, nil)
}

// reset gives a file system the content of an earlier state; what is open and
// not there stays until it is closed.
func (t *Tree) reset(dev int, to *system) {
	old, fresh := t.systems[dev], newSystem(to)
	fresh.version = old.version + 1
	for ino := range t.open {
		if ino.dev() != dev || to.get(ino.object()) != nil {
			continue
		}
		if n := old.get(ino.object()); n != nil {
			n = n.clone()
			n.Nlink = 0
			fresh.changed[ino.object()] = n
			fresh.used += n.used()
		}
	}
	t.systems[dev] = fresh
}

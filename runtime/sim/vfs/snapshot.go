package vfs

import (
	"syscall"
)

// known is a file system by its source, mounted or not; nil when there is none.
func (t *Tree) known(source string) *mount {
	for _, m := range t.mounts {
		if m.Source == source && m.Type != "nullfs" {
			return m
		}
	}
	return t.detached[source]
}

// Has tells whether there is a file system of a source, mounted or not.
func (t *Tree) Has(source string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known(source) != nil
}

// Create makes an empty file system of a pool and leaves it unmounted.
func (t *Tree) Create(source, pool string, size int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known(source) != nil {
		return syscall.EEXIST
	}
	dev := t.freshDevice(nil)
	t.detached[source] = &mount{Mount: Mount{Source: source, Type: "zfs", Pool: pool, Size: size}, Dev: dev, Root: t.newRoot(dev)}
	return nil
}

// Adjust changes the options and the quota of a file system.
func (t *Tree) Adjust(source string, options []string, quota int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.known(source); m != nil {
		t.version++
		m.Options, m.Quota = options, quota
	}
}

// derive makes an unmounted file system that shows what an earlier state does.
func (t *Tree) derive(from *mount, state *system, source string, options []string) {
	dev := t.freshDevice(state)
	like := from.Mount
	like.Point, like.Source, like.Options, like.Quota = "", source, options, 0
	t.detached[source] = &mount{Mount: like, Dev: dev, Root: from.Root.object().in(dev)}
}

// Snapshot freezes what a file system holds now under a source of its own, which
// can be mounted to read.
func (t *Tree) Snapshot(source, as string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.known(source)
	switch {
	case m == nil:
		return syscall.ENOENT
	case t.known(as) != nil:
		return syscall.EEXIST
	}
	t.version++
	live := t.systems[m.Dev]
	t.derive(m, live.parent, as, []string{"read-only"})
	frozen := t.systems[t.detached[as].Dev]
	frozen.changed, frozen.used = live.changed, live.used
	live.parent, live.changed = frozen, map[object]*node{}
	live.version++
	return nil
}

// Clone makes a file system that begins as a snapshot.
func (t *Tree) Clone(snapshot, source string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := t.known(snapshot)
	switch {
	case from == nil:
		return syscall.ENOENT
	case t.known(source) != nil:
		return syscall.EEXIST
	}
	t.version++
	t.derive(from, t.systems[from.Dev], source, nil)
	return nil
}

// RollBack gives a file system the content of its last snapshot, mounted or not.
func (t *Tree) RollBack(source, snapshot string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, from := t.known(source), t.known(snapshot)
	switch {
	case m == nil || from == nil:
		return syscall.ENOENT
	case t.systems[m.Dev].parent != t.systems[from.Dev]:
		return syscall.EEXIST
	}
	t.version++
	t.reset(m.Dev, t.systems[from.Dev])
	return nil
}

// release lets file systems that came from one do without it.
func (t *Tree) release(s *system) {
	for _, other := range t.systems {
		if other.parent == s {
			other.absorb()
		}
	}
}

// Space is what a file system or a snapshot takes, in bytes.
type Space struct {
	Referenced int64 // what it shows
	Fresh      int64 // what it shows and the state it came from does not
	Unique     int64 // what nothing else shows
}

// Space counts what a file system or snapshot takes, mounted or not.
func (t *Tree) Space(source string) Space {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.known(source)
	if m == nil {
		return Space{}
	}
	s := t.systems[m.Dev]
	return Space{Referenced: s.used, Fresh: s.countFresh(), Unique: t.unique(s)}
}

// Beyond counts what a file system or snapshot shows that an earlier snapshot of
// it, or the one it is a clone of, does not.
func (t *Tree) Beyond(source, earlier string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	m, from := t.known(source), t.known(earlier)
	if m == nil || from == nil {
		return 0
	}
	s, before := t.systems[m.Dev], t.systems[from.Dev]
	var n int64
	for o := range s.touched(before) {
		if v := s.get(o); v != nil && !sameContent(v, before.get(o)) {
			n += v.used()
		}
	}
	return n
}

// touched are the objects that changed since an earlier state.
func (s *system) touched(since *system) map[object]bool {
	all := map[object]bool{}
	for ; s != nil && s != since; s = s.parent {
		for o := range s.changed {
			all[o] = true
		}
	}
	return all
}

// countFresh counts what a system shows that the state it came from does not.
func (s *system) countFresh() int64 {
	if s.bottom() {
		return s.used
	}
	if s.freshAt == s.version {
		return s.fresh
	}
	s.fresh, s.freshAt = 0, s.version
	for o, n := range s.changed {
		if n != nil && !sameContent(n, s.parent.get(o)) {
			s.fresh += n.used()
		}
	}
	return s.fresh
}

// atMost is no less than countFresh, and quick.
func (s *system) atMost() int64 {
	if s.freshAt == s.version {
		return s.fresh
	}
	return s.used
}

// unique counts what only one state shows: what is new in it and replaced in all
// that came from it.
func (t *Tree) unique(s *system) int64 {
	var later []*system
	for _, other := range t.systems {
		if other.parent == s {
			later = append(later, other)
		}
	}
	if len(later) == 0 {
		return s.countFresh()
	}
	var n int64
	for o := range later[0].changed {
		v := s.get(o)
		if v == nil || !s.bottom() && sameContent(v, s.parent.get(o)) {
			continue
		}
		kept := false
		for _, other := range later {
			kept = kept || sameContent(v, other.get(o))
		}
		if !kept {
			n += v.used()
		}
	}
	return n
}

// sameContent tells whether two versions of a file share what they hold.
func sameContent(a, b *node) bool {
	if a == b {
		return true
	}
	return a != nil && b != nil && a.Data.equal(b.Data)
}

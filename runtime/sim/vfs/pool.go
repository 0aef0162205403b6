package vfs

import (
	"maps"
	"strings"
)

// members lists the file systems of a pool, mounted or not.
func (t *Tree) members(pool string) []*mount {
	var list []*mount
	for _, m := range t.mounts {
		if m.Pool == pool && m.Type != "nullfs" {
			list = append(list, m)
		}
	}
	for _, source := range sortedKeys(t.detached) {
		if m := t.detached[source]; m.Pool == pool {
			list = append(list, m)
		}
	}
	return list
}

// CopyPool makes another pool with the same file systems, snapshots and clones,
// none of them mounted. Contents are shared until they change.
func (t *Tree) CopyPool(pool, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	c := copier{t: t, done: map[*system]int{}}
	for _, m := range t.members(pool) {
		dev := c.copy(t.systems[m.Dev])
		twin := &mount{Mount: m.Mount, Dev: dev, Root: m.Root.object().in(dev)}
		twin.Point, twin.Source, twin.Pool = "", to+strings.TrimPrefix(m.Source, pool), to
		t.detached[twin.Source] = twin
	}
}

// copier copies file systems, each after the one it came from.
type copier struct {
	t    *Tree
	done map[*system]int // to the number of the copy
}

func (c copier) copy(s *system) int {
	if dev, ok := c.done[s]; ok {
		return dev
	}
	parent := s.parent
	if parent != nil && !parent.image {
		parent = c.t.systems[c.copy(parent)]
	}
	dev := c.t.freshDevice(parent)
	twin := c.t.systems[dev]
	twin.used = s.used
	for o, n := range s.changed {
		if n != nil {
			n.shared = true // from now on a write copies
			n = n.clone()
		}
		twin.changed[o] = n
	}
	c.done[s] = dev
	return dev
}

// RenamePool gives a pool another name, and with it all its file systems.
func (t *Tree) RenamePool(pool, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	for _, m := range t.members(pool) {
		from := m.Source
		m.Source, m.Pool = to+strings.TrimPrefix(from, pool), to
		if t.detached[from] == m {
			delete(t.detached, from)
			t.detached[m.Source] = m
		}
	}
}

// DiscardPool forgets the file systems of a pool; none may be mounted.
func (t *Tree) DiscardPool(pool string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.version++
	for _, m := range t.members(pool) {
		if t.detached[m.Source] == m {
			t.forget(m.Dev)
			delete(t.detached, m.Source)
		}
	}
}

// Only counts what the file systems of a copied pool hold that those of the pool it
// was copied from do not any more.
func (t *Tree) Only(copied, pool string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n int64
	for _, m := range t.members(copied) {
		s := t.systems[m.Dev]
		twin := t.known(pool + strings.TrimPrefix(m.Source, copied))
		if twin == nil {
			n += s.countFresh()
			continue
		}
		now := t.systems[twin.Dev]
		candidates := s.touched(s.parent)
		if s.bottom() {
			maps.Copy(candidates, now.touched(s.parent))
		}
		for o := range candidates {
			v := s.get(o)
			if v != nil && !sameContent(v, now.get(o)) && (s.bottom() || !sameContent(v, s.parent.get(o))) {
				n += v.used()
			}
		}
	}
	return n
}

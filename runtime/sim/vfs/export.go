package vfs

import (
	"fmt"
	"syscall"
)

// Export lists what a file system holds that an earlier snapshot of it, or the one
// it is a clone of, does not; without one, all it holds.
func (t *Tree) Export(source, earlier string) ([]Entry, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.known(source)
	if m == nil {
		return nil, syscall.ENOENT
	}
	var before *system
	if earlier != "" {
		from := t.known(earlier)
		if from == nil {
			return nil, syscall.ENOENT
		}
		before = t.systems[from.Dev]
	}
	return differences(t.systems[m.Dev], before, m.Root.object(), 0), nil
}

// Apply changes a file system as what was exported says; whole tells that it is
// all the file system is to hold.
func (t *Tree) Apply(source string, entries []Entry, whole bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.known(source)
	if m == nil {
		return syscall.ENOENT
	}
	t.version++
	if whole {
		root := t.own(m.Root)
		for name, o := range root.Names {
			t.detach(m.Root, name, o.in(m.Dev))
		}
	}
	for _, e := range entries {
		if err := t.restore(m, e); err != nil {
			return fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	return nil
}

// Modified tells whether a file system holds anything else than its last snapshot.
func (t *Tree) Modified(source string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	m := t.known(source)
	return m != nil && len(t.systems[m.Dev].changed) > 0
}

package vfs

import "syscall"

// SetRoot makes another file system the root, as a boot does: one that is not
// mounted, by its source. Nothing else may be mounted; what was the root is kept
// as any unmounted file system is.
func (t *Tree) SetRoot(source string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.mounts[0]
	if old.Source == source {
		return nil
	}
	next := t.detached[source]
	switch {
	case next == nil:
		return syscall.ENOENT
	case len(t.mounts) > 1:
		return syscall.EBUSY
	}
	t.version++
	delete(t.detached, source)
	t.detached[old.Source] = old
	next.Point = "/"
	t.mounts[0] = next
	return nil
}

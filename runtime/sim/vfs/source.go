package vfs

import "strings"

// RenameSource gives a file system another source, mounted or not, as renaming
// its dataset or pool does.
func (t *Tree) RenameSource(source, to string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.known(source)
	if m == nil {
		return
	}
	t.version++
	if t.detached[source] == m {
		delete(t.detached, source)
		t.detached[to] = m
	}
	m.Source = to
	if m.Pool != "" {
		m.Pool = poolOf(to)
	}
}

// poolOf is the pool of a dataset.
func poolOf(source string) string {
	if end := strings.IndexAny(source, "/@"); end >= 0 {
		return source[:end]
	}
	return source
}

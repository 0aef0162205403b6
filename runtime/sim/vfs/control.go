package vfs

import (
	"slices"
	"strings"
)

// Every file system of a pool has a directory .zfs in its root, which no listing
// shows, and in it the directory snapshot with a directory for each snapshot. They
// are made up when they are looked at.

// Objects of these directories.
const (
	controlRoot object = 1<<objectBits - 1 - iota
	controlSnapshots
	firstControl = controlSnapshots
)

// control is the node of a directory that is made up; nil for any other.
func (t *Tree) control(ino inode) *node {
	n := &node{Type: TypeDir, Mode: 0o555, Nlink: 2, Names: map[string]object{}}
	switch ino.object() {
	case controlRoot:
		n.Names["snapshot"] = controlSnapshots
	case controlSnapshots:
		live := t.device(ino.dev())
		for source := range t.snapshotsOf(live) {
			n.Names[source[len(live.Source)+1:]] = live.Root.object()
		}
	default:
		return nil
	}
	return n
}

// snapshotsOf are the snapshots of a file system by source.
func (t *Tree) snapshotsOf(m *mount) map[string]*mount {
	all := map[string]*mount{}
	for _, other := range t.members(m.Pool) {
		if strings.HasPrefix(other.Source, m.Source+"@") {
			all[other.Source] = other
		}
	}
	return all
}

// stepControl goes into .zfs, and from there on down to a snapshot's files; it is
// false for any other name.
func (w *walker) stepControl(cur place, part string) (place, bool) {
	here := place{path: join(cur.path, part), parent: cur.ino, name: part, mnt: cur.mnt}
	switch {
	case part == ".zfs" && cur.ino == cur.mnt.Root && cur.mnt.Type == "zfs" && !strings.Contains(cur.mnt.Source, "@") && w.t.get(cur.ino).Names[part] == 0:
		here.ino, here.mnt = controlRoot.in(cur.ino.dev()), readOnly(cur.mnt, cur.mnt.Point)
	case cur.ino.object() == controlSnapshots:
		m := w.t.snapshotsOf(w.t.device(cur.ino.dev()))[cur.mnt.Source+"@"+part]
		if m == nil {
			return place{}, false
		}
		here.ino, here.mnt = m.Root, readOnly(m, here.path)
	default:
		return place{}, false
	}
	return here, true
}

// readOnly is a file system as it is seen where nothing can be written.
func readOnly(m *mount, point string) *mount {
	seen := *m
	seen.Point = point
	if !seen.ReadOnly() {
		seen.Options = append(slices.Clone(seen.Options), "read-only")
	}
	return &seen
}

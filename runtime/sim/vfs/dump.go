package vfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"
)

// Dump is what a tree differs in from its base image. It names files by path,
// so that it can be laid over another version of the image.
type Dump struct {
	Systems []System
	Entries [][]Entry // of each file system
}

// Delta is what a dump has beyond an earlier one of the same file systems.
type Delta []SystemDelta

// SystemDelta is what changed on one file system.
type SystemDelta struct {
	System  int      // index into Systems
	Entries []Entry  `json:",omitempty"` // new or changed
	Gone    []string `json:",omitempty"` // no longer different from the image
}

// Since is what changed after an earlier dump of the same tree; false when other
// file systems are mounted.
func (d *Dump) Since(earlier *Dump) (Delta, bool) {
	if !reflect.DeepEqual(d.Systems, earlier.Systems) {
		return nil, false
	}
	delta := Delta{}
	for i, entries := range d.Entries {
		if !sameSlice(entries, earlier.Entries[i]) {
			delta = append(delta, beyond(i, entries, earlier.Entries[i]))
		}
	}
	return delta, true
}

func beyond(system int, entries, earlier []Entry) SystemDelta {
	delta := SystemDelta{System: system}
	before := byPath(earlier)
	for i := range entries {
		e := &entries[i]
		if old := before[e.Path]; old == nil || !e.same(old) {
			delta.Entries = append(delta.Entries, *e)
		}
		delete(before, e.Path)
	}
	delta.Gone = sortedKeys(before)
	return delta
}

func byPath(entries []Entry) map[string]*Entry {
	m := make(map[string]*Entry, len(entries))
	for i := range entries {
		m[entries[i].Path] = &entries[i]
	}
	return m
}

// same compares contents by where they are: those of a tree are copied before
// they change.
func (e *Entry) same(other *Entry) bool {
	return e.Header == other.Header && sameSlice(e.Data, other.Data)
}

// sameSlice tells whether two slices lie in the same place.
func sameSlice[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Assemble is the dump that deltas, one after the other, lead to.
func Assemble(first *Dump, deltas []Delta) *Dump {
	changed := map[int]map[string]*Entry{}
	for _, delta := range deltas {
		for _, s := range delta {
			entries := changed[s.System]
			if entries == nil {
				entries = byPath(first.Entries[s.System])
				changed[s.System] = entries
			}
			for _, gone := range s.Gone {
				delete(entries, gone)
			}
			maps.Copy(entries, byPath(s.Entries))
		}
	}
	next := &Dump{Systems: first.Systems, Entries: slices.Clone(first.Entries)}
	for i, entries := range changed {
		next.Entries[i] = sorted(entries)
	}
	return next
}

// sorted has a directory before what is in it, and a file before its other names.
func sorted(entries map[string]*Entry) []Entry {
	list := make([]Entry, 0, len(entries))
	for _, e := range entries {
		list = append(list, *e)
	}
	order := func(e Entry) string { return strings.ReplaceAll(e.Path, "/", "\x00") }
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(order(a), order(b)) })
	return list
}

// System is a file system of a dump.
type System struct {
	Mount
	Mounted bool
	Image   string `json:",omitempty"` // the source of the image's that it comes from
	Parent  int    `json:",omitempty"` // the number, from 1, of the one here that it comes from
}

// Entry is a file that differs: new, changed or removed.
type Entry struct {
	Header
	Data Content `json:",omitempty"`
}

// Header is an entry but for what the file holds.
type Header struct {
	Path    string // below the file system's root; empty for that itself
	Removed bool   `json:",omitempty"`
	Fresh   bool   `json:",omitempty"` // not the image's file of this name, if there is one
	Link    string `json:",omitempty"` // another name of this file, dumped before
	Object  uint64 `json:",omitempty"` // tells a new file from the others, on whatever file system
	Type    Type
	Mode    uint32
	UID     int    `json:",omitempty"`
	GID     int    `json:",omitempty"`
	MTime   int64  // Unix nanoseconds
	Flags   uint32 `json:",omitempty"`
	Target  string `json:",omitempty"`
	Size    int64  `json:",omitempty"`
}

// Dump lists what changed. The contents are shared with the tree, which copies
// them before it changes them again.
func (t *Tree) Dump() *Dump {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := &Dump{}
	var mounts []*mount
	for _, m := range t.mounts {
		d.Systems = append(d.Systems, System{Mount: m.Mount, Mounted: true})
		mounts = append(mounts, m)
	}
	for _, source := range sortedKeys(t.detached) {
		m := t.detached[source]
		d.Systems = append(d.Systems, System{Mount: m.Mount})
		mounts = append(mounts, m)
	}
	d.Entries = make([][]Entry, len(mounts))
	for i, m := range mounts {
		if m.Type == "nullfs" {
			continue // what it shows belongs to another file system
		}
		s := t.systems[m.Dev]
		d.Systems[i].Image, d.Systems[i].Parent = t.lineage(s, mounts)
		d.Entries[i] = t.entries(s, m.Root.object())
	}
	return d
}

// entries lists what a file system has other than what it came from. It's looked
// for again only after a change.
func (t *Tree) entries(s *system, root object) []Entry {
	if s.dumpedAt != s.version {
		s.dumped, s.dumpedAt = differences(s, s.parent, root, t.first), s.version
	}
	return s.dumped
}

// lineage tells what a file system came from: one of the image, by its source, or
// the number, from 1, of another file system.
func (t *Tree) lineage(s *system, mounts []*mount) (image string, number int) {
	if s.parent == nil {
		return "", 0
	}
	for i, m := range mounts {
		if m.Type != "nullfs" && t.systems[m.Dev] == s.parent {
			return "", i + 1
		}
	}
	return s.parent.source, 0
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// dumper lists what a file system has other than an earlier state of it.
type dumper struct {
	now, before *system
	first       object // of the numbers to tell; 0: none
	entries     []Entry
	links       map[object]string
}

func differences(now, before *system, root, first object) []Entry {
	w := &dumper{now: now, before: before, first: first, links: map[object]string{}}
	w.dir(root, root, "")
	return w.entries
}

// dir goes through a directory; was is what had its name before, 0 if nothing.
func (w *dumper) dir(o, was object, name string) {
	n := w.now.get(o)
	w.changed(o, was, name)
	if base := w.before.get(o); base != nil && base != n {
		for _, child := range base.sorted() {
			if _, still := n.Names[child]; !still {
				w.entries = append(w.entries, Entry{Header: Header{Path: below(name, child), Removed: true}})
			}
		}
	}
	var before map[string]object
	if dir := w.before.get(was); dir != nil {
		before = dir.Names
	}
	for _, child := range n.sorted() {
		o, was, file := n.Names[child], before[child], below(name, child)
		if w.now.get(o).Type == TypeDir {
			w.dir(o, was, file)
			continue
		}
		w.changed(o, was, file)
	}
}

// below is the path of what a directory of a file system holds.
func below(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// changed notes a file that is not as it was. A file that got another name than it
// had is written again under it.
func (w *dumper) changed(o, was object, name string) {
	n := w.now.get(o)
	same := o == was
	if same && n == w.before.get(o) {
		return
	}
	e := Entry{Data: n.Data, Header: Header{
		Path: name, Fresh: !same && name != "", Type: n.Type, Mode: n.Mode, UID: n.UID, GID: n.GID, MTime: n.MTime.UnixNano(),
		Flags: n.Flags, Target: n.Target, Size: n.Size,
	}}
	if w.first > 0 && o >= w.first {
		e.Object = uint64(o - w.first + 1)
	}
	if n.Type != TypeDir && n.Nlink > 1 {
		if first, seen := w.links[o]; seen {
			e = Entry{Header: Header{Path: name, Type: n.Type, Link: first}}
		} else {
			w.links[o] = name
		}
	}
	if len(n.Data) > 0 && n != w.before.get(o) {
		n.shared = true // from now on a write copies
	}
	w.entries = append(w.entries, e)
}

// Listing describes every file, one a line, in order of the paths: type, mode,
// owner, flags, size, time and content, so that two trees can be compared.
func (t *Tree) Listing() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var lines []string
	var walk func(ino inode, name string)
	walk = func(ino inode, name string) {
		for i := len(t.mounts) - 1; i > 0; i-- {
			if t.mounts[i].Point == name {
				ino = t.mounts[i].Root
				break
			}
		}
		n := t.get(ino)
		lines = append(lines, describe(name, n))
		for _, child := range n.sorted() {
			walk(n.Names[child].in(ino.dev()), join(name, child))
		}
	}
	walk(t.mounts[0].Root, "/")
	for _, m := range t.mounts {
		lines = append(lines, fmt.Sprintf("mount %s %s %s %s", m.Point, m.Source, m.Type, strings.Join(m.Options, ",")))
	}
	return lines
}

func describe(name string, n *node) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %04o %d:%d %x %d %s", name, n.Type, n.Mode, n.UID, n.GID, n.Flags, n.size(), n.MTime.UTC().Format(time.RFC3339Nano))
	switch {
	case n.Target != "":
		b.WriteString(" -> " + n.Target)
	case n.Type == TypeFile:
		sum := sha256.New()
		n.Data.sum(sum)
		b.WriteString(" " + hex.EncodeToString(sum.Sum(nil)[:16]))
	}
	return b.String()
}

// sorted lists a directory's names in order.
func (n *node) sorted() []string {
	names := make([]string, 0, len(n.Names))
	for name := range n.Names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

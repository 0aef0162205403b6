package vfs

import (
	"maps"
	"syscall"
	"time"
)

// Type is the kind of a file, in the words stat(1) uses.
type Type string

// The kinds of files.
const (
	TypeFile   Type = "file"
	TypeDir    Type = "directory"
	TypeLink   Type = "link"
	TypeChar   Type = "character"
	TypeBlock  Type = "block"
	TypeFIFO   Type = "fifo"
	TypeSocket Type = "socket"
)

// Permission bits beyond the usual nine, as in stat(2).
const (
	Setuid uint32 = 0o4000
	Setgid uint32 = 0o2000
	Sticky uint32 = 0o1000
)

// File flags, as in chflags(2).
const (
	UserNoDump       uint32 = 0x00000001
	UserImmutable    uint32 = 0x00000002
	UserAppend       uint32 = 0x00000004
	UserNoUnlink     uint32 = 0x00000010
	UserArchive      uint32 = 0x00000800
	UserHidden       uint32 = 0x00008000
	SystemArchived   uint32 = 0x00010000
	SystemImmutable  uint32 = 0x00020000
	SystemAppend     uint32 = 0x00040000
	SystemNoUnlink   uint32 = 0x00100000
	immutable               = UserImmutable | SystemImmutable
	appendOnly              = UserAppend | SystemAppend
	noUnlink                = UserNoUnlink | SystemNoUnlink
	systemFlags             = SystemArchived | SystemImmutable | SystemAppend | SystemNoUnlink
	maxLinksFollowed        = 32 // MAXSYMLINKS of FreeBSD
	maxName                 = 255
	maxPath                 = 1024
)

// node is one file. A node of a base image is shared and never written; own
// copies it into the tree that wants to change it.
type node struct {
	Type  Type
	Mode  uint32
	UID   int
	GID   int
	MTime time.Time
	Flags uint32 `json:",omitempty"`
	Nlink uint32

	Data   Content           `json:",omitempty"` // content; what lies beyond it up to Size is a hole
	Size   int64             `json:",omitempty"` // of a regular file
	Target string            `json:",omitempty"` // of a symbolic link; the device's name of a device
	Names  map[string]object `json:",omitempty"` // of a directory

	shared bool // Data belongs to a base image too
}

func (n *node) clone() *node {
	c := *n
	c.Names = maps.Clone(n.Names)
	c.shared = true
	return &c
}

// size is what stat(2) reports.
func (n *node) size() int64 {
	switch n.Type {
	case TypeLink:
		return int64(len(n.Target))
	case TypeDir:
		return int64(len(n.Names) + 2)
	case TypeFile:
		return n.Size
	default:
		return 0
	}
}

// readAt copies content, holes as zeros.
func (n *node) readAt(b []byte, off int64) int {
	if off >= n.Size {
		return 0
	}
	b = b[:min(int64(len(b)), n.Size-off)]
	n.Data.read(b, off)
	return len(b)
}

// content is what a file holds, to change it.
func (n *node) content() *Content {
	if n.shared {
		n.Data, n.shared = n.Data.disown(), false
	}
	return &n.Data
}

// writeAt changes content; the caller has asked for the space.
func (n *node) writeAt(b []byte, off int64) {
	n.content().write(b, off)
	n.Size = max(n.Size, off+int64(len(b)))
}

func (n *node) truncate(size int64) {
	if size < n.Data.end() {
		n.content().carve(size, n.Data.end())
	}
	n.Size = size
}

// used is the space content takes: holes are free.
func (n *node) used() int64 { return n.Data.used() }

func (c Cred) inGroup(gid int) bool {
	if c.GID == gid {
		return true
	}
	for _, g := range c.Groups {
		if g == gid {
			return true
		}
	}
	return false
}

// Access bits, as in access(2).
const (
	X uint32 = 1
	W uint32 = 2
	R uint32 = 4
)

// allow applies the Unix permission rules: the first class that matches
// decides; the superuser may do anything but execute what nobody may.
func (n *node) allow(c Cred, want uint32) error {
	if c.UID == 0 {
		if want&X != 0 && n.Type != TypeDir && n.Mode&0o111 == 0 {
			return syscall.EACCES
		}
		return nil
	}
	mode := n.Mode
	switch {
	case c.UID == n.UID:
		mode >>= 6
	case c.inGroup(n.GID):
		mode >>= 3
	}
	if mode&want != want {
		return syscall.EACCES
	}
	return nil
}

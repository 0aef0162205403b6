package effect

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"
)

// FileVerb is an operation on a host's files.
type FileVerb string

// The file operations. Stat, Lstat, List, Get, Readlink and Hash are Reads,
// the others Changes.
const (
	FileGet      FileVerb = "get"      // whole or Offset/Length; Result.Data, or into Effect.Out beyond Limit
	FilePut      FileVerb = "put"      // temp, fsync, owner/mode, validate, rename
	FileStat     FileVerb = "stat"     // Result.Info; a missing file is Info == nil, not an error
	FileLstat    FileVerb = "lstat"    // the same, not following a last symbolic link
	FileList     FileVerb = "list"     // Result.List, sorted by name, without . and ..
	FileReadlink FileVerb = "readlink" // Result.Data
	FileHash     FileVerb = "hash"     // Result.Data: SHA-256 in hex
	FileRemove   FileVerb = "remove"   // Recursive; a missing file is Unchanged
	FileRename   FileVerb = "rename"   // Path to To, replacing it
	FileMkdir    FileVerb = "mkdir"    // Parents; an existing directory is Unchanged
	FileChmod    FileVerb = "chmod"    // Mode
	FileChown    FileVerb = "chown"    // Owner, Group
	FileLink     FileVerb = "link"     // at Path, pointing to To; Symbolic
)

// FileOp is one operation on a host's files. Paths are absolute.
type FileOp struct {
	Verb FileVerb
	Path string
	To   string // rename: the new path; link: the target

	// Put takes its content from Data, or from Source when that is not nil.
	Data   []byte
	Source Source
	Secret bool // the content is a secret: no diff, no journal
	// Validate is a command that must accept the staged file before it
	// replaces the live one; "%s" in an argument becomes its path.
	Validate []string
	Backup   string // keep the former file under this path

	Mode         *fs.FileMode // permission, setuid, setgid and sticky bits as Unix has them (04755); nil: keep, or 0644 for a new file (0755 a directory)
	Owner, Group string       // names or decimal ids; empty: keep
	Flags        string       // chflags(1) names; empty: keep

	Pace Pace // put: how Ranges are sent

	Recursive, Parents, Symbolic bool
	Offset, Length               int64 // get: a range; Length 0 is to the end
	Limit                        int64 // get: more bytes than this in Result.Data is an error; 0: 16 MiB
}

// Source is content too large to hold: opened when it is sent, more than once
// if need be.
type Source interface {
	Open() (io.ReadCloser, error)
	Size() int64 // UnknownSize in check mode, where a change before makes the content
	// SHA256 is the content's hash in hex.
	SHA256() (string, error)
}

// UnknownSize is the size of a content that nobody has yet.
const UnknownSize = -1

// Extent is a part of a content.
type Extent struct{ Offset, Length int64 }

// End is the offset of what comes after.
func (x Extent) End() int64 { return x.Offset + x.Length }

// Ranges is a Source that is read in parts, in any order, and each as often as
// need be: a put then sends no zeroes, and goes on where it was cut.
type Ranges interface {
	Source
	// Identity tells apart what has been there at different times, without
	// reading it all.
	Identity() (string, error)
	// Unchanged fails when the content is not what it was when Identity was first
	// asked for.
	Unchanged(ctx context.Context) error
	// Extents are the parts beside which there is nothing but zeroes.
	Extents(ctx context.Context) ([]Extent, error)
	// Stream reads parts, one after the other.
	Stream(ctx context.Context, parts []Extent) (io.ReadCloser, error)
}

// Summer is a content that is hashed where it is. What has arrived of it need not
// be read again.
type Summer interface {
	// Sums are the SHA-256 in hex of groups of parts.
	Sums(ctx context.Context, groups [][]Extent) ([]string, error)
}

// Sender is a content whose host can reach the other one by itself.
type Sender interface {
	// Send brings parts to their places in stage, a file of the other host. With
	// ErrNoWay it is not to be tried again, and with an Unreachable one it is.
	Send(ctx context.Context, stage string, parts []Extent) error
}

// ErrNoWay says that what was asked for does not work here, and that there may be
// another way.
var ErrNoWay = errors.New("this way is closed")

// Pace says how a content is sent that is Ranges.
type Pace struct {
	Limit       int64 // bytes a second; 0: as fast as it goes
	Lanes       int   // ranges under way at once; 0: as the distance asks for
	Connections int   // over how many connections; 0: one
	Plain       bool  // never compressed
	Whole       bool  // hashed once more as a whole before it is put in place
}

// FileInfo describes a file on a host.
type FileInfo struct {
	Name         string // last element of the path
	Path         string
	Type         string      // file, directory, link, socket, fifo, block, character
	Size         int64       // bytes
	Mode         fs.FileMode // Unix permission bits, setuid, setgid and sticky (04755)
	UID, GID     int
	Owner, Group string
	MTime        time.Time
	Target       string // of a symbolic link
	Flags        string // chflags(1) names, comma-separated
	Inode, Links uint64
}

// IsDir tells whether the file is a directory.
func (i *FileInfo) IsDir() bool { return i != nil && i.Type == "directory" }

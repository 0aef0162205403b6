package bulk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"bsdrun/runtime/effect"
)

// Stage is a local file that is being received. It lies beside the one that it is
// to become, with its map, until all is there.
type Stage struct {
	root  *os.Root
	name  string
	file  *os.File
	notes *os.File
	mu    sync.Mutex
	noted map[int]bool
	kept  bool

	disk   sync.Mutex // held by who brings the file to the disk
	failed error      // of that; the disk tells only once
}

// Staged is the name of the file that name is received into.
func staged(name string) string {
	return filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".bsdrun")
}

// OpenStage begins to receive content, or goes on with what an earlier attempt at
// the same content has left. The root is closed with it.
func OpenStage(root *os.Root, name string, size int64, content string) (*Stage, error) {
	s := &Stage{root: root, name: name, noted: map[int]bool{}}
	header := Header(size, content)
	part := staged(name)
	if text, err := root.ReadFile(part + ".map"); err == nil {
		if m := ParseMap(string(text), ""); m.Header == header {
			s.noted, s.kept = m.Doubtful, true
		}
	}
	flag := os.O_RDWR
	if !s.kept {
		flag |= os.O_CREATE | os.O_TRUNC
	}
	var err error
	if s.file, err = root.OpenFile(part, flag, 0o600); errors.Is(err, fs.ErrNotExist) {
		s.kept, s.noted = false, map[int]bool{}
		s.file, err = root.OpenFile(part, flag|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := s.file.Truncate(size); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !s.kept {
		flag |= os.O_TRUNC
	}
	if s.notes, err = root.OpenFile(part+".map", flag, 0o600); err == nil && !s.kept {
		_, err = s.notes.WriteString(header + "\nboot -\n")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Kept tells whether an earlier attempt has left something.
func (s *Stage) Kept() bool { return s.kept }

// Noted tells whether a piece was noted as received.
func (s *Stage) Noted(index int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noted[index]
}

var blocks = sync.Pool{New: func() any { return new([Block]byte) }}

// Has tells whether something has arrived at a block.
func (s *Stage) Has(b effect.Extent) bool {
	data, _ := blocks.Get().(*[Block]byte)
	defer blocks.Put(data)
	_, err := s.file.ReadAt(data[:b.Length], b.Offset)
	return err == nil && !Zero(data[:b.Length])
}

// WriteAt writes what has arrived.
func (s *Stage) WriteAt(b []byte, offset int64) (int, error) { return s.file.WriteAt(b, offset) }

// Read reads parts back, one after the other.
func (s *Stage) Read(parts []effect.Extent) io.Reader {
	return Stream(s.file, io.NopCloser(nil), parts)
}

// Note notes a piece as received. What has come so far is brought to the disk
// meanwhile, so that little is left of that for the end.
func (s *Stage) Note(index int) error {
	if s.disk.TryLock() {
		go func() {
			defer s.disk.Unlock()
			s.sync()
		}()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted[index] = true
	_, err := fmt.Fprintln(s.notes, index)
	return err
}

// sync brings the file to the disk; whoever calls holds that.
func (s *Stage) sync() { s.failed = errors.Join(s.failed, s.file.Sync()) }

// Room is how many bytes are free there; less than 0 where nobody knows.
func (s *Stage) Room() int64 { return room(s.file) }

// Commit puts the file in place.
func (s *Stage) Commit() error {
	part := staged(s.name)
	mode := fs.FileMode(0o644)
	if info, err := s.root.Stat(s.name); err == nil {
		mode = info.Mode().Perm()
	}
	err := s.file.Chmod(mode)
	s.disk.Lock()
	s.sync()
	err = errors.Join(err, s.failed)
	s.disk.Unlock()
	if err == nil {
		err = s.root.Rename(part, s.name)
	}
	if err == nil {
		err = s.root.Remove(part + ".map")
	}
	return errors.Join(err, s.Close())
}

// Discard removes what has arrived.
func (s *Stage) Discard() error {
	part := staged(s.name)
	return errors.Join(s.root.Remove(part), s.root.Remove(part+".map"), s.Close())
}

// Close leaves what has arrived to the next attempt.
func (s *Stage) Close() error {
	s.disk.Lock() // nobody uses it any more
	defer s.disk.Unlock()
	var errs []error
	if s.notes != nil {
		errs = append(errs, s.notes.Close())
	}
	return errors.Join(append(errs, s.file.Close(), s.root.Close())...)
}

// room is how many bytes the file system has for us.
func room(f *os.File) int64 {
	var st syscall.Statfs_t
	if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil { //nolint:gosec // a descriptor is small
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize) //nolint:gosec,unconvert // the types differ between systems
}

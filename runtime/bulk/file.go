package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"syscall"

	"bsdrun/runtime/effect"
)

// Whence of lseek(2) for sparse files, the same on FreeBSD and Linux.
const (
	seekData = 3
	seekHole = 4
)

// File is a local file that is read by ranges. Open gives it anew each time.
type File struct {
	Open func() (*os.File, error)
	Name string

	once sync.Once
	was  string
}

// Identity tells size, time and inode.
func (f *File) Identity() (string, error) {
	file, err := f.Open()
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	now := identity(info)
	f.once.Do(func() { f.was = now })
	return now, nil
}

func identity(info fs.FileInfo) string {
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(st.Ino)
	}
	return fmt.Sprintf("size %d mtime %d inode %d", info.Size(), info.ModTime().UnixNano(), inode)
}

// Unchanged tells whether the file is what it was when its identity was first
// asked for.
func (f *File) Unchanged(context.Context) error {
	now, err := f.Identity()
	if err == nil && now != f.was {
		err = Moving(f.Name)
	}
	return err
}

// Moving is the error for a file that changes while it is sent.
func Moving(name string) error {
	return effect.WithHint(effect.Errorf(effect.Failed, "", "%s was written to while it was sent", name), "stop what writes it, or send a snapshot")
}

// Extents asks the file system where data is; one that does not tell has data
// everywhere.
func (f *File) Extents(context.Context) ([]effect.Extent, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	return extents(file, info.Size())
}

func extents(file *os.File, size int64) ([]effect.Extent, error) {
	whole := []effect.Extent{{Length: size}}
	if runtime.GOOS != "linux" && runtime.GOOS != "freebsd" {
		return whole, nil
	}
	var found []effect.Extent
	for at := int64(0); at < size; {
		begin, err := file.Seek(at, seekData)
		switch {
		case errors.Is(err, syscall.ENXIO): // no data from here on
			return found, nil
		case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTTY):
			return whole, nil
		case err != nil:
			return nil, err
		}
		end, err := file.Seek(begin, seekHole)
		if err != nil {
			return nil, err
		}
		found = append(found, effect.Extent{Offset: begin, Length: min(end, size) - begin})
		at = end
	}
	return found, nil
}

// Stream reads parts, one after the other.
func (f *File) Stream(_ context.Context, parts []effect.Extent) (io.ReadCloser, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	return Stream(file, file, parts), nil
}

// Stream reads parts of r, one after the other; c is closed with it.
func Stream(r io.ReaderAt, c io.Closer, parts []effect.Extent) io.ReadCloser {
	readers := make([]io.Reader, len(parts))
	for i, x := range parts {
		readers[i] = io.NewSectionReader(r, x.Offset, x.Length)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(readers...), c}
}

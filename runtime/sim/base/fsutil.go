package base

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// openFile opens a file for reading; a directory is an error at once, as the
// first read of it would be.
func openFile(p *sim.Proc, name string) (io.ReadCloser, error) {
	info, err := p.FS().Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Type == vfs.TypeDir {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	}
	return p.FS().Open(name)
}

// create opens a file for writing, emptied or with appends at its end; the names
// of the standard streams in /dev are those of this process.
func create(p *sim.Proc, name string, appends bool) (io.WriteCloser, error) {
	switch name {
	case "/dev/stdout", "/dev/fd/1":
		return nopWriter{p.Stdout}, nil
	case "/dev/stderr", "/dev/fd/2":
		return nopWriter{p.Stderr}, nil
	}
	flag := syscall.O_WRONLY | syscall.O_CREAT | syscall.O_TRUNC
	if appends {
		flag = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_APPEND
	}
	return p.FS().OpenFile(name, flag, 0o666)
}

func isDir(p *sim.Proc, name string) bool {
	info, err := p.FS().Stat(name)
	return err == nil && info.Type == vfs.TypeDir
}

func exists(p *sim.Proc, name string) bool {
	_, err := p.FS().Lstat(name)
	return err == nil
}

func notExist(err error) bool { return errors.Is(err, syscall.ENOENT) }

// into is the name of source inside a directory.
func into(dir, source string) string {
	return strings.TrimRight(dir, "/") + "/" + path.Base(source)
}

// typeLetters are the first column of ls -l, and what find -type knows.
var typeLetters = map[vfs.Type]byte{
	vfs.TypeFile: '-', vfs.TypeDir: 'd', vfs.TypeLink: 'l', vfs.TypeChar: 'c',
	vfs.TypeBlock: 'b', vfs.TypeFIFO: 'p', vfs.TypeSocket: 's',
}

// modeString is strmode(3) without its trailing blank.
func modeString(info vfs.Info) string {
	b := []byte("?rwxrwxrwx")
	b[0] = typeLetters[info.Type]
	for i := range 9 {
		if info.Mode&(1<<(8-i)) == 0 {
			b[i+1] = '-'
		}
	}
	special := func(bit uint32, at int, with, without byte) {
		switch {
		case info.Mode&bit == 0:
		case b[at] == 'x':
			b[at] = with
		default:
			b[at] = without
		}
	}
	special(vfs.Setuid, 3, 's', 'S')
	special(vfs.Setgid, 6, 's', 'S')
	special(vfs.Sticky, 9, 't', 'T')
	return string(b)
}

// fileTypeBits is the S_IFMT part of st_mode.
var fileTypeBits = map[vfs.Type]uint32{
	vfs.TypeFile: 0o100000, vfs.TypeDir: 0o040000, vfs.TypeLink: 0o120000, vfs.TypeChar: 0o020000,
	vfs.TypeBlock: 0o060000, vfs.TypeFIFO: 0o010000, vfs.TypeSocket: 0o140000,
}

// blocks is st_blocks: the space content takes, in steps of 4 KiB; holes are
// free.
func blocks(info vfs.Info) int64 {
	const step = 4096 / 512
	if info.Type == vfs.TypeDir {
		return step
	}
	return (info.Blocks + step - 1) / step * step
}

// umask is the mask of the process.
func umask(p *sim.Proc) uint32 { return p.FS().Umask }

// tree calls fn for a file and everything below it, directories first; links are
// not followed. An unreadable directory is reported and passed over.
func tree(p *sim.Proc, name string, fn func(name string, info vfs.Info) error) error {
	info, err := p.FS().Lstat(name)
	if err != nil {
		return err
	}
	if err := fn(name, info); err != nil || info.Type != vfs.TypeDir {
		return err
	}
	entries, err := p.FS().ReadDir(name)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := tree(p, strings.TrimRight(name, "/")+"/"+e.Name, fn); err != nil {
			return err
		}
	}
	return nil
}

// copyContent writes one file's bytes into another, created with mode.
func copyContent(p *sim.Proc, from, to string, mode uint32) error {
	in, err := openFile(p, from)
	if err != nil {
		return &sourceError{err}
	}
	defer func() { _ = in.Close() }()
	out, err := p.FS().OpenFile(to, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, mode)
	if err != nil {
		return err
	}
	err = copyFile(out, in)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	return err
}

// copyFile copies what an open file holds. Regular files share it, so that a large
// one costs nothing.
func copyFile(out *vfs.File, in io.Reader) error {
	if from, ok := in.(*vfs.File); ok && from.IsRegular() && out.IsRegular() {
		if err := out.CopyFrom(from); err != nil {
			return err
		}
		return out.ZeroesToHoles()
	}
	return sparseCopy(out, in)
}

// sparseCopy leaves holes where there are only zeros, as copy_file_range(2) does
// on the file systems modelled.
func sparseCopy(out *vfs.File, in io.Reader) error {
	block, size := make([]byte, 64<<10), int64(0)
	for {
		n, err := io.ReadFull(in, block)
		size += int64(n)
		if n > 0 && len(bytes.TrimLeft(block[:n], "\x00")) == 0 {
			if _, serr := out.Seek(size, io.SeekStart); serr != nil {
				return serr
			}
		} else if _, werr := out.Write(block[:n]); werr != nil && n > 0 {
			return werr
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
	}
}

// sourceError marks an error of the file that is read, where messages name it.
type sourceError struct{ error }

func (e *sourceError) Unwrap() error { return e.error }

// warnCopy names the file of a failed copy that is to blame.
func warnCopy(p *sim.Proc, from, to string, err error) {
	var source *sourceError
	if errors.As(err, &source) {
		warn(p, from, err)
		return
	}
	warn(p, to, err)
}

// keepAttributes gives a copy its original's owner, mode, flags and times.
func keepAttributes(p *sim.Proc, to string, info vfs.Info) error {
	view := p.FS()
	if info.Type == vfs.TypeLink {
		return view.Lchown(to, info.UID, info.GID)
	}
	mode := info.Mode
	if err := view.Chown(to, info.UID, info.GID); err != nil {
		mode &^= vfs.Setuid | vfs.Setgid
	}
	if err := view.Chmod(to, mode); err != nil {
		return err
	}
	if err := view.Chtimes(to, info.MTime); err != nil {
		return err
	}
	if info.Flags != 0 {
		return view.Chflags(to, info.Flags)
	}
	return nil
}

// fileFlags are chflags(1)'s names, in the order of strtofflags(3).
var fileFlags = []struct {
	name string
	bit  uint32
}{
	{"uappnd", vfs.UserAppend}, {"uchg", vfs.UserImmutable}, {"nodump", vfs.UserNoDump},
	{"uunlnk", vfs.UserNoUnlink}, {"uarch", vfs.UserArchive}, {"hidden", vfs.UserHidden},
	{"sappnd", vfs.SystemAppend}, {"arch", vfs.SystemArchived}, {"schg", vfs.SystemImmutable},
	{"sunlnk", vfs.SystemNoUnlink},
}

// flagString is fflagstostr(3), "-" for none.
func flagString(flags uint32) string {
	var names []string
	for _, f := range fileFlags {
		if flags&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}

// humanSize is humanize_number(3) as ls -h, du -h and df -h use it: at most four
// characters and a suffix, one decimal below ten.
func humanSize(n int64, unit string) string {
	const suffixes = "BKMGTPE"
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	value, i := float64(n), 0
	for i < len(suffixes)-1 && value >= 999.5 {
		value /= 1024
		i++
	}
	suffix := suffixes[i : i+1]
	if i == 0 {
		suffix = unit
	}
	if i > 0 && value < 9.95 {
		return sign + trimFloat(value, 1) + suffix
	}
	return sign + trimFloat(value, 0) + suffix
}

// halfYear is how old a file may be for ls to show the hour.
const halfYear = 365 / 2 * 24 * time.Hour

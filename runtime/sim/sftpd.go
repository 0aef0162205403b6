package sim

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pkg/sftp"

	"bsdrun/runtime/sim/vfs"
)

// sftpTool is sftp-server(8).
func sftpTool() *Tool {
	return &Tool{Name: "sftp-server", Paths: []string{"/usr/libexec/sftp-server"}, Run: runSFTP, apart: true}
}

// sftpServer is the program of sshd's subsystem sftp.
func (m *Machine) sftpServer() string {
	command := "/usr/libexec/sftp-server"
	for _, value := range m.sshdThatRuns().config.values["subsystem"] {
		if name, program, ok := strings.Cut(value, "sftp"); ok && name == "" && strings.TrimSpace(program) != "internal-sftp" {
			command = strings.TrimSpace(program)
		}
	}
	return command
}

func runSFTP(p *Proc) int {
	h := &sftpFiles{p: p}
	server := sftp.NewRequestServer(
		struct {
			io.Reader
			io.WriteCloser
		}{p.Stdin, nopCloser{p.Stdout}},
		sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h},
		sftp.WithStartDirectory(p.Dir),
	)
	err := server.Serve()
	_ = server.Close()
	if err != nil && !errors.Is(err, io.EOF) && p.Context.Err() == nil {
		return 1
	}
	return 0
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// sftpFiles answers requests with the rights of the session's user.
type sftpFiles struct{ p *Proc }

func (h *sftpFiles) view() *vfs.View { return h.p.FS() }

// sftpError is an error as OpenSSH's sftp-server tells it: most are just
// "Failure".
func sftpError(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		return io.EOF
	case !errors.As(err, &errno):
		return sftp.ErrSSHFxFailure
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR, syscall.EBADF, syscall.ELOOP:
		return sftp.ErrSSHFxNoSuchFile
	case syscall.EPERM, syscall.EACCES, syscall.EFAULT:
		return sftp.ErrSSHFxPermissionDenied
	case syscall.ENAMETOOLONG, syscall.EINVAL:
		return sftp.ErrSSHFxBadMessage
	case syscall.ENOSYS:
		return sftp.ErrSSHFxOpUnsupported
	}
	return sftp.ErrSSHFxFailure
}

func (h *sftpFiles) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	f, err := h.open(r, vfs.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (h *sftpFiles) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	f, err := h.open(r, vfs.O_WRONLY)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// OpenFile opens a file to read and write.
func (h *sftpFiles) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	f, err := h.open(r, vfs.O_RDWR)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (h *sftpFiles) open(r *sftp.Request, mode int) (*sftpFile, error) {
	flags := r.Pflags()
	for set, flag := range map[int]bool{
		vfs.O_APPEND: flags.Append, vfs.O_CREATE: flags.Creat, vfs.O_TRUNC: flags.Trunc, vfs.O_EXCL: flags.Excl,
	} {
		if flag {
			mode |= set
		}
	}
	perm := uint32(0o666)
	if attrs := r.Attributes(); attrs != nil && r.AttrFlags().Permissions && len(r.Attrs) >= 4 {
		perm = attrs.Mode & 0o7777
	}
	f, err := h.view().OpenFile(r.Filepath, mode, perm)
	if err != nil {
		return nil, sftpError(err)
	}
	return &sftpFile{f, flags.Append}, nil
}

// sftpFile is an open file whose errors are told as OpenSSH does.
type sftpFile struct {
	f      *vfs.File
	append bool
}

func (s *sftpFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := s.f.ReadAt(b, off)
	return n, sftpError(err)
}

func (s *sftpFile) WriteAt(b []byte, off int64) (int, error) {
	if s.append {
		n, err := s.f.Write(b)
		return n, sftpError(err)
	}
	n, err := s.f.WriteAt(b, off)
	return n, sftpError(err)
}

func (s *sftpFile) Close() error { return s.f.Close() }

func (h *sftpFiles) Filecmd(r *sftp.Request) error {
	view := h.view()
	switch r.Method {
	case "Setstat":
		return sftpError(h.setstat(r))
	case "Rename":
		// The plain rename of the protocol does not replace.
		if _, err := view.Lstat(r.Target); err == nil {
			return sftp.ErrSSHFxFailure
		}
		return sftpError(view.Rename(r.Filepath, r.Target))
	case "Rmdir":
		return sftpError(h.removeKind(r.Filepath, true))
	case "Remove":
		return sftpError(h.removeKind(r.Filepath, false))
	case "Mkdir":
		return sftpError(view.Mkdir(r.Filepath, 0o777))
	case "Link":
		return sftpError(view.Link(r.Filepath, r.Target))
	case "Symlink":
		return sftpError(view.Symlink(r.Filepath, r.Target))
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces what is there.
func (h *sftpFiles) PosixRename(r *sftp.Request) error {
	return sftpError(h.view().Rename(r.Filepath, r.Target))
}

// StatVFS tells how full a file system is.
func (h *sftpFiles) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	u, err := h.p.Machine.Tree().UsageOf(h.view().Abs(r.Filepath))
	if err != nil {
		return nil, sftpError(err)
	}
	const block = 4096
	return &sftp.StatVFS{
		Bsize: block, Frsize: block, Blocks: uint64(u.Total / block), Bfree: uint64(u.Free / block), Bavail: uint64(u.Free / block),
		Files: 1 << 20, Ffree: 1 << 20, Favail: 1 << 20, Namemax: 255,
	}, nil
}

func (h *sftpFiles) removeKind(name string, dir bool) error {
	i, err := h.view().Lstat(name)
	switch {
	case err != nil:
		return err
	case dir && !i.IsDir():
		return syscall.ENOTDIR
	case !dir && i.IsDir():
		return syscall.EISDIR
	}
	return h.view().Remove(name)
}

func (h *sftpFiles) setstat(r *sftp.Request) error {
	view, flags, attrs := h.view(), r.AttrFlags(), r.Attributes()
	if flags.Size {
		if err := view.Truncate(r.Filepath, int64(attrs.Size)); err != nil {
			return err
		}
	}
	if flags.UidGid {
		if err := view.Chown(r.Filepath, int(attrs.UID), int(attrs.GID)); err != nil {
			return err
		}
	}
	if flags.Permissions {
		if err := view.Chmod(r.Filepath, attrs.Mode&0o7777); err != nil {
			return err
		}
	}
	if flags.Acmodtime {
		return view.Chtimes(r.Filepath, attrs.ModTime())
	}
	return nil
}

func (h *sftpFiles) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	view := h.view()
	if r.Method == "List" {
		list, err := view.ReadDir(r.Filepath)
		if err != nil {
			return nil, sftpError(err)
		}
		infos := make(sftpList, 0, len(list))
		for _, i := range list {
			infos = append(infos, sftpInfo{i})
		}
		return infos, nil
	}
	i, err := view.Stat(r.Filepath)
	if err != nil {
		return nil, sftpError(err)
	}
	return sftpList{sftpInfo{i}}, nil
}

// Lstat describes a symbolic link itself.
func (h *sftpFiles) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	i, err := h.view().Lstat(r.Filepath)
	if err != nil {
		return nil, sftpError(err)
	}
	return sftpList{sftpInfo{i}}, nil
}

// Readlink is where a link points.
func (h *sftpFiles) Readlink(name string) (string, error) {
	target, err := h.view().Readlink(name)
	return target, sftpError(err)
}

// RealPath resolves a name as far as it exists.
func (h *sftpFiles) RealPath(name string) (string, error) {
	view := h.view()
	if real, err := view.EvalSymlinks(name); err == nil {
		return real, nil
	}
	abs := view.Abs(name)
	parent := parentOf(abs)
	real, err := view.EvalSymlinks(parent)
	if err != nil {
		return "", sftpError(err)
	}
	return strings.TrimSuffix(real, "/") + abs[strings.LastIndexByte(abs, '/'):], nil
}

// LookupUserName names the owner in long listings.
func (h *sftpFiles) LookupUserName(uid string) string {
	n, _ := strconv.Atoi(uid)
	return h.p.Machine.UserName(n)
}

// LookupGroupName names the group in long listings.
func (h *sftpFiles) LookupGroupName(gid string) string {
	n, _ := strconv.Atoi(gid)
	return h.p.Machine.GroupName(n)
}

type sftpList []os.FileInfo

func (l sftpList) ListAt(into []os.FileInfo, offset int64) (int, error) {
	if offset >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(into, l[offset:])
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}

// sftpInfo shows a file as os.FileInfo.
type sftpInfo struct{ i vfs.Info }

func (s sftpInfo) Name() string       { return s.i.Name }
func (s sftpInfo) Size() int64        { return s.i.Size }
func (s sftpInfo) ModTime() time.Time { return s.i.MTime }
func (s sftpInfo) IsDir() bool        { return s.i.IsDir() }
func (s sftpInfo) Sys() any           { return nil }
func (s sftpInfo) Uid() uint32        { return uint32(s.i.UID) } //nolint:staticcheck // the name pkg/sftp looks for
func (s sftpInfo) Gid() uint32        { return uint32(s.i.GID) } //nolint:staticcheck // the name pkg/sftp looks for

func (s sftpInfo) Mode() fs.FileMode { return FileMode(s.i) }

// FileMode is a file's mode in Go's form.
func FileMode(i vfs.Info) fs.FileMode {
	mode := fs.FileMode(i.Mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{vfs.Setuid: fs.ModeSetuid, vfs.Setgid: fs.ModeSetgid, vfs.Sticky: fs.ModeSticky} {
		if i.Mode&bit != 0 {
			mode |= flag
		}
	}
	kinds := map[vfs.Type]fs.FileMode{
		vfs.TypeDir: fs.ModeDir, vfs.TypeLink: fs.ModeSymlink, vfs.TypeFIFO: fs.ModeNamedPipe, vfs.TypeSocket: fs.ModeSocket,
		vfs.TypeChar: fs.ModeDevice | fs.ModeCharDevice, vfs.TypeBlock: fs.ModeDevice,
	}
	return mode | kinds[i.Type]
}

package portshakersim

import (
	"errors"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

const rsyncVersion = "3.4.1"

// Rsync is rsync(1) between directories of the machine.
func Rsync() *sim.Tool {
	return &sim.Tool{Name: "rsync", Package: "rsync", Paths: []string{"/usr/local/bin/rsync"}, Run: runRsync}
}

// syncing is one run of rsync.
type syncing struct {
	p                    *sim.Proc
	fs                   *vfs.View
	recursive, delete    bool
	times, perms, owners bool
	links, verbose, dry  bool
	exclude              []string
	copied               int
	failed               bool
	full                 bool
	named                []string
}

func runRsync(p *sim.Proc) int {
	s := &syncing{p: p, fs: p.FS()}
	var names []string
	args := p.Args[1:]
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--version":
			p.Printf("rsync  version %s  protocol version 32\n", rsyncVersion)
			return 0
		case arg == "--exclude" && i+1 < len(args):
			i++
			s.exclude = append(s.exclude, args[i])
		case strings.HasPrefix(arg, "--exclude="):
			s.exclude = append(s.exclude, arg[len("--exclude="):])
		case strings.HasPrefix(arg, "--"):
			if !s.long(arg[2:]) {
				return p.Cannot("rsync %s", arg)
			}
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			for _, letter := range arg[1:] {
				if !s.letter(letter) {
					return p.Cannot("rsync -%c", letter)
				}
			}
		default:
			names = append(names, arg)
		}
	}
	if len(names) < 2 {
		p.Errorf("rsync error: syntax or usage error (code 1) at main.c(1795) [client=%s]\n", rsyncVersion)
		return 1
	}
	for _, n := range names {
		if i := strings.IndexByte(n, ':'); i > 0 && !strings.Contains(n[:i], "/") {
			return p.Cannot("rsync to or from another host")
		}
	}
	return s.run(names[:len(names)-1], names[len(names)-1])
}

func (s *syncing) long(name string) bool {
	switch name {
	case "archive":
		return s.letter('a')
	case "delete", "delete-during", "delete-before", "delete-after":
		s.delete = true
	case "recursive":
		s.recursive = true
	case "links":
		s.links = true
	case "times":
		s.times = true
	case "perms":
		s.perms = true
	case "owner", "group":
		s.owners = true
	case "verbose":
		s.verbose = true
	case "dry-run":
		s.dry = true
	case "quiet", "compress", "whole-file", "devices", "specials", "numeric-ids", "hard-links", "inplace", "sparse", "one-file-system", "safe-links":
	default:
		return false
	}
	return true
}

func (s *syncing) letter(l rune) bool {
	switch l {
	case 'a':
		s.recursive, s.links, s.times, s.perms, s.owners = true, true, true, true, true
	case 'r':
		s.recursive = true
	case 'l':
		s.links = true
	case 't':
		s.times = true
	case 'p':
		s.perms = true
	case 'o', 'g':
		s.owners = true
	case 'v':
		s.verbose = true
	case 'n':
		s.dry = true
	case 'q', 'z', 'W', 'D', 'H', 'S', 'x':
	default:
		return false
	}
	return true
}

// run copies each source: what is in it when its name ends in a slash, else it.
func (s *syncing) run(from []string, to string) int {
	if s.verbose {
		s.p.Printf("sending incremental file list\n")
	}
	for _, src := range from {
		info, err := s.fs.Stat(src)
		if err != nil {
			s.p.Errorf("rsync: [sender] change_dir %q failed: %s (2)\n", s.fs.Abs(src), sim.ErrText(err))
			s.failed = true
			continue
		}
		dst := to
		if !strings.HasSuffix(src, "/") && (info.IsDir() || s.isDir(to)) {
			dst = path.Join(to, path.Base(src))
		}
		if info.IsDir() && !s.recursive {
			s.p.Printf("skipping directory %s\n", strings.TrimSuffix(path.Base(src), "/"))
			continue
		}
		if info.IsDir() {
			s.dir(strings.TrimRight(src, "/"), dst, "")
		} else {
			s.file(src, dst, path.Base(src))
		}
	}
	for _, n := range s.named {
		s.p.Printf("%s\n", n)
	}
	const each = 2 * time.Millisecond
	if s.p.Sleep(time.Duration(s.copied)*each) != nil {
		s.p.Errorf("rsync error: received SIGINT, SIGTERM, or SIGHUP (code 20) at rsync.c(719) [sender=%s]\n", rsyncVersion)
		return 20
	}
	switch {
	case s.full:
		s.p.Errorf("rsync error: error in file IO (code 11) at receiver.c(383) [receiver=%s]\n", rsyncVersion)
		return 11
	case s.failed:
		s.p.Errorf("rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1338) [sender=%s]\n", rsyncVersion)
		return 23
	}
	return 0
}

func (s *syncing) isDir(name string) bool {
	i, err := s.fs.Stat(name)
	return err == nil && i.IsDir()
}

// excluded matches a pattern without slashes with every name, one with a slash at
// its start from the top on.
func (s *syncing) excluded(rel string, isDir bool) bool {
	return slices.ContainsFunc(s.exclude, func(pattern string) bool {
		if strings.HasSuffix(pattern, "/") {
			if !isDir {
				return false
			}
			pattern = strings.TrimSuffix(pattern, "/")
		}
		name := path.Base(rel)
		if rooted, ok := strings.CutPrefix(pattern, "/"); ok {
			pattern, name = rooted, rel
		} else if strings.Contains(pattern, "/") {
			parts := strings.Split(rel, "/")
			name = strings.Join(parts[max(0, len(parts)-strings.Count(pattern, "/")-1):], "/")
		}
		ok, err := path.Match(pattern, name)
		return err == nil && ok
	})
}

func (s *syncing) dir(src, dst, rel string) {
	if !s.isDir(dst) && !s.dry {
		_ = s.fs.Remove(dst)
		if err := s.fs.MkdirAll(dst, 0o777); err != nil {
			s.trouble("mkdir", dst, err)
			return
		}
	}
	list, err := s.fs.ReadDir(src)
	if err != nil {
		s.trouble("opendir", src, err)
		return
	}
	keep := map[string]bool{}
	for _, i := range list {
		name := path.Join(rel, i.Name)
		if s.excluded(name, i.IsDir()) {
			continue
		}
		keep[i.Name] = true
		if s.full {
			return
		}
		if i.IsDir() {
			s.dir(path.Join(src, i.Name), path.Join(dst, i.Name), name)
			continue
		}
		s.file(path.Join(src, i.Name), path.Join(dst, i.Name), name)
	}
	if s.delete {
		s.prune(dst, rel, keep)
	}
	if info, err := s.fs.Stat(src); err == nil {
		s.attributes(dst, info)
	}
}

func (s *syncing) prune(dst, rel string, keep map[string]bool) {
	list, err := s.fs.ReadDir(dst)
	if err != nil {
		return
	}
	for _, i := range list {
		name := path.Join(rel, i.Name)
		if keep[i.Name] || s.excluded(name, i.IsDir()) {
			continue
		}
		if s.verbose {
			s.named = append(s.named, "deleting "+name)
		}
		if s.dry {
			continue
		}
		if err := s.fs.RemoveAll(path.Join(dst, i.Name)); err != nil {
			s.trouble("delete_file: unlink", path.Join(dst, i.Name), err)
		}
	}
}

// file copies one file or symbolic link unless size and time say it's the same.
func (s *syncing) file(src, dst, rel string) {
	info, err := s.fs.Lstat(src)
	if err != nil {
		s.trouble("link_stat", src, err)
		return
	}
	old, gone := s.fs.Lstat(dst)
	switch info.Type {
	case vfs.TypeLink:
		if !s.links || gone == nil && old.Type == vfs.TypeLink && old.Target == info.Target {
			return
		}
	case vfs.TypeFile:
		if gone == nil && old.Type == vfs.TypeFile && old.Size == info.Size && old.MTime.Equal(info.MTime) {
			s.attributes(dst, info)
			return
		}
	default:
		return
	}
	if s.verbose {
		s.named = append(s.named, rel)
	}
	if s.dry {
		return
	}
	if gone == nil {
		if err := s.fs.RemoveAll(dst); err != nil {
			s.trouble("delete_file: unlink", dst, err)
			return
		}
	}
	if err := copyFile(s.fs, src, dst, info); err != nil {
		s.trouble("write failed on", dst, err)
		return
	}
	s.copied++
	s.attributes(dst, info)
}

// attributes sets mode, owner and time as asked.
func (s *syncing) attributes(dst string, info vfs.Info) {
	if s.dry || info.Type == vfs.TypeLink {
		return
	}
	setAttributes(s.fs, dst, info, s.perms, s.owners, s.times)
}

func setAttributes(view *vfs.View, dst string, info vfs.Info, perms, owners, times bool) {
	if owners && view.Cred().UID == 0 {
		_ = view.Chown(dst, info.UID, info.GID)
	}
	if perms {
		_ = view.Chmod(dst, info.Mode)
	}
	if times {
		_ = view.Chtimes(dst, info.MTime)
	}
}

func (s *syncing) trouble(what, name string, err error) {
	s.failed = true
	var no syscall.Errno
	errors.As(err, &no)
	if no == syscall.ENOSPC {
		s.full = true
	}
	s.p.Errorf("rsync: [receiver] %s %q: %s (%d)\n", what, s.fs.Abs(name), sim.ErrText(err), int(no))
}

func copyFile(view *vfs.View, src, dst string, info vfs.Info) error {
	if info.Type == vfs.TypeLink {
		return view.Symlink(info.Target, dst)
	}
	data, err := view.ReadFile(src)
	if err != nil {
		return err
	}
	return view.WriteFile(dst, data, info.Mode&0o777)
}

// copyTree is cp -pR of what a directory holds, as BSD's cp does with a slash
// behind the name.
func copyTree(p *sim.Proc, src, dst string) error {
	view := p.FS()
	if err := view.MkdirAll(dst, 0o777); err != nil {
		return err
	}
	list, err := view.ReadDir(src)
	if err != nil {
		return err
	}
	for _, i := range list {
		from, to := path.Join(src, i.Name), path.Join(dst, i.Name)
		if i.IsDir() {
			if err := copyTree(p, from, to); err != nil {
				return err
			}
			continue
		}
		if old, err := view.Lstat(to); err == nil && !old.IsDir() {
			if err := view.Remove(to); err != nil {
				return err
			}
		}
		if err := copyFile(view, from, to, i); err != nil {
			return err
		}
		if i.Type != vfs.TypeLink {
			setAttributes(view, to, i, true, true, true)
		}
	}
	if info, err := view.Stat(src); err == nil {
		setAttributes(view, dst, info, true, true, true)
	}
	return nil
}

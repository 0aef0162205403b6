package base

import (
	"errors"
	"path"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var copyCommands = []command{
	{name: "cp", dir: "/bin", flags: "RrHLPfinalpsvxN!", run: cp, code: 64, usage: `
usage: cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file target_file
       cp [-R [-H | -L | -P]] [-f | -i | -n] [-alpsvx] source_file ... target_directory`[1:]},
	{name: "mv", dir: "/bin", flags: "finhv", run: mv, code: 64, usage: `
usage: mv [-f | -i | -n] [-hv] source target
       mv [-f | -i | -n] [-v] source ... directory`[1:]},
	{name: "ln link", dir: "/bin", flags: "sfhinvwFLP", run: ln, usage: `
usage: ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file [target_file]
       ln [-s [-F] | -L | -P] [-f | -i] [-hnv] source_file ... target_dir`[1:]},
	{name: "install", dir: "/usr/bin", flags: "B:bCcD!df:g:h!l:M!m:N!o:psST!Uv", run: install, code: 64, usage: `
usage: install [-bCcpSsUv] [-f flags] [-g group] [-m mode] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               [-B suffix] [-l linkflags] [-N dbdir]
               file1 file2
       install [-bCcpSsUv] [-f flags] [-g group] [-m mode] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               [-B suffix] [-l linkflags] [-N dbdir]
               file1 ... fileN directory
       install -dU [-vU] [-g group] [-m mode] [-N dbdir] [-o owner]
               [-M log] [-D dest] [-h hash] [-T tags]
               directory ...`[1:]},
}

// copier is one call of cp(1).
type copier struct {
	p         *sim.Proc
	recursive bool
	follow    string // H, L or P
	preserve  bool
	force     string // f, i, n or none
	hard, sym bool
	verbose   bool
	oneFS     bool
	code      int
}

func cp(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	c := &copier{
		p: p, recursive: o.has("Rra"), follow: o.last("HLP"), preserve: o.has("pa"), force: o.last("fin"),
		hard: o.has("l"), sym: o.has("s"), verbose: o.has("v"), oneFS: o.has("x"),
	}
	if c.hard && c.sym {
		return errx(p, "the -l and -s options may not be specified together")
	}
	if c.follow == "" {
		if c.follow = "L"; c.recursive {
			c.follow = "P"
		}
	}
	sources, target := o.args[:len(o.args)-1], o.args[len(o.args)-1]
	toDir := isDir(p, target)
	if !toDir && len(sources) > 1 {
		return errx(p, "%s is not a directory", target)
	}
	for _, source := range sources {
		to := target
		// "cp -R dir/ target" copies what is in dir, see cp(1).
		contents := c.recursive && strings.HasSuffix(source, "/")
		if toDir && !contents {
			to = into(target, source)
		}
		if c.follow != "P" || strings.HasSuffix(source, "/") {
			c.file(source, to, true)
		} else {
			c.file(source, to, false)
		}
	}
	return c.code
}

func (c *copier) warn(what string, err error) {
	warn(c.p, what, err)
	c.code = 1
}

// file copies one file or tree; follow says what happens to a symbolic link.
func (c *copier) file(from, to string, follow bool) {
	view := c.p.FS()
	stat := view.Lstat
	if follow {
		stat = view.Stat
	}
	info, err := stat(from)
	if err != nil {
		c.warn(from, err)
		return
	}
	old, oldErr := view.Stat(to)
	if oldErr == nil && old.Inode == info.Inode && info.Type != vfs.TypeLink {
		warnx(c.p, "%s and %s are identical (not copied).", to, from)
		c.code = 1
		return
	}
	if info.Type == vfs.TypeDir {
		c.directory(from, to, info, oldErr == nil, old)
		return
	}
	if !c.mayReplace(to, oldErr == nil) {
		return
	}
	if err := c.single(from, to, info, oldErr == nil); err != nil {
		warnCopy(c.p, from, to, err)
		c.code = 1
		return
	}
	c.say(from, to)
}

func (c *copier) say(from, to string) {
	if c.verbose {
		c.p.Printf("%s -> %s\n", from, to)
	}
}

func (c *copier) mayReplace(to string, there bool) bool {
	switch {
	case !there:
	case c.force == "n":
		if c.verbose {
			c.p.Printf("%s not overwritten\n", to)
		}
		c.code = 1
		return false
	case c.force == "i":
		if !answer(c.p, "overwrite %s? (y/n [n]) ", to) {
			c.p.Errorf("not overwritten\n")
			c.code = 1
			return false
		}
	}
	return true
}

// single copies a file that is not a directory.
func (c *copier) single(from, to string, info vfs.Info, there bool) error {
	view := c.p.FS()
	switch {
	case c.hard || c.sym:
		if there && c.force == "f" {
			_ = view.Remove(to)
		}
		if c.sym {
			return view.Symlink(from, to)
		}
		return view.Link(from, to)
	case info.Type == vfs.TypeLink:
		_ = view.Remove(to)
		if err := view.Symlink(info.Target, to); err != nil {
			return err
		}
	case info.Type == vfs.TypeFIFO && c.recursive:
		if err := view.Mkfifo(to, info.Mode); err != nil {
			return err
		}
	default:
		err := copyContent(c.p, from, to, info.Mode&0o777&^umask(c.p))
		if err != nil && there && c.force == "f" && view.Remove(to) == nil {
			err = copyContent(c.p, from, to, info.Mode&0o777&^umask(c.p))
		}
		if err != nil {
			return err
		}
	}
	if c.preserve {
		return keepAttributes(c.p, to, info)
	}
	return nil
}

func (c *copier) directory(from, to string, info vfs.Info, there bool, old vfs.Info) {
	switch {
	case !c.recursive:
		warnx(c.p, "%s is a directory (not copied).", from)
		c.code = 1
		return
	case there && old.Type != vfs.TypeDir:
		c.warn(to, syscall.ENOTDIR)
		return
	case !there:
		// The copy must be writable until it is filled.
		if err := c.p.FS().Mkdir(to, info.Mode&0o777&^umask(c.p)|0o700); err != nil {
			c.warn(to, err)
			return
		}
		c.say(from, to)
	}
	entries, err := c.p.FS().ReadDir(from)
	if err != nil {
		c.warn(from, err)
	}
	for _, e := range entries {
		if c.oneFS && e.Dev != info.Dev {
			continue
		}
		if inside(c.p, to, path.Join(from, e.Name)) {
			continue
		}
		c.file(strings.TrimRight(from, "/")+"/"+e.Name, strings.TrimRight(to, "/")+"/"+e.Name, c.follow == "L")
	}
	switch {
	case c.preserve:
		if err := keepAttributes(c.p, to, info); err != nil {
			c.warn(to, err)
		}
	case !there:
		if err := c.p.FS().Chmod(to, info.Mode&0o7777&^umask(c.p)); err != nil {
			c.warn(to, err)
		}
	}
}

// inside reports whether both names are one directory: a copy into itself ends
// there.
func inside(p *sim.Proc, to, from string) bool {
	return p.FS().Abs(to) == p.FS().Abs(from)
}

func mv(p *sim.Proc, o *options) int {
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	sources, target := o.args[:len(o.args)-1], o.args[len(o.args)-1]
	toDir := isDir(p, target)
	if o.has("h") {
		info, err := p.FS().Lstat(target)
		toDir = err == nil && info.Type == vfs.TypeDir
		if len(sources) > 1 {
			return o.wrong(p)
		}
	}
	if !toDir && len(sources) > 1 {
		return errx(p, "%s is not a directory", target)
	}
	code := 0
	for _, source := range sources {
		to := target
		if toDir {
			to = into(target, source)
		}
		if !moveFile(p, source, to, o.last("fin")) {
			code = 1
		} else if o.has("v") {
			p.Printf("%s -> %s\n", source, to)
		}
	}
	return code
}

func moveFile(p *sim.Proc, from, to, force string) bool {
	view := p.FS()
	if exists(p, to) {
		switch {
		case force == "n":
			return true
		case !exists(p, from):
			warn(p, renaming(p, from, to), syscall.ENOENT)
			return false
		case force == "i":
			if !answer(p, "overwrite %s? (y/n [n]) ", to) {
				p.Errorf("not overwritten\n")
				return true
			}
		case force == "" && p.TTY && view.Access(to, vfs.W) != nil:
			if info, err := view.Lstat(to); err == nil && info.Type != vfs.TypeLink &&
				!answer(p, "override %s %s/%s for %s? (y/n [n]) ", modeString(info)[1:], userName(p, info.UID), groupName(p, info.GID), to) {
				p.Errorf("not overwritten\n")
				return true
			}
		}
	}
	err := view.Rename(from, to)
	if errors.Is(err, syscall.EXDEV) {
		return moveAcross(p, from, to)
	}
	if err != nil {
		warn(p, renaming(p, from, to), err)
		return false
	}
	return true
}

// moveAcross copies to another file system and removes the original.
func moveAcross(p *sim.Proc, from, to string) bool {
	if info, err := p.FS().Lstat(to); err == nil {
		if info.Type == vfs.TypeDir {
			err = p.FS().Remove(to)
		} else if err = p.FS().Remove(to); err == nil {
			err = nil
		}
		if err != nil {
			warn(p, to, err)
			return false
		}
	}
	c := &copier{p: p, recursive: true, follow: "P", preserve: true}
	c.file(from, to, false)
	if c.code != 0 {
		return false
	}
	if err := p.FS().RemoveAll(from); err != nil {
		warn(p, from, err)
		return false
	}
	return true
}

func ln(p *sim.Proc, o *options) int {
	if progname(p) == "link" {
		if len(o.args) != 2 {
			return o.wrong(p)
		}
		return linkFile(p, o, o.args[0], o.args[1])
	}
	switch len(o.args) {
	case 0:
		return o.wrong(p)
	case 1:
		return linkFile(p, o, o.args[0], path.Base(o.args[0]))
	}
	sources, target := o.args[:len(o.args)-1], o.args[len(o.args)-1]
	toDir := isDir(p, target)
	if info, err := p.FS().Lstat(target); err == nil && o.has("hn") && info.Type == vfs.TypeLink {
		toDir = false
		if len(sources) > 1 {
			return fail(p, target, syscall.ENOTDIR)
		}
	}
	if !toDir && len(sources) > 1 {
		return o.wrong(p)
	}
	code := 0
	for _, source := range sources {
		to := target
		if toDir && !(o.has("F") && o.has("s")) {
			to = into(target, source)
		}
		code |= linkFile(p, o, source, to)
	}
	return code
}

func linkFile(p *sim.Proc, o *options, from, to string) int {
	view := p.FS()
	info, err := view.Stat(from)
	if !o.has("s") {
		if o.has("P") {
			info, err = view.Lstat(from)
		}
		if err != nil {
			return fail(p, from, err)
		}
		if info.Type == vfs.TypeDir {
			return fail(p, from, syscall.EISDIR)
		}
	} else if o.has("w") && err != nil {
		warn(p, "warning: "+from, err)
	}
	if old, err := view.Lstat(to); err == nil {
		if !o.has("s") && old.Inode == info.Inode && view.Abs(from) == view.Abs(to) {
			return errx(p, "%s and %s are the same directory entry", from, to)
		}
		replace := o.last("if") == "f" || o.has("F")
		if o.last("if") == "i" {
			if replace = answer(p, "replace %s? ", to); !replace {
				p.Errorf("not replaced\n")
				return 1
			}
		}
		if replace {
			if err := view.Remove(to); err != nil {
				return fail(p, to, err)
			}
		}
	}
	sign := "=>"
	if o.has("s") {
		sign = "->"
		err = view.Symlink(from, to)
	} else {
		err = view.Link(from, to)
	}
	if err != nil {
		return fail(p, to, err)
	}
	if o.has("v") {
		p.Printf("%s %s %s\n", to, sign, from)
	}
	return 0
}

// installer is one call of install(1).
type installer struct {
	p        *sim.Proc
	o        *options
	mode     uint32
	uid, gid int // -1: unchanged
	flags    uint32
}

func install(p *sim.Proc, o *options) int {
	i := &installer{p: p, o: o, mode: 0o755, uid: -1, gid: -1}
	if m, ok := o.get("m"); ok {
		change, err := parseMode(m, umask(p))
		if err != nil {
			return exitWith(64, errx(p, "invalid file mode: %s", m))
		}
		i.mode = change(0, false)
	}
	if name, ok := o.get("o"); ok {
		if i.uid, ok = lookupUser(p, name); !ok {
			return exitWith(67, errx(p, "unknown user %s", name))
		}
	}
	if name, ok := o.get("g"); ok {
		if i.gid, ok = lookupGroup(p, name); !ok {
			return exitWith(67, errx(p, "unknown group %s", name))
		}
	}
	if text, ok := o.get("f"); ok {
		set, _, bad := parseFlags(text)
		if bad != "" {
			return exitWith(64, errx(p, "%s: invalid flag", text))
		}
		i.flags = set
	}
	if o.has("d") {
		return i.directories()
	}
	if len(o.args) < 2 {
		return o.wrong(p)
	}
	sources, target := o.args[:len(o.args)-1], o.args[len(o.args)-1]
	if isDir(p, target) {
		for _, source := range sources {
			if code := i.file(source, into(target, source)); code != 0 {
				return code
			}
		}
		return 0
	}
	if len(sources) != 1 {
		if !exists(p, target) {
			return exitWith(71, fail(p, "target directory `"+target+"'", syscall.ENOENT))
		}
		return exitWith(64, errx(p, "target `%s' is not a directory", target))
	}
	return i.file(sources[0], target)
}

// exitWith replaces the code of a message.
func exitWith(code, _ int) int { return code }

func (i *installer) directories() int {
	if len(i.o.args) == 0 {
		return i.o.wrong(i.p)
	}
	view := i.p.FS()
	for _, dir := range i.o.args {
		at := ""
		if strings.HasPrefix(dir, "/") {
			at = "/"
		}
		for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
			at = path.Join(at, part)
			if isDir(i.p, at) {
				continue
			}
			if exists(i.p, at) {
				return exitWith(71, errx(i.p, "%s exists but is not a directory", at))
			}
			if err := view.Mkdir(at, 0o755); err != nil {
				return exitWith(71, fail(i.p, "mkdir "+at, err))
			}
			if i.o.has("v") {
				i.p.Printf("install: mkdir %s\n", at)
			}
		}
		if err := i.attributes(dir, false); err != nil {
			warn(i.p, dir, err)
			return 1
		}
	}
	return 0
}

func (i *installer) attributes(name string, file bool) error {
	view := i.p.FS()
	if i.o.has("U") {
		return nil
	}
	if i.uid >= 0 || i.gid >= 0 {
		if err := view.Chown(name, i.uid, i.gid); err != nil {
			return err
		}
	}
	if err := view.Chmod(name, i.mode); err != nil {
		return err
	}
	if file && i.flags != 0 {
		return view.Chflags(name, i.flags)
	}
	return nil
}

func (i *installer) file(from, to string) int {
	p, view := i.p, i.p.FS()
	info, err := view.Stat(from)
	if link, ok := i.o.get("l"); ok {
		return i.link(link, from, to)
	}
	if err != nil {
		return exitWith(71, fail(p, from, err))
	}
	if info.Type != vfs.TypeFile && from != "/dev/null" {
		return exitWith(71, fail(p, from, syscall.EINVAL))
	}
	old, oldErr := view.Lstat(to)
	if oldErr == nil && old.Type == vfs.TypeDir {
		return exitWith(71, fail(p, to, syscall.EISDIR))
	}
	if oldErr == nil && old.Inode == info.Inode {
		return exitWith(64, errx(p, "%s and %s are the same file", from, to))
	}
	if oldErr == nil && i.o.has("C") && sameContent(p, from, to) {
		return i.finish(to, info)
	}
	if oldErr == nil && i.o.has("b") {
		suffix, ok := i.o.get("B")
		if !ok {
			suffix = ".old"
		}
		if err := view.Rename(to, to+suffix); err != nil {
			return exitWith(71, fail(p, "rename: "+to+" to "+to+suffix, err))
		}
	}
	temp := path.Join(path.Dir(to), "INS@"+randomName(p, 6))
	if err := copyContent(p, from, temp, 0o600); err != nil {
		return exitWith(71, fail(p, to, err))
	}
	if code := i.finish(temp, info); code != 0 {
		_ = view.Remove(temp)
		return code
	}
	if err := view.Rename(temp, to); err != nil {
		_ = view.Remove(temp)
		return exitWith(71, fail(p, "rename: "+temp+" to "+to, err))
	}
	if i.o.has("v") {
		p.Printf("install: %s -> %s\n", from, to)
	}
	return 0
}

func (i *installer) finish(name string, from vfs.Info) int {
	if i.o.has("p") {
		_ = i.p.FS().Chtimes(name, from.MTime)
	}
	if err := i.attributes(name, true); err != nil {
		what := name + ": chmod"
		if errors.Is(err, syscall.EPERM) && (i.uid >= 0 || i.gid >= 0) {
			what = name + ": chown/chgrp"
		}
		return exitWith(71, fail(i.p, what, err))
	}
	return 0
}

// link is install -l: h hard, s symbolic, a absolute, r relative, m either.
func (i *installer) link(how, from, to string) int {
	view := i.p.FS()
	target := from
	switch {
	case strings.Contains(how, "a"):
		target = view.Abs(from)
	case strings.Contains(how, "r"):
		target = relative(view.Abs(path.Dir(to)), view.Abs(from))
	}
	_ = view.Remove(to)
	var err error
	if strings.ContainsAny(how, "hm") && !strings.Contains(how, "s") {
		err = view.Link(from, to)
	} else {
		err = view.Symlink(target, to)
	}
	if err != nil {
		return exitWith(71, fail(i.p, "link "+from+" -> "+to, err))
	}
	return 0
}

// relative is the way from a directory to a file, both absolute.
func relative(dir, file string) string {
	d, f := strings.Split(strings.Trim(dir, "/"), "/"), strings.Split(strings.Trim(file, "/"), "/")
	for len(d) > 0 && len(f) > 1 && d[0] == f[0] {
		d, f = d[1:], f[1:]
	}
	return strings.Repeat("../", len(d)) + strings.Join(f, "/")
}

func sameContent(p *sim.Proc, a, b string) bool {
	x, errX := p.FS().ReadFile(a)
	y, errY := p.FS().ReadFile(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// renaming is what mv's messages name.
func renaming(p *sim.Proc, from, to string) string {
	if linux(p) {
		return from
	}
	return "rename " + from + " to " + to
}

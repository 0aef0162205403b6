package base

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var archiveCommands = []command{
	{name: "tar bsdtar", dir: "/usr/bin", flags: raw, run: tarCommand},
	{name: "gzip gunzip zcat gzcat", dir: "/usr/bin", flags: "123456789acdfhklLNnqrS!tvV", run: gzipCommand,
		usage: "usage: gzip [-123456789acdfhklLNnqrtVv] [-S .suffix] [<file> [<file> ...]]"},
	{name: "zstd unzstd zstdcat", dir: "/usr/bin", flags: "123456789cdfkqT:tvo:", long: "rm decompress=d stdout=c force=f keep=k test=t", run: zstdCommand,
		usage: "usage: zstd [OPTIONS...] [INPUT... | -] [-o OUTPUT]"},
}

// tarCall is one call of tar(1).
type tarCall struct {
	p        *sim.Proc
	mode     byte
	file     string
	dir      string
	comp     string // gz, zst or none
	auto     bool
	verbose  bool
	keep     bool // -k
	perms    bool
	owner    bool
	absolute bool
	follow   bool
	noTimes  bool
	toStdout bool
	nullList bool
	sparse   bool      // -S
	raw      io.Writer // below the archive
	noRec    bool
	strip    int
	exclude  []string
	include  []string
	subst    []*substitution
	lists    []string
	names    []string
	owners   *names
	code     int
}

const tarUsage = `Usage:
  List:    tar -tf <archive-filename>
  Extract: tar -xf <archive-filename>
  Create:  tar -cf <archive-filename> [filenames...]
  Help:    tar --help
`

// tarOptions: those with an argument end in ':', those not modelled in '!'.
const (
	tarShort = "b:C:cf:HhI:JjkLlmnOopPqrs:StT:UuvwW:xX:yZz"
	tarLong  = "create=c extract=x list=t append=r update=u file:=f directory:=C cd:=C gzip=z gunzip=z zstd bzip2=j xz=J " +
		"verbose=v exclude: include: strip-components: keep-old-files=k preserve-permissions=p same-owner no-same-owner=o " +
		"absolute-paths=P dereference=L to-stdout=O null files-from:=T exclude-from:=X auto-compress=a numeric-owner " +
		"uname: gname: uid: gid: format: one-file-system no-recursion=n fast-read=q unlink-first=U modification-time=m " +
		"no-same-permissions exclude-vcs! no-xattrs no-acls no-fflags no-mac-metadata chroot! newer! options: use-compress-program!"
)

func tarCommand(p *sim.Proc, o *options) int {
	args := o.args
	// The first word may be options without a dash.
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		var rest []string
		next := args[1:]
		for _, letter := range args[0] {
			word := "-" + string(letter)
			if i := strings.IndexRune(tarShort, letter); i >= 0 && i+1 < len(tarShort) && tarShort[i+1] == ':' && len(next) > 0 {
				rest, next = append(rest, word, next[0]), next[1:]
				continue
			}
			rest = append(rest, word)
		}
		args = append(rest, next...)
	}
	quick := *p
	quick.Args = append([]string{p.Args[0]}, args...)
	c := command{name: "tar", flags: tarShort + "a", long: tarLong, usage: tarUsage}
	if linux(p) {
		c.gnu, c.long, c.code = "GNU tar 1.34", tarLong+" sparse=S hole-detection: xattrs! selinux! acls! transform! warning: force-local", 2
	}
	parsed, code := c.getopt(&quick)
	if parsed == nil {
		return code
	}
	t := &tarCall{p: p, owners: newNames(p), perms: p.Cred.UID == 0, owner: p.Cred.UID == 0}
	if code := t.options(parsed); code != 0 {
		return code
	}
	switch t.mode {
	case 'c':
		return t.exit(t.create())
	case 'x', 't':
		return t.exit(t.read())
	case 'r', 'u':
		return p.Cannot("tar -%c", t.mode)
	}
	if linux(p) {
		p.Errorf("tar: You must specify one of the '-Acdtrux', '--delete' or '--test-label' options\nTry 'tar --help' or 'tar --usage' for more information.\n")
		return 2
	}
	p.Errorf("tar: Must specify one of -c, -r, -t, -u, -x\n")
	return 1
}

// exit is the exit code: GNU's is 2 where FreeBSD's is 1.
func (t *tarCall) exit(code int) int {
	if code == 1 && linux(t.p) {
		return 2
	}
	return code
}

func (t *tarCall) options(o *options) int {
	for _, opt := range o.list {
		if code := t.option(opt); code != 0 {
			return code
		}
	}
	t.names = o.args
	for _, list := range t.lists {
		data, err := t.list(list)
		if err != nil {
			return errx(t.p, "Couldn't open %s: %s", list, sim.ErrText(err))
		}
		t.names = append(t.names, data...)
	}
	if t.file == "" {
		if t.file = t.p.Getenv("TAPE"); t.file == "" {
			t.file = "-"
		}
	}
	return 0
}

// tarPackings are the options that name a compression.
var tarPackings = map[string]string{"z": "gz", "zstd": "zst", "j": "bz2", "y": "bz2", "J": "xz", "Z": "Z"}

func (t *tarCall) option(opt option) int {
	if kind, ok := tarPackings[opt.name]; ok {
		t.comp = kind
		return 0
	}
	switch opt.name {
	case "c", "x", "t", "r", "u":
		if t.mode != 0 && t.mode != opt.name[0] {
			return errx(t.p, "Can't specify both -%s and -%c", opt.name, t.mode)
		}
		t.mode = opt.name[0]
	case "f":
		t.file = opt.arg
	case "C":
		t.dir = opt.arg
	case "a":
		t.auto = true
	case "v":
		t.verbose = true
	case "k":
		t.keep = true
	case "p":
		t.perms = true
	case "o":
		t.owner = false
	case "P":
		t.absolute = true
	case "L", "h":
		t.follow = true
	case "m":
		t.noTimes = true
	case "O":
		t.toStdout = true
	case "n":
		t.noRec = true
	case "S", "sparse":
		t.sparse = true
	case "null":
		t.nullList = true
	case "exclude":
		t.exclude = append(t.exclude, opt.arg)
	case "include":
		t.include = append(t.include, opt.arg)
	case "strip-components":
		t.strip, _ = strconv.Atoi(opt.arg)
	case "T", "I":
		t.lists = append(t.lists, opt.arg)
	case "X":
		lines, err := readLines(t.p, opt.arg)
		if err != nil {
			return fail(t.p, opt.arg, err)
		}
		t.exclude = append(t.exclude, lines...)
	case "s":
		sub, err := parseSubstitution(opt.arg, false)
		if err != nil {
			return errx(t.p, "Invalid replacement string %s", opt.arg)
		}
		t.subst = append(t.subst, sub)
	}
	return 0
}

func (t *tarCall) list(name string) ([]string, error) {
	if !t.nullList {
		return readLines(t.p, name)
	}
	var names []string
	err := oneInput(t.p, name, func(_ string, r io.Reader) error {
		data, err := io.ReadAll(r)
		for part := range strings.SplitSeq(string(data), "\x00") {
			if part != "" {
				names = append(names, part)
			}
		}
		return err
	})
	return names, err
}

func (t *tarCall) complain(format string, args ...any) {
	warnx(t.p, format, args...)
	t.code = 1
}

func (t *tarCall) finish() int {
	if t.code != 0 {
		warnx(t.p, "Error exit delayed from previous errors.")
	}
	return t.code
}

// in is a name of the file tree below -C.
func (t *tarCall) in(name string) string {
	if t.dir == "" || strings.HasPrefix(name, "/") {
		return name
	}
	return t.dir + "/" + name
}

func (t *tarCall) create() int {
	if len(t.names) == 0 {
		return errx(t.p, "no files or directories specified")
	}
	var out io.WriteCloser = nopWriter{t.p.Stdout}
	if t.file != "-" {
		f, err := t.p.FS().OpenFile(t.file, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o666)
		if err != nil {
			return errx(t.p, "Failed to open '%s': %s", t.file, sim.ErrText(err))
		}
		out = f
	}
	comp := t.comp
	if t.auto && comp == "" {
		switch suffix := path.Ext(t.file); suffix {
		case ".gz", ".tgz":
			comp = "gz"
		case ".zst", ".tzst", ".txz", ".xz", ".bz2":
			comp = strings.TrimPrefix(strings.Replace(suffix, "t", "", 1), ".")
		}
	}
	packed, err := compressor(comp, out, 0)
	counted := &counter{w: packed}
	t.raw = counted
	if err != nil {
		return t.p.Cannot("tar: %s", err.Error())
	}
	w := tar.NewWriter(counted)
	self := t.p.FS().Abs(t.file)
	for _, name := range t.names {
		if strings.HasPrefix(name, "@") {
			return t.p.Cannot("tar @archive")
		}
		t.add(w, name, self)
	}
	for _, c := range []io.Closer{w, record{counted, linux(t.p)}, packed, out} {
		if err := c.Close(); err != nil {
			return errx(t.p, "Write error: %s", sim.ErrText(err))
		}
	}
	return t.finish()
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// record fills the last record of an archive at its end, as GNU tar does.
type record struct {
	c    *counter
	full bool
}

func (r record) Close() error {
	const size = 20 * 512
	if !r.full || r.c.n%size == 0 {
		return nil
	}
	_, err := r.c.Write(make([]byte, size-r.c.n%size))
	return err
}

type nopWriter struct{ io.Writer }

func (nopWriter) Close() error { return nil }

func (t *tarCall) add(w *tar.Writer, name, self string) {
	stat := t.p.FS().Lstat
	if t.follow {
		stat = t.p.FS().Stat
	}
	info, err := stat(t.in(name))
	switch {
	case err != nil:
		t.complain("%s: Cannot stat: %s", name, sim.ErrText(err))
		return
	case t.p.FS().Abs(t.in(name)) == self && t.file != "-":
		t.complain("%s: Can't add archive to itself", name)
		return
	case t.excluded(name) || info.Type == vfs.TypeSocket:
		return
	}
	if err := t.addOne(w, name, info); err != nil {
		t.complain("%s: %s", name, sim.ErrText(err))
		return
	}
	if info.Type != vfs.TypeDir || t.noRec {
		return
	}
	entries, err := t.p.FS().ReadDir(t.in(name))
	if err != nil {
		t.complain("%s: %s", name, sim.ErrText(err))
	}
	for _, e := range entries {
		t.add(w, strings.TrimRight(name, "/")+"/"+e.Name, self)
	}
}

func (t *tarCall) addOne(w *tar.Writer, name string, info vfs.Info) error {
	stored := t.rename(name)
	if stored == "" {
		return nil
	}
	if !t.absolute && strings.HasPrefix(stored, "/") {
		warnx(t.p, "Removing leading '/' from member names")
		if stored = strings.TrimLeft(stored, "/"); stored == "" {
			stored = "."
		}
	}
	if t.verbose {
		t.p.Errorf("a %s\n", stored)
	}
	h := &tar.Header{
		Name: stored, Mode: int64(info.Mode), Uid: info.UID, Gid: info.GID,
		Uname: t.owners.user(info.UID), Gname: t.owners.group(info.GID), ModTime: info.MTime, Format: tar.FormatPAX,
	}
	switch info.Type {
	case vfs.TypeDir:
		h.Typeflag, h.Name = tar.TypeDir, strings.TrimRight(stored, "/")+"/"
	case vfs.TypeLink:
		h.Typeflag, h.Linkname = tar.TypeSymlink, info.Target
	case vfs.TypeFIFO:
		h.Typeflag = tar.TypeFifo
	case vfs.TypeChar, vfs.TypeBlock:
		h.Typeflag = tar.TypeChar
	default:
		h.Typeflag, h.Size = tar.TypeReg, info.Size
	}
	if h.ModTime.Nanosecond() == 0 {
		h.Format = tar.FormatUnknown
	}
	if h.Typeflag != tar.TypeReg {
		return w.WriteHeader(h)
	}
	f, err := openFile(t.p, t.in(name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if file, ok := f.(*vfs.File); ok && t.sparse && linux(t.p) {
		if done, err := sparseMember(w, t.raw, h, file); done {
			return err
		}
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func (t *tarCall) rename(name string) string {
	for _, s := range t.subst {
		if out, ok := s.apply(name); ok {
			return out
		}
	}
	return name
}

// excluded matches as bsdtar does: a pattern fits the end of a path, and what is
// below it.
func (t *tarCall) excluded(name string) bool {
	for _, pattern := range t.exclude {
		if pathMatches(strings.TrimRight(pattern, "/"), strings.TrimRight(name, "/"), true) {
			return true
		}
	}
	return false
}

func pathMatches(pattern, name string, anywhere bool) bool {
	anchored, cut := strings.CutPrefix(pattern, "^")
	starts := []string{name}
	if anywhere && !cut {
		for i, c := range name {
			if c == '/' {
				starts = append(starts, name[i+1:])
			}
		}
	}
	for _, s := range starts {
		for {
			if match(anchored, s) {
				return true
			}
			i := strings.LastIndexByte(s, '/')
			if i <= 0 {
				break
			}
			s = s[:i]
		}
	}
	return false
}

func (t *tarCall) wanted(name string, used []bool) bool {
	clean := strings.TrimRight(name, "/")
	if t.excluded(clean) {
		return false
	}
	if len(t.include) > 0 && !slices.ContainsFunc(t.include, func(pattern string) bool { return pathMatches(pattern, clean, true) }) {
		return false
	}
	if len(t.names) == 0 {
		return true
	}
	ok := false
	for i, pattern := range t.names {
		if pathMatches(strings.TrimRight(pattern, "/"), clean, false) {
			used[i], ok = true, true
		}
	}
	return ok
}

func (t *tarCall) read() int {
	in := io.NopCloser(t.p.Stdin)
	if t.file != "-" {
		f, err := openFile(t.p, t.file)
		if err != nil {
			return errx(t.p, "Error opening archive: Failed to open '%s'", t.file)
		}
		in = f
	}
	defer func() { _ = in.Close() }()
	plain, err := decompress(in)
	if err != nil {
		if errors.Is(err, errPacked) {
			return t.p.Cannot("tar: %s", err.Error())
		}
		return errx(t.p, "Error opening archive: Unrecognized archive format")
	}
	if t.dir != "" && !isDir(t.p, t.dir) {
		return errx(t.p, "could not chdir to '%s'\n", t.dir)
	}
	used := make([]bool, len(t.names))
	x := &extractor{tarCall: t, ids: map[string]int{}}
	r := tar.NewReader(plain)
	for first := true; ; first = false {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if first {
				return errx(t.p, "Error opening archive: Unrecognized archive format")
			}
			t.complain("Truncated tar archive detected while reading next header")
			return t.finish()
		}
		if !t.wanted(h.Name, used) {
			continue
		}
		if t.mode == 't' {
			t.show(h)
		} else if err := x.entry(h, r); err != nil {
			t.complain("%s: %s", h.Name, err.Error())
		}
	}
	x.settle()
	for i, name := range t.names {
		if !used[i] {
			t.complain("%s: Not found in archive", name)
		}
	}
	return t.finish()
}

// show is tar -t, and ls -l's form with -v.
func (t *tarCall) show(h *tar.Header) {
	if !t.verbose {
		t.p.Printf("%s\n", h.Name)
		return
	}
	mode := modeString(vfs.Info{Type: tarType(h), Mode: uint32(h.Mode) & 0o7777})
	user, group := h.Uname, h.Gname
	if user == "" {
		user = strconv.Itoa(h.Uid)
	}
	if group == "" {
		group = strconv.Itoa(h.Gid)
	}
	size := strconv.FormatInt(h.Size, 10)
	when := h.ModTime.In(zone(t.p))
	stamp := strftime("%b %e  %Y", when)
	if age := t.p.Now().Sub(when); age < halfYear && age > -halfYear {
		stamp = strftime("%b %e %H:%M", when)
	}
	line := fmt.Sprintf("%s  0 %-6s %s%*s %s %s", mode, user, group, max(13-len(group), len(size)+1), size, stamp, h.Name)
	switch h.Typeflag {
	case tar.TypeSymlink:
		line += " -> " + h.Linkname
	case tar.TypeLink:
		line += " link to " + h.Linkname
	}
	t.p.Printf("%s\n", line)
}

func tarType(h *tar.Header) vfs.Type {
	switch h.Typeflag {
	case tar.TypeDir:
		return vfs.TypeDir
	case tar.TypeSymlink:
		return vfs.TypeLink
	case tar.TypeFifo:
		return vfs.TypeFIFO
	case tar.TypeChar:
		return vfs.TypeChar
	case tar.TypeBlock:
		return vfs.TypeBlock
	}
	return vfs.TypeFile
}

// extractor puts entries into the tree; directories get their modes and times
// at the end, when nothing more is written into them.
type extractor struct {
	*tarCall
	dirs []func()
	ids  map[string]int // what names of owners stand for; -1: unknown
}

// id is the number of a user ("u") or a group ("g"), or the one the archive has.
func (x *extractor) id(kind, name string, stored int) int {
	if name == "" {
		return stored
	}
	if _, known := x.ids[kind+name]; !known {
		lookup := lookupUser
		if kind == "g" {
			lookup = lookupGroup
		}
		id, ok := lookup(x.p, name)
		if !ok {
			id = -1
		}
		x.ids[kind+name] = id
	}
	if id := x.ids[kind+name]; id >= 0 {
		return id
	}
	return stored
}

func (x *extractor) settle() {
	for _, fn := range slices.Backward(x.dirs) {
		fn()
	}
}

// target is where an entry goes; empty when it is stripped away.
func (x *extractor) target(name string) (string, error) {
	name = x.rename(name)
	for range x.strip {
		_, rest, ok := strings.Cut(strings.TrimLeft(name, "/"), "/")
		if !ok {
			return "", nil
		}
		name = rest
	}
	name = strings.TrimRight(name, "/")
	if !x.absolute {
		name = strings.TrimLeft(name, "/")
		if slices.Contains(strings.Split(name, "/"), "..") {
			return "", errors.New("Path contains '..'")
		}
	}
	return name, nil
}

func (x *extractor) entry(h *tar.Header, r io.Reader) error {
	name, err := x.target(h.Name)
	if err != nil || name == "" {
		return err
	}
	if x.toStdout {
		if h.Typeflag == tar.TypeReg {
			_, err = io.Copy(x.p.Stdout, r)
		}
		return err
	}
	if x.verbose {
		x.p.Errorf("x %s\n", h.Name)
	}
	at, view := x.in(name), x.p.FS()
	if err := view.MkdirAll(dirName(at), 0o777); err != nil {
		return errors.New("Can't create '" + name + "'")
	}
	if err := x.make(h, at, r); err != nil {
		return fmt.Errorf("Can't create '%s': %s", at, sim.ErrText(err))
	}
	if h.Typeflag == tar.TypeDir {
		x.dirs = append(x.dirs, func() { x.attributes(h, at) })
		return nil
	}
	x.attributes(h, at)
	return nil
}

func (x *extractor) make(h *tar.Header, at string, r io.Reader) error {
	view := x.p.FS()
	old, err := view.Lstat(at)
	if err == nil && h.Typeflag != tar.TypeDir {
		if x.keep {
			return nil
		}
		if old.Type == vfs.TypeDir {
			return syscall.EISDIR
		}
		if err := view.Remove(at); err != nil {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err == nil && old.Type != vfs.TypeDir {
			if err := view.Remove(at); err != nil {
				return err
			}
		}
		return view.MkdirAll(at, 0o777)
	case tar.TypeSymlink:
		return view.Symlink(h.Linkname, at)
	case tar.TypeLink:
		target, err := x.target(h.Linkname)
		if err != nil {
			return err
		}
		return view.Link(x.in(target), at)
	case tar.TypeFifo:
		return view.Mkfifo(at, uint32(h.Mode)&0o777)
	case tar.TypeReg:
		f, err := view.OpenFile(at, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		if _, err = io.Copy(f, r); err == nil && h.PAXRecords["GNU.sparse.major"] != "" {
			err = f.ZeroesToHoles()
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		return err
	}
	return syscall.EOPNOTSUPP
}

func (x *extractor) attributes(h *tar.Header, at string) {
	view := x.p.FS()
	if x.owner {
		_ = view.Lchown(at, x.id("u", h.Uname, h.Uid), x.id("g", h.Gname, h.Gid))
	}
	if h.Typeflag == tar.TypeSymlink || h.Typeflag == tar.TypeLink {
		return
	}
	mode := uint32(h.Mode) & 0o7777
	if !x.perms {
		mode = mode & 0o777 &^ umask(x.p)
	}
	_ = view.Chmod(at, mode)
	if !x.noTimes {
		_ = view.Chtimes(at, h.ModTime)
	}
}

// sniff reads the first bytes without taking them.
func sniff(r io.Reader, n int) (head []byte, whole io.Reader) {
	head = make([]byte, n)
	got, _ := io.ReadFull(r, head)
	head = head[:got]
	return head, io.MultiReader(bytes.NewReader(head), r)
}

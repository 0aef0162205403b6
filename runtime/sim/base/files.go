package base

import (
	"errors"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var fileCommands = []command{
	{name: "rm unlink", dir: "/bin", flags: "dfiIPRrvWx", run: rm, code: 64, usage: `
usage: rm [-f | -i] [-dIPRrvWx] file ...
       unlink [--] file`[1:]},
	{name: "mkdir", dir: "/bin", flags: "m:pv", run: mkdir, code: 64, usage: "usage: mkdir [-pv] [-m mode] directory_name ..."},
	{name: "rmdir", dir: "/bin", flags: "pv", run: rmdir, usage: "usage: rmdir [-pv] directory ..."},
	{name: "touch", dir: "/usr/bin", flags: "A:acd:fhmr:t:", run: touch, usage: `
usage: touch [-A [-][[hh]mm]SS] [-achm] [-r file] [-t [[CC]YY]MMDDhhmm[.SS]]
       [-d YYYY-MM-DDThh:mm:SS[.frac][tz]] file ...`[1:]},
	{name: "mktemp", dir: "/usr/bin", flags: "dp:qt:u", long: "directory=d tmpdir?=p quiet=q dry-run=u", run: mktemp, usage: `
usage: mktemp [-d] [-p tmpdir] [-q] [-t prefix] [-u] template ...
       mktemp [-d] [-p tmpdir] [-q] [-u] -t prefix `[1:]},
	{name: "truncate", dir: "/usr/bin", flags: "cdr:s:o!l!", run: truncate, usage: `
usage: truncate [-c] -s [+|-|%|/]size[K|k|M|m|G|g|T|t] file ...
       truncate [-c] -r rfile file ...
       truncate [-c] -d [-o offset[K|k|M|m|G|g|T|t]] -l length[K|k|M|m|G|g|T|t] file ...`[1:]},
	{name: "mkfifo", dir: "/usr/bin", flags: "m:", run: mkfifo, usage: "usage: mkfifo [-m mode] fifo_name ..."},
	{name: "basename", dir: "/usr/bin", flags: "as:", run: basename, usage: `
usage: basename string [suffix]
       basename [-a] [-s suffix] string [...]`[1:]},
	{name: "dirname", dir: "/usr/bin", flags: "", run: dirname, usage: "usage: dirname string [...]"},
	{name: "realpath", dir: "/bin", flags: "q", run: realpath, usage: "usage: realpath [-q] [path ...]"},
	{name: "pwd", dir: "/bin", flags: "LP", run: pwd, usage: "usage: pwd [-L | -P]"},
	{name: "sync", dir: "/bin", flags: "", run: func(*sim.Proc, *options) int { return 0 }, usage: "usage: sync"},
	{name: "fsync", dir: "/usr/bin", flags: "", run: fsync, code: 64, usage: "usage: fsync file ..."},
}

func rm(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		if o.has("f") {
			return 0
		}
		return o.wrong(p)
	}
	if progname(p) == "unlink" {
		if len(o.args) != 1 {
			return o.wrong(p)
		}
		if isDir(p, o.args[0]) {
			return errx(p, "%s: is a directory", o.args[0])
		}
		if err := p.FS().Remove(o.args[0]); err != nil {
			return fail(p, o.args[0], err)
		}
		return 0
	}
	r := &remover{p: p, force: o.last("fi") == "f", ask: o.last("fi") == "i", recursive: o.has("Rr"), dirs: o.has("d"), verbose: o.has("v"), oneFS: o.has("x")}
	names := r.allowed(o.args)
	if o.has("I") && !o.has("fi") && (len(names) > 3 || r.recursive) && len(names) > 0 {
		if !answer(p, "remove %d file%s? ", len(names), plural(len(names))) {
			return 1
		}
	}
	for _, name := range names {
		r.remove(name)
	}
	return r.code
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// remover is one call of rm(1).
type remover struct {
	p                                           *sim.Proc
	force, ask, recursive, dirs, verbose, oneFS bool
	code                                        int
}

// allowed leaves out the names rm(1) refuses.
func (r *remover) allowed(names []string) []string {
	var keep []string
	slash, dot := false, false
	for _, name := range names {
		switch {
		case r.p.FS().Abs(name) == "/":
			slash = true
		case path.Base(name) == "." || path.Base(name) == "..":
			dot = true
		default:
			keep = append(keep, name)
		}
	}
	if slash {
		warnx(r.p, `"/" may not be removed`)
		r.code = 1
	}
	if dot {
		warnx(r.p, `"." and ".." may not be removed`)
		r.code = 1
	}
	return keep
}

func (r *remover) remove(name string) {
	info, err := r.p.FS().Lstat(name)
	switch {
	case err != nil:
		if !(r.force && (notExist(err) || errors.Is(err, syscall.ENOTDIR))) {
			r.fail(name, err)
		}
	case info.Type != vfs.TypeDir:
		if r.confirmed(name, info) {
			r.unlink(name)
		}
	case r.recursive:
		r.tree(name, info.Dev)
	case r.dirs:
		if r.confirmed(name, info) {
			r.unlink(name)
		}
	default:
		warnx(r.p, "%s: is a directory", name)
		r.code = 1
	}
}

func (r *remover) tree(name string, dev int) {
	info, err := r.p.FS().Lstat(name)
	if err != nil {
		r.fail(name, err)
		return
	}
	if info.Type == vfs.TypeDir {
		if r.oneFS && info.Dev != dev {
			return
		}
		if r.ask && !answer(r.p, "examine files in directory %s? ", name) {
			return
		}
		entries, err := r.p.FS().ReadDir(name)
		if err != nil {
			r.fail(name, err)
			return
		}
		for _, e := range entries {
			r.tree(strings.TrimRight(name, "/")+"/"+e.Name, dev)
		}
	}
	if r.confirmed(name, info) {
		r.unlink(name)
	}
}

func (r *remover) unlink(name string) {
	if err := r.p.FS().Remove(name); err != nil {
		r.fail(name, err)
		return
	}
	if r.verbose {
		r.p.Printf("%s\n", name)
	}
}

func (r *remover) fail(name string, err error) {
	warn(r.p, name, err)
	r.code = 1
}

func (r *remover) confirmed(name string, info vfs.Info) bool {
	switch {
	case r.force:
		return true
	case r.ask:
		return answer(r.p, "remove %s? ", name)
	case !r.p.TTY || info.Type == vfs.TypeLink || r.p.FS().Access(name, vfs.W) == nil:
		return true
	}
	flags := ""
	if info.Flags != 0 {
		flags = " " + flagString(info.Flags)
	}
	return answer(r.p, "override %s %s/%s%s for %s? ", modeString(info)[1:], userName(r.p, info.UID), groupName(r.p, info.GID), flags, name)
}

func mkdir(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	mode := uint32(0o777) &^ umask(p)
	text, exact := o.get("m")
	if exact {
		change, err := parseMode(text, umask(p))
		if err != nil {
			return errx(p, "invalid file mode: %s", text)
		}
		mode = change(0o777, true)
	}
	code := 0
	for _, name := range o.args {
		if err := makeDir(p, o, name, mode); err != nil {
			if !linux(p) || o.has("p") {
				name = errorPath(err, name)
			}
			code = fail(p, name, err)
			continue
		}
		if exact {
			// Only bits beyond 0777 or a umask in the way need this.
			if err := p.FS().Chmod(name, mode); err != nil {
				code = fail(p, name, err)
			}
		}
	}
	return code
}

func makeDir(p *sim.Proc, o *options, name string, mode uint32) error {
	view := p.FS()
	if !o.has("p") {
		if err := view.Mkdir(name, mode); err != nil {
			if notExist(err) {
				return &pathError{path.Dir(strings.TrimRight(name, "/")), err}
			}
			return err
		}
		if o.has("v") {
			p.Printf("%s\n", name)
		}
		return nil
	}
	at := ""
	if strings.HasPrefix(name, "/") {
		at = "/"
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		at = path.Join(at, part)
		if part == ".." {
			at = strings.Join(parts[:i+1], "/")
			if strings.HasPrefix(name, "/") {
				at = "/" + at
			}
		}
		info, err := view.Stat(at)
		if err == nil && info.Type == vfs.TypeDir {
			continue
		}
		if err == nil {
			if i == len(parts)-1 {
				return &pathError{at, syscall.EEXIST}
			}
			return &pathError{at, syscall.ENOTDIR}
		}
		m := mode
		if i < len(parts)-1 {
			m = 0o777&^umask(p) | 0o300
		}
		if err := view.Mkdir(at, m); err != nil {
			return &pathError{at, err}
		}
		if o.has("v") {
			p.Printf("%s\n", at)
		}
	}
	return nil
}

// pathError is an error of a file other than the operand.
type pathError struct {
	path string
	error
}

func (e *pathError) Unwrap() error { return e.error }

func errorPath(err error, name string) string {
	var pe *pathError
	if errors.As(err, &pe) {
		return pe.path
	}
	return name
}

func rmdir(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	code := 0
	for _, name := range o.args {
		for {
			info, err := p.FS().Lstat(name)
			if err == nil && info.Type != vfs.TypeDir {
				err = syscall.ENOTDIR
			}
			if err == nil {
				err = p.FS().Remove(name)
			}
			if err != nil {
				code = fail(p, name, err)
				break
			}
			if o.has("v") {
				p.Printf("%s\n", name)
			}
			name = strings.TrimRight(name, "/")
			if i := strings.LastIndex(name, "/"); o.has("p") && i > 0 {
				name = name[:i]
				continue
			}
			break
		}
	}
	return code
}

func touch(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	when := p.Now()
	var err error
	if t, ok := o.get("t"); ok {
		if when, err = touchTime(t, p.Now(), zone(p)); err != nil {
			return errx(p, "out of range or illegal time specification: [[CC]YY]MMDDhhmm[.SS]")
		}
	}
	if d, ok := o.get("d"); ok {
		if linux(p) {
			var ok bool
			if when, ok = gnuTime(d, p.Now()); !ok {
				return errx(p, "invalid date format '%s'", d)
			}
		} else if when, err = isoTime(d, zone(p)); err != nil {
			return errx(p, "out of range or illegal time specification: YYYY-MM-DDThh:mm:SS[.frac][tz]")
		}
	}
	if ref, ok := o.get("r"); ok {
		info, err := p.FS().Stat(ref)
		if err != nil {
			return fail(p, ref, err)
		}
		when = info.MTime
	}
	adjust, adjusted := o.get("A")
	offset, err := touchOffset(adjust)
	if adjusted && err != nil {
		return errx(p, "invalid offset spec, must be [-][[HH]MM]SS")
	}
	code := 0
	for _, name := range o.args {
		at := when
		info, err := p.FS().Stat(name)
		switch {
		case err != nil && !notExist(err):
			code = fail(p, name, err)
			continue
		case err != nil && (o.has("c") || o.has("h") || adjusted):
			if !o.has("c") {
				code = fail(p, name, err)
			}
			continue
		case err != nil:
			if err := createEmpty(p, name); err != nil {
				code = fail(p, name, err)
				continue
			}
		case adjusted:
			base := info.MTime
			if o.has("tdr") {
				base = when
			}
			at = base.Add(offset)
		}
		if o.has("a") && !o.has("m") {
			continue // the machine keeps no access times
		}
		if err := p.FS().Chtimes(name, at); err != nil {
			code = fail(p, name, err)
		}
	}
	return code
}

func createEmpty(p *sim.Proc, name string) error {
	f, err := p.FS().OpenFile(name, syscall.O_WRONLY|syscall.O_CREAT, 0o666&^umask(p))
	if err != nil {
		return err
	}
	return f.Close()
}

// touchTime reads [[CC]YY]MMDDhhmm[.SS].
func touchTime(s string, now time.Time, loc *time.Location) (time.Time, error) {
	digits, seconds, ok := strings.Cut(s, ".")
	if !ok {
		seconds = "00"
	}
	switch len(digits) {
	case 8:
		digits = now.In(loc).Format("2006") + digits
	case 10:
		century := "20"
		if digits[:2] >= "69" {
			century = "19"
		}
		digits = century + digits
	}
	return time.ParseInLocation("20060102150405", digits+seconds, loc)
}

// isoTime reads YYYY-MM-DDThh:mm:SS[.frac][Z].
func isoTime(s string, loc *time.Location) (time.Time, error) {
	s = strings.Replace(strings.Replace(s, " ", "T", 1), ",", ".", 1)
	if utc, ok := strings.CutSuffix(s, "Z"); ok {
		s, loc = utc, time.UTC
	}
	return time.ParseInLocation("2006-01-02T15:04:05", s, loc)
}

// touchOffset reads [-][[hh]mm]SS.
func touchOffset(s string) (time.Duration, error) {
	digits, negative := strings.CutPrefix(s, "-")
	n, err := strconv.Atoi(digits)
	if err != nil || len(digits)%2 != 0 || len(digits) > 6 {
		return 0, syscall.EINVAL
	}
	d := time.Duration(n/10000)*time.Hour + time.Duration(n/100%100)*time.Minute + time.Duration(n%100)*time.Second
	if negative {
		d = -d
	}
	return d, nil
}

func mkfifo(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	mode := uint32(0o666) &^ umask(p)
	if text, ok := o.get("m"); ok {
		change, err := parseMode(text, umask(p))
		if err != nil {
			return errx(p, "invalid file mode: %s", text)
		}
		mode = change(0o666, false)
	}
	code := 0
	for _, name := range o.args {
		if err := p.FS().Mkfifo(name, mode); err != nil {
			code = fail(p, name, err)
		}
	}
	return code
}

func basename(p *sim.Proc, o *options) int {
	suffix, many := o.get("s")
	many = many || o.has("a")
	if len(o.args) == 0 || !many && len(o.args) > 2 {
		return o.wrong(p)
	}
	names := o.args
	if !many && len(names) == 2 {
		names, suffix = names[:1], names[1]
	}
	for _, name := range names {
		b := path.Base(name)
		if name == "" {
			b = ""
		}
		if s := strings.TrimSuffix(b, suffix); s != "" {
			b = s
		}
		p.Printf("%s\n", b)
	}
	return 0
}

func dirname(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	for _, name := range o.args {
		p.Printf("%s\n", dirName(name))
	}
	return 0
}

// dirName is dirname(3), which unlike path.Dir does not clean.
func dirName(name string) string {
	trimmed := strings.TrimRight(name, "/")
	if trimmed == "" {
		if name == "" {
			return "."
		}
		return "/"
	}
	i := strings.LastIndex(trimmed, "/")
	if i < 0 {
		return "."
	}
	if dir := strings.TrimRight(trimmed[:i], "/"); dir != "" {
		return dir
	}
	return "/"
}

func realpath(p *sim.Proc, o *options) int {
	names := o.args
	if len(names) == 0 {
		names = []string{"."}
	}
	code := 0
	for _, name := range names {
		real, err := p.FS().EvalSymlinks(name)
		if err != nil {
			if code = 1; !o.has("q") {
				warn(p, name, err)
			}
			continue
		}
		p.Printf("%s\n", real)
	}
	return code
}

func pwd(p *sim.Proc, o *options) int {
	if len(o.args) > 0 {
		return o.wrong(p)
	}
	if logical := p.Getenv("PWD"); o.last("LP") == "L" && strings.HasPrefix(logical, "/") {
		real, err := p.FS().EvalSymlinks(logical)
		if here, herr := p.FS().EvalSymlinks("."); err == nil && herr == nil && real == here {
			p.Printf("%s\n", logical)
			return 0
		}
	}
	dir, err := p.FS().EvalSymlinks(".")
	if err != nil {
		return fail(p, ".", err)
	}
	p.Printf("%s\n", dir)
	return 0
}

func fsync(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	code := 0
	for _, name := range o.args {
		if _, err := p.FS().Stat(name); err != nil {
			code = fail(p, "open("+name+")", err)
		}
	}
	return code
}

package base

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var gnuFileCommands = []command{
	{name: "stat", gnu: coreutils, flags: "Lfc:t", long: "dereference=L file-system=f format:=c printf: terse=t cached:", run: gnuStat},
	{name: "ls", gnu: coreutils, code: 2, flags: "aAbcCdFghHiklLmnNopqQrRsStuUvw:xXZ!1I:", run: gnuLS,
		long: "all=a almost-all=A directory=d human-readable=h inode=i numeric-uid-gid=n recursive=R reverse=r size=s full-time color? time-style: " +
			"no-group=G! dereference=L group-directories-first sort:! time:! block-size:! classify?=F! indicator-style:! quoting-style:! hide:! ignore:=I! si!"},
	{name: "readlink", gnu: coreutils, flags: "femnqsvz", long: "canonicalize=f canonicalize-existing=e canonicalize-missing=m no-newline=n quiet=q silent=s verbose=v zero=z", run: gnuReadlink},
	{name: "realpath", gnu: coreutils, flags: "eLmPqsz", long: "canonicalize-existing=e canonicalize-missing=m quiet=q strip=s no-symlinks=s zero=z relative-to:! relative-base:!", run: gnuReadlink},
	{name: "date", gnu: coreutils, flags: "d:f:!I?r:Rs:!u", long: "date:=d iso-8601?=I rfc-3339: rfc-email=R utc=u universal=u reference:=r set:=s! file:=f!", run: gnuDate},
	{name: "fallocate", gnu: utilLinux, flags: "l:o:npdzxciv", long: "length:=l offset:=o keep-size=n punch-hole=p dig-holes=d zero-range=z collapse-range=c! insert-range=i! posix=x verbose=v", run: fallocate},
	{name: "du", gnu: coreutils, flags: "0!aB:bcDd:hHklLmPsSt:x", run: gnuDU,
		long: "all=a apparent-size block-size:=B bytes=b total=c max-depth:=d human-readable=h summarize=s one-file-system=x exclude:! time! si! null=0! count-links=l threshold:=t! separate-dirs=S!"},
}

// fileKinds are stat's and find's words for a file's type.
var fileKinds = map[vfs.Type]string{
	vfs.TypeFile: "regular file", vfs.TypeDir: "directory", vfs.TypeLink: "symbolic link", vfs.TypeChar: "character special file",
	vfs.TypeBlock: "block special file", vfs.TypeFIFO: "fifo", vfs.TypeSocket: "socket",
}

// gnuSize is st_size: a directory of ext4 takes a block.
func gnuSize(i vfs.Info) int64 {
	if i.Type == vfs.TypeDir {
		return 4096
	}
	return i.Size
}

// gnuBlocks is st_blocks; a short symbolic link lies in the inode.
func gnuBlocks(i vfs.Info) int64 { return blocks(i) }

const nanoLayout = "2006-01-02 15:04:05.000000000 -0700"

func gnuStat(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		warnx(p, "missing operand")
		return o.wrong(p)
	}
	format, isFormat := o.get("c")
	newline := "\n"
	if text, ok := o.get("printf"); ok {
		format, isFormat, newline = gnuUnescape(text), true, ""
	}
	code := 0
	for _, name := range o.args {
		if o.has("f") {
			if code = max(code, gnuStatFS(p, name, format, isFormat, newline)); code > 0 {
				continue
			}
			continue
		}
		stat := p.FS().Lstat
		if o.has("L") {
			stat = p.FS().Stat
		}
		info, err := stat(name)
		switch {
		case err != nil:
			warn(p, name, err)
			code = 1
		case isFormat:
			p.Printf("%s%s", statFormat(p, format, name, info), newline)
		case o.has("t"):
			p.Printf("%s\n", statFormat(p, "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %W %o", name, info))
		default:
			p.Printf("%s\n", statFormat(p, gnuStatDefault(info), name, info))
		}
	}
	return code
}

func gnuStatDefault(info vfs.Info) string {
	device := ""
	if info.Type == vfs.TypeChar || info.Type == vfs.TypeBlock {
		device = " Device type: %t,%T"
	}
	return "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\nDevice: %Hd,%Ld\tInode: %-11i Links: %-5h" + device +
		"\nAccess: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n Birth: %w"
}

// statFormat fills in stat's directives.
func statFormat(p *sim.Proc, format, name string, i vfs.Info) string {
	return directives(format, func(letter string) (any, bool) {
		switch letter {
		case "a":
			return fmt.Sprintf("%o", i.Mode), true
		case "A":
			return modeString(i), true
		case "b":
			return gnuBlocks(i), true
		case "B":
			return 512, true
		case "d":
			return 64768 + i.Dev, true
		case "D":
			return fmt.Sprintf("%x", 0xfd00+i.Dev), true
		case "Hd":
			return 253, true
		case "Ld":
			return i.Dev, true
		case "f":
			return fmt.Sprintf("%x", fileTypeBits[i.Type]|i.Mode), true
		case "F":
			if i.Type == vfs.TypeFile && i.Size == 0 {
				return "regular empty file", true
			}
			return fileKinds[i.Type], true
		case "g":
			return i.GID, true
		case "G":
			return p.Machine.GroupName(i.GID), true
		case "h":
			return int(i.Nlink), true
		case "i":
			return int64(i.Inode), true
		case "m":
			return mountOf(p, p.FS().Abs(name)).Point, true
		case "n":
			return name, true
		case "N":
			if i.Type == vfs.TypeLink {
				return shellQuoted(name) + " -> " + shellQuoted(i.Target), true
			}
			return shellQuoted(name), true
		case "o":
			return 4096, true
		case "s":
			return gnuSize(i), true
		case "t", "T":
			return "0", true
		case "u":
			return i.UID, true
		case "U":
			return p.Machine.UserName(i.UID), true
		case "w", "x", "y", "z":
			return i.MTime.UTC().Format(nanoLayout), true
		case "W", "X", "Y", "Z":
			return i.MTime.Unix(), true
		case ".9X", ".9Y", ".9Z", ".9W", ".X", ".Y", ".Z", ".W":
			return fmt.Sprintf("%d.%09d", i.MTime.Unix(), i.MTime.Nanosecond()), true
		}
		return nil, false
	})
}

// directives fills in a format: % with flags and a width, then a letter, which may
// have H, L or a precision before it. An unknown one stays a question mark.
func directives(format string, value func(letter string) (any, bool)) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		j := i + 1
		for j < len(format) && strings.IndexByte("-+ 0#'", format[j]) >= 0 {
			j++
		}
		for j < len(format) && format[j] >= '0' && format[j] <= '9' {
			j++
		}
		spec, start := format[i+1:j], j
		if j < len(format) && format[j] == '.' {
			for j++; j < len(format) && format[j] >= '0' && format[j] <= '9'; j++ {
			}
		}
		if j+1 < len(format) && (format[j] == 'H' || format[j] == 'L') && strings.IndexByte("dr", format[j+1]) >= 0 {
			j++
		}
		if j == len(format) {
			b.WriteString(format[i:])
			break
		}
		letter := format[start : j+1]
		i = j
		if letter == "%" {
			b.WriteByte('%')
			continue
		}
		v, ok := value(letter)
		if !ok && len(letter) > 1 {
			v, ok = value(letter[len(letter)-1:])
		}
		if !ok {
			b.WriteByte('?')
			continue
		}
		width, _ := strconv.Atoi(strings.TrimLeft(spec, "-+ 0#'"))
		pad := " "
		if strings.HasPrefix(spec, "0") {
			pad = "0"
		}
		text := fmt.Sprint(v)
		space := strings.Repeat(pad, max(width-len(text), 0))
		if strings.Contains(spec, "-") {
			text += strings.Repeat(" ", len(space))
		} else {
			text = space + text
		}
		b.WriteString(text)
	}
	return b.String()
}

func gnuStatFS(p *sim.Proc, name, format string, isFormat bool, newline string) int {
	u, err := p.Machine.UsageOf(p.FS().Abs(name))
	if err != nil {
		p.Errorf("stat: cannot read file system information for '%s': %s\n", name, p.Machine.ErrText(err))
		return 1
	}
	if !isFormat {
		format = "  File: \"%n\"\n    ID: %-8i Namelen: %-7l Type: %T\nBlock size: %-10s Fundamental block size: %S\nBlocks: Total: %-10b Free: %-10f Available: %a\nInodes: Total: %-10c Free: %d"
		newline = "\n"
	}
	const block = 4096
	kinds := map[string]string{"ext4": "ext2/ext3", "tmpfs": "tmpfs", "proc": "proc", "sysfs": "sysfs", "devtmpfs": "tmpfs"}
	codes := map[string]string{"ext4": "ef53", "tmpfs": "1021994", "proc": "9fa0", "sysfs": "62656572", "devtmpfs": "1021994"}
	p.Printf("%s%s", directives(format, func(letter string) (any, bool) {
		switch letter {
		case "n":
			return name, true
		case "a", "f":
			return u.Free / block, true
		case "b":
			return u.Total / block, true
		case "c", "d":
			return u.Total / 16384, true
		case "i":
			return "8d1b9d2f3c0a5e11", true
		case "l":
			return 255, true
		case "s", "S":
			return block, true
		case "t":
			return codes[u.Type], true
		case "T":
			return kinds[u.Type], true
		}
		return nil, false
	}), newline)
	return 0
}

// shellQuoted is a name as stat %N and ls show it where it is odd.
func shellQuoted(name string) string { return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'" }

// gnuUnescape reads the backslash escapes of stat --printf and find -printf.
func gnuUnescape(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\0`, "\x00", `\r`, "\r", `\a`, "\a").Replace(text)
}

// findPrintf is find's -printf.
func findPrintf(f *finder, _, format string) (predicate, error) {
	f.acts = true
	kinds := map[vfs.Type]string{vfs.TypeFile: "f", vfs.TypeDir: "d", vfs.TypeLink: "l", vfs.TypeChar: "c", vfs.TypeBlock: "b", vfs.TypeFIFO: "p", vfs.TypeSocket: "s"}
	format = gnuUnescape(format)
	for _, timed := range []string{"T", "A", "C"} {
		format = strings.ReplaceAll(format, "%"+timed+"@", "%"+timed)
	}
	return func(at *found) bool {
		i := at.Info
		f.p.Printf("%s", directives(format, func(letter string) (any, bool) {
			switch letter {
			case "p":
				return at.path, true
			case "P":
				if at.depth == 0 {
					return "", true
				}
				parts := strings.Split(at.path, "/")
				return strings.Join(parts[len(parts)-at.depth:], "/"), true
			case "f":
				return path.Base(at.path), true
			case "h":
				return path.Dir(at.path), true
			case "H":
				parts := strings.Split(at.path, "/")
				return strings.Join(parts[:len(parts)-at.depth], "/"), true
			case "y":
				return kinds[i.Type], true
			case "m":
				return fmt.Sprintf("%o", i.Mode), true
			case "M":
				return modeString(i), true
			case "u":
				return f.p.Machine.UserName(i.UID), true
			case "g":
				return f.p.Machine.GroupName(i.GID), true
			case "U":
				return i.UID, true
			case "G":
				return i.GID, true
			case "s":
				return gnuSize(i), true
			case "b":
				return gnuBlocks(i), true
			case "k":
				return gnuBlocks(i) / 2, true
			case "n":
				return int(i.Nlink), true
			case "i":
				return int64(i.Inode), true
			case "l":
				return i.Target, true
			case "d":
				return at.depth, true
			case "D":
				return 64768 + i.Dev, true
			case "T", "A", "C":
				return fmt.Sprintf("%d.%010d", i.MTime.Unix(), int64(i.MTime.Nanosecond())*10), true
			case "t", "a", "c":
				return i.MTime.UTC().Format("Mon Jan _2 15:04:05.0000000000 2006"), true
			case "S":
				return trimFloat(float64(gnuBlocks(i)*512)/float64(max(gnuSize(i), 1)), 6), true
			case "F":
				return mountOf(f.p, f.p.FS().Abs(at.path)).Type, true
			}
			return nil, false
		}))
		return true
	}, nil
}

// gnuLS is one call of ls(1): a name a line, or with -l what stat says.
type gnuList struct {
	p    *sim.Proc
	o    *options
	code int
	many bool
	out  int // listings so far
}

func gnuLS(p *sim.Proc, o *options) int {
	l := &gnuList{p: p, o: o}
	names := slices.Clone(o.args)
	if len(names) == 0 {
		names = []string{"."}
	}
	var files, dirs []listed
	for _, name := range names {
		stat := p.FS().Lstat
		if o.has("L") || !o.has("l") && !o.has("d") {
			stat = p.FS().Stat
		}
		info, err := stat(name)
		if err != nil && !o.has("L") {
			info, err = p.FS().Lstat(name)
		}
		if err != nil {
			warn(p, name, err)
			l.code = 2
			continue
		}
		if info.Type == vfs.TypeDir && !o.has("d") {
			dirs = append(dirs, listed{name, info})
		} else {
			files = append(files, listed{name, info})
		}
	}
	l.many = len(names) > 1 || o.has("R")
	if len(files) > 0 {
		l.show(files, false)
	}
	l.order(dirs)
	for _, d := range dirs {
		l.dir(d.name)
	}
	return l.code
}

type listed struct {
	name string
	vfs.Info
}

func (l *gnuList) order(list []listed) {
	slices.SortStableFunc(list, func(a, b listed) int {
		c := 0
		switch {
		case l.o.has("U"):
			return 0
		case l.o.has("S"):
			c = int(min(max(gnuSize(b.Info)-gnuSize(a.Info), -1), 1))
		case l.o.has("t"):
			c = b.MTime.Compare(a.MTime)
		}
		if c == 0 {
			c = strings.Compare(a.name, b.name)
		}
		if l.o.has("r") {
			c = -c
		}
		return c
	})
}

func (l *gnuList) dir(name string) {
	entries, err := l.p.FS().ReadDir(name)
	if err != nil {
		l.p.Errorf("ls: cannot open directory '%s': %s\n", name, l.p.Machine.ErrText(err))
		l.code = 2
		return
	}
	var list []listed
	if l.o.has("a") {
		for _, dot := range []string{".", ".."} {
			if info, err := l.p.FS().Stat(name + "/" + dot); err == nil {
				list = append(list, listed{dot, info})
			}
		}
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name, ".") && !l.o.has("aA") {
			continue
		}
		list = append(list, listed{e.Name, e})
	}
	if l.many {
		if l.out > 0 {
			l.p.Printf("\n")
		}
		l.p.Printf("%s:\n", name)
	}
	l.show(list, true)
	if !l.o.has("R") {
		return
	}
	for _, e := range list {
		if e.Type == vfs.TypeDir && e.name != "." && e.name != ".." {
			l.dir(strings.TrimRight(name, "/") + "/" + e.name)
		}
	}
}

func (l *gnuList) show(list []listed, total bool) {
	l.out++
	l.order(list)
	long := l.o.has("lngo") || l.o.hasLong("full-time")
	if total && (long || l.o.has("s")) {
		var sum int64
		for _, e := range list {
			sum += gnuBlocks(e.Info) / 2
		}
		l.p.Printf("total %s\n", l.size(sum*1024, sum))
	}
	var rows [][]string
	for _, e := range list {
		var row []string
		if l.o.has("i") {
			row = append(row, strconv.FormatUint(e.Inode, 10))
		}
		if l.o.has("s") {
			row = append(row, l.size(gnuBlocks(e.Info)*512, gnuBlocks(e.Info)/2))
		}
		if long {
			row = append(row, l.columns(e)...)
		}
		rows = append(rows, append(row, l.named(e, long)))
	}
	l.print(rows, long)
}

func (l *gnuList) size(bytes, plain int64) string {
	if l.o.has("h") {
		return gnuHuman(bytes)
	}
	return strconv.FormatInt(plain, 10)
}

func (l *gnuList) columns(e listed) []string {
	owner, group := l.p.Machine.UserName(e.UID), l.p.Machine.GroupName(e.GID)
	if l.o.has("n") {
		owner, group = strconv.Itoa(e.UID), strconv.Itoa(e.GID)
	}
	size := l.size(gnuSize(e.Info), gnuSize(e.Info))
	if e.Type == vfs.TypeChar || e.Type == vfs.TypeBlock {
		size = "1, 3"
	}
	row := []string{modeString(e.Info), strconv.Itoa(int(e.Nlink))}
	if !l.o.has("g") {
		row = append(row, owner)
	}
	if !l.o.has("o") {
		row = append(row, group)
	}
	return append(row, size, l.time(e.MTime))
}

func (l *gnuList) time(t time.Time) string {
	t = t.UTC()
	style, _ := l.o.get("time-style")
	switch {
	case l.o.hasLong("full-time") || style == "full-iso":
		return t.Format(nanoLayout)
	case style == "long-iso":
		return t.Format("2006-01-02 15:04")
	case strings.HasPrefix(style, "+"):
		return strftime(style[1:], t)
	}
	if age := l.p.Now().Sub(t); age > 182*24*time.Hour || age < -time.Second {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

func (l *gnuList) named(e listed, long bool) string {
	name := e.name
	if long && e.Type == vfs.TypeLink {
		name += " -> " + e.Target
	}
	if l.o.has("F") || l.o.has("p") && e.Type == vfs.TypeDir {
		switch {
		case e.Type == vfs.TypeDir:
			name += "/"
		case e.Type == vfs.TypeLink && !long:
			name += "@"
		case e.Type == vfs.TypeFile && e.Mode&0o111 != 0:
			name += "*"
		}
	}
	return name
}

// print sets columns under each other: text to the left, numbers to the right.
func (l *gnuList) print(rows [][]string, long bool) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row[:len(row)-1] {
			left := long && cell != "" && (cell[0] < '0' || cell[0] > '9')
			if left {
				l.p.Printf("%-*s ", widths[i], cell)
			} else {
				l.p.Printf("%*s ", widths[i], cell)
			}
		}
		l.p.Printf("%s\n", row[len(row)-1])
	}
}

// gnuHuman is a size as -h shows it: rounded up, in units of 1024.
func gnuHuman(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	v, unit := float64(n), 0
	for v >= 1024 && unit < 6 {
		v /= 1024
		unit++
	}
	if up := float64(int64(v*10+0.999999)) / 10; up < 10 {
		return fmt.Sprintf("%.1f%c", up, " KMGTPE"[unit])
	}
	up := int64(v + 0.999999)
	if up == 1024 && unit < 6 {
		return fmt.Sprintf("1.0%c", " KMGTPE"[unit+1])
	}
	return fmt.Sprintf("%d%c", up, " KMGTPE"[unit])
}

// gnuReadlink is readlink(1) and realpath(1).
func gnuReadlink(p *sim.Proc, o *options) int {
	real := progname(p) == "realpath"
	if len(o.args) == 0 {
		warnx(p, "missing operand")
		return o.wrong(p)
	}
	end := "\n"
	if o.has("z") {
		end = "\x00"
	} else if o.has("n") && len(o.args) == 1 {
		end = ""
	}
	code := 0
	for _, name := range o.args {
		text, err := resolvedName(p, o, name, real)
		if err != nil {
			code = 1
			if real && !o.has("q") || o.has("v") {
				warn(p, name, err)
			}
			continue
		}
		p.Printf("%s%s", text, end)
	}
	return code
}

func resolvedName(p *sim.Proc, o *options, name string, real bool) (string, error) {
	view := p.FS()
	switch {
	case !real && !o.has("fem"):
		return view.Readlink(name)
	case o.has("s") && real:
		return path.Clean(view.Abs(name)), nil
	}
	text, err := view.EvalSymlinks(name)
	switch {
	case err == nil || o.has("e"):
		return text, err
	case o.has("m"):
		at, rest := view.Abs(name), ""
		for at != "/" {
			if text, err := view.EvalSymlinks(at); err == nil {
				return path.Join(text, rest), nil
			}
			rest = path.Join(path.Base(at), rest)
			at = path.Dir(at)
		}
		return "/" + rest, nil
	}
	abs := view.Abs(name) // all but the last must exist
	dir, derr := view.EvalSymlinks(path.Dir(abs))
	if derr != nil {
		return "", err
	}
	return path.Join(dir, path.Base(abs)), nil
}

func gnuDate(p *sim.Proc, o *options) int {
	now := p.Now().UTC()
	if text, ok := o.get("d"); ok {
		t, ok := gnuTime(text, now)
		if !ok {
			return errx(p, "invalid date '%s'", text)
		}
		now = t
	}
	if name, ok := o.get("r"); ok {
		info, err := p.FS().Stat(name)
		if err != nil {
			return fail(p, name, err)
		}
		now = info.MTime.UTC()
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	if len(o.args) > 1 {
		warnx(p, "extra operand '%s'", o.args[1])
		return o.wrong(p)
	}
	switch {
	case len(o.args) == 1 && strings.HasPrefix(o.args[0], "+"):
		format = o.args[0][1:]
	case len(o.args) == 1:
		return p.Cannot("date %s", o.args[0])
	case o.has("R"):
		format = "%a, %d %b %Y %H:%M:%S +0000"
	}
	if precision, ok := o.get("I"); ok {
		formats := map[string]string{"": "%Y-%m-%d", "date": "%Y-%m-%d", "hours": "%Y-%m-%dT%H+00:00", "minutes": "%Y-%m-%dT%H:%M+00:00", "seconds": "%Y-%m-%dT%H:%M:%S+00:00", "s": "%Y-%m-%dT%H:%M:%S+00:00", "ns": "%Y-%m-%dT%H:%M:%S,%N+00:00"}
		if format = formats[precision]; format == "" {
			warnx(p, "invalid argument '%s' for '--iso-8601'", precision)
			return o.wrong(p)
		}
	}
	if precision, ok := o.get("rfc-3339"); ok {
		formats := map[string]string{"date": "%Y-%m-%d", "seconds": "%Y-%m-%d %H:%M:%S+00:00", "ns": "%Y-%m-%d %H:%M:%S.%N+00:00"}
		if format = formats[precision]; format == "" {
			warnx(p, "invalid argument '%s' for '--rfc-3339'", precision)
			return o.wrong(p)
		}
	}
	format = strings.NewReplacer("%%", "%%", "%:z", "+00:00", "%N", fmt.Sprintf("%09d", now.Nanosecond()), "%3N", fmt.Sprintf("%03d", now.Nanosecond()/1e6)).Replace(format)
	p.Printf("%s\n", strftime(format, now))
	return 0
}

// gnuTime reads the times that scripts give date -d.
func gnuTime(text string, now time.Time) (time.Time, bool) {
	if s, ok := strings.CutPrefix(text, "@"); ok {
		seconds, err := strconv.ParseFloat(s, 64)
		whole := int64(seconds)
		return time.Unix(whole, int64((seconds-float64(whole))*1e9)).UTC(), err == nil
	}
	switch text {
	case "", "today", "now":
		return now, true
	case "yesterday":
		return now.AddDate(0, 0, -1), true
	case "tomorrow":
		return now.AddDate(0, 0, 1), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02", "2006-01-02 15:04:05 MST", "20060102"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	var n int
	var unit, ago string
	if count, _ := fmt.Sscanf(text, "%d %s %s", &n, &unit, &ago); count >= 2 {
		if ago == "ago" {
			n = -n
		}
		units := map[string]time.Duration{"second": time.Second, "sec": time.Second, "minute": time.Minute, "min": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}
		if d := units[strings.TrimSuffix(unit, "s")]; d > 0 {
			return now.Add(time.Duration(n) * d), true
		}
	}
	return time.Time{}, false
}

func fallocate(p *sim.Proc, o *options) int {
	if len(o.args) != 1 {
		if len(o.args) == 0 {
			return errx(p, "no filename specified")
		}
		return errx(p, "unexpected number of arguments")
	}
	name := o.args[0]
	length, given := o.get("l")
	size, ok := gnuParseSize(length)
	offset := int64(0)
	if text, has := o.get("o"); has {
		if offset, ok = gnuParseSize(text); !ok {
			return errx(p, "failed to parse offset: '%s'", text)
		}
	}
	switch {
	case !given && !o.has("d"):
		return errx(p, "no length argument specified")
	case given && (!ok || size <= 0):
		return errx(p, "invalid length value specified")
	}
	flag := vfs.O_RDWR
	if !o.has("pdn") {
		flag |= vfs.O_CREATE
	}
	f, err := p.FS().OpenFile(name, flag, 0o666)
	if err != nil {
		return errx(p, "cannot open %s: %s", name, p.Machine.ErrText(err))
	}
	defer f.Close()
	switch {
	case o.has("d"):
		err = f.ZeroesToHoles()
	case o.has("p"):
		err = f.Punch(offset, size)
	case o.has("n"):
		return p.Cannot("fallocate -n")
	default:
		err = f.Allocate(offset, size)
	}
	if err != nil {
		return errx(p, "fallocate failed: %s", p.Machine.ErrText(err))
	}
	return 0
}

// gnuParseSize reads a size with the suffixes of GNU's programs: K and KiB are 1024,
// KB is 1000.
func gnuParseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "KMGTPEkmgtpeiB")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, false
	}
	suffix := text[len(digits):]
	if suffix == "" {
		return n, true
	}
	power := strings.IndexByte("KMGTPE", strings.ToUpper(suffix)[0]) + 1
	unit := int64(1024)
	if rest := suffix[1:]; rest == "B" {
		unit = 1000
	} else if rest != "" && rest != "iB" {
		return 0, false
	}
	for range power {
		n *= unit
	}
	return n, power > 0 || suffix == "B"
}

// gnuMeter is one call of du(1).
type gnuMeter struct {
	p      *sim.Proc
	o      *options
	unit   int64
	suffix string
	depth  int
	seen   map[uint64]bool
	code   int
}

func gnuDU(p *sim.Proc, o *options) int {
	d := &gnuMeter{p: p, o: o, unit: 1024, depth: 1 << 30, seen: map[uint64]bool{}}
	if o.has("m") {
		d.unit = 1 << 20
	}
	if o.has("b") {
		d.unit = 1
	}
	if text, ok := o.get("B"); ok {
		n, suffix, ok := gnuBlockSize(text)
		if !ok {
			return errx(p, "invalid -B argument '%s'", text)
		}
		d.unit, d.suffix = n, suffix
	}
	if text, ok := o.get("d"); ok {
		n, err := strconv.Atoi(text)
		if err != nil {
			warnx(p, "invalid maximum depth '%s'", text)
			return o.wrong(p)
		}
		d.depth = n
	}
	if o.has("s") {
		d.depth = 0
	}
	names := o.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var total int64
	for _, name := range names {
		info, err := p.FS().Lstat(name)
		if err != nil {
			warn(p, name, err)
			d.code = 1
			continue
		}
		total += d.measure(name, info, 0, info.Dev)
	}
	if o.has("c") {
		d.print(total, "total")
	}
	return d.code
}

func (d *gnuMeter) measure(name string, info vfs.Info, level, dev int) int64 {
	if d.o.has("x") && info.Dev != dev {
		return 0
	}
	if info.Type != vfs.TypeDir && info.Nlink > 1 && !d.o.has("l") {
		if d.seen[info.Inode] {
			return 0
		}
		d.seen[info.Inode] = true
	}
	size := gnuBlocks(info) * 512
	if d.o.has("b") || d.o.hasLong("apparent-size") {
		size = gnuSize(info)
	}
	if info.Type == vfs.TypeDir {
		entries, err := d.p.FS().ReadDir(name)
		if err != nil {
			d.p.Errorf("du: cannot read directory '%s': %s\n", name, d.p.Machine.ErrText(err))
			d.code = 1
		}
		for _, e := range entries {
			size += d.measure(strings.TrimRight(name, "/")+"/"+e.Name, e, level+1, dev)
		}
	}
	if level <= d.depth && (info.Type == vfs.TypeDir || level == 0 || d.o.has("a")) {
		d.print(size, name)
	}
	return size
}

func (d *gnuMeter) print(size int64, name string) {
	text := strconv.FormatInt((size+d.unit-1)/d.unit, 10) + d.suffix
	if d.o.has("h") {
		text = gnuHuman(size)
	}
	d.p.Printf("%s\t%s\n", text, name)
}

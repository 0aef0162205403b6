package base

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var statCommands = []command{
	{name: "stat", dir: "/usr/bin", flags: "f:FHLlnqrst:x", run: stat,
		usage: "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file|handle ...]"},
	{name: "readlink", dir: "/usr/bin", flags: "fn", run: readlink, usage: "usage: readlink [-fn] [file ...]"},
	{name: "file", dir: "/usr/bin", flags: "bikLhs0zf!F!m!CcdEel!NnprSvZ", long: "brief=b mime=i mime-type mime-encoding dereference=L", run: fileKind,
		usage: "Usage: file [-bcCdEhikLlNnprsSvzZ0] [--apple] [--extension] [--mime-encoding] [--mime-type] file ..."},
}

// The formats behind stat(1)'s options.
const (
	statDefault = `%d %i %Sp %l %Su %Sg %r %z "%Sa" "%Sm" "%Sc" "%SB" %k %b %#Xf %N`
	statRaw     = `%d %i %#p %l %u %g %r %z %a %m %c %B %k %b %f %N`
	statList    = `%Sp %l %Su %Sg %Z %Sm %N%SY`
	statMarked  = `%Sp %l %Su %Sg %Z %Sm %N%T%SY`
	statShell   = `st_dev=%d st_ino=%i st_mode=%#p st_nlink=%l st_uid=%u st_gid=%g st_rdev=%r st_size=%z ` +
		`st_atime=%a st_mtime=%m st_ctime=%c st_birthtime=%B st_blksize=%k st_blocks=%b st_flags=%f`
	statLinux = "  File: \"%N\"%n  Size: %-11z  FileType: %HT%n" +
		"  Mode: (%OMp%03OLp/%.10Sp)         Uid: (%5u/%8Su)  Gid: (%5g/%8Sg)%n" +
		"Device: %Hd,%Ld   Inode: %i    Links: %l%nAccess: %Sa%nModify: %Sm%nChange: %Sc%n Birth: %SB"
)

// statCall is one call of stat(1).
type statCall struct {
	p      *sim.Proc
	times  string
	number int // of the operand, from 1
	file   string
	info   vfs.Info
}

func stat(p *sim.Proc, o *options) int {
	kind := ""
	for _, opt := range o.list {
		if strings.Contains("flrsx", opt.name) {
			if kind != "" {
				return errx(p, "can't use format '%s' with '%s'", kind, opt.name)
			}
			kind = opt.name
		}
	}
	if o.has("F") {
		if kind != "" && kind != "l" {
			return errx(p, "can't use format '%s' with -F", kind)
		}
		kind = "l"
	}
	if o.has("H") {
		return p.Cannot("stat -H")
	}
	format, _ := o.get("f")
	times := "%b %e %T %Y"
	switch kind {
	case "":
		format = statDefault
	case "l":
		if format = statList; o.has("F") {
			format = statMarked
		}
	case "r":
		format = statRaw
	case "s":
		format = statShell
	case "x":
		format, times = statLinux, "%c"
	}
	if t, ok := o.get("t"); ok {
		times = t
	}
	if len(o.args) == 0 {
		return p.Cannot("stat of standard input")
	}
	code := 0
	for i, name := range o.args {
		info, err := p.FS().Lstat(name)
		if o.has("L") {
			if followed, ferr := p.FS().Stat(name); ferr == nil {
				info, err = followed, nil
			}
		}
		if err != nil {
			if code = 1; !o.has("q") {
				warn(p, name+": stat", err)
			}
			continue
		}
		s := &statCall{p: p, times: times, number: i + 1, file: name, info: info}
		text, bad := s.expand(format)
		if bad != "" {
			return errx(p, "%s: bad format", bad)
		}
		if text != "" && !strings.HasSuffix(text, "\n") && !o.has("n") {
			text += "\n"
		}
		p.Printf("%s", text)
	}
	return code
}

func readlink(p *sim.Proc, o *options) int {
	code := 0
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	for _, name := range o.args {
		var text string
		if o.has("f") {
			real, err := canonical(p, name)
			if err != nil {
				code = 1
				continue
			}
			text = real
		} else {
			info, err := p.FS().Lstat(name)
			if err != nil || info.Type != vfs.TypeLink {
				code = 1
				continue
			}
			text = info.Target
		}
		if !o.has("n") {
			text += "\n"
		}
		p.Printf("%s", text)
	}
	return code
}

// canonical is readlink -f: the last name may be missing.
func canonical(p *sim.Proc, name string) (string, error) {
	real, err := p.FS().EvalSymlinks(name)
	if err == nil || !notExist(err) {
		return real, err
	}
	if info, lerr := p.FS().Lstat(name); lerr == nil && info.Type == vfs.TypeLink {
		target := info.Target
		if !strings.HasPrefix(target, "/") {
			target = dirName(name) + "/" + target
		}
		return canonical(p, target)
	}
	dir, derr := p.FS().EvalSymlinks(dirName(name))
	if derr != nil {
		return "", derr
	}
	return into(dir, name), nil
}

// verb is one parsed %-directive of a stat format.
type verb struct {
	flags  string
	width  int // -1: none
	prec   int // -1: none
	output byte
	piece  byte
	datum  byte
}

// expand fills in a format; bad is the directive it cannot read.
func (s *statCall) expand(format string) (text, bad string) {
	var b strings.Builder
	for i := 0; i < len(format); {
		if format[i] != '%' {
			b.WriteByte(format[i])
			i++
			continue
		}
		start := i
		i++
		if i < len(format) {
			if simple, ok := map[byte]string{'n': "\n", 't': "\t", '%': "%", '@': strconv.Itoa(s.number)}[format[i]]; ok {
				b.WriteString(simple)
				i++
				continue
			}
		}
		v, next := parseVerb(format, i)
		i = next
		if i >= len(format) || strings.IndexByte("RdipmlugraBczbkfvYTNZ", format[i]) < 0 {
			return "", format[start:min(i+1, len(format))]
		}
		v.datum = format[i]
		i++
		out, ok := s.datum(v)
		if !ok {
			return "", format[start:i]
		}
		b.WriteString(out)
	}
	return b.String(), ""
}

func parseVerb(f string, i int) (verb, int) {
	v := verb{width: -1, prec: -1}
	for ; i < len(f) && strings.IndexByte("# +0-", f[i]) >= 0; i++ {
		v.flags += f[i : i+1]
	}
	number := func() int {
		n := 0
		for ; i < len(f) && f[i] >= '0' && f[i] <= '9'; i++ {
			n = min(n*10+int(f[i]-'0'), 4096)
		}
		return n
	}
	if i < len(f) && f[i] >= '0' && f[i] <= '9' {
		v.width = number()
	}
	if i < len(f) && f[i] == '.' {
		i++
		v.prec = number()
	}
	if i < len(f) && strings.IndexByte("DOUXFS", f[i]) >= 0 {
		v.output = f[i]
		i++
	}
	if i < len(f) && strings.IndexByte("HML", f[i]) >= 0 {
		v.piece = f[i]
		i++
	}
	return v, i
}

// datum formats one field; ok is false for an output form it does not have.
func (s *statCall) datum(v verb) (string, bool) {
	info := s.info
	switch v.datum {
	case 'N':
		return v.str(s.file), v.output == 0 || v.output == 'S'
	case 'R':
		real, err := s.p.FS().EvalSymlinks(s.file)
		if err != nil {
			real = ""
		}
		return v.str(real), true
	case 'T':
		return v.str(fileTypeName(info, v.piece)), true
	case 'Y':
		if info.Type != vfs.TypeLink {
			return v.str(""), true
		}
		if v.output == 'S' {
			return v.str(" -> " + info.Target), true
		}
		return v.str(info.Target), true
	case 'p':
		return s.mode(v)
	case 'u':
		return v.named(int64(info.UID), userName(s.p, info.UID)), true
	case 'g':
		return v.named(int64(info.GID), groupName(s.p, info.GID)), true
	case 'a', 'm', 'c', 'B':
		return v.time(info.MTime, s.times, zone(s.p)), true
	case 'f':
		if v.output == 'S' {
			return v.str(flagString(info.Flags)), true
		}
		return v.number(int64(info.Flags), 'U'), true
	}
	n, ok := map[byte]int64{
		'd': deviceNumber(info), 'i': int64(info.Inode), 'l': int64(info.Nlink), 'z': info.Size, 'Z': info.Size,
		'b': blocks(info), 'k': 4096, 'r': -1, 'v': 0,
	}[v.datum]
	if v.datum == 'd' && v.piece != 0 {
		n = map[byte]int64{'H': n >> 8 & 0xff, 'L': n & 0xff, 'M': n}[v.piece]
	}
	if v.datum == 'r' && v.output == 0 {
		return v.number(-1, 'U'), true
	}
	return v.number(n, 'U'), ok && v.output != 'S'
}

// deviceNumber is a stable st_dev for each file system.
func deviceNumber(info vfs.Info) int64 { return int64(info.Dev) + 0x5a }

func (s *statCall) mode(v verb) (string, bool) {
	full := int64(fileTypeBits[s.info.Type] | s.info.Mode)
	text := modeString(s.info)
	switch v.piece {
	case 'H':
		full, text = full>>12, text[1:4]
	case 'M':
		full, text = full>>9&7, text[4:7]
	case 'L':
		full, text = full&0o777, text[7:10]
	}
	if v.output == 'S' {
		return v.str(text), true
	}
	return v.number(full, 'O'), true
}

// fileTypeName is %HT ("Regular File") or the mark of ls -F.
func fileTypeName(info vfs.Info, piece byte) string {
	if piece != 'H' {
		return typeSuffix(info)
	}
	return map[vfs.Type]string{
		vfs.TypeFile: "Regular File", vfs.TypeDir: "Directory", vfs.TypeLink: "Symbolic Link", vfs.TypeChar: "Character Device",
		vfs.TypeBlock: "Block Device", vfs.TypeFIFO: "Fifo File", vfs.TypeSocket: "Socket",
	}[info.Type]
}

func (v verb) str(s string) string {
	if v.prec >= 0 && len(s) > v.prec {
		s = s[:v.prec]
	}
	if v.width < 0 {
		return s
	}
	if strings.Contains(v.flags, "-") {
		return fmt.Sprintf("%-*s", v.width, s)
	}
	return fmt.Sprintf("%*s", v.width, s)
}

func (v verb) named(n int64, name string) string {
	if v.output == 'S' {
		return v.str(name)
	}
	return v.number(n, 'U')
}

func (v verb) number(n int64, form byte) string {
	if v.output != 0 {
		form = v.output
	}
	letter := map[byte]string{'D': "d", 'U': "d", 'O': "o", 'X': "x", 'F': "d"}[form]
	flags := v.flags
	if form == 'U' && n < 0 {
		return v.str(strconv.FormatUint(uint64(n), 10))
	}
	spec := "%" + flags
	if v.width >= 0 {
		spec += strconv.Itoa(v.width)
	}
	if v.prec >= 0 {
		spec += "." + strconv.Itoa(v.prec)
	}
	return fmt.Sprintf(spec+letter, n)
}

func (v verb) time(t time.Time, format string, loc *time.Location) string {
	switch v.output {
	case 'S':
		return v.str(strftime(format, t.In(loc)))
	case 'F':
		return v.str(fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()))
	}
	return v.number(t.Unix(), 'D')
}

func fileKind(p *sim.Proc, o *options) int {
	if len(o.args) == 0 {
		return o.wrong(p)
	}
	width := 0
	for _, name := range o.args {
		width = max(width, len(name))
	}
	for _, name := range o.args {
		stat := p.FS().Lstat
		if o.has("Ls") {
			stat = p.FS().Stat
		}
		info, err := stat(name)
		kind := ""
		if err != nil {
			kind = fmt.Sprintf("cannot open `%s' (%s)", name, sim.ErrText(err))
		} else if o.has("i") || o.hasLong("mime-type") {
			kind = mimeKind(p, name, info)
		} else {
			kind = describeFile(p, name, info)
		}
		if o.has("b") {
			p.Printf("%s\n", kind)
			continue
		}
		p.Printf("%s:%*s %s\n", name, width-len(name), "", kind)
	}
	return 0
}

// describeFile knows what scripts ask file(1) about: text, scripts, archives and
// programs.
func describeFile(p *sim.Proc, name string, info vfs.Info) string {
	switch info.Type {
	case vfs.TypeDir:
		return "directory"
	case vfs.TypeLink:
		return "symbolic link to " + info.Target
	case vfs.TypeFIFO:
		return "fifo (named pipe)"
	case vfs.TypeSocket:
		return "socket"
	case vfs.TypeChar:
		return "character special"
	case vfs.TypeBlock:
		return "block special"
	}
	data, err := p.FS().ReadFile(name)
	if err != nil {
		return fmt.Sprintf("cannot open `%s' (%s)", name, sim.ErrText(err))
	}
	return describeData(data)
}

func describeData(data []byte) string {
	for _, m := range magics {
		if len(data) >= m.at+len(m.bytes) && string(data[m.at:m.at+len(m.bytes)]) == m.bytes {
			return m.text
		}
	}
	text, ok := textKind(data)
	switch {
	case len(data) == 0:
		return "empty"
	case !ok:
		return "data"
	case strings.HasPrefix(string(data), "#!"):
		line, _, _ := strings.Cut(string(data[2:]), "\n")
		line = strings.TrimSpace(line)
		if line == "/bin/sh" {
			return "POSIX shell script, " + text + " text executable"
		}
		return "a " + line + " script, " + text + " text executable"
	}
	return text + " text"
}

var magics = []struct {
	at    int
	bytes string
	text  string
}{
	{0, "\x7fELF\x02\x01\x01\x09", "ELF 64-bit LSB executable, x86-64, version 1 (FreeBSD)"},
	{0, "\x1f\x8b", "gzip compressed data"},
	{0, "BZh", "bzip2 compressed data"},
	{0, "\xfd7zXZ\x00", "XZ compressed data"},
	{0, "\x28\xb5\x2f\xfd", "Zstandard compressed data (v0.8+)"},
	{257, "ustar", "POSIX tar archive"},
	{0, "PK\x03\x04", "Zip archive data"},
	{0, "\x89PNG", "PNG image data"},
	{0, "SQLite format 3", "SQLite 3.x database"},
}

// textKind tells ASCII and UTF-8 text from other data.
func textKind(data []byte) (string, bool) {
	kind := "ASCII"
	for _, r := range string(data) {
		switch {
		case r == 0xfffd || r < ' ' && !strings.ContainsRune("\a\b\t\n\v\f\r\x1b", r) || r == 0x7f:
			return "", false
		case r > 0x7f:
			kind = "Unicode text, UTF-8"
		}
	}
	return kind, true
}

func mimeKind(p *sim.Proc, name string, info vfs.Info) string {
	switch info.Type {
	case vfs.TypeDir:
		return "inode/directory; charset=binary"
	case vfs.TypeLink:
		return "inode/symlink; charset=binary"
	case vfs.TypeFile:
	default:
		return "inode/" + string(info.Type) + "; charset=binary"
	}
	data, err := p.FS().ReadFile(name)
	if err != nil {
		return fmt.Sprintf("cannot open `%s' (%s)", name, sim.ErrText(syscall.EACCES))
	}
	kind, ok := textKind(data)
	switch {
	case len(data) == 0:
		return "inode/x-empty; charset=binary"
	case strings.HasPrefix(string(data), "\x1f\x8b"):
		return "application/gzip; charset=binary"
	case !ok:
		return "application/octet-stream; charset=binary"
	case strings.HasPrefix(string(data), "#!/bin/sh"):
		return "text/x-shellscript; charset=us-ascii"
	case kind == "ASCII":
		return "text/plain; charset=us-ascii"
	}
	return "text/plain; charset=utf-8"
}

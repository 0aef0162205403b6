package base

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var listCommands = []command{
	{name: "ls", dir: "/bin", flags: "+1ABCD:FGHILPRSTUWZ!abcdfghiklmnopqrstuwxy,", long: "color?", run: ls,
		usage: "usage: ls [-ABCFGHILPRSTUWZabcdfghiklmnopqrstuwxy1,] [--color=when] [-D format] [file ...]"},
}

// lister is one call of ls(1).
type lister struct {
	p       *sim.Proc
	o       *options
	all     bool // names that start with a dot
	long    bool
	follow  bool
	numeric bool
	loc     *time.Location
	names   *names
	first   bool
	code    int
}

// entry is a file to list.
type entry struct {
	name string // as printed
	path string
	vfs.Info
}

func ls(p *sim.Proc, o *options) int {
	l := &lister{
		p: p, o: o, loc: zone(p), names: newNames(p), first: true,
		all:     o.has("aAf") || p.Cred.UID == 0 && !o.has("I"),
		long:    strings.ContainsAny(o.last("1lgnoxCm"), "lgno") || o.has("lgn") && o.last("1CmxlgnO") == "1",
		follow:  o.has("L"),
		numeric: o.has("n"),
	}
	names := o.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var files, dirs []entry
	for _, name := range names {
		e, err := l.operand(name)
		if err != nil {
			warn(p, name, err)
			l.code = 1
			continue
		}
		if e.Type == vfs.TypeDir && !o.has("d") {
			dirs = append(dirs, e)
		} else {
			files = append(files, e)
		}
	}
	l.sort(files)
	l.sort(dirs)
	if len(files) > 0 {
		l.print(files, false)
		l.first = false
	}
	for _, d := range dirs {
		l.directory(d.path, len(names) > 1 || o.has("R"))
	}
	return l.code
}

// operand looks at a name of the command line: links are followed unless the
// long format, -F or -d asks for the link itself.
func (l *lister) operand(name string) (entry, error) {
	view := l.p.FS()
	info, err := view.Lstat(name)
	if l.follow || l.o.has("H") || !l.long && !l.o.has("FdP") || strings.HasSuffix(name, "/") {
		if followed, ferr := view.Stat(name); ferr == nil {
			info, err = followed, nil
		}
	}
	return entry{name: name, path: name, Info: info}, err
}

func (l *lister) directory(dir string, title bool) {
	entries, err := l.p.FS().ReadDir(dir)
	if title {
		if !l.first {
			l.p.Printf("\n")
		}
		l.p.Printf("%s:\n", dir)
	}
	l.first = false
	if err != nil {
		warn(l.p, dir, err)
		l.code = 1
		return
	}
	list := l.entries(dir, entries)
	l.sort(list)
	l.print(list, true)
	if !l.o.has("R") {
		return
	}
	for _, e := range list {
		if e.Type == vfs.TypeDir && e.name != "." && e.name != ".." {
			l.directory(e.path, true)
		}
	}
}

func (l *lister) entries(dir string, infos []vfs.Info) []entry {
	var list []entry
	if l.o.has("a") || l.o.has("f") {
		for _, name := range []string{".", ".."} {
			if info, err := l.p.FS().Stat(into(dir, name)); err == nil {
				list = append(list, entry{name: name, path: into(dir, name), Info: info})
			}
		}
	}
	for _, info := range infos {
		if !l.all && strings.HasPrefix(info.Name, ".") {
			continue
		}
		e := entry{name: info.Name, path: strings.TrimRight(dir, "/") + "/" + info.Name, Info: info}
		if l.follow {
			if followed, err := l.p.FS().Stat(e.path); err == nil {
				e.Info = followed
			}
		}
		list = append(list, e)
	}
	return list
}

func (l *lister) sort(list []entry) {
	if l.o.has("f") {
		return
	}
	sign := 1
	if l.o.has("r") {
		sign = -1
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		c := 0
		switch {
		case l.o.has("S"):
			c = cmpInt(b.Size, a.Size)
		case l.o.has("t"):
			c = b.MTime.Compare(a.MTime)
		}
		if c == 0 {
			c = strings.Compare(a.name, b.name)
		}
		return c * sign
	})
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (l *lister) print(list []entry, dir bool) {
	if dir && (l.long || l.o.has("s")) && len(list) > 0 {
		var total int64
		for _, e := range list {
			total += blocks(e.Info)
		}
		l.p.Printf("total %s\n", l.blockText(total))
	}
	switch {
	case l.long:
		l.printLong(list)
	case l.o.last("1CxmlgnO") == "m":
		l.printStream(list)
	case strings.ContainsAny(l.o.last("1Cxmlgn"), "Cx"):
		l.printColumns(list)
	default:
		for _, e := range list {
			l.p.Printf("%s%s\n", l.prefix(e), l.shown(e))
		}
	}
}

func (l *lister) blockText(n int64) string {
	switch {
	case l.o.has("h"):
		return humanSize(n*512, "B")
	case l.o.has("k"):
		n = (n + 1) / 2
	}
	return strconv.FormatInt(n, 10)
}

// prefix is the inode number and the size in blocks, where asked for.
func (l *lister) prefix(e entry) string {
	s := ""
	if l.o.has("i") {
		s += strconv.FormatUint(uint64(e.Inode), 10) + " "
	}
	if l.o.has("s") {
		s += l.blockText(blocks(e.Info)) + " "
	}
	return s
}

func (l *lister) shown(e entry) string {
	name := e.name
	if l.o.has("q") {
		name = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return '?'
			}
			return r
		}, name)
	}
	switch {
	case l.o.has("F"):
		return name + typeSuffix(e.Info)
	case l.o.has("p") && e.Type == vfs.TypeDir:
		return name + "/"
	}
	return name
}

// typeSuffix is the mark of ls -F and stat's %T.
func typeSuffix(info vfs.Info) string {
	switch {
	case info.Type == vfs.TypeDir:
		return "/"
	case info.Type == vfs.TypeLink:
		return "@"
	case info.Type == vfs.TypeSocket:
		return "="
	case info.Type == vfs.TypeFIFO:
		return "|"
	case info.Type == vfs.TypeFile && info.Mode&0o111 != 0:
		return "*"
	}
	return ""
}

func (l *lister) printStream(list []entry) {
	at := 0
	for i, e := range list {
		name, comma := l.prefix(e)+l.shown(e), ""
		if i < len(list)-1 {
			comma = ", "
		}
		if at+len(name)+len(comma) >= l.width() {
			l.p.Printf("\n")
			at = 0
		}
		l.p.Printf("%s%s", name, comma)
		at += len(name) + len(comma)
	}
	if at > 0 {
		l.p.Printf("\n")
	}
}

// width is that of the terminal, or what COLUMNS says.
func (l *lister) width() int {
	if n, err := strconv.Atoi(l.p.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return 80
}

func (l *lister) printColumns(list []entry) {
	width, longest := l.width(), 0
	var names []string
	for _, e := range list {
		names = append(names, l.prefix(e)+l.shown(e))
		longest = max(longest, len(names[len(names)-1]))
	}
	const tab = 8
	colWidth := (longest + tab) &^ (tab - 1)
	if width < 2*colWidth {
		for _, n := range names {
			l.p.Printf("%s\n", n)
		}
		return
	}
	columns := width / colWidth
	rows := (len(names) + columns - 1) / columns
	for row := range rows {
		var line []string
		for col := range columns {
			i := col*rows + row
			if l.o.last("Cx") == "x" {
				i = row*columns + col
			}
			if i < len(names) {
				line = append(line, names[i])
			}
		}
		l.p.Printf("%s\n", tabbed(line, colWidth))
	}
}

// tabbed sets words into columns with tabs, as ls and column do.
func tabbed(words []string, width int) string {
	var b strings.Builder
	at := 0
	for i, w := range words {
		b.WriteString(w)
		at += len(w)
		if i == len(words)-1 {
			break
		}
		for next := (at + 8) &^ 7; next <= (i+1)*width; next = (at + 8) &^ 7 {
			b.WriteByte('\t')
			at = next
		}
	}
	return b.String()
}

// printLong is the long format of ls(1).
func (l *lister) printLong(list []entry) {
	var rows [][]string
	widths := make([]int, 6)
	for _, e := range list {
		row := []string{strconv.Itoa(int(e.Nlink)), l.names.user(e.UID), l.names.group(e.GID), flagString(e.Flags), l.sizeText(e), ""}
		if l.numeric {
			row[1], row[2] = strconv.Itoa(e.UID), strconv.Itoa(e.GID)
		}
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
		rows = append(rows, row)
	}
	for i, e := range list {
		row := rows[i]
		l.p.Printf("%s%s  %*s ", l.prefix(e), modeString(e.Info), widths[0], row[0])
		if !l.o.has("g") || l.o.has("l") {
			l.p.Printf("%-*s  ", widths[1], row[1])
		}
		l.p.Printf("%-*s  ", widths[2], row[2])
		if l.o.has("o") {
			l.p.Printf("%-*s ", widths[3], row[3])
		}
		l.p.Printf("%*s %s %s", widths[4], row[4], l.timeText(e.MTime), l.shown(e))
		if e.Type == vfs.TypeLink {
			l.p.Printf(" -> %s", e.Target)
		}
		l.p.Printf("\n")
	}
}

func (l *lister) sizeText(e entry) string {
	switch {
	case e.Type == vfs.TypeChar || e.Type == vfs.TypeBlock:
		return "0x" + strconv.FormatUint(uint64(e.Inode), 16)
	case l.o.has("h"):
		return humanSize(e.Size, "B")
	case l.o.has(","):
		return thousands(e.Size)
	}
	return strconv.FormatInt(e.Size, 10)
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (l *lister) timeText(t time.Time) string {
	t = t.In(l.loc)
	if format, ok := l.o.get("D"); ok {
		return strftime(format, t)
	}
	switch age := l.p.Now().Sub(t); {
	case l.o.has("T"):
		return strftime("%b %e %H:%M:%S %Y", t)
	case age > -halfYear && age < halfYear:
		return strftime("%b %e %H:%M", t)
	}
	return strftime("%b %e  %Y", t)
}

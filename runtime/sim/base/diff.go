package base

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var diffCommands = []command{
	{name: "cmp", dir: "/usr/bin", flags: "bhi:ln:sxz", long: "silent=s quiet=s verbose=l bytes:=n ignore-initial:=i print-bytes=b", code: 2, run: cmp,
		usage: "usage: cmp [-l | -s | -x] [-hz] file1 file2 [skip1 [skip2]]"},
	{name: "diff", dir: "/usr/bin", flags: "0123456789abBC:cdD!e!fhI:iL:l!nN!pqrS!s!tTU:uwX!x:y!W!P", code: 2, run: diff,
		long: "unified?=U context?=c brief=q recursive=r new-file label:=L ignore-all-space=w ignore-space-change=b ignore-blank-lines=B " +
			"ignore-case=i ignore-matching-lines:=I text=a report-identical-files exclude:=x side-by-side! color? minimal=d normal " +
			"strip-trailing-cr show-c-function=p speed-large-files unidirectional-new-file=P",
		usage: `usage: diff [-aBbdilpTtw] [-c | -e | -f | -n | -q | -u] [--ignore-case]
            [--no-ignore-case] [--normal] [--strip-trailing-cr] [--tabsize]
            [-I pattern] [-F pattern] [-L label] file1 file2
       diff [-aBbdilpTtw] [-I pattern] [-F pattern] [-L label]
            [--ignore-case] [--no-ignore-case] [--normal] [--strip-trailing-cr]
            [--tabsize] -C number file1 file2`},
}

func cmp(p *sim.Proc, o *options) int {
	if len(o.args) < 2 || len(o.args) > 4 {
		return o.wrong(p)
	}
	skip := [2]int64{}
	for i, text := range o.args[2:] {
		n, ok := parseSize(text)
		if !ok {
			return exitWith(2, errx(p, "%s: illegal skip value", text))
		}
		skip[i] = n
	}
	if text, ok := o.get("i"); ok {
		a, b, two := strings.Cut(text, ":")
		skip[0], _ = parseSize(a)
		if skip[1] = skip[0]; two {
			skip[1], _ = parseSize(b)
		}
	}
	var readers [2]*bufio.Reader
	for i := range readers {
		r, err := open(p, o.args[i])
		if err != nil {
			if o.has("s") {
				return 2
			}
			return exitWith(2, fail(p, o.args[i], err))
		}
		defer func() { _ = r.Close() }()
		readers[i] = bufio.NewReaderSize(r, 64<<10)
		_, _ = io.CopyN(io.Discard, readers[i], skip[i])
	}
	limit := int64(-1)
	if text, ok := o.get("n"); ok {
		limit, _ = parseSize(text)
	}
	return compareBytes(p, o, readers, limit)
}

func compareBytes(p *sim.Proc, o *options, r [2]*bufio.Reader, limit int64) int {
	line, code := 1, 0
	for at := int64(1); limit < 0 || at <= limit; at++ {
		n, lines := skipAlike(r, within(limit, at))
		if at, line = at+n, line+lines; limit >= 0 && at > limit {
			return code
		}
		a, errA := r[0].ReadByte()
		b, errB := r[1].ReadByte()
		switch {
		case errA != nil && errB != nil:
			return code
		case errA != nil || errB != nil:
			if !o.has("s") {
				short := o.args[0]
				if errA == nil {
					short = o.args[1]
				}
				warnx(p, "EOF on %s", short)
			}
			return 1
		case a != b:
			switch {
			case o.has("s"):
				return 1
			case o.has("l"):
				p.Printf("%6d %3o %3o\n", at, a, b)
			case o.has("x"):
				p.Printf("%08x %02x %02x\n", at-1, a, b)
			default:
				p.Printf("%s %s differ: char %d, line %d\n", o.args[0], o.args[1], at, line)
				return 1
			}
			code = 1
		}
		if a == '\n' {
			line++
		}
	}
	return code
}

// within is how many bytes from a position on count; a negative limit means all.
func within(limit, at int64) int64 {
	if limit < 0 {
		return math.MaxInt64
	}
	return limit - at + 1
}

// skipAlike skips what both have read ahead, at most so much of it, if it is the
// same, and counts its lines: to take bytes one by one is slow.
func skipAlike(r [2]*bufio.Reader, most int64) (n int64, lines int) {
	ahead := int(min(int64(r[0].Buffered()), int64(r[1].Buffered()), most))
	a, _ := r[0].Peek(ahead)
	b, _ := r[1].Peek(ahead)
	if !bytes.Equal(a, b) {
		return 0, 0
	}
	lines = bytes.Count(a, []byte{'\n'})
	_, _ = r[0].Discard(ahead)
	_, _ = r[1].Discard(ahead)
	return int64(ahead), lines
}

// differ is one call of diff(1).
type differ struct {
	p       *sim.Proc
	o       *options
	style   byte // u, c, or 0 for the normal form
	context int
	labels  []string
	ignore  *regex
	code    int
}

func diff(p *sim.Proc, o *options) int {
	if len(o.args) != 2 {
		return o.wrong(p)
	}
	d := &differ{p: p, o: o, context: 3, labels: o.all("L")}
	for _, opt := range o.list {
		switch opt.name {
		case "u", "U":
			d.style = 'u'
		case "c", "C":
			d.style = 'c'
		case "normal":
			d.style = 0
		}
		if strings.Contains("UC", opt.name) && opt.arg != "" {
			n, err := strconv.Atoi(opt.arg)
			if err != nil || n < 0 {
				return exitWith(2, errx(p, "context length must be a non-negative number"))
			}
			d.context = n
		}
	}
	if o.has("f") || o.has("n") {
		return p.Cannot("diff -f and -n")
	}
	if pattern, ok := o.get("I"); ok {
		re, err := compileRegexp(pattern, false, false)
		if err != nil {
			return exitWith(2, errx(p, "%s: %s", pattern, err.Error()))
		}
		d.ignore = re
	}
	d.operands(o.args[0], o.args[1])
	return d.code
}

func (d *differ) trouble(what string, err error) {
	warn(d.p, what, err)
	d.code = 2
}

func (d *differ) operands(a, b string) {
	aDir, bDir := a != "-" && isDir(d.p, a), b != "-" && isDir(d.p, b)
	switch {
	case aDir && bDir:
		d.directories(a, b)
	case aDir:
		d.files(into(a, b), b)
	case bDir:
		d.files(a, into(b, a))
	default:
		d.files(a, b)
	}
}

func (d *differ) directories(a, b string) {
	left, errA := d.p.FS().ReadDir(a)
	right, errB := d.p.FS().ReadDir(b)
	if err := errors.Join(errA, errB); err != nil {
		if errA != nil {
			d.trouble(a, errA)
		} else {
			d.trouble(b, errB)
		}
		return
	}
	var names []string
	for _, list := range [][]vfs.Info{left, right} {
		for _, e := range list {
			if !slices.ContainsFunc(d.o.all("x"), func(mask string) bool { return match(mask, e.Name) }) {
				names = append(names, e.Name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		d.pair(a, b, name)
	}
}

// pair compares one name of two directories.
func (d *differ) pair(a, b, name string) {
	x, y := path.Join(a, name), path.Join(b, name)
	if strings.HasPrefix(a, "./") {
		x = "./" + x
	}
	xInfo, errX := d.p.FS().Stat(x)
	yInfo, errY := d.p.FS().Stat(y)
	newFile := d.o.hasLong("new-file") || d.o.has("N")
	switch {
	case (errX != nil || errY != nil) && newFile && xInfo.Type != vfs.TypeDir && yInfo.Type != vfs.TypeDir:
		if errX != nil {
			d.header(x, y)
			d.filesNamed(x, y, "/dev/null", y)
		} else {
			d.header(x, y)
			d.filesNamed(x, y, x, "/dev/null")
		}
	case errX != nil:
		d.only(b, name)
	case errY != nil:
		d.only(a, name)
	case xInfo.Type == vfs.TypeDir && yInfo.Type == vfs.TypeDir:
		if d.o.has("r") {
			d.directories(x, y)
		} else {
			d.p.Printf("Common subdirectories: %s and %s\n", x, y)
		}
	case xInfo.Type == vfs.TypeDir || yInfo.Type == vfs.TypeDir:
		kinds := map[bool]string{true: "directory", false: "regular file"}
		d.p.Printf("File %s is a %s while file %s is a %s\n", x, kinds[xInfo.Type == vfs.TypeDir], y, kinds[yInfo.Type == vfs.TypeDir])
		d.code = max(d.code, 1)
	default:
		d.header(x, y)
		d.files(x, y)
	}
}

// header makes files print the command line before the differences of a pair.
func (d *differ) header(x, y string) {
	if d.o.has("q") || d.sameBytes(x, y) {
		return
	}
	words := []string{"diff"}
	for _, opt := range d.o.list {
		if len(opt.name) == 1 {
			words = append(words, strings.TrimRight("-"+opt.name+" "+opt.arg, " "))
		}
	}
	d.p.Printf("%s\n", strings.Join(append(words, x, y), " "))
}

func (d *differ) only(dir, name string) {
	d.p.Printf("Only in %s: %s\n", dir, name)
	d.code = max(d.code, 1)
}

func (d *differ) sameBytes(a, b string) bool {
	x, errX := d.content(a)
	y, errY := d.content(b)
	return errX == nil && errY == nil && x == y
}

func (d *differ) content(name string) (string, error) {
	var data []byte
	err := oneInput(d.p, name, func(_ string, r io.Reader) (err error) {
		data, err = io.ReadAll(r)
		return err
	})
	return string(data), err
}

func (d *differ) files(a, b string) { d.filesNamed(a, b, a, b) }

func (d *differ) filesNamed(nameA, nameB, a, b string) {
	x, err := d.content(a)
	if err != nil {
		d.trouble(a, err)
		return
	}
	y, err := d.content(b)
	if err != nil {
		d.trouble(b, err)
		return
	}
	same := x == y || d.fold(x) == d.fold(y) && d.loose()
	switch {
	case same:
		return
	case d.o.has("q"):
		d.p.Printf("Files %s and %s differ\n", nameA, nameB)
	case !d.o.has("a") && (isBinary(x) || isBinary(y)):
		d.p.Printf("Binary files %s and %s differ\n", nameA, nameB)
	default:
		hunks := d.hunks(x, y)
		if len(hunks) == 0 {
			return
		}
		switch d.style {
		case 'u', 'c':
			d.titles(nameA, nameB)
			d.print(hunks)
		default:
			d.normal(hunks)
		}
	}
	d.code = max(d.code, 1)
}

func isBinary(s string) bool { return strings.Contains(s[:min(len(s), 8192)], "\x00") }

func (d *differ) loose() bool {
	return d.o.has("wbBi") || d.ignore != nil || d.o.hasLong("strip-trailing-cr")
}

// fold is a text as the comparing options see it, line by line.
func (d *differ) fold(text string) string {
	if !d.loose() {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = d.foldLine(line)
		if d.o.has("B") && strings.TrimSpace(line) == "" || d.ignore != nil && d.ignore.MatchString(strings.TrimSuffix(line, "\n")) {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

var blanks = lazyregexp.New(`[ \t\r\f\v]+`)

func (d *differ) foldLine(line string) string {
	body := strings.TrimSuffix(line, "\n")
	if d.o.hasLong("strip-trailing-cr") {
		body = strings.TrimSuffix(body, "\r")
	}
	switch {
	case d.o.has("w"):
		body = blanks.ReplaceAllString(body, "")
	case d.o.has("b"):
		body = strings.TrimRight(blanks.ReplaceAllString(body, " "), " ")
	}
	if d.o.has("i") {
		body = strings.ToLower(body)
	}
	return body + "\n"
}

// hunks compares two texts; lines that only the options make equal are shown as
// they are in the first.
func (d *differ) hunks(x, y string) []*udiff.Hunk {
	context := d.context
	if d.style == 0 {
		context = 0
	}
	fx, fy := x, y
	lines := d.lines(x)
	if d.loose() {
		fx, fy = d.foldLines(x), d.foldLines(y)
	}
	edits := udiff.Lines(fx, fy)
	unified, err := udiff.ToUnifiedDiff("a", "b", fx, edits, context)
	if err != nil {
		return nil
	}
	if d.loose() {
		restore(unified.Hunks, lines, d.lines(y))
	}
	if d.ignore != nil || d.o.has("B") {
		unified.Hunks = slices.DeleteFunc(unified.Hunks, d.ignorable)
	}
	return unified.Hunks
}

func (d *differ) lines(text string) []string { return slices.Collect(strings.Lines(text)) }

func (d *differ) foldLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(d.foldLine(line))
	}
	return b.String()
}

// restore puts the original lines back into hunks of folded ones.
func restore(hunks []*udiff.Hunk, from, to []string) {
	for _, h := range hunks {
		i, j := h.FromLine-1, h.ToLine-1
		for k := range h.Lines {
			l := &h.Lines[k]
			switch l.Kind {
			case udiff.Insert:
				l.Content = to[j]
				j++
			default:
				l.Content = from[i]
				i++
				if l.Kind == udiff.Equal {
					j++
				}
			}
		}
	}
}

// ignorable tells whether a hunk changes only lines that -B or -I leave out.
func (d *differ) ignorable(h *udiff.Hunk) bool {
	for _, l := range h.Lines {
		text := strings.TrimSuffix(l.Content, "\n")
		if l.Kind == udiff.Equal || d.o.has("B") && text == "" || d.ignore != nil && d.ignore.MatchString(text) {
			continue
		}
		return false
	}
	return true
}

// titles are the two lines before the hunks, with times as diff(1) prints them.
func (d *differ) titles(a, b string) {
	marks := []string{"---", "+++"}
	if d.style == 'c' {
		marks = []string{"***", "---"}
	}
	for i, name := range []string{a, b} {
		if i < len(d.labels) {
			d.p.Printf("%s %s\n", marks[i], d.labels[i])
			continue
		}
		when := d.p.Now()
		if info, err := d.p.FS().Stat(name); err == nil && name != "-" {
			when = info.MTime
		} else if err != nil {
			when = when.Add(-when.Sub(epoch))
		}
		when = when.In(zone(d.p))
		format := "%Y-%m-%d %H:%M:%S." + fmt.Sprintf("%09d", when.Nanosecond()) + " %z"
		if d.style == 'c' {
			format = "%a %b %e %H:%M:%S %Y"
		}
		d.p.Printf("%s %s\t%s\n", marks[i], name, strftime(format, when))
	}
}

const noNewline = "\n\\ No newline at end of file\n"

func ended(line string) string {
	if strings.HasSuffix(line, "\n") {
		return line
	}
	return line + noNewline
}

// span is a hunk's part of one file.
func span(h *udiff.Hunk, kind udiff.OpKind) (first, count int) {
	first = h.FromLine
	if kind == udiff.Insert {
		first = h.ToLine
	}
	for _, l := range h.Lines {
		if l.Kind == udiff.Equal || l.Kind == kind {
			count++
		}
	}
	return first, count
}

func unifiedRange(first, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", first-1)
	case 1:
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d,%d", first, count)
}

func (d *differ) print(hunks []*udiff.Hunk) {
	if d.style == 'c' {
		for _, h := range hunks {
			d.contextHunk(h)
		}
		return
	}
	sign := map[udiff.OpKind]string{udiff.Equal: " ", udiff.Insert: "+", udiff.Delete: "-"}
	for _, h := range hunks {
		d.p.Printf("@@ -%s +%s @@\n", unifiedRange(span(h, udiff.Delete)), unifiedRange(span(h, udiff.Insert)))
		for _, l := range deletionsFirst(h.Lines) {
			d.p.Printf("%s%s", sign[l.Kind], ended(l.Content))
		}
	}
}

// deletionsFirst orders each change as diff prints it: what goes before what
// comes.
func deletionsFirst(lines []udiff.Line) []udiff.Line {
	out := slices.Clone(lines)
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && out[j].Kind != udiff.Equal {
			j++
		}
		slices.SortStableFunc(out[i:j], func(a, b udiff.Line) int { return int(a.Kind) - int(b.Kind) })
		i = j + 1
	}
	return out
}

func commaRange(first, count int) string {
	switch count {
	case 0:
		return strconv.Itoa(first - 1)
	case 1:
		return strconv.Itoa(first)
	}
	return fmt.Sprintf("%d,%d", first, first+count-1)
}

func (d *differ) contextHunk(h *udiff.Hunk) {
	d.p.Printf("***************\n")
	lines := deletionsFirst(h.Lines)
	side := func(keep, other udiff.OpKind, mark string) {
		if !slices.ContainsFunc(lines, func(l udiff.Line) bool { return l.Kind == keep }) {
			return
		}
		for i, l := range lines {
			if l.Kind == other {
				continue
			}
			sign := " "
			if l.Kind == keep {
				if sign = mark; changes(lines, i) {
					sign = "!"
				}
			}
			d.p.Printf("%s %s", sign, ended(l.Content))
		}
	}
	d.p.Printf("*** %s ****\n", commaRange(span(h, udiff.Delete)))
	side(udiff.Delete, udiff.Insert, "-")
	d.p.Printf("--- %s ----\n", commaRange(span(h, udiff.Insert)))
	side(udiff.Insert, udiff.Delete, "+")
}

// changes tells whether the block of changed lines around i both removes and
// adds.
func changes(lines []udiff.Line, i int) bool {
	first, last := i, i
	for first > 0 && lines[first-1].Kind != udiff.Equal {
		first--
	}
	for last+1 < len(lines) && lines[last+1].Kind != udiff.Equal {
		last++
	}
	return lines[first].Kind != lines[last].Kind
}

// normal is the form without options: 3c3, 5a6,7, 8d7.
func (d *differ) normal(hunks []*udiff.Hunk) {
	for _, h := range hunks {
		from, gone := span(h, udiff.Delete)
		to, come := span(h, udiff.Insert)
		letter := "c"
		switch {
		case gone == 0:
			letter = "a"
		case come == 0:
			letter = "d"
		}
		d.p.Printf("%s%s%s\n", commaRange(from, gone), letter, commaRange(to, come))
		lines := deletionsFirst(h.Lines)
		for _, l := range lines {
			if l.Kind == udiff.Delete {
				d.p.Printf("< %s", ended(l.Content))
			}
		}
		if letter == "c" {
			d.p.Printf("---\n")
		}
		for _, l := range lines {
			if l.Kind == udiff.Insert {
				d.p.Printf("> %s", ended(l.Content))
			}
		}
	}
}

package base

import (
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

const (
	grepFlags = "0123456789A:B:C:D!EFGHILOPRSUVZabcd:e:f:hilm:nopqrsuvwxyz"
	grepLong  = "after-context:=A before-context:=B context?=C extended-regexp=E fixed-strings=F basic-regexp=G with-filename=H " +
		"files-without-match=L files-with-matches=l null text=a binary-files: byte-offset=b color? colour? count=c " +
		"devices! directories:=d regexp:=e file:=f no-filename=h ignore-case=i max-count:=m line-number=n only-matching=o " +
		"quiet=q silent=q recursive=r no-messages=s invert-match=v word-regexp=w line-regexp=x null-data=z " +
		"include: exclude: include-dir: exclude-dir: label: line-buffered dereference-recursive=S"
)

var grepCommands = []command{
	{name: "grep egrep fgrep rgrep zgrep zegrep zfgrep", dir: "/usr/bin", flags: grepFlags, long: grepLong, run: grep, live: true, code: 2, usage: `
usage: grep [-abcdDEFGHhIiLlmnOopqRSsUVvwxz] [-A num] [-B num] [-C num]
	[-e pattern] [-f file] [--binary-files=value] [--color=when]
	[--context=num] [--directories=action] [--label] [--line-buffered]
	[--null] [pattern] [file ...]`[1:]},
}

// grepper is one call of grep(1).
type grepper struct {
	p             *sim.Proc
	o             *options
	patterns      []*regex
	anchored      []bool // the pattern holds to the beginning of the line
	before, after int
	most          int // -m
	names         bool
	unpack        bool
	recursive     bool
	found         bool
	code          int
}

func grep(p *sim.Proc, o *options) int {
	if o.hasLong("line-buffered") {
		return grepAll(p, o)
	}
	return buffered(p, func(p *sim.Proc) int { return grepAll(p, o) })
}

func grepAll(p *sim.Proc, o *options) int {
	g := &grepper{p: p, o: o, most: math.MaxInt}
	name := progname(p)
	g.unpack = strings.HasPrefix(name, "z")
	g.recursive = o.has("rR") || name == "rgrep"
	if o.has("V") {
		p.Printf("grep (BSD grep, GNU compatible) 2.6.0-FreeBSD\n")
		return 0
	}
	if o.has("Pu") {
		return p.Cannot("%s -%s", name, o.last("Pu"))
	}
	if when, ok := o.get("color"); ok && when == "always" {
		return p.Cannot("grep --color=always")
	}
	if code := g.numbers(); code != 0 {
		return code
	}
	names, code := g.collect(strings.TrimPrefix(name, "z"))
	if code != 0 {
		return code
	}
	if len(names) == 0 {
		if names = []string{"-"}; g.recursive {
			names = []string{"."}
		}
	}
	g.names = o.last("hH") == "H" || o.last("hH") == "" && (len(names) > 1 || g.recursive)
	for _, n := range names {
		if g.operand(n) && o.has("q") {
			return 0
		}
	}
	switch {
	case g.found && (g.code == 0 || o.has("q")):
		return 0
	case g.code != 0:
		return g.code
	}
	return 1
}

func (g *grepper) numbers() int {
	digits := ""
	for _, opt := range g.o.list {
		n, err := strconv.Atoi(opt.arg)
		switch opt.name {
		case "A", "B", "C":
			if opt.name == "C" && opt.arg == "" {
				n, err = 2, nil
			}
			if err != nil || n < 0 {
				return exitWith(2, errx(g.p, "context argument must be non-negative"))
			}
			if opt.name != "B" {
				g.after = n
			}
			if opt.name != "A" {
				g.before = n
			}
		case "m":
			if err != nil {
				return exitWith(2, errx(g.p, "%s: invalid value", opt.arg))
			}
			if n >= 0 {
				g.most = n
			}
		default:
			if len(opt.name) == 1 && opt.name >= "0" && opt.name <= "9" {
				digits += opt.name
			}
		}
	}
	if digits != "" {
		n, _ := strconv.Atoi(digits)
		g.before, g.after = n, n
	}
	return 0
}

// collect compiles the patterns and returns the names of the files.
func (g *grepper) collect(name string) (names []string, code int) {
	var texts []string
	given := false
	for _, opt := range g.o.list {
		switch opt.name {
		case "e":
			given = true
			texts = append(texts, strings.Split(opt.arg, "\n")...)
		case "f":
			given = true
			lines, err := readLines(g.p, opt.arg)
			if err != nil {
				return nil, exitWith(2, fail(g.p, opt.arg, err))
			}
			texts = append(texts, lines...)
		}
	}
	names = g.o.args
	if !given {
		if len(names) == 0 {
			return nil, g.o.wrong(g.p)
		}
		texts, names = strings.Split(names[0], "\n"), names[1:]
	}
	kind := g.o.last("EFG")
	if kind == "" {
		kind = map[string]string{"egrep": "E", "fgrep": "F"}[name]
	}
	for _, text := range texts {
		if err := g.compile(text, kind); err != nil {
			return nil, exitWith(2, errx(g.p, "%s", err.Error()))
		}
	}
	return names, 0
}

func (g *grepper) compile(text, kind string) error {
	anchored := false
	if kind == "F" {
		var b strings.Builder
		for _, r := range text {
			if strings.ContainsRune(`\.[]*^$+?(){}|`, r) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		text = b.String()
	} else {
		anchored = strings.Contains(text, "^")
	}
	re, err := compileRegexp(text, kind == "E" || kind == "F", g.o.has("iy"))
	if err != nil {
		return err
	}
	g.patterns, g.anchored = append(g.patterns, re), append(g.anchored, anchored)
	return nil
}

// operand searches a file, or a tree with -r.
func (g *grepper) operand(name string) bool {
	if name == "-" {
		label, ok := g.o.get("label")
		if !ok {
			label = "(standard input)"
		}
		return g.input(label, g.p.Stdin)
	}
	info, err := g.p.FS().Stat(name)
	if err != nil {
		g.complain(name, err)
		return false
	}
	if info.Type != vfs.TypeDir {
		if g.recursive && !g.chosen(name) {
			return false
		}
		return g.file(name)
	}
	if how, _ := g.o.get("d"); how == "skip" {
		return false
	}
	if !g.recursive {
		g.complainText(name, "Is a directory")
		return false
	}
	return g.tree(name)
}

func (g *grepper) tree(dir string) bool {
	entries, err := g.p.FS().ReadDir(dir)
	if err != nil {
		g.complain(dir, err)
		return false
	}
	hit := false
	for _, e := range entries {
		name := strings.TrimRight(dir, "/") + "/" + e.Name
		if e.Type == vfs.TypeLink && g.o.has("S") {
			if followed, err := g.p.FS().Stat(name); err == nil {
				e = followed
			}
		}
		switch {
		case e.Type == vfs.TypeDir && g.skipsDir(name):
		case e.Type == vfs.TypeDir:
			hit = g.tree(name) || hit
		case e.Type == vfs.TypeFile && g.chosen(name):
			hit = g.file(name) || hit
		}
		if hit && g.o.has("q") {
			return true
		}
	}
	return hit
}

func (g *grepper) skipsDir(name string) bool {
	return slices.ContainsFunc(g.o.all("exclude-dir"), func(mask string) bool {
		return match(strings.TrimRight(mask, "/"), baseName(name)) || match(mask, name)
	})
}

// chosen applies --include and --exclude; the last that fits decides.
func (g *grepper) chosen(name string) bool {
	ok := len(g.o.all("include")) == 0
	for _, opt := range g.o.list {
		if (opt.name == "include" || opt.name == "exclude") && (match(opt.arg, baseName(name)) || match(opt.arg, name)) {
			ok = opt.name == "include"
		}
	}
	return ok
}

func (g *grepper) complain(name string, err error) { g.complainText(name, sim.ErrText(err)) }

func (g *grepper) complainText(name, text string) {
	if !g.o.has("s") {
		warnx(g.p, "%s: %s", name, text)
	}
	g.code = 2
}

func (g *grepper) file(name string) bool {
	r, err := openFile(g.p, name)
	if err != nil {
		g.complain(name, err)
		return false
	}
	defer func() { _ = r.Close() }()
	return g.input(name, r)
}

// input searches one input and tells whether something was selected.
func (g *grepper) input(name string, r io.Reader) bool {
	if g.unpack {
		plain, err := decompress(r)
		if err != nil {
			g.complainText(name, err.Error())
			return false
		}
		r = plain
	}
	s := &search{grepper: g, name: name, lastShown: -1}
	if err := s.run(r); err != nil {
		g.complain(name, err)
	}
	s.summary()
	hit := s.count > 0
	g.found = g.found || hit
	return hit
}

// search is the search of one input.
type search struct {
	*grepper
	name      string
	count     int
	number    int // of the current line
	offset    int // of its first byte
	binary    bool
	held      []string // lines before, for -B
	pending   int      // lines still to show after a match
	lastShown int      // line number
}

func (s *search) run(r io.Reader) error {
	quietly := s.o.has("qlL")
	if !s.o.has("a") && !s.o.has("z") {
		head, whole := sniff(r, 8192)
		s.binary = strings.Contains(string(head), "\x00")
		r = whole
		if s.binary && s.o.has("I") {
			return nil
		}
	}
	lines := newLines(r)
	if s.o.has("z") {
		return s.runNull(r)
	}
	for {
		line, newline, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		done := s.line(line, quietly)
		s.offset += len(line)
		if newline {
			s.offset++
		}
		if done || s.p.Context.Err() != nil {
			return nil
		}
	}
}

func (s *search) runNull(r io.Reader) error {
	data, err := io.ReadAll(r)
	for part := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00"), "\x00") {
		if s.line(part, s.o.has("qlL")) {
			break
		}
	}
	return err
}

// line handles one line; true ends the search of this input.
func (s *search) line(line string, quietly bool) bool {
	s.number++
	if s.count >= s.most && s.pending == 0 {
		return true
	}
	selected := s.count < s.most && s.selects(line) != s.o.has("v")
	switch {
	case selected:
		s.count++
		switch {
		case quietly:
			return true
		case s.o.has("c"):
		case s.binary:
			s.p.Printf("Binary file %s matches\n", s.name)
			return true
		default:
			s.showBefore()
			s.show(line, ':')
			s.pending = s.after
		}
	case s.pending > 0:
		s.pending--
		if !s.o.has("c") {
			s.show(line, '-')
		}
	case s.before > 0:
		if s.held = append(s.held, line); len(s.held) > s.before {
			s.held = s.held[1:]
		}
	}
	return false
}

func (s *search) showBefore() {
	if s.before+s.after > 0 && s.lastShown >= 0 && s.lastShown < s.number-len(s.held)-1 && !s.o.has("o") {
		s.p.Printf("--\n")
	}
	number := s.number
	for i, line := range s.held {
		s.number = number - len(s.held) + i
		s.show(line, '-')
	}
	s.number, s.held = number, nil
}

func (s *search) show(line string, mark byte) {
	s.lastShown = s.number
	if s.o.has("o") {
		if mark == ':' && !s.o.has("v") {
			for _, m := range s.matches(line) {
				if m[1] > m[0] {
					s.print(line[m[0]:m[1]], mark, s.offset+m[0])
				}
			}
		}
		return
	}
	s.print(line, mark, s.offset)
}

func (s *search) print(text string, mark byte, offset int) {
	if s.names {
		if s.o.hasLong("null") || s.o.has("Z") {
			s.p.Printf("%s\x00", s.name)
		} else {
			s.p.Printf("%s%c", s.name, mark)
		}
	}
	if s.o.has("n") {
		s.p.Printf("%d%c", s.number, mark)
	}
	if s.o.has("b") {
		s.p.Printf("%d%c", offset, mark)
	}
	end := "\n"
	if s.o.has("z") {
		end = "\x00"
	}
	s.p.Printf("%s%s", text, end)
}

// summary is what -c, -l and -L print.
func (s *search) summary() {
	end := "\n"
	if s.o.hasLong("null") || s.o.has("Z") {
		end = "\x00"
	}
	switch {
	case s.o.has("q"):
	case s.o.has("l") && s.count > 0, s.o.has("L") && s.count == 0:
		s.p.Printf("%s%s", s.name, end)
	case s.o.has("c") && !s.o.has("lL"):
		if s.names {
			s.p.Printf("%s:", s.name)
		}
		s.p.Printf("%d\n", s.count)
	}
}

func (s *search) selects(line string) bool {
	if !s.o.has("wx") {
		return slices.ContainsFunc(s.patterns, func(re *regex) bool { return re.MatchString(line) })
	}
	return len(s.matches(line)) > 0
}

// matches are the parts of a line that count, from left to right.
func (s *search) matches(line string) [][2]int {
	var found [][2]int
	for i, re := range s.patterns {
		if s.o.has("x") {
			if re.whole(line) {
				found = append(found, [2]int{0, len(line)})
			}
			continue
		}
		if s.o.has("w") {
			found = append(found, words(re, line, s.anchored[i])...)
			continue
		}
		for _, m := range re.all(line, -1) {
			found = append(found, [2]int{m[0], m[1]})
		}
	}
	if len(s.patterns) == 1 {
		return found
	}
	slices.SortStableFunc(found, func(a, b [2]int) int {
		if a[0] != b[0] {
			return a[0] - b[0]
		}
		return b[1] - a[1]
	})
	var apart [][2]int
	end := -1
	for _, m := range found {
		if m[0] >= end {
			apart = append(apart, m)
			end = m[1]
		}
	}
	return apart
}

// words are the matches that no word character touches.
func words(re *regex, line string, anchored bool) [][2]int {
	var found [][2]int
	for at := 0; at <= len(line); {
		m := re.first(line[at:])
		if m == nil || anchored && at > 0 {
			break
		}
		from, to := at+m[0], at+m[1]
		before, _ := utf8.DecodeLastRuneInString(line[:from])
		after, size := utf8.DecodeRuneInString(line[to:])
		if !(from > 0 && isWordRune(before)) && !(size > 0 && isWordRune(after)) {
			found = append(found, [2]int{from, to})
			at = max(to, from+1)
			continue
		}
		at = from + 1
	}
	return found
}

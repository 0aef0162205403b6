package base

import (
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"bsdrun/runtime/sim"
)

var sortCommands = []command{
	{name: "sort", dir: "/usr/bin", flags: "bcCdfghik:Mmno:RrS:st:T:uVz", code: 2, run: sortCommand,
		long: "check? reverse=r unique=u key:=k field-separator:=t output:=o numeric-sort=n human-numeric-sort=h " +
			"general-numeric-sort=g version-sort=V month-sort=M ignore-case=f dictionary-order=d ignore-leading-blanks=b ignore-nonprinting=i " +
			"merge=m stable=s zero-terminated=z random-sort=R parallel: buffer-size:=S temporary-directory:=T " +
			"batch-size: mergesort qsort heapsort radixsort mmap human-sort=h sort! files0-from! random-source! compress-program! debug!",
		usage: "usage: sort [-bcCdfigMmnrsuz] [-kPOS1[,POS2] ... ] [+POS1 [-POS2]] [-S memsize] [-T tmpdir] [-t separator] [-o outfile] [--batch-size size] [--files0-from file] ... [file ...]"},
	{name: "uniq", dir: "/usr/bin", flags: "cdDf:is:u", long: "count=c repeated=d ignore-case=i skip-fields:=f skip-chars:=s unique=u all-repeated?=D", run: uniq,
		usage: "usage: uniq [-c | -d | -D | -u] [-i] [-f fields] [-s chars] [input [output]]"},
	{name: "comm", dir: "/usr/bin", flags: "123i", run: comm, usage: "usage: comm [-123i] file1 file2"},
	{name: "join", dir: "/usr/bin", flags: "a:e:v:o:t:1:2:j:", run: join,
		usage: "usage: join [-a fileno | -v fileno ] [-e string] [-1 field] [-2 field]\n            [-o list] [-t char] file1 file2"},
	{name: "tsort", dir: "/usr/bin", flags: "dlq", run: tsort, usage: "usage: tsort [-dlq] [file]"},
}

// sortKey is one -k of sort(1), or the whole line.
type sortKey struct {
	fromField, fromChar int // from 1
	toField, toChar     int // toField 0: the end of the line
	skipFrom, skipTo    bool
	mods                string // of bdfgiMnrRVh
	own                 bool   // has its own modifiers
}

// sorter is one call of sort(1).
type sorter struct {
	keys      []sortKey
	global    string
	separator string
	unique    bool
	stable    bool
}

func sortCommand(p *sim.Proc, o *options) int {
	s := &sorter{unique: o.has("u"), stable: o.has("s")}
	for _, opt := range o.list {
		if len(opt.name) == 1 && strings.Contains("bdfgiMnrRVh", opt.name) {
			s.global += opt.name
		}
	}
	if strings.Contains(s.global, "R") {
		return p.Cannot("sort -R")
	}
	if sep, ok := o.get("t"); ok {
		if sep == `\0` {
			sep = "\x00"
		}
		if len([]rune(sep)) != 1 {
			return exitWith(2, errx(p, "Incorrect field separator: %s", sep))
		}
		s.separator = sep
	}
	for _, spec := range o.all("k") {
		key, ok := parseKey(spec)
		if !ok {
			return exitWith(2, errx(p, "Invalid key field specification: %s", spec))
		}
		s.keys = append(s.keys, key)
	}
	lines, code := sortInput(p, o)
	if code != 0 {
		return code
	}
	if o.has("cC") || o.hasLong("check") {
		return s.check(p, o, lines)
	}
	slices.SortStableFunc(lines, s.compare)
	if s.unique {
		lines = slices.CompactFunc(lines, func(a, b string) bool { return s.compareKeys(a, b) == 0 })
	}
	return sortOutput(p, o, lines)
}

func ending(o *options) string {
	if o.has("z") {
		return "\x00"
	}
	return "\n"
}

func sortInput(p *sim.Proc, o *options) ([]string, int) {
	var lines []string
	names := o.args
	if len(names) == 0 {
		names = []string{"-"}
	}
	end := ending(o)
	for _, name := range names {
		err := oneInput(p, name, func(_ string, r io.Reader) error {
			data, err := io.ReadAll(r)
			if len(data) > 0 {
				lines = append(lines, strings.Split(strings.TrimSuffix(string(data), end), end)...)
			}
			return err
		})
		if err != nil {
			p.Errorf("sort: cannot read: %s: %s\n", name, sim.ErrText(err))
			return nil, 2
		}
	}
	return lines, 0
}

func sortOutput(p *sim.Proc, o *options, lines []string) int {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l + ending(o))
	}
	if out, ok := o.get("o"); ok {
		if err := p.FS().WriteFile(out, []byte(b.String()), 0o666); err != nil {
			p.Errorf("sort: %s: %s\n", out, sim.ErrText(err))
			return 2
		}
		return 0
	}
	p.Printf("%s", b.String())
	return 0
}

func (s *sorter) check(p *sim.Proc, o *options, lines []string) int {
	for i := 1; i < len(lines); i++ {
		c := s.compare(lines[i-1], lines[i])
		if c > 0 || c == 0 && s.unique {
			if how, _ := o.get("check"); !o.has("C") && !isOneOf(how, "silent", "quiet") {
				name := "-"
				if len(o.args) > 0 {
					name = o.args[0]
				}
				p.Errorf("sort: %s:%d: disorder: %s\n", name, i+1, lines[i])
			}
			return 1
		}
	}
	return 0
}

// parseKey reads F[.C][mods][,F[.C][mods]].
func parseKey(spec string) (sortKey, bool) {
	from, to, hasTo := strings.Cut(spec, ",")
	k := sortKey{}
	var mods string
	var ok bool
	if k.fromField, k.fromChar, mods, ok = parsePos(from, 1); !ok || k.fromField < 1 || k.fromChar < 1 {
		return k, false
	}
	k.skipFrom = strings.Contains(mods, "b")
	k.mods = mods
	if hasTo {
		if k.toField, k.toChar, mods, ok = parsePos(to, 0); !ok || k.toField < 1 {
			return k, false
		}
		k.skipTo = strings.Contains(mods, "b")
		k.mods += mods
	}
	k.own = k.mods != ""
	return k, true
}

func parsePos(s string, char int) (field, c int, mods string, ok bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsLetter(r) })
	if i < 0 {
		i = len(s)
	}
	mods = s[i:]
	f, ch, dotted := strings.Cut(s[:i], ".")
	field, err := strconv.Atoi(f)
	if err != nil || strings.Trim(mods, "bdfgiMnrRVh") != "" {
		return 0, 0, "", false
	}
	if c = char; dotted {
		if c, err = strconv.Atoi(ch); err != nil {
			return 0, 0, "", false
		}
	}
	return field, c, mods, true
}

// fieldStarts finds where each field begins and ends. Without a separator the
// blanks before a field belong to it.
func (s *sorter) fields(line string) [][2]int {
	var f [][2]int
	if s.separator != "" {
		at := 0
		for part := range strings.SplitSeq(line, s.separator) {
			f = append(f, [2]int{at, at + len(part)})
			at += len(part) + len(s.separator)
		}
		return f
	}
	for i := 0; i < len(line); {
		start := i
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		for i < len(line) && !isBlank(line[i]) {
			i++
		}
		f = append(f, [2]int{start, i})
	}
	return f
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// cut takes a key out of a line.
func (s *sorter) cut(line string, k sortKey) string {
	f := s.fields(line)
	if k.fromField > len(f) {
		return ""
	}
	skip := func(at, end int, on bool) int {
		for on && at < end && isBlank(line[at]) {
			at++
		}
		return at
	}
	global := !k.own && strings.Contains(s.global, "b")
	start := skip(f[k.fromField-1][0], len(line), k.skipFrom || global) + k.fromChar - 1
	end := len(line)
	if k.toField > 0 && k.toField <= len(f) {
		span := f[k.toField-1]
		if end = span[1]; k.toChar > 0 {
			end = min(skip(span[0], span[1], k.skipTo || global)+k.toChar, span[1])
		}
	}
	if start >= end {
		return ""
	}
	return line[start:end]
}

func (s *sorter) compareKeys(a, b string) int {
	if len(s.keys) == 0 {
		return compareBy(a, b, s.global)
	}
	for _, k := range s.keys {
		mods := k.mods
		if !k.own {
			mods = s.global
		}
		if c := compareBy(s.cut(a, k), s.cut(b, k), mods); c != 0 {
			return c
		}
	}
	return 0
}

func (s *sorter) compare(a, b string) int {
	c := s.compareKeys(a, b)
	if c != 0 || s.stable || s.unique {
		return c
	}
	if c = strings.Compare(a, b); strings.Contains(s.global, "r") {
		c = -c
	}
	return c
}

func compareBy(a, b, mods string) int {
	has := func(m string) bool { return strings.Contains(mods, m) }
	c := 0
	switch {
	case has("n"):
		c = compareNumeric(a, b)
	case has("g"):
		c = compareFloat(a, b)
	case has("h"):
		c = compareHuman(a, b)
	case has("M"):
		c = monthOf(a) - monthOf(b)
	case has("V"):
		c = compareVersion(a, b)
	default:
		c = strings.Compare(foldKey(a, mods), foldKey(b, mods))
	}
	if has("r") {
		return -c
	}
	return c
}

func foldKey(s, mods string) string {
	if mods == "" {
		return s
	}
	if strings.Contains(mods, "b") {
		s = strings.TrimLeft(s, " \t")
	}
	if strings.ContainsAny(mods, "di") {
		s = strings.Map(func(r rune) rune {
			if strings.Contains(mods, "d") && !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' && r != '\t' || !unicode.IsPrint(r) {
				return -1
			}
			return r
		}, s)
	}
	if strings.Contains(mods, "f") {
		s = strings.ToUpper(s)
	}
	return s
}

// numberPrefix is the leading decimal number of a key: sign, digits, fraction.
func numberPrefix(s string) (number, rest string) {
	s = strings.TrimLeft(s, " \t")
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	for dot := false; i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.' && !dot); i++ {
		dot = dot || s[i] == '.'
	}
	return s[:i], s[i:]
}

func decimal(s string) *big.Rat {
	number, _ := numberPrefix(s)
	r, ok := new(big.Rat).SetString(strings.TrimSuffix(number, "."))
	if !ok {
		return new(big.Rat)
	}
	return r
}

func compareNumeric(a, b string) int {
	x, _ := numberPrefix(a)
	y, _ := numberPrefix(b)
	if len(x) < 16 && len(y) < 16 {
		f, _ := strconv.ParseFloat(x, 64)
		g, _ := strconv.ParseFloat(y, 64)
		return compareOrdered(f, g)
	}
	return decimal(a).Cmp(decimal(b))
}

func compareOrdered(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compareFloat(a, b string) int { return compareOrdered(leadingFloat(a), leadingFloat(b)) }

// leadingFloat is strtod(3).
func leadingFloat(s string) float64 {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	for n := len(s); n > 0; n-- {
		if f, err := strconv.ParseFloat(s[:n], 64); err == nil && !strings.ContainsAny(s[:n], "_") {
			return f
		}
	}
	return 0
}

func compareHuman(a, b string) int {
	rank := func(s string) int {
		_, rest := numberPrefix(s)
		if rest == "" {
			return 0
		}
		return strings.IndexByte(" KMGTPEZY", strings.ToUpper(rest[:1])[0])
	}
	if c := max(rank(a), 0) - max(rank(b), 0); c != 0 {
		if decimal(a).Sign() < 0 && decimal(b).Sign() < 0 {
			return -c
		}
		return c
	}
	return compareNumeric(a, b)
}

func monthOf(s string) int {
	s = strings.ToUpper(strings.TrimLeft(s, " \t"))
	if len(s) < 3 {
		return -1
	}
	i := strings.Index("JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC", s[:3])
	if i%3 != 0 {
		return -1
	}
	return i
}

// compareVersion orders digits by value and letters before other characters, as
// sort -V does.
func compareVersion(a, b string) int {
	order := func(s string) int {
		switch {
		case s == "" || s[0] >= '0' && s[0] <= '9':
			return 0
		case s[0] == '~':
			return -1
		case unicode.IsLetter(rune(s[0])):
			return int(s[0])
		}
		return int(s[0]) + 256
	}
	digits := func(s string) (string, string) {
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return strings.TrimLeft(s[:i], "0"), s[i:]
	}
	for a != "" || b != "" {
		for a != "" && (a[0] < '0' || a[0] > '9') || b != "" && (b[0] < '0' || b[0] > '9') {
			if x, y := order(a), order(b); x != y {
				return x - y
			}
			a, b = a[min(1, len(a)):], b[min(1, len(b)):]
		}
		var x, y string
		x, a = digits(a)
		y, b = digits(b)
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

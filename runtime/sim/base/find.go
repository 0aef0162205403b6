package base

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var findCommands = []command{
	{name: "find", dir: "/usr/bin", flags: raw, run: find, live: true, usage: `
usage: find [-H | -L | -P] [-EXdsx] [-f path] path ... [expression]
       find [-H | -L | -P] [-EXdsx] -f path [path ...] [expression]`[1:]},
}

// finder is one call of find(1).
type finder struct {
	p          *sim.Proc
	follow     string // H, L or P
	extended   bool
	depthFirst bool
	sorted     bool
	oneFS      bool
	safe       bool // -X
	minDepth   int
	maxDepth   int
	expr       predicate
	acts       bool // an action was given, so -print is not added
	batches    []*execBatch
	code       int
	quit       bool
}

// found is the file an expression looks at.
type found struct {
	path  string
	depth int
	prune bool
	vfs.Info
}

type predicate func(f *found) bool

func find(p *sim.Proc, o *options) int {
	f := &finder{p: p, follow: "P", maxDepth: 1 << 30}
	paths, rest, code := f.paths(o)
	if code != 0 {
		return code
	}
	parser := &findParser{finder: f, args: rest}
	expr, err := parser.parse()
	if err != nil {
		if errors.Is(err, errFindCannot) {
			return p.Cannot("find %s", parser.failed)
		}
		return errx(p, "%s", err.Error())
	}
	f.expr = expr
	if !f.acts {
		f.expr = func(at *found) bool {
			if expr(at) {
				p.Printf("%s\n", at.path)
				return true
			}
			return false
		}
	}
	return buffered(p, func(quick *sim.Proc) int {
		f.p.Stdout = quick.Stdout
		for _, start := range paths {
			f.start(start)
		}
		for _, b := range f.batches {
			b.flush()
		}
		return f.code
	})
}

// paths reads the options and the starting points.
func (f *finder) paths(o *options) (paths, rest []string, code int) {
	args := o.args
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' && strings.Trim(args[0][1:], "HLPEXdsxf") == "" && args[0] != "-f" {
		for _, letter := range args[0][1:] {
			switch letter {
			case 'H', 'L', 'P':
				f.follow = string(letter)
			case 'E':
				f.extended = true
			case 'X':
				f.safe = true
			case 'd':
				f.depthFirst = true
			case 's':
				f.sorted = true
			case 'x':
				f.oneFS = true
			default:
				return nil, nil, o.wrong(f.p)
			}
		}
		args = args[1:]
	}
	for len(args) > 1 && args[0] == "-f" {
		paths, args = append(paths, args[1]), args[2:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	for len(args) > 0 && args[0] != "(" && args[0] != ")" && args[0] != "!" && !strings.HasPrefix(args[0], "-") {
		paths, args = append(paths, args[0]), args[1:]
	}
	if len(paths) == 0 && linux(f.p) {
		paths = []string{"."}
	}
	if len(paths) == 0 {
		return nil, nil, o.wrong(f.p)
	}
	return paths, args, 0
}

func (f *finder) warn(what string, err error) {
	warn(f.p, what, err)
	f.code = 1
}

func (f *finder) start(name string) {
	stat := f.p.FS().Lstat
	if f.follow != "P" {
		stat = f.p.FS().Stat
	}
	info, err := stat(name)
	if err != nil && f.follow != "P" {
		info, err = f.p.FS().Lstat(name)
	}
	if err != nil {
		f.warn(name, err)
		return
	}
	f.visit(&found{path: name, Info: info}, info.Dev)
}

func (f *finder) visit(at *found, dev int) {
	if f.quit || f.p.Context.Err() != nil {
		return
	}
	look := func() {
		if at.depth >= f.minDepth && at.depth <= f.maxDepth {
			f.expr(at)
		}
	}
	if !f.depthFirst {
		look()
	}
	if at.Type == vfs.TypeDir && !(at.prune && !f.depthFirst) && at.depth < f.maxDepth && !(f.oneFS && at.Dev != dev) {
		f.children(at, dev)
	}
	if f.depthFirst {
		look()
	}
}

func (f *finder) children(at *found, dev int) {
	entries, err := f.p.FS().ReadDir(at.path)
	if err != nil {
		if !notExist(err) {
			f.warn(at.path, err)
		}
		return
	}
	if f.sorted {
		slices.SortFunc(entries, func(a, b vfs.Info) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, e := range entries {
		name := at.path + "/" + e.Name
		if strings.HasSuffix(at.path, "/") {
			name = at.path + e.Name
		}
		if f.follow == "L" && e.Type == vfs.TypeLink {
			if followed, err := f.p.FS().Stat(name); err == nil {
				e = followed
			}
		}
		f.visit(&found{path: name, depth: at.depth + 1, Info: e}, dev)
	}
}

// execBatch gathers the names of -exec ... {} +.
type execBatch struct {
	f     *finder
	argv  []string
	names []string
	dir   string
}

func (b *execBatch) add(name string) {
	if b.names = append(b.names, name); len(b.names) >= 5000 {
		b.flush()
	}
}

func (b *execBatch) flush() {
	if len(b.names) == 0 {
		return
	}
	if b.f.run(b.dir, append(slices.Clone(b.argv), b.names...)) != 0 {
		b.f.code = 1
	}
	b.names = nil
}

// run starts a program of -exec, after what was printed so far.
func (f *finder) run(dir string, argv []string) int {
	if w, ok := f.p.Stdout.(interface{ Flush() error }); ok {
		_ = w.Flush()
	}
	child := *f.p
	child.Dir = f.p.FS().Abs(dir)
	return runFound(&child, argv)
}

// fileAge is a file's age rounded up to whole units, as find compares it.
func (f *finder) fileAge(t time.Time, unit time.Duration) int64 {
	return int64((f.p.Now().Sub(t) + unit - 1) / unit)
}

// numeric reads [+-]n and compares with it.
func numeric(text string) (func(n int64) bool, string, bool) {
	sign := byte(0)
	if text != "" && (text[0] == '+' || text[0] == '-') {
		sign, text = text[0], text[1:]
	}
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	want, err := strconv.ParseInt(text[:i], 10, 64)
	if err != nil {
		return nil, "", false
	}
	return func(n int64) bool {
		switch sign {
		case '+':
			return n > want
		case '-':
			return n < want
		}
		return n == want
	}, text[i:], true
}

// ageUnits are find's suffixes of -mtime.
var ageUnits = map[string]time.Duration{
	"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

func (f *finder) mtime(text string) (predicate, bool) {
	compare, suffix, ok := numeric(text)
	if !ok {
		return nil, false
	}
	if suffix == "" {
		return func(at *found) bool { return compare(f.fileAge(at.MTime, 24*time.Hour)) }, true
	}
	total, compareAt, ok := ageSum(text)
	if !ok {
		return nil, false
	}
	return func(at *found) bool { return compareAt(f.p.Now().Sub(at.MTime), total) }, true
}

// ageSum reads -1h30m and the like, which is compared exactly.
func ageSum(text string) (total time.Duration, compare func(age, want time.Duration) bool, ok bool) {
	compare = func(age, want time.Duration) bool { return age.Truncate(time.Second) == want }
	switch {
	case strings.HasPrefix(text, "+"):
		text, compare = text[1:], func(age, want time.Duration) bool { return age > want }
	case strings.HasPrefix(text, "-"):
		text, compare = text[1:], func(age, want time.Duration) bool { return age < want }
	}
	for text != "" {
		i := strings.IndexAny(text, "smhdw")
		if i < 1 {
			return 0, nil, false
		}
		n, err := strconv.Atoi(text[:i])
		if err != nil {
			return 0, nil, false
		}
		total += time.Duration(n) * ageUnits[text[i:i+1]]
		text = text[i+1:]
	}
	return total, compare, true
}

func findSize(text string) (predicate, bool) {
	compare, suffix, ok := numeric(text)
	if !ok {
		return nil, false
	}
	scale, ok := map[string]int64{"": 0, "c": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}[suffix]
	if !ok {
		return nil, false
	}
	if scale == 0 {
		return func(at *found) bool { return compare((at.Size + 511) / 512) }, true
	}
	return func(at *found) bool { return compare((at.Size + scale - 1) / scale) }, true
}

func findPerm(text string) (predicate, bool) {
	kind := byte(0)
	if text != "" && (text[0] == '-' || text[0] == '+' || text[0] == '/') {
		kind, text = text[0], text[1:]
	}
	change, err := parseMode(text, 0)
	if err != nil {
		return nil, false
	}
	want := change(0, false)
	return func(at *found) bool {
		switch kind {
		case '-':
			return at.Mode&want == want
		case '+', '/':
			return at.Mode&want != 0
		}
		return at.Mode == want
	}, true
}

// match is fnmatch(3) without FNM_PATHNAME: '*' also matches a slash.
func match(pattern, name string) bool {
	re, err := globRegexp(pattern)
	return err == nil && re.MatchString(name)
}

func baseName(name string) string {
	if b := path.Base(name); name != "" {
		return b
	}
	return name
}

package base

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// findParser reads find's expression: primaries joined by -and, -or, !, ( ) and
// the comma's absence.
type findParser struct {
	*finder
	args   []string
	failed string // the primary that is not modelled
}

var errFindCannot = errors.New("not modelled")

func (fp *findParser) parse() (predicate, error) {
	if len(fp.args) == 0 {
		return func(*found) bool { return true }, nil
	}
	expr, err := fp.or()
	if err == nil && len(fp.args) > 0 {
		if fp.args[0] == ")" {
			err = errors.New("): no beginning '('")
		} else {
			err = fmt.Errorf("%s: unknown primary or operator", fp.args[0])
		}
	}
	return expr, err
}

func (fp *findParser) or() (predicate, error) {
	left, err := fp.and()
	for err == nil && fp.take("-o", "-or") {
		var right predicate
		if right, err = fp.and(); err == nil {
			l := left
			left = func(f *found) bool { return l(f) || !fp.quit && right(f) }
		}
	}
	return left, err
}

func (fp *findParser) and() (predicate, error) {
	left, err := fp.not()
	for err == nil && len(fp.args) > 0 && !isOneOf(fp.args[0], "-o", "-or", ")") {
		fp.take("-a", "-and")
		var right predicate
		if right, err = fp.not(); err == nil {
			l := left
			left = func(f *found) bool { return l(f) && right(f) }
		}
	}
	return left, err
}

func (fp *findParser) not() (predicate, error) {
	if fp.take("!", "-not") {
		if len(fp.args) == 0 {
			return nil, errors.New("!: no following expression")
		}
		inner, err := fp.not()
		return func(f *found) bool { return !inner(f) }, err
	}
	if fp.take("(") {
		if fp.take(")") {
			return nil, errors.New("(): empty inner expression")
		}
		inner, err := fp.or()
		if err == nil && !fp.take(")") {
			err = errors.New("(: missing closing ')'")
		}
		return inner, err
	}
	return fp.primary()
}

func isOneOf(s string, words ...string) bool {
	for _, w := range words {
		if s == w {
			return true
		}
	}
	return false
}

func (fp *findParser) take(words ...string) bool {
	if len(fp.args) > 0 && isOneOf(fp.args[0], words...) {
		fp.args = fp.args[1:]
		return true
	}
	return false
}

func (fp *findParser) primary() (predicate, error) {
	if len(fp.args) == 0 {
		return nil, errors.New("-o: no expression after -o")
	}
	name := fp.args[0]
	fp.args = fp.args[1:]
	if plain, ok := fp.plain(name); ok {
		return plain, nil
	}
	if isOneOf(name, "-exec", "-execdir", "-ok", "-okdir") {
		return fp.exec(name)
	}
	with, ok := findPrimaries[name]
	if linux(fp.p) {
		switch {
		case name == "-printf":
			with, ok = findPrintf, true
		case !ok && !isOneOf(name, findUnmodelled...):
			return nil, fmt.Errorf("unknown predicate `%s'", name)
		}
	}
	if !ok {
		if isOneOf(name, findUnmodelled...) {
			fp.failed = name
			return nil, errFindCannot
		}
		return nil, fmt.Errorf("%s: unknown primary or operator", name)
	}
	if len(fp.args) == 0 {
		return nil, fmt.Errorf("%s: requires additional arguments", name)
	}
	arg := fp.args[0]
	fp.args = fp.args[1:]
	return with(fp.finder, name, arg)
}

// findUnmodelled are find's primaries that the machine does not model.
var findUnmodelled = []string{"-acl", "-fprint", "-fls", "-fprintf", "-printf", "-xattr", "-xattrname"}

// plain are the primaries without an argument.
func (fp *findParser) plain(name string) (predicate, bool) {
	f := fp.finder
	yes := func(*found) bool { return true }
	switch name {
	case "-print":
		f.acts = true
		return func(at *found) bool { f.p.Printf("%s\n", at.path); return true }, true
	case "-print0":
		f.acts = true
		return func(at *found) bool { f.p.Printf("%s\x00", at.path); return true }, true
	case "-prune":
		return func(at *found) bool { at.prune = true; return true }, true
	case "-quit":
		f.acts = true
		return func(*found) bool { f.quit = true; return false }, true
	case "-ls":
		f.acts = true
		return func(at *found) bool { f.listLong(at); return true }, true
	case "-delete":
		f.acts, f.depthFirst = true, true
		return f.delete, true
	case "-depth":
		// "-depth n" tests the level, see find(1).
		if len(fp.args) > 0 {
			if compare, rest, ok := numeric(fp.args[0]); ok && rest == "" {
				fp.args = fp.args[1:]
				return func(at *found) bool { return compare(int64(at.depth)) }, true
			}
		}
		f.depthFirst = true
		return yes, true
	case "-xdev", "-x", "-mount":
		f.oneFS = true
		return yes, true
	case "-follow":
		f.follow = "L"
		return yes, true
	case "-noleaf", "-ignore_readdir_race", "-warn", "-nowarn", "-noignore_readdir_race":
		return yes, true
	case "-true":
		return yes, true
	case "-false":
		return func(*found) bool { return false }, true
	case "-empty":
		return func(at *found) bool {
			if at.Type == vfs.TypeDir {
				entries, err := f.p.FS().ReadDir(at.path)
				return err == nil && len(entries) == 0
			}
			return at.Type == vfs.TypeFile && at.Size == 0
		}, true
	case "-sparse":
		return func(at *found) bool { return at.Type == vfs.TypeFile && at.Blocks < (at.Size+511)/512 }, true
	case "-nouser":
		return func(at *found) bool { _, ok := userByID(f.p, at.UID); return !ok }, true
	case "-nogroup":
		return func(at *found) bool { _, ok := groupByID(f.p, at.GID); return !ok }, true
	case "-readable":
		return func(at *found) bool { return f.p.FS().Access(at.path, vfs.R) == nil }, true
	case "-writable":
		return func(at *found) bool { return f.p.FS().Access(at.path, vfs.W) == nil }, true
	case "-executable":
		return func(at *found) bool { return f.p.FS().Access(at.path, vfs.X) == nil }, true
	}
	return nil, false
}

func (f *finder) delete(at *found) bool {
	if at.path == "." || at.path == ".." {
		return true
	}
	if strings.Contains(at.path, "/../") || strings.HasPrefix(at.path, "../") {
		warnx(f.p, "-delete: %s: relative path potentially not safe", at.path)
		f.code, f.quit = 1, true
		return false
	}
	if err := f.p.FS().Remove(at.path); err != nil {
		warn(f.p, "-delete: unlink("+at.path+")", err)
		f.code = 1
	}
	return true
}

// listLong is -ls.
func (f *finder) listLong(at *found) {
	name := at.path
	if at.Type == vfs.TypeLink {
		name += " -> " + at.Target
	}
	when := at.MTime.In(zone(f.p))
	stamp := strftime("%b %e  %Y", when)
	if age := f.p.Now().Sub(when); age < halfYear && age > -halfYear {
		stamp = strftime("%b %e %H:%M", when)
	}
	f.p.Printf("%6d %8s %s  %3d %-16s %-16s %12d %s %s\n", at.Inode, strconv.FormatInt(blocks(at.Info), 10), modeString(at.Info), at.Nlink,
		userName(f.p, at.UID), groupName(f.p, at.GID), at.Size, stamp, name)
}

// exec reads the program of -exec up to ';' or '+'.
func (fp *findParser) exec(name string) (predicate, error) {
	end := -1
	for i, arg := range fp.args {
		if arg == ";" || arg == "+" && i > 0 && fp.args[i-1] == "{}" {
			end = i
			break
		}
	}
	if end < 0 {
		return nil, fmt.Errorf("%s: no terminating \";\" or \"+\"", name)
	}
	if end == 0 {
		return nil, fmt.Errorf("%s: no command specified", name)
	}
	argv, plus := fp.args[:end], fp.args[end] == "+"
	fp.args = fp.args[end+1:]
	f := fp.finder
	f.acts = true
	inDir := strings.HasSuffix(name, "dir")
	if plus {
		b := &execBatch{f: f, argv: argv[:len(argv)-1], dir: "."}
		f.batches = append(f.batches, b)
		return func(at *found) bool {
			if inDir {
				b.dir = dirName(at.path)
				b.add(baseName(at.path))
				b.flush()
			} else {
				b.add(at.path)
			}
			return true
		}, nil
	}
	return func(at *found) bool {
		file, dir := at.path, "."
		if inDir {
			file, dir = baseName(at.path), dirName(at.path)
		}
		run := make([]string, len(argv))
		for i, arg := range argv {
			run[i] = strings.ReplaceAll(arg, "{}", file)
		}
		if strings.HasPrefix(name, "-ok") && !answer(f.p, "\"%s\"? ", strings.Join(run, " ")) {
			return false
		}
		return f.run(dir, run) == 0
	}, nil
}

// runFound runs a program for find, with its message when there is none.
func runFound(p *sim.Proc, argv []string) int {
	if _, err := lookPath(p, argv[0]); err != nil {
		warn(p, argv[0], err)
		return 1
	}
	return p.Run(argv...)
}

func illegal(name, arg string) error { return fmt.Errorf("%s: %s: illegal numeric value", name, arg) }

// findPrimaries are the primaries with an argument.
var findPrimaries map[string]func(f *finder, name, arg string) (predicate, error)

func init() {
	when := func(f *finder, name, arg string) (predicate, error) {
		test, ok := f.mtime(arg)
		if !ok {
			return nil, illegal(name, arg)
		}
		return test, nil
	}
	minutes := func(f *finder, name, arg string) (predicate, error) {
		compare, rest, ok := numeric(arg)
		if !ok || rest != "" {
			return nil, illegal(name, arg)
		}
		return func(at *found) bool { return compare(f.fileAge(at.MTime, time.Minute)) }, nil
	}
	newer := func(f *finder, name, arg string) (predicate, error) {
		if strings.HasSuffix(name, "t") && name != "-newer" {
			then, err := isoTime(arg, zone(f.p))
			if err != nil {
				return nil, fmt.Errorf("Can't parse date/time: %s", arg)
			}
			return func(at *found) bool { return at.MTime.After(then) }, nil
		}
		info, err := f.p.FS().Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", arg, sim.ErrText(err))
		}
		return func(at *found) bool { return at.MTime.After(info.MTime) }, nil
	}
	findPrimaries = map[string]func(f *finder, name, arg string) (predicate, error){
		"-name":  globTest(false, func(at *found) string { return baseName(at.path) }),
		"-iname": globTest(true, func(at *found) string { return baseName(at.path) }),
		"-path":  globTest(false, func(at *found) string { return at.path }), "-wholename": globTest(false, func(at *found) string { return at.path }),
		"-ipath": globTest(true, func(at *found) string { return at.path }), "-iwholename": globTest(true, func(at *found) string { return at.path }),
		"-lname":  linkTest(false),
		"-ilname": linkTest(true),
		"-regex":  regexTest(false), "-iregex": regexTest(true),
		"-type":  findType,
		"-mtime": when, "-ctime": when, "-atime": when, "-Btime": when,
		"-mmin": minutes, "-cmin": minutes, "-amin": minutes, "-Bmin": minutes,
		"-newer": newer, "-mnewer": newer, "-cnewer": newer, "-anewer": newer, "-Bnewer": newer,
		"-size": func(_ *finder, name, arg string) (predicate, error) {
			test, ok := findSize(arg)
			if !ok {
				return nil, illegal(name, arg)
			}
			return test, nil
		},
		"-perm": func(_ *finder, name, arg string) (predicate, error) {
			test, ok := findPerm(arg)
			if !ok {
				return nil, fmt.Errorf("%s: %s: illegal mode string", name, arg)
			}
			return test, nil
		},
		"-user": findOwner, "-uid": findOwner, "-group": findOwner, "-gid": findOwner,
		"-maxdepth": findDepth, "-mindepth": findDepth,
		"-flags": findFlags,
		"-links": func(_ *finder, name, arg string) (predicate, error) {
			compare, rest, ok := numeric(arg)
			if !ok || rest != "" {
				return nil, illegal(name, arg)
			}
			return func(at *found) bool { return compare(int64(at.Nlink)) }, nil
		},
		"-inum": func(_ *finder, name, arg string) (predicate, error) {
			compare, rest, ok := numeric(arg)
			if !ok || rest != "" {
				return nil, illegal(name, arg)
			}
			return func(at *found) bool { return compare(int64(at.Inode)) }, nil
		},
		"-samefile": func(f *finder, _, arg string) (predicate, error) {
			info, err := f.p.FS().Stat(arg)
			if err != nil {
				return nil, fmt.Errorf("%s: %s", arg, sim.ErrText(err))
			}
			return func(at *found) bool { return at.Inode == info.Inode }, nil
		},
		"-fstype": func(f *finder, _, arg string) (predicate, error) {
			return func(at *found) bool { return mountOf(f.p, f.p.FS().Abs(at.path)).Type == arg }, nil
		},
	}
	for _, x := range newerLetters {
		for _, y := range newerLetters + "t" {
			findPrimaries["-newer"+string(x)+string(y)] = newer
		}
	}
}

// newerLetters are the times that -newerXY compares; the machine keeps one time a
// file, that of its last modification.
const newerLetters = "aBcm"

func globTest(fold bool, of func(at *found) string) func(*finder, string, string) (predicate, error) {
	return func(_ *finder, _, pattern string) (predicate, error) {
		if fold {
			pattern = strings.ToLower(pattern)
		}
		re, err := globRegexp(pattern)
		if err != nil {
			return nil, err
		}
		return func(at *found) bool {
			s := of(at)
			if fold {
				s = strings.ToLower(s)
			}
			return re.MatchString(s)
		}, nil
	}
}

func linkTest(fold bool) func(*finder, string, string) (predicate, error) {
	test := globTest(fold, func(at *found) string { return at.Target })
	return func(f *finder, name, pattern string) (predicate, error) {
		inner, err := test(f, name, pattern)
		return func(at *found) bool { return at.Type == vfs.TypeLink && inner(at) }, err
	}
}

func regexTest(fold bool) func(*finder, string, string) (predicate, error) {
	return func(f *finder, name, pattern string) (predicate, error) {
		re, err := compileRegexp(pattern, f.extended, fold)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %s", name, pattern, err.Error())
		}
		return func(at *found) bool { return re.whole(at.path) }, nil
	}
}

func findType(_ *finder, name, arg string) (predicate, error) {
	if len(arg) != 1 || strings.IndexByte("fdlcbps", arg[0]) < 0 {
		return nil, fmt.Errorf("%s: %s: unknown type", name, arg)
	}
	letter := arg[0]
	if letter == 'f' {
		letter = '-'
	}
	return func(at *found) bool { return typeLetters[at.Type] == letter }, nil
}

func findOwner(f *finder, name, arg string) (predicate, error) {
	group := strings.HasPrefix(name, "-g")
	of := func(at *found) int64 { return int64(at.UID) }
	lookup := lookupUser
	if group {
		of, lookup = func(at *found) int64 { return int64(at.GID) }, lookupGroup
	}
	if id, ok := lookup(f.p, arg); ok {
		return func(at *found) bool { return of(at) == int64(id) }, nil
	}
	if compare, rest, ok := numeric(arg); ok && rest == "" {
		return func(at *found) bool { return compare(of(at)) }, nil
	}
	if group {
		return nil, fmt.Errorf("%s: %s: no such group", name, arg)
	}
	return nil, fmt.Errorf("%s: %s: no such user", name, arg)
}

func findDepth(f *finder, name, arg string) (predicate, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 0 {
		return nil, illegal(name, arg)
	}
	if name == "-maxdepth" {
		f.maxDepth = n
	} else {
		f.minDepth = n
	}
	return func(*found) bool { return true }, nil
}

func findFlags(_ *finder, name, arg string) (predicate, error) {
	kind := byte(0)
	if arg != "" && (arg[0] == '-' || arg[0] == '+') {
		kind, arg = arg[0], arg[1:]
	}
	set, clr, bad := parseFlags(arg)
	if bad != "" {
		return nil, fmt.Errorf("%s: %s: illegal flags string", name, arg)
	}
	return func(at *found) bool {
		switch kind {
		case '-':
			return at.Flags&set == set && at.Flags&clr == 0
		case '+':
			return at.Flags&set != 0 || ^at.Flags&clr != 0
		}
		return at.Flags == set
	}, nil
}

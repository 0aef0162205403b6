package sim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// builtins are the commands the shell runs itself.
var builtins map[string]func(s *shell, args []string) int

// specials are the builtins POSIX calls special: an error in them ends the
// shell, assignments before them stay.
var specials = []string{"break", ":", "continue", ".", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times", "trap", "unset"}

func init() { // the map refers to functions that refer to it
	builtins = map[string]func(s *shell, args []string) int{
		".": (*shell).dot, ":": succeed, "[": (*shell).bracket, "alias": (*shell).alias, "bg": (*shell).noJobControl,
		"break": (*shell).breakLoop, "builtin": (*shell).builtin, "cd": (*shell).cd, "chdir": (*shell).cd,
		"command": (*shell).commandBuiltin, "continue": (*shell).breakLoop, "echo": (*shell).echo, "eval": (*shell).eval,
		"exec": (*shell).execInvoked, "exit": (*shell).exit, "export": (*shell).export, "false": func(*shell, []string) int { return 1 },
		"fg": (*shell).noJobControl, "getopts": (*shell).getopts, "hash": (*shell).hash, "jobid": (*shell).jobid,
		"jobs": (*shell).listJobs, "kill": (*shell).kill, "local": (*shell).local, "printf": (*shell).printf,
		"pwd": (*shell).pwd, "read": (*shell).read, "readonly": (*shell).export, "return": (*shell).returnFrom,
		"set": (*shell).setBuiltin, "setvar": (*shell).setvar, "shift": (*shell).shift, "test": (*shell).test,
		"times": (*shell).times, "trap": (*shell).trap, "true": succeed, "type": (*shell).typeOf, "ulimit": (*shell).ulimit,
		"umask": (*shell).umask, "unalias": succeed, "unset": (*shell).unsetBuiltin, "wait": (*shell).wait,
		"wordexp": (*shell).noJobControl,
	}
}

func succeed(*shell, []string) int { return 0 }

func (s *shell) isSpecial(name string) bool {
	return slices.Contains(specials, name) && s.funcs[name] == nil
}

// usage is an error of a builtin; a special one ends the shell.
func (s *shell) usage(name, format string, args ...any) int {
	s.errorf("%s%s: %s\n", s.prefix(), name, fmt.Sprintf(format, args...))
	if slices.Contains(specials, name) {
		s.flow = flow{kind: flowExit}
	}
	s.status = 2
	return 2
}

func (s *shell) alias(args []string) int {
	if len(args) > 1 {
		return s.p.Cannot("expand aliases in sh")
	}
	return 0
}

func (s *shell) noJobControl(args []string) int {
	return s.usage(args[0], "job control not enabled")
}

func (s *shell) execInvoked(args []string) int { // command exec, builtin exec
	if len(args) == 1 {
		return 0
	}
	code, err := s.p.Exec(s.child(args[1:]))
	if err != nil {
		code = s.notStarted(args[1], err)
	}
	s.flow = flow{kind: flowExit}
	return code
}

func (s *shell) breakLoop(args []string) int {
	n := 1
	if len(args) > 1 {
		var err error
		if n, err = strconv.Atoi(args[1]); err != nil || n < 1 {
			return s.usage(args[0], "Illegal number: %s", args[1])
		}
	}
	if s.loops == 0 {
		return 0
	}
	kind := flowBreak
	if args[0] == "continue" {
		kind = flowContinue
	}
	s.flow = flow{kind: kind, depth: min(n, s.loops)}
	return 0
}

func (s *shell) builtin(args []string) int {
	if len(args) < 2 {
		return 0
	}
	fn := builtins[args[1]]
	if fn == nil {
		return s.usage("builtin", "%s: not found", args[1])
	}
	return fn(s, args[1:])
}

func (s *shell) dot(args []string) int {
	if len(args) < 2 {
		return s.usage(".", "missing dot-argument")
	}
	file := args[1]
	view := s.view()
	data, err := view.ReadFile(file)
	if !strings.Contains(file, "/") {
		dirs, _ := s.value("PATH")
		err = syscall.ENOENT
		for _, dir := range strings.Split(dirs, ":") {
			if data, err = view.ReadFile(joinDir(dir, file)); err == nil {
				break
			}
		}
	}
	if err != nil {
		return s.usage(".", "cannot open %s: %s", file, ErrText(err))
	}
	source, params, loops := s.source, s.params, s.loops
	s.source, s.loops = file, 0
	if len(args) > 2 {
		s.params = args[2:]
	}
	s.calls++
	s.status = 0
	s.program(strings.NewReader(string(data)), false)
	s.calls--
	s.source, s.loops = source, loops
	if len(args) > 2 {
		s.params = params
	}
	if s.flow.kind == flowReturn {
		s.flow = flow{}
	}
	return s.status
}

func joinDir(dir, file string) string {
	if dir == "" {
		return file
	}
	return dir + "/" + file
}

func (s *shell) eval(args []string) int {
	s.evalText(strings.Join(args[1:], " "))
	return s.statusOf(args)
}

// statusOf is eval's status: that of what it ran, 0 for nothing.
func (s *shell) statusOf(args []string) int {
	if strings.TrimSpace(strings.Join(args[1:], "")) == "" {
		return 0
	}
	return s.status
}

func (s *shell) exit(args []string) int {
	code := s.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil || n < 0 {
			return s.usage("exit", "Illegal number: %s", args[1])
		}
		code = n & 0xff
	}
	s.flow, s.left = flow{kind: flowExit}, true
	s.status = code
	return code
}

func (s *shell) returnFrom(args []string) int {
	code := s.status
	if len(args) > 1 {
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return s.usage("return", "Illegal number: %s", args[1])
		}
		code = n & 0xff
	}
	kind := flowReturn
	if s.calls == 0 {
		kind = flowExit // outside a function or a dot script it ends the script
	}
	s.flow = flow{kind: kind}
	return code
}

func (s *shell) times([]string) int {
	_, _ = io.WriteString(s.writer(1), "0m0.000s 0m0.000s\n0m0.000s 0m0.000s\n")
	return 0
}

func (s *shell) hash(args []string) int {
	for _, name := range args[1:] {
		if strings.HasPrefix(name, "-") {
			continue
		}
		if _, err := s.p.Machine.LookPath(s.view(), s.pathEnv(), name); err != nil && builtins[name] == nil && s.funcs[name] == nil {
			return s.notStarted(name, err)
		}
	}
	return 0
}

func (s *shell) pathEnv() []string {
	if path, ok := s.value("PATH"); ok {
		return []string{"PATH=" + path}
	}
	return nil
}

// commandBuiltin is command [-pvV].
func (s *shell) commandBuiltin(args []string) int {
	operands := args[1:]
	describe := byte(0)
	for len(operands) > 0 && len(operands[0]) > 1 && operands[0][0] == '-' {
		arg := operands[0]
		operands = operands[1:]
		if arg == "--" {
			break
		}
		for _, c := range []byte(arg[1:]) {
			switch c {
			case 'p':
			case 'v', 'V':
				describe = c
			default:
				return s.usage("command", "Illegal option -%c", c)
			}
		}
	}
	if len(operands) == 0 {
		return 0
	}
	if describe != 0 {
		return s.describe(operands, describe == 'V')
	}
	if fn := builtins[operands[0]]; fn != nil {
		// command keeps an error in a special builtin from ending the shell.
		before := s.flow
		code := fn(s, operands)
		if code != 0 && s.flow.kind == flowExit && slices.Contains(specials, operands[0]) && operands[0] != "exit" && operands[0] != "exec" && operands[0] != "eval" && operands[0] != "." {
			s.flow = before
		}
		return code
	}
	s.external(operands, false)
	return s.status
}

func (s *shell) typeOf(args []string) int { return s.describe(args[1:], true) }

// describe tells what names would run: command -v, and -V or type.
func (s *shell) describe(names []string, long bool) int {
	code := 0
	say := func(short, text string) {
		if long {
			short = text
		}
		_, _ = io.WriteString(s.writer(1), short+"\n")
	}
	for _, name := range names {
		switch {
		case slices.Contains(keywords, name):
			say(name, name+" is a shell keyword")
		case s.funcs[name] != nil:
			say(name, name+" is a shell function")
		case slices.Contains(specials, name):
			say(name, name+" is a special shell builtin")
		case builtins[name] != nil:
			say(name, name+" is a shell builtin")
		default:
			file, err := s.p.Machine.LookPath(s.view(), s.pathEnv(), name)
			if err == nil && strings.Contains(name, "/") {
				err = s.view().Access(name, 1)
			}
			if err != nil {
				if long {
					s.errorf("%s: not found\n", name)
				}
				code = 127
				continue
			}
			say(file, name+" is "+file)
		}
	}
	return code
}

var keywords = []string{"!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "then", "until", "while"}

// cd changes the directory.
func (s *shell) cd(args []string) int {
	operands := args[1:]
	physical := false
	for len(operands) > 0 && (operands[0] == "-P" || operands[0] == "-L" || operands[0] == "-e" || operands[0] == "--") {
		physical = operands[0] == "-P"
		operands = operands[1:]
	}
	target, show := "", false
	switch {
	case len(operands) > 0:
		target = operands[0]
	default:
		home, ok := s.value("HOME")
		if !ok {
			return s.usage("cd", "HOME not set")
		}
		target = home
	}
	if target == "-" {
		old, ok := s.value("OLDPWD")
		if !ok || old == "" {
			return s.usage("cd", "OLDPWD not set")
		}
		target, show = old, true
	}
	if target == "" {
		target = "."
	}
	view := s.view()
	dir := view.Abs(target)
	info, err := view.Stat(target)
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = view.Access(target, 1)
	}
	if err != nil {
		return s.usage("cd", "%s: %s", target, ErrText(err))
	}
	if physical {
		if dir, err = view.EvalSymlinks(target); err != nil {
			return s.usage("cd", "%s: %s", target, ErrText(err))
		}
	}
	if err := s.set("OLDPWD", s.dir); err != nil {
		return s.fail(err)
	}
	s.dir = dir
	if err := s.set("PWD", dir); err != nil {
		return s.fail(err)
	}
	if s.p.process != nil {
		s.p.Machine.mu.Lock()
		s.p.process.Dir = dir
		s.p.Machine.mu.Unlock()
	}
	s.p.Dir = dir
	if show {
		_, _ = io.WriteString(s.writer(1), dir+"\n")
	}
	return 0
}

func (s *shell) pwd(args []string) int {
	dir := s.dir
	if len(args) > 1 && args[1] == "-P" {
		if real, err := s.view().EvalSymlinks("."); err == nil {
			dir = real
		}
	}
	_, _ = io.WriteString(s.writer(1), dir+"\n")
	return 0
}

func (s *shell) umask(args []string) int {
	operands := args[1:]
	symbolic := len(operands) > 0 && operands[0] == "-S"
	if symbolic {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		text := fmt.Sprintf("%04o\n", s.p.Umask)
		if symbolic {
			text = symbolicMask(s.p.Umask)
		}
		_, _ = io.WriteString(s.writer(1), text)
		return 0
	}
	mask, err := parseMask(operands[0], s.p.Umask)
	if err != nil {
		return s.usage("umask", "Illegal number: %s", operands[0])
	}
	s.p.Umask = mask
	return 0
}

func symbolicMask(mask uint32) string {
	part := func(shift int) string {
		bits := 0o7 &^ (mask >> shift)
		text := ""
		for i, c := range "rwx" {
			if bits&(4>>i) != 0 {
				text += string(c)
			}
		}
		return text
	}
	return fmt.Sprintf("u=%s,g=%s,o=%s\n", part(6), part(3), part(0))
}

// parseMask reads an octal or a symbolic mask (umask(1)).
func parseMask(text string, mask uint32) (uint32, error) {
	if text[0] >= '0' && text[0] <= '9' {
		n, err := strconv.ParseUint(text, 8, 32)
		if err != nil || n > 0o777 {
			return 0, errors.New("illegal")
		}
		return uint32(n), nil
	}
	allowed := 0o777 &^ mask
	for clause := range strings.SplitSeq(text, ",") {
		i := strings.IndexAny(clause, "+-=")
		if i < 0 {
			return 0, errors.New("illegal")
		}
		var who, bits uint32
		for _, c := range clause[:i] {
			who |= map[rune]uint32{'u': 0o700, 'g': 0o070, 'o': 0o007, 'a': 0o777}[c]
		}
		if who == 0 {
			who = 0o777
		}
		for _, c := range clause[i+1:] {
			bits |= map[rune]uint32{'r': 0o444, 'w': 0o222, 'x': 0o111}[c]
		}
		switch clause[i] {
		case '+':
			allowed |= who & bits
		case '-':
			allowed &^= who & bits
		case '=':
			allowed = allowed&^who | who&bits
		}
	}
	return 0o777 &^ allowed, nil
}

// ulimits are the limits a fresh system has (limits(1)).
var ulimits = map[byte]string{
	'b': "unlimited", 'c': "unlimited", 'd': "33554432", 'f': "unlimited", 'k': "unlimited", 'l': "unlimited", 'm': "unlimited",
	'n': "117072", 'o': "unlimited", 'p': "unlimited", 's': "524288", 't': "unlimited", 'u': "12626", 'v': "unlimited", 'w': "unlimited",
}

func (s *shell) ulimit(args []string) int {
	which := byte('f')
	for _, arg := range args[1:] {
		if !strings.HasPrefix(arg, "-") {
			return 0 // a limit that is set is not enforced: nothing here grows so large
		}
		for _, c := range []byte(arg[1:]) {
			switch {
			case c == 'H' || c == 'S':
			case c == 'a':
				return s.allLimits()
			case ulimits[c] != "":
				which = c
			default:
				return s.usage("ulimit", "Illegal option -%c", c)
			}
		}
	}
	_, _ = io.WriteString(s.writer(1), ulimits[which]+"\n")
	return 0
}

func (s *shell) allLimits() int {
	for _, c := range slices.Sorted(maps.Keys(ulimits)) {
		_, _ = fmt.Fprintf(s.writer(1), "-%c  %s\n", c, ulimits[c])
	}
	return 0
}

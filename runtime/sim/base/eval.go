package base

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

var evalCommands = []command{
	{name: "true", dir: "/usr/bin", flags: raw, run: func(*sim.Proc, *options) int { return 0 }},
	{name: "false", dir: "/usr/bin", flags: raw, run: func(*sim.Proc, *options) int { return 1 }},
	{name: "echo", dir: "/bin", flags: raw, run: echo},
	{name: "printf", dir: "/usr/bin", flags: raw, run: printfCommand},
	{name: "test [", dir: "/bin", flags: raw, run: testCommand},
	{name: "expr", dir: "/bin", flags: raw, run: exprCommand},
	{name: "sleep", dir: "/bin", flags: raw, run: sleepCommand, live: true},
}

func echo(p *sim.Proc, o *options) int {
	args, end := o.args, "\n"
	if len(args) > 0 && args[0] == "-n" {
		args, end = args[1:], ""
	}
	text := strings.Join(args, " ")
	// A trailing \c is historic and means the same as -n, see echo(1).
	if end != "" && strings.HasSuffix(text, `\c`) {
		text, end = strings.TrimSuffix(text, `\c`), ""
	}
	p.Printf("%s%s", text, end)
	return 0
}

// sleepUsage tells how sleep is called; GNU's says what was wrong.
func sleepUsage(p *sim.Proc, wrong string) int {
	if linux(p) {
		p.Errorf("sleep: %s\nTry 'sleep --help' for more information.\n", wrong)
		return 1
	}
	p.Errorf("usage: sleep number[unit] [...]\nUnit can be 's' (seconds, the default), m (minutes), h (hours), or d (days).\n")
	return 1
}

func sleepCommand(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return sleepUsage(p, "missing operand")
	}
	var total time.Duration
	for _, a := range args {
		d, ok := parseDuration(a)
		if !ok {
			return sleepUsage(p, "invalid time interval '"+a+"'")
		}
		total += d
	}
	if p.Sleep(total) != nil {
		return 128 + 15
	}
	return 0
}

// unescape expands the escapes of printf(1).
func unescape(s string) string {
	text, _ := expandEscapes(s, false)
	return text
}

// expandEscapes expands backslashes; in an argument of %b, octal numbers start
// with a zero and \c ends all output.
func expandEscapes(s string, argument bool) (text string, stop bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if c, ok := map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}[s[i]]; ok {
			b.WriteByte(c)
			continue
		}
		switch {
		case s[i] == 'c' && argument:
			return b.String(), true
		case s[i] >= '0' && s[i] <= '7':
			most := 3
			if argument && s[i] == '0' {
				most = 4
			}
			n := 0
			start := i
			for ; i < len(s) && i-start < most && s[i] >= '0' && s[i] <= '7'; i++ {
				n = n*8 + int(s[i]-'0')
			}
			i--
			b.WriteByte(byte(n))
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String(), false
}

// formatter runs a format of printf(1) over its arguments.
type formatter struct {
	args []string
	used int
	bad  []string // arguments that are no numbers
	err  error
	stop bool
	c    bool // C's printf, for seq -f and jot -w: no %b
}

// cSprintf is printf(3) with arguments given as text.
func cSprintf(format string, args []string) string {
	f := &formatter{args: args, c: true}
	return f.once(format)
}

func printfCommand(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		p.Errorf("usage: printf format [arguments ...]\n")
		return 1
	}
	f := &formatter{args: args[1:]}
	for {
		before := f.used
		text := f.once(args[0])
		_, _ = io.WriteString(p.Stdout, text)
		if f.err != nil {
			return errx(p, "%s", f.err.Error())
		}
		if f.stop || f.used >= len(f.args) || f.used == before {
			break
		}
	}
	for _, bad := range f.bad {
		warnx(p, "%s: expected numeric value", bad)
	}
	if len(f.bad) > 0 {
		return 1
	}
	return 0
}

func (f *formatter) next() (string, bool) {
	if f.used >= len(f.args) {
		f.used++
		return "", false
	}
	f.used++
	return f.args[f.used-1], true
}

// once expands the format one time.
func (f *formatter) once(format string) string {
	var b strings.Builder
	if !f.c {
		format, f.stop = expandFormat(format)
	}
	for i := 0; i < len(format) && !f.stop; {
		if format[i] != '%' {
			b.WriteByte(format[i])
			i++
			continue
		}
		if i+1 < len(format) && format[i+1] == '%' {
			b.WriteByte('%')
			i += 2
			continue
		}
		text, next := f.directive(format, i+1)
		if f.err != nil {
			return b.String()
		}
		b.WriteString(text)
		i = next
	}
	return b.String()
}

// expandFormat expands escapes of the format itself; \c does nothing there.
func expandFormat(s string) (string, bool) {
	text, _ := expandEscapes(s, false)
	return text, false
}

func (f *formatter) directive(format string, i int) (string, int) {
	start := i - 1
	spec := "%"
	for ; i < len(format) && strings.IndexByte("#-+ 0'", format[i]) >= 0; i++ {
		if format[i] != '\'' {
			spec += format[i : i+1]
		}
	}
	number := func() {
		if i < len(format) && format[i] == '*' {
			i++
			arg, _ := f.next()
			spec += strconv.FormatInt(f.integer(arg), 10)
			return
		}
		for ; i < len(format) && format[i] >= '0' && format[i] <= '9'; i++ {
			spec += format[i : i+1]
		}
	}
	number()
	if i < len(format) && format[i] == '.' {
		spec += "."
		i++
		number()
	}
	for ; i < len(format) && strings.IndexByte("hlLjzqt", format[i]) >= 0; i++ {
	}
	if i >= len(format) {
		f.err = fmt.Errorf("missing format character")
		return "", i
	}
	verb := format[i]
	i++
	arg, given := f.next()
	switch verb {
	case 's':
		return fmt.Sprintf(spec+"s", arg), i
	case 'b':
		text, stop := expandEscapes(arg, true)
		f.stop = stop
		return fmt.Sprintf(spec+"s", text), i
	case 'c':
		if arg == "" {
			if !given {
				return "", i
			}
			return fmt.Sprintf(spec+"s", "\x00"), i
		}
		return fmt.Sprintf(spec+"s", arg[:1]), i
	case 'd', 'i':
		return fmt.Sprintf(spec+"d", f.integer(arg)), i
	case 'u':
		return fmt.Sprintf(spec+"d", uint64(f.integer(arg))), i
	case 'o', 'x', 'X':
		return fmt.Sprintf(spec+string(verb), uint64(f.integer(arg))), i
	case 'e', 'E', 'f', 'F', 'g', 'G', 'a', 'A':
		return cFloat(spec, verb, f.float(arg)), i
	}
	f.err = fmt.Errorf("illegal format character %s", format[start:i])
	return "", i
}

// cFloat formats as C does; Go's %g differs in the exponent it switches at.
func cFloat(spec string, verb byte, v float64) string {
	switch verb {
	case 'g', 'G':
		precision := 6
		if dot := strings.IndexByte(spec, '.'); dot >= 0 {
			precision, _ = strconv.Atoi(spec[dot+1:])
			spec = spec[:dot]
		}
		text := gText(v, max(precision, 1), verb)
		return padText(spec, text)
	case 'a', 'A':
		return strconv.FormatFloat(v, 'x', -1, 64)
	case 'F':
		verb = 'f'
	}
	return fmt.Sprintf(spec+string(verb), v)
}

// gText is %g with a precision: the shorter of %e and %f, zeros cut off.
func gText(v float64, precision int, verb byte) string {
	e := strconv.FormatFloat(v, 'e', precision-1, 64)
	at := strings.IndexByte(e, 'e')
	if at < 0 {
		return e // Inf, NaN
	}
	exponent, _ := strconv.Atoi(e[at+1:])
	cut := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	if exponent < -4 || exponent >= precision {
		text := cut(e[:at]) + e[at:]
		if verb == 'G' {
			text = strings.ToUpper(text)
		}
		return text
	}
	return cut(strconv.FormatFloat(v, 'f', precision-1-exponent, 64))
}

// padText applies the flags and width of a directive to finished text.
func padText(spec, text string) string {
	flags := strings.TrimLeft(spec[1:], "#-+ 0")
	set := spec[1 : len(spec)-len(flags)]
	width, _ := strconv.Atoi(flags)
	if strings.Contains(set, "+") && !strings.HasPrefix(text, "-") {
		text = "+" + text
	}
	switch {
	case strings.Contains(set, "-"):
		return fmt.Sprintf("%-*s", width, text)
	case strings.Contains(set, "0"):
		return zeroPad(text, width)
	}
	return fmt.Sprintf("%*s", width, text)
}

// integer reads a number as C does; a quote before a character gives its code.
func (f *formatter) integer(s string) int64 {
	if s == "" {
		return 0
	}
	if s[0] == '\'' || s[0] == '"' {
		for _, r := range s[1:] {
			return int64(r)
		}
		return 0
	}
	text := strings.TrimLeft(s, " \t\n")
	n, err := strconv.ParseInt(text, 0, 64)
	if err == nil && !strings.Contains(text, "_") {
		return n
	}
	if u, uerr := strconv.ParseUint(text, 0, 64); uerr == nil {
		return int64(u)
	}
	if v, ferr := strconv.ParseFloat(text, 64); ferr == nil && f.c {
		return int64(v)
	}
	f.bad = append(f.bad, s)
	prefix := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '-' && r != '+' })
	if prefix > 0 {
		n, _ = strconv.ParseInt(text[:prefix], 10, 64)
	}
	if errors.Is(err, strconv.ErrRange) {
		return n
	}
	return n
}

func (f *formatter) float(s string) float64 {
	if s == "" {
		return 0
	}
	if s[0] == '\'' || s[0] == '"' {
		return float64(f.integer(s))
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		f.bad = append(f.bad, s)
		return leadingFloat(s)
	}
	return v
}

// tester evaluates an expression of test(1).
type tester struct {
	p    *sim.Proc
	args []string
	err  error
}

func testCommand(p *sim.Proc, o *options) int {
	args := o.args
	if progname(p) == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			p.Errorf("[: missing ]\n")
			return 2
		}
		args = args[:len(args)-1]
	}
	if len(args) == 0 {
		return 1
	}
	t := &tester{p: p, args: args}
	ok := t.short()
	if t.err == nil && len(t.args) > 0 {
		t.err = fmt.Errorf("%s: unexpected operator", t.args[0])
	}
	if t.err != nil {
		p.Errorf("%s: %s\n", progname(p), t.err.Error())
		return 2
	}
	if ok {
		return 0
	}
	return 1
}

// short applies POSIX's rules for up to four arguments, which keep operands that
// look like operators apart.
func (t *tester) short() bool {
	args := t.args
	switch {
	case len(args) == 1:
		t.args = nil
		return args[0] != ""
	case len(args) == 2 && args[0] == "!":
		t.args = nil
		return args[1] == ""
	case len(args) == 3 && isBinary3(args[1]):
		t.args = nil
		return t.binary(args[0], args[1], args[2])
	case len(args) == 4 && args[0] == "!" && isBinary3(args[2]):
		t.args = nil
		return !t.binary(args[1], args[2], args[3])
	}
	return t.or()
}

func isBinary3(op string) bool {
	return isOneOf(op, "=", "==", "!=", "<", ">", "-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-nt", "-ot", "-ef")
}

func (t *tester) take(word string) bool {
	if len(t.args) > 0 && t.args[0] == word {
		t.args = t.args[1:]
		return true
	}
	return false
}

func (t *tester) or() bool {
	v := t.and()
	for t.err == nil && t.take("-o") {
		w := t.and()
		v = v || w
	}
	return v
}

func (t *tester) and() bool {
	v := t.not()
	for t.err == nil && t.take("-a") {
		w := t.not()
		v = v && w
	}
	return v
}

func (t *tester) not() bool {
	if len(t.args) > 1 && t.args[0] == "!" {
		t.args = t.args[1:]
		return !t.not()
	}
	return t.primary()
}

func (t *tester) primary() bool {
	if len(t.args) == 0 {
		t.err = errors.New("argument expected")
		return false
	}
	if len(t.args) >= 3 && isBinary3(t.args[1]) {
		a, op, b := t.args[0], t.args[1], t.args[2]
		t.args = t.args[3:]
		return t.binary(a, op, b)
	}
	if t.args[0] == "(" && len(t.args) > 1 {
		t.args = t.args[1:]
		v := t.or()
		if !t.take(")") && t.err == nil {
			t.err = errors.New("closing paren expected")
		}
		return v
	}
	word := t.args[0]
	t.args = t.args[1:]
	if len(word) == 2 && word[0] == '-' && len(t.args) > 0 && strings.IndexByte("bcdefghkLnOGprSstuwxz", word[1]) >= 0 {
		operand := t.args[0]
		t.args = t.args[1:]
		return t.unary(word[1], operand)
	}
	return word != ""
}

func (t *tester) unary(op byte, s string) bool {
	view := t.p.FS()
	switch op {
	case 'n':
		return s != ""
	case 'z':
		return s == ""
	case 't':
		return t.p.TTY
	case 'r':
		return view.Access(s, vfs.R) == nil
	case 'w':
		return view.Access(s, vfs.W) == nil
	case 'x':
		return view.Access(s, vfs.X) == nil
	}
	stat := view.Stat
	if op == 'L' || op == 'h' {
		stat = view.Lstat
	}
	info, err := stat(s)
	if err != nil {
		return false
	}
	switch op {
	case 'e':
		return true
	case 's':
		return info.Size > 0
	case 'u':
		return info.Mode&vfs.Setuid != 0
	case 'g':
		return info.Mode&vfs.Setgid != 0
	case 'k':
		return info.Mode&vfs.Sticky != 0
	case 'O':
		return info.UID == t.p.Cred.UID
	case 'G':
		return info.GID == t.p.Cred.GID
	}
	return info.Type == map[byte]vfs.Type{
		'b': vfs.TypeBlock, 'c': vfs.TypeChar, 'd': vfs.TypeDir, 'f': vfs.TypeFile, 'h': vfs.TypeLink, 'L': vfs.TypeLink,
		'p': vfs.TypeFIFO, 'S': vfs.TypeSocket,
	}[op]
}

func (t *tester) binary(a, op, b string) bool {
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "-nt", "-ot", "-ef":
		x, errX := t.p.FS().Stat(a)
		y, errY := t.p.FS().Stat(b)
		switch op {
		case "-nt":
			return errX == nil && (errY != nil || x.MTime.After(y.MTime))
		case "-ot":
			return errY == nil && (errX != nil || y.MTime.After(x.MTime))
		}
		return errX == nil && errY == nil && x.Inode == y.Inode
	}
	x, y := t.number(a), t.number(b)
	switch op {
	case "-eq":
		return x == y
	case "-ne":
		return x != y
	case "-gt":
		return x > y
	case "-ge":
		return x >= y
	case "-lt":
		return x < y
	}
	return x <= y
}

func (t *tester) number(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil && t.err == nil {
		if errors.Is(err, strconv.ErrRange) {
			t.err = fmt.Errorf("%s: out of range", s)
		} else {
			t.err = fmt.Errorf("%s: bad number", s)
		}
	}
	return n
}

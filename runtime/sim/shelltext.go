package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"bsdrun/runtime/sim/vfs"
)

// echo knows -n and -e, as FreeBSD's sh.
func (s *shell) echo(args []string) int {
	operands := args[1:]
	newline, escapes := true, false
	if len(operands) > 0 && operands[0] == "-n" {
		newline, operands = false, operands[1:]
	} else if len(operands) > 0 && operands[0] == "-e" {
		escapes, operands = true, operands[1:]
	}
	text := strings.Join(operands, " ")
	if escapes {
		var stop bool
		if text, stop = unescapeText(text, true); stop {
			newline = false
		}
	}
	if newline {
		text += "\n"
	}
	return s.print("echo", text)
}

func (s *shell) print(name, text string) int {
	if _, err := io.WriteString(s.writer(1), text); err != nil {
		s.errorf("%s: write error: %s\n", name, ErrText(err))
		return 2
	}
	return 0
}

// unescapeText replaces backslash escapes; zero is whether octal numbers begin
// with one (echo -e and %b), stop is \c.
func unescapeText(text string, zero bool) (out string, stop bool) {
	if !strings.Contains(text, "\\") {
		return text, false
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if at := strings.IndexByte("abefnrtv\\\"'", text[i]); at >= 0 {
			b.WriteByte("\a\b\x1b\f\n\r\t\v\\\"'"[at])
			continue
		}
		switch c := text[i]; {
		case c == 'c' && zero:
			return b.String(), true
		case c >= '0' && c <= '7':
			digits := 3
			if zero && c == '0' {
				digits = 4
			}
			n, end := 0, i
			for ; end < len(text) && end < i+digits && text[end] >= '0' && text[end] <= '7'; end++ {
				n = n*8 + int(text[end]-'0')
			}
			b.WriteByte(byte(n))
			i = end - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), false
}

func (s *shell) printf(args []string) int {
	operands := args[1:]
	if len(operands) > 0 && operands[0] == "--" {
		operands = operands[1:]
	}
	if len(operands) == 0 {
		return s.usage("printf", "usage: printf format [arguments ...]")
	}
	text, problems := FormatPrintf(operands[0], operands[1:])
	code := s.print("printf", text)
	for _, problem := range problems {
		s.errorf("printf: %s\n", problem)
		code = 1
	}
	return code
}

// FormatPrintf is what printf(1) prints, and what it complains about.
func FormatPrintf(format string, args []string) (text string, problems []string) {
	f := &printfState{args: args}
	for {
		before := len(f.args)
		if f.once(format) {
			break
		}
		if len(f.args) == 0 || len(f.args) == before {
			break
		}
	}
	return f.out.String(), f.problems
}

type printfState struct {
	out      strings.Builder
	args     []string
	problems []string
}

func (f *printfState) next() string {
	if len(f.args) == 0 {
		return ""
	}
	arg := f.args[0]
	f.args = f.args[1:]
	return arg
}

// once goes through the format; it returns true when nothing more may be printed.
func (f *printfState) once(format string) (stop bool) {
	for i := 0; i < len(format); {
		switch {
		case format[i] == '\\':
			end := min(i+2, len(format))
			for end < len(format) && end < i+4 && format[i+1] >= '0' && format[i+1] <= '7' && format[end] >= '0' && format[end] <= '7' {
				end++
			}
			if format[i:end] == `\c` {
				return true
			}
			text, _ := unescapeText(format[i:end], false)
			f.out.WriteString(text)
			i = end
		case format[i] == '%' && i+1 < len(format) && format[i+1] == '%':
			f.out.WriteByte('%')
			i += 2
		case format[i] == '%':
			n, done := f.directive(format[i:])
			if done {
				return true
			}
			i += n
		default:
			f.out.WriteByte(format[i])
			i++
		}
	}
	return false
}

// directive prints one conversion and returns its length in the format.
func (f *printfState) directive(format string) (length int, stop bool) {
	i := 1
	spec := "%"
	for i < len(format) && strings.IndexByte("#-+ 0", format[i]) >= 0 {
		spec += format[i : i+1]
		i++
	}
	number := func() {
		if i < len(format) && format[i] == '*' {
			n, _ := strconv.Atoi(f.next())
			spec += strconv.Itoa(n)
			i++
			return
		}
		for i < len(format) && format[i] >= '0' && format[i] <= '9' {
			spec += format[i : i+1]
			i++
		}
	}
	number()
	if i < len(format) && format[i] == '.' {
		spec += "."
		i++
		number()
	}
	for i < len(format) && strings.IndexByte("hlLqjzt", format[i]) >= 0 {
		i++
	}
	if i >= len(format) {
		f.problems = append(f.problems, "missing format character")
		return i, true
	}
	switch c := format[i]; c {
	case 's':
		fmt.Fprintf(&f.out, bytesSpec(spec), f.next())
	case 'b':
		text, end := unescapeText(f.next(), true)
		fmt.Fprintf(&f.out, bytesSpec(spec), text)
		if end {
			return i + 1, true
		}
	case 'c':
		if arg := f.next(); arg != "" {
			r, _ := utf8.DecodeRuneInString(arg)
			fmt.Fprintf(&f.out, spec+"s", string(r))
		}
	case 'd', 'i':
		fmt.Fprintf(&f.out, precise(spec)+"d", f.integer())
	case 'u':
		fmt.Fprintf(&f.out, precise(spec)+"d", uint64(f.integer()))
	case 'o', 'x', 'X':
		fmt.Fprintf(&f.out, precise(spec)+string(c), uint64(f.integer()))
	case 'e', 'E', 'f', 'F', 'g', 'G':
		fmt.Fprintf(&f.out, spec+string(c), f.float())
	default:
		f.problems = append(f.problems, fmt.Sprintf("illegal format character %c", c))
		return i + 1, true
	}
	return i + 1, false
}

// bytesSpec leaves out flags that C ignores for strings.
func bytesSpec(spec string) string {
	return strings.NewReplacer("0", "0", "#", "", "+", "").Replace(spec) + "s"
}

// precise makes Go treat a precision as C does: zeros that pad a number switch
// off when there is one.
func precise(spec string) string {
	flags := strings.IndexByte(spec, '.')
	if flags < 0 {
		return spec
	}
	return strings.Replace(spec, "%0", "%", 1)
}

func (f *printfState) integer() int64 {
	arg := f.next()
	if arg == "" {
		return 0
	}
	if arg[0] == '\'' || arg[0] == '"' {
		r, _ := utf8.DecodeRuneInString(arg[1:])
		return int64(r)
	}
	text := strings.TrimSpace(arg)
	n, err := strconv.ParseInt(text, 0, 64)
	if err == nil {
		return n
	}
	if u, uerr := strconv.ParseUint(text, 0, 64); uerr == nil {
		return int64(u)
	}
	if errors.Is(err, strconv.ErrRange) {
		f.problems = append(f.problems, arg+": Result too large")
		return n
	}
	for end := len(text) - 1; end > 0; end-- {
		if n, err := strconv.ParseInt(text[:end], 0, 64); err == nil {
			f.problems = append(f.problems, arg+": not completely converted")
			return n
		}
	}
	f.problems = append(f.problems, arg+": expected numeric value")
	return 0
}

func (f *printfState) float() float64 {
	arg := f.next()
	if arg == "" {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(arg), 64)
	if err != nil {
		f.problems = append(f.problems, arg+": expected numeric value")
	}
	return n
}

// read reads a line into variables.
func (s *shell) read(args []string) int {
	raw, prompt, limit := false, "", time.Duration(0)
	operands := args[1:]
	for len(operands) > 0 && len(operands[0]) > 1 && operands[0][0] == '-' {
		arg := operands[0]
		operands = operands[1:]
		if arg == "--" {
			break
		}
		for i := 1; i < len(arg); i++ {
			switch arg[i] {
			case 'r':
				raw = true
			case 'e':
			case 'p', 't':
				value := arg[i+1:]
				if value == "" && len(operands) > 0 {
					value, operands = operands[0], operands[1:]
				}
				if arg[i] == 'p' {
					prompt = value
				} else {
					n, err := strconv.ParseFloat(strings.TrimRight(value, "s"), 64)
					if err != nil {
						return s.usage("read", "timeout value")
					}
					limit = time.Duration(n * float64(time.Second))
				}
				i = len(arg)
			default:
				return s.usage("read", "Illegal option -%c", arg[i])
			}
		}
	}
	if len(operands) == 0 {
		return s.usage("read", "arg count")
	}
	if prompt != "" && s.fds[0] != nil && s.fds[0].tty {
		s.errorf("%s", prompt)
	}
	line, escaped, code := s.readLine(raw, limit)
	for i, v := range s.splitRead(line, escaped, len(operands)) {
		if err := s.set(operands[i], v); err != nil {
			return s.fail(err)
		}
	}
	return code
}

// readLine reads up to a newline, byte by byte: what follows is for others.
func (s *shell) readLine(raw bool, limit time.Duration) (line []byte, escaped []bool, code int) {
	in := s.reader(0)
	if limit > 0 && s.p.process != nil {
		ctx, cancel := context.WithCancel(s.p.Context)
		process := s.p.process
		stop := s.p.Machine.clock.after(limit, func() {
			cancel()
			process.suspend(false)
		})
		defer stop()
		defer cancel()
		if st := s.fds[0]; st != nil {
			if r, ok := st.reader.(ctxReader); ok {
				in = readerFunc(func(b []byte) (int, error) { return r.readContext(ctx, b) })
			}
		}
	}
	var one [1]byte
	pending := false
	for {
		n, err := in.Read(one[:])
		if n == 0 && err != nil {
			return line, escaped, 1
		}
		if n == 0 {
			continue
		}
		c := one[0]
		switch {
		case c == 0:
		case pending:
			pending = false
			if c != '\n' {
				line, escaped = append(line, c), append(escaped, true)
			}
		case c == '\\' && !raw:
			pending = true
		case c == '\n':
			return line, escaped, 0
		default:
			line, escaped = append(line, c), append(escaped, false)
		}
	}
}

type readerFunc func(b []byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// splitRead shares a line out to n variables by IFS; the last takes the rest.
func (s *shell) splitRead(line []byte, escaped []bool, n int) []string {
	ifs, set := s.value("IFS")
	if !set {
		ifs = " \t\n"
	}
	isIFS := func(i int) bool { return !escaped[i] && strings.IndexByte(ifs, line[i]) >= 0 }
	isSpace := func(i int) bool { return isIFS(i) && strings.IndexByte(" \t\n", line[i]) >= 0 }
	out := make([]string, n)
	pos := 0
	skip := func() {
		for pos < len(line) && isSpace(pos) {
			pos++
		}
	}
	skip()
	for v := range n - 1 {
		start := pos
		for pos < len(line) && !isIFS(pos) {
			pos++
		}
		out[v] = string(line[start:pos])
		skip()
		if pos < len(line) && isIFS(pos) && !isSpace(pos) && (pos > start) {
			pos++
			skip()
		}
	}
	end := len(line)
	for end > pos && isSpace(end-1) {
		end--
	}
	// One separator that ends the last field alone is not part of it.
	if end > pos && isIFS(end-1) {
		only := true
		for i := pos; i < end-1; i++ {
			only = only && !isIFS(i)
		}
		if only {
			end--
		}
	}
	out[n-1] = string(line[pos:end])
	return out
}

// bracket is [.
func (s *shell) bracket(args []string) int {
	if args[len(args)-1] != "]" {
		s.errorf("[: missing ]\n")
		return 2
	}
	return s.evalTest("[", args[1:len(args)-1])
}

func (s *shell) test(args []string) int { return s.evalTest("test", args[1:]) }

func (s *shell) evalTest(name string, args []string) int {
	ok, err := EvalTest(args, s.view(), func(fd int) bool { st := s.fds[fd]; return st != nil && st.tty })
	if err != nil {
		s.errorf("%s: %s\n", name, err)
		return 2
	}
	return boolCode(ok)
}

// EvalTest evaluates the arguments of test(1) on a file tree; terminal tells
// which descriptors are terminals.
func EvalTest(args []string, view *vfs.View, terminal func(fd int) bool) (bool, error) {
	t := &testParser{args: args, view: view, terminal: terminal}
	switch len(args) {
	case 0:
		return false, nil
	case 1:
		return args[0] != "", nil
	}
	ok, err := t.byCount(args)
	return ok, err
}

type testParser struct {
	args     []string
	pos      int
	view     *vfs.View
	terminal func(int) bool
}

// byCount follows POSIX for up to four arguments, and the grammar beyond.
func (t *testParser) byCount(args []string) (bool, error) {
	switch len(args) {
	case 0:
		return false, nil
	case 1:
		return args[0] != "", nil
	case 2:
		if args[0] == "!" {
			return args[1] == "", nil
		}
		if isUnary(args[0]) {
			return t.unary(args[0], args[1])
		}
	case 3:
		if isBinary(args[1]) {
			return t.binary(args[0], args[1], args[2])
		}
		if args[1] == "-a" {
			return args[0] != "" && args[2] != "", nil
		}
		if args[1] == "-o" {
			return args[0] != "" || args[2] != "", nil
		}
		if args[0] == "!" {
			ok, err := t.byCount(args[1:])
			return !ok, err
		}
		if args[0] == "(" && args[2] == ")" {
			return args[1] != "", nil
		}
	case 4:
		if args[0] == "!" {
			ok, err := t.byCount(args[1:])
			return !ok, err
		}
		if args[0] == "(" && args[3] == ")" {
			return t.byCount(args[1:3])
		}
	}
	t.args, t.pos = args, 0
	ok, err := t.or()
	if err == nil && t.pos < len(t.args) {
		err = fmt.Errorf("%s: unexpected operator", t.args[t.pos])
	}
	return ok, err
}

func (t *testParser) peek() string {
	if t.pos < len(t.args) {
		return t.args[t.pos]
	}
	return ""
}

func (t *testParser) or() (bool, error) {
	ok, err := t.and()
	for err == nil && t.pos < len(t.args) && t.peek() == "-o" {
		t.pos++
		var right bool
		right, err = t.and()
		ok = ok || right
	}
	return ok, err
}

func (t *testParser) and() (bool, error) {
	ok, err := t.not()
	for err == nil && t.pos < len(t.args) && t.peek() == "-a" {
		t.pos++
		var right bool
		right, err = t.not()
		ok = ok && right
	}
	return ok, err
}

func (t *testParser) not() (bool, error) {
	if t.peek() == "!" && t.pos+1 < len(t.args) {
		t.pos++
		ok, err := t.not()
		return !ok, err
	}
	return t.primary()
}

func (t *testParser) primary() (bool, error) {
	if t.pos >= len(t.args) {
		return false, errors.New("argument expected")
	}
	left := len(t.args) - t.pos
	if left >= 3 && isBinary(t.args[t.pos+1]) {
		a := t.args[t.pos : t.pos+3]
		t.pos += 3
		return t.binary(a[0], a[1], a[2])
	}
	word := t.args[t.pos]
	if word == "(" {
		t.pos++
		ok, err := t.or()
		if err == nil && t.peek() != ")" {
			err = errors.New("closing paren expected")
		}
		t.pos++
		return ok, err
	}
	if isUnary(word) && left >= 2 {
		t.pos += 2
		return t.unary(word, t.args[t.pos-1])
	}
	t.pos++
	return word != "", nil
}

func isUnary(op string) bool {
	return len(op) == 2 && op[0] == '-' && strings.IndexByte("bcdefghknoprstuwxzGLOS", op[1]) >= 0
}

func isBinary(op string) bool {
	switch op {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

func (t *testParser) binary(a, op, b string) (bool, error) {
	switch op {
	case "=", "==":
		return a == b, nil
	case "!=":
		return a != b, nil
	case "<":
		return a < b, nil
	case ">":
		return a > b, nil
	case "-nt", "-ot", "-ef":
		i, errA := t.view.Stat(a)
		j, errB := t.view.Stat(b)
		if errA != nil || errB != nil {
			return op == "-nt" && errA == nil || op == "-ot" && errB == nil && errA != nil, nil
		}
		return op == "-nt" && i.MTime.After(j.MTime) || op == "-ot" && i.MTime.Before(j.MTime) || op == "-ef" && i.Inode == j.Inode, nil
	}
	x, err := testNumber(a)
	if err != nil {
		return false, err
	}
	y, err := testNumber(b)
	if err != nil {
		return false, err
	}
	switch op {
	case "-eq":
		return x == y, nil
	case "-ne":
		return x != y, nil
	case "-gt":
		return x > y, nil
	case "-ge":
		return x >= y, nil
	case "-lt":
		return x < y, nil
	default:
		return x <= y, nil
	}
}

func testNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: bad number", text)
	}
	return n, nil
}

func (t *testParser) unary(op, arg string) (bool, error) {
	switch op[1] {
	case 'n':
		return arg != "", nil
	case 'z':
		return arg == "", nil
	case 'o':
		return false, nil
	case 't':
		fd, err := testNumber(arg)
		return err == nil && t.terminal(int(fd)), err
	case 'h', 'L':
		i, err := t.view.Lstat(arg)
		return err == nil && i.Type == vfs.TypeLink, nil
	case 'r':
		return t.view.Access(arg, vfs.R) == nil, nil
	case 'w':
		return t.view.Access(arg, vfs.W) == nil, nil
	case 'x':
		return t.view.Access(arg, vfs.X) == nil, nil
	}
	i, err := t.view.Stat(arg)
	if err != nil {
		return false, nil //nolint:nilerr // a file that is not there is no error of test
	}
	kinds := map[byte]vfs.Type{'b': vfs.TypeBlock, 'c': vfs.TypeChar, 'd': vfs.TypeDir, 'f': vfs.TypeFile, 'p': vfs.TypeFIFO, 'S': vfs.TypeSocket}
	if kind, ok := kinds[op[1]]; ok {
		return i.Type == kind, nil
	}
	switch op[1] {
	case 's':
		return i.Size > 0, nil
	case 'g':
		return i.Mode&vfs.Setgid != 0, nil
	case 'u':
		return i.Mode&vfs.Setuid != 0, nil
	case 'k':
		return i.Mode&vfs.Sticky != 0, nil
	case 'O':
		return i.UID == t.view.Cred().UID, nil
	case 'G':
		return i.GID == t.view.Cred().GID, nil
	}
	return true, nil // -e
}

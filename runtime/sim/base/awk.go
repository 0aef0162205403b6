package base

import (
	"bufio"
	"errors"
	"io"
	"math"
	"math/rand"
	"strconv"
	"strings"
	"unicode/utf8"

	"bsdrun/runtime/sim"
)

const awkUsage = "usage: awk [-F fs | --csv][-v var=value][prog | -f progfile][file ...]"

var awkCommands = []command{
	{name: "awk nawk", dir: "/usr/bin", flags: raw, run: awk, live: true, usage: awkUsage},
}

// awkCommandLine is what the command line of awk says.
type awkCommandLine struct {
	program  []string
	fromFile bool
	fs       string
	hasFS    bool
	assigns  []string
	args     []string
}

func awk(p *sim.Proc, o *options) int {
	c := &awkCommandLine{args: o.args}
	for len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' {
		arg := c.args[0]
		c.args = c.args[1:]
		if arg == "--" {
			break
		}
		if isOneOf(arg, "--version", "-version", "-V") {
			p.Printf("awk version 20240728 (FreeBSD)\n")
			return 0
		}
		if code := c.option(p, arg); code != 0 {
			return code
		}
	}
	if !c.fromFile {
		if len(c.args) == 0 {
			return exitWith(2, o.wrong(p))
		}
		c.program, c.args = c.args[:1], c.args[1:]
	}
	prog, err := parseAwk(strings.Join(c.program, "\n"))
	if err != nil {
		var fault *awkError
		if errors.As(err, &fault) {
			p.Errorf("awk: %s\nawk: bailing out at source line %d\n", fault.text, fault.line)
		}
		return 2
	}
	r := newAwkRun(p, prog)
	c.prepare(r)
	return r.finish(r.all())
}

// option reads one option; its value may be the next word.
func (c *awkCommandLine) option(p *sim.Proc, arg string) int {
	value := arg[2:]
	if strings.IndexByte("Fvf", arg[1]) >= 0 && value == "" {
		if len(c.args) == 0 {
			return exitWith(2, errx(p, "no argument for -%c", arg[1]))
		}
		value, c.args = c.args[0], c.args[1:]
	}
	switch arg[1] {
	case 'F':
		if c.fs, c.hasFS = value, true; value == "t" {
			c.fs = "\t"
		}
	case 'v':
		if !strings.Contains(value, "=") {
			return exitWith(2, errx(p, "invalid -v argument `%s' : should be var=value", value))
		}
		c.assigns = append(c.assigns, value)
	case 'f':
		lines, err := readLines(p, value)
		if err != nil {
			return exitWith(2, errx(p, "can't open file %s\n source line number 1", value))
		}
		c.program, c.fromFile = append(c.program, strings.Join(lines, "\n")), true
	case 's', 'd':
	case '-':
		return p.Cannot("awk %s", arg)
	default:
		warnx(p, "unknown option %s ignored", arg)
	}
	return 0
}

// prepare sets the variables the command line gives.
func (c *awkCommandLine) prepare(r *awkRun) {
	if c.hasFS {
		r.global("FS").val = awkText(awkUnescape(c.fs))
	}
	for _, a := range c.assigns {
		name, value, _ := strings.Cut(a, "=")
		r.global(name).val = awkOutside(awkUnescape(value))
	}
	r.global("ARGC").val = awkNumeric(float64(len(c.args) + 1))
	argv := r.global("ARGV").asArray()
	argv.set("0", awkText("awk"))
	for i, a := range c.args {
		argv.set(strconv.Itoa(i+1), awkOutside(a))
	}
}

func (r *awkRun) finish(err error) int {
	flushErr := r.out.Flush()
	r.io.closeAll()
	if err != nil {
		var fault *awkError
		if errors.As(err, &fault) {
			r.p.Errorf("awk: %s\n source line number %d\n", fault.text, max(fault.line, 1))
		}
		return 2
	}
	if flushErr != nil {
		return brokenPipe
	}
	return r.code & 0xff
}

// awkIO is what a program has open.
type awkIO struct {
	r       *awkRun
	main    *bufio.Reader
	closer  io.Closer
	began   bool
	opened  bool // a file was named
	next    int  // index into ARGV
	readers map[string]*awkReader
	writers map[string]*awkWriter
	order   []string // of writers
}

type awkReader struct {
	*bufio.Reader
	close func()
}

// awkWriter is a file, or a command that runs when it is closed.
type awkWriter struct {
	*bufio.Writer
	close func() int
}

// readRecord reads up to RS: a character, nothing for paragraphs, or an
// expression.
func (a *awkIO) readRecord(in *bufio.Reader) (string, bool) {
	rs := a.r.vars["RS"].val.s
	switch {
	case rs == "":
		return readParagraph(in)
	case len(rs) > 1 && utf8.RuneCountInString(rs) > 1:
		return a.readByRegex(in, rs)
	}
	text, err := in.ReadString(rs[0])
	if err != nil {
		return text, text != ""
	}
	return text[:len(text)-1], true
}

func readParagraph(in *bufio.Reader) (string, bool) {
	var lines []string
	for {
		line, err := in.ReadString('\n')
		body := strings.TrimSuffix(line, "\n")
		if body != "" {
			lines = append(lines, body)
		} else if line != "" && len(lines) > 0 {
			break
		}
		if err != nil {
			break
		}
	}
	return strings.Join(lines, "\n"), len(lines) > 0
}

// readByRegex reads all that is left once, since a match may be long.
func (a *awkIO) readByRegex(in *bufio.Reader, rs string) (string, bool) {
	data, _ := io.ReadAll(in)
	text := string(data)
	if text == "" {
		return "", false
	}
	re := a.r.compile(rs)
	m := re.first(text)
	if m == nil || m[0] == m[1] {
		return strings.TrimSuffix(text, "\n"), true
	}
	in.Reset(strings.NewReader(text[m[1]:]))
	return text[:m[0]], true
}

// nextRecord reads from the operands, which may be assignments, or from
// standard input.
func (a *awkIO) nextRecord() (string, bool) {
	for {
		if a.main == nil && !a.openNext() {
			return "", false
		}
		if record, ok := a.readRecord(a.main); ok {
			a.r.count("NR", "FNR")
			return record, true
		}
		a.skipFile()
	}
}

func (a *awkIO) skipFile() {
	if a.closer != nil {
		_ = a.closer.Close()
	}
	a.main, a.closer = nil, nil
}

func (a *awkIO) openNext() bool {
	a.began = true
	argc := int(a.r.global("ARGC").val.number())
	argv := a.r.global("ARGV").asArray()
	for a.next++; a.next < argc; a.next++ {
		v, ok := argv.get(strconv.Itoa(a.next))
		name := a.r.text(v)
		if !ok || name == "" {
			continue
		}
		if variable, value, is := strings.Cut(name, "="); is && isAwkName(variable) {
			a.r.setVar(variable, awkOutside(awkUnescape(value)))
			continue
		}
		f, err := open(a.r.p, name)
		if err != nil {
			a.r.fail(1, "can't open file %s", name)
		}
		a.opened = true
		a.main, a.closer = bufio.NewReader(f), f
		a.r.global("FILENAME").val = awkText(name)
		a.r.global("FNR").val = awkNumeric(0)
		return true
	}
	if a.opened {
		return false
	}
	a.opened = true
	a.main = bufio.NewReader(a.r.p.Stdin)
	return true
}

func isAwkName(s string) bool {
	for i, c := range s {
		if c != '_' && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// getline is all of getline's forms: 1, 0 at the end, -1 for an error.
func (a *awkIO) getline(n *awkNode) awkValue {
	r := a.r
	var record string
	var ok bool
	var target *awkNode
	switch {
	case n.op == "cmdline":
		in := a.command(r.text(r.eval(n.kids[0])))
		if record, ok = a.readRecord(in.Reader); ok {
			r.count("NR")
		}
		if len(n.kids) > 1 {
			target = n.kids[1]
		}
	case n.kids[1] != nil:
		in, err := a.file(r.text(r.eval(n.kids[1])))
		if err != nil {
			return awkNumeric(-1)
		}
		record, ok = a.readRecord(in.Reader)
		target = n.kids[0]
	default:
		record, ok = a.nextRecord()
		target = n.kids[0]
	}
	if !ok {
		return awkNumeric(0)
	}
	if target == nil {
		r.setRecord(record)
	} else {
		r.assign(target, awkOutside(record))
	}
	return awkNumeric(1)
}

func (a *awkIO) remember(key string, in *awkReader) *awkReader {
	if a.readers == nil {
		a.readers = map[string]*awkReader{}
	}
	a.readers[key] = in
	return in
}

func (a *awkIO) command(line string) *awkReader {
	if in := a.readers["|"+line]; in != nil {
		return in
	}
	_ = a.r.out.Flush()
	var out strings.Builder
	a.r.p.RunCommand(sim.Command{Args: []string{"sh", "-c", line}, Path: "/bin/sh", Stdout: &out})
	return a.remember("|"+line, &awkReader{bufio.NewReader(strings.NewReader(out.String())), func() {}})
}

func (a *awkIO) file(name string) (*awkReader, error) {
	if in := a.readers["<"+name]; in != nil {
		return in, nil
	}
	if name == "/dev/stdin" {
		name = "-"
	}
	f, err := open(a.r.p, name)
	if err != nil {
		return nil, err
	}
	return a.remember("<"+name, &awkReader{bufio.NewReader(f), func() { _ = f.Close() }}), nil
}

// write is print with a redirection.
func (a *awkIO) write(how, name, text string, line int) {
	if how != "|" && isOneOf(name, "/dev/stdout", "-") {
		_, _ = a.r.out.WriteString(text)
		return
	}
	if how != "|" && name == "/dev/stderr" {
		a.r.p.Errorf("%s", text)
		return
	}
	key := how[:1] + name
	w := a.writers[key]
	if w == nil {
		if a.writers == nil {
			a.writers = map[string]*awkWriter{}
		}
		w = a.openWriter(how, name, line)
		a.writers[key] = w
		a.order = append(a.order, key)
	}
	_, _ = w.WriteString(text)
}

func (a *awkIO) openWriter(how, name string, line int) *awkWriter {
	p := a.r.p
	if how == "|" {
		var data strings.Builder
		return &awkWriter{bufio.NewWriter(&data), func() int {
			_ = a.r.out.Flush()
			return p.RunCommand(sim.Command{Args: []string{"sh", "-c", name}, Path: "/bin/sh", Stdin: strings.NewReader(data.String())})
		}}
	}
	f, err := create(p, name, how == ">>")
	if err != nil {
		a.r.fail(line, "can't redirect to %s", name)
	}
	return &awkWriter{bufio.NewWriter(f), func() int { _ = f.Close(); return 0 }}
}

// close ends one file or command; -1 when nothing of that name is open.
func (a *awkIO) close(name string) int {
	code := -1
	for _, key := range []string{"<" + name, "|" + name} {
		if in := a.readers[key]; in != nil {
			in.close()
			delete(a.readers, key)
			code = 0
		}
	}
	for _, key := range []string{">" + name, "|" + name} {
		if w := a.writers[key]; w != nil {
			_ = w.Flush()
			code = w.close()
			delete(a.writers, key)
		}
	}
	return code
}

func (a *awkIO) flush() {
	_ = a.r.out.Flush()
	for _, w := range a.writers {
		_ = w.Flush()
	}
}

func (a *awkIO) closeAll() {
	for _, key := range a.order {
		if w := a.writers[key]; w != nil {
			_ = w.Flush()
			w.close()
		}
	}
	for _, in := range a.readers {
		in.close()
	}
	a.skipFile()
}

// builtin is a call of a function of the language.
func (r *awkRun) builtin(n *awkNode) awkValue {
	arg := func(i int) awkValue {
		if i < len(n.kids) {
			return r.eval(n.kids[i])
		}
		return awkValue{}
	}
	num := func(i int) float64 { return arg(i).number() }
	str := func(i int) string { return r.text(arg(i)) }
	whole := func(i int) uint64 { return uint64(int64(num(i))) }
	switch n.name {
	case "length":
		return r.length(n)
	case "substr":
		return awkText(awkSubstr(str(0), num(1), len(n.kids) > 2, num(2)))
	case "index":
		s := str(0)
		i := strings.Index(s, str(1))
		if i >= 0 {
			i = utf8.RuneCountInString(s[:i])
		}
		return awkNumeric(float64(i + 1))
	case "split":
		return r.splitCall(n)
	case "sub", "gsub":
		return r.subCall(n)
	case "match":
		return r.matchCall(str(0), r.pattern(n.kids[1]))
	case "sprintf":
		var args []awkValue
		for i := range n.kids[1:] {
			args = append(args, arg(i+1))
		}
		return awkText(awkSprintf(str(0), args, r.vars["CONVFMT"].val.s))
	case "sin":
		return awkNumeric(math.Sin(num(0)))
	case "cos":
		return awkNumeric(math.Cos(num(0)))
	case "atan2":
		return awkNumeric(math.Atan2(num(0), num(1)))
	case "exp":
		return awkNumeric(math.Exp(num(0)))
	case "log":
		return awkNumeric(math.Log(num(0)))
	case "sqrt":
		return awkNumeric(math.Sqrt(num(0)))
	case "int":
		return awkNumeric(math.Trunc(num(0)))
	case "rand":
		return awkNumeric(r.random.Float64())
	case "srand":
		old := r.seed
		if r.seed = float64(r.p.Now().Unix()); len(n.kids) > 0 {
			r.seed = num(0)
		}
		r.random = rand.New(rand.NewSource(int64(r.seed))) //nolint:gosec // as in newAwkRun
		return awkNumeric(old)
	case "tolower":
		return awkText(strings.ToLower(str(0)))
	case "toupper":
		return awkText(strings.ToUpper(str(0)))
	case "system":
		r.io.flush()
		return awkNumeric(float64(r.p.RunCommand(sim.Command{Args: []string{"sh", "-c", str(0)}, Path: "/bin/sh"})))
	case "close":
		return awkNumeric(float64(r.io.close(str(0))))
	case "fflush":
		r.io.flush()
		return awkNumeric(0)
	case "and":
		return awkNumeric(float64(whole(0) & whole(1)))
	case "or":
		return awkNumeric(float64(whole(0) | whole(1)))
	case "xor":
		return awkNumeric(float64(whole(0) ^ whole(1)))
	case "compl":
		return awkNumeric(float64(^whole(0)))
	case "lshift":
		return awkNumeric(float64(whole(0) << whole(1)))
	case "rshift":
		return awkNumeric(float64(whole(0) >> whole(1)))
	}
	r.fail(n.line, "illegal function call %s", n.name)
	return awkValue{}
}

func (r *awkRun) length(n *awkNode) awkValue {
	if len(n.kids) == 0 {
		return awkNumeric(float64(utf8.RuneCountInString(r.record)))
	}
	if k := n.kids[0]; k.op == "var" {
		v := r.lookup(k.name)
		for v.outer != nil && v.array == nil {
			v = v.outer
		}
		if v.array != nil {
			return awkNumeric(float64(len(v.array.index)))
		}
	}
	return awkNumeric(float64(utf8.RuneCountInString(r.text(r.eval(n.kids[0])))))
}

// awkSubstr rounds its numbers and cuts what lies outside, as POSIX says.
func awkSubstr(s string, from float64, limited bool, length float64) string {
	runes := []rune(s)
	start := math.RoundToEven(from)
	end := float64(len(runes)) + 1
	if limited {
		end = math.Min(end, start+math.RoundToEven(length))
	}
	start = math.Max(start, 1)
	if math.IsNaN(start) || math.IsNaN(end) || end <= start {
		return ""
	}
	return string(runes[int(start)-1 : int(end)-1])
}

func (r *awkRun) splitCall(n *awkNode) awkValue {
	if len(n.kids) < 2 || n.kids[1].op != "var" {
		r.fail(n.line, "split needs an array")
	}
	s := r.text(r.eval(n.kids[0]))
	var parts []string
	switch {
	case len(n.kids) < 3:
		parts = r.splitText(s, r.vars["FS"].val.s, r.vars["RS"].val.s == "")
	case n.kids[2].op == "regex":
		parts = r.splitText(s, "("+n.kids[2].text+")", false)
	default:
		parts = r.splitText(s, r.text(r.eval(n.kids[2])), false)
	}
	array := r.lookup(n.kids[1].name).asArray()
	array.clear()
	for i, part := range parts {
		array.set(strconv.Itoa(i+1), awkOutside(part))
	}
	return awkNumeric(float64(len(parts)))
}

// subCall is sub and gsub: & is the match, \& an ampersand.
func (r *awkRun) subCall(n *awkNode) awkValue {
	re := r.pattern(n.kids[0])
	replacement := r.text(r.eval(n.kids[1]))
	target := &awkNode{op: "field", kids: []*awkNode{{op: "number"}}}
	if len(n.kids) > 2 {
		target = n.kids[2]
	}
	s := r.text(r.eval(target))
	limit := -1
	if n.name == "sub" {
		limit = 1
	}
	var b strings.Builder
	end, count := 0, 0
	for _, m := range re.all(s, limit) {
		b.WriteString(s[end:m[0]])
		b.WriteString(awkReplacement(replacement, s[m[0]:m[1]]))
		end = m[1]
		count++
	}
	if count > 0 {
		b.WriteString(s[end:])
		if isLvalue(target) {
			r.assign(target, awkText(b.String()))
		}
	}
	return awkNumeric(float64(count))
}

func awkReplacement(text, match string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text) && (text[i+1] == '&' || text[i+1] == '\\'):
			i++
			b.WriteByte(text[i])
		case c == '&':
			b.WriteString(match)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (r *awkRun) matchCall(s string, re *regex) awkValue {
	start, length := 0, -1
	if m := re.first(s); m != nil {
		start, length = utf8.RuneCountInString(s[:m[0]])+1, utf8.RuneCountInString(s[m[0]:m[1]])
	}
	r.global("RSTART").val, r.global("RLENGTH").val = awkNumeric(float64(start)), awkNumeric(float64(length))
	return awkNumeric(float64(start))
}

package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/lazyregexp"
	"bsdrun/runtime/sim/vfs"
)

// The shell reads POSIX (mvdan.cc/sh's parser), and runs on the machine's files,
// processes and pipes alone. It follows FreeBSD's sh(1): what is not POSIX is a
// syntax error here as there.

// shell is one sh process, or a subshell.
type shell struct {
	p      *Proc
	name   string // $0
	vars   map[string]*variable
	scopes []map[string]*variable // what local hides, innermost last
	funcs  map[string]*syntax.Stmt
	params []string
	opts   map[byte]bool
	status int
	shPID  int // $$
	ppid   int
	lastBG int
	jobs   []*shellJob
	optPos int // getopts: position in the current argument
	fds    map[int]*stream
	dir    string
	traps  map[string]string
	source string // script being read, for messages

	flow        flow
	loops       int
	calls       int // functions and dot scripts entered
	tested      int // inside a condition: set -e does not count
	inTrap      bool
	left        bool                                                 // exit was asked for, or another program took over
	notFound    func(name string, err error) (text string, code int) // csh's words; nil: sh's
	lineBase    uint
	tailAt      uint // where the last statement of -c begins
	substituted bool // a command substitution set the status of an assignment

	mu      sync.Mutex // guards what signals touch
	pending []string
	wakeup  context.CancelFunc // ends a wait that a trapped signal interrupts
}

// variable of the shell.
type variable struct {
	value              string
	set                bool
	exported, readonly bool
}

// flow is what leaves the usual order of commands.
type flow struct {
	kind  flowKind
	depth int // loops to leave
}

type flowKind int

const (
	flowNone flowKind = iota
	flowBreak
	flowContinue
	flowReturn
	flowExit
)

// shellJob is a background job.
type shellJob struct {
	number  int
	pid     int
	process *task
	text    string
}

// shellTool is /bin/sh.
func shellTool() *Tool {
	return &Tool{Name: "sh", Paths: []string{"/bin/sh"}, Run: runShell}
}

// bashTool is the package's shell, as far as it does what sh does: of the rest it
// says that it cannot.
func bashTool() *Tool {
	return &Tool{Name: "bash", Package: "bash", Paths: []string{"/usr/local/bin/bash"}, Run: runShell}
}

func runShell(p *Proc) int {
	s := newShell(p)
	code := s.main()
	s.closeAll()
	return code
}

func newShell(p *Proc) *shell {
	s := &shell{
		p: p, name: p.Args[0], vars: map[string]*variable{}, funcs: map[string]*syntax.Stmt{}, opts: map[byte]bool{},
		shPID: p.PID, fds: map[int]*stream{}, dir: p.Dir, traps: map[string]string{}, ppid: 1,
	}
	if p.process != nil {
		s.ppid = p.process.parent()
	}
	for _, pair := range p.Env {
		if name, value, ok := strings.Cut(pair, "="); ok && syntax.ValidName(name) {
			s.vars[name] = &variable{value: value, set: true, exported: true}
		}
	}
	s.vars["IFS"] = &variable{value: " \t\n", set: true}
	s.vars["OPTIND"] = &variable{value: "1", set: true}
	s.vars["PS1"] = &variable{value: "$ ", set: true}
	s.vars["PS2"] = &variable{value: "> ", set: true}
	s.vars["PS4"] = &variable{value: "+ ", set: true}
	s.vars["PPID"] = &variable{value: strconv.Itoa(s.ppid), set: true}
	if _, ok := s.vars["PATH"]; !ok {
		s.vars["PATH"] = &variable{value: DefaultPath, set: true}
	}
	if pwd, ok := s.value("PWD"); !ok || !s.sameDir(pwd) {
		s.vars["PWD"] = &variable{value: s.dir, set: true, exported: s.vars["PWD"] != nil && s.vars["PWD"].exported}
	} else {
		s.dir = pwd
	}
	s.fds[0], s.fds[1], s.fds[2] = asStream(p.Stdin, nil), asStream(nil, p.Stdout), asStream(nil, p.Stderr)
	for fd, st := range p.Files {
		s.fds[fd] = st.dup()
	}
	return s
}

func (s *shell) sameDir(dir string) bool {
	if !strings.HasPrefix(dir, "/") {
		return false
	}
	view := s.p.Machine.View(s.p.Cred, "/")
	a, err := view.Stat(dir)
	if err != nil {
		return false
	}
	b, err := view.Stat(s.dir)
	return err == nil && a.Inode == b.Inode
}

func (s *shell) closeAll() {
	for _, st := range s.fds {
		st.release()
	}
	s.fds = map[int]*stream{}
}

func (s *shell) view() *vfs.View {
	view := s.p.Machine.View(s.p.Cred, s.dir)
	view.Umask = s.p.Umask
	return view
}

// errorf writes to standard error, as the shell's own message.
func (s *shell) errorf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.writer(2), format, args...)
}

// writer is a descriptor to write to, in the hands of this process.
func (s *shell) writer(fd int) io.Writer {
	if st := s.fds[fd]; st != nil {
		return s.bind(st)
	}
	return newStream(nil, nil, nil)
}

func (s *shell) reader(fd int) io.Reader {
	if st := s.fds[fd]; st != nil {
		return s.bind(st)
	}
	return newStream(nil, nil, nil)
}

func (s *shell) bind(st *stream) interface {
	io.Reader
	io.Writer
} {
	if s.p.process == nil {
		return st
	}
	return bound{st, s.p.process}
}

// main reads the arguments (sh(1)) and the program.
func (s *shell) main() int {
	args := s.p.Args[1:]
	login := strings.HasPrefix(s.name, "-")
	command, fromStdin := false, false
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			break
		}
		on := arg[0] == '-'
		for i := 1; i < len(arg); i++ {
			switch c := arg[i]; {
			case c == 'c':
				command = true
			case c == 's':
				fromStdin = true
			case c == 'l':
				login = true
			case c == 'i':
				s.opts['i'] = on
			case c == 'o':
				if len(args) == 0 {
					s.errorf("sh: -o requires an argument\n")
					return 2
				}
				if !s.setLong(args[0], on) {
					s.errorf("sh: Illegal option -o %s\n", args[0])
					return 2
				}
				args = args[1:]
			case strings.IndexByte(shellOptions, c) >= 0:
				s.opts[c] = on
			default:
				s.errorf("sh: Illegal option -%c\n", c)
				return 2
			}
		}
	}
	if len(args) > 0 && args[0] == "-" {
		args = args[1:]
	}
	if login {
		s.profile()
	}
	switch {
	case s.flow.kind == flowExit:
	case command:
		if len(args) == 0 {
			s.errorf("sh: Bad -c option\n")
			return 2
		}
		text := args[0]
		if len(args) > 1 {
			s.name, s.params = args[1], args[2:]
		}
		s.tailAt = lastStatement(text)
		s.program(strings.NewReader(text), true)
	case len(args) > 0 && !fromStdin:
		return s.script(args)
	default:
		s.params = args
		if s.opts['i'] || s.fds[0] != nil && s.fds[0].tty {
			s.interact()
		} else {
			s.program(s.reader(0), false)
		}
	}
	return s.end()
}

// profile runs the files of a login shell.
func (s *shell) profile() {
	files := []string{"/etc/profile"}
	if home, ok := s.value("HOME"); ok {
		files = append(files, path.Join(home, ".profile"))
	}
	for _, file := range files {
		if data, err := s.view().ReadFile(file); err == nil && s.flow.kind != flowExit {
			s.calls++
			s.program(strings.NewReader(string(data)), false)
			s.calls--
			if s.flow.kind == flowReturn {
				s.flow = flow{}
			}
		}
	}
	s.status = 0
}

// script runs a file.
func (s *shell) script(args []string) int {
	file := args[0]
	s.name, s.params, s.source = file, args[1:], file
	view := s.view()
	data, err := view.ReadFile(file)
	if err != nil && !strings.Contains(file, "/") {
		if found, lookErr := s.p.Machine.LookPath(view, s.environ(), file); lookErr == nil {
			data, err = view.ReadFile(found)
		}
	}
	if err != nil {
		s.errorf("sh: cannot open %s: %s\n", file, ErrText(err))
		return 127
	}
	s.program(strings.NewReader(string(data)), false)
	return s.end()
}

// end runs the EXIT trap.
func (s *shell) end() int {
	s.runTraps()
	if action, ok := s.traps["EXIT"]; ok && action != "" && s.p.Context.Err() == nil {
		delete(s.traps, "EXIT")
		s.flow = flow{}
		code := s.status
		s.inTrap = true
		s.evalText(action)
		if s.flow.kind != flowExit {
			s.status = code
		}
	}
	return s.status & 0xff
}

// program reads statements and runs each line as soon as it is complete. The
// text of -c is run with its last command in place of the shell.
func (s *shell) program(r io.Reader, command bool) {
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX))
	input := &lineReader{r: r}
	// The library's iterator must not be left early: it is fed the end instead.
	for stmts, err := range parser.InteractiveSeq(input) {
		switch {
		case input.over:
		case err != nil:
			s.syntaxError(err)
			input.over = true
		case parser.Incomplete() || len(stmts) == 0 || s.opts['n']:
		default:
			if input.masked {
				unmask(stmts)
			}
			tail := command && stmts[len(stmts)-1].Pos().Offset() == s.tailAt && len(s.traps) == 0
			s.statements(stmts, tail)
			clear(stmts) // the parser keeps them until it has read more
			input.over = s.stopped()
		}
	}
	if input.err != nil && s.p.Context.Err() == nil && !errors.Is(input.err, io.EOF) {
		s.errorf("sh: read error: %s\n", ErrText(input.err))
		s.status = 2
	}
}

func (s *shell) stopped() bool {
	return s.flow.kind == flowExit || s.flow.kind == flowReturn || s.p.Context.Err() != nil
}

// syntaxError reports what the parser refused; the shell ends with 2.
func (s *shell) syntaxError(err error) {
	text := err.Error()
	var parse syntax.ParseError
	if errors.As(err, &parse) {
		text = syntaxText(parse.Text)
	}
	if s.source != "" {
		s.errorf("%s: %d: Syntax error: %s\n", s.source, parse.Pos.Line(), text)
	} else {
		s.errorf("%s: Syntax error: %s\n", path.Base(s.name), text)
	}
	s.status, s.flow = 2, flow{kind: flowExit}
}

var (
	unclosed  = lazyregexp.New("^reached EOF without matching `.*` with `(.*)`")
	unquoted  = lazyregexp.New("^reached EOF without closing quote")
	misplaced = lazyregexp.New("^`(.+)` (can only|must|is not)|encountered `(.+)`")
	followed  = lazyregexp.New("must be (?:followed by|ended with) `(\\w+)`$")
)

// syntaxText puts the parser's words for common mistakes into the shell's.
func syntaxText(text string) string {
	switch {
	case unquoted.MatchString(text):
		return "Unterminated quoted string"
	case unclosed.MatchString(text):
		return `end of file unexpected (expecting "` + unclosed.FindStringSubmatch(text)[1] + `")`
	case followed.MatchString(text):
		return `end of file unexpected (expecting "` + followed.FindStringSubmatch(text)[1] + `")`
	case misplaced.MatchString(text):
		m := misplaced.FindStringSubmatch(text)
		return `"` + m[1] + m[3] + `" unexpected`
	}
	return text
}

// lineReader gives the parser its input and a newline at the end. The parser
// takes UTF-8 alone while sh takes any bytes, so that those beyond ASCII go
// through it one by one in the guise of private characters (see unmask).
type lineReader struct {
	r      io.Reader
	ready  []byte // masked, not taken yet
	last   byte
	masked bool // some were
	done   bool
	over   bool   // nothing more is wanted
	prompt func() // called before more is read; nil: nobody types
	err    error
}

func (l *lineReader) Read(b []byte) (int, error) {
	for len(l.ready) == 0 {
		if l.done || l.over {
			return 0, io.EOF
		}
		l.fill()
	}
	n := copy(b, l.ready)
	l.ready = l.ready[n:]
	return n, nil
}

func (l *lineReader) fill() {
	if l.prompt != nil {
		l.prompt()
	}
	var buf [4 << 10]byte
	n, err := l.r.Read(buf[:])
	if n > 0 {
		l.last = buf[n-1]
		l.ready = maskBytes(buf[:n])
		l.masked = l.masked || len(l.ready) > n
		return
	}
	if err != nil {
		l.done, l.err = true, err
		if l.last != '\n' {
			l.ready = []byte{'\n'}
		}
	}
}

// privateByte is the first of the private characters that stand for bytes.
const privateByte = 0xF700

func maskBytes(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		if c < utf8.RuneSelf {
			out = append(out, c)
		} else {
			out = utf8.AppendRune(out, privateByte+rune(c))
		}
	}
	return out
}

// unmask gives the words of parsed statements their bytes back.
func unmask(stmts []*syntax.Stmt) {
	plain := func(text string) string {
		var out strings.Builder
		for _, r := range text {
			if r >= privateByte+utf8.RuneSelf && r <= privateByte+0xFF {
				out.WriteByte(byte(r - privateByte))
			} else {
				out.WriteRune(r)
			}
		}
		return out.String()
	}
	for _, st := range stmts {
		syntax.Walk(st, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Lit:
				n.Value = plain(n.Value)
			case *syntax.SglQuoted:
				n.Value = plain(n.Value)
			}
			return true
		})
	}
}

// lastStatement is where a script's last statement begins: after it the shell
// has nothing left to do.
func lastStatement(text string) uint {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(bytes.NewReader(maskBytes([]byte(text))), "")
	if err != nil || len(file.Stmts) == 0 {
		return ^uint(0)
	}
	return file.Stmts[len(file.Stmts)-1].Pos().Offset()
}

// value of a variable or parameter.
func (s *shell) value(name string) (string, bool) {
	if len(name) == 1 || name[0] >= '0' && name[0] <= '9' {
		if v, set, ok := s.special(name); ok {
			return v, set
		}
	}
	if v := s.vars[name]; v != nil && v.set {
		return v.value, true
	}
	if name == "LINENO" {
		return strconv.Itoa(int(s.lineBase)), true
	}
	return "", false
}

func (s *shell) special(name string) (value string, set, ok bool) {
	switch name {
	case "?":
		return strconv.Itoa(s.status), true, true
	case "$":
		return strconv.Itoa(s.shPID), true, true
	case "!":
		if s.lastBG == 0 {
			return "", false, true
		}
		return strconv.Itoa(s.lastBG), true, true
	case "#":
		return strconv.Itoa(len(s.params)), true, true
	case "-":
		return s.optionLetters(), true, true
	case "@", "*":
		return strings.Join(s.params, " "), len(s.params) > 0, true
	case "0":
		return s.name, true, true
	}
	n, err := strconv.Atoi(name)
	if err != nil {
		return "", false, false
	}
	if n > 0 && n <= len(s.params) {
		return s.params[n-1], true, true
	}
	return "", false, true
}

func (s *shell) optionLetters() string {
	var b strings.Builder
	for _, c := range []byte("i" + shellOptions) {
		if s.opts[c] {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// set assigns a variable.
func (s *shell) set(name, value string) error {
	if !syntax.ValidName(name) {
		return &shellError{name + ": bad variable name", 2}
	}
	v := s.vars[name]
	if v == nil {
		v = &variable{}
		s.vars[name] = v
	}
	if v.readonly {
		return &shellError{name + ": is read only", 2}
	}
	v.value, v.set = value, true
	v.exported = v.exported || s.opts['a']
	if name == "OPTIND" {
		s.optPos = 0
	}
	return nil
}

// environ is the environment of the programs it starts.
func (s *shell) environ() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		if v := s.vars[name]; v.exported && v.set {
			env = append(env, name+"="+v.value)
		}
	}
	return env
}

// fail reports an error that ends a non-interactive shell.
func (s *shell) fail(err error) int {
	code := 2
	var se *shellError
	if errors.As(err, &se) {
		code = se.code
		s.errorf("%s%s\n", s.prefix(), se.text)
	} else {
		s.errorf("%s%s\n", s.prefix(), ErrText(err))
	}
	s.status, s.flow = code, flow{kind: flowExit}
	return code
}

// prefix names the script in the shell's own messages.
func (s *shell) prefix() string {
	if s.source != "" {
		return s.source + ": "
	}
	return ""
}

// fork is a copy of the shell as a process of its own. Its descriptors are
// given; the caller runs it with launch.
func (s *shell) fork(fds map[int]*stream, newGroup bool) *shell {
	umask := s.p.Umask
	cred := s.p.Cred
	c := Command{
		Args: s.p.Args, Env: s.environ(), Dir: s.dir, Cred: &cred, Umask: &umask, TTY: s.p.TTY, NewGroup: newGroup,
		Stdin: orClosed(fds[0]), Stdout: orClosed(fds[1]), Stderr: orClosed(fds[2]), Files: map[int]*stream{},
		Ignore: s.ignoredSignals(),
	}
	for fd, st := range fds {
		if fd > 2 {
			c.Files[fd] = st
		}
	}
	process := s.p.Machine.newProcess(s.p.process, c)
	m := s.p.Machine
	m.mu.Lock()
	process.forked = true
	if s.p.process != nil {
		process.Path = s.p.process.Path
	}
	m.mu.Unlock()
	child := &shell{
		p: process.proc(s.p.Args, s.p.TTY), name: s.name, vars: map[string]*variable{}, funcs: maps.Clone(s.funcs),
		params: slices.Clone(s.params), opts: maps.Clone(s.opts), status: s.status, shPID: s.shPID, ppid: s.ppid,
		lastBG: s.lastBG, optPos: s.optPos, fds: map[int]*stream{}, dir: s.dir, traps: map[string]string{}, source: s.source,
		tested: s.tested, calls: s.calls, lineBase: s.lineBase,
	}
	child.jobs = slices.Clone(s.jobs)
	for name, v := range s.vars {
		copied := *v
		child.vars[name] = &copied
	}
	for sig, action := range s.traps {
		if action == "" {
			child.traps[sig] = ""
		}
	}
	for fd, st := range process.streams {
		child.fds[fd] = st.dup()
	}
	return child
}

func orClosed(s *stream) *stream {
	if s == nil {
		return newStream(nil, nil, nil)
	}
	return s
}

// launch runs a forked shell's work as a process; what it returns is the exit
// code.
func (s *shell) launch(work func(child *shell)) *task {
	process := s.p.process
	s.p.Machine.clock.enter()
	go process.live(func() int {
		defer s.closeAll()
		return s.protect(func() int {
			work(s)
			return s.end()
		})
	})
	return process
}

// protect turns a panic into a loud fault of the simulator.
func (s *shell) protect(work func() int) (code int) {
	defer s.p.recoverPanic(&code)
	return work()
}

func (s *shell) ignoredSignals() []syscall.Signal {
	var list []syscall.Signal
	for name, action := range s.traps {
		if action == "" {
			if sig, ok := signalNumber(name); ok {
				list = append(list, sig)
			}
		}
	}
	return list
}

// waitFor blocks until a child ends. A killed shell stops waiting.
func (s *shell) waitFor(p *task) int {
	code, err := p.Wait(s.p.Context)
	if err != nil {
		s.flow = flow{kind: flowExit}
		return 128 + int(syscall.SIGKILL)
	}
	return code
}

// substitute runs a command substitution.
func (s *shell) substitute(c *syntax.CmdSubst) (string, error) {
	if len(c.Stmts) == 0 {
		return "", nil
	}
	r, w := newPipe(s.p.Machine.clock)
	fds := maps.Clone(s.fds)
	fds[1] = w
	child := s.fork(fds, false)
	w.release()
	child.tested = 0
	process := child.launch(func(child *shell) { child.statements(c.Stmts, true) })
	data, err := io.ReadAll(s.bind(r))
	r.release()
	s.status = s.waitFor(process)
	s.substituted = true
	if err != nil && s.p.Context.Err() != nil {
		return "", &shellError{"interrupted", 130}
	}
	text := strings.ReplaceAll(string(data), "\x00", "")
	return strings.TrimRight(text, "\n"), nil
}

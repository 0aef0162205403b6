package base

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"syscall"

	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
)

// sedRun is one execution of a script.
type sedRun struct {
	p          *sim.Proc
	list       []*sedCommand
	quiet      bool
	lineByLine bool // -l: output is seen after each line
	inPlace    bool
	suffix     string
	together   bool // -I: line numbers go on across files
	code       int

	out     *bufio.Writer
	outputs map[string]io.Writer // of w
	input   *sedInput
	space   string // pattern space
	hold    string
	newline bool // the line ended in one
	number  int
	changed bool // since the last t
	queue   []func()
	last    *regex
	quit    bool
}

// sedInput reads the lines of several files and knows which is the last.
type sedInput struct {
	s     *sedRun
	names []string
	lines *lineReader
	close func()
	ahead *sedLine
}

type sedLine struct {
	text    string
	newline bool
}

func (in *sedInput) fetch() *sedLine {
	if in.ahead != nil {
		l := in.ahead
		in.ahead = nil
		return l
	}
	for {
		if in.lines != nil {
			text, newline, err := in.lines.next()
			if err == nil {
				return &sedLine{text, newline}
			}
			if !errors.Is(err, io.EOF) {
				warn(in.s.p, "read", err)
				in.s.code = 1
			}
			in.close()
			in.lines = nil
		}
		if len(in.names) == 0 {
			return nil
		}
		name := in.names[0]
		in.names = in.names[1:]
		r, err := open(in.s.p, name)
		if err != nil {
			warn(in.s.p, name, err)
			in.s.code = 1
			if linux(in.s.p) {
				in.s.code = 2
			}
			continue
		}
		in.lines, in.close = newLines(r), func() { _ = r.Close() }
	}
}

func (in *sedInput) isLast() bool {
	if in.ahead == nil {
		in.ahead = in.fetch()
	}
	return in.ahead == nil
}

func (s *sedRun) run(names []string) int {
	for _, c := range s.list {
		for _, file := range []string{c.outputName(), c.substFile()} {
			if file == "" || s.outputs[file] != nil {
				continue
			}
			f, err := create(s.p, file, false)
			if err != nil {
				return fail(s.p, file, err)
			}
			defer func() { _ = f.Close() }()
			s.outputs[file] = f
		}
	}
	if !s.inPlace {
		if len(names) == 0 {
			names = []string{"-"}
		}
		s.out = bufio.NewWriter(s.p.Stdout)
		if s.outputs["/dev/stdout"] != nil {
			s.outputs["/dev/stdout"] = s.out
		}
		s.input = &sedInput{s: s, names: names}
		s.cycles()
		if s.out.Flush() != nil {
			return brokenPipe
		}
		return s.code
	}
	for _, name := range names {
		if s.quit {
			break
		}
		s.edit(name)
	}
	return s.code
}

func (c *sedCommand) outputName() string {
	if c.name == 'w' {
		return c.text
	}
	return ""
}

func (c *sedCommand) substFile() string {
	if c.subst != nil {
		return c.subst.file
	}
	return ""
}

// edit changes one file in place: the result takes its name, the original the
// name with the suffix.
func (s *sedRun) edit(name string) {
	info, err := s.p.FS().Lstat(name)
	if err != nil {
		warn(s.p, name, err)
		s.code = 1
		return
	}
	if info.Type != vfs.TypeFile {
		warnx(s.p, "%s: in-place editing only works for regular files", name)
		s.code = 1
		return
	}
	temp := path.Join(dirName(name), fmt.Sprintf(".!%d!%s", s.p.PID, path.Base(name)))
	f, err := s.p.FS().OpenFile(temp, syscall.O_WRONLY|syscall.O_CREAT|syscall.O_TRUNC, 0o600)
	if err != nil {
		warn(s.p, name, err)
		s.code = 1
		return
	}
	s.out = bufio.NewWriter(f)
	s.input = &sedInput{s: s, names: []string{name}}
	if !s.together {
		s.number = 0
		for _, c := range s.list {
			c.inRange = false
		}
	}
	before := s.code
	s.cycles()
	if s.quit {
		// What q leaves unread stays in the file.
		for l := s.input.fetch(); l != nil; l = s.input.fetch() {
			s.emit(l.text, l.newline)
		}
	}
	err = s.out.Flush()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil && s.code == before {
		_ = s.p.FS().Chown(temp, info.UID, info.GID)
		_ = s.p.FS().Chmod(temp, info.Mode)
		if s.suffix != "" {
			backup := name + s.suffix
			_ = s.p.FS().Remove(backup)
			err = s.p.FS().Link(name, backup)
		}
		if err == nil {
			err = s.p.FS().Rename(temp, name)
		}
	}
	if err != nil || s.code != before {
		_ = s.p.FS().Remove(temp)
	}
	if err != nil {
		warn(s.p, name, err)
		s.code = 1
	}
}

// read gets the next line into the pattern space.
func (s *sedRun) read() (string, bool) {
	l := s.input.fetch()
	if l == nil {
		return "", false
	}
	s.number++
	s.newline = l.newline
	return l.text, true
}

// restart says that D left something: the next cycle begins without reading.
func (s *sedRun) cycles() {
	restart := false
	for !s.quit && s.p.Context.Err() == nil {
		if !restart {
			text, ok := s.read()
			if !ok {
				return
			}
			s.space = text
		}
		restart = s.cycle()
		s.flushQueue()
		if s.lineByLine {
			_ = s.out.Flush()
		}
	}
}

func (s *sedRun) flushQueue() {
	for _, fn := range s.queue {
		fn()
	}
	s.queue, s.changed = nil, false
}

func (s *sedRun) emit(text string, newline bool) {
	_, _ = s.out.WriteString(text)
	if newline {
		_ = s.out.WriteByte('\n')
	}
}

func (s *sedRun) autoprint() {
	if !s.quiet {
		s.emit(s.space, s.newline)
	}
}

// flow is what a command says about the rest of the cycle.
type flow int

const (
	goOn flow = iota
	endCycle
	deleteCycle  // without printing
	restartCycle // D: again without reading
	quitSilently // n or N without a next line
	branch       // to the index that comes with it
)

func (s *sedRun) cycle() (restart bool) {
	for i := 0; i < len(s.list); {
		c := s.list[i]
		i++
		if !s.selects(c) {
			if c.name == '{' {
				i = c.target
			}
			continue
		}
		f, next := s.execute(c)
		switch f {
		case branch:
			i = next
		case endCycle:
			s.autoprint()
			return false
		case deleteCycle:
			return false
		case restartCycle:
			return true
		case quitSilently:
			s.quit = true
			return false
		}
	}
	s.autoprint()
	return false
}

// selects tells whether a command applies to the current line.
func (s *sedRun) selects(c *sedCommand) bool { return s.addressed(c) != c.negate }

func (s *sedRun) addressed(c *sedCommand) bool {
	switch {
	case c.from == nil:
		return true
	case c.to == nil:
		return s.matches(c.from)
	case c.inRange:
		switch {
		case c.to.expr || c.to.last:
			c.inRange = !s.matches(c.to)
		case s.number >= c.rangeEnd:
			c.inRange = false
			// A range that lies behind ends before this line.
			return s.number == c.rangeEnd
		}
		return true
	case !s.matches(c.from):
		return false
	}
	switch {
	case c.to.plus:
		c.rangeEnd = s.number + c.to.line
		c.inRange = c.to.line > 0
	case c.to.expr:
		c.inRange = true
	case c.to.last:
		c.inRange = !s.input.isLast()
	default:
		c.rangeEnd = c.to.line
		c.inRange = c.to.line > s.number
	}
	return true
}

func (s *sedRun) matches(a *sedAddress) bool {
	switch {
	case a.last:
		return s.input.isLast()
	case a.expr:
		re := s.remember(a.re)
		return re != nil && re.MatchString(s.space)
	}
	return s.number == a.line
}

// remember resolves the empty expression to the last one used.
func (s *sedRun) remember(re *regex) *regex {
	if re != nil {
		s.last = re
	} else if s.last == nil {
		warnx(s.p, "first RE may not be empty")
		s.code, s.quit = 1, true
	}
	return s.last
}

func (s *sedRun) execute(c *sedCommand) (flow, int) {
	switch c.name {
	case 'a':
		s.queue = append(s.queue, func() { s.emit(c.text, false) })
	case 'i':
		s.emit(c.text, false)
	case 'c':
		if c.to == nil || c.negate || !c.inRange {
			s.emit(c.text, false)
		}
		return deleteCycle, 0
	case 'b':
		return branch, c.target
	case 't':
		if s.changed {
			s.changed = false
			return branch, c.target
		}
	case 'd':
		return deleteCycle, 0
	case 'D':
		_, rest, ok := strings.Cut(s.space, "\n")
		if !ok {
			return deleteCycle, 0
		}
		s.space = rest
		return restartCycle, 0
	case 'g':
		s.space = s.hold
	case 'G':
		s.space += "\n" + s.hold
	case 'h':
		s.hold = s.space
	case 'H':
		s.hold += "\n" + s.space
	case 'x':
		s.space, s.hold = s.hold, s.space
	case 'l':
		_, _ = s.out.WriteString(sedList(s.space))
	case 'n', 'N':
		return s.nextLine(c.name)
	case 'p':
		s.emit(s.space, true)
	case 'P':
		first, _, _ := strings.Cut(s.space, "\n")
		s.emit(first, true)
	case 'q':
		s.autoprint()
		s.flushQueue()
		s.quit = true
		s.code = max(s.code, c.number)
		return deleteCycle, 0
	case 'r':
		s.queue = append(s.queue, func() {
			if data, err := s.p.FS().ReadFile(c.text); err == nil {
				s.emit(string(data), false)
			}
		})
	case 'w':
		_, _ = fmt.Fprintf(s.outputs[c.text], "%s\n", s.space)
	case 's':
		s.substitute(c.subst)
	case 'y':
		s.space = strings.Map(func(r rune) rune {
			if to, ok := c.table[r]; ok {
				return to
			}
			return r
		}, s.space)
	case '=':
		s.emit(fmt.Sprint(s.number), true)
	}
	return goOn, 0
}

func (s *sedRun) nextLine(name byte) (flow, int) {
	if s.input.isLast() {
		// Without a next line N ends the run and prints nothing, as POSIX says
		// and GNU's sed does not.
		if name == 'n' {
			s.autoprint()
		}
		return quitSilently, 0
	}
	if name == 'n' {
		s.autoprint()
		s.flushQueue()
		s.space, _ = s.read()
		return goOn, 0
	}
	s.flushQueue()
	text, _ := s.read()
	s.space += "\n" + text
	return goOn, 0
}

func (s *sedRun) substitute(sub *substitution) {
	re := s.remember(sub.re)
	if re == nil {
		return
	}
	text, done := sub.run(re, s.space)
	if !done {
		return
	}
	s.space, s.changed = text, true
	if sub.print {
		s.emit(s.space, true)
	}
	if sub.file != "" {
		_, _ = fmt.Fprintf(s.outputs[sub.file], "%s\n", s.space)
	}
}

// sedList is the l command: escapes, folded at 60 columns.
func sedList(text string) string {
	const width = 60
	var b strings.Builder
	column := 0
	for i := range len(text) {
		c := text[i]
		piece := string(c)
		if esc, ok := map[byte]string{'\\': `\\`, '\a': `\a`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\v': `\v`}[c]; ok {
			piece = esc
		} else if c < ' ' || c > '~' {
			piece = fmt.Sprintf("\\%03o", c)
		}
		if column+len(piece) >= width {
			b.WriteString("\\\n")
			column = 0
		}
		b.WriteString(piece)
		column += len(piece)
	}
	return b.String() + "$\n"
}

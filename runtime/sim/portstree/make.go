package portstree

import (
	"path"
	"strings"
)

// Files is what is read of a file tree; a vfs.View is one.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// makefile is the little of make(1) that a port's Makefile needs to tell its
// metadata: assignments, conditionals, loops and includes. Targets and their
// commands are skipped.
type makefile struct {
	fs     Files
	curdir string // .CURDIR
	vars   map[string]string
	// include is asked for <name> includes of the ports framework; it may set
	// variables (options) at that point.
	include func(m *makefile, name string)
	depth   int
}

func newMakefile(fs Files, curdir string) *makefile {
	m := &makefile{fs: fs, curdir: curdir, vars: map[string]string{}}
	m.vars[".CURDIR"] = curdir
	return m
}

// read evaluates a file; a missing one is an error only to the caller.
func (m *makefile) read(name string) error {
	data, err := m.fs.ReadFile(name)
	if err != nil {
		return err
	}
	m.eval(string(data), path.Dir(name))
	return nil
}

// logicalLines joins continued lines and removes comments.
func logicalLines(text string) []string {
	var out []string
	var cur strings.Builder
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if cur.Len() > 0 {
			line = strings.TrimLeft(line, " \t")
		}
		if strings.HasSuffix(line, `\`) && !strings.HasSuffix(line, `\\`) {
			cur.WriteString(strings.TrimRight(line[:len(line)-1], " \t"))
			cur.WriteByte(' ')
			continue
		}
		cur.WriteString(line)
		out = append(out, stripComment(cur.String()))
		cur.Reset()
	}
	if cur.Len() > 0 {
		out = append(out, stripComment(cur.String()))
	}
	return out
}

// stripComment cuts at the first # that is not escaped; command lines keep theirs.
func stripComment(s string) string {
	if strings.HasPrefix(s, "\t") {
		return s
	}
	for i := 0; i < len(s); i++ {
		if s[i] != '#' {
			continue
		}
		if i > 0 && s[i-1] == '\\' {
			s = s[:i-1] + s[i:]
			i--
			continue
		}
		return strings.TrimRight(s[:i], " \t")
	}
	return s
}

// maxDepth bounds includes that include themselves.
const maxDepth = 20

func (m *makefile) eval(text, dir string) {
	if m.depth >= maxDepth {
		return
	}
	m.depth++
	defer func() { m.depth-- }()
	m.run(logicalLines(text), dir)
}

// branch is the state of one .if: whether its lines count, and whether one of
// its branches has been taken.
type branch struct{ active, taken, parent bool }

func (m *makefile) run(lines []string, dir string) {
	var ifs []branch
	live := func() bool { return len(ifs) == 0 || ifs[len(ifs)-1].active }
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if strings.HasPrefix(line, "\t") || strings.TrimSpace(line) == "" {
			continue
		}
		word, rest, isDirective := directive(line)
		if !isDirective {
			if live() {
				m.assign(line)
			}
			continue
		}
		switch word {
		case "if", "ifdef", "ifndef", "ifmake", "ifnmake":
			on := live() && m.ifLine(word, rest)
			ifs = append(ifs, branch{active: on, taken: on, parent: live()})
		case "elif", "elifdef", "elifndef":
			if n := len(ifs); n > 0 {
				b := &ifs[n-1]
				b.active = b.parent && !b.taken && m.ifLine(strings.TrimPrefix(word, "el"), rest)
				b.taken = b.taken || b.active
			}
		case "else":
			if n := len(ifs); n > 0 {
				b := &ifs[n-1]
				b.active, b.taken = b.parent && !b.taken, true
			}
		case "endif":
			if n := len(ifs); n > 0 {
				ifs = ifs[:n-1]
			}
		case "for":
			body, end := loopBody(lines, i+1)
			if live() {
				m.loop(rest, body, dir)
			}
			i = end
		case "include", "-include", "sinclude", "dinclude":
			if live() {
				m.includeLine(rest, dir)
			}
		case "undef":
			if live() {
				for _, v := range strings.Fields(m.expand(rest)) {
					delete(m.vars, v)
				}
			}
		}
	}
}

// directive splits ".  if x" into "if", "x".
func directive(line string) (word, rest string, ok bool) {
	if !strings.HasPrefix(line, ".") {
		return "", "", false
	}
	body := strings.TrimLeft(line[1:], " \t")
	for _, w := range []string{"ifdef", "ifndef", "ifmake", "ifnmake", "elifdef", "elifndef", "if", "elif", "else", "endif", "for", "endfor",
		"include", "-include", "sinclude", "dinclude", "undef", "error", "warning", "info", "export", "unexport", "poison", "PHONY"} {
		if strings.HasPrefix(body, w) && (len(body) == len(w) || strings.ContainsRune(" \t(!\"<$", rune(body[len(w)]))) {
			return w, strings.TrimSpace(body[len(w):]), true
		}
	}
	return "", "", false
}

// loopBody finds the lines up to the matching .endfor and its index.
func loopBody(lines []string, from int) ([]string, int) {
	depth := 1
	for i := from; i < len(lines); i++ {
		switch w, _, _ := directive(lines[i]); w {
		case "for":
			depth++
		case "endfor":
			if depth--; depth == 0 {
				return lines[from:i], i
			}
		}
	}
	return lines[from:], len(lines)
}

// loop runs `.for a b in words`.
func (m *makefile) loop(head string, body []string, dir string) {
	names, words, ok := strings.Cut(head, " in ")
	vars := strings.Fields(names)
	if !ok || len(vars) == 0 {
		return
	}
	list := strings.Fields(m.expand(words))
	for i := 0; i+len(vars) <= len(list); i += len(vars) {
		round := make([]string, len(body))
		for j, line := range body {
			for k, v := range vars {
				line = strings.NewReplacer("${"+v+"}", list[i+k], "$("+v+")", list[i+k], "${"+v+":", "${_LOOP_"+v+":").Replace(line)
				m.vars["_LOOP_"+v] = list[i+k]
			}
			round[j] = line
		}
		m.run(round, dir)
	}
}

func (m *makefile) includeLine(arg, dir string) {
	arg = strings.TrimSpace(m.expand(arg))
	if len(arg) < 2 {
		return
	}
	name := arg[1 : len(arg)-1]
	if arg[0] == '<' {
		if m.include != nil {
			m.include(m, name)
		}
		return
	}
	if m.depth >= maxDepth {
		return
	}
	for _, at := range []string{dir, m.curdir} {
		file := name
		if !path.IsAbs(file) {
			file = path.Join(at, file)
		}
		if data, err := m.fs.ReadFile(path.Clean(file)); err == nil {
			m.eval(string(data), path.Dir(file))
			return
		}
	}
}

// assign handles one variable line; anything else (rules) is skipped.
func (m *makefile) assign(line string) {
	eq := strings.IndexByte(line, '=')
	if eq <= 0 {
		return
	}
	name, op := line[:eq], byte('=')
	if c := name[len(name)-1]; strings.IndexByte("?+:!", c) >= 0 {
		name, op = name[:len(name)-1], c
	}
	name = strings.TrimSpace(name)
	if strings.ContainsAny(name, " \t") && !strings.Contains(name, "${") || strings.HasSuffix(name, ":") {
		return
	}
	name = m.expand(name)
	value := strings.TrimSpace(line[eq+1:])
	switch op {
	case '?':
		if _, set := m.vars[name]; !set {
			m.vars[name] = value
		}
	case '+':
		if old := m.vars[name]; old != "" {
			value = old + " " + value
		}
		m.vars[name] = value
	case ':':
		m.vars[name] = m.expand(value)
	case '!':
		m.vars[name] = "" // a shell command's output is not known here
	default:
		m.vars[name] = value
	}
}

// value is a variable, expanded.
func (m *makefile) value(name string) string {
	return strings.TrimSpace(m.expand(m.vars[name]))
}

func (m *makefile) words(name string) []string { return strings.Fields(m.value(name)) }

func (m *makefile) defined(name string) bool {
	_, ok := m.vars[name]
	return ok
}

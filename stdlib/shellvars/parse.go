package shellvars

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"bsdrun/runtime/lazyregexp"
)

// Var is a variable as a file sets it.
type Var struct {
	Name string `lua:"name" doc:"name of the variable"`
	// Value is exact when a shell that reads this file alone would hold just
	// these bytes; otherwise it is the value as written.
	Value       string `lua:"value" doc:"value without quotes; as written where exact is false"`
	Exact       bool   `lua:"exact" doc:"the file alone decides the value"`
	Exported    bool   `lua:"exported" doc:"the variable is exported to commands"`
	Conditional bool   `lua:"conditional" doc:"an assignment under a condition may override the value"`
	Line        int    `lua:"line" doc:"line of the assignment that wins"`
	Note        string `lua:"note,omitempty" doc:"why the value is not exact"`
}

// File is a parsed file of variables.
type File struct {
	// Vars are the variables in the order of their first assignment.
	Vars []Var
	// Includes are the arguments of "." commands, as written.
	Includes []string

	assignments []assignment
	index       map[string]int
}

// Get finds a variable.
func (f *File) Get(name string) (Var, bool) {
	i, ok := f.index[name]
	if !ok {
		return Var{}, false
	}
	return f.Vars[i], true
}

// span is a range of bytes of the source.
type span struct{ start, end int }

// assignment is one place that sets a variable.
type assignment struct {
	name        string
	whole       span // NAME=value
	value       span
	statement   span // the statement around it
	alone       bool // nothing else in the statement
	appends     bool // NAME+=value
	conditional bool
	exported    bool
	line        int
	raw         string // value, as written
	val         value
}

var nameForm = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Parse reads a file of shell variables such as rc.conf, as sh(1) would: the
// last assignment wins. It runs nothing, so that values which depend on a
// command or on the environment are not exact.
func Parse(src []byte) (*File, error) {
	if bytes.IndexByte(src, 0) >= 0 {
		return nil, errors.New("holds a NUL byte: not a text file")
	}
	parser := syntax.NewParser(syntax.Variant(syntax.LangPOSIX), syntax.KeepComments(true))
	tree, err := parser.Parse(bytes.NewReader(plain(src)), "")
	if err != nil {
		return nil, fmt.Errorf("not valid for sh: %w", err)
	}
	r := &reader{src: src, file: &File{index: map[string]int{}}, functions: map[string]*syntax.Stmt{}}
	r.statements(tree.Stmts, false)
	return r.file, nil
}

// plain replaces every byte that the parser takes for something else than sh
// does (encodings, carriage returns) by a letter; offsets stay the same, and
// values are read from the source.
func plain(src []byte) []byte {
	out := bytes.Clone(src)
	for i, c := range out {
		if c >= 0x7f || c < ' ' && c != '\t' && c != '\n' {
			out[i] = 'x'
		}
	}
	return out
}

// reader walks a syntax tree and keeps what variables hold.
type reader struct {
	src       []byte
	file      *File
	functions map[string]*syntax.Stmt // defined and not called yet
	ended     bool                    // a top-level exit or return
}

func (r *reader) statements(list []*syntax.Stmt, conditional bool) {
	for _, s := range list {
		if r.ended {
			return
		}
		r.statement(s, conditional)
	}
}

func (r *reader) statement(s *syntax.Stmt, conditional bool) {
	if s.Background {
		return // a subshell of its own
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(s, cmd, conditional)
	case *syntax.Block:
		r.statements(cmd.Stmts, conditional)
	case *syntax.Subshell:
	case *syntax.BinaryCmd:
		if cmd.Op != syntax.AndStmt && cmd.Op != syntax.OrStmt {
			return // a pipeline sets nothing here
		}
		r.statement(cmd.X, conditional)
		r.statement(cmd.Y, true)
	case *syntax.IfClause:
		for c := cmd; c != nil; c = c.Else {
			r.statements(c.Cond, conditional || c != cmd)
			r.statements(c.Then, true)
		}
	case *syntax.WhileClause:
		r.statements(cmd.Cond, conditional)
		r.statements(cmd.Do, true)
	case *syntax.ForClause:
		if iter, ok := cmd.Loop.(*syntax.WordIter); ok {
			r.undecided(iter.Name, s, "set by a loop")
		}
		r.statements(cmd.Do, true)
	case *syntax.CaseClause:
		for _, item := range cmd.Items {
			r.statements(item.Stmts, true)
		}
	case *syntax.FuncDecl:
		if cmd.Name != nil { // sh has no functions without a name
			r.functions[cmd.Name.Value] = cmd.Body // runs where it is called
		}
	}
}

// call handles assignments and the builtins that assign.
func (r *reader) call(s *syntax.Stmt, c *syntax.CallExpr, conditional bool) {
	r.defaults(c, s)
	if len(c.Args) == 0 {
		alone := len(c.Assigns) == 1 && len(s.Redirs) == 0 && !s.Negated
		for _, a := range c.Assigns {
			r.assign(r.fromAssign(a, s, alone), conditional)
		}
		return
	}
	if slices.Contains(special, r.text(c.Args[0])) {
		for _, a := range c.Assigns { // before a special builtin they stay
			r.undecided(a.Name, s, "set beside a command")
		}
	}
	switch r.text(c.Args[0]) {
	case "export", "readonly":
		r.declare(s, c, conditional)
	case "unset":
		r.unset(c.Args[1:], conditional)
	case "read", "getopts":
		for _, w := range c.Args[1:] {
			if name := r.text(w); nameForm.MatchString(name) {
				r.undecided(w, s, "set by "+r.text(c.Args[0]))
			}
		}
	case ".":
		if len(c.Args) > 1 {
			r.file.Includes = append(r.file.Includes, r.text(c.Args[1]))
		}
		r.doubt("another file, read on line %d, may override it", s)
	case "eval":
		r.doubt("an eval on line %d may override it", s)
	case "exit", "return":
		r.ended = r.ended || !conditional
	default:
		r.additions(s, c, conditional)
		r.callFunction(r.text(c.Args[0]))
	}
}

// callFunction looks into a function of the file; what it assigns may depend on
// how it is called.
func (r *reader) callFunction(name string) {
	if body := r.functions[name]; body != nil {
		delete(r.functions, name) // once is enough, and ends a recursion
		r.statement(body, true)
	}
}

// special builtins keep the assignments before them, sh(1).
var special = strings.Fields(": . break continue eval exec exit export readonly return set shift times trap unset")

// fromAssign describes NAME=value.
func (r *reader) fromAssign(a *syntax.Assign, s *syntax.Stmt, alone bool) assignment {
	out := assignment{
		name:      string(r.src[offset(a.Name.Pos()):offset(a.Name.End())]),
		whole:     span{offset(a.Pos()), offset(a.End())},
		statement: r.extent(s),
		alone:     alone,
		line:      int(a.Pos().Line()),
		val:       value{exact: true, style: bare},
	}
	out.value = span{out.whole.end, out.whole.end}
	if a.Value != nil {
		out.value = span{offset(a.Value.Pos()), offset(a.Value.End())}
		out.val = r.word(a.Value, out.value.start)
	}
	return out
}

// declare handles the words of export and readonly.
func (r *reader) declare(s *syntax.Stmt, c *syntax.CallExpr, conditional bool) {
	for _, w := range c.Args[1:] {
		text := r.text(w)
		name, _, assigned := strings.Cut(text, "=")
		if !nameForm.MatchString(name) {
			r.quotedDeclaration(s, w)
			continue
		}
		if !assigned {
			if i, ok := r.file.index[name]; ok && r.text(c.Args[0]) == "export" {
				r.file.Vars[i].Exported = true
			}
			continue
		}
		a := r.fromWord(w, s, name, 1)
		a.alone = len(c.Args) == 2 && len(s.Redirs) == 0
		a.exported = r.text(c.Args[0]) == "export"
		r.assign(a, conditional)
	}
}

// quotedDeclaration handles export "NAME=value", whose name is part of a quoted
// word: it is known, but not edited.
func (r *reader) quotedDeclaration(s *syntax.Stmt, w *syntax.Word) {
	val := r.word(w, offset(w.Pos()))
	name, _, assigned := strings.Cut(val.text, "=")
	if !val.exact || !assigned || !nameForm.MatchString(name) {
		return
	}
	start, end := offset(w.Pos()), offset(w.End())
	r.assign(assignment{
		name: name, whole: span{start, end}, value: span{start, end}, statement: r.extent(s), line: int(w.Pos().Line()),
	}, true)
}

// additions handles NAME+=value, which other shells know as an assignment;
// FreeBSD's sh takes it for a command, so the value is not exact.
func (r *reader) additions(s *syntax.Stmt, c *syntax.CallExpr, conditional bool) {
	name, _, ok := strings.Cut(r.text(c.Args[0]), "+=")
	if !ok || !nameForm.MatchString(name) || len(c.Args) != 1 {
		return
	}
	a := r.fromWord(c.Args[0], s, name, 2)
	a.alone = len(c.Assigns) == 0 && len(s.Redirs) == 0
	a.appends = true
	r.assign(a, conditional)
}

// fromWord describes an assignment that is a word of a command; the operator
// after the name has n bytes.
func (r *reader) fromWord(w *syntax.Word, s *syntax.Stmt, name string, n int) assignment {
	whole := span{offset(w.Pos()), offset(w.End())}
	val := span{whole.start + len(name) + n, whole.end}
	return assignment{
		name: name, whole: whole, value: val,
		statement: r.extent(s), line: int(w.Pos().Line()),
		val: r.word(w, val.start),
	}
}

// extent is the statement's bytes without what a here-document adds.
func (r *reader) extent(s *syntax.Stmt) span {
	return span{offset(s.Pos()), min(offset(s.End()), len(r.src))}
}

// assign notes an assignment.
func (r *reader) assign(a assignment, conditional bool) {
	if !nameForm.MatchString(a.name) {
		return // what the parser took for a name is a command to sh
	}
	a.conditional = conditional
	a.raw = string(r.src[a.value.start:a.value.end])
	r.file.assignments = append(r.file.assignments, a)
	i, known := r.file.index[a.name]
	if !known {
		i = len(r.file.Vars)
		r.file.index[a.name] = i
		r.file.Vars = append(r.file.Vars, Var{Name: a.name, Line: a.line})
	}
	v := &r.file.Vars[i]
	v.Exported = v.Exported || a.exported
	switch {
	case conditional:
		v.Conditional, v.Exact = true, false
		v.Note = fmt.Sprintf("set under a condition on line %d", a.line)
	case a.appends:
		v.Value, v.Exact, v.Line = v.Value+a.val.text, false, a.line
		v.Note = fmt.Sprintf("+= on line %d is no assignment to FreeBSD's sh", a.line)
	default:
		v.Value, v.Exact, v.Conditional, v.Line = a.val.text, a.val.exact, false, a.line
		v.Note = a.val.note
	}
}

// undecided notes that something sets a variable to what only running tells.
func (r *reader) undecided(n syntax.Node, s *syntax.Stmt, why string) {
	start, end := offset(n.Pos()), offset(n.End())
	a := assignment{
		name: string(r.src[start:end]), whole: span{start, end}, value: span{start, end},
		statement: r.extent(s), line: int(n.Pos().Line()),
	}
	r.assign(a, true)
	if i, ok := r.file.index[a.name]; ok {
		r.file.Vars[i].Note = fmt.Sprintf("%s on line %d", why, a.line)
	}
}

// defaults finds ${NAME:=value}, which assigns when NAME has no value yet.
func (r *reader) defaults(c *syntax.CallExpr, s *syntax.Stmt) {
	syntax.Walk(c, func(n syntax.Node) bool {
		p, ok := n.(*syntax.ParamExp)
		if !ok || p.Exp == nil || p.Param == nil {
			return true
		}
		op := p.Exp.Op
		if op != syntax.AssignUnset && op != syntax.AssignUnsetOrNull {
			return true
		}
		if v, known := r.file.Get(p.Param.Value); known && v.Exact && v.Value != "" {
			return true // has a value: nothing is assigned
		}
		r.undecided(p.Param, s, "given a default")
		return true
	})
}

// unset forgets variables.
func (r *reader) unset(words []*syntax.Word, conditional bool) {
	for _, w := range words {
		i, ok := r.file.index[r.text(w)]
		if !ok {
			continue
		}
		v := &r.file.Vars[i]
		if conditional {
			v.Conditional, v.Exact, v.Note = true, false, "unset under a condition"
			continue
		}
		r.file.Vars = slices.Delete(r.file.Vars, i, i+1)
		r.file.index = map[string]int{}
		for j, left := range r.file.Vars {
			r.file.index[left.Name] = j
		}
	}
}

// doubt marks everything known so far as possibly overridden.
func (r *reader) doubt(format string, s *syntax.Stmt) {
	for i := range r.file.Vars {
		r.file.Vars[i].Exact = false
		r.file.Vars[i].Note = fmt.Sprintf(format, s.Pos().Line())
	}
}

// text is a node as written.
func (r *reader) text(n syntax.Node) string { return string(r.src[offset(n.Pos()):offset(n.End())]) }

func offset(p syntax.Pos) int { return int(p.Offset()) }

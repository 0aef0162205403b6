package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"mvdan.cc/sh/v3/syntax"
)

// statements runs a list; tail says that the shell ends after it, so that its
// last command may run in place of the shell.
func (s *shell) statements(list []*syntax.Stmt, tail bool) {
	for i, st := range list {
		s.statement(st, tail && i == len(list)-1)
		if s.flow.kind != flowNone || s.p.Context.Err() != nil {
			return
		}
	}
}

// statement runs one statement with its redirections.
func (s *shell) statement(st *syntax.Stmt, tail bool) {
	if s.p.Context.Err() != nil {
		s.flow = flow{kind: flowExit}
		return
	}
	s.p.process.giveWay(func() {}) // a loop must not keep others from going on
	s.lineBase = st.Pos().Line()
	switch {
	case st.Coprocess || st.Disown:
		s.fail(&shellError{"Syntax error: not of sh", 2})
	case st.Background:
		s.background(st)
	case st.Negated:
		s.tested++
		s.command(st, false)
		s.tested--
		if s.flow.kind == flowNone {
			s.status = boolCode(s.status != 0)
		}
	default:
		s.command(st, tail)
		s.checkErrexit(st.Cmd)
	}
	s.runTraps()
}

func boolCode(ok bool) int {
	if ok {
		return 0
	}
	return 1
}

// checkErrexit ends the shell after a failure under set -e. Lists and negations
// have looked at their parts themselves.
func (s *shell) checkErrexit(cmd syntax.Command) {
	if s.status == 0 || !s.opts['e'] || s.tested > 0 || s.flow.kind != flowNone {
		return
	}
	switch c := cmd.(type) {
	case *syntax.BinaryCmd:
		if c.Op == syntax.AndStmt || c.Op == syntax.OrStmt {
			return // the right side has been looked at
		}
	case *syntax.IfClause, *syntax.WhileClause, *syntax.ForClause, *syntax.CaseClause, *syntax.Block:
		return // their last command has
	}
	s.flow = flow{kind: flowExit}
}

// background starts a statement as a job.
func (s *shell) background(st *syntax.Stmt) {
	fds := maps.Clone(s.fds)
	var null *stream
	if f, err := s.view().Open("/dev/null"); err == nil {
		null = fileStream(f)
		fds[0] = null
	}
	child := s.fork(fds, false)
	if null != nil {
		null.release()
	}
	// Without job control a job ignores the keyboard's signals (POSIX, 2.11).
	child.p.process.Catch(syscall.SIGINT, nil)
	child.p.process.Catch(syscall.SIGQUIT, nil)
	child.tested = 0
	plain := *st
	plain.Background = false
	process := child.launch(func(child *shell) { child.statement(&plain, true) })
	s.lastBG = process.PID
	s.jobs = append(s.jobs, &shellJob{number: s.nextJob(), pid: process.PID, process: process, text: stmtText(&plain)})
	s.status = 0
}

func (s *shell) nextJob() int {
	n := 0
	for _, j := range s.jobs {
		n = max(n, j.number)
	}
	return n + 1
}

func stmtText(st *syntax.Stmt) string {
	var b strings.Builder
	_ = syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, st)
	return b.String()
}

// command runs a statement's command in the foreground.
func (s *shell) command(st *syntax.Stmt, tail bool) {
	if call, ok := st.Cmd.(*syntax.CallExpr); ok {
		s.simple(call, st.Redirs, tail)
		return
	}
	undo, err := s.redirect(st.Redirs)
	if err != nil {
		s.redirectFailed(err, false)
		return
	}
	defer undo()
	s.compound(st.Cmd, tail)
}

// compound runs everything but simple commands.
func (s *shell) compound(cmd syntax.Command, tail bool) {
	switch c := cmd.(type) {
	case nil:
		s.status = 0
	case *syntax.Block:
		s.statements(c.Stmts, tail)
	case *syntax.Subshell:
		s.subshell(c, tail)
	case *syntax.BinaryCmd:
		s.binary(c, tail)
	case *syntax.IfClause:
		s.ifClause(c, tail)
	case *syntax.WhileClause:
		s.while(c)
	case *syntax.ForClause:
		s.forLoop(c)
	case *syntax.CaseClause:
		s.caseClause(c, tail)
	case *syntax.FuncDecl:
		if c.Name == nil {
			s.fail(&shellError{"Syntax error: Bad function name", 2})
			return
		}
		if s.isSpecial(c.Name.Value) {
			s.fail(&shellError{"Syntax error: Cannot override a special builtin with a function", 2})
			return
		}
		s.funcs[c.Name.Value] = c.Body
		s.status = 0
	default:
		s.fail(&shellError{fmt.Sprintf("Syntax error: %T is not of sh", cmd), 2})
	}
}

// subshell runs a list in a copy of the shell, or in the shell itself when that
// ends with it: ( ... ) & is one process, whose pid is $!.
func (s *shell) subshell(c *syntax.Subshell, tail bool) {
	if tail && len(s.traps) == 0 {
		s.statements(c.Stmts, true)
		return
	}
	child := s.fork(s.fds, false)
	process := child.launch(func(child *shell) { child.statements(c.Stmts, true) })
	s.status = s.waitFor(process)
}

func (s *shell) binary(c *syntax.BinaryCmd, tail bool) {
	switch c.Op {
	case syntax.AndStmt, syntax.OrStmt:
		s.tested++
		s.statement(c.X, false)
		s.tested--
		if s.flow.kind == flowNone && (s.status == 0) == (c.Op == syntax.AndStmt) {
			s.statement(c.Y, tail)
		}
	case syntax.Pipe:
		s.pipeline(c)
	default:
		s.fail(&shellError{"Syntax error: not of sh", 2})
	}
}

// pipeline runs all parts at once; the status is the last one's.
func (s *shell) pipeline(c *syntax.BinaryCmd) {
	var parts []*syntax.Stmt
	var flatten func(*syntax.Stmt)
	flatten = func(st *syntax.Stmt) {
		if b, ok := st.Cmd.(*syntax.BinaryCmd); ok && b.Op == syntax.Pipe && len(st.Redirs) == 0 && !st.Negated {
			flatten(b.X)
			flatten(b.Y)
			return
		}
		parts = append(parts, st)
	}
	flatten(c.X)
	flatten(c.Y)
	var processes []*task
	input := s.fds[0]
	for i, part := range parts {
		fds := maps.Clone(s.fds)
		if input != nil {
			fds[0] = input
		}
		var r, w *stream
		if i < len(parts)-1 {
			r, w = newPipe(s.p.Machine.clock)
			fds[1] = w
		}
		child := s.fork(fds, false)
		if i > 0 {
			input.release()
		}
		if w != nil {
			w.release()
		}
		input = r
		processes = append(processes, child.launch(func(child *shell) { child.statement(part, true) }))
	}
	pipefail := 0
	for _, p := range processes {
		if s.status = s.waitFor(p); s.status != 0 {
			pipefail = s.status
		}
	}
	if s.opts['P'] {
		s.status = pipefail
	}
}

func (s *shell) ifClause(c *syntax.IfClause, tail bool) {
	for ; c != nil; c = c.Else {
		if len(c.Cond) == 0 { // else
			s.statements(c.Then, tail)
			return
		}
		if !s.condition(c.Cond) {
			if s.flow.kind != flowNone {
				return
			}
			continue
		}
		s.statements(c.Then, tail)
		return
	}
	s.status = 0
}

// condition runs a list whose failure does not count for set -e.
func (s *shell) condition(list []*syntax.Stmt) bool {
	s.tested++
	s.statements(list, false)
	s.tested--
	return s.flow.kind == flowNone && s.status == 0
}

func (s *shell) while(c *syntax.WhileClause) {
	s.loops++
	defer func() { s.loops-- }()
	status := 0
	for {
		yes := s.condition(c.Cond)
		if s.flow.kind != flowNone {
			if s.leaveLoop() {
				break
			}
			continue
		}
		if yes == c.Until || s.p.Context.Err() != nil {
			break
		}
		s.statements(c.Do, false)
		status = s.status
		if s.leaveLoop() {
			break
		}
	}
	if s.flow.kind == flowNone {
		s.status = status
	}
}

// leaveLoop looks at break and continue after a loop's body.
func (s *shell) leaveLoop() bool {
	switch s.flow.kind {
	case flowNone:
		return false
	case flowBreak, flowContinue:
		if s.flow.depth > 1 {
			s.flow.depth--
			return true
		}
		leave := s.flow.kind == flowBreak
		s.flow = flow{}
		s.status = 0
		return leave
	}
	return true
}

func (s *shell) forLoop(c *syntax.ForClause) {
	iter, ok := c.Loop.(*syntax.WordIter)
	if !ok || c.Select {
		s.fail(&shellError{"Syntax error: Bad for loop variable", 2})
		return
	}
	items := slices.Clone(s.params)
	if iter.InPos.IsValid() {
		var err error
		if items, err = s.fields(iter.Items); err != nil {
			s.fail(err)
			return
		}
	}
	s.loops++
	defer func() { s.loops-- }()
	s.status = 0
	for _, item := range items {
		if err := s.set(iter.Name.Value, item); err != nil {
			s.fail(err)
			return
		}
		s.statements(c.Do, false)
		if s.leaveLoop() || s.p.Context.Err() != nil {
			return
		}
	}
}

func (s *shell) caseClause(c *syntax.CaseClause, tail bool) {
	text, err := s.literal(c.Word)
	if err != nil {
		s.fail(err)
		return
	}
	s.status = 0
	for i := 0; i < len(c.Items); i++ {
		matched, err := s.caseMatches(c.Items[i], text)
		if err != nil {
			s.fail(err)
			return
		}
		if !matched {
			continue
		}
		for ; i < len(c.Items); i++ {
			through := c.Items[i].Op == syntax.Fallthrough
			s.statements(c.Items[i].Stmts, tail && !through)
			if !through || s.flow.kind != flowNone {
				return
			}
		}
	}
}

func (s *shell) caseMatches(item *syntax.CaseItem, text string) (bool, error) {
	for _, w := range item.Patterns {
		pat, err := s.pattern(w, false)
		if err != nil {
			return false, err
		}
		if matcher(pat)(text) {
			return true, nil
		}
	}
	return false, nil
}

// evalText runs text as eval and trap do.
func (s *shell) evalText(text string) {
	s.program(strings.NewReader(text), false)
}

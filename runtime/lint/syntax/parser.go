package syntax

import (
	"errors"
	"fmt"
)

// Parse reads a source. Its error is an *Error, which says where.
func Parse(source string) (tree *Tree, err error) {
	p := &parser{lexer: lexer{source: source, pos: Pos{1, 1}, fresh: true}}
	defer func() {
		var failed *Error
		if cause, ok := recover().(error); ok && errors.As(cause, &failed) {
			tree, err = nil, failed
		} else if cause != nil {
			panic(cause)
		}
	}()
	if len(source) > 0 && source[0] == '#' { // #!/usr/bin/env bsdrun
		for !p.ended() && p.peek(0) != '\n' {
			p.step(1)
		}
	}
	p.advance()
	body := p.block()
	if p.tok.kind != atEnd {
		p.fail(p.tok.at, "%s closes nothing", p.tok)
	}
	return &Tree{Body: body, Comments: p.comments}, nil
}

// parser descends recursively; tok is the token at hand, and ahead the one behind
// it when that had to be looked at.
type parser struct {
	lexer
	tok   token
	ahead *token
	depth int
}

// maxDepth bounds how deep a source may nest.
const maxDepth = 200

func (p *parser) nest() {
	if p.depth++; p.depth > maxDepth {
		p.fail(p.tok.at, "this is nested too deeply")
	}
}

func (p *parser) advance() {
	if p.ahead != nil {
		p.tok, p.ahead = *p.ahead, nil
		return
	}
	p.tok = p.next()
}

func (p *parser) lookAhead() token {
	if p.ahead == nil {
		t := p.next()
		p.ahead = &t
	}
	return *p.ahead
}

// accept takes a word or sign if it is at hand.
func (p *parser) accept(text string) bool {
	if !p.tok.is(text) {
		return false
	}
	p.advance()
	return true
}

// expect takes a word or sign, which must be there.
func (p *parser) expect(text string) Pos {
	if !p.tok.is(text) {
		p.fail(p.tok.at, "expected %q, got %s", text, p.tok)
	}
	at := p.tok.at
	p.advance()
	return at
}

// close takes the word that closes what was opened at a place.
func (p *parser) close(text, opener string, opened Pos) Pos {
	if !p.tok.is(text) {
		where := ""
		if opened.Line != p.tok.at.Line {
			where = fmt.Sprintf(" at line %d", opened.Line)
		}
		p.fail(p.tok.at, "expected %q to close %q%s, got %s", text, opener, where, p.tok)
	}
	at := p.tok.at
	p.advance()
	return at
}

func (p *parser) name() *Name {
	if p.tok.kind != aName {
		p.fail(p.tok.at, "expected a name, got %s", p.tok)
	}
	n := &Name{anExpr{p.tok.at}, p.tok.text}
	p.advance()
	return n
}

func (p *parser) names() []*Name {
	names := []*Name{p.name()}
	for p.accept(",") {
		names = append(names, p.name())
	}
	return names
}

// closes tells whether the token at hand ends a block.
func (p *parser) closes() bool {
	if p.tok.kind != aWord {
		return p.tok.kind == atEnd
	}
	switch p.tok.text {
	case "end", "else", "elseif", "until":
		return true
	}
	return false
}

func (p *parser) block() *Block {
	p.nest()
	defer func() { p.depth-- }()
	b := &Block{}
	for !p.closes() {
		if p.accept(";") {
			continue
		}
		s := p.statement()
		b.Stmts = append(b.Stmts, s)
		if last(s) {
			p.accept(";")
			if !p.closes() {
				p.fail(p.tok.at, "nothing may stand behind %s", lastWord(s))
			}
		}
	}
	b.End = p.tok.at
	return b
}

// last tells whether a statement must be a block's last.
func last(s Stmt) bool {
	switch s.(type) {
	case *Return, *Break:
		return true
	}
	return false
}

func lastWord(s Stmt) string {
	if _, is := s.(*Break); is {
		return "break"
	}
	return "return"
}

func (p *parser) statement() Stmt {
	at := aStmt{p.tok.at}
	if p.tok.kind != aWord {
		return p.exprStatement(at)
	}
	switch p.tok.text {
	case "if":
		return p.ifStatement(at)
	case "while":
		p.advance()
		s := &While{aStmt: at, Cond: p.expr(0)}
		s.Body = p.doBlock("while", at.Pos)
		return s
	case "do":
		return &Do{at, p.doBlock("do", at.Pos)}
	case "for":
		return p.forStatement(at)
	case "repeat":
		p.advance()
		s := &Repeat{aStmt: at, Body: p.block()}
		p.close("until", "repeat", at.Pos)
		s.Cond = p.expr(0)
		return s
	case "function":
		return p.functionStatement(at)
	case "local":
		return p.local(at)
	case "return":
		p.advance()
		s := &Return{aStmt: at}
		if !p.closes() && !p.tok.is(";") {
			s.Exprs = p.exprs()
		}
		return s
	case "break":
		p.advance()
		return &Break{at}
	case "goto":
		p.advance()
		return &Goto{at, p.name().Name}
	case "::":
		p.advance()
		s := &Label{at, p.name().Name}
		p.expect("::")
		return s
	}
	return p.exprStatement(at)
}

func (p *parser) doBlock(opener string, opened Pos) *Block {
	p.expect("do")
	b := p.block()
	p.close("end", opener, opened)
	return b
}

func (p *parser) ifStatement(at aStmt) Stmt {
	s := &If{aStmt: at}
	for {
		p.advance()
		s.Conds = append(s.Conds, p.expr(0))
		p.expect("then")
		s.Then = append(s.Then, p.block())
		if !p.tok.is("elseif") {
			break
		}
	}
	if p.accept("else") {
		s.Else = p.block()
	}
	p.close("end", "if", at.Pos)
	return s
}

func (p *parser) forStatement(at aStmt) Stmt {
	p.advance()
	s := &For{aStmt: at, Names: []*Name{p.name()}}
	if p.accept("=") {
		s.Exprs = append(s.Exprs, p.expr(0))
		p.expect(",")
		s.Exprs = append(s.Exprs, p.expr(0))
		if p.accept(",") {
			s.Exprs = append(s.Exprs, p.expr(0))
		}
	} else {
		for p.accept(",") {
			s.Names = append(s.Names, p.name())
		}
		p.expect("in")
		s.In, s.Exprs = true, p.exprs()
	}
	s.Body = p.doBlock("for", at.Pos)
	return s
}

func (p *parser) functionStatement(at aStmt) Stmt {
	p.advance()
	s := &FunctionStmt{aStmt: at, Target: p.name()}
	for p.tok.is(".") || p.tok.is(":") {
		s.Method = p.tok.is(":")
		p.advance()
		s.Target = p.field(s.Target)
		if s.Method {
			break
		}
	}
	s.Func = p.function(at.Pos)
	return s
}

func (p *parser) local(at aStmt) Stmt {
	p.advance()
	if p.tok.is("function") {
		opened := p.tok.at
		p.advance()
		s := &LocalFunction{aStmt: at, Name: p.name()}
		s.Func = p.function(opened)
		return s
	}
	s := &Local{aStmt: at, Names: p.names()}
	if p.accept("=") {
		s.Exprs = p.exprs()
	}
	return s
}

// exprStatement is a call or an assignment.
func (p *parser) exprStatement(at aStmt) Stmt {
	e := p.prefixed()
	if p.tok.is("=") || p.tok.is(",") {
		s := &Assign{aStmt: at, Targets: []Expr{p.target(e)}}
		for p.accept(",") {
			s.Targets = append(s.Targets, p.target(p.prefixed()))
		}
		p.expect("=")
		s.Exprs = p.exprs()
		return s
	}
	for paren, in := e.(*Paren); in; paren, in = e.(*Paren) { // as the scripts' Lua has it
		e = paren.Inner
	}
	call, ok := e.(*Call)
	if !ok {
		p.fail(at.Pos, "expected a statement: only a call or an assignment may stand alone")
	}
	return &CallStmt{at, call}
}

func (p *parser) target(e Expr) Expr {
	switch e.(type) {
	case *Name, *Index:
	default:
		p.fail(e.Start(), "nothing can be assigned to this")
	}
	return e
}

func (p *parser) exprs() []Expr {
	list := []Expr{p.expr(0)}
	for p.accept(",") {
		list = append(list, p.expr(0))
	}
	return list
}

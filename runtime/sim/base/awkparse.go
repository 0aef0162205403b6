package base

import "fmt"

// awkNode is a statement or an expression.
type awkNode struct {
	op   string // the operator or keyword, or one of the words below
	name string
	num  float64
	text string
	kids []*awkNode
	re   *regex
	line int
}

// Words for nodes that no operator names: "number", "string", "regex", "var",
// "index" (array element), "field", "call", "builtin", "concat", "group",
// "assign", "neg", "plus", "pre", "post", "in", "getline", "cmdline" (a command
// read with getline), "block", "expr", "forin", "cond".

// awkFunction is a function of the program.
type awkFunction struct {
	name   string
	params []string
	body   *awkNode
}

// awkRule is a pattern with its action.
type awkRule struct {
	from, to *awkNode // nil: every record; to: a range
	body     *awkNode // nil: print
	active   bool
}

// awkProgram is a parsed program.
type awkProgram struct {
	begin, end []*awkNode
	rules      []*awkRule
	functions  map[string]*awkFunction
}

type awkParser struct {
	lex  *awkLexer
	tok  awkToken
	prog *awkProgram
	noIn bool // in the head of a for
	noGt bool // in print, where > redirects
}

// parseAwk reads a program; errors are of type *awkError.
func parseAwk(src string) (prog *awkProgram, err error) {
	p := &awkParser{lex: &awkLexer{src: src, line: 1}, prog: &awkProgram{functions: map[string]*awkFunction{}}}
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(*awkError)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	p.advance()
	for p.tok.kind != awkEOF {
		if p.tok.kind == awkNewline || p.is(";") {
			p.advance()
			continue
		}
		p.item()
	}
	p.checkCalls()
	return p.prog, nil
}

func (p *awkParser) fail(format string, args ...any) {
	panic(&awkError{fmt.Sprintf(format, args...), p.tok.line})
}

func (p *awkParser) syntax() { p.fail("syntax error at source line %d", p.tok.line) }

func (p *awkParser) advance() {
	tok, err := p.lex.next()
	if err != nil {
		panic(err)
	}
	p.tok = tok
}

func (p *awkParser) is(text string) bool { return p.tok.kind == awkOp && p.tok.text == text }

func (p *awkParser) accept(text string) bool {
	if p.is(text) {
		p.advance()
		return true
	}
	return false
}

func (p *awkParser) expect(text string) {
	if !p.accept(text) {
		p.syntax()
	}
}

func (p *awkParser) newlines() {
	for p.tok.kind == awkNewline {
		p.advance()
	}
}

func (p *awkParser) node(op string, kids ...*awkNode) *awkNode {
	return &awkNode{op: op, kids: kids, line: p.tok.line}
}

// item is a function or a rule.
func (p *awkParser) item() {
	switch {
	case p.accept("function"):
		p.function()
	case p.accept("BEGIN"):
		p.prog.begin = append(p.prog.begin, p.block())
	case p.accept("END"):
		p.prog.end = append(p.prog.end, p.block())
	default:
		r := &awkRule{}
		if !p.is("{") {
			r.from = p.expr()
			if p.accept(",") {
				p.newlines()
				r.to = p.expr()
			}
		}
		if p.is("{") {
			r.body = p.block()
		}
		p.prog.rules = append(p.prog.rules, r)
	}
}

func (p *awkParser) function() {
	f := &awkFunction{name: p.tok.text}
	if p.tok.kind != awkName && p.tok.kind != awkCall {
		p.syntax()
	}
	if p.prog.functions[f.name] != nil {
		p.fail("function %s redefined at source line %d", f.name, p.tok.line)
	}
	p.advance()
	p.expect("(")
	for !p.is(")") {
		if p.tok.kind != awkName {
			p.syntax()
		}
		f.params = append(f.params, p.tok.text)
		p.advance()
		if !p.accept(",") {
			break
		}
		p.newlines()
	}
	p.expect(")")
	p.newlines()
	p.prog.functions[f.name] = f
	f.body = p.block()
}

func (p *awkParser) block() *awkNode {
	p.expect("{")
	n := p.node("block")
	for {
		for p.tok.kind == awkNewline || p.is(";") {
			p.advance()
		}
		if p.accept("}") {
			return n
		}
		if p.tok.kind == awkEOF {
			p.syntax()
		}
		n.kids = append(n.kids, p.statement())
	}
}

// end of a simple statement.
func (p *awkParser) end() {
	switch {
	case p.accept(";"):
	case p.tok.kind == awkNewline:
		p.advance()
	case p.is("}") || p.tok.kind == awkEOF:
	default:
		p.syntax()
	}
}

// body is the statement of an if or a loop, perhaps on the next line.
func (p *awkParser) body() *awkNode {
	p.newlines()
	if p.accept(";") {
		return p.node("block")
	}
	return p.statement()
}

func (p *awkParser) statement() *awkNode {
	if p.is("{") {
		return p.block()
	}
	n := &awkNode{op: p.tok.text, line: p.tok.line}
	if p.tok.kind != awkOp {
		n = p.simple()
		p.end()
		return n
	}
	switch p.tok.text {
	case "if":
		p.advance()
		p.expect("(")
		n.kids = append(n.kids, p.group())
		n.kids = append(n.kids, p.body())
		// An else may follow on a later line.
		save, saved := *p.lex, p.tok
		for p.tok.kind == awkNewline || p.is(";") {
			p.advance()
		}
		if p.accept("else") {
			n.kids = append(n.kids, p.body())
		} else {
			*p.lex, p.tok = save, saved
		}
		return n
	case "while":
		p.advance()
		p.expect("(")
		n.kids = append(n.kids, p.group())
		n.kids = append(n.kids, p.body())
		return n
	case "do":
		p.advance()
		n.kids = append(n.kids, p.body())
		for p.tok.kind == awkNewline || p.is(";") {
			p.advance()
		}
		p.expect("while")
		p.expect("(")
		n.kids = append(n.kids, p.group())
		p.end()
		return n
	case "for":
		return p.forLoop(n)
	case "break", "continue", "next", "nextfile":
		p.advance()
		p.end()
		return n
	case "exit", "return":
		p.advance()
		if p.tok.kind != awkNewline && p.tok.kind != awkEOF && !p.is(";") && !p.is("}") {
			n.kids = append(n.kids, p.expr())
		}
		p.end()
		return n
	case ";":
		p.advance()
		return p.node("block")
	}
	n = p.simple()
	p.end()
	return n
}

// group is an expression in parentheses, of which the opening one is gone.
func (p *awkParser) group() *awkNode {
	n := p.inParens(p.expr)
	p.expect(")")
	return n
}

// inParens parses where newlines, > and in have no special meaning.
func (p *awkParser) inParens(parse func() *awkNode) *awkNode {
	noIn, noGt := p.noIn, p.noGt
	p.noIn, p.noGt = false, false
	p.newlines()
	n := parse()
	p.newlines()
	p.noIn, p.noGt = noIn, noGt
	return n
}

func (p *awkParser) forLoop(n *awkNode) *awkNode {
	p.advance()
	p.expect("(")
	save, saved := *p.lex, p.tok
	if p.tok.kind == awkName {
		name := p.tok.text
		p.advance()
		if p.accept("in") && p.tok.kind == awkName {
			array := p.tok.text
			p.advance()
			if p.accept(")") {
				n.op, n.name, n.text = "forin", name, array
				n.kids = append(n.kids, p.body())
				return n
			}
		}
		*p.lex, p.tok = save, saved
	}
	part := func(end string, parse func() *awkNode) *awkNode {
		p.newlines()
		if p.accept(end) {
			return nil
		}
		k := parse()
		p.expect(end)
		return k
	}
	n.kids = append(n.kids, part(";", p.simple), part(";", p.expr), part(")", p.simple))
	n.kids = append(n.kids, p.body())
	return n
}

// simple is a statement that may stand in a for: an expression, print, delete.
func (p *awkParser) simple() *awkNode {
	switch {
	case p.is("print") || p.is("printf"):
		return p.print()
	case p.accept("delete"):
		n := p.node("delete")
		n.name = p.tok.text
		if p.tok.kind != awkName {
			p.syntax()
		}
		p.advance()
		if p.accept("[") {
			n.kids = p.list("]")
		}
		return n
	}
	return p.node("expr", p.expr())
}

func (p *awkParser) print() *awkNode {
	n := p.node(p.tok.text)
	p.advance()
	list := p.node("list")
	if !p.printEnds() {
		noGt := p.noGt
		p.noGt = true
		list.kids = p.printList()
		p.noGt = noGt
	}
	n.kids = append(n.kids, list)
	if p.is(">") || p.is(">>") || p.is("|") {
		n.text = p.tok.text
		p.advance()
		n.kids = append(n.kids, p.concat(true))
	}
	if n.op == "printf" && len(list.kids) == 0 {
		p.syntax()
	}
	return n
}

func (p *awkParser) printEnds() bool {
	return p.tok.kind == awkNewline || p.tok.kind == awkEOF || p.is(";") || p.is("}") || p.is(">") || p.is(">>") || p.is("|")
}

// printList takes the parentheses of print(a, b) away, but not those of
// print (a)(b).
func (p *awkParser) printList() []*awkNode {
	if p.is("(") {
		save, saved := *p.lex, p.tok
		p.advance()
		var list []*awkNode
		noIn, noGt := p.noIn, p.noGt
		p.noIn, p.noGt = false, false
		list = append(list, p.inParens(p.expr))
		for p.accept(",") {
			list = append(list, p.inParens(p.expr))
		}
		p.noIn, p.noGt = noIn, noGt
		if p.accept(")") && p.printEnds() {
			return list
		}
		*p.lex, p.tok = save, saved
	}
	list := []*awkNode{p.expr()}
	for p.accept(",") {
		p.newlines()
		list = append(list, p.expr())
	}
	return list
}

// list reads expressions up to a closing mark.
func (p *awkParser) list(end string) []*awkNode {
	var list []*awkNode
	p.newlines()
	for !p.is(end) {
		list = append(list, p.inParens(p.expr))
		if !p.accept(",") {
			break
		}
	}
	p.expect(end)
	return list
}

// checkCalls finds calls of functions that do not exist.
func (p *awkParser) checkCalls() {
	var walk func(n *awkNode)
	walk = func(n *awkNode) {
		if n == nil {
			return
		}
		if n.op == "call" && p.prog.functions[n.name] == nil {
			panic(&awkError{fmt.Sprintf("calling undefined function %s\n source line number %d", n.name, n.line), n.line})
		}
		for _, k := range n.kids {
			walk(k)
		}
	}
	for _, n := range append(append([]*awkNode{}, p.prog.begin...), p.prog.end...) {
		walk(n)
	}
	for _, r := range p.prog.rules {
		walk(r.from)
		walk(r.to)
		walk(r.body)
	}
	for _, f := range p.prog.functions {
		walk(f.body)
	}
}

package syntax

// power is how tightly a binary operator binds: to its left and to its right.
var power = map[string][2]int{
	"or": {1, 1}, "and": {2, 2},
	"<": {3, 3}, ">": {3, 3}, "<=": {3, 3}, ">=": {3, 3}, "~=": {3, 3}, "==": {3, 3},
	"..": {5, 4}, "+": {6, 6}, "-": {6, 6}, "*": {7, 7}, "/": {7, 7}, "%": {7, 7}, "^": {10, 9},
}

const unaryPower = 8

// expr reads an expression whose operators bind more tightly than limit.
func (p *parser) expr(limit int) Expr {
	p.nest()
	defer func() { p.depth-- }()
	left := p.operand()
	for p.tok.kind == aWord {
		op := p.tok.text
		binds, is := power[op]
		if !is || binds[0] <= limit {
			break
		}
		at := p.tok.at
		p.advance()
		left = &Binary{anExpr{at}, op, left, p.expr(binds[1])}
	}
	return left
}

func (p *parser) operand() Expr {
	at := anExpr{p.tok.at}
	text := p.tok.text
	switch p.tok.kind {
	case aNumber:
		p.advance()
		return &Number{at, text}
	case aString:
		p.advance()
		return &String{at, text}
	case aWord:
		return p.word(at, text)
	default:
		return p.prefixed()
	}
}

// word is an operand that begins with a reserved word or a sign.
func (p *parser) word(at anExpr, text string) Expr {
	switch text {
	case "nil":
		p.advance()
		return &Nil{at}
	case "true", "false":
		p.advance()
		return &Bool{at, text == "true"}
	case "...":
		p.advance()
		return &Vararg{at}
	case "{":
		return p.table()
	case "function":
		p.advance()
		return p.function(at.Pos)
	case "not", "-", "#":
		p.advance()
		return &Unary{at, text, p.expr(unaryPower)}
	}
	return p.prefixed()
}

// prefixed is a name or a parenthesis with what follows it: fields and calls.
func (p *parser) prefixed() Expr {
	at := anExpr{p.tok.at}
	var e Expr
	switch {
	case p.tok.kind == aName:
		e = p.name()
	case p.accept("("):
		e = &Paren{at, p.expr(0)}
		p.close(")", "(", at.Pos)
	default:
		p.fail(p.tok.at, "expected a value, got %s", p.tok)
	}
	for {
		switch {
		case p.accept("."):
			e = p.field(e)
		case p.accept("["):
			key := p.tok.at
			e = &Index{at, e, p.expr(0), key}
			p.expect("]")
		case p.accept(":"):
			method := p.name()
			if !p.beginsArguments() {
				p.fail(p.tok.at, "expected the arguments of %s, got %s", method.Name, p.tok)
			}
			e = p.arguments(&Call{anExpr: at, Fn: e, Method: method})
		case p.beginsArguments():
			e = p.arguments(&Call{anExpr: at, Fn: e})
		default:
			return e
		}
	}
}

// field is a name behind a dot.
func (p *parser) field(object Expr) Expr {
	key := p.name()
	return &Index{anExpr{object.Start()}, object, &String{key.anExpr, key.Name}, key.Pos}
}

func (p *parser) beginsArguments() bool {
	return p.tok.kind == aString || p.tok.is("(") || p.tok.is("{")
}

func (p *parser) arguments(c *Call) Expr {
	c.Open, c.NewLine = p.tok.at, p.tok.newline
	switch {
	case p.tok.kind == aString:
		c.Close = p.tok.at
		c.Args = []Expr{&String{anExpr{p.tok.at}, p.tok.text}}
		p.advance()
	case p.tok.is("{"):
		c.Close = p.tok.at
		c.Args = []Expr{p.table()}
	default:
		p.advance()
		if !p.tok.is(")") {
			c.Args = p.exprs()
		}
		c.Close = p.close(")", "(", c.Open)
	}
	return c
}

func (p *parser) table() Expr {
	t := &Table{anExpr: anExpr{p.tok.at}}
	p.expect("{")
	for !p.tok.is("}") {
		t.Items = append(t.Items, p.item())
		if !p.accept(",") && !p.accept(";") {
			break
		}
		if p.tok.is(",") || p.tok.is(";") {
			p.fail(p.tok.at, "nothing stands between two separators of a table")
		}
	}
	p.close("}", "{", t.Pos)
	return t
}

func (p *parser) item() Item {
	switch {
	case p.tok.kind == aName && p.lookAhead().is("="):
		key := p.name()
		p.advance()
		return Item{&String{key.anExpr, key.Name}, p.expr(0)}
	case p.accept("["):
		key := p.expr(0)
		p.expect("]")
		p.expect("=")
		return Item{key, p.expr(0)}
	default:
		return Item{Value: p.expr(0)}
	}
}

// function is what follows the word function.
func (p *parser) function(at Pos) *Function {
	f := &Function{anExpr: anExpr{at}}
	p.expect("(")
	for !p.tok.is(")") {
		if p.accept("...") {
			f.Vararg = true
			break
		}
		f.Params = append(f.Params, p.name())
		if !p.accept(",") {
			break
		}
		if p.tok.is(")") {
			p.fail(p.tok.at, "expected a name, got %s", p.tok)
		}
	}
	p.expect(")")
	f.Body = p.block()
	p.close("end", "function", at)
	return f
}

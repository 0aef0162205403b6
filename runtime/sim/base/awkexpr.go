package base

func (p *awkParser) expr() *awkNode { return p.ternary() }

func (p *awkParser) ternary() *awkNode {
	n := p.or()
	if p.accept("?") {
		p.newlines()
		yes := p.ternary()
		p.newlines()
		p.expect(":")
		p.newlines()
		return p.node("cond", n, yes, p.ternary())
	}
	if p.tok.kind == awkOp && isOneOf(p.tok.text, "=", "+=", "-=", "*=", "/=", "%=", "^=") {
		if !isLvalue(n) {
			p.syntax()
		}
		op := p.tok.text
		p.advance()
		p.newlines()
		a := p.node("assign", n, p.ternary())
		a.text = op[:len(op)-1]
		return a
	}
	return n
}

func isLvalue(n *awkNode) bool { return isOneOf(n.op, "var", "index", "field") }

func (p *awkParser) or() *awkNode {
	n := p.and()
	for p.accept("||") {
		p.newlines()
		n = p.node("||", n, p.and())
	}
	return n
}

func (p *awkParser) and() *awkNode {
	n := p.membership()
	for p.accept("&&") {
		p.newlines()
		n = p.node("&&", n, p.membership())
	}
	return n
}

func (p *awkParser) membership() *awkNode {
	n := p.matching()
	for !p.noIn && p.accept("in") {
		in := p.node("in", n)
		if n.op == "grouping" {
			in.kids = n.kids
		}
		if in.name = p.tok.text; p.tok.kind != awkName {
			p.syntax()
		}
		p.advance()
		n = in
	}
	return n
}

func (p *awkParser) matching() *awkNode {
	n := p.comparison()
	for p.is("~") || p.is("!~") {
		op := p.tok.text
		p.advance()
		n = p.node(op, n, p.comparison())
	}
	return n
}

func (p *awkParser) comparison() *awkNode {
	n := p.concat(false)
	if p.tok.kind == awkOp && (isOneOf(p.tok.text, "<", "<=", "==", "!=", ">=") || p.tok.text == ">" && !p.noGt) {
		op := p.tok.text
		p.advance()
		n = p.node(op, n, p.concat(false))
	}
	return n
}

// startsOperand tells whether a token may begin what is concatenated.
func (p *awkParser) startsOperand() bool {
	switch p.tok.kind {
	case awkNumber, awkString, awkRegex, awkName, awkCall, awkBuiltin:
		return true
	case awkOp:
		return isOneOf(p.tok.text, "$", "(", "-", "+", "++", "--")
	}
	return false
}

// concat joins operands; a command before "| getline" is a whole concatenation.
func (p *awkParser) concat(target bool) *awkNode {
	n := p.additive()
	for p.startsOperand() && !(p.is("+") || p.is("-")) {
		n = p.node("concat", n, p.additive())
	}
	for !target && p.is("|") {
		save, saved := *p.lex, p.tok
		p.advance()
		if !p.accept("getline") {
			*p.lex, p.tok = save, saved
			break
		}
		g := p.node("cmdline", n)
		if p.lvalueFollows() {
			g.kids = append(g.kids, p.primary())
		}
		n = g
	}
	return n
}

func (p *awkParser) lvalueFollows() bool { return p.tok.kind == awkName || p.is("$") }

func (p *awkParser) additive() *awkNode {
	n := p.multiplicative()
	for p.is("+") || p.is("-") {
		op := p.tok.text
		p.advance()
		n = p.node(op, n, p.multiplicative())
	}
	return n
}

func (p *awkParser) multiplicative() *awkNode {
	n := p.unary()
	for p.is("*") || p.is("/") || p.is("%") {
		op := p.tok.text
		p.advance()
		n = p.node(op, n, p.unary())
	}
	return n
}

func (p *awkParser) unary() *awkNode {
	switch {
	case p.accept("!"):
		return p.node("!", p.unary())
	case p.accept("-"):
		return p.node("neg", p.unary())
	case p.accept("+"):
		return p.node("plus", p.unary())
	}
	return p.power()
}

func (p *awkParser) power() *awkNode {
	n := p.postfix()
	if p.accept("^") {
		// Right to left, and a sign may follow.
		var right *awkNode
		if p.accept("-") {
			right = p.node("neg", p.power())
		} else {
			p.accept("+")
			right = p.power()
		}
		return p.node("^", n, right)
	}
	return n
}

func (p *awkParser) postfix() *awkNode {
	if p.is("++") || p.is("--") {
		op := p.tok.text
		p.advance()
		target := p.primary()
		if !isLvalue(target) {
			p.syntax()
		}
		n := p.node("pre", target)
		n.text = op
		return n
	}
	n := p.primary()
	if (p.is("++") || p.is("--")) && isLvalue(n) {
		post := p.node("post", n)
		post.text = p.tok.text
		p.advance()
		return post
	}
	return n
}

func (p *awkParser) primary() *awkNode {
	n := &awkNode{line: p.tok.line, text: p.tok.text, name: p.tok.text, num: p.tok.num}
	switch p.tok.kind {
	case awkNumber:
		n.op = "number"
	case awkString:
		n.op = "string"
	case awkRegex:
		n.op = "regex"
		re, err := awkCompile(p.tok.text)
		if err != nil {
			p.fail("%s in regular expression %s at source line %d", err.Error(), p.tok.text, p.tok.line)
		}
		n.re = re
	case awkName:
		p.advance()
		n.op = "var"
		if p.accept("[") {
			n.op = "index"
			n.kids = p.list("]")
		}
		return n
	case awkCall:
		p.advance()
		p.expect("(")
		n.op = "call"
		n.kids = p.list(")")
		return n
	case awkBuiltin:
		p.advance()
		n.op = "builtin"
		if p.accept("(") {
			n.kids = p.list(")")
		} else if n.name != "length" {
			p.syntax()
		}
		return n
	default:
		return p.operand()
	}
	p.advance()
	return n
}

func (p *awkParser) operand() *awkNode {
	switch {
	case p.accept("$"):
		if p.is("++") || p.is("--") {
			return p.node("field", p.postfix())
		}
		if p.accept("-") {
			return p.node("field", p.node("neg", p.primary()))
		}
		return p.node("field", p.primary())
	case p.accept("("):
		first := p.inParens(p.expr)
		if p.is(",") {
			g := p.node("grouping", first)
			for p.accept(",") {
				g.kids = append(g.kids, p.inParens(p.expr))
			}
			p.expect(")")
			if !p.is("in") {
				p.syntax()
			}
			return g
		}
		p.expect(")")
		return p.node("group", first)
	case p.accept("getline"):
		n := p.node("getline", nil, nil)
		if p.lvalueFollows() {
			n.kids[0] = p.primary()
		}
		if p.accept("<") {
			n.kids[1] = p.postfix()
		}
		return n
	case p.is("-") || p.is("+") || p.is("!"):
		return p.unary()
	}
	p.syntax()
	return nil
}

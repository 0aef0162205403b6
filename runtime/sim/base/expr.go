package base

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"bsdrun/runtime/sim"
)

// evaluator computes an expression of expr(1).
type evaluator struct {
	args []string
	err  error
}

var (
	errExprSyntax = errors.New("syntax error")
	errNotInteger = errors.New("not a decimal number")
	errDivide     = errors.New("division by zero")
	errOverflow   = errors.New("overflow")
)

func exprCommand(p *sim.Proc, o *options) int {
	args := o.args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	e := &evaluator{args: args}
	value := e.or()
	if e.err == nil && len(e.args) > 0 {
		e.err = errExprSyntax
	}
	if e.err != nil {
		return exitWith(2, errx(p, "%s", e.err.Error()))
	}
	p.Printf("%s\n", value)
	if isNull(value) {
		return 1
	}
	return 0
}

// isNull is what expr takes as false: nothing, or zero.
func isNull(v string) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	return v == "" || err == nil && n == 0
}

func (e *evaluator) peek(ops ...string) bool {
	return e.err == nil && len(e.args) > 0 && isOneOf(e.args[0], ops...)
}

func (e *evaluator) next() string {
	if len(e.args) == 0 {
		e.err = errExprSyntax
		return ""
	}
	word := e.args[0]
	e.args = e.args[1:]
	return word
}

func (e *evaluator) or() string {
	v := e.and()
	for e.peek("|") {
		e.next()
		if w := e.and(); isNull(v) {
			if v = w; v == "" {
				v = "0"
			}
		}
	}
	return v
}

func (e *evaluator) and() string {
	v := e.compare()
	for e.peek("&") {
		e.next()
		if w := e.compare(); isNull(v) || isNull(w) {
			v = "0"
		}
	}
	return v
}

func (e *evaluator) compare() string {
	v := e.add()
	for e.peek("=", "==", "!=", "<", ">", "<=", ">=") {
		op := e.next()
		w := e.add()
		c := 0
		x, errX := strconv.ParseInt(v, 10, 64)
		y, errY := strconv.ParseInt(w, 10, 64)
		switch {
		case errX == nil && errY == nil:
			c = cmpInt(x, y)
		case v < w:
			c = -1
		case v > w:
			c = 1
		}
		v = "0"
		if map[string]bool{"=": c == 0, "==": c == 0, "!=": c != 0, "<": c < 0, ">": c > 0, "<=": c <= 0, ">=": c >= 0}[op] {
			v = "1"
		}
	}
	return v
}

// integers reads both operands of an arithmetic operator.
func (e *evaluator) integers(v, w string) (x, y int64) {
	x, errX := strconv.ParseInt(v, 10, 64)
	y, errY := strconv.ParseInt(w, 10, 64)
	for i, err := range []error{errX, errY} {
		if err == nil || e.err != nil {
			continue
		}
		if errors.Is(err, strconv.ErrRange) {
			e.err = errOverflow
			continue
		}
		e.err = errors.New(errNotInteger.Error() + ": '" + []string{v, w}[i] + "'")
	}
	return x, y
}

func (e *evaluator) add() string {
	v := e.multiply()
	for e.peek("+", "-") {
		op := e.next()
		x, y := e.integers(v, e.multiply())
		r := x + y
		over := (r > x) != (y > 0)
		if op == "-" {
			r = x - y
			over = (r < x) != (y > 0)
		}
		if over && y != 0 && e.err == nil {
			e.err = errOverflow
		}
		v = strconv.FormatInt(r, 10)
	}
	return v
}

func (e *evaluator) multiply() string {
	v := e.match()
	for e.peek("*", "/", "%") {
		op := e.next()
		x, y := e.integers(v, e.match())
		switch {
		case e.err != nil:
			return ""
		case op == "*":
			r := x * y
			if x != 0 && r/x != y {
				e.err = errOverflow
			}
			v = strconv.FormatInt(r, 10)
		case y == 0:
			e.err = errDivide
		case op == "/":
			v = strconv.FormatInt(x/y, 10)
		default:
			v = strconv.FormatInt(x%y, 10)
		}
	}
	return v
}

// match is "string : expression": the first group, or the length of the match
// from the beginning.
func (e *evaluator) match() string {
	v := e.primary()
	for e.peek(":") {
		e.next()
		re, err := compileRegexp(e.primary(), false, false)
		if err != nil {
			if e.err == nil {
				e.err = errors.New("regular expression error: " + err.Error())
			}
			return ""
		}
		m := re.first(v)
		switch {
		case m == nil || m[0] != 0:
			if v = "0"; re.groups > 0 {
				v = ""
			}
		case re.groups == 0:
			v = strconv.Itoa(utf8.RuneCountInString(v[:m[1]]))
		case m[2] < 0:
			v = ""
		default:
			v = v[m[2]:m[3]]
		}
	}
	return v
}

func (e *evaluator) primary() string {
	word := e.next()
	if word != "(" {
		if isOneOf(word, ")", "|", "&", "=", "<", ">", "+", "-", "*", "/", "%", ":", "<=", ">=", "!=") && e.err == nil {
			e.err = errExprSyntax
		}
		return word
	}
	v := e.or()
	if e.next() != ")" && e.err == nil {
		e.err = errExprSyntax
	}
	return v
}

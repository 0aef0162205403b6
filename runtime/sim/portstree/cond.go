package portstree

import (
	"path"
	"strconv"
	"strings"
)

// ifLine evaluates one conditional line.
func (m *makefile) ifLine(kind, arg string) bool {
	switch kind {
	case "ifdef":
		return m.defined(m.expand(arg))
	case "ifndef":
		return !m.defined(m.expand(arg))
	case "ifmake":
		return false
	case "ifnmake":
		return true
	}
	c := condition{m: m, s: arg}
	return c.or()
}

// condition is a recursive descent over make's conditional expressions. What it
// can't read counts as false.
type condition struct {
	m *makefile
	s string
}

func (c *condition) skip() { c.s = strings.TrimLeft(c.s, " \t") }

func (c *condition) accept(token string) bool {
	c.skip()
	if strings.HasPrefix(c.s, token) {
		c.s = c.s[len(token):]
		return true
	}
	return false
}

func (c *condition) or() bool {
	v := c.and()
	for c.accept("||") {
		w := c.and()
		v = v || w
	}
	return v
}

func (c *condition) and() bool {
	v := c.unary()
	for c.accept("&&") {
		w := c.unary()
		v = v && w
	}
	return v
}

func (c *condition) unary() bool {
	c.skip()
	if strings.HasPrefix(c.s, "!") && !strings.HasPrefix(c.s, "!=") {
		c.s = c.s[1:]
		return !c.unary()
	}
	if c.accept("(") {
		v := c.or()
		c.accept(")")
		return v
	}
	for _, fn := range []string{"defined", "empty", "exists", "make", "target", "commands"} {
		if rest, ok := strings.CutPrefix(c.s, fn); ok && strings.HasPrefix(strings.TrimLeft(rest, " \t"), "(") {
			c.s = strings.TrimLeft(rest, " \t")
			end := closing(c.s, 0)
			if end < 0 {
				c.s = ""
				return false
			}
			arg := strings.TrimSpace(c.s[1:end])
			c.s = c.s[end+1:]
			return c.function(fn, arg)
		}
	}
	return c.comparison()
}

func (c *condition) function(name, arg string) bool {
	switch name {
	case "defined":
		return c.m.defined(c.m.expand(arg))
	case "empty":
		return strings.TrimSpace(c.m.reference(arg, 0)) == ""
	case "exists":
		file := c.m.expand(arg)
		if !path.IsAbs(file) {
			file = path.Join(c.m.curdir, file)
		}
		_, err := c.m.fs.ReadFile(file)
		return err == nil
	}
	return false // make(target), target(x): no targets are made here
}

// comparison is `operand [op operand]`; alone, a variable is true when it's not
// empty and not zero, a word when a variable of that name is defined.
func (c *condition) comparison() bool {
	left, bare := c.operand()
	for _, op := range []string{"==", "!=", ">=", "<=", ">", "<"} {
		if c.accept(op) {
			right, _ := c.operand()
			return compareOperands(left, op, right)
		}
	}
	if bare {
		if n, err := strconv.ParseFloat(left, 64); err == nil {
			return n != 0
		}
		return c.m.defined(left)
	}
	if n, err := strconv.ParseFloat(left, 64); err == nil {
		return n != 0
	}
	return strings.TrimSpace(left) != ""
}

func compareOperands(left, op, right string) bool {
	l, errL := strconv.ParseFloat(left, 64)
	r, errR := strconv.ParseFloat(right, 64)
	numbers := errL == nil && errR == nil
	switch op {
	case "==":
		return left == right || numbers && l == r
	case "!=":
		return left != right && !(numbers && l == r)
	case ">=":
		return numbers && l >= r
	case "<=":
		return numbers && l <= r
	case ">":
		return numbers && l > r
	}
	return numbers && l < r
}

// operand reads a quoted string, a variable reference or a bare word.
func (c *condition) operand() (value string, bare bool) {
	c.skip()
	if c.s == "" {
		return "", false
	}
	if c.s[0] == '"' {
		end := strings.IndexByte(c.s[1:], '"')
		if end < 0 {
			end = len(c.s) - 1
		}
		v := c.s[1 : 1+end]
		c.s = c.s[min(len(c.s), end+2):]
		return c.m.expand(v), false
	}
	i, reference := 0, false
	for i < len(c.s) && strings.IndexByte(" \t=!<>&|)", c.s[i]) < 0 {
		if c.s[i] == '$' && i+1 < len(c.s) && (c.s[i+1] == '{' || c.s[i+1] == '(') {
			reference = true
			end := closing(c.s, i+1)
			if end < 0 {
				i = len(c.s)
				break
			}
			i = end
		}
		i++
	}
	v := c.s[:i]
	if i == 0 { // an operator where an operand should be
		c.s = c.s[1:]
		return "", false
	}
	c.s = c.s[i:]
	return c.m.expand(v), !reference
}

package lint

import (
	"strings"

	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/spelling"
)

// checkNode looks at one expression by itself.
func (c *checker) checkNode(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.Index:
		c.checkIndex(n)
	case *syntax.Call:
		c.checkCall(n)
	case *syntax.Table:
		c.checkTable(n)
	}
}

// checkIndex reports a field that is not there.
func (c *checker) checkIndex(e *syntax.Index) {
	key, is := e.Key.(*syntax.String)
	if !is {
		return
	}
	if t := c.typeOf(e.Object); t != nil {
		if t.params {
			c.checkParameter(e.At, key.Value)
			return
		}
		c.reportField(e.At, e.Object, t, key.Value)
	}
}

// reportField reports a field that a value does not have.
func (c *checker) reportField(at syntax.Pos, object syntax.Expr, t *typ, name string) {
	found, missing := c.field(t, name)
	if found != nil || missing == nil {
		return
	}
	switch {
	case t.host:
		c.report(at, ruleField, "a host has no field %q%s", name, spelling.Guess(name, missing))
	case t.module != nil:
		full := t.group + "." + name
		meant := spelling.Guess(strings.TrimPrefix(full, "."), missing)
		c.hint(at, ruleField, "bsdrun doc "+t.module.Name+" lists them", "%s has no function %q%s", t.module.Name, strings.TrimPrefix(full, "."), meant)
	case t.library != "":
		c.report(at, ruleField, "%s has no %q%s", t.library, name, spelling.Guess(name, missing))
	case t.basic == "string":
		c.report(at, ruleField, "a string has no %q%s", name, spelling.Guess(name, missing))
	default:
		what := "the result"
		if v := c.names.variableOf(object); v != nil {
			what = v.decl.Name
		}
		c.hint(at, ruleField, "it has "+strings.Join(missing, ", "), "%s has no field %q%s", what, name, spelling.Guess(name, missing))
	}
}

// checkTable reports a key that is given twice.
func (c *checker) checkTable(t *syntax.Table) {
	seen := map[string]int{}
	for _, item := range t.Items {
		key, is := item.Key.(*syntax.String)
		if !is {
			continue
		}
		if line, twice := seen[key.Value]; twice {
			c.report(key.Pos, ruleShadow, "the key %q is given twice, first at line %d", key.Value, line)
		}
		seen[key.Value] = key.Line
	}
}

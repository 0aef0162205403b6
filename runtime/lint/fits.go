package lint

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/spelling"
)

// basicOf is the sort of value that an expression surely has: string, number,
// boolean, table, function, nil, host, handle, secret, file; empty where that is
// not sure.
func (c *checker) basicOf(e syntax.Expr) string {
	t := c.typeOf(e)
	switch {
	case t == nil:
		return ""
	case t.basic != "":
		return t.basic
	case t.host:
		return "host"
	case t.function != nil || t.global != nil && t.global.Type == "" || t.builtin != "":
		return "function"
	case t.module != nil || t.library != "" || t.params:
		return "table"
	case t.value != nil:
		return basicOfShape(t.value)
	}
	return ""
}

func basicOfShape(t *binding.Type) string {
	switch t.Shape {
	case binding.String, binding.Time:
		return "string"
	case binding.Boolean:
		return "boolean"
	case binding.Integer, binding.Number, binding.Duration:
		return "number"
	case binding.List, binding.Map:
		return "table"
	case binding.Record:
		if t.Handle {
			return "handle"
		}
		return "table"
	case binding.Secret:
		return "secret"
	case binding.HostRef:
		return "host"
	}
	return ""
}

// words is what is known of a value, in words.
func (c *checker) words(t *typ) string {
	basic := t.basic
	if t.value != nil {
		basic = basicOfShape(t.value)
	}
	if t.host {
		basic = "host"
	}
	if basic == "" {
		return "this"
	}
	return article(basic)
}

func article(basic string) string {
	if basic == "nil" {
		return "nil"
	}
	return "a " + basic
}

// misfit tells why a value does not fit a parameter; empty when it may.
func (c *checker) misfit(p *binding.Param, e syntax.Expr) string {
	if basic := c.basicOf(e); basic == "nil" {
		return ""
	} else if p.TakesOne() && basic == "string" {
		return c.outside(p, e)
	}
	if problem := c.misfitType(p.Type, e, p.Name); problem != "" {
		return problem
	}
	return c.outside(p, e)
}

// outside tells of a word that is none of the choices.
func (c *checker) outside(p *binding.Param, e syntax.Expr) string {
	if len(p.Enum) == 0 {
		return ""
	}
	if table, is := e.(*syntax.Table); is {
		for _, item := range table.Items {
			if problem := c.outside(p, item.Value); problem != "" {
				return problem
			}
		}
		return ""
	}
	word := ""
	switch e := e.(type) {
	case *syntax.String:
		word = e.Value
	case *syntax.Number:
		word = e.Text
	default:
		return ""
	}
	if slices.Contains(p.Enum, word) {
		return ""
	}
	return fmt.Sprintf("expected one of %s, got %q%s", strings.Join(p.Enum, ", "), word, spelling.Guess(word, p.Enum))
}

// accepts are the sorts of values that a shape takes.
var accepts = map[binding.Shape]string{
	binding.String: "string handle", binding.Time: "string", binding.Boolean: "boolean",
	binding.Integer: "number", binding.Number: "number", binding.Duration: "number",
	binding.List: "table", binding.Map: "table", binding.Record: "table handle",
	binding.FileContent: "string secret file", binding.LocalFile: "file", binding.Secret: "secret string", binding.HostRef: "host",
}

func (c *checker) misfitType(t *binding.Type, e syntax.Expr, path string) string {
	basic := c.basicOf(e)
	if t.Shape == binding.Any {
		if basic == "function" {
			return "a function is no value that it takes"
		}
		return ""
	}
	if accepted := accepts[t.Shape]; basic != "" && basic != "nil" && !slices.Contains(strings.Fields(accepted), basic) {
		return fmt.Sprintf("expected %s, got %s", t, got(basic, e))
	}
	switch e := e.(type) {
	case *syntax.Number:
		return misfitNumber(t, e)
	case *syntax.Table:
		return c.misfitTable(t, e, path)
	}
	return ""
}

// got is a value in words, as the running script would have it.
func got(basic string, e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.String:
		if len(e.Value) > 30 {
			return "a string"
		}
		return fmt.Sprintf("the string %q", e.Value)
	case *syntax.Number:
		return "the number " + e.Text
	case *syntax.Bool:
		return fmt.Sprintf("the boolean %v", e.Value)
	}
	return article(basic)
}

func misfitNumber(t *binding.Type, e *syntax.Number) string {
	n, err := strconv.ParseFloat(e.Text, 64)
	if err == nil && t.Shape == binding.Integer && n != math.Trunc(n) {
		return "expected a whole number, got " + e.Text
	}
	return ""
}

func (c *checker) misfitTable(t *binding.Type, table *syntax.Table, path string) string {
	for i, item := range table.Items {
		listed := item.Key == nil
		switch {
		case t.Shape == binding.List && !listed:
			return fmt.Sprintf("expected %s, got a table with names", t)
		case t.Shape == binding.Map && listed:
			return fmt.Sprintf("expected %s by name, got a list", t)
		case t.Shape == binding.Record && listed:
			return "expected a table of named fields, got a list"
		case t.Shape == binding.Record:
			continue
		}
		if problem := c.misfitType(t.Elem, item.Value, path); problem != "" {
			if listed {
				return fmt.Sprintf("[%d]: %s", i+1, problem)
			}
			return problem
		}
	}
	if t.Shape == binding.Record {
		c.checkRecord(t, table, path)
	}
	return ""
}

// checkRecord reports the fields of a table by themselves, each at its place.
func (c *checker) checkRecord(t *binding.Type, table *syntax.Table, path string) {
	fields := t.Fields()
	given := map[string]bool{}
	if !c.checkNamed(path, "field", fields, table, given) {
		return
	}
	for i := range fields {
		if f := &fields[i]; f.Required && !given[f.Name] {
			c.report(table.Pos, ruleArgument, "%s: %s is missing, %s", path, f.Name, f.Type)
		}
	}
}

package lint

import (
	"fmt"
	"slices"
	"strings"

	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/script"
	"bsdrun/runtime/spelling"
)

// globalParam is a parameter of a function of every script: what the usage line
// says of its place, and the type of its declaration.
type globalParam struct {
	name     string
	typ      string // as LuaLS writes it
	optional bool
}

// globalParams reads a usage line: fleet.lock(name, [n,] fn, [opts]).
func globalParams(g *script.Global) []globalParam {
	_, inside, _ := strings.Cut(strings.TrimSuffix(g.Usage, ")"), "(")
	var params []globalParam
	for _, word := range strings.FieldsFunc(inside, func(r rune) bool { return r == ',' || r == ' ' }) {
		name := strings.Trim(word, "[]")
		if name == "" {
			continue
		}
		p := globalParam{name: name, optional: strings.HasPrefix(word, "[")}
		for _, declared := range g.Params {
			if declared.Name == name {
				p.typ = declared.Type
			}
		}
		params = append(params, p)
	}
	return params
}

// align gives each argument its parameter and tells what does not fit; optional
// parameters may be left out wherever they stand.
func (c *checker) align(g *script.Global, params []globalParam, k *call) (problem string, at syntax.Pos) {
	if places, fit := c.fitsAll(params, k.args, k.open()); fit {
		for i, p := range places {
			c.checkOptions(g, p, k.args[i])
		}
		return "", at
	}
	fewest, most := 0, len(params)
	for _, p := range params {
		if p.name == "..." {
			most = len(k.args)
		} else if !p.optional {
			fewest++
		}
	}
	switch {
	case len(k.args) < fewest:
		return fmt.Sprintf("%s takes at least %s, got %d", g.Name, count(fewest, "argument"), len(k.args)), k.at
	case len(k.args) > most:
		return fmt.Sprintf("%s takes at most %s, got %d", g.Name, count(most, "argument"), len(k.args)), k.args[most].Start()
	}
	for i, arg := range k.args {
		if !c.fits(params[min(i, len(params)-1)].typ, arg) {
			return fmt.Sprintf("%s: %s: expected %s, got %s", g.Name, params[i].name, inWords(params[i].typ), got(c.basicOf(arg), arg)), arg.Start()
		}
	}
	return g.Name + ": the arguments do not fit", k.at
}

// fitsAll finds a way to give the arguments their parameters.
func (c *checker) fitsAll(params []globalParam, args []syntax.Expr, open bool) (places []globalParam, fit bool) {
	if len(params) == 0 || params[0].name == "..." {
		return nil, len(params) > 0 || len(args) == 0
	}
	p := params[0]
	if len(args) == 0 {
		if p.optional && !open {
			return c.fitsAll(params[1:], args, open)
		}
		return nil, open
	}
	if c.fits(p.typ, args[0]) {
		if rest, fit := c.fitsAll(params[1:], args[1:], open); fit {
			return append([]globalParam{p}, rest...), true
		}
	}
	if p.optional {
		return c.fitsAll(params[1:], args, open)
	}
	return nil, false
}

// fits tells whether a value may be of a type.
func (c *checker) fits(typ string, e syntax.Expr) bool {
	basic := c.basicOf(e)
	if basic == "" {
		return true
	}
	if typ == "" {
		return basic != "nil"
	}
	return slices.ContainsFunc(alternatives(typ), func(t string) bool { return basicOfLuaLS(t) == "" || basicOfLuaLS(t) == basic })
}

// alternatives takes a union apart: string|{message: string|Secret}.
func alternatives(typ string) []string {
	typ, optional := strings.CutSuffix(typ, "?")
	var list []string
	depth, from := 0, 0
	for i, r := range typ {
		switch r {
		case '{', '(', '<':
			depth++
		case '}', ')', '>':
			depth--
		case '|':
			if depth == 0 {
				list = append(list, typ[from:i])
				from = i + 1
			}
		}
	}
	list = append(list, typ[from:])
	if optional {
		list = append(list, "nil")
	}
	return list
}

// basicOfLuaLS is the sort of value of a type; empty: any.
func basicOfLuaLS(typ string) string {
	switch {
	case strings.HasPrefix(typ, "fun("):
		return "function"
	case strings.HasPrefix(typ, "{"), strings.HasSuffix(typ, "[]"), strings.HasPrefix(typ, "table"):
		return "table"
	}
	return map[string]string{
		"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "nil": "nil",
		"Host": "host", "Secret": "secret", "LocalFile": "file",
	}[typ]
}

func inWords(typ string) string {
	var words []string
	for _, t := range alternatives(typ) {
		if basic := basicOfLuaLS(t); basic != "" && !slices.Contains(words, article(basic)) {
			words = append(words, article(basic))
		}
	}
	return strings.Join(words, " or ")
}

// checkOptions reports names in a table of options that the function does not
// know, and values that do not fit them.
func (c *checker) checkOptions(g *script.Global, p globalParam, arg syntax.Expr) {
	table, is := arg.(*syntax.Table)
	if fields := optionsIn(p); is && len(fields) > 0 {
		c.checkFields(g.Name, fields, table)
	}
}

func (c *checker) checkFields(where string, fields [][2]string, table *syntax.Table) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f[0]
	}
	given := map[string]bool{}
	for _, item := range table.Items {
		key, is := item.Key.(*syntax.String)
		if !is {
			return // no table of options
		}
		given[key.Value] = true
		i := indexOf(known, key.Value)
		if i < 0 {
			c.hint(key.Pos, ruleArgument, "known are "+strings.Join(known, ", "), "%s: unknown option %q%s", where, key.Value, spelling.Guess(key.Value, known))
		} else if !c.fits(fields[i][1], item.Value) {
			basic := c.basicOf(item.Value)
			c.report(item.Value.Start(), ruleArgument, "%s: %s: expected %s, got %s", where, key.Value, inWords(fields[i][1]), got(basic, item.Value))
		}
	}
	for _, f := range fields {
		if !strings.HasSuffix(f[1], "?") && !given[f[0]] {
			c.report(table.Pos, ruleArgument, "%s: %s is missing", where, f[0])
		}
	}
}

// optionsIn are the fields of a parameter that is a table of options, with their
// types; those that may be left out end in a question mark.
func optionsIn(p globalParam) [][2]string {
	for _, t := range alternatives(p.typ) {
		if strings.HasPrefix(t, "{") {
			return fieldsOf(t)
		}
	}
	return nil
}

// fieldsOf reads {key?: string, on?: string|string[]}.
func fieldsOf(typ string) [][2]string {
	var fields [][2]string
	depth, from := 0, 1
	for i, r := range typ {
		switch r {
		case '{', '(':
			depth++
		case '}', ')':
			depth--
		}
		if r == ',' && depth == 1 || r == '}' && depth == 0 {
			name, t, _ := strings.Cut(strings.TrimSpace(typ[from:i]), ":")
			t = strings.TrimSpace(t)
			if short, optional := strings.CutSuffix(name, "?"); optional {
				name, t = short, t+"?"
			}
			fields = append(fields, [2]string{name, t})
			from = i + 1
		}
	}
	return fields
}

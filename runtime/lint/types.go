package lint

import (
	"slices"
	"strings"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/lint/syntax"
	"bsdrun/runtime/script"
)

// typ is what is known of a value; nil: nothing.
type typ struct {
	host     bool
	module   *binding.Module // with group: the functions whose names begin with that
	group    string
	function *binding.Entry
	global   *script.Global
	library  string           // string, json, fleet ...
	builtin  string           // a function of a library of Lua's own: "string.format"
	value    *binding.Type    // what a function returned
	params   bool             // the parameters of the recipe
	basic    string           // string, number, boolean, table, function, nil
	own      *syntax.Function // a function of the file
}

// typeOf is what is known of an expression's value.
func (c *checker) typeOf(e syntax.Expr) *typ {
	switch e := e.(type) {
	case *syntax.Paren:
		return c.typeOf(e.Inner)
	case *syntax.Name:
		if v := c.names.of[e]; v != nil {
			return c.typeOfVariable(v)
		}
		return c.typeOfGlobal(e.Name)
	case *syntax.Index:
		return c.typeOfIndex(e)
	case *syntax.Call:
		return c.typeOfCall(e)
	case *syntax.Function:
		return &typ{own: e, basic: "function"}
	}
	if basic := literal(e); basic != "" {
		return &typ{basic: basic}
	}
	return nil
}

// literal is the type of what is written down; empty when that depends.
func literal(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Nil:
		return "nil"
	case *syntax.Bool:
		return "boolean"
	case *syntax.Number:
		return "number"
	case *syntax.String:
		return "string"
	case *syntax.Table:
		return "table"
	case *syntax.Function:
		return "function"
	case *syntax.Unary:
		return map[string]string{"not": "boolean", "-": "number", "#": "number"}[e.Op]
	case *syntax.Binary:
		switch e.Op {
		case "+", "-", "*", "/", "%", "^":
			return "number"
		case "==", "~=", "<", ">", "<=", ">=":
			return "boolean"
		}
	}
	return ""
}

func (c *checker) typeOfVariable(v *variable) *typ {
	if t, known := c.types[v]; known {
		return t
	}
	if c.types == nil {
		c.types = map[*variable]*typ{}
	}
	c.types[v] = nil // while it is found out
	c.types[v] = c.findType(v)
	return c.types[v]
}

func (c *checker) findType(v *variable) *typ {
	switch {
	case !v.constant():
		return nil
	case v.kind == parameter && v.decl.Name == "h":
		return &typ{host: true}
	case v.kind == parameter && v.decl.Name == "p":
		return &typ{params: true}
	case v.value != nil:
		return c.typeOf(v.value)
	}
	return nil
}

func (c *checker) typeOfGlobal(name string) *typ {
	if c.o.Kind == Script && name == "h" {
		return &typ{host: true}
	}
	if g, ok := script.FindGlobal(name); ok {
		return &typ{global: &g}
	}
	for i := range c.o.Modules {
		m := &c.o.Modules[i]
		if m.Global && m.Name == name && len(c.vocabulary[name]) == 0 {
			return &typ{module: m}
		}
	}
	if len(c.vocabulary[name]) > 0 {
		return &typ{library: name}
	}
	if arities[name] != nil {
		return &typ{builtin: name}
	}
	return nil
}

// typeOfIndex is the type of a field; what is wrong with it checkIndex tells.
func (c *checker) typeOfIndex(e *syntax.Index) *typ {
	object := c.typeOf(e.Object)
	if object == nil {
		return nil
	}
	key, is := e.Key.(*syntax.String)
	if !is {
		if object.value != nil && object.value.Shape == binding.List && literal(e.Key) != "string" {
			return &typ{value: object.value.Elem}
		}
		if object.value != nil && object.value.Shape == binding.Map {
			return &typ{value: object.value.Elem}
		}
		return nil
	}
	t, _ := c.field(object, key.Value)
	return t
}

func (c *checker) typeOfCall(e *syntax.Call) *typ {
	fn := c.callee(e)
	switch {
	case fn == nil:
		return nil
	case fn.function != nil:
		return c.typeOfResult(fn.function.Func.Returns())
	case fn.global != nil:
		return c.typeOfGlobalCall(fn.global, e)
	}
	return nil
}

func (c *checker) typeOfResult(t *binding.Type) *typ {
	switch t.Shape {
	case binding.HostRef:
		return &typ{host: true}
	case binding.Any, binding.Nothing:
		return nil
	}
	return &typ{value: t}
}

// typeOfGlobalCall knows that a step returns what its function does.
func (c *checker) typeOfGlobalCall(g *script.Global, e *syntax.Call) *typ {
	switch g.Returns {
	case "Host":
		return &typ{host: true}
	case "boolean", "string":
		return &typ{basic: g.Returns}
	}
	if g.Name != "step" && g.Name != "retry" || len(e.Args) == 0 {
		return nil
	}
	fn, is := e.Args[len(e.Args)-1].(*syntax.Function)
	if !is {
		return nil
	}
	if returned := onlyReturn(fn); returned != nil {
		return c.typeOf(returned)
	}
	return nil
}

// onlyReturn is the one value that a function returns, if it has a single return,
// at its end.
func onlyReturn(fn *syntax.Function) syntax.Expr {
	var all []*syntax.Return
	for _, s := range fn.Body.Stmts {
		syntax.Walk(s, func(n syntax.Node) bool {
			if r, is := n.(*syntax.Return); is {
				all = append(all, r)
			}
			_, inner := n.(*syntax.Function)
			return !inner
		})
	}
	if len(all) != 1 || len(all[0].Exprs) != 1 || all[0] != last(fn.Body) {
		return nil
	}
	return all[0].Exprs[0]
}

func last(b *syntax.Block) syntax.Stmt {
	if len(b.Stmts) == 0 {
		return nil
	}
	return b.Stmts[len(b.Stmts)-1]
}

// callee is what a call calls.
func (c *checker) callee(e *syntax.Call) *typ {
	t := c.typeOf(e.Fn)
	if e.Method != nil && t != nil {
		t, _ = c.field(t, e.Method.Name)
	}
	if t == nil {
		return nil
	}
	if t.module != nil && t.group != "" { // a function with the name of a group
		if f := find(t.module.Funcs, t.group); f != nil {
			return &typ{function: &binding.Entry{Module: t.module, Func: f}}
		}
	}
	if t.module != nil && t.group == "" { // a verb with the name of a module: h:jail
		for i := range c.o.Modules {
			verbs := &c.o.Modules[i]
			if f := find(verbs.Funcs, t.module.Name); verbs.Verbs && f != nil {
				return &typ{function: &binding.Entry{Module: verbs, Func: f}}
			}
		}
	}
	return t
}

func find(funcs []binding.Func, name string) *binding.Func {
	for i := range funcs {
		if funcs[i].Name == name {
			return &funcs[i]
		}
	}
	return nil
}

// field is the type of a value's field. missing names what it has instead, where
// it has no such field; nil with a nil type: it is not known.
func (c *checker) field(t *typ, name string) (found *typ, missing []string) {
	switch {
	case t.host:
		return c.hostField(name)
	case t.module != nil:
		return moduleField(t.module, t.group, name)
	case t.library != "":
		return c.libraryField(t.library, name)
	case t.value != nil:
		return c.valueField(t.value, name)
	case t.basic == "string":
		return c.libraryField("string", name)
	}
	return nil, nil
}

func (c *checker) hostField(name string) (*typ, []string) {
	known := []string{"name", "vars"}
	if name == "name" {
		return &typ{basic: "string"}, nil
	}
	if name == "vars" {
		return nil, nil
	}
	for i := range c.o.Modules {
		m := &c.o.Modules[i]
		if m.Global || m.Verbs {
			continue
		}
		if m.Name == name {
			return &typ{module: m}, nil
		}
		known = append(known, m.Name)
	}
	for i := range c.o.Modules {
		m := &c.o.Modules[i]
		if !m.Verbs {
			continue
		}
		if f := find(m.Funcs, name); f != nil {
			if f.Property {
				return c.typeOfResult(f.Returns()), nil
			}
			return &typ{function: &binding.Entry{Module: m, Func: f}}, nil
		}
		for j := range m.Funcs {
			known = append(known, m.Funcs[j].Name)
		}
	}
	return nil, known
}

func moduleField(m *binding.Module, group, name string) (*typ, []string) {
	full := name
	if group != "" {
		full = group + "." + name
	}
	var known []string
	for i := range m.Funcs {
		known = append(known, m.Funcs[i].Name)
		if strings.HasPrefix(m.Funcs[i].Name, full+".") {
			return &typ{module: m, group: full}, nil
		}
	}
	if f := find(m.Funcs, full); f != nil {
		return &typ{function: &binding.Entry{Module: m, Func: f}}, nil
	}
	return nil, known
}

func (c *checker) libraryField(library, name string) (*typ, []string) {
	full := library + "." + name
	if g, ok := script.FindGlobal(full); ok {
		return &typ{global: &g}, nil
	}
	for i := range c.o.Modules {
		m := &c.o.Modules[i]
		if m.Global && m.Name == library {
			if t, _ := moduleField(m, "", name); t != nil {
				return t, nil
			}
		}
	}
	known := c.vocabulary[library]
	if !slices.Contains(known, name) {
		return nil, known
	}
	if arities[full] != nil {
		return &typ{builtin: full}, nil
	}
	return nil, nil
}

func (c *checker) valueField(t *binding.Type, name string) (*typ, []string) {
	switch t.Shape {
	case binding.Map:
		return c.typeOfResult(t.Elem), nil
	case binding.String, binding.Time:
		return c.libraryField("string", name)
	case binding.Record:
	default:
		return nil, nil
	}
	var known []string
	for _, p := range t.Fields() {
		if p.Name == name {
			return c.typeOfResult(p.Type), nil
		}
		known = append(known, p.Name)
	}
	if !t.Handle {
		return nil, known
	}
	if name == "kind" || name == "id" || name == "host" {
		return &typ{basic: "string"}, nil
	}
	for i := range c.o.Modules {
		for j := range c.o.Modules[i].Classes {
			class := &c.o.Modules[i].Classes[j]
			if class.Name != strings.ToLower(t.Name) {
				continue
			}
			if f := find(class.Funcs, name); f != nil {
				return &typ{function: &binding.Entry{Module: &c.o.Modules[i], Class: class, Func: f}}, nil
			}
			for k := range class.Funcs {
				known = append(known, class.Funcs[k].Name)
			}
		}
	}
	return nil, known
}

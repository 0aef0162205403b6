package lint

import (
	"bsdrun/runtime/lint/syntax"
)

// variable is a local: a local statement's, a function's parameter, a loop's.
type variable struct {
	decl  *syntax.Name
	kind  variableKind
	value syntax.Expr      // what it begins with, where that is one expression's value
	fn    *syntax.Function // whose local it is; nil: the file's
	scope *scope
	group []*variable // declared by the same statement, itself among them
	reads []*syntax.Name
	sets  []*syntax.Name
}

type variableKind int

const (
	plainLocal variableKind = iota
	localFunction
	parameter
	loopVariable
)

// scope is a block with its variables.
type scope struct {
	outer *scope
	fn    *syntax.Function
	known map[string]*variable
}

func (s *scope) find(name string) *variable {
	for ; s != nil; s = s.outer {
		if v := s.known[name]; v != nil {
			return v
		}
	}
	return nil
}

// names says of every name in a file which variable it is.
type names struct {
	of     map[*syntax.Name]*variable // nil: a global
	all    []*variable
	reads  []*syntax.Name // of globals
	sets   []*syntax.Name // of globals
	within map[syntax.Node]*syntax.Function
	// hides has the variable of an outer scope that a new one has the name of.
	hides map[*variable]*variable
	// outer is the function around a function.
	outer map[*syntax.Function]*syntax.Function

	scope *scope
}

func resolve(tree *syntax.Tree) *names {
	n := &names{
		of: map[*syntax.Name]*variable{}, within: map[syntax.Node]*syntax.Function{},
		hides: map[*variable]*variable{}, outer: map[*syntax.Function]*syntax.Function{},
	}
	n.block(tree.Body, nil)
	return n
}

// block resolves a block in a scope of its own; before declares what it begins
// with.
func (n *names) block(b *syntax.Block, before func()) {
	if b == nil {
		return
	}
	n.enter()
	if before != nil {
		before()
	}
	n.stmts(b)
	n.leave()
}

func (n *names) enter() {
	var fn *syntax.Function
	if n.scope != nil {
		fn = n.scope.fn
	}
	n.scope = &scope{outer: n.scope, fn: fn, known: map[string]*variable{}}
}

func (n *names) leave() { n.scope = n.scope.outer }

func (n *names) stmts(b *syntax.Block) {
	for _, s := range b.Stmts {
		n.stmt(s)
	}
}

func (n *names) declare(kind variableKind, list []*syntax.Name, exprs []syntax.Expr) {
	group := make([]*variable, len(list))
	for i, name := range list {
		v := &variable{decl: name, kind: kind, fn: n.scope.fn, scope: n.scope}
		if kind == plainLocal && i < len(exprs) {
			v.value = exprs[i]
		}
		group[i] = v
	}
	for _, v := range group {
		v.group = group
		if hidden := n.scope.find(v.decl.Name); hidden != nil {
			n.hides[v] = hidden
		}
		n.scope.known[v.decl.Name] = v
		n.of[v.decl] = v
		n.all = append(n.all, v)
	}
}

func (n *names) stmt(s syntax.Stmt) {
	n.within[s] = n.scope.fn
	switch s := s.(type) {
	case *syntax.Local:
		n.exprs(s.Exprs)
		n.declare(plainLocal, s.Names, s.Exprs)
	case *syntax.LocalFunction:
		n.declare(localFunction, []*syntax.Name{s.Name}, nil)
		n.of[s.Name].value = s.Func
		n.expr(s.Func)
	case *syntax.FunctionStmt:
		n.target(s.Target)
		n.function(s.Func, s.Method)
	case *syntax.Assign:
		n.exprs(s.Exprs)
		for _, target := range s.Targets {
			n.target(target)
		}
	case *syntax.Do:
		n.block(s.Body, nil)
	case *syntax.While:
		n.expr(s.Cond)
		n.block(s.Body, nil)
	case *syntax.Repeat:
		n.enter()
		n.stmts(s.Body)
		n.expr(s.Cond)
		n.leave()
	case *syntax.If:
		for i, cond := range s.Conds {
			n.expr(cond)
			n.block(s.Then[i], nil)
		}
		n.block(s.Else, nil)
	case *syntax.For:
		n.exprs(s.Exprs)
		n.block(s.Body, func() { n.declare(loopVariable, s.Names, nil) })
	default:
		for _, child := range syntax.Children(s) {
			n.expr(child)
		}
	}
}

// target is what a statement sets: a variable, or a field of what is read.
func (n *names) target(e syntax.Expr) {
	name, is := e.(*syntax.Name)
	if !is {
		n.expr(e)
		return
	}
	n.within[name] = n.scope.fn
	if v := n.scope.find(name.Name); v != nil {
		n.of[name] = v
		v.sets = append(v.sets, name)
		return
	}
	n.sets = append(n.sets, name)
}

func (n *names) exprs(list []syntax.Expr) {
	for _, e := range list {
		n.expr(e)
	}
}

func (n *names) expr(e syntax.Node) {
	n.within[e] = n.scope.fn
	switch e := e.(type) {
	case *syntax.Name:
		if v := n.scope.find(e.Name); v != nil {
			n.of[e] = v
			v.reads = append(v.reads, e)
			return
		}
		n.reads = append(n.reads, e)
	case *syntax.Function:
		n.function(e, false)
	default:
		for _, child := range syntax.Children(e) {
			n.expr(child)
		}
	}
}

func (n *names) function(f *syntax.Function, method bool) {
	n.outer[f] = n.scope.fn
	n.block(f.Body, func() {
		n.scope.fn = f
		if method {
			n.scope.known["self"] = &variable{decl: &syntax.Name{Name: "self"}, kind: parameter, fn: f, scope: n.scope}
		}
		n.declare(parameter, f.Params, nil)
	})
}

// variableOf is the local that an expression names; nil for anything else.
func (n *names) variableOf(e syntax.Expr) *variable {
	if name, is := e.(*syntax.Name); is {
		return n.of[name]
	}
	return nil
}

// constant tells whether a local keeps the value that it begins with.
func (v *variable) constant() bool { return len(v.sets) == 0 }

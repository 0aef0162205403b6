package script

import (
	"reflect"

	"github.com/yuin/gopher-lua/ast"
)

// mendLoops works around a fault of the compiler (gopher-lua 1.1.2): in
//
//	for word in call().text:gmatch("%S+") do
//
// the callee of the loop's call, which holds a call itself, is looked for in the
// wrong register. As an argument it is compiled rightly, so that the loop is made
//
//	for word in (function(...) return ... end)(call().text:gmatch("%S+")) do
func mendLoops(chunk []ast.Stmt) {
	walk(reflect.ValueOf(chunk), func(node any) bool {
		if loop, ok := node.(*ast.GenericForStmt); ok {
			mendLoop(loop)
		}
		return true
	})
}

func mendLoop(loop *ast.GenericForStmt) {
	for _, e := range loop.Exprs {
		if call, ok := e.(*ast.FuncCallExpr); ok && (holdsCall(call.Receiver) || holdsCall(call.Func)) {
			loop.Exprs = []ast.Expr{passedOn(loop.Exprs, call.Line())}
			return
		}
	}
}

// holdsCall tells whether the value of an expression comes from a call.
func holdsCall(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return true
	case *ast.AttrGetExpr:
		return holdsCall(e.Object)
	}
	return false
}

// passedOn calls a function with values that returns them all.
func passedOn(values []ast.Expr, line int) ast.Expr {
	all, back := &ast.Comma3Expr{}, &ast.ReturnStmt{}
	back.Exprs = []ast.Expr{all}
	pass := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: []ast.Stmt{back}}
	call := &ast.FuncCallExpr{Func: pass, Args: values}
	for _, node := range []ast.PositionHolder{all, back, pass, call} {
		node.SetLine(line)
		node.SetLastLine(line)
	}
	return call
}

// walk calls visit with every node of a syntax tree, and goes below those for
// which it is true.
func walk(v reflect.Value, visit func(node any) bool) {
	switch v.Kind() {
	case reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Pointer:
		if !v.IsNil() && visit(v.Interface()) {
			walk(v.Elem(), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				walk(v.Field(i), visit)
			}
		}
	}
}

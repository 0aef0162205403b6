package script

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

// Coverage counts how often the statements of scripts run. Several runs may share
// one.
type Coverage struct {
	mu    sync.Mutex
	files []*CoveredFile
}

// CoveredFile is a file whose statements are counted.
type CoveredFile struct {
	Name       string
	Source     []byte
	Statements []*CoveredStatement // in the order of the file
}

// CoveredStatement is a statement by the line that it begins on.
type CoveredStatement struct {
	Line int
	hits atomic.Int64
}

// Hits is how often the statement has run.
func (s *CoveredStatement) Hits() int64 { return s.hits.Load() }

// Files are what has been loaded, by name.
func (c *Coverage) Files() []*CoveredFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	files := slices.Clone(c.files)
	slices.SortStableFunc(files, func(a, b *CoveredFile) int { return strings.Compare(a.Name, b.Name) })
	return files
}

// counter is the global function that covered scripts call before each statement.
// No script can name it.
const counter = "\x00count"

// instrument puts a call of the counter in front of every statement. The same
// source gives the same statements each time, so counts add up.
func (c *Coverage) instrument(name string, source []byte, chunk []ast.Stmt) []ast.Stmt {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.files, func(f *CoveredFile) bool { return f.Name == name && bytes.Equal(f.Source, source) })
	w := &counterWriter{}
	if i >= 0 {
		w.file = i
		return w.block(chunk)
	}
	w.file = len(c.files)
	chunk = w.block(chunk)
	f := &CoveredFile{Name: name, Source: source}
	for _, line := range w.lines {
		f.Statements = append(f.Statements, &CoveredStatement{Line: line})
	}
	c.files = append(c.files, f)
	return chunk
}

// openCounter gives a VM the counter.
func (v *vm) openCounter(c *Coverage) {
	v.globals().RawSetString(counter, v.state.NewFunction(func(L *lua.LState) int {
		c.mu.Lock()
		f := c.files[L.CheckInt(1)]
		c.mu.Unlock()
		f.Statements[L.CheckInt(2)].hits.Add(1)
		return 0
	}))
}

// counterWriter writes calls of the counter into a chunk.
type counterWriter struct {
	file  int
	lines []int
}

func (w *counterWriter) call(line int) ast.Stmt {
	call := &ast.FuncCallExpr{Func: &ast.IdentExpr{Value: counter}, Args: []ast.Expr{
		&ast.NumberExpr{Value: strconv.Itoa(w.file)}, &ast.NumberExpr{Value: strconv.Itoa(len(w.lines))},
	}}
	stmt := &ast.FuncCallStmt{Expr: call}
	for _, node := range []ast.PositionHolder{call, call.Func, call.Args[0], call.Args[1], stmt} {
		node.SetLine(line)
		node.SetLastLine(line)
	}
	w.lines = append(w.lines, line)
	return stmt
}

func (w *counterWriter) block(stmts []ast.Stmt) []ast.Stmt {
	out := make([]ast.Stmt, 0, 2*len(stmts))
	for _, s := range stmts {
		if _, label := s.(*ast.LabelStmt); !label {
			out = append(out, w.call(s.Line()))
		}
		w.within(s)
		out = append(out, s)
	}
	return out
}

// within writes the calls into the blocks and functions of a statement.
func (w *counterWriter) within(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		w.exprs(s.Lhs)
		w.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		w.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		w.expr(s.Expr)
	case *ast.DoBlockStmt:
		s.Stmts = w.block(s.Stmts)
	case *ast.WhileStmt:
		w.expr(s.Condition)
		s.Stmts = w.block(s.Stmts)
	case *ast.RepeatStmt:
		s.Stmts = w.block(s.Stmts)
		w.expr(s.Condition)
	case *ast.IfStmt:
		w.expr(s.Condition)
		s.Then = w.block(s.Then)
		s.Else = w.block(s.Else)
	case *ast.NumberForStmt:
		w.exprs([]ast.Expr{s.Init, s.Limit, s.Step})
		s.Stmts = w.block(s.Stmts)
	case *ast.GenericForStmt:
		w.exprs(s.Exprs)
		s.Stmts = w.block(s.Stmts)
	case *ast.FuncDefStmt:
		w.expr(s.Func)
	case *ast.ReturnStmt:
		w.exprs(s.Exprs)
	}
}

func (w *counterWriter) exprs(list []ast.Expr) {
	for _, e := range list {
		w.expr(e)
	}
}

// expr finds the functions in an expression.
func (w *counterWriter) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.FunctionExpr:
		e.Stmts = w.block(e.Stmts)
	case *ast.AttrGetExpr:
		w.exprs([]ast.Expr{e.Object, e.Key})
	case *ast.TableExpr:
		for _, field := range e.Fields {
			w.exprs([]ast.Expr{field.Key, field.Value})
		}
	case *ast.FuncCallExpr:
		w.exprs([]ast.Expr{e.Func, e.Receiver})
		w.exprs(e.Args)
	case *ast.LogicalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.RelationalOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.StringConcatOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.ArithmeticOpExpr:
		w.exprs([]ast.Expr{e.Lhs, e.Rhs})
	case *ast.UnaryMinusOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		w.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		w.expr(e.Expr)
	}
}

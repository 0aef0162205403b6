// Package script runs Lua: it compiles a recipe or an ad hoc script once, checks
// what it declares, and runs it in one bounded VM for every host. It alone knows
// gopher-lua.
//
//	program, err := script.Compile("poudriere.lua", source, script.Options{Root: dir})
//	params, err := program.Params(given)            // checked, defaults filled in
//	result, err := program.Run(ctx, script.World{...})
//
// Run may be called for many hosts at once. Its error is an *effect.Error, or a
// *Skipped when the script ended by skip(). Excerpt shows the lines around an
// error's At, Trace the calls that led to an error of the script itself.
package script

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"bsdrun/runtime/effect"
)

// Options say which local files a script may read while it is loaded; World has
// the same for the run.
type Options struct {
	Root   string
	Allow  []string
	Files  map[string][]byte
	Loaded func(name string, content []byte)
	Cover  *Coverage // counts what runs of the script and of what it requires; nil: nothing does
}

// Program is a compiled script; it is shared by all hosts.
type Program struct {
	Name   string
	Source []byte
	// Recipe is what a recipe declares; nil for an ad hoc script, whose
	// statements are run as they are.
	Recipe *Recipe

	proto *lua.FunctionProto
	cover *Coverage
	mu    sync.Mutex
	units map[string]*unit // required files and templates
	names names            // lists of hosts, for all VMs
}

// unit is a compiled file beside the script.
type unit struct {
	source []byte
	proto  *lua.FunctionProto
}

// Compile reads a script: a recipe when it returns a table with a run function,
// otherwise an ad hoc script. Errors are of kind Script and say where.
func Compile(name string, source []byte, o Options) (*Program, error) {
	p := &Program{Name: name, Source: source, cover: o.Cover, units: map[string]*unit{}}
	chunk, proto, err := compile(name, source, o.Cover)
	if err != nil {
		return nil, err
	}
	p.proto = proto
	if !isRecipe(chunk) {
		return p, nil
	}
	p.Recipe, err = p.load(newSandbox(o.Root, o.Allow, o.Files, o.Loaded))
	if err != nil {
		return nil, err
	}
	return p, nil
}

// compile parses and compiles a chunk.
func compile(name string, source []byte, cover *Coverage) ([]ast.Stmt, *lua.FunctionProto, error) {
	chunk, err := parseChunk(name, source)
	if err == nil {
		err = checkConstants(chunk, name, maxConstants)
	}
	if err != nil {
		return nil, nil, err
	}
	counted := chunk
	if cover != nil {
		counted = cover.instrument(name, source, chunk)
	}
	proto, err := compileChunk(counted, name)
	return chunk, proto, err
}

// parseChunk reads a source. A first line that starts with #! is a comment, so
// that a script can be executable.
func parseChunk(name string, source []byte) ([]ast.Stmt, error) {
	if reason := noText(source); reason != "" {
		return nil, &effect.Error{Kind: effect.Script, Message: reason, At: name}
	}
	if bytes.HasPrefix(source, []byte("#")) {
		source = append([]byte("--"), source...)
	}
	chunk, err := parse.Parse(bytes.NewReader(source), name)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	return chunk, nil
}

// noText says why a source cannot be Lua's; empty: it may be.
func noText(source []byte) string {
	switch {
	case bytes.HasPrefix(source, []byte("\x1bLua")):
		return "this is compiled Lua, not source"
	case bytes.HasPrefix(source, []byte("\xff\xfe")), bytes.HasPrefix(source, []byte("\xfe\xff")):
		return "this is text in UTF-16; save it as UTF-8"
	case bytes.IndexByte(source, 0) >= 0:
		return "this is no text, and so no Lua script"
	default:
		return ""
	}
}

func syntaxError(name string, err error) error {
	e := &effect.Error{Kind: effect.Script, Message: err.Error(), At: name}
	var parsing *parse.Error
	if errors.As(err, &parsing) {
		near := strconv.Quote(parsing.Token)
		if parsing.Pos.Line == parse.EOF {
			e.Message = "syntax error at the end of the file: something is not closed"
			if strings.HasPrefix(parsing.Message, "unterminated") {
				e.Message = parsing.Message + " at the end of the file"
			}
			return e
		}
		e.At = fmt.Sprintf("%s:%d", name, parsing.Pos.Line)
		e.Message = parsing.Message + " near " + near
		return e
	}
	var compiling *lua.CompileError
	if errors.As(err, &compiling) {
		e.At = fmt.Sprintf("%s:%d", name, compiling.Line)
		e.Message = compiling.Message
	}
	return e
}

// isRecipe tells whether a chunk shows a run function (a function X.run, an
// assignment to X.run, or a table with the field run), or declares what only
// recipes do (a table with the field params or needs).
func isRecipe(chunk []ast.Stmt) bool {
	if len(chunk) == 0 {
		return false
	}
	if _, returns := chunk[len(chunk)-1].(*ast.ReturnStmt); !returns {
		return false
	}
	for _, stmt := range chunk {
		switch stmt := stmt.(type) {
		case *ast.FuncDefStmt:
			if stmt.Name.Func != nil && isRunField(stmt.Name.Func) {
				return true
			}
		case *ast.AssignStmt:
			for _, target := range stmt.Lhs {
				if isRunField(target) {
					return true
				}
			}
			if isDeclaration(stmt.Rhs) {
				return true
			}
		case *ast.LocalAssignStmt:
			if isDeclaration(stmt.Exprs) {
				return true
			}
		case *ast.ReturnStmt:
			if isDeclaration(stmt.Exprs) {
				return true
			}
		}
	}
	return false
}

func isRunField(e ast.Expr) bool {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	key, ok := get.Key.(*ast.StringExpr)
	return ok && key.Value == "run" && isIdent(get.Object)
}

func isIdent(e ast.Expr) bool {
	ident, ok := e.(*ast.IdentExpr)
	return ok && ident.Value != "h"
}

func isDeclaration(exprs []ast.Expr) bool {
	for _, e := range exprs {
		table, ok := e.(*ast.TableExpr)
		if !ok {
			continue
		}
		for _, field := range table.Fields {
			key, named := field.Key.(*ast.StringExpr)
			if named && declares(key.Value, field.Value) {
				return true
			}
		}
	}
	return false
}

// declares tells whether a field of a table makes it a recipe.
func declares(name string, value ast.Expr) bool {
	switch value.(type) {
	case *ast.FunctionExpr, *ast.IdentExpr:
		return name == "run"
	case *ast.TableExpr:
		return name == "params" || name == "needs"
	default:
		return false
	}
}

// Run runs the script on one host and gives its result as plain data; that of
// fail{result = ...} is in the error. A recipe gets h and p as arguments, an ad
// hoc script as globals.
func (p *Program) Run(ctx context.Context, w World) (result any, err error) {
	v := newVM(ctx, p, newSandbox(w.Root, w.Allow, w.Files, w.Loaded))
	defer v.close()
	v.enter(&w)
	params, err := v.paramsValue(w.Params)
	if err != nil {
		return nil, err
	}
	host := v.self.value
	if p.Recipe == nil {
		v.state.SetGlobal("h", host)
		v.state.SetGlobal("p", params)
	}
	returned, err := v.run(p.proto)
	if err == nil && p.Recipe != nil {
		table, _ := first(returned).(*lua.LTable)
		if w.Undo != nil {
			returned, err = v.call(table.RawGetString("undo"), host, params, v.fromPlain(w.Undo))
		} else {
			returned, err = v.call(table.RawGetString("run"), host, params)
		}
	}
	if err != nil {
		return nil, err
	}
	return v.resultData(first(returned))
}

// Summarize calls the recipe's summary function with what its hosts came to, in a
// VM that can only compute, and gives what it says as plain data.
func (p *Program) Summarize(ctx context.Context, o Options, hosts []any) (any, error) {
	v := newVM(ctx, p, newSandbox(o.Root, o.Allow, o.Files, o.Loaded))
	defer v.close()
	returned, err := v.run(p.proto)
	if err != nil {
		return nil, err
	}
	table, _ := first(returned).(*lua.LTable)
	if returned, err = v.call(table.RawGetString("summary"), v.fromPlain(hosts)); err != nil {
		return nil, err
	}
	return v.resultData(first(returned))
}

func first(values []lua.LValue) lua.LValue {
	if len(values) == 0 {
		return lua.LNil
	}
	return values[0]
}

// resultData is what people and programs read of a script's result; what is
// unknown in it is left out.
func (v *vm) resultData(value lua.LValue) (any, error) {
	maker := &plainMaker{vm: v, above: map[*lua.LTable]bool{}, lenient: true}
	data, err := maker.make(value, "")
	if err != nil {
		return nil, effect.Errorf(effect.Script, "return", "the result cannot be shown: %v", err)
	}
	return data, nil
}

// sourceNames are the files whose lines errors may name, with their text.
func (p *Program) sourceNames() map[string][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string][]byte{p.Name: p.Source}
	for name, u := range p.units {
		out[name] = u.source
	}
	return maps.Clone(out)
}

// unit compiles a file beside the script once.
func (p *Program) unit(name string, source []byte, compile func() (*lua.FunctionProto, error)) (*unit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u, ok := p.units[name]; ok && bytes.Equal(u.source, source) {
		return u, nil
	}
	proto, err := compile()
	// A file that does not compile is kept for Excerpt all the same.
	u := &unit{source, proto}
	p.units[name] = u
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Excerpt shows the script's lines around an error's At ("recipe.lua:12"); empty
// when that is no line of the script or of a file it used.
func (p *Program) Excerpt(at string) string {
	i := strings.LastIndexByte(at, ':')
	if i < 0 {
		return ""
	}
	line, err := strconv.Atoi(at[i+1:])
	if err != nil {
		return ""
	}
	source, ok := p.sourceNames()[at[:i]]
	if !ok {
		return ""
	}
	return Excerpt(source, line)
}

// Excerpt shows a line of a source with two lines around it, marked.
func Excerpt(source []byte, line int) string {
	lines := strings.Split(strings.TrimSuffix(string(source), "\n"), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	from, to := max(1, line-2), min(len(lines), line+2)
	width := len(strconv.Itoa(to))
	var b strings.Builder
	for n := from; n <= to; n++ {
		mark := " "
		if n == line {
			mark = ">"
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("%s %*d | %s", mark, width, n, strings.TrimRight(lines[n-1], "\r")), " "))
	}
	return b.String()
}

// LoadData runs a Lua file that returns data (an inventory) in a VM that can
// only compute, and gives the data.
func LoadData(ctx context.Context, name string, source []byte) (any, error) {
	chunk, err := parseChunk(name, source)
	if err == nil {
		err = checkConstants(chunk, name, maxDataConstants)
	}
	if err != nil {
		return nil, err
	}
	proto, err := compileChunk(chunk, name)
	if err != nil {
		return nil, err
	}
	p := &Program{Name: name, Source: source, units: map[string]*unit{}}
	v := newVM(ctx, p, newSandbox("", nil, nil, nil))
	defer v.close()
	returned, err := v.run(proto)
	if err != nil {
		return nil, err
	}
	data, err := v.plain(first(returned))
	if err != nil {
		return nil, &effect.Error{Kind: effect.Script, At: name, Message: "what it returns is not data: " + err.Error()}
	}
	return data, nil
}

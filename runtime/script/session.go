package script

import (
	"context"
	"errors"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"

	"bsdrun/runtime/effect"
)

// Input is what a person typed at a prompt, compiled once for all hosts.
type Input struct {
	name   string
	source []byte
	proto  *lua.FunctionProto
}

// ErrIncomplete is for an input that goes on in the next line.
var ErrIncomplete = errors.New("the input goes on")

// ParseInput compiles an input: an expression, or statements. Its locals become
// globals, so that the next input still has them. name is how errors call it.
func ParseInput(name, text string) (*Input, error) {
	in := &Input{name: name, source: []byte(text)}
	_, proto, err := compile(name, []byte("return "+text), nil)
	if err == nil {
		in.proto = proto
		return in, nil
	}
	goesOn := isIncomplete(err, name)
	chunk, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		err = syntaxError(name, err)
		if goesOn || isIncomplete(err, name) {
			return nil, ErrIncomplete
		}
		return nil, err
	}
	in.proto, err = compileChunk(keepLocals(chunk), name)
	return in, err
}

// isIncomplete tells whether a syntax error is at the end of the text, where more
// could mend it; a string that is not closed ends with its line.
func isIncomplete(err error, name string) bool {
	e := effect.AsError(err)
	return e.At == name && !strings.HasPrefix(e.Message, "unterminated string")
}

// keepLocals makes assignments to globals of an input's own locals.
func keepLocals(chunk []ast.Stmt) []ast.Stmt {
	for i, stmt := range chunk {
		local, is := stmt.(*ast.LocalAssignStmt)
		if !is {
			continue
		}
		global := &ast.AssignStmt{Rhs: local.Exprs}
		global.SetLine(local.Line())
		global.SetLastLine(local.LastLine())
		for _, name := range local.Names {
			ident := &ast.IdentExpr{Value: name}
			ident.SetLine(local.Line())
			global.Lhs = append(global.Lhs, ident)
		}
		if len(global.Rhs) == 0 {
			global.Rhs = []ast.Expr{&ast.NilExpr{}}
		}
		chunk[i] = global
	}
	return chunk
}

// Session evaluates one input after another in one VM. It belongs to one
// goroutine at a time.
type Session struct {
	vm *vm
	p  *Program
}

// Session begins a session of an ad hoc script: h and p are there.
func (p *Program) Session(ctx context.Context, w World) (*Session, error) {
	v := newVM(ctx, p, newSandbox(w.Root, w.Allow, w.Files, w.Loaded))
	v.enter(&w)
	params, err := v.paramsValue(w.Params)
	if err != nil {
		v.close()
		return nil, err
	}
	v.state.SetGlobal("h", v.self.value)
	v.state.SetGlobal("p", params)
	return &Session{vm: v, p: p}, nil
}

// Close ends the session.
func (s *Session) Close() { s.vm.close() }

// SetCheck tells the script whether changes are skipped from now on.
func (s *Session) SetCheck(on bool) { s.vm.world.Check = on }

// Eval evaluates an input as a step of that title, and gives what it returns. A
// value that is not nil is _ for the next input. ErrUnknown and *Skipped end an
// input without a failure.
func (s *Session) Eval(ctx context.Context, title string, in *Input) ([]any, error) {
	ctx, run, err := s.vm.world.Steps.Begin(ctx, title, StepOptions{})
	if err != nil {
		return nil, err
	}
	returned, err := s.do(ctx, in)
	var skip *Skipped
	if errors.As(err, &skip) {
		return nil, errors.Join(run.Skip(skip.Reason), skip)
	}
	if ended := run.End(nil, err); ended != nil {
		return nil, ended
	}
	if err != nil {
		return nil, err
	}
	if value := first(returned); value != lua.LNil {
		s.vm.state.SetGlobal("_", value)
	}
	values := make([]any, len(returned))
	for i, value := range returned {
		if values[i], err = s.vm.resultData(value); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Query evaluates an input that is no step of the session: a look at the host,
// for completion.
func (s *Session) Query(ctx context.Context, in *Input) (any, error) {
	returned, err := s.do(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.vm.resultData(first(returned))
}

func (s *Session) do(ctx context.Context, in *Input) ([]lua.LValue, error) {
	v := s.vm
	s.p.remember(in)
	outer := v.ctx
	v.ctx = ctx
	defer func() { v.ctx = outer }()
	returned, failure := v.protected(v.state, ctx, v.state.NewFunctionFromProto(in.proto))
	if failure != nil {
		return nil, v.toError(failure)
	}
	return returned, nil
}

// remember keeps an input's text for the errors that name its lines.
func (p *Program) remember(in *Input) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.units[in.name] = &unit{in.source, in.proto}
}

// Names are the keys of what a dotted path leads to ("config.disks"), sorted;
// with an empty path the global variables. Nothing is called on the way.
func (s *Session) Names(path string) []string {
	table := s.vm.globals()
	s.vm.makeGlobals(s.vm.state)
	for word := range strings.SplitSeq(path, ".") {
		if path == "" {
			break
		}
		inner, is := table.RawGetString(word).(*lua.LTable)
		if !is {
			return nil
		}
		table = inner
	}
	var names []string
	table.ForEach(func(key, _ lua.LValue) {
		if name, is := key.(lua.LString); is {
			names = append(names, string(name))
		}
	})
	slices.Sort(names)
	return names
}

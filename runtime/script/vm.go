package script

import (
	"context"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

// Bounds of one VM. A VM starts small and grows, since a run has one for every
// host.
const (
	registrySize  = 128     // values on the data stack at the start: no less is taken
	registryGrow  = 256     // what it grows by
	registryMax   = 1 << 17 // and at most
	callDepth     = 200     // nested Lua calls
	protectedMax  = 100     // nested pcalls, steps and coroutines' like
	maxArrayIndex = 1 << 22 // a larger index goes to a table's hash part
)

func init() {
	// t[n] = v fills an array up to n; the library's own bound is a gigabyte.
	lua.MaxArrayIndex = maxArrayIndex
}

// vm runs one script for one host. It belongs to one goroutine.
type vm struct {
	world   *World
	program *Program
	box     *sandbox
	state   *lua.LState
	// ctx is the context of the step being run; effects are done under it.
	ctx context.Context
	// callers are the threads below the protected calls under way.
	callers []*lua.LState
	// barred are the threads that may not yield: a pcall's or a step's.
	barred map[*lua.LState]bool
	loaded map[string]lua.LValue // what require has given
	absent []string              // globals that this script has not, although others have

	self     *hostObject
	hostMeta *lua.LTable
	listMeta *lua.LTable
	// Made when the first value of theirs is.
	errorMeta, secretMeta, fileMeta, unknownMeta *lua.LTable
	null                                         *lua.LUserData
	trace                                        string // of the last error that the script itself made
}

// newVM is a VM without a world: it can compute, and nothing else.
func newVM(ctx context.Context, program *Program, box *sandbox) *vm {
	L := lua.NewState(lua.Options{
		SkipOpenLibs:        true,
		RegistrySize:        registrySize,
		RegistryGrowStep:    registryGrow,
		RegistryMaxSize:     registryMax,
		CallStackSize:       callDepth,
		MinimizeStackMemory: true,
	})
	// The library makes room for more than most scripts have, in tables whose room
	// cannot be given back.
	L.G.Registry, L.G.Global = L.CreateTable(0, 4), L.CreateTable(0, 8)
	L.Env = L.G.Global
	L.SetContext(ctx)
	v := &vm{program: program, box: box, state: L, ctx: ctx, barred: map[*lua.LState]bool{}, loaded: map[string]lua.LValue{}}
	v.makeMetatables()
	v.openLibraries()
	if program.cover != nil {
		v.openCounter(program.cover)
	}
	return v
}

func (v *vm) close() { v.state.Close() }

// makeMetatables makes the marks by which the VM knows its own values, but for
// those that few scripts see.
func (v *vm) makeMetatables() {
	L := v.state
	v.listMeta = L.CreateTable(0, 0) // a list is an ordinary table otherwise
	v.null = L.NewUserData()
	null := v.mark("null")
	null.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString("null"))
		return 1
	}))
	v.null.Metatable = null
	v.hostMeta = v.mark("host")
	v.fillHostMeta()
}

// mark is a metatable that a script cannot reach.
func (v *vm) mark(name string) *lua.LTable {
	t := v.state.CreateTable(0, 4)
	t.RawSetString("__metatable", lua.LString(name))
	return t
}

// marked is a metatable that is made when it is first needed.
func (v *vm) marked(meta **lua.LTable, name string, fill func(*lua.LTable)) *lua.LTable {
	if *meta == nil {
		*meta = v.mark(name)
		fill(*meta)
	}
	return *meta
}

// run executes a compiled chunk and gives what it returns.
func (v *vm) run(proto *lua.FunctionProto, args ...lua.LValue) ([]lua.LValue, error) {
	return v.call(v.state.NewFunctionFromProto(proto), args...)
}

// call calls a function of the script from outside of it.
func (v *vm) call(fn lua.LValue, args ...lua.LValue) ([]lua.LValue, error) {
	results, failure := v.protected(v.state, v.ctx, fn, args...)
	if failure != nil {
		return nil, v.toError(failure)
	}
	return results, nil
}

// protected calls fn in a thread of its own and catches what it raises. A
// thread of its own, because an error makes gopher-lua detach the captured
// locals of every function on the thread's stack, so that those of the caller
// would silently stop following assignments.
func (v *vm) protected(L *lua.LState, ctx context.Context, fn lua.LValue, args ...lua.LValue) (results []lua.LValue, failure lua.LValue) {
	if len(v.callers) >= protectedMax {
		return nil, lua.LString(v.where(L) + ": stack overflow: too many nested protected calls")
	}
	thread, cancel := L.NewThread()
	if cancel != nil {
		defer cancel()
	}
	thread.SetContext(ctx)
	v.callers = append(v.callers, L)
	v.barred[thread] = true
	current := L.G.CurrentThread
	defer func() {
		v.callers = v.callers[:len(v.callers)-1]
		delete(v.barred, thread)
		L.G.CurrentThread = current
	}()
	thread.Push(fn)
	for _, arg := range args {
		thread.Push(arg)
	}
	if err := thread.PCall(len(args), lua.MultRet, nil); err != nil {
		return nil, v.caught(err)
	}
	results = make([]lua.LValue, thread.GetTop())
	for i := range results {
		results[i] = thread.Get(i + 1)
	}
	return results, nil
}

// caught is the Lua value of a raised error. An error of the script itself
// leaves its traceback behind.
func (v *vm) caught(err error) lua.LValue {
	api, ok := err.(*lua.ApiError) //nolint:errorlint // PCall returns exactly this
	if !ok {
		return lua.LString(err.Error())
	}
	if text, ok := api.Object.(lua.LString); ok {
		v.trace = cleanTrace(api.StackTrace)
		if strings.Contains(string(text), "callstack overflow") {
			return lua.LString("stack overflow: too many nested calls")
		}
	}
	return api.Object
}

// cleanTrace leaves the script's own lines of a traceback.
func cleanTrace(trace string) string {
	var lines []string
	for _, line := range strings.Split(trace, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "[G]") || line == "stack traceback:" {
			continue
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// where is the line of the script that is being run: "recipe.lua:12".
func (v *vm) where(L *lua.LState) string {
	for i := len(v.callers); ; i-- {
		for thread := L; thread != nil; thread = thread.Parent {
			if at := lineIn(thread); at != "" {
				return at
			}
		}
		if i == 0 {
			return ""
		}
		L = v.callers[i-1]
	}
}

// lineIn is the innermost line of the script on a thread's stack.
func lineIn(thread *lua.LState) string {
	for level := 0; ; level++ {
		debug, ok := thread.GetStack(level)
		if !ok {
			return ""
		}
		_, err := thread.GetInfo("Sl", debug, lua.LNil)
		if err == nil && debug.What != "G" && debug.Source != "" && debug.CurrentLine > 0 {
			return fmt.Sprintf("%s:%d", debug.Source, debug.CurrentLine)
		}
	}
}

// raise raises a Go error in the script.
func (v *vm) raise(L *lua.LState, err error) {
	L.Error(v.errorValue(L, err), 0)
}

// invalidf raises a misuse of one of the script's own functions.
func (v *vm) invalidf(L *lua.LState, op, format string, args ...any) {
	v.raise(L, effect.Errorf(effect.Invalid, op, format, args...))
}

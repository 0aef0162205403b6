package script

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// withdrawn are the base functions that reach the machine, load code, or get
// around the VM's own rules, and those in whose place scripts have our own.
var withdrawn = []string{
	"collectgarbage", "dofile", "load", "loadfile", "loadstring", "getfenv", "setfenv",
	"_printregs", "module", "newproxy", "_GOPHER_LUA_VERSION",
	"print", "require",
}

// libraries are what the VM opens when a script first uses it; its os is a harmless
// one.
var libraries = map[string]func(*vm, *lua.LState) *lua.LTable{
	"string": (*vm).stringLibrary, "table": (*vm).tableLibrary, "math": (*vm).mathLibrary, "coroutine": (*vm).coroutineLibrary, "os": (*vm).osLibrary, "json": (*vm).jsonLibrary,
}

// opened is one of Lua's own libraries.
func opened(L *lua.LState, open lua.LGFunction) *lua.LTable {
	L.Push(L.NewFunction(open))
	L.Call(0, 1)
	defer L.Pop(1)
	return L.Get(-1).(*lua.LTable)
}

// openLibraries gives the VM the way to all that is made when it is first used, also
// by way of a text's own functions: ("x"):rep(3).
func (v *vm) openLibraries() {
	L := v.state
	texts := L.CreateTable(0, 1)
	texts.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		L.Push(L.GetTable(v.global(L, "string"), L.Get(2)))
		return 1
	}))
	L.SetMetatable(lua.LString(""), texts)
	strict := L.CreateTable(0, 1)
	strict.RawSetString("__index", L.NewFunction(v.missingGlobal))
	strict.RawSetString("__metatable", lua.LString("globals"))
	v.globals().Metatable = strict
}

// base is what Lua itself has outside of its libraries, for all VMs.
var base = sync.OnceValue(func() map[string]lua.LValue {
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer L.Close()
	all := map[string]lua.LValue{}
	opened(L, lua.OpenBase).ForEach(func(name, value lua.LValue) { all[name.String()] = value })
	for _, name := range withdrawn {
		delete(all, name)
	}
	return all
})

// fromBase is what the VM has of base by that name: our own in the place of functions
// that would swallow errors or see past an unknown value.
func (v *vm) fromBase(name string) lua.LValue {
	switch name {
	case "_G":
		return v.globals()
	case "ipairs", "pairs", "next", "rawget", "unpack":
		return v.guarded(base()[name], v.touchAll)
	case "assert", "error", "rawequal", "type":
		return v.guarded(base()[name], v.touchWhole)
	case "tonumber":
		return v.state.NewFunction(v.tonumber)
	case "pcall":
		return v.state.NewFunction(v.pcall)
	case "xpcall":
		return v.state.NewFunction(v.xpcall)
	}
	if value, ok := base()[name]; ok {
		return value
	}
	return lua.LNil
}

func (v *vm) tableLibrary(L *lua.LState) *lua.LTable {
	table := opened(L, lua.OpenTable)
	for _, name := range []string{"insert", "remove", "concat", "sort", "getn", "maxn"} {
		if original := table.RawGetString(name); original != lua.LNil {
			table.RawSetString(name, v.guarded(original, v.touch))
		}
	}
	v.boundConcat(table)
	return table
}

func (v *vm) jsonLibrary(L *lua.LState) *lua.LTable {
	json := L.CreateTable(0, 4)
	json.RawSetString("null", v.null)
	return json
}

// guarded is a function that raises unknown for an unknown first argument.
func (v *vm) guarded(original lua.LValue, touch func(*lua.LState, lua.LValue)) *lua.LFunction {
	inner := original.(*lua.LFunction)
	guarded := v.state.NewFunction(func(L *lua.LState) int {
		if L.GetTop() > 0 {
			touch(L, L.Get(1))
		}
		return inner.GFunction(L)
	})
	guarded.Upvalues = inner.Upvalues // pairs and ipairs find their iterator there
	return guarded
}

var printGlobal = Global{
	Name: "print", Usage: "print(...)",
	Doc:    "Writes values to standard output as a line of the result.",
	Params: []GlobalParam{{"...", "any", "the values"}}, anywhere: true,
	fn: func(v *vm, L *lua.LState) int {
		parts := make([]string, L.GetTop())
		for i := range parts {
			v.touch(L, L.Get(i+1))
			parts[i] = v.display(L, L.Get(i+1))
		}
		text := strings.Join(parts, "\t")
		if v.world != nil && v.world.Print != nil {
			v.world.Print(v.ctx, text)
			return 0
		}
		v.log(text)
		return 0
	},
}

// display is a value for people's eyes: a table as JSON, a secret by its name
// alone.
func (v *vm) display(L *lua.LState, value lua.LValue) string {
	switch inner := value.(type) {
	case *lua.LUserData:
		if s, ok := inner.Value.(effect.Secret); ok {
			return s.String()
		}
	case *lua.LTable:
		if L.GetMetaField(inner, "__tostring") != lua.LNil {
			break
		}
		encoder := &jsonEncoder{vm: v, above: map[*lua.LTable]bool{}}
		if err := encoder.encode(inner, ""); err == nil {
			return encoder.out.String()
		}
	}
	return L.ToStringMeta(value).String()
}

func (v *vm) pcall(L *lua.LState) int {
	L.CheckAny(1)
	args := make([]lua.LValue, 0, L.GetTop())
	for i := 2; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return v.guardedCall(L, L.Get(1), args, nil)
}

func (v *vm) xpcall(L *lua.LState) int {
	handler := L.CheckFunction(2)
	args := make([]lua.LValue, 0, L.GetTop())
	for i := 3; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return v.guardedCall(L, L.Get(1), args, handler)
}

// guardedCall is pcall and xpcall. Errors that mean the end of the run, or of
// what can be known, pass through.
func (v *vm) guardedCall(L *lua.LState, fn lua.LValue, args []lua.LValue, handler *lua.LFunction) int {
	returned, failure := v.protected(L, v.ctx, fn, args...)
	if failure == nil {
		L.Push(lua.LTrue)
		for _, value := range returned {
			L.Push(value)
		}
		return len(returned) + 1
	}
	if v.mustPass(failure) {
		L.Error(failure, 0)
	}
	values := []lua.LValue{failure}
	if handler != nil {
		handled, again := v.protected(L, v.ctx, handler, failure)
		if again != nil {
			handled = []lua.LValue{again}
		}
		values = handled
	}
	L.Push(lua.LFalse)
	for _, value := range values {
		L.Push(value)
	}
	return len(values) + 1
}

// coroutineLibrary keeps coroutines from swallowing what pcall may not, and
// from leaving a step half way.
func (v *vm) coroutineLibrary(L *lua.LState) *lua.LTable {
	table := opened(L, lua.OpenCoroutine)
	table.RawSetString("yield", L.NewFunction(func(L *lua.LState) int {
		if v.barred[L] {
			v.raise(L, effect.Errorf(effect.Script, "coroutine.yield", "cannot leave a pcall, a step or the script's main part"))
		}
		return -1
	}))
	resume := table.RawGetString("resume").(*lua.LFunction)
	create := table.RawGetString("create").(*lua.LFunction).GFunction
	table.RawSetString("resume", L.NewFunction(func(L *lua.LState) int {
		v.resume(L, resume)
		return L.GetTop()
	}))
	table.RawSetString("wrap", L.NewFunction(func(L *lua.LState) int {
		create(L)
		thread := L.Get(-1)
		L.Push(L.NewFunction(func(L *lua.LState) int {
			L.Insert(thread, 1)
			v.resume(L, resume)
			if L.Get(1) == lua.LFalse {
				L.Error(L.Get(2), 0)
			}
			return L.GetTop() - 1
		}))
		return 1
	}))
	return table
}

// resume resumes the coroutine that is the first of the values on the stack and
// leaves what coroutine.resume returns in their place. Nested coroutines are
// bounded like nested calls: each takes room on Go's own stack.
func (v *vm) resume(L *lua.LState, original *lua.LFunction) {
	if len(v.callers) >= protectedMax {
		L.Error(lua.LString(v.where(L)+": stack overflow: too many nested coroutines"), 0)
	}
	depth := len(v.callers)
	v.callers = append(v.callers, L)
	defer func() { v.callers = v.callers[:depth] }()
	n := L.GetTop()
	L.Insert(original, 1)
	L.Call(n, lua.MultRet)
	if L.Get(1) == lua.LFalse && v.mustPass(L.Get(2)) {
		L.Error(L.Get(2), 0)
	}
}

// mathLibrary gives the VM a source of random numbers of its own, so that one
// host's randomseed does not move another's.
func (v *vm) mathLibrary(L *lua.LState) *lua.LTable {
	table := opened(L, lua.OpenMath)
	source := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	table.RawSetString("randomseed", L.NewFunction(func(L *lua.LState) int {
		source = rand.New(rand.NewPCG(uint64(L.CheckInt64(1)), 0))
		return 0
	}))
	table.RawSetString("random", L.NewFunction(func(L *lua.LState) int {
		low, high := int64(1), int64(0)
		switch L.GetTop() {
		case 0:
			L.Push(lua.LNumber(source.Float64()))
			return 1
		case 1:
			high = L.CheckInt64(1)
		default:
			low, high = L.CheckInt64(1), L.CheckInt64(2)
		}
		if low > high {
			L.ArgError(L.GetTop(), "interval is empty")
		}
		L.Push(lua.LNumber(low + source.Int64N(high-low+1)))
		return 1
	}))
	return table
}

// osLibrary is what of os touches nothing: time, date, clock and difftime, on
// the host's clock.
func (v *vm) osLibrary(L *lua.LState) *lua.LTable {
	// The library's own date and time are kept for everything but "now".
	original := opened(L, lua.OpenOs)
	t := L.CreateTable(0, 4)
	now := func() lua.LNumber { return lua.LNumber(clock.Now(v.ctx).Unix()) }
	date := original.RawGetString("date").(*lua.LFunction).GFunction
	t.RawSetString("date", L.NewFunction(func(L *lua.LState) int {
		if L.GetTop() == 0 {
			L.Push(lua.LString("%c"))
		}
		if L.GetTop() == 1 {
			L.Push(now())
		}
		return date(L)
	}))
	toTime := original.RawGetString("time").(*lua.LFunction).GFunction
	t.RawSetString("time", L.NewFunction(func(L *lua.LState) int {
		if L.GetTop() == 0 {
			L.Push(now())
			return 1
		}
		return toTime(L)
	}))
	started := time.Now()
	t.RawSetString("clock", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LNumber(time.Since(started).Seconds()))
		return 1
	}))
	t.RawSetString("difftime", L.NewFunction(func(L *lua.LState) int {
		L.Push(L.CheckNumber(1) - L.CheckNumber(2))
		return 1
	}))
	meta := L.CreateTable(0, 1)
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		e := effect.Errorf(effect.Script, "", "os.%s is not for scripts", L.Get(2))
		e.Hint = "os has time, date, clock and difftime; h.run runs commands on the host"
		v.raise(L, e)
		return 0
	}))
	t.Metatable = meta
	return t
}

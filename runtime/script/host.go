package script

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/spelling"
)

// hostObject is what a script holds of a host.
type hostObject struct {
	doer  effect.Doer
	name  string
	value *lua.LUserData
	// base, kind and id tell how this host came of another one; base is nil
	// for the script's own host and for those of connect().
	base     *hostObject
	kind, id string
	// clock is the time it lives in; nil: that of the script's own host.
	clock clock.Clock

	fields map[string]lua.LValue // modules and verbs made so far
	facts  map[string]lua.LValue // properties, until the next change
}

func (v *vm) newHost(doer effect.Doer, name string) *hostObject {
	ho := &hostObject{doer: doer, name: name, fields: map[string]lua.LValue{}}
	ho.value = v.wrap(ho)
	ho.value.Metatable = v.hostMeta
	return ho
}

// connected is another host of the run.
func (v *vm) connected(ctx context.Context, name string) (*hostObject, error) {
	doer, hostClock, err := v.world.Connect(ctx, name)
	ho := v.newHost(doer, name)
	ho.clock = hostClock
	return ho, err
}

// calling is the context of a call that the script makes on a host: what is waited
// for there is waited for by the host's own time.
func (v *vm) calling(L *lua.LState, ho *hostObject) context.Context {
	ctx := effect.WithAt(v.ctx, v.where(L))
	if ho != nil && ho.clock != nil {
		ctx = clock.With(ctx, ho.clock)
	}
	return ctx
}

func (v *vm) fillHostMeta() {
	L := v.state
	v.hostMeta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		L.Push(v.hostField(L, L.CheckUserData(1).Value.(*hostObject), L.CheckString(2)))
		return 1
	}))
	v.hostMeta.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		v.invalidf(L, "h", "the fields of a host cannot be set")
		return 0
	}))
	v.hostMeta.RawSetString("__tostring", L.NewFunction(func(L *lua.LState) int {
		L.Push(lua.LString(L.CheckUserData(1).Value.(*hostObject).name))
		return 1
	}))
}

// hostField is h.NAME: a module, a verb, a property, the name or the variables.
func (v *vm) hostField(L *lua.LState, ho *hostObject, name string) lua.LValue {
	if known, ok := ho.fields[name]; ok {
		return known
	}
	switch name {
	case "name":
		return lua.LString(ho.name)
	case "vars":
		var vars map[string]any
		if ho == v.self {
			vars = v.world.Vars
		}
		if vars == nil {
			vars = map[string]any{}
		}
		ho.fields[name] = v.fromPlain(vars)
		return ho.fields[name]
	}
	for i := range v.world.Modules {
		m := &v.world.Modules[i]
		switch {
		case m.Verbs:
			if f := findFunc(m.Funcs, name); f != nil && f.Property {
				return v.property(L, ho, f)
			}
			if field := v.funcOrGroup(ho, m, "", name, ho.value); field != nil {
				ho.fields[name] = v.besideModule(ho, field, name)
				return ho.fields[name]
			}
		case m.Name == name && !m.Global:
			ho.fields[name] = v.newModule(ho, m, "")
			return ho.fields[name]
		}
	}
	e := effect.Errorf(effect.Invalid, "h", "a host has no field %q", name)
	e.Message += spelling.Guess(name, v.hostNames())
	v.raise(L, e)
	return nil
}

// besideModule is a verb that has the name of a module, as the module that can be
// called: h:jail("www") and h.jail.list().
func (v *vm) besideModule(ho *hostObject, verb lua.LValue, name string) lua.LValue {
	at := slices.IndexFunc(v.world.Modules, func(m binding.Module) bool { return m.Name == name && !m.Verbs && !m.Global })
	if at < 0 {
		return verb
	}
	t := v.newModule(ho, &v.world.Modules[at], "")
	t.Metatable.(*lua.LTable).RawSetString("__call", v.state.NewFunction(func(L *lua.LState) int {
		L.Replace(1, verb)
		L.Call(L.GetTop()-1, lua.MultRet)
		return L.GetTop()
	}))
	return t
}

// property is the value of h.facts and the like, read anew after a change.
func (v *vm) property(L *lua.LState, ho *hostObject, f *binding.Func) lua.LValue {
	if known, ok := ho.facts[f.Name]; ok {
		return known
	}
	value := v.invoke(L, ho, f.Name, f, nil)
	if ho.facts == nil {
		ho.facts = map[string]lua.LValue{}
	}
	ho.facts[f.Name] = value
	return value
}

func (v *vm) hostNames() []string {
	names := []string{"name", "vars"}
	for i := range v.world.Modules {
		m := &v.world.Modules[i]
		switch {
		case m.Verbs:
			for j := range m.Funcs {
				names = append(names, m.Funcs[j].Name)
			}
		case !m.Global:
			names = append(names, m.Name)
		}
	}
	return names
}

func findFunc(funcs []binding.Func, name string) *binding.Func {
	for i := range funcs {
		if funcs[i].Name == name {
			return &funcs[i]
		}
	}
	return nil
}

// newModule is the table of a module, or of a group of its functions
// ("ports."). Functions are made when they are first looked up.
func (v *vm) newModule(ho *hostObject, m *binding.Module, prefix string) *lua.LTable {
	L := v.state
	t := L.CreateTable(0, 4)
	meta := L.CreateTable(0, 4)
	meta.RawSetString("__metatable", lua.LString("module"))
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		field := v.funcOrGroup(ho, m, prefix, key, t)
		if field == nil {
			v.raise(L, noFunction(m, prefix, key))
		}
		t.RawSetString(key, field)
		L.Push(field)
		return 1
	}))
	meta.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		v.invalidf(L, m.Name, "a module cannot be changed")
		return 0
	}))
	if f := findFunc(m.Funcs, strings.TrimSuffix(prefix, ".")); f != nil {
		call := v.thunk(ho, opName(m, f), f, nil)
		meta.RawSetString("__call", L.NewFunction(func(L *lua.LState) int {
			L.Remove(1)
			return call(L)
		}))
	}
	t.Metatable = meta
	return t
}

// funcOrGroup is the function of that name, the group of functions that starts
// with it, or nil.
func (v *vm) funcOrGroup(ho *hostObject, m *binding.Module, prefix, key string, receiver lua.LValue) lua.LValue {
	full := prefix + key
	for i := range m.Funcs {
		if strings.HasPrefix(m.Funcs[i].Name, full+".") {
			return v.newModule(ho, m, full+".")
		}
	}
	if f := findFunc(m.Funcs, full); f != nil {
		return v.state.NewFunction(v.thunk(ho, opName(m, f), f, receiver))
	}
	return nil
}

func opName(m *binding.Module, f *binding.Func) string {
	if m.Verbs {
		return f.Name
	}
	return m.Name + "." + f.Name
}

func noFunction(m *binding.Module, prefix, key string) error {
	names := make([]string, len(m.Funcs))
	for i := range m.Funcs {
		names[i] = m.Funcs[i].Name
	}
	e := effect.Errorf(effect.Invalid, m.Name, "there is no function %q", prefix+key)
	if near := spelling.Nearest(prefix+key, names); near != "" {
		e.Message += " (did you mean \"" + near + "\"?)"
	} else {
		e.Hint = m.Name + " has " + strings.Join(names, ", ")
	}
	return e
}

// callState is what one call of a binding did.
type callState struct {
	skipped bool // a change was skipped (check mode)
	changed bool // a change was made, or would be
}

// tracker notes what passes to a host during one call.
type tracker struct {
	next effect.Doer
	call *callState
}

// Unwrap is the host that is tracked.
func (t *tracker) Unwrap() effect.Doer { return t.next }

func (t *tracker) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	result, err := t.next.Do(ctx, e)
	if result.Skipped {
		t.call.skipped = true
	}
	if e.Kind == effect.Change || e.Conn != nil {
		t.call.changed = true
	}
	return result, err
}

// thunk is the one Lua function behind every binding. given comes before the
// script's own arguments.
func (v *vm) thunk(ho *hostObject, op string, f *binding.Func, receiver lua.LValue, given ...any) lua.LGFunction {
	return func(L *lua.LState) int {
		first, top := 1, L.GetTop()
		if receiver != nil && top > 0 && L.Get(1) == receiver {
			first = 2
		}
		values := make([]lua.LValue, 0, top)
		for i := first; i <= top; i++ {
			values = append(values, L.Get(i))
		}
		L.Push(v.invoke(L, ho, op, f, given, values...))
		return 1
	}
}

// invoke calls a binding and makes its result the script's.
func (v *vm) invoke(L *lua.LState, ho *hostObject, op string, f *binding.Func, given []any, values ...lua.LValue) lua.LValue {
	call := &callState{}
	args := slices.Clone(given)
	for _, value := range values {
		args = append(args, v.argument(L, value, call, 0))
	}
	var doer effect.Doer
	if ho != nil {
		doer = &tracker{next: ho.doer, call: call}
	}
	out, err := safely(op, func() (any, error) { return f.Invoke(v.calling(L, ho), op, doer, args) })
	if call.changed || ho == nil && f.Kind == effect.Change {
		v.forgetFacts(ho)
		for _, value := range values {
			v.forgetFactsOf(value)
		}
	}
	if err != nil {
		if errors.Is(err, effect.ErrUnknown) {
			if call.skipped && f.Kind == effect.Change {
				return v.unknownResult(ho, op, f)
			}
			err = unknownFrom(op)
		}
		v.raise(L, err)
	}
	return v.result(ho, op, binding.Convert(out, call.skipped))
}

// unknownFrom tells at which call of the script a check stopped to see.
func unknownFrom(op string) error {
	return &effect.Error{
		Op: op, Kind: effect.Unknown, Cause: effect.ErrUnknown,
		Message: fmt.Sprintf("unknown from %s on: a change before it was not made", op),
	}
}

// safely makes a panic of a binding our own mistake, which no pcall hides.
func safely(op string, call func() (any, error)) (out any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &effect.Error{
				Op: op, Kind: effect.Internal, Message: fmt.Sprintf("panic: %v", panicked),
				Cause: &Traceback{Message: "panic", Lines: string(debug.Stack())},
			}
		}
	}()
	return call()
}

func (v *vm) unknownResult(ho *hostObject, op string, f *binding.Func) lua.LValue {
	if f.Returns().Shape == binding.Nothing {
		return lua.LNil
	}
	return v.result(ho, op, f.UnknownResult())
}

// forgetFactsOf drops what was read of a host that was an argument of a change.
func (v *vm) forgetFactsOf(value lua.LValue) {
	if ud, ok := value.(*lua.LUserData); ok {
		if other, ok := ud.Value.(*hostObject); ok {
			v.forgetFacts(other)
		}
	}
}

// forgetFacts drops what was read of the host before a change.
func (v *vm) forgetFacts(ho *hostObject) {
	for ; ho != nil; ho = ho.base {
		ho.facts = nil
	}
	v.self.facts = nil
}

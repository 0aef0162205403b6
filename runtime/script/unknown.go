package script

import (
	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
)

// unknownOf is what a step leaves whose value only a skipped change would have
// told. Whatever touches it raises unknown.
type unknownOf struct{ what string }

func (v *vm) unknownValue(what string) lua.LValue {
	ud := v.wrap(&unknownOf{what})
	ud.Metatable = v.marked(&v.unknownMeta, "unknown", v.fillUnknownMeta)
	return ud
}

func (v *vm) fillUnknownMeta(meta *lua.LTable) {
	touch := v.state.NewFunction(func(L *lua.LState) int {
		for i := 1; i <= L.GetTop(); i++ {
			v.touch(L, L.Get(i))
		}
		return 0
	})
	for _, event := range []string{
		"__index", "__newindex", "__call", "__concat", "__len", "__eq", "__lt", "__le", "__unm",
		"__add", "__sub", "__mul", "__div", "__mod", "__pow", "__tostring",
	} {
		meta.RawSetString(event, touch)
	}
}

// touch raises unknown when the value is, or lacks, something unknown.
func (v *vm) touch(L *lua.LState, value lua.LValue) {
	v.touchWhole(L, value)
	if what := partlyUnknown(value); what != "" {
		v.raiseUnknown(L, what)
	}
}

// touchWhole raises unknown when the value as a whole is unknown.
func (v *vm) touchWhole(L *lua.LState, value lua.LValue) {
	if ud, ok := value.(*lua.LUserData); ok {
		if u, ok := ud.Value.(*unknownOf); ok {
			v.raiseUnknown(L, u.what)
		}
	}
}

func (v *vm) raiseUnknown(L *lua.LState, what string) {
	v.raise(L, &effect.Error{
		Kind: effect.Unknown, Op: what, Cause: effect.ErrUnknown,
		Message: "unknown: only the change that was not made would tell",
	})
}

// unknownField holds, in a table's own metatable, what the table is the result
// of.
const unknownField = "__unknown"

// partlyUnknown names the function whose result lacks fields; empty for other
// values.
func partlyUnknown(value lua.LValue) string {
	t, ok := value.(*lua.LTable)
	if !ok {
		return ""
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return ""
	}
	what, _ := meta.RawGetString(unknownField).(lua.LString)
	return string(what)
}

// hideFields makes reading the named, missing fields of a table raise unknown.
func (v *vm) hideFields(t *lua.LTable, op string, names []string) {
	L := v.state
	hidden := make(map[string]bool, len(names))
	for _, name := range names {
		hidden[name] = true
	}
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		meta = L.CreateTable(0, 4)
		t.Metatable = meta
	}
	former, _ := meta.RawGetString("__index").(*lua.LFunction)
	meta.RawSetString(unknownField, lua.LString(op))
	meta.RawSetString("__metatable", lua.LString("unknown"))
	meta.RawSetString("__len", L.NewFunction(func(L *lua.LState) int {
		v.raiseUnknown(L, op)
		return 0
	}))
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		if name, ok := L.Get(2).(lua.LString); ok && hidden[string(name)] {
			v.raiseUnknown(L, op+": "+string(name))
		}
		if former == nil {
			L.Push(lua.LNil)
			return 1
		}
		return former.GFunction(L)
	}))
}

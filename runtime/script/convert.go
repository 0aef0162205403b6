package script

import (
	"fmt"
	"math"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// maxNesting bounds how deep tables may nest where they become data.
const maxNesting = 100

// exact is the bound of the whole numbers that a Lua number holds exactly.
const exact = 1 << 53

// number is a Lua number as plain data: whole ones are int64.
func number(n lua.LNumber) any {
	f := float64(n)
	if f == math.Trunc(f) && math.Abs(f) <= exact {
		return int64(f)
	}
	return f
}

// argument is a script's value as bindings take it. The hosts in it note their
// effects in the call.
func (v *vm) argument(L *lua.LState, value lua.LValue, call *callState, depth int) any {
	v.touch(L, value)
	switch value := value.(type) {
	case *lua.LNilType:
		return nil
	case lua.LBool:
		return bool(value)
	case lua.LNumber:
		return float64(value)
	case lua.LString:
		return string(value)
	case *lua.LTable:
		return v.tableArgument(L, value, call, depth)
	case *lua.LUserData:
		switch inner := value.Value.(type) {
		case effect.Secret:
			return inner
		case binding.File:
			return inner
		case *hostObject:
			return &tracker{next: inner.doer, call: call}
		}
		return binding.Opaque("a " + v.typeName(value))
	default:
		return binding.Opaque("a " + v.typeName(value))
	}
}

func (v *vm) tableArgument(L *lua.LState, t *lua.LTable, call *callState, depth int) any {
	if h, ok := handleOf(t); ok {
		return h.Handle
	}
	out := &binding.Table{Named: map[string]any{}}
	if depth > maxNesting {
		out.Odd = "itself inside (or tables nested too deep)"
		return out
	}
	n := t.Len()
	t.ForEach(func(key, value lua.LValue) {
		switch key := key.(type) {
		case lua.LString:
			out.Named[string(key)] = v.argument(L, value, call, depth+1)
		case lua.LNumber:
			if f := float64(key); f != math.Trunc(f) || f < 1 || f > float64(n) {
				out.Odd = fmt.Sprintf("the key %v", key)
			}
		default:
			out.Odd = fmt.Sprintf("%s as a key", article(key.Type().String()))
		}
	})
	for i := 1; i <= n; i++ {
		out.List = append(out.List, v.argument(L, t.RawGetInt(i), call, depth+1))
	}
	return out
}

// typeName is what a script should hear of a value's type.
func (v *vm) typeName(value lua.LValue) string {
	ud, ok := value.(*lua.LUserData)
	if !ok {
		return value.Type().String()
	}
	switch ud.Value.(type) {
	case effect.Secret:
		return "secret"
	case binding.File:
		return "local file"
	case *hostObject:
		return "host"
	case *unknownOf:
		return "unknown"
	}
	if ud == v.null {
		return "null"
	}
	return "userdata"
}

// result makes a binding's value a script's. ho is the host it came from, op
// the function.
func (v *vm) result(ho *hostObject, op string, value binding.Value) lua.LValue {
	switch value := value.(type) {
	case binding.ListValue:
		t := v.newList(len(value))
		for _, item := range value {
			t.Append(v.resultItem(ho, op, item))
		}
		return t
	case binding.MapValue:
		t := v.state.CreateTable(0, len(value))
		for _, entry := range value {
			t.RawSetString(entry.Name, v.result(ho, op, entry.Value))
		}
		return t
	case *binding.RecordValue:
		return v.record(ho, op, value)
	case binding.Host:
		return v.otherHost(ho, value)
	case effect.Secret:
		return v.secretValue(value)
	default:
		return v.fromPlain(value)
	}
}

// resultItem keeps a list free of holes.
func (v *vm) resultItem(ho *hostObject, op string, item binding.Value) lua.LValue {
	if item == nil {
		return v.null
	}
	return v.result(ho, op, item)
}

func (v *vm) record(ho *hostObject, op string, record *binding.RecordValue) lua.LValue {
	t := v.state.CreateTable(0, len(record.Fields))
	var unknown []string
	for _, field := range record.Fields {
		if field.Unknown {
			unknown = append(unknown, field.Name)
			continue
		}
		if field.Value != nil {
			t.RawSetString(field.Name, v.result(ho, op+"."+field.Name, field.Value))
		}
	}
	if record.Handle != nil && record.Handle.ID == "" {
		// Check mode did not start it: there is nothing to call methods on.
		unknown = append(unknown, v.methodNames(record.Handle.Kind)...)
	} else if record.Handle != nil {
		v.makeHandle(t, ho, *record.Handle)
	}
	if unknown != nil {
		v.hideFields(t, op, unknown)
	}
	return t
}

// newList is a table that stays a list when it is empty.
func (v *vm) newList(n int) *lua.LTable {
	t := v.state.CreateTable(n, 0)
	t.Metatable = v.listMeta
	return t
}

func (v *vm) isList(t *lua.LTable) bool { return t.Metatable == v.listMeta }

// fromPlain makes plain data a script's value; recorded handles come alive.
func (v *vm) fromPlain(value any) lua.LValue {
	switch value := value.(type) {
	case nil:
		return lua.LNil
	case bool:
		return lua.LBool(value)
	case int:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		t := v.newList(len(value))
		for _, item := range value {
			if item == nil {
				t.Append(v.null)
				continue
			}
			t.Append(v.fromPlain(item))
		}
		return t
	case map[string]any:
		if revived, ok := v.revive(value); ok {
			return revived
		}
		t := v.state.CreateTable(0, len(value))
		for _, name := range sortedNames(value) {
			t.RawSetString(name, v.fromPlain(value[name]))
		}
		return t
	default:
		return lua.LString(fmt.Sprint(value))
	}
}

// plainer turns a script's value into plain data.
type plainMaker struct {
	vm    *vm
	above map[*lua.LTable]bool
	// lenient shows what is no data (a secret, a function) by its name, and
	// leaves out what is unknown: for results, which only people read.
	lenient bool
	// whole takes what lacks something unknown for unknown: for other hosts.
	whole bool
}

// plain is a value as plain data; what cannot be recorded is an error that says
// where it is.
func (v *vm) plain(value lua.LValue) (any, error) {
	return (&plainMaker{vm: v, above: map[*lua.LTable]bool{}}).make(value, "")
}

func (m *plainMaker) make(value lua.LValue, path string) (any, error) {
	switch value := value.(type) {
	case *lua.LNilType:
		return nil, nil
	case lua.LBool:
		return bool(value), nil
	case lua.LNumber:
		return number(value), nil
	case lua.LString:
		return string(value), nil
	case *lua.LTable:
		return m.table(value, path)
	case *lua.LUserData:
		switch inner := value.Value.(type) {
		case *hostObject:
			return m.vm.hostRecord(inner), nil
		case *unknownOf:
			if m.lenient {
				return nil, nil
			}
			return nil, effect.ErrUnknown
		}
		if value == m.vm.null {
			return nil, nil
		}
	}
	if m.lenient {
		return "(" + m.vm.typeName(value) + ")", nil
	}
	return nil, notData(path, "a "+m.vm.typeName(value))
}

func notData(path, what string) error {
	if path == "" {
		path = "the value"
	}
	return fmt.Errorf("%s is %s, not plain data", path, what)
}

func (m *plainMaker) table(t *lua.LTable, path string) (any, error) {
	if m.whole && partlyUnknown(t) != "" {
		return nil, effect.ErrUnknown
	}
	if m.above[t] {
		return nil, notData(path, "a table that contains itself")
	}
	if len(m.above) > maxNesting {
		return nil, notData(path, "nested too deep")
	}
	m.above[t] = true
	defer delete(m.above, t)
	if h, ok := handleOf(t); ok {
		return m.handle(t, h, path)
	}
	n := t.Len()
	named := map[string]any{}
	var failed error
	t.ForEach(func(key, value lua.LValue) {
		if failed != nil {
			return
		}
		switch key := key.(type) {
		case lua.LString:
			named[string(key)], failed = m.make(value, join(path, string(key)))
		case lua.LNumber:
			if f := float64(key); f != math.Trunc(f) || f < 1 || f > float64(n) {
				failed = notData(join(path, key.String()), "under a key that is no name and not part of a list")
			}
		default:
			failed = notData(join(path, key.String()), "under a key that is no name")
		}
	})
	if failed != nil {
		return nil, failed
	}
	if n == 0 && !(m.vm.isList(t) && len(named) == 0) {
		return named, nil
	}
	if len(named) > 0 {
		return nil, notData(path, fmt.Sprintf("a list that also has the key %q", sortedNames(named)[0]))
	}
	list := make([]any, n)
	for i := range list {
		item, err := m.make(t.RawGetInt(i+1), fmt.Sprintf("%s[%d]", path, i+1))
		if err != nil {
			return nil, err
		}
		list[i] = item
	}
	return list, nil
}

func (m *plainMaker) handle(t *lua.LTable, h *handleRef, path string) (any, error) {
	out := map[string]any{}
	var failed error
	t.ForEach(func(key, value lua.LValue) {
		if name, ok := key.(lua.LString); ok && failed == nil {
			out[string(name)], failed = m.make(value, join(path, string(name)))
		}
	})
	out["kind"], out["id"] = h.Kind, h.ID
	out["host"] = m.vm.hostRecord(h.host)
	return out, failed
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

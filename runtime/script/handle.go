package script

import (
	"context"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
)

// handleRef is what a handle's metatable knows: a job, on a host.
type handleRef struct {
	binding.Handle
	host *hostObject
}

const handleField = "__handle"

// handleOf tells whether a table is a handle.
func handleOf(t *lua.LTable) (*handleRef, bool) {
	meta, ok := t.Metatable.(*lua.LTable)
	if !ok {
		return nil, false
	}
	ud, ok := meta.RawGetString(handleField).(*lua.LUserData)
	if !ok {
		return nil, false
	}
	ref, ok := ud.Value.(*handleRef)
	return ref, ok
}

// makeHandle gives a table the methods of its class.
func (v *vm) makeHandle(t *lua.LTable, ho *hostObject, handle binding.Handle) {
	L := v.state
	t.RawSetString("kind", lua.LString(handle.Kind))
	t.RawSetString("id", lua.LString(handle.ID))
	t.RawSetString("host", lua.LString(ho.name))
	class := v.class(handle.Kind)
	meta := L.CreateTable(0, 4)
	meta.RawSetString("__metatable", lua.LString(handle.Kind))
	meta.RawSetString(handleField, v.wrap(&handleRef{handle, ho}))
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		if class == nil {
			L.Push(lua.LNil)
			return 1
		}
		f := findFunc(class.Funcs, key)
		if f == nil {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(L.NewFunction(v.thunk(ho, class.Name+":"+key, f, t, handle)))
		return 1
	}))
	t.Metatable = meta
}

func (v *vm) class(kind string) *binding.Class {
	for i := range v.world.Modules {
		classes := v.world.Modules[i].Classes
		for j := range classes {
			if classes[j].Name == kind {
				return &classes[j]
			}
		}
	}
	return nil
}

// methodNames are what a handle of the kind has beside its fields.
func (v *vm) methodNames(kind string) []string {
	names := []string{"id", "host"}
	if class := v.class(kind); class != nil {
		for i := range class.Funcs {
			names = append(names, class.Funcs[i].Name)
		}
	}
	return names
}

// otherHost is a host that a function returned: another user's view, a jail.
func (v *vm) otherHost(from *hostObject, h binding.Host) lua.LValue {
	name := h.Name
	if from == nil { // of a module that has no host
		return v.newHost(h.Doer, name).value
	}
	if name == "" || strings.HasPrefix(name, "/") {
		name = from.name + name
	}
	ho := v.newHost(h.Doer, name)
	ho.base, ho.kind, ho.id, ho.clock = from, h.Kind, h.ID, from.clock
	return ho.value
}

// hostRecord is how a host is recorded: by name, or as the way to it.
func (v *vm) hostRecord(ho *hostObject) any {
	if ho.base == nil {
		return map[string]any{"kind": "host", "host": ho.name, "id": ho.name}
	}
	return map[string]any{"kind": ho.kind, "host": v.hostRecord(ho.base), "id": ho.id, "name": ho.name}
}

// revive makes a recorded handle or host alive again.
func (v *vm) revive(data map[string]any) (lua.LValue, bool) {
	if v.world == nil {
		return nil, false
	}
	kind, isKind := data["kind"].(string)
	id, isID := data["id"].(string)
	if !isKind || !isID || data["host"] == nil {
		return nil, false
	}
	if kind == "host" && len(data) == 3 && data["host"] == data["id"] {
		return v.namedHost(id).value, true
	}
	record, ok := data["host"].(map[string]any)
	if !ok {
		return nil, false
	}
	base, ok := v.revive(record)
	if !ok {
		return nil, false
	}
	ho, ok := base.(*lua.LUserData).Value.(*hostObject)
	if !ok {
		return nil, false
	}
	if v.class(kind) != nil {
		t := v.state.CreateTable(0, len(data))
		for _, name := range sortedNames(data) {
			if name != "host" {
				t.RawSetString(name, v.fromPlain(data[name]))
			}
		}
		v.makeHandle(t, ho, binding.Handle{Kind: kind, ID: id})
		return t, true
	}
	name, _ := data["name"].(string)
	return v.reviveHost(ho, kind, id, name)
}

// reviveHost asks the verb that once made the host for it again, when it is
// first used.
func (v *vm) reviveHost(base *hostObject, kind, id, name string) (lua.LValue, bool) {
	for i := range v.world.Modules {
		m := &v.world.Modules[i]
		f := findFunc(m.Funcs, kind)
		if !m.Verbs || f == nil {
			continue
		}
		doer := &lazyDoer{open: func(ctx context.Context) (effect.Doer, error) {
			out, err := f.Invoke(ctx, kind, base.doer, []any{id})
			if err != nil {
				return nil, err
			}
			h, ok := out.(binding.Host)
			if !ok {
				return nil, effect.Errorf(effect.Internal, kind, "does not give a host")
			}
			return h.Doer, nil
		}}
		return v.otherHost(base, binding.Host{Doer: doer, Name: name, Kind: kind, ID: id}), true
	}
	return nil, false
}

// namedHost is the script's own host or another one of the run. One that is not to
// be had fails when it is first used.
func (v *vm) namedHost(name string) *hostObject {
	if v.self != nil && name == v.self.name {
		return v.self
	}
	err := error(effect.Errorf(effect.Invalid, "connect", "this run has no other hosts"))
	if v.world.Connect != nil {
		var ho *hostObject
		if ho, err = v.connected(v.ctx, name); err == nil {
			return ho
		}
	}
	return v.newHost(effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) { return effect.Result{}, err }), name)
}

// lazyDoer opens its host with the first effect.
type lazyDoer struct {
	open func(context.Context) (effect.Doer, error)
	doer effect.Doer
}

func (d *lazyDoer) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if d.doer == nil {
		doer, err := d.open(ctx)
		if err != nil {
			return effect.Result{}, err
		}
		d.doer = doer
	}
	return d.doer.Do(ctx, e)
}

func sortedNames(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

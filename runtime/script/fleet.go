package script

import (
	"errors"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/spelling"
)

var fleetHosts = Global{
	Name: "fleet.hosts", Usage: "fleet.hosts", Type: "string[]",
	Doc: "The names of the hosts of this batch, which are worked on together (see --batch), in the order of the command line. They stay listed when they fail or are done.",
	get: func(m *fleet.Member) []string { return m.Hosts() },
}

var fleetAll = Global{
	Name: "fleet.all", Usage: "fleet.all", Type: "string[]",
	Doc: "The names of all hosts of the run.",
	get: func(m *fleet.Member) []string { return m.All() },
}

const meetOptionsDoc = "all: fail when a host has left before; timeout: seconds to wait"

var barrierGlobal = Global{
	Name: "fleet.barrier", Usage: "fleet.barrier(name, [opts])",
	Doc: "Waits until every host of the batch has come to the barrier of that name. A host that has failed, or is done, has left and is not waited for. Returns who came and who had left. A name that comes again is a new round.",
	Params: []GlobalParam{
		{"name", "string", "what the hosts have done up to here, as people read it"},
		{"opts", "{all?: boolean, timeout?: number}?", meetOptionsDoc},
	},
	Returns: "{hosts: string[], left: string[]}",
	Example: `step("Stage the release", function() h.pkg.install("www") end)
fleet.barrier("staged", { all = true })
step("Switch over", function() return h.service.restart("www") end)`,
	fn: (*vm).barrier,
}

var gatherGlobal = Global{
	Name: "fleet.gather", Usage: "fleet.gather(name, value, [opts])",
	Doc: "Is a barrier to which every host of the batch brings a value, plain data of at most a mebibyte. Returns the values by host name, as copies: the same to all, in a resumed run, too. Hosts that had left are not in it; a host that in check mode cannot tell its value has an unknown one.",
	Params: []GlobalParam{
		{"name", "string", "what is gathered"},
		{"value", "any", "what this host brings"},
		{"opts", "{all?: boolean, timeout?: number}?", meetOptionsDoc},
	},
	Returns: "table<string, any>",
	Example: `for name, release in pairs(fleet.gather("releases", h.facts.release)) do log("%s runs %s", name, release) end`,
	fn:      (*vm).gather,
}

var onceGlobal = Global{
	Name: "fleet.once", Usage: "fleet.once(key, [opts,] fn)",
	Doc: "Has one host of the batch call fn, and gives what it returns to all, as copies. The value is plain data of at most a mebibyte. When it fails, the others fail with it, unless another one takes over. In a resumed run the host that had begun goes on with it. skip() within fn ends fn, with no value.",
	Params: []GlobalParam{
		{"key", "string", "what is done, as people read it"},
		{"opts", "{takeover?: boolean, run?: boolean, timeout?: number}", "takeover: another host tries when one has failed; run: once for the whole run, not for each batch; timeout: seconds that the others wait"},
		{"fn", "fun(): any", "what to do"},
	},
	Returns: "any",
	Example: `local revision = fleet.once("Look up the revision", { takeover = true }, function() return h.git.remote_revision(p.url) end)`,
	fn:      (*vm).onceForAll,
}

var lockGlobal = Global{
	Name: "fleet.lock", Usage: "fleet.lock(name, [n,] fn, [opts])",
	Doc: "Calls fn while at most n hosts of the batch (1) hold the lock of that name, and returns what it returns. First come, first served; in a resumed run hosts that were cut off within fn come first.",
	Params: []GlobalParam{
		{"name", "string", "what the lock is for"},
		{"n", "integer", "how many hosts at a time"},
		{"fn", "fun(): ...", "what to do"},
		{"opts", "{timeout?: number}?", "timeout: seconds to wait for the lock"},
	},
	Returns: "any",
	Example: `fleet.lock("restart", 2, function() return h.service.restart("www") end)`,
	fn:      (*vm).lock,
}

// openFleet gives the script its fleet. The lists of hosts are made when they are
// asked for, since every host of a large run has a VM.
func (v *vm) openFleet() *lua.LTable {
	L := v.state
	t := L.CreateTable(0, 4)
	v.addFunctions(t, "fleet")
	meta := L.CreateTable(0, 3)
	meta.RawSetString("__metatable", lua.LString("fleet"))
	meta.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		g, ok := FindGlobal("fleet." + key)
		if !ok {
			v.invalidf(L, "fleet", "there is no fleet.%s%s", key, didYouMean(key, fleetNames()))
		}
		list := v.newNames(g.get(v.world.Fleet))
		t.RawSetString(key, list)
		L.Push(list)
		return 1
	}))
	meta.RawSetString("__newindex", L.NewFunction(func(L *lua.LState) int {
		v.invalidf(L, "fleet", "its fields cannot be set")
		return 0
	}))
	t.Metatable = meta
	return t
}

func fleetNames() (names []string) {
	for _, g := range globals {
		if name, ok := strings.CutPrefix(g.Name, "fleet."); ok {
			names = append(names, name)
		}
	}
	return names
}

func didYouMean(word string, known []string) string {
	if near := spelling.Nearest(word, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

func (v *vm) barrier(L *lua.LState) int {
	const op = "fleet.barrier"
	name := v.wantName(L, 1, op, "name")
	met, err := v.world.Fleet.Barrier(v.ctx, name, v.meetOptions(L, 2, op))
	if err != nil {
		v.raise(L, err)
	}
	t := v.state.CreateTable(0, 2)
	t.RawSetString("hosts", v.newNames(met.Hosts))
	t.RawSetString("left", v.newNames(met.Left))
	L.Push(t)
	return 1
}

func (v *vm) gather(L *lua.LState) int {
	const op = "fleet.gather"
	name := v.wantName(L, 1, op, "name")
	if L.Get(2) == lua.LNil {
		v.raise(L, effect.WithHint(effect.Errorf(effect.Invalid, op, "value: expected plain data, got nil"), "bring false or json.null where there is nothing to tell"))
	}
	value, err := v.sharedValue(L.Get(2), op)
	if err != nil {
		v.raise(L, err)
	}
	met, err := v.world.Fleet.Gather(v.ctx, name, value, v.meetOptions(L, 3, op))
	if err != nil {
		v.raise(L, err)
	}
	t := v.state.CreateTable(0, len(met.Values))
	for _, host := range met.Hosts {
		value := v.fromShared(met.Values[host], op)
		if value == lua.LNil {
			value = v.null
		}
		t.RawSetString(host, value)
	}
	L.Push(t)
	return 1
}

func (v *vm) onceForAll(L *lua.LState) int {
	const op = "fleet.once"
	key := v.wantName(L, 1, op, "key")
	var o fleet.OnceOptions
	at := 2
	if _, direct := L.Get(2).(*lua.LFunction); !direct {
		opts := v.options(L, L.Get(2), op, "takeover", "run", "timeout")
		o.Takeover, o.Run = v.optBool(L, opts, op, "takeover"), v.optBool(L, opts, op, "run")
		o.Timeout = seconds(v.optSeconds(L, opts, op, "timeout", 0))
		at = 3
	}
	fn := v.wantFunction(L, at, op, "fn")
	own := lua.LValue(lua.LNil)
	var failure lua.LValue
	value, mine, err := v.world.Fleet.Once(v.ctx, key, o, func() (any, error) {
		var returned []lua.LValue
		returned, failure = v.protected(L, v.ctx, fn)
		var skipped *Skipped
		if failure != nil && errors.As(v.toError(failure), &skipped) {
			failure = nil
			return nil, nil
		}
		if failure != nil {
			return nil, v.toError(failure)
		}
		own = first(returned)
		return v.sharedValue(own, op)
	})
	switch {
	case failure != nil:
		L.Error(failure, 0)
	case err != nil:
		v.raise(L, err)
	case mine:
		L.Push(own)
	default:
		L.Push(v.fromShared(value, op))
	}
	return 1
}

func (v *vm) lock(L *lua.LState) int {
	const op = "fleet.lock"
	name := v.wantName(L, 1, op, "name")
	places, at := 1, 2
	if _, direct := L.Get(2).(*lua.LFunction); !direct {
		n, ok := L.Get(2).(lua.LNumber)
		if !ok || n < 1 || n != lua.LNumber(int(n)) {
			v.invalidf(L, op, "n: expected a number of hosts from 1, got %s", v.got(L.Get(2)))
		}
		places, at = int(n), 3
	}
	fn := v.wantFunction(L, at, op, "fn")
	opts := v.options(L, L.Get(at+1), op, "timeout")
	var returned []lua.LValue
	var failure lua.LValue
	err := v.world.Fleet.Lock(v.ctx, name, places, seconds(v.optSeconds(L, opts, op, "timeout", 0)), func() error {
		if returned, failure = v.protected(L, v.ctx, fn); failure != nil {
			return v.toError(failure)
		}
		return nil
	})
	switch {
	case failure != nil:
		L.Error(failure, 0)
	case err != nil:
		v.raise(L, err)
	}
	for _, value := range returned {
		L.Push(value)
	}
	return len(returned)
}

// wantName is a name that is not empty.
func (v *vm) wantName(L *lua.LState, n int, op, name string) string {
	text := v.wantString(L, n, op, name)
	if text == "" {
		v.invalidf(L, op, "%s: expected a name, got an empty string", name)
	}
	return text
}

func (v *vm) meetOptions(L *lua.LState, n int, op string) fleet.MeetOptions {
	opts := v.options(L, L.Get(n), op, "all", "timeout")
	return fleet.MeetOptions{All: v.optBool(L, opts, op, "all"), Timeout: seconds(v.optSeconds(L, opts, op, "timeout", 0))}
}

// sharedValue is a script's value as other hosts get it. What lacks something that
// only a skipped change would tell is unknown to them as a whole.
func (v *vm) sharedValue(value lua.LValue, op string) (any, error) {
	maker := &plainMaker{vm: v, above: map[*lua.LTable]bool{}, whole: true}
	data, err := maker.make(value, "")
	switch {
	case err == effect.ErrUnknown: //nolint:errorlint // made by plainMaker, never wrapped
		return fleet.Unknown, nil
	case err != nil:
		return nil, effect.WithHint(effect.Errorf(effect.Script, op, "the value cannot be shared: %v", err), "hosts share plain data: strings, numbers, booleans, lists and tables of them, and handles")
	}
	return data, nil
}

func (v *vm) fromShared(value any, op string) lua.LValue {
	if fleet.IsUnknown(value) {
		return v.unknownValue(op)
	}
	return v.fromPlain(value)
}

// newNames is a list of hosts. Every host of a run may ask for the same one: the
// names themselves are made once.
func (v *vm) newNames(names []string) *lua.LTable {
	list := v.newList(len(names))
	for _, name := range v.program.names.of(names) {
		list.Append(name)
	}
	return list
}

// names are lists of hosts as values of Lua, each made once.
type names struct{ lists sync.Map } // *string, the first of a list -> []lua.LValue

func (n *names) of(list []string) []lua.LValue {
	if len(list) == 0 {
		return nil
	}
	if known, ok := n.lists.Load(&list[0]); ok && len(known.([]lua.LValue)) == len(list) {
		return known.([]lua.LValue)
	}
	values := make([]lua.LValue, len(list))
	for i, name := range list {
		values[i] = lua.LString(name)
	}
	n.lists.Store(&list[0], values)
	return values
}

// idle waits without keeping other hosts from being worked on.
func (v *vm) idle(wait func() error) error {
	if v.world.Fleet == nil {
		return wait()
	}
	return v.world.Fleet.Idle(wait)
}

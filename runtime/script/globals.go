package script

import (
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/spelling"
)

// Global is a function that every script has, beside its host.
type Global struct {
	Name    string
	Usage   string // step(name, [opts,] fn)
	Doc     string // first sentence is the help line
	Params  []GlobalParam
	Returns string // LuaLS type; empty: nothing
	Example string

	// anywhere functions are there while a recipe is loaded, too.
	anywhere bool
	// Type is that of a value that is no function, which get gives.
	Type string
	get  func(m *fleet.Member) []string
	fn   func(v *vm, L *lua.LState) int
}

// GlobalParam is an argument of a Global.
type GlobalParam struct {
	Name, Type, Doc string // Type as LuaLS writes it; "string?" may be left out
}

// Globals are the functions of every script, in the order of the documentation.
func Globals() []Global { return globals }

// FindGlobal is the global function of that name.
func FindGlobal(name string) (Global, bool) {
	for _, list := range [][]Global{globals, testGlobals} {
		for _, g := range list {
			if g.Name == name {
				return g, true
			}
		}
	}
	return Global{}, false
}

var globals []Global

func init() {
	globals = []Global{
		stepGlobal, failGlobal, skipGlobal, confirmGlobal, askGlobal, secretGlobal,
		templateGlobal, logGlobal, sleepGlobal, retryGlobal, guardGlobal, connectGlobal, localFileGlobal, requireGlobal,
		fleetHosts, fleetAll, barrierGlobal, gatherGlobal, onceGlobal, lockGlobal,
		jsonEncodeGlobal, jsonDecodeGlobal, jsonListGlobal, printGlobal,
	}
}

// enter gives the VM its world: the host, the parameters and the functions that
// reach beyond the VM.
func (v *vm) enter(w *World) {
	v.world = w
	v.self = v.newHost(w.Doer, w.Host)
}

// globals are the script's global variables, as far as they have been made.
func (v *vm) globals() *lua.LTable { return v.state.G.Global }

// global is a global variable, made when it is first asked for: a run has a VM for
// every host, and most scripts use little of what there is. Nil when there is none.
func (v *vm) global(L *lua.LState, name string) lua.LValue {
	value := v.globals().RawGetString(name)
	if value == lua.LNil && !slices.Contains(v.absent, name) {
		value = v.makeGlobal(L, name)
		v.globals().RawSetString(name, value)
	}
	return value
}

func (v *vm) makeGlobal(L *lua.LState, name string) lua.LValue {
	if open := libraries[name]; open != nil {
		library := open(v, L)
		v.addFunctions(library, name)
		v.extend(library, name)
		return library
	}
	if name == "fleet" && v.hasFleet() {
		return v.openFleet()
	}
	if i := slices.IndexFunc(globals, func(g Global) bool { return g.Name == name }); i >= 0 && v.has(globals[i]) {
		return v.function(globals[i])
	}
	if m := v.globalModule(name); m != nil {
		return v.newModule(nil, m, "")
	}
	return v.fromBase(name)
}

// lazy are the names that global makes, but for modules.
func (v *vm) lazy() (names []string) {
	names = slices.AppendSeq(names, maps.Keys(libraries))
	names = slices.AppendSeq(names, maps.Keys(base()))
	if v.hasFleet() {
		names = append(names, "fleet")
	}
	for _, g := range globals {
		if !strings.Contains(g.Name, ".") && v.has(g) && !slices.Contains(v.absent, g.Name) {
			names = append(names, g.Name)
		}
	}
	return names
}

// touchAll is touch by what lists a table or sees past its metatable: of the globals
// all are made.
func (v *vm) touchAll(L *lua.LState, value lua.LValue) {
	v.touch(L, value)
	if value == v.globals() {
		v.makeGlobals(L)
	}
}

func (v *vm) makeGlobals(L *lua.LState) {
	for _, name := range v.lazy() {
		v.global(L, name)
	}
}

func (v *vm) hasFleet() bool { return v.world != nil && v.world.Fleet != nil }

// has tells whether the script has a global function already.
func (v *vm) has(g Global) bool { return g.anywhere || v.world != nil }

func (v *vm) function(g Global) *lua.LFunction {
	return v.state.NewFunction(func(L *lua.LState) int { return g.fn(v, L) })
}

// addFunctions gives a library those of our functions that are named as its own.
func (v *vm) addFunctions(library *lua.LTable, name string) {
	for _, g := range globals {
		if of, function, _ := strings.Cut(g.Name, "."); of == name && g.fn != nil && v.has(g) {
			library.RawSetString(function, v.function(g))
		}
	}
}

// extend lets a global module that is named like one of Lua's own libraries add to
// it: table.format.
func (v *vm) extend(library *lua.LTable, name string) {
	m := v.globalModule(name)
	if m == nil || library.Metatable != lua.LNil {
		return
	}
	meta := v.state.CreateTable(0, 1)
	meta.RawSetString("__index", v.newModule(nil, m, ""))
	library.Metatable = meta
}

// globalModule is the global module of that name, or nil.
func (v *vm) globalModule(name string) *binding.Module {
	if v.world == nil {
		return nil
	}
	for i := range v.world.Modules {
		if m := &v.world.Modules[i]; m.Global && m.Name == name {
			return m
		}
	}
	return nil
}

// closedDoors says where to turn instead of what a sandboxed script has not.
var closedDoors = map[string]string{
	"io":         "files of the host are h.file's, local ones are read with local_file or template",
	"dofile":     "use require",
	"loadfile":   "use require",
	"load":       "scripts cannot compile text; use require or template",
	"loadstring": "scripts cannot compile text; use require or template",
	"module":     "a required file returns its table",
	"package":    "require looks in the recipe's folder and its lib/",
	"debug":      "errors carry their place and traceback by themselves",
	"fleet":      "fleet works only while the recipe runs",
	"h":          "there is no host while a recipe is loaded; it is the first argument of run",
	"p":          "there are no parameters while a recipe is loaded; they are the second argument of run",
}

// missingGlobal is what reading a global comes to that has not been made: it is
// made, or an error names it.
func (v *vm) missingGlobal(L *lua.LState) int {
	name := L.Get(2).String()
	if value := v.global(L, name); value != lua.LNil {
		L.Push(value)
		return 1
	}
	e := effect.Errorf(effect.Script, "", "undefined variable %s", name)
	if hint, ok := closedDoors[name]; ok {
		e.Hint = hint
	} else if near := spelling.Nearest(name, v.globalNames()); near != "" {
		e.Message += " (did you mean " + near + "?)"
	} else if v.world == nil && isGlobalFunction(name) {
		e.Hint = name + " works only while the recipe runs"
	}
	v.raise(L, e)
	return 0
}

func isGlobalFunction(name string) bool {
	for _, g := range globals {
		if g.Name == name {
			return true
		}
	}
	return false
}

func (v *vm) globalNames() []string {
	names := v.lazy()
	v.globals().ForEach(func(key, _ lua.LValue) { names = append(names, key.String()) })
	if v.world != nil {
		for i := range v.world.Modules {
			if v.world.Modules[i].Global {
				names = append(names, v.world.Modules[i].Name)
			}
		}
	}
	return names
}

// The small argument readers of the globals; each names function and argument.

func (v *vm) wantString(L *lua.LState, n int, op, name string) string {
	v.touch(L, L.Get(n))
	text, ok := L.Get(n).(lua.LString)
	if !ok {
		v.invalidf(L, op, "%s: expected a string, got %s", name, v.got(L.Get(n)))
	}
	return string(text)
}

func (v *vm) wantFunction(L *lua.LState, n int, op, name string) *lua.LFunction {
	v.touch(L, L.Get(n))
	fn, ok := L.Get(n).(*lua.LFunction)
	if !ok {
		v.invalidf(L, op, "%s: expected a function, got %s", name, v.got(L.Get(n)))
	}
	return fn
}

func (v *vm) got(value lua.LValue) string {
	switch value := value.(type) {
	case *lua.LNilType:
		return "nil"
	case lua.LString:
		return "the string " + quoteShort(string(value))
	case lua.LNumber, lua.LBool:
		return "the " + value.Type().String() + " " + value.String()
	default:
		return article(v.typeName(value))
	}
}

func quoteShort(s string) string {
	if len(s) > 40 {
		s = s[:37] + "..."
	}
	return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"`
}

// options reads a table of options; unknown names are refused.
func (v *vm) options(L *lua.LState, value lua.LValue, op string, known ...string) map[string]lua.LValue {
	out := map[string]lua.LValue{}
	if value == lua.LNil {
		return out
	}
	t, ok := value.(*lua.LTable)
	if !ok {
		v.invalidf(L, op, "expected a table of options, got %s", v.got(value))
	}
	t.ForEach(func(key, item lua.LValue) {
		out[key.String()] = item
	})
	for name := range out {
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			problem := "unknown option \"" + name + "\""
			v.invalidf(L, op, "%s", problem+spelling.Guess(name, known))
		}
	}
	return out
}

func (v *vm) optString(L *lua.LState, opts map[string]lua.LValue, op, name string) string {
	switch value := opts[name].(type) {
	case nil:
		return ""
	case lua.LString:
		return string(value)
	case lua.LNumber:
		return value.String()
	default:
		v.invalidf(L, op, "%s: expected a string, got %s", name, v.got(value))
		return ""
	}
}

func (v *vm) optSeconds(L *lua.LState, opts map[string]lua.LValue, op, name string, otherwise float64) float64 {
	switch value := opts[name].(type) {
	case nil:
		return otherwise
	case lua.LNumber:
		if value >= 0 {
			return float64(value)
		}
	}
	v.invalidf(L, op, "%s: expected a number, 0 or more, got %s", name, v.got(opts[name]))
	return 0
}

func (v *vm) optBool(L *lua.LState, opts map[string]lua.LValue, op, name string) bool {
	switch value := opts[name].(type) {
	case nil:
		return false
	case lua.LBool:
		return bool(value)
	default:
		v.invalidf(L, op, "%s: expected true or false, got %s", name, v.got(value))
		return false
	}
}

package script

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/pm"

	"bsdrun/runtime/effect"
)

// expectGlobals are the checks that tests make. Each raises an error when what it
// sees is something else.
var expectGlobals = []Global{
	{
		Name: "expect.equal", Usage: "expect.equal(got, want, [what])",
		Doc:     "Fails the test unless both are the same: tables with all they hold. The failure shows the difference.",
		Params:  []GlobalParam{{"got", "any", "what came of it"}, {"want", "any", "what must have"}, {"what", "string?", "is compared, for people"}},
		Example: `expect.equal(run.result.pools[1].name, "zroot")`,
		fn:      (*vm).expectEqual,
	},
	{
		Name: "expect.like", Usage: "expect.like(got, want, [what])",
		Doc:     "Fails the test unless got has all that want has; it may have more.",
		Params:  []GlobalParam{{"got", "any", "what came of it"}, {"want", "any", "what must be in there"}, {"what", "string?", "is compared, for people"}},
		Example: `expect.like(run.steps[1], { name = "Find the pools", status = "ok" })`,
		fn:      (*vm).expectLike,
	},
	{
		Name: "expect.contains", Usage: "expect.contains(got, part, [what])",
		Doc:     "Fails the test unless a text contains a part of it, or a list an item like it.",
		Params:  []GlobalParam{{"got", "string|table", "a text or a list"}, {"part", "any", "what must be in there"}, {"what", "string?", "is looked at, for people"}},
		Example: `expect.contains(run.error.message, "DEGRADED")`,
		fn:      (*vm).expectContains,
	},
	{
		Name: "expect.matches", Usage: "expect.matches(text, pattern, [what])",
		Doc:     "Fails the test unless a text matches a pattern of Lua's.",
		Params:  []GlobalParam{{"text", "string", "the text"}, {"pattern", "string", "the pattern"}, {"what", "string?", "is looked at, for people"}},
		Example: `expect.matches(m.file.read("/etc/motd"), "^Welcome")`,
		fn:      (*vm).expectMatches,
	},
	{
		Name: "expect.yes", Usage: "expect.yes(value, [what])",
		Doc:    "Fails the test when a value is false or nil.",
		Params: []GlobalParam{{"value", "any", "the value"}, {"what", "string?", "must be so, for people"}},
		fn:     func(v *vm, L *lua.LState) int { return v.expectTruth(L, "expect.yes", true) },
	},
	{
		Name: "expect.no", Usage: "expect.no(value, [what])",
		Doc:    "Fails the test unless a value is false or nil.",
		Params: []GlobalParam{{"value", "any", "the value"}, {"what", "string?", "must not be so, for people"}},
		fn:     func(v *vm, L *lua.LState) int { return v.expectTruth(L, "expect.no", false) },
	},
	{
		Name: "expect.fails", Usage: "expect.fails(fn, [part])",
		Doc:     "Calls a function, fails the test unless that raises an error, and returns the error.",
		Params:  []GlobalParam{{"fn", "fun()", "what must fail"}, {"part", "string?", "must be in the message"}},
		Returns: "Error",
		Example: `expect.fails(function() m.zpool.status("nowhere") end, "no such pool")`,
		fn:      (*vm).expectFails,
	},
}

func (v *vm) openExpect() {
	library := v.state.CreateTable(0, len(expectGlobals))
	for _, g := range expectGlobals {
		_, name, _ := strings.Cut(g.Name, ".")
		library.RawSetString(name, v.function(g))
	}
	v.state.SetGlobal("expect", library)
}

// data is a value that can be compared; a test that compares functions is told.
func (v *vm) data(L *lua.LState, n int, op, name string) any {
	data, err := v.plain(L.Get(n))
	if err != nil {
		v.invalidf(L, op, "%s: %v", name, err)
	}
	return sameNumbers(data)
}

// sameNumbers has all numbers in one type, and no difference between an empty list
// and an empty table.
func sameNumbers(data any) any {
	switch data := data.(type) {
	case int64:
		return float64(data)
	case []any:
		if len(data) == 0 {
			return map[string]any{}
		}
		out := make([]any, len(data))
		for i, item := range data {
			out[i] = sameNumbers(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(data))
		for name, item := range data {
			out[name] = sameNumbers(item)
		}
		return out
	}
	return data
}

// told begins a failure with what the test says of it.
func (v *vm) told(L *lua.LState, n int) string {
	if text, ok := L.Get(n).(lua.LString); ok {
		return string(text) + ": "
	}
	return ""
}

func (v *vm) expectEqual(L *lua.LState) int {
	got, want := v.data(L, 1, "expect.equal", "got"), v.data(L, 2, "expect.equal", "want")
	if !reflect.DeepEqual(got, want) {
		v.raise(L, expectation("expect.equal", "%s%s", v.told(L, 3), difference(got, want)))
	}
	return 0
}

func (v *vm) expectLike(L *lua.LState) int {
	got, want := v.data(L, 1, "expect.like", "got"), v.data(L, 2, "expect.like", "want")
	if !like(got, want) {
		v.raise(L, expectation("expect.like", "%s%s", v.told(L, 3), difference(common(got, want), want)))
	}
	return 0
}

// like tells whether got has all that want has.
func like(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for name, item := range want {
			if value, has := fields[name]; !has || !like(value, item) {
				return false
			}
		}
		return fields != nil || len(want) == 0 && isList(got)
	case []any:
		items, ok := got.([]any)
		return ok && len(items) == len(want) && !slices.ContainsFunc(indices(want), func(i int) bool { return !like(items[i], want[i]) })
	}
	return reflect.DeepEqual(got, want)
}

func isList(v any) bool { _, is := v.([]any); return is }

func indices(list []any) []int {
	out := make([]int, len(list))
	for i := range list {
		out[i] = i
	}
	return out
}

// common is got without what want says nothing of.
func common(got, want any) any {
	switch want := want.(type) {
	case map[string]any:
		fields, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		for name := range want {
			if value, has := fields[name]; has {
				out[name] = common(value, want[name])
			}
		}
		return out
	case []any:
		items, ok := got.([]any)
		if !ok || len(items) != len(want) {
			return got
		}
		out := make([]any, len(items))
		for i := range items {
			out[i] = common(items[i], want[i])
		}
		return out
	}
	return got
}

func (v *vm) expectContains(L *lua.LState) int {
	if text, ok := L.Get(1).(lua.LString); ok {
		part := v.wantString(L, 2, "expect.contains", "part")
		if !strings.Contains(string(text), part) {
			v.raise(L, expectation("expect.contains", "%sthere is no %s in\n%s", v.told(L, 3), strconv.Quote(part), indent(string(text))))
		}
		return 0
	}
	got, want := v.data(L, 1, "expect.contains", "got"), v.data(L, 2, "expect.contains", "part")
	list, _ := got.([]any)
	if _, isTable := L.Get(1).(*lua.LTable); !isTable {
		v.invalidf(L, "expect.contains", "got: expected a text or a list, got %s", v.got(L.Get(1)))
	}
	if !slices.ContainsFunc(list, func(item any) bool { return like(item, want) }) {
		v.raise(L, expectation("expect.contains", "%sno item is like\n%s\nin\n%s", v.told(L, 3), indent(pretty(want)), indent(pretty(got))))
	}
	return 0
}

func (v *vm) expectMatches(L *lua.LState) int {
	text, pattern := v.wantString(L, 1, "expect.matches", "text"), v.wantString(L, 2, "expect.matches", "pattern")
	found, err := pm.Find(pattern, []byte(text), 0, 1)
	if err != nil {
		v.invalidf(L, "expect.matches", "pattern: %v", err)
	}
	if len(found) == 0 {
		v.raise(L, expectation("expect.matches", "%sthe pattern %s is nowhere in\n%s", v.told(L, 3), strconv.Quote(pattern), indent(text)))
	}
	return 0
}

func (v *vm) expectTruth(L *lua.LState, op string, want bool) int {
	if lua.LVAsBool(L.Get(1)) != want {
		v.raise(L, expectation(op, "%sgot %s", v.told(L, 2), v.got(L.Get(1))))
	}
	return 0
}

func (v *vm) expectFails(L *lua.LState) int {
	fn := v.wantFunction(L, 1, "expect.fails", "fn")
	_, failure := v.protected(L, v.ctx, fn)
	if failure == nil {
		v.raise(L, expectation("expect.fails", "nothing failed"))
	}
	if v.mustPass(failure) {
		L.Error(failure, 0)
	}
	err := v.toError(failure)
	if part, ok := L.Get(2).(lua.LString); ok && !strings.Contains(err.Error(), string(part)) {
		v.raise(L, expectation("expect.fails", "there is no %s in the error\n%s", strconv.Quote(string(part)), indent(err.Error())))
	}
	L.Push(v.errorValue(L, effect.AsError(err)))
	return 1
}

// difference shows two values that are not the same.
func difference(got, want any) string {
	if a, b, texts := textsOf(want, got); texts {
		return "they differ\n" + strings.TrimSuffix(udiff.Unified("want", "got", a, b), "\n")
	}
	a, b := pretty(want), pretty(got)
	if !strings.Contains(a+b, "\n") && len(a)+len(b) < 120 {
		return fmt.Sprintf("got %s, want %s", b, a)
	}
	return "they differ\n" + strings.TrimSuffix(udiff.Unified("want", "got", a+"\n", b+"\n"), "\n")
}

// textsOf are two values that are both texts, one of them of several lines.
func textsOf(want, got any) (a, b string, both bool) {
	a, isText := want.(string)
	b, areTexts := got.(string)
	return a, b, isText && areTexts && strings.Contains(a+b, "\n")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ")
}

// pretty writes plain data as a script would, one entry a line.
func pretty(data any) string {
	switch data := data.(type) {
	case nil:
		return "nil"
	case string:
		return strconv.Quote(data)
	case []any:
		lines := make([]string, len(data))
		for i, item := range data {
			lines[i] = indent(pretty(item)) + ","
		}
		return "{\n" + strings.Join(lines, "\n") + "\n}"
	case map[string]any:
		if len(data) == 0 {
			return "{}"
		}
		var lines []string
		for _, name := range sortedNames(data) {
			lines = append(lines, "  "+name+" = "+strings.TrimPrefix(indent(pretty(data[name])), "  ")+",")
		}
		return "{\n" + strings.Join(lines, "\n") + "\n}"
	}
	return fmt.Sprint(data)
}

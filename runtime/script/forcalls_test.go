package script

import (
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// Lua says what each prints; without mendLoops the loops over calls of calls fail.
func TestLoopsOverCallsOfCalls(t *testing.T) {
	const helpers = `
local function said(...) local list = { ... } return { text = table.concat(list, " "), all = function() return pairs({ n = 1 }) end, n = #list } end
local out = {}
local function put(...) for _, v in ipairs{ ... } do out[#out + 1] = tostring(v) end end
`
	for source, want := range map[string]string{
		`for w in said("a", "b").text:gmatch("%S+") do put(w) end`:                                          "a b",
		`for k, v in said("a").all() do put(k, v) end`:                                                      "n 1",
		`for k, v in (said("a")).all() do put(k, v) end`:                                                    "n 1",
		`for k, v in said("a").all(), nil do put(k, v) end`:                                                 "error",
		`local function f(...) for w in said(...).text:gmatch("%S") do put(w) end end f("x", "y")`:          "x y",
		`local f = { g = function() for w in said("a", "b").text:gmatch("%S") do put(w) end end } f.g()`:    "a b",
		`for w in said("a").text:gmatch("%S") do for v in said(w, "b").text:gmatch("%S") do put(v) end end`: "a b",
		`for w in said("a", "b").text:gmatch("%S") do if w == "b" then break end put(w) end`:                "a",
		`for i = said("a").n, said("a", "b").n do put(i) end`:                                               "1 2",
		`local a, b = said("a").text:gsub("a", "b") put(a, b)`:                                              "b 1",
		`local a, b a, b = said("a").text:gsub("a", "b") put(a, b)`:                                         "b 1",
	} {
		_, proto, err := compile("t", []byte(helpers+source+"\nreturn table.concat(out, ' ')"), nil)
		if err != nil {
			t.Fatal(err)
		}
		l := lua.NewState()
		l.Push(l.NewFunctionFromProto(proto))
		got := "error"
		if l.PCall(0, 1, nil) == nil {
			got = l.ToString(-1)
		}
		l.Close()
		if got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

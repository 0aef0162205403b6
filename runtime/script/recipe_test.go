package script

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"bsdrun/runtime/effect"
)

const goodRecipe = `#!/usr/bin/env bsdrun
--- Builds packages from a tree of one's own. It needs space.
---
--- More about it.
---@diagnostic disable: unused-local

-- not part of the doc
local recipe = {
  needs  = { os = "FreeBSD", release = "13.0", arch = { "amd64", "arm64" }, root = true },
  params = {
    uri     = { type = "string", doc = "the repository", required = true, pattern = "https?://.+" },
    origins = { type = "list", doc = "what to build", required = true },
    jobs    = { type = "integer", doc = "how many at once", default = 4 },
    method  = { doc = "how", enum = { "git", "rsync" }, default = "git" },
    options = { type = "table", doc = "options by port", default = {} },
    space   = { type = "size", doc = "space to leave", default = "20G" },
    limit   = { type = "duration", doc = "how long", default = "1h30m" },
    verbose = { type = "boolean", doc = "more of it" },
    token   = { type = "secret", doc = "to fetch with" },
  },
  example = { uri = "https://git.example.org/ports.git", origins = { "misc/hello" } },
  sim     = "builder",
  roles   = { builder = { doc = "builds", needs = { os = "FreeBSD" } } },
}

function recipe.run(h, p)
  return { name = h.name, uri = p.uri, first = p.origins[1], jobs = p.jobs, space = p.space, limit = p.limit, token = p.token and "given" }
end

return recipe
`

func TestRecipe(t *testing.T) {
	p, err := Compile("ports.lua", []byte(goodRecipe), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Recipe{
		Doc:   "Builds packages from a tree of one's own. It needs space.\n\nMore about it.",
		Needs: Needs{OS: []string{"FreeBSD"}, Release: "13.0", Arch: []string{"amd64", "arm64"}, Root: true},
		Params: []Param{
			{Name: "uri", Type: "string", Doc: "the repository", Required: true, Pattern: "https?://.+"},
			{Name: "origins", Type: "list", Doc: "what to build", Required: true},
			{Name: "jobs", Type: "integer", Doc: "how many at once", Default: int64(4)},
			{Name: "method", Type: "string", Doc: "how", Enum: []string{"git", "rsync"}, Default: "git"},
			{Name: "options", Type: "table", Doc: "options by port", Default: map[string]any{}},
			{Name: "space", Type: "size", Doc: "space to leave", Default: int64(20 << 30)},
			{Name: "limit", Type: "duration", Doc: "how long", Default: 5400.0},
			{Name: "verbose", Type: "boolean", Doc: "more of it"},
			{Name: "token", Type: "secret", Doc: "to fetch with"},
		},
		Example: map[string]any{"uri": "https://git.example.org/ports.git", "origins": []any{"misc/hello"}},
		Sim:     "builder",
		Roles:   map[string]Role{"builder": {Doc: "builds", Needs: Needs{OS: []string{"FreeBSD"}}}},
	}
	if diff := cmp.Diff(want, p.Recipe, cmpopts.IgnoreUnexported(Param{})); diff != "" {
		t.Error(diff)
	}
	params, err := p.Params(map[string]any{"uri": "https://git.example.org/x.git", "origins": "a/b,c/d", "jobs": "8", "token": "db"})
	if err != nil {
		t.Fatal(err)
	}
	w, _ := testWorld(nil)
	w.Params = params
	got, err := p.Run(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	wantResult := map[string]any{
		"name": "web1", "uri": "https://git.example.org/x.git", "first": "a/b", "jobs": int64(8),
		"space": int64(20 << 30), "limit": int64(5400), "token": "given",
	}
	if diff := cmp.Diff(wantResult, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongParams(t *testing.T) {
	p, err := Compile("ports.lua", []byte(goodRecipe), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Params(nil)
	if got, want := effect.AsError(err).Message, "uri is missing: the repository (string)\norigins is missing: what to build (list)"; got != want || effect.KindOf(err) != effect.Usage {
		t.Errorf("got %q", got)
	}
	tests := []struct {
		name, value string
		want        string
	}{
		{"uri", "git://x", `uri: "git://x" does not match https?://.+`},
		{"jobs", "many", "jobs: expected a number, got \"many\""},
		{"jobs", "1.5", "jobs: expected a whole number, got 1.5"},
		{"method", "gti", `method: expected one of git, rsync, got "gti" (did you mean "git"?)`},
		{"options", "x", `options: expected name=value,..., got "x"`},
		{"space", "big", `space: expected a size like 20G, got "big"`},
		{"limit", "soon", "limit: expected seconds, or a duration like 90m, got soon"},
		{"verbose", "maybe", "verbose: expected true or false, got maybe"},
		{"orgins", "x", `there is no parameter "orgins" (did you mean "origins"?)`},
		{"origins", "[1,", "origins: expected a list: unexpected end of JSON input"},
	}
	for _, test := range tests {
		given := map[string]any{"uri": "https://x", "origins": "a/b"}
		given[test.name] = test.value
		_, err := p.Params(given)
		if err == nil || effect.AsError(err).Message != test.want {
			t.Errorf("%s=%s: got %v", test.name, test.value, err)
		}
	}
}

func TestParamForms(t *testing.T) {
	tests := []struct {
		param Param
		given any
		want  any
	}{
		{Param{Type: "list"}, "a b\nc,d", []any{"a", "b", "c", "d"}},
		{Param{Type: "list"}, `["a b", "c"]`, []any{"a b", "c"}},
		{Param{Type: "list"}, "", []any{}},
		{Param{Type: "list"}, map[string]any{}, []any{}},
		{Param{Type: "table"}, "a=1,b = 2", map[string]any{"a": "1", "b": " 2"}},
		{Param{Type: "table"}, `{"a": {"b": true}}`, map[string]any{"a": map[string]any{"b": true}}},
		{Param{Type: "table"}, []any{}, map[string]any{}},
		{Param{Type: "boolean"}, "YES", true},
		{Param{Type: "boolean"}, "off", false},
		{Param{Type: "size"}, "1.5K", int64(1536)},
		{Param{Type: "size"}, "2GiB", int64(2 << 30)},
		{Param{Type: "size"}, int64(7), int64(7)},
		{Param{Type: "duration"}, "90", 90.0},
		{Param{Type: "duration"}, "2m", 120.0},
		{Param{Type: "number"}, "2.5", 2.5},
		{Param{Type: "integer"}, 3.0, int64(3)},
		{Param{Type: "host"}, "web2", "web2"},
	}
	for _, test := range tests {
		got, err := test.param.check(test.given)
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s %v: %v %s", test.param.Type, test.given, err, diff)
		}
	}
}

func TestWrongDeclarations(t *testing.T) {
	const doc = "--- A recipe.\n"
	tests := []struct{ source, want string }{
		{`return { run = function() end }`, "the file must begin with a comment that tells what the recipe does"},
		{doc + `return { run = function() end, parms = {} }`, `unknown field "parms" (did you mean "params"?)`},
		{doc + `return { run = function() end, colour = 1 }`, `unknown field "colour"; known are needs, params, example, sim, roles, run, summary, undo`},
		{doc + `local r = {} r.run = 1 return r`, "run: expected a function"},
		{doc + `local r = { params = {} } return r`, "run: expected a function"},
		{doc + `return { needs = { os = "FreeBSD" } }`, "run: expected a function"},
		{doc + `return { run = function() end, summary = {} }`, "summary: expected a function"},
		{doc + `return { run = function() end, sim = 5 }`, "sim: expected a string"},
		{doc + `return { run = function() end, needs = { os = 1 } }`, "needs.os: expected a string or a list of strings"},
		{doc + `return { run = function() end, needs = { oss = "x" } }`, `needs: unknown field "oss" (did you mean "os"?)`},
		{doc + `return { run = function() end, needs = "FreeBSD" }`, "needs: expected a table of named fields"},
		{doc + `return { run = function() end, params = { "a" } }`, "params: expected a table of named fields"},
		{doc + `return { run = function() end, params = { a = {} } }`, "params.a.doc: missing"},
		{doc + `return { run = function() end, params = { a = "x" } }`, "params.a: expected a table of named fields"},
		{doc + `return { run = function() end, params = { a = { doc = "x", type = "int" } } }`, `params.a.type: unknown type "int"; known are ` + strings.Join(ParamTypes, ", ")},
		{doc + `return { run = function() end, params = { a = { doc = "x", required = "yes" } } }`, "params.a.required: expected true or false"},
		{doc + `return { run = function() end, params = { a = { doc = "x", required = true, default = "b" } } }`, "params.a: is required and has a default"},
		{doc + `return { run = function() end, params = { a = { doc = "x", pattern = "(" } } }`, "params.a.pattern: error parsing regexp: missing closing ): `^(?:()$`"},
		{doc + `return { run = function() end, params = { a = { doc = "x", type = "integer", default = "b" } } }`, "params.a.default: expected a number, got \"b\""},
		{doc + `return { run = function() end, params = { a = { doc = "x", enum = { "p", "q" }, default = "b" } } }`, `params.a.default: expected one of p, q, got "b"`},
		{doc + `return { run = function() end, params = { a = { doc = "x" } }, example = { b = 1 } }`, `example: unknown field "b"; known are a`},
		{doc + `return { run = function() end, params = { a = { doc = "x" } }, example = { a = 1 } }`, "example.a: expected a string, got 1"},
		{doc + `return { run = function() end, roles = { a = { needs = { arch = {1} } } } }`, "roles.a.needs.arch[1]: expected a string"},
		{doc + `return { run = function() end, params = { a = { doc = "x", default = print } } }`, "params.a.default is a function, not plain data"},
	}
	for _, test := range tests {
		_, err := Compile("r.lua", []byte(test.source), Options{})
		e := effect.AsError(err)
		if e == nil || e.Message != test.want || e.At != "r.lua" || e.Kind != effect.Script {
			t.Errorf("%s\ngot  %v\nwant %s", test.source, err, test.want)
		}
	}
}

// A recipe is known by its run function; everything else is run as it stands.
func TestRecipeOrStatements(t *testing.T) {
	tests := []struct {
		source string
		recipe bool
	}{
		{"--- R.\nlocal r = {}\nfunction r.run(h, p) end\nreturn r", true},
		{"--- R.\nlocal r = {}\nr.run = function() end\nreturn r", true},
		{"--- R.\nreturn { run = function(h) end }", true},
		{"--- R.\nlocal function f() end\nreturn { run = f }", true},
		{"return h.name", false},
		{"h.run('x')\nreturn { ok = true }", false},
		{"local r = { run = 'text' }\nreturn r", false},
		{"h.x.put{ params = {} }\nreturn 1", false},
		{"local r = {}\nfunction r.run() end", false},
		{"", false},
	}
	for _, test := range tests {
		p, err := Compile("r.lua", []byte(test.source), Options{})
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		if (p.Recipe != nil) != test.recipe {
			t.Errorf("%s: recipe %t", test.source, p.Recipe != nil)
		}
	}
}

// While a recipe is loaded there is no host, and nothing can be done.
func TestLoadingTouchesNothing(t *testing.T) {
	for _, top := range []string{"h.run('x')", "step('x', print)", "fail('x')", "log('x')", "local x = p.a", "secret('x')"} {
		_, err := Compile("r.lua", []byte("--- R.\n"+top+"\nreturn { run = function() end }"), Options{})
		e := effect.AsError(err)
		if e == nil || !strings.HasPrefix(e.Message, "undefined variable") || e.Hint == "" {
			t.Errorf("%s: got %v", top, err)
		}
	}
}

func TestOneProgramManyHosts(t *testing.T) {
	p, err := Compile("test.lua", []byte(`n = (rawget(_G, "n") or 0) + 1; for i = 1, 1000 do n = n + 0 end; return { n, h.zpool.status("a").state }`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 20 {
		go func() {
			w, _ := testWorld(nil)
			got, err := p.Run(context.Background(), w)
			if err == nil && !cmp.Equal(got, []any{int64(1), "ONLINE"}) {
				err = effect.Errorf(effect.Failed, "", "got %v", got)
			}
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestLoadData(t *testing.T) {
	got, err := LoadData(t.Context(), "hosts.lua", []byte(`local hosts = {}
		for i = 1, 2 do hosts[i] = { name = string.format("web%02d", i) } end
		return { hosts = hosts, vars = { site = "north" } }`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"hosts": []any{map[string]any{"name": "web01"}, map[string]any{"name": "web02"}},
		"vars":  map[string]any{"site": "north"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, code := range []string{"return h", "return print", "return { f = function() end }", "step('x', print)", "require('x')"} {
		if got, err := LoadData(t.Context(), "hosts.lua", []byte(code)); effect.AsError(err) == nil {
			t.Errorf("%s: got %v", code, got)
		}
	}
}

func TestASummaryOnlyComputes(t *testing.T) {
	p, err := Compile("sum.lua", []byte("--- Sums up.\nlocal r = { params = {} }\nfunction r.run() end\n"+
		"function r.summary(hosts) return { n = #hosts, first = hosts[1].host, step = pcall(function() return step end), gone = hosts[1].result == nil } end\nreturn r"), Options{})
	if err != nil || !p.Recipe.Summary {
		t.Fatal(p, err)
	}
	got, err := p.Summarize(t.Context(), Options{}, []any{map[string]any{"host": "a", "result": nil}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"n": int64(1), "first": "a", "step": false, "gone": true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDefaultsOfDurations(t *testing.T) {
	for given, want := range map[string]string{"840h": "840h", "90s": "1m30s", "30m": "30m", "1h30m": "1h30m", "0": "0s"} {
		p := Param{Name: "within", Type: "duration"}
		var err error
		if p.Default, err = p.check(given); err != nil {
			t.Fatal(err)
		}
		if got := p.Synopsis(); got != "within=DURATION (default "+want+")" {
			t.Errorf("%s: %s", given, got)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/lint"
	"bsdrun/runtime/rehearse"
	"bsdrun/runtime/script"
	"bsdrun/stdlib"
)

// TestLintFindsNothing looks at what is shipped: recipes, what they share, the
// examples of the pages and of the declarations.
func TestLintFindsNothing(t *testing.T) {
	var out, errOut bytes.Buffer
	if code := run(context.Background(), []string{"lint", "../../recipes"}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Errorf("recipes: exit code %d\n%s%s", code, out.String(), errOut.String())
	}
	// An example shows how to get a value, not what for, and from what.
	clean := func(at, text string, but ...string) {
		t.Helper()
		src := source{name: at, text: []byte(text), root: t.TempDir()}
		o := lint.Options{Kind: kindOf(src), Modules: stdlib.Modules()}
		if isTests(text) {
			o.Kind, o.Modules = lint.Test, append(o.Modules, rehearse.Modules()...)
		}
		for _, f := range lint.Check(at, src.text, o) {
			if !slices.Contains(append(but, "unused"), f.Rule) {
				t.Errorf("%s\n%s", f, text)
			}
		}
	}
	for _, b := range examples(t) {
		if b.language == "lua" {
			clean(b.at, b.text)
		}
	}
	for _, e := range binding.Entries(append(stdlib.Modules(), rehearse.Modules()...)) {
		clean(e.Name(), e.Func.Example, "undefined", "global")
	}
	for _, g := range slices.Concat(script.Globals(), script.TestGlobals()) {
		clean(g.Name, g.Example, "undefined", "global")
	}
}

func TestLintCommand(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, folder := range []string{"lib", ".git", "_meta", "files"} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write("good.lua", "return h.facts.release\n")
	write("lib/pools.lua", "return function(h) return h.zpool.list() end\n")
	write(".git/x.lua", "wrong wrong")
	write("_meta/x.lua", "wrong wrong")
	lintOf := func(want int, args ...string) (string, string) {
		t.Helper()
		var out, errOut bytes.Buffer
		if code := run(context.Background(), append([]string{"lint"}, args...), strings.NewReader("h.pkgs.list()\n"), &out, &errOut); code != want {
			t.Errorf("lint %q: exit code %d, want %d\n%s%s", args, code, want, out.String(), errOut.String())
		}
		return out.String(), errOut.String()
	}
	if out, told := lintOf(0); out != "" || told != "2 files, nothing found\n" {
		t.Errorf("%q, %q", out, told)
	}
	write("bad.lua", "--- Bad.\nlocal recipe = { params = { pool = { tpye = \"string\", doc = \"x\" } } }\nfunction recipe.run(_, p) return p.pool end\nreturn recipe\n")
	write("lib/bad.lua", "return h.name\n")
	write("broken.lua", "local x =\n")
	out, told := lintOf(5)
	want := `bad.lua:2:38: params.pool: unknown field "tpye" (did you mean "type"?) (declaration)
broken.lua:2:1: expected a value, got the end of the file (syntax)
lib/bad.lua:1:8: h is not defined (undefined)
  hint: functions get it from who calls them
`
	if out != want || told != "3 findings in 5 files\n" {
		t.Errorf("%s\n%s", out, told)
	}
	if out, _ = lintOf(5, "-"); out != "-:1:3: a host has no field \"pkgs\" (did you mean \"pkg\"?) (field)\n" {
		t.Error(out)
	}
	out, _ = lintOf(5, "--json", "broken.lua")
	var report struct {
		Files    int
		Findings []lint.Finding
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Files != 1 || len(report.Findings) != 1 || report.Findings[0].Line != 2 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _ = lintOf(0, "--json", "good.lua"); !strings.Contains(out, `"findings": []`) {
		t.Error(out)
	}
	lintOf(0, "poudriere")
	lintOf(64, "nowhere.lua")
	lintOf(64, "files")
}

package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/lint"
	"bsdrun/stdlib"
)

// wanted is what the comments of a file with mistakes expect: --! COLUMN RULE:
// MESSAGE behind each line that has one.
var wanted = regexp.MustCompile(`--! (\d+) (\w+): (.*)$`)

func expected(text string) []string {
	var all []string
	for i, line := range strings.Split(text, "\n") {
		if m := wanted.FindStringSubmatch(line); m != nil {
			all = append(all, fmt.Sprintf("%d:%s: %s (%s)", i+1, m[1], m[3], m[2]))
		}
	}
	return all
}

func found(t *testing.T, name, text string, kind lint.Kind) []string {
	t.Helper()
	var all []string
	o := lint.Options{Kind: kind, Modules: stdlib.Modules(), Exists: func(name string) bool { return !strings.HasPrefix(name, "nowhere") }}
	for _, f := range lint.Check(name, []byte(text), o) {
		all = append(all, fmt.Sprintf("%d:%d: %s (%s)", f.Line, f.Column, f.Message, f.Rule))
	}
	return all
}

// TestMistakes finds every mistake of the files, at its place, and nothing else.
func TestMistakes(t *testing.T) {
	kinds := map[string]lint.Kind{"recipe.lua": lint.Recipe, "script.lua": lint.Script, "library.lua": lint.Library}
	seeded := 0
	for name, kind := range kinds {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		want, have := expected(string(text)), found(t, name, string(text), kind)
		seeded += len(want)
		for _, w := range want {
			if !slices.Contains(have, w) {
				t.Errorf("%s: not found: %s", name, w)
			}
		}
		for _, h := range have {
			if !slices.Contains(want, h) {
				t.Errorf("%s: found: %s", name, h)
			}
		}
	}
	if seeded < 45 {
		t.Errorf("only %d mistakes are seeded", seeded)
	}
}

// FuzzCheck looks at any text without falling over it, and reports places that are
// in the text.
func FuzzCheck(f *testing.F) {
	for _, pattern := range []string{"testdata/*.lua", "../../recipes/*.lua", "../../recipes/lib/*.lua"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Add(`local t = pcall() string.format() ("x"):format(...) h:run(h.run) step() fleet.lock(1, 2, 3, 4) json.encode{}`)
	modules := stdlib.Modules()
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 1
		for kind := lint.Recipe; kind <= lint.Test; kind++ {
			for _, found := range lint.Check("f.lua", []byte(text), lint.Options{Kind: kind, Modules: modules}) {
				if found.Line < 1 || found.Line > lines || found.Column < 1 {
					t.Errorf("%s", found)
				}
			}
		}
	})
}

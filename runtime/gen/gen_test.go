package gen

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/script"
)

var update = flag.Bool("update", false, "rewrite testdata")

type rule struct {
	Port  int           `lua:"port,required" doc:"the port"`
	Proto string        `lua:"proto" doc:"the protocol" enum:"tcp|udp" default:"tcp"`
	After time.Duration `lua:"after" doc:"how long to wait"`
}

type putArgs struct {
	Path    string            `lua:"path,required" doc:"the file | its path"`
	Content binding.Content   `lua:"content,required" doc:"what goes in"`
	Owner   string            `lua:"owner,pos" doc:"whose it is"`
	Rules   []rule            `lua:"rules" doc:"what to let in"`
	Labels  map[string]string `lua:"labels" doc:"marks"`
	Levels  []int             `lua:"levels" doc:"which" enum:"1|2"`
	To      effect.Doer       `lua:"to" doc:"another host"`
	Key     effect.Secret     `lua:"key" doc:"the key"`
}

type node struct {
	Name     string `lua:"name" doc:"its name"`
	Children []node `lua:"children" doc:"what is below"`
}

type putResult struct {
	Changed bool      `lua:"changed" doc:"differs now"`
	Tree    node      `lua:"tree" doc:"the tree"`
	Sum     string    `lua:"sum,produced" doc:"the hash"`
	When    time.Time `lua:"when,omitempty" doc:"since when"`
}

func modules() []binding.Module {
	return []binding.Module{
		{Name: "thing", Doc: "Things of the host. More about things.", Funcs: []binding.Func{
			{Name: "list", Doc: "Lists things.", Call: func(context.Context, effect.Doer) ([]string, error) { return nil, nil }},
			{
				Name: "conf.put", Kind: effect.Change, Risk: effect.Irreversible, Doc: "Puts a thing. Converges.", See: []string{"thing(8)"},
				Raises: []string{`kind "missing": no thing`}, Example: `h.thing.conf.put("/a", "b")`,
				Call: func(context.Context, effect.Doer, putArgs) (putResult, error) { return putResult{}, nil },
			},
		}},
		{
			Name: "verbs", Doc: "What every host does.", Verbs: true,
			Funcs: []binding.Func{
				{Name: "run", Kind: effect.Change, Doc: "Runs.", Call: func(context.Context, effect.Doer, struct {
					Command any `lua:"command,required" doc:"the command"`
				}) (putResult, error) {
					return putResult{}, nil
				}},
				{Name: "facts", Property: true, Doc: "Facts.", Call: func(context.Context, effect.Doer) (node, error) { return node{}, nil }},
			},
			Classes: []binding.Class{{Name: "job", Doc: "A job.", Funcs: []binding.Func{
				{Name: "wait", Doc: "Waits.", Call: func(context.Context, effect.Doer, struct {
					ID string `lua:"id,required" doc:"the job"`
				}) error {
					return nil
				}},
			}}},
		},
		{Name: "clockwork", Doc: "Time.", Global: true, Funcs: []binding.Func{
			{Name: "now", Doc: "Now.", Call: func(context.Context) (time.Time, error) { return time.Time{}, nil }},
		}},
	}
}

func TestModulesAreValid(t *testing.T) {
	for _, m := range modules() {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// The golden files were read through by eye; -update rewrites them.
func TestGolden(t *testing.T) {
	files := Files(modules())
	for _, name := range []string{"docs/reference/README.md", "docs/reference/thing.md", "docs/reference/verbs.md", "recipes/_meta/thing.lua", "recipes/_meta/verbs.lua", "recipes/_meta/clockwork.lua"} {
		golden := filepath.Join("testdata", filepath.Base(name)+".golden")
		if *update {
			if err := os.WriteFile(golden, files[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(files[name])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestStubsAreLuaThatCannotBeRequired(t *testing.T) {
	for name, content := range Files(modules()) {
		if !strings.HasSuffix(name, ".lua") {
			continue
		}
		lines := strings.Split(string(content), "\n")
		if lines[0] != "---@meta" || lines[1] != `error("Cannot require a meta file")` {
			t.Errorf("%s begins with %q", name, lines[:2])
		}
		if _, err := script.Compile(name, content, script.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryGlobalIsDescribed(t *testing.T) {
	files := Files(modules())
	for _, g := range script.Globals() {
		if !strings.Contains(string(files["docs/reference/script.md"]), "\n## "+g.Name+"\n") {
			t.Errorf("%s is not in the reference", g.Name)
		}
		if !strings.Contains(string(files["recipes/_meta/bsdrun.lua"]), "\nfunction "+g.Name+"(") && g.Type == "" {
			t.Errorf("%s is not in the stubs", g.Name)
		}
	}
}

func TestStale(t *testing.T) {
	dir := t.TempDir()
	all := Stale(dir, modules())
	if len(all) != len(Files(modules())) {
		t.Errorf("in an empty folder %d of %d are stale", len(all), len(Files(modules())))
	}
	if err := Write(dir, modules()); err != nil {
		t.Fatal(err)
	}
	if stale := Stale(dir, modules()); len(stale) > 0 {
		t.Errorf("just written, yet stale: %v", stale)
	}
	own := filepath.Join(dir, "recipes/_meta/own.lua")
	if err := os.WriteFile(own, []byte("-- ours\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	changed := modules()
	changed[0].Funcs[0].Doc = "Lists all things."
	want := []string{"docs/reference/thing.md", "recipes/_meta/thing.lua"}
	if diff := cmp.Diff(want, Stale(dir, changed)); diff != "" {
		t.Error(diff)
	}
	fewer := modules()[1:]
	want = []string{"docs/reference/README.md", "docs/reference/thing.md", "recipes/_meta/bsdrun.lua", "recipes/_meta/thing.lua"}
	if diff := cmp.Diff(want, Stale(dir, fewer)); diff != "" {
		t.Error(diff)
	}
	if err := Write(dir, fewer); err != nil {
		t.Fatal(err)
	}
	if stale := Stale(dir, fewer); len(stale) > 0 {
		t.Errorf("stale: %v", stale)
	}
	if _, err := os.Stat(own); err != nil {
		t.Errorf("a file of one's own was removed: %v", err)
	}
}

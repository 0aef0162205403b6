// Package recipes runs the tests of the shipped recipes, as bsdrun test does.
package recipes

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/runtime/rehearse"
	"bsdrun/runtime/script"
	"bsdrun/stdlib"
)

const folder = "../../recipes"

// TestRecipes runs them all. They must come to nine lines of ten of every recipe,
// and of all that recipes share.
func TestRecipes(t *testing.T) {
	var tests []rehearse.File
	for name, source := range read(t, folder) {
		if rehearse.IsTest(name) {
			tests = append(tests, rehearse.File{Name: name, Source: source, Root: folder})
		}
	}
	o := rehearse.Options{Files: tests, Modules: stdlib.Modules(), Tools: stdlib.Tools(), Cover: &script.Coverage{}}
	results, err := rehearse.Test(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		t.Run(r.File+": "+r.Name, func(t *testing.T) {
			if r.Outcome != rehearse.Passed {
				t.Error(r.Report())
			}
		})
	}
	if len(results) < 90 {
		t.Errorf("there are only %d tests", len(results))
	}
	covered := map[string]bool{}
	var shared []rehearse.FileCoverage
	for _, f := range rehearse.Cover(o.Cover, func(name string) string { return name }) {
		covered[f.Name] = true
		if _, err := os.Stat(filepath.Join(folder, f.Name)); err != nil {
			shared = append(shared, f)
			continue
		}
		enough(t, f.Name, []rehearse.FileCoverage{f})
	}
	enough(t, "lib/", shared)
	for _, where := range []string{folder, filepath.Join(folder, "lib")} {
		for name := range read(t, where) {
			if !rehearse.IsTest(name) && !covered[name] {
				t.Errorf("%s has no tests", name)
			}
		}
	}
}

func enough(t *testing.T, what string, files []rehearse.FileCoverage) {
	t.Helper()
	share := rehearse.Percent(files)
	if share >= 90 {
		return
	}
	t.Errorf("tests come to %.1f%% of the lines of %s", share, what)
	for i := range files {
		t.Logf("%s: not to %s", files[i].Name, files[i].Missed())
	}
}

// read gives the Lua files of a folder by their names.
func read(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lua") {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

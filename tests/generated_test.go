package tests

import (
	"strings"
	"testing"

	"bsdrun/runtime/gen"
	"bsdrun/runtime/rehearse"
	"bsdrun/stdlib"
)

func TestModulesAreWellDeclared(t *testing.T) {
	for _, m := range stdlib.Modules() {
		if err := m.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestGeneratedFilesAreFresh(t *testing.T) {
	if stale := gen.Stale("..", append(stdlib.Modules(), rehearse.Modules()...)); len(stale) > 0 {
		t.Errorf("stale: %s; run make gen", strings.Join(stale, ", "))
	}
}

func TestToolsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, tool := range stdlib.Tools() {
		for _, path := range tool.Paths {
			if key := path + " of " + tool.Package; seen[key] {
				t.Errorf("two tools are %s", key)
			} else {
				seen[key] = true
			}
		}
	}
}

package base

import "testing"

// What came and went are commands that there are.
func TestSinceNamesCommands(t *testing.T) {
	have := map[string]bool{}
	for _, tool := range Tools() {
		have[tool.Name] = true
	}
	for _, table := range []map[string]string{since, until} {
		for name, release := range table {
			if !have[name] {
				t.Errorf("%s is no command of the base system", name)
			}
			if len(release) < 3 {
				t.Errorf("%s: %q is no release", name, release)
			}
		}
	}
}

// Package outcome looks at how a run ended, for tests of whole recipes.
package outcome

import (
	"strings"
	"testing"

	"bsdrun/runtime/journal"
)

// Is ends the test unless a host ended with a status, and returns the host.
func Is(t testing.TB, status string, r journal.HostReport) journal.HostReport {
	t.Helper()
	if r.Status != status {
		t.Fatalf("ended %s, want %s: %+v", r.Status, status, r.Error)
	}
	return r
}

// Result is a value in what the run returned, by the names of the tables around it
// and its own.
func Result(t testing.TB, r journal.HostReport, names ...string) any {
	t.Helper()
	value := r.Result
	for _, name := range names {
		table, ok := value.(map[string]any)
		if !ok {
			t.Fatalf("%s: no such result in %v", strings.Join(names, "."), r.Result)
		}
		value = table[name]
	}
	return value
}

// Lacks fails the test where a text lacks one of some pieces.
func Lacks(t testing.TB, what, text string, pieces ...string) {
	t.Helper()
	for _, piece := range pieces {
		if !strings.Contains(text, piece) {
			t.Errorf("%s lacks %q: %s", what, piece, text)
		}
	}
}

package transcript

import (
	"context"
	"strings"
	"testing"

	"bsdrun/runtime/sim"
)

// Sh runs a command as root.
func Sh(m *sim.Machine, script string) (out, errs string, code int) {
	return m.Exec(context.Background(), "root", "cd /; "+script)
}

// Must runs what has to work, as root, and returns what it printed.
func Must(t testing.TB, m *sim.Machine, script string) string {
	t.Helper()
	out, errs, code := Sh(m, script)
	if code != 0 {
		t.Fatalf("%s: code %d\n%s%s", script, code, out, errs)
	}
	return out
}

// Step is a command, its exit code and what its answer holds, however it is
// spaced; a text after "!" must not be there.
type Step struct {
	Script string
	Code   int
	Want   []string
}

// Steps runs commands as root one after the other. A test's own type of steps may
// be filled in without the names of fields.
func Steps[S ~struct {
	Script string
	Code   int
	Want   []string
}](t *testing.T, m *sim.Machine, list []S) {
	t.Helper()
	for _, each := range list {
		s := Step(each)
		out, errs, code := Sh(m, s.Script)
		text := strings.Join(strings.Fields(out+errs), " ")
		if code != s.Code {
			t.Errorf("%s: code %d, want %d\n%s%s", s.Script, code, s.Code, out, errs)
		}
		for _, want := range s.Want {
			without, not := strings.CutPrefix(want, "!")
			if strings.Contains(text, without) == not {
				t.Errorf("%s: %q\n%s%s", s.Script, want, out, errs)
			}
		}
	}
}

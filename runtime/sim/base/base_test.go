package base

import (
	"context"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/sim"
)

// newMachine is a FreeBSD 14.3 with the base system.
func newMachine(t *testing.T) *sim.Machine {
	t.Helper()
	m, err := sim.New(sim.Options{Name: "box", Tools: Tools()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// sh runs shell text as a user and returns both streams and the code.
func sh(t *testing.T, m *sim.Machine, user, script string) (out, errs string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return m.Exec(ctx, user, script)
}

// sample is one line of a table: a script, what it prints on standard output
// and (after "2>") on standard error, and its exit code.
type sample struct {
	script, out, errs string
	code              int
}

// try runs the samples, each in an empty directory of its own on one machine.
func try(t *testing.T, samples []sample) {
	t.Helper()
	m := newMachine(t)
	for _, s := range samples {
		out, errs, code := sh(t, m, "root", "rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w\n"+s.script)
		if out != s.out || errs != s.errs || code != s.code {
			t.Errorf("%s\n out  %q\n want %q\n err  %q\n want %q\n code %d, want %d", s.script, out, s.out, errs, s.errs, code, s.code)
		}
	}
}

func TestToolsAreSortedAndUnique(t *testing.T) {
	seen := ""
	for _, tool := range Tools() {
		if strings.Compare(seen, tool.Name) >= 0 {
			t.Errorf("%s follows %s", tool.Name, seen)
		}
		seen = tool.Name
		if len(tool.Paths) == 0 || !strings.HasSuffix(tool.Paths[0], "/"+tool.Name) {
			t.Errorf("%s: path %v", tool.Name, tool.Paths)
		}
	}
}

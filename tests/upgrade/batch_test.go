package upgrade

import (
	"path/filepath"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/tests/outcome"
)

// A roll through several hosts ends at the one that does not come back: those before
// it are upgraded, those behind it are as they were.
func TestRollEndsAtTheHostThatIsLost(t *testing.T) {
	t.Parallel()
	h := newHost(t, "freebsd-14.3-ufs")
	dir := t.TempDir()
	machine := func(name string) string { return "sim:freebsd-14.3-ufs?state=" + filepath.Join(dir, name) }
	o := h.options(false)
	o.Name, o.Source, o.Files, o.Params = "freebsd-upgrade.lua", h.files["freebsd-upgrade.lua"], h.files, to("15.0-RELEASE")
	o.Batch = "1"
	o.Hosts = []inventory.Host{
		{Name: "one", Kind: inventory.Sim, Sim: machine("one")},
		{Name: "two", Kind: inventory.Sim, Sim: machine("two") + "&panic=15.0"},
		{Name: "three", Kind: inventory.Sim, Sim: machine("three")},
	}
	report, err := engine.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if exit := report.Exit(false); exit != effect.Stopped.Exit() {
		t.Errorf("exit code %d", exit)
	}
	expectStatus(t, report, ok, unreachable, stopped)
	outcome.Lacks(t, "the hint", report.Hosts[1].Error.Hint, "console", "resumed")
	if done := report.Hosts[2]; done.Changed != 0 || len(done.Steps) != 0 {
		t.Errorf("the third: %d changes, %v", done.Changed, done.Steps)
	}
	untouched := digest(t, machine("another"))
	for name, want := range map[string]bool{"one": false, "three": true} {
		if got := digest(t, machine(name)) == untouched; got != want {
			t.Errorf("%s is untouched: %v", name, got)
		}
	}

	// The second still panics: the run can be resumed, and the third still waits.
	report, err = engine.Resume(t.Context(), report.Run, h.options(false))
	if err != nil {
		t.Fatal(err)
	}
	expectStatus(t, report, ok, unreachable, stopped)
}

func expectStatus(t *testing.T, r *journal.Report, want ...string) {
	t.Helper()
	for i, h := range r.Hosts {
		if h.Status != want[i] {
			t.Errorf("%s is %s, want %s: %+v", h.Name, h.Status, want[i], h.Error)
		}
	}
}

// digest tells machines apart.
func digest(t *testing.T, url string) string {
	t.Helper()
	m, err := sim.Open(url, stdlib.Tools(), sim.NewNetwork())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	return m.Digest()
}

// Package upgrade carries out the upgrade recipe on simulated machines: as it is,
// and with a safety step taken out, after which the machine must be lost.
package upgrade

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/tests/onsim"
	"bsdrun/tests/outcome"
)

// host is a simulated machine in a state file, and the recipe for it.
type host struct {
	t      *testing.T
	url    string
	store  *journal.Store
	files  map[string][]byte // the recipe and its library, by path
	legacy bool
	allow  []string
	id     string   // of the last run of the recipe
	told   []string // steps and what was logged, in order
}

// newHost is a fresh machine of a profile; each further parameter is NAME=VALUE.
func newHost(t *testing.T, profile string, further ...string) *host {
	t.Helper()
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	files := maps.Clone(recipes.Library())
	source, err := recipes.Files.ReadFile("freebsd-upgrade.lua")
	if err != nil {
		t.Fatal(err)
	}
	files["freebsd-upgrade.lua"] = source
	url := "sim:" + profile + "?state=" + filepath.Join(t.TempDir(), "machine")
	return &host{
		t: t, url: strings.Join(append([]string{url}, further...), "&"), store: store, files: files,
		legacy: strings.HasPrefix(profile, "freebsd-8."),
	}
}

// replace changes a piece of the recipe, which must be there once.
func (h *host) replace(file, old, with string) *host {
	h.t.Helper()
	text := string(h.files[file])
	if n := strings.Count(text, old); n != 1 {
		h.t.Fatalf("%s has %q %d times", file, old, n)
	}
	h.files[file] = []byte(strings.Replace(text, old, with, 1))
	return h
}

func (h *host) options(check bool) engine.Options {
	return engine.Options{
		Journal: h.store, Modules: stdlib.Modules(), Tools: stdlib.Tools,
		Events: listener{h}, Settings: engine.Settings{Check: check, Legacy: h.legacy, Allow: h.allow},
	}
}

// begin carries the recipe out, or checks it.
func (h *host) begin(check bool, params map[string]any) journal.HostReport {
	h.t.Helper()
	hosts, err := inventory.Parse(h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.options(check)
	o.Name, o.Source, o.Files, o.Params, o.Hosts = "freebsd-upgrade.lua", h.files["freebsd-upgrade.lua"], h.files, params, hosts
	return h.report(engine.Run(h.t.Context(), o))
}

// script runs Lua on the host and expects it to end well.
func (h *host) script(code string) { h.t.Helper(); h.expect(ok, h.attempt(code)) }

// attempt runs Lua on the host, however it ends; resume is not about it.
func (h *host) attempt(code string) journal.HostReport {
	h.t.Helper()
	defer func(id string) { h.id = id }(h.id)
	hosts, err := inventory.Parse(h.url)
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.options(false)
	o.Name, o.Source, o.AdHoc, o.Hosts = "-e", []byte(code), true, hosts
	return h.report(engine.Run(h.t.Context(), o))
}

// resume goes on with the last run.
func (h *host) resume() journal.HostReport {
	h.t.Helper()
	return h.report(engine.Resume(h.t.Context(), h.id, h.options(false)))
}

func (h *host) report(r *journal.Report, err error) journal.HostReport {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	h.id = r.Run
	return r.Hosts[0]
}

// upgrade carries the recipe out and expects a status.
func (h *host) upgrade(status string, params map[string]any) journal.HostReport {
	h.t.Helper()
	return h.expect(status, h.begin(false, params))
}

func (h *host) expect(status string, r journal.HostReport) journal.HostReport {
	h.t.Helper()
	return outcome.Is(h.t, status, r)
}

// on opens the machine for what is done to it, or looked at, by hand.
func (h *host) on(do func(m *sim.Machine)) {
	h.t.Helper()
	onsim.Open(h.t, h.url, stdlib.Tools(), do)
}

// byHand runs a script as root and returns what it printed.
func (h *host) byHand(script string) (out string) {
	h.t.Helper()
	h.on(func(m *sim.Machine) { out = onsim.Exec(h.t, m, script) })
	return out
}

// changes are those of all steps, in their order, as "OP WHAT".
func changes(r journal.HostReport) (list []string) {
	for _, s := range r.Steps {
		for _, c := range s.Changes {
			list = append(list, c.Op+" "+c.What)
		}
	}
	return list
}

// count is how many changes begin so.
func count(r journal.HostReport, prefix string) (n int) {
	for _, c := range changes(r) {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

// place is the position of the first change that begins so, -1 without one.
func place(r journal.HostReport, prefix string) int {
	for i, c := range changes(r) {
		if strings.HasPrefix(c, prefix) {
			return i
		}
	}
	return -1
}

var stopped, unreachable, failed, ok = effect.StatusStopped, effect.StatusUnreachable, effect.StatusFailed, effect.StatusOK

// listener keeps which steps began and what was said.
type listener struct{ h *host }

func (l listener) Emit(e effect.Event) {
	if e.Type == effect.StepStart || e.Type == effect.Log {
		l.h.told = append(l.h.told, e.Step+": "+e.Text)
	}
}

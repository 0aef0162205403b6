// Package check holds check mode to its promises: it changes nothing, bit for
// bit; all that the run then does was listed, or lies in a step that the check
// could not see into; and all that was listed happens.
package check

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/recipes"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/stdlib"
	"bsdrun/tests/onsim"
)

// world is a simulated machine in a state file, and what the recipe is told.
type world struct {
	t      *testing.T
	url    string
	file   string
	recipe string
	params map[string]any
}

// builder is a fresh machine; each of its further parameters is NAME=VALUE.
func builder(t *testing.T, further ...string) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "machine")
	address := "sim:builder?" + url.Values{"state": {file}}.Encode()
	for _, p := range further {
		address += "&" + p
	}
	return &world{t: t, url: address, file: file, recipe: "poudriere.lua", params: map[string]any{"repository": "https://git.example.org/custom-ports.git"}}
}

// whole is the state file of a machine that the recipe has set up.
var whole struct {
	once sync.Once
	file []byte
}

// setUp is a machine that the recipe has set up.
func setUp(t *testing.T) *world {
	t.Helper()
	whole.once.Do(func() {
		first := builder(t)
		first.ends(effect.StatusOK)
		content, err := os.ReadFile(first.file)
		if err != nil {
			t.Fatal(err)
		}
		whole.file = content
	})
	w := builder(t)
	if err := os.WriteFile(w.file, whole.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// machine opens the machine for what is done to it by hand.
func (w *world) machine(do func(m *sim.Machine)) {
	w.t.Helper()
	onsim.Open(w.t, w.url, stdlib.Tools(), do)
}

// listing is all of the machine, one thing a line.
func (w *world) listing() (lines []string) {
	w.t.Helper()
	w.machine(func(m *sim.Machine) { lines = m.Listing() })
	return lines
}

// byHand runs a script as the machine's administrator.
func (w *world) byHand(script string) {
	w.t.Helper()
	w.machine(func(m *sim.Machine) { onsim.Exec(w.t, m, script) })
}

// run carries the recipe out, or checks it.
func (w *world) run(check bool) *journal.Report {
	w.t.Helper()
	source, err := recipes.Files.ReadFile(w.recipe)
	if err != nil {
		w.t.Fatal(err)
	}
	hosts, err := inventory.Parse(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	store, err := journal.Memory()
	if err != nil {
		w.t.Fatal(err)
	}
	defer store.Close()
	r, err := engine.Run(context.Background(), engine.Options{
		Name: w.recipe, Source: source, Files: recipes.Library(), Params: w.params, Hosts: hosts, Journal: store,
		Settings: engine.Settings{Check: check}, Modules: stdlib.Modules(), Tools: stdlib.Tools,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// ends carries the recipe out and expects a status.
func (w *world) ends(status string) journal.HostReport {
	w.t.Helper()
	h := w.run(false).Hosts[0]
	if h.Status != status {
		w.t.Fatalf("the run ended %s: %+v", h.Status, h.Error)
	}
	return h
}

// step is what a step changed, as "OP WHAT", and how it ended.
type step struct {
	status  string
	changes []string
}

// outside is the name of what is no step.
const outside = "(outside of steps)"

func stepsOf(h journal.HostReport) map[string]step {
	steps := map[string]step{}
	note := func(name, status string, changes []journal.ChangeReport) {
		s := step{status: status}
		for _, c := range changes {
			s.changes = append(s.changes, c.Op+" "+c.What)
		}
		steps[name] = s
	}
	for _, s := range h.Steps {
		note(s.Name, s.Status, s.Changes)
	}
	note(outside, effect.StatusOK, h.Changes)
	return steps
}

// promised is what a check foresaw and what then happened.
type promised struct{ check, run map[string]step }

// keeps checks, runs, and holds the one against the other.
func (w *world) keeps() promised {
	w.t.Helper()
	before := w.listing()
	checked := w.run(true).Hosts[0]
	if checked.Status != effect.StatusOK {
		w.t.Fatalf("the check ended %s: %+v", checked.Status, checked.Error)
	}
	if diff := cmp.Diff(before, w.listing()); diff != "" {
		w.t.Fatalf("the check changed the machine (-before +after):\n%s", diff)
	}
	p := promised{stepsOf(checked), stepsOf(w.ends(effect.StatusOK))}
	for name, s := range p.run {
		foreseen := p.check[name]
		if foreseen.status == effect.StatusUnknown {
			continue
		}
		for _, change := range missing(s.changes, foreseen.changes) {
			w.t.Errorf("%s: the check did not list what the run did: %s", name, change)
		}
	}
	for name, s := range p.check {
		for _, change := range missing(s.changes, p.run[name].changes) {
			w.t.Errorf("%s: the check listed what the run did not do: %s", name, change)
		}
	}
	return p
}

// missing are the members of list that other lacks, each as often as it lacks
// them.
func missing(list, other []string) (lacking []string) {
	other = slices.Clone(other)
	for _, member := range list {
		if i := slices.Index(other, member); i >= 0 {
			other = slices.Delete(other, i, i+1)
		} else {
			lacking = append(lacking, member)
		}
	}
	return lacking
}

// foresaw checks that the check listed changes in these steps, and in no other.
func (p promised) foresaw(t *testing.T, names ...string) {
	t.Helper()
	var got []string
	for name, s := range p.check {
		if len(s.changes) > 0 {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	slices.Sort(names)
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("steps with changes (-want +listed):\n%s", diff)
	}
}

// repository is a repository of custom ports made with real git.
type repository struct {
	t   *testing.T
	dir string
}

const repositoryURL = "https://git.example.org/mine.git"

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	r := &repository{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r *repository) git(args ...string) {
	r.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_AUTHOR_NAME=tester", "GIT_AUTHOR_EMAIL=tester@example.org", "GIT_COMMITTER_NAME=tester", "GIT_COMMITTER_EMAIL=tester@example.org")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// port commits a version of a port.
func (r *repository) port(origin, version string) {
	r.t.Helper()
	dir := filepath.Join(r.dir, origin)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		r.t.Fatal(err)
	}
	name := filepath.Base(origin)
	for file, text := range map[string]string{
		"Makefile": fmt.Sprintf("PORTNAME=\t%s\nPORTVERSION=\t%s\nCATEGORIES=\t%s\nMASTER_SITES=\thttps://www.example.org/\n\n"+
			"MAINTAINER=\tports@example.org\nCOMMENT=\tSays %s\n\nNO_BUILD=\tyes\n\n.include <bsd.port.mk>\n", name, version, filepath.Dir(origin), name),
		"pkg-descr": "Says " + name + ".\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.git("add", ".")
	r.git("commit", "-q", "-m", origin+": "+version)
}

// Package fleet runs recipes on many simulated machines at once, and looks at the
// machines, too: what a run leaves behind on any of them is a failure.
package fleet

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/vfs"
	"bsdrun/stdlib"
)

// machines are the simulated machines of a run, as they were when they had booted.
type machines struct {
	mu     sync.Mutex
	booted map[string]*booted
}

type booted struct {
	machine   *sim.Machine
	files     map[string]bool
	processes []string
}

// tool is a program of no use that hears of every boot.
func (ms *machines) tool() *sim.Tool {
	return &sim.Tool{
		Name: "witness", Paths: []string{"/usr/local/bin/witness"}, Run: func(*sim.Proc) int { return 0 },
		Boot: func(m *sim.Machine) {
			b := &booted{machine: m, files: files(m), processes: processes(m)}
			ms.mu.Lock()
			defer ms.mu.Unlock()
			ms.booted[m.Name] = b
		},
	}
}

// places are where a run could leave something.
var places = []string{"/tmp", "/var/tmp", stateDir, "/var/run", "/root", "/home"}

// stateDir stays, empty.
const stateDir = "/var/db/bsdrun"

func files(m *sim.Machine) map[string]bool {
	found := map[string]bool{}
	view := m.View(vfs.Root, "/")
	for _, place := range places {
		_ = view.Walk(place, func(name string, _ vfs.Info, err error) error {
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			found[name] = err == nil
			return nil
		})
	}
	return found
}

func processes(m *sim.Machine) []string {
	var running []string
	for _, p := range m.Processes() {
		running = append(running, strings.Join(p.Args, " "))
	}
	slices.Sort(running)
	return running
}

// left is what a host has now that it had not when it had booted.
func (b *booted) left(own ...string) string {
	var left []string
	for name, there := range files(b.machine) {
		if there && !b.files[name] && name != stateDir && !slices.Contains(own, name) {
			left = append(left, name)
		}
	}
	if now := processes(b.machine); !slices.Equal(now, b.processes) {
		left = append(left, fmt.Sprintf("processes %q, not %q", now, b.processes))
	}
	if n := b.machine.Connections(); n > 0 {
		left = append(left, fmt.Sprintf("%d connections", n))
	}
	slices.Sort(left)
	return strings.Join(left, ", ")
}

// patience is how long what ends by itself may take to, on a machine with other
// things to do.
const patience = 5 * time.Minute

// soon waits until there is nothing left to tell; with less patience when it has
// been in vain before.
func soon(vain bool, left func() string) string {
	patience := patience
	if vain {
		patience = 0
	}
	for limit := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if text := left(); text == "" || time.Now().After(limit) {
			return text
		}
	}
}

// crew is a run on simulated machines under watch.
type crew struct {
	engine.Options
	// own are the files that the recipe leaves on purpose.
	own []string

	machines   machines
	mu         sync.Mutex
	events     map[effect.EventType]int
	logged     []string
	goroutines int // at most, as seen when hosts ended
	leaks      []string
	leaked     atomic.Bool
}

// newCrew has n hosts; url makes the URL of each.
func newCrew(source string, n int, url func(i int) string) *crew {
	c := &crew{machines: machines{booted: map[string]*booted{}}, events: map[effect.EventType]int{}}
	c.Name, c.Source, c.Modules = "fleet.lua", []byte("--- Looks after many hosts.\n"+source), stdlib.Modules()
	c.Tools = func() []*sim.Tool { return append(stdlib.Tools(), c.machines.tool()) }
	c.Options.Events, c.ConnectTimeout = c, patience
	for i := range n {
		c.Hosts = append(c.Hosts, inventory.Host{Name: name(i), Kind: inventory.Sim, Sim: url(i)})
	}
	return c
}

func name(i int) string { return fmt.Sprintf("sim-%04d", i) }

func plain(int) string { return "sim:" }

// Emit watches the run. The end of a host comes when all there is tidied up.
func (c *crew) Emit(e effect.Event) {
	left := ""
	if e.Type == effect.HostEnd {
		c.machines.mu.Lock()
		b := c.machines.booted[e.Host]
		c.machines.mu.Unlock()
		if b != nil {
			left = soon(c.leaked.Load(), func() string { return b.left(c.own...) })
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[e.Type]++
	c.goroutines = max(c.goroutines, runtime.NumGoroutine())
	if e.Type == effect.Log {
		c.logged = append(c.logged, e.Text)
	}
	if left != "" {
		c.leaked.Store(true)
		c.leaks = append(c.leaks, e.Host+" ("+e.Status+"): "+left)
	}
}

// run carries the run out, and fails where something is left of it.
func (c *crew) run(t *testing.T) *journal.Report {
	t.Helper()
	before := runtime.NumGoroutine()
	r, err := engine.Run(t.Context(), c.Options)
	if err != nil {
		t.Fatal(err)
	}
	for i, leak := range c.leaks {
		if i == 5 {
			t.Errorf("and on %d more hosts", len(c.leaks)-i)
			break
		}
		t.Errorf("left behind on %s", leak)
	}
	if text := soon(false, func() string {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Sprintf("%d goroutines before, %d after", before, n)
		}
		return ""
	}); text != "" {
		buf := make([]byte, 1<<16)
		t.Errorf("%s\n%s", text, buf[:runtime.Stack(buf, true)])
	}
	return r
}

// counts are the hosts of a report by status.
func counts(r *journal.Report) map[string]int {
	n := map[string]int{}
	for _, h := range r.Hosts {
		n[h.Status]++
	}
	return n
}

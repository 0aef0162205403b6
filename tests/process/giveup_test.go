package process

import (
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"bsdrun/recipes"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
)

// A host that stays away is given up in the end: the run stops, and may be
// resumed. That takes longer than a test may, so that this run is no process but
// lives on a clock that runs fast.
func TestHostGivenUp(t *testing.T) {
	t.Parallel()
	m := serve(t, t.TempDir(), "builder", "")
	line := newProxy(t, m.address)
	c := newControl(t, m.key, line.address)
	source, err := recipes.Files.ReadFile("poudriere.lua")
	if err != nil {
		t.Fatal(err)
	}
	store, err := journal.Open(filepath.Join(c.dir, "state", "bsdrun"))
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	r, err := engine.Run(clock.With(context.Background(), fast{time.Now()}), engine.Options{
		Name: "poudriere.lua", Source: source, Files: recipes.Library(), Params: map[string]any{"repository": repository}, Journal: store,
		Hosts:   []inventory.Host{{Name: host, Kind: inventory.SSH, Address: host}},
		SSH:     sshhost.SharedConfig{ConfigFile: c.config(), AgentSocket: "none"},
		Modules: stdlib.Modules(),
		Events: hears(func(e effect.Event) {
			if e.Op == "poudriere.bulk" && strings.Contains(e.Text, " built, ") {
				once.Do(func() { go line.close() })
			}
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Exit(false) != 4 || r.Hosts[0].Status != effect.StatusUnreachable {
		t.Errorf("exit code %d: %+v", r.Exit(false), r.Hosts[0].Error)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	line.listen()
	c.completes(c.starts("resume", "last", "-o", "json"))
}

// hears is told every event.
type hears func(effect.Event)

func (h hears) Emit(e effect.Event) { h(e) }

// fast is a clock on which waiting is short.
type fast struct{ began time.Time }

const hurry = 1000

func (f fast) Now() time.Time { return f.began.Add(time.Since(f.began) * hurry) }

func (f fast) Sleep(ctx context.Context, d time.Duration) error {
	return clock.Real.Sleep(ctx, d/hurry)
}

// Package chaos kills bsdrun with SIGKILL before, during and after changes of the
// long recipes, takes the network away under it, resumes it, and compares the
// machine with an undisturbed one.
package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bsdrun/recipes"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/report"
	"bsdrun/runtime/sshhost"
	"bsdrun/stdlib"
)

// order is what a child process is to do: run or resume the recipe, and when to
// die.
type order struct {
	Recipe     string
	Address    string
	Port       int
	Legacy     bool // the host has old cryptography alone
	KnownHosts string
	Journal    string
	Trace      string // file of what was sent to the host
	Params     map[string]any
	Resume     bool
	At         int // the change that is disturbed, by its number; 0: none
	Blow       blow
}

// blow is what happens to bsdrun at a change.
type blow string

const (
	killBefore blow = "killed before"
	killAfter  blow = "killed after"
	// The rest is dealt out by the network, which hears of the change before it
	// is sent; see line.
	killAnswered blow = "killed at the answer of" // the machine has done it, bsdrun knows nothing of it
	killDown     blow = "killed while down after" // when the machine, rebooting, has left
	cut          blow = "cut off at the answer of"
	lost         blow = "cut off for good at the answer of"
)

const orderVariable = "BSDRUN_CHAOS_ORDER"

// signals is where a child says that the ordered change is next; it goes on when
// it is answered on standard input.
const signals = 3

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // most of the time would go there
	if text := os.Getenv(orderVariable); text != "" {
		os.Exit(child(text))
	}
	os.Exit(m.Run())
}

// child does as ordered and returns the exit code of bsdrun.
func child(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	source, err := recipes.Files.ReadFile(o.Recipe)
	if err != nil {
		panic(err)
	}
	store, err := journal.Open(o.Journal)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	options := engine.Options{
		Name: o.Recipe, Source: source, Files: recipes.Library(), Params: o.Params, Journal: store,
		Hosts: []inventory.Host{{
			Name: "host", Kind: inventory.SSH, Address: o.Address, Port: o.Port, User: "root", Settings: inventory.Settings{Legacy: o.Legacy},
		}},
		SSH: sshhost.SharedConfig{ConfigFile: "none", AgentSocket: "none"}, KnownHosts: []string{o.KnownHosts},
		Modules: stdlib.Modules(), Wrap: disturbed(o),
	}
	do := engine.Run
	if o.Resume {
		options.Source, options.Params, options.Hosts = nil, nil, nil
		do = func(ctx context.Context, o engine.Options) (*journal.Report, error) {
			return engine.Resume(ctx, "last", o)
		}
	}
	r, err := do(clock.With(context.Background(), newHurried()), options)
	if err != nil {
		report.Error(os.Stderr, effect.AsError(err), report.Style{})
		return effect.KindOf(err).Exit()
	}
	report.Text(os.Stdout, os.Stderr, r, report.TextOptions{})
	return r.Exit(false)
}

// disturbed traces every change just above the transport. At the ordered one it
// kills the process (no deferred function, no flush, nothing), or lets the network
// prepare its blow.
func disturbed(o order) effect.Layer {
	trace, err := os.OpenFile(o.Trace, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	var n atomic.Int64
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind != effect.Change {
				return next.Do(ctx, e)
			}
			here := int(n.Add(1)) == o.At
			if here {
				strike(o.Blow)
			}
			r, err := next.Do(ctx, e)
			how := "done"
			switch {
			case err != nil:
				how = "failed"
			case r.Recorded || r.Job != nil && r.Job.Attached:
				how = "recorded"
			case e.Anew:
				how = "harmless"
			case r.Unchanged:
				how = "unchanged"
			}
			fmt.Fprintf(trace, "%s\t%s\t%s\n", how, e.ID, e.Op)
			if here && o.Blow == killAfter {
				die()
			}
			return r, err
		})
	}
}

// strike is called before the ordered change.
func strike(b blow) {
	switch b {
	case killBefore:
		die()
	case killAfter:
	default:
		if _, err := os.NewFile(signals, "signals").Write([]byte{1}); err != nil {
			panic(err)
		}
		if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
			panic(err)
		}
	}
}

func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// hurried is a clock on which waiting is short: the machine's time runs as much
// faster.
type hurried struct{ began time.Time }

const hurry = 2000

func newHurried() hurried { return hurried{time.Now()} }

func (h hurried) Now() time.Time { return h.began.Add(time.Since(h.began) * hurry) }

func (h hurried) Sleep(ctx context.Context, d time.Duration) error {
	return clock.Real.Sleep(ctx, d/hurry)
}

package script

import (
	"context"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
)

// Steps keeps account of a host's steps; the engine journals them.
type Steps interface {
	// Begin enters a step. The returned context carries it, so that every
	// effect below is counted there.
	Begin(ctx context.Context, name string, o StepOptions) (context.Context, StepRun, error)
}

// StepOptions are what a script gives step() beside name and function.
type StepOptions struct {
	Key     string // tells the turns of a loop apart; empty: by occurrence
	Timeout float64
	Looks   bool // it changes nothing
}

// StepRun is one step under way.
type StepRun interface {
	// Recorded is the value of a step that ended in an earlier session of
	// the run; it is not run again.
	Recorded() (value any, ended bool)
	// End leaves the step with its value (plain data) or its error. An error
	// of kind Unknown marks the step unknown, and is swallowed: End returns
	// nil, and the script continues with an unknown value.
	End(value any, err error) error
	// Skip ends the step as skipped, with a reason.
	Skip(reason string) error
}

// Secrets hands out secrets by name, and hears of every one, so that sinks
// redact it.
type Secrets interface {
	Secret(ctx context.Context, name string) (effect.Secret, error)
}

// World is everything a script on one host may touch.
type World struct {
	Host    string
	Doer    effect.Doer
	Modules []binding.Module
	Vars    map[string]any // h.vars
	Params  map[string]any // p, checked against the recipe's declarations
	Check   bool
	// Undo, when not nil, is what the steps of a run came to on the host, by path: the
	// recipe's undo is called with it, instead of run.
	Undo    map[string]any
	Steps   Steps
	Secrets Secrets
	// Root is the folder that require, template and local_file reach (with
	// its lib/); Allow adds more. Empty: none.
	Root  string
	Allow []string
	// Files, when not nil, answers instead of the disk: the copy that a
	// resumed run stored. Loaded collects what was read, to be stored.
	Files  map[string][]byte
	Loaded func(name string, content []byte)
	// Connect gives another host of the run by name, and the time it lives in.
	Connect func(ctx context.Context, name string) (effect.Doer, clock.Clock, error)
	// Fleet is the host among the others of its batch; nil: there are no
	// others, and no fleet.
	Fleet *fleet.Member
	Log   func(ctx context.Context, text string)
	// Print takes what print() writes, a line without its end; nil: as Log.
	Print func(ctx context.Context, text string)
}

// Plain data, as scripts hand it out and the journal keeps it: nil, bool,
// float64, int64, string (any bytes), []any, map[string]any.

package effect

import (
	"context"
	"sync/atomic"
	"time"
)

// Step is the part of a recipe that is being run. The journal counts a step's
// effects, so that each has a place of its own.
type Step struct {
	Path string // enclosing names plus occurrence or key: "Build the origins" or "Trees/merge#2"
	Name string
	// Looks says that the step changes nothing, so that in check mode nothing
	// is lost when it ends as unknown.
	Looks bool

	ordinal atomic.Int64
	changes atomic.Int64
}

// NextOrdinal numbers the step's effects from 1.
func (s *Step) NextOrdinal() int64 { return s.ordinal.Add(1) }

// CountChange notes a change that was made (or, in check mode, would be).
func (s *Step) CountChange() { s.changes.Add(1) }

// Changes is how many were noted.
func (s *Step) Changes() int64 { return s.changes.Load() }

type (
	stepKey   struct{}
	hostKey   struct{}
	askerKey  struct{}
	eventsKey struct{}
	atKey     struct{}
	sightKey  struct{}
	partKey   struct{}
)

// WithStep makes s the current step.
func WithStep(ctx context.Context, s *Step) context.Context {
	return context.WithValue(ctx, stepKey{}, s)
}

// StepFrom is the current step, or nil outside any.
func StepFrom(ctx context.Context) *Step {
	s, _ := ctx.Value(stepKey{}).(*Step)
	return s
}

// WithHost names the host that a run works on.
func WithHost(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, hostKey{}, name)
}

// HostFrom is the host's name.
func HostFrom(ctx context.Context) string {
	name, _ := ctx.Value(hostKey{}).(string)
	return name
}

// WithAsker says who answers questions.
func WithAsker(ctx context.Context, a Asker) context.Context {
	return context.WithValue(ctx, askerKey{}, a)
}

// Ask puts a question to the context's Asker; without one, the default answers
// or the run stops.
func Ask(ctx context.Context, q Question) (string, error) {
	if a, ok := ctx.Value(askerKey{}).(Asker); ok {
		return a.Ask(ctx, HostFrom(ctx), q)
	}
	if q.Default != "" && q.Risk != Irreversible {
		return q.Default, nil
	}
	return "", Errorf(Stopped, "ask", "nobody can answer: %s", q.Text)
}

// WithEvents says who hears of events.
func WithEvents(ctx context.Context, sink Events) context.Context {
	return context.WithValue(ctx, eventsKey{}, sink)
}

// Emit tells the context's sink, filling in host, step and time.
func Emit(ctx context.Context, e Event) {
	sink, ok := ctx.Value(eventsKey{}).(Events)
	if !ok {
		return
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	if e.Host == "" {
		e.Host = HostFrom(ctx)
	}
	if step := StepFrom(ctx); step != nil && e.Step == "" {
		e.Step = step.Path
	}
	sink.Emit(e)
}

// Report tells how far a long operation is: a line for people, counts for
// machines.
func Report(ctx context.Context, op, text string, data map[string]any) {
	Emit(ctx, Event{Type: Progress, Op: op, Text: text, Data: data})
}

// WithAt notes the script line that is being run ("recipe.lua:12").
func WithAt(ctx context.Context, at string) context.Context {
	return context.WithValue(ctx, atKey{}, at)
}

// AtFrom is the script line that is being run.
func AtFrom(ctx context.Context) string {
	at, _ := ctx.Value(atKey{}).(string)
	return at
}

// WithSight begins the account of what check mode still sees of a script.
func WithSight(ctx context.Context) context.Context {
	return context.WithValue(ctx, sightKey{}, new(atomic.Int64))
}

// LoseSight notes that a step ended as unknown: it might have changed anything,
// so that whatever is read from now on is unknown, too.
func LoseSight(ctx context.Context) {
	if lost, ok := ctx.Value(sightKey{}).(*atomic.Int64); ok {
		lost.Add(1)
	}
}

// SightLost counts the steps that have ended as unknown.
func SightLost(ctx context.Context) int64 {
	if lost, ok := ctx.Value(sightKey{}).(*atomic.Int64); ok {
		return lost.Load()
	}
	return 0
}

// AsPart says that the effects done with this context are part of one that is
// under way, and hold its place among those that a limit admits: each waiting for
// the other would be for ever.
func AsPart(ctx context.Context) context.Context {
	return context.WithValue(ctx, partKey{}, true)
}

// IsPart tells whether effects are part of one that is under way.
func IsPart(ctx context.Context) bool {
	part, _ := ctx.Value(partKey{}).(bool)
	return part
}

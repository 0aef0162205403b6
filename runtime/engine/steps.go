package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/script"
)

// steps keeps account of one host's steps.
type steps struct {
	run  *run
	host string
	past map[string]journal.Step // of former sessions

	mu    sync.Mutex
	turns map[string]int  // how often a name came, by path
	met   map[string]bool // paths that came
	// waiting: the step that --start-at names has not come yet.
	waiting bool
}

func (r *run) newSteps(host string) *steps {
	s := &steps{run: r, host: host, turns: map[string]int{}, met: map[string]bool{}, waiting: r.o.StartAt != ""}
	if p := r.past[host]; p != nil {
		s.past = p.steps
	}
	return s
}

// Begin enters a step.
func (s *steps) Begin(ctx context.Context, name string, o script.StepOptions) (context.Context, script.StepRun, error) {
	parent := effect.StepFrom(ctx)
	run := &stepRun{steps: s, parent: parent, began: clock.Now(ctx)}
	run.record = s.place(parent, name, o.Key)
	run.record.Started = time.Now()
	run.step = &effect.Step{Path: run.record.Path, Name: name, Looks: o.Looks || parent != nil && parent.Looks}
	if s.before(parent, name) {
		run.recorded, run.skipped = true, true
		run.record.Status, run.record.Reason = effect.StatusSkipped, "before the step that --start-at names"
		s.run.rec.StepStart(s.host, run.record)
		return ctx, run, run.finish(ctx)
	}
	if before, ok := s.past[run.record.Path]; ok && isEnded(before) {
		run.recorded, run.value = true, before.Value
		if parent != nil {
			for range before.Changes {
				parent.CountChange()
			}
		}
		effect.Emit(ctx, effect.Event{Type: effect.StepEnd, Step: run.record.Path, Status: before.Status, Text: before.Title, Data: map[string]any{"recorded": true}})
		return ctx, run, nil
	}
	ctx = effect.WithStep(ctx, run.step)
	if o.Timeout > 0 {
		ctx, run.cancel = withTimeout(ctx, time.Duration(o.Timeout*float64(time.Second)), name)
	}
	run.ctx = ctx
	s.run.rec.StepStart(s.host, run.record)
	effect.Emit(ctx, effect.Event{Type: effect.StepStart, Text: run.record.Title})
	return ctx, run, nil
}

// isEnded tells whether a step of a former session needs not run again.
func isEnded(step journal.Step) bool {
	switch step.Status {
	case effect.StatusOK, effect.StatusChanged:
		return step.Exact
	case effect.StatusSkipped:
		return true
	}
	return false
}

// before tells whether a step comes before the one that --start-at names.
func (s *steps) before(parent *effect.Step, name string) bool {
	if parent != nil && parent.Path != "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting && name == s.run.o.StartAt {
		s.waiting = false
	}
	return s.waiting
}

// place gives a step its path: the enclosing names, its own with a key or, from
// the second turn on, with a number. A slash within a name is doubled.
func (s *steps) place(parent *effect.Step, name, key string) journal.Step {
	suffix := ""
	if key != "" {
		suffix = "[" + key + "]"
	}
	title, path := name+suffix, strings.ReplaceAll(name+suffix, "/", "//")
	if parent != nil && parent.Path != "" {
		path = parent.Path + "/" + path
		title = strings.ReplaceAll(parent.Path, "//", "\x00")
		title = strings.ReplaceAll(title, "\x00", "/") + "/" + name + suffix
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns[path]++
	if n := s.turns[path]; n > 1 {
		suffix := fmt.Sprintf("#%d", n)
		path, title = path+suffix, title+suffix
	}
	s.met[path] = true
	return journal.Step{Path: path, Title: title}
}

// stepRun is one step under way.
type stepRun struct {
	steps    *steps
	parent   *effect.Step
	step     *effect.Step
	record   journal.Step
	ctx      context.Context
	cancel   func()
	began    time.Time // on the host's clock
	recorded bool
	skipped  bool
	value    any
}

// Recorded is the value of a step that has ended before.
func (r *stepRun) Recorded() (any, bool) { return r.value, r.recorded }

// End leaves the step with its value or its error.
func (r *stepRun) End(value any, err error) error {
	redactor := r.steps.run.redactor
	switch kind := effect.KindOf(err); kind {
	case "":
		r.record.Status = effect.StatusOK
		if r.step.Changes() > 0 {
			r.record.Status = effect.StatusChanged
		}
		r.record.Value, r.record.Exact = value, !redactor.Holds(value)
	case effect.Unknown:
		r.record.Status, r.record.Reason = effect.StatusUnknown, redactor.String(effect.AsError(err).Summary())
		if !r.step.Looks {
			effect.LoseSight(r.ctx)
		}
		err = nil
	case effect.Stopped, effect.Locked, effect.Diverged, effect.Cancelled, effect.Unreachable:
		r.record.Status = effect.StatusStopped
	default:
		r.record.Status = effect.StatusFailed
	}
	r.record.Error = r.steps.run.reportError(err)
	if journalErr := r.finish(r.ctx); journalErr != nil {
		return internal(journalErr)
	}
	return err
}

// Skip ends the step as skipped.
func (r *stepRun) Skip(reason string) error {
	r.record.Status, r.record.Reason, r.record.Exact = effect.StatusSkipped, r.steps.run.redactor.String(reason), true
	return r.finish(r.ctx)
}

// finish records the step's end.
func (r *stepRun) finish(ctx context.Context) error {
	if r.cancel != nil {
		r.cancel()
	}
	r.record.Changes = r.step.Changes()
	for range r.record.Changes {
		if r.parent != nil {
			r.parent.CountChange()
		}
	}
	took := clock.Now(ctx).Sub(r.began)
	r.record.Ended = r.record.Started.Add(took)
	err := r.steps.run.rec.StepEnd(r.steps.host, r.record)
	event := effect.Event{Type: effect.StepEnd, Step: r.record.Path, Status: r.record.Status, Took: took.Seconds(), Text: r.record.Title}
	if r.record.Reason != "" {
		event.Data = map[string]any{"reason": r.record.Reason}
	}
	if r.record.Error != nil {
		event.Err = r.record.Error.AsError()
	}
	effect.Emit(ctx, event)
	return err
}

// withTimeout bounds a step by its host's clock.
func withTimeout(ctx context.Context, d time.Duration, name string) (context.Context, func()) {
	late := effect.Errorf(effect.Timeout, "step", "%s took longer than %s", name, d)
	return clock.WithTimeoutCause(ctx, d, late)
}

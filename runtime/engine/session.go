package engine

import (
	"context"
	"errors"
	"sync/atomic"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/script"
)

// Session is one host of a session: a run whose program is what a person types.
// It is used by one goroutine at a time.
type Session struct {
	Host string

	run    *run
	ctx    context.Context
	inputs *script.Session
	turn   int64 // of check mode that ctx belongs to
}

// Answer is what an input came to on a host.
type Answer struct {
	Values []any
	Error  *journal.ErrorReport
	// Note tells why there is no value although nothing has failed.
	Note string
}

// checkTurns counts how often check mode was turned on; it is on while on is not 0.
type checkTurns struct{ count, on atomic.Int64 }

func (r *run) checkLayer() effect.Layer {
	if r.o.Session != nil {
		return layer.CheckInTurns(r.turns.on.Load)
	}
	return layer.Check()
}

// session connects to the host and hands it to Options.Session.
func (r *run) session(ctx context.Context, h inventory.Host, w script.World) error {
	if err := reach(ctx, w.Doer); err != nil {
		return err
	}
	inputs, err := r.program.Session(ctx, w)
	if err != nil {
		return err
	}
	defer inputs.Close()
	return r.o.Session(ctx, &Session{Host: h.Name, run: r, ctx: ctx, inputs: inputs})
}

// SetCheck turns check mode on or off, for all hosts of the session.
func (s *Session) SetCheck(on bool) {
	turns := &s.run.turns
	if on == s.Checks() {
		return
	}
	if !on {
		turns.on.Store(0)
		return
	}
	turns.on.Store(turns.count.Add(1))
}

// Checks tells whether check mode is on.
func (s *Session) Checks() bool { return s.run.turns.on.Load() != 0 }

// follow takes over what SetCheck did through whichever host of the session.
func (s *Session) follow() {
	now := s.run.turns.on.Load()
	s.inputs.SetCheck(now != 0)
	if now != s.turn && now != 0 {
		s.ctx = effect.WithSight(s.ctx) // nothing is unknown yet
	}
	s.turn = now
}

// Eval evaluates an input as a step of that title. Ending ctx cuts off what is
// under way.
func (s *Session) Eval(ctx context.Context, title string, in *script.Input) Answer {
	s.follow()
	inner, cancel := s.within(ctx)
	defer cancel()
	values, err := s.inputs.Eval(inner, s.run.redactor.String(title), in)
	if err != nil && inner.Err() != nil && effect.KindOf(err) == effect.Cancelled {
		err = withCause(err, inner) // what was cut off may not know by whom
	}
	for i := range values {
		values[i] = s.run.redactor.Value(values[i])
	}
	answer := Answer{Values: values}
	var skipped *script.Skipped
	switch {
	case errors.As(err, &skipped):
		answer.Note = s.run.redactor.String(skipped.Error())
	case effect.KindOf(err) == effect.Unknown:
		answer.Note = s.run.redactor.String(effect.AsError(err).Summary())
	default:
		answer.Error = s.run.reportError(err)
	}
	return answer
}

// within is the session's context for one input that ends with ctx.
func (s *Session) within(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(s.ctx)
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return inner, func() {
		stop()
		cancel(nil)
	}
}

// Query evaluates an input quietly, for completion.
func (s *Session) Query(ctx context.Context, in *script.Input) (any, error) {
	s.follow()
	inner, cancel := s.within(ctx)
	defer cancel()
	value, err := s.inputs.Query(effect.WithEvents(inner, silence{}), in)
	return s.run.redactor.Value(value), err
}

type silence struct{}

func (silence) Emit(effect.Event) {}

// Names are the keys of what a dotted path leads to, or the global variables.
func (s *Session) Names(path string) []string { return s.inputs.Names(path) }

// HoldsSecret tells whether a text has a secret of the session in it.
func (s *Session) HoldsSecret(text string) bool {
	return s.run.redactor.String(text) != text
}

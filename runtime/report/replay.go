package report

import (
	"context"
	"io"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Replay prints the events of a recorded run as "-o jsonl" prints them while it
// goes on, host by host. Output that the run did not keep, and how far its
// operations were in between, are not among them.
func Replay(ctx context.Context, w io.Writer, store *journal.Store, run *journal.Run) error {
	hosts, err := store.Hosts(ctx, run.ID)
	if err != nil {
		return err
	}
	lines := NewLines(w)
	lines.Emit(effect.Event{Type: effect.RunStart, At: run.Started, Run: run.ID, Text: run.Recipe, Data: map[string]any{"hosts": len(hosts), "check": run.Check}})
	for _, h := range hosts {
		r := replay{lines: lines, run: run.ID, host: h.Name}
		if err := r.play(ctx, store, h); err != nil {
			return err
		}
	}
	last := effect.Event{Type: effect.RunEnd, At: run.Ended, Run: run.ID, Status: run.State, Took: run.Ended.Sub(run.Started).Seconds()}
	if run.Ended.IsZero() {
		last.Took = 0
	}
	if run.Summary != nil {
		last.Data = map[string]any{"summary": journal.ForJSON(run.Summary)}
	}
	lines.Emit(last)
	return nil
}

// replay prints the events of one host.
type replay struct {
	lines     *Lines
	run, host string
}

func (r replay) emit(e effect.Event) {
	e.Run, e.Host = r.run, r.host
	r.lines.Emit(e)
}

func (r replay) play(ctx context.Context, store *journal.Store, h journal.Host) error {
	steps, err := store.Steps(ctx, r.run, h.Name)
	if err != nil {
		return err
	}
	effects, err := store.Effects(ctx, r.run, h.Name)
	if err != nil {
		return err
	}
	of := map[string][]journal.Effect{}
	for _, e := range effects {
		of[e.Step] = append(of[e.Step], e)
	}
	r.emit(effect.Event{Type: effect.HostStart, At: h.Started})
	r.effects(of[""])
	for _, step := range steps {
		r.emit(effect.Event{Type: effect.StepStart, At: step.Started, Step: step.Path, Text: step.Title})
		r.effects(of[step.Path])
		if step.Ended.IsZero() {
			continue
		}
		end := effect.Event{Type: effect.StepEnd, At: step.Ended, Step: step.Path, Text: step.Title, Status: step.Status, Took: step.Ended.Sub(step.Started).Seconds(), Err: asError(step.Error)}
		if step.Reason != "" {
			end.Data = map[string]any{"reason": step.Reason}
		}
		r.emit(end)
	}
	if !h.Ended.IsZero() {
		r.emit(effect.Event{Type: effect.HostEnd, At: h.Ended, Status: h.Status, Took: h.Ended.Sub(h.Started).Seconds(), Err: asError(h.Error)})
	}
	return nil
}

func (r replay) effects(effects []journal.Effect) {
	for _, e := range effects {
		what := effect.Event{Step: e.Step, Op: e.Op, Kind: e.Kind, Text: e.What}
		if e.Risk != effect.Safe.String() {
			what.Data = map[string]any{"risk": e.Risk}
		}
		start := what
		start.Type, start.At = effect.EffectStart, e.Sent
		r.emit(start)
		for _, stream := range [][]byte{e.Out, e.Err} {
			if len(stream) > 0 {
				r.emit(effect.Event{Type: effect.EffectOut, At: e.Ended, Step: e.Step, Op: e.Op, Kind: e.Kind, Text: string(stream)})
			}
		}
		if e.Ended.IsZero() {
			continue
		}
		what.Type, what.At, what.Status, what.Took, what.Err = effect.EffectEnd, e.Ended, e.Status, e.Ended.Sub(e.Sent).Seconds(), asError(e.Error)
		if e.Diff != "" {
			what.Diff = &effect.Diff{Note: e.Diff}
		}
		r.emit(what)
	}
}

func asError(e *journal.ErrorReport) *effect.Error {
	if e == nil {
		return nil
	}
	return e.AsError()
}

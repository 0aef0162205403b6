package layer

import (
	"context"
	"io"
	"slices"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Progress tells the context's sink of every effect: its start, what it prints
// as it prints it, and its end.
func Progress(r *Redactor) effect.Layer {
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			return progress(ctx, r, next, e)
		})
	}
}

func progress(ctx context.Context, r *Redactor, next effect.Doer, e effect.Effect) (effect.Result, error) {
	start := effect.Event{Type: effect.EffectStart, Op: e.Op, Kind: e.Kind.String(), Text: r.String(Describe(e))}
	if e.Risk != effect.Safe {
		start.Data = map[string]any{"risk": e.Risk.String()}
	}
	effect.Emit(ctx, start)

	began := clock.Now(ctx)
	kind := start.Kind
	if asksJob(e) { // whoever asks, it is the job that prints
		kind = effect.Change.String()
	}
	live := r.Writer(writerFunc(func(p []byte) {
		effect.Emit(ctx, effect.Event{Type: effect.EffectOut, Op: e.Op, Kind: kind, Text: string(p)})
	}))
	switch {
	case e.File != nil, e.Batch != nil:
		// The content of a file is not what a command prints; with a writer, a
		// get that is too long for its limit would go there instead of failing.
	case e.Out == nil:
		e.Out = live
	default:
		e.Out = io.MultiWriter(e.Out, live)
	}
	result, err := next.Do(ctx, e)
	if text := jobLog(e, result); len(text) > 0 {
		_, _ = live.Write(text) // writerFunc cannot fail
	}
	_ = live.Close()

	end := effect.Event{
		Type: effect.EffectEnd, Op: e.Op, Kind: e.Kind.String(), Status: statusOf(e, result, err),
		Took: clock.Now(ctx).Sub(began).Seconds(), Text: start.Text, Data: start.Data,
	}
	if e.Kind == effect.Change && err == nil && result.Changed() && (e.File == nil || !e.File.Secret) {
		end.Diff = e.Diff
	}
	if err != nil {
		end.Err = effect.AsError(err)
	}
	effect.Emit(ctx, end)
	return result, err
}

// asksJob tells whether an effect, or a part of it, is about a job.
func asksJob(e effect.Effect) bool { return e.Job != nil || slices.ContainsFunc(e.Batch, asksJob) }

// jobLog is what a look at a job's log has read, also as a part of a batch.
func jobLog(e effect.Effect, r effect.Result) (text []byte) {
	if e.Job != nil && e.Job.Verb == effect.JobLog {
		text = r.Data
	}
	for i, part := range r.Batch {
		text = append(text, jobLog(e.Batch[i], part.Result)...)
	}
	return text
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

// statusOf is how an effect ended, in a word.
func statusOf(e effect.Effect, r effect.Result, err error) string {
	switch {
	case err != nil:
		switch kind := effect.KindOf(err); kind {
		case effect.Unknown, effect.Unreachable, effect.Stopped, effect.Locked, effect.Cancelled:
			return string(kind)
		default:
			return effect.StatusFailed
		}
	case r.Skipped:
		return effect.StatusSkipped
	case counts(e, r):
		return effect.StatusChanged
	default:
		return effect.StatusOK
	}
}

// counts tells whether an effect that succeeded counts as a change of the host.
func counts(e effect.Effect, r effect.Result) bool { return r.Changed() && mayCount(e) }

// mayCount leaves out what touches nothing anybody could name, and what is a matter
// of our own connection.
func mayCount(e effect.Effect) bool {
	if e.Kind != effect.Change {
		return false
	}
	if e.Conn != nil && e.Conn.Verb != effect.ConnReboot {
		return false
	}
	return e.Writes == nil || len(e.Writes) > 0
}

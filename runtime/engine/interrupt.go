package engine

import (
	"context"
	"slices"

	"bsdrun/runtime/effect"
)

// errInterrupt is why scripts stop after the first Ctrl-C; errKill after the
// second.
var (
	errInterrupt = &effect.Error{Kind: effect.Cancelled, Op: "run", Message: "interrupted", Reached: "effects under way were let finish"}
	errKill      = &effect.Error{Kind: effect.Cancelled, Op: "run", Message: "ended at once", Reached: "effects under way were cut off"}
)

// interruptible makes the two contexts of a run: the one it returns ends
// scripts, sleeps and prompts at the first interrupt; r.hard ends what is under
// way, at the second.
func (r *run) interruptible(ctx context.Context) (soft context.Context, end func()) {
	hard, kill := context.WithCancelCause(ctx)
	soft, stop := context.WithCancelCause(hard)
	r.hard = hard
	cancel := func() {
		stop(nil)
		kill(nil)
	}
	if r.o.RunTimeout > 0 {
		late := effect.Errorf(effect.Timeout, "run", "the run took longer than %s", r.o.RunTimeout)
		var expire context.CancelFunc
		soft, expire = context.WithTimeoutCause(soft, r.o.RunTimeout, late)
		former := cancel
		cancel = func() { expire(); former() }
	}
	go func() {
		for _, interrupt := range []func(){
			func() {
				stop(resumable(errInterrupt, r.id))
				effect.Emit(effect.WithEvents(ctx, r.sink), effect.Event{Type: effect.Log, Op: "interrupt", Text: "stopping: what is under way may finish; once more ends it at once"})
			},
			func() { kill(resumable(errKill, r.id)) },
		} {
			select {
			case <-r.o.Interrupt:
				interrupt()
			case <-hard.Done():
				return
			}
		}
	}()
	return soft, cancel
}

func resumable(e *effect.Error, id string) error {
	c := *e
	c.Hint = "bsdrun resume " + id + " goes on from here"
	return &c
}

// graceful is the layer that lets an effect finish after the first interrupt. Any
// other end of the context (a timeout of its step, a second interrupt) ends the
// effect too. A look at a job ends with the first: it may be waiting for a host
// that is out of reach, and the job goes on by itself.
func (r *run) graceful(next effect.Doer) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if ctx.Err() != nil {
			return effect.Result{}, ended(ctx)
		}
		if e.Timeout == 0 && e.Conn == nil {
			e.Timeout = r.o.Timeout
		}
		looks := looksAtJob(e)
		inner, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		defer cancel(nil)
		defer context.AfterFunc(r.hard, func() { cancel(context.Cause(r.hard)) })()
		defer context.AfterFunc(ctx, func() {
			if looks || !isInterrupt(context.Cause(ctx)) {
				cancel(context.Cause(ctx))
			}
		})()
		result, err := next.Do(inner, e)
		if err != nil && inner.Err() != nil && effect.KindOf(err) == effect.Cancelled {
			err = withCause(err, inner)
		}
		return result, err
	})
}

func looksAtJob(e effect.Effect) bool {
	return e.Kind == effect.Read && (e.Job != nil || slices.ContainsFunc(e.Batch, looksAtJob))
}

func isInterrupt(err error) bool {
	e := effect.AsError(err)
	return e != nil && e.Kind == effect.Cancelled && e.Message == errInterrupt.Message
}

// ended is why a context has ended, as an error.
func ended(ctx context.Context) error { return effect.AsError(context.Cause(ctx)) }

// withCause tells why an effect was cut off: by whom, not only that it was.
func withCause(err error, ctx context.Context) error {
	cause := effect.AsError(context.Cause(ctx))
	e := *effect.AsError(err)
	e.Kind, e.Message, e.Hint = cause.Kind, cause.Summary(), cause.Hint
	return &e
}

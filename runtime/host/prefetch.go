package host

import (
	"context"
	"reflect"
	"slices"

	"bsdrun/runtime/effect"
)

// Prefetch does Reads in one round trip, and returns the host that answers them from
// what came back, until something is changed through it. A function that is about to
// look at several things names them here first, and then goes on as if it had not:
// what was not named, takes input, or failed for another reason than that there is no
// such file, is asked when its turn comes, and tells its own error.
func Prefetch(ctx context.Context, h effect.Doer, op string, reads ...effect.Effect) (effect.Doer, error) {
	known, _ := h.(*prefetched)
	reads = slices.DeleteFunc(slices.Clone(reads), func(e effect.Effect) bool { return e.Stdin != nil || known.answer(e) != nil })
	if len(reads) == 0 {
		return h, nil
	}
	r, err := h.Do(ctx, effect.Effect{Op: op, Kind: effect.Read, Batch: reads})
	if effect.KindOf(err) == effect.Timeout {
		return h, nil // each by itself may end in time
	}
	if err != nil {
		return h, err
	}
	p := &prefetched{Doer: h}
	for i, o := range r.Batch {
		if o.Err == nil || effect.KindOf(o.Err) == effect.Missing {
			p.answers = append(p.answers, answered{reads[i], o})
		}
	}
	return p, nil
}

// prefetched is a host with the answers to some Reads.
type prefetched struct {
	effect.Doer
	answers []answered
}

type answered struct {
	read effect.Effect
	effect.Outcome
}

func (p *prefetched) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if e.Kind == effect.Change {
		p.answers = nil
	}
	if known := p.answer(e); known != nil {
		return known.Result, known.Err
	}
	return p.Doer.Do(ctx, e)
}

// answer is what is known of a Read; nil: nothing.
func (p *prefetched) answer(e effect.Effect) *effect.Outcome {
	if p == nil {
		return nil
	}
	for i, a := range p.answers {
		tooMuch := e.File != nil && e.File.Limit > 0 && int64(len(a.Result.Data)) > e.File.Limit
		if !tooMuch && reflect.DeepEqual(question(e), question(a.read)) {
			return &p.answers[i].Outcome
		}
	}
	return nil
}

// question is what decides the answer to a Read. Under which limit a file was read
// does not, once it was.
func question(e effect.Effect) effect.Effect {
	q := effect.Effect{
		Kind: e.Kind, Argv: e.Argv, Shell: e.Shell, Job: e.Job, Conn: e.Conn, Talk: e.Talk, In: e.In, As: e.As, Dir: e.Dir, Env: e.Env,
		Stdin: e.Stdin, Sink: e.Sink, Want: e.Want, Batch: e.Batch,
	}
	if e.File != nil {
		f := *e.File
		f.Limit = 0
		q.File = &f
	}
	return q
}

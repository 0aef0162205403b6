package sshhost

import (
	"bytes"
	"context"
	"errors"

	"bsdrun/runtime/effect"
)

// query is a Read that a shell answers: the command that asks, and what its end
// means.
type query struct {
	command effect.Effect
	read    func(effect.Result, error) (effect.Result, error)
}

// textQuery is a query that prints what is asked for; fail explains why it did not.
func textQuery(command effect.Effect, fail func(error) error, read func(text []byte) (effect.Result, error)) query {
	return query{command, func(r effect.Result, err error) (effect.Result, error) {
		if err != nil {
			return effect.Result{}, fail(err)
		}
		text, err := r.Stdout.Bytes()
		if err != nil {
			return effect.Result{}, err
		}
		return read(text)
	}}
}

// answer puts one query to the host.
func (h *Host) answer(ctx context.Context, q query) (effect.Result, error) {
	return q.read(h.doCommand(ctx, q.command))
}

// queryOf is an effect as a query to one of the host's shells.
func (h *Host) queryOf(s *shell, e effect.Effect) (query, error) {
	switch {
	case e.Kind != effect.Read || e.Stdin != nil || e.Sink != nil || e.Talk != nil || e.Conn != nil:
		return query{}, effect.Errorf(effect.Invalid, e.Op, "%s cannot be part of a batch", commandText(e))
	case e.Job != nil:
		return h.jobQuery(e)
	case e.File != nil:
		return fileQuery(s, e)
	default:
		return query{e, func(r effect.Result, err error) (effect.Result, error) { return r, err }}, nil
	}
}

// doBatch does Reads in one round trip: their frames go out as one piece, and the
// shell works through them. When the connection is lost meanwhile, all are done
// again.
func (h *Host) doBatch(ctx context.Context, e effect.Effect) (effect.Result, error) {
	for losses := 0; ; losses++ {
		r, err := h.batchOnce(ctx, e)
		if !errors.Is(err, errLost) || losses == maxLosses {
			return r, err
		}
		if err := h.reconnect(ctx); err != nil {
			return r, err
		}
	}
}

// inBatch is a query under way, with its frame.
type inBatch struct {
	query
	*frame
	out, diag *effect.Capture
}

func (h *Host) batchOnce(ctx context.Context, e effect.Effect) (effect.Result, error) {
	s, err := h.shellAt(ctx, place{in: e.In, as: e.As})
	if err != nil {
		return effect.Result{}, err
	}
	if err := s.take(ctx); err != nil {
		return effect.Result{}, err
	}
	defer s.give()
	defer s.reads(e)()
	parts, err := h.write(s, e)
	if err != nil || len(parts) == 0 {
		return effect.Result{}, err
	}
	late, forget := begin(ctx, e)
	defer forget()
	if err := s.flush(parts[0].frame); err != nil {
		return effect.Result{}, err
	}
	// The last one ends when all have.
	if err := h.await(ctx, e, s, parts[len(parts)-1].frame, late, nil); err != nil {
		return effect.Result{}, err
	}
	r := effect.Result{Batch: make([]effect.Outcome, len(parts))}
	for i, part := range parts {
		code, err := codeOf(part.word, nil)
		o := &r.Batch[i]
		o.Result, err = part.read(h.finish(part.command, code, err, part.out, part.diag))
		o.Err = h.explain(ctx, e.Batch[i], err)
	}
	return r, nil
}

// write makes the frames of a batch, which is for whoever has the shell's turn.
func (h *Host) write(s *shell, e effect.Effect) ([]inBatch, error) {
	parts := make([]inBatch, len(e.Batch))
	texts := make([]string, len(e.Batch))
	for i, one := range e.Batch {
		one.In, one.As = e.In, e.As
		q, err := h.queryOf(s, one)
		if err != nil {
			return nil, err
		}
		parts[i] = inBatch{query: q, out: h.capture(), diag: h.capture()}
		if texts[i], err = body(q.command); err != nil {
			return nil, invalid(one, err)
		}
	}
	for i := range parts {
		p := &parts[i]
		p.frame = s.frame(func(b *bytes.Buffer) { b.WriteString(enclosed(p.command, texts[i])) }, "$?", p.out, p.diag)
		if i > 0 {
			parts[i-1].next = p.frame
		}
	}
	return parts, nil
}

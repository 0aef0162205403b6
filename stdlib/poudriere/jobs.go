package poudriere

import (
	"bytes"
	"context"
	"strings"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
	"bsdrun/runtime/lazyregexp"
)

// A long command of poudriere runs as a detached job, which a lost connection
// does not end and a later run meets again by its key.

// longest is the longest pause between two looks at somebody else's build.
const longest = 20 * time.Second

// How much of a job's log is kept: its beginning names the build, its end tells
// why it failed.
const (
	headSize = 64 << 10
	tailSize = 8 << 10
)

// run is one job under way.
type run struct {
	h          effect.Doer
	op         string
	state      effect.JobState
	attached   bool // it ran already
	head, tail []byte
}

// start starts the job of e, or attaches to the one of the same key. It is nil
// when check mode skipped it.
func start(ctx context.Context, h effect.Doer, e effect.Effect, key string) (*run, error) {
	e.Job = &effect.JobOp{Verb: effect.JobStart, Key: key}
	res, err := do(ctx, h, e)
	if err != nil || res.Skipped {
		return nil, err
	}
	if res.Job == nil {
		return nil, effect.Errorf(effect.Internal, e.Op, "the job was started, but there is no word of it")
	}
	return &run{h: h, op: e.Op, state: *res.Job, attached: res.Job.Attached}, nil
}

// askJob is the Read that tells how the job of that key stands.
func askJob(op, key string) effect.Effect {
	return effect.Effect{Op: op, Kind: effect.Read, Job: &effect.JobOp{Verb: effect.JobStatus, Key: key}, Reads: effect.Nothing}
}

// jobRuns tells whether a job of that key is under way.
func jobRuns(ctx context.Context, h effect.Doer, op, key string) (bool, error) {
	res, err := h.Do(ctx, askJob(op, key))
	return res.Job.Running(), err
}

// keep keeps the beginning and the end of the log.
func (r *run) keep(log []byte) {
	if room := headSize - len(r.head); room > 0 {
		r.head = append(r.head, log[:min(room, len(log))]...)
	}
	r.tail = append(r.tail, log...)
	if over := len(r.tail) - tailSize; over > 0 {
		r.tail = append(r.tail[:0], r.tail[over:]...)
	}
}

// wait waits for the job's end, calling each at every look.
func (r *run) wait(ctx context.Context, limit time.Duration, each func() error) error {
	began := clock.Now(ctx)
	_, err := host.JobByID(r.h, r.op, r.state.ID).Wait(ctx, 0, func(n host.News) error {
		r.state = n.State
		r.keep(n.Log)
		if err := each(); err != nil {
			return err
		}
		if limit > 0 && n.State.Running() && clock.Now(ctx).Sub(began) > limit {
			late := effect.Errorf(effect.Timeout, r.op, "not ended after %s; the job goes on", limit)
			late.Hint = "run again to attach to it, or look at it with bsdrun jobs"
			return late
		}
		return nil
	})
	return err
}

// failure is the error of a job that exited with another code than 0.
func (r *run) failure(command string) error {
	if r.state.Code == 0 {
		return nil
	}
	return explain(&effect.Error{Op: r.op, Kind: effect.Failed, Code: r.state.Code, Command: command, Out: string(r.tail)})
}

// progress reports the last whole line that the job printed, if it is new.
func (r *run) progress(ctx context.Context, seen *string) {
	end := bytes.LastIndexByte(r.tail, '\n')
	if end < 0 {
		return
	}
	if last := lastLine(string(r.tail[:end])); last != "" && last != *seen && !strings.HasPrefix(last, buildMark) {
		*seen = last
		effect.Report(ctx, r.op, last, nil)
	}
}

// elapsedPrefix stands before poudriere's messages.
var elapsedPrefix = lazyregexp.New(`^(?:\[[\d:]+\] )*=+>> `)

func lastLine(text string) string {
	text = strings.TrimSpace(ansi.ReplaceAllString(text, ""))
	return elapsedPrefix.ReplaceAllString(text[strings.LastIndexByte(text, '\n')+1:], "")
}

// through runs a command as a job to its end, reporting what it says. It is nil
// when check mode skipped it.
func through(ctx context.Context, h effect.Doer, e effect.Effect, key string, limit time.Duration) (*run, error) {
	r, err := start(ctx, h, e, key)
	if err != nil || r == nil {
		return nil, err
	}
	seen := ""
	each := func() error {
		r.progress(ctx, &seen)
		return nil
	}
	if err := r.wait(ctx, limit, each); err != nil {
		return r, err
	}
	return r, r.failure(strings.Join(e.Argv, " "))
}

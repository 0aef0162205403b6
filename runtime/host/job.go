package host

import (
	"context"
	"fmt"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Job is a command that runs detached on a host: it goes on when the connection
// is lost and when bsdrun ends.
type Job struct {
	h     effect.Doer
	op    string
	state effect.JobState
	// skipped: check mode did not start it, so nothing is known of it.
	skipped bool
}

// StartJob starts e (Argv or Shell) detached, or attaches to the job of that
// key that runs already. Where another run has started it, a person is asked
// first.
func StartJob(ctx context.Context, h effect.Doer, e effect.Effect, key string) (*Job, error) {
	e.Kind = effect.Change
	e.Job = &effect.JobOp{Verb: effect.JobStart, Key: key}
	r, err := h.Do(ctx, e)
	if err != nil {
		return nil, err
	}
	if r.Skipped || r.Job == nil {
		return &Job{h: h, op: e.Op, skipped: true}, nil
	}
	j := &Job{h: h, op: e.Op, state: *r.Job}
	if r.Job.Foreign && r.Job.Running() {
		if err := j.agree(ctx); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// agree asks whether to attach to another run's job.
func (j *Job) agree(ctx context.Context) error {
	answer, err := effect.Ask(ctx, effect.Question{
		Key: "attach-" + j.state.ID, Choices: []string{"yes", "no"},
		Text:   fmt.Sprintf("%s runs already, started by run %s. Attach to it?", j.state.Key, j.state.Run),
		Detail: fmt.Sprintf("%s, since %s: %s", j.state.ID, j.state.Started.Format(time.RFC3339), j.state.Command),
	})
	if err != nil {
		return effect.WithHint(err, "wait until the job %s has ended, or stop it (bsdrun jobs)", j.state.ID)
	}
	if answer != "yes" {
		return &effect.Error{
			Op: j.op, Kind: effect.Stopped, Message: fmt.Sprintf("%s runs already, started by run %s", j.state.Key, j.state.Run),
			Hint: "wait until it has ended, or stop it (bsdrun jobs)",
		}
	}
	return nil
}

// JobByID is a handle for a job that is known to be there, or was.
func JobByID(h effect.Doer, op, id string) *Job {
	return &Job{h: h, op: op, state: effect.JobState{ID: id}}
}

// ID names the job on its host.
func (j *Job) ID() string { return j.state.ID }

// Started is the state that the job was in when it was started or attached to;
// Skipped tells that check mode did not start it.
func (j *Job) Started() effect.JobState { return j.state }

// Skipped tells that check mode did not start it: nothing else is known.
func (j *Job) Skipped() bool { return j.skipped }

func (j *Job) do(ctx context.Context, kind effect.Kind, op effect.JobOp) (effect.Result, error) {
	if j.skipped {
		return effect.Result{}, effect.ErrUnknown
	}
	op.ID = j.state.ID
	// What a job prints is nothing that another effect could name.
	r, err := j.h.Do(ctx, effect.Effect{Op: j.op, Kind: kind, Reads: effect.Nothing, Job: &op})
	if err == nil && r.Skipped {
		err = effect.ErrUnknown
	}
	return r, err
}

// Status tells how the job stands.
func (j *Job) Status(ctx context.Context) (effect.JobState, error) {
	r, err := j.do(ctx, effect.Read, effect.JobOp{Verb: effect.JobStatus})
	if err != nil {
		return effect.JobState{}, err
	}
	return *r.Job, nil
}

// Tail reads the log from an offset on, at most limit bytes (0: 1 MiB), and
// tells how the job stood just before.
func (j *Job) Tail(ctx context.Context, from, limit int64) ([]byte, effect.JobState, error) {
	r, err := j.do(ctx, effect.Read, effect.JobOp{Verb: effect.JobLog, Offset: from, Limit: limit})
	if err != nil {
		return nil, effect.JobState{}, err
	}
	return r.Data, *r.Job, nil
}

// Stop ends the job with all its processes: TERM, then after grace (0: ten
// seconds) KILL.
func (j *Job) Stop(ctx context.Context, grace time.Duration) (effect.JobState, error) {
	r, err := j.do(ctx, effect.Change, effect.JobOp{Verb: effect.JobStop, Grace: grace})
	if err != nil {
		return effect.JobState{}, err
	}
	return *r.Job, nil
}

// Remove forgets a job that has ended, with its log.
func (j *Job) Remove(ctx context.Context) error {
	_, err := j.do(ctx, effect.Change, effect.JobOp{Verb: effect.JobRemove})
	return err
}

// News is what a job has come to since the last look.
type News struct {
	State effect.JobState
	Log   []byte // what it has printed since
	From  int64  // offset of Log in the whole log
}

// How long Wait sleeps between looks, and how long a host may be out of reach
// meanwhile.
const (
	shortLook = 500 * time.Millisecond
	longLook  = 10 * time.Second
	patience  = 30 * time.Minute
)

// Wait waits for the job to end, from the given offset of its log on. poll,
// where given, hears the news of every look; its error ends the waiting, not
// the job. A job that did not end by itself is an error; an exit code is not.
func (j *Job) Wait(ctx context.Context, from int64, poll func(News) error) (effect.JobState, error) {
	look := shortLook
	var lostAt time.Time
	for {
		log, state, err := j.Tail(ctx, from, 0)
		switch {
		case effect.KindOf(err) == effect.Unreachable && ctx.Err() == nil:
			// The job does not need the connection.
			if lostAt.IsZero() {
				lostAt = clock.Now(ctx)
			} else if clock.Now(ctx).Sub(lostAt) > patience {
				return state, err
			}
		case err != nil:
			return state, err
		default:
			lostAt = time.Time{}
			if poll != nil {
				if err := poll(News{State: state, Log: log, From: from}); err != nil {
					return state, err
				}
			}
			from += int64(len(log))
			if !state.Running() && from >= state.LogSize || !state.Running() && len(log) == 0 {
				return state, j.ending(state)
			}
			if len(log) > 0 {
				look = shortLook
				if !state.Running() {
					continue
				}
			}
		}
		if err := clock.Sleep(ctx, look); err != nil {
			return state, err
		}
		look = min(look*3/2, longLook)
	}
}

// ending is the error of a job that did not end by itself.
func (j *Job) ending(state effect.JobState) error {
	failure := &effect.Error{Op: j.op, Kind: effect.Failed, Command: state.Command}
	switch state.State {
	case "exited":
		return nil
	case "rebooted":
		failure.Message = fmt.Sprintf("the host rebooted under the job %s", j.state.ID)
		failure.Hint = "see why it rebooted; run the recipe again to start the job anew"
	case "absent":
		failure.Kind = effect.Missing
		failure.Message = fmt.Sprintf("the job %s is no longer on the host", j.state.ID)
		failure.Hint = "somebody has removed it, or the host came back with files of an earlier time; run the recipe again to start the job anew"
	default:
		failure.Message = fmt.Sprintf("the job %s is over, and left no exit code", j.state.ID)
		failure.Hint = "it was ended from outside, or could not write: see whether a file system is full (df -h), and in the host's messages whether it ran out of memory"
	}
	return failure
}

package hostverbs

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/host"
)

// jobClass is what a script does with a job.
var jobClass = binding.Class{
	Name: "job",
	Doc:  "A command that runs on the host by itself. Its handle may be kept in a step's value: a resumed run finds the job again.",
	Funcs: []binding.Func{
		{
			Name: "wait", Kind: effect.Read, Call: waitJob,
			Doc: "Waits until the job has ended and returns how. Its output is shown meanwhile. A lost connection does not end the waiting.",
			Raises: []string{
				`kind "failed": an exit code that codes does not name; or the host rebooted under the job, or somebody ended it`,
				`kind "timeout": it runs still; the job is not ended`,
			},
			Example: `local done = job:wait{ timeout = 3600, codes = { 0, 1 } }`,
		},
		{
			Name: "status", Kind: effect.Read, Call: jobStatus,
			Doc:     "Tells how the job stands.",
			Example: `if job:status().running then log("still at it") end`,
		},
		{
			Name: "tail", Kind: effect.Read, Call: tailJob,
			Doc:     "Reads the job's output: the last of it, or what follows an offset.",
			Example: `local part = job:tail{ from = 0 }` + "\n" + `part = job:tail{ from = part.next }`,
		},
		{
			Name: "stop", Kind: effect.Change, Call: stopJob, See: []string{"kill(1)"},
			Doc:     "Ends the job with all its processes: by TERM, and after grace by KILL.",
			Example: `job:stop{ grace = 30 }`,
		},
	},
}

type jobArgs struct {
	Command `lua:",inline"`
	Key     string   `lua:"key" doc:"names the job across runs; without it the job belongs to its step"`
	Writes  []string `lua:"writes" doc:"what it touches, as file:/usr/obj/ (a tree), pkg; everything without it"`
}

// Job is the handle of a job.
type Job struct {
	Changed  bool   `lua:"changed" doc:"the job was started now; not so when it was attached to"`
	Key      string `lua:"key,omitempty" doc:"its key"`
	Attached bool   `lua:"attached,produced" doc:"it ran already"`

	id string
}

// Handle names the job.
func (j Job) Handle() binding.Handle { return binding.Handle{Kind: "job", ID: j.id} }

func startJob(ctx context.Context, h effect.Doer, a jobArgs) (Job, error) {
	e, err := a.Command.effect("job", effect.Change)
	if err != nil {
		return Job{}, err
	}
	e.Writes = resources(a.Writes)
	j, err := host.StartJob(ctx, h, e, a.Key)
	if err != nil {
		return Job{}, err
	}
	if j.Skipped() {
		return Job{Changed: true, Key: a.Key}, nil
	}
	attached := j.Started().Attached
	return Job{Changed: !attached, Key: a.Key, Attached: attached, id: j.ID()}, nil
}

// State is how a job stands.
type State struct {
	State   string    `lua:"state" doc:"running, exited, rebooted (the host went down under it), lost (ended from outside) or absent"`
	Running bool      `lua:"running" doc:"it has not ended"`
	Code    *int      `lua:"code" doc:"exit code, once exited"`
	PID     int       `lua:"pid,omitempty" doc:"process id"`
	Command string    `lua:"command,omitempty" doc:"what it runs"`
	Started time.Time `lua:"started" doc:"when it began"`
	Ended   time.Time `lua:"ended" doc:"when it ended; nil while it runs"`
	Size    int64     `lua:"size" doc:"bytes that it has printed"`
}

func stateOf(s effect.JobState) State {
	out := State{
		State: s.State, Running: s.Running(), PID: s.PID, Command: s.Command,
		Started: s.Started, Ended: s.Ended, Size: s.LogSize,
	}
	if s.State == "exited" {
		out.Code = &s.Code
	}
	return out
}

// Listed is a job in a list.
type Listed struct {
	ID    string `lua:"id" doc:"its name on the host"`
	Key   string `lua:"key,omitempty" doc:"its key"`
	Run   string `lua:"run,omitempty" doc:"the run that started it"`
	State `lua:",inline"`
}

func listJobs(ctx context.Context, h effect.Doer) ([]Listed, error) {
	r, err := h.Do(ctx, effect.Effect{
		Op: "jobs", Kind: effect.Read, Job: &effect.JobOp{Verb: effect.JobList}, Reads: effect.Nothing,
	})
	list := make([]Listed, 0, len(r.Jobs))
	for _, s := range r.Jobs {
		list = append(list, Listed{ID: s.ID, Key: s.Key, Run: s.Run, State: stateOf(s)})
	}
	return list, err
}

type jobID struct {
	ID string `lua:"id,required" doc:"the job"`
}

func jobStatus(ctx context.Context, h effect.Doer, a jobID) (State, error) {
	s, err := host.JobByID(h, "job.status", a.ID).Status(ctx)
	return stateOf(s), err
}

// tailSize is how much of a job's output its end shows, and a tail without an
// offset.
const tailSize = 64 << 10

type waitArgs struct {
	jobID   `lua:",inline"`
	Timeout time.Duration `lua:"timeout" doc:"seconds to wait at most; no end without it"`
	Codes   []int         `lua:"codes" doc:"exit codes that are answers, not failures; 0 alone without it"`
	From    int64         `lua:"from" doc:"offset of the output to show from"`
}

// Ended is how a job ended.
type Ended struct {
	Code int           `lua:"code" doc:"exit code"`
	Tail string        `lua:"tail" doc:"the last 64 KiB of its output"`
	Size int64         `lua:"size" doc:"bytes that it has printed"`
	Took time.Duration `lua:"took" doc:"seconds from its start to its end"`
}

func waitJob(ctx context.Context, h effect.Doer, a waitArgs) (Ended, error) {
	var tail []byte
	began := clock.Now(ctx)
	state, err := host.JobByID(h, "job.wait", a.ID).Wait(ctx, a.From, func(n host.News) error {
		if tail = append(tail, n.Log...); len(tail) > tailSize {
			tail = bytes.Clone(tail[len(tail)-tailSize:])
		}
		if line := lastLine(n.Log); line != "" {
			effect.Report(ctx, "job.wait", line, map[string]any{"job": a.ID, "size": n.From + int64(len(n.Log))})
		}
		if waited := clock.Now(ctx).Sub(began); a.Timeout > 0 && n.State.Running() && waited >= a.Timeout {
			return &effect.Error{
				Op: "job.wait", Kind: effect.Timeout, Command: n.State.Command, Out: string(tail),
				Message: fmt.Sprintf("the job %s runs still after %s", a.ID, waited.Round(time.Second)),
				Hint:    "it is not ended: wait longer, or stop it",
			}
		}
		return nil
	})
	if err != nil {
		return Ended{}, err
	}
	wanted := effect.Effect{Want: a.Codes}
	if !wanted.Wants(state.Code) {
		return Ended{}, &effect.Error{Op: "job.wait", Kind: effect.Failed, Command: state.Command, Code: state.Code, Out: string(tail)}
	}
	return Ended{Code: state.Code, Tail: string(tail), Size: state.LogSize, Took: state.Ended.Sub(state.Started)}, nil
}

func lastLine(log []byte) string {
	text := strings.TrimSpace(string(log))
	return strings.TrimSpace(text[strings.LastIndexAny(text, "\r\n")+1:])
}

type tailArgs struct {
	jobID `lua:",inline"`
	From  *int64 `lua:"from" doc:"offset to read from; the last 64 KiB without it"`
	Limit int64  `lua:"limit" doc:"bytes to read at most" default:"1048576"`
}

// Part is a part of a job's output.
type Part struct {
	Text    string `lua:"text" doc:"the part"`
	From    int64  `lua:"from" doc:"its offset"`
	Next    int64  `lua:"next" doc:"the offset behind it"`
	Running bool   `lua:"running" doc:"there may be more to come"`
}

func tailJob(ctx context.Context, h effect.Doer, a tailArgs) (Part, error) {
	j := host.JobByID(h, "job.tail", a.ID)
	if a.Limit < 1 || a.Limit > effect.MaxText {
		return Part{}, invalid("job.tail", "limit: expected 1 to %d bytes, got %d", int64(effect.MaxText), a.Limit)
	}
	from := int64(0)
	if a.From != nil {
		from = *a.From
	} else {
		s, err := j.Status(ctx)
		if err != nil {
			return Part{}, err
		}
		from = max(0, s.LogSize-tailSize)
	}
	if from < 0 {
		return Part{}, invalid("job.tail", "from: expected 0 or more, got %d", from)
	}
	text, state, err := j.Tail(ctx, from, a.Limit)
	return Part{Text: string(text), From: from, Next: from + int64(len(text)), Running: state.Running()}, err
}

type stopArgs struct {
	jobID `lua:",inline"`
	Grace time.Duration `lua:"grace" doc:"seconds between TERM and KILL" default:"10"`
}

// Stopped is a job that was stopped.
type Stopped struct {
	Changed bool   `lua:"changed" doc:"it ran until now"`
	State   string `lua:"state,produced" doc:"how it ended"`
}

func stopJob(ctx context.Context, h effect.Doer, a stopArgs) (Stopped, error) {
	j := host.JobByID(h, "job.stop", a.ID)
	before, err := j.Status(ctx)
	if err != nil {
		return Stopped{}, err
	}
	if !before.Running() {
		return Stopped{State: before.State}, nil
	}
	after, err := j.Stop(ctx, a.Grace)
	return Stopped{Changed: true, State: after.State}, err
}

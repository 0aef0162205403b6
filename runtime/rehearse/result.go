package rehearse

import (
	"context"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Run is what came of a run.
type Run struct {
	ID      string `lua:"id" doc:"to resume it"`
	Status  string `lua:"status" doc:"ok, failed, stopped or unreachable: the worst of all hosts"`
	Exit    int    `lua:"exit" doc:"exit code that bsdrun would end with"`
	Changed int64  `lua:"changed" doc:"changes on all hosts that were, or in a check would be, made"`

	HostRun `lua:",inline"`
	Hosts   map[string]HostRun `lua:"hosts" doc:"each host by its name; the fields of the run itself are the first one's"`

	Summary any      `lua:"summary,omitempty" doc:"what the recipe says of all hosts together"`
	Output  string   `lua:"output" doc:"what it printed"`
	Log     []string `lua:"log" doc:"what it told with log()"`
	Asked   []string `lua:"asked" doc:"the questions it asked"`
}

// HostRun is what came of it on one host.
type HostRun struct {
	Result  any            `lua:"result" doc:"what the recipe returned"`
	Error   *Failure       `lua:"error" doc:"why it did not come to its end; nil when it did"`
	Steps   []Step         `lua:"steps" doc:"its steps in order"`
	Step    map[string]any `lua:"step" doc:"status of each step by its name"`
	Effects []Effect       `lua:"effects" doc:"what it did on the host, in order"`
	Took    time.Duration  `lua:"took" doc:"how long it took, on the host's clock"`
}

// Step is a step of a run.
type Step struct {
	Name    string   `lua:"name" doc:"its name, with its key in brackets"`
	Status  string   `lua:"status" doc:"ok, changed, failed, skipped, unknown or stopped"`
	Reason  string   `lua:"reason,omitempty" doc:"why it was skipped or is unknown"`
	Changes []Change `lua:"changes" doc:"what it changed or, in a check, would change"`
}

// Change is one change of a step.
type Change struct {
	Op   string `lua:"op" doc:"the function"`
	Host string `lua:"host,omitempty" doc:"the other host that the recipe changed"`
	What string `lua:"what" doc:"the command or the file"`
	Diff string `lua:"diff,omitempty" doc:"what changes in the file"`
}

// Effect is one thing that was done on a host.
type Effect struct {
	Op     string `lua:"op" doc:"the function"`
	Kind   string `lua:"kind" doc:"read or change"`
	What   string `lua:"what" doc:"the command or the file"`
	Step   string `lua:"step" doc:"path of the step"`
	Status string `lua:"status" doc:"ok, changed, skipped, failed or unknown"`
	Code   int    `lua:"code" doc:"exit code"`
}

// Failure is why a host did not come to the end.
type Failure struct {
	Kind    string `lua:"kind" doc:"failed, timeout, denied, missing, unreachable, invalid, script ..."`
	Message string `lua:"message" doc:"in words"`
	Hint    string `lua:"hint" doc:"what to do next"`
	Op      string `lua:"op" doc:"the function that failed"`
	Code    int    `lua:"code" doc:"exit code of a command"`
	Stdout  string `lua:"stdout" doc:"last lines"`
	Stderr  string `lua:"stderr" doc:"last lines"`
	At      string `lua:"at" doc:"file and line of the recipe"`
}

func failure(e *journal.ErrorReport) *Failure {
	if e == nil {
		return nil
	}
	return &Failure{
		Kind: string(e.Kind), Message: e.Message, Hint: e.Hint, Op: e.Op, Code: e.Code, Stdout: e.Stdout, Stderr: e.Stderr, At: e.At,
	}
}

// worst are the ends of hosts, the worst first.
var worst = []string{effect.StatusFailed, effect.StatusStopped, effect.StatusUnreachable, effect.StatusOK}

// result makes a report fit for a test.
func (t *session) result(ctx context.Context, report *journal.Report) (*Run, error) {
	run := &Run{ID: report.Run, Exit: report.Exit(false), Hosts: map[string]HostRun{}, Summary: report.Summary}
	ends := map[string]bool{}
	for i, h := range report.Hosts {
		one, err := t.hostResult(ctx, report.Run, h)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			run.HostRun = one
		}
		run.Hosts[h.Name] = one
		run.Changed += h.Changed
		ends[h.Status] = true
	}
	for _, status := range worst {
		if ends[status] {
			run.Status = status
			break
		}
	}
	if report.Err != nil { // of the summary
		run.Status, run.Error = effect.StatusFailed, failure(report.Err)
	}
	return run, nil
}

func (t *session) hostResult(ctx context.Context, id string, h journal.HostReport) (HostRun, error) {
	one := HostRun{Result: h.Result, Error: failure(h.Error), Step: map[string]any{}}
	for _, s := range h.Steps {
		step := Step{Name: s.Name, Status: s.Status, Reason: s.Reason}
		for _, c := range s.Changes {
			step.Changes = append(step.Changes, Change(c))
		}
		one.Steps = append(one.Steps, step)
		one.Step[s.Name] = s.Status
	}
	effects, err := t.journal.Effects(ctx, id, h.Name)
	if err != nil {
		return one, err
	}
	for _, e := range effects {
		one.Effects = append(one.Effects, Effect{Op: e.Op, Kind: e.Kind, What: e.What, Step: e.Step, Status: e.Status, Code: e.Code})
	}
	hosts, err := t.journal.Hosts(ctx, id)
	for _, record := range hosts {
		if record.Name == h.Name && !record.Ended.IsZero() {
			one.Took = record.Ended.Sub(record.Started)
		}
	}
	return one, err
}

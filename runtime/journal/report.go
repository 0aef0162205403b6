package journal

import (
	"context"
	"math"
	"slices"
	"time"

	"bsdrun/runtime/effect"
)

// Report is a run as "-o json" prints it.
type Report struct {
	Run     string       `json:"run"`
	Recipe  string       `json:"recipe"`
	Check   bool         `json:"check"`
	Started time.Time    `json:"started"`
	Took    float64      `json:"took"` // seconds
	Hosts   []HostReport `json:"hosts"`
	// Summary is what the recipe says of all hosts together.
	Summary any `json:"summary,omitempty"`
	// Err is what failed beyond a single host.
	Err *ErrorReport `json:"error,omitempty"`
}

// HostReport is what a run came to on one host.
type HostReport struct {
	Name    string `json:"name"`
	Status  string `json:"status"` // ok, failed, unreachable, stopped
	Changed int64  `json:"changed"`
	// Notes are what people must know of the run's way on the host: a lock
	// that was taken over, files that are those of an earlier time.
	Notes []string     `json:"notes,omitempty"`
	Steps []StepReport `json:"steps"`
	// Changes are those outside of steps.
	Changes []ChangeReport `json:"changes,omitempty"`
	Result  any            `json:"result"`
	Error   *ErrorReport   `json:"error"`
}

// StepReport is what one step came to.
type StepReport struct {
	Name   string  `json:"name"`
	Status string  `json:"status"`           // ok, changed, failed, skipped, unknown
	Took   float64 `json:"took"`             // seconds
	Reason string  `json:"reason,omitempty"` // why it was skipped or is unknown
	// Changes are what the step changed or, in check mode, would change.
	Changes []ChangeReport `json:"changes,omitempty"`
}

// ChangeReport is one change of a step.
type ChangeReport struct {
	Op   string `json:"op"`
	Host string `json:"host,omitempty"` // the other host that the script changed
	What string `json:"what"`           // the command or the file, redacted
	Diff string `json:"diff,omitempty"`
}

// ErrorReport is a failure as reports and scripts show it.
type ErrorReport struct {
	Op      string         `json:"op"`
	Host    string         `json:"host,omitempty"`
	Kind    effect.ErrKind `json:"kind"`
	Code    int            `json:"code"`
	Command string         `json:"command,omitempty"`
	Stdout  string         `json:"stdout"`
	Stderr  string         `json:"stderr"`
	Message string         `json:"message"`
	Reached string         `json:"reached,omitempty"`
	Hint    string         `json:"hint"`
	At      string         `json:"at"`
	Excerpt string         `json:"excerpt,omitempty"` // the recipe's lines around At
}

// ReportError turns a failure into its view; nil stays nil. clean removes
// secrets.
func ReportError(err error, clean func(string) string) *ErrorReport {
	if err == nil {
		return nil
	}
	e := effect.AsError(err)
	r := &ErrorReport{
		Op: e.Op, Host: e.Host, Kind: e.Kind, Code: e.Code, Command: e.Command, Stdout: e.Out, Stderr: e.Err,
		Message: e.Summary(), Reached: e.Reached, Hint: e.Hint, At: e.At,
	}
	if clean != nil {
		for _, text := range []*string{&r.Command, &r.Stdout, &r.Stderr, &r.Message, &r.Reached, &r.Hint} {
			*text = clean(*text)
		}
	}
	return r
}

// AsError turns the view back into an error.
func (r *ErrorReport) AsError() *effect.Error {
	return &effect.Error{
		Op: r.Op, Host: r.Host, Kind: r.Kind, Code: r.Code, Command: r.Command, Out: r.Stdout, Err: r.Stderr,
		Message: r.Message, Reached: r.Reached, Hint: r.Hint, At: r.At,
	}
}

// exitOrder lists the exit codes of failures, the first that applies winning.
var exitOrder = []int{130, 1, 64, 5, 2, 75, 4}

// pendingExit is the exit code of a check that found changes to make.
const pendingExit = 3

// Exit is the exit code that the report asks for. With checkExitCode, a check
// that found changes to make exits with 3.
func (r *Report) Exit(checkExitCode bool) int {
	codes := map[int]bool{}
	changed := false
	if r.Err != nil {
		codes[r.Err.Kind.Exit()] = true
	}
	for _, h := range r.Hosts {
		codes[h.exit()] = true
		changed = changed || h.Changed > 0
	}
	for _, code := range exitOrder {
		if codes[code] {
			return code
		}
	}
	if checkExitCode && r.Check && changed {
		return pendingExit
	}
	return 0
}

func (h *HostReport) exit() int {
	switch {
	case h.Error != nil:
		return h.Error.Kind.Exit()
	case h.Status == effect.StatusFailed:
		return effect.Failed.Exit()
	case h.Status == effect.StatusUnreachable:
		return effect.Unreachable.Exit()
	case h.Status == effect.StatusStopped:
		return effect.Stopped.Exit()
	default:
		return 0
	}
}

// Report is the view of a recorded run.
func (s *Store) Report(ctx context.Context, run string) (*Report, error) {
	rec, err := s.Find(ctx, run)
	if err != nil {
		return nil, err
	}
	hosts, err := s.Hosts(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	report := &Report{
		Run: rec.ID, Recipe: rec.Recipe, Check: rec.Check, Started: rec.Started,
		Took: seconds(rec.Started, rec.Ended), Hosts: []HostReport{}, Summary: ForJSON(rec.Summary), Err: rec.Error,
	}
	notes, err := s.notes(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	lent, err := s.lent(ctx, rec.ID, hosts)
	if err != nil {
		return nil, err
	}
	for _, h := range hosts {
		steps, err := s.steps(ctx, rec.ID, h.Name)
		if err != nil {
			return nil, err
		}
		changes, err := s.changes(ctx, rec.ID, h.Name)
		if err != nil {
			return nil, err
		}
		of := hostReport(h, steps, changes, lent[h.Name])
		of.Notes = notes[h.Name]
		report.Hosts = append(report.Hosts, of)
	}
	return report, nil
}

// hostReport is what a run came to on a host: how it changed that, and how its script
// changed other ones, which is told behind the former.
func hostReport(h Host, steps []Step, own, lent []Effect) HostReport {
	changes := map[string][]ChangeReport{}
	for _, e := range slices.Concat(own, lent) {
		change := ChangeReport{Op: e.Op, What: e.What, Diff: e.Diff}
		if e.Host != h.Name {
			change.Host = e.Host
		}
		changes[e.Step] = append(changes[e.Step], change)
	}
	r := HostReport{Name: h.Name, Status: h.Status, Changed: int64(len(own)), Steps: []StepReport{}, Changes: changes[""], Result: ForJSON(h.Result), Error: h.Error}
	if r.Status == "" || r.Status == Running {
		r.Status = effect.StatusStopped
	}
	for _, step := range steps {
		status := step.Status
		if status == Running {
			status = effect.StatusStopped
		}
		r.Steps = append(r.Steps, StepReport{
			Name: step.Title, Status: status, Took: seconds(step.Started, step.Ended),
			Reason: step.Reason, Changes: changes[step.Path],
		})
	}
	return r
}

// seconds is a duration rounded to what a person or a script can use.
func seconds(started, ended time.Time) float64 {
	if started.IsZero() || ended.IsZero() {
		return 0
	}
	return math.Round(ended.Sub(started).Seconds()*1000) / 1000
}

package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"bsdrun/runtime/effect"
)

// States of a run.
const (
	Running     = "running"
	Done        = "done"
	Failed      = "failed"
	Stopped     = "stopped"     // before something that needs leave, or by Ctrl-C
	Interrupted = "interrupted" // its process died
)

// Run is one run as it was started.
type Run struct {
	ID      string
	Recipe  string // name, or the first line of ad hoc code
	Source  []byte
	Root    string            // the recipe's folder
	Files   map[string][]byte // required files and templates; filled by Find
	AdHoc   bool
	Check   bool
	Version string
	Params  map[string]any // plain data, without secrets
	Options []byte         // the engine's own
	State   string
	Session int // 1, and one more with each resume
	Started time.Time
	Ended   time.Time // zero while it runs
	Error   *ErrorReport
	Summary any // what the recipe says of all hosts together: plain data

	Controller string
	PID        int
}

// Resumable tells whether a run may go on: it stopped, failed, or its process
// died.
func (r *Run) Resumable() bool { return !r.Check && r.State != Done }

// Host is one host of a run.
type Host struct {
	Name    string
	Spec    []byte // the engine's own: how to reach it
	Status  string
	Result  any
	Error   *ErrorReport
	Started time.Time
	Ended   time.Time
}

// Step is one step on one host.
type Step struct {
	Path   string
	Title  string
	Status string // running, ok, changed, failed, skipped, unknown, stopped
	Value  any
	// Exact is whether Value is what the step returned; a secret in it is
	// not recorded, so that such a step runs again.
	Exact   bool
	Reason  string // why it was skipped
	Error   *ErrorReport
	Changes int64
	Started time.Time
	Ended   time.Time // zero: under way, or cut short
}

// Effect is one effect on one host.
type Effect struct {
	Host    string
	Step    string
	Session int // that sent it, or met it again, last
	Ordinal int64
	ID      string // of a Change: its name in the host's ledger
	Op      string
	Kind    string
	Risk    string
	Hash    string
	What    string // the command as a person would type it, redacted
	Line    string // recipe.lua:12
	Command bool   // a plain command, run in the jail In as the user As
	In, As  string
	Sent    time.Time
	Ended   time.Time
	// Status is "sent" between intent and outcome, then ok, changed,
	// skipped, failed or unknown.
	Status string
	Counts bool // it changed the host, or in a check would
	Code   int
	Out    []byte // tails
	Err    []byte
	Diff   string
	Answer string // of a Read: a hash of its result; of a reboot: the boot that it ends
	Result []byte // of a Change: its result in full, when that may be kept
	Error  *ErrorReport

	seq int64
}

// Sent is the status of an effect whose outcome is not known.
const Sent = "sent"

// Recorder writes one session of a run.
type Recorder struct {
	s       *Store
	run     string
	session int
	seq     atomic.Int64
}

// Begin records a new run; ID, State, Session, Started, Controller and PID are
// filled in.
func (s *Store) Begin(run *Run, hosts []Host) (*Recorder, error) {
	if run.ID == "" {
		run.ID = NewID(time.Now())
	}
	run.State, run.Session = Running, 1
	if run.Started.IsZero() {
		run.Started = time.Now()
	}
	run.Controller, _ = os.Hostname()
	run.PID = os.Getpid()
	params, err := EncodeValue(nonNil(run.Params))
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	err = s.wait(false, func(b *batch) error {
		err := b.exec(`INSERT INTO runs (id, recipe, source, root, adhoc, dry, version, params, options, controller, pid, state, session, started)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			run.ID, run.Recipe, run.Source, run.Root, run.AdHoc, run.Check, run.Version, params, run.Options,
			run.Controller, run.PID, run.State, run.Session, nanos(run.Started))
		for i := 0; err == nil && i < len(hosts); i++ {
			err = b.exec("INSERT INTO hosts (run, name, seq, spec) VALUES (?, ?, ?, ?)", run.ID, hosts[i].Name, i, hosts[i].Spec)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Recorder{s: s, run: run.ID, session: 1}, nil
}

func nonNil(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// Resume opens the next session of a recorded run.
func (s *Store) Resume(ctx context.Context, run *Run) (*Recorder, error) {
	var last int64
	err := s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&last) },
		"SELECT coalesce(max(seq), 0) FROM effects WHERE run = ?", run.ID)
	if err != nil {
		return nil, err
	}
	run.Session++
	run.State = Running
	run.Controller, _ = os.Hostname()
	run.PID = os.Getpid()
	err = s.wait(false, func(b *batch) error {
		return b.exec("UPDATE runs SET session = ?, state = ?, controller = ?, pid = ?, ended = 0, error = NULL WHERE id = ?",
			run.Session, run.State, run.Controller, run.PID, run.ID)
	})
	if err != nil {
		return nil, err
	}
	r := &Recorder{s: s, run: run.ID, session: run.Session}
	r.seq.Store(last)
	return r, nil
}

// Run is the run's id.
func (r *Recorder) Run() string { return r.run }

// Flush waits until all that was recorded is committed.
func (r *Recorder) Flush() error { return r.s.Flush() }

// Session is 1, or more on a resumed run.
func (r *Recorder) Session() int { return r.session }

// Source replaces the stored recipe by an edited one.
func (r *Recorder) Source(source []byte) error {
	return r.s.wait(false, func(b *batch) error {
		if err := b.exec("DELETE FROM files WHERE run = ?", r.run); err != nil {
			return err
		}
		return b.exec("UPDATE runs SET source = ? WHERE id = ?", source, r.run)
	})
}

// File stores a file that the recipe has read.
func (r *Recorder) File(name string, content []byte) {
	r.s.later(func(b *batch) error {
		return b.exec("INSERT OR IGNORE INTO files (run, name, content) VALUES (?, ?, ?)", r.run, name, nonNilBytes(content))
	})
}

func nonNilBytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// HostStart notes that work on a host begins.
func (r *Recorder) HostStart(name string, at time.Time) {
	r.s.later(func(b *batch) error {
		return b.exec(`UPDATE hosts SET status = 'running', result = NULL, error = NULL, ended = 0,
			started = CASE started WHEN 0 THEN ? ELSE started END WHERE run = ? AND name = ?`, nanos(at), r.run, name)
	})
}

// HostEnd notes how a host ended; Result must be plain data.
func (r *Recorder) HostEnd(h Host) error {
	result, err := EncodeValue(h.Result)
	if err != nil {
		return err
	}
	return r.s.wait(false, func(b *batch) error {
		return b.exec("UPDATE hosts SET status = ?, result = ?, error = ?, ended = ? WHERE run = ? AND name = ?",
			h.Status, result, errorJSON(h.Error), nanos(h.Ended), r.run, h.Name)
	})
}

// End notes how the run ended; its summary must be plain data.
func (r *Recorder) End(state string, summary any, failure *ErrorReport) error {
	said, err := EncodeValue(summary)
	if err != nil {
		return err
	}
	return r.s.wait(false, func(b *batch) error {
		return b.exec("UPDATE runs SET state = ?, ended = ?, summary = ?, error = ? WHERE id = ?", state, nanos(time.Now()), said, errorJSON(failure), r.run)
	})
}

// StepStart notes that a step begins; a step of that path that was cut short
// begins again in its place.
func (r *Recorder) StepStart(host string, step Step) {
	seq := r.seq.Add(1)
	r.s.later(func(b *batch) error {
		return b.exec(`INSERT INTO steps (run, host, path, title, seq, status, started) VALUES (?, ?, ?, ?, ?, 'running', ?)
			ON CONFLICT DO UPDATE SET status = 'running', title = excluded.title, exact = 0, value = NULL, reason = '',
			error = NULL, changes = 0, ended = 0`,
			r.run, host, step.Path, step.Title, seq, nanos(step.Started))
	})
}

// StepEnd notes how a step ended. It is on the disk when StepEnd returns.
func (r *Recorder) StepEnd(host string, step Step) error {
	var value []byte
	if step.Exact {
		var err error
		if value, err = EncodeValue(step.Value); err != nil {
			return err
		}
	}
	return r.s.wait(true, func(b *batch) error {
		return b.exec(`UPDATE steps SET status = ?, exact = ?, value = ?, reason = ?, error = ?, changes = ?, ended = ?
			WHERE run = ? AND host = ? AND path = ?`,
			step.Status, step.Exact, value, step.Reason, errorJSON(step.Error), step.Changes, nanos(step.Ended), r.run, host, step.Path)
	})
}

// Intent notes a Change that is about to be sent. With durable it is on the
// disk when Intent returns, else it survives the death of this process.
func (r *Recorder) Intent(e *Effect, durable bool) error {
	e.Status, e.Session = Sent, r.session
	insert := r.insert(e)
	return r.s.wait(durable, insert)
}

// insert writes an effect's row, or again the one it already has.
func (r *Recorder) insert(e *Effect) func(*batch) error {
	if e.seq == 0 {
		e.seq = r.seq.Add(1)
	}
	row := *e
	return func(b *batch) error {
		return b.exec(`INSERT OR REPLACE INTO effects (run, seq, host, step, session, ordinal, id, op, kind, risk, hash, what, line,
			sent, ended, status, counts, code, out, err, diff, answer, result, error, command, jail, user)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			r.run, row.seq, row.Host, row.Step, row.Session, row.Ordinal, row.ID, row.Op, row.Kind, row.Risk, row.Hash, row.What, row.Line,
			nanos(row.Sent), nanos(row.Ended), row.Status, row.Counts, row.Code, row.Out, row.Err, row.Diff, row.Answer, row.Result, errorJSON(row.Error), row.Command, row.In, row.As)
	}
}

// Outcome notes how an effect ended: a Read's only row, a Change's second. It is
// written soon; what is lost with a crash, the host's ledger knows.
func (r *Recorder) Outcome(e *Effect) {
	e.Session = r.session
	r.s.later(r.insert(e))
}

// Answer keeps what a person answered, for a resumed run.
func (r *Recorder) Answer(host, question, answer string) error {
	return r.s.wait(false, func(b *batch) error {
		return b.exec("INSERT OR REPLACE INTO answers (run, host, question, answer) VALUES (?, ?, ?, ?)", r.run, host, question, answer)
	})
}

// Shared is something that the hosts of a run have shared with each other.
type Shared struct {
	Point string // where they met
	Host  string // empty: of all together
	Value any    // plain data
}

// maxShared bounds a shared value, which every host gets.
const maxShared = 1 << 20

// Share keeps what a host has shared, for a resumed run. It is written before
// whatever is recorded after it.
func (r *Recorder) Share(s Shared) error {
	value, err := EncodeValue(s.Value)
	if err != nil {
		return err
	}
	if len(value) > maxShared {
		return effect.WithHint(effect.Errorf(effect.Script, "fleet", "the value has %d bytes, and hosts share at most %d", len(value), maxShared),
			"move large data as a file (h.file.transfer), and share where it lies")
	}
	r.s.later(func(b *batch) error {
		return b.exec("INSERT OR REPLACE INTO shared (run, point, host, value) VALUES (?, ?, ?, ?)", r.run, s.Point, s.Host, value)
	})
	return nil
}

// Line keeps a line of the log.
func (r *Recorder) Line(l Line) {
	r.s.later(func(b *batch) error {
		return b.exec("INSERT INTO lines (run, at, host, type, step, text) VALUES (?, ?, ?, ?, ?, ?)",
			r.run, nanos(l.At), l.Host, l.Type, l.Step, l.Text)
	})
}

// Line is one line of a run's log.
type Line struct {
	At   time.Time
	Host string
	Type string // log, stray, ...
	Step string
	Text string
}

func errorJSON(e *ErrorReport) []byte {
	if e == nil {
		return nil
	}
	b, err := json.Marshal(e)
	if err != nil {
		b, _ = json.Marshal(ErrorReport{Kind: effect.Internal, Message: err.Error()})
	}
	return b
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

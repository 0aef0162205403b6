package layer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Journal records every effect of one host: a Read in one row, a Change in its
// intent and its outcome. It gives every Change its ID, and on a resumed run
// answers those that had been made.
type Journal struct {
	Recorder *journal.Recorder
	Host     string
	Redactor *Redactor
	Past     *Past // nil on a new run
	// SkippedIsNone counts no skipped Change: in a session that is in check mode
	// now and then, unlike a run that is a check as a whole.
	SkippedIsNone bool
	// Prefix sets the steps of another host's script, which reaches this
	// host by connect, apart from those of its own.
	Prefix string
	root   effect.Step
}

// rowKey carries an effect's row from Layer to Intent.
type rowKey struct{}

// Layer is the outermost layer of the two: it sees every effect, and its
// outcome.
func (j *Journal) Layer(next effect.Doer) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		if j.Past != nil {
			j.settle(ctx, next, j.Prefix+j.step(ctx).Path)
		}
		if e.Kind == effect.Read {
			return j.read(ctx, next, e)
		}
		return j.change(ctx, next, e)
	})
}

// settle waits for what a former session left running in a step, before
// anything of the step is asked or sent again: its Reads shall see the world as
// it became, not as it is on the way there. What the ledger tells is recorded;
// where it cannot tell, the Change itself will ask once more.
func (j *Journal) settle(ctx context.Context, next effect.Doer, path string) {
	j.Past.settle(path, func(row *journal.Effect) bool {
		// A command of that name that does nothing: where the ledger knows the
		// name, it answers with what happened.
		e := effect.Effect{Op: "resume.settle", Kind: effect.Change, Argv: []string{"true"}, In: row.In, As: row.As, ID: row.ID, Again: true, Writes: effect.Nothing}
		r, err := next.Do(ctx, e)
		switch {
		case err != nil:
			return false
		case r.Recorded:
			row.Status, row.Counts = effect.StatusChanged, true
			row.Code, row.Ended, row.Error = r.Code, time.Now(), nil
			row.Out, row.Err = j.Redactor.Bytes(r.Stdout.Tail(maxTail)), j.Redactor.Bytes(r.Stderr.Tail(maxTail))
			row.Result = encodeAnswer(r, j.Redactor)
		default:
			row.Status = neverSent
		}
		j.Recorder.Outcome(row)
		return true
	})
}

// Intent is the layer below the limits: what passes it is sent to the host, so
// the intent of a Change is written here, and is on the disk before anything
// that could cost us the connection, or is hard to take back.
func (j *Journal) Intent(next effect.Doer) effect.Doer {
	return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		row, ok := ctx.Value(rowKey{}).(*journal.Effect)
		if e.Kind == effect.Change && ok {
			row.Sent = time.Now()
			if isReboot(e) {
				boot, err := next.Do(ctx, effect.Effect{Op: e.Op, Kind: effect.Read, Reads: effect.Nothing, Conn: &effect.ConnOp{Verb: effect.ConnBoot}})
				if err != nil {
					return boot, err
				}
				row.Answer = string(boot.Stdout.Tail(maxTail))
			}
			if err := j.Recorder.Intent(row, needsSync(e)); err != nil {
				return effect.Result{}, &effect.Error{Kind: effect.Internal, Op: e.Op, Cause: err,
					Hint: "nothing was sent: what cannot be written down is not done"}
			}
		}
		return next.Do(ctx, e)
	})
}

func needsSync(e effect.Effect) bool {
	return e.Risk != effect.Safe || e.Job != nil && e.Job.Verb == effect.JobStart || isReboot(e)
}

func isReboot(e effect.Effect) bool { return e.Conn != nil && e.Conn.Verb == effect.ConnReboot }

func (j *Journal) step(ctx context.Context) *effect.Step {
	if step := effect.StepFrom(ctx); step != nil {
		return step
	}
	return &j.root
}

func (j *Journal) row(ctx context.Context, step *effect.Step, e effect.Effect) *journal.Effect {
	row := &journal.Effect{
		Host: j.Host, Step: j.Prefix + step.Path, Op: e.Op, Kind: e.Kind.String(), Risk: e.Risk.String(),
		Hash: Hash(e), What: j.Redactor.String(clip(Describe(e), maxWhat)), Line: effect.AtFrom(ctx), Sent: time.Now(),
		Ordinal: step.NextOrdinal(),
		Command: len(e.Argv) > 0 || e.Shell != "", In: e.In, As: e.As,
	}
	if e.Job != nil || e.Conn != nil || e.Talk != nil || e.Stdin != nil {
		row.Command = false
	}
	if j.Past != nil {
		row.Ordinal += j.Past.ordinal(row.Step)
	}
	return row
}

// maxWhat bounds the description of an effect.
const maxWhat = 4 << 10

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) { // letters are kept whole
		n--
	}
	return s[:n] + "..."
}

func (j *Journal) read(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	row := j.row(ctx, j.step(ctx), e)
	r, err := next.Do(ctx, e)
	// What the connection says of itself (uptime, addresses) varies by
	// nature: it does not count as an answer.
	if e.Conn == nil {
		row.Answer = digest(r, err)
		if j.Past != nil {
			j.Past.read(row.Step, row.Hash, row.Answer)
		}
	}
	j.outcome(row, e, r, err)
	return r, err
}

func (j *Journal) change(ctx context.Context, next effect.Doer, e effect.Effect) (effect.Result, error) {
	step := j.step(ctx)
	row := j.row(ctx, step, e)
	row.ID = j.id(row)
	if j.Past != nil {
		recorded, result, err := j.recall(ctx, next, &e, row)
		if err != nil {
			return effect.Result{}, err
		}
		if recorded != nil {
			row = recorded
		}
		if result != nil {
			j.Recorder.Outcome(row) // met again in this session
			j.count(step, e, *result)
			return *result, nil
		}
	}
	e.ID = row.ID
	r, err := next.Do(context.WithValue(ctx, rowKey{}, row), e)
	j.outcome(row, e, r, err)
	if err == nil {
		j.count(step, e, r)
	}
	return r, err
}

func (j *Journal) count(step *effect.Step, e effect.Effect, r effect.Result) {
	if j.counts(e, r) {
		step.CountChange()
	}
}

func (j *Journal) counts(e effect.Effect, r effect.Result) bool {
	return counts(e, r) && !(r.Skipped && j.SkippedIsNone)
}

// id names a Change in the host's ledger: run, place and content, in letters
// that fit a file name.
func (j *Journal) id(row *journal.Effect) string {
	place := sha256.Sum256([]byte(j.Host + "\x00" + row.Step))
	return fmt.Sprintf("%s-%s-%d-%s", j.Recorder.Run(), hex.EncodeToString(place[:4]), row.Ordinal, row.Hash[:8])
}

// recall looks for a Change among those of former sessions. One that was made
// is answered from its record, and so is one whose failure the script has coped
// with; one whose outcome is not known, or was too long to keep, goes to the
// host, whose ledger is asked first (Again). The failure that ended a step is
// not looked up: that Change is made anew, under a new ID.
func (j *Journal) recall(ctx context.Context, next effect.Doer, e *effect.Effect, row *journal.Effect) (*journal.Effect, *effect.Result, error) {
	known, stepFailed, diverged := j.Past.change(row.Step, row.Hash)
	if diverged != nil {
		return nil, nil, divergence(e.Op, row, diverged)
	}
	if known == nil {
		return nil, nil, nil
	}
	found := &known.row
	if known.caught {
		j.Recorder.Outcome(found) // met again in this session
		return nil, nil, found.Error.AsError()
	}
	if wasDone(found.Status) && len(found.Result) > 0 {
		result, err := decodeAnswer(found.Result)
		if err != nil {
			return nil, nil, err
		}
		if stepFailed && known.failedBy(ctx, next, *e, result) {
			return nil, nil, nil
		}
		return found, &result, nil
	}
	if wasDone(found.Status) && j.Past.LedgerGone {
		return nil, nil, &effect.Error{
			Kind: effect.Diverged, Op: e.Op, Command: found.What,
			Message: "it was done before the run failed, and is not done again, but its output was too long or too secret to keep: " + found.What,
			Hint:    "start a new run",
		}
	}
	e.Again = true
	if isReboot(*e) {
		reboot := *e.Conn
		reboot.Before = found.Answer
		e.Conn = &reboot
	}
	return found, nil, nil
}

// failedBy tells whether an effect has started a job that does not run any more and
// because of which, most likely, the step had failed: the job is started again then,
// rather than looked at once more. One that went well, and after which the step
// went on, was not it.
func (c *pastChange) failedBy(ctx context.Context, next effect.Doer, e effect.Effect, r effect.Result) bool {
	if e.Job == nil || e.Job.Verb != effect.JobStart || r.Job == nil {
		return false
	}
	now, err := next.Do(ctx, effect.Effect{
		Op: e.Op, Kind: effect.Read, Job: &effect.JobOp{Verb: effect.JobStatus, ID: r.Job.ID}, In: e.In, As: e.As, Reads: effect.Nothing,
	})
	return err == nil && !now.Job.Running() && (c.last || now.Job.State != "exited" || now.Job.Code != 0)
}

func divergence(op string, row, recorded *journal.Effect) error {
	where := "outside any step"
	if row.Step != "" {
		where = fmt.Sprintf("in step %q", row.Step)
	}
	return &effect.Error{
		Kind: effect.Diverged, Op: op,
		Message: fmt.Sprintf("the recipe does not do what it did before: %s it had sent %q, and now comes %q", where, recorded.What, row.What),
		Reached: "nothing was sent in this place",
		Hint:    "the run was recorded with other data or another recipe: resume with --recipe FILE if the change is meant, or start a new run",
	}
}

// maxTail is how much of each stream the journal keeps for people.
const maxTail = 8 << 10

func (j *Journal) outcome(row *journal.Effect, e effect.Effect, r effect.Result, err error) {
	before := row.Status
	if err != nil && wasDone(before) {
		return // it was made in a former session, and was not sent again
	}
	row.Ended = time.Now()
	row.Code = r.Code
	row.Status = statusOf(e, r, err)
	secret := e.File != nil && e.File.Secret
	if e.Diff != nil && !secret {
		row.Diff = j.Redactor.String(DiffText(e.Diff))
	}
	if e.Kind == effect.Change && !secret {
		row.Out = j.Redactor.Bytes(r.Stdout.Tail(maxTail))
		row.Err = j.Redactor.Bytes(r.Stderr.Tail(maxTail))
	}
	switch {
	case err != nil:
		row.Error = journal.ReportError(err, j.Redactor.String)
		row.Code = effect.AsError(err).Code
		// The host may have done it, or be at it: only its ledger knows.
		if before == journal.Sent && inDoubt(effect.KindOf(err)) {
			row.Status = journal.Sent
		}
	case e.Kind == effect.Change:
		row.Error = nil
		row.Counts = j.counts(e, r)
		if !r.Skipped {
			row.Result = encodeAnswer(r, j.Redactor)
		}
	}
	j.Recorder.Outcome(row)
}

func inDoubt(kind effect.ErrKind) bool {
	return kind == effect.Unreachable || kind == effect.Cancelled
}

// maxDiff bounds the diff that the journal keeps.
const maxDiff = 64 << 10

// DiffText shows what changes as a unified diff, or in words.
func DiffText(d *effect.Diff) string {
	switch {
	case d == nil:
		return ""
	case d.Hidden:
		return strings.TrimSpace(d.Path + ": hidden, only root may read it " + d.Note)
	case d.Before == nil && d.After == nil:
		return strings.TrimSpace(d.Path + ": " + d.Note)
	}
	if !isText(d.Before) || !isText(d.After) {
		return fmt.Sprintf("%s: %d bytes become %d, not text", d.Path, len(d.Before), len(d.After))
	}
	text := udiff.Unified("a"+slashed(d.Path), "b"+slashed(d.Path), string(d.Before), string(d.After))
	if d.Note != "" {
		text = d.Path + ": " + d.Note + "\n" + text
	}
	return clip(text, maxDiff)
}

func slashed(path string) string { return "/" + strings.TrimPrefix(path, "/") }

func isText(b []byte) bool { return !strings.ContainsRune(string(b[:min(len(b), 8<<10)]), 0) }

package engine

import (
	"context"
	"errors"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
	"bsdrun/runtime/script"
)

// work carries the recipe out on one host.
func (r *run) work(ctx context.Context, h inventory.Host, m *fleet.Member) fleet.Outcome {
	began := time.Now()
	r.rec.HostStart(h.Name, began)
	ctx = effect.WithHost(effect.WithAsker(ctx, r.asker), h.Name)
	effect.Emit(ctx, effect.Event{Type: effect.HostStart})

	c, err := r.conns.open(ctx, r, h)
	if err != nil {
		return r.leave(ctx, nil, h, began, 0, nil, err)
	}
	ctx = clock.With(ctx, c.clock)
	ctx = effect.WithSight(effect.WithStep(ctx, &effect.Step{}))
	virtual := clock.Now(ctx)
	result, err := isolated(func() (any, error) { return r.play(ctx, h, c, m) })
	return r.leave(ctx, c, h, began, clock.Now(ctx).Sub(virtual), result, err)
}

// play runs the script in a VM of its own.
func (r *run) play(ctx context.Context, h inventory.Host, c *connection, m *fleet.Member) (any, error) {
	doer := r.chain(c, "")
	if err := r.checkNeeds(ctx, doer); err != nil {
		return nil, err
	}
	steps := r.newSteps(h.Name)
	world := script.World{
		Host: h.Name, Doer: doer, Modules: r.o.Modules, Vars: h.Vars, Params: r.params[h.Kind], Check: r.o.Check,
		Steps: steps, Secrets: r.secrets, Root: r.o.Root, Allow: r.o.AllowRead, Files: r.files, Loaded: r.rec.File,
		Connect: r.connector(h), Fleet: m, Log: r.log, Print: r.print(),
	}
	if r.o.Session != nil {
		return nil, r.session(ctx, h, world)
	}
	if r.o.Undo != "" {
		var err error
		if world.Undo, err = r.done(ctx, h.Name); err != nil {
			return nil, err
		}
	}
	result, err := r.program.Run(ctx, world)
	var skipped *script.Skipped
	if errors.As(err, &skipped) {
		r.log(ctx, skipped.Error())
		return nil, nil
	}
	if err == nil && steps.waiting {
		err = effect.WithHint(effect.Errorf(effect.Usage, "run", "no step is named %q", r.o.StartAt), "bsdrun check lists the steps with their names")
	}
	if err == nil && !c.touched.Load() {
		if err = reach(ctx, doer); err != nil {
			result = nil
		}
	}
	if r.edited && err == nil {
		if gone := vanished(steps.past, steps.met); gone != "" {
			r.log(ctx, "recorded steps that the edited recipe does not have: "+gone)
		}
	}
	return result, err
}

// reach connects to a host that the script had no business with: a host that
// does not answer is not well.
func reach(ctx context.Context, h effect.Doer) error {
	_, err := h.Do(ctx, effect.Effect{Op: "reach", Kind: effect.Read, Argv: []string{"true"}, Reads: effect.Nothing})
	return err
}

func (r *run) log(ctx context.Context, text string) {
	effect.Emit(ctx, effect.Event{Type: effect.Log, Text: text})
}

// print is what print() writes to; nil when it is the log.
func (r *run) print() func(ctx context.Context, text string) {
	if r.o.Print == nil {
		return nil
	}
	return func(ctx context.Context, text string) { r.o.Print(effect.HostFrom(ctx), r.redactor.String(text)) }
}

// leave ends the work on a host: what the run left there is removed, unless it
// may go on.
func (r *run) leave(ctx context.Context, c *connection, h inventory.Host, began time.Time, took time.Duration, result any, err error) fleet.Outcome {
	status := hostStatus(err)
	if c != nil {
		resumes := status == effect.StatusStopped || status == effect.StatusUnreachable
		if closeErr := r.conns.close(ctx, c, resumes); closeErr != nil && err == nil {
			r.log(ctx, "what the run left on the host could not be removed: "+closeErr.Error())
		}
	}
	if recordErr := r.endHost(ctx, h.Name, began, took, result, err); recordErr != nil {
		return fleet.Failed
	}
	switch status {
	case effect.StatusOK:
		return fleet.OK
	case effect.StatusUnreachable:
		return fleet.Unreachable
	default:
		return fleet.Failed
	}
}

// hostStatus is how the work on a host ended.
func hostStatus(err error) string {
	switch effect.KindOf(err) {
	case "", effect.Unknown: // a check that could not see to its end is well
		return effect.StatusOK
	case effect.Unreachable:
		return effect.StatusUnreachable
	case effect.Stopped, effect.Locked, effect.Diverged, effect.Cancelled:
		return effect.StatusStopped
	default:
		return effect.StatusFailed
	}
}

// endHost records how a host ended and tells of it. Its time is the host's own.
func (r *run) endHost(ctx context.Context, name string, began time.Time, took time.Duration, result any, err error) error {
	if took == 0 {
		took = time.Since(began)
	}
	if failed := effect.AsError(err); failed != nil && result == nil {
		result = failed.Result
	}
	record := journal.Host{Name: name, Status: hostStatus(err), Result: r.redactor.Value(result), Error: r.reportError(err), Ended: began.Add(took)}
	event := effect.Event{Type: effect.HostEnd, Host: name, Status: record.Status, Took: took.Seconds()}
	if err != nil {
		event.Err = effect.AsError(err)
	}
	journalErr := r.rec.HostEnd(record)
	if journalErr != nil {
		record.Result = nil // it is no plain data after all
		record.Error = r.reportError(internal(journalErr))
		record.Status = effect.StatusFailed
		event.Status, event.Err = record.Status, effect.AsError(journalErr)
		if journalErr = r.rec.HostEnd(record); journalErr == nil {
			journalErr = r.rec.Flush()
		}
	}
	effect.Emit(ctx, event)
	return journalErr
}

// reportError is a failure as the journal keeps it, with the recipe's lines
// around it.
func (r *run) reportError(err error) *journal.ErrorReport {
	report := journal.ReportError(err, r.redactor.String)
	if report != nil && report.At != "" {
		report.Excerpt = r.redactor.String(r.program.Excerpt(report.At))
	}
	return report
}

// chain is what every effect of a script passes on its way to a host. This is
// the only place where it is composed; the first layer is the outermost.
func (r *run) chain(c *connection, prefix string) effect.Doer {
	records := &layer.Journal{Recorder: r.rec, Host: c.host.Name, Redactor: r.redactor, Prefix: prefix, SkippedIsNone: r.o.Session != nil}
	if p := r.past[c.host.Name]; p != nil {
		records.Past = p.effects
	}
	layers := []effect.Layer{c.place, layer.Looks(), layer.Risk(), records.Layer, layer.Progress(r.redactor)}
	if r.o.Check || r.o.Session != nil {
		layers = append(layers, c.check)
	}
	layers = append(layers, layer.Confirm(r.o.Allow), c.limit, records.Intent, r.graceful)
	if r.o.Wrap != nil {
		layers = append(layers, r.o.Wrap)
	}
	return effect.Chain(c.transport, layers...)
}

// connector gives a script on one host the other hosts it may reach.
func (r *run) connector(from inventory.Host) func(ctx context.Context, name string) (effect.Doer, clock.Clock, error) {
	return func(ctx context.Context, name string) (effect.Doer, clock.Clock, error) {
		h, known := r.hosts[name]
		if !known {
			e := effect.Errorf(effect.Usage, "connect", "%s is no host of this run", name)
			e.Hint = "name it on the command line, in a parameter of type host, or with --allow-connect"
			return nil, nil, e
		}
		c, err := r.conns.open(ctx, r, h)
		if err != nil {
			return nil, nil, err
		}
		r.conns.lend(from.Name, c)
		prefix := ""
		if name != from.Name {
			prefix = journal.LentPrefix(from.Name)
		}
		return r.chain(c, prefix), c.clock, nil
	}
}

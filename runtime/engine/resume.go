package engine

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/layer"
)

// find is the run of that id; "last" is the newest that fits.
func find(ctx context.Context, store *journal.Store, id string, fits func(*journal.Run) bool, none error) (*journal.Run, error) {
	if id != "last" {
		return store.Find(ctx, id)
	}
	runs, err := store.Runs(ctx, journal.Filter{})
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if fits(&runs[i]) {
			return store.Find(ctx, runs[i].ID)
		}
	}
	return nil, effect.WithHint(none, "bsdrun runs lists what was run")
}

// Resume goes on with a run where it stood, on the hosts that are not done. It
// uses the stored recipe, files, parameters and options; Options.Source replaces
// the recipe by an edited one, other options that are set replace the stored
// ones. Modules, Tools and what belongs to this session are taken from Options.
func Resume(ctx context.Context, id string, o Options) (*journal.Report, error) {
	if o.Journal == nil {
		return nil, internal(errors.New("resume needs the journal"))
	}
	record, err := find(ctx, o.Journal, id, (*journal.Run).Resumable, effect.Errorf(effect.Usage, "resume", "there is no run to go on with"))
	if err != nil {
		return nil, err
	}
	release, err := o.Journal.Hold(record.ID)
	if err != nil {
		return nil, heldError("resume", record.ID, err)
	}
	defer release()
	// Another process may have gone on with it since.
	if record, err = o.Journal.Find(ctx, record.ID); err != nil {
		return nil, err
	}
	if err := mayResume(record); err != nil {
		return nil, err
	}
	edited := o.Source != nil
	if err := restore(&o, record); err != nil {
		return nil, err
	}
	stored, err := o.Journal.Hosts(ctx, record.ID)
	if err != nil {
		return nil, internal(err)
	}
	if err := storedHosts(&o, stored); err != nil {
		return nil, err
	}
	r, err := prepareResumed(o, record, edited)
	if err != nil {
		return nil, err
	}
	if err := r.readPast(ctx, stored); err != nil {
		return nil, err
	}
	plan, err := fleet.NewPlan(r.forks(), o.Batch, o.MaxFail)
	if err != nil {
		return nil, err
	}
	if r.rec, err = r.store.Resume(ctx, record); err != nil {
		return nil, internal(err)
	}
	if edited {
		if err := r.rec.Source(o.Source); err != nil {
			return nil, internal(err)
		}
		for name, content := range r.loaded {
			r.rec.File(name, content)
		}
	}
	return r.carryOut(ctx, plan)
}

func mayResume(record *journal.Run) error {
	switch {
	case record.Check:
		return &effect.Error{Kind: effect.Usage, Op: "resume", Message: "run " + record.ID + " is a check: it changed nothing, and there is nothing to go on with",
			Hint: "check again with: bsdrun check"}
	case record.State == journal.Done:
		return effect.WithHint(effect.Errorf(effect.Usage, "resume", "run %s is done", record.ID), "bsdrun runs lists those that are not")
	}
	return nil
}

// restore fills in what the journal stored.
func restore(o *Options, record *journal.Run) error {
	var stored Settings
	if err := decodeExact(record.Options, &stored); err != nil {
		return internal(err)
	}
	for i := range stored.Connectable {
		exactVars(&stored.Connectable[i])
	}
	for name, h := range stored.Named {
		exactVars(&h)
		stored.Named[name] = h
	}
	given := o.Settings
	o.Settings = stored
	merge(&o.Settings, given)
	o.Check = false
	if o.Source == nil {
		o.Source, o.Name, o.Root = record.Source, record.Recipe, record.Root
	} else {
		o.Name = cmp.Or(o.Name, record.Recipe)
		o.Root = cmp.Or(o.Root, record.Root)
	}
	o.AdHoc = record.AdHoc
	params := maps.Clone(record.Params)
	maps.Copy(params, o.Params)
	o.Params = params
	return nil
}

// merge takes over what is set anew.
func merge(s *Settings, given Settings) {
	for _, text := range []struct {
		to   *string
		from string
	}{
		{&s.StartAt, given.StartAt}, {&s.Batch, given.Batch}, {&s.MaxFail, given.MaxFail}, {&s.User, given.User},
		{&s.Jump, given.Jump}, {&s.Identity, given.Identity}, {&s.SSHConfig, given.SSHConfig}, {&s.Become, given.Become}, {&s.BecomeUser, given.BecomeUser},
	} {
		*text.to = cmp.Or(text.from, *text.to)
	}
	if given.Forks != 0 {
		s.Forks = given.Forks
	}
	if len(given.Allow) > 0 {
		s.Allow = given.Allow
	}
	s.TakeOver = append(s.TakeOver, given.TakeOver...)
	s.AcceptNew = s.AcceptNew || given.AcceptNew
	s.Legacy = s.Legacy || given.Legacy
	for _, d := range []struct{ to, from *int64 }{
		{(*int64)(&s.Timeout), (*int64)(&given.Timeout)}, {(*int64)(&s.RunTimeout), (*int64)(&given.RunTimeout)},
		{(*int64)(&s.ConnectTimeout), (*int64)(&given.ConnectTimeout)},
	} {
		if *d.from != 0 {
			*d.to = *d.from
		}
	}
}

// storedHosts are all hosts of the run, as they were named; also those that are
// done, which stay reachable by connect().
func storedHosts(o *Options, stored []journal.Host) error {
	o.Hosts = nil
	for _, host := range stored {
		h, err := hostOf(host)
		if err != nil {
			return err
		}
		o.Hosts = append(o.Hosts, h)
	}
	return nil
}

// hostOf is a host as the journal stored it.
func hostOf(stored journal.Host) (h inventory.Host, err error) {
	if err := decodeExact(stored.Spec, &h); err != nil {
		return h, internal(err)
	}
	exactVars(&h)
	return h, nil
}

func exactVars(h *inventory.Host) { h.Vars, _ = exact(h.Vars).(map[string]any) }

// decodeExact reads JSON without turning integers into floats.
func decodeExact(b []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// exact turns JSON's numbers into those of plain data.
func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return n
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
		return v
	case map[string]any:
		for key := range v {
			v[key] = exact(v[key])
		}
		return v
	default:
		return v
	}
}

// prepareResumed is prepare with the run's id and stored files.
func prepareResumed(o Options, record *journal.Run, edited bool) (*run, error) {
	r := &run{
		o: o, id: record.ID, store: o.Journal, redactor: o.Redactor, edited: edited,
		loaded: map[string][]byte{}, hosts: map[string]inventory.Host{}, past: map[string]*past{}, finished: map[string]bool{},
	}
	if !edited {
		r.files = record.Files
	}
	return r, r.validate()
}

// readPast reads what former sessions did: to the hosts of the run, and to those
// that their scripts have reached.
func (r *run) readPast(ctx context.Context, hosts []journal.Host) error {
	own := map[string][]journal.Step{}
	var lent []journal.Step // as they are named on hosts that their scripts used
	for _, h := range hosts {
		steps, err := r.store.Steps(ctx, r.id, h.Name)
		if err != nil {
			return internal(err)
		}
		own[h.Name] = steps
		for _, step := range steps {
			step.Path = journal.LentPrefix(h.Name) + step.Path
			lent = append(lent, step)
		}
	}
	for name := range r.hosts {
		if err := r.readPastOf(ctx, name, own[name], lent); err != nil {
			return err
		}
	}
	allFailed := true
	for _, h := range hosts {
		failed := h.Status == effect.StatusFailed
		allFailed = allFailed && failed
		r.past[h.Name].effects.LedgerGone = failed
		if h.Status == effect.StatusOK {
			r.finished[h.Name] = true
		}
	}
	for name := range r.hosts {
		if _, known := own[name]; !known { // it went with the last that used it
			r.past[name].effects.LedgerGone = allFailed
		}
	}
	if err := r.readShared(ctx); err != nil {
		return err
	}
	answers, err := r.store.Answers(ctx, r.id)
	if err != nil {
		return internal(err)
	}
	r.asker = &questions{run: r, recorded: answers}
	return nil
}

func (r *run) readPastOf(ctx context.Context, host string, own, lent []journal.Step) error {
	effects, err := r.store.Effects(ctx, r.id, host)
	if err != nil {
		return internal(err)
	}
	p := &past{effects: layer.NewPast(effects, slices.Concat(own, lent)), steps: map[string]journal.Step{}}
	p.effects.Edited = r.edited
	for _, step := range own {
		p.steps[step.Path] = step
	}
	r.past[host] = p
	return nil
}

package engine

import (
	"context"
	"errors"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// undoName begins the name of a run that takes back another.
const undoName = "undo "

// Undo takes back what a run did: a new run, on its hosts, of the undo function of
// its stored recipe, with its parameters and options. Options that are set replace
// the stored ones, and Check asks what would be done.
func Undo(ctx context.Context, id string, o Options) (*journal.Report, error) {
	if o.Journal == nil {
		return nil, internal(errors.New("undo needs the journal"))
	}
	undoable := func(run *journal.Run) bool {
		return !run.Check && !run.AdHoc && !strings.HasPrefix(run.Recipe, undoName)
	}
	record, err := find(ctx, o.Journal, id, undoable, effect.Errorf(effect.Usage, "undo", "there is no run of a recipe to take back"))
	if err != nil {
		return nil, err
	}
	release, err := o.Journal.Hold(record.ID)
	if err != nil {
		return nil, heldError("undo", record.ID, err)
	}
	defer release()
	check := o.Check
	if err := restore(&o, record); err != nil {
		return nil, err
	}
	if err := mayUndo(record, o.Undo); err != nil {
		return nil, err
	}
	o.Check, o.StartAt = check, ""
	o.Undo, o.Name, o.Files = record.ID, undoName+record.Recipe, record.Files
	stored, err := o.Journal.Hosts(ctx, record.ID)
	if err != nil {
		return nil, internal(err)
	}
	if err := storedHosts(&o, stored); err != nil {
		return nil, err
	}
	return Run(ctx, o)
}

// mayUndo refuses runs that there is nothing to take back of.
func mayUndo(record *journal.Run, undoes string) error {
	switch {
	case record.Check:
		return effect.Errorf(effect.Usage, "undo", "run %s is a check: it changed nothing", record.ID)
	case undoes != "":
		return effect.WithHint(effect.Errorf(effect.Usage, "undo", "run %s took back run %s", record.ID, undoes), "to do it all again, run the recipe")
	}
	return nil
}

// done is what the steps of the run that is taken back came to on a host, by path.
func (r *run) done(ctx context.Context, host string) (map[string]any, error) {
	steps, err := r.store.Steps(ctx, r.o.Undo, host)
	if err != nil {
		return nil, internal(err)
	}
	done := map[string]any{}
	for _, step := range steps {
		if !step.Ended.IsZero() {
			done[step.Path] = step.Value
		}
	}
	return done, nil
}

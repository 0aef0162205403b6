package engine

import (
	"context"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
)

// reruns are the states of hosts that a run may be done over for, by name.
var reruns = map[string][]string{
	"failed":      {effect.StatusFailed, effect.StatusUnreachable},
	"unreachable": {effect.StatusUnreachable},
	"unfinished":  {effect.StatusFailed, effect.StatusUnreachable, effect.StatusStopped, journal.Running, ""},
}

// Rerun are the hosts of an earlier run that a new one is for: which is failed
// (they failed or were unreachable), unreachable or unfinished (all but those that
// are done), and may name the run, as in failed@RUN. Otherwise it is the newest run
// of the recipe that was no check.
func Rerun(ctx context.Context, store *journal.Store, recipe, which string) ([]inventory.Host, error) {
	state, id, named := strings.Cut(which, "@")
	wanted, known := reruns[state]
	if !known || named && id == "" {
		return nil, effect.Errorf(effect.Usage, "run", "--rerun is failed, unreachable or unfinished, or one of them with a run as in failed@RUN, not %q", which)
	}
	if !named {
		var err error
		if id, err = newest(ctx, store, recipe); err != nil {
			return nil, err
		}
	}
	record, err := store.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	stored, err := store.Hosts(ctx, record.ID)
	if err != nil {
		return nil, internal(err)
	}
	var hosts []inventory.Host
	for _, s := range stored {
		if !slices.Contains(wanted, s.Status) {
			continue
		}
		h, err := hostOf(s)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	if len(hosts) == 0 {
		return nil, effect.WithHint(effect.Errorf(effect.Usage, "run", "no host of run %s is %s", record.ID, state), "bsdrun show %s tells how they ended", record.ID)
	}
	return hosts, nil
}

// newest is the newest run of a recipe that was no check.
func newest(ctx context.Context, store *journal.Store, recipe string) (string, error) {
	runs, err := store.Runs(ctx, journal.Filter{})
	if err != nil {
		return "", internal(err)
	}
	for _, run := range runs {
		if run.Recipe == recipe && !run.Check {
			return run.ID, nil
		}
	}
	return "", effect.WithHint(effect.Errorf(effect.Usage, "run", "--rerun: %s has not been run before", recipe), "bsdrun runs lists the runs; --rerun failed@RUN takes any of them")
}

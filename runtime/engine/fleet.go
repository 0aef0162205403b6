package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/fleet"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/script"
)

// roster is the run's hosts as the plan works on them. Those that an earlier
// session has finished keep their places, so that batches stay as they were.
func (r *run) roster(hosts []inventory.Host) fleet.Roster {
	roster := fleet.Roster{
		Past: r.sharedPast, Keep: r.share,
		Done: func(i int) bool { return r.finished[hosts[i].Name] },
		Tell: func(text string) {
			r.sink.Emit(effect.Event{Type: effect.Log, At: time.Now(), Op: "fleet", Text: text})
		},
	}
	for _, h := range hosts {
		roster.Hosts = append(roster.Hosts, h.Name)
	}
	return roster
}

// share records what a host shares. What holds a secret is not written down: a
// resumed run asks for it again.
func (r *run) share(e fleet.Entry) error {
	if r.redactor.Holds(e.Value) {
		return nil
	}
	return r.rec.Share(journal.Shared(e))
}

// readShared reads what former sessions have shared.
func (r *run) readShared(ctx context.Context) error {
	entries, err := r.store.Shared(ctx, r.id)
	if err != nil {
		return internal(err)
	}
	for _, e := range entries {
		r.sharedPast = append(r.sharedPast, fleet.Entry(e))
	}
	return nil
}

// isolated makes a panic on the way of one host its failure, and nobody else's.
func isolated(work func() (any, error)) (result any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			result, err = nil, &effect.Error{
				Op: "run", Kind: effect.Internal, Message: fmt.Sprintf("panic: %v", panicked),
				Cause: &script.Traceback{Message: "panic", Lines: string(debug.Stack())},
			}
		}
	}()
	return work()
}

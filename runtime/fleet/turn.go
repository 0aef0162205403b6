package fleet

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// turn is a host's place among those that are worked on at once.
type turn struct {
	of   *semaphore.Weighted // nil: any number
	ctx  context.Context     //nolint:containedctx // of the run: a host that waits for its turn waits no longer than that
	held bool
}

// take waits for the turn. When the run ends meanwhile the host goes on without
// one: it has nothing left to do but to end.
func (t *turn) take() {
	t.held = t.of != nil && t.of.Acquire(t.ctx, 1) == nil
}

func (t *turn) giveBack() {
	if t.held {
		t.of.Release(1)
		t.held = false
	}
}

// Idle waits without a turn, so that other hosts are worked on meanwhile.
func (m *Member) Idle(wait func() error) error {
	m.turn.giveBack()
	defer m.turn.take()
	return wait()
}

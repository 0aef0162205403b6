package rehearse

import (
	"context"
	"time"
)

// testClock is the clock of a test: what waits in it waits on all its machines, so
// that no time of ours goes by.
type testClock struct{ t *session }

// machines are those of the test, the one that was spoken to last in front.
func (c testClock) machines() []*machine {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	var all []*machine
	if c.t.last != nil {
		all = append(all, c.t.last)
	}
	for _, m := range c.t.order {
		if m != c.t.last {
			all = append(all, m)
		}
	}
	return all
}

// Now is the time of the machine that was spoken to last.
func (c testClock) Now() time.Time {
	if all := c.machines(); len(all) > 0 {
		return all[0].sim.Clock().Now()
	}
	return time.Now()
}

// Sleep lets time pass on every machine.
func (c testClock) Sleep(ctx context.Context, d time.Duration) error {
	for _, m := range c.machines() {
		if err := m.sim.Clock().Sleep(ctx, d); err != nil {
			return err
		}
	}
	return ctx.Err()
}

package sshhost

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// quickClock passes at once, and notes what was slept; every look takes a tick.
type quickClock struct {
	slept []time.Duration
	looks int
	tick  time.Duration
}

func (c *quickClock) Now() time.Time {
	c.looks++
	return time.Unix(0, 0).Add(time.Duration(c.looks) * c.tick)
}

func (c *quickClock) Sleep(ctx context.Context, d time.Duration) error {
	c.slept = append(c.slept, d)
	return ctx.Err()
}

type heard struct{ events []effect.Event }

func (h *heard) Emit(e effect.Event) { h.events = append(h.events, e) }

func TestConnectingIsTriedAgainWhereThatHelps(t *testing.T) {
	refused := &effect.Error{Kind: effect.Unreachable, Message: "refused", Cause: fmt.Errorf("dial: %w", syscall.ECONNREFUSED)}
	for name, c := range map[string]struct {
		err   error
		fails int // attempts that do
		took  time.Duration
		tries int
	}{
		"well":           {refused, 0, 0, 1},
		"refused twice":  {refused, 2, 0, 3},
		"always refused": {refused, 100, 0, connectTries},
		"dropped":        {&effect.Error{Kind: effect.Unreachable, Cause: fmt.Errorf("ssh: handshake failed: %w", io.EOF)}, 1, 0, 2},
		"waited for":     {refused, 1, time.Minute, 1},
		"host key":       {&effect.Error{Kind: effect.Unreachable, Cause: errHostKey}, 1, 0, 1},
		"login":          {&effect.Error{Kind: effect.Unreachable, Message: "unable to authenticate"}, 1, 0, 1},
	} {
		passes, told := &quickClock{tick: c.took}, &heard{}
		tries := 0
		_, err := persist(effect.WithEvents(clock.With(context.Background(), passes), told), func(context.Context) (link, error) {
			tries++
			if tries <= c.fails {
				return nil, c.err
			}
			return localLink{}, nil
		})
		if tries != c.tries || (err == nil) != (c.fails < c.tries) || len(told.events) != tries-1 || len(passes.slept) != tries-1 {
			t.Errorf("%s: %d tries, %v, told %d, slept %v", name, tries, err, len(told.events), passes.slept)
		}
	}
}

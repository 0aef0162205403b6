// Package clock is the time a host lives in: the real one, or a simulated
// machine's, which jumps. Every sleep, backoff and poll goes through it.
package clock

import (
	"context"
	"time"
)

// Clock tells and passes time.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or the context's error as soon as it ends.
	Sleep(ctx context.Context, d time.Duration) error
}

// Real is the controller's own clock.
var Real Clock = realClock{}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type key struct{}

// With puts a host's clock into a context.
func With(ctx context.Context, c Clock) context.Context { return context.WithValue(ctx, key{}, c) }

// From is the context's clock; Real when it has none.
func From(ctx context.Context) Clock {
	if c, ok := ctx.Value(key{}).(Clock); ok {
		return c
	}
	return Real
}

// Sleep sleeps on the context's clock. Cut short, it tells why the context ended,
// which says more than that it did.
func Sleep(ctx context.Context, d time.Duration) error {
	err := From(ctx).Sleep(ctx, d)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// Now is the time on the context's clock.
func Now(ctx context.Context) time.Time { return From(ctx).Now() }

// alarm is what a clock offers that can call back at a time without making that
// time come: a simulated machine's Sleep says "I wait for you", which lets its
// time jump; a limit on an effect must not.
type alarm interface {
	AfterFunc(d time.Duration, fire func()) (stop func())
}

// WithTimeout is context.WithTimeout on the context's clock and on ours,
// whichever comes first: what spins on a simulated machine makes its time stand
// still. It never makes that time pass: the limit is met only when something else
// does.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return WithTimeoutCause(ctx, d, context.DeadlineExceeded)
}

// WithTimeoutCause is WithTimeout with a cause for the end that the limit makes.
func WithTimeoutCause(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ours, end := context.WithTimeoutCause(ctx, d, cause)
	a, ok := From(ctx).(alarm)
	if !ok {
		return ours, end
	}
	limited, cancel := context.WithCancelCause(ours)
	forget := a.AfterFunc(d, func() { cancel(cause) })
	return limited, func() {
		forget()
		cancel(context.Canceled)
		end()
	}
}

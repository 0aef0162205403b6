package sshhost

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

const (
	// connectTries bounds the attempts to reach a host for the first time.
	connectTries = 4
	// brief is how soon an attempt must have failed to be worth another one: a
	// host that does not answer has been waited for already.
	brief = 3 * time.Second
)

// persist dials until there is a connection: a busy sshd refuses or drops some of
// many that come at once (MaxStartups in sshd_config(5)). Nothing has been sent to
// the host then. What another attempt would not mend, a key or a name or a login,
// is not tried again.
func persist(ctx context.Context, dial func(context.Context) (link, error)) (link, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval = 300 * time.Millisecond
	for try := 1; ; try++ {
		began := clock.Now(ctx)
		l, err := dial(ctx)
		if err == nil || !turnedAway(err) || try == connectTries || clock.Now(ctx).Sub(began) > brief {
			return l, err
		}
		effect.Report(ctx, "connection.retry", "connecting failed, and is tried again: "+err.Error(), map[string]any{"attempt": try})
		if clock.Sleep(ctx, pause.NextBackOff()) != nil {
			return nil, err
		}
	}
}

// turnedAway tells whether the other end has refused or dropped a connection.
func turnedAway(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

package bulk

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Report tells every second how much of a file has arrived and how long it will
// take, until it is stopped. sent, where given, counts what travelled.
func Report(ctx context.Context, op, name string, total int64, arrived, sent *atomic.Int64) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	began, first := clock.Now(ctx), arrived.Load()
	go func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				text, data := standing(name, arrived.Load(), first, total, clock.Now(ctx).Sub(began))
				if sent != nil {
					data["sent"] = sent.Load()
				}
				effect.Report(ctx, op, text, data)
			}
		}
	}()
	return stop
}

// standing says how far it is: now of total, since it began at first.
func standing(name string, now, first, total int64, took time.Duration) (string, map[string]any) {
	text := fmt.Sprintf("%s: %d of %d MB", name, now>>20, total>>20)
	data := map[string]any{"bytes": now, "total": total}
	if took < time.Second || now <= first {
		return text, data
	}
	rate := float64(now-first) / took.Seconds()
	left := time.Duration(float64(total-now) / rate * float64(time.Second)).Round(time.Second)
	data["rate"], data["left"] = int64(rate), left.Seconds()
	return fmt.Sprintf("%s, %.1f MB/s, %s left", text, rate/(1<<20), left), data
}

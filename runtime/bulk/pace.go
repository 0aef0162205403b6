package bulk

import (
	"context"
	"io"
	"sync"
	"time"

	"bsdrun/runtime/clock"
)

// Pace keeps what goes below so many bytes a second.
type Pace struct {
	rate int64 // 0: no limit

	mu   sync.Mutex
	free time.Time // when what was let through so far is through
}

// NewPace is a pace of rate bytes a second; 0 is none.
func NewPace(rate int64) *Pace { return &Pace{rate: rate} }

// Wait waits until n more bytes may go.
func (p *Pace) Wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := clock.Now(ctx)
	p.mu.Lock()
	if p.free.Before(now) {
		p.free = now
	}
	wait := p.free.Sub(now)
	p.free = p.free.Add(time.Duration(float64(n) / float64(p.rate) * float64(time.Second)))
	p.mu.Unlock()
	if wait <= 0 {
		return ctx.Err()
	}
	return clock.Sleep(ctx, wait)
}

// Reader is r at this pace.
func (p *Pace) Reader(ctx context.Context, r io.Reader) io.Reader {
	if p.rate <= 0 {
		return r
	}
	return pacedReader{ctx, p, r}
}

type pacedReader struct {
	ctx  context.Context
	pace *Pace
	r    io.Reader
}

func (r pacedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b[:min(len(b), Block)])
	if waiting := r.pace.Wait(r.ctx, n); waiting != nil {
		return n, waiting
	}
	return n, err
}

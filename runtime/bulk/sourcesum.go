package bulk

import (
	"context"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// SourceSum is the hash of parts of what is moved, made where that is while it is
// moved.
type SourceSum struct {
	local *Sum   // nil: another host hashes it
	ask   func() // has it do so
	told  chan told
	sum   string
}

type told struct {
	sum string
	err error
}

// askAgain is how often the other host may be lost before that is told.
const askAgain = 5

// NewSourceSum begins to hash parts of a content.
func NewSourceSum(ctx context.Context, src effect.Ranges, parts []effect.Extent) *SourceSum {
	far, ok := src.(effect.Summer)
	if !ok {
		return &SourceSum{local: NewSum(ctx, parts, src.Stream)}
	}
	s := &SourceSum{told: make(chan told, 1)}
	s.ask = func() {
		for losses := 0; ; losses++ {
			sums, err := far.Sums(ctx, [][]effect.Extent{parts})
			if err == nil {
				s.told <- told{sum: sums[0]}
				return
			}
			if losses == askAgain || effect.KindOf(err) != effect.Unreachable || clock.Sleep(ctx, time.Second) != nil {
				s.told <- told{err: err}
				return
			}
		}
	}
	go s.ask()
	return s
}

// Ready says that everything before an offset is on its way.
func (s *SourceSum) Ready(offset int64) {
	if s.local != nil {
		s.local.Ready(offset)
	}
}

// Wait waits for the hash. When it fails, the next one tries again.
func (s *SourceSum) Wait(ctx context.Context) (string, error) {
	if s.local != nil {
		return s.local.Wait(ctx)
	}
	if s.sum != "" {
		return s.sum, nil
	}
	select {
	case t := <-s.told:
		if s.sum = t.sum; t.err != nil {
			go s.ask()
		}
		return s.sum, t.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

package layer

import (
	"context"

	"golang.org/x/sync/semaphore"

	"bsdrun/runtime/effect"
)

// Limit lets only so many effects be under way on a host at once, whichever
// scripts they come from. A script that waits, or a question to a person, holds no
// place; what is part of an effect under way has its place.
func Limit(perHost int64) effect.Layer {
	host := semaphore.NewWeighted(perHost)
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if effect.IsPart(ctx) {
				return next.Do(ctx, e)
			}
			if err := host.Acquire(ctx, 1); err != nil {
				return effect.Result{}, err
			}
			defer host.Release(1)
			return next.Do(ctx, e)
		})
	}
}

package layer

import (
	"context"

	"bsdrun/runtime/effect"
)

// Looks refuses changes in steps that said that they make none.
func Looks() effect.Layer {
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if s := effect.StepFrom(ctx); s != nil && s.Looks && mayCount(e) {
				return effect.Result{}, effect.WithHint(
					effect.Errorf(effect.Script, e.Op, "the step %s says that it changes nothing, and this is a change", s.Name), "leave changes=false out, or make a step of its own of it")
			}
			return next.Do(ctx, e)
		})
	}
}

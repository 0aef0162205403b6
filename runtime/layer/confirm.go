package layer

import (
	"context"
	"slices"

	"bsdrun/runtime/effect"
)

// AllowIrreversible is the leave that lets Irreversible effects pass.
const AllowIrreversible = "irreversible"

// Confirm lets Irreversible Changes pass only with leave: --allow irreversible,
// or a person's yes. Without either the run stops before the effect, resumable.
func Confirm(allow []string) effect.Layer {
	return func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			if e.Kind == effect.Change && e.Risk == effect.Irreversible && !slices.Contains(allow, AllowIrreversible) {
				if err := confirm(ctx, e); err != nil {
					return effect.Result{}, err
				}
			}
			return next.Do(ctx, e)
		})
	}
}

const allowHint = "there is no way back from it: allow it with --allow irreversible, or answer yes at a terminal; bsdrun resume continues the run"

func confirm(ctx context.Context, e effect.Effect) error {
	what := Describe(e)
	detail := e.Note
	if detail == "" {
		detail = e.Op + " cannot be taken back"
	}
	answer, err := effect.Ask(ctx, effect.Question{
		Key: "irreversible: " + what, Text: "Do what has no way back: " + clip(what, 200) + "?", Detail: detail,
		Choices: []string{"yes", "no"}, Risk: effect.Irreversible,
	})
	if err != nil {
		stopped := *effect.AsError(err)
		if stopped.Kind == effect.Stopped {
			stopped.Op, stopped.Command = e.Op, what
			stopped.Message = "stopped before what cannot be taken back: " + clip(what, 200) + ": " + detail
			stopped.Hint = allowHint
		}
		return &stopped
	}
	if answer != "yes" {
		return &effect.Error{Kind: effect.Stopped, Op: e.Op, Command: what, Hint: allowHint,
			Message: "a person said no to: " + clip(what, 200) + ": " + detail}
	}
	return nil
}

package effect

import "context"

// Outcome is what one Read of a batch came to.
type Outcome struct {
	Result Result
	Err    error
}

// Each does the Reads of a batch one by one, in the place of the batch.
func (e Effect) Each(ctx context.Context, h Doer) Result {
	r := Result{Batch: make([]Outcome, len(e.Batch))}
	for i, part := range e.Batch {
		part.In, part.As = e.In, e.As
		r.Batch[i].Result, r.Batch[i].Err = h.Do(ctx, part)
	}
	return r
}

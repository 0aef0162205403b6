package effect

import "context"

// Question is something only a person can answer.
type Question struct {
	Key     string   // equal keys of a batch are asked once
	Text    string   // one line, ends with a question mark
	Detail  string   // what is at stake
	Choices []string // empty: free text
	Default string   // without a terminal; empty: stop with 75
	Secret  bool     // not echoed, not journaled
	Risk    Risk     // Irreversible is never answered by -y
}

// Asker puts questions to a person.
type Asker interface {
	// Ask returns the answer, or an Error of kind Stopped when nobody can
	// give it.
	Ask(ctx context.Context, host string, q Question) (string, error)
}

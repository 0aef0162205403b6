package effect

import "encoding/json"

// MarshalJSON prints an error as scripts and reports know it.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Op      string  `json:"op,omitempty"`
		Host    string  `json:"host,omitempty"`
		Kind    ErrKind `json:"kind"`
		Code    int     `json:"code,omitempty"`
		Command string  `json:"command,omitempty"`
		Out     string  `json:"stdout,omitempty"`
		Err     string  `json:"stderr,omitempty"`
		Message string  `json:"message"`
		Reached string  `json:"reached,omitempty"`
		Hint    string  `json:"hint,omitempty"`
		At      string  `json:"at,omitempty"`
	}{e.Op, e.Host, e.Kind, e.Code, e.Command, e.Out, e.Err, e.Summary(), e.Reached, e.Hint, e.At})
}

// diffJSON is a diff as JSON has it: contents as text, left out when hidden.
type diffJSON struct {
	Path   string  `json:"path"`
	Before *string `json:"before,omitempty"`
	After  *string `json:"after,omitempty"`
	Note   string  `json:"note,omitempty"`
	Hidden bool    `json:"hidden,omitempty"`
}

// MarshalJSON prints contents as text, and leaves hidden ones out.
func (d *Diff) MarshalJSON() ([]byte, error) {
	out := diffJSON{Path: d.Path, Note: d.Note, Hidden: d.Hidden}
	if !d.Hidden {
		out.Before, out.After = textOf(d.Before), textOf(d.After)
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON prints.
func (d *Diff) UnmarshalJSON(b []byte) error {
	var in diffJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*d = Diff{Path: in.Path, Before: bytesOf(in.Before), After: bytesOf(in.After), Note: in.Note, Hidden: in.Hidden}
	return nil
}

func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	text := string(b)
	return &text
}

func bytesOf(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

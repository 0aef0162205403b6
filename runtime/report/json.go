package report

import (
	"encoding/json"
	"io"
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// JSON prints a run as one object.
func JSON(w io.Writer, r *journal.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Lines prints events as they happen, one JSON object a line.
type Lines struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

// NewLines is a sink of events that writes to w.
func NewLines(w io.Writer) *Lines {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &Lines{encoder: encoder}
}

// Emit prints one event.
func (l *Lines) Emit(e effect.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.encoder.Encode(e)
}

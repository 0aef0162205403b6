package effect

import "time"

// EventType says what happened.
type EventType string

// The events of a run, in the order in which they occur.
const (
	RunStart    EventType = "run_start"
	HostStart   EventType = "host_start"
	Connected   EventType = "connected"
	StepStart   EventType = "step_start"
	EffectStart EventType = "effect_start"
	EffectOut   EventType = "output"   // Text: bytes of either stream
	Progress    EventType = "progress" // Text and Data: how far a long operation is
	EffectEnd   EventType = "effect_end"
	Log         EventType = "log"
	StepEnd     EventType = "step_end"
	HostEnd     EventType = "host_end"
	RunEnd      EventType = "run_end"
)

// Status of an effect, a step or a host at its end.
const (
	StatusOK          = "ok"
	StatusChanged     = "changed"
	StatusFailed      = "failed"
	StatusSkipped     = "skipped"
	StatusUnknown     = "unknown"
	StatusUnreachable = "unreachable"
	StatusStopped     = "stopped"
)

// Event is one thing that happened, for progress views and the JSON lines
// output. The sink that receives it has removed secrets.
type Event struct {
	Type   EventType      `json:"type"`
	At     time.Time      `json:"at"`
	Run    string         `json:"run,omitempty"`
	Host   string         `json:"host,omitempty"`
	Step   string         `json:"step,omitempty"` // path
	Op     string         `json:"op,omitempty"`
	Kind   string         `json:"kind,omitempty"`   // read, change
	Status string         `json:"status,omitempty"` // at an end
	Text   string         `json:"text,omitempty"`
	Took   float64        `json:"took,omitempty"` // seconds
	Diff   *Diff          `json:"diff,omitempty"`
	Err    *Error         `json:"error,omitempty"`
	Data   map[string]any `json:"data,omitempty"`
}

// Events receives events; it must not block.
type Events interface{ Emit(Event) }

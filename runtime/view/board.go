package view

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/report"
)

// board is what is known of a run under way. It is made of events alone.
type board struct {
	recipe  string
	check   bool
	total   int // hosts of the run
	began   time.Time
	hosts   map[string]*host
	running []*host // in the order in which they began
	ended   map[string]int
	failed  []failure
	changes []change
	kept    int  // bytes of files in changes
	stopped bool // Ctrl-C was pressed
}

// host is what one host is at.
type host struct {
	name    string
	began   time.Time
	steps   []step // under way, enclosing first
	done    int    // steps that ended
	changed int    // of these
	what    string // the command under way
	since   time.Time
	text    string // how far a long operation is
	ready   float64
	out     tail
	printer string // the command that printed it
}

type step struct {
	title string
	since time.Time
}

// failure is a host that did not come to its end.
type failure struct {
	host, status, why string
}

// change is one change; its diff is only worked out when somebody looks.
type change struct {
	host, what string
	diff       *effect.Diff
}

func (c change) size() int { return len(c.diff.Before) + len(c.diff.After) }

const (
	maxChanges  = 1000    // that are kept for looking at, the newest
	maxContents = 8 << 20 // bytes of files in them
	maxFailures = 1000
)

func newBoard() *board {
	return &board{hosts: map[string]*host{}, ended: map[string]int{}}
}

// note takes note of an event.
func (b *board) note(e effect.Event) {
	if e.Type == effect.RunStart {
		b.recipe, b.began = e.Text, e.At
		b.total, _ = e.Data["hosts"].(int)
		b.check, _ = e.Data["check"].(bool)
		return
	}
	if e.Type == effect.Log && e.Op == "interrupt" {
		b.stopped = true
	}
	h := b.hosts[e.Host]
	if h == nil {
		if e.Type != effect.HostStart {
			b.endUnbegun(e)
			return
		}
		h = &host{name: e.Host, began: e.At}
		b.hosts[e.Host] = h
		b.running = append(b.running, h)
		return
	}
	h.note(e)
	switch e.Type {
	case effect.EffectEnd:
		b.keepChange(e)
	case effect.HostEnd:
		b.end(e)
		b.running = slices.DeleteFunc(b.running, func(r *host) bool { return r == h })
		delete(b.hosts, e.Host)
	}
}

// endUnbegun notes the end of a host whose turn never came.
func (b *board) endUnbegun(e effect.Event) {
	if e.Type == effect.HostEnd {
		b.end(e)
	}
}

func (b *board) end(e effect.Event) {
	b.ended[e.Status]++
	if e.Err != nil && e.Status != effect.StatusOK && len(b.failed) < maxFailures {
		b.failed = append(b.failed, failure{e.Host, e.Status, e.Err.Summary()})
	}
}

func (b *board) keepChange(e effect.Event) {
	if e.Diff == nil || e.Kind != effect.Change.String() {
		return
	}
	b.changes = append(b.changes, change{e.Host, strings.TrimSpace(e.Op + " " + e.Text), e.Diff})
	b.kept += b.changes[len(b.changes)-1].size()
	for len(b.changes) > maxChanges || b.kept > maxContents {
		b.kept -= b.changes[0].size()
		b.changes = b.changes[1:]
	}
}

// note takes note of what happens on the host.
func (h *host) note(e effect.Event) {
	switch e.Type {
	case effect.StepStart:
		h.steps = append(h.steps, step{e.Text, e.At})
		h.text, h.ready = "", 0
	case effect.StepEnd:
		h.endStep(e)
	case effect.EffectStart:
		h.what, h.since = e.Text, e.At
	case effect.EffectEnd:
		h.what = ""
	case effect.EffectOut:
		if waitedFor(e) {
			h.print(e.Text)
		}
	case effect.Progress:
		h.text, h.ready = e.Text, share(e.Data)
	}
}

// waitedFor tells whether somebody waits for what prints this: for a change, or
// for a query of the recipe itself. What bindings look at before they act would
// push it away.
func waitedFor(out effect.Event) bool {
	return out.Kind == effect.Change.String() || out.Op == "read"
}

// print adds to the output. Another command's begins anew; a job's goes on from
// look to look.
func (h *host) print(text string) {
	if h.printer != h.what {
		h.out, h.printer = tail{}, h.what
	}
	h.out.write(text)
}

func (h *host) endStep(e effect.Event) {
	h.text, h.ready = "", 0
	h.done++
	if e.Status == effect.StatusChanged {
		h.changed++
	}
	if recorded, _ := e.Data["recorded"].(bool); !recorded && len(h.steps) > 0 {
		h.steps = h.steps[:len(h.steps)-1]
	}
}

// share is how much of an operation is done, from its counts; 0 when they do not
// say.
func share(data map[string]any) float64 {
	done, ok1 := data["done"].(int)
	total, ok2 := data["total"].(int)
	if !ok1 || !ok2 || total <= 0 {
		return 0
	}
	return min(1, float64(done)/float64(total))
}

// tail is the end of what a command prints.
type tail struct{ text []byte }

const maxTail = 64 << 10

func (t *tail) write(text string) {
	t.text = append(t.text, text...)
	if len(t.text) > 2*maxTail {
		t.text = bytes.Clone(t.text[len(t.text)-maxTail:])
	}
}

// last are the last lines, as a terminal would show them: of a line that was
// written over only the end.
func (t *tail) last(n int) []string {
	lines := strings.Split(strings.TrimRight(string(t.text), "\r\n"), "\n")
	lines = lines[max(0, len(lines)-n):]
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		line = line[strings.LastIndexByte(line, '\r')+1:]
		lines[i] = strings.ReplaceAll(report.Printable(line), "\t", "    ")
	}
	return lines
}

package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/effect"
)

// Plain is live progress as plain lines, for terminals and log files alike: a
// line when a step ends, a line when one lasts, counts of long operations. Of many
// hosts it tells counts alone, and what they say alike once.
type Plain struct {
	mu      sync.Mutex
	w       io.Writer
	style   Style
	verbose bool
	hosts   map[string]*hostProgress
	widest  int
	total   int    // hosts of the run
	crowd   *crowd // nil: few hosts, or everything is asked for
	check   bool   // nothing is changed
	brief   bool   // what lasts is shown elsewhere
	stop    chan struct{}
	stopped sync.WaitGroup
}

// hostProgress is what is known of one host.
type hostProgress struct {
	steps   []openStep // enclosing first
	command string     // the effect under way
	counts  string     // last progress text shown
	told    time.Time  // when the counts were shown
}

// openStep is a step under way.
type openStep struct {
	path  string
	since time.Time
	told  time.Time // last time it was said to be under way
}

// How often a lasting step, and the counts of a long operation, are told.
const (
	tellStepAfter  = 2 * time.Second
	tellStepAgain  = 30 * time.Second
	tellCountAgain = 2 * time.Second
)

// NewPlain starts a progress view on w; Close ends it.
func NewPlain(w io.Writer, style Style, verbose bool) *Plain {
	p := &Plain{w: w, style: style, verbose: verbose, hosts: map[string]*hostProgress{}, stop: make(chan struct{})}
	p.stopped.Go(p.tick)
	return p
}

// Brief leaves out what is still going on: a live view shows it beside the lines.
func (p *Plain) Brief(brief bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.brief = brief
}

// Close ends the view.
func (p *Plain) Close() {
	close(p.stop)
	p.stopped.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crowd != nil {
		p.crowd.repeats()
	}
}

// tick tells of steps that last.
func (p *Plain) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-ticker.C:
			p.tellOpen(now)
		}
	}
}

// tellOpen tells of what is still going on.
func (p *Plain) tellOpen(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.brief {
		return
	}
	if p.crowd != nil {
		p.crowd.tick(now)
	}
	for name, h := range p.hosts {
		p.tellLasting(name, h, now)
	}
}

func (p *Plain) tellLasting(name string, h *hostProgress, now time.Time) {
	if len(h.steps) == 0 {
		return
	}
	step := &h.steps[len(h.steps)-1]
	due := step.told.Add(tellStepAgain)
	if step.told.IsZero() {
		due = step.since.Add(tellStepAfter)
	}
	if now.Before(due) {
		return
	}
	step.told = now
	text := fmt.Sprintf("%s  %s", step.path, Duration(now.Sub(step.since).Seconds()))
	for _, more := range []string{h.counts, h.command} {
		if more != "" {
			text += "  " + more
			break
		}
	}
	p.line(name, p.style.dim("..."), text)
}

// line prints one line of a host, or of all.
func (p *Plain) line(host, mark, text string) {
	if host == "" {
		_, _ = fmt.Fprintf(p.w, "%s  %s\n", mark, printable(text))
		return
	}
	p.widest = max(p.widest, len(host))
	_, _ = fmt.Fprintf(p.w, "%-*s  %s  %s\n", p.widest, host, mark, printable(text))
}

// Emit shows one event.
func (p *Plain) Emit(e effect.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.crowd != nil {
		p.crowd.emit(e, time.Now())
		return
	}
	h := p.hosts[e.Host]
	if h == nil {
		h = &hostProgress{}
		p.hosts[e.Host] = h
	}
	switch e.Type {
	case effect.RunStart:
		p.total, _ = e.Data["hosts"].(int)
		p.check, _ = e.Data["check"].(bool)
		if p.total >= manyHosts && !p.verbose {
			p.crowd = newCrowd(p, p.total)
		}
	case effect.StepStart:
		h.steps = append(h.steps, openStep{path: e.Step, since: time.Now()})
		h.counts = ""
	case effect.StepEnd:
		p.endStep(e, h)
	case effect.EffectStart:
		h.command = e.Text
	case effect.EffectEnd:
		h.command = ""
		p.endEffect(e)
	case effect.EffectOut:
		if p.verbose && strings.TrimSpace(e.Text) != "" {
			_, _ = fmt.Fprintln(p.w, p.style.dim(indent(printable(e.Text), e.Host+" | ")))
		}
	case effect.Progress:
		p.count(e, h)
	case effect.Log:
		p.line(e.Host, p.style.bold("log"), e.Text)
	case effect.HostEnd:
		delete(p.hosts, e.Host)
		if e.Err != nil && p.total > 1 { // of one host the report follows at once
			p.line(e.Host, p.style.status(e.Status), e.Err.Summary())
		}
	}
}

func (p *Plain) endStep(e effect.Event, h *hostProgress) {
	if recorded, _ := e.Data["recorded"].(bool); recorded { // it has not begun in this session
		p.line(e.Host, p.style.dim("done before"), e.Step)
		return
	}
	if n := len(h.steps); n > 0 {
		h.steps = h.steps[:n-1]
	}
	h.counts = ""
	p.line(e.Host, p.style.status(outcome(e.Status, p.check)), fmt.Sprintf("%s  %s", e.Step, Duration(e.Took)))
}

func (p *Plain) endEffect(e effect.Event) {
	if !p.verbose {
		return
	}
	text := fmt.Sprintf("%s %s  %s", e.Op, e.Text, Duration(e.Took))
	p.line(e.Host, p.style.dim("  "+e.Kind+" "+e.Status), text)
	if e.Diff != nil {
		_, _ = io.WriteString(p.w, diffText(e.Diff, p.style))
	}
}

// count shows how far a long operation is, when that is news.
func (p *Plain) count(e effect.Event, h *hostProgress) {
	if p.brief || e.Text == h.counts || time.Since(h.told) < tellCountAgain {
		return
	}
	h.counts, h.told = e.Text, time.Now()
	p.line(e.Host, p.style.dim("..."), e.Text)
}

package repl

import (
	"fmt"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/report"
)

// show prints what an input came to: failures, then what it returned, alike
// answers once.
func (r *repl) show(answers []engine.Answer) {
	view := &journal.Report{Recipe: Name}
	values := 0
	for i, a := range answers {
		h := journal.HostReport{Name: r.chosen[i].Host, Error: a.Error}
		if a.Error != nil {
			r.failed(a.Error.Kind)
		}
		if a.Note != "" {
			h.Result = a.Note
		}
		values = max(values, len(a.Values))
		view.Hosts = append(view.Hosts, h)
	}
	report.Failures(r.Err, view, r.Style)
	if values == 0 {
		report.Results(r.Out, view, r.Style)
	}
	for n := range values {
		for i, a := range answers {
			if n < len(a.Values) {
				view.Hosts[i].Result = shown(a.Values[n])
			}
		}
		report.Results(r.Out, view, r.Style)
	}
}

// shown is a value as the prompt shows it: nothing is something here.
func shown(value any) any {
	switch value {
	case nil:
		return "nil"
	case "":
		return `""`
	}
	return value
}

// print is the script's print.
func (r *repl) print(host, text string) {
	if len(r.chosen) > 1 {
		text = host + ": " + strings.ReplaceAll(text, "\n", "\n"+host+": ")
	}
	_, _ = fmt.Fprintln(r.Out, text)
}

// listener hears the events of the run.
type listener struct {
	*repl
	more effect.Events // who else hears them; nil: nobody
}

// Emit tells of a host that is not with us, of the script's log, and of what was
// changed.
func (l listener) Emit(e effect.Event) {
	if l.more != nil {
		l.more.Emit(e)
	}
	r := l.repl
	switch {
	case e.Type == effect.HostEnd && e.Err != nil:
		r.lost(e)
	case e.Type == effect.Log:
		r.aside(e.Host, e.Text)
	case e.Type == effect.EffectEnd && e.Kind == effect.Change.String() && e.Status == effect.StatusChanged:
		r.aside(e.Host, "changed: "+e.Text)
	case e.Type == effect.EffectEnd && e.Kind == effect.Change.String() && e.Status == effect.StatusSkipped:
		r.aside(e.Host, "would change: "+e.Text)
	}
}

// lost tells of a host that could not be reached, and lets the others begin.
func (r *repl) lost(e effect.Event) {
	select {
	case <-r.leave: // the session ends anyhow
	default:
		failed := *e.Err
		failed.Host = e.Host
		report.Error(r.Err, &failed, r.Style)
	}
	r.mu.Lock()
	r.left++
	r.mu.Unlock()
	r.tell()
}

// aside prints a line that is no result.
func (r *repl) aside(host, text string) {
	if len(r.o.Hosts) > 1 && host != "" {
		text = host + ": " + text
	}
	report.Aside(r.Err, text, r.Style)
}

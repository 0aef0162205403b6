package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"bsdrun/runtime/journal"
)

// stamp prints a time as people read it, in their own zone.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// Runs lists runs, one a line.
func Runs(w io.Writer, runs []journal.Run, held func(run string) bool, s Style) {
	t := table{}
	t.add(s.bold("RUN"), s.bold("STARTED"), s.bold("STATE"), s.bold("RECIPE"))
	for _, r := range runs {
		recipe := r.Recipe
		if r.Check {
			recipe += " (check)"
		}
		t.add(r.ID, stamp(r.Started), s.status(runState(r, held)), printable(recipe))
	}
	t.write(w, "")
}

// runState says of a run that no process holds any more that it was cut short.
func runState(r journal.Run, held func(run string) bool) string {
	if r.State == journal.Running && !held(r.ID) {
		return "interrupted"
	}
	return r.State
}

// Effects lists what was done to the hosts of a run, in order.
func Effects(w io.Writer, effects []journal.Effect, o TextOptions) {
	host, step := "", ""
	for _, e := range effects {
		if e.Host != host {
			host, step = e.Host, ""
			_, _ = fmt.Fprintln(w, o.bold(host))
		}
		if e.Step != step {
			step = e.Step
			_, _ = fmt.Fprintf(w, "  %s\n", o.bold(printable(strings.ReplaceAll(step, "//", "/"))))
		}
		writeEffect(w, e, "    ", o)
	}
}

// Log lists what runs changed on a host.
func Log(w io.Writer, entries []journal.Entry, o TextOptions) {
	run := ""
	for _, entry := range entries {
		if entry.Run != run {
			run = entry.Run
			_, _ = fmt.Fprintf(w, "%s  %s\n", o.bold(run), printable(entry.Recipe))
		}
		writeEffect(w, entry.Effect, "  ", o)
	}
}

// writeEffect prints one effect: when, what, how it ended, and what it printed.
func writeEffect(w io.Writer, e journal.Effect, pad string, o TextOptions) {
	status := o.status(e.Status)
	if e.Code != 0 {
		status += fmt.Sprintf(" (exit code %d)", e.Code)
	}
	_, _ = fmt.Fprintf(w, "%s%s  %s  %s %s", pad, stamp(e.Sent), status, o.dim(e.Kind), e.Op)
	if e.What != "" && e.What != e.Op {
		_, _ = fmt.Fprintf(w, "  %s", printable(e.What))
	}
	_, _ = fmt.Fprintln(w)
	if o.Changes {
		for _, stream := range [][]byte{e.Out, e.Err} {
			if text := strings.TrimRight(string(stream), "\n"); text != "" {
				_, _ = fmt.Fprintln(w, indent(printable(text), pad+"    | "))
			}
		}
	}
	if o.Diff && e.Diff != "" {
		_, _ = fmt.Fprint(w, paintDiff(e.Diff, o.Style))
	}
	if e.Error != nil {
		_, _ = fmt.Fprintf(w, "%s    %s\n", pad, o.red(printable(e.Error.Message)))
	}
}

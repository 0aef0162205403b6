package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// TextOptions say how much a text report shows.
type TextOptions struct {
	Style
	Diff    bool // contents of changed files
	Changes bool // the changes of every step (always in check mode)
	Whole   bool // all of the run is shown already: nothing refers to bsdrun show
}

// Text prints a run's results for people: failures first on errOut, then on out
// what would change (in check mode), what the script returned, and one line a
// host.
func Text(out, errOut io.Writer, r *journal.Report, o TextOptions) {
	Failures(errOut, r, o.Style)
	if r.Check || o.Changes || o.Diff {
		writeAllChanges(out, r, o)
	}
	writeResults(out, r, o)
	writeNotes(out, r, o)
	writeHosts(out, r, o)
}

// writeHosts prints one line a host, or one for all that ended alike.
func writeHosts(w io.Writer, r *journal.Report, o TextOptions) {
	if len(r.Hosts) == 1 && !(r.Check && r.Hosts[0].Changed > 0) && len(r.Hosts[0].Steps) == 0 && r.Hosts[0].Status == effect.StatusOK && r.Hosts[0].Result != nil {
		return // an ad hoc answer speaks for itself
	}
	if o.together(r) {
		writeManyHosts(w, r, o)
	} else {
		writeEachHost(w, r, o)
	}
	if r.Run != "" && !o.Whole {
		line := fmt.Sprintf("run %s took %s; bsdrun show %s tells all of it", r.Run, Duration(r.Took), r.Run)
		if !r.Check && slices.ContainsFunc(r.Hosts, stopped) {
			line += fmt.Sprintf("; bsdrun resume %s goes on with it", r.Run)
		}
		_, _ = fmt.Fprintf(w, "%s\n", o.dim(line))
	}
}

func writeEachHost(w io.Writer, r *journal.Report, o TextOptions) {
	t := table{right: map[int]bool{2: true}}
	header := []string{o.bold("HOST"), o.bold("STATUS"), o.bold(changedTitle(r.Check))}
	if slices.ContainsFunc(r.Hosts, func(h journal.HostReport) bool { return len(h.Steps) > 0 }) {
		header = append(header, o.bold("STEPS"))
	}
	t.add(header...)
	for _, h := range r.Hosts {
		t.add(h.Name, o.status(h.Status), fmt.Sprint(h.Changed), countSteps(h.Steps, r.Check))
	}
	t.write(w, "")
}

// stopped tells whether the run stands still on a host, and waits to be gone on
// with there.
func stopped(h journal.HostReport) bool {
	return h.Status == effect.StatusStopped || h.Status == effect.StatusUnreachable
}

// stepEndings are the ways in which a step may end.
var stepEndings = []string{effect.StatusOK, effect.StatusChanged, effect.StatusFailed, effect.StatusSkipped, effect.StatusUnknown, effect.StatusStopped}

// countSteps sums up the steps by status: "5 ok, 2 changed".
func countSteps(steps []journal.StepReport, check bool) string {
	counts := map[string]int{}
	for _, step := range steps {
		counts[step.Status]++
	}
	var parts []string
	for _, status := range stepEndings {
		if counts[status] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[status], outcome(status, check)))
		}
	}
	return strings.Join(parts, ", ")
}

// outcome is a step's status in words: a check changes nothing.
func outcome(status string, check bool) string {
	if check && status == effect.StatusChanged {
		return "would change"
	}
	return status
}

func listChanges(w io.Writer, changes []journal.ChangeReport, pad string, o TextOptions) {
	for _, change := range changes {
		_, _ = fmt.Fprintf(w, "%s%s %s\n", pad, o.dim(change.Op), printable(onHost(change)+change.What))
		if o.Diff && change.Diff != "" {
			_, _ = fmt.Fprint(w, paintDiff(change.Diff, o.Style))
		}
	}
}

// onHost names the host of a change that is another one than the script's.
func onHost(change journal.ChangeReport) string {
	if change.Host == "" {
		return ""
	}
	return "[on " + change.Host + "] "
}

// diffText shows a diff in unified form.
func diffText(d *effect.Diff, s Style) string {
	if d.Hidden || d.Before == nil && d.After == nil {
		return "        " + s.dim(strings.TrimSpace(DiffText(d))) + "\n"
	}
	return paintDiff(DiffText(d), s)
}

// DiffText is a diff in unified form, or what stands for it.
func DiffText(d *effect.Diff) string {
	switch {
	case d.Hidden:
		return "(content hidden: " + d.Path + ")\n"
	case d.Before == nil && d.After == nil:
		return strings.TrimSpace(d.Path+" "+d.Note) + "\n"
	}
	return udiff.Unified("a"+d.Path, "b"+d.Path, string(d.Before), string(d.After))
}

// paintDiff indents and colours a unified diff.
func paintDiff(text string, s Style) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = printable(strings.TrimSuffix(line, "\n"))
		switch {
		case strings.HasPrefix(line, "+"):
			line = s.green(line)
		case strings.HasPrefix(line, "-"):
			line = s.red(line)
		}
		b.WriteString("        " + line + "\n")
	}
	return b.String()
}

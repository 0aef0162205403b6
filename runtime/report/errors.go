package report

import (
	"fmt"
	"io"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Error prints why something failed and what to do next, with all that is
// known.
func Error(w io.Writer, e *effect.Error, s Style) {
	subject := e.Host
	if subject == "" {
		subject = "bsdrun"
	}
	writeError(w, []string{subject}, journal.ReportError(e, nil), s)
}

// Failures prints why hosts did not come to their end. Hosts that failed alike
// share one report.
func Failures(w io.Writer, r *journal.Report, s Style) {
	if r.Err != nil {
		writeError(w, []string{r.Recipe}, r.Err, s)
	}
	kinds := kindsOfFailure(r)
	for _, kind := range kinds[:min(len(kinds), maxKinds)] {
		writeError(w, kind.hosts, kind.report(), s)
	}
	if len(kinds) > maxKinds {
		var rest []string
		for _, kind := range kinds[maxKinds:] {
			rest = append(rest, kind.hosts...)
		}
		writeHeading(w, rest, fmt.Sprintf("%d other failures", len(kinds)-maxKinds), s)
	}
}

// Aside prints a line that is neither a result nor a failure.
func Aside(w io.Writer, text string, s Style) {
	_, _ = fmt.Fprintln(w, s.dim(printable(text)))
}

func writeError(w io.Writer, hosts []string, e *journal.ErrorReport, s Style) {
	_, _ = fmt.Fprintf(w, "%s %s\n", s.red(s.bold(heading(hosts))), printable(e.Message))
	if len(hosts) > fewHosts {
		writeNames(w, hosts, "  ", s.width())
	}
	t := table{}
	on := e.Host
	if on == hosts[0] {
		on = ""
	}
	for _, field := range []struct{ name, text string }{
		{"on", on},
		{"operation", e.Op},
		{"command", e.Command},
		{"at", e.At},
		{"reached", e.Reached},
	} {
		if field.text != "" {
			t.add(s.dim(field.name), printable(field.text))
		}
	}
	if e.Code != 0 {
		t.add(s.dim("exit code"), fmt.Sprint(e.Code))
	}
	t.write(w, "  ")
	for _, block := range []struct{ name, text string }{
		{"recipe", e.Excerpt},
		{"output", e.Stdout},
		{"errors", e.Stderr},
	} {
		// The message quotes what a command said in one line.
		if text := strings.TrimSpace(block.text); text != "" && !strings.HasSuffix(e.Message, text) {
			_, _ = fmt.Fprintf(w, "  %s\n%s\n", s.dim(block.name), indent(printable(block.text), "    "))
		}
	}
	if e.Hint != "" {
		_, _ = fmt.Fprintf(w, "  %s %s\n", s.yellow("hint"), printable(e.Hint))
	}
}

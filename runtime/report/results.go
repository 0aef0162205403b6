package report

import (
	"fmt"
	"io"
	"maps"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Results prints what hosts answered at a prompt.
func Results(w io.Writer, r *journal.Report, s Style) { writeResults(w, r, TextOptions{Style: s}) }

// writeResults prints what the recipe says of all hosts together, or else what
// the script returned, as one table where every host returned plain values.
func writeResults(w io.Writer, r *journal.Report, o TextOptions) {
	if r.Summary != nil {
		Value(w, r.Summary, o.Style)
		_, _ = fmt.Fprintln(w)
		return
	}
	var hosts []journal.HostReport
	table := true
	for _, h := range r.Hosts {
		if h.Result == nil {
			continue
		}
		hosts = append(hosts, h)
		m, is := h.Result.(map[string]any)
		table = table && is && flat(m)
	}
	switch {
	case len(hosts) > 1 && table:
		writeResultRows(w, hosts, r, o)
	case len(r.Hosts) > 1 && !o.Changes:
		writeResultsTogether(w, hosts, o.Style)
	default:
		writeEachResult(w, hosts, len(r.Hosts) > 1, o.Style)
	}
}

// writeResultRows prints a row a host, or one for all that returned the same.
func writeResultRows(w io.Writer, hosts []journal.HostReport, r *journal.Report, o TextOptions) {
	var rows []map[string]any
	row := func(name string, i int) {
		values := maps.Clone(hosts[i].Result.(map[string]any))
		values["host"] = name
		rows = append(rows, values)
	}
	if o.together(r) {
		first := map[string]int{}
		for i, h := range hosts {
			first[h.Name] = i
		}
		for _, same := range gather(names(hosts), func(i int) string { return fmt.Sprint(hosts[i].Result) }) {
			lines := nameLines(same.hosts, o.width()/2)
			row(strings.Join(lines[:1], ""), first[same.hosts[0]])
			for _, more := range lines[1:] {
				rows = append(rows, map[string]any{"host": more})
			}
		}
	} else {
		for i, h := range hosts {
			row(h.Name, i)
		}
	}
	writeRows(w, rows, "", o.Style)
	_, _ = fmt.Fprintln(w)
}

// writeResultsTogether prints each result once, below the hosts that returned it;
// in a line with them where every result is a line.
func writeResultsTogether(w io.Writer, hosts []journal.HostReport, s Style) {
	all := gather(names(hosts), func(i int) string { return valueText(hosts[i].Result, s) })
	lines := true
	for _, same := range all {
		lines = lines && strings.Count(same.text, "\n") <= 1
	}
	t := table{}
	for _, same := range all {
		switch {
		case same.text == "":
		case lines && len(same.hosts) <= fewHosts:
			t.add(s.bold(heading(same.hosts)), strings.TrimSuffix(same.text, "\n"))
		default:
			writeHeading(w, same.hosts, "", s)
			_, _ = fmt.Fprintln(w, same.text)
		}
	}
	t.write(w, "")
}

func valueText(value any, s Style) string {
	if value == "" {
		return ""
	}
	var b strings.Builder
	Value(&b, value, s)
	return b.String()
}

func writeEachResult(w io.Writer, hosts []journal.HostReport, several bool, s Style) {
	for _, h := range hosts {
		if h.Result == "" {
			continue
		}
		if several {
			_, _ = fmt.Fprintln(w, s.bold(h.Name+":"))
		}
		Value(w, h.Result, s)
		if several || len(h.Steps) > 0 {
			_, _ = fmt.Fprintln(w)
		}
	}
}

// writeNotes prints what people must know of the run's way on the hosts.
func writeNotes(w io.Writer, r *journal.Report, o TextOptions) {
	var hosts, notes []string
	for _, h := range r.Hosts {
		for _, note := range h.Notes {
			hosts, notes = append(hosts, h.Name), append(notes, note)
		}
	}
	if !o.together(r) {
		for i, note := range notes {
			_, _ = fmt.Fprintf(w, "%s %s: %s\n", o.bold("note"), hosts[i], printable(note))
		}
		return
	}
	for _, same := range gather(hosts, func(i int) string { return notes[i] }) {
		_, _ = fmt.Fprint(w, o.bold("note")+" ")
		writeHeading(w, same.hosts, printable(same.text), o.Style)
	}
}

// writeAllChanges lists what every host changed or would change; once for those
// that are alike.
func writeAllChanges(w io.Writer, r *journal.Report, o TextOptions) {
	text := func(i int) string { return changesText(r.Check, r.Hosts[i], o) }
	if !o.together(r) {
		for i, h := range r.Hosts {
			if told := text(i); told != "" {
				_, _ = fmt.Fprintf(w, "%s\n%s\n", o.bold(h.Name), told)
			}
		}
		return
	}
	for _, same := range gather(names(r.Hosts), text) {
		if same.text != "" {
			writeHeading(w, same.hosts, "", o.Style)
			_, _ = fmt.Fprintln(w, same.text)
		}
	}
}

// changesText lists what the steps of a host changed or would change.
func changesText(check bool, h journal.HostReport, o TextOptions) string {
	var b strings.Builder
	for _, step := range h.Steps {
		line := fmt.Sprintf("  %s  %s", o.status(outcome(step.Status, check)), step.Name)
		if step.Reason != "" {
			line += o.dim("  " + printable(step.Reason))
		}
		b.WriteString(line + "\n")
		listChanges(&b, step.Changes, "      ", o)
	}
	if len(h.Changes) > 0 {
		_, _ = fmt.Fprintf(&b, "  %s  outside of steps\n", o.status(outcome(effect.StatusChanged, check)))
		listChanges(&b, h.Changes, "      ", o)
	}
	return b.String()
}

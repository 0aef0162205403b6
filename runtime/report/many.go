package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// together tells whether hosts that came to the same are told of together.
func (o TextOptions) together(r *journal.Report) bool {
	return len(r.Hosts) >= manyHosts && !o.Changes
}

// names are the hosts of a report.
func names(hosts []journal.HostReport) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = h.Name
	}
	return out
}

// endings orders how hosts ended: what needs somebody stands last, where a
// terminal shows it.
var endings = []string{effect.StatusOK, effect.StatusStopped, effect.StatusUnreachable, effect.StatusFailed}

// writeManyHosts prints one line for all hosts that ended alike, and counts.
func writeManyHosts(w io.Writer, r *journal.Report, o TextOptions) {
	writeStepCounts(w, r, o)
	groups := gather(names(r.Hosts), func(i int) string {
		h := &r.Hosts[i]
		return strings.Join([]string{h.Status, fmt.Sprint(h.Changed), countSteps(h.Steps, r.Check)}, "\x00")
	})
	slices.SortStableFunc(groups, func(a, b alike) int { return rank(a) - rank(b) })
	t := table{right: map[int]bool{0: true, 2: true}}
	t.add(o.bold("HOSTS"), o.bold("STATUS"), o.bold(changedTitle(r.Check)), o.bold("STEPS"))
	for _, g := range groups {
		cells := strings.Split(g.text, "\x00")
		t.add(fmt.Sprint(len(g.hosts)), o.status(cells[0]), cells[1], cells[2])
	}
	for i, line := range t.lines() {
		if i == 0 {
			_, _ = fmt.Fprintln(w, strings.TrimRight(line, " "))
			continue
		}
		writeBeside(w, line, groups[i-1].hosts, o.width())
	}
	_, _ = fmt.Fprintln(w, totals(r))
}

func rank(g alike) int {
	status, _, _ := strings.Cut(g.text, "\x00")
	return slices.Index(endings, status)
}

// roomForNames is the width from which on hosts are named beside a line; below it
// they follow.
const roomForNames = 40

func writeBeside(w io.Writer, line string, hosts []string, columns int) {
	indent := strings.Repeat(" ", width(line)+2)
	if columns-len(indent) < roomForNames {
		_, _ = fmt.Fprintln(w, strings.TrimRight(line, " "))
		writeNames(w, hosts, "       ", columns)
		return
	}
	for i, part := range nameLines(hosts, columns-len(indent)) {
		if i > 0 {
			line = indent[2:]
		}
		_, _ = fmt.Fprintln(w, line+"  "+part)
	}
}

// writeStepCounts prints for every step on how many hosts it ended how.
func writeStepCounts(w io.Writer, r *journal.Report, o TextOptions) {
	const shown = 30
	var order []string
	counts, all := map[string]map[string]int{}, map[string]int{}
	for _, h := range r.Hosts {
		for _, step := range h.Steps {
			if counts[step.Name] == nil {
				counts[step.Name] = map[string]int{}
				order = append(order, step.Name)
			}
			counts[step.Name][step.Status]++
			all[step.Status]++
		}
	}
	if len(order) == 0 {
		return
	}
	t := table{right: map[int]bool{}}
	header := []string{o.bold("STEP")}
	met := slices.DeleteFunc(slices.Clone(stepEndings), func(status string) bool { return all[status] == 0 })
	for i, status := range met {
		t.right[i+1] = true
		header = append(header, o.bold(strings.ToUpper(outcome(status, r.Check))))
	}
	t.add(header...)
	for _, name := range order[:min(len(order), shown)] {
		row := []string{printable(name)}
		for _, status := range met {
			cell := ""
			if n := counts[name][status]; n > 0 {
				cell = fmt.Sprint(n)
			}
			row = append(row, cell)
		}
		t.add(row...)
	}
	t.write(w, "")
	if len(order) > shown {
		_, _ = fmt.Fprintf(w, "and %d more steps\n", len(order)-shown)
	}
	_, _ = fmt.Fprintln(w)
}

// totals counts all hosts: "1000 hosts: 920 ok (900 changed), 80 failed".
func totals(r *journal.Report) string {
	counts, changed := map[string]int{}, 0
	for _, h := range r.Hosts {
		counts[h.Status]++
		if h.Status == effect.StatusOK && h.Changed > 0 {
			changed++
		}
	}
	var parts []string
	for _, status := range endings {
		if counts[status] == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", counts[status], status)
		if status == effect.StatusOK && changed > 0 {
			part += fmt.Sprintf(" (%d %s)", changed, outcome(effect.StatusChanged, r.Check))
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%d hosts: %s", len(r.Hosts), strings.Join(parts, ", "))
}

func changedTitle(check bool) string {
	if check {
		return "WOULD CHANGE"
	}
	return "CHANGED"
}

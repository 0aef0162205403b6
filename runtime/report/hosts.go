package report

import (
	"fmt"
	"io"
	"strings"

	"bsdrun/runtime/inventory"
)

// manyHosts is the number of hosts from which on those that came to the same are
// told of together, unless everything is asked for.
const manyHosts = 11

// fewHosts is how many hosts are named in the line that tells of them.
const fewHosts = 5

// hostLines bounds the lines that name hosts; the rest is counted.
const hostLines = 6

// writeNames names hosts in ranges, in lines of a width behind an indent. They can
// be given to a command line as they are.
func writeNames(w io.Writer, hosts []string, pad string, width int) {
	for _, line := range nameLines(hosts, width-len(pad)) {
		_, _ = fmt.Fprintln(w, pad+line)
	}
}

// nameLines names hosts in lines of a width. Lines end behind a comma.
func nameLines(hosts []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.SplitAfter(strings.Join(inventory.Shorten(hosts), ","), ",") {
		if line != "" && len(line)+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line += word
	}
	lines = append(lines, line)
	if len(lines) > hostLines {
		more := len(lines) - hostLines + 1
		lines = append(lines[:hostLines-1], fmt.Sprintf("... and %d lines more of %d hosts", more, len(hosts)))
	}
	return lines
}

// alike are hosts of which the same is to be told.
type alike struct {
	text  string
	hosts []string
}

// gather puts hosts of which the same is told together, in the order of the first
// of each.
func gather(names []string, text func(i int) string) []alike {
	var all []alike
	place := map[string]int{}
	for i, name := range names {
		told := text(i)
		at, known := place[told]
		if !known {
			at = len(all)
			place[told] = at
			all = append(all, alike{text: told})
		}
		all[at].hosts = append(all[at].hosts, name)
	}
	return all
}

// heading says of which hosts something is told, in a line: a few by name, many by
// number.
func heading(hosts []string) string {
	if len(hosts) <= fewHosts {
		return strings.Join(hosts, ", ") + ":"
	}
	return fmt.Sprintf("%d hosts:", len(hosts))
}

// writeHeading tells something of hosts in one line, and below it names those that
// the line does not.
func writeHeading(w io.Writer, hosts []string, text string, s Style) {
	_, _ = fmt.Fprintln(w, strings.TrimRight(s.bold(heading(hosts))+" "+text, " "))
	if len(hosts) > fewHosts {
		writeNames(w, hosts, "  ", s.width())
	}
}

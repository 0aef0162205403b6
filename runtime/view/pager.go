package view

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"bsdrun/runtime/report"
)

// pager shows a long text on a screen of its own, which goes away without a
// trace.
type pager struct {
	title string
	text  func(*board) []string // read anew each time: the run goes on
	top   int
	end   bool // stays at the end as the text grows
}

// outputPager is all that is kept of what a host prints.
func outputPager(h *host) *pager {
	return &pager{title: "Output of " + h.name, end: true, text: func(*board) []string { return h.out.last(maxTail) }}
}

// diffPager is what was changed until now, and how.
func (b *board) diffPager() *pager {
	title := "What was changed until now"
	if b.check {
		title = "What would change, until now"
	}
	lines := b.diffLines()
	return &pager{title: title, text: func(*board) []string { return lines }}
}

func (b *board) diffLines() []string {
	var lines []string
	for _, c := range b.changes {
		lines = append(lines, c.host+": "+oneLine(c.what))
		for _, line := range strings.Split(strings.TrimRight(report.DiffText(c.diff), "\n"), "\n") {
			lines = append(lines, "  "+strings.ReplaceAll(report.Printable(line), "\t", "    "))
		}
		lines = append(lines, "")
	}
	if len(lines) == 0 {
		return []string{"nothing"}
	}
	return lines
}

// failurePager is which hosts did not come to their end, and why.
func failurePager() *pager {
	return &pager{title: "Failures", text: func(b *board) []string {
		var lines []string
		for _, f := range b.failed {
			lines = append(lines, f.host+"  "+f.status)
			for _, line := range strings.Split(report.Printable(f.why), "\n") {
				lines = append(lines, "  "+line)
			}
		}
		return lines
	}}
}

// scroll moves by lines; to the end and beyond means: stay there.
func (p *pager) scroll(b *board, l look, by int) {
	last := max(0, len(p.wrapped(b, l))-p.room(l))
	at := p.top
	if p.end {
		at = last
	}
	p.top = min(last, max(0, at+by))
	p.end = by > 0 && p.top == last
}

func (p *pager) room(l look) int { return max(1, l.height-2) }

// wrapped are the lines as wide as the screen.
func (p *pager) wrapped(b *board, l look) []string {
	var out []string
	for _, line := range p.text(b) {
		out = append(out, strings.Split(ansi.Hardwrap(line, max(1, l.width), true), "\n")...)
	}
	return out
}

func (p *pager) draw(b *board, l look) string {
	lines := p.wrapped(b, l)
	room := p.room(l)
	last := max(0, len(lines)-room)
	if p.end {
		p.top = last
	}
	p.top = min(p.top, last)
	shown := lines[p.top:min(len(lines), p.top+room)]
	out := []string{l.style(bold, ansi.Truncate(p.title, l.width, "…"))}
	for _, line := range shown {
		out = append(out, paintDiff(l, line))
	}
	for len(out) < room+1 {
		out = append(out, "")
	}
	foot := fmt.Sprintf("%d-%d of %d  ↑↓ PgUp PgDn g G scroll  q back", min(p.top+1, len(lines)), p.top+len(shown), len(lines))
	return strings.Join(append(out, l.style(dim, ansi.Truncate(foot, l.width, "…"))), "\n")
}

// paintDiff colours a line of a diff, which the pager has moved in.
func paintDiff(l look, line string) string {
	switch {
	case strings.HasPrefix(line, "  +"):
		return l.style(green, line)
	case strings.HasPrefix(line, "  -"):
		return l.style(red.Bold(false), line)
	default:
		return line
	}
}

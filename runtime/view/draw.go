package view

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/report"
)

// look is how the region is drawn.
type look struct {
	width, height int
	color         bool
	selected      string // host
	now           time.Time
}

func (l look) style(s lipgloss.Style, text string) string {
	if !l.color {
		return text
	}
	return s.Render(text)
}

var (
	bold   = lipgloss.NewStyle().Bold(true)
	dim    = lipgloss.NewStyle().Faint(true)
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
)

const (
	mostHosts = 12 // lines of hosts
	mostTail  = 6  // lines of output
)

// draw is the region below the lines of the run: how it stands, what each host
// is at, the end of what one of them prints, and the keys.
func (b *board) draw(l look) string {
	room := max(3, l.height-2) // some of what was before stays in sight
	lines := []string{b.heading(l)}
	room -= 2 // heading and keys
	tail := b.tailLines(l, min(mostTail, room/3))
	hosts := b.hostLines(l, min(mostHosts*2, room-len(tail)))
	lines = append(append(append(lines, hosts...), tail...), l.style(dim, b.keys()))
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], max(1, l.width-1), "…")
	}
	return strings.Join(lines, "\n")
}

func (b *board) keys() string {
	if b.stopped {
		return "stopping: what is under way may finish; Ctrl-C once more ends it at once"
	}
	keys := "o output  d changes"
	if len(b.failed) > 0 {
		keys += "  f failures"
	}
	if len(b.running) > 1 {
		keys += "  ↑↓ host"
	}
	return keys + "  Ctrl-C stops"
}

// heading is the run in one line.
func (b *board) heading(l look) string {
	name, _, _ := strings.Cut(b.recipe, "\n")
	parts := []string{l.style(bold, report.Printable(name))}
	if b.check {
		parts[0] += " (check)"
	}
	if b.total > 1 {
		parts = append(parts, b.counts(l))
	}
	parts = append(parts, report.Duration(l.now.Sub(b.began).Seconds()))
	return strings.Join(parts, "  ")
}

// counts is how many hosts stand how.
func (b *board) counts(l look) string {
	var parts []string
	over := 0
	for _, s := range []struct {
		status string
		style  lipgloss.Style
	}{{effect.StatusOK, green}, {effect.StatusFailed, red}, {effect.StatusUnreachable, red}, {effect.StatusStopped, yellow}} {
		if n := b.ended[s.status]; n > 0 {
			over += n
			parts = append(parts, l.style(s.style, fmt.Sprintf("%d %s", n, s.status)))
		}
	}
	if n := len(b.running); n > 0 {
		parts = append(parts, fmt.Sprintf("%d running", n))
	}
	if n := b.total - over - len(b.running); n > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", n))
	}
	return fmt.Sprintf("%d hosts: %s", b.total, strings.Join(parts, ", "))
}

// chosen is the host whose output is shown: the selected one while it runs,
// else the one that runs longest.
func (b *board) chosen(selected string) *host {
	if h := b.hosts[selected]; h != nil {
		return h
	}
	if len(b.running) > 0 {
		return b.running[0]
	}
	return nil
}

// hostLines are two lines of a single host, or one line each of many.
func (b *board) hostLines(l look, room int) []string {
	if b.total <= 1 {
		if h := b.chosen(l.selected); h != nil {
			return h.lines(l)[:min(2, max(room, 1))]
		}
		return nil
	}
	room = min(room, mostHosts)
	first := b.firstShown(l.selected, room)
	width := 0
	for _, h := range b.running[first:min(len(b.running), first+room)] {
		width = max(width, ansi.StringWidth(h.name))
	}
	var lines []string
	for i := first; i < len(b.running); i++ {
		if len(lines) == room-1 && i < len(b.running)-1 {
			lines = append(lines, l.style(dim, fmt.Sprintf("  and %d more", len(b.running)-i)))
			break
		}
		lines = append(lines, b.running[i].line(l, b.running[i] == b.chosen(l.selected), min(width, l.width/3)))
	}
	return lines
}

// firstShown is where the list begins so that the chosen host is in it.
func (b *board) firstShown(selected string, room int) int {
	for i, h := range b.running {
		if h.name == selected && i >= room-1 {
			return i - room + 2
		}
	}
	return 0
}

// line is what one host of many is at.
func (h *host) line(l look, chosen bool, width int) string {
	mark := "  "
	if chosen {
		mark = l.style(bold, "> ")
	}
	name := ansi.Truncate(h.name, width, "…")
	name += strings.Repeat(" ", max(0, width-ansi.StringWidth(name)))
	return mark + name + "  " + h.stepText(l) + "  " + l.style(dim, h.doing())
}

// lines are what the only host is at.
func (h *host) lines(l look) []string {
	first := "> " + h.stepText(l)
	if h.text != "" {
		first += "  " + bar(h.ready) + report.Printable(h.text)
	}
	second := fmt.Sprintf("  %s: %d steps done", h.name, h.done)
	if h.changed > 0 {
		second += fmt.Sprintf(", %d changed", h.changed)
	}
	if h.what != "" {
		second = "  " + oneLine(h.what) + "  " + report.Duration(l.now.Sub(h.since).Seconds())
	}
	return []string{first, l.style(dim, second)}
}

// stepText is the step under way and how long it has been.
func (h *host) stepText(l look) string {
	title, since := "connecting", h.began
	if h.done > 0 || h.what != "" {
		title = "between steps"
	}
	if n := len(h.steps); n > 0 {
		title, since = h.steps[n-1].title, h.steps[n-1].since
	}
	return report.Printable(title) + "  " + report.Duration(max(0, l.now.Sub(since).Seconds()))
}

// doing is the rest of a line: counts of a long operation, or its command.
func (h *host) doing() string {
	if h.text != "" {
		return bar(h.ready) + report.Printable(h.text)
	}
	return oneLine(h.what)
}

// bar shows how much is done; nothing when that is not known.
func bar(share float64) string {
	const width = 10
	if share <= 0 {
		return ""
	}
	full := int(share * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "] "
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(report.Printable(text)), " ")
}

// tailLines are the last lines that the chosen host has printed.
func (b *board) tailLines(l look, most int) []string {
	h := b.chosen(l.selected)
	if h == nil || most < 1 {
		return nil
	}
	lines := h.out.last(most)
	for i := range lines {
		lines[i] = l.style(dim, "  | ") + lines[i]
	}
	return lines
}

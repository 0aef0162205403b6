// Package report shows runs to people and machines: views of journal records
// and of live events, nothing else.
package report

import "strings"

// Style says how text may be decorated.
type Style struct {
	Color    bool
	Terminal bool
	Width    int // columns; 0: of a usual terminal
}

// usualWidth is that of text which goes anywhere.
const usualWidth = 80

func (s Style) width() int {
	if s.Width <= 0 {
		return usualWidth
	}
	return s.Width
}

func (s Style) paint(code, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) bold(text string) string   { return s.paint("1", text) }
func (s Style) dim(text string) string    { return s.paint("2", text) }
func (s Style) red(text string) string    { return s.paint("31", text) }
func (s Style) green(text string) string  { return s.paint("32", text) }
func (s Style) yellow(text string) string { return s.paint("33", text) }

// status colours the outcome of a host or a step.
func (s Style) status(status string) string {
	switch status {
	case "ok":
		return s.green(status)
	case "changed", "would change", "unknown", "stopped":
		return s.yellow(status)
	case "failed", "unreachable":
		return s.red(status)
	default:
		return s.dim(status)
	}
}

// Printable makes text from a host safe for a terminal.
func Printable(text string) string { return printable(text) }

// printable makes text from a host safe for a terminal: control characters
// other than newline and tab are shown, not sent.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '\uFFFD'
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}

// indent puts prefix before every line.
func indent(text, prefix string) string {
	text = strings.TrimRight(text, "\n")
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

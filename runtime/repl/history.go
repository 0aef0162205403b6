package repl

import (
	"os"
	"path/filepath"
	"strings"
)

// maxHistory is how many lines are kept.
const maxHistory = 1000

// History is what was typed at prompts before, in a file that only its owner
// reads.
type History struct {
	file  string
	lines []string
}

// OpenHistory reads the history; a file that is not there, or cannot be read, is
// an empty one.
func OpenHistory(file string) *History {
	h := &History{file: file}
	text, err := os.ReadFile(file)
	if err != nil {
		return h
	}
	h.lines = strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if len(h.lines) > 2*maxHistory {
		h.shorten()
	}
	return h
}

// shorten keeps the newest lines; another session may be writing meanwhile, and
// loses no more than its last lines.
func (h *History) shorten() {
	h.lines = h.lines[len(h.lines)-maxHistory:]
	temporary := h.file + ".new"
	if os.WriteFile(temporary, []byte(strings.Join(h.lines, "\n")+"\n"), 0o600) == nil {
		_ = os.Rename(temporary, h.file)
	}
}

// add keeps an input, as one line where it can be one, and gives what was added.
// A history that cannot be written is no reason to end a session.
func (h *History) add(input string) []string {
	lines := strings.Split(strings.TrimSpace(input), "\n")
	if !strings.Contains(input, "--") && !strings.Contains(input, "[[") {
		lines = []string{strings.Join(trimmed(lines), " ")}
	}
	if len(h.lines) > 0 && len(lines) == 1 && h.lines[len(h.lines)-1] == lines[0] {
		return nil
	}
	h.lines = append(h.lines, lines...)
	if os.MkdirAll(filepath.Dir(h.file), 0o700) != nil {
		return lines
	}
	f, err := os.OpenFile(h.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return lines
	}
	_, _ = f.WriteString(strings.Join(lines, "\n") + "\n")
	_ = f.Close()
	return lines
}

func trimmed(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = strings.TrimSpace(line)
	}
	return out
}

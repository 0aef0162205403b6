package repl

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/peterh/liner"
)

// ErrAborted is for an input that was given up with Ctrl-C.
var ErrAborted = errors.New("aborted")

// Completer gives what a line could become: what stands before the word, the
// words, and what stands behind it. pos counts characters.
type Completer func(line string, pos int) (head string, words []string, tail string)

// Editor reads lines. Line's error is ErrAborted, or io.EOF at the end.
type Editor interface {
	Line(prompt string) (string, error)
	// Pending tells of the lines before, of the same input.
	Pending(text string)
	Complete(c Completer)
	Remember(input string)
	Close() error
}

// Lines reads lines that nobody types: a pipe, a file.
func Lines(in io.Reader) Editor { return &lines{in: bufio.NewReader(in)} }

type lines struct{ in *bufio.Reader }

func (l *lines) Line(string) (string, error) {
	text, err := l.in.ReadString('\n')
	if err != nil && text == "" {
		return "", err
	}
	return strings.TrimRight(text, "\r\n"), nil
}

func (l *lines) Pending(string)     {}
func (l *lines) Complete(Completer) {}
func (l *lines) Remember(string)    {}
func (l *lines) Close() error       { return nil }

// terminal edits lines on the terminal of this process. Between the lines the
// terminal is as it was, for questions and for Ctrl-C.
type terminal struct {
	editor      *liner.State
	cooked, raw liner.ModeApplier
	history     *History
	pending     string
}

// Terminal is the editor for the terminal of this process.
func Terminal(h *History) (Editor, error) {
	cooked, err := liner.TerminalMode()
	if err != nil {
		return nil, err
	}
	t := &terminal{editor: liner.NewLiner(), cooked: cooked, history: h}
	if t.raw, err = liner.TerminalMode(); err != nil {
		return nil, err
	}
	t.editor.SetCtrlCAborts(true)
	t.editor.SetTabCompletionStyle(liner.TabPrints)
	t.editor.SetMultiLineMode(true)
	for _, line := range h.lines {
		t.editor.AppendHistory(line)
	}
	return t, cooked.ApplyMode()
}

func (t *terminal) Line(prompt string) (string, error) {
	if err := t.raw.ApplyMode(); err != nil {
		return "", err
	}
	text, err := t.editor.Prompt(prompt)
	if restored := t.cooked.ApplyMode(); err == nil {
		err = restored
	}
	if errors.Is(err, liner.ErrPromptAborted) {
		err = ErrAborted
	}
	return text, err
}

func (t *terminal) Pending(text string) { t.pending = text }

// Complete hands the completer the whole input, of which the editor knows the last
// line only.
func (t *terminal) Complete(c Completer) {
	t.editor.SetWordCompleter(func(line string, pos int) (string, []string, string) {
		before := []rune(t.pending)
		head, words, tail := c(t.pending+line, len(before)+pos)
		return strings.TrimPrefix(head, t.pending), words, tail
	})
}

func (t *terminal) Remember(input string) {
	for _, line := range t.history.add(input) {
		t.editor.AppendHistory(line)
	}
}

func (t *terminal) Close() error { return t.editor.Close() }

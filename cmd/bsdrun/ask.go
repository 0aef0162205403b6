package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/report"
)

// yes is the answer that -y gives where there is no default.
const yes = "yes"

// asker puts questions on the terminal, one at a time.
type asker struct {
	mu    sync.Mutex
	in    *os.File // nil without a terminal
	out   io.Writer
	yes   bool // -y
	style report.Style
	lines *bufio.Reader
	// aside takes what else is on the terminal away while a question is put
	// on it; nil: there is nothing else.
	aside func(func() error) error
}

func (c *cli) asker() *asker {
	a := &asker{out: c.err, yes: c.flags.yes, style: c.style()}
	if f, ok := c.in.(*os.File); ok && isTerminal(f) && isTerminal(c.err) {
		a.in, a.lines = f, bufio.NewReader(f)
	}
	return a
}

// Ask returns a person's answer. Without a terminal, and with -y, the default
// answers; where there is none -y says yes if it can, and else the run stops,
// resumable. -y never answers what cannot be taken back.
func (a *asker) Ask(ctx context.Context, host string, q effect.Question) (string, error) {
	if a.yes && q.Default == "" && slices.Contains(q.Choices, yes) {
		q.Default = yes
	}
	if a.yes && q.Default != "" && q.Risk != effect.Irreversible {
		return q.Default, nil
	}
	if a.in == nil {
		return a.unattended(host, q)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.aside == nil {
		return a.talk(ctx, host, q)
	}
	var answer string
	err := a.aside(func() (err error) {
		answer, err = a.talk(ctx, host, q)
		return err
	})
	return answer, err
}

// talk puts a question on the terminal until it is answered.
func (a *asker) talk(ctx context.Context, host string, q effect.Question) (string, error) {
	if q.Detail != "" {
		_, _ = fmt.Fprintln(a.out, q.Detail)
	}
	for {
		a.prompt(host, q)
		answer, err := a.read(ctx, q.Secret)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.Default
		}
		if answer, ok := choose(answer, q.Choices); ok {
			return answer, nil
		}
		_, _ = fmt.Fprintf(a.out, "Please answer one of: %s\n", strings.Join(q.Choices, ", "))
	}
}

func (a *asker) unattended(host string, q effect.Question) (string, error) {
	if q.Default != "" && q.Risk != effect.Irreversible {
		return q.Default, nil
	}
	hint := "answer at a terminal: bsdrun resume continues the run"
	switch {
	case q.Risk == effect.Irreversible:
		hint = "allow it with --allow irreversible, or answer at a terminal; bsdrun resume continues the run"
	case slices.Contains(q.Choices, yes):
		hint = "answer at a terminal, or yes with -y; bsdrun resume continues the run"
	}
	return "", &effect.Error{Kind: effect.Stopped, Host: host, Op: "ask", Message: "nobody can answer: " + strings.TrimRight(q.Text, " :"), Hint: hint}
}

func (a *asker) prompt(host string, q effect.Question) {
	text := q.Text
	if host != "" {
		text = host + ": " + text
	}
	switch {
	case len(q.Choices) > 0 && q.Default != "":
		text += fmt.Sprintf(" [%s; default %s]", strings.Join(q.Choices, "/"), q.Default)
	case len(q.Choices) > 0:
		text += fmt.Sprintf(" [%s]", strings.Join(q.Choices, "/"))
	case q.Default != "":
		text += fmt.Sprintf(" [%s]", q.Default)
	}
	_, _ = fmt.Fprint(a.out, text+" ")
}

// read takes a line, without echo for secrets. The reading goroutine outlives a
// cancelled context, since a terminal read cannot be interrupted; the terminal
// shows again what is typed.
func (a *asker) read(ctx context.Context, secret bool) (string, error) {
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	fd := int(a.in.Fd())
	before, _ := term.GetState(fd)
	go func() {
		if secret {
			b, err := term.ReadPassword(fd)
			_, _ = fmt.Fprintln(a.out)
			answers <- answer{string(b), err}
			return
		}
		line, err := a.lines.ReadString('\n')
		answers <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case got := <-answers:
		if got.err != nil {
			_, _ = fmt.Fprintln(a.out)
			return "", &effect.Error{Kind: effect.Stopped, Op: "ask", Message: "the terminal was closed", Cause: got.err,
				Hint: "bsdrun resume asks again"}
		}
		return got.line, nil
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(fd, before)
		}
		_, _ = fmt.Fprintln(a.out)
		return "", ctx.Err()
	}
}

// choose matches an answer with the choices, by their first letters too where
// that is clear.
func choose(answer string, choices []string) (string, bool) {
	if len(choices) == 0 || slices.Contains(choices, answer) {
		return answer, answer != "" || len(choices) == 0
	}
	var found []string
	for _, c := range choices {
		if answer != "" && strings.HasPrefix(c, strings.ToLower(answer)) {
			found = append(found, c)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return "", false
}

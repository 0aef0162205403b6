// Package repl is the prompt: what a person types is evaluated on the hosts of
// a run that lasts as long as the session, and the answers are shown.
package repl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/report"
	"bsdrun/runtime/script"
)

// Name is how the journal and errors call the session's script.
const Name = "repl"

// Config is what a session needs beside the run's options.
type Config struct {
	Editor   Editor
	Out, Err io.Writer
	Style    report.Style // of Out
	// Interactive sessions greet, and outlive every failure; others tell by
	// Failure that an input has failed.
	Interactive bool
	Check       bool // begin in check mode
	// Doc explains what goes by a name, DocNames are the names it knows.
	Doc      func(name string) (string, error)
	DocNames []string
	// Interrupt cancels the input under way.
	Interrupt <-chan struct{}
}

// repl is one session.
type repl struct {
	Config
	o engine.Options

	mu      sync.Mutex
	joined  []*engine.Session
	left    int // hosts that could not be reached, or are lost
	changed chan struct{}

	ready   []*engine.Session // those that answer, in the order of the command line
	chosen  []*engine.Session // those that inputs go to
	leave   chan struct{}
	ended   chan struct{}
	stop    chan struct{} // ends the run at once
	inputs  int
	known   hostData
	failure effect.ErrKind
}

// Run holds a session on the hosts of o. What it returns beside the run's report
// is the kind of the first failure of an input, if any.
func Run(ctx context.Context, o engine.Options, c Config) (*journal.Report, effect.ErrKind, error) {
	r := &repl{
		Config: c, changed: make(chan struct{}, 1), known: hostData{},
		leave: make(chan struct{}), ended: make(chan struct{}), stop: make(chan struct{}, 2),
	}
	o.Name, o.AdHoc, o.Source = Name, true, []byte("-- what was typed at the prompt")
	o.Session, o.Events = r.join, listener{r, o.Events}
	o.Print = r.print
	o.Forks, o.Batch, o.MaxFail, o.Check = len(o.Hosts), "", "", false
	o.Interrupt = r.stop
	r.o = o
	var result *journal.Report
	var err error
	go func() {
		defer close(r.ended)
		result, err = engine.Run(ctx, o)
	}()
	r.gather()
	if len(r.ready) > 0 {
		r.loop(ctx)
	}
	close(r.leave)
	<-r.ended
	return result, r.failure, err
}

// join brings in a host that answers, and keeps it until the session ends.
func (r *repl) join(ctx context.Context, s *engine.Session) error {
	r.mu.Lock()
	r.joined = append(r.joined, s)
	r.mu.Unlock()
	r.tell()
	select {
	case <-r.leave:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *repl) tell() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// gather waits until every host has answered or could not be reached.
func (r *repl) gather() {
	for {
		r.mu.Lock()
		all := len(r.joined)+r.left >= len(r.o.Hosts)
		r.mu.Unlock()
		if all {
			break
		}
		select {
		case <-r.changed:
		case <-r.ended:
			return
		case <-r.Interrupt:
			r.abandon()
		}
	}
	place := map[string]int{}
	for i, h := range r.o.Hosts {
		place[h.Name] = i
	}
	r.ready = slices.SortedFunc(slices.Values(r.joined), func(a, b *engine.Session) int {
		return cmp.Compare(place[a.Host], place[b.Host])
	})
	r.chosen = r.ready
	if r.Check && len(r.ready) > 0 {
		r.ready[0].SetCheck(true)
	}
}

// abandon ends the run without waiting for what is under way.
func (r *repl) abandon() {
	for range 2 {
		select {
		case r.stop <- struct{}{}:
		default:
		}
	}
}

// loop reads and evaluates until the end of the input.
func (r *repl) loop(ctx context.Context) {
	defer func() { _ = r.Editor.Close() }()
	r.Editor.Complete(r.complete)
	if r.Interactive {
		_, _ = fmt.Fprintf(r.Out, "%s. :help tells more, Ctrl-D ends.\n", r.greeting())
	}
	for {
		text, err := r.read()
		switch {
		case errors.Is(err, ErrAborted):
			continue
		case err != nil:
			return
		}
		if r.perform(ctx, text) {
			return
		}
	}
}

func (r *repl) greeting() string {
	if len(r.ready) == 1 {
		return "Connected to " + r.ready[0].Host
	}
	return fmt.Sprintf("Connected to %d hosts; every input goes to all of them", len(r.ready))
}

// perform does what an input asks for, and tells whether the session ends.
func (r *repl) perform(ctx context.Context, text string) (end bool) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return false
	case strings.HasPrefix(trimmed, ":"):
		end = r.command(strings.Fields(trimmed[1:]))
	default:
		if !r.explains(trimmed) {
			r.evaluate(ctx, text)
		}
	}
	r.remember(text)
	return end
}

// read reads one input: a line, or several where the first ones are no whole
// statement. An empty line ends it anyhow.
func (r *repl) read() (string, error) {
	text, err := r.line(r.prompt("> "))
	for err == nil && !strings.HasPrefix(strings.TrimSpace(text), ":") {
		if _, parseErr := script.ParseInput(Name, text); !errors.Is(parseErr, script.ErrIncomplete) {
			break
		}
		r.Editor.Pending(text + "\n")
		var more string
		more, err = r.line(r.prompt("| "))
		if errors.Is(err, io.EOF) || err == nil && r.Interactive && strings.TrimSpace(more) == "" {
			err = nil // the syntax error is told
			break
		}
		text += "\n" + more
	}
	r.Editor.Pending("")
	return text, err
}

// line reads a line, unless the run ends meanwhile.
func (r *repl) line(prompt string) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := r.Editor.Line(prompt)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		return a.text, a.err
	case <-r.Interrupt:
		return "", io.EOF
	case <-r.ended:
		return "", io.EOF
	}
}

func (r *repl) prompt(end string) string {
	name := r.chosen[0].Host
	if len(r.chosen) > 1 {
		name = fmt.Sprintf("%d hosts", len(r.chosen))
	}
	if r.chosen[0].Checks() {
		name += " (check)"
	}
	if end != "> " {
		name = strings.Repeat(" ", len(name))
	}
	return name + end
}

// evaluate evaluates an input on the chosen hosts, all at once.
func (r *repl) evaluate(ctx context.Context, text string) {
	r.inputs++
	in, err := script.ParseInput(fmt.Sprintf("input %d", r.inputs), text)
	if err != nil {
		e := *effect.AsError(err)
		if errors.Is(err, script.ErrIncomplete) {
			e = effect.Error{Kind: effect.Script, Message: "the input is not complete: something is not closed"}
		}
		r.failed(e.Kind)
		report.Error(r.Err, &e, r.Style)
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer r.cancelOnInterrupt(cancel)()
	answers := make([]engine.Answer, len(r.chosen))
	var all sync.WaitGroup
	for i, s := range r.chosen {
		all.Go(func() { answers[i] = s.Eval(ctx, title(text), in) })
	}
	all.Wait()
	r.known = hostData{} // it may have changed anything
	r.show(answers)
}

// cancelled is why an input ended at Ctrl-C.
var cancelled = &effect.Error{Kind: effect.Cancelled, Op: Name, Message: "cancelled", Reached: "what was under way was cut off; the session goes on"}

// cancelOnInterrupt cancels the input at the first Ctrl-C; at a second one, for a
// host that does not let go, it ends the session.
func (r *repl) cancelOnInterrupt(cancel context.CancelCauseFunc) (forget func()) {
	done := make(chan struct{})
	go func() {
		for _, act := range []func(){func() { cancel(cancelled) }, r.abandon} {
			select {
			case <-r.Interrupt:
				act()
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}

// maxTitle bounds an input's name in the journal.
const maxTitle = 100

func title(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if cut := []rune(text); len(cut) > maxTitle {
		return string(cut[:maxTitle-3]) + "..."
	}
	return text
}

// remember keeps an input in the history, unless it begins with a space or has a
// secret in it.
func (r *repl) remember(text string) {
	if strings.HasPrefix(text, " ") || slices.ContainsFunc(r.ready, func(s *engine.Session) bool { return s.HoldsSecret(text) }) {
		return
	}
	r.Editor.Remember(text)
}

func (r *repl) failed(kind effect.ErrKind) {
	if r.failure == "" {
		r.failure = kind
	}
}

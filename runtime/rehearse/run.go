package rehearse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/engine"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
)

// how says how a run is done and how it must end.
type how struct {
	Answers   map[string]any `lua:"answers" doc:"to questions, by a part of their text or by their key: true, false, or a choice; other questions have their default, or stop the run"`
	Irrev     bool           `lua:"irreversible" doc:"let it make irreversible changes"`
	Interrupt string         `lua:"interrupt" doc:"press Ctrl-C as the step of this name begins"`
	Ends      string         `lua:"ends" default:"ok" enum:"ok|failed|stopped|unreachable|any" doc:"how it must end"`
}

type runArgs struct {
	Machine effect.Doer       `lua:"machine,required" doc:"where it is run"`
	Others  []effect.Doer     `lua:"others" doc:"further machines that it is run on at the same time"`
	Params  map[string]any    `lua:"params" doc:"the recipe's parameters; the name of a machine stands for a host"`
	Check   bool              `lua:"check" doc:"read for real, change nothing"`
	Secrets map[string]string `lua:"secrets" doc:"secrets by name"`
	Vars    map[string]any    `lua:"vars" doc:"h.vars"`
	StartAt string            `lua:"start_at" doc:"name of the first step to run"`
	Forks   int               `lua:"forks" doc:"hosts at once; 0: all"`
	Batch   string            `lua:"batch" doc:"hosts that are worked on together: a number, or N%"`
	Recipe  string            `lua:"recipe" doc:"another recipe beside the test"`
	how     `lua:",inline"`
}

type resumeArgs struct {
	Run string `lua:"run,required" doc:"id of the run"`
	how `lua:",inline"`
}

type undoArgs struct {
	Run   string `lua:"run,required" doc:"id of the run"`
	Check bool   `lua:"check" doc:"read for real, change nothing"`
	how   `lua:",inline"`
}

func runRecipe(ctx context.Context, a runArgs) (*Run, error) {
	const op = "rehearse.run"
	t, err := current(ctx, op)
	if err != nil {
		return nil, err
	}
	var hosts []inventory.Host
	for _, h := range append([]effect.Doer{a.Machine}, a.Others...) {
		m, err := machineOf(op, h)
		if err != nil {
			return nil, err
		}
		inventoried := m.host()
		inventoried.Vars = a.Vars
		hosts = append(hosts, inventoried)
	}
	recipe, err := t.recipe(a.Recipe)
	if err != nil {
		return nil, effect.Errorf(effect.Invalid, op, "%v", err)
	}
	o := t.options()
	o.Name, o.Source, o.Root, o.Files = recipe.Name, recipe.Source, recipe.Root, recipe.Files
	o.Hosts, o.Params = hosts, commandLine(a.Params)
	o.Check, o.StartAt, o.Forks, o.Batch = a.Check, a.StartAt, a.Forks, a.Batch
	o.Secrets = func(_ context.Context, name string) (string, error) {
		if value, ok := a.Secrets[name]; ok {
			return value, nil
		}
		return "", effect.Errorf(effect.Usage, "secret", "the test gives no secret %q", name)
	}
	return t.do(ctx, op, o, a.how, engine.Run)
}

// commandLine has parameters as the command line gives them: machines by their
// names, local files by their paths.
func commandLine(params map[string]any) map[string]any {
	out := make(map[string]any, len(params))
	for name, value := range params {
		switch given := value.(type) {
		case binding.File:
			value = given.Path()
		case effect.Doer:
			if m, err := machineOf("", given); err == nil {
				value = m.sim.Name
			}
		}
		out[name] = value
	}
	return out
}

func resumeRun(ctx context.Context, a resumeArgs) (*Run, error) {
	return again(ctx, "rehearse.resume", a.Run, false, a.how, engine.Resume)
}

func undoRun(ctx context.Context, a undoArgs) (*Run, error) {
	return again(ctx, "rehearse.undo", a.Run, a.Check, a.how, engine.Undo)
}

// again comes back to a run that was.
func again(ctx context.Context, op, run string, check bool, h how, do func(context.Context, string, engine.Options) (*journal.Report, error)) (*Run, error) {
	t, err := current(ctx, op)
	if err != nil {
		return nil, err
	}
	o := t.options()
	o.Check = check
	return t.do(ctx, op, o, h, func(ctx context.Context, o engine.Options) (*journal.Report, error) { return do(ctx, run, o) })
}

// options are those of every run of the test.
func (t *session) options() engine.Options {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := engine.Options{
		Version: "test", Journal: t.journal, Modules: t.o.Modules, Tools: func() []*sim.Tool { return t.o.Tools }, Cover: t.o.Cover,
		Machines: map[string]*sim.Machine{},
	}
	for _, m := range t.order {
		o.Machines[m.sim.Name] = m.sim
		o.Connectable = append(o.Connectable, m.host())
	}
	return o
}

// do does a run and looks at how it ended.
func (t *session) do(ctx context.Context, op string, o engine.Options, h how, run func(context.Context, engine.Options) (*journal.Report, error)) (*Run, error) {
	for _, m := range t.order {
		m.hangUp(ctx)
	}
	w := &watcher{stopAt: h.Interrupt, interrupt: make(chan struct{}, 2), interrupted: make(chan struct{})}
	people := &answers{given: h.Answers}
	o.Events, o.Interrupt, o.Asker = w, w.interrupt, people
	if h.Irrev {
		o.Allow = []string{"irreversible"}
	}
	var print lines
	o.Print = func(_, text string) { print.add(text) }
	report, err := run(ctx, o)
	if err != nil {
		return t.refused(op, h, err)
	}
	out, err := t.result(ctx, report)
	if err != nil {
		return nil, err
	}
	out.Output, out.Log, out.Asked = print.text(), w.log.list(), people.asked
	if h.Ends != "any" && out.Status != h.Ends {
		return nil, unexpected(op, h.Ends, out, report)
	}
	if h.Interrupt != "" && !w.met {
		return nil, effect.Errorf(effect.Failed, op, "interrupt: the run came to no step %q", h.Interrupt)
	}
	return out, nil
}

// refused is a run that could not begin: a wrong parameter, a mistake in the
// recipe. To a test that expects a failure it is one.
func (t *session) refused(op string, h how, err error) (*Run, error) {
	e := effect.AsError(err)
	if h.Ends != "failed" && h.Ends != "any" {
		out := *e
		out.Message, out.Op = "the run did not begin: "+e.Summary(), op
		return nil, &out
	}
	return &Run{Status: effect.StatusFailed, Exit: e.Kind.Exit(), HostRun: HostRun{Error: failure(journal.ReportError(err, nil))}}, nil
}

// unexpected tells of a run that ended otherwise than the test says, with the
// recipe's line.
func unexpected(op, want string, run *Run, report *journal.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "the run is %s, not %s", run.Status, want)
	hint := ""
	for _, h := range report.Hosts {
		if h.Error == nil {
			continue
		}
		fmt.Fprintf(&b, "\n%s: %s", h.Name, h.Error.Message)
		if h.Error.At != "" {
			fmt.Fprintf(&b, "\n  at %s", h.Error.At)
		}
		if h.Error.Stderr != "" {
			fmt.Fprintf(&b, "\n  it said: %s", strings.TrimSpace(h.Error.Stderr))
		}
		if h.Error.Excerpt != "" {
			fmt.Fprintf(&b, "\n%s", strings.TrimRight(h.Error.Excerpt, "\n"))
		}
		hint = h.Error.Hint
	}
	for _, step := range run.Steps {
		fmt.Fprintf(&b, "\n  %-8s %s", step.Status, step.Name)
		if step.Reason != "" {
			fmt.Fprintf(&b, " (%s)", step.Reason)
		}
	}
	return &effect.Error{Kind: effect.Failed, Op: op, Message: b.String(), Hint: hint}
}

// watcher hears what a run does, and stops it at a step.
type watcher struct {
	stopAt      string
	interrupt   chan struct{}
	interrupted chan struct{}
	log         lines
	met         bool
}

// Emit takes one event. The step that is to be stopped does not go on before the
// run knows that it is stopped.
func (w *watcher) Emit(e effect.Event) {
	switch {
	case e.Type == effect.Log && e.Op == "interrupt":
		close(w.interrupted)
	case e.Type == effect.Log:
		w.log.add(e.Text)
	case e.Type == effect.StepStart && w.stopAt != "" && e.Text == w.stopAt && !w.met:
		w.met = true
		w.interrupt <- struct{}{}
		<-w.interrupted
	}
}

// lines are collected by several hosts.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.all...)
}

func (l *lines) text() string {
	if list := l.list(); len(list) > 0 {
		return strings.Join(list, "\n") + "\n"
	}
	return ""
}

// answers is the person of a run.
type answers struct {
	given map[string]any
	mu    sync.Mutex
	asked []string
}

// Ask gives the test's answer, or the default, or stops as without a terminal.
func (a *answers) Ask(_ context.Context, _ string, q effect.Question) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, q.Text)
	for part, answer := range a.given {
		if part != q.Key && !strings.Contains(q.Text, part) {
			continue
		}
		switch answer := answer.(type) {
		case bool:
			return map[bool]string{true: "yes", false: "no"}[answer], nil
		default:
			return fmt.Sprint(answer), nil
		}
	}
	if q.Default != "" && q.Risk != effect.Irreversible {
		return q.Default, nil
	}
	return "", effect.WithHint(effect.Errorf(effect.Stopped, "ask", "nobody can answer: %s", q.Text), "the test gives no answer to it")
}

// errNoTest is for calls from outside of a test.
var errNoTest = errors.New("it works in tests alone")

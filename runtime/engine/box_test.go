package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
)

// box is a host of the tests: it keeps lines, counts how often each was
// written, and has a ledger as real hosts do.
type box struct {
	mu     sync.Mutex
	lines  []string
	ledger map[string]effect.Result
	closed []bool // with keep, one a connection
	reads  int
	os     string
	err    error         // of every effect
	hold   chan struct{} // writes wait for it
	begun  chan string   // writes tell that they wait
	now    time.Time
}

func newBox() *box {
	return &box{ledger: map[string]effect.Result{}, os: "FreeBSD", now: time.Unix(0, 0)}
}

func (b *box) clone() *box {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &box{lines: slices.Clone(b.lines), ledger: maps.Clone(b.ledger), os: b.os, now: b.now}
}

func (b *box) Do(ctx context.Context, e effect.Effect) (effect.Result, error) {
	if b.err != nil {
		return effect.Result{}, b.err
	}
	switch {
	case e.Conn != nil:
		return say("== uname\n" + b.os + "\n14.3-RELEASE\namd64\namd64\nbox\n== id\nuid=0(root) gid=0(wheel) groups=0(wheel)\n== end\n"), nil
	case e.Kind == effect.Read:
		b.mu.Lock()
		defer b.mu.Unlock()
		b.reads++
		return say(strings.Join(b.lines, "\n")), nil
	}
	if e.Again {
		b.mu.Lock()
		r, done := b.ledger[e.ID]
		b.mu.Unlock()
		if done {
			r.Recorded = true
			return r, nil
		}
	}
	if e.Argv[0] == "true" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.ledger[e.ID] = effect.Result{}
		return effect.Result{}, nil
	}
	if b.hold != nil {
		b.begun <- e.Argv[1]
		select {
		case <-b.hold:
		case <-ctx.Done():
			return effect.Result{}, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.Argv[1] == "bad" {
		return effect.Result{}, &effect.Error{Op: e.Op, Kind: effect.Failed, Code: 1, Command: "add bad", Err: "it is bad\n"}
	}
	b.lines = append(b.lines, e.Argv[1])
	r := say(fmt.Sprintf("%s is number %d", e.Argv[1], len(b.lines)))
	b.ledger[e.ID] = r
	return r, nil
}

func say(text string) effect.Result {
	return effect.Result{Stdout: effect.OutputOf([]byte(text))}
}

func (b *box) Close(_ context.Context, keep bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = append(b.closed, keep)
	if !keep {
		b.ledger = map[string]effect.Result{}
	}
	return nil
}

func (b *box) Now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// Sleep passes at once, unless somebody has stopped the run.
func (b *box) Sleep(ctx context.Context, d time.Duration) error {
	if d >= time.Hour { // a sleep for the tests of interrupts
		b.begun <- "sleep"
		<-ctx.Done()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
	return ctx.Err()
}

// The module of the tests: h.box.add("x") writes a line, whatever is there;
// h.box.ensure("x") looks first; h.box.all() reads; h.box.lid() reads something else;
// h.box.wait() waits a minute.
type addArgs struct {
	Line string `lua:"line,required" doc:"what to add"`
}

type added struct {
	Said    string `lua:"said,produced" doc:"what the host said"`
	Changed bool   `lua:"changed" doc:"whether anything changed"`
}

func add(ctx context.Context, h effect.Doer, a addArgs) (added, error) {
	e := effect.Effect{Op: "box.add", Kind: effect.Change, Argv: []string{"add", a.Line}, Writes: []effect.Resource{"box"}}
	if strings.HasPrefix(a.Line, "precious") {
		e.Risk = effect.Irreversible
	}
	r, err := h.Do(ctx, e)
	if err != nil || r.Skipped {
		return added{Changed: err == nil}, err
	}
	text, err := r.Text()
	return added{Said: text, Changed: true}, err
}

func ensure(ctx context.Context, h effect.Doer, a addArgs) (added, error) {
	lines, err := all(ctx, h)
	if err != nil || slices.Contains(lines, a.Line) {
		return added{}, err
	}
	return add(ctx, h, a)
}

func all(ctx context.Context, h effect.Doer) ([]string, error) {
	r, err := h.Do(ctx, effect.Effect{Op: "box.all", Kind: effect.Read, Argv: []string{"all"}, Reads: []effect.Resource{"box"}})
	if err != nil {
		return nil, err
	}
	text, err := r.Text()
	return strings.Fields(text), err
}

func lid(ctx context.Context, h effect.Doer) (struct{}, error) {
	_, err := h.Do(ctx, effect.Effect{Op: "box.lid", Kind: effect.Read, Argv: []string{"lid"}, Reads: []effect.Resource{"lid"}})
	return struct{}{}, err
}

func wait(ctx context.Context, _ effect.Doer) (struct{}, error) {
	return struct{}{}, clock.Sleep(ctx, time.Minute)
}

var boxModule = binding.Module{Name: "box", Doc: "Keeps lines.", Funcs: []binding.Func{
	{Name: "add", Doc: "Adds a line.", Kind: effect.Change, Call: add},
	{Name: "ensure", Doc: "Adds a line that is not there.", Kind: effect.Change, Call: ensure},
	{Name: "all", Doc: "Lists the lines.", Kind: effect.Read, Call: all},
	{Name: "lid", Doc: "Looks at the lid.", Kind: effect.Read, Call: lid},
	{Name: "wait", Doc: "Waits a minute.", Kind: effect.Read, Call: wait},
}}

type insideArgs struct {
	Name string `lua:"name,required" doc:"of the part"`
}

func inside(_ context.Context, h effect.Doer, a insideArgs) (binding.Host, error) {
	return binding.Host{Doer: h, Kind: "inside", ID: a.Name}, nil
}

// verbs has h:inside(NAME), a host that is a part of another.
var verbs = binding.Module{Name: "host", Doc: "Verbs.", Verbs: true, Funcs: []binding.Func{
	{Name: "inside", Doc: "Gives a part.", Kind: effect.Read, Call: inside},
}}

// boxes are the hosts of a test.
type boxes map[string]*box

func (bs boxes) dial(h inventory.Host) (transport, error) {
	b, ok := bs[h.Name]
	if !ok {
		return nil, effect.Errorf(effect.Unreachable, "connect", "%s does not answer", h.Name)
	}
	return b, nil
}

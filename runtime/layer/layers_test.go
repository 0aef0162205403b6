package layer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bsdrun/runtime/effect"
)

// recorder is a Doer that keeps what it is given.
type recorder struct {
	seen []effect.Effect
	err  error
}

func (r *recorder) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	r.seen = append(r.seen, e)
	if e.Out != nil {
		_, _ = e.Out.Write([]byte("out"))
	}
	return effect.Result{}, r.err
}

type answers map[string]string

func (a answers) Ask(_ context.Context, _ string, q effect.Question) (string, error) {
	if q.Risk != effect.Irreversible {
		return "", fmt.Errorf("the question does not say that it is irreversible")
	}
	answer, ok := a[q.Key]
	if !ok {
		return "", effect.Errorf(effect.Stopped, "ask", "nobody can answer: %s", q.Text)
	}
	return answer, nil
}

func TestConfirm(t *testing.T) {
	destroy := effect.Effect{Op: "run", Kind: effect.Change, Risk: effect.Irreversible, Argv: []string{"zpool", "destroy", "tank"}}
	disrupt := destroy
	disrupt.Risk = effect.Disruptive
	look := destroy
	look.Kind = effect.Read
	key := "irreversible: zpool destroy tank"
	for name, c := range map[string]struct {
		e      effect.Effect
		allow  []string
		asker  effect.Asker
		passes bool
	}{
		"irreversible, nobody there": {destroy, nil, nil, false},
		"irreversible, no answer":    {destroy, nil, answers{}, false},
		"irreversible, no":           {destroy, nil, answers{key: "no"}, false},
		"irreversible, yes":          {destroy, nil, answers{key: "yes"}, true},
		"irreversible, allowed":      {destroy, []string{"irreversible"}, nil, true},
		"irreversible, other leave":  {destroy, []string{"disruptive"}, nil, false},
		"disruptive":                 {disrupt, nil, nil, true},
		"a read":                     {look, nil, nil, true},
	} {
		ctx := context.Background()
		if c.asker != nil {
			ctx = effect.WithAsker(ctx, c.asker)
		}
		bottom := &recorder{}
		_, err := Confirm(c.allow)(bottom).Do(ctx, c.e)
		if passed := len(bottom.seen) == 1; passed != c.passes || (err == nil) != c.passes {
			t.Errorf("%s: passed %v, %v", name, passed, err)
		}
		if !c.passes && (effect.KindOf(err) != effect.Stopped || !strings.Contains(effect.AsError(err).Hint, "--allow irreversible")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLimitBoundsAHost(t *testing.T) {
	var now, most atomic.Int64
	gate := make(chan struct{})
	bottom := effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-gate
		now.Add(-1)
		return effect.Result{}, nil
	})
	host := Limit(3)(bottom)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { _, _ = host.Do(context.Background(), effect.Effect{}) })
	}
	for range 10 {
		gate <- struct{}{}
	}
	wg.Wait()
	if most.Load() > 3 {
		t.Errorf("%d effects at once", most.Load())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	one := Limit(1)(effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) {
		t.Error("a cancelled effect was sent")
		return effect.Result{}, nil
	}))
	if _, err := one.Do(ctx, effect.Effect{}); effect.KindOf(err) != effect.Cancelled {
		t.Errorf("%v", err)
	}
}

type sink struct{ events []effect.Event }

func (s *sink) Emit(e effect.Event) { s.events = append(s.events, e) }

func TestLimitLetsPartsOfAnEffectPass(t *testing.T) {
	limit := Limit(1)
	other := limit(&recorder{})
	h := limit(effect.DoerFunc(func(ctx context.Context, _ effect.Effect) (effect.Result, error) {
		return other.Do(effect.AsPart(ctx), effect.Effect{})
	}))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := h.Do(ctx, effect.Effect{}); err != nil {
		t.Errorf("an effect waits for its own part: %v", err)
	}
}

func TestProgressTellsOfStartOutputAndEnd(t *testing.T) {
	r := redactor("hunter22")
	s := &sink{}
	ctx := effect.WithEvents(effect.WithHost(context.Background(), "a"), s)
	var own strings.Builder
	bottom := effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		_, _ = e.Out.Write([]byte("it is hunt"))
		_, _ = e.Out.Write([]byte("er22!"))
		return effect.Result{}, nil
	})
	e := run("login", "hunter22")
	e.Out, e.Risk, e.Diff = &own, effect.Disruptive, &effect.Diff{Path: "/x", Note: "n"}
	if _, err := Progress(r)(bottom).Do(ctx, e); err != nil {
		t.Fatal(err)
	}
	var types []effect.EventType
	text := ""
	for _, e := range s.events {
		types = append(types, e.Type)
		if e.Type == effect.EffectOut {
			text += e.Text
		}
	}
	want := []effect.EventType{effect.EffectStart, effect.EffectOut, effect.EffectOut, effect.EffectEnd}
	if !slices.Equal(types, want) || text != "it is ***!" || own.String() != "it is hunter22!" {
		t.Errorf("%v, %q, %q", types, text, own.String())
	}
	first, last := s.events[0], s.events[len(s.events)-1]
	if first.Text != "login ***" || first.Data["risk"] != "disruptive" || last.Status != "changed" || last.Diff == nil {
		t.Errorf("%+v\n%+v", first, last)
	}
}

func TestALookAtAJobsLogShowsWhatTheJobPrints(t *testing.T) {
	read := effect.Result{Data: []byte("hunter22 is built\n")}
	look := effect.Effect{Op: "job.wait", Kind: effect.Read, Job: &effect.JobOp{Verb: effect.JobLog, ID: "bulk"}}
	file := effect.Effect{Op: "job.wait", Kind: effect.Read, File: &effect.FileOp{Verb: effect.FileGet, Path: "/x"}}
	for name, c := range map[string]struct {
		e effect.Effect
		r effect.Result
	}{
		"by itself": {look, read},
		"among others": {
			effect.Effect{Op: "job.wait", Kind: effect.Read, Batch: []effect.Effect{file, look}},
			effect.Result{Batch: []effect.Outcome{{Result: effect.Result{Data: []byte("content\n")}}, {Result: read}}},
		},
	} {
		s := &sink{}
		bottom := effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) { return c.r, nil })
		if _, err := Progress(redactor("hunter22"))(bottom).Do(effect.WithEvents(context.Background(), s), c.e); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range s.events {
			if e.Type == effect.EffectOut && e.Kind == "change" {
				text += e.Text
			}
		}
		if text != "*** is built\n" {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestStatusOfEffects(t *testing.T) {
	change := run("x")
	nothing := run("x")
	nothing.Writes = effect.Nothing
	reconnect := effect.Effect{Kind: effect.Change, Conn: &effect.ConnOp{Verb: effect.ConnReconnect}}
	reboot := effect.Effect{Kind: effect.Change, Conn: &effect.ConnOp{Verb: effect.ConnReboot}}
	for name, c := range map[string]struct {
		e    effect.Effect
		r    effect.Result
		err  error
		want string
	}{
		"read": {query("x"), effect.Result{}, nil, "ok"}, "change": {change, effect.Result{}, nil, "changed"},
		"unchanged": {change, effect.Result{Unchanged: true}, nil, "ok"}, "skipped": {change, effect.Result{Skipped: true}, nil, "skipped"},
		"touches nothing": {nothing, effect.Result{}, nil, "ok"}, "reconnect": {reconnect, effect.Result{}, nil, "ok"}, "reboot": {reboot, effect.Result{}, nil, "changed"},
		"unknown": {query("x"), effect.Result{}, effect.ErrUnknown, "unknown"}, "missing": {change, effect.Result{}, effect.Errorf(effect.Missing, "x", "y"), "failed"},
		"unreachable": {change, effect.Result{}, effect.Errorf(effect.Unreachable, "x", "y"), "unreachable"},
	} {
		if got := statusOf(c.e, c.r, c.err); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

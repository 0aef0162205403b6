package host

import (
	"context"
	"errors"
	"testing"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// fakeClock jumps.
type fakeClock struct {
	now   time.Time
	slept []time.Duration
}

func (c *fakeClock) Now() time.Time { return c.now }
func (c *fakeClock) Sleep(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

// answers is a Doer that returns one result after the other.
type answers struct {
	results []effect.Result
	errs    []error
	asked   []effect.Effect
}

func (a *answers) Do(_ context.Context, e effect.Effect) (effect.Result, error) {
	i := len(a.asked)
	a.asked = append(a.asked, e)
	if i < len(a.errs) && a.errs[i] != nil {
		return effect.Result{}, a.errs[i]
	}
	return a.results[i], nil
}

func running(size int64) *effect.JobState {
	return &effect.JobState{ID: "j", State: "running", LogSize: size}
}

type asker func(effect.Question) (string, error)

func (a asker) Ask(_ context.Context, _ string, q effect.Question) (string, error) { return a(q) }

func TestStartJobOffersToAttach(t *testing.T) {
	foreign := &effect.JobState{ID: "j", Key: "k", Run: "other", State: "running", Attached: true, Foreign: true}
	for answer, want := range map[string]effect.ErrKind{"yes": "", "no": effect.Stopped} {
		asked := 0
		ctx := effect.WithAsker(context.Background(), asker(func(effect.Question) (string, error) { asked++; return answer, nil }))
		d := &answers{results: []effect.Result{{Job: foreign}}}
		_, err := StartJob(ctx, d, effect.Effect{Op: "t", Shell: "x"}, "k")
		if effect.KindOf(err) != want || asked != 1 {
			t.Errorf("%s: %v, asked %d times", answer, err, asked)
		}
	}
	// Nobody there: the run stops, and can be resumed.
	d := &answers{results: []effect.Result{{Job: foreign}}}
	if _, err := StartJob(context.Background(), d, effect.Effect{Op: "t", Shell: "x"}, "k"); effect.KindOf(err) != effect.Stopped {
		t.Errorf("nobody to ask: %v", err)
	}
	// Our own job is no question.
	own := *foreign
	own.Foreign = false
	d = &answers{results: []effect.Result{{Job: &own}}}
	if _, err := StartJob(context.Background(), d, effect.Effect{Op: "t", Shell: "x"}, "k"); err != nil {
		t.Errorf("our own job: %v", err)
	}
}

func TestWaitReadsTheWholeLog(t *testing.T) {
	c := &fakeClock{now: time.Unix(0, 0)}
	ctx := clock.With(context.Background(), c)
	d := &answers{
		results: []effect.Result{
			{Job: running(3), Data: []byte("one")},
			{Job: running(3)},
			{},
			{Job: &effect.JobState{ID: "j", State: "exited", Code: 3, LogSize: 9}, Data: []byte("two")},
			{Job: &effect.JobState{ID: "j", State: "exited", Code: 3, LogSize: 9}, Data: []byte("end")},
		},
		errs: []error{nil, nil, effect.Errorf(effect.Unreachable, "t", "gone")},
	}
	log := ""
	state, err := JobByID(d, "t", "j").Wait(ctx, 0, func(n News) error {
		if n.From != int64(len(log)) {
			t.Errorf("news from %d, want %d", n.From, len(log))
		}
		log += string(n.Log)
		return nil
	})
	if err != nil || state.Code != 3 || log != "onetwoend" {
		t.Errorf("%+v, %v, log %q", state, err, log)
	}
}

func TestWaitTellsHowAJobWasLost(t *testing.T) {
	for state, kind := range map[string]effect.ErrKind{"rebooted": effect.Failed, "lost": effect.Failed, "absent": effect.Missing} {
		d := &answers{results: []effect.Result{{Job: &effect.JobState{ID: "j", State: state}}}}
		_, err := JobByID(d, "t", "j").Wait(context.Background(), 0, nil)
		if effect.KindOf(err) != kind || effect.AsError(err).Hint == "" {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestWaitEndsWithItsPoll(t *testing.T) {
	enough := errors.New("enough")
	d := &answers{results: []effect.Result{{Job: running(0)}}}
	if _, err := JobByID(d, "t", "j").Wait(context.Background(), 0, func(News) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v", err)
	}
}

func TestSkippedJobIsUnknown(t *testing.T) {
	d := &answers{results: []effect.Result{{Skipped: true}}}
	j, err := StartJob(context.Background(), d, effect.Effect{Op: "t", Shell: "x"}, "k")
	if err != nil || !j.Skipped() {
		t.Fatalf("%+v, %v", j, err)
	}
	if _, err := j.Wait(context.Background(), 0, nil); !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("waiting: %v", err)
	}
}

func TestWaitUntil(t *testing.T) {
	c := &fakeClock{now: time.Unix(0, 0)}
	ctx := clock.With(context.Background(), c)
	n := 0
	if err := WaitUntil(ctx, func(context.Context) (bool, error) { n++; return n == 4, nil }, time.Minute); err != nil || n != 4 {
		t.Errorf("%v after %d", err, n)
	}
	began := c.now
	err := WaitUntil(ctx, func(context.Context) (bool, error) { return false, nil }, time.Minute)
	if effect.KindOf(err) != effect.Timeout {
		t.Errorf("never: %v", err)
	}
	if waited := c.now.Sub(began); waited != time.Minute {
		t.Errorf("waited %s, want a minute", waited)
	}
}

func TestUsersAreOverriddenFromWithinAndJailsAreInJails(t *testing.T) {
	d := &answers{results: make([]effect.Result, 3)}
	inner := In(As(d, "www"), "web")
	_, _ = inner.Do(context.Background(), effect.Effect{})
	_, _ = inner.Do(context.Background(), effect.Effect{As: "db", In: "other"})
	_, _ = inner.Do(context.Background(), effect.Effect{Conn: &effect.ConnOp{Verb: effect.ConnProbe}})
	for i, want := range [][2]string{{"www", "web"}, {"db", "web.other"}, {"", ""}} {
		if got := d.asked[i]; got.As != want[0] || got.In != want[1] {
			t.Errorf("%d: as %q in %q, want %v", i, got.As, got.In, want)
		}
	}
}

package journal

import (
	"context"
	"testing"
	"time"

	"bsdrun/runtime/effect"
)

func liveRows(t *testing.T, s *Store, run string) map[string]LiveRow {
	t.Helper()
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Live(context.Background(), run)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestOnlyWhatLastsIsLive(t *testing.T) {
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	run := &Run{Recipe: "x"}
	if _, err := s.Begin(run, []Host{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	l := &Live{store: s, hosts: map[string]*liveHost{}, stop: make(chan struct{})}
	began := time.Now()
	emit := func(e effect.Event) {
		e.Run, e.Host = run.ID, "a"
		l.Emit(e)
	}
	emit(effect.Event{Type: effect.StepStart, Step: "Build"})
	emit(effect.Event{Type: effect.EffectStart, At: began, Text: "make"})
	l.write(began)
	if rows := liveRows(t, s, run.ID); len(rows) != 0 {
		t.Errorf("told at once: %v", rows)
	}
	emit(effect.Event{Type: effect.EffectOut, Text: "cc a.c\n"})
	emit(effect.Event{Type: effect.Progress, Text: "1 of 2", Data: map[string]any{"done": 1}})
	before, err := s.Marks(context.Background(), run.ID)
	if err != nil {
		t.Fatal(err)
	}
	l.write(began.Add(2 * liveAfter))
	row := liveRows(t, s, run.ID)["a"]
	data, _ := row.Data.(map[string]any)
	if row.What != "make" || row.Out != "cc a.c\n" || row.Text != "1 of 2" || data["done"] != 1.0 || !row.Since.Equal(began) {
		t.Errorf("got %+v", row)
	}
	if after, err := s.Marks(context.Background(), run.ID); err != nil || after["a"] == before["a"] {
		t.Errorf("the mark is still %q (%v)", after["a"], err)
	}
	emit(effect.Event{Type: effect.StepEnd, Step: "Build"})
	l.write(began.Add(3 * liveAfter))
	if rows := liveRows(t, s, run.ID); len(rows) != 0 {
		t.Errorf("still told: %v", rows)
	}
}

func TestMarksOfHostsWithoutNewsStay(t *testing.T) {
	s, err := Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	run := &Run{Recipe: "x"}
	rec, err := s.Begin(run, []Host{{Name: "a"}, {Name: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	marks := func() map[string]string {
		t.Helper()
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		m, err := s.Marks(context.Background(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	step := Step{Path: "One", Title: "One", Started: time.Now()}
	e := Effect{Host: "a", Step: "One", Op: "run", Kind: "change", Sent: time.Now(), ID: "1"}
	for name, do := range map[string]func(){
		"host": func() { rec.HostStart("a", time.Now()) },
		"step": func() { rec.StepStart("a", step) },
		"intent": func() {
			if err := rec.Intent(&e, false); err != nil {
				t.Fatal(err)
			}
		},
	} {
		before := marks()
		do()
		if after := marks(); after["a"] == before["a"] || after["b"] != before["b"] || after[""] != before[""] {
			t.Errorf("%s: from %v to %v", name, before, after)
		}
	}
	before := marks()
	e.Ended = time.Now()
	rec.Outcome(&e)
	if after := marks(); after["a"] == before["a"] {
		t.Error("an outcome is no news")
	}
	before = marks()
	if err := rec.End(Done, nil, nil); err != nil {
		t.Fatal(err)
	}
	if after := marks(); after[""] == before[""] {
		t.Error("the end of the run is no news")
	}
}

func TestTheEndOfATextIsOfWholeLetters(t *testing.T) {
	for text, want := range map[string]string{"abc": "abc", "abcdefgh": "defgh", "aöüäx": "üäx", "日本語": "語", "\xbfabc": "\xbfabc"} {
		if got := end(text, 5); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

package layer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// history is a run on one host over several sessions, the host being a function.
type history struct {
	t     *testing.T
	store *journal.Store
	run   *journal.Run
	rec   *journal.Recorder
	past  *Past
	sent  []string // what reached the host, in order
	again []string // what reached it with Again
	host  func(e effect.Effect) (effect.Result, error)
	red   *Redactor
	steps map[string]*effect.Step
}

func newHistory(t *testing.T) *history {
	t.Helper()
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := &history{t: t, store: store, run: &journal.Run{Recipe: "r"}, red: &Redactor{}, steps: map[string]*effect.Step{}}
	h.host = func(effect.Effect) (effect.Result, error) { return effect.Result{}, nil }
	if h.rec, err = store.Begin(h.run, []journal.Host{{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	return h
}

// resume opens the next session.
func (h *history) resume() {
	h.t.Helper()
	ctx := context.Background()
	effects, err := h.store.Effects(ctx, h.run.ID, "a")
	if err != nil {
		h.t.Fatal(err)
	}
	steps, err := h.store.Steps(ctx, h.run.ID, "a")
	if err != nil {
		h.t.Fatal(err)
	}
	h.past = NewPast(effects, steps)
	h.sent, h.again, h.steps = nil, nil, map[string]*effect.Step{}
	if h.rec, err = h.store.Resume(ctx, h.run); err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) do(step string, e effect.Effect) (effect.Result, error) {
	j := &Journal{Recorder: h.rec, Host: "a", Redactor: h.red, Past: h.past}
	s := h.steps[step]
	if s == nil {
		s = &effect.Step{Path: step}
		h.steps[step] = s
	}
	ctx := effect.WithStep(context.Background(), s)
	bottom := effect.DoerFunc(func(_ context.Context, e effect.Effect) (effect.Result, error) {
		h.sent = append(h.sent, Describe(e))
		if e.Again {
			h.again = append(h.again, e.ID)
		}
		if e.Kind == effect.Change && e.ID == "" {
			h.t.Errorf("%s has no ID", Describe(e))
		}
		return h.host(e)
	})
	return effect.Chain(bottom, j.Layer, j.Intent).Do(ctx, e)
}

func (h *history) mustDo(step string, e effect.Effect) effect.Result {
	h.t.Helper()
	r, err := h.do(step, e)
	if err != nil {
		h.t.Fatalf("%s: %v", Describe(e), err)
	}
	return r
}

func (h *history) rows() []journal.Effect {
	h.t.Helper()
	rows, err := h.store.Effects(context.Background(), h.run.ID, "a")
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

func run(words ...string) effect.Effect {
	return effect.Effect{Op: "run", Kind: effect.Change, Argv: words}
}

func query(words ...string) effect.Effect {
	return effect.Effect{Op: "read", Kind: effect.Read, Argv: words}
}

func says(text string) func(effect.Effect) (effect.Result, error) {
	return func(effect.Effect) (effect.Result, error) {
		return effect.Result{Stdout: effect.OutputOf([]byte(text))}, nil
	}
}

func TestAChangeIsWrittenDownBeforeItIsSent(t *testing.T) {
	h := newHistory(t)
	h.host = func(effect.Effect) (effect.Result, error) {
		rows := h.rows()
		if len(rows) != 1 || rows[0].Status != journal.Sent || rows[0].What != "make all" || rows[0].ID == "" {
			t.Errorf("while it runs: %+v", rows)
		}
		return effect.Result{Stdout: effect.OutputOf([]byte("done\n"))}, nil
	}
	h.mustDo("Build", run("make", "all"))
	rows := h.rows()
	if len(rows) != 1 || rows[0].Status != "changed" || string(rows[0].Out) != "done\n" || !rows[0].Counts || rows[0].Ended.IsZero() {
		t.Errorf("afterwards: %+v", rows)
	}
	if n := h.steps["Build"].Changes(); n != 1 {
		t.Errorf("the step counts %d changes", n)
	}
}

func TestWhatCannotBeWrittenDownIsNotDone(t *testing.T) {
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	ctx := context.Background()
	rec, err := store.Resume(ctx, &journal.Run{ID: "nowhere"}) // no such run: the foreign key fails
	if err != nil {
		t.Fatal(err)
	}
	j := &Journal{Recorder: rec, Host: "a"}
	bottom := effect.DoerFunc(func(context.Context, effect.Effect) (effect.Result, error) {
		t.Error("it was sent")
		return effect.Result{}, nil
	})
	_, err = effect.Chain(bottom, j.Layer, j.Intent).Do(ctx, run("x"))
	if effect.KindOf(err) != effect.Internal {
		t.Errorf("%v", err)
	}
}

func TestReadsLeaveOneRowAndAreNeverAnswered(t *testing.T) {
	h := newHistory(t)
	h.host = says("1")
	h.mustDo("S", query("date"))
	h.resume()
	h.host = says("2")
	r := h.mustDo("S", query("date"))
	if text, _ := r.Text(); text != "2" || len(h.rows()) != 2 {
		t.Errorf("%q, %d rows", text, len(h.rows()))
	}
}

func TestAFinishedChangeIsAnsweredFromItsRecord(t *testing.T) {
	h := newHistory(t)
	h.host = says("/tmp/x.\xff1\n")
	h.mustDo("S", run("mktemp"))
	h.resume()
	h.host = says("another")
	r := h.mustDo("S", run("mktemp"))
	if text, _ := r.Text(); text != "/tmp/x.\xff1\n" || !r.Recorded || len(h.sent) != 0 {
		t.Errorf("%q, %+v, sent %v", text, r, h.sent)
	}
	if n := h.steps["S"].Changes(); n != 1 {
		t.Errorf("the step counts %d changes", n)
	}
	// The same again is another effect, and has another name.
	h.mustDo("S", run("mktemp"))
	rows := h.rows()
	if len(rows) != 2 || rows[0].ID == rows[1].ID || len(h.sent) != 1 {
		t.Errorf("%+v, sent %v", rows, h.sent)
	}
}

func TestALongResultIsAskedFromTheLedger(t *testing.T) {
	h := newHistory(t)
	h.host = says(strings.Repeat("x", maxAnswer+1))
	h.mustDo("S", run("dump"))
	id := h.rows()[0].ID
	h.resume()
	h.mustDo("S", run("dump"))
	if len(h.again) != 1 || h.again[0] != id {
		t.Errorf("again %v, want %s", h.again, id)
	}
}

func TestASecretIsNotKeptButAskedFromTheLedger(t *testing.T) {
	h := newHistory(t)
	h.red.Add("hunter22")
	h.host = says("the password is hunter22\n")
	h.mustDo("S", run("login", "hunter22"))
	row := h.rows()[0]
	if row.What != "login ***" || string(row.Out) != "the password is ***\n" || len(row.Result) != 0 {
		t.Errorf("%q %q %q", row.What, row.Out, row.Result)
	}
	h.resume()
	h.mustDo("S", run("login", "hunter22"))
	if len(h.again) != 1 {
		t.Error("the ledger was not asked")
	}
}

func TestAnOutcomeThatIsNotKnownIsAskedFromTheLedgerFirst(t *testing.T) {
	for name, c := range map[string]struct {
		failure error
		known   bool // the ledger has it
		sent    []string
	}{
		"lost, done":       {effect.Errorf(effect.Unreachable, "run", "the connection was lost"), true, []string{"true", "look"}},
		"lost, never sent": {effect.Errorf(effect.Unreachable, "run", "the connection was lost"), false, []string{"true", "look", "make x"}},
		"cancelled, done":  {context.Canceled, true, []string{"true", "look"}},
	} {
		h := newHistory(t)
		h.host = func(effect.Effect) (effect.Result, error) { return effect.Result{}, c.failure }
		if _, err := h.do("S", run("make", "x")); err == nil {
			t.Fatalf("%s: no error", name)
		}
		row := h.rows()[0]
		if row.Status != journal.Sent || row.Error == nil {
			t.Errorf("%s: %+v", name, row)
		}
		h.resume()
		h.host = func(e effect.Effect) (effect.Result, error) {
			r := effect.Result{Stdout: effect.OutputOf([]byte("made\n"))}
			r.Recorded = e.Again && c.known
			return r, nil
		}
		// Even a Read comes after the settling.
		h.mustDo("S", query("look"))
		r := h.mustDo("S", run("make", "x"))
		if text, _ := r.Text(); text != "made\n" || strings.Join(h.sent, ",") != strings.Join(c.sent, ",") || h.again[0] != row.ID {
			t.Errorf("%s: %q, sent %v, again %v", name, text, h.sent, h.again)
		}
		h.mustDo("S", query("look"))
		if last := h.sent[len(h.sent)-1]; last != "look" || len(h.again) != 1 {
			t.Errorf("%s: settled twice: %v", name, h.sent)
		}
	}
}

func TestWhereTheLedgerCannotTellTheChangeAsksAgain(t *testing.T) {
	h := newHistory(t)
	lost := effect.Errorf(effect.Unreachable, "run", "the connection was lost")
	h.host = func(effect.Effect) (effect.Result, error) { return effect.Result{}, lost }
	_, _ = h.do("S", run("x"))
	id := h.rows()[0].ID
	h.resume()
	cut := effect.Errorf(effect.Failed, "run", "it was cut by a reboot of the host")
	h.host = func(effect.Effect) (effect.Result, error) { return effect.Result{}, cut }
	if _, err := h.do("S", run("x")); !errors.Is(err, cut) || len(h.again) != 2 || h.again[1] != id {
		t.Errorf("%v, again %v", err, h.again)
	}
	if rows := h.rows(); len(rows) != 1 || rows[0].Status != "failed" {
		t.Errorf("%+v", rows)
	}
	// A file operation has no entry to ask for: it asks for itself at once.
	h = newHistory(t)
	h.host = func(effect.Effect) (effect.Result, error) { return effect.Result{}, lost }
	_, _ = h.do("S", put("/x", "1"))
	h.resume()
	h.host = says("")
	h.mustDo("S", put("/x", "1"))
	if len(h.sent) != 1 || len(h.again) != 1 {
		t.Errorf("sent %v, again %v", h.sent, h.again)
	}
}

func TestAFailedChangeIsMadeAnewUnderAnotherID(t *testing.T) {
	h := newHistory(t)
	h.host = func(effect.Effect) (effect.Result, error) {
		return effect.Result{}, &effect.Error{Op: "run", Kind: effect.Failed, Code: 70, Command: "x"}
	}
	_, err := h.do("S", run("x"))
	if err == nil || h.rows()[0].Status != "failed" || h.rows()[0].Code != 70 {
		t.Fatalf("%+v, %v", h.rows(), err)
	}
	h.resume()
	h.host = says("")
	h.mustDo("S", run("x"))
	rows := h.rows()
	if len(h.sent) != 1 || len(h.again) != 0 || len(rows) != 2 || rows[0].ID == rows[1].ID {
		t.Errorf("sent %v, again %v, rows %+v", h.sent, h.again, rows)
	}
}

func TestAFailureThatTheScriptCopedWithIsAnsweredToo(t *testing.T) {
	h := newHistory(t)
	broken := true
	h.host = func(e effect.Effect) (effect.Result, error) {
		if e.Argv[0] == "make" && broken {
			return effect.Result{}, &effect.Error{Op: "run", Kind: effect.Failed, Code: 2, Command: "make", Err: "no target\n"}
		}
		return effect.Result{}, nil
	}
	_, _ = h.do("S", run("make"))
	broken = false
	h.mustDo("S", run("fix"))
	h.mustDo("S", run("make"))
	broken = true
	_, _ = h.do("S", run("make", "last"))
	h.resume()
	_, err := h.do("S", run("make"))
	if e := effect.AsError(err); e == nil || e.Kind != effect.Failed || e.Code != 2 || e.Err != "no target\n" {
		t.Errorf("the failure came back as %v", err)
	}
	h.mustDo("S", run("fix"))
	h.mustDo("S", run("make"))
	if len(h.sent) != 0 {
		t.Errorf("sent %v", h.sent)
	}
	if _, err := h.do("S", run("make", "last")); err == nil || len(h.sent) != 1 {
		t.Errorf("the last failure was not tried anew: %v, sent %v", err, h.sent)
	}
}

func TestWhatWasStoppedBeforeItWasSentIsNew(t *testing.T) {
	h := newHistory(t)
	h.host = func(effect.Effect) (effect.Result, error) {
		return effect.Result{}, effect.Errorf(effect.Locked, "run", "another run holds the host")
	}
	_, _ = h.do("S", run("x"))
	if got := h.rows()[0].Status; got != "locked" {
		t.Errorf("status %s", got)
	}
	h.resume()
	h.host = says("")
	h.mustDo("S", run("x"))
	if len(h.sent) != 1 || len(h.again) != 0 {
		t.Errorf("sent %v, again %v", h.sent, h.again)
	}
}

func TestADifferentChangeDiverges(t *testing.T) {
	h := newHistory(t)
	h.mustDo("S", query("state"))
	h.mustDo("S", run("echo", "a"))
	h.resume()
	h.mustDo("S", query("state"))
	_, err := h.do("S", run("echo", "b"))
	e := effect.AsError(err)
	if e == nil || e.Kind != effect.Diverged || len(h.sent) != 1 {
		t.Fatalf("%v, sent %v", err, h.sent)
	}
	for _, part := range []string{`"S"`, "echo a", "echo b"} {
		if !strings.Contains(e.Message, part) {
			t.Errorf("the message does not name %s: %s", part, e.Message)
		}
	}
	// In another step it is no matter, and with an edited recipe neither.
	h.mustDo("T", run("echo", "b"))
	h.resume()
	h.past.Edited = true
	h.mustDo("S", run("echo", "b"))
}

func TestAConvergedChangeDoesNotDiverge(t *testing.T) {
	h := newHistory(t)
	h.host = says("absent")
	h.mustDo("S", query("is", "a"))
	h.mustDo("S", run("make", "a"))
	h.mustDo("S", query("is", "b"))
	h.mustDo("S", run("make", "b"))
	h.resume()
	// Now the reads find the work done, and the script goes on to the next.
	h.host = says("present")
	h.mustDo("S", query("is", "a"))
	h.mustDo("S", query("is", "b"))
	h.mustDo("S", run("make", "c"))
	if len(h.sent) != 3 {
		t.Errorf("sent %v", h.sent)
	}
	// A third session compares with the second, not with the first.
	h.resume()
	h.mustDo("S", query("is", "a"))
	h.mustDo("S", query("is", "b"))
	h.mustDo("S", run("make", "c"))
	h.mustDo("S", run("make", "d"))
	if want := []string{"is a", "is b", "make d"}; strings.Join(h.sent, ",") != strings.Join(want, ",") {
		t.Errorf("sent %v, want %v", h.sent, want)
	}
}

func TestTheOrderOfALoopMayDiffer(t *testing.T) {
	h := newHistory(t)
	for _, name := range []string{"a", "b", "c"} {
		h.mustDo("S", run("make", name))
	}
	h.resume()
	for _, name := range []string{"c", "a", "b"} {
		if r := h.mustDo("S", run("make", name)); !r.Recorded {
			t.Errorf("%s was made twice", name)
		}
	}
}

func TestAnEndedJobOfAFailedStepIsStartedAnew(t *testing.T) {
	start := effect.Effect{Op: "run", Kind: effect.Change, Argv: []string{"build"}, Job: &effect.JobOp{Verb: effect.JobStart}}
	for name, c := range map[string]struct {
		step, job string
		code      int
		more      bool // the step went on after it
		anew      bool
	}{
		"failed, ended":            {effect.StatusFailed, "exited", 0, false, true},
		"failed, running":          {effect.StatusFailed, "running", 0, false, false},
		"failed later, went well":  {effect.StatusFailed, "exited", 0, true, false},
		"failed later, went wrong": {effect.StatusFailed, "exited", 1, true, true},
		"failed later, was cut":    {effect.StatusFailed, "rebooted", 0, true, true},
		"cut short":                {journal.Running, "exited", 0, false, false},
	} {
		h := newHistory(t)
		h.rec.StepStart("a", journal.Step{Path: "S"})
		h.host = func(effect.Effect) (effect.Result, error) {
			return effect.Result{Job: &effect.JobState{ID: "job1", State: "running"}}, nil
		}
		h.mustDo("S", start)
		if c.more {
			h.mustDo("S", run("x"))
		}
		if err := h.rec.StepEnd("a", journal.Step{Path: "S", Status: c.step}); err != nil {
			t.Fatal(err)
		}
		h.resume()
		h.host = func(e effect.Effect) (effect.Result, error) {
			if e.Job.Verb == effect.JobStatus {
				return effect.Result{Job: &effect.JobState{ID: e.Job.ID, State: c.job, Code: c.code}}, nil
			}
			return effect.Result{Job: &effect.JobState{ID: "job2", State: "running"}}, nil
		}
		r := h.mustDo("S", start)
		if anew := r.Job.ID == "job2"; anew != c.anew {
			t.Errorf("%s: the job is %s", name, r.Job.ID)
		}
	}
}

func TestSecretContentLeavesNoTrace(t *testing.T) {
	h := newHistory(t)
	e := put("/etc/key", "very secret")
	e.File.Secret = true
	e.Diff = &effect.Diff{Path: "/etc/key", After: []byte("very secret")}
	h.mustDo("S", e)
	row := h.rows()[0]
	if strings.Contains(row.What+row.Diff+string(row.Result)+string(row.Out), "very secret") {
		t.Errorf("%+v", row)
	}
}

func TestDiffText(t *testing.T) {
	for name, c := range map[string]struct {
		diff *effect.Diff
		want string
	}{
		"none":   {nil, ""},
		"words":  {&effect.Diff{Path: "/x", Note: "create directory"}, "/x: create directory"},
		"hidden": {&effect.Diff{Path: "/x", Hidden: true, After: []byte("a")}, "/x: hidden, only root may read it"},
		"text":   {&effect.Diff{Path: "/x", Before: []byte("a\n"), After: []byte("b\n")}, "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"},
		"binary": {&effect.Diff{Path: "/x", Before: []byte("a"), After: []byte("\x00b")}, "/x: 1 bytes become 2, not text"},
	} {
		if got := DiffText(c.diff); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestHashTellsEffectsApart(t *testing.T) {
	base := run("a", "b")
	seen := map[string]string{Hash(base): "base"}
	for name, change := range map[string]func(e *effect.Effect){
		"argv":    func(e *effect.Effect) { e.Argv = []string{"a b"} },
		"op":      func(e *effect.Effect) { e.Op = "x" },
		"kind":    func(e *effect.Effect) { e.Kind = effect.Read },
		"user":    func(e *effect.Effect) { e.As = "www" },
		"jail":    func(e *effect.Effect) { e.In = "www" },
		"folder":  func(e *effect.Effect) { e.Dir = "/" },
		"env":     func(e *effect.Effect) { e.Env = []string{"A=1"} },
		"stdin":   func(e *effect.Effect) { e.Stdin = strings.NewReader("x") },
		"stdin 2": func(e *effect.Effect) { e.Stdin = strings.NewReader("y") },
		"job":     func(e *effect.Effect) { e.Job = &effect.JobOp{Verb: effect.JobStart} },
		"file":    func(e *effect.Effect) { e.File = put("/x", "1").File },
		"data":    func(e *effect.Effect) { e.File = put("/x", "2").File },
	} {
		e := run("a", "b")
		change(&e)
		if other := seen[Hash(e)]; other != "" {
			t.Errorf("%s has the hash of %s", name, other)
		}
		seen[Hash(e)] = name
		if e.Stdin != nil {
			if seen[Hash(e)] != name {
				t.Errorf("%s: hashing used the input up", name)
			}
		}
	}
}

func TestClippedTextIsOfWholeLetters(t *testing.T) {
	for text, want := range map[string]string{"abcde": "abcde", "abcdef": "abcde...", "日本語": "日...", "äöüß": "äö..."} {
		if got := clip(text, 5); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

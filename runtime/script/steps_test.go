package script

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

func TestStepsAreRecordedAndReadBack(t *testing.T) {
	w, host := testWorld(nil)
	steps := &fakeSteps{}
	w.Steps = steps
	code := `
		local a = step("plain", function() return { list = {1, 2}, empty = h.zpool.status("x").errors, text = "b\0ytes\255", yes = true } end)
		local j = step("start", {key = "k"}, function() return h:job("build") end)
		local u = step("as", function() return h:as("www") end)
		local n = step("nothing", function() end)
		return { a = a, waited = j:wait(), job = j.id, kind = j.kind, other = u.name, state = u.zpool.status("y").state, nothing = n == nil }`
	fresh, err := eval(t, w, code)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"plain":   map[string]any{"list": []any{int64(1), int64(2)}, "empty": []any{}, "text": "b\x00ytes\xff", "yes": true},
		"start/k": map[string]any{"kind": "job", "id": "build", "host": map[string]any{"kind": "host", "host": "web1", "id": "web1"}},
		"as":      map[string]any{"kind": "as", "id": "www", "host": map[string]any{"kind": "host", "host": "web1", "id": "web1"}, "name": "web1/www"},
		"nothing": nil,
	}
	if diff := cmp.Diff(want, steps.values); diff != "" {
		t.Fatal(diff)
	}
	before := len(host.done)
	w.Steps = &fakeSteps{recorded: steps.values}
	resumed, err := eval(t, w, code)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fresh, resumed); diff != "" {
		t.Errorf("fresh against resumed: %s", diff)
	}
	var ops []string
	for _, e := range host.done[before:] {
		ops = append(ops, e.Op)
	}
	if diff := cmp.Diff([]string{"job.wait", "zpool.status"}, ops); diff != "" {
		t.Errorf("effects outside steps alone are done again: %s", diff)
	}
}

func TestWhatAStepCannotReturn(t *testing.T) {
	tests := []struct{ code, want string }{
		{`function() end`, "step: s cannot be recorded: the value is a function, not plain data"},
		{`{a = {b = print}}`, "step: s cannot be recorded: a.b is a function, not plain data"},
		{`{1, 2, x = 3}`, `step: s cannot be recorded: the value is a list that also has the key "x", not plain data`},
		{`{[1.5] = 1}`, "step: s cannot be recorded: 1.5 is under a key that is no name and not part of a list, not plain data"},
		{`{[true] = 1}`, "step: s cannot be recorded: true is under a key that is no name, not plain data"},
		{`(function() local t = {}; t.t = t; return t end)()`, "step: s cannot be recorded: t is a table that contains itself, not plain data"},
		{`secret("db")`, "step: s cannot be recorded: the value is a secret, not plain data"},
		{`coroutine.create(print)`, "step: s cannot be recorded: the value is a thread, not plain data"},
		{`1, 2`, "step: s returns 2 values; a step returns one"},
	}
	for _, test := range tests {
		w, _ := testWorld(nil)
		_, err := eval(t, w, `step("s", function() return `+test.code+` end)`)
		if err == nil || err.Error() != test.want || effect.KindOf(err) != effect.Script {
			t.Errorf("%s: got %v", test.code, err)
		}
	}
}

func TestStepEnds(t *testing.T) {
	w, _ := testWorld(nil)
	steps := &fakeSteps{}
	w.Steps = steps
	got, err := eval(t, w, `
		step("skipping", function() pcall(function() skip("nothing to do for %s", h.name) end); error("not reached") end)
		local ok, e = pcall(step, "failing", function() fail("disk %d is gone", 3) end)
		return { ok = ok, message = e.message, kind = e.kind, at = e.at }`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"ok": false, "message": "disk 3 is gone", "kind": "failed", "at": "test.lua:3"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"skipping: skipped, nothing to do for web1", "failing: disk 3 is gone"}, steps.ended); diff != "" {
		t.Error(diff)
	}
}

func TestSkipOutsideAStepEndsTheScript(t *testing.T) {
	w, _ := testWorld(nil)
	_, err := eval(t, w, `pcall(skip, "no %s here", "pf"); error("not reached")`)
	var skipped *Skipped
	if !errors.As(err, &skipped) || skipped.Reason != "no pf here" {
		t.Errorf("got %v", err)
	}
}

// The context that the engine gives a step is the one its effects see.
func TestStepContext(t *testing.T) {
	w, _ := testWorld(nil)
	var paths []string
	w.Doer = effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
		path := "none"
		if s := effect.StepFrom(ctx); s != nil {
			path = s.Path
		}
		paths = append(paths, path+" at "+effect.AtFrom(ctx))
		return effect.Result{}, nil
	})
	_, err := eval(t, w, `h.zpool.status("a")
step("outer", function()
	h.zpool.status("b")
	pcall(step, "inner", function() h.zpool.status("c"); fail("x") end)
	h.zpool.status("d")
end)
h.zpool.status("e")`)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"none at test.lua:1", "outer at test.lua:3", "inner at test.lua:4", "outer at test.lua:5", "none at test.lua:7"}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Error(diff)
	}
}

func TestYieldCannotLeaveAStep(t *testing.T) {
	w, _ := testWorld(nil)
	_, err := eval(t, w, `coroutine.wrap(function() step("s", function() coroutine.yield(1) end) end)()`)
	if err == nil || !strings.Contains(err.Error(), "cannot leave a pcall, a step") {
		t.Errorf("got %v", err)
	}
}

// jumping is a clock that jumps, and remembers its sleeps.
type jumping struct {
	now   time.Time
	slept []time.Duration
}

func (c *jumping) Now() time.Time { return c.now }

func (c *jumping) Sleep(ctx context.Context, d time.Duration) error {
	c.slept, c.now = append(c.slept, d), c.now.Add(d)
	return ctx.Err()
}

func TestRetry(t *testing.T) {
	tests := []struct {
		name, code string
		want       any
		slept      []time.Duration
		failed     effect.ErrKind
	}{
		{"succeeds at last", `local n = 0; return retry({times = 4, delay = 10, backoff = 3}, function() n = n + 1; if n < 3 then fail("no") end; return n end)`, int64(3), []time.Duration{10 * time.Second, 30 * time.Second}, ""},
		{"gives up", `return retry({times = 2, delay = 1}, function() fail("no") end)`, nil, []time.Duration{time.Second}, effect.Failed},
		{"not for other kinds", `return retry({times = 5, on = "unreachable"}, function() fail("no") end)`, nil, nil, effect.Failed},
		{"not for mistakes", `return retry(function() local x = nil; return x.y end)`, nil, nil, effect.Script},
		{"not for misuse", `return retry(function() return h.zpool.status() end)`, nil, nil, effect.Invalid},
		{"several values", `return select(2, retry(function() return 1, 2 end))`, int64(2), nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w, _ := testWorld(nil)
			c := &jumping{}
			p, err := Compile("test.lua", []byte(test.code), Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Run(clock.With(t.Context(), c), w)
			if effect.KindOf(err) != test.failed {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.slept, c.slept); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSleepAndTimeAreTheHosts(t *testing.T) {
	w, _ := testWorld(nil)
	c := &jumping{now: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)}
	p, err := Compile("test.lua", []byte(`local a = os.time(); sleep(90); return { os.time() - a, os.date("!%Y-%m-%d %H:%M:%S") }`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Run(clock.With(t.Context(), c), w)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{int64(90), "2031-02-03 04:06:36"}, got); diff != "" {
		t.Error(diff)
	}
	w.Check = true
	c.slept = nil
	if _, err = p.Run(clock.With(t.Context(), c), w); err != nil || len(c.slept) > 0 {
		t.Errorf("check mode slept %v, %v", c.slept, err)
	}
}

func TestPrintAndLog(t *testing.T) {
	var logged, printed []string
	w, _ := testWorld(&logged)
	w.Print = func(_ context.Context, text string) { printed = append(printed, text) }
	_, err := eval(t, w, `print("a", 1, nil, true, {b = 1, a = {2}}, {}, print ~= nil); log("%d%% of %s", 50, secret("db")); log("100%"); print(secret("db"))`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a\t1\tnil\ttrue\t{\"a\":[2],\"b\":1}\t{}\ttrue", "<secret db>"}, printed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"50% of <secret db>", "100%"}, logged); diff != "" {
		t.Error(diff)
	}
}

// answers is an Asker that answers from a list and remembers the questions.
type answers struct {
	given []string
	asked []effect.Question
}

func (a *answers) Ask(_ context.Context, _ string, q effect.Question) (string, error) {
	a.asked = append(a.asked, q)
	answer := a.given[0]
	a.given = a.given[1:]
	return answer, nil
}

func TestQuestions(t *testing.T) {
	w, _ := testWorld(nil)
	asker := &answers{given: []string{"yes", "no", "b", "hunter2"}}
	p, err := Compile("test.lua", []byte(`
		local a = confirm("Reboot?", {detail = "it takes long", irreversible = true, key = "reboot"})
		local b = confirm("Really?", {default = true})
		local c = ask("Which?", {choices = {"a", "b"}, default = "a"})
		local d = ask("Password?", {secret = true})
		print(d)
		return {a, b, c, pcall(tostring, d)}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Run(effect.WithAsker(t.Context(), asker), w)
	if err != nil {
		t.Fatal(err)
	}
	if list := got.([]any); list[0] != true || list[1] != false || list[2] != "b" || list[3] != false {
		t.Errorf("got %v", list)
	}
	want := []effect.Question{
		{Key: "reboot", Text: "Reboot?", Detail: "it takes long", Choices: []string{"yes", "no"}, Risk: effect.Irreversible},
		{Key: "Really?", Text: "Really?", Choices: []string{"yes", "no"}, Default: "yes"},
		{Key: "Which?", Text: "Which?", Choices: []string{"a", "b"}, Default: "a"},
		{Key: "Password?", Text: "Password?", Secret: true},
	}
	if diff := cmp.Diff(want, asker.asked); diff != "" {
		t.Error(diff)
	}
	// Without anybody to ask the run stops, and no pcall hides that.
	_, err = eval(t, w, `pcall(confirm, "Reboot?"); return "went on"`)
	if effect.KindOf(err) != effect.Stopped {
		t.Errorf("got %v", err)
	}
}

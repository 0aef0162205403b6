package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
)

// options are those of a recipe on the hosts a, b, ... of boxes.
func options(t *testing.T, source string, hosts boxes) Options {
	t.Helper()
	store, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	o := Options{
		Name: "test.lua", Source: []byte(source), Journal: store, Version: "test",
		Modules: []binding.Module{boxModule}, dial: hosts.dial,
	}
	for _, name := range sorted(hosts) {
		o.Hosts = append(o.Hosts, inventory.Host{Name: name, Kind: inventory.SSH, Address: name})
	}
	return o
}

func sorted(hosts boxes) (names []string) {
	for name := range hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func mustRun(t *testing.T, o Options) *journal.Report {
	t.Helper()
	report, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// outline is a host's report in a line.
func outline(h journal.HostReport) string {
	steps := make([]string, len(h.Steps))
	for i, step := range h.Steps {
		steps[i] = step.Name + "=" + step.Status
	}
	line := fmt.Sprintf("%s %s %d [%s]", h.Name, h.Status, h.Changed, strings.Join(steps, " "))
	if h.Error != nil {
		line += fmt.Sprintf(" %s", h.Error.Kind)
	}
	return line
}

const recipe = `
--- Adds lines.
local recipe = {
  needs = { os = "FreeBSD" },
  params = { first = { type = "string", doc = "the first line", required = true }, n = { type = "integer", doc = "how many", default = 2 } },
  example = { first = "example" },
}
function recipe.run(h, p)
  local said = step("First", function() return h.box.add(p.first).said end)
  for i = 1, p.n do
    step("More", { key = tostring(i) }, function() h.box.ensure("more" .. i) end)
  end
  local lines = step("Look", function() return h.box.all() end)
  return { said = said, lines = lines }
end
return recipe
`

func TestARunIsCarriedOutAndReported(t *testing.T) {
	a, b := newBox(), newBox()
	b.lines = []string{"more2"}
	o := options(t, recipe, boxes{"a": a, "b": b})
	o.Params = map[string]any{"first": "x"}
	report := mustRun(t, o)
	for i, want := range []string{
		"a ok 3 [First=changed More[1]=changed More[2]=changed Look=ok]",
		"b ok 2 [First=changed More[1]=changed More[2]=ok Look=ok]",
	} {
		if got := outline(report.Hosts[i]); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	want := map[string]any{"said": "x is number 1", "lines": []any{"x", "more1", "more2"}}
	if diff := cmp.Diff(want, report.Hosts[0].Result); diff != "" {
		t.Error(diff)
	}
	if report.Exit(true) != 0 || report.Recipe != "test.lua" || report.Check {
		t.Errorf("%+v", report)
	}
	if !slices.Equal(a.closed, []bool{false}) {
		t.Errorf("the ledger of a host that is done was kept: %v", a.closed)
	}
	record, err := o.Journal.Find(t.Context(), report.Run)
	if err != nil || record.State != journal.Done || record.Params["n"] != int64(2) {
		t.Errorf("%+v, %v", record, err)
	}
	if again := mustRun(t, o); again.Hosts[0].Changed != 1 { // add is not convergent, ensure is
		t.Errorf("a second run changed %d", again.Hosts[0].Changed)
	}
}

func TestMistakesAreFoundBeforeAHostIsTouched(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *Options)
		kind   effect.ErrKind
		says   string
	}{
		"missing parameter": {func(o *Options) { o.Params = nil }, effect.Usage, "the first line"},
		"unknown parameter": {func(o *Options) { o.Params["frist"] = "x" }, effect.Usage, "first"},
		"wrong type":        {func(o *Options) { o.Params["n"] = "many" }, effect.Usage, "number"},
		"syntax":            {func(o *Options) { o.Source = []byte("local x = = 1") }, effect.Script, ""},
		"no hosts":          {func(o *Options) { o.Hosts = nil }, effect.Usage, "no hosts"},
		"batch":             {func(o *Options) { o.Batch = "some" }, effect.Usage, "--batch"},
		"allow":             {func(o *Options) { o.Allow = []string{"everything"} }, effect.Usage, "irreversible"},
	} {
		a := newBox()
		o := options(t, recipe, boxes{"a": a})
		o.Params = map[string]any{"first": "x"}
		c.change(&o)
		_, err := Run(t.Context(), o)
		if effect.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if len(a.lines) > 0 || len(a.closed) > 0 {
			t.Errorf("%s: the host was touched", name)
		}
		if runs, _ := o.Journal.Runs(t.Context(), journal.Filter{}); len(runs) != 0 {
			t.Errorf("%s: a run was recorded", name)
		}
	}
}

func TestTheExampleServesSimulatedHostsOnly(t *testing.T) {
	a := newBox()
	o := options(t, recipe, boxes{"a": a})
	o.Hosts[0].Kind, o.Hosts[0].Sim = inventory.Sim, "sim:"
	mustRun(t, o)
	if !slices.Contains(a.lines, "example") {
		t.Errorf("lines %v", a.lines)
	}
	o.Hosts = append(o.Hosts, inventory.Host{Name: "real", Kind: inventory.SSH})
	if _, err := Run(t.Context(), o); effect.KindOf(err) != effect.Usage {
		t.Errorf("a real host took the example: %v", err)
	}
}

func TestNeedsAreCheckedBeforeAnyChange(t *testing.T) {
	linux := newBox()
	linux.os = "Linux"
	o := options(t, recipe, boxes{"a": linux})
	o.Params = map[string]any{"first": "x"}
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "a failed 0 [] failed" || len(linux.lines) != 0 || report.Exit(false) != 2 {
		t.Errorf("%s, %v", got, linux.lines)
	}
	if message := report.Hosts[0].Error.Message; !strings.Contains(message, "FreeBSD") || !strings.Contains(message, "Linux") {
		t.Errorf("the message is %q", message)
	}
}

func TestOneHostsFailureLeavesTheOthersAlone(t *testing.T) {
	a, b := newBox(), newBox()
	o := options(t, `h.box.add(h.name == "a" and "bad" or "good")`, boxes{"a": a, "b": b, "c": nil})
	o.dial = boxes{"a": a, "b": b}.dial
	report := mustRun(t, o)
	got := []string{outline(report.Hosts[0]), outline(report.Hosts[1]), outline(report.Hosts[2])}
	want := []string{"a failed 0 [] failed", "b ok 1 []", "c unreachable 0 [] unreachable"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	e := report.Hosts[0].Error
	if e.Op != "box.add" || e.Code != 1 || !strings.Contains(e.Stderr, "it is bad") || e.At != "test.lua:1" || !strings.Contains(e.Excerpt, "> 1 |") {
		t.Errorf("%+v", e)
	}
	if report.Exit(false) != 2 {
		t.Errorf("exit %d", report.Exit(false))
	}
}

func TestStepsAreNamedByPlace(t *testing.T) {
	a := newBox()
	source := `
step("A/B", function()
  step("C", function() end)
  step("C", function() h.box.add("x") end)
  for _, k in ipairs{"p", "q"} do step("D", { key = k }, function() end) end
end)
step("A/B", function() end)
pcall(function() step("Fails", function() h.box.add("bad") end) end)
step("Skipped", function() skip("not today") end)
`
	report := mustRun(t, options(t, source, boxes{"a": a}))
	want := "a ok 1 [A/B=changed A/B/C=ok A/B/C#2=changed A/B/D[p]=ok A/B/D[q]=ok A/B#2=ok Fails=failed Skipped=skipped]"
	if got := outline(report.Hosts[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if reason := report.Hosts[0].Steps[7].Reason; reason != "not today" {
		t.Errorf("reason %q", reason)
	}
}

func TestCheckChangesNothingAndSaysWhatItCannotKnow(t *testing.T) {
	a := newBox()
	source := `
step("Adds", function() h.box.add("x") end)
local said = step("Tells", function() return h.box.add("y").said end)
step("Looks", function() return h.box.all() end)
step("Other", function() return 1 end)
log("%s", said)
step("Never", function() end)
`
	o := options(t, source, boxes{"a": a})
	o.Check = true
	report := mustRun(t, o)
	want := "a ok 2 [Adds=changed Tells=unknown Looks=unknown Other=ok] unknown"
	if got := outline(report.Hosts[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if len(a.lines) != 0 || report.Exit(true) != 3 || report.Exit(false) != 0 || !report.Check {
		t.Errorf("lines %v, exit %d and %d", a.lines, report.Exit(true), report.Exit(false))
	}
	if !cmp.Equal(report.Hosts[0].Steps[0].Changes, []journal.ChangeReport{{Op: "box.add", What: "add x"}}) {
		t.Errorf("%+v", report.Hosts[0].Steps[0].Changes)
	}
	if _, err := Resume(t.Context(), report.Run, o); effect.KindOf(err) != effect.Usage {
		t.Errorf("a check was resumed: %v", err)
	}
}

func TestAStepThatLooksLosesNothing(t *testing.T) {
	for changes, other := range map[string]string{"false": "ok", "true": "unknown"} {
		source := `
step("Adds", function() h.box.add("x") end)
step("Compares", { changes = ` + changes + ` }, function()
  step("Within", function() return h.box.all() end)
  return h.box.all()
end)
step("Other", function() h.box.lid() end)
`
		o := options(t, source, boxes{"a": newBox()})
		o.Check = true
		report := mustRun(t, o)
		want := "a ok 1 [Adds=changed Compares=unknown Compares/Within=unknown Other=" + other + "]"
		if got := outline(report.Hosts[0]); got != want {
			t.Errorf("changes=%s: got  %s\nwant %s", changes, got, want)
		}
	}
}

func TestAStepThatLooksMayNotChange(t *testing.T) {
	a := newBox()
	o := options(t, `step("Looks", { changes = false }, function() step("Within", function() h.box.add("x") end) end)`, boxes{"a": a})
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "a failed 0 [Looks=failed Looks/Within=failed] script" || len(a.lines) != 0 {
		t.Errorf("%s %v", got, a.lines)
	}
}

func TestStartAtSkipsWhatComesBefore(t *testing.T) {
	source := `
local a = step("One", function() h.box.add("1") return 1 end)
step("Two", function() step("One", function() h.box.add("2") end) end)
step("Three", function() h.box.add("3") end)
`
	a := newBox()
	o := options(t, source, boxes{"a": a})
	o.StartAt = "Two"
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "a ok 2 [One=skipped Two=changed Two/One=changed Three=changed]" {
		t.Error(got)
	}
	o.StartAt = "Four"
	report = mustRun(t, o)
	if e := report.Hosts[0].Error; e == nil || e.Kind != effect.Usage || !strings.Contains(e.Message, "Four") {
		t.Errorf("%+v", e)
	}
}

// person answers questions and counts them.
type person struct {
	mu      sync.Mutex
	answers []string
	asked   []string
}

func (p *person) Ask(_ context.Context, host string, q effect.Question) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, host+": "+q.Text)
	if len(p.answers) == 0 {
		return "", effect.Errorf(effect.Stopped, "ask", "nobody can answer: %s", q.Text)
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return answer, nil
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	source := `return ask("Which one?") .. ask("Here?", { choices = { "yes", "no" } })`
	for name, c := range map[string]struct {
		answers []string
		asked   int
		want    []any
	}{
		"for all": {[]string{"red ", "yes"}, 2, []any{"red yes", "red yes"}},
		"each":    {[]string{"red ", "each", "yes", "no"}, 4, []any{"red yes", "red no"}},
	} {
		p := &person{answers: c.answers}
		o := options(t, source, boxes{"a": newBox(), "b": newBox()})
		o.Asker, o.Forks = p, 1
		report := mustRun(t, o)
		if len(p.asked) != c.asked {
			t.Errorf("%s: asked %q", name, p.asked)
		}
		if got := []any{report.Hosts[0].Result, report.Hosts[1].Result}; !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsIrreversibleStopsAndGoesOnAfterAYes(t *testing.T) {
	source := `
step("Before", function() h.box.add("1") end)
step("Precious", function() h.box.add("precious") end)
step("After", function() h.box.add("3") end)
`
	a := newBox()
	o := options(t, source, boxes{"a": a})
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "a stopped 1 [Before=changed Precious=stopped] stopped" || report.Exit(false) != 75 {
		t.Fatalf("%s, exit %d", got, report.Exit(false))
	}
	if !slices.Equal(a.closed, []bool{true}) {
		t.Errorf("the host was let go: %v", a.closed)
	}
	// A no is asked again, a yes goes on.
	p := &person{answers: []string{"no", "yes"}}
	for _, want := range []string{
		"a stopped 1 [Before=changed Precious=stopped] stopped",
		"a ok 3 [Before=changed Precious=changed After=changed]",
	} {
		report, err := Resume(t.Context(), report.Run, Options{Journal: o.Journal, Modules: o.Modules, Asker: p, dial: o.dial})
		if err != nil {
			t.Fatal(err)
		}
		if got := outline(report.Hosts[0]); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if !slices.Equal(a.lines, []string{"1", "precious", "3"}) || len(p.asked) != 2 {
		t.Errorf("lines %v, asked %q", a.lines, p.asked)
	}
	if _, err := Resume(t.Context(), report.Run, Options{Journal: o.Journal}); effect.KindOf(err) != effect.Usage {
		t.Errorf("a run that is done was resumed: %v", err)
	}
}

func TestSecretsShowNowhere(t *testing.T) {
	source := `
local s = secret("pw")
step("Says", function() log("the file says hunter22") h.box.add("hunter22") return "hunter22" end)
fail("hunter22 is wrong")
`
	a := newBox()
	events := &eventList{}
	o := options(t, source, boxes{"a": a})
	o.Secrets = func(_ context.Context, name string) (string, error) {
		if name != "pw" {
			return "", fmt.Errorf("no secret %s", name)
		}
		return "hunter22", nil
	}
	o.Events = events
	report := mustRun(t, o)
	effects, _ := o.Journal.Effects(t.Context(), report.Run, "")
	steps, _ := o.Journal.Steps(t.Context(), report.Run, "a")
	lines, _ := o.Journal.Lines(t.Context(), report.Run, "")
	for name, v := range map[string]any{"report": report, "events": events.all(), "effects": effects, "steps": steps, "lines": lines} {
		b, err := json.Marshal(v)
		if err != nil || strings.Contains(string(b), "hunter22") {
			t.Errorf("%s: %s, %v", name, b, err)
		}
	}
	if steps[0].Exact || len(lines) != 1 || !strings.Contains(lines[0].Text, "***") {
		t.Errorf("%+v %+v", steps, lines)
	}
}

type eventList struct {
	mu     sync.Mutex
	events []effect.Event
}

func (l *eventList) Emit(e effect.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventList) all() []effect.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

func TestEventsTellTheStoryInOrder(t *testing.T) {
	events := &eventList{}
	o := options(t, `step("S", function() h.box.add("x") end)`, boxes{"a": newBox()})
	o.Events = events
	report := mustRun(t, o)
	var got []string
	for _, e := range events.all() {
		if e.Run != report.Run {
			t.Errorf("an event of run %q", e.Run)
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Type, e.Host, e.Step, e.Status)))
	}
	want := []string{
		"run_start", "host_start a", "step_start a S", "effect_start a S", "effect_end a S changed", "step_end a S changed", "host_end a  ok", "run_end   done",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAHostReachesAnotherOfTheRun(t *testing.T) {
	a, b := newBox(), newBox()
	source := `
if h.name == "b" then return end
step("Tell b", function() connect("b").box.add("from a") end)
step("Tell c", function() connect("c") end)
`
	o := options(t, source, boxes{"a": a, "b": b})
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "a failed 0 [Tell b=changed Tell c=failed] usage" {
		t.Error(got)
	}
	if report.Hosts[1].Changed != 1 || !slices.Equal(b.lines, []string{"from a"}) || len(a.lines) != 0 {
		t.Errorf("b %v, a %v", b.lines, a.lines)
	}
	effects, _ := o.Journal.Effects(t.Context(), report.Run, "b")
	effects = slices.DeleteFunc(effects, func(e journal.Effect) bool { return e.Op == "reach" })
	if len(effects) != 1 || effects[0].Step != "@a/Tell b" {
		t.Errorf("%+v", effects)
	}
	if told := report.Hosts[0].Steps[0].Changes; !cmp.Equal(told, []journal.ChangeReport{{Op: "box.add", Host: "b", What: "add 'from a'"}}) {
		t.Errorf("the step tells %+v", told)
	}
}

func TestAnotherHostIsWaitedForByItsOwnClock(t *testing.T) {
	for name, waiting := range map[string]string{
		"connected": `connect("b").box.wait()`,
		"recorded":  `local other = step("Find it", function() return connect("b") end) other.box.wait()`,
		"a part":    `connect("b"):inside("x").box.wait()`,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newBox(), newBox()
			o := options(t, `if h.name == "a" then `+waiting+` end`, boxes{"a": a, "b": b})
			o.Modules = append(o.Modules, verbs)
			if report := mustRun(t, o); report.Exit(false) != 0 {
				t.Fatalf("%+v", report.Hosts)
			}
			if slept := b.now.Sub(a.now); slept != time.Minute {
				t.Errorf("the other host's clock is %s ahead", slept)
			}
		})
	}
}

func TestAHostThatAScriptDoesNotTouchIsReachedAllTheSame(t *testing.T) {
	away := newBox()
	away.err = &effect.Error{Kind: effect.Unreachable, Message: "no route to host"}
	report := mustRun(t, options(t, `return 1`, boxes{"a": newBox(), "b": away}))
	if h := report.Hosts[0]; h.Status != effect.StatusOK || h.Result != int64(1) {
		t.Errorf("a: %+v", h)
	}
	if h := report.Hosts[1]; h.Status != effect.StatusUnreachable || h.Result != nil {
		t.Errorf("b: %+v", h)
	}
}

func TestBatchesStopAtTheFirstFailure(t *testing.T) {
	hosts := boxes{"a": newBox(), "b": newBox(), "c": newBox()}
	o := options(t, `h.box.add(h.name == "b" and "bad" or "good")`, hosts)
	o.Batch = "1"
	report := mustRun(t, o)
	got := []string{outline(report.Hosts[0]), outline(report.Hosts[1]), outline(report.Hosts[2])}
	want := []string{"a ok 1 []", "b failed 0 [] failed", "c stopped 0 [] stopped"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(hosts["c"].lines) != 0 {
		t.Error("c was touched")
	}
}

const summing = `
--- Counts lines.
local recipe = { params = { bad = { type = "boolean", doc = "make a mistake" } } }
function recipe.run(h, p)
  if h.name == "b" then fail("b is full") end
  return { lines = #h.box.all(), bad = p.bad }
end
function recipe.summary(hosts)
  local rows, sum = {}, 0
  for i, host in ipairs(hosts) do
    rows[i] = { host = host.host, status = host.status, why = host.error }
    sum = sum + (host.result and host.result.lines or 0)
    if host.result and host.result.bad then rows.x.y = 1 end
  end
  return { rows = rows, sum = sum }
end
return recipe
`

func TestTheRecipeSumsItsHostsUp(t *testing.T) {
	a, b, c := newBox(), newBox(), newBox()
	a.lines, c.lines = []string{"1"}, []string{"1", "2"}
	o := options(t, summing, boxes{"a": a, "b": b, "c": c})
	r := mustRun(t, o)
	want := map[string]any{"sum": int64(3), "rows": []any{
		map[string]any{"host": "a", "status": "ok"},
		map[string]any{"host": "b", "status": "failed", "why": "b is full"},
		map[string]any{"host": "c", "status": "ok"},
	}}
	if diff := cmp.Diff(want, r.Summary); diff != "" {
		t.Error(diff)
	}
	again, err := o.Journal.Report(t.Context(), r.Run)
	if err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
	if diff := cmp.Diff(want, again.Summary); diff != "" {
		t.Errorf("as recorded: %s", diff)
	}
}

func TestAMistakeInTheSummaryIsToldAndKeepsTheResults(t *testing.T) {
	o := options(t, summing, boxes{"a": newBox()})
	o.Params = map[string]any{"bad": true}
	r := mustRun(t, o)
	if r.Summary != nil || r.Err == nil || r.Err.At != "test.lua:13" || r.Exit(false) != 5 || r.Hosts[0].Status != "ok" || r.Hosts[0].Result == nil {
		t.Errorf("got %+v, %+v", r, r.Err)
	}
}

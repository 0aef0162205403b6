package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

func show(value any) string {
	var b bytes.Buffer
	Value(&b, value, Style{})
	return b.String()
}

func TestValuesReadWell(t *testing.T) {
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"text", "hello\n", "hello\n"},
		{"whole number", int64(1 << 40), "1099511627776\n"},
		{"fraction", 0.1, "0.1\n"},
		{"nothing", []any{}, "none\n"},
		{"truth", true, "yes\n"},
		{"empty list", map[string]any{"failed": []any{}}, "failed  none\n"},
		{"aligned keys", map[string]any{"a": int64(1), "longer": "x"}, "a       1\nlonger  x\n"},
		{"rows", []any{
			map[string]any{"version": "1.0", "name": "git", "size": int64(5)},
			map[string]any{"name": "rsync", "size": int64(12345)},
		}, "NAME   VERSION   SIZE\ngit    1.0          5\nrsync           12345\n"},
		{"nested", map[string]any{"built": []any{map[string]any{"origin": "www/nginx"}}, "jail": "j"},
			"jail  j\nbuilt\n  ORIGIN\n  www/nginx\n"},
		{"log tails below their table", []any{map[string]any{"origin": "a/b", "tail": "one\ntwo"}},
			"ORIGIN\na/b\ntail of a/b:\n  | one\n  | two\n"},
		{"control characters are shown, not sent", "a\x1b[31mred", "a\uFFFD[31mred\n"},
	} {
		if diff := cmp.Diff(c.want, show(c.value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func failedReport() *journal.Report {
	return &journal.Report{
		Run: "r1", Recipe: "poudriere", Took: 75,
		Hosts: []journal.HostReport{
			{Name: "a", Status: "ok", Changed: 2, Steps: []journal.StepReport{{Name: "One", Status: "ok"}, {Name: "Two", Status: "changed",
				Changes: []journal.ChangeReport{{Op: "file.put", What: "/etc/x", Diff: "--- a/etc/x\n+++ b/etc/x\n@@ -1 +1 @@\n-a\n+b\n"}}}}},
			{Name: "b", Status: "failed", Error: &journal.ErrorReport{Op: "pkg.install", Kind: effect.Failed, Code: 1,
				Command: "pkg install -y git", Stderr: "pkg: no space", Message: "git was not installed", Hint: "free some space", At: "x.lua:3"}},
		},
	}
}

func TestTextTellsFailuresWithAllThatIsKnown(t *testing.T) {
	var out, errOut bytes.Buffer
	Text(&out, &errOut, failedReport(), TextOptions{})
	for _, want := range []string{"b: git was not installed", "pkg install -y git", "exit code  1", "pkg: no space", "hint free some space", "x.lua:3"} {
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, errOut.String())
		}
	}
	want := "HOST  STATUS  CHANGED  STEPS\na     ok            2  1 ok, 1 changed\nb     failed        0\nrun r1 took 1m15s; bsdrun show r1 tells all of it\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTextTellsHowToGoOn(t *testing.T) {
	for status, told := range map[string]bool{"ok": false, "failed": false, "stopped": true, "unreachable": true} {
		r := failedReport()
		r.Hosts[1].Status = status
		var out bytes.Buffer
		Text(&out, &bytes.Buffer{}, r, TextOptions{})
		if strings.Contains(out.String(), "bsdrun resume r1") != told {
			t.Errorf("%s:\n%s", status, out.String())
		}
	}
}

func TestCheckListsChangesAndDiffs(t *testing.T) {
	r := failedReport()
	r.Check = true
	var out, errOut bytes.Buffer
	Text(&out, &errOut, r, TextOptions{Diff: true})
	for _, want := range []string{"would change  Two", "file.put /etc/x", "-a", "+b", "WOULD CHANGE"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

func TestCheckTellsChangesOutsideOfSteps(t *testing.T) {
	r := &journal.Report{Check: true, Run: "r1", Hosts: []journal.HostReport{{Name: "a", Status: "ok", Changed: 1, Result: true,
		Changes: []journal.ChangeReport{{Op: "file.put", What: "put /etc/x"}}}}}
	var out, errOut bytes.Buffer
	Text(&out, &errOut, r, TextOptions{Whole: true})
	want := "a\n  would change  outside of steps\n      file.put put /etc/x\n\nyes\nHOST  STATUS  WOULD CHANGE\na     ok                 1\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCheckNeverSaysThatAStepChanged(t *testing.T) {
	r := failedReport()
	r.Check = true
	var out, errOut bytes.Buffer
	Text(&out, &errOut, r, TextOptions{})
	if got := out.String(); strings.Contains(got, "1 changed") || !strings.Contains(got, "1 ok, 1 would change") {
		t.Errorf("got:\n%s", got)
	}
}

func TestOutputOfOneHostStandsAlone(t *testing.T) {
	for _, c := range []struct{ result, want string }{{"text\n", "text\n"}, {"", ""}} {
		r := &journal.Report{Run: "r1", Hosts: []journal.HostReport{{Name: "a", Status: "ok", Changed: 1, Result: c.result,
			Changes: []journal.ChangeReport{{Op: "run", What: "cat x"}}}}}
		var out, errOut bytes.Buffer
		Text(&out, &errOut, r, TextOptions{})
		if out.String() != c.want {
			t.Errorf("%q: got %q", c.result, out.String())
		}
	}
}

func TestHostsThatFailedAlikeShareOneReport(t *testing.T) {
	r := &journal.Report{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		r.Hosts = append(r.Hosts, journal.HostReport{Name: name, Error: &journal.ErrorReport{Host: name, Message: "not begun", Hint: "resume"}})
	}
	r.Hosts[1].Error = &journal.ErrorReport{Message: "no space"}
	var errOut bytes.Buffer
	Failures(&errOut, r, Style{})
	want := "6 hosts: not begun\n  a,c,d,e,f,g\n  hint resume\nb: no space\n"
	if diff := cmp.Diff(want, errOut.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAFailureDoesNotRepeatItself(t *testing.T) {
	e := &journal.ErrorReport{Command: "ls /x", Message: "ls /x: exit code 1: no such file", Stderr: "no such file\n", Code: 1}
	var w bytes.Buffer
	writeError(&w, []string{"a"}, e, Style{})
	if n := strings.Count(w.String(), "no such file"); n != 1 {
		t.Errorf("told %d times:\n%s", n, w.String())
	}
	// What was stopped before it ran has no exit code.
	w.Reset()
	writeError(&w, []string{"a"}, &journal.ErrorReport{Command: "zpool destroy x", Message: "stopped"}, Style{})
	if strings.Contains(w.String(), "exit code") {
		t.Errorf("got:\n%s", w.String())
	}
}

func TestOneTableOverHostsWithPlainResults(t *testing.T) {
	r := &journal.Report{Hosts: []journal.HostReport{
		{Name: "a", Status: "ok", Result: map[string]any{"release": "14.3-RELEASE"}},
		{Name: "b", Status: "ok", Result: map[string]any{"release": "13.5-RELEASE"}},
	}}
	var out, errOut bytes.Buffer
	Text(&out, &errOut, r, TextOptions{})
	if want := "HOST  RELEASE\na     14.3-RELEASE\nb     13.5-RELEASE\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got:\n%s", out.String())
	}
}

func TestTheSummaryStandsForTheResults(t *testing.T) {
	r := &journal.Report{
		Summary: map[string]any{"fix": "none", "verdicts": []any{map[string]any{"host": "a", "works": true}}},
		Hosts:   []journal.HostReport{{Name: "a", Status: "ok", Result: map[string]any{"detail": "long"}}, {Name: "b", Status: "ok"}},
	}
	var out bytes.Buffer
	Text(&out, &bytes.Buffer{}, r, TextOptions{})
	if want := "fix  none\nverdicts\n  HOST  WORKS\n  a     yes\n\nHOST"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("got:\n%s", out.String())
	}
	var errs bytes.Buffer
	Failures(&errs, &journal.Report{Recipe: "x", Err: &journal.ErrorReport{Message: "no such field", At: "x.lua:3"}}, Style{})
	if want := "x: no such field\n  at  x.lua:3\n"; errs.String() != want {
		t.Errorf("got %q", errs.String())
	}
}

func TestJSONHasTheShapeOfTheManual(t *testing.T) {
	var out bytes.Buffer
	r := failedReport()
	r.Hosts[0].Result = map[string]any{"built": []any{}}
	if err := JSON(&out, r); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	hosts := got["hosts"].([]any)
	if built := hosts[0].(map[string]any)["result"].(map[string]any)["built"]; built == nil {
		t.Error("an empty list became null")
	}
	failed := hosts[1].(map[string]any)["error"].(map[string]any)
	for _, key := range []string{"op", "kind", "code", "stderr", "message", "hint", "at"} {
		if failed[key] == nil {
			t.Errorf("error has no %s", key)
		}
	}
}

func TestExitCodesTakeTheFirstThatApplies(t *testing.T) {
	kinds := func(kinds ...effect.ErrKind) *journal.Report {
		r := &journal.Report{}
		for _, k := range kinds {
			h := journal.HostReport{}
			if k != "" {
				h.Error = &journal.ErrorReport{Kind: k}
			}
			r.Hosts = append(r.Hosts, h)
		}
		return r
	}
	for _, c := range []struct {
		report *journal.Report
		want   int
	}{
		{kinds("", ""), 0},
		{kinds(effect.Unreachable, ""), 4},
		{kinds(effect.Unreachable, effect.Stopped), 75},
		{kinds(effect.Stopped, effect.Failed, effect.Unreachable), 2},
		{kinds(effect.Failed, effect.Script), 5},
		{kinds(effect.Script, effect.Internal), 1},
		{kinds(effect.Internal, effect.Cancelled), 130},
		{&journal.Report{Check: true, Hosts: []journal.HostReport{{Changed: 1}}}, 3},
		{&journal.Report{Check: false, Hosts: []journal.HostReport{{Changed: 1}}}, 0},
	} {
		if got := c.report.Exit(true); got != c.want {
			t.Errorf("%+v: exit %d, want %d", c.report.Hosts, got, c.want)
		}
	}
}

func TestProgressTellsStepsAndCounts(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(&out, Style{}, false)
	p.Emit(effect.Event{Type: effect.StepStart, Host: "a", Step: "Build"})
	p.Emit(effect.Event{Type: effect.Progress, Host: "a", Text: "built 3 of 9"})
	p.Emit(effect.Event{Type: effect.Progress, Host: "a", Text: "built 4 of 9"}) // too soon to tell
	p.Emit(effect.Event{Type: effect.StepEnd, Host: "a", Step: "Build", Status: "changed", Took: 62})
	p.Close()
	want := "a  ...  built 3 of 9\na  changed  Build  1m02s\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestProgressTellsOfStepsThatLast(t *testing.T) {
	var out bytes.Buffer
	p := NewPlain(&out, Style{}, false)
	p.Close()
	p.Emit(effect.Event{Type: effect.StepStart, Host: "a", Step: "Build"})
	p.Emit(effect.Event{Type: effect.EffectStart, Host: "a", Text: "portshaker -U"})
	since := p.hosts["a"].steps[0].since
	for _, after := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 40 * time.Second} {
		p.tellLasting("a", p.hosts["a"], since.Add(after))
	}
	want := "a  ...  Build  3.0s  portshaker -U\na  ...  Build  40s  portshaker -U\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStepsOfAFormerSessionAreNotToldAsDoneNow(t *testing.T) {
	var w bytes.Buffer
	p := NewPlain(&w, Style{}, false)
	p.Emit(effect.Event{Type: effect.StepStart, Host: "a", Step: "Outer"})
	p.Emit(effect.Event{Type: effect.StepEnd, Host: "a", Step: "Outer/Inner", Status: effect.StatusChanged, Data: map[string]any{"recorded": true}})
	if n := len(p.hosts["a"].steps); n != 1 {
		t.Errorf("%d steps are under way, want Outer", n)
	}
	p.Emit(effect.Event{Type: effect.StepEnd, Host: "a", Step: "Outer", Status: effect.StatusOK, Took: 1})
	p.Close()
	if want := "a  done before  Outer/Inner\na  ok  Outer  1.0s\n"; w.String() != want {
		t.Errorf("got %q", w.String())
	}
}

package report

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

func TestJUnitTellsHowEveryStepEnded(t *testing.T) {
	r := &journal.Report{Run: "r1", Recipe: "patch", Hosts: []journal.HostReport{
		{Name: "a", Status: "failed", Error: &journal.ErrorReport{Message: "no space\x1b[31m", Kind: effect.Failed, Command: "pkg upgrade", Stderr: "pkg: full"},
			Steps: []journal.StepReport{{Name: "One", Status: "changed", Took: 1.5, Changes: []journal.ChangeReport{{Op: "run", What: "touch /x", Diff: "+x"}}},
				{Name: "Two", Status: "failed"}, {Name: "Three", Status: "skipped", Reason: "not wanted"}}},
		{Name: "b", Status: "unreachable", Error: &journal.ErrorReport{Message: "no route", Kind: effect.Unreachable}},
		{Name: "c", Status: "ok"},
	}}
	var out bytes.Buffer
	if err := JUnit(&out, r); err != nil {
		t.Fatal(err)
	}
	var got junitRun
	if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if got.Tests != 5 || got.Failures != 1 || got.Errors != 1 || got.Skipped != 1 {
		t.Errorf("%d tests, %d failures, %d errors, %d skipped", got.Tests, got.Failures, got.Errors, got.Skipped)
	}
	a := got.Suites[0]
	if c := a.Cases[0]; c.Time != "1.500" || c.Out != "run touch /x\n  +x\n" {
		t.Errorf("got %+v", c)
	}
	if f := a.Cases[1].Failure; f == nil || f.Message != "no space\uFFFD[31m" || !strings.Contains(f.Text, "pkg: full") {
		t.Errorf("got %+v", a.Cases[1])
	}
	if s := a.Cases[2].Skipped; s == nil || s.Message != "skipped: not wanted" {
		t.Errorf("got %+v", a.Cases[2])
	}
	if e := got.Suites[1].Cases[0].Error; e == nil || e.Type != "unreachable" {
		t.Errorf("got %+v", got.Suites[1])
	}
	if c := got.Suites[2].Cases; len(c) != 1 || c[0].Error != nil {
		t.Errorf("got %+v", c)
	}
}

func TestARecordedRunIsReplayedAsItsEvents(t *testing.T) {
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	run := &journal.Run{Recipe: "x"}
	rec, err := store.Begin(run, []journal.Host{{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	rec.HostStart("a", began)
	step := journal.Step{Path: "One", Title: "One", Started: began}
	rec.StepStart("a", step)
	rec.Outcome(&journal.Effect{Host: "a", Step: "One", Op: "run", Kind: "change", Risk: "safe", What: "touch /x", Sent: began, Ended: began, Status: "ok", Out: []byte("hello\n")})
	step.Status, step.Ended = "changed", began.Add(time.Second)
	if err := rec.StepEnd("a", step); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Replay(context.Background(), &out, store, run); err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var e effect.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Run != run.ID {
			t.Errorf("not of the run: %s", line)
		}
		types = append(types, string(e.Type))
	}
	if got, want := strings.Join(types, " "), "run_start host_start step_start effect_start output effect_end step_end run_end"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

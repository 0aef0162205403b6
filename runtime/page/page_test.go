package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// recorded is a journal with one run, in which a host has done what do records.
func recorded(t *testing.T, do func(rec *journal.Recorder, began time.Time)) (*journal.Store, string) {
	t.Helper()
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	run := &journal.Run{Recipe: "patch", Started: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	rec, err := store.Begin(run, []journal.Host{{Name: "web1"}, {Name: "web2"}})
	if err != nil {
		t.Fatal(err)
	}
	do(rec, run.Started)
	return store, run.ID
}

func load1(t *testing.T, store *journal.Store, id string) *Run {
	t.Helper()
	run, err := Load(context.Background(), store, id)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestHostsStepsAndEffectsLieInTime(t *testing.T) {
	store, id := recorded(t, func(rec *journal.Recorder, began time.Time) {
		rec.HostStart("web1", began.Add(time.Second))
		outer, inner := journal.Step{Path: "Out//er", Title: "Out/er", Started: began.Add(2 * time.Second)}, journal.Step{Path: "Out//er/Inner", Title: "Out/er/Inner", Started: began.Add(3 * time.Second)}
		rec.StepStart("web1", outer)
		rec.StepStart("web1", inner)
		e := journal.Effect{Host: "web1", Step: inner.Path, Op: "file.put", Kind: "change", Risk: "safe", What: "put /etc/x", Counts: true,
			Sent: began.Add(3 * time.Second), Ended: began.Add(3500 * time.Millisecond), Status: "ok", Out: []byte("done\xff"), Diff: "-a\n+b\n"}
		rec.Outcome(&e)
		inner.Status, inner.Ended = effect.StatusChanged, began.Add(4*time.Second)
		if err := rec.StepEnd("web1", inner); err != nil {
			t.Fatal(err)
		}
	})
	run := load1(t, store, id)
	web1, web2 := run.Hosts[0], run.Hosts[1]
	if web1.Status != "running" || web2.Status != waiting {
		t.Errorf("web1 is %s, web2 is %s", web1.Status, web2.Status)
	}
	if web1.Changed != 1 || len(web1.Steps) != 2 {
		t.Fatalf("got %+v", web1)
	}
	outer, inner := web1.Steps[0], web1.Steps[1]
	if run.Strings[outer.Title] != "Out/er" || outer.Depth != 0 || run.Strings[inner.Title] != "Inner" || inner.Depth != 1 {
		t.Errorf("outer is %q at %d, inner is %q at %d", run.Strings[outer.Title], outer.Depth, run.Strings[inner.Title], inner.Depth)
	}
	if inner.Started != 3000 || inner.Took != 1000 {
		t.Errorf("inner began at %d and took %d", inner.Started, inner.Took)
	}
	e := inner.Effects[0]
	if run.Strings[e.Out] != "done\uFFFD" || run.Strings[e.Diff] != "-a\n+b\n" || e.Took != 500 || e.Risk != "" {
		t.Errorf("got %+v", e)
	}
}

func TestEqualTextsCountOnceAndLongOnesAreBounded(t *testing.T) {
	s := newStrings()
	text := strings.Repeat("x", maxLong/2+1)
	if a, b := s.addLong(text), s.addLong(text); a != b {
		t.Errorf("equal texts are %d and %d", a, b)
	}
	if got := s.list[s.addLong(text+"y")]; got != leftOut {
		t.Errorf("a text beyond the bound has %d bytes", len(got))
	}
}

func TestBuildsAreReadFromResultsAndCounts(t *testing.T) {
	counts := map[string]any{"queued": int64(3), "built": int64(1), "failed": int64(1), "skipped": int64(1), "ignored": int64(0), "fetched": int64(0)}
	result := map[string]any{"counts": counts,
		"built":  []any{map[string]any{"origin": "a/slow", "took": int64(90)}},
		"failed": []any{map[string]any{"origin": "b/bad", "took": int64(5), "phase": "stage"}}}
	b := buildsOf(result)
	if b == nil || b.Queued != 3 || b.Skipped != 1 || len(b.Ports) != 2 || b.Ports[0].Failed != "stage" || b.Ports[1].Took != 90 {
		t.Errorf("of a result: %+v", b)
	}
	if b := buildsOf(counts); b == nil || b.Built != 1 || b.Ports != nil {
		t.Errorf("of counts: %+v", b)
	}
	for _, other := range []any{nil, "text", map[string]any{"built": int64(1)}, map[string]any{"counts": map[string]any{}}} {
		if b := buildsOf(other); b != nil {
			t.Errorf("of %v: %+v", other, b)
		}
	}
}

func TestAPageStandsAlone(t *testing.T) {
	hostile := `</script><script>alert(1)</script><img src=x onerror=alert(2)>`
	store, id := recorded(t, func(rec *journal.Recorder, began time.Time) {
		rec.HostStart("web1", began)
		rec.Outcome(&journal.Effect{Host: "web1", Op: "run", Kind: "change", Risk: "safe", What: hostile, Sent: began, Ended: began, Status: "ok", Out: []byte(hostile)})
	})
	var page bytes.Buffer
	if err := Write(&page, load1(t, store, id), ""); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if strings.Contains(text, hostile) || strings.Count(text, "</script>") != 2 {
		t.Error("a text of a host ends an element of the page")
	}
	for _, from := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if from[1] != "data:," && !strings.HasPrefix(from[1], "#") {
			t.Errorf("the page refers to %q", from[1])
		}
	}
	if !strings.Contains(text, "default-src &#39;none&#39;") || strings.Contains(text, "connect-src") {
		t.Error("the page's policy lets it out")
	}
	data := regexp.MustCompile(`(?s)id="data">(.*?)</script>`).FindStringSubmatch(text)
	var back Run
	if err := json.Unmarshal([]byte(data[1]), &back); err != nil || back.Strings[back.Hosts[0].Steps[0].Effects[0].Out] != hostile {
		t.Errorf("the text did not come back: %v", err)
	}
}

// A fleet's page grows with what differs, not with what is alike.
func TestThePageOfAFleetStaysSmall(t *testing.T) {
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	const hosts, steps = 200, 20
	var list []journal.Host
	for i := range hosts {
		list = append(list, journal.Host{Name: fmt.Sprintf("web%d.example.org", i)})
	}
	run := &journal.Run{Recipe: "patch"}
	rec, err := store.Begin(run, list)
	if err != nil {
		t.Fatal(err)
	}
	output := []byte(strings.Repeat("upgrading packages, as on every host of the fleet\n", 100))
	for _, h := range list {
		rec.HostStart(h.Name, run.Started)
		for s := range steps {
			name := fmt.Sprintf("Step %d", s)
			rec.StepStart(h.Name, journal.Step{Path: name, Title: name, Started: run.Started})
			rec.Outcome(&journal.Effect{Host: h.Name, Step: name, Op: "pkg.upgrade", Kind: "change", Risk: "safe", What: "pkg upgrade -y", Sent: run.Started, Ended: run.Started, Status: "ok", Out: output})
		}
	}
	var page bytes.Buffer
	if err := Write(&page, load1(t, store, run.ID), ""); err != nil {
		t.Fatal(err)
	}
	if per := page.Len() / (hosts * steps); per > 200 {
		t.Errorf("%d bytes a step", per)
	}
}

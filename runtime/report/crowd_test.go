package report

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// crowded is a view of a run on many hosts, and what it has told since.
func crowded(t *testing.T, total int) (*crowd, func() string) {
	t.Helper()
	var w bytes.Buffer
	c := newCrowd(&Plain{w: &w}, total)
	c.told = time.Time{}
	return c, func() string {
		defer w.Reset()
		return w.String()
	}
}

func TestManyHostsAreCountedWhileTheyRun(t *testing.T) {
	c, told := crowded(t, 40)
	now := time.Unix(1000, 0)
	on := func(n int, e effect.Event) {
		e.Host = fmt.Sprintf("web%02d", n)
		c.emit(e, now)
	}
	for n := range 30 {
		on(n, effect.Event{Type: effect.HostStart})
		on(n, effect.Event{Type: effect.StepStart, Step: "Look"})
		on(n, effect.Event{Type: effect.Log, Text: fmt.Sprintf("web%02d is old", n)})
		if n < 20 {
			on(n, effect.Event{Type: effect.StepEnd, Step: "Look", Status: effect.StatusOK})
			on(n, effect.Event{Type: effect.StepStart, Step: "Fetch"})
		}
		if n < 8 {
			on(n, effect.Event{Type: effect.HostEnd, Status: effect.StatusFailed, Err: effect.Errorf(effect.Failed, "run", "no room on web%02d", n)})
		}
	}
	c.tick(now)
	want := `web00  log  web00 is old
web00  failed  no room on web00
web01  log  web01 is old
web01  failed  no room on web01
web02  log  web02 is old
web02  failed  no room on web02
log  HOST is old (27 more hosts)
failed  no room on HOST (5 more hosts)
...  8 of 40 hosts have ended (8 failed), 22 under way: 12 at Fetch, 10 at Look
`
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	c.tick(now.Add(tellCrowdAfter))
	if again := told(); again != "" {
		t.Errorf("no news are told: %s", again)
	}
	c.tick(now.Add(tellCrowdAgain))
	if again := told(); again == "" {
		t.Error("nothing is told for long")
	}
	for n := 8; n < 29; n++ {
		on(n, effect.Event{Type: effect.HostEnd, Status: effect.StatusOK})
	}
	c.tick(now.Add(2 * tellCrowdAgain))
	if diff := cmp.Diff("...  29 of 40 hosts have ended (8 failed), 1 under way: 1 at Look (web29 for 1m00s)\n", told()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPlainCountsManyHostsAlone(t *testing.T) {
	for _, c := range []struct {
		hosts   int
		verbose bool
		lines   int
	}{{manyHosts - 1, false, manyHosts - 1}, {manyHosts, false, 0}, {manyHosts, true, manyHosts}} {
		var w bytes.Buffer
		p := NewPlain(&w, Style{}, c.verbose)
		p.Emit(effect.Event{Type: effect.RunStart, Data: map[string]any{"hosts": c.hosts}})
		for n := range c.hosts {
			host := fmt.Sprintf("web%02d", n)
			p.Emit(effect.Event{Type: effect.StepStart, Host: host, Step: "Look"})
			p.Emit(effect.Event{Type: effect.StepEnd, Host: host, Step: "Look", Status: effect.StatusOK})
		}
		p.Close()
		if got := bytes.Count(w.Bytes(), []byte("  ok  Look")); got != c.lines {
			t.Errorf("%+v: %d lines:\n%s", c, got, w.String())
		}
	}
}

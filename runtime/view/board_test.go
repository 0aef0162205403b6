package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// after is a board that has noted events, each a second after the one before.
func after(events ...effect.Event) *board {
	b := newBoard()
	for i, e := range events {
		e.At = began.Add(time.Duration(i) * time.Second)
		b.note(e)
	}
	return b
}

func start(hosts int) effect.Event {
	return effect.Event{Type: effect.RunStart, Text: "patch", Data: map[string]any{"hosts": hosts}}
}

func TestOneHost(t *testing.T) {
	b := after(start(1),
		effect.Event{Type: effect.HostStart, Host: "a"},
		effect.Event{Type: effect.StepStart, Host: "a", Text: "Build"},
		effect.Event{Type: effect.EffectStart, Host: "a", Text: "poudriere bulk\n -j x", Kind: "change"},
		effect.Event{Type: effect.EffectOut, Host: "a", Kind: "change", Text: "one\ntwo\r\n10%\r20%\x1b[2J\tx"},
		effect.Event{Type: effect.Progress, Host: "a", Text: "5 of 10", Data: map[string]any{"done": 5, "total": 10}},
	)
	want := `patch  10s
> Build  8.0s  [#####.....] 5 of 10
  poudriere bulk -j x  7.0s
  | one
  | two
  | 20%` + "\uFFFD" + `[2J    x
o output  d changes  Ctrl-C stops`
	if diff := cmp.Diff(want, b.draw(look{width: 80, height: 24, now: began.Add(10 * time.Second)})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheTailIsWhatSomebodyWaitsFor(t *testing.T) {
	begin := func(what string) effect.Event { return effect.Event{Type: effect.EffectStart, Host: "a", Text: what} }
	out := func(op, kind, text string) effect.Event {
		return effect.Event{Type: effect.EffectOut, Host: "a", Op: op, Kind: kind, Text: text}
	}
	job := begin("log job bulk")
	for _, c := range []struct {
		name   string
		events []effect.Event
		want   []string
	}{
		{"a change", []effect.Event{begin("make"), out("run", "change", "cc a.c\n")}, []string{"cc a.c"}},
		{"a query of the recipe", []effect.Event{begin("iostat"), out("read", "read", "0 0\n")}, []string{"0 0"}},
		{"a query of a binding", []effect.Event{begin("make"), out("run", "change", "cc a.c\n"), begin("zpool list"), out("zpool.list", "read", "zroot\n")}, []string{"cc a.c"}},
		{"another change", []effect.Event{begin("make"), out("run", "change", "cc a.c\n"), begin("date"), out("run", "change", "noon\n")}, []string{"noon"}},
		{"a job, look by look", []effect.Event{job, out("job.wait", "change", "one\n"), job, out("job.wait", "change", "two\n")}, []string{"one", "two"}},
	} {
		b := after(append([]effect.Event{start(1), {Type: effect.HostStart, Host: "a"}}, c.events...)...)
		if diff := cmp.Diff(c.want, b.hosts["a"].out.last(5)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestManyHosts(t *testing.T) {
	b := after(start(5),
		effect.Event{Type: effect.HostStart, Host: "a"}, effect.Event{Type: effect.HostStart, Host: "bb"}, effect.Event{Type: effect.HostStart, Host: "c"},
		effect.Event{Type: effect.StepStart, Host: "bb", Text: "Patch"},
		effect.Event{Type: effect.HostEnd, Host: "c", Status: "failed", Err: &effect.Error{Message: "no room"}},
		effect.Event{Type: effect.HostEnd, Host: "e", Status: "stopped", Err: &effect.Error{Message: "not begun"}},
	)
	want := `patch  5 hosts: 1 failed, 1 stopped, 2 running, 1 waiting  10s
  a   connecting  9.0s
> bb  Patch  6.0s
o output  d changes  f failures  ↑↓ host  Ctrl-C stops`
	got := b.draw(look{width: 80, height: 24, now: began.Add(10 * time.Second), selected: "bb"})
	if diff := cmp.Diff(want, strings.ReplaceAll(got, "  \n", "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheRegionFitsEveryTerminal(t *testing.T) {
	events := []effect.Event{start(30)}
	for i := range 30 {
		name := fmt.Sprintf("web%d.example.org", i)
		events = append(events, effect.Event{Type: effect.HostStart, Host: name}, effect.Event{Type: effect.StepStart, Host: name, Text: strings.Repeat("日本語 ", 30)},
			effect.Event{Type: effect.EffectOut, Host: name, Kind: "change", Text: strings.Repeat("out\n", 50)})
	}
	many, one := after(events...), after(append([]effect.Event{start(1)}, events[1:4]...)...)
	for _, b := range []*board{many, one} {
		for width := 1; width < 100; width += 7 {
			for height := 4; height < 60; height++ {
				for _, selected := range []string{"", "web0.example.org", "web29.example.org"} {
					lines := strings.Split(b.draw(look{width: width, height: height, selected: selected, now: began}), "\n")
					if len(lines) > height-1 {
						t.Fatalf("%d lines on a screen of %d", len(lines), height)
					}
					for _, line := range lines {
						if n := ansi.StringWidth(line); n > width {
							t.Fatalf("%d columns on a screen of %d: %q", n, width, line)
						}
					}
				}
			}
		}
	}
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	h := &host{}
	for range 100 {
		h.note(effect.Event{Type: effect.EffectOut, Kind: "change", Text: strings.Repeat("x", maxTail/10)})
	}
	if n := len(h.out.text); n > 2*maxTail {
		t.Errorf("%d bytes of output", n)
	}
	b := newBoard()
	b.note(effect.Event{Type: effect.HostStart, Host: "a"})
	for range 20 {
		b.note(effect.Event{Type: effect.EffectEnd, Host: "a", Kind: "change", Diff: &effect.Diff{After: make([]byte, maxContents/4)}})
	}
	if len(b.changes) > 4 || b.kept > maxContents {
		t.Errorf("%d changes, %d bytes", len(b.changes), b.kept)
	}
	for range 2 * maxChanges {
		b.note(effect.Event{Type: effect.EffectEnd, Host: "a", Kind: "change", Diff: &effect.Diff{Note: "mode"}})
	}
	if len(b.changes) > maxChanges {
		t.Errorf("%d changes", len(b.changes))
	}
}

func TestAPagerStaysAtTheEndOfWhatGrows(t *testing.T) {
	b := after(start(1), effect.Event{Type: effect.HostStart, Host: "a"}, effect.Event{Type: effect.EffectOut, Host: "a", Kind: "change", Text: strings.Repeat("line\n", 50) + "last"})
	p := outputPager(b.hosts["a"])
	l := look{width: 40, height: 12}
	shown := func() string { return p.draw(b, l) }
	if !strings.Contains(shown(), "\nlast\n") || !strings.Contains(shown(), "42-51 of 51") {
		t.Errorf("not at the end:\n%s", shown())
	}
	b.note(effect.Event{Type: effect.EffectOut, Host: "a", Kind: "change", Text: "\nnewest"})
	if !strings.Contains(shown(), "\nnewest\n") {
		t.Errorf("did not follow:\n%s", shown())
	}
	p.scroll(b, l, -3)
	b.note(effect.Event{Type: effect.EffectOut, Host: "a", Kind: "change", Text: "\nlater"})
	if strings.Contains(shown(), "newest") {
		t.Errorf("moved under the reader's eyes:\n%s", shown())
	}
	p.scroll(b, l, allLines)
	if !strings.Contains(shown(), "\nlater\n") {
		t.Errorf("did not go to the end:\n%s", shown())
	}
}

package page

import (
	"context"
	"strings"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// loader reads the hosts of one run.
type loader struct {
	store   *journal.Store
	run     string
	began   time.Time
	over    bool
	strings *stringTable
	notes   map[string][]string
	live    map[string]journal.LiveRow
}

// since is a time in milliseconds since the run began; zero stays zero.
func (l *loader) since(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, t.Sub(l.began).Milliseconds())
}

func took(started, ended time.Time) int64 {
	if ended.IsZero() {
		return 0
	}
	return ended.Sub(started).Milliseconds()
}

// readNotes reads what is kept of all hosts in one place.
func (l *loader) readNotes(ctx context.Context) error {
	lines, err := l.store.Lines(ctx, l.run, "")
	if err != nil {
		return err
	}
	l.notes = map[string][]string{}
	for _, line := range lines {
		if strings.HasPrefix(line.Type, "connection.") {
			l.notes[line.Host] = append(l.notes[line.Host], valid(line.Text))
		}
	}
	if !l.over {
		l.live, err = l.store.Live(ctx, l.run)
	}
	return err
}

func (l *loader) host(ctx context.Context, h journal.Host) (Host, error) {
	out := Host{
		Name: h.Name, Status: l.status(h), Started: l.since(h.Started), Ended: l.since(h.Ended),
		Notes: l.notes[h.Name], Error: h.Error, Result: journal.ForJSON(h.Result),
	}
	steps, err := l.store.Steps(ctx, l.run, h.Name)
	if err != nil {
		return out, err
	}
	effects, err := l.store.Effects(ctx, l.run, h.Name)
	if err != nil {
		return out, err
	}
	of := map[string][]Effect{}
	for i := range effects {
		e := &effects[i]
		of[e.Step] = append(of[e.Step], l.effect(e))
		if e.Counts {
			out.Changed++
		}
	}
	if outside := of[""]; len(outside) > 0 {
		out.Steps = append(out.Steps, Step{Status: effect.StatusOK, Started: out.Started, Effects: outside})
	}
	var around []*journal.Step
	for i := range steps {
		for len(around) > 0 && !strings.HasPrefix(steps[i].Path, around[len(around)-1].Path+"/") {
			around = around[:len(around)-1]
		}
		out.Steps = append(out.Steps, l.step(&steps[i], around, of[steps[i].Path]))
		around = append(around, &steps[i])
	}
	if row, ok := l.live[h.Name]; ok && out.Status == journal.Running {
		out.Live = &Live{Since: l.since(row.Since), What: valid(row.What), Text: valid(row.Text), Out: valid(row.Out), Builds: buildsOf(row.Data)}
	}
	return out, nil
}

// step is a step within those around it, whose names it need not repeat.
func (l *loader) step(s *journal.Step, around []*journal.Step, effects []Effect) Step {
	title := s.Title
	if len(around) > 0 {
		title = strings.TrimPrefix(title, around[len(around)-1].Title+"/")
	}
	out := Step{
		Title: l.strings.add(title), Depth: len(around), Status: s.Status,
		Started: l.since(s.Started), Took: took(s.Started, s.Ended),
		Reason: l.strings.add(s.Reason), Error: s.Error, Builds: buildsOf(journal.ForJSON(s.Value)), Effects: effects,
	}
	if s.Status == journal.Running && l.over {
		out.Status = effect.StatusStopped
	}
	return out
}

func (l *loader) effect(e *journal.Effect) Effect {
	out := Effect{
		Op: l.strings.add(e.Op), Kind: e.Kind, What: l.strings.add(e.What), At: l.strings.add(e.Line),
		Status: e.Status, Counts: e.Counts, Code: e.Code, Took: took(e.Sent, e.Ended),
		Out: l.strings.addLong(string(e.Out)), Err: l.strings.addLong(string(e.Err)), Diff: l.strings.addLong(e.Diff),
	}
	if e.Risk != effect.Safe.String() {
		out.Risk = e.Risk
	}
	if e.Error != nil {
		out.Message = l.strings.add(e.Error.Message)
	}
	return out
}

package layer

import (
	"sync"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// Past is what former sessions of a run did on one host. A step that was cut
// short runs again: its Changes are looked up here, so that none is made twice.
//
// A script is a function of what it was told. As long as every Read of a step
// is answered as it was, the step must send the same Changes, and one that
// differs means that the recipe does not do what it did (Diverged). Once a Read
// comes back different, most often because a Change that had been made now
// shows, the step may go another way.
type Past struct {
	mu    sync.Mutex
	steps map[string]*pastStep
	// Edited: a person has put another recipe in the place of the one that
	// was recorded, so that differences are meant.
	Edited bool
	// LedgerGone: the host's ledger was removed when the run failed there, so
	// that it cannot answer any more.
	LedgerGone bool
	// Noted is the last Change that the host's ledger must know, by its ID.
	Noted string
}

type pastStep struct {
	changes  []*pastChange
	answers  map[string][]string // of Reads, by hash, in the last session
	asked    map[string]int      // how many of them were asked again
	last     int                 // the last session that ran the step
	deviates bool                // a Read was answered differently
	ordinal  int64               // the highest that was given
	failed   bool                // the step itself had failed
	settled  sync.Once
}

type pastChange struct {
	row  journal.Effect
	used bool
	// caught: it failed, and the step went on all the same.
	caught bool
	// last: the step went no further.
	last bool
}

// NewPast reads the effects and steps of former sessions; none at all are a
// Past that knows nothing.
func NewPast(effects []journal.Effect, steps []journal.Step) *Past {
	p := &Past{steps: map[string]*pastStep{}}
	for _, e := range effects {
		s := p.step(e.Step)
		s.last = max(s.last, e.Session)
		s.ordinal = max(s.ordinal, e.Ordinal)
	}
	for _, e := range effects {
		s := p.step(e.Step)
		if n := len(s.changes); n > 0 && s.changes[n-1].row.Session == e.Session {
			s.changes[n-1].caught = s.changes[n-1].row.Status == effect.StatusFailed
		}
		if e.Kind == effect.Change.String() {
			p.note(e)
			s.changes = append(s.changes, &pastChange{row: e})
		} else if e.Session == s.last && e.Answer != "" {
			s.answers[e.Hash] = append(s.answers[e.Hash], e.Answer)
		}
	}
	for _, step := range steps {
		if s, known := p.steps[step.Path]; known {
			s.failed = step.Status == effect.StatusFailed
			s.endedBy(step.Error)
		}
	}
	return p
}

// endedBy tells by which error the step ended. Who tidied up behind a failure has
// not coped with it.
func (s *pastStep) endedBy(end *journal.ErrorReport) {
	for _, c := range s.changes {
		e := c.row.Error
		if c.caught && e != nil && end != nil && e.Op == end.Op && e.Kind == end.Kind && e.Message == end.Message && e.Code == end.Code {
			c.caught = false
		}
	}
}

// note looks for what the ledger must know: plain commands of the host itself, and
// not from before a reboot, which may be meant to lead to other files.
func (p *Past) note(e journal.Effect) {
	switch {
	case e.Answer != "":
		p.Noted = ""
	case e.Command && e.In == "" && e.As == "" && wasDone(e.Status):
		p.Noted = e.ID
	}
}

func (p *Past) step(path string) *pastStep {
	s := p.steps[path]
	if s == nil {
		s = &pastStep{answers: map[string][]string{}, asked: map[string]int{}}
		p.steps[path] = s
	}
	return s
}

// ordinal is how many ordinals of a step are taken.
func (p *Past) ordinal(path string) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.step(path).ordinal
}

// read notes how a Read was answered now.
func (p *Past) read(path, hash, answer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.step(path)
	n := s.asked[hash]
	s.asked[hash]++
	if before := s.answers[hash]; n < len(before) && before[n] != answer {
		s.deviates = true
	}
}

// change finds the recorded Change that a Change of the same hash continues; it
// is used up then. With none, diverged is the recorded one that should have
// come instead, or nil.
func (p *Past) change(path, hash string) (found *pastChange, stepFailed bool, diverged *journal.Effect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.step(path)
	for i, c := range s.changes {
		if !c.used && c.row.Hash == hash && (wasOpen(c.row.Status) || c.caught) {
			c.used = true
			again := *c
			again.last = i == len(s.changes)-1
			return &again, s.failed, nil
		}
	}
	if s.deviates || p.Edited {
		return nil, false, nil
	}
	for _, c := range s.changes {
		if !c.used && c.row.Session == s.last && wasOpen(c.row.Status) {
			row := c.row
			return nil, false, &row
		}
	}
	return nil, false, nil
}

// wasOpen tells whether a recorded Change was made, or may have been.
func wasOpen(status string) bool { return status == journal.Sent || wasDone(status) }

// neverSent is the status of a Change whose intent was written down, and of
// which the host has never heard.
const neverSent = "never_sent"

// settle hands out the commands of a step whose outcome is not known, once a
// session, and takes over what is found out of them.
func (p *Past) settle(path string, ask func(row *journal.Effect) bool) {
	p.mu.Lock()
	s := p.step(path)
	p.mu.Unlock()
	s.settled.Do(func() {
		for _, c := range s.changes {
			row := c.row
			if row.Command && row.Status == journal.Sent && ask(&row) {
				p.mu.Lock()
				c.row = row
				p.mu.Unlock()
			}
		}
	})
}

func wasDone(status string) bool {
	return status == effect.StatusOK || status == effect.StatusChanged
}

package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// questions puts questions to a person: equal ones of a run once, and none that
// an earlier session has answered.
type questions struct {
	run      *run
	recorded map[[2]string]string // by host and key, from the journal

	mu     sync.Mutex
	byText map[string]*question
}

// question is one that several hosts may ask.
type question struct {
	mu       sync.Mutex
	answered bool
	each     bool // a person wants to answer host by host
	answer   string
}

// each is the choice to answer host by host.
const each = "each"

// Ask answers a host's question.
func (q *questions) Ask(ctx context.Context, host string, ask effect.Question) (string, error) {
	key := ask.Key
	if key == "" {
		key = ask.Text
	}
	if answer, ok := q.recorded[[2]string{host, key}]; ok && !ask.Secret {
		return answer, nil
	}
	answer, err := q.shared(ctx, host, key, ask)
	if err != nil {
		return "", err
	}
	if ask.Secret {
		q.run.redactor.Add(answer)
		return answer, nil
	}
	// A no to what is irreversible stops the run; a resumed one asks again.
	if ask.Risk == effect.Irreversible && answer != "yes" {
		return answer, nil
	}
	return answer, q.run.rec.Answer(host, key, answer)
}

// shared asks the first time, for all hosts that will ask the same.
func (q *questions) shared(ctx context.Context, host, key string, ask effect.Question) (string, error) {
	same := q.find(key)
	same.mu.Lock()
	defer same.mu.Unlock()
	if same.answered && !same.each {
		return same.answer, nil
	}
	hosts := len(q.run.o.Hosts)
	if hosts < 2 || same.each {
		return q.put(ctx, host, ask)
	}
	forAll := ask
	forAll.Text = fmt.Sprintf("%s (for all of %d hosts that ask this)", ask.Text, hosts)
	if len(ask.Choices) > 0 {
		forAll.Choices = append(append([]string{}, ask.Choices...), each)
	}
	answer, err := q.put(ctx, host, forAll)
	if err != nil {
		return "", err
	}
	same.answered = true
	if answer == each && len(ask.Choices) > 0 {
		same.each = true
		return q.put(ctx, host, ask)
	}
	same.answer = answer
	return answer, nil
}

func (q *questions) find(key string) *question {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.byText == nil {
		q.byText = map[string]*question{}
	}
	same := q.byText[key]
	if same == nil {
		same = &question{}
		q.byText[key] = same
	}
	return same
}

func (q *questions) put(ctx context.Context, host string, ask effect.Question) (string, error) {
	if q.run.o.Asker != nil {
		return q.run.o.Asker.Ask(ctx, host, ask)
	}
	return effect.Ask(context.Background(), ask) // the default, or stop
}

// secrets hands out secrets by name, each asked for once a run.
type secrets struct {
	run   *run
	mu    sync.Mutex
	known map[string]effect.Secret
}

// Secret is the secret of that name.
func (s *secrets) Secret(ctx context.Context, name string) (effect.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if file := s.run.hosts[effect.HostFrom(ctx)].Secrets; file != "" && s.run.o.FileSecrets != nil {
		value, found, err := s.run.o.FileSecrets(ctx, file, name)
		if err != nil {
			return effect.Secret{}, err
		}
		if found {
			s.run.redactor.Add(value)
			return effect.NewSecret(name, value), nil
		}
	}
	if known, ok := s.known[name]; ok {
		return known, nil
	}
	if s.run.o.Secrets == nil {
		return effect.Secret{}, &effect.Error{Kind: effect.Usage, Op: "secret", Message: fmt.Sprintf("there is no secret %q: this run was given none", name)}
	}
	value, err := s.run.o.Secrets(ctx, name)
	if err != nil {
		return effect.Secret{}, err
	}
	s.run.redactor.Add(value)
	secret := effect.NewSecret(name, value)
	s.known[name] = secret
	return secret, nil
}

// sink passes events on without secrets, and keeps the log in the journal.
type sink struct {
	run   *run
	mu    sync.Mutex
	ended map[string]int // hosts, by status
}

// Emit passes one event on.
func (s *sink) Emit(e effect.Event) {
	e = s.run.redactor.Event(e)
	e.Run = s.run.id
	if e.Type == effect.Log && s.run.rec != nil {
		s.run.rec.Line(journal.Line{At: time.Now(), Host: e.Host, Type: e.Op, Step: e.Step, Text: e.Text})
	}
	s.mu.Lock()
	if e.Type == effect.HostEnd {
		if s.ended == nil {
			s.ended = map[string]int{}
		}
		s.ended[e.Status]++
	}
	s.mu.Unlock()
	if s.run.o.Events != nil {
		s.run.o.Events.Emit(e)
	}
}

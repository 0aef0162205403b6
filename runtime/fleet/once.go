package fleet

import (
	"context"
	"fmt"
	"time"

	"bsdrun/runtime/effect"
)

// OnceOptions say how one host does something for all.
type OnceOptions struct {
	// Takeover lets another host do it when one has failed.
	Takeover bool
	// Run means once for the whole run, not for each batch.
	Run     bool
	Timeout time.Duration // for those who wait; 0: none
}

// once is something that one host does for all.
type once struct {
	title string
	point string
	by    string // who does it, or has done it
	// awaited: by had begun it in an earlier session, and has not come again.
	awaited bool
	done    bool
	value   any
	err     error
	waiters []*waiter
}

// Once calls fn on one host of the group, and gives its value to all. The others
// get its error, unless they take over. mine tells that fn was called here.
func (m *Member) Once(ctx context.Context, key string, o OnceOptions, fn func() (any, error)) (value any, mine bool, err error) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		j := g.once(key, o.Run)
		switch {
		case j.done:
			return j.value, false, nil
		case j.by == m.Host && !j.awaited && j.err == nil:
			return nil, false, effect.Errorf(effect.Invalid, "fleet", "%s is already under way on this host", j.title)
		case j.err != nil && !(o.Takeover && mayTakeOver(j.err)):
			return nil, false, forOthers(j)
		case g.stopped != nil:
			return nil, false, g.stopped
		case j.by == "" || j.by == m.Host || j.err != nil:
			value, err = m.do(j, fn)
			return value, true, err
		}
		w := g.newWaiter(m.Host, j.title, o.Timeout, func() []string { return []string{j.by} })
		j.waiters = append(j.waiters, w)
		if err := m.wait(ctx, w, o.Timeout); err != nil {
			return nil, false, err
		}
	}
}

// once finds something to be done once, or makes it of what earlier sessions have
// left.
func (g *group) once(key string, run bool) *once {
	all, scope := g.onces, g.id
	if run {
		all, scope = g.shared.onces, "run"
	}
	if j := all[key]; j != nil {
		return j
	}
	j := &once{title: fmt.Sprintf("once %q", key), point: fmt.Sprintf("%s once %q", scope, key)}
	all[key] = j
	past := g.shared.past[j.point]
	if result, ok := past[""].(map[string]any); ok {
		j.done, j.value = true, result["value"]
		j.by, _ = result["by"].(string)
		return j
	}
	for host, under := range past {
		if under == true && g.present[host] {
			j.by, j.awaited = host, true
		}
	}
	return j
}

func (g *group) allOnces() []*once {
	var all []*once
	for _, of := range []map[string]*once{g.onces, g.shared.onces} {
		for _, key := range sorted(of) {
			all = append(all, of[key])
		}
	}
	return all
}

// do has this host do it. The group is locked before and after, and not in
// between.
func (m *Member) do(j *once, fn func() (any, error)) (value any, err error) {
	g := m.group
	if j.err != nil {
		g.shared.roster.Tell(fmt.Sprintf("%s takes over %s, at which %s has failed", m.Host, j.title, j.by))
	}
	j.by, j.awaited, j.err = m.Host, false, nil
	if err := g.shared.roster.Keep(Entry{j.point, m.Host, true}); err != nil {
		j.by = ""
		return nil, err
	}
	g.mu.Unlock()
	// A panic must not leave the others waiting.
	err = effect.Errorf(effect.Internal, "fleet", "%s was left without a result", j.title)
	defer func() {
		g.mu.Lock()
		err = m.finish(j, value, err)
	}()
	value, err = fn()
	return value, err
}

// finish notes what became of it.
func (m *Member) finish(j *once, value any, err error) error {
	g := m.group
	if err == nil && !IsUnknown(value) {
		err = g.shared.roster.Keep(Entry{j.point, "", map[string]any{"by": m.Host, "value": value}})
	}
	j.done, j.value, j.err = err == nil, value, err
	if err != nil {
		if keepErr := g.shared.roster.Keep(Entry{j.point, m.Host, cutOff(err)}); keepErr != nil {
			err = keepErr
		}
	}
	g.wakeOnce(j)
	return err
}

// wakeOnce has those who wait look again.
func (g *group) wakeOnce(j *once) {
	for _, w := range j.waiters {
		g.release(w, nil)
	}
	j.waiters = nil
}

// mayTakeOver tells whether another host may have more luck: not with a mistake of
// the script, nor after somebody has stopped the run.
func mayTakeOver(err error) bool {
	switch effect.KindOf(err) {
	case effect.Failed, effect.Timeout, effect.Denied, effect.Missing, effect.Unreachable, effect.Internal:
		return true
	}
	return false
}

// forOthers is a host's failure as those hear of it for whom it worked. They are
// well themselves, so that it is no less than a failure, and no more.
func forOthers(j *once) error {
	failed := effect.AsError(j.err)
	e := &effect.Error{
		Kind: failed.Kind, Op: "fleet", Code: failed.Code, Command: failed.Command, Out: failed.Out, Err: failed.Err, Hint: failed.Hint,
		Message: fmt.Sprintf("%s has failed on %s, which did it for all: %s", j.title, j.by, failed.Summary()),
	}
	switch failed.Kind {
	case effect.Unreachable, effect.Internal:
		e.Kind = effect.Failed
	case effect.Locked, effect.Diverged:
		e.Kind = effect.Stopped
	case effect.Unknown:
		e.Cause = effect.ErrUnknown
	}
	return e
}

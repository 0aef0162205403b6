package fleet

import (
	"context"
	"fmt"
	"slices"
	"time"

	"bsdrun/runtime/effect"
)

// lock lets some hosts at a time do something.
type lock struct {
	title, point string
	places       int
	holders      map[string]bool
	reserved     map[string]bool // for hosts that held it when an earlier session ended
	queue        []*waiter       // first come, first served
}

// Lock calls fn while at most places hosts of the group hold the lock of that name.
func (m *Member) Lock(ctx context.Context, name string, places int, timeout time.Duration, fn func() error) (err error) {
	g := m.group
	g.mu.Lock()
	l := g.lock(name, places)
	err = m.acquire(ctx, l, places, timeout)
	g.mu.Unlock()
	if err != nil {
		return err
	}
	cut := true
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		keepErr := g.giveUp(l, m.Host, cut)
		if err == nil {
			err = keepErr
		}
	}()
	err = fn()
	cut = cutOff(err)
	return err
}

// giveUp frees a host's place. One that was cut off in the middle gets it first in
// a resumed run.
func (g *group) giveUp(l *lock, host string, cut bool) error {
	delete(l.holders, host)
	g.grant(l)
	if cut {
		return nil
	}
	return g.shared.roster.Keep(Entry{l.point, host, false})
}

// cutOff tells whether what a host was at did not come to an end of its own.
func cutOff(err error) bool {
	kind := effect.KindOf(err)
	return kind == effect.Cancelled || kind == effect.Unreachable
}

func (g *group) lock(name string, places int) *lock {
	if l := g.locks[name]; l != nil {
		return l
	}
	title := fmt.Sprintf("lock %q", name)
	l := &lock{title: title, point: g.id + " " + title, places: places, holders: map[string]bool{}, reserved: map[string]bool{}}
	for host, held := range g.shared.past[l.point] {
		if held == true && g.present[host] {
			l.reserved[host] = true
		}
	}
	g.locks[name] = l
	return l
}

func (m *Member) acquire(ctx context.Context, l *lock, places int, timeout time.Duration) error {
	g := m.group
	switch {
	case l.places != places:
		return effect.Errorf(effect.Invalid, "fleet", "%s is for %s elsewhere, and for %s here", l.title, count(l.places, "host", "hosts"), count(places, "host", "hosts"))
	case l.holders[m.Host]:
		return effect.Errorf(effect.Invalid, "fleet", "%s is already held by this host", l.title)
	case g.stopped != nil:
		return g.stopped
	}
	w := g.newWaiter(m.Host, l.title, timeout, func() []string {
		return g.inOrder(func(host string) bool { return l.holders[host] || l.reserved[host] })
	})
	g.waiting[w] = struct{}{}
	l.queue = append(l.queue, w)
	g.grant(l)
	if !l.holders[m.Host] {
		if err := m.wait(ctx, w, timeout); err != nil {
			l.queue = slices.DeleteFunc(l.queue, func(other *waiter) bool { return other == w })
			return err
		}
	}
	err := g.shared.roster.Keep(Entry{l.point, m.Host, true})
	if err != nil {
		delete(l.holders, m.Host)
		g.grant(l)
	}
	return err
}

// grant gives free places to those who wait.
func (g *group) grant(l *lock) {
	l.queue = slices.DeleteFunc(l.queue, func(w *waiter) bool {
		taken := len(l.holders) + len(l.reserved)
		if l.reserved[w.host] {
			taken--
		}
		if _, waits := g.waiting[w]; !waits || taken >= l.places {
			return !waits
		}
		delete(l.reserved, w.host)
		l.holders[w.host] = true
		g.release(w, nil)
		return true
	})
}

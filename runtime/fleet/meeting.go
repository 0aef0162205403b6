package fleet

import (
	"context"
	"fmt"
	"time"

	"bsdrun/runtime/effect"
)

// unknown is the value of a host that cannot tell one, as in check mode.
type unknown struct{}

// Unknown is given to Gather where check mode cannot tell the value.
var Unknown any = unknown{}

// IsUnknown tells whether a shared value is the one that nobody can tell.
func IsUnknown(value any) bool {
	_, is := value.(unknown)
	return is
}

// MeetOptions say how to wait.
type MeetOptions struct {
	All     bool          // a host that left is a failure
	Timeout time.Duration // 0: none
}

// Met is who came to a meeting, and what they brought. The hosts share it, and change
// nothing of it: each may be one of thousands.
type Met struct {
	Hosts  []string
	Left   []string // hosts of the batch that left before
	Values map[string]any
}

// meeting is one round of a barrier or a gathering.
type meeting struct {
	title   string // for people
	point   string // for the journal
	values  map[string]any
	missing map[string]bool
	waiters []*waiter
	closed  map[string]bool // who was there when it ended; nil: it has not
	met     *Met            // for those who were there then
}

// Barrier waits until every host of the group has come to this barrier or has
// left.
func (m *Member) Barrier(ctx context.Context, name string, o MeetOptions) (Met, error) {
	return m.meet(ctx, "barrier", name, nil, o)
}

// Gather is a barrier to which everybody brings a value, which all get. A value
// that was brought in an earlier session of the run stands.
func (m *Member) Gather(ctx context.Context, name string, value any, o MeetOptions) (Met, error) {
	return m.meet(ctx, "gather", name, value, o)
}

func (m *Member) meet(ctx context.Context, kind, name string, value any, o MeetOptions) (Met, error) {
	g := m.group
	title := fmt.Sprintf("%s %q", kind, name)
	m.rounds[title]++
	if n := m.rounds[title]; n > 1 {
		title = fmt.Sprintf("%s, round %d,", title, n)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	mt := g.meeting(title)
	if err := g.arrive(mt, m.Host, value); err != nil {
		return Met{}, err
	}
	if mt.closed == nil {
		if g.stopped != nil {
			return Met{}, g.stopped
		}
		w := g.newWaiter(m.Host, title, o.Timeout, func() []string { return g.inOrder(func(host string) bool { return mt.missing[host] }) })
		mt.waiters = append(mt.waiters, w)
		if err := m.wait(ctx, w, o.Timeout); err != nil {
			return Met{}, err
		}
	}
	met := g.met(mt, m.Host)
	if o.All && len(met.Left) > 0 {
		return met, effect.Errorf(effect.Failed, "fleet", "%s came without %s", title, some(met.Left))
	}
	return met, nil
}

// meeting finds a meeting, or makes it of what earlier sessions have left.
func (g *group) meeting(title string) *meeting {
	if mt := g.meetings[title]; mt != nil {
		return mt
	}
	mt := &meeting{title: title, point: g.id + " " + title, values: map[string]any{}, missing: map[string]bool{}}
	g.meetings[title] = mt
	past := g.shared.past[mt.point]
	for _, host := range g.names {
		if value, came := past[host]; came {
			mt.values[host] = value
		} else if g.present[host] {
			mt.missing[host] = true
		}
	}
	if names, ended := past[""].([]any); ended {
		mt.closed = map[string]bool{}
		for _, name := range names {
			host, _ := name.(string)
			mt.closed[host] = true
			if mt.missing[host] { // what it brought could not be recorded
				mt.closed = nil
				break
			}
		}
	}
	return mt
}

// arrive notes that a host has come.
func (g *group) arrive(mt *meeting, host string, value any) error {
	if _, came := mt.values[host]; !came {
		if !IsUnknown(value) {
			if err := g.shared.roster.Keep(Entry{mt.point, host, value}); err != nil {
				return err
			}
		}
		mt.values[host] = value
	}
	delete(mt.missing, host)
	g.closeMeeting(mt)
	return nil
}

// closeMeeting ends a meeting to which nobody can come any more, once somebody has
// come.
func (g *group) closeMeeting(mt *meeting) {
	if mt.closed != nil || len(mt.missing) > 0 || g.over() {
		return
	}
	mt.closed = map[string]bool{}
	names := []any{}
	for _, host := range g.inOrder(mt.came) {
		mt.closed[host] = true
		names = append(names, host)
	}
	err := g.shared.roster.Keep(Entry{mt.point, "", names})
	for _, w := range mt.waiters {
		g.release(w, err)
	}
	mt.waiters = nil
}

func (mt *meeting) came(host string) bool {
	_, came := mt.values[host]
	return came
}

// met is what a meeting comes to for a host: the same in every session, but that
// one that comes late counts for itself.
func (g *group) met(mt *meeting, host string) Met {
	if !mt.closed[host] {
		return g.count(mt, host)
	}
	if mt.met == nil {
		met := g.count(mt, host)
		mt.met = &met
	}
	return *mt.met
}

func (g *group) count(mt *meeting, host string) Met {
	met := Met{Values: map[string]any{}}
	for _, name := range g.names {
		if value, came := mt.values[name]; came && (mt.closed[name] || name == host) {
			met.Hosts = append(met.Hosts, name)
			met.Values[name] = value
		} else {
			met.Left = append(met.Left, name)
		}
	}
	if len(met.Left) == 0 {
		met.Hosts = g.names // one list, however often they meet
	}
	return met
}

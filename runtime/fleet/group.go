package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"bsdrun/runtime/clock"
	"bsdrun/runtime/effect"
)

// Entry is something that hosts have shared, as a journal keeps it: an arrival, a
// value, who does what. Of the entries of a point and a host the last one counts.
type Entry struct {
	Point string // what it belongs to; a name of this package's making
	Host  string // empty: of all hosts together
	Value any    // plain data
}

// Member is a host in its group. Its methods are for the one goroutine that works
// on the host.
type Member struct {
	Index int // in the roster
	Host  string

	group  *group
	turn   turn
	rounds map[string]int // how often the host came to a meeting, by name
}

// Hosts are all hosts of the batch, also those that have left; All those of the
// run.
func (m *Member) Hosts() []string { return m.group.names }

// All are all hosts of the run.
func (m *Member) All() []string { return m.group.shared.roster.Hosts }

// shared is what the batches of a run have in common. They come one after the
// other, so the group under way guards it.
type shared struct {
	roster Roster
	past   map[string]map[string]any // value by point and host
	onces  map[string]*once          // for the whole run
}

func newShared(roster Roster) *shared {
	if roster.Keep == nil {
		roster.Keep = func(Entry) error { return nil }
	}
	if roster.Tell == nil {
		roster.Tell = func(string) {}
	}
	s := &shared{roster: roster, past: map[string]map[string]any{}, onces: map[string]*once{}}
	for _, e := range roster.Past {
		if s.past[e.Point] == nil {
			s.past[e.Point] = map[string]any{}
		}
		s.past[e.Point][e.Host] = e.Value
	}
	return s
}

// group are the hosts of a batch: who of them is there, and who waits for whom.
type group struct {
	ctx    context.Context //nolint:containedctx // of the run: when it ends, nobody meets any more
	shared *shared
	id     string // tells it from groups of other hosts
	names  []string

	mu       sync.Mutex
	present  map[string]bool // to be worked on, or being worked on
	waiting  map[*waiter]struct{}
	meetings map[string]*meeting
	onces    map[string]*once
	locks    map[string]*lock
	stopped  error
	patience time.Duration // until people are told for whom the others wait
	watch    *time.Timer
}

// firstPatience doubles with every telling, up to lastPatience.
const (
	firstPatience = 15 * time.Second
	lastPatience  = 10 * time.Minute
)

func newGroup(ctx context.Context, s *shared, names []string, present map[string]bool) *group {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return &group{
		ctx: ctx, shared: s, id: hex.EncodeToString(sum[:6]), names: names, present: present,
		waiting: map[*waiter]struct{}{}, meetings: map[string]*meeting{}, onces: map[string]*once{}, locks: map[string]*lock{},
		patience: firstPatience,
	}
}

// waiter is a host that waits for others.
type waiter struct {
	host  string
	point string
	// lacks are the hosts that it waits for.
	lacks func() []string
	// timed waiters end by themselves.
	timed bool
	done  chan struct{}
	err   error
}

// newWaiter is called, as everything with small letters, with the group locked.
func (g *group) newWaiter(host, point string, timeout time.Duration, lacks func() []string) *waiter {
	return &waiter{host: host, point: point, lacks: lacks, timed: timeout > 0, done: make(chan struct{})}
}

// release lets a waiter go on.
func (g *group) release(w *waiter, err error) {
	if _, waits := g.waiting[w]; waits {
		delete(g.waiting, w)
		w.err = err
		close(w.done)
	}
}

// wait gives up the turn until somebody releases the waiter, or the context ends.
// The group is locked before and after, and not in between.
func (m *Member) wait(ctx context.Context, w *waiter, timeout time.Duration) error {
	g := m.group
	g.waiting[w] = struct{}{}
	g.breakTies()
	g.keepWatch()
	g.mu.Unlock()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = clock.WithTimeoutCause(ctx, timeout, effect.Errorf(effect.Timeout, "", "it took longer than %s", timeout))
		defer cancel()
	}
	_ = m.Idle(func() error {
		select {
		case <-w.done:
		case <-ctx.Done():
		}
		return nil
	})
	g.mu.Lock()
	if _, waits := g.waiting[w]; waits {
		delete(g.waiting, w)
		w.err = cutShort(ctx, w)
	}
	return w.err
}

// cutShort says for whom a host waited when its time was up.
func cutShort(ctx context.Context, w *waiter) error {
	e := *effect.AsError(context.Cause(ctx))
	e.Op = "fleet"
	e.Message = fmt.Sprintf("%s: %s", w, e.Summary())
	e.Cause = context.Cause(ctx)
	return &e
}

// String says who is waited for.
func (w *waiter) String() string { return w.point + " waits for " + some(w.lacks()) }

// some names a few hosts.
func some(hosts []string) string {
	const shown = 5
	if len(hosts) == 0 {
		return "nobody"
	}
	if len(hosts) <= shown+1 {
		return strings.Join(hosts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(hosts[:shown], ", "), len(hosts)-shown)
}

// inOrder are the hosts of the batch for which yes holds.
func (g *group) inOrder(yes func(host string) bool) []string {
	var out []string
	for _, name := range g.names {
		if yes(name) {
			out = append(out, name)
		}
	}
	return out
}

// leave takes a host out of the group; those who wait only for it go on.
func (g *group) leave(host string, how Outcome) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.present, host)
	for _, name := range sorted(g.meetings) {
		mt := g.meetings[name]
		if mt.missing[host] && len(mt.waiters) > 0 && !g.over() {
			g.shared.roster.Tell(fmt.Sprintf("%s has left (%s): %s does not wait for it", host, how, mt.title))
		}
		delete(mt.missing, host)
		g.closeMeeting(mt)
	}
	g.dropReservations(func(name string) bool { return name == host })
	g.breakTies()
}

// stop ends all waiting for others, now and later.
func (g *group) stop(why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = &effect.Error{
		Kind: effect.Stopped, Op: "fleet", Message: "stopped before it met the others: " + why,
		Hint: "see why they failed; a resumed run goes on from here",
	}
	for w := range g.waiting {
		g.release(w, g.stopped)
	}
}

// over tells whether the run stops: who leaves now comes again in a resumed run,
// and is missed until then.
func (g *group) over() bool { return g.stopped != nil || g.ctx.Err() != nil }

// end ends the group, when all have left.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watch != nil {
		g.watch.Stop()
	}
}

// breakTies ends the waiting when everybody waits, so that nobody would ever go
// on. What hosts had under way in an earlier session is waited for no longer then;
// if that does not help, the script is wrong.
func (g *group) breakTies() {
	if g.over() || !g.tied() {
		return
	}
	g.dropReservations(func(string) bool { return true })
	if !g.tied() {
		return
	}
	err := &effect.Error{
		Kind: effect.Script, Op: "fleet", Message: "the hosts wait for each other, and none would ever go on: " + g.whoWaits(),
		Hint: "every host has to come to the same barriers in the same order, and to none while it holds a lock",
	}
	for w := range g.waiting {
		g.release(w, err)
	}
}

// whoWaits names a few who wait, and for whom.
func (g *group) whoWaits() string {
	const shown = 4
	waiters := slices.SortedFunc(maps.Keys(g.waiting), func(a, b *waiter) int { return strings.Compare(a.host, b.host) })
	var lines []string
	for _, w := range waiters[:min(len(waiters), shown)] {
		lines = append(lines, fmt.Sprintf("%s (%s)", w.host, w))
	}
	if more := len(waiters) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// tied tells whether nobody is left who could let another go on.
func (g *group) tied() bool {
	if len(g.waiting) == 0 || len(g.waiting) < len(g.present) {
		return false
	}
	for w := range g.waiting {
		if w.timed {
			return false
		}
	}
	return true
}

// dropReservations gives up what is kept for hosts that had it in an earlier
// session.
func (g *group) dropReservations(of func(host string) bool) {
	for _, j := range g.allOnces() {
		if j.awaited && of(j.by) {
			j.awaited, j.by = false, ""
			g.wakeOnce(j)
		}
	}
	for _, l := range g.locks {
		for host := range l.reserved {
			if of(host) {
				delete(l.reserved, host)
			}
		}
		g.grant(l)
	}
}

// keepWatch tells people, from time to time, for whom the others wait.
func (g *group) keepWatch() {
	if g.watch == nil {
		g.watch = time.AfterFunc(g.patience, g.tellWaiting)
	}
}

func (g *group) tellWaiting() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watch = nil
	waiting, one := map[string]int{}, map[string]*waiter{} // by point: there all wait for the same
	for w := range g.waiting {
		waiting[w.point]++
		one[w.point] = w
	}
	for _, point := range sorted(waiting) {
		g.shared.roster.Tell(fmt.Sprintf("%s (%s)", one[point], count(waiting[point], "host is there", "hosts are there")))
	}
	if len(waiting) > 0 {
		g.patience = min(2*g.patience, lastPatience)
		g.keepWatch()
	}
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

package fleet

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"bsdrun/runtime/effect"
)

// act is one thing that a script does.
type act struct {
	kind string // work, barrier, gather, once, takeover, lock
	name string
}

func acts(rt *rapid.T, label string) []act {
	return rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) act {
		return act{
			rapid.SampledFrom([]string{"work", "barrier", "gather", "once", "takeover", "lock"}).Draw(rt, "kind"),
			rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "name"),
		}
	}), 1, 8).Draw(rt, label)
}

// world watches what the hosts of a drawn run do.
type world struct {
	mu       sync.Mutex
	problems []string
	ended    map[string]bool   // hosts that have left
	came     map[string]int    // hosts at a meeting
	seen     map[string]string // what a meeting came to
	calls    map[string]int    // of once, without takeover
	got      map[string]any    // from once
	inLock   map[string]int
	busy     int
	forks    int
}

func newWorld(forks int) *world {
	return &world{forks: forks, ended: map[string]bool{}, came: map[string]int{}, seen: map[string]string{}, calls: map[string]int{}, got: map[string]any{}, inLock: map[string]int{}}
}

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// work takes a while, which is when others get in the way.
func (w *world) work(d time.Duration) {
	w.mu.Lock()
	w.busy++
	if w.forks > 0 && w.busy > w.forks {
		w.problem("%d hosts at work, with %d forks", w.busy, w.forks)
	}
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	w.busy--
	w.mu.Unlock()
}

// host is one host's script: its acts, until the one at which it fails.
type host struct {
	*world
	acts  []act
	fails int // the act at which it fails
	pace  time.Duration
	turns map[act]int
}

func (h *host) run(ctx context.Context, m *Member) (err error) {
	h.turns = map[act]int{}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ended[m.Host] = err != nil
	}()
	for i, a := range h.acts {
		h.turns[a]++
		if err := h.do(ctx, m, a, i == h.fails); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) do(ctx context.Context, m *Member, a act, fails bool) error {
	key := fmt.Sprintf("%s %s %d", a.kind, a.name, h.turns[a])
	work := func() error {
		h.work(h.pace)
		if fails {
			return errBroken
		}
		return ctx.Err()
	}
	switch a.kind {
	case "barrier", "gather":
		if err := work(); err != nil {
			return err
		}
		return h.meet(ctx, m, a, key)
	case "once", "takeover":
		value, _, err := m.Once(ctx, key, OnceOptions{Takeover: a.kind == "takeover"}, func() (any, error) {
			h.mu.Lock()
			h.calls[key]++
			if a.kind == "once" && h.calls[key] > 1 {
				h.problem("%s: called twice", key)
			}
			h.mu.Unlock()
			return m.Host, work()
		})
		if err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if first, ok := h.got[key]; ok && first != value {
			h.problem("%s: %v and %v", key, first, value)
		}
		h.got[key] = value
		return nil
	case "lock":
		return m.Lock(ctx, a.name, 2, 0, func() error {
			h.enter(a.name, 1)
			defer h.enter(a.name, -1)
			return work()
		})
	}
	return work()
}

func (h *host) enter(lock string, n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inLock[lock] += n
	if h.inLock[lock] > 2 {
		h.problem("%d hosts hold lock %s", h.inLock[lock], lock)
	}
}

func (h *host) meet(ctx context.Context, m *Member, a act, key string) error {
	h.mu.Lock()
	h.came[key]++
	h.mu.Unlock()
	met, err := Met{}, error(nil)
	if a.kind == "barrier" {
		met, err = m.Barrier(ctx, a.name, MeetOptions{})
	} else {
		met, err = m.Gather(ctx, a.name, m.Host, MeetOptions{})
	}
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(met.Hosts) != h.came[key] {
		h.problem("%s: %v of %d that came", key, met.Hosts, h.came[key])
	}
	for _, left := range met.Left {
		if _, ended := h.ended[left]; !ended {
			h.problem("%s: went on without %s", key, left)
		}
	}
	saw := fmt.Sprint(met)
	if first, ok := h.seen[key]; ok && first != saw {
		h.problem("%s: %s and %s", key, first, saw)
	}
	h.seen[key] = saw
	return nil
}

// TestHostsMeet: hosts that do the same, and fail anywhere, never wait for ever,
// never go on too early, and see the same.
func TestHostsMeet(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, forks := rapid.IntRange(1, 8).Draw(rt, "hosts"), rapid.IntRange(0, 3).Draw(rt, "forks")
		all := acts(rt, "acts")
		w := newWorld(forks)
		hosts := drawHosts(rt, w, n, func(int) []act { return all })
		errs := simulate(t, plan(t, forks, "", ""), hosts)
		for i, err := range errs {
			if kind := effect.KindOf(err); kind != "" && kind != effect.Failed {
				rt.Errorf("host%d: %v", i+1, err)
			}
			if err == nil && hosts[i].fails < len(all) && all[hosts[i].fails].kind != "once" && all[hosts[i].fails].kind != "takeover" {
				rt.Errorf("host%d did not fail", i+1)
			}
		}
		if len(w.problems) > 0 {
			rt.Fatal(w.problems)
		}
	})
}

// TestHostsThatDifferEnd: hosts that do not do the same end all the same, the worst
// being an error that says so.
func TestHostsThatDifferEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n, forks := rapid.IntRange(1, 6).Draw(rt, "hosts"), rapid.IntRange(0, 3).Draw(rt, "forks")
		w := newWorld(forks)
		hosts := drawHosts(rt, w, n, func(i int) []act { return acts(rt, fmt.Sprintf("acts of host%d", i+1)) })
		for i, err := range simulate(t, plan(t, forks, "", rapid.SampledFrom([]string{"", "1", "50%"}).Draw(rt, "max-fail")), hosts) {
			switch effect.KindOf(err) {
			case "", effect.Failed, effect.Script, effect.Stopped:
			default:
				rt.Errorf("host%d: %v", i+1, err)
			}
		}
		if w.busy != 0 || w.inLock["x"]+w.inLock["y"] != 0 {
			rt.Errorf("left behind: %d, %v", w.busy, w.inLock)
		}
	})
}

func drawHosts(rt *rapid.T, w *world, n int, acts func(i int) []act) []*host {
	hosts := make([]*host, n)
	for i := range hosts {
		hosts[i] = &host{world: w, acts: acts(i), fails: 1000, pace: time.Duration(rapid.IntRange(1, 20).Draw(rt, "pace")) * time.Second}
		if rapid.IntRange(0, 3).Draw(rt, "fate") == 0 {
			hosts[i].fails = rapid.IntRange(0, len(hosts[i].acts)-1).Draw(rt, "fails at")
		}
	}
	return hosts
}

// simulate runs hosts in a bubble, which fails when they wait for ever.
func simulate(t *testing.T, p Plan, hosts []*host) []error {
	errs := make([]error, len(hosts))
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{plan: p, roster: Roster{Hosts: hostNames(len(hosts))}}
		s.run(t.Context(), func(ctx context.Context, m *Member) error { return hosts[m.Index].run(ctx, m) })
		for i := range hosts {
			errs[i] = s.errs[fmt.Sprintf("host%d", i+1)]
		}
	})
	return errs
}

// TestGatheringsSurviveInterrupts: whenever a run is cut, those who met see the
// same in the sessions before and after.
func TestGatheringsSurviveInterrupts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "hosts")
		rounds := rapid.IntRange(1, 4).Draw(rt, "rounds")
		paces := rapid.SliceOfN(rapid.IntRange(1, 20), n, n).Draw(rt, "paces")
		fails := rapid.SliceOfN(rapid.IntRange(0, 6), n, n).Draw(rt, "fails in round, in the first session")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 60), 0, 3).Draw(rt, "cuts")
		var past []Entry
		done, seen := map[string]bool{}, map[string]map[string]any{}
		var mu sync.Mutex
		for turn := range len(cuts) + 1 {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if turn < len(cuts) {
					defer time.AfterFunc(time.Duration(cuts[turn])*time.Second+time.Millisecond, cancel).Stop()
				}
				s, kept := session(ctx, hostNames(n), past, done, func(ctx context.Context, m *Member) error {
					for round := range rounds {
						time.Sleep(time.Duration(paces[m.Index]) * time.Second)
						if turn == 0 && fails[m.Index] == round+1 {
							return errBroken
						}
						if ctx.Err() != nil {
							return ctx.Err()
						}
						met, err := m.Gather(ctx, "state", fmt.Sprintf("%s in session %d", m.Host, turn), MeetOptions{})
						if err != nil {
							return err
						}
						mu.Lock()
						key := fmt.Sprint(round)
						if before, ok := seen[key]; ok {
							same := maps.Clone(met.Values)
							if _, was := before[m.Host]; !was {
								delete(same, m.Host) // it comes late, and counts for itself
							}
							if !maps.Equal(before, same) {
								rt.Errorf("round %d, session %d: %s sees %v, others %v", round, turn, m.Host, same, before)
							}
						} else {
							seen[key] = met.Values
						}
						mu.Unlock()
					}
					return nil
				})
				past = kept
				for host, err := range s.errs {
					done[host] = done[host] || err == nil
				}
			})
		}
		for host, ended := range done {
			if !ended && len(cuts) > 0 {
				rt.Errorf("%s has not come to its end", host)
			}
		}
	})
}

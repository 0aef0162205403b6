// Package fleet decides which hosts are worked on when: how many at once, in
// which batches, and when failures end a run. Within a batch it lets the scripts
// of the hosts meet: barriers, shared values, work that one does for all, locks.
package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/semaphore"

	"bsdrun/runtime/effect"
)

// Outcome is how the work on a host ended.
type Outcome int

// The outcomes.
const (
	OK Outcome = iota
	Failed
	Unreachable
	// NotRun: the budget for failures was used up, or the run was stopped,
	// before this host's turn.
	NotRun
	// Earlier: an earlier session of the run was done with this host.
	Earlier
)

// String is the outcome in a word.
func (o Outcome) String() string {
	return [...]string{"done", "failed", "unreachable", "not begun", "done"}[o]
}

// Plan says which hosts are worked on when.
type Plan struct {
	forks   int
	batches []amount // the last one repeats; empty: all at once
	budget  *amount  // nil: no limit
	maxFail string   // the budget as it was given
}

// amount is a number of hosts, or a share of them.
type amount struct {
	n       int
	percent bool
}

func (a amount) of(total int) int {
	if a.percent {
		return (total*a.n + 99) / 100
	}
	return a.n
}

// NewPlan reads a plan: at most forks hosts at once (0: no limit), in batches of
// "N", "N%", or a list whose last number repeats ("1,10%": a canary first), and
// no further batch or host once maxFail ("N" or "N%") hosts have failed.
func NewPlan(forks int, batch, maxFail string) (Plan, error) {
	p := Plan{forks: forks}
	if forks < 0 {
		return p, effect.Errorf(effect.Usage, "fleet", "--forks is a number of hosts, not %d", forks)
	}
	if batch != "" {
		for word := range strings.SplitSeq(batch, ",") {
			a, err := parseAmount("--batch", word)
			if err != nil {
				return p, err
			}
			p.batches = append(p.batches, a)
		}
	}
	if maxFail != "" {
		a, err := parseAmount("--max-fail", maxFail)
		if err != nil {
			return p, err
		}
		p.budget, p.maxFail = &a, maxFail
	}
	return p, nil
}

func parseAmount(flag, text string) (amount, error) {
	digits, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || percent && n > 100 {
		return amount{}, effect.Errorf(effect.Usage, "fleet", "%s is a number of hosts (5) or a share of them (10%%), not %q", flag, text)
	}
	return amount{n, percent}, nil
}

// split cuts n hosts into batches of consecutive places.
func (p Plan) split(n int) [][]int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	if len(p.batches) == 0 {
		return [][]int{all}
	}
	var out [][]int
	for turn := 0; len(all) > 0; turn++ {
		size := min(p.batches[min(turn, len(p.batches)-1)].of(n), len(all))
		out = append(out, all[:size])
		all = all[size:]
	}
	return out
}

// Roster says who takes part in a run.
type Roster struct {
	Hosts []string
	// Done tells of a host that an earlier session has finished; it keeps its
	// place in its batch. Nil: none.
	Done func(i int) bool
	// Past is what former sessions have shared, Keep records it for later
	// ones. Keep is called in the order of events, and may return before the
	// record is durable, as long as no later record is so earlier.
	Past []Entry
	Keep func(Entry) error
	// Tell tells people who waits for whom.
	Tell func(text string)
}

// Ended is how the work on all hosts ended.
type Ended struct {
	Outcomes []Outcome
	// Why is why hosts were not begun, unless somebody stopped the run; empty:
	// all had their turn.
	Why string
}

// Run works on the hosts of a roster as planned. A host that fails does not stop
// the others of its batch that have begun; once the budget is used up, it stops
// what has not begun, and those that meet others. With batches and no budget, one
// failed batch member ends the rolling, as a careful administrator would.
//
// At most forks hosts are worked on at once. One that waits for others does not
// count.
func (p Plan) Run(ctx context.Context, roster Roster, work func(ctx context.Context, m *Member) Outcome) Ended {
	r := &rolling{plan: p, roster: roster, ended: Ended{Outcomes: make([]Outcome, len(roster.Hosts))}, shared: newShared(roster)}
	if p.forks > 0 {
		r.turns = semaphore.NewWeighted(int64(p.forks))
	}
	for i := range r.ended.Outcomes {
		r.ended.Outcomes[i] = NotRun
		if roster.Done != nil && roster.Done(i) {
			r.ended.Outcomes[i] = Earlier
		}
	}
	for _, batch := range p.split(len(roster.Hosts)) {
		r.batch(ctx, batch, work)
		if ctx.Err() != nil || r.spent() {
			break
		}
	}
	return r.ended
}

// rolling is a plan under way.
type rolling struct {
	plan   Plan
	roster Roster
	turns  *semaphore.Weighted // nil: any number at once
	shared *shared

	mu    sync.Mutex
	bad   int
	ended Ended
}

func (r *rolling) batch(ctx context.Context, hosts []int, work func(ctx context.Context, m *Member) Outcome) {
	g := r.group(ctx, hosts)
	defer g.end()
	var running sync.WaitGroup
	defer running.Wait()
	for _, i := range hosts {
		if r.ended.Outcomes[i] == Earlier {
			continue
		}
		m := &Member{Index: i, Host: r.roster.Hosts[i], group: g, turn: turn{of: r.turns, ctx: ctx}, rounds: map[string]int{}}
		m.turn.take()
		if r.over() || ctx.Err() != nil {
			m.turn.giveBack()
			g.leave(m.Host, NotRun)
			continue
		}
		running.Go(func() {
			outcome := work(ctx, m)
			m.turn.giveBack()
			if why := r.done(i, outcome); why != "" {
				g.stop(why)
			}
			g.leave(m.Host, outcome)
		})
	}
}

// group is the group of a batch.
func (r *rolling) group(ctx context.Context, hosts []int) *group {
	names, present := make([]string, len(hosts)), map[string]bool{}
	r.mu.Lock()
	defer r.mu.Unlock()
	for at, i := range hosts {
		names[at] = r.roster.Hosts[i]
		if r.ended.Outcomes[i] != Earlier {
			present[names[at]] = true
		}
	}
	return newGroup(ctx, r.shared, names, present)
}

// done notes how a host ended, and tells why the run stops when that was one
// failure too many.
func (r *rolling) done(i int, o Outcome) (why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended.Outcomes[i] = o
	if o != Failed && o != Unreachable {
		return ""
	}
	r.bad++
	if r.overBudget() && r.ended.Why == "" {
		r.ended.Why = fmt.Sprintf("%s not finished, and --max-fail is %s", count(r.bad, "host has", "hosts have"), r.plan.maxFail)
		return r.ended.Why
	}
	return ""
}

// over tells whether the budget for failures is used up.
func (r *rolling) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.overBudget()
}

func (r *rolling) overBudget() bool {
	return r.plan.budget != nil && r.bad >= r.plan.budget.of(len(r.roster.Hosts))
}

// spent tells whether no further batch may begin.
func (r *rolling) spent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plan.budget != nil {
		return r.overBudget()
	}
	if r.bad > 0 {
		r.ended.Why = fmt.Sprintf("%s not finished", count(r.bad, "host of the batch before has", "hosts of the batch before have"))
	}
	return r.bad > 0
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

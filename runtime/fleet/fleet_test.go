package fleet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

func plan(t *testing.T, forks int, batch, maxFail string) Plan {
	t.Helper()
	p, err := NewPlan(forks, batch, maxFail)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run works on n hosts and tells how each ended.
func run(ctx context.Context, p Plan, n int, work func(ctx context.Context, i int) Outcome) []Outcome {
	return p.Run(ctx, Roster{Hosts: hostNames(n)}, func(ctx context.Context, m *Member) Outcome { return work(ctx, m.Index) }).Outcomes
}

func hostNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("host%d", i+1)
	}
	return names
}

func TestBatches(t *testing.T) {
	for batch, want := range map[string][]int{
		"":      {10},
		"3":     {3, 3, 3, 1},
		"25%":   {3, 3, 3, 1},
		"1,50%": {1, 5, 4},
		"100":   {10},
	} {
		var got []int
		for _, b := range plan(t, 0, batch, "").split(10) {
			got = append(got, len(b))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", batch, diff)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, c := range [][2]string{{"0", ""}, {"x", ""}, {"200%", ""}, {"", "-1"}, {"1,,2", ""}} {
		if _, err := NewPlan(1, c[0], c[1]); effect.KindOf(err) != effect.Usage {
			t.Errorf("%q: %v", c, err)
		}
	}
}

func TestForksBoundWhatRunsAtOnce(t *testing.T) {
	var now, most atomic.Int64
	hold := make(chan struct{})
	var once sync.Once
	run(t.Context(), plan(t, 3, "", ""), 20, func(context.Context, int) Outcome {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == 3 {
			once.Do(func() { close(hold) })
		}
		<-hold // until three run at once
		now.Add(-1)
		return OK
	})
	if most.Load() != 3 {
		t.Errorf("%d at once, not 3", most.Load())
	}
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	got := run(t.Context(), plan(t, 1, "", ""), 3, func(_ context.Context, i int) Outcome {
		return []Outcome{Failed, OK, Unreachable}[i]
	})
	if diff := cmp.Diff([]Outcome{Failed, OK, Unreachable}, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheBudgetStopsWhatHasNotBegun(t *testing.T) {
	got := run(t.Context(), plan(t, 1, "", "2"), 5, func(_ context.Context, i int) Outcome {
		if i < 3 {
			return Failed
		}
		return OK
	})
	if diff := cmp.Diff([]Outcome{Failed, Failed, NotRun, NotRun, NotRun}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRollingStopsAfterAFailedBatch(t *testing.T) {
	got := run(t.Context(), plan(t, 0, "2", ""), 6, func(_ context.Context, i int) Outcome {
		if i == 2 {
			return Failed
		}
		return OK
	})
	if want := "[done done failed done not begun not begun]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAStoppedRunBeginsNoFurtherHost(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := run(ctx, plan(t, 1, "", ""), 3, func(context.Context, int) Outcome {
		cancel()
		return OK
	})
	if diff := cmp.Diff([]Outcome{OK, NotRun, NotRun}, got); diff != "" {
		t.Error(diff)
	}
}

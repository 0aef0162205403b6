package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// scripts runs one function a host, in one batch unless the plan says otherwise,
// and gives their errors. The bubble fails the test when they wait for ever, or
// leave something behind.
type scripts struct {
	plan   Plan
	roster Roster
	told   []string
	errs   map[string]error
	mu     sync.Mutex
}

func (s *scripts) run(ctx context.Context, work func(ctx context.Context, m *Member) error) Ended {
	s.errs = map[string]error{}
	s.roster.Tell = func(text string) { s.told = append(s.told, text) }
	return s.plan.Run(ctx, s.roster, func(ctx context.Context, m *Member) Outcome {
		err := work(ctx, m)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.errs[m.Host] = err
		if err != nil {
			return Failed
		}
		return OK
	})
}

// meet runs a function on hosts, in a bubble of time.
func meet(t *testing.T, n int, work func(ctx context.Context, m *Member) error, check func(s *scripts, ended Ended)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{roster: Roster{Hosts: hostNames(n)}}
		ended := s.run(t.Context(), work)
		check(s, ended)
	})
}

var errBroken = effect.Errorf(effect.Failed, "test", "it is broken")

func TestABarrierWaitsForAllAndNotForThoseWhoLeft(t *testing.T) {
	var came atomic.Int64
	meet(t, 5, func(ctx context.Context, m *Member) error {
		if m.Host == "host2" {
			time.Sleep(time.Minute)
			return errBroken
		}
		time.Sleep(time.Duration(m.Index) * time.Second)
		came.Add(1)
		met, err := m.Barrier(ctx, "staged", MeetOptions{})
		if came.Load() != 4 {
			t.Errorf("%s went on when %d had come", m.Host, came.Load())
		}
		if diff := cmp.Diff([]string{"host1", "host3", "host4", "host5"}, met.Hosts); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"host2"}, met.Left); diff != "" {
			t.Error(diff)
		}
		return err
	}, func(s *scripts, ended Ended) {
		want := []string{
			`barrier "staged" waits for host2 (4 hosts are there)`,
			`barrier "staged" waits for host2 (4 hosts are there)`,
			`host2 has left (failed): barrier "staged" does not wait for it`,
		}
		if diff := cmp.Diff(want, s.told); diff != "" {
			t.Error(diff)
		}
		if got := fmt.Sprint(ended.Outcomes); got != "[done failed done done done]" {
			t.Error(got)
		}
	})
}

func TestAHostThatLeftCanBeAFailure(t *testing.T) {
	meet(t, 2, func(ctx context.Context, m *Member) error {
		if m.Host == "host2" {
			return errBroken
		}
		_, err := m.Barrier(ctx, "staged", MeetOptions{All: true})
		return err
	}, func(s *scripts, _ Ended) {
		if err := s.errs["host1"]; effect.KindOf(err) != effect.Failed || !strings.Contains(err.Error(), `came without barrier "staged"`) && !strings.Contains(err.Error(), "host2") {
			t.Error(err)
		}
	})
}

func TestWaitingForOthersHasAnEnd(t *testing.T) {
	meet(t, 3, func(ctx context.Context, m *Member) error {
		if m.Host == "host3" {
			time.Sleep(time.Hour)
			return nil
		}
		_, err := m.Gather(ctx, "state", "x", MeetOptions{Timeout: time.Minute})
		return err
	}, func(s *scripts, _ Ended) {
		err := s.errs["host1"]
		if effect.KindOf(err) != effect.Timeout || !strings.Contains(err.Error(), `gather "state" waits for host3`) {
			t.Error(err)
		}
	})
}

func TestHostsThatWaitForEachOtherAreTold(t *testing.T) {
	meet(t, 3, func(ctx context.Context, m *Member) error {
		if m.Host == "host3" {
			return m.Lock(ctx, "restart", 1, 0, func() error {
				_, err := m.Barrier(ctx, "b", MeetOptions{})
				return err
			})
		}
		time.Sleep(time.Second)
		return m.Lock(ctx, "restart", 1, 0, func() error { return nil })
	}, func(s *scripts, _ Ended) {
		for host, err := range s.errs {
			if effect.KindOf(err) != effect.Script {
				t.Errorf("%s: %v", host, err)
			}
			for _, part := range []string{`host1 (lock "restart" waits for host3)`, `host3 (barrier "b" waits for host1, host2)`} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %s", err, part)
				}
			}
		}
	})
}

func TestTheBudgetStopsThoseWhoMeet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripts{plan: plan(t, 0, "", "1"), roster: Roster{Hosts: hostNames(3)}}
		ended := s.run(t.Context(), func(ctx context.Context, m *Member) error {
			if m.Host == "host2" {
				return errBroken
			}
			_, err := m.Barrier(ctx, "staged", MeetOptions{})
			return err
		})
		for _, host := range []string{"host1", "host3"} {
			if err := s.errs[host]; effect.KindOf(err) != effect.Stopped || !strings.Contains(err.Error(), "--max-fail is 1") {
				t.Errorf("%s: %v", host, err)
			}
		}
		if !strings.Contains(ended.Why, "1 host has not finished, and --max-fail is 1") {
			t.Error(ended.Why)
		}
	})
}

func TestOneHostDoesItForAll(t *testing.T) {
	var calls atomic.Int64
	meet(t, 4, func(ctx context.Context, m *Member) error {
		value, mine, err := m.Once(ctx, "build", OnceOptions{}, func() (any, error) {
			time.Sleep(time.Minute)
			calls.Add(1)
			return m.Host, nil
		})
		if value != "host1" && calls.Load() == 1 && mine != (value == m.Host) {
			t.Errorf("%s: %v, %v", m.Host, value, mine)
		}
		return err
	}, func(s *scripts, _ Ended) {
		if calls.Load() != 1 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

func TestTheOthersFailWithTheOneOrTakeOver(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		var calls atomic.Int64
		meet(t, 4, func(ctx context.Context, m *Member) error {
			_, _, err := m.Once(ctx, "build", OnceOptions{Takeover: takeover}, func() (any, error) {
				time.Sleep(time.Second)
				if calls.Add(1) == 1 {
					return nil, &effect.Error{Kind: effect.Unreachable, Message: "gone"}
				}
				return m.Host, nil
			})
			return err
		}, func(s *scripts, ended Ended) {
			kinds := map[effect.ErrKind]int{}
			for _, err := range s.errs {
				kinds[effect.KindOf(err)]++
			}
			want := map[effect.ErrKind]int{effect.Unreachable: 1, effect.Failed: 3}
			if takeover {
				want = map[effect.ErrKind]int{effect.Unreachable: 1, "": 3}
			}
			if diff := cmp.Diff(want, kinds); diff != "" {
				t.Errorf("takeover %v: %s", takeover, diff)
			}
		})
	}
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	var first atomic.Bool
	meet(t, 3, func(ctx context.Context, m *Member) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errBroken
			}
		}()
		_, _, err = m.Once(ctx, "build", OnceOptions{}, func() (any, error) {
			first.Store(true)
			panic("oops")
		})
		return err
	}, func(s *scripts, _ Ended) {
		for host, err := range s.errs {
			if effect.KindOf(err) != effect.Failed {
				t.Errorf("%s: %v", host, err)
			}
		}
	})
}

func TestOnceForTheWholeRun(t *testing.T) {
	for run, want := range map[bool]int64{false: 3, true: 1} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int64
			s := &scripts{plan: plan(t, 0, "2", ""), roster: Roster{Hosts: hostNames(6)}}
			s.run(t.Context(), func(ctx context.Context, m *Member) error {
				if len(m.Hosts()) != 2 || len(m.All()) != 6 {
					t.Errorf("%v of %v", m.Hosts(), m.All())
				}
				_, _, err := m.Once(ctx, "build", OnceOptions{Run: run}, func() (any, error) { return calls.Add(1), nil })
				return err
			})
			if calls.Load() != want {
				t.Errorf("run %v: %d calls", run, calls.Load())
			}
		})
	}
}

func TestMisuse(t *testing.T) {
	meet(t, 1, func(ctx context.Context, m *Member) error {
		err := m.Lock(ctx, "l", 1, 0, func() error {
			return errors.Join(m.Lock(ctx, "l", 1, 0, func() error { return nil }))
		})
		if !strings.Contains(fmt.Sprint(err), "already held") {
			t.Error(err)
		}
		if err := m.Lock(ctx, "l", 2, 0, func() error { return nil }); effect.KindOf(err) != effect.Invalid {
			t.Error(err)
		}
		_, _, err = m.Once(ctx, "o", OnceOptions{}, func() (any, error) {
			v, _, err := m.Once(ctx, "o", OnceOptions{}, func() (any, error) { return nil, nil })
			return v, err
		})
		if effect.KindOf(err) != effect.Invalid {
			t.Error(err)
		}
		return nil
	}, func(*scripts, Ended) {})
}

// session is one session of a run whose entries are kept.
func session(ctx context.Context, hosts []string, past []Entry, done map[string]bool, work func(ctx context.Context, m *Member) error) (*scripts, []Entry) {
	var mu sync.Mutex
	kept := map[[2]string]Entry{}
	for _, e := range past {
		kept[[2]string{e.Point, e.Host}] = e
	}
	s := &scripts{roster: Roster{
		Hosts: hosts, Past: past, Done: func(i int) bool { return done[hosts[i]] },
		Keep: func(e Entry) error {
			mu.Lock()
			defer mu.Unlock()
			kept[[2]string{e.Point, e.Host}] = e
			return nil
		},
	}}
	s.run(ctx, work)
	return s, slices.Collect(maps.Values(kept))
}

func TestAnInterruptedRunGoesOnWhereItStood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := hostNames(3)
		ctx, cancel := context.WithCancel(t.Context())
		// host1 and host2 have come; host3 is interrupted on its way.
		_, past := session(ctx, hosts, nil, nil, func(ctx context.Context, m *Member) error {
			if m.Host == "host3" {
				time.Sleep(time.Minute)
				cancel()
				return ctx.Err()
			}
			_, err := m.Gather(ctx, "state", m.Host+" first", MeetOptions{})
			return err
		})
		var late atomic.Bool
		s, _ := session(t.Context(), hosts, past, nil, func(ctx context.Context, m *Member) error {
			switch m.Host {
			case "host2": // does not come again before the others have met
				time.Sleep(time.Hour)
			case "host3":
				time.Sleep(time.Minute)
				late.Store(true)
			}
			met, err := m.Gather(ctx, "state", m.Host+" second", MeetOptions{})
			if !late.Load() {
				t.Errorf("%s did not wait for host3", m.Host)
			}
			want := map[string]any{"host1": "host1 first", "host2": "host2 first", "host3": "host3 second"}
			if diff := cmp.Diff(want, met.Values); diff != "" {
				t.Errorf("%s: %s", m.Host, diff)
			}
			return err
		})
		for host, err := range s.errs {
			if err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	})
}

func TestWhatAHostHadUnderWayWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := hostNames(2)
		ctx, cancel := context.WithCancel(t.Context())
		_, past := session(ctx, hosts, nil, nil, func(ctx context.Context, m *Member) error {
			if m.Host == "host1" {
				<-ctx.Done()
				return ctx.Err()
			}
			return m.Lock(ctx, "restart", 1, 0, func() error {
				_, _, err := m.Once(ctx, "build", OnceOptions{}, func() (any, error) {
					cancel()
					return nil, &effect.Error{Kind: effect.Cancelled, Message: "interrupted"}
				})
				return err
			})
		})
		var order []string
		session(t.Context(), hosts, past, nil, func(ctx context.Context, m *Member) error {
			if m.Host == "host2" {
				time.Sleep(time.Minute)
			}
			return m.Lock(ctx, "restart", 1, 0, func() error {
				order = append(order, m.Host)
				value, _, err := m.Once(ctx, "build", OnceOptions{}, func() (any, error) { return m.Host, nil })
				if value != "host2" {
					t.Errorf("%v has built it", value)
				}
				return err
			})
		})
		if diff := cmp.Diff([]string{"host2", "host1"}, order); diff != "" {
			t.Error(diff)
		}
		// Where it never comes again, nobody waits for ever.
		order = nil
		session(t.Context(), hosts, past, nil, func(ctx context.Context, m *Member) error {
			if m.Host == "host2" {
				_, err := m.Barrier(ctx, "later", MeetOptions{})
				return err
			}
			err := m.Lock(ctx, "restart", 1, 0, func() error { order = append(order, m.Host); return nil })
			return errors.Join(err, func() error { _, err := m.Barrier(ctx, "later", MeetOptions{}); return err }())
		})
		if diff := cmp.Diff([]string{"host1"}, order); diff != "" {
			t.Error(diff)
		}
	})
}

package engine

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bsdrun/runtime/effect"
)

// fleetOf is n hosts named h000, h001, ...
func fleetOf(n int) boxes {
	hosts := boxes{}
	for i := range n {
		hosts[fmt.Sprintf("h%03d", i)] = newBox()
	}
	return hosts
}

const meeting = `
local told = fleet.once("Choose", function() return { by = h.name } end)
told.by = "copied"
step("Prepare", function() h.box.add("prepared") end)
local met = fleet.barrier("prepared")
local all = step("Ask around", function() return fleet.gather("lines", h.box.all()) end)
local n = 0
for _ in pairs(all) do n = n + 1 end
return { met = #met.hosts, left = #met.left, gathered = n, batch = #fleet.hosts, all = #fleet.all,
  chosen = fleet.once("Choose", function() end).by,
  locked = fleet.lock("restart", 2, function() return h.box.add("restarted").changed end) }
`

func TestHostsOfABatchMeet(t *testing.T) {
	hosts := fleetOf(5)
	o := options(t, meeting, hosts)
	o.Forks, o.Batch = 1, "2,3"
	report := mustRun(t, o)
	for i, h := range report.Hosts {
		size, first := int64(2), "h000"
		if i >= 2 {
			size, first = 3, "h002"
		}
		want := map[string]any{"met": size, "left": int64(0), "gathered": size, "batch": size, "all": int64(5), "chosen": first, "locked": true}
		if i == 0 || i == 2 {
			want["chosen"] = "copied" // its own value, which it has changed
		}
		for name, value := range want {
			if name == "chosen" && (i == 0 || i == 2) {
				continue
			}
			if got := h.Result.(map[string]any)[name]; got != value {
				t.Errorf("%s: %s is %v, not %v", h.Name, name, got, value)
			}
		}
	}
}

// trouble is a layer that makes hosts fail at an effect, hang at one, or be out of
// reach.
func trouble(fate func(host string, n int64) error) effect.Layer {
	return func(next effect.Doer) effect.Doer {
		var n atomic.Int64
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			err := fate(effect.HostFrom(ctx), n.Add(1))
			if effect.KindOf(err) == effect.Timeout { // it hangs until it is ended
				ctx, cancel := context.WithTimeout(ctx, e.Timeout)
				defer cancel()
				<-ctx.Done()
			}
			if err != nil {
				return effect.Result{}, err
			}
			return next.Do(ctx, e)
		})
	}
}

func TestALargeFleetWithTroubles(t *testing.T) {
	before := runtime.NumGoroutine()
	const n = 200
	hosts := fleetOf(n)
	o := options(t, `
step("Prepare", function() h.box.add("prepared") end)
step("Meet", function() return fleet.barrier("prepared") end)
local build = fleet.once("Build", { takeover = true }, function() return h.box.add("built").said end)
fleet.lock("restart", 10, function() step("Restart", function() h.box.add("restarted") end) end)
return #fleet.gather("end", build)
`, hosts)
	o.Forks, o.Timeout = 20, 50*time.Millisecond
	o.Wrap = trouble(func(host string, effects int64) error {
		var i int64
		_, _ = fmt.Sscanf(host, "h%d", &i)
		switch {
		case i%100 == 7: // 1%
			return effect.Errorf(effect.Unreachable, "connect", "%s does not answer", host)
		case i%50 == 9 && effects == i/50%2+1: // 2%
			return effect.Errorf(effect.Timeout, "box.add", "it hangs")
		case i%20 == 3 && effects == i/20%2+1: // 5%
			return effect.Errorf(effect.Failed, "box.add", "it is broken")
		}
		return nil
	})
	report := mustRun(t, o)
	status := map[string]int{}
	for _, h := range report.Hosts {
		status[h.Status]++
	}
	if status[effect.StatusOK] != 184 || status[effect.StatusFailed] != 14 || status[effect.StatusUnreachable] != 2 || report.Exit(false) != 2 {
		t.Errorf("%v, exit %d", status, report.Exit(false))
	}
	if built := countLines(hosts, "built"); built != 1 {
		t.Errorf("built %d times", built)
	}
	if err := o.Journal.Flush(); err != nil {
		t.Error(err)
	}
	for range 6000 { // those that have ended are on their way out
		if runtime.NumGoroutine() <= before+5 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left := runtime.NumGoroutine(); left > before+5 {
		t.Errorf("%d goroutines before, %d after", before, left)
	}
}

func countLines(hosts boxes, line string) (n int) {
	for _, b := range hosts {
		for _, l := range b.lines {
			if l == line {
				n++
			}
		}
	}
	return n
}

func TestTheBudgetHoldsForHostsThatMeet(t *testing.T) {
	hosts := fleetOf(50)
	o := options(t, `
step("Prepare", function() h.box.add(h.name < "h005" and "bad" or "prepared") end)
fleet.barrier("prepared")
h.box.add("switched")
`, hosts)
	o.MaxFail = "10%"
	report := mustRun(t, o)
	if n := countLines(hosts, "switched"); n != 0 || report.Exit(false) != 2 {
		t.Errorf("%d hosts went on, exit %d", n, report.Exit(false))
	}
	if e := report.Hosts[20].Error; e.Kind != effect.Stopped || !strings.Contains(e.Message, "--max-fail is 10%") {
		t.Errorf("%+v", e)
	}
}

func TestAPanicOfOneHostHarmsNoOther(t *testing.T) {
	hosts := fleetOf(3)
	o := options(t, `h.box.add("x") return #fleet.barrier("x").hosts`, hosts)
	o.Wrap = trouble(func(host string, _ int64) error {
		if host == "h001" {
			panic("oops")
		}
		return nil
	})
	report := mustRun(t, o)
	if got := outline(report.Hosts[1]); got != "h001 failed 0 [] internal" || report.Exit(false) != 1 {
		t.Errorf("%s, exit %d", got, report.Exit(false))
	}
	for _, i := range []int{0, 2} {
		if report.Hosts[i].Result != int64(2) {
			t.Errorf("%+v", report.Hosts[i])
		}
	}
}

func TestAMeetingCountsInAResumedRun(t *testing.T) {
	hosts := fleetOf(3)
	o := options(t, `
local all = fleet.gather("lines", #h.box.all())
h.box.add("sum " .. (all.h000 or "?") .. (all.h001 or "?") .. (all.h002 or "?"))
h.box.add(h.name == "h001" and "second" or "other")
`, hosts)
	broken := true
	o.Wrap = trouble(func(host string, n int64) error {
		if broken && host == "h001" && n == 3 {
			return effect.Errorf(effect.Unreachable, "box", "%s is gone", host)
		}
		return nil
	})
	report := mustRun(t, o)
	if got := outline(report.Hosts[1]); got != "h001 unreachable 1 [] unreachable" {
		t.Fatal(got)
	}
	broken = false
	again, err := Resume(t.Context(), report.Run, Options{Journal: o.Journal, Modules: o.Modules, dial: o.dial})
	if err != nil {
		t.Fatal(err)
	}
	if got := outline(again.Hosts[1]); got != "h001 ok 2 []" {
		t.Error(got)
	}
	for _, line := range []string{"sum 000", "second"} {
		if n := countLines(hosts, line); line == "second" && n != 1 || line != "second" && n != 3 {
			t.Errorf("%s: %d times", line, n)
		}
	}
}

func TestCheckModeSharesWhatItKnows(t *testing.T) {
	hosts := fleetOf(2)
	o := options(t, `
local all
step("Share", function() all = fleet.gather("said", h.name == "h000" and h.box.add("x") or { said = "y" }) end)
step("See h001", function() log(all.h001.said) end)
step("See h000", function() log(all.h000.said) end)
return fleet.once("Add", function() return h.box.add("z") end).changed
`, hosts)
	o.Check = true
	report := mustRun(t, o)
	for i, want := range []string{"Share=changed See h001=ok See h000=unknown", "Share=ok See h001=ok See h000=unknown"} {
		if got := outline(report.Hosts[i]); !strings.Contains(got, want) || report.Hosts[i].Status != effect.StatusOK {
			t.Errorf("%s", got)
		}
	}
}

func TestForksDoNotKeepConnectedHostsWaiting(t *testing.T) {
	hosts := fleetOf(2)
	o := options(t, `
local other = connect(h.name == "h000" and "h001" or "h000")
fleet.barrier("connected")
fleet.lock("turn", function() other.box.add("from " .. h.name) end)
`, hosts)
	o.Forks = 1
	if report := mustRun(t, o); report.Exit(false) != 0 {
		t.Errorf("%+v", report.Hosts)
	}
	if n := countLines(hosts, "from h000") + countLines(hosts, "from h001"); n != 2 {
		t.Errorf("%d lines", n)
	}
}

func TestRerunTakesTheHostsThatFailed(t *testing.T) {
	hosts := boxes{"a": newBox(), "b": newBox(), "c": newBox()}
	o := options(t, `h.box.add(h.name == "a" and "bad" or "x")`, hosts)
	o.dial = boxes{"a": hosts["a"], "c": hosts["c"]}.dial
	first := mustRun(t, o)
	o.Check = true
	mustRun(t, o)
	for which, want := range map[string]string{
		"failed": "a b", "unreachable": "b", "unfinished@" + first.Run: "a b", "stopped": "usage", "failed@": "usage", "failed@nothing": "usage",
	} {
		var got []string
		again, err := Rerun(t.Context(), o.Journal, "test.lua", which)
		for _, h := range again {
			got = append(got, h.Name)
		}
		if err != nil {
			got = []string{string(effect.KindOf(err))}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", which, got, err)
		}
	}
	if _, err := Rerun(t.Context(), o.Journal, "other.lua", "failed"); effect.KindOf(err) != effect.Usage {
		t.Error(err)
	}
}

package fleet

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/report"
)

const five = `return { run = function(h)
  step("name", function() return h:read { "uname", "-n" }.stdout end)
  step("file", function() return h.file.put("/tmp/a", h.name .. "\n") end)
  step("directory", function() return h:run { "mkdir", "-p", "/tmp/d" }.code end)
  step("move", function() return h:run { "mv", "/tmp/a", "/tmp/d" }.code end)
  return step("list", function() return h:read { "cat", "/tmp/d/a" }.stdout end)
end }`

// A thousand hosts: every one does all of it, within bounds that do not grow with
// their number.
func TestAThousandHosts(t *testing.T) {
	const forks = 50
	c := newCrew(five, thousand, plain)
	c.Forks, c.own = forks, []string{"/tmp/d", "/tmp/d/a"}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	idle := runtime.NumGoroutine()
	r := c.run(t)
	runtime.ReadMemStats(&after)
	for i, h := range r.Hosts {
		if h.Status != effect.StatusOK || h.Changed != 3 || h.Result != name(i)+"\n" {
			t.Fatalf("%s: %+v", h.Name, h)
		}
	}
	// Both sides of a host that is worked on: connection, shell, script; sshd and
	// what it runs.
	const perHost = 60
	if c.goroutines > idle+forks*perHost+perHost {
		t.Errorf("%d goroutines with %d hosts at once", c.goroutines, forks)
	}
	t.Logf("a host: %d allocations, %d KiB; at most %d goroutines", (after.Mallocs-before.Mallocs)/thousand, (after.TotalAlloc-before.TotalAlloc)/thousand/1024, c.goroutines)
	if n := (after.Mallocs - before.Mallocs) / thousand; n > maxAllocations {
		t.Errorf("%d allocations a host on both sides", n)
	}
}

// trouble is what becomes of a host.
type trouble int

const (
	well trouble = iota
	fails
	hangs
	away
	kindsOfTrouble
)

// troubles gives of a hundred hosts five that fail, two that hang and one that is
// away, at random places.
func troubles(n int, random *rand.Rand) []trouble {
	all := make([]trouble, n)
	for i, at := range random.Perm(n) {
		switch {
		case i < n*5/100:
			all[at] = fails
		case i < n*7/100:
			all[at] = hangs
		case i < n*8/100:
			all[at] = away
		}
	}
	return all
}

// troubled has hosts in trouble: TROUBLE and POINT are tables by name, of what and
// at which operation.
const troubled = `
local trouble, point = { TROUBLE }, { POINT }
return { run = function(h)
  local function go(n, op)
    if trouble[h.name] == "hangs" and point[h.name] == n then h:run { "sleep", "1000000" } end
    if trouble[h.name] == "fails" and point[h.name] == n then
      if n % 3 == 0 then fail("no luck on %s", h.name) end
      if n % 3 == 1 then h:run { "ls", "/none" } end
      h.file.put("/none/x", "x")
    end
    return op()
  end
  step("name", function() return go(1, function() return h:read { "uname", "-n" }.stdout end) end)
  step("file", function() return go(2, function() return h.file.put("/tmp/a", h.name .. "\n") end) end)
  step("directory", function() return go(3, function() return h:run { "mkdir", "-p", "/tmp/d" }.code end) end)
  step("move", function() return go(4, function() return h:run { "mv", "/tmp/a", "/tmp/d" }.code end) end)
  return step("list", function() return go(5, function() return h:read { "cat", "/tmp/d/a" }.stdout end) end)
end }`

func newTroubledCrew(n int) (*crew, []trouble) {
	random := rand.New(rand.NewPCG(5, 7)) //nolint:gosec // the same hosts every time
	all := troubles(n, random)
	var what, where strings.Builder
	for i, trouble := range all {
		if trouble == fails || trouble == hangs {
			fmt.Fprintf(&what, "[%q] = %q, ", name(i), [...]string{fails: "fails", hangs: "hangs"}[trouble])
			fmt.Fprintf(&where, "[%q] = %d, ", name(i), 1+random.IntN(5))
		}
	}
	source := strings.NewReplacer("TROUBLE", what.String(), "POINT", where.String()).Replace(troubled)
	c := newCrew(source, n, func(i int) string {
		if all[i] == away {
			return "sim:?bootcode=none"
		}
		return "sim:"
	})
	c.own, c.Timeout = []string{"/tmp/a", "/tmp/d", "/tmp/d/a"}, 90*time.Second
	return c, all
}

// Of a thousand hosts some fail, some hang, some are away: the others do all of it,
// the report tells which did what, and nothing is left anywhere.
func TestTroubleOnSomeHostsIsTheirsAlone(t *testing.T) {
	c, all := newTroubledCrew(thousand)
	c.MaxFail = "10%"
	r := c.run(t)
	want := map[trouble]string{well: effect.StatusOK, fails: effect.StatusFailed, hangs: effect.StatusFailed, away: effect.StatusUnreachable}
	met := map[trouble]int{}
	for i, h := range r.Hosts {
		met[all[i]]++
		if h.Status != want[all[i]] {
			t.Errorf("%s is %s, not %s: %+v", h.Name, h.Status, want[all[i]], h.Error)
		}
		switch {
		case all[i] == well && (h.Changed != 3 || h.Result != name(i)+"\n"):
			t.Errorf("%s: %+v", h.Name, h)
		case all[i] == hangs && h.Error.Kind != effect.Timeout, all[i] == away && h.Error.Kind != effect.Unreachable:
			t.Errorf("%s: %+v", h.Name, h.Error)
		}
	}
	if len(met) != int(kindsOfTrouble) {
		t.Fatalf("not all kinds of trouble were met: %v", met)
	}
	if r.Exit(false) != effect.Failed.Exit() {
		t.Errorf("exit code %d", r.Exit(false))
	}
	summary(t, r, fmt.Sprintf("%d hosts: %d ok (%d changed), %d unreachable, %d failed\n", thousand, met[well], met[well], met[away], met[fails]+met[hangs]))
}

// summary checks what people are told: a screenful, however many hosts there are.
func summary(t *testing.T, r *journal.Report, totals string) {
	t.Helper()
	var out, errs bytes.Buffer
	report.Text(&out, &errs, r, report.TextOptions{})
	if !strings.Contains(out.String(), totals) {
		t.Errorf("%q is missing in\n%s", totals, out.String())
	}
	if n := bytes.Count(errs.Bytes(), []byte(": put /none/x: ")); n != 1 {
		t.Errorf("one failure is told %d times:\n%s", n, errs.String())
	}
	if n := bytes.Count(errs.Bytes(), []byte("\n")); n > 200 {
		t.Errorf("%d lines tell of failures", n)
	}
}

// Once the budget is used up no further host is begun, and what is left is said.
func TestTheBudgetEndsTheRun(t *testing.T) {
	const forks, budget = 10, 8
	c, _ := newTroubledCrew(400)
	c.Forks, c.MaxFail = forks, fmt.Sprint(budget)
	r := c.run(t)
	n := counts(r)
	bad := n[effect.StatusFailed] + n[effect.StatusUnreachable]
	if bad < budget || bad > budget+forks {
		t.Errorf("%d hosts failed with a budget of %d and %d forks", bad, budget, forks)
	}
	begun := c.events[effect.HostStart]
	if n[effect.StatusStopped] != len(r.Hosts)-begun || begun >= len(r.Hosts) {
		t.Errorf("%d hosts were begun, %v", begun, n)
	}
	for _, h := range r.Hosts {
		if h.Status == effect.StatusStopped && (!strings.Contains(h.Error.Message, "--max-fail is 8") || c.machines.booted[h.Name] != nil) {
			t.Errorf("%s, which was not begun: %+v", h.Name, h.Error)
		}
	}
	if r.Exit(false) != effect.Failed.Exit() {
		t.Errorf("exit code %d", r.Exit(false))
	}
}

// Hosts that fail at, before and between barriers keep nobody waiting, with fewer
// forks than hosts, and it is said who has left.
func TestBarriersGoOnWithoutThoseThatFail(t *testing.T) {
	const hosts = 200
	c := newCrew(`return { run = function(h)
  local n = tonumber(h.name:match("%d+$"))
  h:read { "true" }
  if n % 10 == 1 then fail("before the first") end
  local first = fleet.barrier("first")
  if n % 10 == 2 then h:run { "ls", "/none" } end
  fleet.lock("pair", 2, function() if n % 10 == 3 then fail("with the lock") end end)
  local second = fleet.barrier("second")
  if n % 10 == 4 then return "done" end
  local values = fleet.gather("names", h.name)
  local gathered = 0
  for _ in pairs(values) do gathered = gathered + 1 end
  return { first = #first.hosts, second = #second.hosts, left = #second.left, gathered = gathered }
end }`, hosts, plain)
	c.Forks = 7
	r := c.run(t)
	if n := counts(r); n[effect.StatusFailed] != hosts*3/10 || n[effect.StatusOK] != hosts*7/10 {
		t.Errorf("%v", n)
	}
	results := map[string]int{}
	for _, h := range r.Hosts {
		if h.Status == effect.StatusOK {
			results[fmt.Sprint(h.Result)]++
		}
	}
	want := map[string]int{
		"map[first:180 gathered:120 left:60 second:140]": hosts * 6 / 10,
		"done": hosts / 10,
	}
	if !maps.Equal(results, want) {
		t.Errorf("got %v\nwant %v", results, want)
	}
	if !strings.Contains(strings.Join(c.logged, "\n"), `has left (failed): barrier "first" does not wait for it`) {
		t.Errorf("nobody is told who has left: %q", c.logged)
	}
}

// Hosts that go to different barriers would wait for ever: all are told at once who
// waits where, and what holds one up besides is no matter.
func TestHostsAtDifferentBarriersAreToldSo(t *testing.T) {
	c := newCrew(`return { run = function(h)
  local n = tonumber(h.name:match("%d+$"))
  if n == 7 then h:run { "ls", "/none" } end
  fleet.barrier(n < 30 and "low" or "high")
end }`, 60, plain)
	c.Forks = 5
	r := c.run(t)
	for i, h := range r.Hosts {
		if h.Status != effect.StatusFailed || i != 7 && !strings.Contains(h.Error.Message, "the hosts wait for each other, and none would ever go on") {
			t.Fatalf("%s is %s: %+v", h.Name, h.Status, h.Error)
		}
	}
	if !strings.Contains(r.Hosts[0].Error.Message, `sim-0000 (barrier "low" waits for sim-0030, `) {
		t.Errorf("got %s", r.Hosts[0].Error.Message)
	}
}

// What a script does to its VM, and how it ends, is its host's alone.
func TestHostsShareNothingThatTheyCanSpoil(t *testing.T) {
	c := newCrew(`return { run = function(h)
  local n = tonumber(h.name:match("%d+$")) % 8
  h:read { "true" }
  fleet.barrier("ready")
  if n == 1 then string.upper = nil; table.insert = nil; math = nil; spoilt = true end
  if n == 2 then getmetatable("").__index = nil end
  if n == 3 then local t = {}; t.t = t; return t end
  if n == 4 then error { code = "mine" } end
  if n == 5 then local function deep() return 1 + deep() end; deep() end
  if n == 6 then step("spin", { timeout = 0.5 }, function() while true do end end) end
  if n == 7 then h.file.put = nil end
  fleet.barrier("spoilt")
  local words = {}
  table.insert(words, ("ok"):upper())
  h.file.put("/tmp/a", words[1])
  return words[1] .. tostring(rawget(_G, "spoilt"))
end }`, 80, plain)
	c.own = []string{"/tmp/a"}
	r := c.run(t)
	for i, h := range r.Hosts {
		if i%8 == 0 && (h.Status != effect.StatusOK || h.Result != "OKnil") {
			t.Errorf("%s is %s: %v, %+v", h.Name, h.Status, h.Result, h.Error)
		}
		if i%8 >= 3 && i%8 <= 6 && h.Status != effect.StatusFailed {
			t.Errorf("%s is %s: %v", h.Name, h.Status, h.Result)
		}
	}
}

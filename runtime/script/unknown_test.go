package script

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
)

// checking runs code in check mode, where the host skips every change.
func checking(t *testing.T, code string) (any, []string, error) {
	t.Helper()
	w, host := testWorld(nil)
	host.check, w.Check = true, true
	steps := &fakeSteps{}
	w.Steps = steps
	got, err := eval(t, w, code)
	return got, steps.ended, err
}

func TestUnknownIsNeverGuessed(t *testing.T) {
	touches := []string{
		`c.guid`,
		`#c`,
		`pairs(c)`,
		`next(c)`,
		`ipairs(c)`,
		`table.concat(c)`,
		`rawget(c, "guid")`,
		`json.encode(c)`,
		`unpack(c)`,
		`print(c.guid)`,
		`h.zpool.bulk().built`,
		`h:job("x").id`,
		`h:job("x"):wait()`,
		`h:job("x").host`,
		`(function() for _, b in ipairs(h.zpool.bulk().built) do end end)()`,
		`h.zpool.status(c.guid)`,
		`h.zpool.status("a", c)`,
		`u .. "x"`,
		`u.x`,
		`u.x.y`,
		`u()`,
		`u + 1`,
		`u < u`,
		`#u`,
		`ipairs(u)`,
		`pairs(u)`,
		`type(u)`,
		`assert(u)`,
		`error(u)`,
		`rawequal(u, u)`,
		`tonumber(u)`,
		`("a"):gsub("a", u)`,
		`("a"):gsub("a", function() return u end)`,
		`tostring(u)`,
		`print(u)`,
		`log("%s", u)`,
		`fail(u)`,
		`string.format("%s", u)`,
		`json.encode(u)`,
		`h.zpool.status(u)`,
		`h.zpool.status("a", {only = {u}})`,
		`template("<%= u %>", {u = u})`,
	}
	for _, touch := range touches {
		t.Run(touch, func(t *testing.T) {
			code := `local c = h.zpool.create("tank")
				assert(assert(c).changed and c.name == "tank" and type(c) == "table" and c.nothing == nil)
				local u = step("the unknown", function() return c.guid end)
				step("the touch", function()
					pcall(function() local x = ` + touch + ` end)
					error("went on")
				end)
				return "after"`
			got, ended, err := checking(t, code)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"the unknown: unknown", "the touch: unknown"}, ended); diff != "" {
				t.Error(diff)
			}
			if got != "after" {
				t.Errorf("the script did not go on: %v", got)
			}
		})
	}
}

func TestUnknownOutsideASteps(t *testing.T) {
	_, _, err := checking(t, `local c = h.zpool.create("tank"); return c.guid .. "x"`)
	if effect.KindOf(err) != effect.Unknown || !errors.Is(err, effect.ErrUnknown) {
		t.Errorf("got %v, want an unknown error", err)
	}
	if at := effect.AsError(err).At; at != "test.lua:1" {
		t.Errorf("at %q", at)
	}
}

func TestChangesThatAreNotSkippedAreKnown(t *testing.T) {
	w, _ := testWorld(nil)
	got, err := eval(t, w, `local c = h.zpool.create("tank"); return {c.guid, #c.disks, h.zpool.bulk().built[1]}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"123", int64(1), "ONLINE"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownResultsAreLeftOut(t *testing.T) {
	got, _, err := checking(t, `return { c = h.zpool.create("tank"), u = step("s", function() return h.zpool.bulk().built end) }`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"c": map[string]any{"changed": true, "name": "tank"}, "u": nil}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInnerStepsSwallowUnknownAlone(t *testing.T) {
	_, ended, err := checking(t, `
		step("outer", function()
			local inner = step("inner", function() return h.zpool.create("tank").guid end)
			return "known"
		end)`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"inner: unknown", "outer: ok"}, ended); diff != "" {
		t.Error(diff)
	}
}

// What must stop the run passes every pcall, coroutine and retry.
func TestErrorsThatNoPcallCatches(t *testing.T) {
	wrappers := map[string]string{
		"pcall":     `pcall(function() h.zpool.status("a") end)`,
		"nested":    `pcall(pcall, function() h.zpool.status("a") end)`,
		"direct":    `pcall(h.zpool.status, "a")`,
		"xpcall":    `xpcall(function() h.zpool.status("a") end, function() return "handled" end)`,
		"resume":    `coroutine.resume(coroutine.create(function() h.zpool.status("a") end))`,
		"wrap":      `pcall(coroutine.wrap(function() h.zpool.status("a") end))`,
		"retry":     `pcall(retry, {times = 5}, function() h.zpool.status("a") end)`,
		"metatable": `pcall(function() local x = setmetatable({}, {__index = function() return h.zpool.status("a") end}).y end)`,
		"sort":      `pcall(table.sort, {2, 1}, function() h.zpool.status("a") end)`,
		"gsub":      `pcall(string.gsub, "a", "a", function() h.zpool.status("a") end)`,
	}
	kinds := []effect.ErrKind{effect.Unknown, effect.Stopped, effect.Cancelled, effect.Diverged, effect.Locked, effect.Internal}
	for name, wrapper := range wrappers {
		for _, kind := range kinds {
			t.Run(name+"/"+string(kind), func(t *testing.T) {
				w, host := testWorld(nil)
				host.fail = effect.Errorf(kind, "zpool.status", "no further")
				got, err := eval(t, w, wrapper+"\nreturn 'swallowed'")
				if effect.KindOf(err) != kind {
					t.Fatalf("got %v, %v", got, err)
				}
				if len(host.done) != 1 {
					t.Errorf("tried %d times", len(host.done))
				}
			})
		}
	}
}

func TestCancelPassesPcallAndEndsLoops(t *testing.T) {
	for _, code := range []string{
		`while true do end`,
		`while true do pcall(function() while true do end end) end`,
		`while true do coroutine.resume(coroutine.create(function() while true do end end)) end`,
		`while true do retry({times = 1000000, delay = 0, on = "failed"}, function() fail("again") end) end`,
		`step("s", function() while true do pcall(error, "x") end end)`,
		`while true do pcall(sleep, 1000) end`,
	} {
		t.Run(code, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			w, _ := testWorld(nil)
			p, err := Compile("test.lua", []byte("log('going')\n"+code), Options{})
			if err != nil {
				t.Fatal(err)
			}
			w.Log = func(context.Context, string) { cancel() }
			_, err = p.Run(ctx, w)
			if effect.KindOf(err) != effect.Cancelled {
				t.Errorf("got %v, want cancelled", err)
			}
		})
	}
}

func TestStepTimeout(t *testing.T) {
	w, _ := testWorld(nil)
	got, err := eval(t, w, `
		local ok, e = pcall(step, "slow", {timeout = 0.01}, function()
			while true do pcall(function() while true do end end) end
		end)
		return {ok, e.kind, e.message}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{false, "timeout", "slow took longer than 0.01 seconds"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEndlessRecursionIsAnError(t *testing.T) {
	for _, code := range []string{
		`local function f() return 1 + f() end; f()`,
		`local function f() pcall(f) ; error("deep") end; f()`,
		`local function f() return step("x", f) end; f()`,
		`local t = setmetatable({}, {}); getmetatable(t).__index = function(_, k) return t[k .. "x"] end; return t.a`,
		`local function f() return coroutine.wrap(f)() end; f()`,
		`local s = "x"; local function f() return (s:gsub(".", f)) end; f()`,
	} {
		t.Run(code, func(t *testing.T) {
			w, _ := testWorld(nil)
			_, err := eval(t, w, code)
			if err == nil || effect.KindOf(err) != effect.Script {
				t.Errorf("got %v, want a script error", err)
			}
			if err != nil && strings.Contains(code, "f()") && len(err.Error()) > 1000 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestAPlanNamesTheCallThatCouldNotLookAhead(t *testing.T) {
	_, _, err := checking(t, `h.zpool.create("tank"); h.zpool.late()`)
	if effect.KindOf(err) != effect.Unknown || !strings.Contains(err.Error(), "unknown from zpool.late on") {
		t.Errorf("%v", err)
	}
}

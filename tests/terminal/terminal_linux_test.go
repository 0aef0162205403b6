package terminal

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// waits is the beginning of recipes that wait for the test: on this machine, and
// by reading alone, so that no lock is taken.
const waits = `--- Wait for what the test does.
local recipe = {}
local function wait(h, file)
  h:read("echo waiting for " .. file .. "; printf 'half\rwhole\n'; until [ -e \"$DIR/" .. file .. "\" ]; do sleep 0.05; done; echo there")
end
`

// region is the last line of the live region.
const region = "Ctrl-C stops"

func TestOneHostIsShownWhileItWorks(t *testing.T) {
	t.Parallel()
	s := start(t, 80, 24, waits+`
function recipe.run(h)
  step("First", function() return h:read("true").code end)
  step("Outer", function() step("Inner", function() wait(h, "go") end) end)
end
return recipe`, "local:")
	text := s.shows("local  ok  First", "> Outer/Inner", "| waiting for go", "| whole", region)
	if strings.Contains(text, "| half") {
		t.Errorf("a line that was written over is shown:\n%s", text)
	}
	before := regexp.MustCompile(`Outer/Inner +([0-9.]+)s`).FindStringSubmatch(text)
	s.until("time goes on", func(text string) bool {
		now := regexp.MustCompile(`Outer/Inner +([0-9.]+)s`).FindStringSubmatch(text)
		return now != nil && now[1] != before[1]
	})
	s.let("go")
	code, text := s.ends()
	if code != 0 || strings.Contains(text, region) || strings.Contains(text, "| waiting") {
		t.Errorf("exit code %d, and the screen is\n%s", code, text)
	}
	for _, want := range []string{"local  ok  First", "local  ok  Outer/Inner", "HOST   STATUS", "local  ok", "bsdrun show"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not left on the screen:\n%s", want, text)
		}
	}
	if !s.cooked() {
		t.Error("the terminal is left in another mode")
	}
}

func TestQuestionsHaveTheTerminalForThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, 80, 24, waits+`
function recipe.run(h)
  step("Before", function() wait(h, "ask") end)
  local name = ask("What is it called?")
  step("After", function() wait(h, "go") end)
  return "it is " .. name
end
return recipe`, "local:")
	s.shows("> Before", region)
	s.let("ask")
	text := s.shows("What is it called?")
	if strings.Contains(text, region) {
		t.Errorf("the region is still there:\n%s", text)
	}
	s.until("a terminal that edits lines", func(string) bool { return s.cooked() })
	s.keys("a daemon\n")
	s.shows("What is it called? a daemon", "> After", region)
	s.let("go")
	if code, text := s.ends(); code != 0 || !strings.Contains(text, "it is a daemon") {
		t.Errorf("exit code %d, and the screen is\n%s", code, text)
	}
}

func TestCtrlCStopsAndAnotherEndsAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		again bool
	}{{"once", false}, {"twice", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, 80, 24, waits+`
function recipe.run(h)
  step("Work", function() wait(h, "go") end)
  step("More", function() end)
end
return recipe`, "local:")
			s.shows("> Work", region)
			s.keys("\x03")
			s.shows("stopping: what is under way may finish; Ctrl-C once more ends it at once", "> Work")
			if c.again {
				s.keys("\x03")
			} else {
				s.let("go")
			}
			code, text := s.ends()
			if code != 130 || !strings.Contains(text, "bsdrun resume") || strings.Contains(text, "ok  More") || !s.cooked() {
				t.Errorf("exit code %d, and the screen is\n%s", code, text)
			}
		})
	}
}

// fleet is a run of which one host waits for the test and the others for it; two
// of them have failed.
const fleet = waits + `
function recipe.run(h)
  if h.name == "local" then
    step("Lead", function() wait(h, "go") end)
    fleet.barrier("done")
    return
  end
  step("Put", function() h.file.put("/root/x", "the content of " .. h.name .. "\n") end)
  if h.name:match("7$") then fail("no room on %s", h.name) end
  step("Follow", function() fleet.barrier("done") end)
end
return recipe`

func TestAFleetIsShownByCountsAndFailures(t *testing.T) {
	t.Parallel()
	s := start(t, 80, 24, fleet, "local:", "sim:freebsd-14.3*20")
	s.shows("21 hosts: 2 failed, 19 running", "freebsd-14.3-07  failed  no room on freebsd-14.3-07", "freebsd-14.3-17  failed", "Follow", "more", region)

	s.keys("f")
	text := s.shows("Failures", "freebsd-14.3-17  failed", "q back")
	if strings.Contains(text, "running") {
		t.Errorf("a pager has the screen for itself:\n%s", text)
	}
	s.keys("q")
	s.shows("19 running")

	s.keys("d")
	s.shows("What was changed until now", "+the content of freebsd-14.3-", "1-22 of ")
	s.keys("G")
	s.until("the end", func(text string) bool { return !strings.Contains(text, "1-22 of ") })
	s.keys("q")
	s.shows("19 running")

	for range 20 { // to the last host of the list
		s.keys("j")
	}
	s.until("the selection moves", func(text string) bool { return !strings.Contains(text, "more\n") && strings.Contains(text, "\n> ") })

	s.resize(50, 10)
	text = s.until("a smaller region", func(text string) bool {
		return strings.Contains(text, "19 running") && strings.HasSuffix(text, "…") && strings.Count(text, "\n") < 10
	})
	if n := strings.Count(text, "Follow"); n == 0 || n > 6 {
		t.Errorf("%d hosts on a screen of 10 lines:\n%s", n, text)
	}
	s.let("go")
	if code, text := s.ends(); code != 2 || strings.Contains(text, region) || !strings.Contains(text, "bsdrun show") {
		t.Errorf("exit code %d, and the screen is\n%s", code, text)
	}
}

func TestPlainProgressGivesTheTerminalNoOrders(t *testing.T) {
	t.Parallel()
	s := start(t, 80, 24, "--- Do nothing.\nlocal recipe = {}\nfunction recipe.run() return 'done' end\nreturn recipe", "sim:", "--progress", "plain", "--color", "never")
	if code, text := s.ends(); code != 0 || !strings.Contains(text, "done") {
		t.Errorf("exit code %d, and the screen is\n%s", code, text)
	}
	if all := s.all.String(); strings.Contains(all, "\x1b") {
		t.Errorf("the terminal is given orders: %q", all)
	}
}

func TestWithoutATerminalThereAreOnlyLines(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), bsdrun, "-e", `step("Wait", function() h:read("sleep 1") end)`, "local:")
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color", "XDG_STATE_HOME="+filepath.Join(t.TempDir(), "state"))
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "local  ok  Wait") || strings.Contains(string(out), "\x1b") {
		t.Errorf("%v: %q", err, out)
	}
}

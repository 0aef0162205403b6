package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bsdrun/runtime/binding"
	"bsdrun/runtime/effect"
	"bsdrun/runtime/inventory"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/sim"
	"bsdrun/runtime/sim/base"
	"bsdrun/stdlib/bectl/bectlsim"
	"bsdrun/stdlib/hostverbs"
	"bsdrun/stdlib/sysctl/sysctlsim"
)

// onSim are the options of a script on a simulated machine, by the real
// transport.
func onSim(t *testing.T, source, url string) Options {
	t.Helper()
	o := options(t, source, nil)
	o.dial = nil
	o.Modules = []binding.Module{hostverbs.Module}
	o.Tools = base.Tools
	o.SSH.Home = t.TempDir()
	hosts, err := inventory.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	o.Hosts = hosts
	return o
}

func TestASimulatedMachine(t *testing.T) {
	source := `
local recipe = { needs = { os = "FreeBSD", root = true } }
function recipe.run(h)
  local n = step("Write", function()
    h:run("echo one > /tmp/x; echo two >> /tmp/x")
    return h:read("wc -l < /tmp/x").stdout:match("%d+")
  end)
  sleep(3600)
  return { n = n, name = h.facts.hostname, os = h.facts.os }
end
return recipe
`
	o := onSim(t, "--- Writes.\n"+source, "sim:freebsd-14.3")
	report := mustRun(t, o)
	h := report.Hosts[0]
	if got := outline(h); got != "freebsd-14.3 ok 1 [Write=changed]" {
		t.Fatalf("%s: %+v", got, h.Error)
	}
	result, _ := h.Result.(map[string]any)
	if result["n"] != "2" || result["os"] != "FreeBSD" || result["name"] == "" {
		t.Errorf("%+v", result)
	}
}

func TestACheckOfASimulatedMachineLeavesNothing(t *testing.T) {
	url := "sim:freebsd-14.3?state=" + filepath.Join(t.TempDir(), "state")
	o := onSim(t, `h:run("touch /tmp/x") step("S", function() h:read("ls /tmp") end)`, url)
	o.Check = true
	report := mustRun(t, o)
	if got := outline(report.Hosts[0]); got != "freebsd-14.3 ok 1 [S=unknown]" {
		t.Errorf("%s: %+v", got, report.Hosts[0].Error)
	}
	look := mustRun(t, onSim(t, `return h:read("ls /tmp /var/db/bsdrun 2>&1 | grep -c -e '^x' -e lock -e runs; :").stdout`, url))
	if got := look.Hosts[0].Result; got != "0\n" {
		t.Errorf("the check left something: %q, %+v", got, look.Hosts[0].Error)
	}
}

func TestARunOnASimulatedMachineIsResumed(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	source := `
step("One", function() h:run("echo one >> /root/log") end)
step("Two", function() h:run("echo two >> /root/log") h:run("zpool destroy tank || true") end)
return h:read("cat /root/log").stdout
`
	o := onSim(t, source, "sim:freebsd-14.3?state="+state)
	report := mustRun(t, o)
	if e := report.Hosts[0].Error; e == nil || e.Kind != effect.Stopped {
		t.Fatalf("%+v", e)
	}
	// Another run meets the lock, and is told how to go on.
	other := onSim(t, `h:run("true")`, "sim:freebsd-14.3?state="+state)
	locked := mustRun(t, other).Hosts[0].Error
	if locked == nil || locked.Kind != effect.Locked || !strings.Contains(locked.Hint, report.Run) {
		t.Errorf("%+v", locked)
	}
	o.Source, o.Allow = nil, []string{"irreversible"}
	report, err := Resume(t.Context(), report.Run, o)
	if err != nil {
		t.Fatal(err)
	}
	if h := report.Hosts[0]; h.Status != effect.StatusOK || h.Result != "one\ntwo\n" {
		t.Errorf("%s: %+v", outline(h), h.Error)
	}
	if report := mustRun(t, other); report.Hosts[0].Status != effect.StatusOK {
		t.Errorf("the lock stayed: %+v", report.Hosts[0].Error)
	}
}

// TestARunThatIsGivenUp: the journal tells how the run stands that holds a host, and
// that one loses the host when it is given up.
func TestARunThatIsGivenUp(t *testing.T) {
	url := "sim:freebsd-14.3?state=" + filepath.Join(t.TempDir(), "state")
	o := onSim(t, `h:run("echo one >> /root/log") h:run("zpool destroy tank")`, url)
	former := mustRun(t, o)
	other := onSim(t, `h:run("echo two >> /root/log")`, url)
	other.Journal = o.Journal
	locked := mustRun(t, other).Hosts[0].Error
	if locked == nil || !strings.Contains(locked.Message, "ended here stopped at 20") || !strings.Contains(locked.Hint, "--take-over "+former.Run) {
		t.Fatalf("%+v", locked)
	}
	other.TakeOver = []string{former.Run}
	if report := mustRun(t, other); report.Hosts[0].Status != effect.StatusOK {
		t.Errorf("%+v", report.Hosts[0].Error)
	}
}

// TestALockThatWasNotTakenAway: a run that came to its end, but could not say so to the
// host any more, keeps nobody out.
func TestALockThatWasNotTakenAway(t *testing.T) {
	url := "sim:freebsd-14.3?state=" + filepath.Join(t.TempDir(), "state")
	o := onSim(t, `h:run("cp -R /var/db/bsdrun /root/former")`, url)
	former := mustRun(t, o)
	mustRun(t, onSim(t, `h:read("rm -rf /var/db/bsdrun; mv /root/former /var/db/bsdrun")`, url))
	other := onSim(t, `h:run("true") return h:read("ls /var/db/bsdrun/runs").stdout`, url)
	if e := mustRun(t, other).Hosts[0].Error; e == nil || e.Kind != effect.Locked {
		t.Errorf("a controller that does not know the run: %+v", e)
	}
	other.Journal = o.Journal
	h := mustRun(t, other).Hosts[0]
	if left, _ := h.Result.(string); h.Status != effect.StatusOK || left == "" || strings.Contains(left, former.Run) {
		t.Errorf("%s: %q, %+v", h.Status, left, h.Error)
	}
}

// TestARebootIntoOtherFilesIsNotRepeated: the environment that was booted for once
// has no word of the reboot in its ledger, and a second one would lead back.
func TestARebootIntoOtherFilesIsNotRepeated(t *testing.T) {
	url := "sim:freebsd-14.3-zfs-mirror-uefi?state=" + filepath.Join(t.TempDir(), "state")
	o := onSim(t, `
step("Boot it", function()
  h:run("bectl create new && bectl activate -t new")
  h:reboot()
end)
h:run("true")
return h:read("mount -p").stdout:match("^%S+")
`, url)
	o.Tools = func() []*sim.Tool { return slices.Concat(base.Tools(), bectlsim.Tools(), sysctlsim.Tools()) }
	o.Wrap = func(next effect.Doer) effect.Doer {
		return effect.DoerFunc(func(ctx context.Context, e effect.Effect) (effect.Result, error) {
			r, err := next.Do(ctx, e)
			if err == nil && e.Conn != nil && e.Conn.Verb == effect.ConnReboot {
				err = effect.Errorf(effect.Unreachable, e.Op, "this machine went down meanwhile")
			}
			return r, err
		})
	}
	report := mustRun(t, o)
	if h := report.Hosts[0]; h.Status != effect.StatusUnreachable {
		t.Fatalf("%s: %+v", outline(h), h.Error)
	}
	o.Source, o.Wrap = nil, nil
	report, err := Resume(t.Context(), report.Run, o)
	if err != nil {
		t.Fatal(err)
	}
	if h := report.Hosts[0]; h.Result != "zroot/ROOT/new" {
		t.Errorf("%s: %v, %+v", outline(h), h.Result, h.Error)
	}
}

// TestAResumedRunTellsOfOlderFiles: unless it has led the host there itself.
func TestAResumedRunTellsOfOlderFiles(t *testing.T) {
	for name, c := range map[string]struct {
		reboot string
		told   bool
	}{
		"by itself":  {`h:run("shutdown -r +1")`, true},
		"by the run": {`h:reboot()`, false},
	} {
		t.Run(name, func(t *testing.T) {
			url := "sim:freebsd-14.3-zfs-mirror-uefi?state=" + filepath.Join(t.TempDir(), "state")
			on := func(source string) Options {
				o := onSim(t, source, url)
				o.Tools = func() []*sim.Tool { return slices.Concat(base.Tools(), bectlsim.Tools(), sysctlsim.Tools()) }
				return o
			}
			o := on(`
step("Keep", function() h:run("bectl create old && bectl activate old") end)
step("Change", function() h:run("echo new > /root/new") end)
` + c.reboot + `
h:run("zpool destroy tank || true")
return h:read("mount -p; ls /root").stdout
`)
			report := mustRun(t, o)
			if e := report.Hosts[0].Error; e == nil || e.Kind != effect.Stopped {
				t.Fatalf("%+v", e)
			}
			mustRun(t, on(`sleep(300) h:read("true")`))
			o.Source, o.Allow = nil, []string{"irreversible"}
			report, err := Resume(t.Context(), report.Run, o)
			if err != nil {
				t.Fatal(err)
			}
			h := report.Hosts[0]
			if files, _ := h.Result.(string); !strings.Contains(files, "zroot/ROOT/old") || strings.Contains(files, "new") {
				t.Errorf("%s: %v, %+v", outline(h), h.Result, h.Error)
			}
			if told := strings.Contains(strings.Join(h.Notes, "\n"), "earlier time"); told != c.told {
				t.Errorf("notes: %q", h.Notes)
			}
		})
	}
}

func TestThisMachine(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	o := onSim(t, `return h:read("echo $((6 * 7)); exit 0").stdout`, "local:")
	report := mustRun(t, o)
	if h := report.Hosts[0]; h.Status != effect.StatusOK || h.Result != "42\n" || h.Name != "local" {
		t.Errorf("%s: %+v, %q", outline(h), h.Error, h.Result)
	}
	record, err := o.Journal.Find(t.Context(), report.Run)
	if err != nil || record.State != journal.Done {
		t.Errorf("%+v, %v", record, err)
	}
}

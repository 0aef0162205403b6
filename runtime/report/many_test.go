package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
)

// fleetReport is a run on forty hosts: some failed for one reason, some could not
// be reached at their addresses.
func fleetReport() *journal.Report {
	r := &journal.Report{Run: "r1", Recipe: "patch", Took: 75}
	for i := range 40 {
		name := fmt.Sprintf("web%02d.example.org", i+1)
		h := journal.HostReport{Name: name, Status: "ok", Changed: 2, Steps: []journal.StepReport{{Name: "Look", Status: "ok"}, {Name: "Fetch", Status: "changed"}}}
		switch {
		case i%8 == 3:
			h.Status, h.Changed, h.Steps[1].Status = "failed", 1, "failed"
			h.Error = &journal.ErrorReport{
				Op: "run", Host: name, Kind: effect.Failed, Code: 1, At: "patch.lua:3", Command: "fetch -o /tmp/" + name,
				Message: "fetch on " + name + ": exit code 1", Stderr: fmt.Sprintf("pid %d\n", 100+i), Hint: "log in with ssh " + name + ".",
			}
		case i == 20 || i == 21:
			h.Status, h.Changed, h.Steps = "unreachable", 0, nil
			h.Error = &journal.ErrorReport{Op: "connect", Host: name, Kind: effect.Unreachable, Message: fmt.Sprintf("192.0.2.%d:22 does not answer", i)}
		}
		r.Hosts = append(r.Hosts, h)
	}
	return r
}

func text(r *journal.Report, o TextOptions) (out, errs string) {
	var outW, errW bytes.Buffer
	Text(&outW, &errW, r, o)
	return outW.String(), errW.String()
}

func TestManyHostsAreToldOfTogether(t *testing.T) {
	out, errs := text(fleetReport(), TextOptions{Style: Style{Width: 120}})
	wantErrs := `web04.example.org, web12.example.org, web20.example.org, web28.example.org, web36.example.org: fetch on HOST: exit code 1
  on         web04.example.org, for one
  operation  run
  command    fetch -o /tmp/web04.example.org
  at         patch.lua:3
  exit code  1
  errors
    pid 103
  hint log in with ssh HOST.
web21.example.org, web22.example.org: ADDRESS:22 does not answer
  operation  connect
`
	if diff := cmp.Diff(wantErrs, errs); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	want := `STEP   OK  CHANGED  FAILED
Look   38
Fetch           33       5

HOSTS  STATUS       CHANGED  STEPS
   33  ok                 2  1 ok, 1 changed  web[01:03,05:11,13:19,23:27,29:35,37:40].example.org
    2  unreachable        0                   web[21:22].example.org
    5  failed             1  1 ok, 1 failed   web[04,12,20,28,36].example.org
40 hosts: 33 ok (33 changed), 2 unreachable, 5 failed
run r1 took 1m15s; bsdrun show r1 tells all of it; bsdrun resume r1 goes on with it
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestNarrowTerminalsNameHostsBelow(t *testing.T) {
	out, _ := text(fleetReport(), TextOptions{Style: Style{Width: 60}})
	want := `   33  ok                 2  1 ok, 1 changed
       web[01:03,05:11,13:19,23:27,29:35,37:40].example.org
    2  unreachable        0
       web[21:22].example.org
`
	if !strings.Contains(out, want) {
		t.Errorf("got:\n%s", out)
	}
	for line := range strings.Lines(out) {
		if len(line) > 61 && !strings.HasPrefix(line, "run ") {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestEveryHostHasItsLineWhenAskedFor(t *testing.T) {
	r := fleetReport()
	out, _ := text(r, TextOptions{Changes: true})
	if n := strings.Count(out, "\nweb"); n < len(r.Hosts) {
		t.Errorf("%d hosts are named:\n%s", n, out)
	}
	r.Hosts = r.Hosts[:manyHosts-1]
	if out, _ := text(r, TextOptions{}); strings.Contains(out, "HOSTS") {
		t.Errorf("few hosts are told of together:\n%s", out)
	}
}

func TestEqualResultsAreToldOnce(t *testing.T) {
	for name, c := range map[string]struct {
		result func(i int) any
		want   string
	}{
		"text": {func(i int) any { return fmt.Sprintf("release %d\n", i%2) },
			"20 hosts:\n  web[01,03,05,07,09,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39].example.org\nrelease 0\n\n20 hosts:"},
		"rows": {func(i int) any { return map[string]any{"version": int64(14 + i/39)} },
			"HOST VERSION web[01:39].example.org 14 web40.example.org 15"},
	} {
		r := fleetReport()
		for i := range r.Hosts {
			r.Hosts[i].Result = c.result(i)
		}
		out, _ := text(r, TextOptions{})
		if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(c.want), " ")) {
			t.Errorf("%s: got:\n%s", name, out)
		}
	}
}

func TestEqualChangesAreToldOnce(t *testing.T) {
	r := fleetReport()
	r.Check = true
	for i := range r.Hosts {
		if r.Hosts[i].Status == "ok" {
			r.Hosts[i].Steps[1].Changes = []journal.ChangeReport{{Op: "file.put", What: "/etc/motd"}}
		}
	}
	out, _ := text(r, TextOptions{})
	if strings.Count(out, "/etc/motd") != 1 || !strings.Contains(out, "33 hosts:\n  web[01:03") || !strings.Contains(out, "33 ok (33 would change)") {
		t.Errorf("got:\n%s", out)
	}
}

func TestEqualNotesAreToldOnce(t *testing.T) {
	r := fleetReport()
	for i := range 20 {
		r.Hosts[i].Notes = []string{"the lock was taken over"}
	}
	if out, _ := text(r, TextOptions{}); !strings.Contains(out, "note 20 hosts: the lock was taken over\n  web[01:20].example.org\n") {
		t.Errorf("got:\n%s", out)
	}
}

func TestAnInterruptionIsToldOnceWhereverItMetTheHosts(t *testing.T) {
	r := &journal.Report{}
	for i := range 12 {
		r.Hosts = append(r.Hosts, journal.HostReport{Name: fmt.Sprintf("h%d", i), Error: &journal.ErrorReport{
			Kind: effect.Cancelled, Message: "interrupted", Op: "run", At: fmt.Sprintf("x.lua:%d", i), Excerpt: "> a line", Hint: "resume",
		}})
	}
	var w bytes.Buffer
	Failures(&w, r, Style{})
	if diff := cmp.Diff("12 hosts: interrupted\n  h[0:11]\n  hint resume\n", w.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNamesAreBounded(t *testing.T) {
	var hosts []string
	for i := range 2000 {
		hosts = append(hosts, fmt.Sprintf("n%05d", i*7919%99991))
	}
	lines := nameLines(hosts, 80)
	if len(lines) != hostLines || !strings.Contains(lines[hostLines-1], "of 2000 hosts") {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestManyKindsOfFailureAreBounded(t *testing.T) {
	r := &journal.Report{}
	for i := range 60 {
		r.Hosts = append(r.Hosts, journal.HostReport{Name: fmt.Sprintf("h%d", i), Error: &journal.ErrorReport{Message: strings.Repeat("x", i+1)}})
	}
	var w bytes.Buffer
	Failures(&w, r, Style{})
	if !strings.HasSuffix(w.String(), "40 hosts: 40 other failures\n  h[20:59]\n") {
		t.Errorf("got:\n%s", w.String())
	}
}

func TestWhatIsSaidOfAnyHost(t *testing.T) {
	for _, c := range []struct{ host, text, want string }{
		{"web1", "web1 failed, web10 and my-web1 not", "HOST failed, web10 and my-web1 not"},
		{"web1", "see web1. It is web1.example.org", "see HOST. It is web1.example.org"},
		{"ops@web1:2222", "web1:2222 does not answer; try ssh -p 2222 web1", "HOST does not answer; try ssh -p 2222 HOST"},
		{"web1/www", "web1/www on web1", "HOST on HOST"},
		{"a", "192.0.2.17:22 refused, release 14.3", "ADDRESS:22 refused, release 14.3"},
		{"a", "[2001:db8::7]:22 refused", "ADDRESS:22 refused"},
	} {
		if got := general(c.text, c.host); got != c.want {
			t.Errorf("%q of %s: got %q, want %q", c.text, c.host, got, c.want)
		}
	}
}

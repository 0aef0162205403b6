package page

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/page"
)

const (
	fleetHosts = 1000
	fleetSteps = 20
)

// fleetPage is the page of a run of many steps on many hosts, each with output
// and a diff of its own.
func fleetPage(t *testing.T) (address string, size int) {
	t.Helper()
	store, err := journal.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	hosts := make([]journal.Host, fleetHosts)
	for i := range hosts {
		hosts[i].Name = fmt.Sprintf("web%04d.example.org", i)
	}
	run := &journal.Run{Recipe: "patch", Started: time.Now().Add(-time.Hour)}
	rec, err := store.Begin(run, hosts)
	if err != nil {
		t.Fatal(err)
	}
	for i, h := range hosts {
		record(t, rec, i, h.Name, run.Started)
	}
	if err := rec.End(journal.Failed, nil, nil); err != nil {
		t.Fatal(err)
	}
	data, err := page.Load(t.Context(), store, run.ID)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := page.Write(&text, data, ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "fleet.html")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file://" + file, text.Len()
}

func record(t *testing.T, rec *journal.Recorder, i int, name string, at time.Time) {
	t.Helper()
	rec.HostStart(name, at)
	for s := range fleetSteps {
		step := journal.Step{Path: fmt.Sprintf("Step %d", s), Title: fmt.Sprintf("Step %d", s), Started: at}
		rec.StepStart(name, step)
		at = at.Add(time.Duration(1+(i*7+s*3)%10) * time.Second)
		rec.Outcome(&journal.Effect{Host: name, Step: step.Path, Op: "file.put", Kind: "change", Risk: "safe", What: "put /etc/motd", Sent: step.Started, Ended: at,
			Status: "ok", Counts: s%4 == 0, Out: []byte("written\n"), Diff: fmt.Sprintf("--- a/etc/motd\n+++ b/etc/motd\n@@ -1 +1 @@\n-old\n+%s %d\n", name, s)})
		step.Status, step.Ended = effect.StatusOK, at
		if s%4 == 0 {
			step.Status = effect.StatusChanged
		}
		if err := rec.StepEnd(name, step); err != nil {
			t.Fatal(err)
		}
	}
	end := journal.Host{Name: name, Status: effect.StatusOK, Ended: at}
	if i%100 == 99 {
		end.Status, end.Error = effect.StatusFailed, &journal.ErrorReport{Op: "pkg.upgrade", Kind: effect.Failed, Message: "no room on " + name}
	}
	if err := rec.HostEnd(end); err != nil {
		t.Fatal(err)
	}
}

// How long it takes depends on the machine, and is told; what it is made of does
// not, and is asserted.
func TestThePageOfAFleetStaysLight(t *testing.T) {
	address, size := fleetPage(t)
	if per := size / (fleetHosts * fleetSteps); per > 400 {
		t.Errorf("%d bytes a step", per)
	}
	b := open(t, address)
	b.until(`performance.getEntriesByType("paint").length > 0`)
	t.Logf("%d hosts x %d steps: %.1f MB; first paint after %.0f ms, all drawn after %.0f ms", fleetHosts, fleetSteps, float64(size)/1e6,
		eval[float64](b, `performance.getEntriesByType("paint")[0].startTime`),
		eval[float64](b, `performance.getEntriesByType("navigation")[0].domContentLoadedEventStart`))

	const most = 1500 // elements, whatever is open
	elements := func(when string) {
		t.Helper()
		if n := eval[int](b, `document.querySelectorAll("*").length`); n > most {
			t.Errorf("%s: %d elements", when, n)
		}
	}
	elements("as opened")
	if got := eval[string](b, `document.querySelector("#shown").textContent`); got != "1000 of 1000 hosts" {
		t.Errorf("it says: %s", got)
	}

	b.click("#open-changes")
	elements("with every change open")
	eval[chromedp.Void](b, `document.querySelector("#tree").focus({ preventScroll: true })`)
	b.keys(kb.End)
	b.until(`document.querySelector(".row:last-child").getAttribute("aria-posinset") === document.querySelector(".row:last-child").getAttribute("aria-setsize")`)
	elements("at the end")
	if got := eval[string](b, `document.querySelector(".row:last-child").id`); !strings.HasPrefix(got, "row-web0999") {
		t.Errorf("the last row is %s", got)
	}

	// Every screenful that is scrolled to is filled.
	gaps := eval[int](b, `(async () => {
		let gaps = 0;
		const began = performance.now();
		for (let y = 0; y < 40; y++) {
			scrollTo(0, (document.body.scrollHeight * y) / 40);
			await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
			if (!document.elementFromPoint(innerWidth / 3, innerHeight / 2).closest(".row, main")) gaps++;
			if (y > 2 && !document.elementFromPoint(innerWidth / 3, innerHeight / 2).closest(".row")) gaps++;
		}
		window.frame = (performance.now() - began) / 80;
		return gaps;
	})()`)
	if gaps > 0 {
		t.Errorf("%d screens have nothing on them", gaps)
	}
	t.Logf("scrolling by screens: %.1f ms a frame", eval[float64](b, "window.frame"))
	elements("after scrolling")

	b.click("#close-all")
	b.keys("/")
	b.keys("0999")
	if got := b.rows(); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

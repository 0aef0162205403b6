package page

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"bsdrun/runtime/effect"
	"bsdrun/runtime/journal"
	"bsdrun/runtime/serve"
)

// underWay is a run that the test carries out, and the address of a server that
// shows it.
type underWay struct {
	t       *testing.T
	store   *journal.Store
	rec     *journal.Recorder
	live    *journal.Live
	release func()
	url     string
}

func begin(t *testing.T, hosts ...string) *underWay {
	t.Helper()
	dir := t.TempDir()
	u := &underWay{t: t}
	var err error
	if u.store, err = journal.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.store.Close() })
	u.begin("patch", hosts...)

	shown, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shown.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	server := httptest.NewServer((&serve.Server{Store: shown}).Handler(ctx))
	t.Cleanup(func() { cancel(); server.CloseClientConnections(); server.Close() })
	u.url = server.URL
	return u
}

// begin begins another run.
func (u *underWay) begin(recipe string, hosts ...string) {
	u.t.Helper()
	list := make([]journal.Host, len(hosts))
	for i, name := range hosts {
		list[i].Name = name
	}
	run := &journal.Run{Recipe: recipe}
	var err error
	if u.rec, err = u.store.Begin(run, list); err != nil {
		u.t.Fatal(err)
	}
	if u.release, err = u.store.Hold(run.ID); err != nil {
		u.t.Fatal(err)
	}
	u.live = journal.NewLive(u.store)
}

// end ends the run.
func (u *underWay) end(state string) {
	u.t.Helper()
	u.live.Close()
	if err := u.rec.End(state, nil, nil); err != nil {
		u.t.Fatal(err)
	}
	u.release()
}

func TestARunIsFollowedAsItGoesOn(t *testing.T) {
	t.Parallel()
	u := begin(t, "web1", "web2")
	b := open(t, u.url+"/run/"+u.rec.Run())
	b.until(`document.querySelectorAll(".row").length === 2 && document.querySelector(".host .badge").textContent === "waiting"`)
	b.accessible("a run under way")
	b.click(".row.host")

	began := time.Now()
	u.rec.HostStart("web1", began)
	step := journal.Step{Path: "Build", Title: "Build", Started: began}
	u.rec.StepStart("web1", step)
	b.until(`document.querySelector(".row.step .badge")?.textContent === "running"`)
	b.until(`document.querySelector('#outcomes [data-status="running"]').textContent === "1 running"`)

	// What a command prints, and how far it is, comes before it ends.
	for _, e := range []effect.Event{
		{Type: effect.EffectStart, Op: "poudriere.bulk", Text: "poudriere bulk"},
		{Type: effect.EffectOut, Text: "building www/nginx\n"},
		{Type: effect.Progress, Text: "1 of 2: 1 built", Data: map[string]any{"queued": 2, "built": 1, "done": 1, "total": 2}},
	} {
		e.Run, e.Host, e.At = u.rec.Run(), "web1", began
		u.live.Emit(e)
	}
	b.until(`document.querySelector(".row.block pre")?.textContent === "building www/nginx\n"`)
	b.until(`document.querySelector(".row.host .more").textContent.includes("1 of 2: 1 built")`)
	b.until(`document.querySelector("#builds").innerText.includes("1 built, 1 remaining of 2")`)

	step.Status, step.Ended = effect.StatusChanged, began.Add(time.Minute)
	if err := u.rec.StepEnd("web1", step); err != nil {
		t.Fatal(err)
	}
	failed := journal.Host{Name: "web1", Status: effect.StatusFailed, Ended: began.Add(time.Minute), Error: &journal.ErrorReport{Kind: effect.Failed, Message: "no room"}}
	if err := u.rec.HostEnd(failed); err != nil {
		t.Fatal(err)
	}
	b.until(`document.querySelector("#failures").innerText.includes("no room")`)
	b.until(`document.querySelector("#announce").textContent === "1 of 2 hosts are done, 1 of them not well"`)
	if got := b.rows(); got[0] != "web1" || got[1] != "Build" {
		t.Errorf("what was open is not: %v", got)
	}
	u.end(journal.Failed)
	b.until(`document.querySelector("h1 .badge").textContent === "failed" && document.querySelector("#announce").textContent === "The run is failed"`)
	b.until(`document.querySelectorAll(".host .badge")[1].textContent === "stopped"`)
}

func TestTheListOfRunsIsKeptNew(t *testing.T) {
	t.Parallel()
	u := begin(t, "web1")
	b := open(t, u.url)
	b.until(`document.querySelectorAll("tbody tr").length === 1 && document.querySelector(".badge").textContent === "running"`)
	b.accessible("the list of runs")
	first := u.rec.Run()
	u.end(journal.Done)
	b.until(`document.querySelector(".badge").textContent === "done"`)
	u.begin("facts", "web2")
	b.until(`document.querySelectorAll("tbody tr").length === 2 && document.querySelector("tbody td:last-child").textContent === "facts"`)
	u.end(journal.Done)

	b.click(`a[href="/run/` + first + `"]`)
	b.until(`document.querySelector("#recipe")?.textContent.startsWith("patch")`)
	b.click(`.row a[href="/host/web1"]`)
	b.until(`document.querySelector("h1").textContent === "web1" && document.querySelectorAll("tbody")[0].rows.length === 1`)
	b.accessible("the history of a host")
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.requests {
		if !strings.HasPrefix(address, u.url) && !strings.HasPrefix(address, "data:") {
			t.Errorf("asked for %s", address)
		}
	}
}

func TestThatAProcessHasDiedIsShown(t *testing.T) {
	t.Parallel()
	u := begin(t, "web1")
	b := open(t, u.url+"/run/"+u.rec.Run())
	b.until(`document.querySelector("h1 .badge").textContent === "running"`)
	u.live.Close()
	u.release() // without a word in the journal
	b.until(`document.querySelector("h1 .badge").textContent === "interrupted"`)
}

// A row that is pressed is not exchanged before it is released.
func TestAPressIsAClickThoughThereIsNews(t *testing.T) {
	t.Parallel()
	u := begin(t, "web1", "web2")
	b := open(t, u.url+"/run/"+u.rec.Run())
	b.until(`document.querySelectorAll(".row").length === 2`)
	at := b.place(".row.host")
	button := func(p input.DispatchMouseEventParams) {
		t.Helper()
		p.X, p.Y, p.Button, p.ClickCount = at[0], at[1], input.MouseButtonLeft, 1
		b.do(call(input.DispatchMouseEvent, p))
	}
	button(input.DispatchMouseEventParams{Type: chromedp.MousePressed})
	eval[chromedp.Void](b, `document.querySelector(".row").pressed = true`)
	u.rec.HostStart("web2", time.Now())
	b.until(`hosts.get("web2").status === "running"`)
	eval[chromedp.Void](b, `new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)))`)
	if !eval[bool](b, `document.querySelector(".row").pressed === true`) {
		t.Error("the row was exchanged")
	}
	button(input.DispatchMouseEventParams{Type: chromedp.MouseReleased})
	b.until(`document.querySelector(".row.host").getAttribute("aria-expanded") === "true"`)
	b.until(`document.querySelectorAll(".host .badge")[1].textContent === "running"`)
}

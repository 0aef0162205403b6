// Package page opens the pages of runs in a real browser.
package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"bsdrun/tests/binary"
)

var (
	bsdrun  string          // the command
	browser context.Context // one for all tests, each of which has a tab
)

func TestMain(m *testing.M) {
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium()), chromedp.NoSandbox, chromedp.WindowSize(1200, 900),
		// Nothing but this machine is there.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.WSURLReadTimeout(patience),
	)...)
	var closeBrowser context.CancelFunc
	browser, closeBrowser = chromedp.NewContext(ctx)
	code := 1
	if _, err := chromedp.Run(browser, chromedp.Navigate("about:blank")); err != nil {
		fmt.Fprintln(os.Stderr, "no browser (sh tests/run installs one):", err)
	} else {
		code = binary.Main(m, &bsdrun)
	}
	closeBrowser()
	cancel()
	os.Exit(code)
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "chrome", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return "chromium"
}

// patience only ends tests that hang.
const patience = 2 * time.Minute

// tab is a page in the browser, and what it did.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // addresses asked for
	troubles []string // errors on the console
}

// open opens an address in a tab of its own.
func open(t *testing.T, address string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	b.do(call(network.Enable, network.EnableParams{}), call(log.Enable, cdp.Empty{}), chromedp.Navigate(address))
	t.Cleanup(b.expectNoTrouble)
	return b
}

// call sends a command of the browser's protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.troubles = append(b.troubles, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *runtime.EventConsoleAPICalled:
		b.troubles = append(b.troubles, fmt.Sprint(e.Type, " ", e.Args))
	case *log.EventEntryAdded:
		b.troubles = append(b.troubles, fmt.Sprint(e.Entry.Level, " ", e.Entry.Text, " ", e.Entry.URL))
	}
}

func (b *tab) expectNoTrouble() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.troubles {
		b.t.Errorf("on the console: %s", text)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// click clicks at the place of an element: the page may exchange the element itself
// at any time.
func (b *tab) click(selector string) {
	b.t.Helper()
	at := b.place(selector)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// place is the middle of an element, which is scrolled to.
func (b *tab) place(selector string) [2]float64 {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	return eval[[2]float64](b, fmt.Sprintf(`(() => {
		const node = document.querySelector(%q);
		node.scrollIntoView({ block: "nearest" });
		const { x, y, width, height } = node.getBoundingClientRect();
		return [x + width / 2, y + height / 2];
	})()`, selector))
}

// eval is what an expression comes to in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits for an expression to be true in the page. One that cannot be told yet,
// as while the browser goes from page to page, is asked again.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if holds && err == nil {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%s: %v; the page is\n%s", expression, err, eval[string](b, "document.body.innerText"))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// keys presses keys, wherever the focus is. As on a real keyboard, a character is
// part of the key's going down, which the page may take for something else.
func (b *tab) keys(keys string) {
	b.t.Helper()
	for _, r := range keys {
		events := kb.Encode(r)
		for _, e := range events {
			if e.Type == kb.KeyChar {
				events[0].Text, events[0].UnmodifiedText = e.Text, e.UnmodifiedText
			}
		}
		for _, e := range events {
			if e.Type != kb.KeyChar {
				b.do(call(input.DispatchKeyEvent, *e))
			}
		}
	}
}

// rows are the names of the hosts, steps and so on that are drawn.
func (b *tab) rows() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll(".row")].map((r) => r.querySelector(".name, .op, .title, .what, a").textContent)`)
}

// run runs the command with a journal of its own, and returns what it printed.
func run(t *testing.T, state string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bsdrun, args...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "BSDRUN_SECRET_TEST_TOKEN=hunter2-and-more")
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "exit status 2") {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// reported is the page of a run of a recipe, as a file.
func reported(t *testing.T, recipe string, args ...string) (address, file string) {
	t.Helper()
	dir := t.TempDir()
	if strings.Contains(recipe, "\n") {
		name := filepath.Join(dir, "recipe.lua")
		if err := os.WriteFile(name, []byte(recipe), 0o600); err != nil {
			t.Fatal(err)
		}
		recipe = name
	}
	run(t, dir, append([]string{recipe}, args...)...)
	file = filepath.Join(dir, "run.html")
	run(t, dir, "report", "last", "-o", file)
	return "file://" + file, file
}

package page

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// several is a recipe that changes something, prints what would be markup and a
// secret, and fails on one host.
const several = `--- Do several things.
local recipe = {}
function recipe.run(h)
  step("Look", function() return h:read("uname -r").stdout end)
  step("Put", function()
    h.file.put("/root/x", "one\ntwo\n")
    h:run("echo '<img src=x onerror=alert(1)></script><script>alert(2)</script>'")
    h:run({ "sh", "-c", "cat" }, { stdin = secret("test_token") })
  end)
  step("Outer", function() step("Inner", function() h:run("seq 1 200") end) end)
  if h.name:match("3$") then fail{ message = "no room on " .. h.name, hint = "make some" } end
  return { name = h.name }
end
return recipe
`

func TestThePageShowsARunWithoutNetwork(t *testing.T) {
	t.Parallel()
	address, file := reported(t, several, "sim:freebsd-14.3*4")
	b := open(t, address)
	if want := []string{address}; !slices.Equal(b.requests, want) {
		t.Errorf("asked for %v", b.requests)
	}
	want := []string{"freebsd-14.3-1", "freebsd-14.3-2", "freebsd-14.3-3", "freebsd-14.3-4"}
	if got := b.rows(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	failure := eval[string](b, `document.querySelector("#failures").innerText`)
	if !strings.Contains(failure, "freebsd-14.3-3") || !strings.Contains(failure, "no room on") || !strings.Contains(failure, "make some") {
		t.Errorf("the failure reads:\n%s", failure)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hunter2") {
		t.Error("the page tells a secret")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the page is open to others: %v %v", info.Mode(), err)
	}
}

func TestHostsAreFilteredAndOpened(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:freebsd-14.3*4")
	b := open(t, address)
	b.click(`button[data-status="failed"]`)
	if got := b.rows(); !slices.Equal(got, []string{"freebsd-14.3-3"}) {
		t.Errorf("failed: %v", got)
	}
	b.click(`button[data-status="ok"]`)
	if got := eval[string](b, `document.querySelector("#shown").textContent`); got != "4 of 4 hosts" {
		t.Errorf("failed or ok: %s", got)
	}
	b.do(chromedp.SendKeys(chromedp.CSS("#host"), "-2"))
	if got := b.rows(); !slices.Equal(got, []string{"freebsd-14.3-2"}) {
		t.Errorf("by name: %v", got)
	}
	b.click(".row.host")
	if got := b.rows(); !slices.Equal(got, []string{"freebsd-14.3-2", "Look", "Put", "Outer", "Inner", "Result"}) {
		t.Errorf("open: %v", got)
	}
	b.click("#open-changes")
	diff := eval[[]string](b, `[...document.querySelectorAll(".diff .plus")].map((line) => line.textContent)`)
	if !slices.Contains(diff, "+one\n") {
		t.Errorf("the diff has %q", diff)
	}
	// What a host prints is text.
	out := eval[string](b, `[...document.querySelectorAll(".block pre")].map((p) => p.textContent).join("\n")`)
	if !strings.Contains(out, "<img src=x onerror=alert(1)></script>") || eval[int](b, "document.images.length") != 0 {
		t.Errorf("the output is shown as %q", out)
	}
	if !strings.Contains(out, "***") {
		t.Errorf("the secret's place is empty: %q", out)
	}
	b.click("#close-all")
	if got := b.rows(); len(got) != 1 {
		t.Errorf("closed: %v", got)
	}
}

func TestThePageIsUsedByKeyboard(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:freebsd-14.3*4")
	b := open(t, address)
	at := func() string {
		return eval[string](b, `(() => {
			const row = document.getElementById(document.activeElement.getAttribute("aria-activedescendant"));
			return row ? row.querySelector(".name, .op, .title").textContent : document.activeElement.outerHTML.slice(0, 200);
		})()`)
	}
	b.keys("/")
	b.keys("14.3-")
	b.keys(kb.Enter)
	if got := eval[string](b, "document.activeElement.id"); got != "tree" {
		t.Fatalf("the focus is at %q", got)
	}
	for _, step := range []struct{ keys, at string }{
		{"", "freebsd-14.3-1"}, {kb.ArrowDown, "freebsd-14.3-2"}, {kb.End, "freebsd-14.3-4"}, {kb.Home, "freebsd-14.3-1"},
		{kb.ArrowRight, "freebsd-14.3-1"}, {kb.ArrowRight, "Look"}, {kb.ArrowDown, "Put"}, {kb.Enter, "Put"},
		{kb.ArrowRight, "file.put"}, {kb.ArrowLeft, "Put"}, {kb.ArrowLeft, "Put"}, {kb.ArrowLeft, "freebsd-14.3-1"}, {kb.ArrowLeft, "freebsd-14.3-1"}, {kb.ArrowDown, "freebsd-14.3-2"},
	} {
		if step.keys != "" {
			b.keys(step.keys)
		}
		if got := at(); got != step.at {
			t.Fatalf("after %q at %q, want %q", step.keys, got, step.at)
		}
	}
	b.keys("*")
	if n := len(b.rows()); n < 10 {
		t.Errorf("%d rows after *", n)
	}
	b.keys("/")
	b.keys(kb.Escape)
	if got := eval[string](b, "document.querySelector('#host').value"); got != "" {
		t.Errorf("after Escape the filter is %q", got)
	}
	// The Tab key reaches everything that a mouse does.
	reached := map[string]bool{}
	eval[chromedp.Void](b, "document.activeElement.blur()")
	for range 30 {
		b.keys(kb.Tab)
		reached[eval[string](b, `document.activeElement.id || document.activeElement.dataset.status || document.activeElement.tagName`)] = true
	}
	for _, want := range []string{"theme", "failed", "ok", "changed", "host", "open-changes", "close-all", "tree", "PRE"} {
		if !reached[want] {
			t.Errorf("Tab does not reach %s, but %v", want, reached)
		}
	}
}

func TestColoursFollowTheReader(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:")
	b := open(t, address)
	eval[chromedp.Void](b, "localStorage.clear()") // one browser serves all tests
	b.do(chromedp.Navigate(address))
	ground := func() string { return eval[string](b, "getComputedStyle(document.body).backgroundColor") }
	light := ground()
	for _, want := range []string{"light", "dark"} {
		b.click("#theme")
		if got := eval[string](b, `document.querySelector("#theme").textContent`); got != "Colours: "+want {
			t.Errorf("the button says %q", got)
		}
	}
	if dark := ground(); dark == light {
		t.Errorf("dark and light are %s", dark)
	}
}

func TestAllHostsArePrinted(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, "--- Nothing.\nlocal recipe = {}\nfunction recipe.run() step('One', function() end) end\nreturn recipe\n", "sim:freebsd-14.3*90")
	b := open(t, address)
	if n := len(b.rows()); n >= 90 {
		t.Errorf("%d rows are drawn on a screen", n)
	}
	eval[chromedp.Void](b, `addEventListener("beforeprint", () => { window.printed = document.querySelectorAll(".row").length; })`)
	b.do(call(page.PrintToPDF, page.PrintToPDFParams{}))
	if n := eval[int](b, "window.printed"); n != 90 {
		t.Errorf("%d rows are printed", n)
	}
	if n := len(b.rows()); n >= 90 {
		t.Errorf("%d rows stay drawn", n)
	}
}

func TestBuildsAreCharted(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, "poudriere", "sim:")
	b := open(t, address)
	text := eval[string](b, `document.querySelector("#builds").innerText`)
	for _, want := range []string{"Build the ports: 23 built of 23", "www/nginx"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	widest := eval[string](b, `document.querySelector("#builds td.chart path").getAttribute("d")`)
	if !strings.HasPrefix(widest, "M0.0 0h999") {
		t.Errorf("the longest build is drawn as %s", widest)
	}
}

package page

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// onPaper has the page look as it does when it is printed: on A4, which is some 720
// pixels wide between its margins.
func onPaper(b *tab) {
	b.t.Helper()
	b.do(
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 720, Height: 1000, DeviceScaleFactor: 1}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}),
	)
	eval[chromedp.Void](b, `dispatchEvent(new Event("beforeprint"))`)
}

func TestPaperHasNoControlsAndIsLight(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:freebsd-14.3*2")
	b := open(t, address)
	eval[chromedp.Void](b, `document.documentElement.dataset.theme = "dark"`)
	onPaper(b)
	for _, control := range []string{"#filters", "#theme", "footer"} {
		if eval[bool](b, `document.querySelector("`+control+`").checkVisibility()`) {
			t.Errorf("%s is printed", control)
		}
	}
	if ground := eval[string](b, "getComputedStyle(document.body).backgroundColor"); ground != "rgb(255, 255, 255)" {
		t.Errorf("the ground is %s", ground)
	}
	if !eval[bool](b, `document.querySelector(".row.host .bars").checkVisibility()`) {
		t.Error("the time line is not printed")
	}
}

func TestWhatIsOpenIsPrintedWhole(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:")
	b := open(t, address)
	b.click("#open-changes")
	cut := `[...document.querySelectorAll(".block pre")].filter((pre) => pre.clientHeight < pre.scrollHeight || pre.clientWidth < pre.scrollWidth).length`
	if eval[int](b, cut) == 0 {
		t.Error("nothing is long on the screen")
	}
	onPaper(b)
	if n := eval[int](b, cut); n != 0 {
		t.Errorf("%d texts are cut off", n)
	}
	lines := eval[int](b, `Math.max(...[...document.querySelectorAll(".block pre")].map((pre) => pre.textContent.trimEnd().split("\n").length))`)
	if lines != 200 {
		t.Errorf("the longest text has %d lines", lines)
	}
	overlap := eval[int](b, `[...document.querySelectorAll(".row")].filter((row, i, all) => i > 0 && row.getBoundingClientRect().top < all[i - 1].getBoundingClientRect().bottom - 1).length`)
	if overlap != 0 {
		t.Errorf("%d rows lie on others", overlap)
	}
}

func TestListsOfPackagesAreOpenOnPaper(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, "poudriere", "sim:")
	b := open(t, address)
	eval[chromedp.Void](b, `document.querySelector("#builds details").open = false`)
	eval[chromedp.Void](b, `addEventListener("beforeprint", () => { window.printed = document.querySelector("#builds details").open; })`)
	b.do(call(page.PrintToPDF, page.PrintToPDFParams{}))
	if !eval[bool](b, "window.printed") {
		t.Error("the list is shut on paper")
	}
	if eval[bool](b, `document.querySelector("#builds details").open`) {
		t.Error("the list stays open")
	}
}

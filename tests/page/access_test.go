package page

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// checks is a script that comes to what a page lacks for people who do not see
// it, or not well.
const checks = `(() => {
	const faults = [];
	const fault = (what, node) => faults.push(what + ": " + node.outerHTML.slice(0, 120));
	const visible = (node) => node.checkVisibility() && node.getClientRects().length > 0;
	const all = (selector) => [...document.querySelectorAll(selector)];

	// The whole.
	if (!document.documentElement.lang) faults.push("no language");
	if (!document.title) faults.push("no title");
	for (const landmark of ["main", "header", "h1"]) if (all(landmark).length !== 1) faults.push("not one " + landmark);
	let level = 0;
	for (const heading of all("h1, h2, h3, h4").filter(visible)) {
		const own = Number(heading.tagName[1]);
		if (own > level + 1) fault("a heading skips a level", heading);
		level = own;
	}
	const ids = all("[id]").map((node) => node.id);
	for (const node of all("[id]")) if (ids.indexOf(node.id) !== ids.lastIndexOf(node.id)) fault("an id twice", node);

	// Names and roles.
	const nameOf = (node) => node.getAttribute("aria-label") || (node.getAttribute("aria-labelledby") || "").split(" ").map((id) => (document.getElementById(id) || {}).textContent).join("") ||
		(node.labels && [...node.labels].map((l) => l.textContent).join("")) || node.textContent;
	for (const node of all("button, a[href], input, [role=tree], [role=treeitem], section, nav, fieldset, form, pre[tabindex], summary").filter(visible)) {
		if (!(nameOf(node) || "").trim()) fault("no name", node);
	}
	for (const node of all("[aria-labelledby], [aria-describedby], [aria-activedescendant]")) {
		for (const attribute of ["aria-labelledby", "aria-describedby", "aria-activedescendant"]) {
			for (const id of (node.getAttribute(attribute) || "").split(" ").filter(Boolean)) if (!document.getElementById(id)) fault("refers to nothing", node);
		}
	}
	for (const node of all("[role=treeitem]")) {
		for (const attribute of ["aria-level", "aria-setsize", "aria-posinset"]) if (!(Number(node.getAttribute(attribute)) > 0)) fault("no " + attribute, node);
		if (!node.parentElement.matches("[role=tree], [role=group]")) fault("outside of a tree", node);
	}
	for (const node of all("svg").filter(visible)) if (node.getAttribute("aria-hidden") !== "true" && !node.getAttribute("aria-label")) fault("a picture without words", node);
	for (const node of all("pre").filter(visible)) {
		if ((node.scrollHeight > node.clientHeight + 1) && node.tabIndex < 0) fault("scrolls, but not by keyboard", node);
	}
	for (const node of all("th")) if (!node.scope) fault("a heading of what?", node);
	for (const node of all("[tabindex]")) if (node.tabIndex > 0) fault("an order of its own", node);

	// Contrast: 4.5 to 1 for text.
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const groundOf = (node) => {
		for (; node; node = node.parentElement) {
			const ground = rgba(getComputedStyle(node).backgroundColor);
			if (ground[3] === 255) return ground;
		}
		return [255, 255, 255, 255];
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode.parentElement;
		if (!walker.currentNode.textContent.trim() || !visible(node) || node.closest(".unseen, script, noscript, [aria-hidden=true]")) continue;
		const [a, b] = [light(rgba(getComputedStyle(node).color)), light(groundOf(node))];
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) fault("a contrast of " + contrast.toFixed(2), node);
	}
	return [...new Set(faults)];
})()`

// accessible checks a page in both colour schemes.
func (b *tab) accessible(what string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
		for _, fault := range eval[[]string](b, checks) {
			b.t.Errorf("%s, %s: %s", what, scheme, fault)
		}
	}
}

func TestThePageIsAccessible(t *testing.T) {
	t.Parallel()
	address, _ := reported(t, several, "sim:freebsd-14.3*4")
	b := open(t, address)
	b.accessible("as opened")
	b.click("#open-changes")
	b.keys("\t\t\t")
	b.click(`button[data-status="failed"]`)
	b.accessible("with changes open and a filter set")

	address, _ = reported(t, "poudriere", "sim:")
	open(t, address).accessible("with builds")
}

func TestTheChecksOfAccessibilityFindFaults(t *testing.T) {
	t.Parallel()
	b := open(t, "data:text/html,<body style='background:white'><h3>x</h3><button></button><p style='color:%23ccc'>pale</p><svg></svg><pre style='height:1em;overflow:auto'>1%0A2%0A3</pre>")
	faults := eval[[]string](b, checks)
	for _, want := range []string{"no language", "no title", "not one main", "a heading skips a level", "no name", "a contrast of 1.61", "a picture without words", "scrolls, but not by keyboard"} {
		found := false
		for _, fault := range faults {
			found = found || len(fault) >= len(want) && fault[:len(want)] == want
		}
		if !found {
			t.Errorf("did not find %q, but %q", want, faults)
		}
	}
}

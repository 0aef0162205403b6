// The tree on the screen: only the rows near the window are elements.

const tree = byId("tree");
let rows = [];
let tops = []; // where each row begins, and where the last one ends
let active = ""; // key of the row that the keyboard is at
let printing = false;
let last = 1; // end of the time axis

const MARGIN = 400; // drawn beyond the window, in pixels

/** Whether a button is down on a row. Its release would be no click if the row were exchanged meanwhile. */
const pressed = () => tree.matches(":active");

/** Takes over the rows anew: something was opened, filtered, or has happened. */
function layOut() {
  last = lastMoment();
  rows = allRows();
  tops = [0];
  for (const row of rows) tops.push(tops[tops.length - 1] + row.height);
  tree.style.height = printing ? "auto" : tops[rows.length] + "px";
  if (!rows.some((row) => row.key === active)) active = rows.length ? rows[0].key : "";
  draw();
}

/** The first row that ends below a height. */
function rowAt(y) {
  let low = 0, high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tops[middle + 1] > y) high = middle;
    else low = middle + 1;
  }
  return low;
}

function draw() {
  const view = -tree.getBoundingClientRect().top;
  const from = printing ? 0 : rowAt(view - MARGIN);
  const to = printing ? rows.length : Math.min(rows.length, rowAt(view + window.innerHeight + MARGIN) + 1);
  const scrolled = new Map([...tree.querySelectorAll("pre")].map((pre) => [pre.dataset.key, [pre.scrollTop, pre.scrollLeft]]));
  const focused = document.activeElement && document.activeElement.dataset.key;
  const drawn = [];
  for (let i = from; i < to; i++) drawn.push(drawRow(rows[i], i));
  tree.replaceChildren(...drawn);
  for (const pre of tree.querySelectorAll("pre")) {
    const was = scrolled.get(pre.dataset.key);
    if (was) [pre.scrollTop, pre.scrollLeft] = was;
    if (focused && focused === pre.dataset.key) pre.focus({ preventScroll: true });
  }
  markActive();
}

/** Elements get their ids from keys, so that they keep them. */
const idOf = (key) => "row-" + key.replace(/[^\w-]/g, (c) => "." + c.charCodeAt(0).toString(16) + ".");

function drawRow(row, i) {
  const node = element("div", {
    id: idOf(row.key), role: "treeitem", class: "row " + row.kind, "data-index": i,
    "aria-level": row.level, "aria-setsize": row.of, "aria-posinset": row.at + 1,
    "aria-expanded": row.opens ? String(opened.has(row.key)) : undefined, "aria-selected": "false",
  });
  node.style.setProperty("--level", row.level);
  if (!printing) {
    node.style.top = tops[i] + "px";
    node.style.height = row.height + "px";
  }
  node.append(element("span", { class: "mark", "aria-hidden": "true" }, row.opens ? (opened.has(row.key) ? "▾" : "▸") : ""));
  node.append(...drawers[row.kind](row));
  return node;
}

const drawers = {
  host: ({ host }) => {
    const segments = [];
    timesOf(host).forEach(([from, to], i) => {
      if (!host.steps[i].depth && host.steps[i].title) segments.push([host.steps[i].status, from, to]);
    });
    return [
      element("span", { class: "name" }, host.name), badge(host.status),
      element("span", { class: "more" }, hostNote(host)), bars(segments, last),
    ];
  },
  step: ({ step, time }) => {
    const name = element("span", { class: "name" }, step.title || "outside of steps");
    name.style.paddingLeft = step.depth + "em";
    return [
      name, badge(step.status),
      element("span", { class: "more" }, [step.reason, step.title && duration(time[1] - time[0])].filter(Boolean).join(" · ")),
      bars(step.title ? [[step.status, time[0], time[1]]] : [], last),
    ];
  },
  effect: ({ effect }) => [
    badge(effect.status === "sent" ? "running" : effect.status),
    element("span", { class: "op" }, effect.op),
    element("span", { class: "what", title: effect.what }, effect.what),
    element("span", { class: "more" }, [effect.code ? "exit " + effect.code : "", effect.risk, duration(effect.took || 0)].filter(Boolean).join(" · ")),
  ],
  note: ({ text }) => [element("span", { class: "what" }, "Note: " + text)],
  history: ({ host }) => [element("a", { href: "/host/" + host.name.split("/").map(encodeURIComponent).join("/") }, "History of " + host.name)],
  result: () => [element("span", { class: "name" }, "Result")],
  block: ({ key, title, text, isDiff }) => [
    element("span", { class: "title" }, title),
    element("pre", { tabindex: lineCount(text) > BLOCK_MOST ? "0" : undefined, "data-key": key, class: isDiff ? "diff" : undefined, "aria-label": title }, ...textBlock(text, isDiff)),
  ],
};

function hostNote(host) {
  if (host.status === "running") {
    const step = host.steps.findLast((s) => s.status === "running");
    return [step && step.title, host.live && (host.live.text || host.live.what), duration(Math.max(0, now() - host.started))].filter(Boolean).join(" · ");
  }
  const parts = [];
  if (host.changed) parts.push(host.changed + (run.check ? " would change" : " changed"));
  if (host.error) parts.push(host.error.message);
  return parts.join(" · ");
}

/** Marks the row that the keyboard is at. */
function markActive() {
  const id = idOf(active);
  for (const node of tree.querySelectorAll(".active")) {
    node.classList.remove("active");
    node.setAttribute("aria-selected", "false");
  }
  const node = document.getElementById(id);
  if (!node) {
    tree.removeAttribute("aria-activedescendant");
    return;
  }
  node.classList.add("active");
  node.setAttribute("aria-selected", "true");
  tree.setAttribute("aria-activedescendant", id);
}

function goTo(i) {
  if (i < 0 || i >= rows.length) return;
  active = rows[i].key;
  const head = byId("filters").offsetHeight; // stays at the window's top
  const top = tree.getBoundingClientRect().top + tops[i], bottom = top + Math.min(rows[i].height, window.innerHeight - head);
  if (top < head) window.scrollBy(0, top - head - ROW);
  else if (bottom > window.innerHeight) window.scrollBy(0, bottom - window.innerHeight + ROW);
  draw();
}

function toggle(row, open) {
  if (!row || !row.opens) return;
  active = row.key;
  if (open) opened.add(row.key);
  else opened.delete(row.key);
  layOut();
}

/** Opens a host with all that is in it. */
function openAll(i) {
  while (rows[i].parent >= 0) i = rows[i].parent;
  const key = rows[i].key;
  opened.add(key);
  const { host } = rows[i];
  host.steps.forEach((step, n) => {
    opened.add(key + "\0" + n);
    step.effects.forEach((_, e) => opened.add(key + "\0" + n + "\0" + e));
  });
  layOut();
}

tree.addEventListener("click", (event) => {
  const node = event.target.closest(".row");
  if (!node || event.target.closest("pre") || String(window.getSelection())) return;
  const row = rows[node.dataset.index];
  active = row.key;
  if (row.opens) toggle(row, !opened.has(row.key));
  else markActive();
});

const treeKeys = {
  ArrowDown: (i) => goTo(i + 1),
  ArrowUp: (i) => goTo(i - 1),
  Home: () => goTo(0),
  End: () => goTo(rows.length - 1),
  PageDown: (i) => goTo(Math.min(rows.length - 1, i + 20)),
  PageUp: (i) => goTo(Math.max(0, i - 20)),
  ArrowRight: (i) => {
    if (rows[i].opens && !opened.has(rows[i].key)) toggle(rows[i], true);
    else if (rows[i + 1] && rows[i + 1].parent === i) goTo(i + 1);
  },
  ArrowLeft: (i) => {
    if (rows[i].opens && opened.has(rows[i].key)) toggle(rows[i], false);
    else goTo(rows[i].parent);
  },
  Enter: (i) => toggle(rows[i], !opened.has(rows[i].key)),
  " ": (i) => toggle(rows[i], !opened.has(rows[i].key)),
  "*": (i) => openAll(i),
};

tree.addEventListener("keydown", (event) => {
  const act = treeKeys[event.key];
  if (!act || event.target !== tree || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const i = rows.findIndex((row) => row.key === active);
  if (i >= 0) act(i);
});

window.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
window.addEventListener("resize", () => requestAnimationFrame(draw));
window.addEventListener("beforeprint", () => { printing = true; layOut(); });
window.addEventListener("afterprint", () => { printing = false; layOut(); });

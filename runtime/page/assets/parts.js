// The parts of the page above the tree.

const OUTCOMES = ["failed", "unreachable", "stopped", "running", "waiting", "changed", "ok"];

function drawHeader() {
  byId("recipe").replaceChildren(run.recipe.split("\n")[0], " ", badge(run.state), ...(run.check ? [" ", element("span", { class: "badge" }, "check")] : []));
  const took = running() ? now() : run.ended || 0;
  const params = Object.entries(run.params || {}).map(([name, value]) => name + "=" + (typeof value === "string" ? value : JSON.stringify(value)));
  byId("about").textContent = [
    "run " + run.id, "started " + new Date(run.started).toLocaleString(), (running() ? "running for " : "took ") + duration(took), ...params,
  ].join(" · ");
}

/** Hosts that failed alike share one entry. */
function drawFailures() {
  const alike = new Map();
  const add = (name, error) => {
    const text = errorText(error.host === name ? { ...error, host: "" } : error);
    alike.set(text, [...(alike.get(text) || []), name]);
  };
  if (run.error) add(run.recipe, run.error);
  for (const host of hosts.values()) if (host.error) add(host.name, host.error);
  const MOST = 50;
  const entries = [...alike].slice(0, MOST).map(([text, names]) => element("article", { class: "failure" },
    element("h3", {}, names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "")),
    element("pre", { tabindex: "0", "aria-label": "Failure of " + names[0] }, text)));
  if (alike.size > MOST) entries.push(element("p", {}, `and ${alike.size - MOST} failures of other kinds: see the hosts`));
  byId("failures").hidden = alike.size === 0;
  replaceChanged(byId("failures").querySelector("div"), entries);
}

/** Replaces what is in a node, unless it is there already: what a reader has
 * scrolled or selected stays as it is. */
function replaceChanged(node, children) {
  const fresh = element("div", {}, ...children);
  if (node.innerHTML !== fresh.innerHTML) node.replaceChildren(...fresh.childNodes);
}

function drawSummary() {
  const there = run.summary !== undefined && run.summary !== null;
  byId("summary").hidden = !there;
  if (there) byId("summary").querySelector("pre").textContent = pretty(run.summary);
}

const BUILD_COUNTS = ["built", "fetched", "failed", "skipped", "ignored"];

function drawBuilds() {
  const charts = [];
  for (const host of hosts.values()) {
    for (const step of host.steps) if (step.builds) charts.push(buildChart(host.name, step.title, step.builds));
    if (host.live && host.live.builds) charts.push(buildChart(host.name, "under way", host.live.builds));
  }
  byId("builds").hidden = charts.length === 0;
  replaceChanged(byId("builds").querySelector("div"), charts.slice(0, 20));
}

function buildChart(host, title, builds) {
  let done = 0;
  const counts = BUILD_COUNTS.filter((name) => builds[name]).map((name) => [name, builds[name]]);
  const segments = counts.map(([name, n]) => [name, done, (done += n)]);
  if (done < builds.queued) counts.push(["remaining", builds.queued - done]);
  const text = counts.map(([name, n]) => n + " " + name).join(", ") + " of " + builds.queued;
  const all = bars(segments, builds.queued);
  const chart = element("figure", {}, element("figcaption", {}, `${host}: ${title}: ${text}`), all);
  if (builds.ports) {
    const most = Math.max(1, ...builds.ports.map((port) => port.took));
    const list = element("table", {}, element("caption", { class: "unseen" }, "Packages of " + host),
      element("thead", {}, element("tr", {}, ...["Package", "Time", ""].map((name) => element("th", { scope: "col" }, name || element("span", { class: "unseen" }, "Chart"))))));
    const body = element("tbody");
    for (const port of builds.ports) {
      body.append(element("tr", {},
        element("th", { scope: "row" }, port.origin), element("td", {}, port.failed ? "failed in " + port.failed : duration(port.took * 1000)),
        element("td", { class: "chart" }, bars([[port.failed ? "failed" : "built", 0, port.took]], most))));
    }
    list.append(body);
    chart.append(element("details", { open: builds.ports.length <= 30 }, element("summary", {}, `${builds.ports.length} packages by time` + (builds.rest ? `, ${builds.rest} not listed` : "")), list));
  }
  return chart;
}

function drawFilters() {
  const counts = new Map();
  for (const host of hosts.values()) for (const o of outcomesOf(host)) counts.set(o, (counts.get(o) || 0) + 1);
  const field = byId("outcomes");
  for (const name of OUTCOMES) {
    let chip = field.querySelector(`[data-status="${name}"]`);
    if (!chip) {
      chip = element("button", { type: "button", class: "chip", "data-status": name, "aria-pressed": "false", onclick: () => choose(name) });
      field.append(chip);
    }
    chip.hidden = !counts.get(name) && !filter.outcomes.has(name);
    chip.textContent = `${counts.get(name) || 0} ${outcome(name)}`;
  }
}

function choose(name) {
  if (!filter.outcomes.delete(name)) filter.outcomes.add(name);
  for (const chip of byId("outcomes").querySelectorAll("button")) {
    chip.setAttribute("aria-pressed", String(filter.outcomes.has(chip.dataset.status)));
  }
  filtered();
}

function filtered() {
  layOut();
  const shown = rows.filter((row) => row.level === 1).length;
  byId("shown").textContent = `${shown} of ${hosts.size} hosts`;
}

/** The time axis: some five moments that people count in. */
function drawAxis() {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].map((s) => s * 1000);
  const step = steps.find((s) => last / s <= 6) || 86400000 * Math.ceil(last / 86400000 / 6);
  const ticks = [];
  for (let at = 0; at <= 0.95 * last; at += step) {
    const tick = element("span", {}, at ? duration(at) : "0");
    tick.style.left = (100 * at) / last + "%";
    ticks.push(tick);
  }
  byId("axis").replaceChildren(element("div", {}, ...ticks));
}

/** Says how the run goes to those who do not see it. */
function announce() {
  const over = [...hosts.values()].filter((h) => h.status !== "running" && h.status !== "waiting");
  const bad = over.filter((h) => h.error).length;
  const text = running() ? `${over.length} of ${hosts.size} hosts are done${bad ? `, ${bad} of them not well` : ""}` : `The run is ${run.state}`;
  if (byId("announce").textContent !== text) byId("announce").textContent = text;
}

// The tree as a flat list of rows whose heights are known without drawing them.

const served = document.body.dataset.events !== ""; // else a file
const opened = new Set(); // keys of open rows
const filter = { outcomes: new Set(), words: [] };

const LINE = 18, ROW = 30, BLOCK_PAD = 14, BLOCK_MOST = 24; // as in page.css

const lineCount = (text) => (text.match(/\n/g) || []).length + (text.endsWith("\n") ? 0 : 1);
const blockHeight = (text) => Math.min(lineCount(text), BLOCK_MOST) * LINE + BLOCK_PAD + ROW;

/** What a host counts as, for the filter. */
const outcomesOf = (host) => (host.changed ? [host.status, "changed"] : [host.status]);

function isShown(host) {
  if (filter.outcomes.size && !outcomesOf(host).some((o) => filter.outcomes.has(o))) return false;
  return filter.words.every((word) => host.name.toLowerCase().includes(word));
}

/** The rows of the tree, each with its key, level, height and what it shows. */
function allRows() {
  const rows = [];
  const shown = [...hosts.values()].filter(isShown);
  shown.forEach((host, i) => {
    const key = host.name;
    const parts = { key, level: 1, kind: "host", host, height: ROW, parent: -1, at: i, of: shown.length, opens: true };
    rows.push(parts);
    if (opened.has(key)) addHost(rows, host, key);
  });
  return rows;
}

/** Adds children to the last row, which is their parent. */
function addChildren(rows, children, add) {
  const parent = rows.length - 1, level = rows[parent].level + 1;
  children.forEach((child, i) => {
    rows.push({ height: ROW, ...child, level, parent, at: i, of: children.length });
    if (child.opens && opened.has(child.key) && add) add(child);
  });
}

function addHost(rows, host, key) {
  const children = [];
  for (const note of host.notes || []) children.push({ key: key + "\0note" + note, kind: "note", text: note });
  const times = timesOf(host);
  host.steps.forEach((step, i) => {
    children.push({ key: key + "\0" + i, kind: "step", host, step, time: times[i], opens: step.effects.length > 0 || !!step.error });
  });
  if (host.live) children.push(...block(key + "\0live", liveTitle(host.live), host.live.out));
  if (host.error) children.push(...block(key + "\0error", "Failure", errorText(host.error)));
  if (host.result !== undefined && host.result !== null) {
    children.push({ key: key + "\0result", kind: "result", host, opens: true });
  }
  if (served) children.push({ key: key + "\0history", kind: "history", host });
  addChildren(rows, children, (child) => {
    if (child.kind === "step") addStep(rows, child);
    else addChildren(rows, block(child.key + "\0text", "Result", pretty(host.result)));
  });
}

function addStep(rows, { step, key }) {
  const children = step.effects.map((effect, i) => ({
    key: key + "\0" + i, kind: "effect", effect, opens: !!(effect.diff || effect.out || effect.err || effect.message),
  }));
  if (step.error) children.push(...block(key + "\0error", "Failure", errorText(step.error)));
  addChildren(rows, children, ({ key, effect }) => {
    addChildren(rows, [
      ...block(key + "\0message", "Failure", effect.message),
      ...block(key + "\0diff", run.check ? "Would change" : "Change", effect.diff, true),
      ...block(key + "\0out", "Output", effect.out),
      ...block(key + "\0err", "Errors", effect.err),
    ]);
  });
}

/** A block of text as a row of its own; none for no text. */
function block(key, title, text, isDiff) {
  if (!text) return [];
  return [{ key, kind: "block", title, text, isDiff, height: blockHeight(text) }];
}

const liveTitle = (live) => ["Now: " + (live.what || ""), live.text].filter(Boolean).join("; ");

/** All that is known of a failure. */
function errorText(error) {
  const lines = [error.message];
  for (const [name, value] of [
    ["operation", error.op], ["command", error.command], ["exit code", error.code || ""], ["at", error.at], ["reached", error.reached], ["hint", error.hint],
  ]) {
    if (value) lines.push(name.padEnd(11) + String(value).replace(/\n/g, "\n" + " ".repeat(11)));
  }
  for (const [name, value] of [["recipe", error.excerpt], ["output", error.stdout], ["errors", error.stderr]]) {
    if (value) lines.push(name, ...value.trimEnd().split("\n").map((line) => "    " + line));
  }
  return lines.join("\n");
}

/** The keys to open so that every change of a host can be seen. */
function changeKeys(host) {
  const keys = [];
  host.steps.forEach((step, i) => {
    const found = step.effects.map((e, n) => (e.counts && (e.diff || e.out) ? host.name + "\0" + i + "\0" + n : "")).filter(Boolean);
    if (found.length) keys.push(host.name, host.name + "\0" + i, ...found);
  });
  return keys;
}

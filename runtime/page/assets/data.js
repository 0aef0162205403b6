// The run as the page was written with it, and what news make of it.

const run = JSON.parse(document.getElementById("data").textContent);
const hosts = new Map(); // by name, in the order of the command line

/** Texts are numbers in the data: their places in a list of their own. */
function readHost(host, strings) {
  host.steps = host.steps || [];
  for (const step of host.steps) {
    step.title = strings[step.title];
    step.reason = strings[step.reason || 0];
    step.effects = step.effects || [];
    for (const effect of step.effects) {
      for (const field of ["op", "what", "at", "out", "err", "diff", "message"]) {
        effect[field] = strings[effect[field] || 0];
      }
    }
  }
  hosts.set(host.name, host);
}

function readRun(news) {
  for (const field of ["state", "ended", "now", "summary", "error"]) run[field] = news[field];
  run.readAt = Date.now();
  for (const host of news.hosts) readHost(host, news.strings);
}

readRun(run);

const running = () => run.state === "running";

/** Milliseconds since the run began, up to its end. */
const now = () => (running() ? run.now + (Date.now() - run.readAt) : run.ended || 0);

/** Where a host's steps lie in time: each not before the end of the one before,
 * since a simulated machine's clock may jump ahead. */
function timesOf(host) {
  let at = 0;
  const times = [];
  for (const step of host.steps) {
    const begun = step.depth ? step.started : Math.max(at, step.started);
    const over = begun + (step.status === "running" ? Math.max(0, now() - step.started) : step.took || 0);
    if (!step.depth && step.title) at = over;
    times.push([begun, over]);
  }
  return times;
}

/** The end of the time axis. */
function lastMoment() {
  let last = Math.max(1, running() ? now() : run.ended || 0);
  for (const host of hosts.values()) {
    for (const [, over] of timesOf(host)) last = Math.max(last, over);
  }
  return last;
}

/** A duration for people. */
function duration(ms) {
  const s = ms / 1000;
  if (s < 10) return s.toFixed(1) + "s";
  if (s < 60) return Math.round(s) + "s";
  const minutes = Math.floor(s / 60), two = (n) => String(Math.floor(n)).padStart(2, "0");
  if (minutes < 60) return minutes + "m" + two(s % 60) + "s";
  return Math.floor(minutes / 60) + "h" + two(minutes % 60) + "m";
}

/** An outcome in words: a check changes nothing. */
const outcome = (status) => (run.check && status === "changed" ? "would change" : status);

/** A plain value for people. */
const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

// Elements are made here alone; text is always text, never markup.

function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null && child !== ""));
  return node;
}

const byId = (id) => document.getElementById(id);

const badge = (status) => element("span", { class: "badge", "data-status": status }, outcome(status));

/** Text of a host, line by line; a diff has its lines marked. */
function textBlock(text, isDiff) {
  if (!isDiff) return [text];
  return text.replace(/\n$/, "").split("\n").map((line) => {
    const kind = /^(---|\+\+\+|@@)/.test(line) ? "hunk" : line[0] === "+" ? "plus" : line[0] === "-" ? "minus" : "";
    return element("span", { class: kind }, line + "\n");
  });
}

/** Bars of a time line, one path for each status, so that a row's size does not
 * grow with its steps. */
function bars(segments, last) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "bars");
  svg.setAttribute("viewBox", "0 0 1000 1");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const paths = new Map();
  for (const [status, from, to] of segments) {
    const x = (1000 * from) / last, width = Math.max(1.5, (1000 * (to - from)) / last - 0.7);
    paths.set(status, (paths.get(status) || "") + `M${x.toFixed(1)} 0h${width.toFixed(1)}v1h-${width.toFixed(1)}z`);
  }
  for (const [status, d] of paths) {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", d);
    path.setAttribute("data-status", status);
    svg.append(path);
  }
  return svg;
}

// What the page does when it is opened, and when there is news.

function drawAll() {
  drawHeader();
  drawFailures();
  drawSummary();
  drawBuilds();
  drawFilters();
  filtered();
  drawAxis();
}

/** Light, dark, or as the system has it; remembered where that is allowed. */
function setUpTheme() {
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  try { theme = localStorage.getItem("bsdrun-theme") || theme; } catch { /* a page from a file may have no storage */ }
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    byId("theme").textContent = "Colours: " + theme;
  };
  byId("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    try { localStorage.setItem("bsdrun-theme", theme); } catch { /* see above */ }
    apply();
  });
  apply();
}

function setUpFilters() {
  const search = byId("host");
  search.addEventListener("input", () => {
    filter.words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    filtered();
  });
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    tree.focus();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && search.value) {
      event.preventDefault();
      search.value = "";
      search.dispatchEvent(new Event("input"));
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
  });
  byId("open-changes").addEventListener("click", () => {
    for (const host of hosts.values()) if (isShown(host)) for (const key of changeKeys(host)) opened.add(key);
    layOut();
  });
  byId("close-all").addEventListener("click", () => {
    opened.clear();
    layOut();
  });
  if (location.hash.startsWith("#host=")) {
    search.value = decodeURIComponent(location.hash.slice(6));
    search.dispatchEvent(new Event("input"));
  }
}

/** Draws what has happened, at the next frame that finds no row pressed. */
function drawNews() {
  if (pressed()) {
    requestAnimationFrame(drawNews);
    return;
  }
  drawAll();
  announce();
}

/** Listens for news while the run is under way. */
function setUpNews() {
  const from = document.body.dataset.events;
  if (!from || !running()) return;
  const source = new EventSource(from);
  const clock = setInterval(() => { drawHeader(); if (!pressed()) draw(); }, 1000);
  source.addEventListener("news", (event) => {
    readRun(JSON.parse(event.data));
    requestAnimationFrame(drawNews);
    if (running()) return;
    source.close();
    clearInterval(clock);
  });
}

if (hosts.size === 1) opened.add(hosts.keys().next().value);
setUpTheme();
setUpFilters();
drawAll();
setUpNews();

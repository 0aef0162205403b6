// Reads the page again when runs begin or end. What a reader has opened or
// selected is left alone, and so is what is pressed, as its release would be no click.
async function read() {
  if (document.querySelector("main details[open]") || String(window.getSelection())) return;
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const focused = document.activeElement && document.activeElement.getAttribute("href");
  if (fresh.innerHTML === document.querySelector("main").innerHTML) return;
  if (document.querySelector("main").matches(":active")) {
    window.addEventListener("pointerup", read, { once: true });
    return;
  }
  document.querySelector("main").replaceWith(fresh);
  const again = focused && [...document.links].find((link) => link.getAttribute("href") === focused);
  if (again) again.focus({ preventScroll: true });
}

const source = new EventSource("/events");
source.addEventListener("news", read);

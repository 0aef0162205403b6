// What a reader could open is open on paper.

let shut = [];
window.addEventListener("beforeprint", () => {
  shut = [...document.querySelectorAll("details:not([open])")];
  for (const details of shut) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of shut) details.open = false;
});

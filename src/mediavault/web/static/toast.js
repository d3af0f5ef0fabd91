// A short message at the lower edge, one at a time, with a button that undoes what it tells. Ctrl+Z does that as well.

import { call, say } from "/static/core.js";

const TOAST_MS = 9000;
const toasts = document.getElementById("toasts");
let fading = 0;

// Hides the message after a while, but not while it is pointed at or has the focus.
export function fade(shown = document.querySelector(".toast")) {
  clearTimeout(fading);
  if (!shown) return;
  shown.classList.remove("is-over");
  fading = setTimeout(function end() {
    if (shown.matches(":hover, :focus-within")) fading = setTimeout(end, 2000);
    else shown.classList.add("is-over");
  }, TOAST_MS);
}

// Shows a message. `undo` is performed by its button; without it there is none.
export function toast(message, undo) {
  for (const shown of document.querySelectorAll(".toast")) shown.remove();
  const shown = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  shown.querySelector("p").textContent = message;
  const button = shown.querySelector("button");
  button.hidden = !undo;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await undo();
    } catch (problem) {
      shown.remove();
      say(problem.message, problem.help);
    }
  });
  toasts.append(shown);
  fade(shown);
}

// Tells what an action of the vault did, and offers to undo it if that is possible; `undone` then updates the page.
export function tell(done, undone) {
  toast(done.message, done.undo && (async () => {
    const { message } = await call("POST", done.undo.address, new URLSearchParams(done.undo.fields));
    await undone();
    toast(message);
  }));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog[open]")) return;
  const button = toasts.querySelector(".toast:not(.is-over) button:not([hidden])");
  if (!button) return;
  event.preventDefault();
  button.click();
});

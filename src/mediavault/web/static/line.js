// A page's live stream, with a status line that shows when it is lost and when it is back.

import { listen } from "/static/core.js";

const LOST_AFTER_MS = 2500; // a connection that returns within this time was not missed
const BACK_FOR_MS = 2500;
const line = document.getElementById("lost-line");
const words = line.dataset;

let isLost = false;
let turning = 0;

function show(text, after = 0) {
  clearTimeout(turning);
  turning = setTimeout(() => {
    line.textContent = text;
    line.classList.remove("is-back");
    line.hidden = false;
  }, after);
}

function hide() {
  clearTimeout(turning);
  if (line.hidden) return;
  line.textContent = words.back;
  line.classList.add("is-back");
  turning = setTimeout(() => (line.hidden = true), BACK_FOR_MS);
}

// Reload the images that failed in the meantime, and remove the notice that the vault is unreachable.
function mend() {
  for (const image of document.images) if (image.complete && !image.naturalWidth) image.src = image.src;
  document.querySelector("#messages [data-away]")?.remove();
}

// Like ``listen``; ``back`` is called when a lost stream is back. It does not report removals in between.
export function follow({ since, job, removed, rested, inBackground, back = () => {} }) {
  window.addEventListener("offline", () => {
    isLost = true;
    show(words.offline);
  });
  listen({
    since,
    job,
    removed,
    rested,
    inBackground,
    state(isOpen) {
      document.body.dataset.stream = isOpen ? "open" : "lost";
      if (isOpen && isLost) {
        hide();
        mend();
        back();
      } else if (!isOpen && !isLost) show(words.lost, LOST_AFTER_MS);
      isLost = !isOpen;
    },
  });
}

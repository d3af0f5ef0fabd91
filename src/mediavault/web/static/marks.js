// What the user notes about a post, without loading the page again; and where they stopped watching it.

import { say, submitForm } from "/static/core.js";
import { keepPositions } from "/static/player-memory.js";

const section = () => document.getElementById("marks");
const player = () => document.getElementById("player");

// --- forms: the answer is the post's page, from which the section is taken

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("mark" in form.dataset)) return;
  event.preventDefault();
  const focused = document.activeElement?.id || document.activeElement?.closest("form")?.querySelector("input")?.id;
  try {
    const page = await submitForm(form.action, new FormData(form, event.submitter), "marks");
    const isOpen = document.getElementById("add")?.open;
    section().replaceWith(document.adoptNode(page.getElementById("marks")));
    const add = document.getElementById("add");
    if (add) add.open = isOpen;
    say("");
    document.getElementById(focused)?.focus({ preventScroll: true });
  } catch (problem) {
    say(problem.message, problem.help);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, [contenteditable], dialog[open]")) return;
  const element = { h: "heart", t: "add_tags" }[event.key];
  if (!element || !section()) return;
  event.preventDefault();
  if (event.key === "h") return document.getElementById(element).click();
  const add = document.getElementById("add"); // who may not change tags has none
  if (add) add.open = true;
  document.getElementById(element)?.focus();
});

// --- where the user stopped: a video that is started in any way goes on there

const OFFERED_MS = 10_000; // "Start over" stays this long after playing has begun

const positionOf = (video) => Number(video.dataset.position ?? 0);
const offer = () => document.getElementById("resume");

function goOn(video) {
  if ("started" in video.dataset) return;
  video.dataset.started = "";
  if (!offer() || offer().hidden) return;
  video.currentTime = positionOf(video);
  setTimeout(() => offer() && (offer().hidden = true), OFFERED_MS);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-start-over]") || !player()) return;
  offer().hidden = true;
  player().currentTime = 0;
  player().play().catch(() => {});
});

// Media events do not bubble, but they can be captured: a live update may replace the player.
document.addEventListener("play", ({ target }) => target.id === "player" && goOn(target), { capture: true });
keepPositions((video) => {
  if (video.id !== "player" || video.loop) return null;
  return { job: document.body.dataset.job, item: Number(video.dataset.item ?? 0), from: positionOf(video) };
});

// An address with a second, as of a line of the transcript, is where its user wants to be.
function offerStart() {
  if (offer() && player()) offer().hidden = !positionOf(player()) || player().currentTime > 0 || player().src.includes("#t=");
}
document.addEventListener("mediavault:post", offerStart); // see post.js
offerStart();

// What the user notes about a post, without loading the page again; and where they stopped watching it.

import { say, submitForm } from "/static/core.js";
import { keepPositions } from "/static/player-memory.js";

const job = document.body.dataset.job;
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
    section().replaceWith(document.adoptNode(page.getElementById("marks")));
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
  if (event.key === "h") document.getElementById(element).click();
  else document.getElementById(element)?.focus(); // who may not change tags has no field for them
});

// --- where the user stopped

function offerToResume() {
  const offer = document.getElementById("resume");
  if (offer && player()) offer.hidden = player().loop || player().currentTime > 0 || section().dataset.item !== itemShown();
}

const itemShown = () => player().dataset.item ?? "0";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-resume]");
  if (!button || !player()) return;
  player().currentTime = Number(button.dataset.resume);
  document.getElementById("resume").hidden = true;
  player().play().catch(() => {});
});

// Media events do not bubble, but they can be captured: a live update may replace the player.
document.addEventListener("play", ({ target }) => target.id === "player" && offerToResume(), { capture: true });
keepPositions(({ id, loop }) => (id === "player" && !loop ? { job, item: Number(itemShown()) } : null));

offerToResume();

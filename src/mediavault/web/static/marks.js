// What the user notes about a post, without loading the page again; and where they stopped watching it.

import { base, say, submitForm } from "/static/core.js";

const EVERY_MS = 5000; // positions are sent this often while the video plays
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

let sent = { at: 0, when: 0 };

function send() {
  const { currentTime: at, duration: of, loop } = player() ?? {};
  if (!(of > 0) || !Number.isFinite(of) || loop || at === sent.at) return;
  sent = { at, when: Date.now() };
  const body = JSON.stringify({ at, of, item: Number(itemShown()) });
  const options = { method: "PUT", body, headers: { "Content-Type": "application/json" }, keepalive: true };
  fetch(`${base}/api/jobs/${job}/position`, options).catch(() => {}); // the next one may arrive
}

// Media events do not bubble, but they can be captured: a live update may replace the player.
const onPlayer = (name, listener) =>
  document.addEventListener(name, (event) => event.target.id === "player" && listener(), { capture: true });

onPlayer("timeupdate", () => !player().paused && Date.now() - sent.when >= EVERY_MS && send());
onPlayer("pause", send);
onPlayer("ended", send);
onPlayer("play", offerToResume);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && player()?.currentTime > 0 && send());
window.addEventListener("pagehide", () => player()?.currentTime > 0 && send());

offerToResume();

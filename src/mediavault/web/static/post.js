// Live updates of a post's page: changed regions are replaced without losing focus, opened details or a playing video.

import { call, pageOf, say, showMoments } from "/static/core.js";
import { fill } from "/static/jobs.js";
import { follow } from "/static/line.js";
import { setUpMini } from "/static/mini.js";
import { begin, press, video } from "/static/player.js";
import { arrange } from "/static/side.js";
import { leadBack } from "/static/way-back.js";

const shown = document.body.dataset;
const keys = document.getElementById("keys");
const announced = document.querySelector('[data-field="announced"]');
const REFRESH_PAUSE_MS = 300;
const BUSY_PAUSE_MS = 1000;
const COPIED_MS = 1500;

leadBack(document.querySelector(".back a"));

// --- updates of the page, region by region

const sources = new Map(); // each region's HTML from the server: changes by scripts don't count
const learn = () => document.querySelectorAll("[data-region]").forEach((region) => sources.set(region.id, region.innerHTML));
learn();

let refreshing = null;
export function refreshSoon(pause = REFRESH_PAUSE_MS) {
  refreshing ??= setTimeout(async () => {
    refreshing = null;
    try {
      await refresh();
    } catch (problem) {
      if (problem?.message && problem.help !== undefined) say(problem.message, problem.help);
    }
    if (document.querySelector("[data-busy]:not(#media)")) refreshSoon(BUSY_PAUSE_MS);
  }, pause);
}

async function refresh() {
  const answer = await fetch(here());
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const hadVideo = Boolean(video());
  for (const fresh of page.querySelectorAll("[data-region]")) {
    const old = document.getElementById(fresh.id);
    if (!old && !hadVideo) location.reload(); // the first file was saved: the page has new parts
    else if (old && mayReplace(old, fresh)) replace(old, fresh);
  }
}

function mayReplace(old, fresh) {
  if (old.id === "media") {
    const plays = video() && !video().paused;
    return old.dataset.region !== fresh.dataset.region && !plays && document.pictureInPictureElement !== video();
  }
  return fresh.innerHTML !== sources.get(old.id) || old.hasAttribute("data-busy") !== fresh.hasAttribute("data-busy");
}

function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? [...focusables(old)].indexOf(document.activeElement) : -1;
  const open = [...old.querySelectorAll("details")].map((one) => one.open);
  sources.set(old.id, fresh.innerHTML);
  const next = document.adoptNode(fresh);
  old.replaceWith(next);
  next.querySelectorAll("details").forEach((one, place) => (one.open = open[place] ?? one.open));
  showMoments(next);
  if (focused >= 0) ([...focusables(next)][focused] ?? next.querySelector("button, a"))?.focus({ preventScroll: true });
  if (next.id === "media") begin();
  if (next.classList.contains("pane")) arrange();
  if (next.id === "state") countChosen(false);
}

const focusables = (root) => root.querySelectorAll("a[href], button, summary, select, input:not([type=hidden])");

// --- which of the page's videos are saved

function countChosen(isNews = true) {
  const form = document.getElementById("choose");
  if (!form) return;
  const count = form.querySelectorAll('[name="chosen"]:checked').length;
  const button = form.querySelector("[data-many]");
  const words = button.querySelector('[data-field="chosen"]');
  words.dataset.none ??= words.textContent;
  words.textContent = count === 1 ? button.dataset.one : count ? button.dataset.many.replace("{n}", count) : words.dataset.none;
  button.disabled = !count;
  if (isNews) announced.textContent = count ? words.textContent : "";
}

document.addEventListener("change", ({ target }) => target.name === "chosen" && countChosen());
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-choose]");
  if (!button) return;
  for (const box of document.querySelectorAll('#choose [name="chosen"]')) box.checked = button.dataset.choose === "all";
  countChosen();
});

// --- user actions

document.addEventListener("submit", async (event) => {
  const { does } = event.target.dataset;
  if (!["verify", "stop", "cancel", "seal"].includes(does)) return; // the others load a new page anyway
  event.preventDefault();
  try {
    await call("POST", `/api/jobs/${shown.job}/${does}`);
    if (does === "seal") event.target.closest("details").open = false; // it would cover the result
    refreshSoon(0);
  } catch (problem) {
    say(problem.message, problem.help);
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    announced.textContent = shown.copied;
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), COPIED_MS);
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling); // not allowed, or no HTTPS: to be copied by hand
  }
});

document.addEventListener(
  "keydown",
  (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.closest("input:not(#seek), textarea, select, [contenteditable], dialog[open]")) return;
    if (key === " " && target.closest("button, a, summary")) return;
    if (meant(key)) {
      event.preventDefault();
      event.stopPropagation(); // a focused player's own shortcuts would do it twice
    }
  },
  { capture: true },
);

function meant(key) {
  if (key === "?") keys.showModal();
  else if (key === "p" || key === "n") document.querySelector(`a[rel=${key === "p" ? "prev" : "next"}]`)?.click();
  else if (!video()) return (key === "ArrowLeft" || key === "ArrowRight") && showAnother(key === "ArrowRight");
  else return press(video(), key);
  return true;
}

/** Open the post's picture before or after the one that is shown; return false where there is none. */
function showAnother(isNext) {
  const now = document.querySelector(".strip [aria-current]");
  const other = isNext ? now?.nextElementSibling : now?.previousElementSibling;
  other?.click();
  return Boolean(other);
}

// --- another sound in the mini player: its page takes the place of this one, which nobody sees now

async function showPost(address) {
  const page = await pageOf(await fetch(address), "main");
  if (!page.getElementById("mini")) return false; // it isn't sound
  for (const part of [".post-bar", ".post", "#mini .cover", "#mini .mini-words"]) {
    document.querySelector(part).replaceWith(document.adoptNode(page.querySelector(part)));
  }
  for (const name of ["moment", "job", "now"]) shown[name] = page.body.dataset[name];
  sources.clear();
  learn();
  showMoments(document.querySelector(".post"));
  begin();
  arrange();
  document.dispatchEvent(new Event("mediavault:post"));
  return true;
}

const here = setUpMini(showPost);

// --- live

function showNow(job) {
  const state = document.getElementById("state");
  if (state?.querySelector('[data-field="state"]')) fill(state, job);
  for (const name of ["state", "detail"]) {
    const field = document.querySelector(`[data-now="${name}"]`);
    if (field) field.textContent = job.display[name];
  }
}

follow({
  since: shown.moment,
  job(job) {
    if (job.id !== shown.job) return;
    showNow(job);
    const now = `${job.status} ${job.attempt_count} ${job.stage ?? ""}`;
    if (now === shown.now) return;
    shown.now = now;
    announced.textContent = job.display.state;
    refreshSoon();
  },
  removed(id) {
    if (id === shown.job) location.assign("/");
  },
  back: refreshSoon,
  rested: refreshSoon,
});

arrange();
begin();
countChosen(false);
if (document.querySelector("[data-busy]:not(#media)")) refreshSoon(BUSY_PAUSE_MS);

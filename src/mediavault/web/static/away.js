// The page that the service worker shows in place of any other while the vault does not answer. It keeps links, shows what the
// last page of the library had, and goes on to the page that was wanted as soon as the vault is back.

import { base, say, showMoment, showMoments } from "/static/core.js";
import { sendKept } from "/static/installed.js";
import { linksIn } from "/static/links.js";
import { keep, root } from "/static/outbox.js";

const WAITS_S = [2, 4, 8, 15]; // between tries; the last one again and again
const ANSWER_WITHIN_MS = 5000;
const IS_GATEWAY_ERROR = [502, 504];
const MOST_TILES = 12; // as many as have a picture in the cache
const form = document.getElementById("keep");
const box = document.getElementById("post_urls");
const library = document.getElementById("kept-library");
const trying = document.getElementById("trying");

// --- the box

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = box.value;
  const links = linksIn(text);
  if (!links.length) return say(form.dataset.noLink);
  box.value = ""; // at once: the next link may be pasted while this one is stored
  box.focus();
  try {
    await keep(links);
  } catch {
    box.value = `${text}\n${box.value}`.trim();
    return say(form.dataset.notKept);
  }
  say("");
  document.dispatchEvent(new Event("outbox"));
  navigator.serviceWorker?.ready.then((worker) => worker.sync?.register("outbox")).catch(() => {});
});

box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
  event.preventDefault();
  form.requestSubmit();
});

// --- the vault's return

let tries = 0;
let next = 0;
let isTrying = false;

// Whether the vault answers, and then with the page that was wanted. What waits here is sent first.
async function isBack() {
  const health = await fetch(`${base}/healthz`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!health.ok) return false;
  await sendKept().catch(() => {}); // a browser that stores nothing
  const page = await fetch(location.href, { cache: "no-store" });
  return !IS_GATEWAY_ERROR.includes(page.status);
}

async function attempt() {
  if (isTrying) return;
  clearTimeout(next);
  isTrying = true;
  const goesOn = await isBack().catch(() => false);
  isTrying = false;
  if (goesOn && !box.value.trim()) return location.reload();
  if (goesOn) trying.textContent = trying.dataset.back; // not while a link is being written
  next = setTimeout(attempt, WAITS_S[Math.min(tries, WAITS_S.length - 1)] * 1000);
  tries += 1;
}

function again() {
  tries = 0;
  attempt();
}

if (location.pathname !== `${base}/away`) {
  next = setTimeout(attempt, WAITS_S[tries++] * 1000);
  window.addEventListener("online", again);
  document.addEventListener("visibilitychange", () => document.hidden || again());
  document.addEventListener("outbox", () => trying.textContent === trying.dataset.back && again());
}

// --- the last page of the library

async function showLibrary() {
  const kept = await (await caches.open(`mediavault-library ${root.pathname}`)).match(new URL("library", root));
  if (!kept) return;
  const page = new DOMParser().parseFromString(await kept.text(), "text/html");
  const tiles = [...page.querySelectorAll(".tile")].slice(0, MOST_TILES);
  if (!tiles.length) return;
  for (const tile of tiles) {
    tile.querySelector(".pick")?.remove();
    for (const image of tile.querySelectorAll("img")) image.setAttribute("src", `${image.getAttribute("src")}?kept`);
  }
  library.querySelector(".tiles").replaceChildren(...tiles.map((tile) => document.adoptNode(tile)));
  showMoment(library.querySelector("time"), kept.headers.get("X-Kept-At"));
  showMoments(library.querySelector(".tiles"));
  library.hidden = false;
}

showLibrary().catch(() => {}); // no caches without HTTPS

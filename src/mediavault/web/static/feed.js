// The feed: one clip fills the window and plays. The document holds only the clips around it, and three players that move
// along with it; all other clips are elements that wait outside.

import { announce } from "/static/announcer.js";
import { away, base, call, pageOf, say } from "/static/core.js";
import { clock } from "/static/player-controls.js";
import { keepPositions, remember, remembered } from "/static/player-memory.js";
import { leadBack } from "/static/way-back.js";

const AROUND = 2; // clips on either side that are in the document; the nearest one has a player
const PLAYERS = 3;
const SHOWN_FROM = 0.6; // of a clip is in the window
const LEFT_TO_LOAD = 8; // clips before the end when the next page is requested
const REST_MS = 120; // without a scroll event
const WORTH_RESUMING_S = 10; // as the vault has it

const feed = document.getElementById("feed");
const mute = document.getElementById("mute");
const refused = document.getElementById("refused");
const keys = document.getElementById("keys");
const less = matchMedia("(prefers-reduced-motion: reduce)");

const clips = []; // all that were loaded, in order
let shown = -1;
let height = 1; // of the window
let aim = null; // where a key leads while the feed still scrolls there
const next = { earlier: addressOf(document, "earlier"), later: addressOf(document, "later") };

const part = (clip, name) => clip.querySelector(`[data-part="${name}"]`);
const clipOf = (element) => element.closest(".feed-clip");
const playerOf = (clip) => clip?.querySelector("video");
const isShown = (clip) => clip !== null && clip === clips[shown];
function addressOf(page, way) {
  return page.getElementById(way)?.getAttribute("href") ?? "";
}

// --- the clips, and which of them are in the document

function take(root) {
  const known = new Set(clips.map((clip) => clip.id));
  const fresh = [...root.querySelectorAll(".feed-clip")].filter((clip) => !known.has(clip.id));
  for (const clip of fresh) {
    clip.querySelector("noscript").remove(); // in a page that was fetched, it has a player
    document.adoptNode(clip);
  }
  return fresh;
}

function arrange() {
  const near = clips.slice(Math.max(0, shown - AROUND), shown + AROUND + 1);
  for (const clip of [...feed.children]) {
    if (near.includes(clip)) continue;
    watcher.unobserve(clip);
    clip.remove();
  }
  near.reduceRight((after, clip) => {
    if (!clip.isConnected) {
      place(clip);
      feed.insertBefore(clip, after);
      watcher.observe(clip);
    }
    return clip;
  }, null);
}

function place(clip) {
  const at = clips.indexOf(clip);
  clip.style.setProperty("--place", at);
  clip.ariaPosInSet = at + 1;
  clip.ariaSetSize = next.later ? -1 : clips.length;
}

function placeAll() {
  feed.style.setProperty("--clips", clips.length);
  for (const clip of feed.children) place(clip);
}

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, intersectionRatio } of entries) {
      const at = clips.indexOf(target);
      if (intersectionRatio >= SHOWN_FROM && (aim === null || at === aim)) show(at);
    }
  },
  { root: feed, threshold: SHOWN_FROM },
);

// --- players: the shown clip has one, and its neighbours have one each that is ready

const players = [];

function makePlayers() {
  for (let number = 0; number < PLAYERS; number += 1) {
    const player = document.createElement("video");
    player.playsInline = true;
    player.setAttribute("playsinline", "");
    player.disableRemotePlayback = true;
    const { volume } = remembered();
    if (volume >= 0 && volume <= 1) player.volume = volume;
    follow(player);
    players.push(player);
  }
}

function give() {
  const wanted = [shown, shown + 1, shown - 1].map((at) => clips[at]).filter(Boolean);
  const free = players.filter((player) => !wanted.includes(clipOf(player)));
  for (const clip of wanted) {
    if (playerOf(clip)) continue;
    const player = free.pop();
    empty(player);
    delete clip.dataset.seen;
    player.loop = "loops" in clip.dataset;
    player.muted = isMuted || player.loop;
    player.preload = navigator.connection?.saveData && !isShown(clip) ? "metadata" : "auto";
    player.src = base + clip.dataset.source;
    clip.querySelector(".feed-stage").append(player);
  }
  free.forEach(empty);
}

function empty(player) {
  player.remove();
  if (!player.hasAttribute("src")) return;
  player.removeAttribute("src");
  player.load();
}

function follow(player) {
  const on = (name, listener) => player.addEventListener(name, () => clipOf(player) && listener(clipOf(player)));
  on("loadedmetadata", (clip) => {
    const at = Number(clip.dataset.at);
    if (at && at < player.duration) player.currentTime = at;
    part(clip, "seek").max = Number.isFinite(player.duration) ? player.duration : 0;
    if (player.videoWidth) clip.toggleAttribute("data-portrait", player.videoHeight > player.videoWidth);
  });
  on("play", (clip) => isShown(clip) && tick());
  on("playing", (clip) => {
    clip.dataset.seen = ""; // the poster was the first to be seen
    if (isShown(clip)) setState(clip, "plays");
  });
  on("waiting", (clip) => isShown(clip) && !player.paused && setState(clip, "waits"));
  on("pause", (clip) => isShown(clip) && !player.ended && setState(clip, "paused"));
  on("seeked", showLine);
  on("timeupdate", (clip) => isShown(clip) && !("seeks" in clip.dataset) && (part(clip, "seek").value = player.currentTime));
  on("ended", (clip) => {
    clip.dataset.ended = ""; // the vault knows that it was watched; its position in the next round is nobody's business
    if (isShown(clip)) start(clip);
  });
  on("error", (clip) => {
    if (!player.hasAttribute("src")) return;
    setState(clip, "broken");
    part(clip, "broken").hidden = false;
  });
}

function setState(clip, state) {
  if (clip.dataset.state === "broken") return;
  clip.dataset.state = state;
  const tap = part(clip, "tap");
  tap.setAttribute("aria-label", state === "paused" || !state ? tap.dataset.play : tap.dataset.pause);
}

keepPositions((player) => {
  const clip = clipOf(player);
  return clip && "seen" in clip.dataset && !player.loop && !("ended" in clip.dataset) ? { job: clip.dataset.id, item: Number(clip.dataset.item), from: Number(clip.dataset.at) } : null;
});

// --- playing

async function start(clip) {
  const player = playerOf(clip);
  try {
    await player.play();
  } catch (problem) {
    if (problem.name !== "NotAllowedError" || !isShown(clip)) return; // another clip is shown by now
    if (player.muted) return setState(clip, "paused");
    refused.hidden = false;
    setMuted(true);
    await start(clip);
  }
}

function toggle() {
  const player = playerOf(clips[shown]);
  if (player?.paused) start(clips[shown]);
  else player?.pause();
}

function leave(clip) {
  const player = playerOf(clip);
  if (!player) return;
  player.pause();
  const { currentTime: at } = player;
  if ("ended" in clip.dataset) clip.dataset.at = 0;
  else if ("seen" in clip.dataset) clip.dataset.at = at >= WORTH_RESUMING_S ? at : 0;
  setState(clip, "");
}

let isMuted = remembered().muted === true;

function setMuted(muted) {
  isMuted = muted;
  for (const player of players) player.muted = muted || player.loop;
  mute.setAttribute("aria-pressed", String(muted));
}

function toggleSound() {
  refused.hidden = true;
  setMuted(!isMuted);
  remember({ muted: isMuted });
  // Safari lets a player sound without a tap of its own only once it was loaded in one.
  if (!isMuted) for (const player of players) if (player.hasAttribute("src") && !isShown(clipOf(player))) player.load();
}

document.addEventListener("visibilitychange", () => {
  const player = playerOf(clips[shown]);
  if (!player) return;
  if (document.hidden) {
    player.toggleAttribute("data-goes-on", !player.paused);
    player.pause();
  } else if (player.hasAttribute("data-goes-on")) start(clips[shown]);
});

// --- the line of progress

function showLine(clip) {
  const { currentTime: at, duration: of } = playerOf(clip);
  part(clip, "line").style.transform = `scaleX(${of > 0 && Number.isFinite(of) ? at / of : 0})`;
}

let ticking = 0;
function tick() {
  cancelAnimationFrame(ticking);
  const clip = clips[shown];
  const player = playerOf(clip);
  if (!player) return;
  showLine(clip);
  if (!player.paused) ticking = requestAnimationFrame(tick);
}

function seek({ target: slider }) {
  if (slider.dataset.part !== "seek") return;
  const clip = clipOf(slider);
  const player = playerOf(clip);
  const time = part(clip, "time");
  clip.dataset.seeks = "";
  time.hidden = false;
  time.textContent = `${clock(slider.value)} / ${clock(player.duration)}`;
  slider.setAttribute("aria-valuetext", time.textContent);
  player.currentTime = Number(slider.value);
}

function endSeek({ target: slider }) {
  if (slider.dataset.part !== "seek") return;
  const clip = clipOf(slider);
  delete clip.dataset.seeks;
  part(clip, "time").hidden = true;
}

feed.addEventListener("input", seek);
for (const event of ["change", "focusout", "pointercancel"]) feed.addEventListener(event, endSeek);

// --- from clip to clip

function show(at, { isPassing = false } = {}) {
  if (at === shown || !clips[at]) return;
  const before = clips[shown];
  const clip = clips[at];
  shown = at;
  if (before) leave(before);
  arrange();
  moveFocus(before, clip);
  if (before) announce(clip.querySelector("h2").textContent.trim());
  if (!isPassing) begin(clip);
  loadLater();
  settleSoon();
}

let begun = null; // the clip that plays, or waits for a tap
function begin(clip) {
  begun = clip;
  give();
  if (less.matches) setState(clip, "paused");
  else start(clip);
}

// The focus goes along, to the same button: the clip that has it will leave the document.
function moveFocus(before, clip) {
  const focused = document.activeElement;
  if (before?.contains(focused)) (part(clip, focused.dataset.part ?? "tap") ?? clip).focus({ preventScroll: true });
}

function go(step) {
  const at = Math.min(Math.max(0, shown + step), clips.length - 1);
  if (at === shown) return loadLater(); // again, if it failed
  const isPassing = aim !== null; // the key is held down: only where it leads is played
  aim = at;
  show(at, { isPassing });
  feed.scrollTo({ top: at * height, behavior: less.matches || isPassing ? "instant" : "smooth" });
}

// What takes time, or would disturb the scrolling, waits for its end.
let resting = 0;
const held = []; // earlier clips, which move all others
function settleSoon() {
  clearTimeout(resting);
  resting = setTimeout(settle, REST_MS);
}

function settle() {
  resting = 0;
  aim = null;
  if (held.length) prepend(held.splice(0));
  show(Math.round(feed.scrollTop / height));
  if (begun !== clips[shown]) begin(clips[shown]);
  keepPlace();
  if (shown < LEFT_TO_LOAD) load("earlier", (fresh) => held.push(...fresh) && !resting && settle());
}

// Back and a reload lead to the shown clip. Browsers limit how often an address may change, so it is not changed in between.
function keepPlace() {
  if (!clips[shown]) return;
  const address = new URL(location.href);
  for (const name of ["cursor", "before"]) address.searchParams.delete(name);
  address.searchParams.set("clip", clips[shown].dataset.id);
  if (address.href !== location.href) history.replaceState(history.state, "", address);
}

document.addEventListener("click", ({ target }) => target.closest("a[href]") && keepPlace(), { capture: true });
feed.addEventListener("scroll", settleSoon, { passive: true });
for (const event of ["wheel", "touchstart"]) feed.addEventListener(event, () => (aim = null), { passive: true });
new ResizeObserver(() => {
  height = feed.clientHeight;
  feed.scrollTo({ top: shown * height, behavior: "instant" });
}).observe(feed);

let hasFailed = false;
async function load(way, add) {
  const address = next[way];
  if (!address) return;
  next[way] = "";
  feed.ariaBusy = "true";
  try {
    const answer = await fetch(address).catch(() => {
      throw away();
    });
    const page = await pageOf(answer, "feed-room");
    next[way] = addressOf(page, way);
    add(take(page));
    placeAll();
    arrange();
    if (begun === clips[shown]) give();
    if (hasFailed) say("");
    hasFailed = false;
  } catch (problem) {
    next[way] = address;
    hasFailed = true;
    say(problem.message, problem.help);
  }
  feed.ariaBusy = "false";
}

function loadLater() {
  if (shown >= clips.length - LEFT_TO_LOAD) load("later", (fresh) => clips.push(...fresh));
}

function prepend(fresh) {
  const top = feed.scrollTop + fresh.length * height;
  clips.unshift(...fresh);
  shown += fresh.length;
  placeAll();
  arrange();
  feed.scrollTo({ top, behavior: "instant" });
}

// --- favourites

async function favourite(clip) {
  const heart = part(clip, "heart");
  const wanted = heart.getAttribute("aria-pressed") !== "true";
  heart.setAttribute("aria-pressed", String(wanted));
  try {
    await call("PATCH", `/api/jobs/${clip.dataset.id}/marks`, { favourite: wanted });
    announce(wanted ? heart.dataset.on : heart.dataset.off);
  } catch (problem) {
    heart.setAttribute("aria-pressed", String(!wanted));
    say(problem.message, problem.help);
  }
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.does !== "favourite") return;
  event.preventDefault();
  favourite(clipOf(event.target));
});

// --- buttons and keys

const DO = {
  play: toggle,
  previous: () => go(-1),
  next: () => go(1),
  mute: toggleSound,
  keys: () => keys.showModal(),
  heart: () => favourite(clips[shown]),
  open: () => part(clips[shown], "open").click(),
};
const KEYS = { ArrowUp: "previous", PageUp: "previous", ArrowDown: "next", PageDown: "next", " ": "play", Enter: "open" };
const SINGLE_KEYS = { k: "previous", j: "next", m: "mute", h: "heart", "?": "keys" };
const singleKeys = () => localStorage.getItem("mediavault_single_keys") !== "off"; // see library.js

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) DO[button.dataset.do](button);
});
// A click leaves the focus where it is, so that Enter opens the post.
document.addEventListener("mousedown", (event) => event.target.closest(".feed-tap") && event.preventDefault());

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if ((key === " " || key === "Enter") && target.closest("button, a, input")) return;
  const what = KEYS[key] ?? (singleKeys() ? SINGLE_KEYS[key] : undefined);
  if (!what) return;
  event.preventDefault();
  DO[what]();
});

// --- the beginning

clips.push(...take(feed));
makePlayers();
setMuted(isMuted);
feed.classList.add("has-places");
height = feed.clientHeight;
placeAll();
leadBack(document.querySelector(".back a"));
show(0);

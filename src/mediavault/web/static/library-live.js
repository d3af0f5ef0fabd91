// Live updates of the library: tiles are updated and removed in place; new results of the filter are announced by a
// button, which loads them. Nothing that the user is looking at moves.

import { count } from "/static/announcer.js";
import { base } from "/static/core.js";
import { follow } from "/static/line.js";
import { leaveOut, show as showSelection } from "/static/library-selection.js";
import { bring } from "/static/morph.js";

const LOOK_PAUSE_MS = 700; // many changes at once cause one request
const AT_ONCE = 40; // tiles in one request
const HEARD_FOR_MS = 30000; // a change reported during a request may be missing from the response
const MOST_KNOWN = 5000;

const results = () => document.getElementById("results");
const tileOf = (id) => document.getElementById(`job-${id}`);
const idOf = (tile) => tile.id.slice("job-".length);

const known = new Map(); // id -> the facts that a tile shows, as last reported
const heard = new Map(); // id -> time of the report
const wanted = new Set(); // to be requested next
const fresh = new Set(); // the posts that the button loads
let bringing = null; // those it is loading
let loaded = 0; // how many tiles there were before

// --- events of the stream

function onJob(job) {
  const tile = tileOf(job.id);
  const state = tile?.querySelector('[data-field="state"]');
  if (state && job.status === "running") state.textContent = job.display.state;
  const isNow = [job.status, job.retry_at, job.error_code, job.display.title, job.links.thumbnail, job.duration_s, job.account_slug].join();
  if (known.get(job.id) === isNow) return;
  if (known.size > MOST_KNOWN) known.clear();
  known.set(job.id, isNow);
  heard.set(job.id, performance.now());
  if (tile || results().dataset.statuses.split(" ").includes(job.status)) want(job.id);
}

function onRemoved(id) {
  fresh.delete(id);
  wanted.delete(id);
  leaveOut([id]);
  remove(tileOf(id));
  showFresh();
  lookSoon();
}

// --- requests

let looking = 0;
function lookSoon() {
  looking ||= setTimeout(async () => {
    await look().catch(() => {}); // the status line reports it; missed changes are sent afterwards
    looking = 0;
    if (wanted.size) lookSoon();
  }, LOOK_PAUSE_MS);
}

// Requests a tile again that may have changed.
export function want(id) {
  wanted.add(id);
  lookSoon();
}

async function look() {
  const shown = results();
  const ids = [...wanted].slice(0, AT_ONCE);
  for (const id of ids) wanted.delete(id);
  const asked = new URLSearchParams(ids.map((id) => ["id", id]));
  asked.set("moment", shown.dataset.moment);
  for (const field of shown.querySelectorAll(":scope > input[type=hidden]")) asked.set(field.name, field.value);
  const answer = await fetch(`${base}/library/changes?${asked}`);
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (shown.isConnected) take(page, ids);
}

function take(page, ids) {
  for (const part of ["#states", "[data-found]:not(.empty)"]) {
    const [old, now] = [results().querySelector(part), page.querySelector(part)];
    if (old && now) bring(old, now);
  }
  let [changed, came] = [0, 0];
  for (const id of ids) {
    const now = page.getElementById(`job-${id}`);
    const old = tileOf(id);
    if (!now) remove(old);
    else if (old) changed += Number(change(old, now));
    else if ("fresh" in now.dataset && !fresh.has(id) && isLoadedPart(now)) {
      fresh.add(id);
      came += 1;
    }
  }
  count("changed", changed);
  count("fresh", came);
  showFresh();
}

// Updates a tile. Returns whether its state differs from before.
function change(old, now) {
  const word = (tile) => tile.querySelector(".badge")?.dataset.tone;
  const isNews = word(old) !== word(now);
  bring(old, now);
  return isNews;
}

const gone = new Map(); // id -> what was removed for the post, in turn: its tile, perhaps its month; each with what came next

function remove(tile) {
  if (!tile) return;
  count("removed");
  const tiles = [...document.querySelectorAll(".tile")];
  const place = tiles.indexOf(tile);
  const neighbour = tiles[place + 1] ?? tiles[place - 1];
  if (tile.contains(document.activeElement)) neighbour?.querySelector(".name").focus({ preventScroll: true });
  const month = tile.previousElementSibling;
  const isLast = month?.matches(".month") && !tile.nextElementSibling?.matches(".tile, .more");
  const places = (isLast ? [month, tile] : [tile]).map((one) => [one, one.nextSibling, one.parentNode]);
  gone.set(idOf(tile), places);
  for (const [one] of places) one.remove();
  if (!document.querySelector(".tile")) bringFresh();
}

// Posts were deleted. The stream may have said so before.
export function takeAway(ids) {
  for (const id of ids) remove(tileOf(id));
}

// They were restored: their tiles are put back, the last first, since it was next to others.
export function putBack(ids) {
  const order = [...gone.keys()];
  const places = order.filter((id) => ids.includes(id)).flatMap((id) => gone.get(id));
  if (places.some(([, , list]) => !list.isConnected)) bringFresh(); // other results are shown by now
  else for (const [one, next, list] of places.reverse()) list.insertBefore(one, next?.parentNode === list ? next : null);
  for (const id of ids) {
    gone.delete(id);
    want(id);
  }
}

// --- new results

function showFresh() {
  if (!fresh.size) return hideFresh();
  const pill = document.getElementById("fresh");
  if (!pill) return bringFresh(); // there are no tiles that could move
  pill.querySelector("span").textContent = fresh.size === 1 ? pill.dataset.one : pill.dataset.many.replace("{n}", fresh.size);
  pill.hidden = false;
}

function hideFresh() {
  const pill = document.getElementById("fresh");
  if (pill) pill.hidden = true;
}

const dateOf = (tile) => new Date(tile.querySelector("time").dateTime);

// In an order by time a new post may have its place below all that is loaded: it comes when the user scrolls there.
function isLoadedPart(tile) {
  const tiles = [...document.querySelectorAll(".tile")];
  if (!document.querySelector(".month") || !document.querySelector(".more")) return true;
  const [at, first, last] = [tile, tiles[0], tiles.at(-1)].map(dateOf);
  return first < last ? at <= last : at >= last;
}

// Loads the next tiles until there are as many.
export async function loadUpTo(count) {
  for (let more; document.querySelectorAll(".tile").length < count && (more = document.querySelector(".more")); ) {
    const settled = new Promise((resolve) => {
      document.addEventListener("htmx:afterRequest", () => setTimeout(resolve, 50), { once: true });
    });
    htmx.trigger(more, "again");
    await settled;
    if (more.isConnected) break; // it failed
  }
}

export function bringFresh() {
  bringing = new Set(fresh);
  loaded = document.querySelectorAll(".tile").length;
  htmx.trigger(document.getElementById("finder"), "submit");
}

// The results were replaced: they contain the new posts, but perhaps not changes during the request.
export async function settled() {
  fresh.clear();
  if (gone.size > MOST_KNOWN) gone.clear();
  for (const [id, at] of heard) {
    if (performance.now() - at > HEARD_FOR_MS) heard.delete(id);
    else want(id);
  }
  if (!bringing) return;
  const ids = bringing;
  bringing = null;
  if ([...ids].some((id) => !tileOf(id))) await loadUpTo(loaded); // it was further down
  const came = [...document.querySelectorAll(".tile")].filter((tile) => ids.has(idOf(tile)));
  for (const tile of came) tile.classList.add("is-fresh");
  if (!ids.size) return;
  window.scrollTo({ top: 0 });
  came[0]?.querySelector(".name").focus({ preventScroll: true });
  if (came[0]?.getBoundingClientRect().bottom > window.innerHeight) came[0].scrollIntoView({ block: "center" });
}

// A reopened stream sends the changes that it missed, except removals: so the tiles in sight are requested again.
function lookAtWhatIsInSight() {
  for (const tile of document.querySelectorAll(".tile")) {
    const { top, bottom } = tile.getBoundingClientRect();
    if (bottom > -window.innerHeight && top < 2 * window.innerHeight) want(idOf(tile));
  }
}

export function begin() {
  const again = lookAtWhatIsInSight;
  follow({ since: results().dataset.moment, job: onJob, removed: onRemoved, back: again, rested: again });
  document.addEventListener("visibilitychange", () => document.hidden || again());
  showSelection();
}

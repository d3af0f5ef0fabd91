// Live updates of the home page. Events about a running job are shown at once; when a job moves to another part, or more
// is known about its post, the page is requested again and its changed parts are replaced. The texts come from the server.

import { base, call, language, pageOf, say, submitForm } from "/static/core.js";
import { sendKept } from "/static/installed.js";
import { act, put, showProgress } from "/static/jobs.js";
import { follow } from "/static/line.js";
import { bring } from "/static/morph.js";
import { alone, report } from "/static/outbox.js";
import { fade, tell, toast } from "/static/toast.js";

const REFRESH_PAUSE_MS = 700; // many changes at once cause one request
const ANNOUNCE_EVERY_MS = 8000;
const SMOOTH_S = 4; // averages the speed
const STALE_MS = 15000; // a speed without updates is then removed
const words = document.getElementById("words").dataset;
const oneDigit = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });

export function inWords(name, values) {
  return Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, () => value), words[name]);
}

// --- the parts of the page

export function showParts(page, names) {
  if (page.title) document.title = page.title; // how many posts are left
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (now && (!names || names.includes(part.dataset.part))) bring(part, now);
  }
  showNotify();
}

// Submits a form, shows the resulting page's parts, and returns that page.
export async function send(path, fields) {
  const page = await submitForm(path, fields);
  showParts(page);
  fade();
  return page;
}

// Reports the links of the outbox that the vault has taken.
export async function showReport() {
  try {
    const query = await alone(report);
    if (!query) return;
    showParts(await pageOf(await fetch(`${base}/${query}`, { headers: { Accept: "text/html" } })));
    say("");
    fade();
  } catch {
    // the posts are in the vault, whether this is shown or not
  }
}

let asked = false;
export function refresh() {
  if (asked) return;
  asked = true;
  setTimeout(async () => {
    asked = false;
    if (document.hidden) return;
    try {
      const answer = await fetch(`${base}/`, { headers: { Accept: "text/html" } });
      showParts(await pageOf(answer), ["activity", "notices", "home"]);
    } catch {
      // the stream reports that the vault is unreachable, and causes another refresh on its return
    }
  }, REFRESH_PAUSE_MS);
}

// --- running jobs: bytes, speed, time left

const paces = new Map(); // id -> { at, bytes, speed, seen }

function size(count) {
  const units = ["kB", "MB", "GB", "TB"];
  if (count < 1000) return `${Math.round(count)} B`;
  let unit = -1;
  while (count >= 1000 && unit < units.length - 1) [count, unit] = [count / 1000, unit + 1];
  return `${oneDigit.format(count)} ${units[unit]}`;
}

function span(seconds) {
  const [value, unit] =
    seconds < 55 ? [Math.max(5, Math.ceil(seconds / 5) * 5), "second"] : seconds < 3300 ? [Math.ceil(seconds / 60), "minute"] : [Math.ceil(seconds / 360) / 10, "hour"];
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
}

// Returns the smoothed speed. A new sample weighs more the longer the interval it covers.
export function paceAfter(before, bytes, at) {
  if (!before || bytes < before.bytes) return { at, bytes, speed: 0 };
  const seconds = (at - before.at) / 1000;
  if (seconds < 0.3) return before;
  const speed = (bytes - before.bytes) / seconds;
  const weight = 1 - Math.exp(-seconds / SMOOTH_S);
  return { at, bytes, speed: before.speed ? before.speed + weight * (speed - before.speed) : speed };
}

function showPace(card, job) {
  const isLoading = job.stage === "download" && job.bytes_done > 0;
  const pace = isLoading ? paceAfter(paces.get(job.id), job.bytes_done, Date.parse(job.updated_at)) : null;
  if (pace) paces.set(job.id, { ...pace, seen: Date.now() });
  else paces.delete(job.id);
  put(card, "speed", pace?.speed ? inWords("speed", { size: size(pace.speed) }) : "");
  const left = pace?.speed && job.bytes_total ? (job.bytes_total - job.bytes_done) / pace.speed : 0;
  put(card, "left", left > 0 ? inWords("left", { time: span(left) }) : "");
}

setInterval(() => {
  for (const [id, pace] of paces) {
    if (Date.now() - pace.seen < STALE_MS) continue;
    paces.delete(id);
    const card = document.getElementById(`job-${id}`);
    if (card) for (const name of ["speed", "left"]) put(card, name, "");
  }
}, 5000);

function showWork(card, job) {
  put(card, "state", job.display.state);
  put(card, "detail", job.display.detail);
  showProgress(card, job.display.percent);
  showPace(card, job);
}

// --- announcements for screen readers: an occasional total

const sums = { saved: 0, needs: 0 };
let lastSaid = -ANNOUNCE_EVERY_MS;
let saying = 0;
function announce() {
  if (saying) return;
  saying = setTimeout(() => {
    saying = 0;
    lastSaid = performance.now();
    const parts = Object.keys(sums).filter((name) => sums[name]);
    const text = parts.map((name) => inWords(name, { count: sums[name] })).join(" ");
    for (const name of parts) sums[name] = 0;
    document.getElementById("announce").textContent = text;
    notify(text);
  }, Math.max(500, lastSaid + ANNOUNCE_EVERY_MS - performance.now()));
}

// --- notifications, for a page that is not looked at. Browsers have them only on https and on this machine.

const NOTIFY = "mediavault-notify";
let canNotify = window.isSecureContext && "Notification" in window;

function wantsNotices() {
  return canNotify && Notification.permission === "granted" && localStorage.getItem(NOTIFY) === "on";
}

function notify(text) {
  if (!document.hidden || !wantsNotices()) return;
  try {
    new Notification("mediavault", { body: text, tag: "mediavault", icon: document.querySelector("link[rel=icon]").href });
  } catch {
    canNotify = false; // Chrome on Android has the class, and refuses pages
    showNotify();
  }
}

function showNotify() {
  const button = document.getElementById("notify");
  if (!button) return;
  button.hidden = !canNotify || Notification.permission === "denied";
  button.setAttribute("aria-pressed", wantsNotices());
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest?.("#notify")) return;
  const isOn = wantsNotices();
  if (!isOn) await Notification.requestPermission();
  localStorage.setItem(NOTIFY, isOn ? "off" : "on");
  showNotify();
});
showNotify();

// --- the stream

const known = new Map(); // id -> its status and what its card shows of the post, as last reported
function onJob(job) {
  const card = document.getElementById(`job-${job.id}`);
  const before = known.get(job.id);
  const now = { status: job.status, post: `${job.links.thumbnail} ${job.display.title}` };
  known.set(job.id, now);
  if (card && job.status === "running") {
    showWork(card, job);
    if (before?.post !== now.post) refresh();
    return;
  }
  if (before?.status === now.status) return;
  if (job.status === "completed") sums.saved += 1;
  if (job.status === "failed" && !job.retry_at) sums.needs += 1;
  if (sums.saved || sums.needs) announce();
  refresh();
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());

follow({
  since: document.body.dataset.moment,
  job: onJob,
  removed(id) {
    known.delete(id);
    refresh();
  },
  back() {
    refresh();
    sendKept();
  },
  rested: refresh,
  inBackground: wantsNotices,
});

// --- buttons

// What was cancelled is queued again by the toast, as long as nothing else was done.
function offerUndo(job) {
  const words = document.getElementById("done").dataset.cancelled.replace("{title}", `\u2068${job.display.title}\u2069`);
  toast(words, async () => {
    await call("POST", `/api/jobs/${job.id}/retry`);
    document.querySelector("#toasts .toast")?.remove();
    refresh();
  });
}

async function markBegun(id, mark) {
  tell(await call("POST", "/library/mark", new URLSearchParams({ id, mark })), refresh);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const mark = event.submitter?.dataset.mark;
  if (!form.dataset.action && !("inPlace" in form.dataset) && !mark) return;
  event.preventDefault();
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    if (mark) await markBegun(form.elements.id.value, mark);
    else if (form.dataset.action) {
      const job = await act(form);
      if (form.dataset.action === "cancel") offerUndo(job);
    } else await send(form.getAttribute("action"), new FormData(form));
    say("");
    refresh();
  } catch (problem) {
    say(problem.message, problem.help);
  } finally {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
});

fade();
if (/[?&](taken|known)=/.test(location.search)) history.replaceState(null, "", `${base}/`);

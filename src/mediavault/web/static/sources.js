// Live updates of the pages of the sources: the list, a source, and the inbox. The page is requested again, and its changed
// parts are replaced: when a post enters another state, and, since no event reports the looks at sources, every few seconds
// while a look is awaited or running, less often the longer nothing changes, and once a minute otherwise.

import { pageOf, say, showMoments, submitForm } from "/static/core.js";
import { put, showProgress } from "/static/jobs.js";
import { follow } from "/static/line.js";
import { bring } from "/static/morph.js";

const REFRESH_PAUSE_MS = 700; // many changes at once cause one request
const SOON_MS = 3000;
const SLOWER = 1.5;
const AWAITED_MS = 10_000; // at most, while a look is awaited
const RARELY_MS = 60_000;
const MOST_KNOWN = 5000;
const PAGE = "following"; // the id of an element that only these pages have

const isAwaited = () => document.querySelector("[data-awaited]") !== null;

// The form to follow opens below its button, and for a link that leads to it.
const wish = document.getElementById("follow");
wish?.querySelector("summary").addEventListener("click", () => setTimeout(() => document.getElementById("url").focus()));
if (wish && location.hash === "#form") wish.open = true;

let pause = SOON_MS;

function showParts(page) {
  document.title = page.title;
  let changed = false;
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = page.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!now) continue;
    changed ||= part.textContent !== shownAs(now);
    bring(part, now);
  }
  pause = changed ? SOON_MS : pause * SLOWER;
}

// The text that a part of a new page will have: times are shown in the reader's format.
function shownAs(part) {
  showMoments(part);
  return part.textContent;
}

let waiting = 0;
let last = Date.now();
export function refresh(after = REFRESH_PAUSE_MS) {
  if (waiting) return;
  waiting = setTimeout(async () => {
    if (!document.hidden) {
      last = Date.now();
      try {
        const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
        showParts(await pageOf(answer, PAGE));
      } catch {
        // the stream reports that the vault is unreachable, and causes another refresh on its return
      }
    }
    waiting = 0;
  }, after);
}

setInterval(() => {
  if (Date.now() - last > (isAwaited() ? Math.min(pause, AWAITED_MS) : RARELY_MS)) refresh(0);
}, SOON_MS / 3);

// --- the stream

const known = new Map(); // id -> its status and its title, as last reported
function onJob(job) {
  const row = document.getElementById(`job-${job.id}`);
  if (row && job.status === "running" && row.dataset.status === "running") {
    put(row, "state", job.display.state);
    put(row, "detail", job.display.detail);
    showProgress(row, job.display.percent);
  }
  const now = `${job.status} ${job.retry_at} ${job.display.title} ${job.links.thumbnail}`;
  if (known.get(job.id) === now) return;
  if (known.size > MOST_KNOWN) known.clear();
  known.set(job.id, now);
  refresh();
}

follow({ since: document.body.dataset.moment, job: onJob, removed: () => refresh(), back: () => refresh(), rested: () => refresh() });
document.addEventListener("visibilitychange", () => document.hidden || refresh());

// --- buttons whose page is this one

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("inPlace" in form.dataset)) return;
  event.preventDefault();
  const buttons = form.querySelectorAll("button");
  if (buttons[0]?.hasAttribute("aria-disabled")) return; // pressed twice
  const fields = new FormData(form);
  for (const button of buttons) button.setAttribute("aria-disabled", "true");
  try {
    showParts(await submitForm(form.getAttribute("action"), fields, PAGE));
    pause = SOON_MS;
    say("");
  } catch (problem) {
    say(problem.message, problem.help);
  } finally {
    for (const button of buttons) button.removeAttribute("aria-disabled");
  }
});

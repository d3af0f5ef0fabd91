// Shared by the scripts of all pages: localized times, messages, API calls, the live stream.
// Everything shown is set as text; the texts come from the server.

import { hasOnlyLinesWithLinks, linksIn } from "/static/links.js";
import { keep } from "/static/outbox.js";

document.documentElement.classList.add("has-script");

export const base = document.documentElement.dataset.base ?? ""; // the path below which the vault is served

// htmx creates elements from the server's own, escaped HTML. The only script whose URL is created this way is the worker.
window.trustedTypes?.createPolicy("default", {
  createHTML: (html) => html,
  createScriptURL: (url) => (url.startsWith(`${base}/static/service-worker.js?`) ? url : null),
});

const page = document.documentElement.lang;
// The page's language as the reader's region writes it: en-GB has other dates than en.
export const language = navigator.languages.find((code) => code.split("-")[0] === page.split("-")[0]) ?? page;
const messages = document.getElementById("messages");

// --- times

const DAY_MS = 86_400_000;
const withTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const onlyDay = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const ofThisYear = new Intl.DateTimeFormat(language, { month: "short", day: "numeric" });
const onlyTime = new Intl.DateTimeFormat(language, { timeStyle: "short" });

const inMonth = (style) => new Intl.DateTimeFormat(language, { month: style, year: "numeric", timeZone: "UTC" });
const months = { long: inMonth("long"), short: inMonth("short") };

const HOUR_MS = 3_600_000;
const relative = new Intl.RelativeTimeFormat(language, { style: "short" });

// The next attempt within an hour is shown as what is left until then.
function showWait(element, moment) {
  const wait = moment - Date.now();
  if (element.dataset.field !== "retry" || wait <= 0 || wait >= HOUR_MS) return false;
  element.textContent = wait < 60_000 ? relative.format(Math.ceil(wait / 1000), "second") : relative.format(Math.round(wait / 60_000), "minute");
  return true;
}

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-field="retry"][datetime]')) showMoment(element, element.dateTime);
}, 15_000);

export function showMoment(element, iso) {
  if ("month" in element.dataset) {
    if (iso.length > 4) element.textContent = months[element.dataset.month || "long"].format(new Date(iso)); // 2026 is a year
    return;
  }
  const moment = new Date(iso);
  const isToday = element.dataset.field === "held" || moment.getDate() === new Date().getDate(); // held until 7:00: the next one
  const isDate = element.dataset.day === "only";
  const isNear = !isDate && Math.abs(moment - Date.now()) < DAY_MS && isToday;
  element.dateTime = iso;
  const day = moment.getFullYear() === new Date().getFullYear() ? ofThisYear : onlyDay;
  if (!showWait(element, moment)) element.textContent = ("day" in element.dataset ? day : isNear ? onlyTime : withTime).format(moment);
  element.title = withTime.format(moment);
}

export function showMoments(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) showMoment(element, element.dateTime);
}

// --- pictures: where one cannot be loaded, the badge below it is seen

const isPicture = (element) => element instanceof HTMLImageElement && element.closest(".picture");
document.addEventListener("error", (event) => isPicture(event.target) && event.target.remove(), true);
for (const image of document.querySelectorAll(".picture img")) {
  if (image.complete && !image.naturalWidth) image.remove();
}

// --- messages to the user

export function say(message, help = "") {
  messages.replaceChildren();
  if (!message) return;
  const box = document.createElement("div");
  box.className = "complaint";
  const { unreachable, offline } = messages.dataset;
  box.toggleAttribute("data-away", message === unreachable || message === offline); // said once: the stream's line rests
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = message;
  text.append(strong, " ", help);
  box.append(text);
  messages.append(box);
  messages.scrollIntoView({ block: "nearest" });
}

// --- the API

export function signIn() {
  const here = location.pathname.slice(base.length) + location.search;
  location.assign(`${base}/login?next=${encodeURIComponent(here)}`);
}

// What is said when no answer came: the vault is away, or this device has no network.
export function away() {
  const { unreachable, unreachableHelp, offline, offlineHelp } = messages.dataset;
  const said = navigator.onLine ? { message: unreachable, help: unreachableHelp } : { message: offline, help: offlineHelp };
  return { ...said, isAway: true };
}

// Keeps the links of a text that could not be sent, and says so. Returns whether it did, and throws nothing.
export async function keepUnsent(problem, text) {
  const links = problem.isAway && hasOnlyLinesWithLinks(text) ? linksIn(text) : [];
  if (!links.length) return false;
  try {
    await keep(links);
  } catch {
    return false; // a browser that stores nothing
  }
  say(problem.message, links.length > 1 ? messages.dataset.keptMany.replace("{n}", links.length) : messages.dataset.keptOne);
  document.dispatchEvent(new Event("outbox"));
  return true;
}

export async function call(method, path, body) {
  const options = { method, headers: { Accept: "application/json" } };
  if (body instanceof URLSearchParams) options.body = body;
  else if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(base + path, options);
  } catch {
    throw away();
  }
  if (answer.status === 401) signIn();
  const value = await answer.json();
  if (!answer.ok) throw value;
  return value;
}

// --- forms whose answer is a page

// Returns the page in a response if it has the element: by default, the home page. Otherwise redirects to the sign-in, or
// throws the message of an error page.
export async function pageOf(answer, element = "home") {
  if (answer.status === 401 || new URL(answer.url).pathname === `${base}/login`) signIn();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page.getElementById(element)) return page;
  const [message, help] = ["main h1", "main h1 + p"].map((where) => page.querySelector(where)?.textContent ?? "");
  throw { message: message || messages.dataset.strange, help };
}

export async function submitForm(path, fields, element) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), headers: { Accept: "text/html" } });
  } catch {
    throw away();
  }
  return pageOf(answer, element);
}

// --- the live stream. A browser allows few connections to one server: a hidden page closes its own, unless it notifies,
// and the server ends the oldest of more than five. Its window then rests: it reconnects after a minute, or when it gets the focus.

const REOPEN_MS = 3000; // after a response that is not a stream: browsers only retry broken connections
const REST_MS = 60_000;

export function listen({ since, job, removed, state = () => {}, rested = () => {}, inBackground = () => false }) {
  let source = null;
  let moment = since;
  let reopening = 0;
  let resting = 0;
  function open() {
    if (source || !isWatched() || !moment) return;
    if (resting) {
      clearTimeout(resting);
      resting = 0;
      rested();
    }
    source = new EventSource(`${base}/api/events?since=${encodeURIComponent(moment)}`);
    source.addEventListener("open", () => state(true));
    source.addEventListener("error", () => {
      state(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      clearTimeout(reopening);
      reopening = setTimeout(reopen, REOPEN_MS);
    });
    source.addEventListener("job", (event) => {
      moment = event.lastEventId || moment;
      job?.(JSON.parse(event.data));
    });
    source.addEventListener("removed", (event) => removed?.(JSON.parse(event.data).id));
    source.addEventListener("later", () => {
      close();
      resting = setTimeout(open, REST_MS);
    });
  }
  const isWatched = () => !document.hidden || inBackground();
  function close() {
    source?.close();
    source = null;
  }
  function reopen() {
    close();
    open();
  }
  document.addEventListener("visibilitychange", () => (isWatched() ? open() : close()));
  window.addEventListener("focus", open);
  window.addEventListener("online", reopen); // the old connection may hang for minutes without an error
  open();
}

// --- details of every page

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `mediavault_zone=${encodeURIComponent(zone)}; path=/; max-age=34560000; samesite=strict`;

for (const field of document.querySelectorAll('[data-field="here"]')) field.value = location.pathname.slice(base.length) + location.search;

// a phone gets a narrow window
document.addEventListener("submit", (event) => {
  for (const field of event.target.querySelectorAll("input[name=narrow]")) field.value = window.innerWidth < 700 ? "on" : "";
}, true);

document.addEventListener("change", (event) => {
  if ("submits" in event.target.dataset) event.target.form.requestSubmit();
});

document.addEventListener("htmx:afterSwap", (event) => showMoments(event.target));
showMoments();

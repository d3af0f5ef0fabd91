// The library: search while the user types, and keyboard shortcuts. htmx loads the tiles.

import { announce } from "/static/announcer.js";
import { base, call, say } from "/static/core.js";
import { begin, bringFresh, loadUpTo, putBack, settled, takeAway, want } from "/static/library-live.js";
import { clear, leaveOut, pick, recall, select, selectAll, show } from "/static/library-selection.js";
import { tell } from "/static/toast.js";
import { LEFT } from "/static/way-back.js"; // which marks it when a link to the library is followed

const form = document.getElementById("selection");
const search = document.getElementById("q");
const keys = document.getElementById("keys");
const singleKeys = document.getElementById("single-keys");
const messages = document.getElementById("messages");

const tileOf = (element) => element?.closest?.(".tile");
const nameOf = (tile) => tile?.querySelector(".name");
const boxOf = (tile) => tile?.querySelector(".pick input");

function announceFound() {
  const found = document.querySelector("[data-found]");
  const words = [found?.dataset.found || found?.textContent, document.getElementById("selected-away").textContent];
  announce(words.filter(Boolean).join(". "));
}

// --- what is done to the selection happens in place, and can be undone

const IN_PLACE = /\/library\/(mark|remove|retry)(\?|$)/;

form.addEventListener("submit", async (event) => {
  const action = event.submitter?.getAttribute("formaction") ?? "";
  if (!IN_PLACE.test(action)) return;
  event.preventDefault();
  const fields = new URLSearchParams(new FormData(form, event.submitter));
  event.submitter.disabled = true;
  try {
    const done = await call("POST", action.slice(base.length), fields);
    const isRemoval = action.includes("/library/remove");
    if (isRemoval) {
      takeAway(done.ids);
      leaveOut(done.ids);
    } else if (document.getElementById("causes")) bringFresh(); // the groups change with the tiles
    else done.ids.forEach(refresh);
    tell(done, () => (isRemoval ? putBack(done.ids) : done.ids.forEach(refresh)));
  } catch (problem) {
    say(problem.message, problem.help);
  } finally {
    event.submitter.disabled = false;
  }
});

// Requests a tile again, if it is on the page.
const refresh = (id) => document.getElementById(`job-${id}`) && want(id);

// --- keys

function neighbour(tile, key) {
  const tiles = [...form.querySelectorAll(".tile")];
  const place = tiles.indexOf(tile);
  const onwards = getComputedStyle(tile).direction === "rtl" ? -1 : 1;
  const step = { ArrowRight: onwards, ArrowLeft: -onwards }[key];
  if (step) return tiles[place + step];
  if (key === "Home") return tiles[0];
  if (key === "End") return tiles.at(-1);
  if (key === "ArrowDown") return inNextRow(tile, tiles.slice(place + 1));
  if (key === "ArrowUp") return inNextRow(tile, tiles.slice(0, place).reverse());
  return undefined;
}

// A row may have fewer tiles than the next one: a month ends in it.
function inNextRow(tile, others) {
  const { left, top } = tile.getBoundingClientRect();
  const topOf = (one) => Math.round(one.getBoundingClientRect().top);
  const next = others.find((one) => topOf(one) !== Math.round(top));
  if (!next) return undefined;
  const away = (one) => Math.abs(one.getBoundingClientRect().left - left);
  return others.filter((one) => topOf(one) === topOf(next)).reduce((best, one) => (away(one) < away(best) ? one : best));
}

const BEGINS = new Set(["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp"]);

// While nothing has the focus, the keys of tiles begin at the first one in sight.
function enter(event) {
  const marks = event.key.toLowerCase() === "x" && singleKeys.checked;
  if (!event.target.matches?.("body, #main") || document.querySelector("details.menu[open]")) return false;
  if (!marks && (event.shiftKey || !BEGINS.has(event.key))) return false;
  const below = document.querySelector(".bar").getBoundingClientRect().bottom;
  const tiles = [...form.querySelectorAll(".tile")];
  const tile = tiles.find((one) => one.getBoundingClientRect().top >= below - 6) ?? tiles.at(-1);
  if (!tile) return false;
  nameOf(tile).focus({ preventScroll: true });
  tile.scrollIntoView({ block: "nearest" });
  if (marks) select(boxOf(tile), !boxOf(tile).checked);
  return true;
}

function onTile(event, tile) {
  const box = boxOf(tile);
  const onBox = event.target === box;
  if ((event.key === " " && !onBox) || event.key === "x" || event.key === "X") {
    select(box, !box.checked, event.shiftKey);
    return true;
  }
  if (event.key === "h" && singleKeys.checked) {
    favourite(tile);
    return true;
  }
  const next = neighbour(tile, event.key);
  if (!next) return false;
  const target = onBox ? boxOf(next) : nameOf(next);
  target.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

async function favourite(tile) {
  const { value: id } = boxOf(tile);
  try {
    const { marks } = await call("GET", `/api/jobs/${id}`);
    await call("PATCH", `/api/jobs/${id}/marks`, { favourite: !marks.favourite });
    want(id);
  } catch (problem) {
    say(problem.message, problem.help);
  }
}

function onPage(event) {
  if (event.key === "Escape") {
    if (event.target === search) return false;
    clear();
    return true;
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "a" && form.querySelector(".tile")) {
    selectAll();
    return true;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !singleKeys.checked) return false;
  if (event.key === "/") {
    search.focus();
    search.select();
    return true;
  }
  if (event.key === "?") {
    keys.showModal();
    return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.defaultPrevented || event.isComposing) return;
  const writes = event.target.matches?.("input:not([type=checkbox]), select, textarea");
  if (writes && event.key !== "Escape") return;
  const tile = tileOf(event.target);
  const plain = !(event.ctrlKey || event.metaKey || event.altKey);
  if ((plain && (tile ? onTile(event, tile) : enter(event))) || onPage(event)) event.preventDefault();
});

const KEPT = "mediavault_single_keys";
singleKeys.checked = localStorage.getItem(KEPT) !== "off";
singleKeys.addEventListener("change", () => localStorage.setItem(KEPT, singleKeys.checked ? "on" : "off"));

document.addEventListener("click", (event) => {
  const what = event.target.closest("[data-do]")?.dataset.do;
  if (what === "clear") clear();
  if (what === "pick") pick();
  if (what === "leave-out") leaveOut();
  if (what === "fresh") bringFresh();
  if (what === "keys") keys.showModal();
  if (what === "again") htmx.trigger(event.target.closest(".more"), "again");
});

// --- how many videos are in a row: by the width of the grid, and as many more or fewer as the slider says

const DENSITY = "mediavault_more_columns";
let more = Number(localStorage.getItem(DENSITY)) || 0;

function showDensity() {
  const slider = document.querySelector(".density input");
  if (!slider) return;
  document.documentElement.style.setProperty("--more-columns", more);
  const style = getComputedStyle(document.getElementById("tiles"));
  const [usual, least, most] = ["--usual", "--least", "--most"].map((name) => Number(style.getPropertyValue(name)));
  slider.min = least;
  slider.max = most;
  slider.value = usual + more;
}

document.addEventListener("input", (event) => {
  if (event.target.name !== "density") return;
  more = Number(event.target.value) - Number(getComputedStyle(document.getElementById("tiles")).getPropertyValue("--usual"));
  localStorage.setItem(DENSITY, more);
  document.documentElement.style.setProperty("--more-columns", more);
});
window.addEventListener("resize", showDensity);
showDensity();

// --- on a phone the states are a row that scrolls: the shown one is brought into sight

function showState() {
  const row = document.getElementById("states");
  const middleOf = (element) => element.getBoundingClientRect().left + element.offsetWidth / 2;
  const shown = row.querySelector("[aria-current]");
  if (shown) row.scrollBy({ left: middleOf(shown) - middleOf(row) });
}
showState();

// --- the months at the side: one that is loaded is scrolled to, any other one is a page of its own

const UNDER_BAR_PX = 120;

function showMonth() {
  const headings = [...form.querySelectorAll(".month")];
  const passed = headings.filter((one) => one.getBoundingClientRect().top < UNDER_BAR_PX);
  const month = (passed.at(-1) ?? headings[0])?.id.slice("month-".length) ?? "";
  for (const link of document.querySelectorAll(".months a")) {
    if (month.startsWith(link.querySelector("time").dateTime)) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

let showing = 0;
window.addEventListener("scroll", () => {
  showing ||= requestAnimationFrame(() => {
    showing = 0;
    showMonth();
  });
}, { passive: true });

document.addEventListener("click", (event) => {
  const link = event.target.closest(".months a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const heading = document.querySelector(`[id^="month-${link.querySelector("time").dateTime}"]`);
  const isCutOff = heading === document.getElementById("tiles").firstElementChild && new URL(location.href).searchParams.has("cursor");
  if (!heading || isCutOff) return;
  event.preventDefault();
  heading.scrollIntoView();
  nameOf(heading.nextElementSibling)?.focus({ preventScroll: true });
});

// --- htmx requests and their errors

// going back to an uncached page loads it from the server
htmx.config.refreshOnHistoryMiss = true;

document.addEventListener("htmx:beforeRequest", (event) => {
  const more = event.target.closest?.(".more");
  if (more) more.querySelector(".more-failed").hidden = true;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id === "results" || event.target.id === "results") {
    settled();
    show();
    showDensity();
    showState();
    announceFound();
  } else show();
});

function broke(event, problem) {
  const more = event.target.closest?.(".more");
  if (more) {
    more.querySelector(".more-failed").hidden = false;
    more.querySelector(".more-link").hidden = true;
  } else say(problem.message, problem.help);
}

const unreachable = { message: messages.dataset.unreachable, help: messages.dataset.unreachableHelp };

// every error of the vault has its own message
function problemIn(text) {
  try {
    return JSON.parse(text);
  } catch {
    return unreachable;
  }
}

document.addEventListener("htmx:sendError", (event) => broke(event, unreachable));
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 401) location.assign(`${base}/login`);
  else broke(event, problemIn(xhr.responseText));
});
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.target.id === "finder") messages.replaceChildren();
});

// --- going back restores the loaded tiles and the scroll position, also by a post's link to the library

// the page's address without the result of the last action, which is shown once, not again after a reload
function plainAddress() {
  const address = new URL(location.href);
  for (const name of ["outcome", "batch", "undo", "post"]) {
    if (address.searchParams.has(name)) address.searchParams.delete(name); // which rewrites the others
  }
  return address.pathname + address.search;
}

window.addEventListener("pagehide", () => {
  const shown = { tiles: form.querySelectorAll(".tile").length, place: window.scrollY };
  const filter = [...document.querySelectorAll("#results > input[type=hidden]")].map(({ name, value }) => [name, value]);
  history.replaceState({ ...history.state, ...shown }, "");
  const address = plainAddress();
  sessionStorage.setItem(LEFT, JSON.stringify({ ...shown, address, filter: String(new URLSearchParams(filter)) }));
});

async function bringBack({ tiles, place }) {
  history.scrollRestoration = "manual";
  await loadUpTo(tiles);
  window.scrollTo(0, place);
  history.scrollRestoration = "auto";
}

const left = JSON.parse(sessionStorage.getItem(LEFT) ?? "null");
sessionStorage.removeItem(LEFT);
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") {
  if (history.state?.tiles > form.querySelectorAll(".tile").length) {
    document.addEventListener("DOMContentLoaded", () => setTimeout(bringBack, 0, history.state));
  }
} else if (left?.returns && left.address === plainAddress()) {
  document.addEventListener("DOMContentLoaded", () => setTimeout(bringBack, 0, left));
}

recall();

if (new URLSearchParams(location.search).has("outcome")) history.replaceState(history.state, "", plainAddress());
begin();

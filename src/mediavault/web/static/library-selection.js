// The selection in the library: ids of posts, which survive a change of the filter, even when no tile shows them.
// The form has these as hidden fields, so that its buttons act on all of them.

import { announce } from "/static/announcer.js";
import { base } from "/static/core.js";

const KEPT = "mediavault_selected"; // per tab
const form = document.getElementById("selection");
const bar = document.getElementById("selected");
const away = document.getElementById("selected-away");
const unseen = document.getElementById("selected-unseen");

const chosen = new Set();
let anchor = null; // the start of a range
let picking = false; // the boxes are shown although none is ticked
let announced = 0;

const boxes = () => [...form.querySelectorAll(".pick input")];

function absent() {
  const here = new Set(boxes().map((box) => box.value));
  return [...chosen].filter((id) => !here.has(id));
}

function carry(ids) {
  unseen.replaceChildren(
    ...ids.map((value) => Object.assign(document.createElement("input"), { type: "hidden", name: "id", value })),
  );
}

const counted = (element, number) => (number === 1 ? element.dataset.one : element.dataset.many.replace("{n}", number));

// Updates checkboxes and bar: after every change of the selection or of the tiles.
export function show() {
  for (const box of boxes()) box.checked = chosen.has(box.value);
  const missing = absent();
  carry(missing);
  const tooMany = chosen.size > Number(bar.dataset.most);
  const isPicking = picking || chosen.size > 0;
  bar.classList.toggle("shown", isPicking);
  document.getElementById("results").classList.toggle("picking", isPicking);
  const words = tooMany ? bar.dataset.tooMany : counted(bar, chosen.size);
  document.getElementById("selected-count").textContent = words;
  away.textContent = missing.length ? counted(away, missing.length) : "";
  for (const one of bar.querySelectorAll("[data-if-away]")) one.hidden = !missing.length;
  const onlyKept = document.getElementById("results").dataset.statuses === "completed" && !missing.length;
  const retry = bar.querySelector('[formaction$="/library/retry"]'); // viewers have none
  if (retry) retry.hidden = onlyKept; // there is nothing to retry
  if (chosen.size !== announced) announce(chosen.size ? [words, away.textContent].filter(Boolean).join(", ") : "");
  announced = chosen.size;
  for (const button of bar.querySelectorAll("button[formaction]")) button.disabled = tooMany || !chosen.size;
}

const put = (id, value) => (value ? chosen.add(id) : chosen.delete(id));

export function select(box, value, asRange = false) {
  const all = boxes();
  const from = asRange && anchor ? all.findIndex((one) => one.value === anchor) : -1;
  const to = all.indexOf(box);
  const range = from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const one of range) put(one.value, value);
  anchor = box.value;
  show();
}

export function selectAll() {
  for (const box of boxes()) chosen.add(box.value);
  show();
}

export function pick() {
  picking = true;
  show();
  boxes()[0]?.focus({ preventScroll: true });
}

export function clear() {
  picking = false;
  chosen.clear();
  anchor = null;
  show();
}

export function leaveOut(ids = absent()) {
  for (const id of ids) chosen.delete(id);
  show();
}

form.addEventListener("click", (event) => {
  if (event.target.matches(".pick input")) select(event.target, event.target.checked, event.shiftKey);
});

// --- by touch: a long press selects a tile, and from then on a tap on a picture does

const LONG_MS = 450;
const STILL_PX = 10;
let press = null; // the finger that is down: its tile, place and timer, and whether it was long

const boxOf = (tile) => tile.querySelector(".pick input");

function lift() {
  clearTimeout(press?.timer);
}

form.addEventListener("pointerdown", (event) => {
  lift();
  const tile = event.pointerType === "touch" && event.isPrimary && event.target.closest(".tile");
  press = tile && { tile, x: event.clientX, y: event.clientY, isLong: false };
  if (!tile || event.target.closest(".pick")) return;
  press.timer = setTimeout(() => {
    press.isLong = true;
    select(boxOf(tile), !boxOf(tile).checked);
    navigator.vibrate?.(10);
  }, LONG_MS);
});
form.addEventListener("pointermove", (event) => {
  if (press && Math.hypot(event.clientX - press.x, event.clientY - press.y) > STILL_PX) lift();
});
for (const end of ["pointerup", "pointercancel"]) form.addEventListener(end, lift);
form.addEventListener("contextmenu", (event) => press && event.preventDefault()); // the link's own menu
form.addEventListener("click", (event) => {
  if (!press) return;
  const { tile, isLong } = press;
  press = null;
  const isTap = !isLong && bar.classList.contains("shown") && event.target.closest(".picture");
  if (!isLong && !isTap) return;
  event.preventDefault();
  event.stopPropagation(); // the box has come up below the finger
  if (isTap) select(boxOf(tile), !boxOf(tile).checked);
}, { capture: true });

// --- across pages: other states and filters are new pages, and so is a post's page

window.addEventListener("pagehide", () => sessionStorage.setItem(KEPT, JSON.stringify([...chosen])));

function isTheSameVisit() {
  if (new URLSearchParams(location.search).has("outcome")) return false; // an action was performed on the selection
  if (performance.getEntriesByType("navigation")[0]?.type !== "navigate") return true;
  const from = document.referrer ? new URL(document.referrer) : null;
  return from?.origin === location.origin && /^\/(library|jobs\/)/.test(from.pathname.slice(base.length));
}

export function recall() {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept && isTheSameVisit()) for (const id of JSON.parse(kept)) chosen.add(id);
  show();
}

window.addEventListener("pageshow", show);

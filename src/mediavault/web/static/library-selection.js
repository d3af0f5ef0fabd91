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
  bar.classList.toggle("shown", chosen.size > 0);
  document.getElementById("results").classList.toggle("picking", chosen.size > 0);
  const words = tooMany ? bar.dataset.tooMany : counted(bar, chosen.size);
  document.getElementById("selected-count").textContent = words;
  away.textContent = missing.length ? counted(away, missing.length) : "";
  for (const one of bar.querySelectorAll("[data-if-away]")) one.hidden = !missing.length;
  const onlyKept = document.getElementById("results").dataset.statuses === "completed" && !missing.length;
  const retry = bar.querySelector('[formaction$="/library/retry"]'); // viewers have none
  if (retry) retry.hidden = onlyKept; // there is nothing to retry
  if (chosen.size !== announced) announce(chosen.size ? [words, away.textContent].filter(Boolean).join(", ") : "");
  announced = chosen.size;
  for (const button of bar.querySelectorAll("button[formaction]")) button.disabled = tooMany;
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

export function clear() {
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

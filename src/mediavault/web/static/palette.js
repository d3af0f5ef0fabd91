// The command palette: saves pasted links, goes to pages and settings, finds videos, what is said in them, accounts, tags and collections. A combobox as in the ARIA
// Authoring Practices: the focus stays in the field, and ``aria-activedescendant`` names the active option.

import { away, base, say } from "/static/core.js";
import { linksIn } from "/static/links.js";

const PAUSE_MS = 150; // after typing, before anything is searched for
const MAX_WORDS_CHARS = 200; // the vault accepts no longer search

const dialog = document.getElementById("palette");
const field = document.getElementById("palette-text");
const list = document.getElementById("palette-list");
const count = document.getElementById("palette-count");
const words = list.dataset;
const places = [...list.children];
const [saveOne, searchOne] = ["save", "search"].map((name) => document.getElementById(`palette-${name}`)?.content.firstElementChild);

let asking = 0; // the number of the newest search
let pausing = 0;
let isForSettings = false;

const unlimited = { placeholder: field.placeholder, label: field.getAttribute("aria-label") };

const options = () => [...list.querySelectorAll("[role=option]")];
const active = () => list.querySelector('[aria-selected="true"]');

function choose(option) {
  active()?.setAttribute("aria-selected", "false");
  option?.setAttribute("aria-selected", "true");
  if (option) field.setAttribute("aria-activedescendant", option.id);
  else field.removeAttribute("aria-activedescendant");
  option?.scrollIntoView({ block: "nearest" });
}

function optionOf(template, id, parts, go) {
  const option = template.cloneNode(true);
  option.id = id;
  for (const [name, text] of Object.entries(parts)) option.querySelector(`[data-part="${name}"]`).textContent = text;
  if (go) option.dataset.go = go;
  return option;
}

// --- what the field stands for

function fits(place, text) {
  const isSetting = "ifTyped" in place.dataset;
  if (isForSettings ? !isSetting : isSetting && !text) return false;
  const said = `${place.textContent.trim()} ${place.dataset.words ?? ""}`.toLocaleLowerCase();
  return text.toLocaleLowerCase().split(/\s+/).every((word) => said.includes(word)); // in any order
}

function show() {
  const text = field.value.trim();
  const links = saveOne && !isForSettings ? linksIn(text) : []; // who may save nothing can still search for an address
  const fitting = links.length ? [] : places.filter((place) => fits(place, text));
  const shown = [...fitting];
  if (links.length) shown.push(toSave(links));
  else if (text && !isForSettings) shown.push(optionOf(searchOne, "palette-go-search", { words: text }, `/library?${new URLSearchParams({ q: text.slice(0, MAX_WORDS_CHARS) })}`));
  list.replaceChildren(...shown);
  choose(shown[0]);
  tellCount();
  clearTimeout(pausing);
  asking += 1;
  if (text && !links.length && !isForSettings) pausing = setTimeout(showFound, PAUSE_MS, text, asking);
}

function toSave(links) {
  const label = links.length === 1 ? words.saveOne : words.saveMany.replace("{n}", links.length);
  const option = optionOf(saveOne, "palette-go-save", { label, words: links.join(" ") });
  option.dataset.links = links.join("\n");
  return option;
}

// What is found comes below the other options, so that none moves under the fingers of who is typing.
async function showFound(text, number) {
  let found;
  try {
    const answer = await fetch(`${base}/search?${new URLSearchParams({ q: text.slice(0, MAX_WORDS_CHARS) })}`);
    found = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("li");
  } catch {
    // the rest works without it
  }
  if (!found || number !== asking || !dialog.open) return;
  list.append(...[...found].map((one, place) => Object.assign(document.adoptNode(one), { id: `palette-found-${place}` })));
  tellCount();
}

function tellCount() {
  const number = options().length;
  count.textContent = number === 1 ? count.dataset.one : count.dataset.many.replace("{n}", number);
}

function take(option) {
  if (!option) return;
  dialog.close();
  if (option.dataset.post) post(option.dataset);
  else if (option.dataset.links) document.dispatchEvent(new CustomEvent("mediavault:links", { detail: option.dataset.links }));
  else follow(base + option.dataset.go);
}

// As a click on a link, which the mini player answers while sound goes on.
function follow(address) {
  const link = Object.assign(document.createElement("a"), { href: address });
  document.body.append(link);
  link.click();
  link.remove();
}

// Sends a form, and returns to this page: what was done is seen there.
async function post({ post: address, field: name, value }) {
  const fields = new URLSearchParams({ back: location.pathname.slice(base.length) + location.search });
  if (name) fields.set(name, value);
  try {
    const sent = fetch(base + address, { method: "POST", body: fields, headers: { Accept: "application/json" } });
    const answer = await sent.catch(() => {
      throw away();
    });
    if (!answer.ok) throw await answer.json();
    location.reload();
  } catch (problem) {
    say(problem.message, problem.help);
  }
}

// --- keys: while it is open, no other key of the page works

function move(step) {
  const all = options();
  if (all.length) choose(all[(all.indexOf(active()) + step + all.length) % all.length]);
}

const DO = { ArrowDown: () => move(1), ArrowUp: () => move(-1), Enter: () => take(active()) };

function onKey(event) {
  if (!dialog.open) return;
  event.stopPropagation();
  if (event.isComposing) return;
  const isToggle = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
  const plain = !(event.ctrlKey || event.metaKey || event.altKey || event.shiftKey);
  const onButton = event.target.closest?.("button");
  if (isToggle) dialog.close();
  else if (plain && Object.hasOwn(DO, event.key) && !(onButton && event.key === "Enter")) DO[event.key]();
  else {
    if (event.target === document.body || event.target === dialog) field.focus();
    return;
  }
  event.preventDefault();
}

window.addEventListener("keydown", onKey, { capture: true });
for (const name of ["keyup", "keypress"]) {
  window.addEventListener(name, (event) => dialog.open && event.stopPropagation(), { capture: true });
}

field.addEventListener("input", show);
field.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!/[\r\n]/.test(text)) return;
  event.preventDefault(); // a field of one line would join the lines
  field.setRangeText(text.split(/\s+/).filter(Boolean).join(" "), field.selectionStart, field.selectionEnd, "end");
  show();
});
list.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the field
list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // its backdrop
document.getElementById("palette-close").addEventListener("click", () => dialog.close());

// ``finding`` names the field of a palette that has the settings alone.
export function toggle(finding = "") {
  if (dialog.open) return dialog.close();
  isForSettings = Boolean(finding);
  field.placeholder = finding || unlimited.placeholder;
  field.setAttribute("aria-label", finding || unlimited.label);
  field.value = "";
  dialog.showModal();
  show();
}

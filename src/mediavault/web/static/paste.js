// The paste box: links and text files, pasted or dropped anywhere on the page. The server decides what is a link.

import { base, keepUnsent, say, submitForm } from "/static/core.js";
import { inWords, send, showParts, showReport } from "/static/home.js";
import { isField, isOnlyLinks, linksIn, parts } from "/static/links.js";

const MAX_FILE_BYTES = 4_000_000;
const form = document.getElementById("paste");
const box = document.getElementById("post_urls");
const drop = document.getElementById("drop");
const words = document.getElementById("words").dataset;

// --- sending

let busy = false;
async function take(text, { fromBox = false } = {}) {
  if (busy || !text.trim()) return;
  busy = true;
  form.classList.add("is-busy");
  form.setAttribute("aria-busy", "true");
  try {
    const pieces = parts(text);
    if (!pieces.length) throw { message: words.noLinks, help: "" };
    const left = [];
    for (const piece of pieces) {
      const page = await send(`${base}/submit`, { post_urls: piece, profile: form.elements.profile.value });
      complain(page);
      left.push(page.getElementById("post_urls").value.trim());
    }
    const kept = left.filter(Boolean).join("\n");
    if (fromBox || !box.value.trim()) box.value = kept;
  } catch (problem) {
    if (await keepUnsent(problem, text)) {
      if (fromBox) box.value = "";
      return;
    }
    if (!fromBox && !box.value.trim()) box.value = text;
    say(problem.message, problem.help);
  } finally {
    busy = false;
    form.classList.remove("is-busy");
    form.removeAttribute("aria-busy");
  }
}

function complain(page) {
  const said = page.querySelector("#messages .complaint");
  say(said?.querySelector("strong")?.textContent ?? "", said?.querySelector("span")?.textContent ?? "");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  await take(box.value, { fromBox: true });
  box.focus();
});

box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
  if (!event.ctrlKey && !event.metaKey && box.value.trim().includes("\n")) return;
  event.preventDefault();
  form.requestSubmit();
});

// --- links that were kept, or shared by another app, and have now arrived

document.addEventListener("outbox", showReport);
showReport();
if (location.hash === `#${box.id}`) box.focus(); // a shortcut of the installed app

// --- what the links lead to, while they are pasted or typed; a half-typed one is not called wrong at once

const CHECK_PAUSE_MS = 1500;
let checking = 0;

async function check() {
  clearTimeout(checking);
  const text = box.value;
  try {
    const page = await submitForm(`${base}/submit/check`, { post_urls: parts(text)[0] ?? "" }, "links");
    if (box.value === text && !busy) showParts(page, ["links", "good-links"]);
  } catch {
    // the vault says what is wrong when the links are sent
  }
}

box.addEventListener("input", (event) => {
  clearTimeout(checking);
  checking = setTimeout(check, /Paste|Drop/.test(event.inputType) ? 0 : CHECK_PAUSE_MS);
});
if (box.value) check();

// --- pasting

// A text of links only is submitted at once; one with other words is put into the box for review.
function offer(text) {
  if (isOnlyLinks(text)) return take(text);
  box.value = [box.value.trim(), text.trim()].filter(Boolean).join("\n");
  box.focus();
  check();
}

document.addEventListener("paste", (event) => {
  if (isField(event.target) || isField(document.activeElement)) return;
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (event.clipboardData?.files.length) return takeFiles([...event.clipboardData.files]);
  if (!text.trim()) return;
  event.preventDefault();
  offer(text);
});

document.addEventListener("mediavault:links", (event) => take(event.detail)); // from the command palette

const paster = document.getElementById("from-clipboard");
paster.hidden = !navigator.clipboard?.readText;
paster.addEventListener("click", async () => {
  try {
    const text = await navigator.clipboard.readText();
    if (text.trim()) offer(text);
    else box.focus();
  } catch {
    box.focus(); // not allowed: the user pastes by hand
  }
});

// --- dropping

let isOurs = false; // dragged within the page: one of our own images or links
let depth = 0;
document.addEventListener("dragstart", () => (isOurs = true));
document.addEventListener("dragend", () => (isOurs = false));

function isWelcome(event) {
  if (isOurs || !event.dataTransfer) return false;
  const types = [...event.dataTransfer.types];
  if (types.includes("Files")) return true;
  return !isField(event.target) && types.some((type) => type === "text/uri-list" || type === "text/plain");
}

function showDrop(isOver) {
  drop.hidden = !isOver;
  document.documentElement.classList.toggle("is-dropping", isOver);
}

document.addEventListener("dragenter", (event) => {
  depth += 1;
  if (isWelcome(event)) showDrop(true);
});
document.addEventListener("dragleave", () => {
  depth = Math.max(0, depth - 1);
  if (depth === 0) showDrop(false);
});
document.addEventListener("dragover", (event) => {
  if (!isWelcome(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
});
document.addEventListener("drop", (event) => {
  depth = 0;
  showDrop(false);
  if (!isWelcome(event)) return;
  event.preventDefault();
  const files = [...event.dataTransfer.files];
  if (files.length) return takeFiles(files);
  const list = event.dataTransfer.getData("text/uri-list");
  const links = list.split(/\r?\n/).filter((line) => line && !line.startsWith("#"));
  const text = links.join("\n") || event.dataTransfer.getData("text/plain");
  if (text.trim()) offer(text);
});

async function takeFiles(files) {
  const texts = [];
  for (const file of files) {
    const text = file.size <= MAX_FILE_BYTES ? await file.text() : "\0";
    if (text.includes("\0")) return say(inWords("noText", { name: file.name }));
    texts.push(text);
  }
  const links = [...new Set(texts.flatMap(linksIn))];
  if (!links.length) return say(words.noLinks);
  await take(links.join("\n"));
}

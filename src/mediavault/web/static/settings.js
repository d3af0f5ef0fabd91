// The settings: each is saved as soon as it is changed, and says so for three seconds; a refused value stays in its
// field with the reason. Schedules are picked. Without this script, a section has a button that saves it.

import { showMoments, submitForm } from "/static/core.js";
import { bring } from "/static/morph.js";

const SAID_MS = 3000;
const form = document.getElementById("settings");
const said = new Map();
let saving = Promise.resolve(); // one after the other, so that the last change of a field is what stays

// --- saving

function save(control) {
  const field = control.closest("[data-setting]");
  const schedule = control.closest(".schedule");
  const controls = schedule ? [...schedule.querySelectorAll("select")] : [control];
  const sent = controls.map(({ name, value }) => [name, value]);
  saving = saving.then(() => send(field, controls, sent));
}

async function send(field, controls, sent) {
  const mark = (isWrong) => {
    for (const one of controls) isWrong ? one.setAttribute("aria-invalid", "true") : one.removeAttribute("aria-invalid");
  };
  try {
    const page = await submitForm(form.action, sent, field.id);
    const below = page.getElementById(field.id).querySelector("[data-below]");
    bring(field.querySelector("[data-below]"), below);
    showMoments(field);
    const isWrong = Boolean(below.querySelector(".wrong").textContent);
    mark(isWrong);
    tell(field, isWrong ? "" : form.dataset.saved);
  } catch ({ message, help }) {
    mark(true);
    field.querySelector(".wrong").textContent = [form.dataset.failed, message, help].filter(Boolean).join(" ");
    tell(field, "");
  }
}

function tell(field, words) {
  const done = field.querySelector(".done");
  if (!done) return;
  clearTimeout(said.get(done));
  done.textContent = words;
  if (words) said.set(done, setTimeout(() => done.replaceChildren(), SAID_MS));
}

form?.addEventListener("change", (event) => event.target.name && save(event.target));
form?.addEventListener("submit", (event) => {
  if (!event.submitter?.hasAttribute("formaction")) event.preventDefault(); // Enter in a field: it was saved
});

// --- schedules

form?.addEventListener("click", (event) => {
  const schedule = event.target.closest(".schedule");
  const list = schedule?.querySelector("ul");
  if (event.target.closest("[data-add]")) {
    list.append(document.importNode(schedule.querySelector("template").content, true));
    list.lastElementChild.querySelector("select").focus();
  } else if (event.target.closest("[data-remove]")) {
    event.target.closest("li").remove();
    schedule.querySelector("[data-add]").focus();
  } else return;
  save(schedule.querySelector("select"));
});

for (const schedule of document.querySelectorAll(".schedule")) schedule.disabled = false;

// --- links to a setting

function goToField() {
  const found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (found?.matches("[data-index] a")) location.replace(found.href);
  if (!found?.matches("[data-setting]")) return;
  for (const details of found.querySelectorAll("details")) details.open = true;
  const controls = [...found.querySelectorAll("input, select, a, button")];
  controls.find((control) => !control.disabled && control.checkVisibility())?.focus({ preventScroll: true });
  found.scrollIntoView({ block: "nearest" });
}

const isSaved = new URLSearchParams(location.search).has("saved");
window.addEventListener("load", goToField); // earlier, the browser's own jump takes the focus away
if (form && isSaved) tell(document.getElementById(location.hash.slice(1)) ?? form, form.dataset.saved);
window.addEventListener("hashchange", goToField);

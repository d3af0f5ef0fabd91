// One job on a page: a row of the list or the head of its own page. Elements have ``data-field`` and ``data-action``.

import { base, call, showMoment } from "/static/core.js";

export function field(root, name) {
  return root.querySelector(`[data-field="${name}"]`);
}

export function put(root, name, text) {
  const element = field(root, name);
  if (element) element.textContent = text ?? "";
}

// Text between backticks is code, as the server's pages show it.
function putCoded(root, name, text) {
  const parts = (text ?? "").split("`");
  if (parts.length % 2 === 0) return put(root, name, text);
  field(root, name)?.replaceChildren(
    ...parts.map((part, place) => (place % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part)),
  );
}

export function putMoment(root, name, iso) {
  const element = field(root, name);
  if (!element) return;
  element.hidden = !iso;
  if (iso) showMoment(element, iso);
}

// Without a number the bar is indeterminate: the size is unknown.
export function showProgress(root, percent) {
  const bar = field(root, "progress");
  if (!bar) return;
  if (percent === null) bar.removeAttribute("value");
  else bar.value = percent;
}

// Shows the state and its text, the progress bar, and the available actions.
export function fill(root, job) {
  root.dataset.status = job.status;
  put(root, "state", job.display.state);
  put(root, "detail", job.display.detail);
  put(root, "original", job.display.original);
  putCoded(root, "help", job.help);
  putMoment(root, "retry", job.retry_at);
  const bar = field(root, "progress");
  if (bar) {
    bar.hidden = job.status !== "running";
    showProgress(root, job.display.percent);
  }
  for (const form of root.querySelectorAll("form[data-action]")) {
    form.hidden = !job.display.actions.includes(form.dataset.action);
  }
}

// Performs the action of a form with ``data-action`` through the API. Returns the updated job.
export async function act(form) {
  const [, , id] = new URL(form.action).pathname.slice(base.length).split("/");
  return call("POST", `/api/jobs/${id}/${form.dataset.action}`);
}

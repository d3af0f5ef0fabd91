"use strict";
// Makes the plain pages live. Everything shown is set as text; words come from the server (job.display).

const page = document.body.dataset.page;
const list = document.getElementById("jobs");
const messages = document.getElementById("messages");
const COUNT_PAUSE_MS = 2000;

function field(root, name) {
  return root.querySelector(`[data-field="${name}"]`);
}

function put(root, name, text) {
  const element = field(root, name);
  if (element) element.textContent = text ?? "";
}

function putMoment(root, name, iso) {
  const element = field(root, name);
  if (!element) return;
  element.hidden = !iso;
  if (iso) showMoment(element, iso);
}

function showMoment(element, iso) {
  element.dateTime = iso;
  element.textContent = new Date(iso).toLocaleString();
}

function fill(root, job) {
  root.dataset.status = job.status;
  put(root, "state", job.display.state);
  put(root, "detail", job.display.detail);
  put(root, "help", job.help);
  putMoment(root, "retry", job.retry_at);
  const bar = field(root, "progress");
  bar.hidden = job.status !== "running";
  bar.value = job.display.percent;
  for (const form of root.querySelectorAll("form[data-action]")) {
    form.hidden = !job.display.actions.includes(form.dataset.action);
  }
}

function fillRow(row, job) {
  fill(row, job);
  row.id = `job-${job.id}`;
  for (const name of ["open", "name"]) field(row, name).href = `/jobs/${job.id}`;
  put(row, "title", job.display.title);
  field(row, "title").id = `title-${job.id}`;
  put(row, "platform", job.platform);
  put(row, "handle", job.account_handle ? `@${job.account_handle}` : "");
  putMoment(row, "created", job.created_at);
  const picture = field(row, "picture");
  picture.hidden = !job.links.thumbnail;
  if (job.links.thumbnail && !picture.src) picture.src = job.links.thumbnail;
  for (const form of row.querySelectorAll("form[data-action]")) {
    form.action = `/jobs/${job.id}/${form.dataset.action}`;
    form.querySelector("button").setAttribute("aria-describedby", `title-${job.id}`);
  }
}

function showJob(job) {
  let row = document.getElementById(`job-${job.id}`);
  if (!row) {
    const fits = !list.dataset.status || list.dataset.status === job.status;
    if (!fits || "closed" in list.dataset) return;
    row = document.getElementById("row").content.firstElementChild.cloneNode(true);
    list.prepend(row);
    document.getElementById("empty").hidden = true;
  }
  fillRow(row, job);
}

function say(message, help) {
  messages.replaceChildren();
  if (!message) return;
  const box = document.createElement("div");
  box.className = "complaint";
  const strong = document.createElement("strong");
  strong.textContent = message;
  box.append(strong, " ", help ?? "");
  messages.append(box);
}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw { message: "The vault does not answer.", help: "Is it running?" };
  }
  if (answer.status === 401) location.assign("/login");
  const value = await answer.json();
  if (!answer.ok) throw value;
  return value;
}

async function paste(form) {
  const box = form.elements.post_urls;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const { jobs } = await call("POST", "/api/jobs", { post_urls: box.value.split(/\s+/).filter(Boolean) });
    box.value = "";
    say("");
    for (const job of jobs) showJob(job);
  } catch (problem) {
    say(problem.message, problem.help);
  } finally {
    button.disabled = false;
    box.focus();
  }
}

async function act(form) {
  const [, , id] = new URL(form.action).pathname.split("/");
  const action = form.dataset.action;
  if (action === "remove") {
    const files = form.elements.files?.checked ?? false;
    const fate = files ? "Its files are deleted." : "Its files stay in the library.";
    if (!confirm(`Forget this job? ${fate}`)) return;
    await call("DELETE", `/api/jobs/${id}?files=${files}`);
    if (page === "job") location.assign("/");
    else forget(id);
    return;
  }
  const job = await call("POST", `/api/jobs/${id}/${action}`);
  if (page === "home") showJob(job);
  else location.reload();
}

function forget(id) {
  document.getElementById(`job-${id}`)?.remove();
  if (list) document.getElementById("empty").hidden = list.childElementCount > 0;
}

let countsAsked = false;
function refreshCounts() {
  if (page !== "home" || countsAsked) return;
  countsAsked = true;
  setTimeout(async () => {
    countsAsked = false;
    const answer = await fetch("/api/worker/health");
    if (answer.status !== 200 && answer.status !== 503) return;
    const health = await answer.json();
    if (!health.counts) return;
    for (const element of document.querySelectorAll("[data-count]")) {
      element.textContent = health.counts[element.dataset.count] ?? 0;
    }
    document.getElementById("no-worker").hidden = health.workers.length > 0;
  }, COUNT_PAUSE_MS);
}

function hear(job) {
  refreshCounts();
  if (page === "home") return showJob(job);
  const shown = document.body.dataset;
  if (job.id !== shown.job) return;
  if (job.status !== shown.status || String(job.attempt_count) !== shown.attempt) location.reload();
  else fill(document.querySelector("main"), job);
}

// A browser allows few connections to one server: a page that nobody looks at gives its own back.
let source = null;
let moment = document.body.dataset.moment;
function listen() {
  if (source || document.hidden || !moment) return;
  source = new EventSource(`/api/events?since=${encodeURIComponent(moment)}`);
  source.addEventListener("job", (event) => {
    moment = event.lastEventId || moment;
    hear(JSON.parse(event.data));
  });
  source.addEventListener("removed", (event) => {
    refreshCounts();
    const { id } = JSON.parse(event.data);
    if (page === "job" && id === document.body.dataset.job) location.assign("/");
    else forget(id);
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    source?.close();
    source = null;
  } else listen();
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.id !== "paste" && !form.dataset.action) return;
  event.preventDefault();
  try {
    await (form.id === "paste" ? paste(form) : act(form));
  } catch (problem) {
    if (messages) say(problem.message, problem.help);
    else location.reload();
  }
});

document.getElementById("post_urls")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});

for (const element of document.querySelectorAll("time[datetime]")) showMoment(element, element.dateTime);
listen();

// --- a phone gets a narrow window

for (const field of document.querySelectorAll("input[name=narrow]")) {
  field.value = window.innerWidth < 700 ? "on" : "";
}

// The first page, live.

import { call, listen, say } from "/static/core.js";
import { act, field, fill, put, putMoment } from "/static/jobs.js";

const list = document.getElementById("jobs");
const empty = document.getElementById("empty");
const COUNT_PAUSE_MS = 2000;

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
    empty.hidden = true;
  }
  fillRow(row, job);
}

function forget(id) {
  document.getElementById(`job-${id}`)?.remove();
  empty.hidden = list.childElementCount > 0;
}

let countsAsked = false;
function refreshCounts() {
  if (countsAsked) return;
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

async function paste(form) {
  const box = form.elements.post_urls;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const { jobs } = await call("POST", "/api/jobs", { post_urls: box.value.split(/\s+/).filter(Boolean) });
    box.value = "";
    say("");
    for (const job of jobs) showJob(job);
  } finally {
    button.disabled = false;
    box.focus();
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.id !== "paste" && !form.dataset.action) return;
  event.preventDefault();
  try {
    if (form.id === "paste") return await paste(form);
    const id = form.closest(".job").id.slice("job-".length);
    const job = await act(form);
    if (job) showJob(job);
    else if (job === null) forget(id);
  } catch (problem) {
    say(problem.message, problem.help);
  }
});

document.getElementById("post_urls").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});

listen({
  since: document.body.dataset.moment,
  job(job) {
    refreshCounts();
    showJob(job);
  },
  removed(id) {
    refreshCounts();
    forget(id);
  },
});

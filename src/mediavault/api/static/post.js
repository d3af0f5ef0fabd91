// A post's page, live.

import { listen, say } from "/static/core.js";
import { act, fill } from "/static/jobs.js";

const shown = document.body.dataset;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.action) return;
  event.preventDefault();
  try {
    const job = await act(form);
    if (job) location.reload();
    else if (job === null) location.assign("/");
  } catch (problem) {
    say(problem.message, problem.help);
  }
});

listen({
  since: shown.moment,
  job(job) {
    if (job.id !== shown.job) return;
    if (job.status !== shown.status || String(job.attempt_count) !== shown.attempt) location.reload();
    else fill(document.querySelector("main"), job);
  },
  removed(id) {
    if (id === shown.job) location.assign("/");
  },
});

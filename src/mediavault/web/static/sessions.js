// A pasted cookies.txt is reduced to its site's cookies before it leaves this page: other sites' cookies stay private,
// and whole exports are too large for a form.

import { base, call, say } from "/static/core.js";

async function importCookies(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await call("POST", `/api/sessions/${form.dataset.platform}/cookies`, {
      text: ofItsSite(form.elements.cookies.value, form.dataset.domains.split(" ")),
    });
    form.reset();
    location.assign(`${base}/sessions?imported=${answer.taken}#${form.dataset.platform}`);
  } catch (problem) {
    say(problem.message, problem.help);
  } finally {
    button.disabled = false;
  }
}

// Lines that are not a cookie stay, so that the server can report what is wrong with them.
function ofItsSite(text, domains) {
  return text
    .split(/\r?\n/)
    .filter((line) => {
      const columns = line.replace(/^#HttpOnly_/, "").split("\t");
      const domain = columns[0].replace(/^\./, "").toLowerCase();
      if (columns.length < 6 || line.startsWith("# ")) return !line.startsWith("#");
      return domains.some((one) => one === domain || one.endsWith(`.${domain}`) || domain.endsWith(`.${one}`));
    })
    .join("\n");
}

for (const form of document.querySelectorAll("form.import")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    importCookies(form);
  });
}

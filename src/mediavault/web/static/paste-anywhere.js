// Links that are pasted on any other page than the home page are saved too, and the page says so.

import { base, keepUnsent, say, submitForm } from "/static/core.js";
import { isField, isOnlyLinks, linksIn, parts } from "/static/links.js";

document.addEventListener("paste", async (event) => {
  if (isField(event.target) || isField(document.activeElement)) return;
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (!linksIn(text).length) return;
  event.preventDefault();
  // Text with other words is looked at first, in the box of the home page.
  if (!isOnlyLinks(text)) return location.assign(`${base}/?text=${encodeURIComponent(text.slice(0, 4000))}`);
  await save(text);
});

document.addEventListener("mediavault:links", (event) => save(event.detail)); // from the command palette

async function save(text) {
  const pages = [];
  let problem = null;
  try {
    for (const part of parts(text)) pages.push(await submitForm(`${base}/submit`, { post_urls: part }));
  } catch (caught) {
    if (await keepUnsent(caught, text)) return;
    problem = caught;
  }
  complain(problem ?? pages.map(refusal).find(Boolean));
  for (const page of pages) note(page);
}

function refusal(page) {
  const all = page.querySelector("#messages .complaint");
  if (all) return { message: all.querySelector("strong").textContent, help: all.querySelector("span")?.textContent ?? "" };
  const one = page.querySelector("#links li");
  return one && { message: page.querySelector("#links h2").textContent, help: [...one.children].map((part) => part.textContent).join(" ") };
}

function complain(problem) {
  say(problem?.message ?? "", problem?.help ?? "");
}

function note(page) {
  const done = page.querySelector("#done .toast p");
  if (!done) return;
  const line = document.createElement("p");
  line.className = "notice good";
  const home = document.createElement("a");
  home.href = `${base}/`;
  home.textContent = page.querySelector("h1").textContent;
  line.append(done.textContent.trim(), " ", home);
  document.getElementById("messages").append(line);
  line.scrollIntoView({ block: "nearest" });
}

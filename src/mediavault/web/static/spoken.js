// What is said in the video: a line leads to its second, the line that is being said is marked, and the search shows its
// passages without leaving the page, so that the video plays on. Without this script the lines and the form are links.

import { say } from "/static/core.js";
import { video } from "/static/player.js";

const section = () => document.getElementById("spoken");
const lines = () => section()?.querySelector(".transcript");
let isLoose = false; // scrolled by the user: then the lines stay where they are, until one is chosen
const complain = (problem) => say(problem.message, problem.help);

document.addEventListener("click", (event) => {
  const line = event.target.closest("#spoken a[data-seek]");
  if (!line || !video() || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  video().currentTime = Number(line.dataset.seek);
  document.getElementById("stage").scrollIntoView({ block: "nearest" });
  isLoose = false;
  follow();
});

function follow() {
  const list = lines();
  if (!list || !video()) return;
  const links = [...list.querySelectorAll("a")];
  const current = links.findLast((line) => Number(line.dataset.seek) <= video().currentTime);
  const before = list.querySelector("[aria-current]");
  if (before === current) return;
  before?.removeAttribute("aria-current");
  current?.setAttribute("aria-current", "true");
  if (current && !isLoose) list.scrollTop = current.offsetTop - list.clientHeight / 3;
}

for (const event of ["wheel", "touchmove", "pointerdown", "keydown"]) {
  document.addEventListener(event, ({ target }) => (isLoose ||= Boolean(target.closest?.("#spoken .transcript"))), { passive: true });
}

// Media events do not bubble, but they can be captured: a live update may replace the player.
for (const name of ["timeupdate", "seeked"]) {
  document.addEventListener(name, ({ target }) => target.id === "player" && follow(), { capture: true });
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest(".spoken-search");
  if (!form) return;
  event.preventDefault();
  search(form).catch(complain);
});

async function search(form) {
  const address = new URL(form.action);
  address.hash = "";
  address.search = String(new URLSearchParams(new FormData(form)));
  const answer = await fetch(address);
  if (!answer.ok) return location.assign(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const hits = page.getElementById("spoken-hits");
  if (!hits) return location.assign(address);
  document.getElementById("spoken-hits").replaceChildren(...document.adoptNode(hits).childNodes);
  history.replaceState(history.state, "", address); // a live update asks for the same
}

follow();

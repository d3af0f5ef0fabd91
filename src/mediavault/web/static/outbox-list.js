// Shows the links that wait in the outbox, each with a button that removes it.

import { showMoment } from "/static/core.js";
import { kept, remove } from "/static/outbox.js";

const SHORT_CHARS = 24; // of an address that needs no cut on any screen
const END_CHARS = 16; // what stays of a longer one where its middle is cut
const place = document.getElementById("outbox");
const list = place.querySelector("ul");
const template = place.querySelector("template");

function rowOf(row) {
  const item = template.content.firstElementChild.cloneNode(true);
  const [start, end] = item.querySelectorAll(".middle span");
  const address = row.url.replace(/^https?:\/\//, "");
  const cut = address.length > SHORT_CHARS ? address.length - END_CHARS : address.length;
  start.textContent = address.slice(0, cut);
  end.textContent = address.slice(cut);
  item.querySelector("[data-host]").textContent = URL.canParse(row.url) ? new URL(row.url).host : "";
  item.querySelector("[data-refused]").textContent = row.refused ?? "";
  showMoment(item.querySelector("time"), new Date(row.at).toISOString());
  const button = item.querySelector("button");
  item.querySelector(".name").id = `kept-${row.id}`;
  button.setAttribute("aria-describedby", `kept-${row.id}`);
  button.addEventListener("click", async () => {
    await remove(row.id);
    await showKept();
  });
  return item;
}

async function showKept() {
  const rows = await kept();
  place.hidden = !rows.length;
  list?.replaceChildren(...rows.map(rowOf));
}

document.addEventListener("outbox", showKept);
showKept().catch(() => {}); // a browser that stores nothing

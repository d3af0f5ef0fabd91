// Shows the links that wait in the outbox, each with a button that removes it.

import { showMoment } from "/static/core.js";
import { kept, remove } from "/static/outbox.js";

const place = document.getElementById("outbox");
const list = place.querySelector("ul");
const template = place.querySelector("template");

function rowOf(row) {
  const item = template.content.firstElementChild.cloneNode(true);
  item.querySelector(".name bdi").textContent = row.url;
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

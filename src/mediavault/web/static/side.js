// The panel beside a video: what is up next, the transcript and the chapters, as tabs where there are several. Without this
// script they are below each other.

import { remember, remembered } from "/static/player-memory.js";

const side = () => document.getElementById("side");

// Makes the tabs of what there is now. The live update of a part, and chapters that were read from the file, call it again.
export function arrange() {
  if (!side()) return;
  const panes = [...side().querySelectorAll(".pane:not([data-none])")];
  const list = side().querySelector(".tabs");
  const hadFocus = list.contains(document.activeElement) && document.activeElement.id;
  list.hidden = panes.length < 2;
  side().toggleAttribute("data-tabbed", panes.length > 1);
  list.replaceChildren(...panes.map(tabOf));
  const wanted = panes.find((pane) => "first" in pane.dataset || location.hash === `#${pane.id}`);
  choose(wanted ?? panes.find((pane) => pane.id === remembered().side) ?? panes[0]);
  if (hadFocus) document.getElementById(hadFocus)?.focus({ preventScroll: true });
}

function tabOf(pane) {
  const tab = document.createElement("button");
  Object.assign(tab, { type: "button", id: `tab-${pane.id}`, textContent: pane.querySelector("h2").textContent });
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", pane.id);
  tab.addEventListener("click", () => {
    choose(pane);
    remember({ side: pane.id });
  });
  return tab;
}

function choose(chosen) {
  for (const pane of side().querySelectorAll(".pane")) {
    const tab = document.getElementById(`tab-${pane.id}`);
    pane.hidden = pane !== chosen;
    if (!tab || !("tabbed" in side().dataset)) continue;
    pane.setAttribute("role", "tabpanel");
    tab.setAttribute("aria-selected", String(pane === chosen));
    tab.tabIndex = pane === chosen ? 0 : -1;
  }
}

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("#side [role=tab]");
  const by = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
  if (!tab || !by) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // the arrows seek elsewhere on the page
  tab[by]?.click();
  tab[by]?.focus();
}, { capture: true });

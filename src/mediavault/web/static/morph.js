// Updates a part of the open page to the server's current version, and touches nothing that is the same: the focus,
// images and opened details stay. Elements are matched by data-key, else by their position.

import { showMoment } from "/static/core.js";

// Attributes that scripts set, and which are kept; so is the content of elements with data-live.
const OURS = new Set(["open", "title"]);

export function bring(old, now) {
  if (old.isEqualNode(now)) return;
  attributes(old, now);
  if ("live" in now.dataset || isSameTime(old, now)) return;
  children(old, now);
}

function isSameTime(old, now) {
  if (now.localName !== "time" || !now.dateTime) return false;
  showMoment(old, now.dateTime);
  return true;
}

function attributes(old, now) {
  for (const { name } of [...old.attributes]) {
    if (!now.hasAttribute(name) && !OURS.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  if (old.localName === "progress" && now.hasAttribute("value")) old.value = now.value;
}

function children(old, now) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let place = old.firstChild;
  for (const wanted of [...now.childNodes]) {
    const found = match(place, wanted, keyed);
    if (found) {
      if (found === place) place = place.nextSibling;
      else old.insertBefore(found, place);
      if (found.nodeType === Node.ELEMENT_NODE) bring(found, wanted);
      else if (found.data !== wanted.data) found.data = wanted.data;
    } else {
      const fresh = document.importNode(wanted, true);
      old.insertBefore(fresh, place);
      if (fresh.nodeType === Node.ELEMENT_NODE) welcome(fresh);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function match(place, wanted, keyed) {
  const key = wanted.dataset?.key;
  if (key) {
    const found = keyed.get(key);
    keyed.delete(key);
    return found?.localName === wanted.localName ? found : null;
  }
  const fits = place && place.nodeType === wanted.nodeType && place.nodeName === wanted.nodeName && !place.dataset?.key;
  return fits ? place : null;
}

function welcome(element) {
  if (element.dataset.key) element.classList.add("is-fresh");
  for (const time of element.querySelectorAll("time[datetime]")) showMoment(time, time.dateTime);
}

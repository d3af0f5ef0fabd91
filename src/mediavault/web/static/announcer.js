// Announcements for screen readers: final states, and an occasional total of frequent events.

const SETTLED_MS = 500;
const SUM_EVERY_MS = 8000;
const place = document.getElementById("announcer");

let announcing = 0;
export function announce(words) {
  clearTimeout(announcing);
  announcing = setTimeout(() => (place.textContent = words), SETTLED_MS);
}

const sums = new Map(); // text with {n} -> count
let lastSaid = -SUM_EVERY_MS;
let summing = 0;
export function count(name, number = 1) {
  if (!number) return;
  sums.set(place.dataset[name], (sums.get(place.dataset[name]) ?? 0) + number);
  if (summing) return;
  summing = setTimeout(() => {
    summing = 0;
    lastSaid = performance.now();
    announce([...sums].map(([words, sum]) => words.replace("{n}", sum)).join(" "));
    sums.clear();
  }, Math.max(SETTLED_MS, lastSaid + SUM_EVERY_MS - performance.now()));
}

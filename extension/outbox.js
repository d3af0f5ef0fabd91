// Links that the vault has not answered yet, and the last answers. Only the background script writes them.
//
// A link is stored before it is sent, and leaves the outbox when the vault has answered about the link itself. Sending it
// twice is harmless: the vault finds the same post by its address.

import { api } from "./browser.js";

export const MAX_LINKS = 500;
const MAX_RESULTS = 10;
const WAITS_MIN = [1, 2, 5, 15, 60]; // between two attempts

export async function waiting() {
  return (await api.storage.local.get({ outbox: [] })).outbox;
}

// Returns the results of the last links, newest first, and whether the user has seen them.
export async function results() {
  return api.storage.session.get({ results: [], isUnseen: false });
}

// Adds a link, or finds it if it waits already; null when there is no more room.
export async function add(url) {
  const outbox = await waiting();
  const known = outbox.find((entry) => entry.url === url);
  if (known) return known;
  if (outbox.length >= MAX_LINKS) return null;
  const entry = { id: crypto.randomUUID(), url, at: Date.now(), tries: 0 };
  await api.storage.local.set({ outbox: [...outbox, entry] });
  return entry;
}

export async function drop(id) {
  await api.storage.local.set({ outbox: (await waiting()).filter((entry) => entry.id !== id) });
}

// Sends the links in order, until one must wait: what holds it up holds up the others too. Returns the outcomes by id.
export async function sendAll(send) {
  const outcomes = new Map();
  for (const entry of await waiting()) {
    const outcome = await send(entry);
    await keep({ ...outcome, id: entry.id, url: entry.url, at: Date.now() });
    outcomes.set(entry.id, outcome);
    if (outcome.state === "waiting") {
      await countTry(entry.id);
      break;
    }
    await drop(entry.id);
  }
  return outcomes;
}

async function countTry(id) {
  const outbox = (await waiting()).map((entry) => (entry.id === id ? { ...entry, tries: entry.tries + 1 } : entry));
  await api.storage.local.set({ outbox });
}

// Keeps a result for the popup, in place of an earlier one of the same link.
export async function keep(result) {
  const others = (await results()).results.filter((each) => each.url !== result.url);
  await api.storage.session.set({ results: [result, ...others].slice(0, MAX_RESULTS) });
}

export function minutesUntilNext(outbox) {
  return outbox.length ? WAITS_MIN[Math.min(Math.max(outbox[0].tries - 1, 0), WAITS_MIN.length - 1)] : null;
}

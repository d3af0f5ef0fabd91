// Links that wait for the vault: kept in this browser until it has answered. Used by the pages and by the service worker.

export const root = new URL("../", import.meta.url); // the vault's address, which may have a path
const DATABASE = `mediavault-outbox ${root.pathname}`;
const TABLE = "links";
const ANSWER_WITHIN_MS = 10_000;

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inTable(mode, act) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "id" });
  const database = await done(opening);
  try {
    return await done(act(database.transaction(TABLE, mode).objectStore(TABLE)));
  } finally {
    database.close();
  }
}

// Calls `act` while no other page, nor the worker, sends or reports. Only HTTPS has locks, and only HTTPS has a worker.
export const alone = (act) => navigator.locks?.request(DATABASE, act) ?? act();

const all = () => inTable("readonly", (table) => table.getAll());
const put = (row) => inTable("readwrite", (table) => table.put(row));
export const remove = (id) => inTable("readwrite", (table) => table.delete(id));

// What has not arrived yet: { id, url, at, refused }. `refused` says why the vault will not take it.
export async function kept() {
  const rows = await all();
  return rows.filter((row) => !row.sent).sort((a, b) => a.at - b.at);
}

export async function keep(links) {
  // randomUUID() exists only over HTTPS
  const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  for (const [index, url] of [...new Set(links)].entries()) await put({ id: newId(), url, at: Date.now() + index });
}

// Sends what waits. Returns what ended it early: "away", "signed-out", or "" when nothing did.
export async function flush() {
  for (const row of await kept()) {
    const end = row.refused ? "" : await send(row);
    if (end) return end;
  }
  return "";
}

// The id makes it safe to send a link whose answer got lost: the vault then answers as the first time.
async function send(row) {
  let answer, value;
  try {
    answer = await fetch(new URL("api/jobs", root), {
      method: "POST",
      headers: { "Content-Type": "application/json", "Idempotency-Key": row.id },
      body: JSON.stringify({ post_url: row.url }),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (answer.status === 401) return "signed-out";
    value = await answer.json();
  } catch {
    return "away";
  }
  if (answer.ok && value.id) await put({ ...row, sent: { id: value.id, isNew: answer.status === 201 } });
  else if ([403, 422].includes(answer.status) && value.code) await put({ ...row, refused: `${value.message} ${value.help ?? ""}`.trim() });
  else return "away"; // or something else answers in its place
  return "";
}

// Forgets what has arrived, and returns the query of the home page that reports it; "" when nothing has.
export async function report() {
  const sent = (await all()).filter((row) => row.sent).sort((a, b) => a.at - b.at);
  for (const row of sent) await remove(row.id);
  const count = (isNew) => sent.filter((row) => row.sent.isNew === isNew).length;
  const posts = sent.slice(0, 6).map((row) => `&post=${row.sent.id}`);
  return sent.length ? `?taken=${count(true)}&known=${count(false)}${posts.join("")}` : "";
}

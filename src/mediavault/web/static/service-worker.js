// The service worker: it takes what other apps share, and says so when the vault cannot be reached. It caches one page, which
// holds nothing of the library. Its own address has the key by which it recognises a share: unlike the server, it cannot see
// whether a POST comes from the system or from another site's page, and leaves every other one to the server.

import { linksIn } from "/static/links.js";
import { alone, flush, keep, report, root } from "/static/outbox.js";

const CACHE = `mediavault-away ${root.pathname}`;
const AWAY = new URL("away", root).href;
const SHARE = new URL(`share?key=${new URL(location.href).searchParams.get("key")}`, root).href;
const PAGES = /^(?:library(?:\/feed)?|accounts|sites|settings|access|trash|collections(?:\/.+)?|jobs\/[^/]+)?$/; // not downloads, which may take hours
const ANSWER_WITHIN_MS = 10_000;
const IS_GATEWAY_ERROR = [502, 504]; // a proxy answers, and the vault behind it does not

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.add(AWAY);
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  if (mode !== "navigate") return;
  if (method === "POST" && url === SHARE) event.respondWith(takeShare(event.request));
  else if (method === "GET" && PAGES.test(new URL(url).pathname.slice(root.pathname.length))) event.respondWith(showPage(event.request));
});

self.addEventListener("sync", (event) => {
  event.waitUntil((async () => {
    if ((await alone(flush)) === "away") throw new Error("the vault does not answer"); // so that the browser tries again
  })());
});

async function takeShare(request) {
  const fields = await request.formData();
  const text = ["url", "text", "title"].map((name) => fields.get(name) ?? "").join("\n");
  const links = linksIn(text);
  if (!links.length) return goTo(`?${new URLSearchParams({ text: text.trim() })}`); // the vault explains what it lacks
  return alone(async () => {
    await keep(links);
    await self.registration.sync?.register("outbox").catch(() => {}); // not allowed here: the next page that opens sends it
    const end = await flush();
    if (end === "signed-out") return goTo("login");
    return goTo(end ? "" : await report());
  });
}

const goTo = (path) => Response.redirect(new URL(path, root), 303);

async function showPage(request) {
  const late = new Promise((_, reject) => setTimeout(reject, ANSWER_WITHIN_MS));
  const answer = fetch(request);
  try {
    const response = await Promise.race([answer, late]);
    if (!IS_GATEWAY_ERROR.includes(response.status)) return response;
  } catch {
    // shown below
  }
  return (await caches.match(AWAY)) ?? answer;
}

// The service worker: it takes what other apps share, and answers when the vault cannot be reached. It caches the page that
// does so and the last page of the library, the latter until a sign-out. Its own address has the key by which it recognises a share: unlike the server, it cannot see
// whether a POST comes from the system or from another site's page, and leaves every other one to the server.

import { linksIn } from "/static/links.js";
import { alone, flush, keep, report, root } from "/static/outbox.js";

const CACHE = `mediavault-away ${root.pathname}`;
const AWAY = new URL("away", root).href;
const STATIC = new URL("static/", root).href;
const LOADED = /"([^"\s]+\.(?:js|css|svg)\?v=\w+)[#"]/g; // in a page or a script
const LIBRARY = `mediavault-library ${root.pathname}`; // another cache, which away.js reads
const LIBRARY_PAGE = new URL("library", root).href;
const KEPT = "?kept"; // behind the address of a picture: the one in the cache
const MOST_PICTURES = 12; // as many as are shown
const SHARE = new URL(`share?key=${new URL(location.href).searchParams.get("key")}`, root).href;
const PAGES = /^(?:library(?:\/feed)?|accounts|sites|settings(?:\/[^/]+)?|access|trash|you|sources(?:\/inbox)?|collections(?:\/.+)?|jobs\/[^/]+)?$/; // not downloads, which may take hours
const ANSWER_WITHIN_MS = 10_000;
const IS_GATEWAY_ERROR = [502, 504]; // a proxy answers, and the vault behind it does not

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    await keepAway();
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  const path = new URL(url).pathname.slice(root.pathname.length);
  if (mode !== "navigate") {
    if (url.startsWith(STATIC)) event.respondWith(staticFile(event.request));
    else if (url.endsWith(KEPT)) event.respondWith(keptPicture(url.slice(0, -KEPT.length)));
    return;
  }
  if (path === "login" || path === "logout") event.waitUntil(caches.delete(LIBRARY)); // it was of the user until now
  if (method === "POST" && url === SHARE) event.respondWith(takeShare(event.request));
  else if (method === "GET" && PAGES.test(path)) event.respondWith(showPage(event));
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

async function showPage(event) {
  const { request } = event;
  const late = new Promise((_, reject) => setTimeout(reject, ANSWER_WITHIN_MS));
  const answer = fetch(request);
  try {
    const response = await Promise.race([answer, late]);
    if (!IS_GATEWAY_ERROR.includes(response.status)) {
      if (request.url === LIBRARY_PAGE) event.waitUntil(keepLibrary(response.clone()));
      return response;
    }
  } catch {
    // shown below
  }
  return (await caches.match(AWAY)) ?? answer;
}

// Keeps the page for an absent vault and all that it loads, down to what its scripts import.
async function keepAway() {
  const cache = await caches.open(CACHE);
  const wanted = new Set([AWAY]);
  for (const url of wanted) {
    const known = url === AWAY ? null : await cache.match(url);
    const response = known ?? (await fetch(url));
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    if (!known) await cache.put(url, response.clone());
    for (const [, path] of (await response.text()).matchAll(LOADED)) wanted.add(new URL(path, url).href);
  }
  for (const { url } of await cache.keys()) if (!wanted.has(url)) await cache.delete(url);
}

const staticFile = async (request) => (await (await caches.open(CACHE)).match(request)) ?? fetch(request);

// Keeps the page, if the vault says that it may be shown without asking who is there, and its first pictures. The page for
// an absent vault is fetched again too: a new version has other styles.
async function keepLibrary(response) {
  const page = await response.text();
  if (!response.ok || !/<body[^>]* data-kept/.test(page)) return;
  const cache = await caches.open(LIBRARY);
  await cache.put(LIBRARY_PAGE, new Response(page, { headers: { "Content-Type": "text/html", "X-Kept-At": new Date().toISOString() } }));
  const found = [...page.matchAll(/<a class="picture"[^>]*><img src="([^"?]+)"/g)].slice(0, MOST_PICTURES);
  const pictures = found.map(([, path]) => new URL(path, root).href);
  for (const { url } of await cache.keys()) if (url !== LIBRARY_PAGE && !pictures.includes(url)) await cache.delete(url);
  for (const picture of pictures) if (!(await cache.match(picture))) await cache.add(picture).catch(() => {});
  await keepAway().catch(() => {});
}

async function keptPicture(url) {
  return (await (await caches.open(LIBRARY)).match(url)) ?? Response.error();
}

// Registers the service worker, and sends the links that wait in the outbox: when a page opens, and when the network is back.

import { base } from "/static/core.js";
import { alone, flush } from "/static/outbox.js";

export async function sendKept() {
  await alone(flush);
  document.dispatchEvent(new Event("outbox"));
}

// The language is in the worker's address so that it caches its page again when that changes.
async function register() {
  const manifest = await (await fetch(document.querySelector("link[rel=manifest]").href)).json();
  const key = new URL(manifest.share_target.action, location).searchParams.get("key");
  const address = `${base}/static/service-worker.js?${new URLSearchParams({ key, language: document.documentElement.lang })}`;
  await navigator.serviceWorker.register(address, { scope: `${base}/`, type: "module" });
}

window.addEventListener("online", sendKept);
sendKept().catch(() => {}); // a browser that stores nothing
navigator.serviceWorker && register().catch(() => {}); // or has no modules in workers: everything else works without one

// What this browser remembers about the player, from one video to the next: volume, speed, subtitles, autoplay. And where the
// user stops watching, which the vault remembers.

import { base } from "/static/core.js";

const KEY = "mediavault.player";
const EVERY_MS = 5000; // positions are sent this often while a video plays

export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage is forbidden, or its content is not ours
  }
}

export function remember(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), ...values }));
  } catch {
    // then the next video has the defaults
  }
}

// Sends where the user stops watching a video. "postOf" returns the post ("job") and the "item" that a player shows, or
// nothing where no position is wanted.
export function keepPositions(postOf) {
  const sent = new Map();
  const before = (post) => sent.get(`${post.job} ${post.item}`) ?? { at: 0, when: 0 };

  function send(player) {
    const { currentTime: at, duration: of } = player;
    const post = postOf(player);
    if (!post || !(of > 0) || !Number.isFinite(of) || at === before(post).at) return;
    sent.set(`${post.job} ${post.item}`, { at, when: Date.now() });
    const body = JSON.stringify({ at, of, item: post.item });
    const options = { method: "PUT", body, headers: { "Content-Type": "application/json" }, keepalive: true };
    fetch(`${base}/api/jobs/${post.job}/position`, options).catch(() => {}); // the next one may arrive
  }

  function tick(player) {
    const post = !player.paused && postOf(player);
    if (post && Date.now() - before(post).when >= EVERY_MS) send(player);
  }

  function sendAll() {
    for (const player of document.querySelectorAll("video")) if (player.currentTime > 0) send(player);
  }

  // Media events do not bubble, but they can be captured: a live update may replace the player.
  const onPlayer = (name, listener) => document.addEventListener(name, ({ target }) => target.matches?.("video") && listener(target), { capture: true });
  onPlayer("timeupdate", tick);
  onPlayer("pause", send);
  onPlayer("ended", send);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && sendAll());
  window.addEventListener("pagehide", sendAll);
}

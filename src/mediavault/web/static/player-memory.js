// What this browser remembers about the player, from one video to the next: volume, speed, subtitles, autoplay. And where the
// user stops watching, which the vault remembers.

import { base } from "/static/core.js";

const KEY = "mediavault.player";
export const GOES_ON = "mediavault.goes-on"; // in this tab: the address that is opened to play on
const EVERY_MS = 5000; // positions are sent this often while a video plays
const WATCHED_ANEW_S = 30; // of playing before a smaller position counts
const A_STEP_S = 2; // two events of playback are less apart

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

// Sends where the user stops watching a video. "postOf" returns what a player shows, or nothing where no position is wanted:
// the post ("job"), its "item", and "from", the position that the vault has. A position becomes smaller only after the user has
// sought or watched a while: a player that could not go to it must not erase it.
export function keepPositions(postOf) {
  const known = new Map();

  function stateOf(post) {
    const name = `${post.job} ${post.item}`;
    if (!known.has(name)) known.set(name, { at: post.from, sentMs: 0, seenS: 0, wasAt: null, hasSought: false });
    return known.get(name);
  }

  function send(player) {
    const { currentTime: at, duration: of } = player;
    const post = postOf(player);
    if (!post || !(of > 0) || !Number.isFinite(of)) return;
    const state = stateOf(post);
    if (at === state.at || (at < state.at && !state.hasSought && state.seenS < WATCHED_ANEW_S)) return;
    Object.assign(state, { at, sentMs: Date.now() });
    const body = JSON.stringify({ at, of, item: post.item });
    const options = { method: "PUT", body, headers: { "Content-Type": "application/json" }, keepalive: true };
    fetch(`${base}/api/jobs/${post.job}/position`, options).catch(() => {}); // the next one may arrive
  }

  function tick(player) {
    const post = !player.paused && postOf(player);
    if (!post) return;
    const state = stateOf(post);
    const step = player.currentTime - (state.wasAt ?? player.currentTime);
    state.wasAt = player.currentTime;
    if (step > 0 && step < A_STEP_S) state.seenS += step;
    if (Date.now() - state.sentMs >= EVERY_MS) send(player);
  }

  function seek(player) {
    const post = postOf(player);
    if (post && Math.abs(player.currentTime - stateOf(post).at) > A_STEP_S) stateOf(post).hasSought = true; // else it resumes
  }

  function sendAll() {
    for (const player of document.querySelectorAll("video")) if (player.currentTime > 0) send(player);
  }

  // Media events do not bubble, but they can be captured: a live update may replace the player.
  const onPlayer = (name, listener) => document.addEventListener(name, ({ target }) => target.matches?.("video") && listener(target), { capture: true });
  onPlayer("timeupdate", tick);
  onPlayer("seeking", seek);
  onPlayer("pause", send);
  onPlayer("ended", send);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && sendAll());
  window.addEventListener("pagehide", sendAll);
}

// Additions to the browser's own player: speed, picture in picture, keys, remembered settings, and what to do when the
// browser can't play the file.

import { call, say } from "/static/core.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const FRAME_S = 1 / 30;
const REMEMBERED = "mediavault.player";
const find = (id) => document.getElementById(id);
export const video = () => find("player");

// --- volume and speed, from one post to the next

function remembered() {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
  } catch {
    return {}; // storage is forbidden, or its content is not ours
  }
}

function remember(player) {
  const { volume, playbackRate: speed } = player;
  try {
    // a looping video is silent by nature: the user did not choose that
    const muted = player.loop ? (remembered().muted ?? false) : player.muted;
    localStorage.setItem(REMEMBERED, JSON.stringify({ volume, muted, speed }));
  } catch {
    // then the next post has the defaults
  }
}

function recall(player) {
  const { volume, muted, speed } = remembered();
  if (volume >= 0 && volume <= 1) player.volume = volume;
  if (typeof muted === "boolean" && !player.loop) player.muted = muted;
  if (SPEEDS.includes(speed)) setSpeed(player, speed);
}

function setSpeed(player, speed) {
  player.defaultPlaybackRate = speed;
  player.playbackRate = speed;
}

export function nudgeSpeed(player, by) {
  const at = SPEEDS.findIndex((one) => one >= player.playbackRate);
  setSpeed(player, SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? SPEEDS.length - 1 : at) + by))]);
}

// --- keyboard shortcuts; returns true if the key was one

export function press(player, key) {
  const seek = (to) => (player.currentTime = Math.min(Math.max(0, to), player.duration || 0));
  const step = (by) => {
    player.pause();
    seek(player.currentTime + by);
  };
  if (/^[0-9]$/.test(key)) seek(((player.duration || 0) * Number(key)) / 10);
  else if (key === " " || key === "k") player.paused ? player.play().catch(() => {}) : player.pause();
  else if (key === "j") seek(player.currentTime - 10);
  else if (key === "l") seek(player.currentTime + 10);
  else if (key === "ArrowLeft") seek(player.currentTime - 5);
  else if (key === "ArrowRight") seek(player.currentTime + 5);
  else if (key === ",") step(-FRAME_S);
  else if (key === ".") step(FRAME_S);
  else if (key === "<") nudgeSpeed(player, -1);
  else if (key === ">") nudgeSpeed(player, 1);
  else if (key === "m") player.muted = !player.muted;
  else if (key === "f") document.fullscreenElement ? document.exitFullscreen() : player.requestFullscreen?.().catch(() => {});
  else return false;
  return true;
}

// --- a file that the browser can't play

function tell(state, facts = {}) {
  const box = find("unplayable");
  box.dataset.state = state;
  box.hidden = false;
  for (const [name, text] of Object.entries(facts)) {
    const field = box.querySelector(`[data-field="${name}"]`);
    if (field) field.textContent = text ?? "";
  }
}

async function explain(player) {
  const there = await fetch(player.src, { method: "HEAD" });
  if (there.status === 404) return tell("missing");
  const found = await call("GET", player.dataset.format);
  const names = [found.container, found.video_codec, found.audio_codec].filter(Boolean).join(", ");
  tell("format", { format: names && `(${names})` });
}

const complain = (problem) => say(problem.message, problem.help);

// --- before playback: the poster and one big button. The browser's own controls would show a spinner over the poster
// while they load.

function coverWith(button, player) {
  if (!player.paused || player.currentTime > 0) return;
  player.controls = false;
  button.hidden = false;
  const uncover = () => {
    if (button.hidden) return;
    const hadFocus = document.activeElement === button;
    button.hidden = true;
    player.controls = true;
    if (hadFocus) player.focus({ preventScroll: true });
  };
  button.addEventListener("click", () => player.play().catch(() => {}));
  for (const event of ["play", "seeking", "error"]) player.addEventListener(event, uncover);
}

// --- setting up a player that is new on the page

export function begin() {
  const player = video();
  if (!player || player.dataset.begun) return;
  player.dataset.begun = "yes";
  const speed = find("speed");
  speed.addEventListener("change", () => setSpeed(player, Number(speed.value)));
  player.addEventListener("ratechange", () => {
    if (SPEEDS.includes(player.playbackRate)) speed.value = String(player.playbackRate);
    remember(player);
  });
  recall(player);
  coverWith(find("big-play"), player);
  player.addEventListener("volumechange", () => remember(player));
  const pip = find("pip");
  pip.hidden = !document.pictureInPictureEnabled;
  pip.addEventListener("click", () => {
    const ends = document.pictureInPictureElement === player;
    (ends ? document.exitPictureInPicture() : player.requestPictureInPicture()).catch(() => {});
  });
  find("show-keys").addEventListener("click", () => find("keys").showModal());
  player.addEventListener("error", () => explain(player).catch(complain));
  if (player.error) explain(player).catch(complain);
  else player.addEventListener("loadeddata", () => seen(player), { once: true });
  if (player.readyState >= 2) seen(player);
}

// Some browsers play the sound of a video whose pictures they can't decode.
function seen(player) {
  if (player.videoWidth === 0) explain(player).catch(complain);
  else find("unplayable").hidden = true;
}

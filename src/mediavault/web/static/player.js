// The player of a saved video: what its parts share, speed, picture in picture, keyboard shortcuts, and what to do when
// the browser can't play the file. Only one tab plays at a time. Others follow the element's own events ("timeupdate", "pause", "ended").

import { call, say } from "/static/core.js";
import { isSound, setUpControls, toggleFullScreen, togglePlay } from "/static/player-controls.js";
import { remember, remembered } from "/static/player-memory.js";
import { setUpSleep } from "/static/sleep.js";
import { setUpTracks } from "/static/player-tracks.js";
import { setUpNext } from "/static/up-next.js";

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3];
const FRAME_S = 1 / 30;
const find = (id) => document.getElementById(id);
export const video = () => find("player");

// --- volume and speed, from one post to the next

function keepSettings(player) {
  const { volume, playbackRate: speed } = player;
  // a looping video is silent by nature: the user did not choose that
  remember({ volume, speed, ...(player.loop ? {} : { muted: player.muted }) });
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
  else if (key === " " || key === "k") togglePlay(player);
  else if (key === "j") seek(player.currentTime - 10);
  else if (key === "l") seek(player.currentTime + 10);
  else if (key === "ArrowLeft") seek(player.currentTime - 5);
  else if (key === "ArrowRight") seek(player.currentTime + 5);
  else if (key === ",") step(-FRAME_S);
  else if (key === ".") step(FRAME_S);
  else if (key === "<") nudgeSpeed(player, -1);
  else if (key === ">") nudgeSpeed(player, 1);
  else if (key === "m") player.muted = !player.muted;
  else if (key === "f") toggleFullScreen(player);
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
  const found = await call("GET", `${player.dataset.api}/format`);
  const names = [found.container, found.video_codec, found.audio_codec].filter(Boolean).join(", ");
  tell("format", { format: names && `(${names})` });
}

const complain = (problem) => say(problem.message, problem.help);

// --- other tabs of this browser

const others = "BroadcastChannel" in window ? new BroadcastChannel("mediavault.player") : null;
if (others) others.onmessage = () => video()?.loop || video()?.pause();

// --- setting up a player that is new on the page

export function begin() {
  const player = video();
  if (!player || player.dataset.begun) return;
  player.dataset.begun = "yes";
  const speed = find("speed");
  speed.addEventListener("change", () => setSpeed(player, Number(speed.value)));
  player.addEventListener("ratechange", () => {
    if (SPEEDS.includes(player.playbackRate)) speed.value = String(player.playbackRate);
    keepSettings(player);
  });
  recall(player);
  player.addEventListener("volumechange", () => keepSettings(player));
  const controls = setUpControls(player);
  setUpTracks(player, controls);
  setUpNext(player);
  setUpSleep(player);
  const pip = find("pip");
  if (pip) pip.hidden = !document.pictureInPictureEnabled;
  pip?.addEventListener("click", () => {
    const ends = document.pictureInPictureElement === player;
    (ends ? document.exitPictureInPicture() : player.requestPictureInPicture()).catch(() => {});
  });
  find("show-keys").addEventListener("click", () => find("keys").showModal());
  player.addEventListener("play", () => player.loop || others?.postMessage("plays"));
  player.addEventListener("error", () => explain(player).catch(complain));
  if (player.error) explain(player).catch(complain);
  else player.addEventListener("loadeddata", () => seen(player), { once: true });
  if (player.readyState >= 2) seen(player);
}

// Some browsers play the sound of a video whose pictures they can't decode.
function seen(player) {
  if (player.videoWidth === 0 && !isSound()) explain(player).catch(complain);
  else find("unplayable").hidden = true;
}

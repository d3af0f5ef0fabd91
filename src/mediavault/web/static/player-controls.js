// The player's control bar. The browsers' own do not say where the pointer is on their seek bar, so no preview could be
// shown over it. Before playback there are only the poster and one big button. Sound has no picture that the bar could hide:
// there it is always shown.

const REST_MS = 2500; // until the bar of a playing video is hidden
const SEEK_KEYS_SHOW_MS = 1500;
const find = (id) => document.getElementById(id);

// whether the file has no pictures
export const isSound = () => "sound" in find("stage").dataset;

export function togglePlay(player) {
  if (player.paused) player.play().catch(() => {});
  else player.pause();
}

export function seekBy(player, seconds) {
  player.currentTime = Math.min(Math.max(0, player.currentTime + seconds), player.duration || 0);
}

export function toggleFullScreen(player) {
  if (isSound()) return;
  if (document.fullscreenElement) document.exitFullscreen();
  else if (find("stage").requestFullscreen) find("stage").requestFullscreen().catch(() => {});
  else player.webkitEnterFullscreen?.(); // an iPhone shows a video only, with its own controls
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// Returns what the text tracks and previews add to: "onPoint" hears where on the seek bar the user points, null for
// nowhere; "onFirstUse" is called once, when the bar is used or the video plays.
export function setUpControls(player) {
  const [stage, bar, seek] = [find("stage"), find("controls"), find("seek")];
  const controls = { onPoint: () => {}, onFirstUse: () => {} };
  let isDragging = false;
  let resting = 0;

  // --- shown and hidden

  const begins = () => {
    if (!bar.hidden || player.error) return;
    const hadFocus = document.activeElement === find("big-play");
    find("big-play").hidden = true;
    bar.hidden = false;
    if (hadFocus) find("play").focus({ preventScroll: true });
    stir();
  };
  const mayRest = () =>
    !isSound() && !player.paused && !isDragging && !bar.querySelector("details[open]") && !bar.matches(":has(:focus-visible)");
  const rest = () => (mayRest() ? delete stage.dataset.shown : stir());
  function stir(pause = REST_MS) {
    stage.dataset.shown = "";
    clearTimeout(resting);
    if (!player.paused) resting = setTimeout(rest, pause);
  }
  for (const event of ["pointermove", "pointerdown", "focusin"]) stage.addEventListener(event, () => stir());
  for (const event of ["play", "pause"]) player.addEventListener(event, () => stir());
  player.addEventListener("seeking", () => stir(SEEK_KEYS_SHOW_MS));
  stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && rest());

  player.controls = false;
  const isBegun = isSound() || !player.paused || player.currentTime > 0;
  find("big-play").hidden = isBegun || Boolean(player.error);
  find("big-play").addEventListener("click", () => togglePlay(player));
  for (const event of ["play", "seeking"]) player.addEventListener(event, begins);
  player.addEventListener("error", () => (find("big-play").hidden = true));
  if (isBegun) begins();

  // --- the video itself: a click pauses, a tap shows the bar

  let pointer = "mouse";
  let wasShown = true;
  player.addEventListener(
    "pointerdown",
    (event) => {
      pointer = event.pointerType;
      wasShown = "shown" in stage.dataset;
    },
    { capture: true },
  );
  player.addEventListener("click", () => {
    if (pointer === "mouse" || isSound()) togglePlay(player);
    else if (wasShown && mayRest()) delete stage.dataset.shown;
  });
  player.addEventListener("dblclick", () => pointer === "mouse" && !isSound() && toggleFullScreen(player));

  // --- buttons, volume

  const play = find("play");
  const showPlay = () => {
    stage.dataset.plays = player.paused ? "no" : "yes";
    play.setAttribute("aria-label", player.paused ? play.dataset.play : play.dataset.pause);
  };
  play.addEventListener("click", () => togglePlay(player));
  for (const event of ["play", "pause", "ended"]) player.addEventListener(event, showPlay);
  showPlay();

  const [mute, volume] = [find("mute"), find("volume")];
  const showVolume = () => {
    const silent = player.muted || player.volume === 0;
    mute.setAttribute("aria-pressed", String(silent));
    volume.value = String(silent ? 0 : player.volume);
    fill(volume);
  };
  mute.addEventListener("click", () => {
    player.muted = !player.muted;
    if (!player.muted && player.volume === 0) player.volume = 0.5;
  });
  volume.addEventListener("input", () => {
    player.volume = Number(volume.value);
    player.muted = player.volume === 0;
  });
  player.addEventListener("volumechange", showVolume);
  showVolume();

  find("expand")?.addEventListener("click", () => toggleFullScreen(player));
  for (const button of bar.querySelectorAll("[data-seek-by]")) {
    button.addEventListener("click", () => seekBy(player, Number(button.dataset.seekBy)));
  }
  for (const event of ["waiting", "seeking"]) player.addEventListener(event, () => (stage.dataset.waits = ""));
  for (const event of ["playing", "seeked", "canplay", "error", "pause"]) {
    player.addEventListener(event, () => delete stage.dataset.waits);
  }

  // --- the seek bar: while it is dragged, the video stays where it is, and the preview shows where it would go

  const [now, length] = ["now", "length"].map((name) => bar.querySelector(`[data-field="${name}"]`));
  const isKnown = () => Number.isFinite(player.duration) && player.duration > 0;
  const say = (seconds) => seek.setAttribute("aria-valuetext", `${clock(seconds)} / ${clock(player.duration)}`);
  const showTime = () => {
    if (isDragging) return;
    seek.value = String(player.currentTime);
    now.textContent = clock(player.currentTime);
    fill(seek);
  };
  const showLength = () => {
    seek.max = String(isKnown() ? player.duration : 0);
    length.textContent = clock(isKnown() ? player.duration : 0);
    showTime();
    say(player.currentTime);
  };
  for (const event of ["timeupdate", "seeking", "seeked"]) player.addEventListener(event, showTime);
  for (const event of ["loadedmetadata", "durationchange"]) player.addEventListener(event, showLength);
  for (const event of ["seeked", "pause"]) player.addEventListener(event, () => say(player.currentTime));
  showLength();

  seek.addEventListener("focus", () => say(player.currentTime));
  seek.addEventListener("pointerdown", () => (isDragging = true));
  seek.addEventListener("input", () => {
    const at = Number(seek.value);
    now.textContent = clock(at);
    fill(seek);
    say(at);
    if (isDragging) controls.onPoint(at, at / player.duration);
  });
  const release = () => {
    isDragging = false;
    controls.onPoint(null);
  };
  const go = () => {
    player.currentTime = Number(seek.value);
    release();
  };
  seek.addEventListener("change", go);
  seek.addEventListener("pointerup", () => isDragging && go()); // before anything shows the old time again
  for (const event of ["pointercancel", "blur"]) seek.addEventListener(event, release);
  seek.addEventListener("pointermove", (event) => {
    if (isDragging || event.pointerType !== "mouse" || !isKnown()) return;
    const box = seek.getBoundingClientRect();
    const thumb = parseFloat(getComputedStyle(seek).getPropertyValue("--thumb")) || 0;
    const share = Math.min(1, Math.max(0, (event.clientX - box.left - thumb / 2) / (box.width - thumb)));
    controls.onPoint(share * player.duration, share);
  });
  seek.addEventListener("pointerleave", () => isDragging || controls.onPoint(null));

  let isUsed = false;
  const uses = () => {
    if (isUsed) return;
    isUsed = true;
    controls.onFirstUse();
  };
  seek.addEventListener("pointerenter", uses);
  seek.addEventListener("focus", uses);
  player.addEventListener("play", uses);

  // --- menus

  for (const menu of bar.querySelectorAll("details")) {
    menu.addEventListener("toggle", () => stir());
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
  document.addEventListener("pointerdown", (event) => {
    for (const menu of bar.querySelectorAll("details[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  return controls;
}

// How much of a slider is filled, for its style.
function fill(slider) {
  slider.style.setProperty("--filled", String(Number(slider.max) ? Number(slider.value) / Number(slider.max) : 0));
}

// What plays after a video, and the keys of keyboards, headphones and lock screens (Media Session).

import { isAway } from "/static/mini.js";
import { isSound, seekBy } from "/static/player-controls.js";
import { GOES_ON, remember, remembered } from "/static/player-memory.js";
import { stopsAtEnd } from "/static/sleep.js";

const COUNTDOWN_S = 8;
const find = (id) => document.getElementById(id);

export function setUpNext(player) {
  setUpAutoplay(player);
  setUpMediaSession(player);
}

// --- autoplay: off until it is switched on, and each time it can be cancelled while it counts down

function setUpAutoplay(player) {
  const [box, link, wish] = [find("next-video"), find("play-next"), find("autoplay")];
  goOn(player);
  if (!box) return;
  if (wish) {
    wish.checked = remembered().autoplay === true;
    wish.addEventListener("change", () => {
      remember({ autoplay: wish.checked });
      if (!wish.checked) cancel();
    });
  }
  let ticking = 0;
  function cancel() {
    clearInterval(ticking);
    ticking = 0;
    box.hidden = true;
  }
  function countDown() {
    if (ticking || !wish?.checked || stopsAtEnd()) return;
    if (isAway()) return step(link); // nobody would see the countdown
    const count = box.querySelector('[data-field="countdown"]');
    let left = COUNTDOWN_S;
    count.textContent = `${left} s`;
    box.hidden = false;
    const title = box.querySelector('[data-field="next-title"]').textContent;
    document.querySelector('[data-field="announced"]').textContent = `${box.getAttribute("aria-label")}: ${title}`;
    ticking = setInterval(() => {
      left -= 1;
      count.textContent = `${left} s`;
      if (left > 0) return;
      cancel();
      link.click();
    }, 1000);
  }
  find("stay").addEventListener("click", () => {
    cancel();
    find("play").focus();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && ticking && cancel());
  player.addEventListener("ended", countDown);
  for (const event of ["play", "seeking"]) player.addEventListener(event, cancel);
}

// The next one plays on at once if the reader chose it there, or if sound plays as they go to it.
document.addEventListener("click", ({ target }) => {
  const link = target.closest?.("#play-next, .up-list a, a[rel=prev], a[rel=next]");
  const player = find("player");
  if (link?.id === "play-next" || (link && player && isSound() && !player.paused)) sessionStorage?.setItem(GOES_ON, link.href);
});

// Goes to another post; while the mini player plays, in the mini player.
export function step(link) {
  if (!isAway()) return link.click();
  document.dispatchEvent(new CustomEvent("mediavault:step", { detail: link.href }));
}

// A browser may refuse to play by itself; then the big button stays.
function goOn(player) {
  const isMeant = sessionStorage?.getItem(GOES_ON) === location.href;
  sessionStorage?.removeItem(GOES_ON);
  if (isMeant) player.play().catch(() => {});
}

// --- Media Session

const SEEK_S = { film: [-10, 10], sound: [-15, 30] };

function setUpMediaSession(player) {
  const session = navigator.mediaSession;
  if (!session) return;
  const { title, author } = player.dataset;
  const artwork = player.poster ? [{ src: player.poster }] : [];
  player.addEventListener("play", () => (session.metadata = new MediaMetadata({ title, artist: author, artwork })));
  const item = document.querySelector(".strip a[aria-current]");
  const previous = item?.previousElementSibling ?? document.querySelector("a[rel=prev]");
  const next = find("play-next") ?? document.querySelector("a[rel=next]");
  const [back, on] = isSound() ? SEEK_S.sound : SEEK_S.film;
  const actions = {
    play: () => player.play().catch(() => {}),
    pause: () => player.pause(),
    seekbackward: ({ seekOffset }) => seekBy(player, seekOffset ? -seekOffset : back),
    seekforward: ({ seekOffset }) => seekBy(player, seekOffset || on),
    seekto: ({ seekTime }) => (player.currentTime = seekTime),
    previoustrack: previous && (() => step(previous)),
    nexttrack: next && (() => step(next)),
  };
  for (const [name, action] of Object.entries(actions)) {
    try {
      session.setActionHandler(name, action);
    } catch {
      // this browser does not know the action
    }
  }
  const showPosition = () => {
    if (!Number.isFinite(player.duration) || player.duration <= 0) return;
    const { duration, playbackRate } = player;
    session.setPositionState?.({ duration, playbackRate, position: Math.min(player.currentTime, duration) });
  };
  for (const event of ["loadedmetadata", "play", "pause", "seeked", "ratechange"]) player.addEventListener(event, showPosition);
}

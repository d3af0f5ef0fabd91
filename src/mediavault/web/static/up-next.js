// What plays after a video, and the keys of keyboards, headphones and lock screens (Media Session).

import { remember, remembered } from "/static/player-memory.js";

const COUNTDOWN_S = 8;
const GOES_ON = "mediavault.goes-on"; // in this tab: the address that is opened to play on
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
    if (ticking || !wish?.checked) return;
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
  link.addEventListener("click", () => sessionStorage?.setItem(GOES_ON, link.href));
  find("stay").addEventListener("click", () => {
    cancel();
    find("play").focus();
  });
  document.addEventListener("keydown", (event) => event.key === "Escape" && ticking && cancel());
  player.addEventListener("ended", countDown);
  for (const event of ["play", "seeking"]) player.addEventListener(event, cancel);
}

// A browser may refuse to play by itself; then the big button stays.
function goOn(player) {
  const isMeant = sessionStorage?.getItem(GOES_ON) === location.href;
  sessionStorage?.removeItem(GOES_ON);
  if (isMeant) player.play().catch(() => {});
}

// --- Media Session

const SEEK_S = 10;

function setUpMediaSession(player) {
  const session = navigator.mediaSession;
  if (!session) return;
  const { title, author } = player.dataset;
  const artwork = player.poster ? [{ src: player.poster }] : [];
  player.addEventListener("play", () => (session.metadata = new MediaMetadata({ title, artist: author, artwork })));
  const item = document.querySelector(".strip a[aria-current]");
  const previous = item?.previousElementSibling ?? document.querySelector("a[rel=prev]");
  const next = find("play-next") ?? document.querySelector("a[rel=next]");
  const by = (seconds) => (player.currentTime = Math.min(Math.max(0, player.currentTime + seconds), player.duration || 0));
  const actions = {
    play: () => player.play().catch(() => {}),
    pause: () => player.pause(),
    seekbackward: ({ seekOffset }) => by(-(seekOffset || SEEK_S)),
    seekforward: ({ seekOffset }) => by(seekOffset || SEEK_S),
    seekto: ({ seekTime }) => (player.currentTime = seekTime),
    previoustrack: previous && (() => previous.click()),
    nexttrack: next && (() => next.click()),
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

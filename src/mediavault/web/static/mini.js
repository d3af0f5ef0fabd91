// Sound that goes on while its user looks at other pages of the vault. The page of the sound stays, out of sight, with its
// player; the other pages are shown in a frame over it. So each of them loads as usual, with its own scripts, focus and scroll
// position, and nothing interrupts the sound. The address bar and the title are those of the page in the frame, so that a
// reload or a bookmark finds it. Starting another video or sound there ends this one, and makes that page the whole page.

import { clock, isSound, seekBy, togglePlay } from "/static/player-controls.js";
import { GOES_ON } from "/static/player-memory.js";

const NOT_A_PAGE = /\/(files|api|static)\/|\/(zip|log|login|logout)$/; // what is downloaded, or ends the session
const LOOK_MS = 500; // how often the frame's address is read: its page may change it without loading
const mini = document.getElementById("mini");
const player = () => document.getElementById("player");

let frame = null;
let home = { address: location.href, title: document.title }; // of the page of the sound
let looking = 0;
let endedOn = ""; // the frame's address when the sound was ended

// Whether another page is in sight.
export const isAway = () => frame !== null;

// Takes part in the page; `showPost` shows another sound in it. Returns what knows the address of the sound's page.
export function setUpMini(showPost) {
  if (mini && window.parent === window) {
    document.addEventListener("click", leave);
    window.addEventListener("popstate", ({ state }) => (state?.mini ? frame || show(state.mini) : close()));
    document.addEventListener("mediavault:step", ({ detail }) => go(detail, showPost));
    mini.addEventListener("click", ({ target }) => press(target.closest("button")?.dataset.mini, showPost));
    for (const event of ["timeupdate", "play", "pause", "ended", "loadedmetadata"]) {
      document.addEventListener(event, ({ target }) => target === player() && fill(), { capture: true });
    }
  }
  return () => (isAway() ? home.address : location.href);
}

// --- leaving the page, and coming back

function leave(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const isElsewhere = link.origin === location.origin && link.pathname !== location.pathname && !NOT_A_PAGE.test(link.pathname);
  if (!isElsewhere || link.target || link.hasAttribute("download") || link.matches(".up-list a, #play-next, a[rel=prev], a[rel=next]")) return;
  if (!player() || !isSound() || player().paused) return;
  event.preventDefault();
  home = { address: location.href, title: document.title };
  history.pushState({ mini: link.href }, "", link.href);
  show(link.href);
}

function show(address) {
  frame = document.createElement("iframe");
  frame.className = "beside-mini";
  frame.title = mini.dataset.frame;
  frame.addEventListener("load", settle);
  frame.src = address;
  for (const part of document.body.children) if (part !== mini) part.inert = true;
  mini.before(frame);
  document.documentElement.classList.add("has-mini");
  mini.hidden = false;
  looking = setInterval(look, LOOK_MS);
  fill();
}

function close() {
  if (!frame) return;
  clearInterval(looking);
  frame.remove();
  frame = null;
  for (const part of document.body.children) part.inert = false;
  document.documentElement.classList.remove("has-mini");
  mini.hidden = true;
  document.title = home.title;
  document.getElementById("main").focus({ preventScroll: true });
}

// A new page is in the frame. Until it has loaded, a link may have been followed, or a video started, that nobody saw.
function settle() {
  const { document: page, location: at } = frame.contentWindow;
  if (at.pathname === new URL(home.address).pathname) return open();
  if (mini.hidden && at.href !== endedOn) return becomeWhole();
  page.documentElement?.classList.add("over-mini");
  page.addEventListener("play", takeOver, { capture: true });
  page.addEventListener("click", ({ target }) => mini.hidden && escape(target.closest?.("a[href]")), { capture: true });
  page.addEventListener("submit", ({ target }) => mini.hidden && escape(target), { capture: true });
  const playing = [...page.querySelectorAll("video, audio")].find((one) => !one.paused);
  if (playing) takeOver({ target: playing });
  look();
  frame.contentWindow.focus();
}

// After the sound was ended, the frame's next page becomes the whole page.
function escape(element) {
  if (element && !element.target) element.target = "_top";
}

function look() {
  const { location: at, document: page } = frame.contentWindow;
  if (at.protocol === "about:") return;
  if (at.href !== location.href) history.replaceState({ mini: at.href }, "", at.href);
  document.title = page.title;
}

function takeOver({ target }) {
  if (target.muted || mini.hidden) return; // a silent preview
  target.pause();
  player().pause();
  becomeWhole({ playing: true });
}

function becomeWhole({ playing = false } = {}) {
  look();
  if (playing) sessionStorage?.setItem(GOES_ON, location.href);
  location.reload(); // its address is that of the frame's page
}

// --- the bar

function open() {
  const { address } = home;
  close();
  history.pushState(null, "", address);
}

async function go(address, showPost) {
  player().pause();
  if (!(await showPost(address).catch(() => false))) return;
  home = { address: new URL(address, location.href).href, title: player().dataset.title };
  player().play().catch(() => {});
  fill();
}

function press(what, showPost) {
  const link = what === "next" ? "#play-next, a[rel=next]" : "a[rel=prev]";
  if (what === "play") togglePlay(player());
  else if (what === "back") seekBy(player(), -15);
  else if (what === "on") seekBy(player(), 30);
  else if (what === "open") open();
  else if (what === "end") end();
  else if (what) go(document.querySelector(link).href, showPost);
}

function end() {
  player().pause();
  mini.hidden = true;
  endedOn = frame.contentWindow.location.href;
  frame.contentDocument.documentElement?.classList.remove("over-mini");
  frame.contentWindow.focus();
}

function fill() {
  if (!frame) return;
  const { currentTime: at, duration, paused } = player();
  const part = (name) => mini.querySelector(`[data-field="${name}"]`);
  const of = Number.isFinite(duration) ? duration : 0;
  part("share").value = of ? at / of : 0;
  part("now").textContent = clock(at);
  part("length").textContent = clock(of);
  mini.dataset.plays = paused ? "no" : "yes";
  const play = mini.querySelector('[data-mini="play"]');
  play.setAttribute("aria-label", paused ? play.dataset.play : play.dataset.pause);
  for (const name of ["previous", "next"]) {
    mini.querySelector(`[data-mini="${name}"]`).disabled = !document.querySelector(name === "next" ? "#play-next, a[rel=next]" : "a[rel=prev]");
  }
}

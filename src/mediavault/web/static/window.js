// Shows the sign-in window, a screen of the vault's machine, over VNC. The ticket in the address is valid once; the key
// that it is exchanged for stays in this page's memory. noVNC draws the screen and sends the pointer; keys are sent from
// here, so that dead keys, input methods and phone keyboards work with every layout.

import { base, language } from "/static/core.js";
import RFB from "/static/vendor/novnc/core/rfb.js";

const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const screen = document.getElementById("screen");
const keys = document.getElementById("keys"); // invisible: receives the text of a keyboard or an input method
const statusLine = document.getElementById("status");
const { unreachable } = document.getElementById("messages").dataset;
const API = `${base}/api/login-window`;
const RETRY_MS = 1000;
const LEARN_MS = 150;
const SPARE_KEYS = 16; // Xvnc has a few more
const MAX_PASTED_CHARS = 10_000; // below the vault's message limit
const SCROLL = 1.5; // how much further the window scrolls than the finger moves
const [SHIFT, CONTROL, ALT] = [0xffe1, 0xffe3, 0xffe9]; // these and the next are keysyms of X11
const NAMED = {
  Backspace: 0xff08, Tab: 0xff09, Enter: 0xff0d, Escape: 0xff1b, Delete: 0xffff, Home: 0xff50, End: 0xff57,
  ArrowLeft: 0xff51, ArrowUp: 0xff52, ArrowRight: 0xff53, ArrowDown: 0xff54, PageUp: 0xff55, PageDown: 0xff56,
};
const WITH_CONTROL = new Set(["a", "c", "x", "z", "Backspace", "Delete", "ArrowLeft", "ArrowRight", "Home", "End"]);
const HISTORY = { back: [NAMED.ArrowLeft, ALT], reload: [keysymOf("r"), CONTROL], close: [keysymOf("w"), CONTROL] };

let key = "";
let jobId = null; // the job on whose post the window was opened
let openWords = "";
let rfb = null; // noVNC's connection, while there is one
let over = false;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function tell(message, help) {
  statusLine.textContent = help ? `${message} ${help}` : message;
}

function end(message, help) {
  over = true;
  rfb?.disconnect();
  document.getElementById("window").hidden = true;
  tell(message, help);
}

async function ask(method, path, body) {
  const headers = { "X-Window-Key": key };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(API + path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  if (answer.status === 401) location.assign(`${base}/login`);
  if (!answer.ok) throw await answer.json();
  return answer;
}

// --- the connection

function connect() {
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}${API}/screen`, ["vnc", key]);
  rfb = new RFB(screen, socket, { shared: false });
  rfb.scaleViewport = true;
  rfb.focusOnClick = false;
  rfb.background = "transparent";
  rfb.addEventListener("connect", () => tell(openWords));
  rfb.addEventListener("disconnect", reconnect);
  // text copied in the window; browsers allow this only over HTTPS and on localhost
  rfb.addEventListener("clipboard", (event) => navigator.clipboard?.writeText(event.detail.text).catch(() => {}));
}

async function reconnect() {
  rfb = null;
  if (over) return;
  tell(statusLine.dataset.lost);
  try {
    await ask("GET", "/viewer"); // reports why, if the window was closed or another viewer has it
  } catch (problem) {
    if (problem.code) return over || end(problem.message, problem.help);
  }
  await pause(RETRY_MS);
  if (!over) connect();
}

// --- pointer and touch

screen.addEventListener("pointerdown", (event) => {
  if (event.pointerType !== "touch") keys.focus({ preventScroll: true }); // on a phone that would open the keyboard
}, true);

let finger = null; // its last position during a drag: one finger scrolls, as on every page on a phone
for (const type of ["gesturestart", "gesturemove", "gestureend"]) {
  screen.addEventListener(type, (event) => {
    if (event.detail.type !== "drag") return;
    event.stopPropagation(); // noVNC would press the button and select text
    const { clientX, clientY } = event.detail;
    if (finger) {
      const [deltaX, deltaY] = [(finger.clientX - clientX) * SCROLL, (finger.clientY - clientY) * SCROLL];
      event.target.dispatchEvent(new WheelEvent("wheel", { clientX, clientY, deltaX, deltaY, cancelable: true }));
    }
    finger = type === "gestureend" ? null : { clientX, clientY };
  }, true);
}

// --- keys and text

function keysymOf(char) {
  if (char === "\n") return NAMED.Enter;
  if (char === "\t") return NAMED.Tab;
  const code = char.codePointAt(0);
  return code < 0x100 ? code : 0x1000000 | code;
}

let strokes = Promise.resolve(); // one after the other

function tap(keysym, ...held) {
  strokes = strokes.then(() => stroke(keysym, held));
}

async function stroke(keysym, held) {
  const isOnEveryKeyboard = keysym < 0x7f || (keysym > 0xff && keysym < 0x1000000);
  if (!isOnEveryKeyboard && !learned.has(keysym)) await learn(keysym);
  press(keysym, held);
}

function press(keysym, held) {
  for (const each of held) rfb?.sendKey(each, null, true);
  rfb?.sendKey(keysym);
  for (const each of [...held].reverse()) rfb?.sendKey(each, null, false);
}

// Xvnc assigns a character that its keyboard lacks to a spare key when it is first pressed, and the browser learns of
// it too late for this press. So the first press is with Control, which types nothing.
const learned = new Set();
async function learn(keysym) {
  if (learned.size >= SPARE_KEYS) learned.clear();
  learned.add(keysym);
  press(keysym, [CONTROL]);
  await pause(LEARN_MS);
}

function paste(text) {
  strokes = strokes.then(() => rfb?.clipboardPasteFrom(text.slice(0, MAX_PASTED_CHARS)));
  tap(keysymOf("v"), CONTROL);
}

// A text may have more characters missing on the screen's keyboard than there are spare keys.
function typeText(text) {
  const chars = [...text];
  if (chars.length > 1 && !/^[\t\n -~]*$/.test(text)) paste(text);
  else for (const char of chars) tap(keysymOf(char));
}

keys.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key === "Dead") return;
  if (event.key === "F6") {
    event.preventDefault();
    document.getElementById("done").focus();
    return;
  }
  const control = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");
  const passed = control ? WITH_CONTROL.has(event.key) : event.key in NAMED;
  if (!passed) return; // characters arrive as input, and Control+V as paste
  event.preventDefault();
  tap(NAMED[event.key] ?? keysymOf(event.key), ...(control ? [CONTROL] : []), ...(event.shiftKey ? [SHIFT] : []));
});

// A phone's keyboard reports its keys only by their effect on the text, so the field has a space to be deleted.
const BLANK = " ";
function emptyKeys() {
  keys.value = BLANK;
  keys.setSelectionRange(1, 1);
}
function takeKeys(event) {
  if (event.isComposing) return;
  if (keys.value === "") tap(NAMED.Backspace);
  else typeText(keys.value.startsWith(BLANK) ? keys.value.slice(1) : keys.value);
  emptyKeys();
}
keys.addEventListener("input", takeKeys);
keys.addEventListener("compositionend", () => takeKeys({ isComposing: false }));
keys.addEventListener("paste", (event) => {
  event.preventDefault();
  paste(event.clipboardData.getData("text"));
});
emptyKeys();
document.getElementById("keyboard").addEventListener("click", () => keys.focus());

document.getElementById("typing").addEventListener("submit", (event) => {
  event.preventDefault();
  const box = document.getElementById("text");
  typeText(box.value);
  box.value = "";
});
document.getElementById("reveal").addEventListener("change", (event) => {
  document.getElementById("text").type = event.target.checked ? "text" : "password";
});
for (const button of document.querySelectorAll("[data-history]")) {
  button.addEventListener("click", () => tap(...HISTORY[button.dataset.history]));
}
for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => tap(NAMED[button.dataset.key]));
}

document.getElementById("done").addEventListener("click", async () => {
  end(statusLine.dataset.closing);
  try {
    const state = await (await ask("POST", "/close")).json();
    location.assign(jobId ? `${base}/jobs/${jobId}` : `${base}/sessions${state ? `#${state.platform}` : ""}`);
  } catch (problem) {
    tell(problem.message ?? unreachable, problem.help);
  }
});

// --- start

async function begin() {
  if (!ticket) return end(statusLine.dataset.used, statusLine.dataset.usedHelp);
  let viewer;
  try {
    viewer = await (await ask("POST", "/viewer", { ticket })).json();
  } catch (problem) {
    return end(problem.message ?? unreachable, problem.help);
  }
  key = viewer.key;
  screen.style.aspectRatio = `${viewer.width} / ${viewer.height}`;
  screen.style.width = `min(${viewer.width}px, ${(80 * viewer.width) / viewer.height}vh)`;
  const until = new Date(Date.now() + viewer.seconds_left * 1000).toLocaleTimeString(language, { timeStyle: "short" });
  jobId = viewer.job_id;
  const title = document.getElementById("title");
  const purpose = (jobId ? title.dataset.answer : title.dataset.signIn).replace("{site}", () => viewer.title);
  title.textContent = purpose;
  document.title = `${purpose} · mediavault`;
  if (jobId) {
    const whenDone = document.getElementById("when-done");
    whenDone.textContent = whenDone.dataset.answer;
    const back = document.querySelector(".back a");
    back.href = `${base}/jobs/${jobId}`;
    back.lastChild.data = back.dataset.job;
  }
  openWords = statusLine.dataset.open.replace("{time}", () => until);
  document.getElementById("window").hidden = false;
  keys.focus({ preventScroll: true });
  connect();
}
begin();

// Shows a window of the vault's machine and passes on what a person does in it. The ticket in the address is good once;
// the key that it buys stays in this page's memory.

const ticket = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const canvas = document.getElementById("screen");
const keys = document.getElementById("keys"); // unseen: what a keyboard, an input method or a phone makes of strokes
const paper = canvas.getContext("2d", { alpha: false });
const statusLine = document.getElementById("status");
const { unreachable } = document.getElementById("messages").dataset;
const BASE = "/api/login-window";
const SEND_PAUSE_MS = 30;
const RETRY_MS = 1000;
const WHEEL_STEP_PX = 100;
const DRAG_PX = 12;
const NAMED = new Set(
  ["Backspace", "Tab", "Enter", "Escape", "Delete", "Home", "End", "PageUp", "PageDown"].concat(
    ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"],
  ),
);
const WITH_CONTROL = new Set(["a", "c", "x", "z", "Backspace", "Delete", "ArrowLeft", "ArrowRight", "Home", "End"]);

let key = "";
let jobId = null; // of the job on whose post the window was opened
let over = false;
const waiting = [];
let sending = false;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function tell(message, help) {
  statusLine.textContent = help ? `${message} ${help}` : message;
}

function end(message, help) {
  over = true;
  document.getElementById("window").hidden = true;
  tell(message, help);
}

async function ask(method, path, body) {
  const headers = { "X-Window-Key": key };
  if (body) headers["Content-Type"] = "application/json";
  const answer = await fetch(BASE + path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw await answer.json();
  return answer;
}

// --- what it shows

async function watch() {
  let last = 0;
  while (!over) {
    let answer;
    try {
      answer = await ask("GET", `/frame?after=${last}`);
    } catch (problem) {
      if (problem.code) return over || end(problem.message, problem.help);
      tell(statusLine.dataset.lost);
      last = 0;
      await pause(RETRY_MS);
      continue;
    }
    if (answer.status !== 200) continue;
    const picture = await createImageBitmap(await answer.blob());
    paper.drawImage(picture, Number(answer.headers.get("X-Left")), Number(answer.headers.get("X-Top")));
    picture.close();
    last = Number(answer.headers.get("X-Frame"));
  }
}

// --- what a person does

function pass(event) {
  const before = waiting.at(-1);
  if (event.type === "move" && before?.type === "move") waiting.pop();
  waiting.push(event);
  send();
}

async function send() {
  if (sending || over) return;
  sending = true;
  while (waiting.length && !over) {
    const events = waiting.splice(0, 100);
    try {
      await ask("POST", "/input", { events });
    } catch (problem) {
      if (problem.code) end(problem.message, problem.help);
    }
    await pause(SEND_PAUSE_MS);
  }
  sending = false;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  return { x: Math.round((event.clientX - box.left) * scale), y: Math.round((event.clientY - box.top) * scale) };
}

let touch = null; // where a finger went down, until it is known whether it taps or drags
canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.preventDefault();
  canvas.setPointerCapture(event.pointerId);
  if (event.pointerType !== "touch") keys.focus({ preventScroll: true }); // on a phone that would open the keyboard
  if (event.pointerType === "touch") touch = { y: event.clientY, dragged: false };
  else pass({ type: "down", ...place(event) });
});
canvas.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "touch") return pass({ type: "move", ...place(event) });
  if (!touch) return;
  const steps = Math.trunc((touch.y - event.clientY) / DRAG_PX);
  if (!steps) return;
  if (!touch.dragged) pass({ type: "move", ...place(event) });
  touch = { y: event.clientY, dragged: true };
  pass({ type: "wheel", direction: steps > 0 ? "down" : "up", steps: 1 });
});
canvas.addEventListener("pointerup", (event) => {
  if (event.button !== 0) return;
  if (event.pointerType === "touch") {
    if (touch && !touch.dragged) pass({ type: "down", ...place(event) });
    if (touch && !touch.dragged) pass({ type: "up", ...place(event) });
    touch = null;
  } else pass({ type: "up", ...place(event) });
});
canvas.addEventListener("pointercancel", () => (touch = null));
canvas.addEventListener("contextmenu", (event) => event.preventDefault());

let turned = 0;
canvas.addEventListener(
  "wheel",
  (event) => {
    event.preventDefault();
    turned += event.deltaMode === 0 ? event.deltaY : event.deltaY * 40;
    const steps = Math.trunc(turned / WHEEL_STEP_PX);
    if (!steps) return;
    turned -= steps * WHEEL_STEP_PX;
    pass({ type: "wheel", direction: steps > 0 ? "down" : "up", steps: Math.min(10, Math.abs(steps)) });
  },
  { passive: false },
);

keys.addEventListener("keydown", (event) => {
  if (event.isComposing || event.key === "Dead") return;
  if (event.key === "F6") {
    event.preventDefault();
    document.getElementById("done").focus();
    return;
  }
  const control = (event.ctrlKey || event.metaKey) && !event.getModifierState("AltGraph");
  const passed = control ? WITH_CONTROL.has(event.key) : NAMED.has(event.key);
  if (!passed) return; // characters, and Control+V, arrive as input
  event.preventDefault();
  pass({ type: "key", key: event.key, shift: event.shiftKey, control });
});

// A phone's keyboard tells of its keys only by what they do to the text, so there is a blank to be deleted.
const BLANK = " ";
function emptyKeys() {
  keys.value = BLANK;
  keys.setSelectionRange(1, 1);
}
function takeKeys(event) {
  if (event.isComposing) return;
  if (keys.value === "") pass({ type: "key", key: "Backspace" });
  else typeText(keys.value.startsWith(BLANK) ? keys.value.slice(1) : keys.value);
  emptyKeys();
}
keys.addEventListener("input", takeKeys);
keys.addEventListener("compositionend", () => takeKeys({ isComposing: false }));
emptyKeys();
document.getElementById("keyboard").addEventListener("click", () => keys.focus());

const PIECE_CHARS = 200;
function typeText(text) {
  const chars = [...text]; // whole characters, so that none is cut in two
  for (let at = 0; at < chars.length; at += PIECE_CHARS) {
    pass({ type: "text", text: chars.slice(at, at + PIECE_CHARS).join("") });
  }
}

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
  button.addEventListener("click", () => pass({ type: "history", direction: button.dataset.history }));
}
for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => pass({ type: "key", key: button.dataset.key }));
}

document.getElementById("done").addEventListener("click", async () => {
  end(statusLine.dataset.closing);
  try {
    const state = await (await ask("POST", "/close")).json();
    location.assign(jobId ? `/jobs/${jobId}` : `/sessions${state ? `#${state.platform}` : ""}`);
  } catch (problem) {
    tell(problem.message ?? unreachable, problem.help);
  }
});

// --- the beginning

async function begin() {
  if (!ticket) return end(statusLine.dataset.used, statusLine.dataset.usedHelp);
  let viewer;
  try {
    viewer = await (await ask("POST", "/viewer", { ticket })).json();
  } catch (problem) {
    return end(problem.message ?? unreachable, problem.help);
  }
  key = viewer.key;
  canvas.width = viewer.width;
  canvas.height = viewer.height;
  const until = new Date(Date.now() + viewer.seconds_left * 1000).toLocaleTimeString(document.documentElement.lang, { timeStyle: "short" });
  jobId = viewer.job_id;
  const title = document.getElementById("title");
  const purpose = (jobId ? title.dataset.answer : title.dataset.signIn).replace("{site}", () => viewer.title);
  title.textContent = purpose;
  document.title = `${purpose} · mediavault`;
  if (jobId) {
    const whenDone = document.getElementById("when-done");
    whenDone.textContent = whenDone.dataset.answer;
    const back = document.querySelector(".back a");
    back.href = `/jobs/${jobId}`;
    back.lastChild.data = back.dataset.job;
  }
  tell(statusLine.dataset.open.replace("{time}", () => until));
  document.getElementById("window").hidden = false;
  keys.focus({ preventScroll: true });
  watch();
}
begin();

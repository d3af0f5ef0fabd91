// What Share opens: the link to a video, copied already, and what its maker can say about it. Without this script, the
// server's page of the link does the same.

import { say, showMoments, submitForm } from "/static/core.js";
import { toast } from "/static/toast.js";

const GAP = 8; // from the button and from the window's edges
const popover = document.getElementById("share");
const heading = document.getElementById("share-h");
const part = popover?.querySelector('[data-part="link"]');
const words = popover?.dataset;
const isTouch = matchMedia("(pointer: coarse)");
let opener = null;

const field = () => document.getElementById("shared-address");

// Where the window has room: above or below the button. On a phone, the styles make it a sheet at the lower edge.
function place() {
  if (!popover.open || !opener?.isConnected) return;
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const within = (value, most) => Math.max(GAP, Math.min(value, most - GAP));
  const isBelow = at.bottom + height + 2 * GAP <= innerHeight;
  const x = getComputedStyle(popover).direction === "rtl" ? at.right - width : at.left;
  popover.style.setProperty("--x", `${within(x, innerWidth - width)}px`);
  popover.style.setProperty("--y", `${within(isBelow ? at.bottom + GAP : at.top - GAP - height, innerHeight - height)}px`);
}

function show(page) {
  const focused = document.activeElement?.id;
  part.replaceChildren(document.adoptNode(page.getElementById("sharing")));
  showMoments(part);
  part.querySelector('[data-share="send"]').hidden = !(navigator.share && isTouch.matches);
  (document.getElementById(focused) ?? field()).focus();
  place();
}

function selectAddress() {
  field().focus();
  field().select();
}

// The clipboard is asked during the click: some browsers refuse it later. Returns whether it has the address.
async function copy(address) {
  try {
    const text = address.then((value) => new Blob([value], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
    return true;
  } catch {
    return false; // not allowed, or no HTTPS: to be copied by hand
  }
}

async function copyShown(copied) {
  heading.textContent = (await copied) ? words.copied : words.byHand;
  selectAddress();
  place();
}

async function open(form) {
  opener = form.querySelector("button");
  part.replaceChildren();
  heading.textContent = words.making;
  popover.showModal();
  place();
  const answer = submitForm(form.action, new FormData(form), "sharing");
  const copied = copy(answer.then((page) => page.getElementById("shared-address").getAttribute("value")));
  show(await answer);
  await copyShown(copied);
}

async function change(form, submitter) {
  show(await submitForm(form.action, new FormData(form, submitter), "sharing"));
  heading.textContent = words.saved;
}

async function revoke(form) {
  await submitForm(form.action, {}, "shared-links");
  popover.close();
  toast(words.revoked);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const act = form.dataset.does === "share" ? open : form.dataset.share === "revoke" ? revoke : part?.contains(form) ? change : null;
  if (!act || !popover) return;
  event.preventDefault();
  try {
    await act(form, event.submitter);
  } catch (problem) {
    popover.close();
    say(problem.message, problem.help);
  }
});

popover?.addEventListener("click", ({ target }) => {
  const what = target.closest("[data-share]:not(form)")?.dataset.share;
  if (what === "copy") copyShown(copy(Promise.resolve(field().value)));
  else if (what === "send") navigator.share({ url: field().value }).catch(() => {}); // cancelled
});
window.addEventListener("resize", place);

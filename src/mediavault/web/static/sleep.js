// The sleep timer: playing stops after some minutes, or at the end of what plays. It goes on in the next post of this tab.

const KEY = "mediavault.sleep"; // "end", or when it stops in ms
const MINUTE_MS = 60_000;
const field = () => document.getElementById("sleep");
const stored = () => sessionStorage?.getItem(KEY) ?? "";

export const stopsAtEnd = () => stored() === "end";

export function setUpSleep(player) {
  const off = field().options[0];
  const offWord = off.textContent;

  function show() {
    const left = Math.ceil((Number(stored()) - Date.now()) / MINUTE_MS);
    const isTimed = stored() !== "" && !stopsAtEnd();
    field().value = stopsAtEnd() ? "end" : "";
    off.textContent = isTimed ? field().dataset.left.replace("{n}", left) : offWord;
    field().toggleAttribute("data-on", stored() !== "");
  }
  function set(value) {
    sessionStorage?.setItem(KEY, value);
    show();
  }
  field().addEventListener("change", () => {
    const { value } = field();
    set(/^\d+$/.test(value) ? String(Date.now() + Number(value) * MINUTE_MS) : value);
  });
  player.addEventListener("ended", () => stopsAtEnd() && setTimeout(() => set(""))); // after autoplay has asked
  const ticking = setInterval(() => {
    if (!player.isConnected) return clearInterval(ticking);
    if (stored() === "" || stopsAtEnd()) return;
    if (Date.now() < Number(stored())) return document.activeElement === field() || show();
    player.pause();
    set("");
  }, 1000);
  show();
}

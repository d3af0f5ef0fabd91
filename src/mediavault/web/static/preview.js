// While the mouse rests on a tile's picture, its video plays there, silently, from a part that shows what it is about.

const REST_MS = 400;
const START = 0.1; // of its length: the first seconds are often a title
const wanted = matchMedia("(hover: hover) and (prefers-reduced-motion: no-preference)");
let over = null; // the picture below the mouse
let resting = 0;
let video = null;

function stop() {
  clearTimeout(resting);
  video?.removeAttribute("src"); // which ends the download
  video?.load();
  video?.remove();
  [over, video] = [null, null];
}

function play() {
  video = document.createElement("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true, src: over.dataset.preview });
  video.addEventListener("loadedmetadata", ({ target }) => {
    target.currentTime = target.duration * START;
    target.play().catch(() => {}); // the mouse has left
  });
  video.addEventListener("playing", ({ target }) => target.classList.add("is-shown"));
  over.append(video);
}

document.addEventListener("pointerover", ({ target, pointerType }) => {
  const picture = pointerType === "mouse" && wanted.matches && !navigator.connection?.saveData ? target.closest("[data-preview]") : null;
  if (picture === over) return;
  stop();
  over = picture;
  if (over) resting = setTimeout(play, REST_MS);
});
document.documentElement.addEventListener("pointerleave", stop);
window.addEventListener("pagehide", stop);

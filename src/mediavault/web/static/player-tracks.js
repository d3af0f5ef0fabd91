// Chapters, subtitles, segments and previews of the player. Most come from the file, so they are read once it is known to play.
// Everything shown is set as text. Without them nothing is shown.

import { base, call, language } from "/static/core.js";
import { clock } from "/static/player-controls.js";
import { remember, remembered } from "/static/player-memory.js";
import { arrange } from "/static/side.js";

const find = (id) => document.getElementById(id);

export function setUpTracks(player, controls) {
  let chapters = [];
  let sheet = null;
  const ready = new Promise((done) => {
    if (player.readyState >= 1) done();
    else player.addEventListener("loadedmetadata", done, { once: true });
  });
  ready.then(async () => {
    const tracks = await call("GET", `${player.dataset.api}/tracks`);
    chapters = tracks.chapters.filter((chapter) => chapter.start_s < player.duration);
    showChapters(player, chapters);
    showSubtitles(player, tracks.subtitles);
    showSegments(player, tracks.segments);
  }).catch(() => {}); // the video plays without them

  controls.onFirstUse = () => {
    ready
      .then(() => call("GET", `${player.dataset.api}/preview`))
      .then((found) => (sheet = found && load(found)))
      .catch(() => {});
  };
  controls.onPoint = (at, share) => showPreview(sheet, chapters, at, share);
}

// --- the preview above the seek bar

function load(sheet) {
  const image = new Image();
  image.src = base + sheet.href;
  return { ...sheet, image };
}

function showPreview(sheet, chapters, at, share) {
  const box = find("preview");
  box.hidden = at === null;
  if (at === null) return;
  box.querySelector('[data-field="at"]').textContent = clock(at);
  box.querySelector('[data-field="chapter"]').textContent = chapters[chapterAt(chapters, at)]?.title ?? "";
  const picture = box.querySelector(".preview-picture");
  picture.hidden = !sheet?.image.naturalWidth;
  if (!picture.hidden) {
    const number = Math.min(sheet.count - 1, Math.floor(at / sheet.step_s));
    const [column, row] = [number % sheet.columns, Math.floor(number / sheet.columns)];
    picture.style.width = `${sheet.width}px`;
    picture.style.height = `${sheet.height}px`;
    picture.style.backgroundImage = `url("${sheet.image.src}")`;
    picture.style.backgroundPosition = `-${column * sheet.width}px -${row * sheet.height}px`;
  }
  const room = box.parentElement.clientWidth - box.offsetWidth;
  box.style.left = `${Math.min(Math.max(0, share * box.parentElement.clientWidth - box.offsetWidth / 2), Math.max(0, room))}px`;
}

// --- chapters: gaps in the seek bar, and a list beside the video that jumps

const chapterAt = (chapters, at) => chapters.findLastIndex((chapter) => chapter.start_s <= at);

function showChapters(player, chapters) {
  if (chapters.length < 2) return;
  const pane = find("chapters");
  find("chapter-marks").replaceChildren(
    ...chapters.filter((chapter) => chapter.start_s > 0).map((chapter) => {
      const mark = document.createElement("i");
      mark.style.left = `${(100 * chapter.start_s) / player.duration}%`;
      return mark;
    }),
  );
  const buttons = chapters.map((chapter, number) => {
    const button = choice(chapter.title || `${pane.dataset.unnamed} ${number + 1}`, clock(chapter.start_s));
    button.addEventListener("click", () => (player.currentTime = chapter.start_s));
    return button;
  });
  pane.querySelector("ol").replaceChildren(
    ...buttons.map((button) => {
      button.lastChild.className = "at";
      button.prepend(button.lastChild);
      const item = document.createElement("li");
      item.append(button);
      return item;
    }),
  );
  delete pane.dataset.none;
  arrange();
  const name = document.querySelector('#controls [data-field="chapter-now"]');
  const follow = () => {
    const current = chapterAt(chapters, player.currentTime);
    name.textContent = chapters[current]?.title ?? "";
    buttons.forEach((button, number) => button.setAttribute("aria-current", String(number === current)));
  };
  for (const event of ["timeupdate", "seeked"]) player.addEventListener(event, follow);
  follow();
}

// --- segments that can be skipped: marks on the seek bar, and a button while one plays

function showSegments(player, segments) {
  const button = find("skip");
  const known = segments.filter((one) => one.start_s < player.duration);
  if (!known.length || !button) return;
  find("segment-marks").replaceChildren(
    ...known.map((one) => {
      const mark = document.createElement("i");
      mark.style.left = `${(100 * one.start_s) / player.duration}%`;
      mark.style.width = `${(100 * (Math.min(one.end_s, player.duration) - one.start_s)) / player.duration}%`;
      return mark;
    }),
  );
  let current;
  const follow = () => {
    const at = player.currentTime;
    current = known.find((one) => one.start_s <= at && at < one.end_s - 0.3);
    button.hidden = !current;
    if (current) button.querySelector("span").textContent = button.dataset[current.category] ?? button.dataset.other;
  };
  button.addEventListener("click", () => {
    if (current) player.currentTime = Math.min(current.end_s, player.duration);
    player.focus();
  });
  for (const event of ["timeupdate", "seeked"]) player.addEventListener(event, follow);
  follow();
}

// --- subtitles: the one that was chosen last is shown again

function showSubtitles(player, subtitles) {
  if (!subtitles.length) return;
  const menu = find("captions");
  const tracks = subtitles.map((each, number) => {
    const element = document.createElement("track");
    const label = each.title || nameOf(each.language) || `${menu.dataset.unnamed} ${number + 1}`;
    Object.assign(element, { kind: "subtitles", label, srclang: each.language, src: base + each.href });
    player.append(element);
    return { element, label, language: each.language };
  });
  const show = (chosen) => {
    tracks.forEach(({ element }, number) => (element.track.mode = number === chosen ? "showing" : "disabled"));
    buttons.forEach((button, number) => button.setAttribute("aria-pressed", String(number === chosen + 1)));
    menu.toggleAttribute("data-on", chosen >= 0);
  };
  const buttons = [menu.dataset.off, ...tracks.map(({ label }) => label)].map((label, number) => {
    const button = choice(label);
    button.addEventListener("click", () => {
      show(number - 1);
      remember({ subtitles: number ? tracks[number - 1].language : null });
      menu.open = false;
      menu.querySelector("summary").focus();
    });
    return button;
  });
  fillMenu(menu, buttons);
  const wanted = player.dataset.subtitles ?? remembered().subtitles; // a link may name the ones that it is about
  show(typeof wanted === "string" ? tracks.findIndex((track) => track.language === wanted) : -1);
}

// "eng" and "en" are English; a text that is no language has no name.
function nameOf(code) {
  try {
    return code && code !== "und" ? new Intl.DisplayNames([language], { type: "language" }).of(code) : "";
  } catch {
    return code;
  }
}

// --- menus

function choice(label, time = "") {
  const button = document.createElement("button");
  button.type = "button";
  const name = document.createElement("bdi");
  name.textContent = label;
  button.append(name);
  if (time) button.append(Object.assign(document.createElement("span"), { textContent: time }));
  return button;
}

function fillMenu(menu, buttons) {
  menu.querySelector(".control-sheet").replaceChildren(...buttons);
  menu.hidden = false;
}

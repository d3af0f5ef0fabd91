// What this browser remembers about the player, from one video to the next: volume, speed, subtitles, autoplay.

const KEY = "mediavault.player";

export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage is forbidden, or its content is not ours
  }
}

export function remember(values) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...remembered(), ...values }));
  } catch {
    // then the next video has the defaults
  }
}

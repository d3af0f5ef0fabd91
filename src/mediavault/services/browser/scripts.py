"""The scripts that look at a page and start its players. Each is one function, run in one frame.

What they must remember between runs lies under one symbol of the window: no name that a page would meet by chance.
Text that a page made is cut to a length in the page, so that no page can fill our memory.
"""

from __future__ import annotations

MAX_HTML_CHARS = 10_000_000
MAX_TEXT_CHARS = 20_000
MAX_VIDEOS = 100  # of one frame

_STATE = """
const state = (() => {
  const key = Symbol.for('mediavault');
  if (!window[key]) {
    Object.defineProperty(window, key, {value: {
      mimes: [], systems: [], encrypted: false, muted: new WeakMap(), clicked: new WeakSet(),
    }});
  }
  return window[key];
})();
"""

# Wraps the three calls that tell how a player is fed. Not used where a platform's page data tells everything.
HOOKS = f"""(() => {{
{_STATE}
const note = (list, value) => {{
  const text = String(value).slice(0, 200);
  if (list.length < 50 && !list.includes(text)) list.push(text);
}};
const watch = (owner, name, before) => {{
  const original = owner && owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (...args) {{
    try {{ before(...args); }} catch {{ /* the page's own call goes on */ }}
    return original.apply(this, args);
  }};
}};
watch(window.MediaSource && MediaSource.prototype, 'addSourceBuffer', mime => note(state.mimes, mime));
watch(window.Navigator && Navigator.prototype, 'requestMediaKeySystemAccess', system => note(state.systems, system));
watch(window.HTMLMediaElement && HTMLMediaElement.prototype, 'setMediaKeys', keys => {{ if (keys) state.encrypted = true; }});
document.addEventListener('encrypted', () => {{ state.encrypted = true; }}, true);
}})();"""

_VIDEOS = """
const videos = [];
const roots = [document];
while (roots.length && videos.length < LIMIT) {
  const root = roots.shift();
  for (const element of root.querySelectorAll('video')) {
    if (videos.length < LIMIT) videos.push(element);
  }
  // open shadow roots hide players; walking every element is bounded by the page's size, so cap it
  let walked = 0;
  for (const element of root.querySelectorAll('*')) {
    if (++walked > 20000) break;
    if (element.shadowRoot && roots.length < 200) roots.push(element.shadowRoot);
  }
}
const shown = element => {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && style.display !== 'none';
};
const up = element => element.parentElement || (element.getRootNode() && element.getRootNode().host) || null;
const ADVERT = /(?:^|[^a-z])(?:ads?|adslot|advert\\w*|sponsor\\w*|promoted|preroll)(?:[^a-z]|$)/i;
const advertised = element => {
  for (let at = element, level = 0; at && level < 10 && !/^(?:ARTICLE|MAIN|BODY|HTML)$/.test(at.tagName); at = up(at), level++) {
    const words = `${at.id} ${at.getAttribute('class') || ''} ${at.getAttribute('aria-label') || ''}`;
    if (ADVERT.test(words.replace(/([a-z])([A-Z])/g, '$1-$2')) || at.hasAttribute('data-ad')) return true;
  }
  return false;
};
const place = element => {
  let box = null;
  for (let at = element; at && !box; at = up(at)) box = at.closest('article,[role="article"]') || null;
  let name = box && `article:${[...document.querySelectorAll('article,[role="article"]')].indexOf(box)}`;
  if (!box) {
    for (let at = element; at && !box; at = up(at)) box = at.closest('main,[role="main"]') || null;
    name = box ? 'main' : '';
  }
  const here = location.origin + location.pathname;
  const own = !!box && (!!box.querySelector('h1')
    || [...box.querySelectorAll('a[href]')].slice(0, 500).some(a => location.pathname !== '/' && a.href.split(/[?#]/)[0] === here));
  return {container: name || '', holds_permalink: own, advert: advertised(element)};
};
""".replace("LIMIT", str(MAX_VIDEOS))

# Mutes the players, brings them into view and asks them to play. Answers {videos, started, failed}: how many a person
# would take for a video, how many of these have something to play, and how many could not load theirs.
PRIME = f"""() => {{
{_STATE}
{_VIDEOS}
const wanted = videos.filter(v => shown(v) && v.getBoundingClientRect().height >= 120 && !advertised(v))
  .sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight).slice(0, 8);
for (const video of wanted.slice().reverse()) {{
  if (!state.muted.has(video)) state.muted.set(video, video.muted);
  video.muted = true;
  video.scrollIntoView({{block: 'center', behavior: 'instant'}});
  if (video.paused) Promise.resolve(video.play()).catch(() => {{}});
}}
return {{videos: wanted.length, started: wanted.filter(v => v.currentSrc && v.readyState > 0).length,
  failed: wanted.filter(v => v.error).length}};
}}"""

# The next thing to click where nothing plays: what looks like a play button, then the player itself. Never inside a
# link that leads elsewhere, never the same element twice. Answers an element or null.
FIND_PLAY = f"""() => {{
{_STATE}
{_VIDEOS}
const leads = element => {{
  const link = element.closest('a[href]');
  return !!link && !/^(?:#|javascript:|$)/i.test(link.getAttribute('href'));
}};
const NOT_PLAY = /playlist|display|replay|autoplay|playback|player-?settings|playground|gameplay|share|download/i;
const words = e => `${{e.id}} ${{e.getAttribute('class') || ''}} ${{e.getAttribute('aria-label') || ''}} ${{e.title || ''}} ${{e.getAttribute('data-testid') || ''}}`;
const buttons = [...document.querySelectorAll(
  'button,[role="button"],.vjs-big-play-button,.plyr__control--overlaid,.shaka-play-button,.mejs__overlay-button,'
  + '[class*="play" i],[id*="play" i],[aria-label*="play" i],[title*="play" i],[data-testid*="play" i],[onclick]')]
  .slice(0, 3000)
  .filter(e => !state.clicked.has(e) && shown(e) && !leads(e) && !advertised(e));
const score = e => {{
  const text = words(e);
  const label = (e.innerText || '').trim().slice(0, 40);
  const named = /(?:^|[^a-z])play(?:[^a-z]|$)|bigplay|playbutton|play-btn/i.test(text.replace(/([a-z])([A-Z])/g, '$1-$2'))
    || /^\\W*(?:play|watch|▶|►)/i.test(label);
  if (NOT_PLAY.test(text) && !named) return 0;
  if (!named) return /play/i.test(text) ? 1 : 0;
  return e.matches('button,[role="button"]') ? 3 : 2;
}};
const ranked = buttons.map(e => [score(e), e.clientWidth * e.clientHeight, e]).filter(r => r[0] > 0)
  .sort((a, b) => b[0] - a[0] || b[1] - a[1]);
const players = videos.filter(v => shown(v) && v.paused && !state.clicked.has(v) && !leads(v) && !advertised(v))
  .sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight);
const chosen = ranked.length ? ranked[0][2] : players[0] || null;
if (chosen) state.clicked.add(chosen);
return chosen;
}}"""

# All that a frame shows of its players, and what the hooks noted.
PLAYERS = f"""() => {{
{_STATE}
{_VIDEOS}
const cut = text => String(text || '').slice(0, 16384);
return {{
  mimes: state.mimes, systems: state.systems, encrypted: state.encrypted,
  videos: videos.map(v => {{
    const box = v.getBoundingClientRect();
    const muted = state.muted.has(v) ? state.muted.get(v) : v.muted;
    const sources = [v.hasAttribute('src') ? v.src : '', ...[...v.querySelectorAll('source')].map(s => s.src)];
    return {{
      current_src: cut(v.currentSrc), sources: sources.filter(Boolean).slice(0, 20).map(cut), poster: cut(v.poster),
      duration_s: Number.isFinite(v.duration) && v.duration > 0 ? v.duration : null,
      width: Math.round(box.width), height: Math.round(box.height),
      video_width: v.videoWidth, video_height: v.videoHeight,
      visible: shown(v), muted_loop: v.loop && muted && !v.controls,
      has_audio: v.webkitAudioDecodedByteCount > 0 ? true : null, ...place(v),
    }};
  }}),
}};
}}"""

# Run on the <iframe> that holds a player: where it stands in the page around it.
PLACE_OF_FRAME = f"""element => {{
{_VIDEOS}
const box = element.getBoundingClientRect();
return {{...place(element), visible: shown(element), width: Math.round(box.width), height: Math.round(box.height)}};
}}"""

DOCUMENT = f"""() => ({{
  url: location.href, title: String(document.title).slice(0, 1000),
  html: document.documentElement ? document.documentElement.outerHTML.slice(0, {MAX_HTML_CHARS}) : '',
  text: document.body ? String(document.body.innerText).slice(0, {MAX_TEXT_CHARS}) : '',
}})"""

HAS_ELEMENT = "selector => !!document.querySelector(selector)"

"""The scripts that look at a page and start its players. Each is one function, run in one frame.

Text that a page made is cut to a length in the page, so that no page can fill our memory.
"""

from __future__ import annotations

from mediavault.services.browser.advert_scripts import ADVERTS, BRING_TO_END
from mediavault.services.browser.hooks import KEY_CHARS, MAX_MANIFEST_CHARS, PLAYS, STATE

MAX_HTML_CHARS = 10_000_000
MAX_TEXT_CHARS = 20_000
MAX_VIDEOS = 100  # of one frame

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

# What a person would take for a video, largest first; what their state is: how many there are, how many of these have
# something to play that is no advert, of how many of those it is known what, and how many could not load theirs; then
# how many players show what is, or may be, an advert before the video.
_WANTED = """
const seen = videos.filter(v => shown(v) && v.getBoundingClientRect().height >= 120)
  .sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight).slice(0, 16);
const standings = new Map(seen.map(v => [v, standsFor(v, adverts)]));
const wanted = seen.filter(v => !advertised(v)).slice(0, 8);
const started = wanted.filter(v => (v.currentSrc || v.srcObject) && v.readyState > 0 && !standings.get(v));
const decorates = v => v.loop && !v.controls && (state.muted.has(v) ? state.muted.get(v) : v.muted);
const known = v => {
  if (decorates(v)) return false;
  const source = state.sources.get(v.currentSrc);
  return source ? source.buffers.length > 0 && source.buffers.every(b => b.urls.length) : /^https?:/.test(v.currentSrc);
};
const standing = {videos: wanted.length, started: started.length, known: started.filter(known).length,
  failed: wanted.filter(v => v.error).length,
  adverts: seen.filter(v => /advert|doubt/.test(standings.get(v))).length};
"""

_ADVERTS = f"{PLAYS}{ADVERTS}"

# Mutes the players, brings them into view and asks them to play. Answers how they stood before. This one and the next
# two are given the addresses that ad servers named.
PRIME = f"""adverts => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
{_WANTED}
for (const video of wanted.slice().reverse()) {{
  if (!state.muted.has(video)) state.muted.set(video, video.muted);
  video.muted = true;
  video.scrollIntoView({{block: 'center', behavior: 'instant'}});
  if (video.paused && !(video.ended && standings.get(video))) Promise.resolve(video.play()).catch(() => {{}});
}}
return standing;
}}"""

# How the players stand, and nothing else.
STANDING = f"""adverts => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
{_WANTED}
return standing;
}}"""

# Brings what is, or may be, an advert to its end, and answers how the players stood after that.
SKIP = f"""adverts => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
{BRING_TO_END}
{_WANTED}
return standing;
}}"""

# The next thing to click where nothing plays: what looks like a play button, then the player itself. Never inside a
# link that leads elsewhere, never the same element twice. Answers an element or null.
FIND_PLAY = f"""() => {{
{STATE}
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
PLAYERS = rf"""() => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
const cut = text => String(text || '').slice(0, 16384);
// a MediaSource that lives in a worker has no address at all
const fromWorker = v => !!window.MediaSourceHandle && v.srcObject instanceof MediaSourceHandle;
// which addresses the buffers behind a blob: address were given parts of
const fedAt = urls => (urls.map(url => state.sources.get(url)).find(Boolean) || {{buffers: []}})
  .buffers.slice(0, 8).map(b => ({{mime: cut(b.mime), urls: b.urls.slice(0, 8)}}));
const feeds = v => fedAt([v.currentSrc, v.src, ...[...v.querySelectorAll('source')].map(s => s.src)]);
const plays = v => {{
  notePlay(v, advertised(v) || adWords(v));
  return (state.plays.get(v) || []).map(p => ({{
    src: p.src, page: p.page, duration_s: p.duration, video_width: p.width, video_height: p.height,
    ended: !!p.ended, labelled: 2 * p.marks > p.looks, fed: fedAt([p.src]),
  }}));
}};
const within = list => {{  // no page fills our memory
  let room = {MAX_MANIFEST_CHARS};
  return list.slice(0, 20).map(m => ({{url: cut(m.url), text: String(m.text)}})).filter(m => (room -= m.text.length) >= 0);
}};
// a manifest that stands in the player's own address; others are noted by the hooks
const inline = v => {{
  const [, type, body] = /^data:([^,]*),([^]*)$/i.exec(v.currentSrc) || [];
  if (!body || body.length > 2 * {MAX_MANIFEST_CHARS} || !/mpegurl|dash\+xml/i.test(type)) return null;
  try {{
    const text = decodeURIComponent(body);
    const binary = /;base64$/i.test(type.trim()) ? Uint8Array.from(atob(text), c => c.charCodeAt(0)) : null;
    return {{url: v.currentSrc.slice(0, {KEY_CHARS}), text: binary ? new TextDecoder().decode(binary) : text}};
  }} catch {{ return null; }}
}};
return {{
  systems: state.systems, encrypted: state.encrypted,
  manifests: within([...state.manifests, ...videos.map(inline).filter(Boolean)]),
  videos: videos.map(v => {{
    const box = v.getBoundingClientRect();
    const muted = state.muted.has(v) ? state.muted.get(v) : v.muted;
    const sources = [v.hasAttribute('src') ? v.src : '', ...[...v.querySelectorAll('source')].map(s => s.src)];
    return {{
      current_src: cut(v.currentSrc || (fromWorker(v) ? 'blob:' : '')), sources: sources.filter(Boolean).slice(0, 20).map(cut), poster: cut(v.poster),
      duration_s: Number.isFinite(v.duration) && v.duration > 0 ? v.duration : null,
      width: Math.round(box.width), height: Math.round(box.height),
      video_width: v.videoWidth, video_height: v.videoHeight,
      visible: shown(v), muted_loop: v.loop && muted && !v.controls,
      has_audio: v.webkitAudioDecodedByteCount > 0 ? true : null, fed: feeds(v),
      protected: state.protected.has(v), plays: plays(v),
      // what is transparent hides nothing
      left: getComputedStyle(v).opacity === '0' ? null : Math.round(box.left + scrollX), top: Math.round(box.top + scrollY), ...place(v),
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

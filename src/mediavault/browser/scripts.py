"""The scripts that inspect a page and start its players. Each is one function, run in one frame.

Text from a page is cut to a maximum length inside the page, so that no page can fill our memory.
Adverts: a mark on the player or the ad server's own answer counts as proof. A weaker sign (a name,
another length than the page announces, another file that a script holds ready) is tested: what
follows in the player shows what it was.
"""

from __future__ import annotations

from mediavault.browser.hooks import KEY_CHARS, MAX_MANIFEST_CHARS, PLAYS, STATE

SHOWN_AFTER_ADVERT_MS = 3_000  # what follows an advert has begun by then
SHOWN_AFTER_DOUBT_MS = 1_500
MAX_SEEKS = 3  # of one advert: a player that does not let it be skipped shows it to its end

# ``adverts`` are the addresses that ad servers named. Needs ``state``, ``shown``, ``advertised``,
# ``up`` and ``notePlay``.
ADVERTS = r"""
const AD_WORDS = /^[^\p{L}]*(?:(?:skip|close)\s+(?:the\s+)?(?:ads?|advert\w*)|ads?|advert(?:isement)?s?|sponsored|werbung|anzeige|publicité|publicidad|anuncio|pubblicità|реклама|広告|广告|광고)(?!\p{L})/iu;
const area = e => { const box = e.getBoundingClientRect(); return box.width * box.height; };
// the words that lie over a player while an advert plays, in the box that belongs to the player alone
const adWords = video => {
  let box = null;
  for (let at = up(video), level = 0; at && level < 4 && !/^(?:ARTICLE|MAIN|BODY|HTML)$/.test(at.tagName); at = up(at), level++) {
    if (area(at) > 1.6 * area(video)) break;
    box = at;
  }
  return !!box && [...box.querySelectorAll('*')].slice(0, 300).some(e => {
    if (e.childElementCount || /^(?:SCRIPT|STYLE|VIDEO)$/.test(e.tagName)) return false;
    const text = e.textContent.trim();
    return text.length > 0 && text.length <= 40 && AD_WORDS.test(text) && shown(e);
  });
};
const folder = url => url.split(/[?#]/)[0].replace(/[^/]*$/, '');
const playing = video => {
  const source = state.sources.get(video.currentSrc);
  return source ? source.buffers.flatMap(b => b.urls.map(each => each.url)) : [video.currentSrc];
};
const named = (urls, adverts) => urls.some(url => adverts.some(
  advert => url === advert || (/\.(?:m3u8|mpd)(?:[?#]|$)/i.test(advert) && folder(url).startsWith(folder(advert)))));
const tail = url => url.split(/[?#]/)[0].split('/').slice(-2).join('/');
const AD_NAME = /(?:^|[^a-z])(?:ads?|adverts?|commercials?|prerolls?|sponsors?|bumpers?)(?:[^a-z]|$)/i;
// a length in seconds where the page announces one, and one only
const announced = () => {
  if (state.announced !== undefined) return state.announced;
  const lengths = new Set();
  for (const script of [...document.querySelectorAll('script[type="application/ld+json"]')].slice(0, 20)) {
    for (const [, , h, m, s] of script.text.slice(0, 200000).matchAll(/"duration"\s*:\s*"P(T)(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?"/g)) {
      lengths.add(3600 * (h || 0) + 60 * (m || 0) + Number(s || 0));
    }
  }
  const meta = document.querySelector('meta[property="og:video:duration"],meta[property="video:duration"]');
  if (meta && Number(meta.content) > 0) lengths.add(Number(meta.content));
  return state.announced = lengths.size === 1 ? [...lengths][0] : null;
};
// files that the page's own short scripts hold ready, and that nothing has asked for yet
const heldReady = () => {
  const found = new Set();
  for (const script of [...document.querySelectorAll('script:not([src])')].slice(0, 50)) {
    if (script.text.length > 20000 || !/\.src\b|\.load\(|loadSource|ended/.test(script.text)) continue;
    for (const [, , url] of script.text.matchAll(/(["'`])([^"'`\s]{3,2000}?\.(?:mp4|m4v|webm|m3u8|mpd)(?:\?[^"'`\s]*)?)\1/gi)) {
      try { found.add(new URL(url, document.baseURI).href); } catch { /* not a URL */ }
    }
  }
  const asked = performance.getEntriesByType('resource').map(entry => entry.name);
  return found.size && found.size <= 4 && asked.length < 250 ? [...found].filter(url => !asked.includes(url)) : [];
};
// renditions of one video differ only in their sizes
const bare = url => url.split(/[?#]/)[0].replace(/\.\w+$/, '').replace(/\d+|hd|sd|hq|lq|low|high|medium/gi, '');
const doubtful = video => {
  if (!Number.isFinite(video.duration) || video.duration > 91 || video.loop) return false;
  const own = playing(video), length = announced();
  if (own.some(url => AD_NAME.test(tail(url)))) return true;
  if (length && video.duration < length / 2 && length - video.duration > 5) return true;
  return own.length > 0 && !(length && Math.abs(length - video.duration) <= 1)
    && heldReady().some(url => !own.some(each => bare(each) === bare(url) || folder(each).startsWith(folder(url))));
};
// returns 'advert', 'doubt' or '' for what a player shows now; a play that ended with nothing after it is no longer waited for
const standsFor = (video, adverts) => {
  const marked = advertised(video) || adWords(video);
  const play = notePlay(video, marked);
  if (!play) return '';
  const sure = marked || named(playing(video), adverts);
  if (play.doubted === undefined && !sure) play.doubted = doubtful(video);
  if (!sure && !play.doubted) return '';
  if (play.ended && performance.now() - play.ended > (sure ? AFTER_ADVERT : AFTER_DOUBT)) return sure ? 'over' : '';
  return sure ? 'advert' : 'doubt';
};
""".replace("AFTER_ADVERT", str(SHOWN_AFTER_ADVERT_MS)).replace(  # noqa: E501
    "AFTER_DOUBT", str(SHOWN_AFTER_DOUBT_MS)
)

# Takes an advert to its end, muted; one that has ended is left alone
BRING_TO_END = """
for (const video of videos) {
  if (!shown(video) || video.getBoundingClientRect().height < 120 || !/advert|doubt/.test(standsFor(video, adverts))) continue;
  if (video.ended) continue;
  if (!state.muted.has(video)) state.muted.set(video, video.muted);
  video.muted = true;
  const play = state.plays.get(video).at(-1);
  const seeks = play.seeks || 0;
  if (Number.isFinite(video.duration) && video.currentTime < video.duration - 0.5 && seeks < MAX_SEEKS) {
    play.seeks = seeks + 1;
    video.currentTime = video.duration - 0.1;
  }
  if (video.paused) Promise.resolve(video.play()).catch(() => {});
}
""".replace("MAX_SEEKS", str(MAX_SEEKS))  # noqa: E501


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
const ADVERT = new RegExp('(?:^|[^a-z])(?:ads?|adslot|advert\\\\w*|sponsor\\\\w*|promoted|preroll'
  + '|taboola|outbrain|teads|primis|connatix|mgid|revcontent|zergnet)(?:[^a-z]|$)', 'i');  // networks of content adverts
const ASIDE = 'aside,[role="complementary"],#sidebar,.sidebar,.side-bar,.sidebox,.side-box,.widget,.widget-area';
const advertised = element => {
  for (let at = element, level = 0; at && level < 10 && !/^(?:ARTICLE|MAIN|BODY|HTML)$/.test(at.tagName); at = up(at), level++) {
    const words = `${at.id} ${at.getAttribute('class') || ''} ${at.getAttribute('aria-label') || ''}`;
    if (ADVERT.test(words.replace(/([a-z])([A-Z])/g, '$1-$2')) || at.hasAttribute('data-ad')) return true;
  }
  return false;
};
// what an element and the boxes around it are called, up to the article: ids, classes, labels, and the heading above it
const names = element => {
  const words = [];
  let heading = '';
  for (let at = element, level = 0; at && level < 12 && !/^(?:ARTICLE|MAIN|BODY|HTML)$/.test(at.tagName); at = up(at), level++) {
    const own = ['id', 'class', 'role', 'title', 'aria-label'].map(name => at.getAttribute(name));
    words.unshift(...own, ...at.getAttributeNames().filter(name => name.startsWith('data-')));
    for (let near = at, count = 0; !heading && near && count < 6; near = near.previousElementSibling, count++) {
      if (/^H[2-6]$/.test(near.tagName)) heading = near.textContent.slice(0, 200);
    }
  }
  return [...words, heading].filter(Boolean).join(' ').replace(/\\s+/g, ' ').slice(-2000);
};
const place = element => {
  const around = {names: names(element), advert: advertised(element)};
  for (let at = element; at; at = up(at)) {
    if (at.closest(ASIDE)) return {container: 'aside', holds_permalink: false, ...around};
  }
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
  return {container: name || '', holds_permalink: own, ...around};
};
""".replace("LIMIT", str(MAX_VIDEOS))  # noqa: E501

# The players that look like the page's videos, largest first, and their state: how many there are,
# how many have something to play other than an advert, how many of those have a known source, and
# how many failed to load; then how many players show a certain or possible advert before the video.
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
"""  # noqa: E501

_ADVERTS = f"{PLAYS}{ADVERTS}"

# Mutes the players, brings them into view and asks them to play. Returns their state before that.
# This script and the next two receive the URLs that ad servers named.
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
}}"""  # noqa: E501

# Returns the state of the players without changing it.
STANDING = f"""adverts => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
{_WANTED}
return standing;
}}"""

# Brings what is, or may be, an advert to its end, and returns the state of the players after that.
SKIP = f"""adverts => {{
{STATE}
{_VIDEOS}
{_ADVERTS}
{BRING_TO_END}
{_WANTED}
return standing;
}}"""

# The next thing to click where nothing plays: the button that declines a consent notice, which may
# cover the player or keep it from loading, then what looks like a play button, then the player
# itself. A notice is never agreed to. Never inside a link that leads elsewhere, never the same
# element twice. Returns an element or null.
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
const CONSENT = /cookie|consent|gdpr|privacy|onetrust|didomi|sp_message|datenschutz|privacidad|confidentialité/i;
const DECLINE = new RegExp('^(?:(?:reject|decline|refuse|deny)(?:\\\\s+(?:all|and close|non-essential))?(?:\\\\s+cookies)?'
  + '|(?:(?:accept|use|allow)\\\\s+)?(?:only\\\\s+)?(?:strictly\\\\s+)?(?:necessary|essential)(?:\\\\s+cookies)?(?:\\\\s+only)?'
  + '|(?:continue|proceed)\\\\s+without\\\\s+(?:accepting|agreeing|consent)|(?:alle(?:s)?\\\\s+)?(?:ablehnen|weigeren)'
  + '|nur\\\\s+(?:notwendige|erforderliche|essenzielle)(?:\\\\s+cookies)?(?:\\\\s+akzeptieren)?|(?:tout\\\\s+)?refuser(?:\\\\s+tout)?'
  + '|continuer\\\\s+sans\\\\s+accepter|rechazar(?:\\\\s+tod[ao]s?)?|rifiuta(?:\\\\s+tutt[io])?|(?:recusar|rejeitar)(?:\\\\s+tudo)?)$', 'i');
const declines = (e, label) => {{
  if (!DECLINE.test(label.replace(/\\s+/g, ' '))) return false;
  for (let at = e, level = 0; at && level < 8; at = up(at), level++) {{
    if (CONSENT.test(words(at)) || (!/^(?:BODY|HTML)$/.test(at.tagName) && CONSENT.test((at.innerText || '').slice(0, 500)))) return true;
  }}
  return false;
}};
const score = e => {{
  const text = words(e);
  const label = (e.innerText || '').trim().slice(0, 40);
  if (declines(e, label)) return 4;
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
}}"""  # noqa: E501

# Returns all that a frame shows of its players, and what the hooks noted.
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
// a manifest that is the player's own source; the hooks note others
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
}}"""  # noqa: E501

# Run on the <iframe> that holds a player: returns its position in the page around it.
PLACE_OF_FRAME = f"""element => {{
{_VIDEOS}
const box = element.getBoundingClientRect();
return {{...place(element), visible: shown(element), width: Math.round(box.width), height: Math.round(box.height)}};
}}"""  # noqa: E501

DOCUMENT = f"""() => ({{
  url: location.href, title: String(document.title).slice(0, 1000),
  html: document.documentElement ? document.documentElement.outerHTML.slice(0, {MAX_HTML_CHARS}) : '',
  text: document.body ? String(document.body.innerText).slice(0, {MAX_TEXT_CHARS}) : '',
}})"""  # noqa: E501

HAS_ELEMENT = "selector => !!document.querySelector(selector)"

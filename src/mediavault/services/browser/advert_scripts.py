"""What in a page tells that a player shows an advert now, and how such a player is brought to its end. Parts of scripts.

A mark on the player or an ad server's own word is taken for true. What only raises a doubt (a name, another length than
the page announces, another file that a script holds ready) is put to the test: what follows tells what it was.
"""

from __future__ import annotations

SHOWN_AFTER_ADVERT_MS = 3_000  # what follows an advert has begun by then
SHOWN_AFTER_DOUBT_MS = 1_500
MAX_SEEKS = 3  # of one advert: a player that does not let it be skipped shows it to its end

# ``adverts`` are the addresses that ad servers named. Needs ``state``, ``shown``, ``advertised``, ``up`` and ``notePlay``.
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
      try { found.add(new URL(url, document.baseURI).href); } catch { /* no address */ }
    }
  }
  const asked = performance.getEntriesByType('resource').map(entry => entry.name);
  return found.size && found.size <= 4 && asked.length < 250 ? [...found].filter(url => !asked.includes(url)) : [];
};
// rungs of one video differ in their measures only
const bare = url => url.split(/[?#]/)[0].replace(/\.\w+$/, '').replace(/\d+|hd|sd|hq|lq|low|high|medium/gi, '');
const doubtful = video => {
  if (!Number.isFinite(video.duration) || video.duration > 91 || video.loop) return false;
  const own = playing(video), length = announced();
  if (own.some(url => AD_NAME.test(tail(url)))) return true;
  if (length && video.duration < length / 2 && length - video.duration > 5) return true;
  return own.length > 0 && !(length && Math.abs(length - video.duration) <= 1)
    && heldReady().some(url => !own.some(each => bare(each) === bare(url) || folder(each).startsWith(folder(url))));
};
// 'advert', 'doubt' or '' of what a player shows now; what has ended and was followed by nothing is no longer waited for
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
""".replace("AFTER_ADVERT", str(SHOWN_AFTER_ADVERT_MS)).replace("AFTER_DOUBT", str(SHOWN_AFTER_DOUBT_MS))

# Muted, to its end; what has ended is left alone
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
""".replace("MAX_SEEKS", str(MAX_SEEKS))

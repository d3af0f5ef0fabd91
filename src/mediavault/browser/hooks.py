"""The script that notes, from a page's first moment on, how its players are fed. Runs in every
frame before its own scripts.

A player that is fed by script shows only ``blob:…`` as its address. What it is fed with is found by
content: the head of everything that the page fetches is kept for a while, and the first parts that
a SourceBuffer is given are looked for in it. That holds where a player fetches in one place,
repacks a transport stream in a worker and appends in another: the coded pictures stay the same
bytes. What a worker fetches itself is not seen here, only by the network.

The only changes that a page can detect are the wrapped functions themselves.
"""

from __future__ import annotations

MAX_MANIFEST_CHARS = 2_000_000
KEY_CHARS = 300  # of a data: URL, enough to identify it

# What the scripts remember between runs is under one symbol of the window, which no page uses by
# chance.
STATE = """
const state = (() => {
  const key = Symbol.for('mediavault');
  if (!window[key]) {
    Object.defineProperty(window, key, {value: {
      systems: [], encrypted: false, muted: new WeakMap(), clicked: new WeakSet(),
      sources: new Map(), manifests: [], protected: new WeakSet(), plays: new WeakMap(),
    }});
  }
  return window[key];
})();
"""

# What an element plays in turn: the same element often shows an advert and then the video.
PLAYS = """
const notePlay = (video, labelled) => {
  const src = String(video.currentSrc || (video.srcObject ? 'blob:' : '')).slice(0, 16384);
  if (!src || video.readyState < 1) return null;
  if (!state.plays.has(video)) state.plays.set(video, []);
  const plays = state.plays.get(video);
  let play = plays[plays.length - 1];
  if (!play || play.src !== src) {
    play = {src, page: location.href.slice(0, 2000), duration: null, width: 0, height: 0, ended: 0, looks: 0, marks: 0};
    if (plays.length >= 12) plays.pop();
    plays.push(play);
  }
  if (Number.isFinite(video.duration) && video.duration > 0) play.duration = video.duration;
  play.width = video.videoWidth || play.width;
  play.height = video.videoHeight || play.height;
  if (video.ended && !play.ended) play.ended = performance.now();
  if (labelled !== undefined) { play.looks++; play.marks += labelled ? 1 : 0; }  // marks come and go a moment late
  return play;
};
"""  # noqa: E501

_PLAYING = """
for (const type of ['loadedmetadata', 'durationchange', 'resize', 'ended']) {
  document.addEventListener(type, ({target}) => { if (target instanceof HTMLVideoElement) quietly(notePlay, target); }, true);
}
"""  # noqa: E501

_MANIFESTS = f"""
const MANIFEST = /^\\uFEFF?\\s*(?:#EXTM3U|(?:<\\?xml[^>]{{0,200}}\\?>\\s*)?(?:<!--[^]{{0,2000}}?-->\\s*){{0,5}}<(?:[\\w.-]{{1,20}}:)?MPD[\\s>])/;
const keep = (url, text) => {{
  if (typeof text !== 'string' || text.length > {MAX_MANIFEST_CHARS} || !MANIFEST.test(text.slice(0, 12000))) return;
  const key = String(url).slice(0, {KEY_CHARS});
  if (state.manifests.length < 20 && !state.manifests.some(m => m.text === text)) state.manifests.push({{url: key, text}});
}};
const utf8 = binary => new TextDecoder().decode(Uint8Array.from(binary, c => c.charCodeAt(0)));
const decode = window.atob;
const keepData = url => {{
  if (!/^data:/i.test(url) || url.length > 2 * {MAX_MANIFEST_CHARS}) return;
  const comma = url.indexOf(',');
  const body = decodeURIComponent(url.slice(comma + 1));
  keep(url, /;base64$/i.test(url.slice(0, comma).trim()) ? utf8(decode.call(window, body)) : body);
}};
"""  # noqa: E501

# The heads of what was fetched, and the search in them for what was appended.
_CONTENT = """
const HEAD = 65536, FETCHED = 60, WINDOW = 24, TRIES = 12, ENOUGH = 3;
const fetched = [];  // {url, head, length}, oldest first
const whole = new Set();  // addresses whose first bytes are those of a file
const bytesOf = data => data instanceof ArrayBuffer ? new Uint8Array(data)
  : ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
const isText = b => b[0] === 0x23 || b[0] === 0x3C || b[0] === 0x7B || b[0] === 0x5B;  // # < { [
const isStart = b => (b[4] === 0x66 && b[5] === 0x74 && b[6] === 0x79 && b[7] === 0x70)
  || (b[0] === 0x1A && b[1] === 0x45 && b[2] === 0xDF && b[3] === 0xA3);
const noteBytes = (url, data, entry) => {
  const bytes = bytesOf(data);
  if (!bytes || !bytes.length || !/^https?:/.test(url)) return entry;
  if (entry) {  // a further part of the same answer
    const room = HEAD - entry.length;
    if (room > 0) { entry.head.set(bytes.subarray(0, room), entry.length); entry.length += Math.min(room, bytes.length); }
    return entry;
  }
  if (bytes.length < 16 || isText(bytes)) return null;
  const fresh = {url, head: new Uint8Array(HEAD), length: Math.min(HEAD, bytes.length)};
  fresh.head.set(bytes.subarray(0, HEAD));
  if (isStart(bytes)) { if (whole.size < 500) whole.add(url); }
  fetched.push(fresh);
  if (fetched.length > FETCHED) fetched.shift();
  return fresh;
};
const uint32 = (b, at) => ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;
const payload = b => {  // where coded data begin: in the first mdat, behind WebM's first cluster, or at once
  let isMp4 = false;
  for (let at = 0, boxes = 0; at + 8 <= b.length && boxes < 30; boxes++) {
    const size = uint32(b, at), type = uint32(b, at + 4);
    if (type === 0x6D646174) return at + 8;  // mdat
    if (size < 8 || !/^[a-zA-Z0-9 ]{4}$/.test(String.fromCharCode(...b.subarray(at + 4, at + 8)))) break;
    isMp4 = true;
    at += size;
  }
  if (isMp4) return -1;  // boxes without coded data: the same in many streams
  if (uint32(b, 0) === 0x1A45DFA3) {
    for (let at = 0; at + 4 < Math.min(b.length, 16384); at++) if (uint32(b, at) === 0x1F43B675) return at + 12;
    return -1;
  }
  return 0;
};
const telling = w => new Set(w).size >= 10;
const holds = (entry, w) => {
  const {head, length} = entry;
  for (let at = head.indexOf(w[0]); at >= 0 && at + w.length <= length; at = head.indexOf(w[0], at + 1)) {
    let same = 1;
    while (same < w.length && head[at + same] === w[same]) same++;
    if (same === w.length) return true;
  }
  return false;
};
const originOf = data => {  // the address of what was appended, or null
  const bytes = bytesOf(data);
  const start = bytes ? payload(bytes) : -1;
  if (start < 0) return null;
  const windows = [24, 170, 420, 900, 1700, 3100, 6100, 12000].map(o => bytes.slice(start + o, start + o + WINDOW))
    .filter(w => w.length === WINDOW && telling(w)).slice(0, 6);
  const needed = Math.min(2, windows.length);
  let best = null, most = 0;
  for (const entry of needed ? fetched : []) {
    const count = windows.filter(w => holds(entry, w)).length;
    if (count < needed || count < most) continue;
    // two streams that begin alike, in silence or with the same titles, prove nothing
    best = count === most && best !== entry.url ? null : entry.url;
    most = count;
  }
  return best;
};
"""  # noqa: E501

_WRAPPING = """
const note = (list, value) => {
  const text = String(value).slice(0, 200);
  if (list.length < 50 && !list.includes(text)) list.push(text);
};
const quietly = (act, ...args) => { try { return act(...args); } catch { return undefined; } };  // the page's call goes on
const wrap = (owner, name, before, after) => {
  const original = owner && owner[name];
  if (typeof original !== 'function') return;
  owner[name] = function (...args) {
    if (before) quietly(before, this, args);
    const result = original.apply(this, args);
    if (after) quietly(after, this, args, result);
    return result;
  };
};
const wrapGetter = (owner, name, after) => {
  const property = owner && Object.getOwnPropertyDescriptor(owner, name);
  if (!property || !property.get) return;
  Object.defineProperty(owner, name, {...property, get() {
    const value = property.get.call(this);
    quietly(after, this, value);
    return value;
  }});
};
"""  # noqa: E501

_PROTECTION = """
wrap(window.Navigator && Navigator.prototype, 'requestMediaKeySystemAccess', (_, [system]) => note(state.systems, system));
wrap(window.HTMLMediaElement && HTMLMediaElement.prototype, 'setMediaKeys', (_, [keys]) => { if (keys) state.encrypted = true; });
document.addEventListener('encrypted', event => { state.encrypted = true; state.protected.add(event.target); }, true);
"""  # noqa: E501

# What is fetched: addresses that hold a manifest themselves, and the heads of binary answers.
_FETCHING = """
const addressOf = input => String(input && input.url !== undefined ? input.url : input);
wrap(window, 'fetch', (_, [input]) => keepData(addressOf(input)));
wrap(window.XMLHttpRequest && XMLHttpRequest.prototype, 'open', (_, [, url]) => keepData(String(url)));
wrap(window, 'atob', null, (_, args, text) => { if (text.length > 30 && MANIFEST.test(text.slice(0, 12000))) keep('data:', utf8(text)); });
const seenAnswers = new WeakSet(), blobs = new WeakMap();  // Blob -> the address it came from
wrapGetter(window.XMLHttpRequest && XMLHttpRequest.prototype, 'response', (request, value) => {
  if (value instanceof Blob) blobs.set(value, request.responseURL);
  if (!(value instanceof ArrayBuffer) || seenAnswers.has(value)) return;
  seenAnswers.add(value);
  noteBytes(request.responseURL, value);
});
const reading = name => wrap(window.Response && Response.prototype, name, null, (answer, _, result) => {
  const url = answer.url;
  result.then(data => quietly(noteBytes, url, data), () => {});
});
reading('arrayBuffer');
reading('bytes');
wrap(window.Response && Response.prototype, 'blob', null, (answer, _, result) => {
  const url = answer.url;
  result.then(blob => { blobs.set(blob, url); return blob.slice(0, HEAD).arrayBuffer(); })
    .then(data => quietly(noteBytes, url, data), () => {});
});
const streams = new WeakMap(), readers = new WeakMap();
wrapGetter(window.Response && Response.prototype, 'body', (answer, stream) => {
  if (stream && !streams.has(stream)) streams.set(stream, {url: answer.url, entry: undefined});
});
wrap(window.ReadableStream && ReadableStream.prototype, 'getReader', null, (stream, _, reader) => {
  if (streams.has(stream)) readers.set(reader, streams.get(stream));
});
wrap(window.ReadableStreamDefaultReader && ReadableStreamDefaultReader.prototype, 'read', null, (reader, _, result) => {
  const answer = readers.get(reader);
  if (!answer || answer.entry === null) return;
  result.then(part => {
    if (!part.done && answer.entry !== null) answer.entry = quietly(noteBytes, answer.url, part.value, answer.entry) || null;
  }, () => {});
});
"""  # noqa: E501

# Which MediaSource is which address, and what its buffers were given.
_FEEDING = """
const sources = new WeakMap(), buffers = new WeakMap();
const recordOf = source => {
  if (!sources.has(source)) sources.set(source, {buffers: []});
  return sources.get(source);
};
const isSource = thing => (window.MediaSource && thing instanceof MediaSource)
  || (window.ManagedMediaSource && thing instanceof ManagedMediaSource);
const sameHead = (entry, bytes) => {
  const length = Math.min(entry.length, bytes.length, 4096);
  return length >= 1024 && entry.head.subarray(0, length).every((value, at) => value === bytes[at]);
};
const feedFromBlob = (blob, url) => {  // a whole file, fetched before it plays
  const fed = {mime: blob.type || 'video/mp4', urls: [], tries: 0};
  if (state.sources.size < 100) state.sources.set(url, {buffers: [fed]});
  const from = address => { if (address && /^https?:/.test(address)) fed.urls.push({url: address.slice(0, 16384), whole: true}); };
  if (blobs.has(blob)) { from(blobs.get(blob)); return; }
  blob.slice(0, HEAD).arrayBuffer().then(data => {
    const entry = fetched.find(each => sameHead(each, new Uint8Array(data)));
    if (entry) from(entry.url);
  }, () => {});
};
wrap(URL, 'createObjectURL', null, (_, [thing], url) => {
  if (isSource(thing)) {
    if (state.sources.size < 100) state.sources.set(url, recordOf(thing));
    return;
  }
  if (!(thing instanceof Blob)) return;
  if (/^video\\//.test(thing.type) || blobs.has(thing)) feedFromBlob(thing, url);
  if (thing.size < 4000000 && !/^(?:image|font|video|audio\\/(?!.*mpegurl))/.test(thing.type)) {
    thing.slice(0, 12000).text().then(head => MANIFEST.test(head) ? thing.text().then(text => keep(url, text)) : 0).catch(() => {});
  }
});
wrap(window.MediaSource && MediaSource.prototype, 'addSourceBuffer', null, (source, [mime], buffer) => {
  const fed = {mime: String(mime).slice(0, 200), urls: [], tries: 0};
  buffers.set(buffer, fed);
  if (recordOf(source).buffers.length < 8) recordOf(source).buffers.push(fed);
});
wrap(window.SourceBuffer && SourceBuffer.prototype, 'appendBuffer', (buffer, [data]) => {
  const fed = buffers.get(buffer);
  if (!fed || fed.urls.length >= ENOUGH || fed.tries >= TRIES) return;
  const url = originOf(data);
  fed.tries++;
  if (url && !fed.urls.some(known => known.url === url)) fed.urls.push({url: url.slice(0, 16384), whole: whole.has(url)});
});
"""  # noqa: E501

HOOKS = (
    f"(() => {{{STATE}{_WRAPPING}{_MANIFESTS}{_CONTENT}{_PROTECTION}{_FETCHING}{_FEEDING}{PLAYS}"
    f"{_PLAYING}}})();"
)

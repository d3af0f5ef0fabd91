"""The pages. ``ORIGIN`` and ``ELSEWHERE`` stand for the two names of the site."""

from __future__ import annotations

HLS_JS = "<script src=/lib/hls.js/dist/hls.js></script>"
SHAKA = "<script src=/lib/shaka-player/dist/shaka-player.compiled.js></script>"
DASH_JS = "<script src=/lib/dashjs/dist/modern/umd/dash.all.min.js></script>"
VIDEO_JS = (
    "<link rel=stylesheet href=/lib/video.js/dist/video-js.css><script"
    " src=/lib/video.js/dist/video.js></script>"
)
PLYR = (
    "<link rel=stylesheet href=/lib/plyr/dist/plyr.css><script src=/lib/plyr/dist/plyr.js></script>"
)
MEDIAELEMENT = (
    "<link rel=stylesheet href=/lib/mediaelement/build/mediaelementplayer.css>"
    "<script src=/lib/mediaelement/build/mediaelement-and-player.js></script>"
)
BIG = 'width="640" height="360"'


def post(
    *scripts: str, video: str = f'<video id="v" {BIG}></video>', then: str = "", around: str = ""
) -> str:
    return f"{''.join(scripts)}<main><h1>A post</h1>{video}</main>{around}<script>{then}</script>"


def hls_js(url: str, element: str = "v", options: str = "{}") -> str:
    return f"{{ const h = new Hls({options}); h.loadSource('{url}'); h.attachMedia({element}); }}"


def shaka(url: str, element: str = "v") -> str:
    return f"{{ const p = new shaka.Player(); p.attach({element}).then(() => p.load({url})); }}"


def video_js(url: str, kind: str, options: str = "") -> str:
    return (
        f"videojs('v', {{controls: true, {options} sources: [{{src: '{url}', type: '{kind}'}}]}});"
    )


_VHS = "html5: {vhs: {overrideNative: true}, nativeAudioTracks: false, nativeVideoTracks: false},"
_HLS, _DASH = "application/x-mpegURL", "application/dash+xml"
_VJS = f'<video id="v" class="video-js" {BIG}></video>'

# One MediaSource, fed by ranges of whole files, one file per track
_BY_RANGES = """
const source = new MediaSource(); v.src = URL.createObjectURL(source);
source.addEventListener('sourceopen', async () => {
  const tracks = TRACKS.map(([url, mime]) => [url, source.addSourceBuffer(mime)]);
  for (const [url, buffer] of tracks) {
    for (let at = 0, total = 1; at < total; at += 40000) {
      const answer = await fetch(url, {headers: {Range: `bytes=${at}-${at + 39999}`}});
      total = Number(answer.headers.get('content-range').split('/')[1]);
      buffer.appendBuffer(await answer.arrayBuffer());
      await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
    }
  }
  source.endOfStream();
});"""
_MP4_TRACKS = """[['/media/tracks/picture.mp4', 'video/mp4; codecs="avc1.42c00d"'], ['/media/tracks/sound.mp4', 'audio/mp4; codecs="mp4a.40.2"']]"""  # noqa: E501
_WEBM_TRACKS = """[['/media/tracks/picture.webm', 'video/webm; codecs="vp9"'], ['/media/tracks/sound.webm', 'audio/webm; codecs="opus"']]"""  # noqa: E501

# Everything is fetched in a worker; the page only appends to its buffers
_IN_WORKER = """
const source = new MediaSource(); v.src = URL.createObjectURL(source);
const worker = new Worker(URL.createObjectURL(new Blob([`
  (async () => {
    const base = 'ORIGIN/media/fmp4/';
    const lines = (await (await fetch(base + 'index.m3u8')).text()).split('\\\\n');
    const names = ['init.mp4', ...lines.filter(line => line && !line.startsWith('#'))];
    for (const name of names) {
      const data = await (await fetch(base + name)).arrayBuffer();
      postMessage(data, [data]);
    }
  })();`])));
source.addEventListener('sourceopen', () => {
  const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.42c00d, mp4a.40.2"');
  const waiting = [];
  const next = () => { if (waiting.length && !buffer.updating) buffer.appendBuffer(waiting.shift());
  };
  buffer.addEventListener('updateend', next);
  worker.onmessage = ({data}) => { waiting.push(data); next(); };
});"""

# Only the click creates the player
_CLICK = f"""<main><h1>A post</h1><div id="box" style="width:640px;height:360px;background:#222">
<button class="big-play-button" style="margin:150px">Play</button></div></main>{HLS_JS}<script>
document.querySelector('button').addEventListener('click', event => {{
  if (!event.isTrusted) return;
  box.innerHTML = '<video id="v" {BIG}></video>';
  {hls_js("/media/ts/index.m3u8", "document.getElementById('v')")}
}});</script>"""


def _two(other: str, *, then: str, scripts: str = HLS_JS) -> str:
    return f"""{scripts}<main><article><h1>A post</h1><video id="v" {BIG}></video></article></main>{other}<script>{then}</script>"""  # noqa: E501


_BOTH = hls_js("/media/short/index.m3u8", "a") + hls_js("/media/ts/index.m3u8")

PAGES: dict[str, str] = {
    "hls.js-ts": post(HLS_JS, then=hls_js("/media/ts/index.m3u8")),
    "hls.js-fmp4": post(HLS_JS, then=hls_js("/media/fmp4/index.m3u8")),
    "hls.js-split": post(HLS_JS, then=hls_js("/media/split/index.m3u8")),
    "hls.js-aes": post(HLS_JS, then=hls_js("/media/aes/index.m3u8")),
    "hls.js-no-worker": post(
        HLS_JS, then=hls_js("/media/ts/index.m3u8", options="{enableWorker: false}")
    ),
    "video.js-ts": post(VIDEO_JS, video=_VJS, then=video_js("/media/ts/index.m3u8", _HLS, _VHS)),
    "video.js-fmp4": post(
        VIDEO_JS, video=_VJS, then=video_js("/media/fmp4/index.m3u8", _HLS, _VHS)
    ),
    "video.js-native": post(VIDEO_JS, video=_VJS, then=video_js("/media/ts/index.m3u8", _HLS)),
    "video.js-dash": post(VIDEO_JS, video=_VJS, then=video_js("/media/dash/index.mpd", _DASH)),
    "video.js-mp4": post(VIDEO_JS, video=_VJS, then=video_js("/media/file/video.mp4", "video/mp4")),
    "shaka-dash": post(SHAKA, then=shaka("'/media/dash/index.mpd'")),
    "shaka-dash-file": post(SHAKA, then=shaka("'/media/dash-file/index.mpd'")),
    "shaka-fmp4": post(SHAKA, then=shaka("'/media/split/index.m3u8'")),
    "shaka-ts": post(SHAKA, then=shaka("'/media/ts/index.m3u8'")),
    "shaka-mp4": post(SHAKA, then=shaka("'/media/file/video.mp4'")),
    "dash.js-dash": post(
        DASH_JS, then="dashjs.MediaPlayer().create().initialize(v, '/media/dash/index.mpd', true);"
    ),
    "dash.js-dash-file": post(
        DASH_JS,
        then="dashjs.MediaPlayer().create().initialize(v, '/media/dash-file/index.mpd', true);",
    ),
    "plyr-mp4": post(
        PLYR, video=f'<video id="v" {BIG} src="/media/file/video.mp4"></video>', then="new Plyr(v);"
    ),
    "plyr-hls": post(PLYR, HLS_JS, then=hls_js("/media/ts/index.m3u8") + "new Plyr(v);"),
    "mediaelement-mp4": post(
        MEDIAELEMENT,
        video=f'<video id="v" {BIG} src="/media/file/video.mp4"></video>',
        then="new MediaElementPlayer('v');",
    ),
    "mediaelement-hls": post(
        MEDIAELEMENT,
        HLS_JS,
        video=f'<video id="v" {BIG}><source src="/media/ts/index.m3u8" type="{_HLS}"></video>',
        then="new MediaElementPlayer('v');",
    ),
    "native-hls": post(video=f'<video id="v" {BIG} src="/media/fmp4/index.m3u8"></video>'),
    "native-hls-unnamed": post(video=f'<video id="v" {BIG} src="/list/split"></video>'),
    "native-hls-data": post(
        then=(
            "fetch('/api/ts/index.m3u8').then(r => r.json()).then(j => { v.src ="
            " 'data:application/x-mpegurl;base64,' + btoa(j.data.player.manifest); });"
        )
    ),
    "tracks-mp4": post(then=_BY_RANGES.replace("TRACKS", _MP4_TRACKS)),
    "tracks-webm": post(then=_BY_RANGES.replace("TRACKS", _WEBM_TRACKS)),
    "file-by-ranges": post(
        then=_BY_RANGES.replace(
            "TRACKS", """[['/media/tracks/picture.mp4', 'video/mp4; codecs="avc1.42c00d"']]"""
        )
    ),
    "blob-fetched": post(
        then=(
            "fetch('/media/file/video.mp4').then(r => r.blob()).then(b => { v.src ="
            " URL.createObjectURL(b); });"
        )
    ),
    "blob-made": post(
        then=(
            "fetch('/media/file/video.mp4').then(r => r.arrayBuffer()).then(a => { v.src ="
            " URL.createObjectURL(new Blob([a], {type: 'video/mp4'})); });"
        )
    ),
    "protected": _two(
        f'<aside><video id="a" {BIG}></video></aside>',
        then=hls_js("/media/twin/index.m3u8", "a") + "v.src = '/media/file/video.mp4';"
        "v.addEventListener('loadedmetadata', () => v.dispatchEvent(new"
        " MediaEncryptedEvent('encrypted')));",
    ),
    "hls.js-progressive": post(
        HLS_JS, then=hls_js("/media/fmp4/index.m3u8", options="{progressive: true}")
    ),
    "hls.js-cmcd": post(
        HLS_JS,
        then=hls_js("/media/ts/index.m3u8", options="{cmcd: {sessionId: 'a', contentId: 'b'}}"),
    ),
    "dash.js-cmcd": post(
        DASH_JS,
        then="const p = dashjs.MediaPlayer().create(); p.updateSettings({streaming: {cmcd:"
        " {enabled: true, mode: 'query'}}});"
        "p.initialize(v, '/media/dash/index.mpd', true);",
    ),
    "shadow": post(
        HLS_JS,
        video="<div id=host></div>",
        then=(
            f"const root = host.attachShadow({{mode: 'open'}}); root.innerHTML = '<video"
            f" {BIG}></video>';"
        )
        + hls_js("/media/ts/index.m3u8", "root.firstChild"),
    ),
    "late": post(
        HLS_JS,
        video="<div id=box></div>",
        then=f"setTimeout(() => {{ box.innerHTML = '<video id=v {BIG}></video>'; "
        + hls_js("/media/ts/index.m3u8", "box.firstChild")
        + "}, 2000);",
    ),
    "sandboxed": (
        '<main><h1>A post</h1><iframe sandbox="allow-scripts" src="/player/hls.js-ts" width="680"'
        ' height="420"></iframe></main>'
    ),
    "range-query": post(
        then=_BY_RANGES.replace(
            "fetch(url, {headers: {Range: `bytes=${at}-${at + 39999}`}})",
            "fetch(`${url}&bytestart=${at}&byteend=${at + 39999}`)",
        )
        .replace(
            "Number(answer.headers.get('content-range').split('/')[1])",
            "Number(answer.headers.get('x-total'))",
        )
        .replace("TRACKS", _MP4_TRACKS.replace(".mp4'", ".mp4?sig=1'"))
    ),
    "source-in-worker": post(
        then="""const worker = new Worker(URL.createObjectURL(new Blob([`
          const source = new MediaSource(); postMessage(source.handle, [source.handle]);
          source.addEventListener('sourceopen', async () => {
            const base = 'ORIGIN/media/fmp4/';
            const lines = (await (await fetch(base + 'index.m3u8')).text()).split('\\\\n');
            const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.42c00d, mp4a.40.2"');
            for (const name of ['init.mp4', ...lines.filter(line => line &&
              !line.startsWith('#'))]) {
              buffer.appendBuffer(await (await fetch(base + name)).arrayBuffer());
              await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
            }
          });`])));
          worker.onmessage = ({data}) => { v.srcObject = data; };"""
    ),
    "worker": post(then=_IN_WORKER),
    "click": _CLICK,
    "service-worker": post(
        HLS_JS,
        then="const play = () => " + hls_js("/media/ts/index.m3u8") + ";"
        "Promise.race([navigator.serviceWorker.register('/post/service-worker.js'), new Promise(r"
        " => setTimeout(r, 500))]).then(play, play);",
    ),
    "framed": (
        '<main><h1>A post</h1><iframe src="ELSEWHERE/player/hls.js-ts" width="680"'
        ' height="420"></iframe></main>'
    ),
    "framed-worker": (
        '<main><h1>A post</h1><iframe src="ELSEWHERE/player/worker" width="680"'
        ' height="420"></iframe></main>'
    ),
    "framed-twice": (
        '<main><h1>A post</h1><iframe src="ELSEWHERE/player/framed-inner" width="700"'
        ' height="440"></iframe></main>'
    ),
    "moved": "<script>location.replace('ELSEWHERE/post/moved-here')</script>",
    "moved-here": (
        '<main><h1>A post</h1><iframe src="ORIGIN/player/untyped-hls" width="680"'
        ' height="420"></iframe></main>'
    ),
    "framed-inner": '<iframe src="ORIGIN/player/shaka-dash" width="680" height="420"></iframe>',
    "untyped-hls": post(HLS_JS, then=hls_js("/stream/ts/hls")),
    "untyped-dash": post(SHAKA, then=shaka("'/stream/dash/dash', null, 'application/dash+xml'")),
    "json-mpd-blob": post(
        SHAKA,
        then=(
            "fetch('/api/dash/index.mpd').then(r => r.json()).then(j => { const u ="
            " URL.createObjectURL(new Blob([j.data.player.manifest])); "
        )
        + shaka("u, null, 'application/dash+xml'")
        + " });",
    ),
    "json-mpd-data": post(
        SHAKA,
        then=(
            "fetch('/api/dash/index.mpd').then(r => r.json()).then(j => { const u ="
            " 'data:application/dash+xml;base64,' + btoa(j.data.player.manifest); "
        )
        + shaka("u")
        + " });",
    ),
    "json-hls-blob": post(
        HLS_JS,
        then="fetch('/api/ts/index.m3u8').then(r => r.json()).then(j => { const u ="
        " URL.createObjectURL(new Blob([j.data.player.manifest], {type:"
        " 'application/x-mpegurl'})); "
        "const h = new Hls(); h.loadSource(u); h.attachMedia(v); });",
    ),
    "advert-labelled": _two(f'<div class="ad-slot"><video id="a" {BIG}></video></div>', then=_BOTH),
    "advert-unlabelled": _two(f'<aside><video id="a" {BIG}></video></aside>', then=_BOTH),
    "advert-dash": _two(
        f'<aside><video id="a" {BIG}></video></aside>',
        scripts=SHAKA,
        then=shaka("'/media/dash-other/index.mpd'", "a") + shaka("'/media/dash/index.mpd'"),
    ),
    "twin": _two(
        f'<aside><video id="a" {BIG}></video></aside>',
        then=hls_js("/media/twin/index.m3u8", "a") + hls_js("/media/ts/index.m3u8"),
    ),
    "carousel": f"""{HLS_JS}<main><article><h1>A post</h1><video id="v" {BIG}></video><video id="w" {BIG}></video></article></main>
        <script>{hls_js("/media/ts/index.m3u8")}{hls_js("/media/short/index.m3u8", "w")}</script>""",  # noqa: E501
    "pieces": post(
        then="""const source = new MediaSource(); v.src = URL.createObjectURL(source);
          source.addEventListener('sourceopen', async () => {
            const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.42c00d, mp4a.40.2"');
            for (const name of ['init.mp4', 'seg000.m4s', 'seg001.m4s', 'seg002.m4s']) {
              buffer.appendBuffer(await (await fetch('/part/fmp4/' + name.slice(0,
                -4))).arrayBuffer());
              await new Promise(done => buffer.addEventListener('updateend', done, {once: true}));
            }
          });"""
    ),
    "next-is-fetched": post(
        HLS_JS,
        then=(
            "fetch('/media/twin/index.m3u8').then(() => fetch('/media/twin/seg000.ts')).then(() =>"
            " {"
        )
        + hls_js("/media/ts/index.m3u8")
        + "});",
    ),
}

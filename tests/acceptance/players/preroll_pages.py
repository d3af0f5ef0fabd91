"""Pages whose player shows an advert before, in, or above the post's video. The names of their
files give no hint, except on the page that says otherwise.
"""

from __future__ import annotations

from tests.acceptance.players.pages import BIG, HLS_JS, VIDEO_JS, post

VAST = """<?xml version="1.0" encoding="UTF-8"?>
<VAST version="4.2" xmlns="http://www.iab.com/VAST"><Ad
id="1"><InLine><AdSystem>spots</AdSystem><AdTitle>A spot</AdTitle>
<Creatives><Creative><Linear><Duration>00:00:03</Duration><MediaFiles>
<MediaFile delivery="progressive" type="video/mp4"
 width="320" height="180"><![CDATA[ FILE ]]></MediaFile>
</MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"""

_SPOT, _POST, _LONG = "/media/spot/one.mp4", "/media/file/video.mp4", "/media/long/video.mp4"

# Plays the URLs one after the other in the element ``v``
_IN_TURN = """
const list = LIST;
const next = () => { if (list.length) { v.src = list.shift(); v.muted = true;
v.play().catch(() => {}); } };
v.addEventListener('ended', next);
"""
# Requests the ad server, then plays its advert and what comes after it
_VIA_VAST = """
fetch('SERVER').then(r => r.text()).then(text => {
  const xml = text.startsWith('{') ? JSON.parse(text).ads[0].xml : text;
  const spot = new DOMParser().parseFromString(xml,
    'text/xml').querySelector('MediaFile').textContent.trim();
  PLAY(spot);
});"""


def _turns(*addresses: str) -> str:
    return _IN_TURN.replace("LIST", str(list(addresses)))


def _vast(play: str, server: str = "/serve?spot=spot/one.mp4") -> str:
    return _VIA_VAST.replace("SERVER", server).replace("PLAY", f"({play})")


_SPOT_THEN_POST = "spot => { list.unshift(spot); next(); }"
_BOXED = (
    f'<div style="position:relative;width:640px;height:360px"><video id="v" {BIG}></video><span'
    ' id="n" style="position:absolute;top:8px;left:8px">Ad · 0:03</span></div>'
)
_ABOVE = (
    f'<div style="position:relative;width:640px;height:360px"><video id="v" {BIG}></video><video'
    f' id="o" {BIG} style="position:absolute;top:0;left:0"></video></div>'
)
_PLAYED_ABOVE = (
    "o.muted = true; o.play().catch(() => {}); o.onended = () => { o.remove(); v.muted = true;"
    " v.play(); };"
)
_IN_THE_MIDDLE = """
let at = 0, spot = '';
v.muted = true; v.src = 'POST'; v.play().catch(() => {});
v.addEventListener('timeupdate', () => { if (spot && !at && v.currentTime > 0.1) {
  at = v.currentTime; v.src = spot; v.play(); } });
v.addEventListener('ended', () => { if (v.src === spot) { v.src = 'POST'; v.currentTime = at;
v.play(); } });
""".replace("POST", _POST)
_POST_CUT_AT_ONCE = f"""spot => {{
  v.muted = true; v.src = '{_POST}'; v.play().catch(() => {{}});
  v.addEventListener('loadedmetadata', () => {{ v.src = spot; v.play().catch(() => {{}});
  }}, {{once: true}});
  v.addEventListener('ended', () => {{ if (v.src === spot) {{ v.src = '{_POST}'; v.play(); }} }});
}}"""
_STREAMS_IN_TURN = """
const play = (url, then) => {
  const h = new Hls(); h.loadSource(url); h.attachMedia(v);
  v.muted = true; h.on(Hls.Events.MANIFEST_PARSED, () => v.play().catch(() => {}));
  v.addEventListener('ended', () => { h.destroy(); if (then) then(); }, {once: true});
};"""
_VJS = f'<video id="v" class="video-js" muted {BIG}></video>'
# As the ad plug-ins of video.js do: the class is set while the advert plays
_VJS_IN_TURN = """
const p = videojs('v', {controls: true, muted: true, html5: {vhs: {overrideNative: true}}});
p.addClass('vjs-ad-playing'); p.src({src: '/media/spot-hls/index.m3u8',
  type: 'application/x-mpegURL'}); p.play();
p.one('ended', () => { p.removeClass('vjs-ad-playing');
p.src({src: '/media/ts/index.m3u8', type: 'application/x-mpegURL'}); p.play(); });
"""
_LD = """<script type="application/ld+json">{"@context":"https://schema.org","@type":"VideoObject","name":"A post","duration":"PT12S"}</script>"""  # noqa: E501
_REFUSES_SEEKS = (
    "let good = 0; v.addEventListener('timeupdate', () => { if (v.currentTime - good < 1) good ="
    " v.currentTime; else if (v.src.includes('spot')) v.currentTime = good; });"
)

PREROLLS: dict[str, str] = {
    "preroll-named": post(then=_turns("/media/spot/ad.mp4", _POST) + "next();"),
    "preroll-unmarked": post(then=_turns(_SPOT, _POST) + "next();"),
    "preroll-announced": post(_LD, then=_turns(_SPOT, _LONG) + "next();"),
    "preroll-in-words": post(
        video=_BOXED, then=_turns(_SPOT, _POST) + (
            "next(); v.addEventListener('ended', () => n.remove(), {once: true});"
        )
    ),
    "preroll-vast": post(then=_turns(_POST) + _vast(_SPOT_THEN_POST)),
    "preroll-vast-json": post(then=_turns(_POST) + _vast(_SPOT_THEN_POST,
                                                         "/serve?json&spot=spot/one.mp4")),
    "preroll-unskippable": post(then=_turns(_POST) + _REFUSES_SEEKS + _vast(_SPOT_THEN_POST)),
    "preroll-alone": post(then=_turns() + _vast(_SPOT_THEN_POST)),
    "preroll-hls": post(
        HLS_JS,
        then=_STREAMS_IN_TURN
        + _vast("spot => play(spot, () => play('/media/ts/index.m3u8'))",
                "/serve?spot=spot-hls/index.m3u8"),
    ),
    "preroll-video.js": post(VIDEO_JS, video=_VJS, then=_VJS_IN_TURN),
    "midroll": post(then=_IN_THE_MIDDLE + _vast("url => { spot = url; }")),
    "midroll-at-once": post(then=_vast(_POST_CUT_AT_ONCE)),
    "above-vast": post(
        video=_ABOVE,
        then=f"v.preload = 'none'; v.src = '{_POST}';" + _vast(f"spot => {{ o.src = spot; {_PLAYED_ABOVE} }}")  # noqa: E501
    ),
    "above-unmarked": post(video=_ABOVE, then=(
        f"v.src = '{_POST}'; o.src = '{_SPOT}'; {_PLAYED_ABOVE}"
    )),
    "above-idle": post(video=_ABOVE, then=f"v.src = '{_POST}';"),
    # reports to the site when its player seeks; has a URL of another quality in its script
    "no-advert": post(
        then="v.addEventListener('seeking', () => fetch('/post/moved-by-us')); v.muted = true;"
             f" v.src = '{_POST}'; v.play();"
        "const larger = () => { v.src = '/media/file/video-1080.mp4'; };"
    ),
    "goes-on": post(
        then=f"v.muted = true; v.src = '{_POST}'; v.play();"
        "v.addEventListener('playing', () => setTimeout(() => {"
        f" history.pushState(null, '', '/post/another'); v.src = '{_LONG}'; v.play(); }}, 150),"
        f" {{once: true}});"
    ),
}  # fmt: skip

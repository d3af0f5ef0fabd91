"""What is reported about a saved playlist or manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediavault.cli.playlist_inspection import inspect_playlist
from mediavault.core.failures import BadInput
from mediavault.download.manifest import MAX_PLAYLIST_BYTES, MAX_SEGMENTS

BASE = "https://cdn.example/a/index.m3u8"
SEGMENTS = (
    '#EXT-X-MAP:URI="i.mp4"\n#EXTINF:4.0,\n1.m4s\n#EXT-X-MAP:URI="j.mp4"\n#EXTINF:2.5,\n2.m4s\n'
)
MASTER = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="en",URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="hi",NAME="es",URI="es.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="lo",NAME="en",URI="lo.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="en",URI="s.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="hi"
a.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="mp4a.40.2",AUDIO="lo"
b.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"
"""
MPD = """<MPD type="{type}" {length}><Period duration="PT6S">
<AdaptationSet mimeType="audio/mp4"><Representation id="a"
bandwidth="1"><BaseURL>a.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet mimeType="video/mp4">{drm}<SegmentTemplate media="$Number$"
initialization="$RepresentationID$" duration="2"/>
<Representation id="v1" bandwidth="1" height="360"/><Representation id="v2" bandwidth="2"
height="720"/></AdaptationSet>
</Period></MPD>"""

UNTIMED_MPD = (
    '<MPD mediaPresentationDuration="P?"><Period><AdaptationSet'
    ' mimeType="video/mp4"><Representation id="v"/>'
    "</AdaptationSet></Period></MPD>"
)

HLS_MEDIA = {
    "type": "hls",
    "role": "media",
    "live": False,
    "drm": False,
    "encrypted": False,
    "variants": 0,
    "segments": 2,
    "duration_s": 6.5,
    "audio_groups": 0,
    "maps": 2,
}
HLS_MASTER = {
    **HLS_MEDIA,
    "role": "master",
    "variants": 2,
    "segments": 0,
    "duration_s": None,
    "audio_groups": 2,
    "maps": 0,
}
DASH = {
    **HLS_MEDIA,
    "type": "dash",
    "role": "master",
    "variants": 2,
    "segments": 3,
    "duration_s": 6.0,
    "audio_groups": 1,
    "maps": 1,
}


def look(text: str, base: str = BASE) -> dict[str, Any]:
    return inspect_playlist(None, text.encode(), base)


def media(*lines: str, end: bool = True) -> str:
    return "\n".join(["#EXTM3U", *lines, SEGMENTS, *(["#EXT-X-ENDLIST"] if end else [])])


def mpd(type: str = "static", length: str = "", drm: str = "") -> str:  # noqa: A002
    return MPD.format(type=type, length=length, drm=drm)


PLAIN = '#EXT-X-KEY:METHOD=AES-128,URI="k"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (media(), HLS_MEDIA),
        (media(end=False), {**HLS_MEDIA, "live": True}),
        (media("#EXT-X-PLAYLIST-TYPE:EVENT", end=False), {**HLS_MEDIA, "live": True}),
        (media("#EXT-X-PLAYLIST-TYPE:EVENT"), HLS_MEDIA),
        (media("#EXT-X-PLAYLIST-TYPE:VOD", end=False), HLS_MEDIA),
        (media(PLAIN), {**HLS_MEDIA, "encrypted": True}),
        (media("#EXT-X-KEY:METHOD=NONE"), HLS_MEDIA),
        (media('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://1"'),
         {**HLS_MEDIA, "encrypted": True, "drm": True}),
        (media('#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="k"'),
         {**HLS_MEDIA, "encrypted": True, "drm": True}),
        (media(PLAIN + ',KEYFORMAT="com.microsoft.playready"'),
         {**HLS_MEDIA, "encrypted": True, "drm": True}),
        (MASTER, HLS_MASTER),
        (MASTER + '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.apple.streamingkeydelivery"\n',
         {**HLS_MASTER, "encrypted": True, "drm": True}),
        (media('#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"'), HLS_MEDIA),
        (media("JUNK"), HLS_MEDIA),
        (media("0.m4s"), {**HLS_MEDIA, "segments": 3}),
        ("#EXTM3U\n", {**HLS_MEDIA, "live": True, "segments": 0, "duration_s": 0.0, "maps": 0}),
        (mpd(), DASH),
        (mpd(length='mediaPresentationDuration="PT6.5S"'), {**DASH, "duration_s": 6.5}),
        (mpd(drm="<ContentProtection/>"), {**DASH, "encrypted": True, "drm": True}),
        (mpd("dynamic"), {**DASH, "live": True, "duration_s": None}),
        (media('#EXTINF:2.5 tvg-id="x",A', "0.m4s"),
         {**HLS_MEDIA, "segments": 3, "duration_s": 9.0}),
        ('<?xml version="1.0"?>\n<?xml-stylesheet href="a.xsl"?><!-- made --><?b?>' + mpd(), DASH),
        (mpd().replace('id="v2"', 'id="v1"'), DASH),
        (UNTIMED_MPD,
         {**DASH, "variants": 1, "segments": 1, "duration_s": None, "audio_groups": 0, "maps": 0}),
    ],
    ids=["vod", "live", "event", "ended event", "vod without end", "key", "no key", "skd", "sample",
         "playready", "master", "session key", "misplaced session key", "junk", "no duration",
         "empty", "dash", "stated length", "cenc", "dynamic", "channel list",
         "processing instructions", "duplicate id", "no length"],
)  # fmt: skip
def test_a_playlist_is_counted(text: str, expected: dict[str, Any]) -> None:
    assert look(text) == expected


@pytest.mark.parametrize("text", [media(), mpd(), MASTER])
def test_the_counts_need_no_base(text: str) -> None:
    assert look(text, "") == look(text)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.m3u8"
    path.write_text(media())

    assert inspect_playlist(path, None, BASE) == HLS_MEDIA


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "<!DOCTYPE html><html></html>",
        '{"a": 1}',
        "<?xml version='1.0'?><rss/>",
        "https://a.example/1.ts\n",
        "<MPD><Period>",
        "<!DOCTYPE MPD><MPD/>",
        "\x00\x01\x02",
        "#EXTM3U\n" + "#EXTINF:1,\n1.ts\n" * (MAX_SEGMENTS + 1),
        "#EXTM3U\n" + "#" * MAX_PLAYLIST_BYTES,
    ],
    ids=[
        "empty",
        "text",
        "page",
        "json",
        "xml",
        "address",
        "torn",
        "doctype",
        "bytes",
        "segments",
        "large",
    ],
)
def test_a_text_that_is_not_a_playlist_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        look(text)


def test_a_smooth_streaming_manifest_is_named_as_such() -> None:
    with pytest.raises(BadInput, match="Smooth Streaming"):
        look(
            '<?xml version="1.0" encoding="utf-8"?>\n'
            '<!-- made --><SmoothStreamingMedia MajorVersion="2"/>'
        )


@pytest.mark.parametrize("path", [Path("/nowhere/x.m3u8"), Path("/"), None])
def test_a_file_that_cannot_be_read_is_bad_input(path: Path | None) -> None:
    with pytest.raises(BadInput):
        inspect_playlist(path, None, BASE)

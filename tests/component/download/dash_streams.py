"""Small DASH streams: the segments of ``tests.media`` behind manifests in each form of
addressing.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av

from tests import media

SEGMENTS = 3
SECONDS = 6.0
NAMES = {"video": "high", "audio": "sound"}


def mpd(*periods: str, attributes: str = 'type="static" mediaPresentationDuration="PT6S"') -> bytes:
    body = "\n".join(periods)
    return (
        f'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}>\n{body}\n'
        "</MPD>"
    ).encode()


def period(video: str, audio: str = "", *, attributes: str = "") -> str:
    pictures = (
        '<AdaptationSet contentType="video" mimeType="video/mp4"><Representation id="high"'
        ' bandwidth="400000" '
        f'width="320" height="180" codecs="avc1.42c01e">{video}</Representation></AdaptationSet>'
    )
    sound = (
        '<AdaptationSet contentType="audio" mimeType="audio/mp4" lang="en"><Representation'
        ' id="sound" '
        f'bandwidth="64000" codecs="mp4a.40.2">{audio}</Representation></AdaptationSet>'
    )
    return f"<Period {attributes}>{pictures}{sound if audio else ''}</Period>"


NUMBERED = (
    '<SegmentTemplate media="$RepresentationID$/seg$Number%03d$.m4s"'
    ' initialization="$RepresentationID$/init.mp4" '
    'startNumber="0" duration="2" timescale="1"/>'
)
TIMED = (
    '<SegmentTemplate media="$RepresentationID$/t$Time$.m4s"'
    ' initialization="$RepresentationID$/init.mp4" '
    'timescale="10"><SegmentTimeline><S t="0" d="20" r="-1"/></SegmentTimeline></SegmentTemplate>'
)


def _pieces(kind: str) -> list[bytes]:
    split, folder = media.hls_split(), NAMES[kind]
    return [
        split[f"{folder}/init.mp4"],
        *(split[f"{folder}/seg{number:03}.m4s"] for number in range(SEGMENTS)),
    ]


def listed(kind: str) -> str:
    folder = NAMES[kind]
    urls = "".join(
        f'<SegmentURL media="{folder}/seg{number:03}.m4s"/>' for number in range(SEGMENTS)
    )
    return (
        '<SegmentList duration="2"><Initialization'
        f' sourceURL="{folder}/init.mp4"/>{urls}</SegmentList>'
    )


def ranged(kind: str) -> str:
    """One file, addressed by byte ranges."""
    at, urls, pieces = 0, "", _pieces(kind)
    for number, piece in enumerate(pieces):
        span = f"{at}-{at + len(piece) - 1}"
        urls += (
            f'<Initialization range="{span}"/>'
            if number == 0
            else f'<SegmentURL mediaRange="{span}"/>'
        )
        at += len(piece)
    return f'<BaseURL>{kind}.mp4</BaseURL><SegmentList duration="2">{urls}</SegmentList>'


def whole(kind: str) -> str:
    return (
        f'<BaseURL>{kind}.mp4</BaseURL><SegmentBase indexRange="0-99"><Initialization'
        ' range="0-9"/></SegmentBase>'
    )


FORMS: Mapping[str, tuple[str, str]] = {
    "numbered": (NUMBERED, NUMBERED),
    "timed": (TIMED, TIMED),
    "listed": (listed("video"), listed("audio")),
    "ranges": (ranged("video"), ranged("audio")),
    "whole files": (whole("video"), whole("audio")),
}


@cache
def files() -> Mapping[str, bytes]:
    """Return all files that these manifests refer to, without a manifest."""
    contents = {name: body for name, body in media.hls_split().items() if not name.endswith("m3u8")}
    for kind, folder in NAMES.items():
        contents[f"{kind}.mp4"] = b"".join(_pieces(kind))
        for number in range(SEGMENTS):
            contents[f"{folder}/t{number * 20}.m4s"] = contents[f"{folder}/seg{number:03}.m4s"]
    return contents


@cache
def _reordered_film() -> bytes:
    return media.encode(
        "mp4", SECONDS, speed={"preset": "fast", "x264-params": "keyint=50:bframes=3"}
    )


def packaged(**options: str) -> Mapping[str, bytes]:
    """Return a stream of FFmpeg's muxer, with ``index.mpd``;
    its pictures are decoded in another order than shown.
    """
    film = _reordered_film()
    with tempfile.TemporaryDirectory() as folder:
        written = {"seg_duration": "2", **options}
        with (
            av.open(io.BytesIO(film), "r") as source,
            av.open(f"{folder}/index.mpd", "w", format="dash", options=written) as out,
        ):
            streams = {
                stream.index: out.add_stream_from_template(stream) for stream in source.streams
            }
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}

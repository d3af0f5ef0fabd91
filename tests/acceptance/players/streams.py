"""The streams that the pages play, by folder and file. Each folder is another encoding,
so no two share bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from tests import media
from tests.component.download import dash_streams

POST_S = 6.0
SHORT_S = 4.0
LONG_S = 12.0
SPOT_S = 3.0  # an advert


@cache
def folder(name: str) -> Mapping[str, bytes]:
    """Return the files of one stream; KeyError if there is no such folder."""
    return _MAKERS[name]()


def _single(**files: bytes) -> Mapping[str, bytes]:
    return {name.replace("_", "."): body for name, body in files.items()}


_MAKERS: dict[str, Callable[[], Mapping[str, bytes]]] = {
    "ts": lambda: media.hls("ts", seconds=POST_S),
    "fmp4": lambda: media.hls("fmp4", seconds=POST_S),
    "split": media.hls_split,
    "aes": media.hls_aes,
    "short": lambda: media.hls("ts", seconds=SHORT_S, bit_rate=150_000),
    "twin": lambda: media.hls("ts", seconds=POST_S, bit_rate=150_000),  # as long as the post's
    "dash": dash_streams.packaged,
    "dash-other": lambda: {**dash_streams.files(), "index.mpd": _numbered()},
    "dash-file": lambda: dash_streams.packaged(single_file="1", global_sidx="1"),
    "file": lambda: _single(video_mp4=media.mp4(POST_S)),
    "long": lambda: _single(video_mp4=media.mp4(LONG_S)),
    "spot": lambda: _single(ad_mp4=media.mp4(SPOT_S), one_mp4=media.mp4(SPOT_S)),
    "spot-hls": lambda: media.hls("ts", seconds=SPOT_S, bit_rate=150_000),
    "tracks": lambda: _single(
        picture_mp4=media.mp4(POST_S, sound=False, layout="fragmented"),
        sound_mp4=media.encode(
            "mp4",
            POST_S,
            video=None,
            options={"movflags": "+frag_keyframe+empty_moov+default_base_moof"},
        ),
        picture_webm=media.encode("webm", POST_S, sound=False, video="libvpx-vp9"),
        sound_webm=media.encode("webm", POST_S, video=None, audio="libopus"),
    ),
}


def _numbered() -> bytes:
    return dash_streams.mpd(dash_streams.period(dash_streams.NUMBERED, dash_streams.NUMBERED))

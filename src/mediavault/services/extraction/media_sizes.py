"""The size and the rate that an address of media states, or that its platform's ladder gives the rung it names. Pure.

Stated is what the address spells out. Nominal is what the platform encodes that rung to: right for the common shape
(16:9, lying), a hint for others, and never a reason to reject a file.
Sources: recorded API answers that give address, size and rate side by side, checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult

from mediavault.core.platform import Platform
from mediavault.services.extraction.media_kind import googlevideo_parameters
from mediavault.services.extraction.meta_efg import Efg, read_efg


@dataclass(frozen=True, slots=True)
class Measures:
    """Pixels, and bits per second; None for what is not known."""

    width: int | None = None
    height: int | None = None
    bitrate: int | None = None


_WIDTH_X_HEIGHT = re.compile(r"(?:^|[/_.-])(\d{3,4})x(\d{3,4})(?=[/_.-]|$)")
_TEMPLATE = re.compile(r"(?:^|&)template=(\d{3,4})x(\d{3,4})(?:\.\d+|&|$)")  # Weibo: width x height . frames a second
# A height alone; the platform's name, or None for software that runs on many hosts
_HEIGHTS: tuple[tuple[str | None, re.Pattern[str]], ...] = (
    ("reddit", re.compile(r"/(?:DASH_|CMAF_|m2-res_)(\d{3,4})p?\.mp4$|/HLS_(\d{3,4})(?:_v\d+)?\.m3u8$")),
    (
        "twitch",
        re.compile(  # behind "offset-" stand seconds
            r"(?:/video|/AT-cm(?:\||%7C)[\w-]+|/\d+-offset-\d+)(?<!-offset)-(\d{3,4})\.mp4$"
            r"|/h264/(\d{3,4})/index\.mp4$",
            re.IGNORECASE,
        ),
    ),
    (None, re.compile(r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}-(\d{3,4})(?:-fragmented)?\.mp4$")),  # PeerTube
)
_PINTEREST_WIDTH = re.compile(r"_(\d{3,4})w\.(?:mp4|m3u8|cmfv)$")


def stated_size(parts: SplitResult, platform: Platform | None) -> tuple[int | None, int | None]:
    """Width and height, each None where the address does not spell it out."""
    if match := _WIDTH_X_HEIGHT.search(parts.path) or _TEMPLATE.search(parts.query):
        return int(match[1]), int(match[2])
    name = platform.name if platform else None
    if name == "pinterest" and (match := _PINTEREST_WIDTH.search(parts.path)):
        return int(match[1]), None
    for known, form in _HEIGHTS:
        if known in (None, name) and (match := form.search(parts.path)):
            return None, int(match[match.lastindex or 1])
    return None, None


def nominal_measures(parts: SplitResult, platform: Platform) -> Measures:
    """What the address states, completed by its platform's ladder."""
    width, height = stated_size(parts, platform)
    if query := googlevideo_parameters(parts):
        return _googlevideo(query)
    if read := _RATES.get(platform.name):
        return Measures(width, height, read(parts, width, height))
    if platform.name == "bilibili":
        return _bilibili(parts)
    if platform.name in _META:
        return _meta(read_efg(parts.query), platform.name)
    return Measures(width, height)


# --- YouTube ---------------------------------------------------------------------------------------------------

_ITAGS: Mapping[tuple[int, int], str] = {
    (176, 144): "17",
    (256, 144): "160 278 330 394 597 598 694",
    (320, 240): "5 36",
    (426, 240): "133 242 331 395 695",
    (640, 360): "18 34 43 134 167 243 332 396 696 82 100",
    (854, 480): "35 44 59 78 135 168 212 218 219 244 245 246 333 397 697 83 101",
    (1280, 720): "22 45 136 169 247 298 302 334 398 698 84 102",
    (1920, 1080): "37 46 137 170 248 299 303 335 399 699 616 85",
    (2560, 1440): "264 271 308 336 400 700",
    (3840, 2160): "266 305 313 315 337 401 701",
    (7680, 4320): "272 402 571 702",
}
_SIZE_OF_ITAG = {itag: size for size, itags in _ITAGS.items() for itag in itags.split()}


def _googlevideo(query: Mapping[str, str]) -> Measures:
    """The frame of the itag for a 16:9 video; the mean rate, since size in bytes and length in seconds stand there."""
    size = _SIZE_OF_ITAG.get(query.get("itag", ""))
    width, height = size or (None, None)
    clen, dur = query.get("clen", ""), query.get("dur", "")
    if (
        not re.fullmatch(r"[0-9]{1,15}", clen)
        or not re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", dur)
        or not float(dur)
    ):
        return Measures(width, height)
    return Measures(width, height, round(int(clen) * 8 / float(dur)))


# --- X ---------------------------------------------------------------------------------------------------------

_X_AUDIO = re.compile(r"/mp4a/(?:\d+/\d+/)?(\d{4,7})/")
# (greatest height, rate) of videos that lie, (greatest width, rate) of those that stand, (side, rate) of squares
_X_LYING = ((270, 256_000), (360, 832_000), (720, 2_176_000), (1080, 10_368_000), (2160, 25_128_000))
_X_STANDING = ((240, 320_000), (320, 632_000), (360, 832_000), (480, 950_000), (720, 2_176_000), (1080, 10_368_000))
_X_SQUARE = ((240, 320_000), (320, 432_000), (540, 832_000), (720, 1_280_000), (1080, 8_768_000))
_X_OLD_AMPLIFY = re.compile(r"(?:^|&)tag=1[34](?:&|$)")  # their lowest rung had a little more
_X_OLD_AMPLIFY_RATE = 288_000


def _x_rate(parts: SplitResult, width: int | None, height: int | None) -> int | None:
    if match := _X_AUDIO.search(parts.path):
        return int(match[1])
    if "/tweet_video/" in parts.path:
        return 0  # X's word for its GIFs, whose rate it does not know
    if "/vid/" not in parts.path or width is None or height is None:
        return None
    rate = _x_rung(width, height)
    if rate == _X_LYING[0][1] and "/amplify_video/" in parts.path and _X_OLD_AMPLIFY.search(parts.query):
        return _X_OLD_AMPLIFY_RATE
    return rate


def _x_rung(width: int, height: int) -> int | None:
    """Very wide and very tall videos are bounded on their long side: at 1280 pixels they are the 720 rung."""
    if width == height:
        return _first_rung(_X_SQUARE, width)
    short, long = (height, width) if width > height else (width, height)
    least = 1080 if long >= 1920 else 720 if long >= 1280 else 0
    return _first_rung(_X_LYING if width > height else _X_STANDING, max(short, least))


def _first_rung(ladder: tuple[tuple[int, int], ...], pixels: int) -> int | None:
    return next((rate for limit, rate in ladder if pixels <= limit), None)


# --- Meta ------------------------------------------------------------------------------------------------------

_META = frozenset({"facebook", "instagram", "threads"})
_FACEBOOK_RUNGS: Mapping[str, tuple[int, int]] = {
    "_hq1_": (640, 360),
    "_hq2_": (1280, 720),
    ".640.sve_sd": (640, 360),
}
_FACEBOOK_WIDTH = re.compile(r"_(\d{3,4})_crf_")
_INSTAGRAM_WIDTHS = frozenset({240, 320, 360, 480, 540, 576, 640, 720, 1080})


def _meta(efg: Efg, platform: str) -> Measures:
    """Facebook's rungs for a video that lies; on Instagram and Threads, where most stand, the rung is the width."""
    if efg.is_audio_track:
        return Measures(bitrate=efg.bitrate)
    if platform != "facebook":
        return Measures(efg.rung if efg.rung in _INSTAGRAM_WIDTHS else None, None, efg.bitrate)
    for name, (width, height) in _FACEBOOK_RUNGS.items():
        if name in efg.tag:
            return Measures(width, height, efg.bitrate)
    if match := _FACEBOOK_WIDTH.search(efg.tag):
        width = int(match[1])
        return Measures(width, width * 9 // 16 + width * 9 // 16 % 2, efg.bitrate)
    return Measures(None, efg.rung, efg.bitrate)


# --- Bilibili --------------------------------------------------------------------------------------------------

_BILIBILI_FILE = re.compile(r"-(\d{1,6})\.(?:m4s|mp4|flv)$")
# Its numbers of qualities; of single tracks that plus 30000 for H.264, and others for H.265 and AV1
_BILIBILI_SIZES: Mapping[tuple[int, int], str] = {
    (426, 240): "6 30006",
    (640, 360): "15 16 30015 30016 30011 100022",
    (852, 480): "32 30032 30033 100023",
    (1280, 720): "64 74 30064 30074 30066 100024",
    (1920, 1080): "80 112 116 30080 30112 30116 30077 30102 100026",
    (3840, 2160): "120 30120 30121",
    (7680, 4320): "127 30127",
}
_SIZE_OF_QUALITY = {number: size for size, numbers in _BILIBILI_SIZES.items() for number in numbers.split()}
_BILIBILI_BYTES = re.compile(r"(?:^|&)bw=(\d{1,9})(?:&|$)")


def _bilibili(parts: SplitResult) -> Measures:
    """The frame of the quality for a video that lies; ``bw`` is what the line needs, in bytes per second."""
    name, line = _BILIBILI_FILE.search(parts.path), _BILIBILI_BYTES.search(parts.query)
    width, height = _SIZE_OF_QUALITY.get(name[1], (None, None)) if name else (None, None)
    return Measures(width, height, int(line[1]) * 8 or None if line else None)


# --- others ----------------------------------------------------------------------------------------------------

_TIKTOK_KIBIBITS = re.compile(r"(?:^|&)bt=(\d{1,6})(?:&|$)")
_REDDIT_RATES: Mapping[tuple[str, int], int] = {
    ("DASH", 1080): 4_800_000,
    ("CMAF", 1080): 5_000_000,
    ("DASH", 720): 2_400_000,
    ("CMAF", 720): 2_400_000,
    ("DASH", 480): 1_200_000,
    ("CMAF", 480): 1_200_000,
    ("DASH", 360): 800_000,
    ("CMAF", 360): 800_000,
}
_REDDIT_RUNG = re.compile(r"/(DASH|CMAF)_(\d{3,4})\.mp4$")
_REDDIT_OLD_RUNG = re.compile(r"/DASH_(?:(\d+)_)?(\d+)_([KM])$")  # "2_4_M" is 2.4 million bits per second
_REDDIT_AUDIO = re.compile(r"/(?:DASH|CMAF|HLS)_AUDIO_(\d{2,3})(?:_K)?\.(?:mp4|m3u8)$")


def _tiktok_rate(parts: SplitResult, _width: int | None, _height: int | None) -> int | None:
    """``bt`` counts whole units of 1024 bits per second (``br`` is twice that)."""
    match = _TIKTOK_KIBIBITS.search(parts.query)
    return int(match[1]) * 1024 or None if match else None


def _reddit_rate(parts: SplitResult, _width: int | None, _height: int | None) -> int | None:
    if match := _REDDIT_AUDIO.search(parts.path):
        return int(match[1]) * 1000
    if match := _REDDIT_OLD_RUNG.search(parts.path):
        tenths = int(match[1] or 0) * 10 + int(match[2]) if match[1] else int(match[2]) * 10
        return tenths * (100_000 if match[3] == "M" else 100)
    match = _REDDIT_RUNG.search(parts.path)
    return _REDDIT_RATES.get((match[1], int(match[2]))) if match else None


_RATES = {"x": _x_rate, "tiktok": _tiktok_rate, "reddit": _reddit_rate}

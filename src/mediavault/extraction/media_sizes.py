"""The size and bit rate of a media URL: as it states them, or as the site encodes the quality that it names. Pure.

Stated is what the URL spells out. Nominal is what the site encodes that quality to: right for landscape 16:9, a hint for
other shapes, and never a reason to reject a file.
Sources: recorded API answers that give URL, size and rate side by side, checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import SplitResult

from mediavault.core.platform import Measures, Platform
from mediavault.extraction.media_kind import googlevideo_parameters

_WIDTH_X_HEIGHT = re.compile(r"(?:^|[/_.-])(\d{3,4})x(\d{3,4})(?=[/_.-]|$)")
_TEMPLATE = re.compile(r"(?:^|&)template=(\d{3,4})x(\d{3,4})(?:\.\d+|&|$)")  # Weibo: width x height . frames per second
_PEERTUBE_HEIGHT = re.compile(r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}-(\d{3,4})(?:-fragmented)?\.mp4$")


def stated_size(parts: SplitResult, platform: Platform | None) -> tuple[int | None, int | None]:
    """Return width and height, each None where the URL does not spell it out."""
    if match := _WIDTH_X_HEIGHT.search(parts.path) or _TEMPLATE.search(parts.query):
        return int(match[1]), int(match[2])
    if platform is not None and platform.media.stated_size is not None:
        width, height = platform.media.stated_size(parts)
        if width or height:
            return width, height
    match = _PEERTUBE_HEIGHT.search(parts.path)
    return None, int(match[1]) if match else None


def nominal_measures(parts: SplitResult, platform: Platform) -> Measures:
    """Return what the URL states, completed with what the site encodes the named quality to."""
    width, height = stated_size(parts, platform)
    if query := googlevideo_parameters(parts):
        return _googlevideo(query)
    if platform.media.measures is not None:
        return platform.media.measures(parts, width, height)
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
    """Return the itag's frame for a 16:9 video, and the mean rate from the size in bytes and the length in seconds."""
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

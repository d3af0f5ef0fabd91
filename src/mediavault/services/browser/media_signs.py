"""What a response looks like from its type and address alone: enough to know when to stop watching a page.

What a candidate really is, is judged in ``services/extraction/media_urls.py``, with the platform's facts.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MANIFEST_MIMES = frozenset(
    {
        "application/vnd.apple.mpegurl",
        "application/x-mpegurl",
        "audio/mpegurl",
        "audio/x-mpegurl",
        "application/mpegurl",
        "application/dash+xml",
        "video/vnd.mpeg.dash.mpd",
    }
)
_JSON_MIME = re.compile(r"^(?:application|text)/(?:[\w.+-]+\+)?(?:json|x-ndjson|ndjson|json-seq|x-json)$")
_MANIFEST_PATH = re.compile(r"\.(?:m3u8|mpd)$", re.IGNORECASE)
_SEGMENT_PATH = re.compile(r"\.(?:ts|m4s|m4f|cmfv|cmfa|m2ts)$|/(?:init|seg(?:ment)?|chunk|frag)[-_.\d]", re.IGNORECASE)
_VIDEO_PATH = re.compile(r"\.(?:mp4|m4v|webm|mov|mkv|ogv|flv)$", re.IGNORECASE)
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/mp4"})


def bare_mime(content_type: str | None) -> str:
    """``Video/MP4; codecs=x`` -> ``video/mp4``; "" where there is none."""
    return (content_type or "").split(";", 1)[0].strip().lower()


def is_json(mime: str) -> bool:
    return _JSON_MIME.match(mime) is not None


def is_manifest(mime: str, url: str) -> bool:
    return mime in MANIFEST_MIMES or _MANIFEST_PATH.search(urlsplit(url).path) is not None


def is_html(mime: str) -> bool:
    return mime in {"text/html", "application/xhtml+xml"}


def names_a_video(mime: str, url: str) -> bool:
    """A whole video's address or a manifest, as far as its name and type say; segments of a stream are not."""
    path = urlsplit(url).path
    if is_manifest(mime, url):
        return True
    if _SEGMENT_PATH.search(path) or mime == "video/mp2t":
        return False
    return mime.startswith("video/") or (mime in _VAGUE and _VIDEO_PATH.search(path) is not None)

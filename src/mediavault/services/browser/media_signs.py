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
# Types under which servers also send JSON and manifests
_SAYS_NOTHING = frozenset(
    {
        "",
        "text/plain",
        "text/html",
        "text/xml",
        "text/javascript",
        "application/xml",
        "application/javascript",
        "application/x-javascript",
        "application/octet-stream",
        "binary/octet-stream",
    }
)
_MANIFEST_TEXT = re.compile(
    rb"(?:\xef\xbb\xbf)?+\s*+(?:#EXTM3U|(?:<\?xml[^>]{0,200}\?>\s*+)?+(?:<!--(?>.{0,2000}?-->)\s*+){0,5}+<(?:[\w.-]{1,20}:)?MPD[\s>])",
    re.DOTALL,
)
_JSON_TEXT = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:for\s*\(\s*;|\)\]\}'|while\s*\(\s*1|\{\s*[\"}]|\[\s*[\[{\"\]])")
_HEAD_BYTES = 12_000


def bare_mime(content_type: str | None) -> str:
    """``Video/MP4; codecs=x`` -> ``video/mp4``; "" where there is none."""
    return (content_type or "").split(";", 1)[0].strip().lower()


def is_json(mime: str) -> bool:
    return _JSON_MIME.match(mime) is not None


def is_manifest(mime: str, url: str) -> bool:
    return mime in MANIFEST_MIMES or _MANIFEST_PATH.search(urlsplit(url).path) is not None


def is_html(mime: str) -> bool:
    return mime in {"text/html", "application/xhtml+xml"}


def is_vague(mime: str) -> bool:
    """A type that says nothing about what is sent, as far as JSON and manifests go."""
    return mime in _SAYS_NOTHING


def names_media(url: str) -> bool:
    """Named like a film or a piece of one, whatever its type says."""
    path = urlsplit(url).path
    return _SEGMENT_PATH.search(path) is not None or _VIDEO_PATH.search(path) is not None


def is_manifest_text(body: bytes) -> bool:
    """An HLS playlist or a DASH manifest by its first characters."""
    return _MANIFEST_TEXT.match(body[:_HEAD_BYTES]) is not None


def looks_like_data(body: bytes) -> bool:
    """A manifest or JSON (also guarded, also several documents) by its first characters."""
    return is_manifest_text(body) or _JSON_TEXT.match(body[:_HEAD_BYTES]) is not None


def names_a_video(mime: str, url: str) -> bool:
    """A whole video's address or a manifest, as far as its name and type say; segments of a stream are not."""
    path = urlsplit(url).path
    if is_manifest(mime, url):
        return True
    if _SEGMENT_PATH.search(path) or mime == "video/mp2t":
        return False
    return mime.startswith("video/") or (mime in _VAGUE and _VIDEO_PATH.search(path) is not None)

"""What a response looks like from its type, its URL and its first characters: media, data, or an
advert. Pure.

Enough to know when to stop watching a page; ``extraction/media_urls.py`` judges candidates with the
platform's facts. Sources for adverts: IAB VAST 4.3 (``MediaFile``, ``Mezzanine``,
``InteractiveCreativeFile``) and VMAP 1.0; looked up 2026-11-24.
"""

from __future__ import annotations

import re
from html import unescape
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
_JSON_MIME = re.compile(
    r"^(?:application|text)/(?:[\w.+-]+\+)?(?:json|x-ndjson|ndjson|json-seq|x-json)$"
)
_MANIFEST_PATH = re.compile(r"\.(?:m3u8|mpd)$", re.IGNORECASE)
_SEGMENT_PATH = re.compile(
    r"\.(?:ts|m4s|m4f|cmfv|cmfa|m2ts)$|/(?:init|seg(?:ment)?|chunk|frag)[-_.\d]", re.IGNORECASE
)
_VIDEO_PATH = re.compile(r"\.(?:mp4|m4v|webm|mov|mkv|ogv|flv)$", re.IGNORECASE)
_VAGUE_VIDEO_MIMES = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/mp4"}
)
# Types under which servers also send JSON and manifests
_VAGUE_MIMES = frozenset(
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
_JSON_TEXT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:for\s*\(\s*;|\)\]\}'|while\s*\(\s*1|\{\s*[\"}]|\[\s*[\[{\"\]])"
)
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
    """Return whether the type leaves open whether JSON or a manifest was sent."""
    return mime in _VAGUE_MIMES


def names_media(url: str) -> bool:
    """Return whether the URL is named like a video or a segment, whatever its type says."""
    path = urlsplit(url).path
    return _SEGMENT_PATH.search(path) is not None or _VIDEO_PATH.search(path) is not None


def is_manifest_text(body: bytes) -> bool:
    """Return whether the body begins as an HLS playlist or a DASH manifest."""
    return _MANIFEST_TEXT.match(body[:_HEAD_BYTES]) is not None


def looks_like_data(body: bytes) -> bool:
    """Return whether the body begins as a manifest or JSON (also guarded,
    also several documents).
    """
    return is_manifest_text(body) or _JSON_TEXT.match(body[:_HEAD_BYTES]) is not None


def names_a_video(mime: str, url: str) -> bool:
    """Return whether name and type show a whole video or a manifest;
    segments of a stream are neither.
    """
    path = urlsplit(url).path
    if is_manifest(mime, url):
        return True
    if _SEGMENT_PATH.search(path) or mime == "video/mp2t":
        return False
    return mime.startswith("video/") or (
        mime in _VAGUE_VIDEO_MIMES and _VIDEO_PATH.search(path) is not None
    )


MAX_ANSWER_CHARS = 2_000_000
MAX_ADVERT_FILES = 200  # of one answer

AD_HOSTS = (
    "doubleclick.net",
    "googlesyndication.com",
    "googleadservices.com",
    "imasdk.googleapis.com",
    "2mdn.net",
    "adnxs.com",
    "amazon-adsystem.com",
    "serving-sys.com",
    "innovid.com",
    "springserve.com",
    "spotxchange.com",
    "teads.tv",
    "moatads.com",
    # of adverts that look like articles; those that publishers also use as their own players are
    # not here
    "taboola.com",
    "outbrain.com",
    "outbrainimg.com",
    "mgid.com",
    "revcontent.com",
    "zergnet.com",
)
_ANSWER = re.compile(rb"<(?:[\w.-]{1,20}:)?(?:VAST|VMAP)[\s>]")
_ESCAPED_ANSWER = re.compile(rb"(?:<|\\u003[cC])(?:[\w.-]{1,20}:)?(?:VAST|VMAP)[\s>\\]")
_FILE = re.compile(
    r"<(?:[\w.-]{1,20}:)?(?:MediaFile|Mezzanine|InteractiveCreativeFile)(?:\s[^<>]{0,4000})?>"
    r"\s*(?:<!\[CDATA\[\s*([^\]\s]{1,8000})|([^<\s]{1,8000}))"
)
_JSON_ESCAPES = (("\\/", "/"), ('\\"', '"'), ("\\u003c", "<"), ("\\u003C", "<"), ("\\u003e", ">"),
                 ("\\u003E", ">"),
                 ("\\u0026", "&"), ("\\n", " "), ("\\t", " "), ("\\r", " "))  # fmt: skip


def on_ad_host(url: str) -> bool:
    """Return whether an advertising network serves it."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in AD_HOSTS)


def is_ad_answer(body: bytes) -> bool:
    """Return whether the body begins as a VAST or VMAP document."""
    return (
        body[:12_000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        and _ANSWER.search(body[:12_000]) is not None
    )


def advert_media(body: bytes) -> tuple[str, ...]:
    """Return the URLs of the adverts that an ad server's answer names, also inside a string of JSON
    or a page.

    () for everything else. Every URL is absolute: VAST has no relative ones.
    """
    if not _ESCAPED_ANSWER.search(body):
        return ()
    text = body[:MAX_ANSWER_CHARS].decode("utf-8", "replace")
    for escaped, plain in _JSON_ESCAPES:
        text = text.replace(escaped, plain)
    named = (match[1] or unescape(match[2]) for match in _FILE.finditer(text))
    files = dict.fromkeys(url for url in named if url.startswith(("http://", "https://", "//")))
    return tuple(url if url.startswith("http") else f"https:{url}" for url in files)[
        :MAX_ADVERT_FILES
    ]

"""What tells that an advert is played: advertising networks, and the files that an ad server's answer names. Pure.

Sources: IAB VAST 4.3 (``MediaFile``, ``Mezzanine``, ``InteractiveCreativeFile``) and VMAP 1.0; looked up 2026-11-24.
"""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

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
)
_ANSWER = re.compile(rb"<(?:[\w.-]{1,20}:)?(?:VAST|VMAP)[\s>]")
_ESCAPED_ANSWER = re.compile(rb"(?:<|\\u003[cC])(?:[\w.-]{1,20}:)?(?:VAST|VMAP)[\s>\\]")
_FILE = re.compile(
    r"<(?:[\w.-]{1,20}:)?(?:MediaFile|Mezzanine|InteractiveCreativeFile)(?:\s[^<>]{0,4000})?>"
    r"\s*(?:<!\[CDATA\[\s*([^\]\s]{1,8000})|([^<\s]{1,8000}))"
)
_JSON_ESCAPES = (("\\/", "/"), ('\\"', '"'), ("\\u003c", "<"), ("\\u003C", "<"), ("\\u003e", ">"), ("\\u003E", ">"),
                 ("\\u0026", "&"), ("\\n", " "), ("\\t", " "), ("\\r", " "))  # fmt: skip


def on_ad_host(url: str) -> bool:
    """Served by an advertising network."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in AD_HOSTS)


def is_ad_answer(body: bytes) -> bool:
    """A VAST or VMAP document by its first characters."""
    return body[:12_000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and _ANSWER.search(body[:12_000]) is not None


def advert_media(body: bytes) -> tuple[str, ...]:
    """The addresses of the adverts that an ad server's answer names, also where it stands in a string of JSON or a page.

    () for everything else. Every address is absolute: VAST knows no relative ones.
    """
    if not _ESCAPED_ANSWER.search(body):
        return ()
    text = body[:MAX_ANSWER_CHARS].decode("utf-8", "replace")
    for escaped, plain in _JSON_ESCAPES:
        text = text.replace(escaped, plain)
    named = (match[1] or unescape(match[2]) for match in _FILE.finditer(text))
    files = dict.fromkeys(url for url in named if url.startswith(("http://", "https://", "//")))
    return tuple(url if url.startswith("http") else f"https:{url}" for url in files)[:MAX_ADVERT_FILES]

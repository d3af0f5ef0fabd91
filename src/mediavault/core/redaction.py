"""Takes out of a text what nobody else may see: cookies, tokens, signed values. For texts that leave the house.

What is only text for people is kept; of an address only its scheme, host and path are. Where it is not sure, it goes.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

GONE = "…"

_DATA = re.compile(r"\bdata:[\w.+-]+/[\w.+-]+[;,]\S*", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>`]+", re.IGNORECASE)
# with everything that follows on its line
_HEADER = re.compile(
    r"\b((?:set-)?cookies?|(?:proxy-)?authorization|x-[\w-]*(?:token|auth|key|session)[\w-]*)([\"']?\s*[:=]\s*)[^\r\n]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_HIDDEN_NAME = (
    r"[\w-]*(?:token|secret|passw|signature|hmac|credential|api_?key|session_?id|cookie|csrf)[\w-]*"
    r"|sig|sign|sid|auth|policy|hdnts|hdnea|key-pair-id|x-amz-[\w-]+|x-goog-[\w-]+|oh|oe|se|sv"
)
_PAIR = re.compile(rf"(?<![\w-])({_HIDDEN_NAME})([\"']?\s*[=:]\s*[\"']?)[^\s&;,\"'<>]+", re.IGNORECASE)
_HIDDEN = re.compile(_HIDDEN_NAME, re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?")


def redact_text(text: str) -> str:
    """Free text: what a site said, what an error held."""
    text = _DATA.sub(f"data:{GONE}", text)
    text = _ADDRESS.sub(lambda found: redact_address(found[0]), text)
    text = _HEADER.sub(rf"\1\2{GONE}", text)
    text = _SCHEME.sub(rf"\1 {GONE}", text)
    text = _PAIR.sub(rf"\1\2{GONE}", text)
    return _JWT.sub(GONE, text)


def redact_address(url: str) -> str:
    """Scheme, host and path; what a path holds of signatures goes as well."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    host = parts.netloc.rpartition("@")[2]
    path = _PAIR.sub(rf"\1\2{GONE}", parts.path)
    return f"{parts.scheme}://{host}{path}" + (f"?{GONE}" if parts.query else "")


def redact_page(url: str) -> str:
    """A post's own address: what its query says of the post stays, what looks like a secret does not."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
    kept = "&".join(name + equals + (GONE if _HIDDEN.fullmatch(name) else value) for name, equals, value in pairs)
    return redact_address(f"{parts.scheme}://{parts.netloc}{parts.path}") + (f"?{kept}" if kept else "")

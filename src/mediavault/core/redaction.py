"""Redaction of secrets (cookies, tokens, signed values) in texts that leave the vault.

Plain prose stays; an address keeps only its scheme, host and path. In doubt, a value is removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

GONE = "…"

_DATA = re.compile(r"\bdata:[\w.+-]++/[\w.+-]++[;,]\S*+", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>`]+", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer|basic)\s++[\w.~+/=-]{6,}+", re.IGNORECASE)
# Names are matched whole and inspected afterwards: an alternative inside a repeated word takes quadratic time.
_NAME = re.compile(r"(?<![\w-])([\w-]++)[\"']?\s*+[:=]\s*+")
_REST_OF_LINE = re.compile(r"()[^\r\n]++")
_VALUE = re.compile(r"([\"']?)[^\s&;,\"'<>]++")
_DOTTED = re.compile(r"[\w.-]++")
_TOKEN_BEGINS = re.compile(r"\beyJ[\w-]{8}")  # a JSON Web Token: base64 of '{"'

_SECRET_PARTS = (
    "token", "secret", "passw", "signature", "hmac", "credential", "api_key", "apikey", "session_id", "sessionid", "cookie",
    "csrf",
)  # fmt: skip
_SECRET_BEGINNINGS = ("x-amz-", "x-goog-")
_SECRET_NAMES = frozenset(
    {"sig", "sign", "sid", "auth", "policy", "hdnts", "hdnea", "key-pair-id", "oh", "oe", "se", "sv"}
)
_HEADER_ENDINGS = ("cookie", "cookies", "authorization")
_HEADER_PARTS = ("token", "auth", "key", "session")  # after "x-"


def redact_text(text: str) -> str:
    """Return free text, such as a site's message or an error, without secrets."""
    text = _DATA.sub(f"data:{GONE}", text)
    text = _ADDRESS.sub(lambda match: redact_address(match[0]), text)
    text = _without_values(text, _is_header, _REST_OF_LINE)
    text = _SCHEME.sub(rf"\1 {GONE}", text)
    text = _without_values(text, _is_secret, _VALUE)
    return _DOTTED.sub(_without_token, text)


def redact_address(url: str) -> str:
    """Return scheme, host and path; signatures in the path are removed too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    host = parts.netloc.rpartition("@")[2]
    path = _without_values(parts.path, _is_secret, _VALUE)
    return f"{parts.scheme}://{host}{path}" + (f"?{GONE}" if parts.query else "")


def redact_page(url: str) -> str:
    """Return a post's address with its query; only query values that look like secrets are removed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    pairs = [pair.partition("=") for pair in parts.query.split("&") if pair]
    kept = "&".join(name + equals + (GONE if _is_secret(name.casefold()) else value) for name, equals, value in pairs)
    return redact_address(f"{parts.scheme}://{parts.netloc}{parts.path}") + (f"?{kept}" if kept else "")


def _without_values(text: str, is_secret: Callable[[str], bool], value: re.Pattern[str]) -> str:
    """Return ``text`` without the values of secret names. Group 1 of ``value``, an opening quotation mark, stays."""
    parts, copied, position = [], 0, 0
    while (name := _NAME.search(text, position)) is not None:
        position = name.end()
        if is_secret(name[1].casefold()) and (match := value.match(text, position)) is not None:
            parts += [text[copied:position], match[1], GONE]
            copied = position = match.end()
    return "".join([*parts, text[copied:]])


def _is_header(name: str) -> bool:
    _, x, rest = f"-{name}".partition("-x-")
    return name.endswith(_HEADER_ENDINGS) or (bool(x) and any(part in rest for part in _HEADER_PARTS))


def _is_secret(name: str) -> bool:
    return name in _SECRET_NAMES or name.startswith(_SECRET_BEGINNINGS) or any(part in name for part in _SECRET_PARTS)


def _without_token(word: re.Match[str]) -> str:
    begins = _TOKEN_BEGINS.search(word[0])
    return word[0][: begins.start()] + GONE if begins and "." in word[0][begins.end() :] else word[0]

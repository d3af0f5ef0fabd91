"""Redaction of secrets (cookies, tokens, signed values) in texts that leave the vault.

Plain prose stays; an address keeps only its scheme, host and path. In doubt, a value is removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from mediavault.core.messages import Message

GONE = "…"
_DIGEST_CHARS = 12

_DATA = re.compile(r"\bdata:[\w.+-]++/[\w.+-]++[;,]\S*+", re.IGNORECASE)
_ADDRESS = re.compile(r"\b(?:https?|wss?|ftp)://[^\s\"'<>`]+", re.IGNORECASE)
# has no place for a secret; quick to tell
_PLAIN = re.compile(r"https?://[\w.-]++(?:/(?:(?!eyJ)[\w./~@-])*+)?+")
_SCHEME = re.compile(r"\b(bearer|basic)\s++[\w.~+/=-]{6,}+", re.IGNORECASE)
# Names are matched whole and inspected afterwards: an alternative inside a repeated word takes
# quadratic time.
_NAME = re.compile(r"(?<![\w-])([\w-]++)[\"']?\s*+[:=]\s*+")
_REST_OF_LINE = re.compile(r"()[^\r\n]++")
_VALUE = re.compile(r"([\"']?)[^\s&;,\"'<>]++")
_DOTTED = re.compile(r"[\w.-]++")
_TOKEN_BEGINS = re.compile(r"\beyJ[\w-]{8}")  # a JSON Web Token: base64 of '{"'

_SECRET_PARTS = (
    "token", "secret", "passw", "signature", "hmac", "credential", "api_key", "apikey",
    "session_id", "sessionid", "cookie",
    "csrf",
)  # fmt: skip
_SECRET_BEGINNINGS = ("x-amz-", "x-goog-")
_SECRET_NAMES = frozenset(
    {
        "sig",
        "sign",
        "sid",
        "auth",
        "policy",
        "hdnts",
        "hdnea",
        "key-pair-id",
        "oh",
        "oe",
        "se",
        "sv",
    }
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


def redact_message(text: str) -> Message:
    """Return a text as :func:`redact_text` does; a message stays translatable,
    and loses secrets in its values only.
    """
    if isinstance(text, Message) and text.values:
        return text.with_texts(redact_message)
    return Message(redact_text(text))


def redact_media(url: str) -> str:
    """Return a medium's address without its query, which often is a signature;
    of a ``data:`` URL nothing but its kind.
    """
    return f"data:{GONE}" if url[:5].casefold() == "data:" else redact_address(url)


def redact_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values with all addresses as of :func:`redact_page`,
    however deep they are; other texts stay.
    """
    return {name: _redact_value(value) for name, value in values.items()}


def redact_address(url: str) -> str:
    """Return scheme, host and path; secrets in the path are removed too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    host = parts.netloc.rpartition("@")[2]
    path = _without_secrets(parts.path)
    return f"{parts.scheme}://{host}{path}" + (f"?{GONE}" if parts.query else "")


def redact_page(url: str) -> str:
    """Return a page's address unchanged, but for user names,
    passwords and the values that look like secrets.
    """
    if _PLAIN.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return GONE
    query = "&".join(map(_redact_pair, parts.query.split("&")))
    fragment = "&".join(map(_redact_pair, parts.fragment.split("&")))
    is_unchanged = (query, fragment) == (parts.query, parts.fragment) and "@" not in parts.netloc
    if is_unchanged and _without_secrets(parts.path) == parts.path:
        return url
    where = redact_address(f"{parts.scheme}://{parts.netloc}{parts.path}")
    return where + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def redact_pages(text: str) -> str:
    """Return a text with all addresses in it as of :func:`redact_page`."""
    return _ADDRESS.sub(lambda match: redact_page(match[0]), text)


def redact_distinctly(url: str) -> str:
    """Return a page's address as :func:`redact_page` does, with a digest of the whole one after
    each removed value.

    So the addresses of two posts that differ in a secret only stay two, and that of one post stays
    the same.
    """
    redacted = redact_page(url)
    return (
        redacted
        if redacted == url
        else redacted.replace(GONE, GONE + sha256(url.encode()).hexdigest()[:_DIGEST_CHARS])
    )


def _redact_pair(pair: str) -> str:
    """Return ``name=value`` without a secret value,
    also where the value is itself an address with a secret.
    """
    name, equals, value = pair.partition("=")
    if _is_secret(unquote_plus(name).casefold()):
        return name + equals + GONE if value and not value.startswith(GONE) else pair
    plain = unquote_plus(pair)
    return pair if _without_secrets(plain) == plain else name + equals + GONE if equals else GONE


def _redact_value(value: Any) -> Any:
    if isinstance(value, str):
        return redact_page(value) if _ADDRESS.fullmatch(value) else value
    if isinstance(value, Mapping):
        return redact_values(value)
    return [_redact_value(one) for one in value] if isinstance(value, (list, tuple)) else value


def _without_secrets(text: str) -> str:
    return _DOTTED.sub(_without_token, _without_values(text, _is_secret, _VALUE))


def _without_values(text: str, is_secret: Callable[[str], bool], value: re.Pattern[str]) -> str:
    """Return ``text`` without the values of secret names. Group 1 of ``value``,
    an opening quotation mark, stays.
    """
    parts, copied, position = [], 0, 0
    while (name := _NAME.search(text, position)) is not None:
        position = name.end()
        if is_secret(name[1].casefold()) and (match := value.match(text, position)) is not None:
            parts += [text[copied:position], match[1], GONE]
            copied = position = match.end()
    return "".join([*parts, text[copied:]])


def _is_header(name: str) -> bool:
    _, x, rest = f"-{name}".partition("-x-")
    return name.endswith(_HEADER_ENDINGS) or (
        bool(x) and any(part in rest for part in _HEADER_PARTS)
    )


def _is_secret(name: str) -> bool:
    return (
        name in _SECRET_NAMES
        or name.startswith(_SECRET_BEGINNINGS)
        or any(part in name for part in _SECRET_PARTS)
    )


def _without_token(word: re.Match[str]) -> str:
    begins = _TOKEN_BEGINS.search(word[0])
    return (
        word[0][: begins.start()] + GONE if begins and "." in word[0][begins.end() :] else word[0]
    )

"""The cookies that yt-dlp received on its way to a format, with their scopes. Pure.

Each format has those that a request for it would carry, in one line: ``name=value; Domain=.a.example; Path=/;
Secure; Expires=1764000000; next=…``, values with special characters in quotes. Source: ``YoutubeDL._calc_headers``,
read in 2026.10.26. They are held in memory only, and never stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from mediavault.core.cookies import Cookie, cookies_for, joined
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.json_walk import Node

MAX_COOKIES = 100
MAX_CHARS = 16_384  # of one format's line; a longer one may have been cut off
_ATTRIBUTES = frozenset({"domain", "path", "secure", "expires", "version", "httponly", "samesite", "max-age"})
_DOMAIN = re.compile(r"\.?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,30}|\[[0-9a-f:.]{2,45}\]")
_LAST_SECOND = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def cookies_of(entries: Sequence[Node], *, now: datetime) -> tuple[Cookie, ...]:
    """Return the cookies of all formats, each once, without those that do not match their own format's URLs."""
    cookies: tuple[Cookie, ...] = ()
    for fmt in (fmt for entry in entries for fmt in values.objects(entry.get("formats"))):
        text = fmt.get("cookies")
        if isinstance(text, str) and len(text) <= MAX_CHARS:
            addresses = [address for name in ("url", "manifest_url") if (address := values.url(fmt.get(name)))]
            read = tuple(read_cookies(text))
            matching = [cookie for address in addresses for cookie in cookies_for(address, read, now=now)]
            cookies = joined(cookies, matching)
    return cookies[:MAX_COOKIES]


def read_cookies(text: str) -> Iterator[Cookie]:
    """Yield the cookies of one line, without those whose domain is missing or malformed."""
    name, value = "", ""
    attributes: dict[str, str] = {}
    for pair in (*text.split("; "), "="):
        key, _, content = pair.partition("=")
        if name and key.lower() in _ATTRIBUTES:
            attributes[key.lower()] = content
            continue
        if name and (cookie := _cookie(name, value, attributes)) is not None:
            yield cookie
        name, value, attributes = key.strip(), _unquoted(content), {}


def _cookie(name: str, value: str, attributes: dict[str, str]) -> Cookie | None:
    domain, expires = attributes.get("domain", "").lower(), attributes.get("expires", "")
    if not _DOMAIN.fullmatch(domain):
        return None
    seconds = min(int(expires), _LAST_SECOND) if re.fullmatch(r"[0-9]{1,18}", expires) else None
    return Cookie(
        name=name,
        value=value,
        domain=domain.removeprefix("."),
        path=attributes.get("path") or "/",
        secure="secure" in attributes,
        host_only=not domain.startswith("."),
        expires_at=datetime.fromtimestamp(seconds, UTC) if seconds else None,
    )


def _unquoted(value: str) -> str:
    """Undo Python's quoting: three octal digits, or the character itself, after a backslash."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return value
    return re.sub(r"\\(?:([0-3][0-7]{2})|(.))", lambda m: chr(int(m[1], 8)) if m[1] else m[2], value[1:-1])


# --- the form in which it gets those of a session -----------------------------------------------------------------


def to_netscape_format(cookies: Iterable[Cookie]) -> str:
    """Return cookies in the text format of Netscape's browser, which everything reads; "" for none.

    A cookie that would break its line is left out.
    """
    lines = [_cookie_line(cookie) for cookie in cookies]
    safe = [line for line in lines if line.count("\t") == 6 and not _CONTROL.search(line)]
    return "\n".join(["# Netscape HTTP Cookie File", *safe, ""]) if safe else ""


_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # the tab separates the fields


def _cookie_line(cookie: Cookie) -> str:
    domain = cookie.domain if cookie.host_only else f".{cookie.domain}"
    ends = int(cookie.expires_at.timestamp()) if cookie.expires_at else 0
    flags = ("FALSE" if cookie.host_only else "TRUE", cookie.path or "/", "TRUE" if cookie.secure else "FALSE")
    return "\t".join((domain, *flags, str(ends), cookie.name, cookie.value))

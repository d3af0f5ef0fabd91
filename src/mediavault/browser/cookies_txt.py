"""The Netscape ``cookies.txt`` that browsers' extensions and other tools write, line by line. Pure.

Seven columns separated by tabs: domain, whether sub-domains count, path, whether only over TLS,
expiry (epoch seconds, 0 for a session's), name, value. ``#HttpOnly_`` before the domain marks a
cookie that scripts do not see; other lines with ``#`` are comments. Source: curl's documentation of
its cookie file, checked 2026-11-24.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from mediavault.core.cookies import Cookie
from mediavault.core.failures import BadInput
from mediavault.core.messages import Message

MAX_LINES = 20_000
MAX_CHARS = 4 << 20
_MAX_COOKIE_CHARS = 4_096  # name and value (RFC 6265bis, section 5.6)
_HTTP_ONLY = "#HttpOnly_"
_COLUMNS = 7
_DOMAIN = re.compile(r"\.?[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?", re.IGNORECASE)
_EXPIRY = re.compile(r"-?\d{1,18}(?:\.\d{1,9})?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_LAST_SECOND = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
_MICROSECONDS_FROM = 1e14  # some tools write microseconds, others milliseconds
_MILLISECONDS_FROM = 1e11


def read_cookies_txt(text: str) -> list[Cookie]:
    """Parse the cookies of a file. Raises BadInput,
    which names the invalid line and never shows a value.
    """
    if len(text) > MAX_CHARS:
        raise BadInput(
            Message("The file is larger than %(max_chars)s MiB.", max_chars=MAX_CHARS >> 20),
            help="Export the cookies of one site only.",
        )
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > MAX_LINES:
        raise BadInput(
            Message("The file has more than %(max_lines)s lines.", max_lines=MAX_LINES),
            help="Export the cookies of one site only.",
        )
    cookies = [
        cookie
        for number, line in enumerate(lines, 1)
        if (cookie := _read(line, number)) is not None
    ]
    if not cookies:
        raise BadInput("No cookies found in the file.", help=_FORM)
    return cookies


_FORM = Message(
    "A cookies.txt in Netscape format is needed: seven columns separated by tabs, one cookie per"
    " line."
)


def _read(line: str, number: int) -> Cookie | None:
    is_marked = line.startswith(_HTTP_ONLY)
    if not line.strip() or (line.startswith("#") and not is_marked):
        return None
    columns = (line.removeprefix(_HTTP_ONLY) if is_marked else line).rstrip("\r\n").split("\t")
    if len(columns) == _COLUMNS - 1:  # tools that write no empty value at the end
        columns.append("")
    if len(columns) != _COLUMNS:
        raise _bad(
            number,
            Message(
                "it needs %(wanted)s columns and has %(found)s", wanted=_COLUMNS, found=len(columns)
            ),
        )
    domain, subdomains, path, secure, expires, name, value = columns
    if not _DOMAIN.fullmatch(domain):
        raise _bad(number, Message("its first column is not a domain"))
    if {subdomains.upper(), secure.upper()} - {"TRUE", "FALSE"}:
        raise _bad(number, Message("its second and fourth columns must be TRUE or FALSE"))
    if not path.startswith("/"):
        raise _bad(number, Message("its third column is not a path"))
    if (
        not name
        or _CONTROL.search(name + value)
        or ";" in name + value
        or len(name) + len(value) > _MAX_COOKIE_CHARS
    ):
        raise _bad(number, Message("browsers do not accept its name or value"))
    return Cookie(
        name=name,
        value=value,
        domain=domain.lower().removeprefix("."),
        path=path,
        secure=secure.upper() == "TRUE",
        host_only=subdomains.upper() == "FALSE" and not domain.startswith("."),
        expires_at=_expiry(expires, number),
        http_only=is_marked,
    )


def _expiry(text: str, number: int) -> datetime | None:
    """Parse an expiry; None for a session's cookie.
    A time beyond the calendar becomes its last day.
    """
    if not _EXPIRY.fullmatch(text):
        raise _bad(number, Message("its fifth column is not a time in epoch seconds"))
    seconds = float(text)
    if seconds <= 0:
        return None
    if seconds >= _MICROSECONDS_FROM:
        seconds /= 1e6
    elif seconds >= _MILLISECONDS_FROM:
        seconds /= 1e3
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC)


def _bad(number: int, why: str) -> BadInput:
    return BadInput(
        Message("Line %(number)s is not a cookie: %(reason)s.", number=number, reason=why),
        help=_FORM,
    )

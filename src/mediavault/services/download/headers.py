"""What the header fields of an answer say about its bytes. Pure; a malformed field counts as absent (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from mediavault.core.retry_after import http_date

STRONG_DATE_AGE = timedelta(seconds=60)  # RFC 9110, 8.8.2.2: then a date cannot stand for two versions


@dataclass(frozen=True, slots=True)
class ContentRange:
    """``start`` and ``end`` are inclusive; both None in a 416's ``bytes */total``. ``total`` None: ``*``."""

    start: int | None
    end: int | None
    total: int | None


_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)


def content_range(value: str | None) -> ContentRange | None:
    """Bytes from and up to, both included, and of how many; None where it is absent, malformed or contradicts itself."""
    match = _RANGE.fullmatch(value.strip()) if value else None
    if match is None:
        return None
    start, end = (int(match[1]), int(match[2])) if match[1] else (None, None)
    total = None if match[3] == "*" else int(match[3])
    if start is not None and end is not None and (end < start or (total is not None and end >= total)):
        return None
    return ContentRange(start, end, total)


def content_length(headers: Mapping[str, str]) -> int | None:
    """In bytes; None where it is absent or no number."""
    value = headers.get("content-length", "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 18 else None


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Compressed although ``identity`` was asked for: its length and ranges then count other bytes than the file's."""
    return headers.get("content-encoding", "").strip().lower() not in ("", "identity")


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """Weak ones (``W/``) may stand for different bytes, so they are worth nothing here."""
    value = headers.get("etag", "").strip()
    return value if re.fullmatch(r'"[\x21\x23-\x7e\x80-\xff]*"', value) else None


def strong_last_modified(headers: Mapping[str, str]) -> str | None:
    """The date of the last change, if it lay a minute back when the server answered."""
    value = headers.get("last-modified", "").strip()
    changed, answered = http_date(value), http_date(headers.get("date"))
    if changed is None or answered is None or answered - changed < STRONG_DATE_AGE:
        return None
    return value


def media_type(headers: Mapping[str, str]) -> str | None:
    """In lower case, without parameters; None where it is absent."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() or None

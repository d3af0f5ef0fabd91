"""Readers for the forms in which signed URLs write a point in time, one value each. Pure; none of them raises.
Their callers limit how long a value may be.

A value that is malformed, or is before 2005 or after 2100, counts as absent, so that a counter, a size or a relative
time is never taken for a point in time.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from mediavault.extraction.page_data import values

_EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)
_LATEST = datetime(2101, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10_000_000_000  # as seconds this is the year 2286


def epoch(number: float) -> datetime | None:
    """Read seconds since 1970, or milliseconds; fractions are cut off."""
    try:
        seconds = int(number) // 1_000 if number >= _MILLISECONDS_FROM else int(number)
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def decimal(text: str) -> datetime | None:
    """Read ten digits as seconds, thirteen as milliseconds; a fraction may follow."""
    match = re.fullmatch(r"([0-9]{10}|[0-9]{13})(?:\.[0-9]{1,9})?", text)
    return epoch(int(match[1])) if match else None


def hexadecimal(text: str) -> datetime | None:
    """Read eight hexadecimal digits: seconds since 1970."""
    return epoch(int(text, 16)) if re.fullmatch(r"[0-9A-Fa-f]{8}", text) else None


def decimal_or_hexadecimal(text: str) -> datetime | None:
    """Read either form, for vendors whose documentation allows both."""
    return decimal(text) or hexadecimal(text)


def iso(text: str) -> datetime | None:
    """Read ISO 8601; a date alone means its first second. In UTC where it names no zone."""
    if len(text) > 40 or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}T", text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a query's "+02:00", decoded
        return epoch(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def decimal_or_iso(text: str) -> datetime | None:
    return decimal(text) or iso(text)


def leading(text: str) -> datetime | None:
    """Read ``epoch,signature``, ``epoch-…`` and ``epoch_…``."""
    match = re.match(r"([0-9]{10})[,_-]", text)
    return decimal(match[1]) if match else None


def trailing(text: str) -> datetime | None:
    """Read ``signature,epoch``."""
    match = re.search(r",([0-9]{10})$", text)
    return decimal(match[1]) if match else None


def end_of_span(text: str) -> datetime | None:
    """Read the end of ``start;end``, both in seconds."""
    match = re.fullmatch(r"[0-9]{10};([0-9]{10})", text)
    return decimal(match[1]) if match else None


def behind_digest(text: str) -> datetime | None:
    """Read the epoch after eight letters of a digest."""
    match = re.fullmatch(r"[0-9a-f]{8}([0-9]{10})", text)
    return decimal(match[1]) if match else None


_AKAMAI = re.compile(r"(?:^|[~/?&=;!*,])exp(?:ires)?=([0-9]{9,11})(?=[~*!/&]|$)", re.IGNORECASE)


def akamai(text: str) -> datetime | None:
    """Read ``exp=`` in a list separated by tildes, or its equivalent (``Expires=`` of Google's Media CDN)."""
    match = _AKAMAI.search(text)
    return decimal(match[1]) if match else None


def fastly(text: str) -> datetime | None:
    """Read ``epoch_signature``, or Brightcove's base64 of ``hexadecimal epoch_signature``."""
    match = re.match(rb"([0-9a-f]{8})_[0-9a-f]{16}", _base64(text[:200]))
    return leading(text) or (hexadecimal(match[1].decode()) if match else None)


def token(text: str) -> datetime | None:
    """Read Twitch's signed JSON text, a JSON Web Token (RFC 7519, section 4.1.4), or ``epoch_signature``."""
    if text.startswith("{"):
        return _named(values.parsed(text), ("expires", "expire", "exp", "expires_at", "expiry", "expiration"))
    return jwt(text) or leading(text)


def jwt(text: str) -> datetime | None:
    """Read ``exp`` from a JSON Web Token's payload."""
    parts = text.split(".", 3)
    return _named(_base64_json(parts[1]), ("exp",)) if len(parts) == 3 else None


def base64_json(text: str) -> datetime | None:
    """Read ``e`` or ``exp`` from a JSON object in URL-safe base64 (Flickr's ``s``)."""
    return _named(_base64_json(text), ("e", "exp", "expires"))


def policy(text: str) -> datetime | None:
    """Read CloudFront's policy, whose base64 has ``-`` for ``+``, ``_`` for ``=``, ``~`` for ``/``."""
    standard = text.replace("_", "").replace("=", "").replace("+", "-").replace("~", "_").replace("/", "_")
    statements = _at(_base64_json(standard), "Statement")
    for statement in statements if isinstance(statements, list) else ():
        if moment := _number(_at(_at(_at(statement, "Condition"), "DateLessThan"), "AWS:EpochTime")):
            return moment
    return None


def _base64(text: str) -> bytes:
    try:
        bare = text.rstrip("=")
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return b""


def _base64_json(text: str) -> object:
    return values.parsed(_base64(text).decode("utf-8", "replace"))


def _at(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _named(value: object, names: Iterable[str]) -> datetime | None:
    return next((moment for name in names if (moment := _number(_at(value, name)))), None)


def _number(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return decimal_or_iso(value) if isinstance(value, str) else epoch(value)

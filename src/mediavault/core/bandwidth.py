"""Bandwidth limits as users write them in settings, such as
``20 MB/s; mon-fri 08:00-23:00 2 MB/s``. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from mediavault.core.hours import (
    DAYS,
    MAX_SHOWN_CHARS,
    Hours,
    check_count,
    minute_of,
    next_change,
    parse_hours,
)
from mediavault.core.messages import Message

LOWEST_BYTES_PER_S = 10_000  # with less, sites would end the connections
UNLIMITED = "unlimited"
_UNITS = {
    "kb/s": 1_000,
    "mb/s": 1_000_000,
    "gb/s": 1_000_000_000,
    "kbit/s": 125,
    "mbit/s": 125_000,
    "gbit/s": 125_000_000,
}
_RATE = re.compile(r"(\d{1,9}(?:[.,]\d{1,3})?)\s*([kmg](?:b|bit)/s)", re.IGNORECASE)
_DAY = "|".join(DAYS)
_DAYS = rf"(?:{_DAY})(?:\s*[-–]\s*(?:{_DAY}))?"
_PART = re.compile(
    rf"((?:{_DAYS}\s+)?\d[\d:]*\s*[-–]\s*\d[\d:]*|{_DAYS})\s+(.+)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """A limit in bytes per second, None for no limit: ``usual``,
    or the first of ``hours`` that applies.
    """

    usual: int | None = None
    hours: tuple[tuple[Hours, int | None], ...] = ()

    def at(self, moment: datetime) -> int | None:
        """Return the limit that applies at this moment."""
        return self.in_minute(minute_of(moment))

    def in_minute(self, minute: int) -> int | None:
        """Return the limit that applies in this minute of the week."""
        return next((rate for hours, rate in self.hours if hours.contain(minute)), self.usual)

    def changes_at(self, now: datetime) -> datetime | None:
        """Return when the next hours begin or end; None for a limit that is always the same."""
        return next_change((hours for hours, _ in self.hours), now)

    def __str__(self) -> str:
        usual = [rate_in_words(self.usual)] if self.usual is not None else []
        return "; ".join(
            [*usual, *(f"{hours} {rate_in_words(rate)}" for hours, rate in self.hours)]
        )


@lru_cache(maxsize=256)
def parse_bandwidth(text: str) -> Bandwidth:
    """Read a limit with exceptions by the hour; an empty text means no limit.
    Raises ValueError with a helpful message.
    """
    usual: list[int | None] = []
    by_hour: list[tuple[Hours, int | None]] = []
    parts = text.split(";")
    check_count(parts)
    for part in parts:
        if not part.strip():
            continue
        timed = _PART.fullmatch(part.strip())
        if timed:
            by_hour.append((parse_hours(timed[1]), _rate(timed[2])))
        else:
            usual.append(_rate(part))
    if len(usual) > 1:
        raise ValueError(Message("only one speed can be given without hours"))
    return Bandwidth(usual[0] if usual else None, tuple(by_hour))


def rate_in_words(bytes_per_s: int | None) -> str:
    """Return a limit as it is written, with at most three decimals."""
    if bytes_per_s is None:
        return UNLIMITED
    factor, unit = (1_000_000, "MB/s") if bytes_per_s >= 1_000_000 else (1_000, "KB/s")
    return f"{f'{bytes_per_s / factor:.3f}'.rstrip('0').rstrip('.')} {unit}"


def _rate(text: str) -> int | None:
    text = text.strip()
    if text.lower() == UNLIMITED:
        return None
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(
            Message(
                "%(text)s is not a valid speed: use 2 MB/s, 500 KB/s, 16 Mbit/s or unlimited",
                text=repr(text[:MAX_SHOWN_CHARS]),
            )
        )
    rate = round(float(match[1].replace(",", ".")) * _UNITS[match[2].lower()])
    if rate < LOWEST_BYTES_PER_S:
        raise ValueError(
            Message("%(text)s is too slow: downloads need at least 10 KB/s", text=repr(text))
        )
    return rate

"""The only module that reads the time or sleeps.

Everything else takes a :class:`Clock`, so that tests move time by hand and never sleep.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
LATEST_MICROS = (LATEST - EARLIEST) // timedelta(microseconds=1)
# entries of a long list; naming the post of one with a long address takes a quarter of a
# millisecond
AT_ONCE = 50

T = TypeVar("T")


class Clock(Protocol):
    """Wall-clock time, monotonic time and sleeping."""

    def now(self) -> datetime:
        """Wall-clock time in UTC, timezone-aware. May jump."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary point; never runs backwards. For durations and deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, and at least one iteration of the event loop, even for 0."""


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def block(seconds: float) -> None:
    """Wait without an event loop. Only for helper processes, which have nothing else to do."""
    time.sleep(seconds)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z: the integer form in which stores keep a time."""
    delta = moment - EARLIEST
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The inverse of :func:`to_micros`; a time outside EARLIEST to LATEST becomes the nearer of the
    two.
    """
    return EARLIEST + timedelta(0, 0, min(max(micros, 0), LATEST_MICROS))


def is_plausible(moment: datetime) -> bool:
    """Whether a time from an untrusted source can be the time of anything in a vault."""
    return EARLIEST <= moment <= LATEST


def plausible(moment: datetime) -> datetime:
    """Return ``moment`` clamped to EARLIEST..LATEST, where no arithmetic or time zone overflows."""
    return min(max(moment, EARLIEST), LATEST)


def local(moment: datetime) -> datetime:
    """Return the moment in the machine's time zone (``TZ``)."""
    return plausible(moment).astimezone()


def from_local(wall_time: datetime) -> datetime:
    """Return the moment, in UTC, at which the clocks of the machine's time zone show this time,
    which names no zone.
    """
    return wall_time.astimezone(UTC)


def moment_or_none(text: object) -> datetime | None:
    """Return the time of an ISO 8601 text, in UTC; None for anything else,
    and for one that is not plausible.
    """
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if moment is None or moment.tzinfo is None or not is_plausible(moment):
        return None
    return moment.astimezone(UTC)


def iso_or_none(moment: datetime | None) -> str | None:
    """Return a time as ISO 8601 text; None for None."""
    return moment.isoformat() if moment else None


def micros_in(span: timedelta) -> int:
    """The whole microseconds of a span of time."""
    return span // timedelta(microseconds=1)


async def in_pieces(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items. After each ``AT_ONCE`` of them, other tasks run:
    handling thousands would hold the event loop.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)

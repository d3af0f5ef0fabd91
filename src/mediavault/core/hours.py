"""Hours of the day as users write them in settings, as in ``23:00-07:00``; they are local time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mediavault.core.clock import from_local, local
from mediavault.core.messages import Message

MINUTES = 24 * 60
MAX_SHOWN_CHARS = 40
MAX_PARTS = 24
ONLY = "only"
_HOURS = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``begin`` up to ``end``, in minutes since midnight; past midnight where ``end`` is smaller."""

    begin: int
    end: int

    def contain(self, minute: int) -> bool:
        """Whether the minute of the day is within them."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    def __str__(self) -> str:
        return f"{_written(self.begin)}-{_written(self.end)}"


def parse_hours(text: str) -> Hours:
    """Read ``23:00-07:00``. Raises ValueError with a message that helps."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            Message("%(text)s are no hours: write them as in 23:00-07:00", text=repr(text.strip()[:MAX_SHOWN_CHARS]))
        )
    numbers = [int(number) for number in match.groups()]
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if max(numbers[1], numbers[3]) > 59 or begin >= MINUTES or end > MINUTES:
        raise ValueError(Message("%(text)s is not a time of the day", text=repr(text.strip())))
    if begin == end % MINUTES:
        raise ValueError(Message("%(text)s begins and ends at the same time", text=repr(text.strip())))
    return Hours(begin, end % MINUTES)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours in which no download begins: ``hours``, or with ``only`` all others."""

    hours: tuple[Hours, ...] = ()
    only: bool = False

    def contain(self, minute: int) -> bool:
        """Whether no download begins in this minute of the day."""
        return bool(self.hours) and any(hours.contain(minute) for hours in self.hours) != self.only

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the quiet hours that contain ``now`` end, in UTC; None when ``now`` is not within any."""
        if not self.contain(minute_of(now)):
            return None
        edges = {minute for hours in self.hours for minute in (hours.begin, hours.end)}
        return next(at for at in _moments(edges, now) if not self.contain(minute_of(at)))

    def __str__(self) -> str:
        return " ".join([ONLY] * self.only + [", ".join(map(str, self.hours))]).strip()


@lru_cache(maxsize=64)
def parse_quiet_hours(text: str) -> QuietHours:
    """Read ``08:00-12:00, 14:00-23:00`` or ``only 23:00-07:00``; nothing for an empty text.

    Raises ValueError with a message that helps, also for hours that leave no minute of the day.
    """
    text = text.strip()
    if not text:
        return QuietHours()
    only = text.lower().startswith(f"{ONLY} ")
    parts = (text[len(ONLY) :] if only else text).split(",")
    check_count(parts)
    quiet = QuietHours(tuple(map(parse_hours, parts)), only)
    if all(quiet.contain(minute) for minute in range(MINUTES)):
        raise ValueError(Message("these hours leave no time in which a download could begin"))
    return quiet


def check_count(parts: Sequence[str]) -> None:
    """Raise ValueError for more parts than a day can need."""
    if len(parts) > MAX_PARTS:
        raise ValueError(Message("these are more than %(most)d hours", most=MAX_PARTS))


def minute_of(moment: datetime) -> int:
    """Return the minute of the local day."""
    here = local(moment)
    return here.hour * 60 + here.minute


def next_change(hours: Iterable[Hours], now: datetime) -> datetime | None:
    """Return the next moment after ``now`` at which some of these hours begin or end, in UTC; None without any."""
    edges = {minute for one in hours for minute in (one.begin, one.end)}
    return next(iter(_moments(edges, now)), None)


def next_midnight(now: datetime) -> datetime:
    """Return when the next local day begins, in UTC."""
    return _moments({0}, now)[0]


def _moments(minutes: Iterable[int], now: datetime) -> list[datetime]:
    """Return the moments after ``now`` at which the clock on the wall shows these minutes, of two days, in order.

    The local time decides, so that they stay right on the days on which the clocks are changed: then an hour comes twice
    or not at all, and either side of it is meant (``fold``), and the moment at which it was left out.
    """
    today = local(now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = [today + timedelta(days=number) for number in range(3)]
    walls = [
        (day + timedelta(minutes=minute)).replace(fold=fold) for day in days for minute in minutes for fold in (0, 1)
    ]
    moments = {at for wall in walls for at in (from_local(wall), *_after_gap(wall))}
    return sorted(at for at in moments if at > now)


def _after_gap(wall: datetime) -> list[datetime]:
    """Return when the clocks were set forward past a time that they never show; nothing for any other time."""
    early = min(from_local(wall.replace(fold=fold)) for fold in (0, 1))
    if local(early).replace(tzinfo=None, fold=0) == wall.replace(fold=0):
        return []
    minutes = (early + timedelta(minutes=number) for number in range(MINUTES))
    return [next(at for at in minutes if local(at).utcoffset() != local(early).utcoffset())]


def _written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

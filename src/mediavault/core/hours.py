"""Hours of the day or the week as users write them, as in ``23:00-07:00`` or
``mon-fri 08:00-18:00``; local time. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mediavault.core.clock import from_local, local
from mediavault.core.messages import Message

MINUTES = 24 * 60  # of a day
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(len(DAYS)))
MAX_SHOWN_CHARS = 40
MAX_PARTS = 24
ONLY = "only"
_HOURS = re.compile(r"(\d{1,2}):(\d\d)\s*[-–]\s*(\d{1,2}):(\d\d)")
_DAY = "|".join(DAYS)
_ON_DAYS = re.compile(rf"({_DAY})(?:\s*[-–]\s*({_DAY}))?(?:\s+(.+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``begin`` up to ``end``, in minutes since midnight, on the ``days`` on which they begin
    (0 is Monday).

    Past midnight where ``end`` is not larger; both are 0 for whole days.
    """

    begin: int
    end: int
    days: frozenset[int] = EVERY_DAY

    def contain(self, minute: int) -> bool:
        """Whether the minute of the week, which begins on Monday, is within them."""
        day, minute = divmod(minute, MINUTES)
        if self.begin < self.end:
            return day in self.days and self.begin <= minute < self.end
        return (day in self.days and minute >= self.begin) or (
            (day - 1) % len(DAYS) in self.days and minute < self.end
        )

    def edges(self) -> tuple[int, int]:
        """Return the begin and end, in minutes since midnight of the day on which they begin."""
        return self.begin, self.end if self.begin < self.end else self.end + MINUTES

    def written(self) -> tuple[str, str, str]:
        """Return the days, empty for every day, the begin and the end, as users write them."""
        end = "24:00" if self.begin == self.end else _written(self.end)
        return _days_written(self.days), _written(self.begin), end

    def __str__(self) -> str:
        days, begin, end = self.written()
        return f"{days} {begin}-{end}".lstrip()


def parse_hours(text: str) -> Hours:
    """Read ``23:00-07:00``, ``mon-fri 08:00-18:00`` or ``sat-sun``.
    Raises ValueError with a helpful message.
    """
    on_days = _ON_DAYS.fullmatch(text.strip())
    days = _days(on_days[1], on_days[2] or on_days[1]) if on_days else EVERY_DAY
    hours = (on_days[3] or "00:00-24:00") if on_days else text
    match = _HOURS.fullmatch(hours.strip())
    if match is None:
        raise ValueError(
            Message(
                "%(text)s is not a valid time range: use 23:00-07:00, or mon-fri 08:00-18:00",
                text=repr(text.strip()[:MAX_SHOWN_CHARS]),
            )
        )
    numbers = [int(number) for number in match.groups()]
    begin, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if max(numbers[1], numbers[3]) > 59 or begin >= MINUTES or end > MINUTES:
        raise ValueError(Message("%(text)s is not a time of day", text=repr(text.strip())))
    if begin == end % MINUTES and (begin, end) != (0, MINUTES):
        raise ValueError(
            Message("%(text)s begins and ends at the same time", text=repr(text.strip()))
        )
    return Hours(begin, end % MINUTES, days)


def _days(first: str, last: str) -> frozenset[int]:
    """Return the days from one to another, wrapping past Sunday if the last comes before the
    first.
    """
    begin, end = DAYS.index(first.lower()), DAYS.index(last.lower())
    return frozenset(day % len(DAYS) for day in range(begin, begin + (end - begin) % len(DAYS) + 1))


def _days_written(days: frozenset[int]) -> str:
    if days == EVERY_DAY:
        return ""
    first = next(day for day in days if (day - 1) % len(DAYS) not in days)
    last = DAYS[(first + len(days) - 1) % len(DAYS)]
    return DAYS[first] if len(days) == 1 else f"{DAYS[first]}-{last}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours in which no download starts: ``hours``, or with ``only`` all others."""

    hours: tuple[Hours, ...] = ()
    only: bool = False

    def contain(self, minute: int) -> bool:
        """Whether no download starts in this minute of the week."""
        return bool(self.hours) and any(hours.contain(minute) for hours in self.hours) != self.only

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the quiet hours that contain ``now`` end, in UTC;
        None when ``now`` is not within any.
        """
        if not self.contain(minute_of(now)):
            return None
        return next(at for at in _moments(self.hours, now) if not self.contain(minute_of(at)))

    def __str__(self) -> str:
        return " ".join([ONLY] * self.only + [", ".join(map(str, self.hours))]).strip()


@lru_cache(maxsize=64)
def parse_quiet_hours(text: str) -> QuietHours:
    """Read ``08:00-12:00, 14:00-23:00``, ``mon-fri 08:00-18:00`` or ``only 23:00-07:00``; nothing
    for an empty text.

    Raises ValueError with a message that helps, also for hours that leave no minute of the week.
    """
    text = text.strip()
    if not text:
        return QuietHours()
    only = text.lower().startswith(f"{ONLY} ")
    parts = (text[len(ONLY) :] if only else text).split(",")
    check_count(parts)
    quiet = QuietHours(tuple(map(parse_hours, parts)), only)
    if all(quiet.contain(minute) for minute in range(len(DAYS) * MINUTES)):
        raise ValueError(Message("these hours leave no time for a download to start"))
    return quiet


def check_count(parts: Sequence[str]) -> None:
    """Raise ValueError for more time ranges than a week can need."""
    if len(parts) > MAX_PARTS:
        raise ValueError(Message("there are more than %(most)d time ranges", most=MAX_PARTS))


def minute_of(moment: datetime) -> int:
    """Return the minute of the local week, which begins on Monday."""
    here = local(moment)
    return here.weekday() * MINUTES + here.hour * 60 + here.minute


def next_change(hours: Iterable[Hours], now: datetime) -> datetime | None:
    """Return the next moment after ``now`` at which some of these hours begin or end, in UTC;
    None without any.
    """
    return next(iter(_moments(hours, now)), None)


def next_midnight(now: datetime) -> datetime:
    """Return when the next local day begins, in UTC."""
    return _moments([Hours(0, 0)], now)[0]


def _moments(hours: Iterable[Hours], now: datetime) -> list[datetime]:
    """Return the moments after ``now`` at which local time reaches the begin or end of these hours,
    in order.

    The local time decides, so that they stay right on the days on which the clocks are changed:
    then an hour comes twice or not at all, and either side of it is meant (``fold``), and the
    moment at which it was left out. A time that is left out this week comes again in the next, so
    that two weeks are looked at.
    """
    hours = tuple(hours)
    last = 3 if all(one.days == EVERY_DAY for one in hours) else 2 * len(DAYS) + 2
    today = local(now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = [today + timedelta(days=number) for number in range(-1, last)]
    walls = {
        day + timedelta(minutes=edge)
        for day in days
        for hour in hours
        if day.weekday() in hour.days
        for edge in hour.edges()
    }
    both = [wall.replace(fold=fold) for wall in walls for fold in (0, 1)]
    moments = {at for wall in both for at in (from_local(wall), *_after_gap(wall))}
    return sorted(at for at in moments if at > now)


def _after_gap(wall: datetime) -> list[datetime]:
    """Return when the clocks were set forward past a local time that does not exist;
    nothing for any other time.
    """
    early = min(from_local(wall.replace(fold=fold)) for fold in (0, 1))
    if local(early).replace(tzinfo=None, fold=0) == wall.replace(fold=0):
        return []
    minutes = (early + timedelta(minutes=number) for number in range(MINUTES))
    return [next(at for at in minutes if local(at).utcoffset() != local(early).utcoffset())]


def _written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

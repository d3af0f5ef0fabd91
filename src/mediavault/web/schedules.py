"""Schedules as they are picked on the settings page, in rows of selects, and what they mean today.

The text of a setting is read and written by ``core.bandwidth`` and ``core.hours`` alone: a row is
a part of that text. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TypeVar

from mediavault.core.bandwidth import UNLIMITED, Bandwidth, parse_bandwidth, rate_in_words
from mediavault.core.clock import local
from mediavault.core.hours import DAYS, MINUTES, ONLY, Hours, QuietHours, parse_quiet_hours
from mediavault.presentation.translation import N_, gettext

T = TypeVar("T")

MIDNIGHT, END_OF_DAY = "00:00", "24:00"
STEP = 30  # minutes between the times that are offered
TIMES = tuple(f"{at // 60:02}:{at % 60:02}" for at in range(0, MINUTES + 1, STEP))
SPEEDS = (
    *("100 KB/s", "250 KB/s", "500 KB/s"),
    *(f"{speed} MB/s" for speed in (1, 2, 3, 5, 8, 10, 15, 20, 30, 50, 100)),
)
DAY_LABELS: Mapping[str, str] = {
    "": N_("every day"),
    "mon-fri": N_("Monday to Friday"),
    "sat-sun": N_("Saturday and Sunday"),
    **dict(
        zip(
            DAYS,
            (
                *(N_("Monday"), N_("Tuesday"), N_("Wednesday"), N_("Thursday")),
                *(N_("Friday"), N_("Saturday"), N_("Sunday")),
            ),
            strict=True,
        )
    ),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: its days, begin and end as in the text of a setting, and its speed, "" where it has
    none.
    """

    days: str = ""
    begin: str = "23:00"
    end: str = "07:00"
    speed: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rows of a setting. ``otherwise``: the speed at other times. ``only``: downloads start in
    these hours alone.
    """

    rules: tuple[Rule, ...] = ()
    otherwise: str = ""
    only: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of today, in minutes since midnight. ``is_free``: nothing is limited in it."""

    begin: int
    end: int
    words: str
    is_free: bool

    @property
    def hours(self) -> str:
        return "–".join(f"{at // 60:02}:{at % 60:02}" for at in (self.begin, self.end))


def schedules_of(bandwidth: str, quiet_hours: str) -> dict[str, Schedule]:
    """Return the stored texts of both settings as rows. Raises ValueError for a text that is not
    valid.
    """
    limit, quiet = parse_bandwidth(bandwidth), parse_quiet_hours(quiet_hours)
    return {
        "bandwidth": Schedule(
            tuple(_rule(hours, rate_in_words(rate)) for hours, rate in limit.hours),
            otherwise=rate_in_words(limit.usual),
        ),
        "quiet_hours": Schedule(tuple(map(_rule, quiet.hours)), only=quiet.only),
    }


def picked(form: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the texts of the settings that were picked in a form, by setting. Anything can be in
    them: they are validated as typed ones are.
    """
    texts = {}
    if "bandwidth_otherwise" in form:
        parts = [form["bandwidth_otherwise"][0], *_rows(form, "bandwidth", "speed")]
        texts["bandwidth"] = "; ".join(parts)
    if "quiet_hours_only" in form:
        rows = ", ".join(_rows(form, "quiet_hours"))
        is_only = rows and form["quiet_hours_only"][0] == ONLY
        texts["quiet_hours"] = f"{ONLY} {rows}" if is_only else rows
    return texts


def _rows(form: Mapping[str, Sequence[str]], name: str, *more: str) -> Iterable[str]:
    days, begins, ends, *rest = (
        form.get(f"{name}_{part}", ()) for part in ("days", "begin", "end", *more)
    )
    for day, begin, end, *others in zip(days, begins, ends, *rest, strict=False):
        yield " ".join([day, f"{begin}-{end}", *others]).strip()


def _rule(hours: Hours, speed: str = "") -> Rule:
    days, begin, end = hours.written()
    return Rule(days, begin, END_OF_DAY if end == MIDNIGHT else end, speed)


# --- words ----------------------------------------------------------------------------------------


def day_choices(chosen: str) -> dict[str, str]:
    """Return the days that can be chosen, and those that are, with their names."""
    choices = {days: gettext(label) for days, label in DAY_LABELS.items()}
    if chosen not in choices:
        first, _, last = chosen.partition("-")
        choices[chosen] = f"{choices.get(first, first)} – {choices.get(last, last)}"
    return choices


def time_choices(chosen: str, *, is_end: bool) -> list[str]:
    """Return the times that can be chosen, and the one that is."""
    return sorted({*(TIMES[1:] if is_end else TIMES[:-1]), chosen})


def speed_choices(chosen: str) -> dict[str, str]:
    """Return the speeds that can be chosen, and the one that is, with their names."""
    speeds = dict.fromkeys((UNLIMITED, *SPEEDS, *([chosen] if chosen else ())))
    return {speed: gettext("no limit") if speed == UNLIMITED else speed for speed in speeds}


# --- today ----------------------------------------------------------------------------------------


def speeds_today(bandwidth: Bandwidth, now: datetime) -> list[Stretch]:
    """Return the limits of today, in order; nothing if they are the same on the whole week."""
    if not bandwidth.hours:
        return []
    return [
        Stretch(begin, end, gettext("no limit") if rate is None else rate_in_words(rate), not rate)
        for begin, end, rate in _today(bandwidth.in_minute, now)
    ]


def starts_today(quiet: QuietHours, now: datetime) -> list[Stretch]:
    """Return when downloads start today, in order; nothing if there are no quiet hours."""
    if not quiet.hours:
        return []
    return [
        Stretch(begin, end, gettext("no starts") if is_quiet else gettext("starts"), not is_quiet)
        for begin, end, is_quiet in _today(quiet.contain, now)
    ]


def minute_of_day(now: datetime) -> int:
    """Return the local minute since midnight."""
    return local(now).hour * 60 + local(now).minute


def _today(value: Callable[[int], T], now: datetime) -> list[tuple[int, int, T]]:
    """Return the stretches of today in which a value of the week's minutes stays the same."""
    midnight = local(now).weekday() * MINUTES
    stretches, begin = [], 0
    for same, minutes in groupby(value(midnight + minute) for minute in range(MINUTES)):
        end = begin + sum(1 for _ in minutes)
        stretches.append((begin, end, same))
        begin = end
    return stretches

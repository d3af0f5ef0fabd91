"""The months of the library's tiles: headings between them, and links to the first tile of each month. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from mediavault.core.clock import from_micros, to_micros
from mediavault.core.job import Job, JobId
from mediavault.store.port import JobOrder
from mediavault.store.queries import decode_cursor, is_descending

BY_MONTH = frozenset({JobOrder.NEWEST, JobOrder.OLDEST})
MAX_MONTHS = 36  # of more, only the years are listed


@dataclass(frozen=True, slots=True)
class MonthSpan:
    """A month or a year: its label, such as ``2026-11`` or ``2026``, its first moment, and that of the next one."""

    label: str
    begins: datetime
    ends: datetime

    def cursor(self, order: JobOrder) -> str:
        """Return the cursor of the page that begins with the span's first job in this order."""
        if is_descending(order):
            return f"{to_micros(self.ends)}.0"  # every id is greater
        return f"{order.value}~{max(0, to_micros(self.begins) - 1)}.z"


def month_of(at: datetime, zone: tzinfo | None) -> str:
    """Return the month of a moment in the reader's time zone (None: UTC), such as ``2026-11``."""
    return f"{at.astimezone(zone or UTC):%Y-%m}"


def month_headings(
    jobs: Sequence[Job], order: JobOrder, zone: tzinfo | None, *, after: str | None = None
) -> dict[JobId, str]:
    """Return the jobs that begin a month, with the month; none in an order that is not by age.

    ``after`` is the cursor of a page that continues another: its first job begins a month only if that page ended in
    another one.
    """
    if order not in BY_MONTH:
        return {}
    month = month_of(from_micros(decode_cursor(after, order)[1]), zone) if after else None
    headings = {}
    for job in jobs:
        if (of_job := month_of(job.created_at, zone)) != month:
            headings[job.id] = month = of_job
    return headings


def months_between(first: datetime, last: datetime, zone: tzinfo | None) -> list[MonthSpan]:
    """Return the months from that of ``first`` to that of ``last``, which may be earlier; the years, if there are more
    than MAX_MONTHS."""
    numbers = [_number(moment.astimezone(zone or UTC)) for moment in (first, last)]
    step = 1 if abs(numbers[1] - numbers[0]) < MAX_MONTHS else 12
    begin, end = (number // step for number in numbers)
    direction = 1 if end >= begin else -1
    return [_span(number * step, step, zone) for number in range(begin, end + direction, direction)]


def _number(at: datetime) -> int:
    return at.year * 12 + at.month - 1


def _span(number: int, months: int, zone: tzinfo | None) -> MonthSpan:
    year, month = divmod(number, 12)
    label = f"{year:04}" if months == 12 else f"{year:04}-{month + 1:02}"
    return MonthSpan(label, _first_moment(number, zone), _first_moment(number + months, zone))


def _first_moment(number: int, zone: tzinfo | None) -> datetime:
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=zone or UTC)

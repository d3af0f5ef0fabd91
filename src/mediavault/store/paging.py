"""Pages of jobs and accounts: the sort key of each row, and the cursor that a page ends with (pure).

A cursor is the sort key of a page's last row. Unknown durations and sizes count as -1, which puts them last.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediavault.core.clock import EARLIEST, LATEST, to_micros
from mediavault.core.failures import BadInput
from mediavault.core.job import Job, JobId
from mediavault.core.marks import Mark
from mediavault.store.queries import AccountPage, AccountQuery, AccountSummary, JobOrder, JobPage, JobQuery

SortKey = tuple[float, int, str]  # the order's value (0 if it is by time only), created_at in microseconds, id
UNKNOWN = -1

_ID = r"[0-9A-Za-z_-]{1,64}"
_CURSOR = re.compile(rf"(?:([a-z]{{6,7}})~)?(?:(-?[0-9][0-9.e+-]{{0,30}})~)?([0-9]{{1,18}})\.({_ID})")
_MARK_CURSOR = re.compile(rf"(-?[0-9]{{1,18}})\.({_ID})")
_ACCOUNT_CURSOR = re.compile(r"([0-9]{1,18})~([!-~]{1,200})")


def age_of(job: Job) -> tuple[int, str]:
    """Return a key that sorts jobs by age, oldest first."""
    return to_micros(job.created_at), job.id


def turn_of(job: Job) -> tuple[int, int, str]:
    """Return a key that sorts queued jobs in the order in which they are claimed."""
    return job.priority.rank, *age_of(job)


def value_of(job: Job, order: JobOrder) -> float:
    """Return the value that an order sorts by before age; 0 where it is by time only."""
    if order is JobOrder.LONGEST:
        return UNKNOWN if job.duration_s is None else job.duration_s
    if order is JobOrder.LARGEST:
        return UNKNOWN if job.bytes is None else job.bytes
    return 0


def sort_key(job: Job, order: JobOrder) -> SortKey:
    return value_of(job, order), *age_of(job)


def is_descending(order: JobOrder) -> bool:
    return order is not JobOrder.OLDEST


def cursor_of(job: Job, order: JobOrder) -> str:
    value, micros, job_id = sort_key(job, order)
    tail = f"{micros}.{job_id}"
    if order is JobOrder.NEWEST:
        return tail
    return f"{order.value}~{tail}" if order is JobOrder.OLDEST else f"{order.value}~{value!r}~{tail}"


def decode_cursor(cursor: str, order: JobOrder) -> SortKey:
    """Return the sort key of a cursor. Raises BadInput for a text that no page in this order returned."""
    match = _CURSOR.fullmatch(cursor)
    by_value = order in {JobOrder.LONGEST, JobOrder.LARGEST}
    if match is None or (match[1] or JobOrder.NEWEST) != order.value or (match[2] is not None) is not by_value:
        raise _invalid_cursor()
    try:
        value = (int if order is JobOrder.LARGEST else float)(match[2] or 0)
    except ValueError as exc:
        raise _invalid_cursor() from exc
    if not -1 <= value < 1 << 63:
        raise _invalid_cursor()
    return value, int(match[3]), match[4]


def after(query: JobQuery) -> SortKey | None:
    return None if query.cursor is None else decode_cursor(query.cursor, query.order)


def page_of(found: Sequence[Job], query: JobQuery) -> JobPage:
    """Return the first jobs of ``found``; there is a next page if it has more jobs than the query's limit."""
    page = tuple(found[: query.limit])
    has_more = page and len(found) > len(page) and not _is_at_the_edge(page[-1], query.order)
    return JobPage(page, cursor_of(page[-1], query.order) if has_more else None)


def _is_at_the_edge(job: Job, order: JobOrder) -> bool:
    """Return whether the job's time may be out of the readable range: the next page would begin with it again."""
    if order in {JobOrder.LONGEST, JobOrder.LARGEST}:
        return False
    return job.created_at <= EARLIEST if is_descending(order) else job.created_at >= LATEST


def decode_account_cursor(cursor: str) -> tuple[int, str]:
    """Return a cursor's ``latest_at`` in microseconds and key. Raises BadInput for a text that no page returned."""
    match = _ACCOUNT_CURSOR.fullmatch(cursor)
    if match is None:
        raise _invalid_cursor()
    return int(match[1]), match[2]


def account_page_of(found: Sequence[AccountSummary], query: AccountQuery) -> AccountPage:
    page = tuple(found[: query.limit])
    if not page or len(found) == len(page):
        return AccountPage(page, None)
    return AccountPage(page, f"{to_micros(page[-1].latest_at)}~{page[-1].key}")


def mark_cursor_of(mark: Mark) -> str:
    return f"{mark.place}.{mark.job_id}"


def decode_mark_cursor(cursor: str, name: str) -> Mark:
    """Return the mark that a page of marks ended with. Raises BadInput for a text that no page returned."""
    match = _MARK_CURSOR.fullmatch(cursor)
    if match is None:
        raise _invalid_cursor()
    return Mark(JobId(match[2]), name, place=int(match[1]))


def _invalid_cursor() -> BadInput:
    return BadInput("Invalid cursor for this sort order.", help="Start again without a cursor.")

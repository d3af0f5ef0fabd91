"""The pages' queries, the records and cursors that answer them,
and what all stores do the same for them (pure).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mediavault.core.clock import (
    EARLIEST,
    LATEST,
    from_micros,
    moment_or_none,
    plausible,
    to_micros,
)
from mediavault.core.failures import AccountNotFound, BadInput, ErrorCode
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark, of_watching
from mediavault.core.messages import Message
from mediavault.core.users import OWNER
from mediavault.store import search_words


class JobOrder(StrEnum):
    """The order of a page of jobs. Jobs whose value is unknown come last; equal ones are newest
    first, in EARLIEST oldest first.
    """

    PUBLISHED = "published"  # by posted_at, the latest first
    EARLIEST = "earliest"
    NEWEST = "newest"  # by created_at, then id
    OLDEST = "oldest"
    TITLE = "title"  # by title_key, from A to Z
    LONGEST = "longest"  # by duration_s
    LARGEST = "largest"  # by bytes
    # Only what a user has begun or watched, by when that was: what was watched last is first.
    WATCHED = "watched"


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs. ``cursor`` is what the previous page returned, and is only valid in its
    order.

    ``text`` is searched for in title, text, handle, display name and URL: each of its words must be
    the beginning of a word there, regardless of case and diacritics, and each run of a script
    without spaces must occur there. Only spaces are no search; only punctuation finds nothing
    (``search_words.asked``).
    """

    statuses: Collection[JobStatus] = ()
    platform: str | None = None
    text: str | None = None
    cursor: str | None = None
    limit: int = 50
    account: str | None = None  # its key, see AccountSummary
    since: datetime | None = None  # created_at, inclusive
    until: datetime | None = None  # created_at, exclusive
    shortest_s: float | None = None  # duration_s, both inclusive; jobs without one are left out
    longest_s: float | None = None
    order: JobOrder = JobOrder.NEWEST
    watched_by: str = OWNER  # the user that the order WATCHED is about
    marks: Collection[str] = ()  # names of core.marks: jobs that have a mark of each
    without: Collection[str] = ()  # names: jobs that have a mark of none


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: tuple[Job, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The neighbours of a job in a query's order: ``newer`` comes before it, ``older`` after it."""

    newer: Job | None
    older: Job | None


@dataclass(frozen=True, slots=True)
class AccountSummary:
    """An account and the sums of its jobs. ``key`` is ``<platform>/<slug>``: stable, and safe in a
    URL.

    Handle and display name are those of its newest job. ``bytes`` and ``duration_s`` are of the
    saved videos.
    """

    key: str
    platform: str
    handle: str | None
    display_name: str | None
    slug: str
    jobs: int
    saved: int  # of these, how many are completed
    bytes: int
    duration_s: float
    latest_at: datetime  # created_at of its newest job


@dataclass(frozen=True, slots=True)
class AccountQuery:
    """A page of accounts, by ``latest_at``, newest first, then ``key``.

    ``text`` is as in JobQuery, but searched for in handle and display name.
    """

    platform: str | None = None
    text: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AccountPage:
    accounts: tuple[AccountSummary, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PlatformTotals:
    """The sums of one platform.

    ``bytes`` and ``duration_s`` are of the saved videos, ``latest_at`` is the newest job's
    ``created_at``.
    """

    platform: str
    counts: Mapping[JobStatus, int]  # every state
    saved: int
    bytes: int
    duration_s: float
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class LibraryTotals:
    """The sums of the library. ``platforms`` are those that have jobs, by name;
    the other fields are their sums.
    """

    platforms: tuple[PlatformTotals, ...] = ()
    counts: Mapping[JobStatus, int] = field(default_factory=dict)  # every state
    saved: int = 0
    bytes: int = 0
    duration_s: float = 0.0
    latest_at: datetime | None = None  # None without jobs


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed jobs of a platform that have the same error code."""

    error_code: ErrorCode
    platform: str
    jobs: int
    next_retry_at: datetime | None  # the earliest
    final: int  # of these, how many are not retried automatically
    examples: tuple[Job, ...]  # the newest three


# the order's value (0 if it is by age only), created_at in microseconds, id
SortKey = tuple[float | str, int, str]
UNKNOWN = -1
UNTITLED = "\U0010ffff"  # a title_key that comes after all others
MAX_KEY_CHARS = 64
_DIGITS = 8
# The orders by time, and those by age only.
REVERSE: Mapping[JobOrder, JobOrder] = {
    JobOrder.PUBLISHED: JobOrder.EARLIEST,
    JobOrder.EARLIEST: JobOrder.PUBLISHED,
    JobOrder.NEWEST: JobOrder.OLDEST,
    JobOrder.OLDEST: JobOrder.NEWEST,
}
BY_POSTED = frozenset({JobOrder.PUBLISHED, JobOrder.EARLIEST})
BY_AGE = frozenset({JobOrder.NEWEST, JobOrder.OLDEST})
_NO_MARKS: Mapping[JobId, Sequence[Mark]] = {}

_ID = r"[0-9A-Za-z_-]{1,64}"
_CURSOR = re.compile(
    rf"(?:([a-z]{{5,9}})~)?(?:(-?[0-9a-f][0-9a-f.e+-]{{0,511}})~)?([0-9]{{1,18}})\.({_ID})"
)
_MARK_CURSOR = re.compile(rf"(-?[0-9]{{1,18}})\.({_ID})")
_ACCOUNT_CURSOR = re.compile(r"([0-9]{1,18})~([!-~]{1,200})")


def age_of(job: Job) -> tuple[int, str]:
    """Return a key that sorts jobs by age, oldest first."""
    return to_micros(job.created_at), job.id


def turn_of(job: Job) -> tuple[int, int, str]:
    """Return a key that sorts queued jobs in the order in which they are claimed."""
    return job.priority.rank, *age_of(job)


def posted_at(created_at: datetime, metadata: Mapping[str, Any]) -> datetime:
    """Return when a post was published; where that is unknown, when it was submitted. No post was
    published after that: a site's clock may be wrong.
    """
    published = moment_or_none(metadata.get("published_at"))
    return plausible(created_at if published is None else min(published, created_at))


def title_key(metadata: Mapping[str, Any]) -> str:
    """Return what the order by title sorts by: the first words of a post's title, or of its text
    without one, regardless of case, diacritics and punctuation; UNTITLED without any.

    A number is filled with zeros, so that part 2 comes before part 10.
    """
    own = metadata.get("title") or metadata.get("text")
    words = search_words.words_of(own[: 8 * MAX_KEY_CHARS]) if isinstance(own, str) else []
    filled = (word.zfill(_DIGITS) if word.isdecimal() else word for word in words)
    return " ".join(filled)[:MAX_KEY_CHARS] or UNTITLED


def date_of(job: Job, order: JobOrder) -> datetime:
    """Return the date that an order by time sorts by; in any other order when it was published."""
    return job.created_at if order in BY_AGE else posted_at(job.created_at, job.metadata)


def date_of_cursor(cursor: str, order: JobOrder) -> datetime:
    """Return the date of the job that a page in an order by time ended with. Raises BadInput."""
    value, created_at, _ = decode_cursor(cursor, order)
    return from_micros(int(value) if order in BY_POSTED else created_at)


def cursor_at(moment: datetime, order: JobOrder) -> str:
    """Return the cursor of the page whose first job is, in an order by time that goes back, the
    last one before the moment; in one that goes forward, the first one from the moment on.
    """
    micros = to_micros(plausible(moment))
    if order in BY_POSTED:
        return f"{order.value}~{micros}~0.0"
    # every id is greater than 0, and less than z
    return f"{micros}.0" if is_descending(order) else f"{order.value}~{max(0, micros - 1)}.z"


def value_of(job: Job, query: JobQuery, marks: Iterable[Mark] = ()) -> float | str:
    """Return the value that the query's order sorts by before age; 0 where it is by age only.
    ``marks`` are the job's, which only WATCHED asks for.
    """
    match query.order:
        case JobOrder.PUBLISHED | JobOrder.EARLIEST:
            return to_micros(posted_at(job.created_at, job.metadata))
        case JobOrder.TITLE:
            return title_key(job.metadata)
        case JobOrder.LONGEST:
            return UNKNOWN if job.duration_s is None else job.duration_s
        case JobOrder.LARGEST:
            return UNKNOWN if job.bytes is None else job.bytes
        case JobOrder.WATCHED:
            names = of_watching(query.watched_by)
            return max((mark.place or 0 for mark in marks if mark.name in names), default=UNKNOWN)
    return 0


def sort_key(job: Job, query: JobQuery, marks: Iterable[Mark] = ()) -> SortKey:
    return value_of(job, query, marks), *age_of(job)


def is_descending(order: JobOrder) -> bool:
    """Return whether of jobs with the same value the newest is first."""
    return order not in {JobOrder.EARLIEST, JobOrder.OLDEST}


def has_descending_values(order: JobOrder, *, descending: bool) -> bool:
    """Return whether the largest value is first; ``descending``: whether, of equal ones, the newest
    is. Titles go from A to Z, and of equal ones the newest is first.
    """
    return descending is not (order is JobOrder.TITLE)


def cursor_of(job: Job, query: JobQuery, marks: Iterable[Mark] = ()) -> str:
    value, micros, job_id = sort_key(job, query, marks)
    order, tail = query.order, f"{micros}.{job_id}"
    if order is JobOrder.NEWEST:
        return tail
    text = value.encode().hex() if isinstance(value, str) else repr(value)
    return f"{order.value}~{tail}" if order in BY_AGE else f"{order.value}~{text}~{tail}"


def decode_cursor(cursor: str, order: JobOrder) -> SortKey:
    """Return the sort key of a cursor. Raises BadInput for a text that no page in this order
    returned.
    """
    match = _CURSOR.fullmatch(cursor)
    if (
        match is None
        or (match[1] or JobOrder.NEWEST) != order.value
        or (match[2] is None) is not (order in BY_AGE)
    ):
        raise _invalid_cursor()
    try:
        return _value_from(match[2] or "0", order), int(match[3]), match[4]
    except ValueError as exc:
        raise _invalid_cursor() from exc


def _value_from(text: str, order: JobOrder) -> float | str:
    """Return the value in a cursor. Raises ValueError for what is no value of this order."""
    if order is JobOrder.TITLE:
        key = bytes.fromhex(text).decode()
        if len(key) > MAX_KEY_CHARS or "\0" in key:
            raise ValueError("no title has this key")
        return key
    value = (float if order is JobOrder.LONGEST else int)(text)
    # a sidecar may give a mark any place
    if not (-1 << 63 if order is JobOrder.WATCHED else -1) <= value < 1 << 63:
        raise ValueError("no job has this value")
    return value


def after(query: JobQuery) -> SortKey | None:
    return None if query.cursor is None else decode_cursor(query.cursor, query.order)


def placed_by_marks(jobs: Sequence[Job], query: JobQuery) -> list[JobId]:
    """Return the job whose marks :func:`page_of` asks for: in WATCHED the last one of the page."""
    if query.order is not JobOrder.WATCHED:
        return []
    return [job.id for job in jobs[: query.limit][-1:]]


def page_of(
    jobs: Sequence[Job], query: JobQuery, marks: Mapping[JobId, Iterable[Mark]] = _NO_MARKS
) -> JobPage:
    """Return the first jobs of ``jobs``; there is a next page if it has more jobs than the query's
    limit. ``marks`` are those of :func:`placed_by_marks`.
    """
    page = tuple(jobs[: query.limit])
    has_more = page and len(jobs) > len(page) and not _is_at_the_edge(page[-1], query.order)
    if not has_more:
        return JobPage(page, None)
    return JobPage(page, cursor_of(page[-1], query, marks.get(page[-1].id, ())))


def _is_at_the_edge(job: Job, order: JobOrder) -> bool:
    """Return whether the job's time may be out of the readable range:
    the next page would begin with it again.
    """
    if order not in REVERSE:
        return False
    date = date_of(job, order)
    return date <= EARLIEST if is_descending(order) else date >= LATEST


def decode_account_cursor(cursor: str) -> tuple[int, str]:
    """Return a cursor's ``latest_at`` in microseconds and key.
    Raises BadInput for a text that no page returned.
    """
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
    """Return the mark that a page of marks ended with.
    Raises BadInput for a text that no page returned.
    """
    match = _MARK_CURSOR.fullmatch(cursor)
    if match is None:
        raise _invalid_cursor()
    return Mark(JobId(match[2]), name, place=int(match[1]))


def _invalid_cursor() -> BadInput:
    return BadInput("Invalid cursor for this sort order.", help="Start again without a cursor.")


EXAMPLES = 3  # jobs that a group of failures shows


def account_not_found(key: str) -> AccountNotFound:
    return AccountNotFound(
        Message("Unknown account %(key)s.", key=key),
        help="List the accounts to find its key; its jobs may have been removed.",
    )


# --- accounts and totals --------------------------------------------------------------------------


def account_page(summaries: Iterable[AccountSummary], query: AccountQuery) -> AccountPage:
    """Return the query's page of these accounts."""
    terms = search_words.parse_search(query.text)
    matches = [
        summary
        for summary in summaries
        if (query.platform is None or summary.platform == query.platform)
        and (terms is None or _is_named(summary, terms))
    ]
    matches.sort(key=_account_sort_key)
    if query.cursor is not None:
        micros, key = decode_account_cursor(query.cursor)
        matches = [summary for summary in matches if _account_sort_key(summary) > (-micros, key)]
    return account_page_of(matches, query)


def totals_of(platforms: Sequence[PlatformTotals]) -> LibraryTotals:
    """Return the totals of ``platforms``, which are sorted by name."""
    counts = Counter[JobStatus]()
    for platform in platforms:
        counts.update(platform.counts)
    return LibraryTotals(
        platforms=tuple(platforms),
        counts=with_all_statuses(counts),
        saved=sum(platform.saved for platform in platforms),
        bytes=sum(platform.bytes for platform in platforms),
        duration_s=seconds(sum(millis(platform.duration_s) for platform in platforms)),
        latest_at=max((platform.latest_at for platform in platforms), default=None),
    )


def with_all_statuses(counts: Mapping[JobStatus, int]) -> dict[JobStatus, int]:
    return {status: counts.get(status, 0) for status in JobStatus}


def millis(duration_s: float | None) -> int:
    """Return whole milliseconds, so that a sum is the same in whatever order it is added up;
    0 for None.
    """
    return 0 if duration_s is None else round(duration_s * 1000)


def seconds(total_millis: int) -> float:
    return total_millis / 1000


def _account_sort_key(summary: AccountSummary) -> tuple[int, str]:
    return -to_micros(summary.latest_at), summary.key


def _is_named(summary: AccountSummary, terms: Sequence[search_words.Term]) -> bool:
    return bool(terms) and search_words.is_in(
        search_words.account_line(summary.handle, summary.display_name), terms
    )


# --- failures -------------------------------------------------------------------------------------


def most_first(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    return sorted(groups, key=lambda group: (-group.jobs, group.error_code, group.platform))

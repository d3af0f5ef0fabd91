"""The pages' queries and the records that answer them; ``port.py`` re-exports both."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus


class JobOrder(StrEnum):
    """The order of a page of jobs. Jobs whose value is unknown come last; equal ones are newest first."""

    NEWEST = "newest"  # by created_at, then id
    OLDEST = "oldest"
    LONGEST = "longest"  # by duration_s
    LARGEST = "largest"  # by bytes


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs. ``cursor`` is what the previous page returned, and is only valid in its order.

    ``text`` is searched for in title, text, handle, display name and URL: each of its words must be the beginning of a
    word there, regardless of case and diacritics, and each run of a script without spaces must occur there. Only spaces
    are no search; only punctuation finds nothing (``search_words.asked``).
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
    """An account and the sums of its jobs. ``key`` is ``<platform>/<slug>``: stable, and safe in a URL.

    Handle and display name are those of its newest job. ``bytes`` and ``duration_s`` are of the saved videos.
    """

    key: str
    platform: str
    handle: str | None
    display_name: str | None
    slug: str
    jobs: int
    kept: int  # of these, how many are completed
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

    ``bytes`` and ``duration_s`` are of the saved (``kept``) videos, ``latest_at`` is the newest job's ``created_at``.
    """

    platform: str
    counts: Mapping[JobStatus, int]  # every state
    kept: int
    bytes: int
    duration_s: float
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class LibraryTotals:
    """The sums of the library. ``platforms`` are those that have jobs, by name; the other fields are their sums."""

    platforms: tuple[PlatformTotals, ...] = ()
    counts: Mapping[JobStatus, int] = field(default_factory=dict)  # every state
    kept: int = 0
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

"""What the pages ask of a store, and the records that they are answered with; ``port.py`` hands them on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobStatus


class JobOrder(StrEnum):
    """The order of a page of jobs. Jobs of which the value is not known come last; equals are newest first."""

    NEWEST = "newest"  # by created_at, then id
    OLDEST = "oldest"
    LONGEST = "longest"  # by duration_s
    LARGEST = "largest"  # by bytes


@dataclass(frozen=True, slots=True)
class JobQuery:
    """A page of jobs. ``cursor`` is what the page before returned, and belongs to its order.

    ``text`` is looked for in title, text, handle, display name and address: each of its words must be the beginning of a
    word there, without regard to case or diacritics, and each run of a script without spaces must stand there. Nothing
    but spaces is no search, nothing but punctuation finds nothing (``search_words.asked``).
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
    """An account and what is here of it. ``key`` is ``<platform>/<slug>``: stable, and safe in an address.

    Handle and display name are as its newest job has them. ``bytes`` and ``duration_s`` are of the kept videos.
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
    """A page of accounts, by ``latest_at``, newest first, then ``key``. ``text`` as of JobQuery, in handle and display name."""

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
    """``bytes`` and ``duration_s`` are of the ``kept`` videos, ``latest_at`` is the newest job's ``created_at``."""

    platform: str
    counts: Mapping[JobStatus, int]  # every state
    kept: int
    bytes: int
    duration_s: float
    latest_at: datetime


@dataclass(frozen=True, slots=True)
class LibraryTotals:
    """``platforms`` by name, those that have jobs; the rest is their sum."""

    platforms: tuple[PlatformTotals, ...] = ()
    counts: Mapping[JobStatus, int] = field(default_factory=dict)  # every state
    kept: int = 0
    bytes: int = 0
    duration_s: float = 0.0
    latest_at: datetime | None = None  # None without jobs


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed jobs of a platform that have one cause."""

    error_code: ErrorCode
    platform: str
    jobs: int
    next_retry_at: datetime | None  # the earliest
    final: int  # of these, how many are not tried again by themselves
    examples: tuple[Job, ...]  # the newest three

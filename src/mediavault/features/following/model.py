"""The stored records of the sources that the vault follows, and of the entries that it has seen on
their lists.

A *source* is an account, a list or a feed that the vault checks regularly. Each check reads its
*entries* (``core/listings.py``), and each entry that is wanted (``filters.py``, ``decisions.py``)
becomes a job. ``schedule.py`` decides when; ``background/checks.py`` makes the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.fields import about
from mediavault.core.listings import Validators
from mediavault.core.marks import collection_title
from mediavault.core.media import EnclosedFile
from mediavault.core.messages import Message
from mediavault.core.site_limits import MANY_SITES
from mediavault.core.urls import parse_http_url
from mediavault.features.following.filters import Filters, Reason, checked_filters

SHORTEST_INTERVAL = timedelta(minutes=15)
FAILING_AFTER = timedelta(days=1)  # a source that has worked counts as failing after this long
MOST_NEWEST, MOST_PER_DAY = 10_000, 1_000
MOST_CHOSEN = 500  # posts that a user saves by hand in one go

SettingValues = Mapping[str, Any]  # of a source, by name: those that are given


class Start(StrEnum):
    """Which posts published before the source was followed are saved. The values are stored:
    never rename one.
    """

    NOW = "now"  # none
    SINCE = "since"  # those published since a date
    NEWEST = "newest"  # the newest N
    EVERYTHING = "everything"


def read_start(_name: str, text: str) -> dict[str, Any]:
    """Return the settings that say which earlier posts are saved, from a word,
    a date or a number. Raises BadInput.
    """
    if text in {Start.NOW, Start.EVERYTHING}:
        return {"start": Start(text)}
    if text.isascii() and text.isdecimal() and len(text) < 8:
        return {"start": Start.NEWEST, "newest": int(text)}
    try:
        return {"start": Start.SINCE, "since": datetime.fromisoformat(text)}
    except ValueError:
        raise BadInput(
            "This is not a valid choice of earlier posts.",
            help="Use now, everything, a number, or a date such as 2026-01-31.",
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """What users set of a source: what the API takes and returns,
    and the options of ``follow add`` and ``follow change``.
    """

    profile: str | None = field(
        default=None, metadata=about("The profile with which posts are saved.")
    )
    collection: str | None = field(
        default=None, metadata=about("Add posts to this collection.", metavar="TITLE")
    )
    interval_minutes: int | None = field(
        default=None,
        metadata=about(
            "How often to check; 0: depends on how often it posts.",
            metavar="MINUTES",
            option="--every",
        ),
    )
    is_paused: bool = field(
        default=False,
        metadata=about("Whether it is not checked, and its earlier posts wait.", option=""),
    )
    start: Start = field(
        default=Start.NOW,
        metadata=about(
            (
                "Which earlier posts to save: now (none), 2026-01-31 (since that day), a number"
                " (the newest) or everything."
            ),
            metavar="WHAT",
            read=read_start,
        ),
    )
    since: datetime | None = field(
        default=None, metadata=about("The date of the start `since`.", option="")
    )
    newest: int | None = field(
        default=None, metadata=about("How many posts the start `newest` saves.", option="")
    )
    per_day: int | None = field(
        default=None,
        metadata=about("Save at most this many earlier posts per day; 0: no limit.", metavar="N"),
    )
    filters: Filters = field(default_factory=Filters, metadata=about("Which posts are wanted."))

    @property
    def interval(self) -> timedelta | None:
        """The time between two checks; None for one that depends on how often the source posts."""
        return None if self.interval_minutes is None else timedelta(minutes=self.interval_minutes)

    def settings(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {one.name: getattr(self, one.name) for one in fields(SourceSettings)}


@dataclass(frozen=True, slots=True)
class Source(SourceSettings):
    """What a user asked to follow, with its settings. Checks never change it. ``id`` never changes.

    ``start_number`` grows when ``start`` or ``filters`` change: the next check then decides again
    about the posts that were skipped. ``added_by`` None: the owner.
    """

    id: str
    url: str
    platform: str
    followed_at: datetime
    start_number: int = 1
    added_by: str | None = None

    @property
    def served_by(self) -> str:
        """What serves its list, and is asked in turns: its site,
        or its host where the platform is a name for many sites.
        """
        if self.platform in MANY_SITES:
            # a row that something else has changed: its page must still open
            with suppress(BadInput):
                return parse_http_url(self.url).host
        return self.platform


def changed(source: Source, values: SettingValues) -> Source:
    """Return the source with these settings, as it is stored; an empty text or 0 removes one.

    ``filters`` may be a mapping of those that change. Raises BadInput for settings that can't be
    used.
    """
    filters = values.get("filters", source.filters)
    if isinstance(filters, Mapping):
        filters = replace(source.filters, **filters)
    removed = {name: values[name] or None for name in _REMOVABLE if name in values}
    return checked(replace(source, **{**values, **removed, "filters": filters}))


def checked(source: Source) -> Source:
    """Return the source as it is stored. Raises BadInput for settings that can't be used."""
    if source.interval is not None and not SHORTEST_INTERVAL <= source.interval <= timedelta(
        days=30
    ):
        raise BadInput(
            "This is not a valid interval for checking a source.",
            help="Choose from 15 minutes to 30 days.",
        )
    if source.start is Start.SINCE and source.since is None:
        raise BadInput("The start date is missing.", help="Enter it as 2026-01-31.")
    if source.start is Start.NEWEST and not 1 <= (source.newest or 0) <= MOST_NEWEST:
        raise BadInput(
            "Enter how many of the newest posts to save.",
            help=Message("Use a number from 1 to %(most)s.", most=MOST_NEWEST),
        )
    if source.per_day is not None and not 1 <= source.per_day <= MOST_PER_DAY:
        raise BadInput(
            "This is not a valid number of posts per day.",
            help=Message("Use a number from 1 to %(most)s.", most=MOST_PER_DAY),
        )
    collection = (source.collection or "").strip()
    since = source.since if source.start is Start.SINCE else None
    return replace(
        source,
        since=since.replace(tzinfo=UTC) if since is not None and since.tzinfo is None else since,
        newest=source.newest if source.start is Start.NEWEST else None,
        collection=collection_title(collection) if collection else None,
        filters=checked_filters(source.filters),
    )


_REMOVABLE = ("profile", "collection", "interval_minutes", "per_day")


MOST_CHECKS = 20  # in the history of a source


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """A check of a source: when it was made, how many new posts it found, and why it failed."""

    at: datetime
    new: int = 0
    error: Message | None = None


def with_check(history: tuple[SourceCheck, ...], check: SourceCheck) -> tuple[SourceCheck, ...]:
    """Return the history with one more check, the latest first, and without the oldest."""
    return (check, *history)[:MOST_CHECKS]


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the checks of a source have found.

    ``stable_id`` is the site's id of the source; ``title``, ``handle`` and ``picture_url`` are
    those that the site showed last. ``next_check_at`` None: now. ``acquired_until``: a worker's
    check may run until then. ``failures`` counts the checks in a row that have failed since
    ``failing_since``; ``error`` and ``help`` are the last one's. ``recent_ids`` are the site's ids
    of the newest posts that were seen, ``published`` are the newest dates of posts.
    ``usual_entries`` is about how many entries the list usually has. ``seen``, ``waiting`` and
    ``skipped`` count entries. ``fill_at`` is when the next earlier post is due. ``started`` is the
    ``start_number`` of the source for which the earlier posts were read; 0 before that.
    ``cheap_failures`` counts the failures in a row of the cheapest way to read the list.
    ``is_short``: the last list that was read had less than half of the usual entries.
    ``whole_entries`` is as ``usual_entries``, for lists that were read whole; ``unlisted`` counts
    the entries that these no longer contain. ``has_picture``: the vault has a picture of the
    source, which is requested again after ``picture_due``. ``history``: the last checks, the latest
    first.
    """

    stable_id: str = ""
    title: str = ""
    handle: str | None = None
    picture_url: str | None = None
    next_check_at: datetime | None = None
    acquired_until: datetime | None = None
    checked_at: datetime | None = None
    checks: int = 0
    method: str = ""
    uses_account: bool = False
    validators: Validators = Validators()
    failures: int = 0
    failing_since: datetime | None = None
    error: Message | None = None
    help: str = ""
    recent_ids: tuple[str, ...] = ()
    published: tuple[datetime, ...] = ()
    usual_entries: int = 0
    seen: int = 0
    waiting: int = 0
    skipped: int = 0
    new_at_last_check: int = 0
    newest_at: datetime | None = None
    fill_at: datetime | None = None
    started: int = 0
    cheap_failures: int = 0
    is_short: bool = False
    whole_entries: int = 0
    unlisted: int = 0
    has_picture: bool = False
    picture_due: datetime | None = None
    history: tuple[SourceCheck, ...] = ()

    @property
    def is_doubtful(self) -> bool:
        """Whether the last answer says little about what the source still has:
        nothing is deleted because of it.
        """
        return not self.checks or self.failures > 0 or self.is_short

    def is_failing(self, now: datetime) -> bool:
        """Whether users should know that checks fail: at once if none has ever succeeded,
        else once it has lasted.
        """
        return self.failing_since is not None and (
            not self.checks or now - self.failing_since >= FAILING_AFTER
        )


class EntryState(StrEnum):
    """What became of an entry. The values are stored: never rename one."""

    SAVED = "saved"  # it became a job, or its post had one
    # it is taken when its turn comes: an earlier post, or one of many that are new
    WAITING = "waiting"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """What a source knows of an entry that it has seen. The record's key ends with that of the
    post.

    ``is_read``: the post itself was read before it was skipped, so a list, which says less, does
    not change the decision. ``is_new_post``: it waits although it appeared after the source was
    followed, because many appeared at once. ``unlisted_at``: since then, lists that were read whole
    no longer contain it; nothing is deleted because of that. ``enclosed`` is the file that it
    encloses, until it is saved.
    """

    state: EntryState
    url: str
    title: str | None = None
    published_at: datetime | None = None
    seen_at: datetime | None = None
    reason: Reason | None = None
    job_id: str | None = None
    is_read: bool = False
    is_new_post: bool = False
    unlisted_at: datetime | None = None
    enclosed: EnclosedFile | None = None

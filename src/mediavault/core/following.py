"""The stored records of the sources that the vault follows, and of the entries that it has seen on their lists.

A *source* is an account, a list or a feed that the vault checks regularly. Each check reads its *entries*
(``core/listings.py``), and each entry that is wanted (``core/following_filters.py``, ``core/following_decisions.py``)
becomes a job. ``core/following_schedule.py`` decides when; ``worker/following.py`` makes the checks.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.failures import BadInput
from mediavault.core.following_filters import Filters, Reason, checked_filters
from mediavault.core.listings import Validators
from mediavault.core.media import EnclosedFile
from mediavault.core.messages import Message
from mediavault.core.site_limits import MANY_SITES
from mediavault.core.urls import parse_http_url

SHORTEST_INTERVAL = timedelta(minutes=15)
WORTH_TELLING = timedelta(days=1)  # users don't see that a source which has worked fails for less
MOST_NEWEST, MOST_PER_DAY = 10_000, 1_000


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a source is: its canonical URL and the platform's name, which is ``generic`` for feeds of unknown sites.

    ``is_list``: a list of posts rather than an account, as far as the URL says.
    """

    url: str
    platform: str
    is_list: bool = False


class Start(StrEnum):
    """Which posts published before the source was followed are saved. The values are stored: never rename one."""

    NOW = "now"  # none
    SINCE = "since"  # those published since a date
    NEWEST = "newest"  # the newest N
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Source:
    """What a user asked to follow, with its settings. Checks never change it. ``id`` never changes.

    ``profile`` and ``collection`` apply to its posts. ``interval`` is the time between two checks, None for one that
    depends on how often the source posts. ``since`` and ``newest`` belong to the starts of these names. ``per_day`` is how
    many earlier posts are saved per day, None for as many as the site allows. ``start_number`` grows when ``start``
    or ``filters`` change: the next check then decides again about the posts that were skipped.
    """

    id: str
    url: str
    platform: str
    followed_at: datetime
    profile: str | None = None
    collection: str | None = None
    interval: timedelta | None = None
    is_paused: bool = False
    start: Start = Start.NOW
    since: datetime | None = None
    newest: int | None = None
    per_day: int | None = None
    start_number: int = 1
    filters: Filters = Filters()
    added_by: str | None = None  # None: the owner

    @property
    def served_by(self) -> str:
        """What serves its list, and is asked in turns: its site, or its host where the platform is a name for many sites."""
        if self.platform in MANY_SITES:
            with suppress(BadInput):  # a row that something else has changed: its page must still open
                return parse_http_url(self.url).host
        return self.platform


def checked(source: Source) -> Source:
    """Return the source as it is stored. Raises BadInput for settings that can't be used."""
    if source.interval is not None and not SHORTEST_INTERVAL <= source.interval <= timedelta(days=30):
        raise BadInput("This is not a valid interval for checking a source.", help="Choose from 15 minutes to 30 days.")
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
    return replace(source, filters=checked_filters(source.filters))


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the checks of a source have found.

    ``stable_id`` is the site's id of the source; ``title``, ``handle`` and ``picture_url`` are those that the site showed
    last. ``next_look_at`` None: now. ``held_until``: a worker's check may run until then. ``failures`` counts the checks
    in a row that have failed since ``failing_since``; ``error`` and ``help`` are the last one's. ``recent_ids`` are the
    site's ids of the newest posts that were seen, ``published`` are the newest dates of posts. ``usual_entries`` is about
    how many entries the list usually has. ``seen``, ``waiting`` and ``passed`` count entries. ``fill_at`` is when the next
    earlier post is due. ``started`` is the ``start_number`` of the source for which the earlier posts were read; 0
    before that. ``cheap_failures`` counts the failures in a row of the cheapest way to read the list. ``is_short``: the
    last list that was read had less than half of the usual entries. ``whole_entries`` is as ``usual_entries``, for lists
    that were read whole; ``gone`` counts the entries that these no longer contain. ``has_picture``: the vault has a picture
    of the source, which is requested again after ``picture_due``.
    """

    stable_id: str = ""
    title: str = ""
    handle: str | None = None
    picture_url: str | None = None
    next_look_at: datetime | None = None
    held_until: datetime | None = None
    looked_at: datetime | None = None
    looks: int = 0
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
    passed: int = 0
    new_at_last_look: int = 0
    newest_at: datetime | None = None
    fill_at: datetime | None = None
    started: int = 0
    cheap_failures: int = 0
    is_short: bool = False
    whole_entries: int = 0
    gone: int = 0
    has_picture: bool = False
    picture_due: datetime | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether the last answer says little about what the source still has: nothing is deleted because of it."""
        return not self.looks or self.failures > 0 or self.is_short

    def is_failing(self, now: datetime) -> bool:
        """Whether users should know that checks fail: at once if none has ever succeeded, else once it has lasted."""
        return self.failing_since is not None and (not self.looks or now - self.failing_since >= WORTH_TELLING)


class EntryState(StrEnum):
    """What became of an entry. The values are stored: never rename one."""

    TAKEN = "taken"  # it became a job, or its post had one
    WAITING = "waiting"  # it is taken when its turn comes: an earlier post, or one of many that are new
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """What a source knows of an entry that it has seen. The record's key ends with that of the post.

    ``is_read``: the post itself was read before it was skipped, so a list, which says less, does not change the decision.
    ``is_news``: it waits although it appeared after the source was followed, because many appeared at once. ``gone_at``:
    since then, lists that were read whole no longer contain it; nothing is deleted because of that. ``enclosed`` is the
    file that it encloses, while it waits.
    """

    state: EntryState
    url: str
    title: str | None = None
    published_at: datetime | None = None
    seen_at: datetime | None = None
    reason: Reason | None = None
    job_id: str | None = None
    is_read: bool = False
    is_news: bool = False
    gone_at: datetime | None = None
    enclosed: EnclosedFile | None = None


def post_key(canonical_url: str) -> str:
    """Return the key of a post among what a source has seen: the same in every source that names the post."""
    return hashlib.sha256(canonical_url.encode()).hexdigest()[:32]

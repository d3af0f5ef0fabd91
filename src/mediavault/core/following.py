"""Following: sources, what their lists name, and which of it is taken.

A *source* is an account, a list or a feed that the vault looks at again and again. Each look reads its *entries*, and
each entry that is wanted becomes a job. Everything here is pure; ``worker/following.py`` does the looking.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import count, pairwise
from statistics import median
from typing import Any

import re2

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message

SHORTEST_INTERVAL, LONGEST_INTERVAL = timedelta(minutes=15), timedelta(hours=24)
FIRST_INTERVAL = timedelta(hours=1)  # until it is known how often a source posts
ACCOUNT_INTERVAL = timedelta(hours=6)  # the shortest where each look uses the signed-in account
FIRST_LOOK_APART, FIRST_LOOKS_WITHIN = timedelta(seconds=12), timedelta(hours=1)  # of sources that came together
LOOKS_PER_POST = 4  # so that a post is seen after an eighth of the usual gap, on average
BACK_OFFS = 5  # doublings of the interval while looks fail
FILL_A_DAY = 144  # posts from before that are taken of one site: one in ten minutes
WORTH_TELLING = timedelta(days=1)  # a source that fails for less is not worth a word
MAX_PATTERNS, MAX_PATTERN_CHARS = 20, 200
MOST_NEWEST, MOST_PER_DAY = 10_000, 1_000
MAX_LENGTH_S = 10_000_000.0

_WORDS = re.compile(r"\w+")
_ALL_LANGUAGES = "all"  # of core.profiles, which can't be imported here
_EXPRESSIONS = re2.Options()
_EXPRESSIONS.case_sensitive = False
_EXPRESSIONS.log_errors = False


class EntryKind(StrEnum):
    """What a post of a source is. The values are stored: never rename one."""

    VIDEO = "video"
    SHORT = "short"
    LIVE = "live"  # a broadcast, running or over


ALL_KINDS = tuple(EntryKind)


@dataclass(frozen=True, slots=True)
class Entry:
    """A post that a source's list names, with what the list says about it. None is what it does not say.

    ``post_id`` is the site's, "" where an entry has only its URL. ``is_date_exact``: False for a date that was worked out
    from "3 weeks ago"; it may be wrong by a fifth of its age. ``is_over``: False for a premiere or a broadcast that has
    not ended. ``text`` is the description, cut.
    """

    url: str
    post_id: str = ""
    title: str | None = None
    text: str | None = None
    published_at: datetime | None = None
    is_date_exact: bool = True
    duration_s: float | None = None
    kind: EntryKind | None = None
    is_over: bool = True
    members_only: bool | None = None
    is_repost: bool = False
    is_reply: bool = False
    language: str | None = None
    thumbnail_url: str | None = None


@dataclass(frozen=True, slots=True)
class Validators:
    """What makes the next request for a feed conditional (RFC 9110, section 13).

    ``url`` is the feed that was read, "" where none was: it may be one that the source's page only links to, and for any
    other feed the rest is void.
    """

    etag: str | None = None
    last_modified: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one look at a source found.

    ``stable_id`` is the site's own key of the account or list, which no renaming changes. ``is_whole``: the list was read
    to its end. ``is_newest_first``: False for lists in any other order. ``is_unchanged``: the site says that nothing has
    changed since ``validators`` were stored, and ``entries`` is empty. ``fresh_for``: the site asks not to be asked again
    before. ``uses_account``: the look counted as a request of the signed-in account. ``method`` names how it was read.
    """

    entries: tuple[Entry, ...] = ()
    stable_id: str | None = None
    title: str | None = None
    handle: str | None = None
    picture_url: str | None = None
    is_whole: bool = False
    is_newest_first: bool = True
    is_unchanged: bool = False
    validators: Validators = Validators()
    fresh_for: timedelta | None = None
    uses_account: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """What one answer of a site says about a source: its list, or a part of it.

    ``cursor`` names the part that follows, "" where there is none. ``feed_urls`` are those of the feeds that a page links
    to, which is not a list itself. ``skip_hours`` are hours of the day, in UTC, in which the feed is not to be read.
    """

    listing: Listing = Listing()
    cursor: str = ""
    feed_urls: tuple[str, ...] = ()
    skip_hours: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a source's list.

    ``known`` are ids of posts that earlier looks have seen: a list that is newest first may end after
    ``stop_after_known`` of them in a row (None: never). ``limit``: entries to read at most. ``kinds`` and
    ``reposts``: what is wanted, where a site lists it apart. ``stable_id`` is empty at the first look.
    """

    url: str
    stable_id: str = ""
    known: tuple[str, ...] = ()
    stop_after_known: int | None = None
    limit: int = 100
    kinds: tuple[EntryKind, ...] = ALL_KINDS
    reposts: bool = False
    validators: Validators = Validators()


# --- what is wanted ----------------------------------------------------------------------------------------------


class Start(StrEnum):
    """What is taken of the posts that were there before the source was followed. The values are stored."""

    NOW = "now"  # none
    SINCE = "since"  # those published since a date
    NEWEST = "newest"  # the newest N
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which posts of a source are wanted; what is not known of a post does not speak against it.

    ``having``: title or description must contain one of these, ``lacking``: none of these. Each is words, found
    regardless of case and diacritics, or ``/a regular expression/``. ``languages`` match their regions too.
    """

    having: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    shortest_s: float | None = None
    longest_s: float | None = None
    kinds: tuple[EntryKind, ...] = ALL_KINDS
    members_only: bool = False  # also posts for paying members, which need a session
    reposts: bool = False
    replies: bool = True
    languages: tuple[str, ...] = ()


class Reason(StrEnum):
    """Why an entry is passed over. The values are stored: never rename one."""

    BEFORE = "before"  # it was there before the source was followed
    WORDS = "words"
    LENGTH = "length"
    KIND = "kind"
    MEMBERS = "members"
    REPOST = "repost"
    REPLY = "reply"
    LANGUAGE = "language"
    REMOVED = "removed"  # a user has deleted the post
    UNREADABLE = "unreadable"  # its URL names no post


REASONS: Mapping[Reason, str] = {
    Reason.BEFORE: Message("Published before you followed"),
    Reason.WORDS: Message("Title and description don't match"),
    Reason.LENGTH: Message("Too short or too long"),
    Reason.KIND: Message("Another kind of video"),
    Reason.MEMBERS: Message("For members only"),
    Reason.REPOST: Message("A repost"),
    Reason.REPLY: Message("A reply"),
    Reason.LANGUAGE: Message("Another language"),
    Reason.REMOVED: Message("You deleted it"),
    Reason.UNREADABLE: Message("The link names no post"),
}
FINAL = frozenset({Reason.BEFORE, Reason.REMOVED})  # no change of an entry reverses them


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where a source is: its URL in one form, and the platform's name; ``generic`` for feeds of other sites.

    ``is_list``: a list of posts rather than an account, as far as the URL tells.
    """

    url: str
    platform: str
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What a user asked to follow; looks change nothing of it. ``id`` never changes.

    ``profile`` and ``collection`` apply to its posts. ``interval`` None: as often as the source posts. ``newest`` and
    ``since`` belong to ``start``; ``per_day`` is how many of the posts from before are taken in a day, None as many as the
    site bears. ``start_number`` grows when
    ``start`` or ``filters`` change: then the next look decides again about what was passed over.
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


def checked(source: Source) -> Source:
    """Return the source as it is stored. Raises BadInput for values that it can't have."""
    if source.interval is not None and not SHORTEST_INTERVAL <= source.interval <= timedelta(days=30):
        raise BadInput("This is not how often a source can be looked at.", help="Choose from 15 minutes to 30 days.")
    if source.start is Start.SINCE and source.since is None:
        raise BadInput("The date is missing from which on posts are taken.", help="Write it as in 2026-01-31.")
    if source.start is Start.NEWEST and not 1 <= (source.newest or 0) <= MOST_NEWEST:
        raise BadInput(
            "The number of the newest posts to take is missing.",
            help=Message("Use a number from 1 to %(most)s.", most=MOST_NEWEST),
        )
    if source.per_day is not None and not 1 <= source.per_day <= MOST_PER_DAY:
        raise BadInput(
            "This is not a number of posts a day.", help=Message("Use a number from 1 to %(most)s.", most=MOST_PER_DAY)
        )
    return replace(source, filters=checked_filters(source.filters))


def checked_filters(filters: Filters) -> Filters:
    """Return filters as they are stored. Raises BadInput for a pattern, length or kind that can't be one."""
    if not filters.kinds:
        raise BadInput("No kind of video is left.", help="Choose at least one of videos, shorts and live streams.")
    if max(len(filters.having), len(filters.lacking)) > MAX_PATTERNS:
        raise BadInput(
            "There are too many filters of words.", help=Message("Use at most %(most)s of a kind.", most=MAX_PATTERNS)
        )
    lengths = [length for length in (filters.shortest_s, filters.longest_s) if length is not None]
    if not all(0 <= length <= MAX_LENGTH_S for length in lengths):
        raise BadInput("This is not the length of a video.", help="Write it in seconds.")
    if filters.shortest_s and filters.longest_s and filters.shortest_s > filters.longest_s:
        raise BadInput("The shortest length is longer than the longest.", help="Exchange the two.")
    return replace(
        filters,
        having=tuple(map(_checked_pattern, dict.fromkeys(filters.having))),
        lacking=tuple(map(_checked_pattern, dict.fromkeys(filters.lacking))),
        languages=() if _ALL_LANGUAGES in filters.languages else filters.languages,
    )


def _checked_pattern(text: str) -> str:
    pattern = text.strip()
    if not pattern or len(pattern) > MAX_PATTERN_CHARS:
        raise BadInput(
            "This is not a filter of words.", help=Message("Use 1 to %(most)s characters.", most=MAX_PATTERN_CHARS)
        )
    try:
        _matcher(pattern)
    except re2.error as exc:
        raise BadInput(
            Message("%(pattern)s is not a regular expression that can be used here.", pattern=pattern),
            help="Leave the slashes out to search for words. References such as \\1 and look-aheads are not available.",
        ) from exc
    return pattern


# --- deciding ----------------------------------------------------------------------------------------------------


def reason_against(entry: Entry, filters: Filters) -> Reason | None:
    """Return which filter passes an entry over, or None. Decides the same after the real look, with more facts."""
    if entry.kind is not None and entry.kind not in filters.kinds:
        return Reason.KIND
    if entry.members_only and not filters.members_only:
        return Reason.MEMBERS
    if entry.is_repost and not filters.reposts:
        return Reason.REPOST
    if entry.is_reply and not filters.replies:
        return Reason.REPLY
    if not _has_length(entry.duration_s, filters):
        return Reason.LENGTH
    if entry.language and filters.languages and not any(_speaks(entry.language, one) for one in filters.languages):
        return Reason.LANGUAGE
    return None if _has_words(entry, filters) else Reason.WORDS


def _has_length(duration_s: float | None, filters: Filters) -> bool:
    if not duration_s:  # a live stream, or unknown
        return True
    return (filters.shortest_s or 0) <= duration_s <= (filters.longest_s or duration_s)


def _has_words(entry: Entry, filters: Filters) -> bool:
    if not (filters.having or filters.lacking):
        return True
    text = "\n".join(part for part in (entry.title, entry.text) if part)
    if any(_matches(pattern, text) for pattern in filters.lacking):
        return False
    if not filters.having or any(_matches(pattern, text) for pattern in filters.having):
        return True
    return entry.text is None  # the description is not known yet, and may contain them


def _matches(pattern: str, text: str) -> bool:
    matcher = _matcher(pattern)
    return matcher.search(text if _is_expression(pattern) else _plain(text)) is not None


def _is_expression(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> Any:
    """Words match as whole words, next to each other. An expression needs linear time, however it is written."""
    if _is_expression(pattern):
        return re2.compile(pattern[1:-1], _EXPRESSIONS)
    words = _WORDS.findall(_plain(pattern))
    if not words:
        return re.compile(re.escape(_plain(pattern)))
    return re.compile(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)")


def _plain(text: str) -> str:
    """Return the text without case and diacritics."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    apart = unicodedata.normalize("NFKD", folded)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _speaks(language: str, wanted: str) -> bool:
    language, wanted = language.lower().replace("_", "-"), wanted.lower().replace("_", "-")
    return language == wanted or language.startswith(f"{wanted}-")


# --- the order of a list, and what was there before --------------------------------------------------------------

DELAY = timedelta(days=1)
# A date that was worked out from "3 weeks ago" may be wrong by this share of its age.
_DOUBT = 0.2


def is_before(entry: Entry, moment: datetime, now: datetime) -> bool | None:
    """Return whether a post was published before a moment; None where its date is unknown or too rough to say."""
    at = entry.published_at
    if at is None:
        return None
    doubt = timedelta() if entry.is_date_exact else _DOUBT * (now - at)
    if at + doubt < moment:
        return True
    return False if at - doubt >= moment else None


def backlog(listing: Listing, known: Collection[int], source: Source, now: datetime, *, is_first: bool) -> set[int]:
    """Return the indexes of the entries that were there before the source was followed.

    ``known`` are the indexes of entries that earlier looks have seen. At the first look everything was there. In a list that is newest first, what comes after a known entry is older than it. Elsewhere a new entry is news, unless
    its date says otherwise: a feed that is read by another method may suddenly name a hundred old posts. A day before is
    not otherwise: posts appear hours after the time that they state, and feeds are wrong about time zones.
    """
    newest_known = min(known, default=len(listing.entries)) if listing.is_newest_first else len(listing.entries)
    found = set()
    for index, entry in enumerate(listing.entries):
        is_below_known = index > newest_known
        slack = timedelta() if is_first or is_below_known else DELAY
        before = is_before(entry, source.followed_at - slack, now)
        if index not in known and (before or (before is None and (is_first or is_below_known))):
            found.add(index)
    return found


def reason_of_backlog(entry: Entry, position: int, source: Source, now: datetime) -> Reason | None:
    """Return BEFORE for an entry of the backlog that the source's start leaves out.

    ``position`` counts the entries of the backlog that pass the filters, newest first. An entry whose date is not known
    well enough is taken, and looked at again when its post has been read.
    """
    match source.start:
        case Start.EVERYTHING:
            return None
        case Start.NEWEST:
            return None if position < (source.newest or 0) else Reason.BEFORE
        case Start.SINCE:
            assert source.since is not None
            return Reason.BEFORE if is_before(entry, source.since, now) else None
        case Start.NOW:
            return Reason.BEFORE


def reason_after_look(entry: Entry, source: Source, now: datetime) -> Reason | None:
    """Return why a post is passed over now that it has been read, or None: dates and lengths are exact then."""
    if source.start is Start.SINCE and source.since is not None and is_before(entry, source.since, now):
        return Reason.BEFORE
    return reason_against(entry, source.filters)


def post_key(canonical_url: str) -> str:
    """Return the key under which a post is seen: the same in each source that names it."""
    return hashlib.sha256(canonical_url.encode()).hexdigest()[:32]


def says_what_is_gone(found: Listing, before: SourceState) -> bool:
    """Return whether a list is evidence that the posts which it does not name are gone from it.

    Only one that was read whole is. One that names less than half of what such lists usually name is more likely a fault.
    """
    usual = max(before.usual_entries, before.whole_entries)
    return found.is_whole and not found.is_unchanged and bool(found.entries) and 2 * len(found.entries) >= usual


# --- how often ---------------------------------------------------------------------------------------------------


def usual_gap(times: Iterable[datetime]) -> timedelta | None:
    """Return the median time between two posts, of at least three posts; None for fewer."""
    ordered = sorted(times)
    gaps = [(after - before).total_seconds() for before, after in pairwise(ordered)]
    return timedelta(seconds=median(gaps)) if len(gaps) >= 2 else None


def interval(
    source: Source,
    *,
    gap: timedelta | None,
    quiet_for: timedelta | None,
    failures: int = 0,
    fresh_for: timedelta | None = None,
    uses_account: bool = False,
) -> timedelta:
    """Return the time until the next look, before jitter.

    ``gap`` is the usual time between two posts, ``quiet_for`` the time since the newest: a source that has fallen silent
    is looked at less often. Each failed look doubles the time. A user's own interval is kept, except while looks fail or
    the site asks for more.
    """
    expected = max(filter(None, (gap, quiet_for / 2 if quiet_for else None)), default=LOOKS_PER_POST * FIRST_INTERVAL)
    usual = source.interval or min(max(expected / LOOKS_PER_POST, SHORTEST_INTERVAL), LONGEST_INTERVAL)
    if uses_account:
        usual = max(usual, ACCOUNT_INTERVAL)
    if failures:
        usual = max(usual, min(usual * 2 ** min(failures, BACK_OFFS), LONGEST_INTERVAL))
    return max(usual, fresh_for or timedelta())


def first_looks(groups: Sequence[str], now: datetime) -> list[datetime]:
    """Return when each of many new sources is looked at first: those of one group apart, and all within an hour.

    ``groups`` are what the sources ask, such as their hosts. A site's limits hold looks back too, but not those of feeds
    at hosts that are no known site, and what is looked at later leaves room for downloads.
    """
    apart = {group: min(FIRST_LOOK_APART, FIRST_LOOKS_WITHIN / size) for group, size in Counter(groups).items()}
    numbers = {group: count() for group in apart}
    return [now + apart[group] * next(numbers[group]) for group in groups]


def fill_interval(daily_cap: int | None) -> timedelta:
    """Return the time between two posts from before of one site: half of ``daily_cap``, what its account may read in a
    day, is left to users."""
    return timedelta(days=1) / min(FILL_A_DAY, max(1, daily_cap // 2) if daily_cap else FILL_A_DAY)


def fill_takes(source: Source, waiting: int, daily_cap: int | None, *, sharing: int) -> timedelta:
    """Return about how long it takes until a source's waiting posts are taken, if nothing else holds them back.

    ``sharing`` is how many sources of the site have posts waiting: they take turns.
    """
    own = timedelta(days=1) / source.per_day if source.per_day else timedelta()
    return waiting * max(fill_interval(daily_cap) * max(1, sharing), own)


def jittered(span: timedelta, share: float) -> timedelta:
    """Return a span changed by up to a tenth; ``share`` is random, from 0 to 1."""
    return span * (0.9 + 0.2 * share)


# --- records -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SourceState:
    """What the looks at a source have found.

    ``stable_id`` is the site's own key, ``title``, ``handle`` and ``picture_url`` are as the site showed them last.
    ``next_look_at`` None: now. ``held_until``: a worker is looking. ``failures`` counts the looks in a row that failed,
    since ``failing_since``; ``error`` and ``help`` are the last one's. ``recent_ids`` are the site's ids of the newest
    posts that were seen, ``published`` when they were published. ``usual_entries`` is how many the list named when all was
    well. ``seen``, ``waiting`` and ``passed`` count entries. ``fill_at``: when the next post from before is due.
    ``started`` is the ``start_number`` of the source for which the posts from before were read; 0 before the first look.
    ``cheap_failures`` counts the failures in a row of the cheapest way to read the list. ``is_short``: the last list that
    was read had less than half of the usual entries. ``whole_entries`` is as
    ``usual_entries``, of lists that were read whole; ``gone`` counts the entries that these no longer name.
    ``has_picture``: the vault has a picture of the source, which is asked for again after ``picture_due``.
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
        """Whether looks have failed for so long that users should know."""
        return self.failing_since is not None and now - self.failing_since >= WORTH_TELLING


class EntryState(StrEnum):
    """What became of an entry. The values are stored: never rename one."""

    TAKEN = "taken"  # it became a job, or a job of its post was there
    WAITING = "waiting"  # from before; it is taken when its turn comes
    PASSED = "passed"


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry as a source has seen it: its post's key is that of the record.

    ``is_read``: the post itself was read before it was passed over, so that a list, which says less, changes nothing.
    ``is_news``: it waits although it appeared after the source was followed, since much came at once. ``gone_at``: since
    then lists that were read whole do not name it any more; that is no reason to delete anything.
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

"""Decides which entries of a source's list are saved or skipped. Pure: a check applies the
decisions, a preview shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, pairwise
from statistics import median

from mediavault.core.clock import in_pieces
from mediavault.core.failures import MediavaultError
from mediavault.core.job import NewJob
from mediavault.core.listings import LONGEST_INTERVAL, Entry, Listing, post_key
from mediavault.core.site_limits import MANY_SITES
from mediavault.features.following.filters import Reason, reason_against
from mediavault.features.following.model import (
    SHORTEST_INTERVAL,
    EntryState,
    SeenEntry,
    Source,
    SourceState,
    Start,
)

# if a check finds more new posts than this, the rest wait for their turn like earlier posts
NEWS_AT_ONCE = 20
NEWEST_AT_ONCE = 10  # of the newest earlier posts that a user asks for, where the site sets no pace
# posts appear hours after the time that they state, and feeds are wrong about time zones
_LATE_BY = timedelta(days=1)
# a date that was worked out from "3 weeks ago" may be wrong by this share of its age
_ROUGH_BY = 0.2


@dataclass(frozen=True, slots=True)
class ListedPost:
    """An entry of a list, and the post that it names.

    ``key`` is that of ``post_key``. ``canonical_url`` is "" where the entry's URL names no post.
    """

    key: str
    entry: Entry
    canonical_url: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a post on a list.

    ``former`` is what had become of it before, None for a post that the source had not seen.
    ``is_from_before``: it was there before the source was followed.
    """

    post: ListedPost
    state: EntryState
    reason: Reason | None = None
    former: SeenEntry | None = None
    is_from_before: bool = False

    @property
    def is_change(self) -> bool:
        """Whether there is anything to do, or to store."""
        return self.former is None or (self.state, self.reason) != (
            self.former.state,
            self.former.reason,
        )


async def named_posts(
    entries: Iterable[Entry], read: Callable[[str], NewJob], seen_as: Callable[[str], str]
) -> tuple[list[ListedPost], dict[str, NewJob]]:
    """Return the posts that entries name, each once and in their order, and the jobs of those that
    can be read, by key.

    ``read`` reads the URL of a post and raises MediavaultError where it names none. ``seen_as``
    returns the form of a post's URL that never changes.
    """
    posts: dict[str, ListedPost] = {}
    jobs: dict[str, NewJob] = {}
    async for entry in in_pieces(entries):
        try:
            job = read(entry.url)
        except MediavaultError:
            key = post_key(seen_as(entry.url))
            posts.setdefault(key, ListedPost(key, entry))
        else:
            key = post_key(seen_as(job.canonical_url))
            if key not in jobs:
                posts[key], jobs[key] = ListedPost(key, entry, job.canonical_url), job
    return list(posts.values()), jobs


def decide(
    posts: Sequence[ListedPost],
    existing: Mapping[str, SeenEntry],
    removed: Collection[str],
    source: Source,
    now: datetime,
    *,
    is_newest_first: bool,
    is_first: bool,
    is_restarted: bool,
) -> Iterator[Decision]:
    """Yield the decision about each post of a list, in the list's order.

    Decides about new posts, and again about those that were skipped for a reason that may no longer
    apply. ``existing`` is what became of posts at this source, ``removed`` are those that users
    have deleted, both by the posts' keys. ``is_first``: no check has succeeded yet.
    ``is_restarted``: the earlier posts have yet to be read for the current start.
    """
    before = _from_before(
        posts, existing, source, now, is_newest_first=is_newest_first, is_first=is_first
    )
    at_once = in_turn = 0  # news that are taken at once, and earlier posts that are wanted
    for post in posts:
        former = existing.get(post.key)
        if former is not None and (
            not post.canonical_url or not _is_open(former, is_restarted=is_restarted)
        ):
            yield Decision(post, former.state, former.reason, former)
            continue
        is_from_before = post.key in before or (
            former is not None and former.reason is Reason.BEFORE
        )
        reason = _reason(post, removed, source, now, position=in_turn if is_from_before else None)
        if reason is not None:
            state = EntryState.SKIPPED
        elif is_from_before:
            comes_at_once = (
                in_turn < NEWEST_AT_ONCE
                and (is_first or is_restarted)
                and _newest_come_at_once(source)
            )
            state = EntryState.SAVED if comes_at_once else EntryState.WAITING
        else:
            state = EntryState.SAVED if at_once < NEWS_AT_ONCE else EntryState.WAITING
            at_once += state is EntryState.SAVED
        in_turn += is_from_before and reason is None
        yield Decision(post, state, reason, former, is_from_before)


def _newest_come_at_once(source: Source) -> bool:
    """Whether the newest earlier posts need no turn: a known site would notice,
    and the user may have set a pace.
    """
    return source.start is Start.NEWEST and source.platform in MANY_SITES and source.per_day is None


def _from_before(
    posts: Sequence[ListedPost],
    existing: Mapping[str, SeenEntry],
    source: Source,
    now: datetime,
    *,
    is_newest_first: bool,
    is_first: bool,
) -> set[str]:
    """Return the keys of the posts that were there before the source was followed."""
    readable = [post for post in posts if post.canonical_url]
    entries = [post.entry for post in readable]
    places = {index for index, post in enumerate(readable) if post.key in existing}
    found = backlog(
        entries, places, source, now, is_newest_first=is_newest_first, is_first=is_first
    )
    return {readable[index].key for index in found}


def _reason(
    post: ListedPost,
    removed: Collection[str],
    source: Source,
    now: datetime,
    *,
    position: int | None,
) -> Reason | None:
    """Return why a post is skipped, or None. ``position`` is as in ``reason_of_backlog``,
    None for a new post.
    """
    if not post.canonical_url:
        return Reason.UNREADABLE
    if post.key in removed:
        return Reason.REMOVED
    # a date may be later than the following: then it holds for new posts too
    is_asked = position is not None or source.start is Start.SINCE
    if (
        is_asked
        and (reason := reason_of_backlog(post.entry, position or 0, source, now)) is not None
    ):
        return reason
    return reason_against(post.entry, source.filters)


def _is_open(former: SeenEntry, *, is_restarted: bool) -> bool:
    """Whether the decision about a known entry may change: its facts and the filters may,
    its past may not.
    """
    if former.state is not EntryState.SKIPPED or former.reason is Reason.REMOVED:
        return False
    return is_restarted or not (former.reason is Reason.BEFORE or former.is_read)


# --- the earlier posts ----------------------------------------------------------------------------


def is_before(entry: Entry, moment: datetime, now: datetime) -> bool | None:
    """Return whether a post was published before a moment;
    None where its date is unknown or too rough to say.
    """
    at = entry.published_at
    if at is None:
        return None
    doubt = timedelta() if entry.is_date_exact else _ROUGH_BY * (now - at)
    if at + doubt < moment:
        return True
    return False if at - doubt >= moment else None


def backlog(
    entries: Sequence[Entry],
    known: Collection[int],
    source: Source,
    now: datetime,
    *,
    is_newest_first: bool,
    is_first: bool,
) -> set[int]:
    """Return the indexes of the entries that were there before the source was followed.

    ``known`` are the indexes of entries that earlier checks have seen. In the first check, and
    below a known entry of a list that is newest first, an entry was there before unless its date
    says otherwise. Any other entry is new unless its date is more than a day earlier: a feed that
    is read by another method may suddenly name a hundred old posts.
    """
    newest_known = min(known, default=len(entries)) if is_newest_first else len(entries)
    found = set()
    for index, entry in enumerate(entries):
        is_below_known = index > newest_known
        slack = timedelta() if is_first or is_below_known else _LATE_BY
        before = is_before(entry, source.followed_at - slack, now)
        if index not in known and (before or (before is None and (is_first or is_below_known))):
            found.add(index)
    return found


def reason_of_backlog(entry: Entry, position: int, source: Source, now: datetime) -> Reason | None:
    """Return BEFORE for an entry of the backlog that the source's start leaves out, None for one
    that it takes.

    ``position`` is the entry's, from 0 and newest first, among those of the backlog that are taken.
    An entry whose date is unknown or too rough is taken; ``reason_after_look`` decides again when
    its post has been read.
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


# --- when the post itself is read, and when a list no longer names it -----------------------------


def open_reasons(entry: Entry, source: Source, now: datetime) -> tuple[Reason, ...]:
    """Return the reasons for which a post that is taken may still be skipped once it has been read
    (``reason_after_look``).

    They are those of the settings that depend on facts which the list does not have.
    """
    filters = source.filters
    since = source.since if source.start is Start.SINCE else None
    without_text = reason_against(replace(entry, text=""), filters) if entry.text is None else None
    may_be = {
        Reason.BEFORE: since is not None and is_before(entry, since, now) is None,
        Reason.LENGTH: bool(filters.shortest_s or filters.longest_s) and not entry.duration_s,
        Reason.LANGUAGE: bool(filters.languages) and not entry.language,
        Reason.WORDS: entry.text is None
        and (bool(filters.lacking) or without_text is Reason.WORDS),
    }
    return tuple(reason for reason, is_open in may_be.items() if is_open)


def reason_after_check(entry: Entry, source: Source, now: datetime) -> Reason | None:
    """Return why a post is skipped now that it has been read, or None.
    Its date and its length are exact now.
    """
    if (
        source.start is Start.SINCE
        and source.since is not None
        and is_before(entry, source.since, now)
    ):
        return Reason.BEFORE
    return reason_against(entry, source.filters)


def shows_removals(listing: Listing, before: SourceState) -> bool:
    """Return whether a list shows that the posts which it does not name are unlisted.

    Only a list that was read whole does. If it names less than half as many as usual, that is more
    likely a fault.
    """
    usual = max(before.usual_entries, before.whole_entries)
    return (
        listing.is_whole
        and not listing.is_unchanged
        and bool(listing.entries)
        and 2 * len(listing.entries) >= usual
    )


FIRST_INTERVAL = timedelta(hours=1)  # until it is known how often a source posts
ACCOUNT_INTERVAL = timedelta(hours=6)  # the shortest where each check uses the signed-in account
# of sources added together
FIRST_CHECK_APART, FIRST_CHECKS_WITHIN = timedelta(seconds=12), timedelta(hours=1)
CHECKS_PER_POST = 4  # so that a post is seen after an eighth of the usual gap, on average
BACK_OFFS = 5  # doublings of the interval while checks fail
FILL_A_DAY = 144  # earlier posts of one site or host that are saved at most: one every ten minutes


def usual_gap(times: Iterable[datetime]) -> timedelta | None:
    """Return the median time between two posts in a row; None for fewer than three posts."""
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
    """Return the time until the next check, before jitter.

    ``gap`` is the usual time between two posts, ``quiet_for`` the time since the newest one: a
    source that has stopped posting is checked less often. Each of the ``failures`` in a row doubles
    the time. ``fresh_for`` is how long the site asks to wait. The interval that a user has set is
    kept, unless checks fail, the site asks to wait longer, or checks use the signed-in account.
    """
    expected = max(
        filter(None, (gap, quiet_for / 2 if quiet_for else None)),
        default=CHECKS_PER_POST * FIRST_INTERVAL,
    )
    usual = source.interval or min(
        max(expected / CHECKS_PER_POST, SHORTEST_INTERVAL), LONGEST_INTERVAL
    )
    if uses_account:
        usual = max(usual, ACCOUNT_INTERVAL)
    if failures:
        usual = max(usual, min(usual * 2 ** min(failures, BACK_OFFS), LONGEST_INTERVAL))
    return max(usual, fresh_for or timedelta())


def jittered(span: timedelta, share: float) -> timedelta:
    """Return the span, longer or shorter by up to a tenth.
    ``share`` is a random number from 0 to 1.
    """
    return span * (0.9 + 0.2 * share)


def first_checks(groups: Sequence[str], now: datetime) -> list[datetime]:
    """Return when each of many new sources is first checked, spread over at most an hour within
    each group.

    ``groups`` names for each source what serves its list, such as the feed's host. A site's limits
    space checks out too, but feeds at hosts of unknown sites have none. Spreading the checks also
    leaves room for downloads.
    """
    apart = {
        group: min(FIRST_CHECK_APART, FIRST_CHECKS_WITHIN / size)
        for group, size in Counter(groups).items()
    }
    numbers = {group: count() for group in apart}
    return [now + apart[group] * next(numbers[group]) for group in groups]


def fill_interval(daily_cap: int | None) -> timedelta:
    """Return the time between two earlier posts that are saved from one site.

    ``daily_cap`` is how many posts the site's account may read in a day, None for no limit; half of
    it is left to users.
    """
    return timedelta(days=1) / min(FILL_A_DAY, max(1, daily_cap // 2) if daily_cap else FILL_A_DAY)


def fill_takes(source: Source, waiting: int, daily_cap: int | None, *, sharing: int) -> timedelta:
    """Return about how long it takes until a source's waiting posts are taken, if nothing else
    holds them back.

    ``daily_cap`` is as in ``fill_interval``. ``sharing`` is how many sources of the site or host
    have posts waiting: they take turns.
    """
    own = timedelta(days=1) / source.per_day if source.per_day else timedelta()
    return waiting * max(fill_interval(daily_cap) * max(1, sharing), own)

"""What becomes of each entry of a source's list: a look does it, and a preview shows it before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mediavault.core.failures import MediavaultError
from mediavault.core.following import (
    Entry,
    EntryState,
    Listing,
    Reason,
    SeenEntry,
    Source,
    Start,
    backlog,
    is_before,
    post_key,
    reason_against,
    reason_of_backlog,
)
from mediavault.core.job import NewJob

NEWS_AT_ONCE = 20  # more new posts than that in one look wait for their turn like those from before


@dataclass(frozen=True, slots=True)
class ListedPost:
    """An entry of a list, and the post that it names.

    ``key`` is the post's among what a source has seen. ``canonical_url`` is "" where the entry's URL names no post.
    """

    key: str
    entry: Entry
    canonical_url: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a post that a list names.

    ``former`` is what had become of it before, None for a post that the source has not seen. ``is_from_before``: it was
    there before the source was followed.
    """

    post: ListedPost
    state: EntryState
    reason: Reason | None = None
    former: SeenEntry | None = None
    is_from_before: bool = False

    @property
    def is_change(self) -> bool:
        """Whether there is anything to do, or to store."""
        return self.former is None or (self.state, self.reason) != (self.former.state, self.former.reason)


def named_posts(
    entries: Iterable[Entry], read: Callable[[str], NewJob], seen_as: Callable[[str], str]
) -> tuple[list[ListedPost], dict[str, NewJob]]:
    """Return the posts that entries name, each once and in their order, and a job for each of them, by the posts' keys.

    ``read`` reads the URL of a post, ``seen_as`` returns what names a post for ever.
    """
    posts: dict[str, ListedPost] = {}
    jobs: dict[str, NewJob] = {}
    for entry in entries:
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
    known: Mapping[str, SeenEntry],
    removed: Collection[str],
    source: Source,
    now: datetime,
    *,
    is_newest_first: bool,
    is_first: bool,
    is_restarted: bool,
) -> list[Decision]:
    """Decide about each post of a list, in its order: about those that are new, and again about those that were passed
    over for what may have changed.

    ``known`` is what became of posts at this source, ``removed`` are those that users have deleted, both by the posts' keys. ``is_first``: no
    look has succeeded yet. ``is_restarted``: the posts from before have yet to be read for the start that is set now.
    """
    before = _from_before(posts, known, source, now, is_newest_first=is_newest_first, is_first=is_first)
    decisions: list[Decision] = []
    at_once = in_turn = 0  # news that are taken at once, and posts from before that wait
    for post in posts:
        former = known.get(post.key)
        if former is not None and (not post.canonical_url or not _is_open(former, is_restarted=is_restarted)):
            decisions.append(Decision(post, former.state, former.reason, former))
            continue
        is_from_before = post.key in before or (former is not None and former.reason is Reason.BEFORE)
        reason = _reason(post, removed, source, now, position=in_turn if is_from_before else None)
        if reason is not None:
            state = EntryState.PASSED
        elif is_from_before or at_once >= NEWS_AT_ONCE:
            state = EntryState.WAITING
        else:
            state = EntryState.TAKEN
        at_once += state is EntryState.TAKEN
        in_turn += is_from_before and reason is None
        decisions.append(Decision(post, state, reason, former, is_from_before))
    return decisions


def _from_before(
    posts: Sequence[ListedPost],
    known: Mapping[str, SeenEntry],
    source: Source,
    now: datetime,
    *,
    is_newest_first: bool,
    is_first: bool,
) -> set[str]:
    """Return the keys of the posts that were there before the source was followed."""
    readable = [post for post in posts if post.canonical_url]
    listed = Listing(tuple(post.entry for post in readable), is_newest_first=is_newest_first)
    places = {index for index, post in enumerate(readable) if post.key in known}
    return {readable[index].key for index in backlog(listed, places, source, now, is_first=is_first)}


def _reason(
    post: ListedPost, removed: Collection[str], source: Source, now: datetime, *, position: int | None
) -> Reason | None:
    """Return why a post is passed over, or None. ``position`` is that among the posts from before, None for news."""
    if not post.canonical_url:
        return Reason.UNREADABLE
    if post.key in removed:
        return Reason.REMOVED
    if position is not None and (reason := reason_of_backlog(post.entry, position, source, now)) is not None:
        return reason
    return reason_against(post.entry, source.filters)


def _is_open(former: SeenEntry, *, is_restarted: bool) -> bool:
    """Whether the decision about a known entry may change: its facts and the filters may, its past may not."""
    if former.state is not EntryState.PASSED or former.reason is Reason.REMOVED:
        return False
    return is_restarted or not (former.reason is Reason.BEFORE or former.is_read)


def open_reasons(entry: Entry, source: Source, now: datetime) -> tuple[Reason, ...]:
    """Return for which reasons a post that is taken may be passed over when it has been read (``reason_after_look``).

    They are those of the wishes that ask for facts which the list does not have.
    """
    filters = source.filters
    since = source.since if source.start is Start.SINCE else None
    without_text = reason_against(replace(entry, text=""), filters) if entry.text is None else None
    may_be = {
        Reason.BEFORE: since is not None and is_before(entry, since, now) is None,
        Reason.LENGTH: bool(filters.shortest_s or filters.longest_s) and not entry.duration_s,
        Reason.LANGUAGE: bool(filters.languages) and not entry.language,
        Reason.WORDS: entry.text is None and (bool(filters.lacking) or without_text is Reason.WORDS),
    }
    return tuple(reason for reason, is_open in may_be.items() if is_open)

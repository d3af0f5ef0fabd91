"""Retention: rules for deleting saved posts, and the posts that they list. Pure.

A rule applies to the posts of one source, or to the whole vault. A source's own rule replaces the
vault's for its posts; an empty one keeps them all. A rule only lists posts until it is switched on:
then posts that it has listed for a day are moved to the trash, a few per day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.failures import BadInput
from mediavault.core.fields import about
from mediavault.core.job import JobId
from mediavault.core.messages import Message

WHOLE_VAULT = "vault"  # in place of a source's id
NOTICE = timedelta(days=1)  # how long a post is listed before a rule moves it
MOST_A_DAY, MOST_MOST_A_DAY = 20, 1_000
MOST_DAYS, MOST_KEPT, MOST_FREE_GB = 36_500, 1_000_000, 1_000_000.0
GIGABYTE = 1_000_000_000


class Why(StrEnum):
    """Why a rule proposes a post. The values are stored: never rename one."""

    AGE = "age"
    NUMBER = "number"
    WATCHED = "watched"
    SPACE = "space"


REASONS: Mapping[Why, str] = {
    Why.AGE: Message("Saved long enough ago"),
    Why.NUMBER: Message("Not among the newest"),
    Why.WATCHED: Message("Watched"),
    Why.SPACE: Message("The disk is getting full"),
}


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """When a post can be deleted: any of these is enough, None never is.

    ``days``: since it was saved. ``newest``: how many stay, by when they were published, at the
    latest when they were saved. ``watched_days``: since a user last watched it to the end.
    ``free_gb``: while the disk has less free space, the posts that were saved first. ``is_on``: it
    moves posts to the trash. ``most_a_day`` limits all rules together and is read from the vault's
    rule.
    """

    days: int | None = field(
        default=None, metadata=about("Delete posts this many days after they were saved.")
    )
    newest: int | None = field(
        default=None, metadata=about("Keep only this many, the most recently published.")
    )
    watched_days: int | None = field(
        default=None,
        metadata=about("Delete posts this many days after they were watched to the end."),
    )
    free_gb: float | None = field(
        default=None, metadata=about("While less disk space is free, delete the posts saved first.")
    )
    is_on: bool = field(
        default=False,
        metadata=about("Move posts that have been listed for a day to the trash.", option="--on"),
    )
    most_a_day: int = field(
        default=MOST_A_DAY, metadata=about("How many posts all rules together may move per day.")
    )

    @property
    def is_empty(self) -> bool:
        """Whether it keeps everything."""
        return self.days is self.newest is self.watched_days is self.free_gb is None


def checked_rule(rule: RetentionRule) -> RetentionRule:
    """Return the rule. Raises BadInput for values that it can't have."""
    for days in (rule.days, rule.watched_days):
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise BadInput(
                "This is not a valid number of days.",
                help=Message("Use a number from 1 to %(most)s.", most=MOST_DAYS),
            )
    if rule.newest is not None and not 1 <= rule.newest <= MOST_KEPT:
        raise BadInput(
            "This is not a valid number of posts to keep.",
            help=Message("Use a number from 1 to %(most)s.", most=MOST_KEPT),
        )
    if rule.free_gb is not None and not 0 < rule.free_gb <= MOST_FREE_GB:
        raise BadInput(
            "This is not a valid amount of free space.", help="Enter it in gigabytes, such as 50."
        )
    if not 1 <= rule.most_a_day <= MOST_MOST_A_DAY:
        raise BadInput(
            "This is not a valid number of posts per day.",
            help=Message("Use a number from 1 to %(most)s.", most=MOST_MOST_A_DAY),
        )
    return rule


@dataclass(frozen=True, slots=True)
class SavedPost:
    """What rules need to know about a saved post.

    ``sources`` are those that brought it; it has none if a user asked for it. ``watched_at``: when
    a user last watched it to the end. ``is_protected``: it is pinned, a user's favourite, or being
    watched.
    """

    job_id: JobId
    saved_at: datetime
    published_at: datetime | None
    bytes: int
    sources: tuple[str, ...] = ()
    watched_at: datetime | None = None
    is_protected: bool = False


@dataclass(frozen=True, slots=True)
class Proposal:
    """A post that can be deleted. ``rules`` are the keys of the rules that list it. ``since``:
    when it was first listed.
    """

    job_id: JobId
    why: Why
    rules: tuple[str, ...]
    bytes: int
    since: datetime
    is_on: bool = False  # all of these rules are


def propose(
    posts: Sequence[SavedPost],
    rules: Mapping[str, RetentionRule],
    *,
    doubtful: Collection[str],
    free_bytes: int | None,
    now: datetime,
) -> list[Proposal]:
    """Return the posts that can be deleted, in the order in which they were saved.

    ``rules`` are by source id and WHOLE_VAULT. A post from several sources is included only if all
    of their rules list it. No post of the ``doubtful`` sources is included: their last answer can't
    be trusted. ``free_bytes``: on the library's disk, counting files in the trash as free; None if
    unknown, and then no post is listed for space.
    """
    members: dict[str, list[SavedPost]] = {}
    for post in posts:
        for key in _keys(post, rules):
            members.setdefault(key, []).append(post)
    held = {
        post.job_id
        for post in posts
        if post.is_protected or any(source in doubtful for source in post.sources)
    }
    verdicts = {
        key: dict(_of_one_rule(members.get(key, ()), rule, held, free_bytes, now))
        for key, rule in rules.items()
    }
    found = []
    for post in sorted(posts, key=lambda post: (post.saved_at, post.job_id)):
        keys = _keys(post, rules)
        reasons = [verdicts[key].get(post.job_id) for key in keys if key in verdicts]
        if reasons and len(reasons) == len(keys) and all(reasons):
            is_on = all(rules[key].is_on for key in keys)
            found.append(Proposal(post.job_id, reasons[0] or Why.AGE, keys, post.bytes, now, is_on))
    return found


def _keys(post: SavedPost, rules: Mapping[str, RetentionRule]) -> tuple[str, ...]:
    """Return the keys of the rules that decide about a post."""
    if not post.sources:
        return (WHOLE_VAULT,)
    return tuple(
        dict.fromkeys(source if source in rules else WHOLE_VAULT for source in post.sources)
    )


def _of_one_rule(
    posts: Sequence[SavedPost],
    rule: RetentionRule,
    held: Collection[JobId],
    free_bytes: int | None,
    now: datetime,
) -> Iterator[tuple[JobId, Why]]:
    """Yield the posts that this rule alone would list, and why.
    Posts that are held count among the newest too.
    """
    surplus = set(_beyond_newest(posts, rule.newest)) if rule.newest is not None else set()
    free = (
        None
        if free_bytes is None or rule.free_gb is None
        else free_bytes - int(rule.free_gb * GIGABYTE)
    )
    kept = []
    for post in sorted(posts, key=lambda post: (post.saved_at, post.job_id)):
        if post.job_id in held:
            continue
        if _is_past(post.saved_at, rule.days, now):
            why = Why.AGE
        elif _is_past(post.watched_at, rule.watched_days, now):
            why = Why.WATCHED
        elif post.job_id in surplus:
            why = Why.NUMBER
        else:
            kept.append(post)
            continue
        free = None if free is None else free + post.bytes
        yield post.job_id, why
    for post in kept:
        if free is None or free >= 0:
            return
        free += post.bytes
        yield post.job_id, Why.SPACE


def _beyond_newest(posts: Iterable[SavedPost], newest: int) -> list[JobId]:
    ordered = sorted(posts, key=lambda post: (_published_at(post), post.job_id), reverse=True)
    return [post.job_id for post in ordered[newest:]]


def _published_at(post: SavedPost) -> datetime:
    """Return when a post was published: not after it was saved, whatever date its site states."""
    return min(post.published_at or post.saved_at, post.saved_at)


def _is_past(moment: datetime | None, days: int | None, now: datetime) -> bool:
    return moment is not None and days is not None and now - moment >= timedelta(days=days)


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What the rules listed at ``made_at``, and how much of it was moved.

    ``listed`` are the first of ``count`` posts with ``bytes`` in all. ``rules`` identifies the
    rules. ``doubtful`` are sources with rules whose last answer can't be trusted. ``moved`` were
    moved on ``moved_on``, a day of the machine's local time. ``made_by``: until then a worker makes
    the next plan.
    """

    made_at: datetime
    rules: str = ""
    listed: tuple[Proposal, ...] = ()
    count: int = 0
    bytes: int = 0
    doubtful: tuple[str, ...] = ()
    moved_on: str = ""
    moved: int = 0
    made_by: datetime | None = None

    def moved_today(self, today: str) -> int:
        """Return how many posts were moved on this day."""
        return self.moved if self.moved_on == today else 0

    def without(self, proposal: Proposal, today: str) -> RetentionPlan:
        """Return the plan once this post is moved."""
        return replace(
            self,
            listed=tuple(entry for entry in self.listed if entry.job_id != proposal.job_id),
            count=self.count - 1,
            bytes=self.bytes - proposal.bytes,
            moved_on=today,
            moved=self.moved_today(today) + 1,
        )


def since_before(proposals: Iterable[Proposal], before: RetentionPlan | None) -> list[Proposal]:
    """Return the proposals, with ``since`` from the previous plan for posts that it had listed.

    If a post's rules have been switched on since then, it counts as newly listed: its notice begins
    now.
    """
    known = {entry.job_id: entry for entry in before.listed} if before else {}
    return [
        replace(proposal, since=former.since)
        if (former := known.get(proposal.job_id)) is not None and former.is_on is proposal.is_on
        else proposal
        for proposal in proposals
    ]


def to_move(
    plan: RetentionPlan, *, most_a_day: int, today: str, now: datetime
) -> tuple[Proposal, ...]:
    """Return the posts to move now: those listed for a day by rules that are on,
    up to the daily limit.
    """
    due = [entry for entry in plan.listed if entry.is_on and now - entry.since >= NOTICE]
    return tuple(due[: max(0, most_a_day - plan.moved_today(today))])

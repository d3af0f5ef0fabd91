"""Which jobs: one filter for API, pages and command line. Pure.

Its fields are the API's parameters and the command's options; ``about`` holds what both say of
them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial

from mediavault.core import marks
from mediavault.core.failures import BadInput
from mediavault.core.fields import about
from mediavault.core.job import JobStatus
from mediavault.core.marks import MarkKind
from mediavault.core.messages import Message
from mediavault.store.port import JobOrder, JobQuery

MAX_TEXT_CHARS = 200
MAX_TITLE_CHARS = 1_000
MAX_TAGS = 20


def read_moment(name: str, text: str, *, zone: tzinfo = UTC, last: bool = False) -> datetime:
    """Read a date or a time in ISO form, in ``zone`` unless it names one; a date is its first
    moment.

    With ``last`` a date is the first moment after it. Raises BadInput for the field ``name``.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise bad_filter(
            name, "Enter a date like 2026-11-24, or with a time: 2026-11-24T18:30+01:00."
        ) from exc
    try:
        moment += timedelta(days=1 if last and _is_date(text) else 0)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # beyond the first or the last day that there is
        return moment.replace(tzinfo=UTC)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def bad_filter(name: str, advice: str | Message) -> BadInput:
    """Return the refusal of a field's value."""
    return BadInput(Message("Invalid filter: %(name)s.", name=name), help=advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are meant, and their order: jobs for which every field holds that is neither None
    nor empty.

    ``since`` is inclusive, ``until`` exclusive; both are moments with a time zone. Raises BadInput
    for values that no job can have.
    """

    status: tuple[JobStatus, ...] = field(
        default=(), metadata=about("Only jobs in these states.", option="--state")
    )
    platform: str | None = field(default=None, metadata=about("Only this site.", metavar="SITE"))
    q: str | None = field(
        default=None,
        metadata=about(
            (
                "Only jobs whose title, text, account or URL has these words, or words that begin"
                " with them. `tag:word` asks for a tag."
            ),
            metavar="WORDS",
        ),
    )
    account: str | None = field(
        default=None, metadata=about("Only this account, as in x/x-jane.", metavar="SITE/NAME")
    )
    since: datetime | None = field(
        default=None,
        metadata=about(
            (
                "Only jobs submitted since then: 2026-11-24, or with a time; in UTC unless it names"
                " a time zone."
            ),
            metavar="DATE",
            read=read_moment,
        ),
    )
    until: datetime | None = field(
        default=None,
        metadata=about(
            "Only jobs submitted before then; with a date alone, on that day or before.",
            metavar="DATE",
            read=partial(read_moment, last=True),
        ),
    )
    shortest_s: float | None = field(
        default=None, metadata=about("Only videos that are at least this long.", metavar="SECONDS")
    )
    longest_s: float | None = field(
        default=None, metadata=about("Only videos that are at most this long.", metavar="SECONDS")
    )
    tag: tuple[str, ...] = field(
        default=(), metadata=about("Only jobs with this tag; with several, with all of them.")
    )
    collection: str | None = field(
        default=None, metadata=about("Only jobs of this collection.", metavar="TITLE")
    )
    favourite: bool | None = field(
        default=None, metadata=about("Only favourites, or all but these.")
    )
    watched: bool | None = field(
        default=None,
        metadata=about("Only what was watched, or was not.", option="--watched/--unwatched"),
    )
    started: bool | None = field(
        default=None,
        metadata=about("Only what the user has stopped in the middle of, or all but these."),
    )
    duplicates: bool | None = field(
        default=None, metadata=about("Only videos that another post has too, or all but these.")
    )
    order: JobOrder = field(
        default=JobOrder.NEWEST,
        metadata=about(
            "Sort order: by when the post was published (published, earliest), by when it was"
            " submitted (newest, oldest), by title, by length, by size, or only what the user has"
            " started or watched, by when that was (watched)."
        ),
    )

    def __post_init__(self) -> None:
        for name, most in (
            ("platform", 64),
            ("q", MAX_TEXT_CHARS),
            ("account", 200),
            ("collection", MAX_TITLE_CHARS),
        ):
            if len(getattr(self, name) or "") > most:
                raise bad_filter(
                    name, Message("It can have at most %(most)s characters.", most=most)
                )
        if len(self.tag) > MAX_TAGS:
            raise bad_filter("tag", Message("Use at most %(most)s tags.", most=MAX_TAGS))
        for name in ("shortest_s", "longest_s"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 <= seconds < math.inf:
                raise bad_filter(name, "Enter a number of seconds, such as 90.")

    def query(self, user: str, *, cursor: str | None = None, limit: int) -> JobQuery:
        """Return the store's query. ``user`` is whose favourites and positions are meant.

        The ``tag:…`` words of ``q`` count as tags. Raises BadInput for what can't be a tag or a
        collection.
        """
        own = (
            (marks.favourite(user), self.favourite),
            (marks.watched(user), self.watched),
            (marks.position(user), self.started),
            (MarkKind.DUPLICATE, self.duplicates),
        )
        text, searched = marks.split_search(self.q or None)
        wanted = [*searched, *map(marks.tag, self.tag)]
        wanted += [marks.collection(self.collection)] if self.collection else []
        wanted += [name for name, is_set in own if is_set is True]
        return JobQuery(
            statuses=self.status,
            platform=self.platform or None,
            text=text,
            cursor=cursor,
            limit=limit,
            account=self.account or None,
            since=self.since,
            until=self.until,
            shortest_s=self.shortest_s,
            longest_s=self.longest_s,
            order=self.order,
            watched_by=user,
            marks=tuple(dict.fromkeys(wanted)),
            without=tuple(name for name, is_set in own if is_set is False),
        )

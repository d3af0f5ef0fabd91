"""The library's filter, as it is written in the page's URL. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, tzinfo
from enum import StrEnum
from functools import partial
from typing import TypeVar
from urllib.parse import urlencode

from mediavault.core.job import JobStatus
from mediavault.features.jobs.model import JobFilter, bad_filter, read_moment
from mediavault.presentation.translation import N_, gettext
from mediavault.store.port import JobOrder, JobQuery

MAX_TEXT_CHARS = 200
MAX_NAME_CHARS = 200  # of a platform or an account's key
SHORT_S = 60.0
LONG_S = 600.0


class LibraryView(StrEnum):
    """Which jobs are shown, by state."""

    SAVED = "saved"
    ALL = "all"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Mine(StrEnum):
    """What the user noted about the posts, or the vault found out."""

    FAVOURITES = "favourites"
    STARTED = "started"
    UNWATCHED = "unwatched"
    WATCHED = "watched"
    DUPLICATES = "duplicates"


class Length(StrEnum):
    SHORT = "short"
    MEDIUM = "medium"
    LONG = "long"


STATUSES: Mapping[LibraryView, tuple[JobStatus, ...]] = {
    LibraryView.SAVED: (JobStatus.COMPLETED,),
    LibraryView.ALL: (),
    LibraryView.WAITING: (JobStatus.QUEUED, JobStatus.RUNNING),
    LibraryView.FAILED: (JobStatus.FAILED,),
    LibraryView.CANCELLED: (JobStatus.CANCELLED,),
}
VIEW_LABELS: Mapping[LibraryView, str] = {
    LibraryView.SAVED: N_("Saved"),
    LibraryView.ALL: N_("All"),
    LibraryView.WAITING: N_("In progress"),
    LibraryView.FAILED: N_("Failed"),
    LibraryView.CANCELLED: N_("Cancelled"),
}
MINE_WORDS: Mapping[Mine, str] = {
    Mine.FAVOURITES: N_("Favourites"),
    Mine.STARTED: N_("Continue watching"),
    Mine.UNWATCHED: N_("Not watched"),
    Mine.WATCHED: N_("Watched"),
    Mine.DUPLICATES: N_("Saved more than once"),
}
LENGTH_WORDS: Mapping[Length, str] = {
    Length.SHORT: N_("under 1 minute"),
    Length.MEDIUM: N_("1 to 10 minutes"),
    Length.LONG: N_("over 10 minutes"),
}
ORDER_WORDS: Mapping[JobOrder, str] = {
    JobOrder.PUBLISHED: N_("Published, newest first"),
    JobOrder.EARLIEST: N_("Published, oldest first"),
    JobOrder.NEWEST: N_("Saved, newest first"),
    JobOrder.OLDEST: N_("Saved, oldest first"),
    JobOrder.TITLE: N_("Title, A to Z"),
    JobOrder.LONGEST: N_("Longest first"),
    JobOrder.LARGEST: N_("Largest first"),
    JobOrder.WATCHED: N_("Last watched"),
}
_MINE: Mapping[Mine, Mapping[str, bool]] = {
    Mine.FAVOURITES: {"favourite": True},
    Mine.STARTED: {"started": True},
    Mine.UNWATCHED: {"watched": False},
    Mine.WATCHED: {"watched": True},
    Mine.DUPLICATES: {"duplicates": True},
}
# Seconds, both inclusive.
_LENGTHS: Mapping[Length, tuple[float | None, float | None]] = {
    Length.SHORT: (None, math.nextafter(SHORT_S, 0)),
    Length.MEDIUM: (SHORT_S, LONG_S),
    Length.LONG: (math.nextafter(LONG_S, math.inf), None),
}


@dataclass(frozen=True, slots=True)
class LibraryFilter:
    """The filter; each field is a parameter of the URL.

    ``since`` and ``until`` are days in the reader's time zone, both inclusive; ``shortest`` and
    ``longest`` are seconds, both inclusive, and count only without a ``length``.
    """

    q: str = ""
    platform: str = ""
    account: str = ""  # its key
    tag: str = ""
    collection: str = ""  # its title
    mine: Mine | None = None
    since: date | None = None
    until: date | None = None
    length: Length | None = None
    shortest: float | None = None
    longest: float | None = None
    state: LibraryView = LibraryView.SAVED
    order: JobOrder = JobOrder.PUBLISHED

    @property
    def whole(self) -> LibraryFilter:
        """The whole library in the same order; in the usual one instead of WATCHED, which leaves
        posts out.
        """
        return (
            LibraryFilter() if self.order is JobOrder.WATCHED else LibraryFilter(order=self.order)
        )

    @property
    def is_narrowed(self) -> bool:
        """Whether it restricts anything other than the state."""
        return replace(self, state=LibraryView.SAVED) != self.whole

    @property
    def counts_by_totals(self) -> bool:
        """Whether the library's totals give the number of jobs:
        they are by platform and state only.
        """
        return not replace(self, platform="").is_narrowed


def read_filter(params: Mapping[str, str]) -> LibraryFilter:
    """Read a filter from the parameters of a URL or a form; an empty value counts as absent.
    Raises BadInput.
    """
    return LibraryFilter(
        q=_text(params, "q", MAX_TEXT_CHARS),
        platform=_text(params, "platform", MAX_NAME_CHARS),
        account=_text(params, "account", MAX_NAME_CHARS),
        tag=_text(params, "tag", MAX_NAME_CHARS),
        collection=_text(params, "collection", MAX_NAME_CHARS),
        mine=_choice(Mine, params, "mine"),
        since=_day(params, "since"),
        until=_day(params, "until"),
        length=_choice(Length, params, "length"),
        shortest=_seconds(params, "shortest"),
        longest=_seconds(params, "longest"),
        state=_choice(LibraryView, params, "state") or LibraryView.SAVED,
        order=_choice(JobOrder, params, "order") or JobOrder.PUBLISHED,
    )


def to_params(library_filter: LibraryFilter) -> dict[str, str]:
    """Return the parameters that :func:`read_filter` reads;
    only those that differ from the default.
    """
    default = LibraryFilter()
    return {
        field.name: _as_text(getattr(library_filter, field.name))
        for field in fields(LibraryFilter)
        if getattr(library_filter, field.name) != getattr(default, field.name)
    }


def address(library_filter: LibraryFilter, *, path: str = "/library", **more: str) -> str:
    """Return ``path`` with the filter and further parameters."""
    params = urlencode({**to_params(library_filter), **more})
    return f"{path}?{params}" if params else path


def page_of(params: Mapping[str, str]) -> dict[str, str]:
    """Return the parameter that names the page of the results, if there is one."""
    return {"cursor": params["cursor"]} if params.get("cursor") else {}


def to_query(
    library_filter: LibraryFilter,
    zone: tzinfo | None,
    user: str,
    *,
    cursor: str | None = None,
    limit: int,
) -> JobQuery:
    """Return the store's query for the filter. A day begins at midnight in the reader's time zone.

    Raises BadInput for what can't be a tag or a collection.
    """
    return job_filter(library_filter, zone).query(user, cursor=cursor, limit=limit)


def job_filter(library_filter: LibraryFilter, zone: tzinfo | None) -> JobFilter:
    """Return the filter as the API and the command line have it."""
    shortest, longest = (
        _LENGTHS[library_filter.length]
        if library_filter.length
        else (library_filter.shortest, library_filter.longest)
    )
    in_zone = partial(read_moment, zone=zone or UTC)
    return JobFilter(
        status=STATUSES[library_filter.state],
        platform=library_filter.platform or None,
        q=library_filter.q or None,
        account=library_filter.account or None,
        since=in_zone("since", library_filter.since.isoformat()) if library_filter.since else None,
        until=in_zone("until", library_filter.until.isoformat(), last=True)
        if library_filter.until
        else None,
        shortest_s=shortest,
        longest_s=longest,
        tag=(library_filter.tag,) if library_filter.tag else (),
        collection=library_filter.collection or None,
        order=library_filter.order,
        **_MINE[library_filter.mine] if library_filter.mine else {},
    )


@dataclass(frozen=True, slots=True)
class Chip:
    """One active filter: its text, and the address without it. ``value`` is untrusted text."""

    label: str
    value: str
    without: str


def chips(library_filter: LibraryFilter, *, account_name: str, site: str = "") -> Iterator[Chip]:
    """Yield a chip for each active filter except the search, which has its own field."""

    def chip(label: str, value: str, **none: object) -> Chip:
        return Chip(label, value, address(replace(library_filter, **none)))  # type: ignore[arg-type]

    if library_filter.platform:
        yield chip(gettext("Site"), site or library_filter.platform, platform="")
    if library_filter.account:
        yield chip(gettext("Account"), account_name or library_filter.account, account="")
    if library_filter.tag:
        yield chip(gettext("Tag"), library_filter.tag, tag="")
    if library_filter.collection:
        yield chip(gettext("Collection"), library_filter.collection, collection="")
    if library_filter.mine:
        yield chip(gettext("Show"), gettext(MINE_WORDS[library_filter.mine]), mine=None)
    if library_filter.order is JobOrder.WATCHED:
        yield chip(gettext("Show"), gettext("Started or watched"), order=LibraryFilter().order)
    if library_filter.since:
        yield chip(gettext("From"), library_filter.since.isoformat(), since=None)
    if library_filter.until:
        yield chip(gettext("Until"), library_filter.until.isoformat(), until=None)
    if library_filter.length:
        yield chip(gettext("Length"), gettext(LENGTH_WORDS[library_filter.length]), length=None)
    elif library_filter.shortest is not None or library_filter.longest is not None:
        shortest, longest = (
            _as_text(value) if value is not None else ""
            for value in (library_filter.shortest, library_filter.longest)
        )
        yield chip(
            gettext("Length"), f"{shortest or 0}–{longest or '∞'} s", shortest=None, longest=None
        )


_Choice = TypeVar("_Choice", bound=StrEnum)


def _text(params: Mapping[str, str], name: str, most: int) -> str:
    value = params.get(name, "").strip()
    if len(value) > most:
        raise bad_filter(name, gettext("It can have at most %(most)s characters.") % {"most": most})
    return value


def _choice(kind: type[_Choice], params: Mapping[str, str], name: str) -> _Choice | None:
    value = params.get(name, "").strip()
    try:
        return kind(value) if value else None
    except ValueError:
        raise bad_filter(
            name, gettext("It must be one of: %(choices)s.") % {"choices": ", ".join(kind)}
        ) from None


def _day(params: Mapping[str, str], name: str) -> date | None:
    value = params.get(name, "").strip()
    try:
        day = date.fromisoformat(value) if value else None
    except ValueError:
        day = date.min
    # leaves room for the next day in any time zone
    if day is not None and not 1900 <= day.year <= 9000:
        raise bad_filter(name, gettext("Enter a date like 2026-11-30."))
    return day


def _seconds(params: Mapping[str, str], name: str) -> float | None:
    value = params.get(name, "").strip()
    try:
        seconds = float(value) if value else None
    except ValueError:
        seconds = -1.0
    if seconds is not None and not 0 <= seconds < math.inf:
        raise bad_filter(name, gettext("Enter a number of seconds, such as 90."))
    return seconds


def _as_text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)

"""What plays after a post: the rest of the list that the reader opened it from, and others of its
account.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

from mediavault.core.failures import BadInput
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark, MarkKind, PostMarks, collection
from mediavault.core.media import key_of
from mediavault.features.jobs.library_filter import (
    LENGTH_WORDS,
    MINE_WORDS,
    LibraryFilter,
    address,
    read_filter,
    to_params,
    to_query,
)
from mediavault.presentation.labels import one_line
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import gettext
from mediavault.store.bulk import cursor_after, existing_jobs
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import JobQuery, Neighbours, Store
from mediavault.web.cards import Tile, account_name, tile
from mediavault.web.post_view import Video

MAX_FOLLOWING = 12
MAX_OF_ACCOUNT = 6
MAX_READ = 3 * MAX_FOLLOWING  # of a collection, whose posts may not all be saved
MAX_PLACED = 100  # of a list whose posts are counted up to the open one: "4 of 12"

_SAVED = (JobStatus.COMPLETED,)
_LIST = "list"  # in an origin's text; no filter of the library has a parameter of this name
_INBOX = "/sources/inbox"


class Arrivals(StrEnum):
    """Which posts of New are played through: all that have arrived, or news only."""

    ALL = "new"
    NEWS = "news"


_ARRIVED: Mapping[Arrivals, MarkKind] = {
    Arrivals.ALL: MarkKind.FOLLOWED,
    Arrivals.NEWS: MarkKind.NEWS,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The list that a reader opened a post from: New if there are ``arrivals``, else a filter of
    the library.
    """

    library_filter: LibraryFilter
    arrivals: Arrivals | None = None

    @property
    def text(self) -> str:
        """The origin as the parameter ``in`` of a post's address, see :func:`read_origin`."""
        if self.arrivals:
            return urlencode({_LIST: self.arrivals})
        return urlencode(to_params(self.library_filter))

    @property
    def kept(self) -> str:
        """The query by which a link leads to another post of the list."""
        return urlencode({"in": self.text})

    @property
    def address(self) -> str:
        """The page that shows the list."""
        if self.arrivals:
            return f"{_INBOX}?news=on" if self.arrivals is Arrivals.NEWS else _INBOX
        return address(self.library_filter)


def read_origin(text: str | None) -> Origin | None:
    """Return the origin of a post's address; None without one, or when it is invalid."""
    try:
        params = dict(parse_qsl(text or ""))
        if _LIST in params:
            return Origin(LibraryFilter(), Arrivals(params[_LIST]))
        origin = None if text is None else Origin(read_filter(params))
        _query(origin)  # what it names may be no tag
    except (BadInput, ValueError):
        return None
    return origin


@dataclass(frozen=True, slots=True)
class Line:
    """The saved posts around one in its list. ``place`` counts it from 1 among ``total``; both are
    None where the list is too long to count, or no longer has it.
    """

    neighbours: Neighbours
    following: Sequence[Job]
    place: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class NextVideo:
    """What plays after a video. ``title`` is untrusted text."""

    link: str
    title: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class UpNext:
    """The posts after one. ``account`` is the name of its account, "" when that is not known.
    ``list_name`` and ``list_link`` are those of the list that the reader came from, "" without one.

    Autoplay uses the ``following`` posts only, so that it stops at the end.
    """

    following: Sequence[Tile]
    of_account: Sequence[Tile]
    account: str
    list_name: str
    list_link: str
    place: int | None
    total: int | None

    def after(self, job: Job, video: Video, videos: Sequence[Video], keep: str) -> NextVideo | None:
        """Return what plays after a video: the post's next one, else the next post;
        None after the last one.
        """
        for other in videos:
            if other.number == video.number + 1:
                link = f"/jobs/{job.id}?item={other.place}{'&' + keep if keep else ''}"
                return NextVideo(link, f"{other.name} {other.number}", other.thumbnail)
        for post in self.following[:1]:
            return NextVideo(post.link, post.title, post.picture)
        return None


async def up_next(
    store: Store,
    user: str,
    job: Job,
    line: Line,
    origin: Origin | None,
    title_of: Callable[[str], str],
) -> UpNext:
    """Return the posts that follow ``job`` in its line, then others of its account, newest first.

    ``title_of`` returns a site's name.
    """
    following = line.following
    others = await _of_account(store, job, {job.id, *(other.id for other in following)})
    post_marks = await read_marks(store, user, [other.id for other in (*following, *others)])

    def tiles(jobs: Sequence[Job], within: Origin | None) -> Sequence[Tile]:
        shown = [
            tile(other, None, post_marks.get(other.id, PostMarks()), site=title_of(other.platform))
            for other in jobs
        ]
        return [
            replace(post, link=f"{post.link}?{within.kept}") if within else post for post in shown
        ]

    own = Origin(LibraryFilter(account=key_of(job.account))) if job.account else None
    return UpNext(
        tiles(following, origin),
        tiles(others, own),
        tile(job, None, PostMarks(), site="").account,
        _name(origin, job, title_of) if origin else "",
        origin.address if origin else "",
        line.place,
        line.total,
    )


def _name(origin: Origin, job: Job, title_of: Callable[[str], str]) -> str:
    """Return the name of the list, from what it is restricted to."""
    if origin.arrivals:
        return gettext("New")
    asked = origin.library_filter
    words = (
        one_line(asked.collection),
        (account_name(asked.account, [job]) or asked.account) if asked.account else "",
        f"#{one_line(asked.tag)}" if asked.tag else "",
        f"“{one_line(asked.q)}”" if asked.q else "",
        title_of(asked.platform) if asked.platform else "",
        gettext(MINE_WORDS[asked.mine]) if asked.mine else "",
        gettext(LENGTH_WORDS[asked.length]) if asked.length else "",
    )
    return ", ".join(filter(None, words)) or gettext("Library")


async def read_line(store: Store, user: str, job: Job, origin: Origin | None) -> Line:
    """Return the saved posts around ``job`` in the list's own order: that of a collection, that in
    which posts arrived, or the library's. Without an origin it is the library's, newest first.
    """
    if origin and (mark := await _mark_in(store, job, origin)):
        return await _line_of_marks(store, mark, newest_first=origin.arrivals is not None)
    query = _query(None if origin and origin.arrivals else origin, user)
    return Line(
        await store.catalogue.neighbours(job.id, query),
        await _following(store, job, query),
        *(await _place(store, job, query) if origin else (None, None)),
    )


def _query(origin: Origin | None, user: str = "") -> JobQuery:
    """Return the query of the saved posts in the origin's order, newest first without one."""
    found = to_query(origin.library_filter, current().zone, user, limit=1) if origin else JobQuery()
    return replace(found, statuses=_SAVED)


async def _mark_in(store: Store, job: Job, origin: Origin) -> Mark | None:
    """Return the post's mark that gives its place in the list; None where the list is not one of
    marks, or does not have the post.
    """
    if origin.arrivals:
        name: str = _ARRIVED[origin.arrivals]
    elif origin.library_filter.collection:
        name = collection(origin.library_filter.collection)
    else:
        return None
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    return next((mark for mark in marks if mark.name == name), None)


async def _line_of_marks(store: Store, mark: Mark, *, newest_first: bool) -> Line:
    async def beside(*, backwards: bool) -> Sequence[Job]:
        found = await store.marks.marked(
            mark.name, after=mark, limit=MAX_READ, newest_first=newest_first is not backwards
        )
        jobs = existing_jobs(store.catalogue, [other.job_id for other in found])
        return [other async for other in jobs if other.status is JobStatus.COMPLETED]

    before, after = await beside(backwards=True), await beside(backwards=False)
    marked = await store.marks.marked(mark.name, limit=MAX_PLACED + 1, newest_first=newest_first)
    is_counted = len(marked) <= MAX_PLACED
    ids = [other.job_id for other in marked]
    return Line(
        Neighbours(before[0] if before else None, after[0] if after else None),
        after[:MAX_FOLLOWING],
        *((ids.index(mark.job_id) + 1, len(ids)) if is_counted else (None, None)),
    )


async def _following(store: Store, job: Job, query: JobQuery) -> Sequence[Job]:
    after = replace(query, cursor=await cursor_after(store, job, query), limit=MAX_FOLLOWING)
    try:
        return (await store.catalogue.jobs(after)).jobs
    except BadInput:  # its time or size is beyond what a cursor holds
        return ()


async def _place(store: Store, job: Job, query: JobQuery) -> tuple[int | None, int | None]:
    total = await store.catalogue.count(query)
    if total > MAX_PLACED:
        return None, None
    found = (await store.catalogue.jobs(replace(query, limit=MAX_PLACED))).jobs
    ids = [other.id for other in found]
    return (ids.index(job.id) + 1, len(ids)) if job.id in ids else (None, None)


async def _of_account(store: Store, job: Job, shown: Collection[JobId]) -> Sequence[Job]:
    if job.account is None:
        return ()
    query = JobQuery(
        statuses=_SAVED, account=key_of(job.account), limit=MAX_OF_ACCOUNT + len(shown)
    )
    return [other for other in (await store.catalogue.jobs(query)).jobs if other.id not in shown][
        :MAX_OF_ACCOUNT
    ]

"""The saved posts that follow one in the library's filter, and others of its account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from mediavault.core.failures import BadInput
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark, PostMarks, collection
from mediavault.core.media import key_of
from mediavault.features.jobs.library_filter import LibraryFilter
from mediavault.store.bulk import existing_jobs
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import JobQuery, Neighbours, Store
from mediavault.store.queries import cursor_of
from mediavault.web.cards import Tile, tile
from mediavault.web.post_view import Video

MAX_FOLLOWING = 12
MAX_OF_ACCOUNT = 6
MAX_READ = 3 * MAX_FOLLOWING  # of a collection, whose posts may not all be saved
_SAVED = (JobStatus.COMPLETED,)


@dataclass(frozen=True, slots=True)
class NextVideo:
    """What plays after a video. ``title`` is untrusted text."""

    link: str
    title: str
    picture: str | None


@dataclass(frozen=True, slots=True)
class UpNext:
    """The posts after one. ``account`` is the name of its account, "" when that is not known.

    Autoplay uses the ``following`` posts only, so that it stops at the end.
    """

    following: Sequence[Tile]
    of_account: Sequence[Tile]
    account: str

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
    query: JobQuery,
    library_filter: LibraryFilter | None,
    title_of: Callable[[str], str],
) -> UpNext:
    """Return the saved posts that follow ``job`` in the query's order, then others of its account,
    newest first.

    ``library_filter`` is the filter in the links of the former; ``title_of`` returns a site's name.
    """
    following = await _following(store, job, query, library_filter)
    others = await _of_account(store, job, {job.id, *(other.id for other in following)})
    post_marks = await read_marks(store, user, [other.id for other in (*following, *others)])

    def tiles(jobs: Sequence[Job], within: LibraryFilter | None) -> Sequence[Tile]:
        return [
            tile(
                other, within, post_marks.get(other.id, PostMarks()), site=title_of(other.platform)
            )
            for other in jobs
        ]

    own = LibraryFilter(account=key_of(job.account)) if job.account else None
    return UpNext(
        tiles(following, library_filter),
        tiles(others, own),
        tile(job, own, PostMarks(), site="").account,
    )


async def neighbours(
    store: Store, job: Job, query: JobQuery, library_filter: LibraryFilter | None
) -> Neighbours:
    """Return the saved posts before and after this one: in the order of the collection,
    if the filter names one.
    """
    mark = await _in_collection(store, job, library_filter)
    if mark is None:
        return await store.catalogue.neighbours(job.id, query)
    before = await _of_collection(store, mark, newest_first=True)
    after = await _of_collection(store, mark)
    return Neighbours(before[0] if before else None, after[0] if after else None)


async def _in_collection(
    store: Store, job: Job, library_filter: LibraryFilter | None
) -> Mark | None:
    """Return the post's mark in the collection that the reader plays through;
    None if they play through none.
    """
    if library_filter is None or not library_filter.collection:
        return None
    name = collection(library_filter.collection)
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    return next((mark for mark in marks if mark.name == name), None)


async def _of_collection(store: Store, mark: Mark, *, newest_first: bool = False) -> Sequence[Job]:
    """Return the saved posts after a mark in its collection, or before it, the nearest first."""
    found = await store.marks.marked(
        mark.name, after=mark, limit=MAX_READ, newest_first=newest_first
    )
    jobs = existing_jobs(store.catalogue, [other.job_id for other in found])
    return [job async for job in jobs if job.status is JobStatus.COMPLETED][:MAX_FOLLOWING]


async def _following(
    store: Store, job: Job, query: JobQuery, library_filter: LibraryFilter | None
) -> Sequence[Job]:
    if mark := await _in_collection(store, job, library_filter):
        return await _of_collection(store, mark)
    try:
        after = replace(
            query, statuses=_SAVED, cursor=cursor_of(job, query.order), limit=MAX_FOLLOWING
        )
        return (await store.catalogue.jobs(after)).jobs
    except BadInput:  # its time or size is beyond what a cursor holds
        return ()


async def _of_account(store: Store, job: Job, shown: Collection[JobId]) -> Sequence[Job]:
    if job.account is None:
        return ()
    query = JobQuery(
        statuses=_SAVED, account=key_of(job.account), limit=MAX_OF_ACCOUNT + len(shown)
    )
    return [other for other in (await store.catalogue.jobs(query)).jobs if other.id not in shown][
        :MAX_OF_ACCOUNT
    ]

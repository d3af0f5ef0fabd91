"""The feed: the saved videos of the library as clips that fill the window, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Services, to_job_id
from mediavault.core.failures import BadInput, JobNotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import PostMarks
from mediavault.features.jobs.library_filter import LibraryView, address, read_filter, to_query
from mediavault.presentation.preferences import current
from mediavault.presentation.views import moving_files
from mediavault.server.authentication import current_user
from mediavault.store.bulk import cursor_after
from mediavault.store.mark_changes import read_marks
from mediavault.store.port import JobCatalogue, JobQuery, Store
from mediavault.web.cards import feed_clip
from mediavault.web.pages.frame import frame
from mediavault.web.render import render

CLIPS = 12  # on a page: few enough that the script takes them in between two frames
PATH = "/library/feed"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class FeedPage:
    """A page's posts in the filter's order; ``earlier`` and ``later`` are the parameters of the
    pages around it.
    """

    jobs: Sequence[Job]
    earlier: dict[str, str] | None
    later: dict[str, str] | None


@router.get(PATH)
async def feed(request: Request, services: Services) -> Response:
    """Show the clips of a filter of the library, whatever its state: only saved posts have a video.

    ``clip`` is the post to begin with, ``before`` the one that the page ends before, and ``cursor``
    the end of the page before it, as in the library. A post that is gone leads to the beginning.
    """
    params = request.query_params
    library_filter = read_filter(params)
    query = to_query(
        replace(library_filter, state=LibraryView.SAVED),
        current().zone,
        current_user(),
        limit=CLIPS,
    )
    catalogue = services.store.catalogue
    first, last = [await _saved(catalogue, params.get(name, "")) for name in ("clip", "before")]
    if first:
        page = await _from(services.store, query, first)
    elif last:
        page = await _before(catalogue, query, last)
    else:
        page = await _after(catalogue, query, params.get("cursor") or None)
    post_marks = await read_marks(services.store, current_user(), [job.id for job in page.jobs])
    return render(
        "feed.html",
        clips=[
            feed_clip(
                job,
                library_filter,
                post_marks.get(job.id, PostMarks()),
                site=services.title_of(job.platform),
            )
            for job in page.jobs
            if moving_files(job)
        ],
        earlier=address(library_filter, path=PATH, **page.earlier) if page.earlier else None,
        later=address(library_filter, path=PATH, **page.later) if page.later else None,
        back=address(library_filter),
        **await frame(services),
    )


async def _saved(catalogue: JobCatalogue, name: str) -> Job | None:
    """Return the saved post with this id; None without one."""
    try:
        job = await catalogue.get(to_job_id(name))
    except JobNotFound:
        return None
    return job if job.status is JobStatus.COMPLETED else None


async def _after(catalogue: JobCatalogue, query: JobQuery, cursor: str | None) -> FeedPage:
    page = await catalogue.jobs(replace(query, cursor=cursor))
    earlier = await _earlier(catalogue, query, page.jobs) if cursor else None
    return FeedPage(page.jobs, earlier, _later(page.next_cursor))


async def _from(store: Store, query: JobQuery, first: Job) -> FeedPage:
    """Return the page that begins with this post, even if the filter has no longer found it since
    it was watched.
    """
    catalogue, after = store.catalogue, await cursor_after(store, first, query)
    try:
        page = await catalogue.jobs(replace(query, cursor=after, limit=CLIPS - 1))
        jobs, cursor = (first, *page.jobs), page.next_cursor
    except BadInput:  # its time or size is beyond what a cursor holds
        jobs, cursor = (first,), None
    return FeedPage(jobs, await _earlier(catalogue, query, jobs), _later(cursor))


async def _before(catalogue: JobCatalogue, query: JobQuery, last: Job) -> FeedPage:
    jobs: list[Job] = []  # the store reads backwards one by one
    next_id: JobId | None = last.id
    while next_id and len(jobs) < CLIPS:
        job = (await catalogue.neighbours(next_id, query)).newer
        jobs = [job, *jobs] if job else jobs
        next_id = job.id if job else None
    return FeedPage(
        jobs, await _earlier(catalogue, query, jobs) if next_id else None, {"clip": last.id}
    )


async def _earlier(
    catalogue: JobCatalogue, query: JobQuery, jobs: Sequence[Job]
) -> dict[str, str] | None:
    if not jobs or (await catalogue.neighbours(jobs[0].id, query)).newer is None:
        return None
    return {"before": jobs[0].id}


def _later(cursor: str | None) -> dict[str, str] | None:
    return {"cursor": cursor} if cursor else None

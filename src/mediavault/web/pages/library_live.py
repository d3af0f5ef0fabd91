"""Live updates of the open library page: changed tiles, and which posts the page would show now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from mediavault.api.dependencies import Services, to_job_id
from mediavault.core.failures import JobNotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.features.jobs.library_filter import STATUSES, LibraryFilter, LibraryView, read_filter, to_query
from mediavault.presentation.preferences import current
from mediavault.server.authentication import current_user
from mediavault.store.port import JobCatalogue, JobPage
from mediavault.web.pages.library import count_words, states, tiles
from mediavault.web.render import render

AT_ONCE = 60  # tiles in one request
_INSTANT = timedelta(microseconds=1)
_MAX_AT_ONE_INSTANT = 500  # posts created by one submission

router = APIRouter(include_in_schema=False)


@router.get("/library/changes")
async def changes(
    request: Request,
    services: Services,
    moment: Annotated[AwareDatetime, Query(description="When the page was made.")],
    ids: Annotated[list[str] | None, Query(alias="id", max_length=AT_ONCE)] = None,
) -> Response:
    """Return the tiles of ``id`` without the removed ones, and the current number of posts in each state.

    Tiles that match the page's filter now, but did not when the page was made, are marked as fresh.
    """
    asked = read_filter(request.query_params)
    jobs = await _existing(services.store.catalogue, ids or ())
    totals = await services.store.catalogue.library_totals()
    late = [job for job in jobs if came_at(job, asked.state) >= moment]
    return render(
        "library_changes.html",
        **await tiles(services, asked, JobPage(tuple(jobs), None)),
        fresh=await _matching(services.store.catalogue, late, asked),
        states=states(asked, totals),
        count_words=await count_words(services, asked, totals),
    )


def came_at(job: Job, shown: LibraryView) -> datetime:
    """Return when the job entered the state that is shown; a job that waits for a retry counts from its last change."""
    is_again = job.status is JobStatus.QUEUED and job.attempt_count > 0
    if shown is LibraryView.ALL or (shown is LibraryView.WAITING and not is_again):
        return job.created_at
    entered = {JobStatus.COMPLETED: job.completed_at, JobStatus.FAILED: job.failed_at}.get(job.status)
    return entered or job.updated_at


async def _existing(catalogue: JobCatalogue, ids: Sequence[str]) -> list[Job]:
    jobs = []
    for job_id in dict.fromkeys(ids):
        try:
            jobs.append(await catalogue.get(to_job_id(job_id)))
        except JobNotFound:
            continue
    return jobs


async def _matching(catalogue: JobCatalogue, jobs: Sequence[Job], asked: LibraryFilter) -> set[JobId]:
    """Return the ids of the jobs that match the filter.

    The catalogue is queried for the instants at which they were created, since only it can search.
    """
    query = to_query(asked, current().zone, current_user(), limit=_MAX_AT_ONE_INSTANT)
    statuses = STATUSES[asked.state] or tuple(JobStatus)
    instants: dict[datetime, set[JobId]] = defaultdict(set)
    for job in jobs:
        at = job.created_at
        if job.status in statuses and (not query.since or at >= query.since) and (not query.until or at < query.until):
            instants[at].add(job.id)
    matching: set[JobId] = set()
    for at, wanted in instants.items():
        page = await catalogue.jobs(replace(query, since=at, until=at + _INSTANT))
        matching |= wanted & {job.id for job in page.jobs}
    return matching

"""``/api/queue…``: what is next, and pausing and resuming the queue or one site in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from mediavault.api.dependencies import Services, errors
from mediavault.core.job import JobStatus
from mediavault.features.sites.service import one_site
from mediavault.presentation.schemas import QueueView
from mediavault.presentation.views import hold_view, job_view
from mediavault.server.services import ApiServices
from mediavault.store import holds

router = APIRouter(prefix="/api/queue", tags=["queue"])

MOST_LISTED = 100

SiteQuery = Annotated[
    str | None, Query(max_length=64, description="A site's name, as jobs carry it; without it, the whole queue.")
]
ListedQuery = Annotated[int, Query(ge=0, le=MOST_LISTED, description="At most this many jobs.")]


@router.get("", response_model=QueueView, responses=errors(401, 503))
async def index(services: Services, limit: ListedQuery = 20) -> QueueView:
    """Return what holds queued jobs back, how many are queued, and which are next."""
    store, in_force = services.store, await services.holds()
    return QueueView(
        holds=[hold_view(hold) for hold in in_force],
        queued=(await store.catalogue.report()).counts.get(JobStatus.QUEUED, 0),
        next=[job_view(job, holds=in_force) for job in await store.catalogue.next_queued(limit=limit)],
    )


@router.post("/pause", response_model=QueueView, responses=errors(401, 403, 404, 415, 503))
async def pause(services: Services, site: SiteQuery = None) -> QueueView:
    """Start no more jobs, of one site or of any, until the queue is resumed. Running jobs continue."""
    await pause_queue(services, site)
    return await index(services)


@router.post("/resume", response_model=QueueView, responses=errors(401, 403, 404, 415, 503))
async def resume(services: Services, site: SiteQuery = None) -> QueueView:
    """End the pause of one site, or of the whole queue: sites that were paused by name stay paused then."""
    await resume_queue(services, site)
    return await index(services)


async def pause_queue(services: ApiServices, site: str | None = None) -> None:
    """Pause the queue, or one site in it. Raises NotFound for an unknown site."""
    if site is not None:
        await one_site(site, services)
    await holds.pause(services.store.records, site)


async def resume_queue(services: ApiServices, site: str | None = None) -> None:
    """End the pause of the queue, or of one site. Raises NotFound for an unknown site."""
    if site is not None:
        await one_site(site, services)
    await holds.resume(services.store.records, site)

"""Health checks: whether the vault can accept a job, and whether a worker is there to run it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from mediavault.api.dependencies import Services, errors
from mediavault.core.failures import ErrorCode
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.features.sites.service import closed_limits
from mediavault.presentation.schemas import HealthView, WorkerHealthView
from mediavault.presentation.views import concern_view, fleet_view, hold_view
from mediavault.server.errors import HttpRefusal

router = APIRouter(tags=["health"])

STORE_DEADLINE_S = 2.0  # a store slower than this cannot accept a job in time either


@router.get("/healthz", response_model=HealthView, responses=errors(503))
async def healthz(services: Services) -> HealthView:
    """Return 200 when a job can be accepted, 503 while the store does not answer or is known to be damaged.

    Public: reveals nothing else.
    """
    if services.store.damage is not None:
        raise HttpRefusal(503, ErrorCode.STORE_UNAVAILABLE, "The database is damaged.")
    try:
        async with asyncio.timeout(STORE_DEADLINE_S):
            await services.store.catalogue.next_due()  # one index lookup
    except TimeoutError as exc:
        raise HttpRefusal(503, ErrorCode.STORE_UNAVAILABLE, "The job store does not answer.") from exc
    return HealthView(status="ok")


@router.get(
    "/api/worker/health", response_model=WorkerHealthView, responses=errors(401) | {503: {"model": WorkerHealthView}}
)
async def worker_health(services: Services, response: Response) -> WorkerHealthView:
    """Return 200 with the workers whose heartbeat is less than 90 seconds old, 503 when there is none."""
    workers = await services.store.workers.alive(seen_within=ALIVE_WITHIN)
    report = await services.store.catalogue.report()
    if not workers:
        response.status_code = 503
    return WorkerHealthView(
        status="ok" if workers else "no_worker",
        **dict(fleet_view(report, workers)),
        counts=dict(report.counts),
        gates=await closed_limits(services.store, services.clock, report.waiting),
        holds=[hold_view(hold) for hold in await services.holds()],
        browser=services.browser_status(),
        concerns=[concern_view(concern) for concern in await services.concerns()],
    )

"""The first page: paste links, watch them being saved."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.actions import submit
from mediavault.api.dependencies import EventFeed, Services
from mediavault.api.forms import read_form, see_other
from mediavault.api.gates import all_gates, open_gate
from mediavault.api.pages.frame import complaint, frame
from mediavault.api.render import render
from mediavault.api.schemas import ErrorView
from mediavault.api.services import ApiServices
from mediavault.api.submission import MAX_BATCH
from mediavault.api.views import fleet_view, page_view
from mediavault.core.errors import BadInput, BadUrl, Failure
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import JobStatus
from mediavault.store.port import JobQuery

router = APIRouter(include_in_schema=False)

StatusFilter = Annotated[JobStatus | Literal[""], Query()]
TextFilter = Annotated[str, Query(max_length=200)]
CursorFilter = Annotated[str, Query(max_length=500)]


@router.get("/")
async def home(
    services: Services, status: StatusFilter = "", q: TextFilter = "", cursor: CursorFilter = ""
) -> Response:
    query = JobQuery(statuses=(status,) if status else (), text=q or None, cursor=cursor or None)
    return await _home(services, query)


@router.post("/submit")
async def submit_form(request: Request, services: Services, feed: EventFeed) -> Response:
    """The paste box without JavaScript: one or many addresses, parted by any white space."""
    pasted = (await read_form(request)).get("post_urls", "")
    try:
        await submit(services, feed, _addresses(pasted))
    except (BadInput, Failure) as exc:  # what the guard and the registry refuse are Failures
        return await _home(services, JobQuery(), pasted=pasted, error=complaint(exc))
    return see_other("/")


@router.post("/gates/{platform}/open")
async def open_gate_form(platform: str, services: Services) -> Response:
    await open_gate(platform, services)
    return see_other("/")


async def _home(
    services: ApiServices, query: JobQuery, *, pasted: str = "", error: ErrorView | None = None
) -> Response:
    report = await services.store.report()
    page = page_view(await services.store.jobs(query))
    workers = await services.store.workers(seen_within=ALIVE_WITHIN)
    return render(
        "home.html",
        status=422 if error else 200,
        moment=report.at,  # before the look at the jobs, by their clock: the event stream goes on from there
        page=page,
        query=query,
        status_filter=next(iter(query.statuses), ""),
        counts=report.counts,
        has_worker=bool(workers),
        fleet=fleet_view(report, workers),
        sites=await all_gates(services),
        pasted=pasted,
        error=error,
        **frame(services),
    )


def _addresses(pasted: str) -> list[str]:
    addresses = pasted.split()
    if not addresses:
        raise BadUrl("There is no address.")
    if len(addresses) > MAX_BATCH:
        raise BadInput(f"{len(addresses)} addresses at once; at most {MAX_BATCH} are taken.")
    return addresses

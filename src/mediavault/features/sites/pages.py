"""The sites page: the state of each site, and the workers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from mediavault.api.dependencies import EventFeed, Services
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.redaction import redact_message
from mediavault.features.sites.service import all_sites, one_site, reopen_site, sessions_of
from mediavault.presentation.session_views import session_view, state_words
from mediavault.presentation.views import fleet_view, job_view
from mediavault.store.holds import all_holds
from mediavault.store.port import JobQuery
from mediavault.web.pages.frame import frame, see_other
from mediavault.web.render import render

NEWEST_POSTS = 12

router = APIRouter(include_in_schema=False)

SiteName = Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")]


@router.get("/sites")
async def index(services: Services) -> Response:
    sites = await all_sites(services)
    workers = await services.store.workers.alive(seen_within=ALIVE_WITHIN)
    return render(
        "sites.html",
        sites=sites,
        sessions=await sessions_of(sites, services),
        state_words=state_words,
        fleet=fleet_view(await services.store.catalogue.report(), workers),
        title_of=services.title_of,
        queue_hold=next(
            (hold for hold in await all_holds(services.store.records) if hold.site is None), None
        ),
        **await frame(services),
    )


@router.get("/sites/{platform}")
async def site(platform: SiteName, services: Services) -> Response:
    details = await one_site(platform, services)
    newest = await services.store.catalogue.jobs(JobQuery(platform=platform, limit=NEWEST_POSTS))
    return render(
        "site.html",
        site=details,
        # Each with the error of its newest post.
        failures=[
            (group, redact_message(group.examples[0].error or "")) for group in details.failures
        ],
        session=await session_view(details.session, services.store) if details.session else None,
        posts=[job_view(job) for job in newest.jobs],
        **await frame(services),
    )


@router.post("/sites/{platform}/open")
async def open_form(platform: SiteName, services: Services, feed: EventFeed) -> Response:
    """End the site's pause, so that its jobs may start again at once."""
    await reopen_site(services.store, platform)
    feed.wake()
    return see_other(f"/sites#{platform}")

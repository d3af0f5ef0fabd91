"""``/api/site-limits…``: shows the site limits, and resets one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import Services, errors
from mediavault.features.sites.service import all_site_limits, reopen_site
from mediavault.presentation.schemas import SiteLimitView

router = APIRouter(prefix="/api/site-limits", tags=["site-limits"])


@router.get("", response_model=list[SiteLimitView], responses=errors(401, 503))
async def index(services: Services) -> list[SiteLimitView]:
    """List each site's limits.

    For each: open, closed (paused) or half open, until when and why; when its next job may start,
    its account's daily count, its waiting jobs, and the posts that no extractor could read.
    """
    return await all_site_limits(services.store, services.clock)


@router.post(
    "/{platform}/open",
    response_model=list[SiteLimitView],
    responses=errors(401, 403, 404, 415, 503),
)
async def reopen(
    platform: Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")],
    services: Services,
) -> list[SiteLimitView]:
    """End a site's pause, so that its jobs may start again at once;
    return all site limits as they are then.
    """
    await reopen_site(services.store, platform)
    return await all_site_limits(services.store, services.clock)

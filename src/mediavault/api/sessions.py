"""``/api/sessions``: the sessions at sites, importing a cookies.txt, signing out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import EventFeed, Services, errors
from mediavault.api.feed import Feed
from mediavault.presentation.session_views import (
    CookiesIn,
    ImportView,
    SessionView,
    import_view,
    session_view,
    session_views,
)
from mediavault.server.services import ApiServices
from mediavault.store.waiting_jobs import resume_after_sign_in

router = APIRouter(prefix="/api/sessions", tags=["sessions"])

PlatformPath = Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")]


@router.get("", response_model=list[SessionView], responses=errors(401, 503))
async def index(services: Services) -> list[SessionView]:
    """List every site that can be signed in to, with its session and the number of jobs that wait for a sign-in."""
    return await session_views(await services.sessions.states(), services.store)


@router.post("/{platform}/cookies", response_model=ImportView, responses=errors(401, 403, 404, 413, 415, 429, 503))
async def import_cookies(platform: PlatformPath, body: CookiesIn, services: Services, feed: EventFeed) -> ImportView:
    """Replace the site's session with the cookies of a cookies.txt; jobs that wait for one continue."""
    return await take_cookies(services, feed, platform, body.text)


@router.delete("/{platform}", response_model=SessionView, responses=errors(401, 403, 404, 415, 429, 503))
async def sign_out(platform: PlatformPath, services: Services) -> SessionView:
    """Remove the site's cookies from this machine."""
    return await session_view(await services.sessions.sign_out(platform), services.store)


async def take_cookies(services: ApiServices, feed: Feed, platform: str, text: str) -> ImportView:
    report = await services.sessions.import_cookies(platform, text)
    state = await services.sessions.state(platform)
    resumed = await resume_after_sign_in(state, services.store)
    feed.wake()
    return await import_view(report, resumed, state, services.store)

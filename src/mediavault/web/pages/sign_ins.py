"""The page of the sessions at sites, and the page of the sign-in window.
The forms work without JavaScript.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import EventFeed, JobIdPath, Services
from mediavault.api.sessions import PlatformPath, open_on_post, take_cookies, window_address
from mediavault.core.failures import BadInput
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.session_views import session_views
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import error_view, frame, read_form, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/sessions")
async def index(services: Services) -> Response:
    return await _sessions(services)


@router.post("/sessions/{platform}/window")
async def open_form(request: Request, platform: PlatformPath, services: Services) -> Response:
    """Open the window, and redirect to it. The ticket is in the fragment,
    which browsers do not send.
    """
    narrow = (await read_form(request)).get("narrow") == "on"
    return see_other(window_address(await services.windows.open(platform, narrow=narrow)))


@router.post("/jobs/{job_id}/window")
async def open_on_post_form(request: Request, job_id: JobIdPath, services: Services) -> Response:
    """Open a window on the waiting job's post, and redirect to it."""
    narrow = (await read_form(request)).get("narrow") == "on"
    return see_other((await open_on_post(services, job_id, narrow=narrow)).address)


@router.post("/sessions/{platform}/cookies")
async def cookies_form(
    request: Request, platform: PlatformPath, services: Services, feed: EventFeed
) -> Response:
    try:
        await take_cookies(services, feed, platform, (await read_form(request)).get("cookies", ""))
    except BadInput as exc:
        return await _sessions(services, error=error_view(exc))
    return see_other(f"/sessions#{platform}")


@router.post("/sessions/{platform}/sign-out")
async def sign_out_form(platform: PlatformPath, services: Services) -> Response:
    await services.sessions.sign_out(platform)
    return see_other(f"/sessions#{platform}")


@router.post("/sessions/window/close")
async def close_form(services: Services, feed: EventFeed) -> Response:
    await services.windows.close()
    feed.wake()
    return see_other("/sessions")


@router.get("/sessions/window")
async def window(services: Services) -> Response:
    """Show the window's page. Its script exchanges the ticket:
    the page itself contains nothing of the window.
    """
    return render("window.html", **await frame(services))


async def _sessions(services: ApiServices, *, error: ErrorView | None = None) -> Response:
    sessions = await session_views(await services.sessions.states(), services.store)
    sessions.sort(
        key=lambda session: (-session.waiting, not session.signed_in, session.title.lower())
    )
    return render(
        "sessions.html",
        status=422 if error else 200,
        sessions=sessions,
        window_of=services.windows.platform,
        error=error,
        **await frame(services),
    )

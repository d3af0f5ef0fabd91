"""``/api/login-window``: a browser window on a screen of this machine, shown to one viewer. Behind the same door as all
else; on top of that a ticket that is good once, and a key that only the page holds that traded it in.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response

from mediavault.api.dependencies import EventFeed, Services, errors, to_job_id
from mediavault.api.services import ApiServices
from mediavault.api.session_views import (
    EventsIn,
    SessionView,
    TicketIn,
    ViewerView,
    WindowIn,
    WindowStateView,
    WindowView,
    session_view,
    viewer_view,
)
from mediavault.api.waiting_jobs import errand_of
from mediavault.core.job import JobId

router = APIRouter(prefix="/api/login-window", tags=["sessions"])

WINDOW_PAGE = "/sessions/window"
FRAME_WITHIN_S = 15.0  # below what proxies wait for an answer

Key = Annotated[str, Header(alias="X-Window-Key", max_length=100)]
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}},
    204: {"description": "Nothing has changed."},
}


def window_address(ticket: str) -> str:
    return f"{WINDOW_PAGE}#{ticket}"


@router.get("", response_model=WindowStateView, responses=errors(401))
async def show(services: Services) -> WindowStateView:
    """Whose window is open."""
    return WindowStateView(platform=services.windows.platform)


@router.post("", response_model=WindowView, status_code=201, responses=errors(401, 403, 404, 409, 415, 429, 503))
async def open_window(body: WindowIn, services: Services) -> WindowView:
    """Open a site's sign-in or a waiting job's post, or come back to it: one window at a time, for half an hour at most."""
    if body.job_id is not None:
        return await open_on_post(services, to_job_id(body.job_id), narrow=body.narrow)
    assert body.platform is not None
    ticket = await services.windows.open(body.platform, narrow=body.narrow)
    return WindowView(platform=body.platform, address=window_address(ticket))


async def open_on_post(services: ApiServices, job_id: JobId, *, narrow: bool) -> WindowView:
    """A window on the post of a job that waits for a person; no other address can be opened."""
    errand = errand_of(await services.store.get(job_id), services.submit)
    ticket = await services.windows.run(errand, narrow=narrow)
    return WindowView(platform=errand.platform.name, address=window_address(ticket))


@router.post("/viewer", response_model=ViewerView, responses=errors(401, 403, 404, 415))
async def admit(body: TicketIn, services: Services) -> ViewerView:
    """Trade the ticket for a key. It is good once; the key of an earlier viewer is worth nothing from then on."""
    return viewer_view(services.windows.admit(body.ticket))


@router.get("/frame", response_class=Response, responses={**errors(401, 403, 404), **_PICTURE})
async def frame(
    services: Services, key: Key, after: Annotated[int, Query(ge=0, description="The last frame's number.")] = 0
) -> Response:
    """What changed since then, as PNG: ``X-Frame`` is its number, ``X-Left`` and ``X-Top`` its place. 204 when nothing did."""
    found = await services.windows.next_frame(key, after, within_s=FRAME_WITHIN_S)
    if found is None:
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    place = {"X-Frame": str(found.number), "X-Left": str(found.area.left), "X-Top": str(found.area.top)}
    return Response(found.png, media_type="image/png", headers={"Cache-Control": "no-store", **place})


@router.post("/input", status_code=204, response_class=Response, responses=errors(401, 403, 404, 415, 503))
async def act(body: EventsIn, services: Services, key: Key) -> Response:
    """Pointer, wheel, keys and text, in order."""
    await services.windows.act(key, [each.event() for each in body.events])
    return Response(status_code=204)


@router.post("/close", response_model=SessionView | None, responses=errors(401, 403, 415, 503))
async def close(services: Services, feed: EventFeed) -> SessionView | None:
    """Close the window in order; what the site's cookies say then. Whoever may open one may close it."""
    state = await services.windows.close()
    feed.wake()  # waiting jobs may have been queued
    return await session_view(state, services.store) if state is not None else None

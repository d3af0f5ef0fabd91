"""``/api/sessions``: the sessions at sites; ``/api/login-window``:
the browser window in which a user signs in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Annotated, Any, cast

from fastapi import APIRouter, Header, Path, Response, WebSocket, WebSocketDisconnect

from mediavault.api.dependencies import EventFeed, Services, errors, to_job_id
from mediavault.api.feed import Feed
from mediavault.core.failures import BadInput, BrowserUnavailable
from mediavault.core.job import JobId
from mediavault.presentation.session_views import (
    CookiesIn,
    ImportView,
    SessionView,
    TicketIn,
    ViewerView,
    WindowIn,
    WindowStateView,
    WindowView,
    import_view,
    session_view,
    session_views,
    viewer_view,
)
from mediavault.server.long_responses import RELAY_PATH
from mediavault.server.services import ApiServices, ScreenViewer
from mediavault.store.waiting_jobs import browser_task_for, resume_after_sign_in

router = APIRouter(prefix="/api/sessions", tags=["sessions"])

PlatformPath = Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")]


@router.get("", response_model=list[SessionView], responses=errors(401, 503))
async def index(services: Services) -> list[SessionView]:
    """List every site that can be signed in to, with its session and the number of jobs that wait
    for a sign-in.
    """
    return await session_views(await services.sessions.states(), services.store)


@router.post(
    "/{platform}/cookies",
    response_model=ImportView,
    responses=errors(401, 403, 404, 413, 415, 429, 503),
)
async def import_cookies(
    platform: PlatformPath, body: CookiesIn, services: Services, feed: EventFeed
) -> ImportView:
    """Replace the site's session with the cookies of a cookies.txt;
    jobs that wait for one continue.
    """
    return await take_cookies(services, feed, platform, body.text)


@router.delete(
    "/{platform}", response_model=SessionView, responses=errors(401, 403, 404, 415, 429, 503)
)
async def sign_out(platform: PlatformPath, services: Services) -> SessionView:
    """Remove the site's cookies from this machine."""
    return await session_view(await services.sessions.sign_out(platform), services.store)


async def take_cookies(services: ApiServices, feed: Feed, platform: str, text: str) -> ImportView:
    report = await services.sessions.import_cookies(platform, text)
    state = await services.sessions.state(platform)
    resumed = await resume_after_sign_in(state, services.store)
    feed.wake()
    return await import_view(report, resumed, state, services.store)


window_router = APIRouter(prefix="/api/login-window", tags=["sessions"])

# The window is a browser on a virtual screen of this machine, shown to one viewer. In addition to
# the vault's own authentication it needs a ticket, valid once, and the key that the ticket is
# exchanged for. The viewer sees and controls it over a WebSocket that carries VNC.
WINDOW_PAGE = "/sessions/window"
SUBPROTOCOL = "vnc"
CLOSE_REFUSED, CLOSE_ENDED = 1008, 1001  # of RFC 6455: policy violation, going away

Key = Annotated[str, Header(alias="X-Window-Key", max_length=100)]


def window_address(ticket: str) -> str:
    return f"{WINDOW_PAGE}#{ticket}"


@window_router.get("", response_model=WindowStateView, responses=errors(401))
async def show(services: Services) -> WindowStateView:
    """Return the site whose window is open."""
    return WindowStateView(platform=services.windows.platform)


@window_router.post(
    "",
    response_model=WindowView,
    status_code=201,
    responses=errors(401, 403, 404, 409, 415, 429, 503),
)
async def open_window(body: WindowIn, services: Services) -> WindowView:
    """Open a site's sign-in or a waiting job's post, or return to it: one window at a time,
    for half an hour at most.
    """
    if body.job_id is not None:
        return await open_on_post(services, to_job_id(body.job_id), narrow=body.narrow)
    assert body.platform is not None
    ticket = await services.windows.open(body.platform, narrow=body.narrow)
    return WindowView(platform=body.platform, address=window_address(ticket))


async def open_on_post(services: ApiServices, job_id: JobId, *, narrow: bool) -> WindowView:
    """Open a window on the post of a job that waits for the user;
    no other address can be opened.
    """
    task = browser_task_for(await services.store.catalogue.get(job_id), services.submit)
    ticket = await services.windows.run(task, narrow=narrow)
    return WindowView(platform=task.platform.name, address=window_address(ticket))


@window_router.post("/viewer", response_model=ViewerView, responses=errors(401, 403, 404, 415))
async def admit(body: TicketIn, services: Services) -> ViewerView:
    """Exchange the ticket for a key. The ticket is valid once;
    the key of an earlier viewer becomes invalid.
    """
    return viewer_view(services.windows.admit(body.ticket))


@window_router.get(
    "/viewer", status_code=204, response_class=Response, responses=errors(401, 403, 404)
)
async def check_viewer(services: Services, key: Key) -> Response:
    """Check whether the key is still valid; a browser does not learn why its WebSocket was refused
    or closed.
    """
    services.windows.check_viewer(key)
    return Response(status_code=204, headers={"Cache-Control": "no-store"})


@window_router.websocket(RELAY_PATH.removeprefix(window_router.prefix))
async def relay(socket: WebSocket) -> None:
    """Relay VNC (RFB 3.8) in binary messages. The client offers two subprotocols:
    ``vnc`` and the viewer's key.
    """
    services = cast("ApiServices", socket.app.state.services)
    offered = socket.scope["subprotocols"]
    key = offered[1] if len(offered) == 2 and offered[0] == SUBPROTOCOL else ""
    code = CLOSE_ENDED
    with contextlib.suppress(WebSocketDisconnect):
        try:
            async with services.windows.connect(key) as screen:
                await socket.accept(SUBPROTOCOL)
                await _until_one_ends(_to_viewer(screen, socket), _to_screen(socket, screen))
        except (BadInput, BrowserUnavailable):
            code = CLOSE_REFUSED
        await socket.close(code)


@window_router.post(
    "/close", response_model=SessionView | None, responses=errors(401, 403, 415, 503)
)
async def close(services: Services, feed: EventFeed) -> SessionView | None:
    """Close the window in order, and return the site's session.
    Every caller who may open a window may close it.
    """
    state = await services.windows.close()
    feed.wake()  # waiting jobs may have been queued
    return await session_view(state, services.store) if state is not None else None


async def _to_viewer(screen: ScreenViewer, socket: WebSocket) -> None:
    while data := await screen.read():
        await socket.send_bytes(data)


async def _to_screen(socket: WebSocket, screen: ScreenViewer) -> None:
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await screen.write(message.get("bytes") or b"")


async def _until_one_ends(*directions: Coroutine[Any, Any, None]) -> None:
    """Run both until one of them ends, and cancel the other.
    Raises the exception of the first to end.
    """
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

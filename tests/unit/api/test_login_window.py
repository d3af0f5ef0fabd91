"""The sign-in window over HTTP and its WebSocket: ticket, key, and what passes between the viewer and the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode
from tests.asgi_client import Socket
from tests.http_vault import LEASE, WORKER, House
from tests.patience import patient
from tests.session_stubs import StubSessions, StubWindows

RELAY = "/api/login-window/screen"
SAME_PAGE = {"origin": "http://127.0.0.1:8420"}


@pytest.fixture
def windows(house: House) -> StubWindows:
    assert isinstance(house.services.sessions, StubSessions)
    assert isinstance(house.services.windows, StubWindows)
    house.services.sessions.add("x")
    return house.services.windows


async def opened(house: House) -> Any:
    return (await house.client.post("/api/login-window", {"platform": "x"})).json()


async def test_opening_answers_an_address_that_carries_the_ticket_where_no_server_sees_it(
    house: House, windows: StubWindows
) -> None:
    assert await opened(house) == {"platform": "x", "address": "/sessions/window#the-ticket"}
    assert (await house.client.get("/api/login-window")).json() == {"platform": "x"}


async def test_the_ticket_buys_the_key_and_the_screens_size(house: House, windows: StubWindows) -> None:
    await opened(house)
    viewer = (await house.client.post("/api/login-window/viewer", {"ticket": "the-ticket"})).json()

    assert (viewer["key"], viewer["width"], viewer["height"], viewer["title"]) == ("the-key", 1280, 800, "X")
    assert (await house.client.post("/api/login-window/viewer", {"ticket": "another"})).status == 403


@asynccontextmanager
async def viewed(house: House, *subprotocols: str, **headers: str | None) -> AsyncIterator[Socket]:
    await opened(house)
    async with house.client.socket(RELAY, *(subprotocols or ("vnc", "the-key")), **{**SAME_PAGE, **headers}) as socket:
        yield socket


async def test_the_relay_carries_bytes_both_ways(house: House, windows: StubWindows) -> None:
    async with viewed(house) as socket:
        windows.screen.pictures.put_nowait(b"a picture")
        socket.put(b"a click")

        assert socket.accepted == "vnc"
        assert await socket.get() == b"a picture"
        assert await asyncio.wait_for(windows.screen.received.get(), patient(30)) == b"a click"
    assert windows.screen.viewers == 0  # the viewer has left


@pytest.mark.parametrize("subprotocols", [("vnc", "another-key"), ("vnc",), ("the-key",), ("vnc", "the-key", "more")])
async def test_without_the_key_nothing_is_shown(
    house: House, windows: StubWindows, subprotocols: tuple[str, ...]
) -> None:
    async with viewed(house, *subprotocols) as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.test"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"host": "evil.test"},
    ],
)
async def test_another_sites_page_cannot_view_the_window(
    house: House, windows: StubWindows, headers: dict[str, str]
) -> None:
    async with viewed(house, **headers) as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_there_is_no_other_websocket(house: House) -> None:
    async with house.client.socket("/api/events", "vnc", "the-key", **SAME_PAGE) as socket:
        assert socket.accepted is None


async def test_a_viewer_that_does_not_speak_vnc_is_disconnected(house: House, windows: StubWindows) -> None:
    async with viewed(house) as socket:
        socket.put(b"nonsense")
        await asyncio.wait_for(socket.closed.wait(), patient(30))

    assert socket.code == 1008


async def test_the_relay_ends_with_the_screen(house: House, windows: StubWindows) -> None:
    async with viewed(house) as socket:
        windows.screen.pictures.put_nowait(b"")
        await asyncio.wait_for(socket.closed.wait(), patient(30))

    assert socket.code == 1001


async def test_the_page_can_ask_why_the_relay_ended(house: House, windows: StubWindows) -> None:
    await opened(house)

    assert (await house.client.get("/api/login-window/viewer", x_window_key="the-key")).status == 204
    assert (await house.client.get("/api/login-window/viewer", x_window_key="wrong")).status == 403
    assert (await house.client.get("/api/login-window/viewer")).status == 422


async def test_closing_answers_how_the_session_stands(house: House, windows: StubWindows) -> None:
    await opened(house)
    first = await house.client.post("/api/login-window/close")
    again = await house.client.post("/api/login-window/close")

    assert first.json()["platform"] == "x"
    assert again.json() is None


async def test_another_sites_page_cannot_open_a_window(house: House, windows: StubWindows) -> None:
    answer = await house.client.post("/api/login-window", {"platform": "x"}, sec_fetch_site="cross-site")

    assert answer.status == 403
    assert windows.platform is None


async def waiting_post(house: House) -> str:
    job = await house.add("https://x.com/jane/status/12")
    (claim,) = await house.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await house.store.queue.fail(claim, error_code=ErrorCode.CHALLENGE, error="X asks.", retry_in=None)
    return job.id


async def test_a_window_opens_on_a_waiting_jobs_own_post_and_on_no_other_address(
    house: House, windows: StubWindows
) -> None:
    job_id = await waiting_post(house)
    answer = await house.client.post("/api/login-window", {"job_id": job_id})
    viewer = (await house.client.post("/api/login-window/viewer", {"ticket": "the-ticket"})).json()

    assert (answer.status, answer.json()["platform"]) == (201, "x")
    assert windows.errand is not None
    assert windows.errand.url == "https://x.com/jane/status/12"
    assert viewer["job_id"] == job_id
    for body in ({}, {"platform": "x", "job_id": job_id}, {"job_id": job_id, "url": "https://evil.test/"}):
        assert (await house.client.post("/api/login-window", body)).status == 422


async def test_no_window_opens_on_the_post_of_a_job_that_waits_for_nobody(house: House, windows: StubWindows) -> None:
    job = await house.add("https://x.com/jane/status/12")

    assert (await house.client.post("/api/login-window", {"job_id": job.id})).status == 409
    assert (await house.client.post("/api/login-window", {"job_id": "../x"})).status == 404
    assert windows.errand is None


async def test_the_jobs_page_leads_to_the_window_only_while_the_job_waits_for_a_person(
    house: House, windows: StubWindows
) -> None:
    job_id = await waiting_post(house)
    button = f'action="/jobs/{job_id}/window"'
    assert button in (await house.client.get(f"/jobs/{job_id}")).text
    opened = await house.client.submit(f"/jobs/{job_id}/window", {"narrow": "on"})
    assert (opened.status, opened.headers["location"]) == (303, "/sessions/window#the-ticket")
    assert windows.narrow

    await house.client.post(f"/api/jobs/{job_id}/retry", {})
    assert button not in (await house.client.get(f"/jobs/{job_id}")).text

"""The sign-in window over HTTP and its WebSocket: ticket, key,
and what passes between the viewer and the screen.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mediavault.core.failures import ErrorCode
from tests.asgi_client import Socket
from tests.http_vault import LEASE, WORKER, ApiVault
from tests.patience import patient
from tests.session_stubs import StubSessions, StubWindows

RELAY = "/api/login-window/screen"
SAME_PAGE = {"origin": "http://127.0.0.1:8420"}


@pytest.fixture
def windows(vault: ApiVault) -> StubWindows:
    assert isinstance(vault.services.sessions, StubSessions)
    assert isinstance(vault.services.windows, StubWindows)
    vault.services.sessions.add("x")
    return vault.services.windows


async def opened(vault: ApiVault) -> Any:
    return (await vault.client.post("/api/login-window", {"platform": "x"})).json()


async def test_opening_returns_a_url_with_the_ticket_in_its_fragment(
    vault: ApiVault, windows: StubWindows
) -> None:
    assert await opened(vault) == {"platform": "x", "address": "/sessions/window#the-ticket"}
    assert (await vault.client.get("/api/login-window")).json() == {"platform": "x"}


async def test_the_ticket_is_exchanged_for_the_key_and_the_screen_size(
    vault: ApiVault, windows: StubWindows
) -> None:
    await opened(vault)
    viewer = (await vault.client.post("/api/login-window/viewer", {"ticket": "the-ticket"})).json()

    assert (viewer["key"], viewer["width"], viewer["height"], viewer["title"]) == (
        "the-key",
        1280,
        800,
        "X",
    )
    assert (
        await vault.client.post("/api/login-window/viewer", {"ticket": "another"})
    ).status == 403


@asynccontextmanager
async def viewed(
    vault: ApiVault, *subprotocols: str, **headers: str | None
) -> AsyncIterator[Socket]:
    await opened(vault)
    async with vault.client.socket(
        RELAY, *(subprotocols or ("vnc", "the-key")), **{**SAME_PAGE, **headers}
    ) as socket:
        yield socket


async def test_the_relay_carries_bytes_both_ways(vault: ApiVault, windows: StubWindows) -> None:
    async with viewed(vault) as socket:
        windows.screen.pictures.put_nowait(b"a picture")
        socket.put(b"a click")

        assert socket.accepted == "vnc"
        assert await socket.get() == b"a picture"
        assert await asyncio.wait_for(windows.screen.received.get(), patient(30)) == b"a click"
    assert windows.screen.viewers == 0  # the viewer has left


@pytest.mark.parametrize(
    "subprotocols", [("vnc", "another-key"), ("vnc",), ("the-key",), ("vnc", "the-key", "more")]
)
async def test_without_the_key_nothing_is_shown(
    vault: ApiVault, windows: StubWindows, subprotocols: tuple[str, ...]
) -> None:
    async with viewed(vault, *subprotocols) as socket:
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
    vault: ApiVault, windows: StubWindows, headers: dict[str, str]
) -> None:
    async with viewed(vault, **headers) as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_there_is_no_other_websocket(vault: ApiVault) -> None:
    async with vault.client.socket("/api/events", "vnc", "the-key", **SAME_PAGE) as socket:
        assert socket.accepted is None


async def test_a_viewer_that_does_not_speak_vnc_is_disconnected(
    vault: ApiVault, windows: StubWindows
) -> None:
    async with viewed(vault) as socket:
        socket.put(b"nonsense")
        await asyncio.wait_for(socket.closed.wait(), patient(30))

    assert socket.code == 1008


async def test_the_relay_ends_with_the_screen(vault: ApiVault, windows: StubWindows) -> None:
    async with viewed(vault) as socket:
        windows.screen.pictures.put_nowait(b"")
        await asyncio.wait_for(socket.closed.wait(), patient(30))

    assert socket.code == 1001


async def test_the_page_can_ask_why_the_relay_ended(vault: ApiVault, windows: StubWindows) -> None:
    await opened(vault)

    assert (
        await vault.client.get("/api/login-window/viewer", x_window_key="the-key")
    ).status == 204
    assert (await vault.client.get("/api/login-window/viewer", x_window_key="wrong")).status == 403
    assert (await vault.client.get("/api/login-window/viewer")).status == 422


async def test_closing_returns_the_sessions_state(vault: ApiVault, windows: StubWindows) -> None:
    await opened(vault)
    first = await vault.client.post("/api/login-window/close")
    again = await vault.client.post("/api/login-window/close")

    assert first.json()["platform"] == "x"
    assert again.json() is None


async def test_another_sites_page_cannot_open_a_window(
    vault: ApiVault, windows: StubWindows
) -> None:
    answer = await vault.client.post(
        "/api/login-window", {"platform": "x"}, sec_fetch_site="cross-site"
    )

    assert answer.status == 403
    assert windows.platform is None


async def waiting_post(vault: ApiVault) -> str:
    job = await vault.add("https://x.com/jane/status/12")
    (claim,) = await vault.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await vault.store.queue.fail(
        claim, error_code=ErrorCode.CHALLENGE, error="X asks.", retry_in=None
    )
    return job.id


async def test_a_window_opens_on_a_waiting_jobs_own_post_and_on_no_other_url(
    vault: ApiVault, windows: StubWindows
) -> None:
    job_id = await waiting_post(vault)
    answer = await vault.client.post("/api/login-window", {"job_id": job_id})
    viewer = (await vault.client.post("/api/login-window/viewer", {"ticket": "the-ticket"})).json()

    assert (answer.status, answer.json()["platform"]) == (201, "x")
    assert windows.task is not None
    assert windows.task.url == "https://x.com/jane/status/12"
    assert viewer["job_id"] == job_id
    for body in (
        {},
        {"platform": "x", "job_id": job_id},
        {"job_id": job_id, "url": "https://evil.test/"},
    ):
        assert (await vault.client.post("/api/login-window", body)).status == 422


async def test_no_window_opens_on_the_post_of_a_job_that_does_not_wait_for_the_user(
    vault: ApiVault, windows: StubWindows
) -> None:
    job = await vault.add("https://x.com/jane/status/12")

    assert (await vault.client.post("/api/login-window", {"job_id": job.id})).status == 409
    assert (await vault.client.post("/api/login-window", {"job_id": "../x"})).status == 404
    assert windows.task is None


async def test_the_jobs_page_offers_the_window_only_while_the_job_waits_for_the_user(
    vault: ApiVault, windows: StubWindows
) -> None:
    job_id = await waiting_post(vault)
    button = f'action="/jobs/{job_id}/window"'
    assert button in (await vault.client.get(f"/jobs/{job_id}")).text
    opened = await vault.client.submit(f"/jobs/{job_id}/window", {"narrow": "on"})
    assert (opened.status, opened.headers["location"]) == (303, "/sessions/window#the-ticket")
    assert windows.narrow

    await vault.client.post(f"/api/jobs/{job_id}/retry", {})
    assert button not in (await vault.client.get(f"/jobs/{job_id}")).text

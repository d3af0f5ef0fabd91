"""The window over HTTP: ticket, key, pictures and input."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.errors import ErrorCode
from mediavault.core.screen import HistoryEvent, KeyEvent, PointerEvent, TextEvent, WheelEvent
from tests.session_stubs import StubSessions, StubWindows
from tests.unit.api.conftest import LEASE, WORKER, House

KEY = {"x_window_key": "the-key"}


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


async def test_a_picture_says_where_it_belongs_and_nothing_new_is_no_content(
    house: House, windows: StubWindows
) -> None:
    await opened(house)
    picture = await house.client.get("/api/login-window/frame?after=0", **KEY)
    nothing = await house.client.get("/api/login-window/frame?after=1", **KEY)

    assert (picture.status, picture.headers["content-type"], picture.body) == (200, "image/png", b"\x89PNG")
    assert [picture.headers[name] for name in ("x-frame", "x-left", "x-top")] == ["1", "0", "0"]
    assert picture.headers["cache-control"] == "no-store"
    assert (nothing.status, nothing.body) == (204, b"")


async def test_input_arrives_in_order(house: House, windows: StubWindows) -> None:
    await opened(house)
    events = [
        {"type": "move", "x": 1, "y": 2},
        {"type": "down", "x": 1, "y": 2},
        {"type": "up", "x": 1, "y": 2},
        {"type": "wheel", "direction": "down", "steps": 3},
        {"type": "key", "key": "Tab", "shift": True},
        {"type": "text", "text": "jäne"},
        {"type": "history", "direction": "back"},
    ]
    answer = await house.client.post("/api/login-window/input", {"events": events}, **KEY)

    assert answer.status == 204
    assert windows.acted == [
        PointerEvent("move", 1, 2),
        PointerEvent("down", 1, 2),
        PointerEvent("up", 1, 2),
        WheelEvent("down", 3),
        KeyEvent("Tab", shift=True),
        TextEvent("jäne"),
        HistoryEvent("back"),
    ]


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "explode"}],
        [{"type": "move", "x": "1; drop", "y": 2}],
        [{"type": "wheel", "direction": "down", "steps": 10**9}],
        [{"type": "text", "text": "x" * 1_001}],
        [{"type": "move", "x": 1, "y": 1}] * 201,
        "all of it",
    ],
)
async def test_input_that_is_none_is_refused_whole(house: House, windows: StubWindows, events: object) -> None:
    await opened(house)
    answer = await house.client.post("/api/login-window/input", {"events": events}, **KEY)

    assert answer.status == 422
    assert windows.acted == []


async def test_without_the_key_nothing_is_shown_or_done(house: House, windows: StubWindows) -> None:
    await opened(house)

    assert (await house.client.get("/api/login-window/frame", x_window_key="wrong")).status == 403
    assert (await house.client.get("/api/login-window/frame")).status == 422
    assert (await house.client.post("/api/login-window/input", {"events": []}, x_window_key="no")).status == 403


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
    (claim,) = await house.store.claim(WORKER, limit=1, lease=LEASE)
    await house.store.fail(claim, error_code=ErrorCode.CHALLENGE, error="X asks.", retry_in=None)
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

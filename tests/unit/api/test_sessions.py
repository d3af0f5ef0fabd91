"""The sessions over HTTP, and their page."""

from __future__ import annotations

import json
from datetime import timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobStatus
from tests.fakes import START
from tests.http_vault import LEASE, TOKEN, WORKER, House, MakeHouse
from tests.session_stubs import StubSessions, StubWindows

COOKIES = ".x.com\tTRUE\t/\tTRUE\t0\tauth_token\tsecret-value\n"
X_POST = "https://x.com/jane/status/1234567890123456789"


def sessions(house: House) -> StubSessions:
    assert isinstance(house.services.sessions, StubSessions)
    return house.services.sessions


def windows(house: House) -> StubWindows:
    assert isinstance(house.services.windows, StubWindows)
    return house.services.windows


async def waiting_job(house: House) -> str:
    return await failed_job(house, ErrorCode.LOGIN_REQUIRED)


async def failed_job(house: House, code: ErrorCode) -> str:
    job = await house.add(X_POST)
    (claim,) = await house.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await house.store.queue.fail(claim, error_code=code, error="X wants a person.", retry_in=None)
    return job.id


async def test_a_session_says_how_it_stands_and_how_many_jobs_wait(house: House) -> None:
    sessions(house).add("x", signed_in=True, cookies=9, expires_at=START + timedelta(days=3))
    await waiting_job(house)
    (view,) = (await house.client.get("/api/sessions")).json()

    assert (view["platform"], view["signed_in"], view["state"], view["cookies"]) == ("x", True, "Signed in", 9)
    assert view["expires_at"].startswith("2026-11-27")
    assert view["waiting"] == 1
    assert view["wall_since"]


async def test_an_import_lets_waiting_jobs_go_on(house: House) -> None:
    sessions(house).add("x")
    job_id = await waiting_job(house)
    answer = await house.client.post("/api/sessions/x/cookies", {"text": COOKIES})
    view = answer.json()

    assert answer.status == 200
    assert (view["taken"], view["elsewhere"], view["resumed"]) == (2, 1, 1)
    assert view["session"]["signed_in"] is True
    assert (await house.store.catalogue.get(job_id)).status is JobStatus.QUEUED  # type: ignore[arg-type]
    assert "secret-value" not in json.dumps(view)


async def test_an_import_that_is_none_names_its_line(house: House) -> None:
    sessions(house).add("x")
    answer = await house.client.post("/api/sessions/x/cookies", {"text": "nonsense"})

    assert answer.status == 422
    assert answer.json()["message"].startswith("Line 1 ")


async def test_a_site_that_cannot_be_signed_in_to_is_not_found(house: House) -> None:
    assert (await house.client.post("/api/sessions/nowhere/cookies", {"text": COOKIES})).status == 404
    assert (await house.client.post("/api/login-window", {"platform": "nowhere"})).status == 404


async def test_signing_out_answers_the_session_as_it_is_then(house: House) -> None:
    sessions(house).add("x", signed_in=True, cookies=9)

    assert (await house.client.delete("/api/sessions/x")).json()["signed_in"] is False


async def test_the_page_shows_every_site_with_those_that_are_waited_for_first(house: House) -> None:
    sessions(house).add("aa")
    sessions(house).add("x")
    await waiting_job(house)
    page = (await house.client.get("/sessions", accept="text/html")).text

    assert page.index('id="x"') < page.index('id="aa"')
    assert "1 post is waiting for you to sign in." in page


async def test_the_form_opens_the_window_and_leads_there_with_its_ticket_in_the_fragment(house: House) -> None:
    sessions(house).add("x")
    answer = await house.client.submit("/sessions/x/window", {"narrow": "on"})

    assert answer.status == 303
    assert answer.headers["location"] == "/sessions/window#the-ticket"
    assert windows(house).narrow


async def test_the_form_takes_cookies_and_says_what_is_wrong_with_others(house: House) -> None:
    sessions(house).add("x")
    good = await house.client.submit("/sessions/x/cookies", {"cookies": COOKIES})
    bad = await house.client.submit("/sessions/x/cookies", {"cookies": "nonsense"})

    assert (good.status, good.headers["location"]) == (303, "/sessions#x")
    assert bad.status == 422
    assert "Line 1 is not a cookie" in bad.text
    assert "nonsense" not in bad.text


async def test_the_form_signs_out_and_closes_the_window(house: House) -> None:
    sessions(house).add("x", signed_in=True)
    await house.client.submit("/sessions/x/window")
    await house.client.submit("/sessions/x/sign-out")
    await house.client.submit("/sessions/window/close")

    assert sessions(house).known["x"].signed_in is False
    assert windows(house).platform is None


async def test_none_of_it_is_open_to_strangers(make_house: MakeHouse) -> None:
    house = make_house(token=TOKEN)
    sessions(house).add("x")
    for method, path in (
        ("GET", "/api/sessions"),
        ("POST", "/api/sessions/x/cookies"),
        ("DELETE", "/api/sessions/x"),
        ("POST", "/api/login-window"),
        ("POST", "/api/login-window/viewer"),
        ("GET", "/api/login-window/viewer"),
        ("POST", "/api/login-window/close"),
    ):
        assert (await house.client.request(method, path)).status == 401, path
    for path in ("/sessions", "/sessions/window"):
        assert (await house.client.get(path, accept="text/html")).headers["location"] == "/login"
    async with house.client.socket("/api/login-window/screen", "vnc", "the-key") as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_a_session_says_as_whom(house: House) -> None:
    sessions(house).add("x", signed_in=True, signed_in_as="user 12345")
    (view,) = (await house.client.get("/api/sessions")).json()

    assert (view["signed_in_as"], view["state"]) == ("user 12345", "Signed in as user 12345")
    assert "Signed in as user 12345" in (await house.client.get("/sessions")).text


async def test_a_session_that_the_site_does_not_accept_any_more_has_ended_whatever_its_cookies_say(
    house: House,
) -> None:
    sessions(house).add("x", signed_in=True, signed_in_as="jane")
    await failed_job(house, ErrorCode.SESSION_EXPIRED)
    (view,) = (await house.client.get("/api/sessions")).json()

    assert view["state"] == "Session expired"


async def test_a_job_that_waits_for_an_answer_is_not_said_to_wait_for_a_sign_in(house: House) -> None:
    sessions(house).add("x")
    await failed_job(house, ErrorCode.CHALLENGE)
    (view,) = (await house.client.get("/api/sessions")).json()

    assert (view["waiting"], view["challenges"]) == (1, 1)
    assert view["wall"] == "1 post is waiting for you to solve a CAPTCHA."


async def test_a_warned_account_is_said_to_rest_as_long_as_its_gate_is_closed(house: House) -> None:
    sessions(house).add("x", signed_in=True)
    day = timedelta(days=1)
    await house.store.site_limits.close_gate("x", duration=day, code=ErrorCode.ACCOUNT_WARNING, reason="locked")
    (view,) = (await house.client.get("/api/sessions")).json()
    assert view["warned_until"] is not None
    assert "warned your account" in (await house.client.get("/sessions")).text

    house.clock.advance(day.total_seconds() + 1)
    sessions(house).add("x", signed_in=True)
    assert (await house.client.get("/api/sessions")).json()[0]["warned_until"] is None

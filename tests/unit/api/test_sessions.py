"""The sessions over HTTP, and their page."""

from __future__ import annotations

import json
from datetime import timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobStatus
from tests.fakes import START
from tests.http_vault import LEASE, TOKEN, WORKER, ApiVault, MakeVault
from tests.session_stubs import StubSessions, StubWindows

COOKIES = ".x.com\tTRUE\t/\tTRUE\t0\tauth_token\tsecret-value\n"
X_POST = "https://x.com/jane/status/1234567890123456789"


def sessions(vault: ApiVault) -> StubSessions:
    assert isinstance(vault.services.sessions, StubSessions)
    return vault.services.sessions


def windows(vault: ApiVault) -> StubWindows:
    assert isinstance(vault.services.windows, StubWindows)
    return vault.services.windows


async def waiting_job(vault: ApiVault) -> str:
    return await failed_job(vault, ErrorCode.LOGIN_REQUIRED)


async def failed_job(vault: ApiVault, code: ErrorCode) -> str:
    job = await vault.add(X_POST)
    (claim,) = await vault.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await vault.store.queue.fail(claim, error_code=code, error="X wants a person.", retry_in=None)
    return job.id


async def test_a_session_reports_its_state_and_how_many_jobs_wait(vault: ApiVault) -> None:
    sessions(vault).add("x", signed_in=True, cookies=9, expires_at=START + timedelta(days=3))
    await waiting_job(vault)
    (view,) = (await vault.client.get("/api/sessions")).json()

    assert (view["platform"], view["signed_in"], view["state"], view["cookies"]) == (
        "x",
        True,
        "Signed in",
        9,
    )
    assert view["expires_at"].startswith("2026-11-27")
    assert view["waiting"] == 1
    assert view["wall_since"]


async def test_importing_cookies_resumes_waiting_jobs(vault: ApiVault) -> None:
    sessions(vault).add("x")
    job_id = await waiting_job(vault)
    answer = await vault.client.post("/api/sessions/x/cookies", {"text": COOKIES})
    view = answer.json()

    assert answer.status == 200
    assert (view["taken"], view["elsewhere"], view["resumed"]) == (2, 1, 1)
    assert view["session"]["signed_in"] is True
    assert (await vault.store.catalogue.get(job_id)).status is JobStatus.QUEUED  # type: ignore[arg-type]
    assert "secret-value" not in json.dumps(view)


async def test_an_invalid_import_names_the_line(vault: ApiVault) -> None:
    sessions(vault).add("x")
    answer = await vault.client.post("/api/sessions/x/cookies", {"text": "nonsense"})

    assert answer.status == 422
    assert answer.json()["message"].startswith("Line 1 ")


async def test_a_site_that_cannot_be_signed_in_to_is_not_found(vault: ApiVault) -> None:
    assert (
        await vault.client.post("/api/sessions/nowhere/cookies", {"text": COOKIES})
    ).status == 404
    assert (await vault.client.post("/api/login-window", {"platform": "nowhere"})).status == 404


async def test_signing_out_returns_the_resulting_session(vault: ApiVault) -> None:
    sessions(vault).add("x", signed_in=True, cookies=9)

    assert (await vault.client.delete("/api/sessions/x")).json()["signed_in"] is False


async def test_the_page_lists_sites_with_waiting_jobs_first(vault: ApiVault) -> None:
    sessions(vault).add("aa")
    sessions(vault).add("x")
    await waiting_job(vault)
    page = (await vault.client.get("/sessions", accept="text/html")).text

    assert page.index('id="x"') < page.index('id="aa"')
    assert "1 post is waiting for you to sign in." in page


async def test_the_form_opens_the_window_and_redirects_there_with_its_ticket_in_the_fragment(
    vault: ApiVault,
) -> None:
    sessions(vault).add("x")
    answer = await vault.client.submit("/sessions/x/window", {"narrow": "on"})

    assert answer.status == 303
    assert answer.headers["location"] == "/sessions/window#the-ticket"
    assert windows(vault).narrow


async def test_the_form_imports_cookies_and_reports_invalid_ones(vault: ApiVault) -> None:
    sessions(vault).add("x")
    good = await vault.client.submit("/sessions/x/cookies", {"cookies": COOKIES})
    bad = await vault.client.submit("/sessions/x/cookies", {"cookies": "nonsense"})

    assert (good.status, good.headers["location"]) == (303, "/sessions#x")
    assert bad.status == 422
    assert "Line 1 is not a cookie" in bad.text
    assert "nonsense" not in bad.text


async def test_the_form_signs_out_and_closes_the_window(vault: ApiVault) -> None:
    sessions(vault).add("x", signed_in=True)
    await vault.client.submit("/sessions/x/window")
    await vault.client.submit("/sessions/x/sign-out")
    await vault.client.submit("/sessions/window/close")

    assert sessions(vault).known["x"].signed_in is False
    assert windows(vault).platform is None


async def test_anonymous_callers_have_no_access(make_vault: MakeVault) -> None:
    vault = make_vault(token=TOKEN)
    sessions(vault).add("x")
    for method, path in (
        ("GET", "/api/sessions"),
        ("POST", "/api/sessions/x/cookies"),
        ("DELETE", "/api/sessions/x"),
        ("POST", "/api/login-window"),
        ("POST", "/api/login-window/viewer"),
        ("GET", "/api/login-window/viewer"),
        ("POST", "/api/login-window/close"),
    ):
        assert (await vault.client.request(method, path)).status == 401, path
    for path in ("/sessions", "/sessions/window"):
        assert (
            (await vault.client.get(path, accept="text/html"))
            .headers["location"]
            .startswith("/login?next=")
        )
    async with vault.client.socket("/api/login-window/screen", "vnc", "the-key") as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_a_session_reports_its_account(vault: ApiVault) -> None:
    sessions(vault).add("x", signed_in=True, signed_in_as="user 12345")
    (view,) = (await vault.client.get("/api/sessions")).json()

    assert (view["signed_in_as"], view["state"]) == ("user 12345", "Signed in as user 12345")
    assert "Signed in as user 12345" in (await vault.client.get("/sessions")).text


async def test_a_session_that_the_site_rejected_has_expired_whatever_its_cookies_say(
    vault: ApiVault,
) -> None:
    sessions(vault).add("x", signed_in=True, signed_in_as="jane")
    await failed_job(vault, ErrorCode.SESSION_EXPIRED)
    (view,) = (await vault.client.get("/api/sessions")).json()

    assert view["state"] == "Session expired"


async def test_a_job_that_waits_for_a_captcha_is_not_reported_as_waiting_for_a_sign_in(
    vault: ApiVault,
) -> None:
    sessions(vault).add("x")
    await failed_job(vault, ErrorCode.CHALLENGE)
    (view,) = (await vault.client.get("/api/sessions")).json()

    assert (view["waiting"], view["challenges"]) == (1, 1)
    assert view["wall"] == "1 post is waiting for you to solve a CAPTCHA."


async def test_a_warned_account_is_reported_while_its_site_is_paused(vault: ApiVault) -> None:
    sessions(vault).add("x", signed_in=True)
    day = timedelta(days=1)
    await vault.store.site_limits.pause_site(
        "x", duration=day, code=ErrorCode.ACCOUNT_WARNING, reason="locked"
    )
    (view,) = (await vault.client.get("/api/sessions")).json()
    assert view["warned_until"] is not None
    assert "warned your account" in (await vault.client.get("/sessions")).text

    vault.clock.advance(day.total_seconds() + 1)
    sessions(vault).add("x", signed_in=True)
    assert (await vault.client.get("/api/sessions")).json()[0]["warned_until"] is None

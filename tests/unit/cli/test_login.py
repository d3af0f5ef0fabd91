"""``login`` and ``sessions``, as used by users and by scripts."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobStatus
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.settings import Settings
from tests.session_stubs import StubSessions
from tests.stubs import new_job
from tests.unit.cli.conftest import LEASE, WORKER, Run, StubHouse

COOKIES = "# Netscape HTTP Cookie File\n.x.com\tTRUE\t/\tTRUE\t0\tauth_token\tsecret-value\n"


class SignIn:
    """Stands in for the sign-in of the composition root; ``leaves_session``:
    whether the window ends signed in.
    """

    def __init__(self, house: StubHouse) -> None:
        self.sessions = StubSessions(house.clock)
        self.opened: list[str] = []
        self.leaves_session = True

    def authenticator(self, _: Settings) -> StubSessions:
        return self.sessions

    async def here(
        self, _: Settings, task: BrowserTask, enough: Callable[[], Awaitable[None]]
    ) -> SessionState:
        self.opened.append(task.url)
        return self.sessions.add(task.platform.name, signed_in=self.leaves_session)


@pytest.fixture
def sign_in(house: StubHouse, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    offered = SignIn(house)
    offered.sessions.add("x")
    monkeypatch.setattr("mediavault.app.composition.session_manager", offered.authenticator)
    monkeypatch.setattr("mediavault.app.one_shot.window_here", offered.here)
    monkeypatch.setenv("DISPLAY", ":9")
    return offered


async def _wait(house: StubHouse) -> str:
    await house.store.queue.enqueue(
        [new_job("https://x.com/jane/status/1", clock=house.clock, platform="x")]
    )
    (claim,) = await house.store.queue.claim(WORKER, limit=1, lease=LEASE)
    await house.store.queue.fail(
        claim, error_code=ErrorCode.LOGIN_REQUIRED, error="X wants a sign-in.", retry_in=None
    )
    return claim.id


def test_a_window_opens_and_waiting_jobs_go_on_after_it(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    job_id = asyncio.run(_wait(house))
    ran = run("login", "x", "--json")

    assert sign_in.opened == ["https://x.example/in"]
    assert (ran.code, ran.json()["signed_in"], ran.json()["waiting"]) == (0, True, 0)
    assert asyncio.run(house.store.catalogue.get(job_id)).status is JobStatus.QUEUED  # type: ignore[arg-type]


def test_a_window_that_is_closed_too_early_does_not_sign_in(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    sign_in.leaves_session = False
    job_id = asyncio.run(_wait(house))
    ran = run("login", "x")

    assert ran.code == 1
    assert "Not signed in" in ran.out
    assert asyncio.run(house.store.catalogue.get(job_id)).status is JobStatus.FAILED  # type: ignore[arg-type]


def test_without_a_screen_the_vaults_own_page_is_named(
    run: Run, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("MEDIAVAULT_PORT", "8765")
    ran = run("login", "x")

    assert ran.code == 2
    assert "http://127.0.0.1:8765/sessions#x" in ran.err
    assert sign_in.opened == []


def test_an_unknown_site_is_refused_before_anything_opens(run: Run, sign_in: SignIn) -> None:
    ran = run("login", "nowhere", "--json")

    assert (ran.code, ran.json()["code"]) == (2, "NOT_FOUND")
    assert sign_in.opened == []


@pytest.mark.parametrize("from_stdin", [False, True])
def test_a_cookies_file_is_imported_and_its_values_are_never_shown(
    run: Run, sign_in: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_stdin: bool
) -> None:
    (tmp_path / "cookies.txt").write_text(COOKIES)
    monkeypatch.setattr("sys.stdin", io.StringIO(COOKIES))
    ran = run("login", "x", "--cookies", "-" if from_stdin else str(tmp_path / "cookies.txt"))

    assert ran.code == 0
    assert sign_in.sessions.imported == [("x", COOKIES)]
    assert "2 cookies of X taken" in ran.out
    assert "secret-value" not in ran.out + ran.err


def test_an_import_with_json_reports_the_imported_cookies_and_the_resumed_jobs(
    run: Run, house: StubHouse, sign_in: SignIn, tmp_path: Path
) -> None:
    asyncio.run(_wait(house))
    (tmp_path / "c").write_text(COOKIES)
    value = run("login", "x", "--cookies", str(tmp_path / "c"), "--json").json()

    assert (value["taken"], value["resumed"], value["session"]["signed_in"]) == (2, 1, True)


def test_an_invalid_cookies_file_is_refused_with_its_line(
    run: Run, sign_in: SignIn, tmp_path: Path
) -> None:
    (tmp_path / "c").write_text("nonsense")
    bad = run("login", "x", "--cookies", str(tmp_path / "c"))
    missing = run("login", "x", "--cookies", str(tmp_path / "missing"))

    assert (bad.code, missing.code) == (2, 2)
    assert "Line 1" in bad.err
    assert "cannot be read" in missing.err


def test_sessions_lists_every_site_for_users_and_for_scripts(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    sign_in.sessions.add(
        "instagram", signed_in=True, expires_at=house.clock.now() + timedelta(days=1)
    )
    asyncio.run(_wait(house))
    value = run("sessions", "--json").json()
    shown = run("sessions").out

    assert [
        (session["platform"], session["signed_in"], session["waiting"]) for session in value
    ] == [
        ("x", False, 1),
        ("instagram", True, 0),
    ]
    assert "Not signed in" in shown
    assert "Signed in" in shown


def test_a_window_opens_on_the_post_of_a_waiting_job_and_the_job_goes_on(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    sign_in.leaves_session = False
    job_id = asyncio.run(_wait(house))
    ran = run("answer", job_id, "--json")

    assert sign_in.opened == ["https://x.com/jane/status/1"]
    assert (ran.code, ran.json()["status"]) == (0, "queued")


def test_no_window_opens_for_a_job_that_does_not_wait_for_the_user(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    (stored,) = asyncio.run(house.store.queue.enqueue([new_job(clock=house.clock)]))
    ran = run("answer", stored.job.id, "--json")

    assert (ran.code, ran.json()["code"]) == (2, "ILLEGAL_MOVE")
    assert sign_in.opened == []


def test_sessions_shows_the_signed_in_account_and_that_it_was_warned(
    run: Run, house: StubHouse, sign_in: SignIn
) -> None:
    sign_in.sessions.add("x", signed_in=True, signed_in_as="jane")
    assert "Signed in as jane" in run("sessions").out

    asyncio.run(
        house.store.site_limits.pause_site(
            "x", duration=timedelta(days=1), code=ErrorCode.ACCOUNT_WARNING, reason="locked"
        )
    )
    assert "Signed in as jane; the account was warned" in run("sessions").out

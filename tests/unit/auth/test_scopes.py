"""What a token may do."""

from __future__ import annotations

import pytest

from mediavault.auth.permissions import Scope, scope_allows

LIST, JOB, HISTORY = "/api/jobs", "/api/jobs/0193-a", "/api/jobs/0193-a/history"
SESSIONS = "/api/sessions"


@pytest.mark.parametrize(
    ("method", "path"), [("POST", LIST), ("GET", JOB), ("HEAD", JOB), ("GET", HISTORY)]
)
def test_submit_may_add_jobs_and_read_a_job_by_its_id(method: str, path: str) -> None:
    assert scope_allows(Scope.SUBMIT, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", LIST),
        ("GET", "/api/jobs/"),
        ("GET", f"{JOB}/x"),
        ("DELETE", JOB),
        ("POST", f"{JOB}/retry"),
        ("POST", "/api/jobs/"),
        ("GET", "/"),
        ("GET", "/files/0193-a/video"),
        ("GET", "/api/events"),
        ("GET", "/metrics"),
        ("GET", "/access"),
        ("POST", "/submit"),
    ],
)
def test_submit_may_do_nothing_else(method: str, path: str) -> None:
    assert not scope_allows(Scope.SUBMIT, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", LIST), ("GET", JOB), ("GET", SESSIONS), ("POST", f"{SESSIONS}/x/cookies")],
)
def test_cookies_may_submit_and_hand_over_the_cookies_of_a_site(method: str, path: str) -> None:
    assert scope_allows(Scope.COOKIES, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", LIST),
        ("GET", "/sessions"),
        ("POST", SESSIONS),
        ("DELETE", f"{SESSIONS}/x"),
        ("GET", f"{SESSIONS}/x/cookies"),
        ("DELETE", f"{SESSIONS}/x/cookies"),
        ("POST", f"{SESSIONS}/x/y/cookies"),
        ("POST", f"{SESSIONS}/x/cookies/"),
        ("POST", "/sessions/x/cookies"),
        ("POST", "/sessions/x/window"),
        ("GET", "/api/login-window/frame"),
        ("GET", "/access"),
    ],
)
def test_cookies_may_do_nothing_else(method: str, path: str) -> None:
    assert not scope_allows(Scope.COOKIES, method, path)


@pytest.mark.parametrize(
    "path", ["/", LIST, JOB, HISTORY, "/files/0193-a/video", "/api/events", "/metrics", "/sessions"]
)
def test_read_may_read_almost_everything_and_change_nothing(path: str) -> None:
    assert scope_allows(Scope.READ, "GET", path)
    assert scope_allows(Scope.READ, "HEAD", path)
    assert not any(
        scope_allows(Scope.READ, method, path) for method in ("POST", "PUT", "PATCH", "DELETE")
    )


@pytest.mark.parametrize(
    "path", ["/access", "/access/tokens", "/sessions/window", "/api/login-window/frame"]
)
def test_read_may_see_neither_access_settings_nor_a_sign_in_window(path: str) -> None:
    assert not scope_allows(Scope.READ, "GET", path)


def test_admin_may_do_everything() -> None:
    assert scope_allows(Scope.ADMIN, "DELETE", JOB)
    assert scope_allows(Scope.ADMIN, "POST", "/access/tokens")

"""What a token may do."""

from __future__ import annotations

import pytest

from mediavault.auth.scopes import Scope, may

LIST, ONE, PAST = "/api/jobs", "/api/jobs/0193-a", "/api/jobs/0193-a/history"


@pytest.mark.parametrize(("method", "path"), [("POST", LIST), ("GET", ONE), ("HEAD", ONE), ("GET", PAST)])
def test_submit_hands_in_and_looks_at_what_it_knows(method: str, path: str) -> None:
    assert may(Scope.SUBMIT, method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", LIST),
        ("GET", "/api/jobs/"),
        ("GET", f"{ONE}/x"),
        ("DELETE", ONE),
        ("POST", f"{ONE}/retry"),
        ("POST", "/api/jobs/"),
        ("GET", "/"),
        ("GET", "/files/0193-a/video"),
        ("GET", "/api/events"),
        ("GET", "/metrics"),
        ("GET", "/access"),
        ("POST", "/submit"),
    ],
)
def test_submit_may_nothing_else(method: str, path: str) -> None:
    assert not may(Scope.SUBMIT, method, path)


@pytest.mark.parametrize("path", ["/", LIST, ONE, PAST, "/files/0193-a/video", "/api/events", "/metrics", "/sessions"])
def test_read_sees_everything_and_changes_nothing(path: str) -> None:
    assert may(Scope.READ, "GET", path)
    assert may(Scope.READ, "HEAD", path)
    assert not any(may(Scope.READ, method, path) for method in ("POST", "PUT", "PATCH", "DELETE"))


@pytest.mark.parametrize("path", ["/access", "/access/tokens", "/sessions/window", "/api/login-window/frame"])
def test_read_sees_neither_who_has_access_nor_a_sign_in(path: str) -> None:
    assert not may(Scope.READ, "GET", path)


def test_admin_may_everything() -> None:
    assert may(Scope.ADMIN, "DELETE", ONE)
    assert may(Scope.ADMIN, "POST", "/access/tokens")

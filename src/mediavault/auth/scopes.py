"""What each scope allows, by method and path. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(StrEnum):
    """What a token may do. The values are stored with tokens: never renamed."""

    SUBMIT = "submit"  # submit URLs, and read a job by its id
    COOKIES = "cookies"  # the same, and hand over the cookies of a site that can be signed in to
    READ = "read"  # read everything, files included; change nothing
    ADMIN = "admin"  # everything


_JOB_PATH = re.compile(r"/api/jobs/[^/]+(/history)?")
_SESSIONS = "/api/sessions"
_COOKIES_PATH = re.compile(_SESSIONS + r"/[^/]+/cookies")
# Not for READ: the access pages, the addresses of RSS feeds, which would outlive the token, the sign-in window, in
# which a user types a password, and where notifications go.
_OWNER_ONLY = (
    *("/access", "/setup", "/sessions/window", "/api/login-window", "/api/feeds"),
    *("/notifications", "/api/notifications"),
)


def scope_allows(scope: Scope, method: str, path: str) -> bool:
    """Whether the scope allows this request. Everything that is not allowed explicitly is refused."""
    if scope is Scope.ADMIN:
        return True
    is_safe = method in SAFE_METHODS
    if scope is Scope.READ:
        return is_safe and not any(path == page or path.startswith(f"{page}/") for page in _OWNER_ONLY)
    if scope is Scope.COOKIES and _may_hand_over(method, path):
        return True
    return (method == "POST" and path == "/api/jobs") or (is_safe and _JOB_PATH.fullmatch(path) is not None)


def _may_hand_over(method: str, path: str) -> bool:
    """Whether this lists the sites that can be signed in to, or hands over the cookies of one. Nothing signs out."""
    return (method in SAFE_METHODS and path == _SESSIONS) or (method == "POST" and bool(_COOKIES_PATH.fullmatch(path)))

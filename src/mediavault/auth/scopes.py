"""What each scope allows, by method and path. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(StrEnum):
    """What a token may do. The values are stored with tokens: never renamed."""

    SUBMIT = "submit"  # submit URLs, and read a job by its id
    READ = "read"  # read everything, files included; change nothing
    ADMIN = "admin"  # everything


_JOB_PATH = re.compile(r"/api/jobs/[^/]+(/history)?")
# Not for READ: the access page, and the sign-in window, in which a user types a password.
_OWNER_ONLY = ("/access", "/setup", "/sessions/window", "/api/login-window")


def may(scope: Scope, method: str, path: str) -> bool:
    """Whether the scope allows this request. Everything that is not allowed explicitly is refused."""
    if scope is Scope.ADMIN:
        return True
    is_safe = method in SAFE_METHODS
    if scope is Scope.READ:
        return is_safe and not any(path == page or path.startswith(f"{page}/") for page in _OWNER_ONLY)
    return (method == "POST" and path == "/api/jobs") or (is_safe and _JOB_PATH.fullmatch(path) is not None)

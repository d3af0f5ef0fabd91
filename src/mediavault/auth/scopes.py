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


_A_JOB = re.compile(r"/api/jobs/[^/]+(/history)?")
# Not for READ: the access page, and the sign-in window, in which a user types a password.
_OWNERS_OWN = ("/access", "/setup", "/sessions/window", "/api/login-window")


def may(scope: Scope, method: str, path: str) -> bool:
    """Whether the scope allows this request. Everything that is not allowed explicitly is refused."""
    if scope is Scope.ADMIN:
        return True
    is_safe = method in SAFE_METHODS
    if scope is Scope.READ:
        return is_safe and not any(path == own or path.startswith(f"{own}/") for own in _OWNERS_OWN)
    return (method == "POST" and path == "/api/jobs") or (is_safe and _A_JOB.fullmatch(path) is not None)

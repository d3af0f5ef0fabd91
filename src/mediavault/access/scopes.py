"""What each kind of caller may do, told from method and path alone. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Scope(StrEnum):
    """Stored with a token: never renamed."""

    SUBMIT = "submit"  # hand links in, and look at a job whose id one knows
    READ = "read"  # see everything, files too; change nothing
    ADMIN = "admin"  # everything


_A_JOB = re.compile(r"/api/jobs/[^/]+(/history)?")
# Who has access, and the picture of a window in which somebody types a password, are nothing to merely read.
_OWNERS_OWN = ("/access", "/setup", "/sessions/window", "/api/login-window")


def may(scope: Scope, method: str, path: str) -> bool:
    """Whether a caller with this scope may ask this. What is not allowed here by name is refused."""
    if scope is Scope.ADMIN:
        return True
    is_safe = method in SAFE_METHODS
    if scope is Scope.READ:
        return is_safe and not any(path == own or path.startswith(f"{own}/") for own in _OWNERS_OWN)
    return (method == "POST" and path == "/api/jobs") or (is_safe and _A_JOB.fullmatch(path) is not None)

"""What each role and each scope may request, by method and path. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from mediavault.core.users import Role

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
# Not for READ: the access pages, the addresses of RSS feeds, which would outlive the token, the
# sign-in window, in which a user types a password, and where notifications go.
_OWNER_ONLY = (
    *("/access", "/setup", "/sessions/window", "/api/login-window", "/api/feeds"),
    *("/notifications", "/api/notifications"),
)


def scope_allows(scope: Scope, method: str, path: str) -> bool:
    """Whether the scope allows this request. Everything that is not allowed explicitly is
    refused.
    """
    if scope is Scope.ADMIN:
        return True
    is_safe = method in SAFE_METHODS
    if scope is Scope.READ:
        return is_safe and not any(
            path == page or path.startswith(f"{page}/") for page in _OWNER_ONLY
        )
    if scope is Scope.COOKIES and _may_hand_over(method, path):
        return True
    return (method == "POST" and path == "/api/jobs") or (
        is_safe and _JOB_PATH.fullmatch(path) is not None
    )


def _may_hand_over(method: str, path: str) -> bool:
    """Whether this lists the sites that can be signed in to,
    or hands over the cookies of one. Nothing signs out.
    """
    return (method in SAFE_METHODS and path == _SESSIONS) or (
        method == "POST" and bool(_COOKIES_PATH.fullmatch(path))
    )


_JOB = r"/jobs/[^/]+"
# Of two rules that match, the first holds. What none matches is for admins. HEAD counts as GET.
_RULES = [
    (role, re.compile(methods), re.compile(path))
    for role, methods, path in (
        # read
        (Role.MEMBER, "GET", rf"{_JOB}/log"),
        (Role.MEMBER, "GET", r"/files/[^/]+/candidates/.*"),  # the vault asks a site for a frame
        (Role.MEMBER, "GET", rf"/files/[^/]+/sealed-copy|/api{_JOB}/seal"),
        (Role.VIEWER, "GET", r"/|/search|/(library|accounts|collections|files)(/.*)?"),
        (Role.VIEWER, "GET", rf"(/api)?{_JOB}|/api{_JOB}/.*"),
        (
            Role.VIEWER,
            "GET",
            r"/api/(jobs|accounts|totals|events|queue)|/api/(tags|collections|searches)(/.*)?",
        ),
        (Role.VIEWER, "GET", r"(/api)?/sources/inbox"),
        (Role.VIEWER, "POST", r"(/api)?/sources/inbox/seen"),
        (Role.ADMIN, "GET", r"/sources/import"),
        (Role.MEMBER, "GET", r"/api/profiles|(/api)?/sources(/.*)?"),
        (Role.VIEWER, "GET", r"/openapi\.json|/manifest\.webmanifest|/service-worker\.js|/away"),
        (Role.VIEWER, "POST", r"/library/(zip|export)"),
        (Role.MEMBER, "GET", r"/trash|/api/trash"),
        # what is a user's own: of the marks, the routes let viewers change their own only
        (Role.VIEWER, "POST", rf"{_JOB}/mark|/library/(mark|undo|searches)|/api/marks"),
        (Role.VIEWER, "PATCH", rf"/api{_JOB}/marks"),
        (Role.VIEWER, "PUT", rf"/api{_JOB}/position"),
        (Role.VIEWER, "PUT|DELETE", r"/api/searches/.*"),
        (Role.VIEWER, "GET", r"/you|/access(/phone|/feeds(\.opml)?)?|/api/feeds"),
        (Role.MEMBER, "GET", r"/access/links"),
        (Role.VIEWER, "POST", r"/access/feeds(/.*)?|/api/feeds"),
        (Role.VIEWER, "DELETE", r"/api/feeds/.*"),
        (
            Role.VIEWER,
            "POST",
            r"/access/(password|tokens(/.*)?|sessions/.*|sign-out-everywhere)|/logout",
        ),
        # the library
        (
            Role.MEMBER,
            "POST",
            r"/submit(/check)?|/share|/api/jobs|/just-now/dismiss|/failures/retry|/library/(retry|remove)",
        ),
        (
            Role.MEMBER,
            "POST",
            rf"{_JOB}/(retry|priority|stop|cancel|remove|again|verify|share|seal)",
        ),
        (Role.MEMBER, "POST", rf"/api{_JOB}/(retry|priority|stop|cancel|verify|seal)"),
        (Role.MEMBER, "DELETE", rf"/api{_JOB}"),
        (Role.MEMBER, "POST", r"/collections(/.*)?|/access/(links/.*|sharing)"),
        (Role.MEMBER, "PUT|PATCH|DELETE", r"/api/(tags|collections)/.*"),
        (Role.MEMBER, "POST", r"/trash/restore|/api/trash/[^/]+/restore"),
    )
]


def least_role(method: str, path: str) -> Role:
    """Return the least role that may make this request: ADMIN for everything that no rule names."""
    asked = "GET" if method == "HEAD" else method
    rules = (
        role
        for role, methods, paths in _RULES
        if methods.fullmatch(asked) and paths.fullmatch(path)
    )
    return next(rules, Role.ADMIN)

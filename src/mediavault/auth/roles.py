"""What each role may request, by method and path. Pure."""

from __future__ import annotations

import re

from mediavault.core.users import Role

_JOB = r"/jobs/[^/]+"
# Of two rules that match, the first holds. What none matches is for admins. HEAD counts as GET.
_RULES = [
    (role, re.compile(methods), re.compile(path))
    for role, methods, path in (
        # read
        (Role.MEMBER, "GET", rf"{_JOB}/log"),
        (Role.MEMBER, "GET", r"/files/[^/]+/candidates/.*"),  # the vault asks a site for a frame
        (Role.MEMBER, "GET", rf"/files/[^/]+/sealed-copy|/api{_JOB}/seal"),
        (Role.VIEWER, "GET", r"/|/(library|accounts|collections|files)(/.*)?"),
        (Role.VIEWER, "GET", rf"(/api)?{_JOB}|/api{_JOB}/.*"),
        (Role.VIEWER, "GET", r"/api/(jobs|accounts|totals|events|queue)|/api/(tags|collections|searches)(/.*)?"),
        (Role.VIEWER, "GET", r"(/api)?/sources/inbox"),
        (Role.VIEWER, "POST", r"(/api)?/sources/inbox/seen"),
        (Role.ADMIN, "GET", r"/sources/import"),
        (Role.MEMBER, "GET", r"/api/profiles|(/api)?/sources(/.*)?"),
        (Role.VIEWER, "GET", r"/openapi\.json|/manifest\.webmanifest|/service-worker\.js|/away"),
        (Role.VIEWER, "POST", r"/library/(zip|export)"),
        (Role.MEMBER, "GET", r"/trash|/api/trash"),
        # what is a user's own: of the marks, the routes let viewers change their own only
        (Role.VIEWER, "POST", rf"{_JOB}/mark|/library/(mark|searches)|/api/marks"),
        (Role.VIEWER, "PATCH", rf"/api{_JOB}/marks"),
        (Role.VIEWER, "PUT", rf"/api{_JOB}/position"),
        (Role.VIEWER, "PUT|DELETE", r"/api/searches/.*"),
        (Role.VIEWER, "GET", r"/access(/feeds(\.opml)?)?|/api/feeds"),
        (Role.VIEWER, "POST", r"/access/feeds(/.*)?|/api/feeds"),
        (Role.VIEWER, "DELETE", r"/api/feeds/.*"),
        (Role.VIEWER, "POST", r"/access/(password|tokens(/.*)?|sessions/.*|sign-out-everywhere)|/logout"),
        # the library
        (Role.MEMBER, "POST", r"/submit|/share|/api/jobs|/just-now/dismiss|/failures/retry|/library/(retry|remove)"),
        (Role.MEMBER, "POST", rf"{_JOB}/(retry|priority|stop|cancel|remove|again|verify|share|seal)"),
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
    rules = (role for role, methods, paths in _RULES if methods.fullmatch(asked) and paths.fullmatch(path))
    return next(rules, Role.ADMIN)

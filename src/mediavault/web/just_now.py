"""The posts that this browser submitted last. Their results stay on its home page until they are dismissed or replaced.

A cookie has their ids, so that this works without a script, and every browser sees its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import Request, Response

from mediavault.api.dependencies import to_job_id
from mediavault.core.failures import JobNotFound
from mediavault.core.job import JobId

COOKIE = "mediavault_just_now"
MOST = 6
KEPT_FOR_S = 7 * 24 * 3600


def read_ids(request: Request) -> list[JobId]:
    """Return the ids in the cookie, newest first; anything else in it is left out."""
    ids: list[JobId] = []
    for text in request.cookies.get(COOKIE, "").split("."):
        try:
            ids.append(to_job_id(text))
        except JobNotFound:
            continue
    return ids[:MOST]


def with_newer(ids: Sequence[JobId], newer: Iterable[JobId]) -> list[JobId]:
    """Return ``newer`` and then the others, each once, at most MOST."""
    return list(dict.fromkeys([*newer, *ids]))[:MOST]


def write_ids(response: Response, ids: Sequence[JobId]) -> None:
    """Set the cookie, or delete it when there are none."""
    if ids:
        response.set_cookie(COOKIE, ".".join(ids), max_age=KEPT_FOR_S, samesite="strict", httponly=True)
    else:
        response.delete_cookie(COOKIE, samesite="strict")

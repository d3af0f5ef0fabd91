"""Pages of jobs in the order ``created_at``, ``id``, newest first: what one asks for, and the cursor of the next.

A cursor is the place of a page's last job in that order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core.clock import to_micros
from mediavault.core.errors import BadInput
from mediavault.core.job import Job
from mediavault.store import codec
from mediavault.store.port import JobPage, JobQuery

Place = tuple[int, str]  # created_at in microseconds, id

_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9A-Za-z_-]{1,64})")


@dataclass(frozen=True, slots=True)
class Conditions:
    """How an SQL engine says what a page asks for: ``:platform``, ``:text``, and ``:created_at`` with ``:id``."""

    platform: str
    text: str
    after: str


def place_of(job: Job) -> Place:
    return to_micros(job.created_at), job.id


def cursor_of(job: Job) -> str:
    micros, job_id = place_of(job)
    return f"{micros}.{job_id}"


def place_from(cursor: str) -> Place:
    """Raises BadInput for a text that no page returned."""
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadInput("The cursor is none of ours.", help="Start again without a cursor.")
    return int(match[1]), match[2]


def page_of(found: Sequence[Job], limit: int) -> JobPage:
    """The first ``limit`` jobs of those found; one more among these tells that there is a next page."""
    page = tuple(found[:limit])
    return JobPage(page, cursor_of(page[-1]) if page and len(found) > len(page) else None)


def where(query: JobQuery, say: Conditions) -> tuple[str, dict[str, Any]]:
    """The ``WHERE`` of a page, "" for all jobs, and its values, with the ``limit`` that tells whether there is a next page.

    Raises BadInput for a cursor that is none. Statuses come from the enum, so they may stand in the text as literals.
    """
    statuses = sorted(repr(status.value) for status in set(query.statuses))
    values: dict[str, Any] = {"limit": query.limit + 1}
    conditions = []
    if statuses:
        conditions.append(f"status = {statuses[0]}" if len(statuses) == 1 else f"status IN ({', '.join(statuses)})")
    if query.platform is not None:
        conditions.append(say.platform)
        values["platform"] = query.platform
    if query.text:
        conditions.append(say.text)
        values["text"] = codec.storable(query.text).casefold()
    if query.cursor is not None:
        conditions.append(say.after)
        values["created_at"], values["id"] = place_from(query.cursor)
    return (f"WHERE {' AND '.join(conditions)}" if conditions else ""), values

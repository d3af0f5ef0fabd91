"""The cursor of a page of jobs: the place of its last job in the order ``created_at``, ``id``, newest first."""

from __future__ import annotations

import re

from mediavault.core.clock import to_micros
from mediavault.core.errors import BadInput
from mediavault.core.job import Job

Place = tuple[int, str]  # created_at in microseconds, id

_CURSOR = re.compile(r"([0-9]{1,18})\.([0-9A-Za-z_-]{1,64})")


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

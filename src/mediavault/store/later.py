"""What is still to be done for a saved post, at some later time: records, each of a job and a kind of work.

Any worker takes what is due. One that dies in between loses nothing: its hold on the record ends, and another takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.job import JobId
from mediavault.core.records import Record, RecordKind
from mediavault.store.port import Records

HELD_FOR = timedelta(minutes=15)  # how long one try may take
WAITS = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3))  # before each further try

_KIND = RecordKind.LATER


class LaterWork(StrEnum):
    """Kinds of work. The values are stored: never rename one."""

    SUBTITLES = "subtitles"
    COMMENTS = "comments"
    SEGMENTS = "segments"  # of SponsorBlock
    SEGMENTS_AGAIN = "segments_again"  # when they have settled


@dataclass(frozen=True, slots=True)
class Errand:
    """One piece of work that is due at ``at``; ``tries`` have failed. ``value`` is the record as it is stored."""

    work: LaterWork
    job_id: JobId
    at: datetime
    tries: int
    value: Mapping[str, Any]

    @property
    def key(self) -> str:
        return _key(self.work, self.job_id)


async def schedule(records: Records, work: LaterWork, job_id: JobId, at: datetime) -> None:
    """Plan this work for a job, unless it is planned already."""
    await records.replace(_KIND, _key(work, job_id), _value(at, 0), if_value=None)


async def due(records: Records, clock: Clock, *, limit: int) -> Sequence[Errand]:
    """Return the work that is due now, the longest due first."""
    now = clock.now()
    found = [errand for record in await records.all(_KIND) if (errand := _errand(record)) and errand.at <= now]
    return sorted(found, key=lambda errand: (errand.at, errand.key))[:limit]


async def take(records: Records, clock: Clock, errand: Errand) -> Errand | None:
    """Hold the work for one try; None when another worker was faster."""
    value = _value(clock.now() + HELD_FOR, errand.tries)
    taken = await records.replace(_KIND, errand.key, value, if_value=errand.value)
    return Errand(errand.work, errand.job_id, errand.at, errand.tries, value) if taken else None


async def finish(records: Records, errand: Errand) -> None:
    """Note that the work is done, or will never be."""
    await records.remove(_KIND, errand.key)


async def postpone(records: Records, errand: Errand, at: datetime) -> None:
    """Plan the work for another time without counting a try."""
    await records.replace(_KIND, errand.key, _value(at, errand.tries), if_value=errand.value)


async def try_again(records: Records, clock: Clock, errand: Errand) -> datetime | None:
    """Plan the next try after one that failed; return its time, or None when it was the last one."""
    if errand.tries >= len(WAITS):
        await finish(records, errand)
        return None
    at = clock.now() + WAITS[errand.tries]
    await records.replace(_KIND, errand.key, _value(at, errand.tries + 1), if_value=errand.value)
    return at


def _key(work: LaterWork, job_id: JobId) -> str:
    return f"{work}/{job_id}"


def _value(at: datetime, tries: int) -> dict[str, Any]:
    return {"at": at.isoformat(), "tries": tries}


def _errand(record: Record) -> Errand | None:
    """Read a record; None for one that another version wrote, or that is damaged."""
    work, _, job_id = record.key.partition("/")
    try:
        at = datetime.fromisoformat(record.value["at"])
        return (
            Errand(LaterWork(work), JobId(job_id), at, int(record.value["tries"]), record.value) if at.tzinfo else None
        )
    except (KeyError, TypeError, ValueError):
        return None

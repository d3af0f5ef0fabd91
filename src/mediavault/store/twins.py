"""Twins: saved posts whose video is the same. They are marks, so that the library can be filtered by them.

Each of two twins has a mark with the other's id, whose text says how alike they are, and the mark TWIN as long as it has
any. ``maintenance.twins`` finds them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mediavault.core import marks
from mediavault.core.fingerprints import Likeness
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark, MarkKind
from mediavault.store.bulk import existing_jobs
from mediavault.store.port import Marks, Store

IDENTICAL = "identical"
MOST_TWINS = 20  # of one post: nobody needs more to see that the same film was saved again and again
PAGE = 500


@dataclass(frozen=True, slots=True)
class Twin:
    """Another saved post that has the same video."""

    job: Job
    likeness: Likeness


async def read_twins(store: Store, job_id: JobId) -> list[Twin]:
    """Return at most MOST_TWINS twins of a job: identical files first, then the more alike, then the newer."""
    known = _likenesses((await store.marks.of_jobs([job_id])).get(job_id, ()))
    newest = sorted(known, reverse=True)
    best = sorted(newest, key=lambda other: (not known[other].identical, -known[other].percent))
    found: list[Twin] = []
    async for job in existing_jobs(store.catalogue, best):
        if job.status is JobStatus.COMPLETED:
            found.append(Twin(job, known[job.id]))
        if len(found) == MOST_TWINS:  # the others are not even read: a post may have any number of them
            break
    found.sort(key=lambda twin: twin.job.created_at, reverse=True)
    return sorted(found, key=lambda twin: (not twin.likeness.identical, -twin.likeness.percent))


async def put_twins(store: Store, job_id: JobId, found: Mapping[JobId, Likeness]) -> None:
    """Store the twins of a job, which replace those that it had."""
    gone = _likenesses((await store.marks.of_jobs([job_id])).get(job_id, ())).keys() - found.keys()
    for other in gone:
        await store.marks.remove(marks.twin(other), [job_id])
        await store.marks.remove(marks.twin(job_id), [other])
    await store.marks.put(
        [
            mark
            for other, likeness in found.items()
            for one, twin in ((job_id, other), (other, job_id))
            for mark in (Mark(one, marks.twin(twin), _text(likeness)), Mark(one, MarkKind.TWIN))
        ]
    )
    await _unmark_single(store.marks, {*gone, job_id})


async def forget_twins(store: Store, job_id: JobId) -> None:
    """Remove a job that is gone from the twins of all others."""
    others = await store.marks.marked(marks.twin(job_id), limit=PAGE)
    if others:
        await store.marks.remove(marks.twin(job_id))
        await _unmark_single(store.marks, {mark.job_id for mark in others})


async def _unmark_single(stored: Marks, job_ids: Collection[JobId]) -> None:
    now = await stored.of_jobs(job_ids)
    single = [job_id for job_id in job_ids if not _likenesses(now.get(job_id, ()))]
    await stored.remove(MarkKind.TWIN, single)


def _text(likeness: Likeness) -> str:
    return IDENTICAL if likeness.identical else str(likeness.percent)


def _likenesses(found: Collection[Mark]) -> dict[JobId, Likeness]:
    """Return the twins that a job's marks name."""
    named = {marks.twin_of(mark): mark.text for mark in found}
    return {
        job_id: Likeness(100, identical=True) if text == IDENTICAL else Likeness(int(text))
        for job_id, text in named.items()
        if job_id is not None
    }

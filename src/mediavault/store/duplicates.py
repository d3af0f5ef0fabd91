"""Duplicates: saved posts whose video is the same. They are marks, so that the library can be
filtered by them.

Each of two duplicates has a mark with the other's id, whose text says how alike they are, and the
mark DUPLICATE as long as it has any. ``features/duplicates`` finds them.
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
# of one post: nobody needs more to see that the same film was saved again and again
MOST_DUPLICATES = 20
PAGE = 500


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Another saved post that has the same video."""

    job: Job
    likeness: Likeness


async def read_duplicates(store: Store, job_id: JobId) -> list[Duplicate]:
    """Return at most MOST_DUPLICATES of a job: identical files first, then the more alike,
    then the newer.
    """
    known = _likenesses((await store.marks.of_jobs([job_id])).get(job_id, ()))
    newest = sorted(known, reverse=True)
    best = sorted(newest, key=lambda other: (not known[other].identical, -known[other].percent))
    found: list[Duplicate] = []
    async for job in existing_jobs(store.catalogue, best):
        if job.status is JobStatus.COMPLETED:
            found.append(Duplicate(job, known[job.id]))
        # the others are not even read: a post may have any number of them
        if len(found) == MOST_DUPLICATES:
            break
    found.sort(key=lambda duplicate: duplicate.job.created_at, reverse=True)
    return sorted(
        found, key=lambda duplicate: (not duplicate.likeness.identical, -duplicate.likeness.percent)
    )


async def put_duplicates(store: Store, job_id: JobId, found: Mapping[JobId, Likeness]) -> None:
    """Store the duplicates of a job, which replace those that it had."""
    gone = _likenesses((await store.marks.of_jobs([job_id])).get(job_id, ())).keys() - found.keys()
    for other in gone:
        await store.marks.remove(marks.duplicate(other), [job_id])
        await store.marks.remove(marks.duplicate(job_id), [other])
    await store.marks.put(
        [
            mark
            for other, likeness in found.items()
            for one, same in ((job_id, other), (other, job_id))
            for mark in (
                Mark(one, marks.duplicate(same), _text(likeness)),
                Mark(one, MarkKind.DUPLICATE),
            )
        ]
    )
    await _unmark_single(store.marks, {*gone, job_id})


async def forget_duplicates(store: Store, job_id: JobId) -> None:
    """Remove a job that is gone from the duplicates of all others."""
    others = await store.marks.marked(marks.duplicate(job_id), limit=PAGE)
    if others:
        await store.marks.remove(marks.duplicate(job_id))
        await _unmark_single(store.marks, {mark.job_id for mark in others})


async def _unmark_single(stored: Marks, job_ids: Collection[JobId]) -> None:
    now = await stored.of_jobs(job_ids)
    single = [job_id for job_id in job_ids if not _likenesses(now.get(job_id, ()))]
    await stored.remove(MarkKind.DUPLICATE, single)


def _text(likeness: Likeness) -> str:
    return IDENTICAL if likeness.identical else str(likeness.percent)


def _likenesses(found: Collection[Mark]) -> dict[JobId, Likeness]:
    """Return the duplicates that a job's marks name."""
    named = {marks.duplicate_of(mark): mark.text for mark in found}
    return {
        job_id: Likeness(100, identical=True) if text == IDENTICAL else Likeness(int(text))
        for job_id, text in named.items()
        if job_id is not None
    }

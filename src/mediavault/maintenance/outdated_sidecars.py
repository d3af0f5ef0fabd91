"""Writes the marks of jobs into their sidecars, some seconds after they were changed.

A change puts the mark OUTDATED at the job before it changes anything, with the time as its text
(store/mark_changes.py). A worker writes the sidecars of jobs whose mark is old enough, and removes
the mark if it has not been put again since. So a change in the middle is written in the next round,
and a kill at any point only delays the writing.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from mediavault.core.clock import Clock, to_micros
from mediavault.core.companions import SIDECAR_SUFFIX, sibling
from mediavault.core.job import Job, saved_files
from mediavault.core.marks import Mark, MarkKind
from mediavault.library.port import Library
from mediavault.library.sidecars import job_id_of, with_marks
from mediavault.maintenance.checking import require_library
from mediavault.store.bulk import existing_jobs
from mediavault.store.port import Store

ROUND_S = 15.0
SETTLED = timedelta(seconds=10)  # the change itself, and those that follow it, are done by then
PAGE = 100


async def write_outdated(store: Store, library: Library, clock: Clock) -> int:
    """Write the sidecars of all jobs whose marks have changed; returns how many jobs there were.

    Raises StorageFailure while the library is not there, NoSpace, and StoreError.
    """
    settled, written, after = to_micros(clock.now() - SETTLED), 0, None
    while page := await store.marks.marked(MarkKind.OUTDATED, after=after, limit=PAGE):
        after = page[-1]
        ready = {mark.job_id: mark.text for mark in page if int(mark.text) <= settled}
        if ready and not written:
            await require_library(library)
        marks = await store.marks.of_jobs(ready)
        async for job in existing_jobs(store.catalogue, ready):
            await _write(job, marks.get(job.id, ()), library)
            await store.marks.remove(MarkKind.OUTDATED, [job.id], if_text=ready[job.id])
            written += 1
    return written


async def _write(job: Job, marks: tuple[Mark, ...], library: Library) -> None:
    """Write the marks into the sidecars that the library has of the job."""
    for path in sorted(
        {sibling(saved.output_path, SIDECAR_SUFFIX) for saved in saved_files(job).values()}
    ):
        sidecar = await library.read_json(path)
        if sidecar is None or job_id_of(sidecar) != job.id:
            continue  # not saved yet, removed by hand, or another job's by now
        changed = with_marks(sidecar, marks)
        if changed != sidecar:
            async with library.staging.folder(job.id, secrets.randbelow(1 << 31)) as folder:
                await library.place_json(changed, path, via=folder)

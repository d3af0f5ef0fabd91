"""Recovers what dead workers left behind: running jobs and staging folders. Every worker does this;
there is no leader.

A worker of this host is alive while it holds a file lock, which the kernel releases when its
process ends. Failed and cancelled jobs without files are removed after a number of days: rows only,
never a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from mediavault.core.failures import JobNotFound
from mediavault.core.job import ItemStatus, Job, JobId, JobStatus, Stage, WorkerId
from mediavault.core.logs import get_logger
from mediavault.library.staging import Staging, StagingFolder
from mediavault.store.bulk import iter_jobs
from mediavault.store.port import JobCatalogue, JobOrder, JobQuery, Recovered, Store
from mediavault.worker.freezes import settle_freezes

SUFFIX = ".live"


@contextmanager
def alive(folder: Path, worker: WorkerId) -> Iterator[None]:
    """Hold this worker's lock while the block runs."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{worker}{SUFFIX}"
    draft = folder / f"{worker}.starting"
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # locked before it is visible, or another worker could take this one for dead
        draft.rename(path)
        yield
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def dead_workers(folder: Path) -> list[WorkerId]:
    """The workers whose file exists but is not locked: they were killed.
    :func:`remove_lock` removes their files.
    """
    dead = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                dead.append(WorkerId(path.name.removesuffix(SUFFIX)))
            finally:
                os.close(descriptor)
    return dead


def remove_lock(folder: Path, worker: WorkerId) -> None:
    """Remove a dead worker's file, after its leases were ended:
    a crash in between only repeats that.
    """
    (folder / f"{worker}{SUFFIX}").unlink(missing_ok=True)


# every 6 s with a lease of 90 s: another host takes over within 100 s of a worker's death
RECOVERIES_PER_LEASE = 15
# the crash was not the post's fault; a crash loop is ended by max_attempts
RECOVERED_RETRY_IN = timedelta(seconds=1)

log = get_logger(__name__)


async def recover_stale_jobs(store: Store, staging: Staging, live_folder: Path) -> Recovered:
    """End the leases of dead workers, fail jobs with an expired lease, and remove staging folders
    of ended attempts.

    Freeze reports are processed first, while the job that caused a freeze still belongs to the
    frozen attempt.
    """
    await settle_freezes(store, live_folder)
    dead = dead_workers(live_folder)
    if dead:
        ended = await store.workers.expire_leases(dead)
        log.warning("dead_workers_found", workers=dead, leases_ended=ended)
    recovered = await store.queue.recover_stale_jobs(retry_in=RECOVERED_RETRY_IN)
    for worker in dead:
        await store.workers.forget_worker(worker)
        remove_lock(live_folder, worker)
    for job in recovered.jobs:
        log.warning(
            "job_recovered", job_id=job.id, trace_id=job.trace_id, will_retry=job.requeueable
        )
    await sweep_staging(store.catalogue, staging)
    return recovered


async def sweep_staging(catalogue: JobCatalogue, staging: Staging) -> int:
    """Remove the staging folders of attempts that have ended; return how many.

    A folder is named after its attempt's fence. The fence only grows, so an attempt that has ended
    cannot start again and there is no race with a claim. A commit that a crash interrupted keeps
    its folder: the next attempt finishes it.
    """
    removed = 0
    for folder in await staging.folders():
        if await _is_over(folder, catalogue):
            await staging.discard(folder)
            removed += 1
    for job_id in await staging.recorded_jobs():
        if await _is_settled(JobId(job_id), catalogue):
            await staging.discard_recordings(job_id)
            removed += 1
    if removed:
        log.info("staging_swept", folders=removed)
    return removed


async def _is_settled(job_id: JobId, catalogue: JobCatalogue) -> bool:
    """Whether no attempt will continue the recording: of a failed job, a user may try again."""
    try:
        return (await catalogue.get(job_id)).status in (JobStatus.COMPLETED, JobStatus.CANCELLED)
    except JobNotFound:
        return True


async def _is_over(folder: StagingFolder, catalogue: JobCatalogue) -> bool:
    try:
        job = await catalogue.get(JobId(folder.job_id))
    except JobNotFound:
        return True
    if job.status is JobStatus.RUNNING and job.attempt_count == folder.fence:
        return False
    will_continue = job.status in (JobStatus.QUEUED, JobStatus.RUNNING) or job.retry_at is not None
    return not (will_continue and job.sha256 is not None)


OLD_JOBS_INTERVAL_S = 3_600.0
PAGE = 200


async def delete_old_jobs(catalogue: JobCatalogue, *, days: int, now: datetime) -> int:
    """Remove jobs that have been failed or cancelled for ``days`` days and have no file; return how
    many. 0 removes none.

    A job that changes at the same moment stays.
    """
    if days <= 0:
        return 0
    before, deleted = now - timedelta(days=days), 0
    query = JobQuery(
        statuses=(JobStatus.FAILED, JobStatus.CANCELLED),
        until=before,  # a job that was submitted later cannot be old enough
        order=JobOrder.OLDEST,
        limit=PAGE,
    )
    async for job in iter_jobs(catalogue, query):
        deleted += is_past_retention(job, before) and await _delete(job, catalogue)
    if deleted:
        log.info("jobs_forgotten", count=deleted, after_days=days)
    return deleted


def is_past_retention(job: Job, before: datetime) -> bool:
    """Whether the job is over, has not changed since ``before``,
    and owns no file in the library.
    """
    finished = job.status in (JobStatus.FAILED, JobStatus.CANCELLED) and job.retry_at is None
    has_file = job.output_path is not None or job.stage is Stage.COMMITTING
    has_file_of_item = any(
        item.status in (ItemStatus.SAVED, ItemStatus.COMMITTING) or item.saved for item in job.items
    )
    return finished and job.updated_at < before and not has_file and not has_file_of_item


async def _delete(job: Job, catalogue: JobCatalogue) -> bool:
    try:
        await catalogue.remove(job.id, as_of=job.updated_at)
    except JobNotFound:
        return False
    return True

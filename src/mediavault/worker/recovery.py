"""Recovers what dead workers left behind: running jobs and staging folders. Every worker does this; there is no leader."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from mediavault.core.failures import JobNotFound
from mediavault.core.job import JobId, JobStatus
from mediavault.core.logs import get_logger
from mediavault.library.staging import Staging, StagingFolder
from mediavault.store.port import JobCatalogue, Recovered, Store
from mediavault.worker import liveness
from mediavault.worker.freezes import settle_freezes

RECOVERIES_PER_LEASE = 15  # every 6 s with a lease of 90 s: another host takes over within 100 s of a worker's death
RECOVERED_RETRY_IN = timedelta(seconds=1)  # the crash was not the post's fault; a crash loop is ended by max_attempts

log = get_logger(__name__)


async def recover_stale_jobs(store: Store, staging: Staging, live_folder: Path) -> Recovered:
    """End the leases of dead workers, fail jobs with an expired lease, and remove staging folders of ended attempts.

    Freeze reports are processed first, while the job that caused a freeze still belongs to the frozen attempt.
    """
    await settle_freezes(store, live_folder)
    dead = liveness.dead_workers(live_folder)
    if dead:
        ended = await store.workers.expire_leases(dead)
        log.warning("dead_workers_found", workers=dead, leases_ended=ended)
    recovered = await store.queue.recover_stale_jobs(retry_in=RECOVERED_RETRY_IN)
    for worker in dead:
        await store.workers.forget_worker(worker)
        liveness.remove_lock(live_folder, worker)
    for job in recovered.jobs:
        log.warning("job_recovered", job_id=job.id, trace_id=job.trace_id, will_retry=job.requeueable)
    await sweep_staging(store.catalogue, staging)
    return recovered


async def sweep_staging(catalogue: JobCatalogue, staging: Staging) -> int:
    """Remove the staging folders of attempts that have ended; return how many.

    A folder is named after its attempt's fence. The fence only grows, so an attempt that has ended cannot start again and
    there is no race with a claim. A commit that a crash interrupted keeps its folder: the next attempt finishes it.
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
    """Whether nobody will go on with what is recorded: of a failed job, a user may try again."""
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

"""Removes failed and cancelled jobs without files after a number of days. Rows only, never a file."""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.core.failures import JobNotFound
from mediavault.core.job import ItemStatus, Job, JobStatus, Stage
from mediavault.core.logs import get_logger
from mediavault.store.bulk import iter_jobs
from mediavault.store.port import JobCatalogue, JobOrder, JobQuery

OLD_JOBS_INTERVAL_S = 3_600.0
PAGE = 200

log = get_logger(__name__)


async def delete_old_jobs(catalogue: JobCatalogue, *, days: int, now: datetime) -> int:
    """Remove jobs that have been failed or cancelled for ``days`` days and have no file; return how many. 0 removes none.

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
    """Whether the job is over, has not changed since ``before``, and owns no file in the library."""
    is_over = job.status in (JobStatus.FAILED, JobStatus.CANCELLED) and job.retry_at is None
    has_file = job.output_path is not None or job.stage is Stage.COMMITTING
    has_file_of_item = any(item.status in (ItemStatus.KEPT, ItemStatus.COMMITTING) or item.kept for item in job.items)
    return is_over and job.updated_at < before and not has_file and not has_file_of_item


async def _delete(job: Job, catalogue: JobCatalogue) -> bool:
    try:
        await catalogue.remove(job.id, as_of=job.updated_at)
    except JobNotFound:
        return False
    return True

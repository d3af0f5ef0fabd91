"""The wish of a user that a recording ends and what there is is kept: a record, which the recording worker looks for."""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import IllegalMove
from mediavault.core.job import Job, JobId, JobStatus, Stage
from mediavault.core.records import RecordKind
from mediavault.store.port import Records, Store

WISH_FOR = timedelta(days=1)  # if the worker dies before it is read, the next one finds it

_KIND = RecordKind.STOP_RECORDING


def is_recording(job: Job) -> bool:
    """Return whether a worker records the job's post now."""
    return job.status is JobStatus.RUNNING and job.stage is Stage.RECORD


async def stop_recording(store: Store, job_id: JobId, clock: Clock) -> Job:
    """Ask the worker that records this job's post to end and keep what there is; return the job as it is now.

    Raises JobNotFound, and IllegalMove when it is not being recorded.
    """
    job = await store.catalogue.get(job_id)
    if not is_recording(job):
        raise IllegalMove("This post is not being recorded.")
    await store.records.put(_KIND, job_id, {}, expires_at=clock.now() + WISH_FOR)
    return job


async def is_to_stop(records: Records, job_id: JobId) -> bool:
    """Return whether a user wants the job's recording to end."""
    return await records.get(_KIND, job_id) is not None


async def forget_stop(records: Records, job_id: JobId) -> None:
    """Forget that a user wanted this: the recording has ended, or another one begins."""
    await records.remove(_KIND, job_id)

"""What users do with a recording: stop it. API, pages and command line call this;
the worker reads the request.
"""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.clock import Clock
from mediavault.core.failures import IllegalMove
from mediavault.core.job import Job, JobId
from mediavault.core.records import RecordKind
from mediavault.store.port import Records, Store

REQUEST_FOR = timedelta(days=1)  # if the worker dies before it is read, the next one finds it

_KIND = RecordKind.STOP_RECORDING


async def stop_recording(store: Store, job_id: JobId, clock: Clock) -> Job:
    """Ask the worker that records this job's post to end and save what it has; return the job as it
    is now.

    Raises JobNotFound, and IllegalMove when it is not being recorded.
    """
    job = await store.catalogue.get(job_id)
    if not job.is_recording:
        raise IllegalMove("This post is not being recorded.")
    await store.records.put(_KIND, job_id, {}, expires_at=clock.now() + REQUEST_FOR)
    return job


async def is_to_stop(records: Records, job_id: JobId) -> bool:
    """Return whether a user wants the job's recording to end."""
    return await records.get(_KIND, job_id) is not None


async def forget_stop(records: Records, job_id: JobId) -> None:
    """Forget that a user wanted this: the recording has ended, or another one begins."""
    await records.remove(_KIND, job_id)

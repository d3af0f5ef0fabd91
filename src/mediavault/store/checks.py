"""The results of checks of saved files: a record of each job that was checked."""

from __future__ import annotations

from mediavault.core.job import Job
from mediavault.core.logs import get_logger
from mediavault.core.records import FileCheck, RecordKind, checks_from_json
from mediavault.store.port import Records

log = get_logger(__name__)


async def read_checks(records: Records, job: Job) -> dict[int, FileCheck]:
    """Return the results of the last check of the job's files, by item index; {} when there was none, or it can't be read."""
    record = await records.get(RecordKind.VERIFIED, job.id)
    try:
        return checks_from_json(record.value) if record is not None else {}
    except (KeyError, TypeError, ValueError):
        log.warning("record_not_read", kind=RecordKind.VERIFIED, job_id=job.id, trace_id=job.trace_id)
        return {}

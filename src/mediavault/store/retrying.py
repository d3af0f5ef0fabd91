"""Trying a job again, and a user's answer to what an attempt asked: a record, which the next attempt reads."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import ItemStatus, Job, JobId
from mediavault.core.records import RecordKind
from mediavault.store.port import Records, Store

_KIND = RecordKind.ACCEPTED
DAMAGE = ErrorCode.DAMAGED.value  # the reason for which a damaged file, of which some plays, is saved


async def retry_job(
    store: Store, job_id: JobId, *, chosen_urls: Sequence[str] = (), profile: str | None = None, as_it_is: bool = False
) -> Job:
    """Queue a job again. With ``as_it_is`` its files are saved although they are not what the post announced, or damaged.

    That is true of exactly the question that the last attempt asked: another length is asked about again. Of damage only
    that there is some, since each copy may be damaged elsewhere. Raises JobNotFound, IllegalMove, and BadInput when there
    is nothing to save as it is.
    """
    if as_it_is:
        job = await store.catalogue.get(job_id)
        asked = questions(job)
        if not asked:
            raise BadInput(
                "This post has no file that waits to be saved as it is.", help="Reload the post: it may have changed."
            )
        # First the answer: if the vault stops in between, the job is not queued, and the answer holds when it is.
        known = await accepted_reasons(store.records, job_id)
        await store.records.put(_KIND, job_id, {"reasons": sorted(known | asked)})
    return await store.queue.retry(job_id, chosen_urls=chosen_urls, profile=profile)


def questions(job: Job) -> frozenset[str]:
    """Return why files of a job wait for the user's answer: in English, or ``DAMAGE``."""
    failed = [item for item in job.items if item.status is ItemStatus.FAILED]
    lengths = {str(item.error) for item in failed if item.error_code is ErrorCode.NOT_AS_ANNOUNCED and item.error}
    return frozenset(lengths | {DAMAGE for item in failed if item.error_code is ErrorCode.DAMAGED})


async def accepted_reasons(records: Records, job_id: JobId) -> frozenset[str]:
    """Return the reasons for which a user wants the job's files to be saved as they are."""
    record = await records.get(_KIND, job_id)
    return frozenset(map(str, record.value.get("reasons", ()))) if record is not None else frozenset()

"""What the API's routes and the page's forms both do to jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mediavault.api.feed import Feed
from mediavault.api.services import ApiServices
from mediavault.api.views import kept_paths
from mediavault.core.errors import BadInput
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.store.port import Enqueued

log = get_logger(__name__)


async def submit(services: ApiServices, feed: Feed, texts: Sequence[str], *, force: bool = False) -> list[Enqueued]:
    """Store posts; all or nothing. Raises BadUrl and its kin for one address, RefusedBatch for several."""
    new = [services.submit.read(texts[0])] if len(texts) == 1 else services.submit.read_all(texts)
    attempts = (await services.live.current()).max_attempts
    stored = await services.store.enqueue([replace(each, max_attempts=attempts) for each in new], force=force)
    feed.wake()
    for each in stored:
        log.info("job_submitted", job_id=each.job.id, trace_id=each.job.trace_id, created=each.created)
    return stored


async def retry_job(services: ApiServices, feed: Feed, job_id: JobId, *, chosen_url: str | None = None) -> Job:
    """Queue a job again. Raises BadInput when the chosen video is none of its candidates."""
    if chosen_url is not None:
        check_choice(await services.store.get(job_id), chosen_url)
    job = await services.store.retry(job_id, chosen_url=chosen_url)
    feed.wake()
    return job


def check_choice(job: Job, chosen_url: str) -> None:
    if all(candidate.url != chosen_url for candidate in job.candidates):
        raise BadInput(
            "The chosen address is none of the job's candidates.", help="Take the `url` of one of its `candidates`."
        )


async def cancel_job(services: ApiServices, feed: Feed, job_id: JobId) -> Job:
    job = await services.store.cancel(job_id)
    feed.wake()
    return job


async def remove_job(services: ApiServices, feed: Feed, job_id: JobId, *, files: bool) -> Job:
    """Forget a job; with ``files`` its kept files too, and those first: if they cannot go, the row still names them."""
    job = await services.store.get(job_id)
    if files:
        await services.library.remove(*kept_paths(job))
    job = await services.store.remove(job_id)
    feed.removed(job_id)
    return job

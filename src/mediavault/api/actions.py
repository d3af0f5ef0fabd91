"""Actions on jobs, shared by the API's routes and the pages' forms."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mediavault.api.feed import Feed
from mediavault.api.idempotency import KeyedRequest
from mediavault.api.services import ApiServices
from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import Job, JobId, JobStatus, NewJob, Priority
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.post_urls import has_url
from mediavault.core.submission import RefusedAddress
from mediavault.presentation.views import kept_paths
from mediavault.server.authentication import current_principal, current_user
from mediavault.store import retrying, trash
from mediavault.store.bulk import enqueue_for_user, existing_jobs, iter_jobs, retry_each
from mediavault.store.noting import note_added
from mediavault.store.port import Enqueued, JobOrder, JobQuery
from mediavault.store.profiles import default_profile, if_it_exists, known_profile, with_settings
from mediavault.store.recordings import stop_recording
from mediavault.store.trash import TrashedPost

MAX_RETRIED = 500  # jobs that one request queues again
_PAGE = 200

log = get_logger(__name__)


async def submit(
    services: ApiServices,
    feed: Feed,
    texts: Sequence[str],
    *,
    profile: str | None = None,
    priority: Priority = Priority.NORMAL,
    force: bool = False,
    request: KeyedRequest | None = None,
) -> list[Enqueued]:
    """Store posts; all or nothing. Those that ``request`` stored before its process died are not stored again.

    Raises BadUrl or a related error for one address, RefusedBatch for several, BadInput for an unknown profile.
    """
    new = [services.submit.read(texts[0])] if len(texts) == 1 else services.submit.read_all(texts)
    new = [replace(job, priority=priority) for job in new]
    if request is None:
        return await _store(services, feed, new, profile, force=force)
    new = [replace(job, id=request.job_id(position)) for position, job in enumerate(new)]
    done = await _stored_before(services, new) if request.is_repeated else {}
    left = [job for job in new if job.canonical_url not in done]
    stored = iter(await _store(services, feed, left, profile, force=force) if left else ())
    return [done.get(job.canonical_url) or next(stored) for job in new]


async def _stored_before(services: ApiServices, jobs: Sequence[NewJob]) -> dict[str, Enqueued]:
    """Return the jobs that are stored with these ids, by canonical URL."""
    known = existing_jobs(services.store.catalogue, [job.id for job in jobs])
    return {job.canonical_url: Enqueued(job, created=True) async for job in known}


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The result of submitting several addresses. A post that was submitted twice counts once."""

    jobs: tuple[Job, ...]  # new
    known: tuple[Job, ...]  # those that already existed
    refused: tuple[RefusedAddress, ...]


async def submit_each(
    services: ApiServices, feed: Feed, texts: Sequence[str], *, profile: str | None = None
) -> SubmissionResult:
    """Store the posts that can be stored, and return why the others cannot. Raises BadInput for an unknown profile."""
    new, refused = services.submit.read_each(texts)
    stored = await _store(services, feed, new, profile, force=False) if new else []
    jobs = {result.job.id: result.job for result in stored if result.created}
    known = {result.job.id: result.job for result in stored if not result.created and result.job.id not in jobs}
    return SubmissionResult(tuple(jobs.values()), tuple(known.values()), tuple(refused))


async def _store(
    services: ApiServices, feed: Feed, new: Sequence[NewJob], profile: str | None, *, force: bool
) -> list[Enqueued]:
    caller, records = current_principal(), services.store.records
    asked = profile or await if_it_exists(records, caller.profile if caller else None)
    new = await with_settings(new, await services.live.current(), records, profile=asked)
    stored = await enqueue_for_user(services.store.queue, new, force=force)
    created = [result.job.id for result in stored if result.created]
    await note_added(services.store, services.clock, current_user(), created)
    feed.wake()
    for result in stored:
        log.info("job_submitted", job_id=result.job.id, trace_id=result.job.trace_id, created=result.created)
    return stored


async def retry_failed(
    services: ApiServices,
    feed: Feed,
    codes: Collection[ErrorCode],
    *,
    platform: str | None = None,
    is_waiting: bool = False,
) -> int:
    """Queue failed jobs with these codes again, oldest first, at most ``MAX_RETRIED``. Returns how many.

    ``is_waiting`` selects the jobs that would be retried automatically, else those that would not.
    """
    failed = iter_jobs(
        services.store.catalogue, JobQuery((JobStatus.FAILED,), platform=platform, limit=_PAGE, order=JobOrder.OLDEST)
    )
    selected = (
        job
        async for job in failed
        if (job.error_code or ErrorCode.INTERNAL) in codes and (job.retry_at is not None) is is_waiting
    )
    count = await retry_each(services.store, selected, at_most=MAX_RETRIED)
    feed.wake()
    log.info("jobs_retried", codes=sorted(codes), platform=platform, count=count)
    return count


async def retry_job(
    services: ApiServices,
    feed: Feed,
    job_id: JobId,
    *,
    chosen: Collection[int | str] = (),
    profile: str | None = None,
    as_it_is: bool = False,
) -> Job:
    """Queue a job again. ``chosen`` are the candidates that are the post's videos, each by its index or its URL.

    With ``profile`` it is saved in that form from now on, with an empty one in its site's or the vault's usual form. With
    ``as_it_is`` its files are saved although they are not what the post announced, or damaged. Raises BadInput when one of them is not
    a candidate of the job, for an unknown profile, and when there is nothing to save as it is.
    """
    job = await services.store.catalogue.get(job_id)
    urls = chosen_urls(job, chosen)
    if profile == "":
        name: str | None = default_profile(await services.live.current(), job.platform)
    else:
        name = await known_profile(services.store.records, profile) if profile else None
    job = await retrying.retry_job(services.store, job_id, chosen_urls=urls, profile=name, as_it_is=as_it_is)
    await services.frames.forget(job_id)  # the post is read again
    feed.wake()
    return job


def chosen_urls(job: Job, chosen: Collection[int | str]) -> list[str]:
    """Return the URLs of the chosen candidates, each once, in the order of the page. Raises BadInput."""
    urls = [candidate.url for candidate in job.candidates]
    for one in chosen:
        if isinstance(one, str) and one not in urls:
            raise BadInput(
                "The chosen URL is not one of the job's candidates.", help="Use the `url` of one of its `candidates`."
            )
        if isinstance(one, int) and not 0 <= one < len(urls):
            raise BadInput(
                Message("There is no candidate %(number)d; the job has %(count)d.", number=one, count=len(urls)),
                help="Use the index of one of its `candidates`, from 0.",
            )
    return list(dict.fromkeys(url for number, url in enumerate(urls) if number in chosen or url in chosen))


async def save_again(services: ApiServices, feed: Feed, job_id: JobId, *, profile: str | None = None) -> Job:
    """Create a new job of the same post, as its next version.

    Without ``profile`` it is saved in the form of the job, with an empty one in its site's or the vault's usual form.
    Raises the errors of a submission, BadInput for a post without a URL.
    """
    job = await services.store.catalogue.get(job_id)
    if not has_url(job.canonical_url):
        raise BadInput(
            "This post was imported from a file and has no link to save it from.", help="Add it by its link instead."
        )
    if profile is None:
        profile = await if_it_exists(services.store.records, job.profile)
    return (await submit(services, feed, [job.post_url], profile=profile, force=True))[0].job


async def cancel_job(services: ApiServices, feed: Feed, job_id: JobId) -> Job:
    job = await services.store.queue.cancel(job_id)
    feed.wake()
    return job


async def prioritize_job(services: ApiServices, feed: Feed, job_id: JobId, priority: Priority) -> Job:
    """Move a job in the queue. Raises JobNotFound, IllegalMove for a completed one."""
    job = await services.store.queue.set_priority(job_id, priority)
    feed.wake()
    return job


async def stop_job(services: ApiServices, job_id: JobId) -> Job:
    """Ask the worker that records the job's post to end, and to keep what there is; return the job as it is now."""
    return await stop_recording(services.store, job_id, services.clock)


async def remove_job(services: ApiServices, feed: Feed, job_id: JobId, *, files: bool, batch: str | None = None) -> Job:
    """Move a job to the trash, with ``files`` its saved files too. Jobs of one ``batch`` are restored together."""
    paths_of = kept_paths if files else trash.no_paths
    job = await trash.move_to_trash(
        services.store, services.library, services.clock, job_id, paths_of, batch=batch or trash.new_batch()
    )
    await services.extras.forget(job_id)  # the frames of its candidates too
    feed.removed(job_id)
    return job


async def restore_job(services: ApiServices, feed: Feed, post: TrashedPost) -> Job:
    """Bring a job back from the trash."""
    job = await trash.restore(services.store, services.library, post)
    feed.wake()
    return job

"""What users do with jobs: add, retry, cancel, move and remove them. API,
pages and command line call this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import Job, JobId, JobStatus, NewJob, Priority
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.post_urls import has_url
from mediavault.core.submission import RefusedAddress, Submission
from mediavault.presentation.views import saved_paths
from mediavault.store import trash, waiting_jobs
from mediavault.store.bulk import enqueue_for_user, existing_jobs, iter_jobs, retry_each
from mediavault.store.job_ids import find_job_id
from mediavault.store.live_settings import LiveSettings
from mediavault.store.mark_changes import mark_added_by
from mediavault.store.port import Enqueued, JobOrder, JobQuery, Store
from mediavault.store.profiles import default_profile, if_it_exists, known_profile, with_settings
from mediavault.store.trash import TrashFiles

MAX_RETRIED = 500  # jobs that one request queues again
_PAGE = 200

log = get_logger(__name__)


class JobEvents(Protocol):
    """Tells the pages that are open what has changed."""

    def wake(self) -> None:
        """Look for changed jobs now."""

    def removed(self, job_id: JobId) -> None: ...


class NoEvents:
    """For processes that show no pages: those that do find the changes themselves."""

    def wake(self) -> None:
        """Do nothing."""

    def removed(self, job_id: JobId) -> None:
        """Do nothing."""


class RepeatableRequest(Protocol):
    """A request that may be sent twice. ``is_repeated``: a process has begun to carry it out,
    and died.
    """

    @property
    def is_repeated(self) -> bool: ...
    def job_id(self, position: int) -> JobId:
        """Return the id of the request's job at this position:
        the same each time that it is carried out.
        """


@dataclass(frozen=True, slots=True)
class SubmissionResult:
    """The result of submitting several addresses. A post that was submitted twice counts once."""

    jobs: tuple[Job, ...]  # new
    known: tuple[Job, ...]  # those that already existed
    refused: tuple[RefusedAddress, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the user's name, and the profile of the user's token,
    which may not exist any more.
    """

    user: str
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """The service. ``forget_frames`` removes the pictures of a job's candidates,
    ``forget_extras`` all that was made for it.
    """

    store: Store
    clock: Clock
    live: LiveSettings
    submission: Submission
    library: TrashFiles
    forget_frames: Callable[[JobId], Awaitable[None]]
    forget_extras: Callable[[JobId], Awaitable[None]]
    events: JobEvents = field(default_factory=NoEvents)

    # --- adding -----------------------------------------------------------------------------------

    async def submit(
        self,
        texts: Sequence[str],
        caller: Caller,
        *,
        profile: str | None = None,
        priority: Priority = Priority.NORMAL,
        force: bool = False,
        request: RepeatableRequest | None = None,
    ) -> list[Enqueued]:
        """Store posts; all or nothing. Those that ``request`` stored before its process died are
        not stored again.

        Raises BadUrl or a related error for one address, RefusedBatch for several, BadInput for an
        unknown profile.
        """
        new = (
            [self.submission.read(texts[0])] if len(texts) == 1 else self.submission.read_all(texts)
        )
        new = [replace(job, priority=priority) for job in new]
        if request is None:
            return await self._store(new, caller, profile, force=force)
        new = [replace(job, id=request.job_id(position)) for position, job in enumerate(new)]
        done = await self._stored_before(new) if request.is_repeated else {}
        left = [job for job in new if job.canonical_url not in done]
        stored = iter(await self._store(left, caller, profile, force=force) if left else ())
        return [done.get(job.canonical_url) or next(stored) for job in new]

    async def submit_each(
        self, texts: Sequence[str], caller: Caller, *, profile: str | None = None
    ) -> SubmissionResult:
        """Store the posts that can be stored, and return why the others cannot.
        Raises BadInput for an unknown profile.
        """
        new, refused = self.submission.read_each(texts)
        stored = await self._store(new, caller, profile, force=False) if new else []
        jobs = {result.job.id: result.job for result in stored if result.created}
        known = {
            result.job.id: result.job
            for result in stored
            if not result.created and result.job.id not in jobs
        }
        return SubmissionResult(tuple(jobs.values()), tuple(known.values()), tuple(refused))

    async def save_again(self, job_id: JobId, caller: Caller, *, profile: str | None = None) -> Job:
        """Create a new job of the same post, as its next version.

        Without ``profile`` it is saved in the form of the job, with an empty one in its site's or
        the vault's usual form. Raises the errors of a submission, BadInput for a post without a
        URL.
        """
        job = await self.store.catalogue.get(job_id)
        if not has_url(job.canonical_url):
            raise BadInput(
                "This post was imported from a file and has no link to save it from.",
                help="Add it by its link instead.",
            )
        if profile is None:
            profile = await if_it_exists(self.store.records, job.profile)
        return (await self.submit([job.post_url], caller, profile=profile, force=True))[0].job

    async def _stored_before(self, jobs: Sequence[NewJob]) -> dict[str, Enqueued]:
        """Return the jobs that are stored with these ids, by canonical URL."""
        known = existing_jobs(self.store.catalogue, [job.id for job in jobs])
        return {job.canonical_url: Enqueued(job, created=True) async for job in known}

    async def _store(
        self, new: Sequence[NewJob], caller: Caller, profile: str | None, *, force: bool
    ) -> list[Enqueued]:
        records = self.store.records
        wanted = profile or await if_it_exists(records, caller.profile)
        new = await with_settings(new, await self.live.current(), records, profile=wanted)
        stored = await enqueue_for_user(self.store.queue, new, force=force)
        created = [result.job.id for result in stored if result.created]
        await mark_added_by(self.store, self.clock, caller.user, created)
        self.events.wake()
        for result in stored:
            log.info(
                "job_submitted",
                job_id=result.job.id,
                trace_id=result.job.trace_id,
                created=result.created,
            )
        return stored

    # --- retrying ---------------------------------------------------------------------------------

    async def retry(
        self,
        job_id: JobId,
        *,
        chosen: Collection[int | str] = (),
        profile: str | None = None,
        as_it_is: bool = False,
    ) -> Job:
        """Queue a job again. ``chosen`` are the candidates that are the post's videos, each by its
        index or its URL.

        With ``profile`` it is saved in that form from now on, with an empty one in its site's or
        the vault's usual form. With ``as_it_is`` its files are saved although they are not what the
        post announced, or damaged. Raises BadInput when one of them is not a candidate of the job,
        for an unknown profile, and when there is nothing to save as it is.
        """
        job = await self.store.catalogue.get(job_id)
        urls = chosen_urls(job, chosen)
        if profile == "":
            name: str | None = default_profile(await self.live.current(), job.platform)
        else:
            name = await known_profile(self.store.records, profile) if profile else None
        job = await waiting_jobs.retry_job(
            self.store, job_id, chosen_urls=urls, profile=name, as_it_is=as_it_is
        )
        await self.forget_frames(job_id)  # the post is read again
        self.events.wake()
        return job

    async def retry_each(self, job_ids: Sequence[JobId]) -> int:
        """Queue the failed and cancelled ones of these jobs again. Returns how many."""
        count = await retry_each(self.store, existing_jobs(self.store.catalogue, job_ids))
        self.events.wake()
        return count

    async def retry_failed(
        self, codes: Collection[ErrorCode], *, platform: str | None = None, is_waiting: bool = False
    ) -> int:
        """Queue failed jobs with these codes again, oldest first, at most ``MAX_RETRIED``. Returns
        how many.

        ``is_waiting`` selects the jobs that would be retried automatically, else those that would
        not.
        """
        failed = iter_jobs(
            self.store.catalogue,
            JobQuery((JobStatus.FAILED,), platform=platform, limit=_PAGE, order=JobOrder.OLDEST),
        )
        selected = (
            job
            async for job in failed
            if (job.error_code or ErrorCode.INTERNAL) in codes
            and (job.retry_at is not None) is is_waiting
        )
        count = await retry_each(self.store, selected, at_most=MAX_RETRIED)
        self.events.wake()
        log.info("jobs_retried", codes=sorted(codes), platform=platform, count=count)
        return count

    # --- naming jobs ------------------------------------------------------------------------------

    async def find(self, text: str) -> JobId:
        """Return the id that a user means by an id, the beginning of one, or a post's URL
        (``store.job_ids``). Raises JobNotFound, BadInput.
        """
        return await find_job_id(self.store.catalogue, self.submission, text)

    # --- the rest ---------------------------------------------------------------------------------

    async def cancel(self, job_id: JobId) -> Job:
        """Stop a job for good."""
        job = await self.store.queue.cancel(job_id)
        self.events.wake()
        return job

    async def prioritize(self, job_id: JobId, priority: Priority) -> Job:
        """Move a job in the queue. Raises JobNotFound, IllegalMove for a completed one."""
        job = await self.store.queue.set_priority(job_id, priority)
        self.events.wake()
        return job

    async def remove(self, job_id: JobId, *, files: bool, batch: str | None = None) -> Job:
        """Move a job to the trash, with ``files`` its saved files too.
        Jobs of one ``batch`` are restored together.
        """
        paths_of = saved_paths if files else trash.no_paths
        job = await trash.move_to_trash(
            self.store, self.library, self.clock, job_id, paths_of, batch=batch or trash.new_batch()
        )
        await self.forget_extras(job_id)  # the frames of its candidates too
        self.events.removed(job_id)
        return job


def chosen_urls(job: Job, chosen: Collection[int | str]) -> list[str]:
    """Return the URLs of the chosen candidates, each once, in the order of the page.
    Raises BadInput.
    """
    urls = [candidate.url for candidate in job.candidates]
    for choice in chosen:
        if isinstance(choice, str) and choice not in urls:
            raise BadInput(
                "The chosen URL is not one of the job's candidates.",
                help="Use the `url` of one of its `candidates`.",
            )
        if isinstance(choice, int) and not 0 <= choice < len(urls):
            raise BadInput(
                Message("There is no such candidate; the job has %(count)d.", count=len(urls)),
                help="Count its `candidates` from 1 on the command line, from 0 in the API.",
            )
    return list(
        dict.fromkeys(url for number, url in enumerate(urls) if number in chosen or url in chosen)
    )

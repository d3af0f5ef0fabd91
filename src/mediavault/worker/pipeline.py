"""The ten stages of a job in order. Read this module first.

Stage 1, the claim, is in :mod:`mediavault.worker.worker`: one statement claims as many jobs as
there are free slots.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from mediavault.core.failures import (
    BadInput,
    ErrorCode,
    Failure,
    Internal,
    LeaseLost,
    RateLimited,
    SiteClosed,
    StoreError,
    Unsupported,
    WorkerDied,
)
from mediavault.core.job import ClaimedJob, HistoryRecord, JobStatus, Stage, StepOutcome
from mediavault.core.logs import get_logger, redact_url
from mediavault.core.media import Candidate, ItemType, SavedFile
from mediavault.core.messages import Message
from mediavault.core.system_errors import translate_machine_errors
from mediavault.extraction.ranking import choose_candidate, explain, items_to_save, with_choice
from mediavault.platforms.registry import platform
from mediavault.tracing.port import Facts
from mediavault.worker import site_limits
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext
from mediavault.worker.extraction_slots import ExtractionMode, next_mode
from mediavault.worker.items import items_of
from mediavault.worker.recorder import AttemptRecorder, AttemptResult
from mediavault.worker.retry import GiveUp, RetryIn, decide, needs_history
from mediavault.worker.session_routing import hosts_with_session, where_to_sign_in
from mediavault.worker.site_limits import NotAllowedYet, SiteBusy
from mediavault.worker.stages.commit import commit, complete, finish
from mediavault.worker.stages.companions import add_subtitles, own_picture, still
from mediavault.worker.stages.convert import as_sound, playable
from mediavault.worker.stages.extract import extract, follow_link
from mediavault.worker.stages.route import describe, route_job_by_domain
from mediavault.worker.strategies import DownloadStrategies

log = get_logger(__name__)


async def process_one_cycle(
    claim: ClaimedJob,
    context: WorkerContext,
    *,
    on_slot_left: Callable[[], None] = lambda: None,
    on_outcome: Callable[[], None] = lambda: None,
) -> AttemptResult:
    """Take a claimed job to ``completed`` or ``failed``, or release it when its site's limits do
    not allow it now.

    The caller binds the job's ids to the log (:func:`mediavault.core.logs.job_context`).
    ``on_slot_left`` is called when the attempt needs no slot any more: right before ``completed``
    is written, or when it records a running stream. ``on_outcome`` is called before its outcome is
    written, which ends its lease. Raises LeaseLost when another attempt has taken the job over,
    StoreError when the outcome could not be stored.
    """
    log.info("attempt_started", post_url=redact_url(claim.job.post_url))
    facts: Facts = {"job_id": claim.id, "platform": claim.job.platform, "attempt": claim.fence}
    trace = context.tracing.attempt(claim.job.trace_id, context.clock.now(), facts)
    recorder = AttemptRecorder(
        claim, context.store, context.clock, asyncio.current_task(), on_slot_left, on_outcome, trace
    )
    ending: AttemptResult | None = None
    try:
        with translate_machine_errors():
            saved = await save_post(recorder, context)
        ending = AttemptResult(JobStatus.COMPLETED, output_path=saved.output_path)
    except asyncio.CancelledError:
        if not recorder.lost:
            raise
        log.warning("lease_lost")
        raise LeaseLost("Another attempt or a user has taken over the job.") from None
    except StoreError as exc:
        log.warning("attempt_broken_off", error_code=exc.code, error=exc.message)
        raise
    except BadInput as exc:  # a URL that an older version accepted
        ending = await fail(recorder, Unsupported(exc.message), context)
    except Failure as failure:
        ending = await fail(recorder, failure, context)
    except NotAllowedYet as exc:
        log.info("job_given_back", why=str(exc))
        recorder.begin_outcome()
        await context.store.queue.release(claim)
        ending = AttemptResult(JobStatus.QUEUED)
        return ending
    except Exception as exc:
        log.exception("attempt_hit_a_bug")
        ending = await fail(recorder, Internal(f"{type(exc).__name__}: {exc}"), context)
    finally:
        # only after the outcome is written: a crash before that is attributed to this post
        recorder.release_slot()
        status, code = (ending.status, ending.error_code) if ending else ("interrupted", None)
        trace.end(context.clock.now(), {"status": status}, error=code)
    log.info(
        "attempt_ended",
        status=ending.status,
        error_code=ending.error_code,
        output_path=ending.output_path,
    )
    return ending


async def save_post(recorder: AttemptRecorder, context: WorkerContext) -> SavedFile:
    """Run stages 2 to 10 until the job is completed; return the first of its files.
    Raises Failure.
    """
    claim = recorder.claim
    async with context.library.staging.folder(claim.id, claim.fence) as staging:
        attempt = Attempt(recorder, context, staging, items_of(claim.job))
        if (saved := await finish(attempt)) is not None:
            return saved
        await acquire_extraction_slot(recorder, context)
        await recorder.set_stage(Stage.ROUTE, 5)
        async with recorder.step(Stage.ROUTE) as note:
            attempt.route = await follow_link(route_job_by_domain(claim.job), context, recorder)
            note.detail = describe(attempt.route, context.profile.name)
        await recorder.set_stage(Stage.EXTRACT, 10)
        attempt.extraction = with_choice(
            await extract(attempt.route, context, recorder), claim.job.chosen_urls
        )
        await context.hooks.on_read(claim.job, attempt.extraction)
        await pick_items(attempt)
        return await save_items(attempt)


async def acquire_extraction_slot(recorder: AttemptRecorder, context: WorkerContext) -> None:
    """Wait until the attempt may extract its post.
    Raises WorkerDied when the post has ended its worker twice.
    """
    claim = recorder.claim
    history = await context.store.catalogue.history(claim.id) if claim.fence > 1 else ()
    mode = next_mode(history, attempt=claim.fence)
    if mode is ExtractionMode.NEVER:
        raise WorkerDied("The worker stopped twice while it was reading this post.")
    if mode is ExtractionMode.ALONE:
        log.info("read_alone", why="the worker stopped during the previous look at this post")
    recorder.slot = await context.extraction_slots.begin(alone=mode is ExtractionMode.ALONE)


async def save_items(attempt: Attempt) -> SavedFile:
    """Save the post's videos one after the other. One that fails does not stop the others;
    it is reported at the end.
    """
    items, store = attempt.items, attempt.context.store
    while (index := items.next) is not None:
        strategies: DownloadStrategies | None = None
        try:
            strategies = DownloadStrategies(attempt, index, await choose(attempt, index))
            # inside the loop, so that the item is marked as failed too
            with translate_machine_errors():
                saved = await save_item(strategies)
            if saved is not None:
                return saved
        except Failure as failure:
            if not items.mark_failed(strategies.index if strategies else index, failure):
                break
    if items.is_whole and items.first_saved:  # the items that failed are no longer part of the post
        await complete(attempt, items.first_saved)
        return items.first_saved
    await store.queue.save_items(attempt.claim, items.items)
    raise items.to_failure()


async def pick_items(attempt: Attempt) -> None:
    """Record the post's items in the attempt. Raises NoVideo, and Ambiguous when a user must
    choose.

    The candidates are saved even then, because the user chooses from them.
    """
    try:
        items_to_save(attempt.extraction, attempt.context.profile.types)
    except Failure as failure:
        if attempt.extraction.others:
            await attempt.checkpoint(None)
        async with attempt.recorder.step(Stage.CHOOSE):
            raise failure
    types = attempt.context.profile.types
    attempt.items.merge(attempt.extraction, types, others_too=attempt.context.save_quoted)


async def choose(attempt: Attempt, index: int) -> Candidate:
    """Stages 4 and 5: choose the URL to try first,
    and save it with everything that the extraction found.
    """
    async with attempt.recorder.step(Stage.CHOOSE) as note:
        candidate = choose_candidate(
            attempt.item(index),
            now=attempt.context.clock.now(),
            prefer=attempt.context.profile.preference,
        )
        note.detail = explain(candidate)
    await attempt.choose(index, candidate)
    attempt.recorder.release_slot()
    return candidate


async def save_item(strategies: DownloadStrategies) -> SavedFile | None:
    """Stages 6 to 10 for one item. When it was the last one,
    the job is completed and its first file returned.
    """
    attempt = strategies.attempt
    number, count = attempt.items.count_of(strategies.index)
    attempt.recorder.items = (number - 1, count)
    if attempt.item(strategies.index).type is ItemType.IMAGE:
        verified = await strategies.run()
        await attempt.recorder.set_stage(Stage.THUMBNAIL, 95)
        return await commit(verified, await still(attempt, verified), attempt, strategies.index)
    picture = await own_picture(
        attempt, strategies.index
    )  # before the download, so that pages show it during that time
    verified = await strategies.run()
    if not attempt.context.profile.sound_only:
        verified = await playable(verified, attempt)
    verified = await add_subtitles(verified, attempt, strategies.index)
    await attempt.recorder.set_stage(Stage.THUMBNAIL, 95)
    picture = picture or await still(attempt, verified)
    if attempt.context.profile.sound_only:
        verified = await as_sound(verified, picture, attempt, strategies.index)
    return await commit(verified, picture, attempt, strategies.index)


async def fail(
    recorder: AttemptRecorder, failure: Failure, context: WorkerContext
) -> AttemptResult:
    """Stage 10 for a failure: store what happened, update the site's limits,
    and schedule a retry if one can help.
    """
    claim = recorder.claim
    recorder.begin_outcome()
    if await requeue_for_session(recorder, failure, context):
        return AttemptResult(JobStatus.QUEUED)
    closed_for = await site_limits.report_outcome(
        recorder.site or platform(claim.job.platform), recorder.permit, failure, context
    )
    verdict = decide(
        failure,
        attempt=claim.fence,
        max_attempts=claim.job.max_attempts,
        base=context.retry.base,
        jitter=context.retry.jitter(),
        now=context.clock.now(),
        former=await former_failures(claim, context) if needs_history(failure) else (),
        closed_for=closed_for,
    )
    match verdict:
        case RetryIn(delay=delay):
            log.info("retry_planned", error_code=failure.code, in_s=round(delay.total_seconds(), 1))
        case GiveUp(reason):
            log.info("given_up", error_code=failure.code, reason=reason)
    error = with_time(
        await where_to_sign_in(failure, claim.job.platform, context.store.workers),
        failure,
        context.clock.now(),
    )
    await context.store.queue.fail(
        claim,
        error_code=failure.code,
        error=error,
        retry_in=verdict.delay if isinstance(verdict, RetryIn) else None,
        uses_attempt=not isinstance(verdict, RetryIn) or verdict.uses_attempt,
    )
    return AttemptResult(JobStatus.FAILED, failure.code, error)


def with_time(error: str, failure: Failure, now: datetime) -> str:
    """Return ``error`` with the time that the site named, where it asked us to come back later."""
    if (
        not isinstance(failure, RateLimited)
        or isinstance(failure, SiteBusy)
        or failure.retry_after is None
    ):
        return error
    at = f"{now + failure.retry_after:%Y-%m-%d %H:%M}"
    if isinstance(failure, SiteClosed):
        return Message("The site is closed until %(at)s UTC.", at=at)
    return Message("%(message)s It may be asked again at %(at)s UTC.", message=error, at=at)


async def requeue_for_session(
    recorder: AttemptRecorder, failure: Failure, context: WorkerContext
) -> bool:
    """Release the job to the machines that are signed in to its site, when this one is not and a
    sign-in may help.

    The release costs no attempt, and the site's limits stay as they are, because only anonymous
    requests were refused. Returns False when no other machine can help.
    """
    claim, site = recorder.claim, recorder.claim.job.platform
    if recorder.site is not None and recorder.site.name != site:
        return False
    hosts = await hosts_with_session(
        failure, site, context.store.workers, signed_in=await context.signed_in()
    )
    if not hosts:
        return False
    explanation = Message(
        "%(message)s It continues on a computer that is signed in: %(hosts)s.",
        message=failure.message,
        hosts=", ".join(hosts),
    )
    log.info("job_handed_over", error_code=failure.code, hosts=hosts)
    record = HistoryRecord(
        context.clock.now(),
        claim.fence,
        Stage.RELEASE,
        StepOutcome.FAILED,
        error_code=failure.code,
        detail=explanation,
    )
    await context.store.queue.record(claim, record)
    await context.store.queue.release(claim, needs_session=True)
    return True


async def former_failures(claim: ClaimedJob, context: WorkerContext) -> list[ErrorCode | None]:
    """The error codes of the earlier attempts, oldest first."""
    return [
        record.error_code
        for record in await context.store.catalogue.history(claim.id)
        if record.stage is Stage.FAIL
    ]

"""READ THIS FIRST. What happens to a job, as a paragraph.

Stage 1, the claim, is :mod:`mediavault.worker.queue`'s: it takes as many jobs as it has slots, in one statement.
"""

from __future__ import annotations

import asyncio

from mediavault.core.errors import BadInput, Failure, Internal, LeaseLost, StoreError, Unsupported
from mediavault.core.job import ClaimedJob, Job, Stage
from mediavault.core.logs import get_logger, job_context, redact_url
from mediavault.services.extraction.ranking import choose, explain, videos_to_save
from mediavault.worker.dispatch import route_job_by_domain
from mediavault.worker.journal import Journal
from mediavault.worker.ladder import Climb
from mediavault.worker.retry import GiveUp, RetryIn, decide
from mediavault.worker.stages.extract import checkpoint_of, extract
from mediavault.worker.stages.keep import finish, keep
from mediavault.worker.stages.thumbnail import thumbnail
from mediavault.worker.tools import Tools

log = get_logger(__name__)


async def process_one_cycle(claim: ClaimedJob, tools: Tools) -> Job:
    """Take a claimed job to ``completed`` or ``failed``. Raises LeaseLost when it is no longer ours."""
    with job_context(claim.id, claim.job.trace_id, attempt=claim.fence, platform=claim.job.platform):
        log.info("attempt_started", post_url=redact_url(claim.job.post_url))
        journal = Journal(claim, tools.store, tools.clock, owner=asyncio.current_task())
        try:
            job = await save_post(journal, tools)
        except asyncio.CancelledError:
            if not journal.lost:
                raise
            log.warning("lease_lost")
            raise LeaseLost("Another attempt or a person has taken the job.") from None
        except StoreError as exc:
            log.warning("attempt_broken_off", error_code=exc.code, error=exc.message)
            raise
        except BadInput as exc:  # an address that older rules had let in
            job = await fail(claim, Unsupported(exc.message), tools)
        except Failure as failure:
            job = await fail(claim, failure, tools)
        except Exception as exc:
            log.exception("attempt_hit_a_bug")
            job = await fail(claim, Internal(f"{type(exc).__name__}: {exc}"), tools)
        log.info("attempt_ended", status=job.status, error_code=job.error_code, output_path=job.output_path)
        return job


async def save_post(journal: Journal, tools: Tools) -> Job:
    """Stages 2 to 10 of a post whose video can be had."""
    claim = journal.claim
    async with tools.vault.staging(claim.id, claim.fence) as staging:
        if (job := await finish(tools, journal, staging=staging)) is not None:
            return job
        await journal.enter(Stage.ROUTE, 5)
        async with journal.step(Stage.ROUTE) as note:
            route = route_job_by_domain(claim.job)
            note.detail = route.platform.name
        await journal.enter(Stage.EXTRACT, 10)
        extraction = await extract(route, tools, journal)
        async with journal.step(Stage.CHOOSE) as note:
            item = videos_to_save(extraction)[0]
            candidate = choose(item, now=tools.clock.now())
            note.detail = explain(candidate)
        await tools.store.checkpoint(claim, checkpoint_of(extraction, candidate.url))
        climb = Climb(route, extraction, item, candidate, staging, tools, journal)
        verified = await climb.to_the_top()
        await journal.enter(Stage.THUMBNAIL, 95)
        picture = await thumbnail(climb.extraction, verified, tools, journal, into=staging)
        return await keep(verified, picture, climb.extraction, tools, journal, staging=staging)


async def fail(claim: ClaimedJob, failure: Failure, tools: Tools) -> Job:
    """Stage 10, the other end: what happened, and when it is tried again if that can help."""
    verdict = decide(
        failure,
        attempt=claim.fence,
        max_attempts=claim.job.max_attempts,
        base=tools.retry.base,
        jitter=tools.retry.jitter(),
    )
    match verdict:
        case RetryIn(delay):
            log.info("retry_planned", error_code=failure.code, in_s=round(delay.total_seconds(), 1))
        case GiveUp(reason):
            log.info("given_up", error_code=failure.code, reason=reason)
    return await tools.store.fail(
        claim,
        error_code=failure.code,
        error=failure.message,
        retry_in=verdict.delay if isinstance(verdict, RetryIn) else None,
    )

"""Plans and runs deferred work: what is added to saved posts some time after they were saved: see
``store.deferred``.

A post is read again like any other: with its site's permit, and after the posts that people wait
for.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from mediavault.core.comments import comments_to_lines
from mediavault.core.companions import COMMENTS_SUFFIX, SIDECAR_SUFFIX, sibling, subtitle_suffix
from mediavault.core.failures import (
    BadInput,
    Failure,
    HttpError,
    JobNotFound,
    StorageFailure,
    StoreError,
    Unsupported,
)
from mediavault.core.job import ItemStatus, Job, JobId, JobItem, JobStatus
from mediavault.core.logs import get_logger, job_context
from mediavault.core.marks import Mark, MarkKind, path_of_request, read_segments, segments_to_text
from mediavault.core.media import Extraction, Item, SavedFile
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.profiles import chosen_subtitles
from mediavault.core.urls import EgressScope
from mediavault.core.webvtt import to_webvtt
from mediavault.egress.port import Timeouts
from mediavault.library.sidecars import with_companions
from mediavault.maintenance.companion_words import index_beside
from mediavault.platforms.registry import platform
from mediavault.store import deferred
from mediavault.store.deferred import DeferredTask, DeferredWork
from mediavault.store.mark_changes import outdate
from mediavault.worker import site_limits
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext, for_attempt
from mediavault.worker.site_limits import NotAllowedYet
from mediavault.worker.stages.companions import fetch
from mediavault.worker.stages.extract import ask_extractors
from mediavault.worker.stages.route import route_job_by_domain

ROUND_S = 300.0
AT_ONCE = 5  # pieces of work in one round
EXTRAS_WITHIN_S = 300.0  # comments come twenty at a time
MAX_COMMENTS = 1_000
SPONSORBLOCK_SITE = "youtube"
SETTLED_AFTER = timedelta(days=14)
SEGMENT_TIMEOUTS = Timeouts(connect_s=10, read_s=10, total_s=30)
MAX_SEGMENTS_BYTES = 4 << 20  # all videos with this beginning of a hash
RACES = 5  # with other changes of the job
UNDER_WAY = timedelta(hours=1)  # until a job that is not saved yet is looked at again

log = get_logger(__name__)


async def run_due(context: WorkerContext) -> None:
    """Do the work that is due, one piece after the other. Raises StoreError and StorageFailure."""
    tables = context.store.tables
    for planned in await deferred.due(tables, context.clock, limit=AT_ONCE):
        task = await deferred.take(tables, context.clock, planned)
        if task is not None:
            await _do(task, context)


async def _do(task: DeferredTask, context: WorkerContext) -> None:
    tables, now = context.store.tables, context.clock.now()
    try:
        job = await context.store.catalogue.get(task.job_id)
    except JobNotFound:
        await deferred.finish(tables, task)
        return
    if job.status is not JobStatus.COMPLETED:
        await deferred.postpone(tables, task, now + UNDER_WAY)
        return
    with job_context(job.id, job.trace_id, platform=job.platform):
        try:
            await _WORK[task.work](job, await for_attempt(context, job))
        except NotAllowedYet as exc:
            await deferred.postpone(tables, task, max(exc.at, now + timedelta(minutes=1)))
        except StorageFailure:  # the library is unavailable, so all tasks would fail
            await deferred.postpone(tables, task, now + timedelta(seconds=ROUND_S))
            raise
        except (Failure, BadInput) as exc:
            again_at = await deferred.try_again(tables, context.clock, task)
            log.info(
                "deferred_work_failed",
                work=task.work,
                error_code=exc.code,
                error=exc.message,
                again_at=again_at,
            )
        else:
            await deferred.finish(tables, task)
            log.info("deferred_work_done", work=task.work)


async def before_complete(attempt: Attempt, extraction: Extraction | None) -> None:
    """Index the words next to the videos of a post that is saved,
    and plan what takes further requests.
    """
    context, job = attempt.context, attempt.claim.job
    await _index_words(job.id, attempt.items.items, context)
    site, profile, wanted = platform(job.platform), context.profile, list[DeferredWork]()
    if profile.comments and site.ytdlp is not None:
        wanted.append(DeferredWork.COMMENTS)
    if (
        profile.subtitles
        and site.ytdlp is not None
        and not (attempt.beside or _lists_subtitles(extraction, site))
    ):
        wanted.append(DeferredWork.SUBTITLES)
    if profile.sponsorblock and site.name == SPONSORBLOCK_SITE:
        wanted.append(DeferredWork.SEGMENTS)
    for work in wanted:
        await deferred.schedule(context.store.tables, work, job.id, context.clock.now())


def _lists_subtitles(extraction: Extraction | None, site: Platform) -> bool:
    """Whether a further request for the post's subtitles would find nothing more."""
    if extraction is None:
        return False
    from_ytdlp = (
        extraction.extractor.startswith("ytdlp")
        and site.ytdlp is not None
        and site.ytdlp.lists_subtitles
    )
    return from_ytdlp or any(item.subtitles for item in extraction.items)


async def _index_words(job_id: JobId, items: Sequence[JobItem], context: WorkerContext) -> None:
    await index_beside(
        context.store, context.library, job_id, *(item.saved for item in items if item.saved)
    )


async def _add_comments(job: Job, context: WorkerContext) -> None:
    """Put the post's comments next to its first file. Raises Failure."""
    index = next(
        (i for i, item in enumerate(job.items) if item.status is ItemStatus.SAVED and item.saved),
        None,
    )
    if index is None:
        return
    extraction = await _read_again(job, context, comments=MAX_COMMENTS)
    if extraction.comments:
        await _place_beside(
            job.id, index, COMMENTS_SUFFIX, comments_to_lines(extraction.comments), context
        )
        await _index_words(job.id, (await context.store.catalogue.get(job.id)).items, context)


async def _add_segments(job: Job, context: WorkerContext, *, is_again: bool = False) -> None:
    """Keep the segments that SponsorBlock knows now,
    and ask once more when people had time to mark them.
    """
    video_id = str(job.metadata.get("post_id") or "")
    url = f"{context.sponsorblock_url.rstrip('/')}{path_of_request(video_id)}"
    async with context.client.get(
        url, scope=EgressScope(url), timeouts=SEGMENT_TIMEOUTS, decode=True
    ) as answer:
        if answer.status not in (200, 404):  # 404: none
            raise HttpError(
                Message("SponsorBlock answered %(status)d.", status=answer.status),
                http_status=answer.status,
            )
        body = await answer.read(limit=MAX_SEGMENTS_BYTES) if answer.status == 200 else b"[]"
    try:
        segments = read_segments(json.loads(body), video_id, job.duration_s)
    except (ValueError, RecursionError) as exc:
        raise HttpError("SponsorBlock's answer cannot be read.", http_status=answer.status) from exc
    await outdate(context.store, context.clock, [job.id])
    if segments:
        await context.store.marks.put([Mark(job.id, MarkKind.SEGMENTS, segments_to_text(segments))])
    else:
        await context.store.marks.remove(MarkKind.SEGMENTS, [job.id])
    if not is_again:
        settled = context.clock.now() + SETTLED_AFTER
        await deferred.schedule(context.store.tables, DeferredWork.SEGMENTS_AGAIN, job.id, settled)


async def _add_missing_subtitles(job: Job, context: WorkerContext) -> None:
    """Fetch the subtitles that the profile wants and the library lacks.
    Raises Failure when one of them fails again.
    """
    extraction = await _read_again(job, context)
    failed: Failure | None = None
    is_new = False
    for index, (item, saved) in _saved(job.items, extraction.items).items():
        for source in chosen_subtitles(item.subtitles, context.profile):
            suffix = subtitle_suffix(source.language)
            if suffix in saved.beside:
                continue
            try:
                cues = await fetch(source, extraction, context)
            except Failure as exc:
                failed = exc
                continue
            await _place_beside(job.id, index, suffix, to_webvtt(cues).encode(), context)
            is_new = True
    if is_new:
        await _index_words(job.id, (await context.store.catalogue.get(job.id)).items, context)
    if failed is not None:
        raise failed


async def _place_beside(
    job_id: JobId, index: int, suffix: str, body: bytes, context: WorkerContext
) -> None:
    """Put a file next to that of a saved item, and note it in the row and in the sidecar.

    Raises StoreError when the row kept changing.
    """
    for _ in range(RACES):
        job = await context.store.catalogue.get(job_id)
        item = job.items[index]
        if item.saved is None or suffix in item.saved.beside:
            return
        saved = replace(item.saved, beside=(*item.saved.beside, suffix))
        items = (*job.items[:index], replace(item, saved=saved), *job.items[index + 1 :])
        async with context.library.staging.folder(job_id, 0) as staging:
            await context.library.place_bytes(body, sibling(saved.output_path, suffix), via=staging)
            if await context.store.catalogue.relocate(replace(job, items=items)):
                sidecar = sibling(saved.output_path, SIDECAR_SUFFIX)
                if (facts := await context.library.read_json(sidecar)) is not None:
                    await context.library.place_json(
                        with_companions(facts, saved), sidecar, via=staging
                    )
                return
    raise StoreError("The post kept changing while a file was added to it.")


async def _read_again(job: Job, context: WorkerContext, *, comments: int = 0) -> Extraction:
    """Read a post once more, without any account, with its subtitles and this many comments where
    yt-dlp knows the site. Raises Failure, BadInput and NotAllowedYet.
    """
    route = route_job_by_domain(job)
    route = replace(route, extractors=route.platform.extractors)
    permit = await site_limits.acquire_permit(job.id, route.platform, context)
    try:
        try:
            extraction = await context.extract_extras(
                route.post, route.platform, within_s=EXTRAS_WITHIN_S, comments=comments
            )
        except Unsupported:
            # yt-dlp does not know the post; the other extractors may know its subtitles
            extraction = await ask_extractors(route, context)
    except Failure as failure:
        await site_limits.report_outcome(route.platform, permit, failure, context)
        raise
    await site_limits.report_outcome(route.platform, permit, None, context)
    return extraction


def _saved(existing: Sequence[JobItem], now: Sequence[Item]) -> dict[int, tuple[Item, SavedFile]]:
    """Return the items that are saved, by their index: each as the post shows it now,
    with its file.
    """
    by_id = {item.media_id: item for item in now if item.media_id}
    found = {}
    for index, job_item in enumerate(existing):
        item = by_id.get(job_item.item.media_id or "") or (
            now[index] if len(now) == len(existing) else None
        )
        if job_item.status is ItemStatus.SAVED and job_item.saved is not None and item is not None:
            found[index] = (item, job_item.saved)
    return found


_WORK: Mapping[DeferredWork, Callable[[Job, WorkerContext], Awaitable[None]]] = {
    DeferredWork.SUBTITLES: _add_missing_subtitles,
    DeferredWork.COMMENTS: _add_comments,
    DeferredWork.SEGMENTS: _add_segments,
    DeferredWork.SEGMENTS_AGAIN: partial(_add_segments, is_again=True),
}

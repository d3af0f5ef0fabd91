"""Stage 10 for a success: the verified file enters the library in the order that
``library/commit.py`` states.

An attempt that finds a commit begun by an earlier one finishes it: :func:`finish`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from mediavault.core.companions import SIDECAR_SUFFIX, sibling, split_stem, thumbnail_path
from mediavault.core.failures import Damaged, Failure, StoreError
from mediavault.core.job import ItemStatus
from mediavault.core.marks import in_collection
from mediavault.core.media import (
    SUFFIXES,
    VIDEO_TYPES,
    Extraction,
    ItemType,
    SavedFile,
    VerifiedFile,
)
from mediavault.core.name_template import named_post
from mediavault.core.shows import Layout
from mediavault.library.commit import (
    MAX_NAME_RACES,
    is_in_library,
    name_taken,
    plan_file,
    without_missing,
)
from mediavault.library.nfo import ServerFile, server_files
from mediavault.library.sidecars import write_sidecar
from mediavault.platforms.registry import site_title
from mediavault.store.episodes import folder_and_stem
from mediavault.store.file_checks import note_examined
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.companions import STILL_AT_S


async def commit(
    verified: VerifiedFile, picture: Path | None, attempt: Attempt, index: int
) -> SavedFile | None:
    """Put an item's file, its thumbnail and its sidecar into the library; return None while other
    items are missing.

    When it was the last item, the job is completed and the post's first file returned.

    An earlier attempt that was frozen between its row ``committing`` and its rename may wake up at
    any moment and still rename, because a rename cannot be fenced. So this attempt uses the same
    name: only one of the two gets it, and when the other one was first, its file, whose size and
    hash are in the row, is used.
    """
    context, items = attempt.context, attempt.items
    has_pictures = verified.downloaded.type in VIDEO_TYPES
    is_settled = verified.report.decoded_whole or isinstance(verified.despite, Damaged)
    attempt.starts[index] = 0 if has_pictures and not is_settled else None
    sha256 = await context.library.staging.seal(verified.path, sha256=verified.downloaded.sha256)
    size = verified.path.stat().st_size
    planned = items.items[index].saved
    beside = tuple(suffix for suffix, _ in attempt.beside.get(index, ()))
    for _ in range(MAX_NAME_RACES):
        if planned is not None and await is_in_library(context.library, planned):
            saved = replace(planned, thumbnail_path=_thumbnail_of(planned, picture), beside=beside)
            await _begin_commit(saved, attempt, index, verified.despite)
            await _place_companions(attempt, index, saved, picture, attempt.extraction)
            return await _finish_commit(attempt, index, saved, attempt.extraction)
        name = await _name_for(verified, planned, attempt, index)
        saved = plan_file(
            name, verified.report, size=size, sha256=sha256, picture=picture, beside=beside
        )
        await _begin_commit(saved, attempt, index, verified.despite)
        placed, taken = await _place_companions(attempt, index, saved, picture, attempt.extraction)
        # With a name that was planned, what is there is an earlier attempt's. With a new one, it is
        # another post's.
        if (planned is not None or not taken) and await context.library.place(
            verified.path, saved.output_path
        ):
            return await _finish_commit(attempt, index, saved, attempt.extraction)
        if planned is None or not await is_in_library(context.library, planned):
            await context.library.remove(*placed)
            planned = None
    raise name_taken()


async def _begin_commit(
    saved: SavedFile, attempt: Attempt, index: int, despite: Failure | None
) -> None:
    attempt.items.set_status(index, ItemStatus.COMMITTING, saved=saved, despite=despite)
    await attempt.context.store.queue.begin_commit(attempt.claim, saved, attempt.items.items)


def _thumbnail_of(saved: SavedFile, picture: Path | None) -> str | None:
    return thumbnail_path(saved.output_path, picture.suffix) if picture else None


async def finish(attempt: Attempt) -> SavedFile | None:
    """Finish a commit that an earlier attempt began;
    return the post's first file if that completes the job.
    """
    context, items = attempt.context, attempt.items
    begun = (
        (i, item.saved)
        for i, item in enumerate(items.items)
        if item.status is ItemStatus.COMMITTING
    )
    index, saved = next(begun, (0, None))
    if saved is None:
        return None
    # a deferred task fetches missing subtitles
    saved = await without_missing(context.library, saved)
    if not await is_in_library(context.library, saved):
        staged = await context.library.staging.find(
            attempt.claim.id, size=saved.bytes, sha256=saved.sha256
        )
        if staged is not None:
            await _place_companions(attempt, index, saved, None, None)
        if staged is None or not await context.library.place(staged, saved.output_path):
            # The name stays planned: the earlier attempt may only be frozen (see commit).
            items.set_status(index, ItemStatus.WAITING, saved=saved)
            return None
    if saved.thumbnail_path is not None:
        picture = await context.library.local_path(saved.thumbnail_path, into=attempt.staging)
    else:
        picture = await _still_of(saved, context, attempt.staging)
        saved = replace(saved, thumbnail_path=_thumbnail_of(saved, picture))
    await _place_companions(attempt, index, saved, picture, None)
    return await _finish_commit(attempt, index, saved, None)


async def _still_of(saved: SavedFile, context: WorkerContext, staging: Path) -> Path | None:
    video = await context.library.local_path(saved.output_path, into=staging)
    return (
        await context.probe.still(video, into=staging / "thumbnail.jpg", at_s=STILL_AT_S)
        if video
        else None
    )


async def _name_for(
    verified: VerifiedFile, planned: SavedFile | None, attempt: Attempt, index: int
) -> str:
    """Return the name that an earlier attempt planned; a free one if there is none,
    or if the container differs.
    """
    extraction, job = attempt.extraction, attempt.claim.job
    match verified.downloaded.type:
        case ItemType.AUDIO:
            suffix = verified.path.suffix  # which the vault itself chose, by the codec
        case ItemType.IMAGE:
            suffix = f".{verified.report.container}"
        case _:
            suffix = SUFFIXES.get(verified.report.container or "", ".mp4")
    if planned is not None and PurePosixPath(planned.output_path).suffix == suffix:
        return planned.output_path
    number, count = attempt.items.count_of(index)
    post = named_post(
        job_id=job.id,
        canonical_url=job.canonical_url,
        post_id=extraction.post.post_id,
        platform=extraction.account.platform,
        account=extraction.account,
        published=extraction.published_at or job.created_at,
        title=extraction.title or extraction.text,
        number=number,
        count=count,
    )
    context = attempt.context
    folder, stem = await folder_and_stem(
        post,
        extraction.account.slug,
        attempt.claim.id,
        index,
        layout=Layout.ACCOUNTS if verified.downloaded.type is ItemType.IMAGE else context.layout,
        template=context.name_template,
        records=context.store.records,
    )
    return await context.library.free_name(folder, stem, suffix)


async def _finish_commit(
    attempt: Attempt, index: int, saved: SavedFile, extraction: Extraction | None
) -> SavedFile | None:
    """Write the sidecar of a file that is in the library, then the row."""
    context, items, claim = attempt.context, attempt.items, attempt.claim
    if context.profile.collection:  # before the sidecar, which has the job's marks
        await context.store.marks.put([in_collection(claim.id, context.profile.collection)])
    marks = (await context.store.marks.of_jobs([claim.id])).get(claim.id, ())
    now = context.clock.now()
    facts = write_sidecar(
        claim.job, extraction, items.items, index, saved, saved_at=now, marks=marks
    )
    await context.library.place_json(
        facts, sibling(saved.output_path, SIDECAR_SUFFIX), via=attempt.staging
    )
    items.set_status(index, ItemStatus.SAVED, saved=saved)
    first = items.first_saved
    if items.is_whole and first is not None:
        await context.hooks.before_complete(attempt, extraction)
        await complete(attempt, first)
        await context.hooks.on_saved()
        return first
    await context.store.queue.save_items(claim, items.items)
    await context.hooks.on_saved()
    return None


async def complete(attempt: Attempt, first: SavedFile) -> None:
    """Complete the job, and note what of its files is to be decoded in the background: nothing,
    if all was decoded now.
    """
    store, job_id, items = attempt.context.store, attempt.claim.id, attempt.items.items
    attempt.recorder.leave_slot()
    attempt.recorder.begin_outcome()
    await store.queue.complete(attempt.claim, first, items)
    files = [index for index, item in enumerate(items) if item.status is ItemStatus.SAVED]
    with suppress(StoreError):  # the job is saved; its files are then examined again
        await note_examined(store, job_id, files, attempt.starts, attempt.context.clock.now())


async def _place_companions(
    attempt: Attempt,
    index: int,
    saved: SavedFile,
    picture: Path | None,
    extraction: Extraction | None,
) -> tuple[Sequence[str], bool]:
    """Put the picture, and the files for media servers, next to where the video is or will be.
    Repeating it is safe.

    Return the paths that were free and are placed now, and whether one that bears the video's name
    was taken.
    """
    library, files = attempt.context.library, []
    body = await asyncio.to_thread(_content, picture)
    if body is not None and saved.thumbnail_path is not None:
        files.append(ServerFile(saved.thumbnail_path, body))
    for suffix, path in attempt.beside.get(index, ()):
        files.append(
            ServerFile(sibling(saved.output_path, suffix), await asyncio.to_thread(path.read_bytes))
        )
    if attempt.context.nfo:
        now = attempt.context.clock.now()
        facts = write_sidecar(
            attempt.claim.job, extraction, attempt.items.items, index, saved, saved_at=now
        )
        job = attempt.claim.job
        files.extend(server_files(facts, body, site=site_title(job.platform, job.canonical_url)))
    stem, placed, taken = split_stem(saved.output_path)[0], [], False
    for file in files:
        if await library.place_bytes(file.body, file.path, via=attempt.staging, unless=file.unless):
            placed.append(file.path)
        elif split_stem(file.path)[0] == stem:
            taken = True
    return placed, taken


def _content(picture: Path | None) -> bytes | None:
    return picture.read_bytes() if picture else None

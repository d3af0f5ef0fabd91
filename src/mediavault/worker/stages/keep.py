"""Stage 10 for a success: the verified file enters the library in an order in which no crash leaves a false row.

staged -> fsync -> row ``committing`` (path, size, hash, fence) -> rename without replacing -> fsync folder -> sidecar,
thumbnail -> row ``completed``. An attempt that finds a commit begun by an earlier one finishes it: :func:`finish`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from mediavault.core.failures import StorageFailure
from mediavault.core.job import ItemStatus
from mediavault.core.media import Extraction, KeptFile, VerifiedFile
from mediavault.core.name_template import NamedPost, folder_of, stem_of
from mediavault.services.library.sidecars import SIDECAR_SUFFIX, sibling, write_sidecar
from mediavault.worker.attempt import Attempt
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.thumbnail import STILL_AT_S

# Container as the probe names it -> extension. The extension never comes from a URL or a header.
SUFFIXES = {
    "mp4": ".mp4", "mov": ".mov", "webm": ".webm", "matroska": ".mkv", "mpegts": ".ts", "flv": ".flv", "avi": ".avi",
    "mpegps": ".mpg", "asf": ".wmv", "ogg": ".ogv",
}  # fmt: skip
MAX_NAME_RACES = 20


async def keep(verified: VerifiedFile, picture: Path | None, attempt: Attempt, index: int) -> KeptFile | None:
    """Put an item's file, its thumbnail and its sidecar into the library; return None while other items are missing.

    When it was the last item, the job is completed and the post's first file returned.

    An earlier attempt that was frozen between its row ``committing`` and its rename may wake up at any moment and still
    rename, because a rename cannot be fenced. So this attempt uses the same name: only one of the two gets it, and when
    the other one was first, its file, whose size and hash are in the row, is used.
    """
    tools, album = attempt.tools, attempt.items
    sha256 = await tools.vault.staging.seal(verified.path, sha256=verified.downloaded.sha256)
    planned = album.items[index].kept
    for _ in range(MAX_NAME_RACES):
        if planned is not None and await _is_in_library(planned, tools):
            kept = replace(planned, thumbnail_path=_thumbnail_path(picture, planned.output_path))
            await _begin_commit(kept, attempt, index)
            return await _finish_commit(attempt, index, kept, picture, attempt.extraction)
        kept = _plan(verified, picture, sha256, await _name_for(verified, planned, attempt, index))
        await _begin_commit(kept, attempt, index)
        if await tools.vault.place(verified.path, kept.output_path):
            return await _finish_commit(attempt, index, kept, picture, attempt.extraction)
        if planned is not None and not await _is_in_library(planned, tools):
            planned = None  # another file has the name
    raise StorageFailure("Other files kept taking the name; the library is being written by something else.")


async def _begin_commit(kept: KeptFile, attempt: Attempt, index: int) -> None:
    attempt.items.set_status(index, ItemStatus.COMMITTING, kept=kept)
    await attempt.tools.store.queue.begin_commit(attempt.claim, kept, attempt.items.items)


async def _is_in_library(kept: KeptFile, tools: WorkerContext) -> bool:
    return await tools.vault.holds(kept.output_path, size=kept.bytes, sha256=kept.sha256)


def _thumbnail_path(picture: Path | None, output_path: str) -> str | None:
    return sibling(output_path, picture.suffix) if picture else None


async def finish(attempt: Attempt) -> KeptFile | None:
    """Finish a commit that an earlier attempt began; return the post's first file if that completes the job."""
    tools, album = attempt.tools, attempt.items
    begun = ((i, item.kept) for i, item in enumerate(album.items) if item.status is ItemStatus.COMMITTING)
    index, kept = next(begun, (0, None))
    if kept is None:
        return None
    if not await _is_in_library(kept, tools):
        staged = await tools.vault.staging.find(attempt.claim.id, size=kept.bytes, sha256=kept.sha256)
        if staged is None or not await tools.vault.place(staged, kept.output_path):
            # The name stays planned: the earlier attempt may only be frozen (see keep).
            album.set_status(index, ItemStatus.WAITING, kept=kept)
            return None
    picture = await _still_of(kept, tools, attempt.staging)
    if picture is not None:
        kept = replace(kept, thumbnail_path=sibling(kept.output_path, picture.suffix))
    return await _finish_commit(attempt, index, kept, picture, None)


async def _still_of(kept: KeptFile, tools: WorkerContext, staging: Path) -> Path | None:
    video = await tools.vault.local_path(kept.output_path, into=staging)
    return await tools.probe.still(video, into=staging / "thumbnail.jpg", at_s=STILL_AT_S) if video else None


async def _name_for(verified: VerifiedFile, planned: KeptFile | None, attempt: Attempt, index: int) -> str:
    """Return the name that an earlier attempt planned; a free one if there is none, or if the container differs."""
    extraction, job = attempt.extraction, attempt.claim.job
    suffix = SUFFIXES.get(verified.report.container or "", ".mp4")
    if planned is not None and PurePosixPath(planned.output_path).suffix == suffix:
        return planned.output_path
    number, count = attempt.items.count_of(index)
    post_id = extraction.post.post_id or attempt.claim.id
    post = NamedPost(
        post_id=f"{post_id[:50]}-{number}" if count > 1 else post_id,
        published=extraction.published_at or job.created_at,
        title=extraction.title or extraction.text,
        site=extraction.account.platform,
        account=extraction.account.handle or extraction.account.display_name or extraction.account.slug,
    )
    template = attempt.tools.name_template
    folder = folder_of(post, template, extraction.account.slug)
    return await attempt.tools.vault.free_name(folder, stem_of(post, template), suffix)


def _plan(verified: VerifiedFile, picture: Path | None, sha256: str, output_path: str) -> KeptFile:
    report = verified.report
    return KeptFile(
        output_path=output_path,
        thumbnail_path=_thumbnail_path(picture, output_path),
        bytes=verified.path.stat().st_size,
        sha256=sha256,
        duration_s=report.duration_s,
        width=report.width,
        height=report.height,
    )


async def _finish_commit(
    attempt: Attempt, index: int, kept: KeptFile, picture: Path | None, extraction: Extraction | None
) -> KeptFile | None:
    """Write the thumbnail and the sidecar of a file that is in the library, then the row."""
    tools, album, claim = attempt.tools, attempt.items, attempt.claim
    if picture is not None and kept.thumbnail_path is not None:
        await tools.vault.staging.seal(picture)
        await tools.vault.place(picture, kept.thumbnail_path)
    marks = (await tools.store.marks.of_jobs([claim.id])).get(claim.id, ())
    now = tools.clock.now()
    facts = write_sidecar(claim.job, extraction, album.items, index, kept, saved_at=now, marks=marks)
    await tools.vault.place_json(facts, sibling(kept.output_path, SIDECAR_SUFFIX), via=attempt.staging)
    album.set_status(index, ItemStatus.KEPT, kept=kept)
    first = album.first_kept
    if album.is_whole and first is not None:
        attempt.recorder.before_final_write()
        await tools.store.queue.complete(claim, first, album.items)
        return first
    await tools.store.queue.save_items(claim, album.items)
    return None

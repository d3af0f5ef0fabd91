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
from mediavault.core.name_template import NamedPost, stem_of
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


async def keep(verified: VerifiedFile, picture: Path | None, attempt: Attempt, place: int) -> KeptFile | None:
    """Place an item's file, its thumbnail and its sidecar in the library; None while other items are missing.

    When it was the last item, the job is completed and the post's first file returned.

    An earlier attempt that was frozen between its row ``committing`` and its rename may wake up at any moment and still
    rename, because a rename cannot be fenced. So this attempt uses the same name: only one of the two gets it, and when
    the other one was first, its file, whose size and hash are in the row, is used.
    """
    tools, album = attempt.tools, attempt.album
    sha256 = await tools.vault.staging.seal(verified.path)
    planned = album.items[place].kept
    for _ in range(MAX_NAME_RACES):
        if planned is not None and await _stands(planned, tools):
            kept = replace(planned, thumbnail_path=_path_of(picture, planned.output_path))
            await _begin(kept, attempt, place)
            return await _settle(attempt, place, kept, picture, attempt.extraction)
        kept = _plan(verified, picture, sha256, await _name_for(verified, planned, attempt, place))
        await _begin(kept, attempt, place)
        if await tools.vault.place(verified.path, kept.output_path):
            return await _settle(attempt, place, kept, picture, attempt.extraction)
        if planned is not None and not await _stands(planned, tools):
            planned = None  # another file has the name
    raise StorageFailure("Other files kept taking the name; the library is being written by something else.")


async def _begin(kept: KeptFile, attempt: Attempt, place: int) -> None:
    attempt.album.set_status(place, ItemStatus.COMMITTING, kept=kept)
    await attempt.tools.store.queue.begin_commit(attempt.claim, kept, attempt.album.items)


async def _stands(kept: KeptFile, tools: WorkerContext) -> bool:
    return await tools.vault.holds(kept.output_path, size=kept.bytes, sha256=kept.sha256)


def _path_of(picture: Path | None, output_path: str) -> str | None:
    return sibling(output_path, picture.suffix) if picture else None


async def finish(attempt: Attempt) -> KeptFile | None:
    """Finish a commit that an earlier attempt began; return the post's first file if that completes the job."""
    tools, album = attempt.tools, attempt.album
    begun = ((p, one.kept) for p, one in enumerate(album.items) if one.status is ItemStatus.COMMITTING)
    place, kept = next(begun, (0, None))
    if kept is None:
        return None
    if not await _stands(kept, tools):
        staged = await tools.vault.staging.find(attempt.claim.id, size=kept.bytes, sha256=kept.sha256)
        if staged is None or not await tools.vault.place(staged, kept.output_path):
            album.set_status(
                place, ItemStatus.WAITING, kept=kept
            )  # keeps the name: that attempt may be frozen (see keep)
            return None
    picture = await _still_of(kept, tools, attempt.staging)
    if picture is not None:
        kept = replace(kept, thumbnail_path=sibling(kept.output_path, picture.suffix))
    return await _settle(attempt, place, kept, picture, None)


async def _still_of(kept: KeptFile, tools: WorkerContext, staging: Path) -> Path | None:
    video = await tools.vault.on_this_machine(kept.output_path, into=staging)
    return await tools.probe.still(video, into=staging / "thumbnail.jpg", at_s=STILL_AT_S) if video else None


async def _name_for(verified: VerifiedFile, planned: KeptFile | None, attempt: Attempt, place: int) -> str:
    """The name that an earlier attempt planned; a free one if there is none, or if the container differs."""
    extraction, job = attempt.extraction, attempt.claim.job
    suffix = SUFFIXES.get(verified.report.container or "", ".mp4")
    if planned is not None and PurePosixPath(planned.output_path).suffix == suffix:
        return planned.output_path
    number, count = attempt.album.count_of(place)
    post_id = extraction.post.post_id or attempt.claim.id
    post = NamedPost(
        post_id=f"{post_id[:50]}-{number}" if count > 1 else post_id,
        published=extraction.published_at or job.created_at,
        title=extraction.title or extraction.text,
        site=extraction.account.platform,
        account=extraction.account.handle or extraction.account.display_name or extraction.account.slug,
    )
    stem = stem_of(post, attempt.tools.name_template)
    return await attempt.tools.vault.free_name(extraction.account.slug, stem, suffix)


def _plan(verified: VerifiedFile, picture: Path | None, sha256: str, output_path: str) -> KeptFile:
    report = verified.report
    return KeptFile(
        output_path=output_path,
        thumbnail_path=_path_of(picture, output_path),
        bytes=verified.path.stat().st_size,
        sha256=sha256,
        duration_s=report.duration_s,
        width=report.width,
        height=report.height,
    )


async def _settle(
    attempt: Attempt, place: int, kept: KeptFile, picture: Path | None, extraction: Extraction | None
) -> KeptFile | None:
    """After the file is in its place: write its thumbnail and sidecar, then the row."""
    tools, album, claim = attempt.tools, attempt.album, attempt.claim
    if picture is not None and kept.thumbnail_path is not None:
        await tools.vault.staging.seal(picture)
        await tools.vault.place(picture, kept.thumbnail_path)
    facts = write_sidecar(claim.job, extraction, album.items, place, kept, saved_at=tools.clock.now())
    await tools.vault.place_json(facts, sibling(kept.output_path, SIDECAR_SUFFIX), via=attempt.staging)
    album.set_status(place, ItemStatus.KEPT, kept=kept)
    first = album.first_kept
    if album.is_whole and first is not None:
        attempt.journal.before_final_write()
        await tools.store.queue.complete(claim, first, album.items)
        return first
    await tools.store.queue.save_items(claim, album.items)
    return None

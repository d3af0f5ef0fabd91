"""Stage 10, the good end: the verified file enters the library in an order that no crash can turn into a lie.

staged -> fsync -> row ``committing`` (path, size, hash, fence) -> rename without replacing -> fsync folder -> sidecar,
thumbnail -> row ``completed``. An attempt that finds a commit begun by an earlier one finishes it: :func:`finish`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mediavault.core.errors import StorageFailure
from mediavault.core.job import Job
from mediavault.core.media import Extraction, KeptFile, VerifiedFile
from mediavault.core.names import file_stem
from mediavault.worker.journal import Journal
from mediavault.worker.stages.thumbnail import STILL_AT_S
from mediavault.worker.tools import Tools

# Container as the probe names it -> extension. The extension never comes from a URL or a header.
SUFFIXES = {
    "mp4": ".mp4", "mov": ".mov", "webm": ".webm", "matroska": ".mkv", "mpegts": ".ts", "flv": ".flv", "avi": ".avi",
}  # fmt: skip
SIDECAR_VERSION = 1
MAX_NAME_RACES = 20


async def keep(
    verified: VerifiedFile,
    picture: Path | None,
    extraction: Extraction,
    tools: Tools,
    journal: Journal,
    *,
    staging: Path,
) -> Job:
    """Place the file, its thumbnail and its sidecar; answers the completed job."""
    sha256 = await tools.vault.seal(verified.path)
    for _ in range(MAX_NAME_RACES):
        kept = await _plan(verified, picture, extraction, sha256, tools, journal)
        await tools.store.begin_commit(journal.claim, kept)
        if await tools.vault.place(verified.path, kept.output_path):
            return await _complete(kept, picture, extraction, tools, journal, staging)
    raise StorageFailure("Other files kept taking the name; the library is being written by something else.")


async def finish(tools: Tools, journal: Journal, *, staging: Path) -> Job | None:
    """Finish the commit that an earlier attempt began; None when there is none, or its file is not there."""
    job = journal.claim.job
    if job.output_path is None or job.sha256 is None or job.bytes is None:
        return None
    kept = KeptFile(job.output_path, None, job.bytes, job.sha256, job.duration_s, job.width, job.height)
    if not await tools.vault.holds(kept.output_path, size=kept.bytes, sha256=kept.sha256):
        staged = await tools.vault.find_staged(job.id, size=kept.bytes, sha256=kept.sha256)
        if staged is None or not await tools.vault.place(staged, kept.output_path):
            return None
    picture = await _still_of(kept, tools, staging)
    if picture is not None:
        kept = replace(kept, thumbnail_path=beside(kept.output_path, picture.suffix))
    return await _complete(kept, picture, None, tools, journal, staging)


async def _still_of(kept: KeptFile, tools: Tools, staging: Path) -> Path | None:
    video = tools.vault.open_path(kept.output_path)
    return await tools.probe.still(video, into=staging / "thumbnail.jpg", at_s=STILL_AT_S) if video else None


async def _plan(
    verified: VerifiedFile, picture: Path | None, extraction: Extraction, sha256: str, tools: Tools, journal: Journal
) -> KeptFile:
    report = verified.report
    stem = file_stem(
        published=extraction.published_at or journal.claim.job.created_at,
        title=extraction.title or extraction.text,
        post_id=extraction.post.post_id or journal.claim.id,
    )
    suffix = SUFFIXES.get(report.container or "", ".mp4")
    output = await tools.vault.free_name(extraction.account.slug, stem, suffix)
    return KeptFile(
        output_path=output,
        thumbnail_path=beside(output, picture.suffix) if picture else None,
        bytes=verified.path.stat().st_size,
        sha256=sha256,
        duration_s=report.duration_s,
        width=report.width,
        height=report.height,
    )


async def _complete(
    kept: KeptFile, picture: Path | None, extraction: Extraction | None, tools: Tools, journal: Journal, staging: Path
) -> Job:
    if picture is not None and kept.thumbnail_path is not None:
        await tools.vault.seal(picture)
        await tools.vault.place(picture, kept.thumbnail_path)
    facts = sidecar(journal.claim.job, extraction, kept, saved_at=tools.clock.now())
    await tools.vault.place_json(facts, beside(kept.output_path, ".info.json"), via=staging)
    return await tools.store.complete(journal.claim, kept)


def beside(output_path: str, suffix: str) -> str:
    """The same name with another suffix."""
    return output_path[: output_path.rindex(".")] + suffix


def sidecar(job: Job, extraction: Extraction | None, kept: KeptFile, *, saved_at: datetime) -> dict[str, Any]:
    """What ``.info.json`` says: enough to rebuild the row without the database. Never cookies, headers or signed addresses."""
    who = extraction.account if extraction else job.account
    published = extraction.published_at.isoformat() if extraction and extraction.published_at else None
    return {
        "mediavault": SIDECAR_VERSION,
        "id": job.id,
        "trace_id": job.trace_id,
        "post_url": job.post_url,
        "canonical_url": job.canonical_url,
        "version": job.version,
        "platform": job.platform,
        "post_id": extraction.post.post_id if extraction else None,
        "account": {
            "handle": who.handle if who else None,
            "display_name": who.display_name if who else None,
            "slug": who.slug if who else None,
        },
        "title": extraction.title if extraction else job.metadata.get("title"),
        "text": extraction.text if extraction else job.metadata.get("text"),
        "published_at": published or job.metadata.get("published_at"),
        "created_at": job.created_at.isoformat(),
        "saved_at": saved_at.isoformat(),
        "video": {
            "path": kept.output_path,
            "bytes": kept.bytes,
            "sha256": kept.sha256,
            "duration_s": kept.duration_s,
            "width": kept.width,
            "height": kept.height,
        },
        "thumbnail": kept.thumbnail_path,
    }

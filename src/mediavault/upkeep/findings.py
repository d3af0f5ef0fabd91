"""What may be wrong between a vault's rows and its library. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mediavault.core.job import ItemStatus, Job, JobId, JobStatus
from mediavault.core.media import KeptFile
from mediavault.core.words import counted
from mediavault.services.vault.sidecars import SIDECAR_SUFFIX, beside


class Trouble(StrEnum):
    """Printed by ``verify`` for scripts: never renamed, only added."""

    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    HASH_DIFFERS = "hash_differs"
    UNREADABLE = "unreadable"
    NO_FACTS = "no_facts"  # a completed row without path, size or hash
    THUMBNAIL_MISSING = "thumbnail_missing"
    SIDECAR_MISSING = "sidecar_missing"
    SIDECAR_DIFFERS = "sidecar_differs"
    ORPHAN = "orphan"  # a file without a row
    SIDECAR_ALONE = "sidecar_alone"  # a sidecar without a row and without a video


WORDS: dict[Trouble, str] = {
    Trouble.MISSING: "the file is not there",
    Trouble.SIZE_DIFFERS: "the file has another size",
    Trouble.HASH_DIFFERS: "the file's bytes are others",
    Trouble.UNREADABLE: "it cannot be read",
    Trouble.NO_FACTS: "the job is completed and names no file",
    Trouble.THUMBNAIL_MISSING: "the thumbnail is not there",
    Trouble.SIDECAR_MISSING: "the sidecar is not there",
    Trouble.SIDECAR_DIFFERS: "the sidecar says something else, or is damaged",
    Trouble.ORPHAN: "no job names this file",
    Trouble.SIDECAR_ALONE: "a sidecar without its video",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """``path`` is relative to the library; ``job`` None where no row names the file."""

    trouble: Trouble
    path: str
    job: JobId | None = None
    detail: str = ""


def kept_files(job: Job) -> Iterator[KeptFile]:
    """The videos that the row says are kept; of a completed job without items, its own."""
    yield from kept_by_place(job).values()


def kept_by_place(job: Job) -> dict[int, KeptFile]:
    """The same by the place of their items."""
    kept = {
        place: one.kept for place, one in enumerate(job.items) if one.status is ItemStatus.KEPT and one.kept is not None
    }
    if kept or job.status is not JobStatus.COMPLETED or not job.output_path or not job.sha256 or job.bytes is None:
        return kept
    own = KeptFile(job.output_path, job.thumbnail_path, job.bytes, job.sha256, job.duration_s, job.width, job.height)
    return {0: own}


def lacks_facts(job: Job) -> bool:
    """Whether it is said to be completed, and nothing of it could ever be verified."""
    return job.status is JobStatus.COMPLETED and next(kept_files(job), None) is None


def named_paths(job: Job) -> Iterator[str]:
    """Every path that the row names, in whatever state: videos, thumbnails, sidecars; also those of a commit under way."""
    kept = [one.kept for one in job.items if one.kept is not None]
    for output, thumbnail in [
        *((one.output_path, one.thumbnail_path) for one in kept),
        (job.output_path, job.thumbnail_path),
    ]:
        if output is not None:
            yield output
            if "." in output:
                yield beside(output, SIDECAR_SUFFIX)
        if thumbnail is not None:
            yield thumbnail


def judge_size(kept: KeptFile, size: int | None) -> tuple[Trouble, str] | None:
    """``size`` is None where no such file stands."""
    if size is None:
        return Trouble.MISSING, ""
    if size != kept.bytes:
        return Trouble.SIZE_DIFFERS, f"{counted(size, 'byte')} instead of {kept.bytes:,}"
    return None


def judge_orphan(path: str, *, has_video: bool) -> Trouble:
    """``has_video``: whether a video stands beside the sidecar."""
    return Trouble.SIDECAR_ALONE if path.endswith(SIDECAR_SUFFIX) and not has_video else Trouble.ORPHAN

"""Findings: the possible differences between a vault's rows and its library. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mediavault.core.companions import SIDECAR_SUFFIX, companions
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, JobItem, JobStatus, saved_files
from mediavault.core.media import SavedFile
from mediavault.core.messages import Message, counted

# a failed post may have saved some of its videos
WITH_FILES = (JobStatus.COMPLETED, JobStatus.FAILED)


class FindingKind(StrEnum):
    """The kinds of findings. ``verify`` prints them for scripts: never renamed, only added."""

    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    HASH_DIFFERS = "hash_differs"
    UNREADABLE = "unreadable"
    DAMAGED = "damaged"  # as it was saved, but it does not play whole
    NO_FACTS = "no_facts"  # a completed row without path, size or hash
    THUMBNAIL_MISSING = "thumbnail_missing"
    SIDECAR_MISSING = "sidecar_missing"
    SIDECAR_DIFFERS = "sidecar_differs"
    TRASH_MISSING = "trash_missing"  # the video of a deleted post
    ORPHAN = "orphan"  # a file without a row
    SIDECAR_ALONE = "sidecar_alone"  # a sidecar without a row and without a video


LABELS: dict[FindingKind, str] = {
    FindingKind.MISSING: "the file is not there",
    FindingKind.SIZE_DIFFERS: "the file has another size",
    FindingKind.HASH_DIFFERS: "the file's bytes are others",
    FindingKind.UNREADABLE: "it cannot be read",
    FindingKind.DAMAGED: "the file is as it was saved, but damaged",
    FindingKind.NO_FACTS: "the job is completed and names no file",
    FindingKind.THUMBNAIL_MISSING: "the thumbnail is not there",
    FindingKind.TRASH_MISSING: "the deleted post's file is not in the trash",
    FindingKind.SIDECAR_MISSING: "the sidecar is not there",
    FindingKind.SIDECAR_DIFFERS: "the sidecar says something else, or is damaged",
    FindingKind.ORPHAN: "no job names this file",
    FindingKind.SIDECAR_ALONE: "a sidecar without its video",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. ``path`` is relative to the library;
    ``job`` is None when no row names the file.
    """

    kind: FindingKind
    path: str
    job: JobId | None = None
    detail: str = ""


def short_key(text: str) -> int:
    """Return eight bytes of a hash, to remember many texts: of a million,
    two collide in one of thirty million libraries.
    """
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    )


def is_saved_damaged(items: Sequence[JobItem], index: int) -> bool:
    """Whether a user kept the item's file although it was damaged:
    as long as its bytes are the same, nothing is new.
    """
    return index < len(items) and items[index].error_code is ErrorCode.DAMAGED


def lacks_facts(job: Job) -> bool:
    """Whether the job is completed but names no file that could be verified."""
    return job.status is JobStatus.COMPLETED and not saved_files(job)


def named_paths(job: Job) -> Iterator[str]:
    """Every path that the row names: videos and their companions,
    including those of an unfinished commit.
    """
    planned = [item.saved for item in job.items if item.saved is not None]
    for output, thumbnail, beside in [
        *((file.output_path, file.thumbnail_path, file.beside) for file in planned),
        (job.output_path, job.thumbnail_path, ()),
    ]:
        if output is not None:
            yield output
            yield from companions(output, thumbnail, beside)


def judge_size(saved: SavedFile, size: int | None) -> tuple[FindingKind, str] | None:
    """Compare a file's size with its row; ``size`` is None when the file is missing."""
    if size is None:
        return FindingKind.MISSING, ""
    if size != saved.bytes:
        return FindingKind.SIZE_DIFFERS, Message(
            "%(size)s instead of %(expected)d", size=counted(size, "byte"), expected=saved.bytes
        )
    return None


def judge_orphan(path: str, *, has_video: bool) -> FindingKind:
    """Judge a file without a row. ``has_video``: whether a sidecar has its video."""
    return (
        FindingKind.SIDECAR_ALONE
        if path.endswith(SIDECAR_SUFFIX) and not has_video
        else FindingKind.ORPHAN
    )

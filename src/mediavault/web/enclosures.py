"""The file that an RSS feed offers for a saved video. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from mediavault.api.files import CONTENT_TYPES, DOWNLOAD_TYPE, StoredFile
from mediavault.core.job import JobId
from mediavault.core.media import SavedFile

_PICTURES = frozenset({".jpg", ".png"})  # what podcast apps show; WebP is not among it
_PLAIN_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file of a post. ``name`` is the last part of its address: apps go by the suffix, and it never changes."""

    name: str
    kind: str  # its content type
    file: StoredFile


def enclosure_of(job_id: JobId, index: int, kept: SavedFile) -> Enclosure:
    """Return what a podcast app plays for the item ``index`` of a job: the saved file, whether video or sound.

    There is one file for each item, which was put into an MP4 when it was saved, if its container allowed it.
    """
    return _enclosure(f"{job_id}-{index}", kept.output_path, kept.sha256, kept.bytes)


def picture_of(job_id: JobId, index: int, kept: SavedFile) -> Enclosure | None:
    """Return the item's picture; None when it has none that podcast apps show."""
    if kept.thumbnail_path is None or _suffix(kept.thumbnail_path) not in _PICTURES:
        return None
    return _enclosure(f"{job_id}-{index}-picture", kept.thumbnail_path, None, None)


def _enclosure(stem: str, path: str, sha256: str | None, size: int | None) -> Enclosure:
    suffix = _suffix(path)
    shown = suffix if _PLAIN_SUFFIX.fullmatch(suffix) else ".bin"
    return Enclosure(f"{stem}{shown}", CONTENT_TYPES.get(suffix, DOWNLOAD_TYPE), StoredFile(path, sha256, size))


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()

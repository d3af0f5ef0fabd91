"""Which names a file may get where others have taken its first choice.

A video, its picture and its sidecar share a name but for the suffix. So two videos that differ by no more than their
suffix would share picture and sidecar: the second one's would replace the first one's.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediavault.core.failures import StorageFailure
from mediavault.core.names import truncate_bytes
from mediavault.services.vault.sidecars import SIDECAR_SUFFIX, beside

VIDEO_SUFFIXES = (".mp4", ".mov", ".webm", ".mkv", ".ts", ".flv", ".avi", ".mpg", ".wmv", ".ogv")
PICTURE_SUFFIXES = (".jpg", ".png", ".webp")
_MAX_SAME_NAMES = 10_000


def names_in_turn(folder: str, stem: str, suffix: str) -> Iterator[str]:
    """The names that a file may get: ``stem.mp4``, then ``stem (2).mp4`` and so on."""
    for number in range(1, _MAX_SAME_NAMES):
        mark = "" if number == 1 else f" ({number})"
        yield f"{folder}/{truncate_bytes(stem, 190 - len(mark))}{mark}{suffix}"


def no_free_name(folder: str, stem: str) -> StorageFailure:
    return StorageFailure(f"No free name is left for {stem!r} in {folder!r}.")


def kin(relative: str) -> list[str]:
    """All names that would be taken for the video at ``relative``, its picture or its sidecar, itself among them."""
    return [relative, *(beside(relative, suffix) for suffix in (*VIDEO_SUFFIXES, *PICTURE_SUFFIXES, SIDECAR_SUFFIX))]


def rivals(relative: str) -> list[str]:
    """The other videos that would share picture and sidecar with the video at ``relative``; none of what is no video."""
    own = relative[relative.rindex(".") :] if "." in relative else ""
    if own not in VIDEO_SUFFIXES:
        return []
    return [beside(relative, suffix) for suffix in VIDEO_SUFFIXES if suffix != own]

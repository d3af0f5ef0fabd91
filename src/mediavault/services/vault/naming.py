"""Which names a file may get where others have taken its first choice."""

from __future__ import annotations

from collections.abc import Iterator

from mediavault.core.errors import StorageFailure
from mediavault.core.names import truncate_bytes

_MAX_SAME_NAMES = 10_000


def names_in_turn(folder: str, stem: str, suffix: str) -> Iterator[str]:
    """The names that a file may get: ``stem.mp4``, then ``stem (2).mp4`` and so on."""
    for number in range(1, _MAX_SAME_NAMES):
        mark = "" if number == 1 else f" ({number})"
        yield f"{folder}/{truncate_bytes(stem, 190 - len(mark))}{mark}{suffix}"


def no_free_name(folder: str, stem: str) -> StorageFailure:
    return StorageFailure(f"No free name is left for {stem!r} in {folder!r}.")

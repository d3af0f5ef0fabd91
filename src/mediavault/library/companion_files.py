"""Reads the small files next to videos in the library: pictures, subtitles, comments.
They are untrusted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from mediavault.core.comments import comments_from_lines
from mediavault.core.media import Comment, Cue
from mediavault.core.webvtt import read_subtitles
from mediavault.library.port import OpenedFile

MAX_BYTES = 2 << 20  # of subtitles; an hour of speech has about 100 KB
MAX_COMMENTS_BYTES = 8 << 20


class OpensFiles(Protocol):
    """The part of a library that opens files."""

    async def open(self, relative: str) -> OpenedFile | None:
        """Open a file; None when it is missing or outside of the library. Raises StorageFailure."""


async def read_cues(library: OpensFiles, path: str) -> Sequence[Cue]:
    """Return the cues of a subtitle file by their start; none when it is missing, too large, or no
    such file.

    Raises StorageFailure.
    """
    return await asyncio.to_thread(_cues, await read_small(library, path, MAX_BYTES) or b"")


async def read_comments(library: OpensFiles, path: str) -> Sequence[Comment]:
    """Return a file's comments, each answer behind what it answers; none when it is missing, too
    large, or no such file.

    Raises StorageFailure.
    """
    return await asyncio.to_thread(
        comments_from_lines, await read_small(library, path, MAX_COMMENTS_BYTES) or b""
    )


async def read_small(library: OpensFiles, path: str, most: int) -> bytes | None:
    """Return a file's content; None when it is missing, has more than ``most`` bytes or cannot be
    read.

    Raises StorageFailure.
    """
    file = await library.open(path)
    if file is None:
        return None
    try:
        return (
            None
            if file.size > most
            else b"".join([chunk async for chunk in file.chunks(0, file.size)])
        )
    except OSError:
        return None
    finally:
        await file.close()


async def exists(library: OpensFiles, path: str) -> bool:
    """Return whether the library has a file that can be opened. Raises StorageFailure."""
    file = await library.open(path)
    if file is not None:
        await file.close()
    return file is not None


def _cues(body: bytes) -> Sequence[Cue]:
    try:
        return read_subtitles(body.decode("utf-8", "replace"))
    except ValueError:
        return ()

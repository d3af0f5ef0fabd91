"""Copies of kept files that browsers play, where only the container is in the way. They lie beside the library, never in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CopyStatus(StrEnum):
    NONE = "none"
    MAKING = "making"  # or waiting for its turn
    READY = "ready"
    FAILED = "failed"


class CopyTrouble(StrEnum):
    """Why there is no copy."""

    CODEC = "codec"  # no MP4 that browsers play holds these pictures or this sound, and nothing is ever re-encoded
    MISSING = "missing"  # the file itself is not in the library
    TOO_LARGE = "too_large"  # for the folder of the copies
    NO_SPACE = "no_space"
    DAMAGED = "damaged"  # its packets cannot be joined into another file
    TOOK_TOO_LONG = "took_too_long"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Copy:
    """``trouble`` says why it failed, ``detail`` more of that."""

    status: CopyStatus
    trouble: CopyTrouble | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MediaLook:
    """What a file holds, as its own bytes say. ``copy_helps``: an MP4 of the same pictures and sound plays in more browsers."""

    container: str | None
    video_codec: str | None
    audio_codec: str | None
    copy_helps: bool

"""A sealed copy, and the state of one that is being made or can be downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from mediavault.features.sealing.bag import BagFile

if TYPE_CHECKING:  # loads cryptography, which only a stamp needs
    from mediavault.features.sealing.timestamps import Timestamp


class SealStep(StrEnum):
    """What is being done for a sealed copy."""

    CHECKING = "checking"  # the saved files are read and compared with their hashes
    VISITING = "visiting"  # the post's page
    STAMPING = "stamping"  # the timestamp authority is asked


@dataclass(frozen=True, slots=True)
class NotCaptured:
    """Something that a sealed copy lacks, and why, in English."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SealedCopy:
    """A copy that is ready to be written. ``name`` is that of the folder inside, and of the zip."""

    name: str
    at: datetime
    files: tuple[BagFile, ...]
    not_captured: tuple[NotCaptured, ...] = ()
    timestamp: Timestamp | None = None

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True, slots=True)
class SealState:
    """A sealed copy. ``step`` while it is being made; then ``sealed_at`` and ``href`` for an hour,
    or ``error``.

    ``bytes`` are those of all files in it. ``stamped_at`` and ``authority`` are the timestamp's,
    null without one.
    """

    step: SealStep | None = None
    sealed_at: datetime | None = None
    bytes: int = 0
    not_captured: tuple[NotCaptured, ...] = ()
    stamped_at: datetime | None = None
    authority: str | None = None
    error: str | None = None
    href: str | None = None

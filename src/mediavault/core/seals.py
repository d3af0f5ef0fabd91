"""The state of a sealed copy that is being made, or can be downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SealStep(StrEnum):
    """What is being done for a sealed copy."""

    CHECKING = "checking"  # the saved files are read and compared with their hashes
    VISITING = "visiting"  # the post's page
    STAMPING = "stamping"  # the timestamp authority is asked


@dataclass(frozen=True, slots=True)
class NotCaptured:
    """Something that a sealed copy lacks, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class SealState:
    """``step`` while the copy is being made; afterwards ``sealed_at`` with what it lacks, or ``error``.

    ``stamped_at`` and ``authority`` are the timestamp's, where it has one.
    """

    step: SealStep | None = None
    sealed_at: datetime | None = None
    bytes: int = 0  # of the files in it
    not_captured: tuple[NotCaptured, ...] = ()
    stamped_at: datetime | None = None
    authority: str | None = None
    error: str | None = None

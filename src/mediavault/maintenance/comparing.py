"""Compares a job in one store with the same job in another. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import Mark
from mediavault.store.port import StoredJob
from mediavault.store.search_words import WordSource
from mediavault.store.transitions import as_imported

MAX_NAMED = 100  # differences that a comparison names; the others are counted


class TransferState(StrEnum):
    """The state of a source's job in the target."""

    MISSING = "missing"
    SAME = "same"
    # an earlier state of the same job: it has changed in the source since it was copied
    OLDER = "older"
    OTHER = "other"  # it has changed in the target


def transfer_state(source: StoredJob, target: StoredJob | None) -> TransferState:
    """Compare two jobs. OLDER may be replaced without a loss; OTHER must never be."""
    if target is None:
        return TransferState.MISSING
    if target.job == as_imported(source.job) and target.history == source.history:
        return TransferState.SAME
    grown = source.history[: len(target.history)] == target.history
    later = (
        source.job.updated_at >= target.job.updated_at
        and source.job.attempt_count >= target.job.attempt_count
    )
    return TransferState.OLDER if grown and later else TransferState.OTHER


def missing_marks(source: StoredJob, target: StoredJob) -> list[Mark]:
    """Return the source's marks whose names the target's job lacks;
    one that differs there does not count.
    """
    names = {mark.name for mark in target.marks}
    return [mark for mark in source.marks if mark.name not in names]


def missing_words(source: StoredJob, target: StoredJob) -> dict[WordSource, str]:
    """Return the source's further words of the kinds that the target's job lacks;
    others that differ do not count.
    """
    return {kind: line for kind, line in source.words.items() if kind not in target.words}


def differing_fields(source: StoredJob, target: StoredJob) -> list[str]:
    """The names of the job's fields that differ, ``history`` if that does, and ``marks`` and
    ``words`` if some are missing.
    """
    expected = as_imported(source.job)
    names = [
        column.name
        for column in fields(Job)
        if getattr(expected, column.name) != getattr(target.job, column.name)
    ]
    names += ["history"] if source.history != target.history else []
    names += ["marks"] if missing_marks(source, target) else []
    return [*names, "words"] if missing_words(source, target) else names


def counts_as_adopted(counts: Mapping[JobStatus, int]) -> dict[JobStatus, int]:
    """Return the counts that the target should have: running jobs are imported as queued."""
    adopted = {status: counts.get(status, 0) for status in JobStatus}
    adopted[JobStatus.QUEUED] += adopted[JobStatus.RUNNING]
    adopted[JobStatus.RUNNING] = 0
    return adopted


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. ``what`` is ``missing``, or the names of the fields that differ."""

    job: JobId
    what: str


@dataclass(slots=True)
class Comparison:
    """The result of a comparison, job by job; ``only_in_target`` counts the jobs that the source
    lacks.
    """

    same: int = 0
    different: int = 0  # missing ones among them
    missing: int = 0
    named: list[Difference] = field(default_factory=list)
    source_counts: Mapping[JobStatus, int] = field(default_factory=dict)
    target_counts: Mapping[JobStatus, int] = field(default_factory=dict)
    missing_site_limits: tuple[str, ...] = ()
    missing_agreed: tuple[str, ...] = ()
    missing_records: tuple[str, ...] = ()  # kind and key

    def add(self, source: StoredJob, target: StoredJob | None) -> None:
        if target is None:
            self.missing += 1
            self._add_difference(source, "missing")
        elif different := differing_fields(source, target):
            self._add_difference(source, ", ".join(different))
        else:
            self.same += 1

    def _add_difference(self, source: StoredJob, what: str) -> None:
        self.different += 1
        if len(self.named) < MAX_NAMED:
            self.named.append(Difference(source.job.id, what))

    @property
    def only_in_target(self) -> int:
        return sum(self.target_counts.values()) - self.same - (self.different - self.missing)

    @property
    def is_whole(self) -> bool:
        """Whether the target has everything of the source,
        and no job was added during the comparison.
        """
        all_same = self.same == sum(self.source_counts.values())
        other_differences = self.missing_site_limits or self.missing_agreed or self.missing_records
        return all_same and not (self.different or other_differences)

"""How an attempt at a job ended."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobStatus


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The job's status after the attempt: completed, failed, or queued when it was released.

    ``error_code`` and ``error`` belong to a failure; ``output_path`` is the first file of a completed job.
    """

    status: JobStatus
    error_code: ErrorCode | None = None
    error: str | None = None
    output_path: str | None = None

    @property
    def metric_label(self) -> str:
        """The key under which the worker counts it: completed, failed:CODE, or given_back."""
        if self.status is JobStatus.FAILED and self.error_code is not None:
            return f"failed:{self.error_code.value}"
        return "completed" if self.status is JobStatus.COMPLETED else "given_back"

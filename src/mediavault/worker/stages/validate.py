"""Stage 7: is it a real and whole video? The probe looks, this judges."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.core.errors import BadFile, Drm, EmptyBody, Failure, Incomplete, NotAVideo
from mediavault.core.media import DownloadedFile, ProbeReport, ProblemKind, VerifiedFile
from mediavault.worker.tools import MediaProbe

_FAILURES: Mapping[ProblemKind, type[Failure]] = {
    ProblemKind.NOT_A_VIDEO: NotAVideo,
    ProblemKind.INCOMPLETE: Incomplete,
    ProblemKind.DAMAGED: BadFile,
    ProblemKind.PROTECTED: Drm,
    ProblemKind.EMPTY: EmptyBody,
}


async def validate(fetched: DownloadedFile, probe: MediaProbe) -> VerifiedFile:
    """The file as verified, or the failure that its first problem stands for."""
    report = await probe.examine(fetched)
    if (failure := reason_to_reject(report, size=fetched.bytes)) is not None:
        raise failure
    return VerifiedFile(fetched, report)


def reason_to_reject(report: ProbeReport, *, size: int) -> Failure | None:
    """None when the report names no problem."""
    if not report.problems:
        return None
    first = report.problems[0]
    return _FAILURES[first.kind](f"The file was refused because {first.reason}.", bytes_received=size)

"""Stage 7: whether the download is a whole, playable video, judged by the probe's report."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.core.failures import BadFile, Drm, EmptyBody, Failure, Incomplete, NotAVideo
from mediavault.core.media import DownloadedFile, ProbeReport, ProblemKind, VerifiedFile
from mediavault.core.messages import Message
from mediavault.worker.context import Probe

_FAILURES: Mapping[ProblemKind, type[Failure]] = {
    ProblemKind.NOT_A_VIDEO: NotAVideo,
    ProblemKind.INCOMPLETE: Incomplete,
    ProblemKind.DAMAGED: BadFile,
    ProblemKind.PROTECTED: Drm,
    ProblemKind.EMPTY: EmptyBody,
    ProblemKind.LENGTH: Incomplete,
}


async def validate(fetched: DownloadedFile, probe: Probe) -> VerifiedFile:
    """Return the file as verified. Raises the failure for the first problem that the probe reports."""
    report = await probe.examine(fetched)
    if (failure := reason_to_reject(report, size=fetched.bytes)) is not None:
        raise failure
    return VerifiedFile(fetched, report)


def reason_to_reject(report: ProbeReport, *, size: int) -> Failure | None:
    """The failure for the first problem of the report; None without one."""
    if not report.problems:
        return None
    first = report.problems[0]
    return _FAILURES[first.kind](
        Message("The file was refused because %(reason)s.", reason=first.reason), bytes_received=size
    )

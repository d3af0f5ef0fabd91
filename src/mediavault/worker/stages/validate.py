"""Stage 7: whether the download is a whole, playable video, judged by the probe's report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mediavault.core.failures import (
    BadFile,
    CutShort,
    Damaged,
    Drm,
    EmptyBody,
    Failure,
    Incomplete,
    NotAsAnnounced,
    NotAVideo,
)
from mediavault.core.media import Candidate, DownloadedFile, Expected, Ownership, ProbeReport, ProblemKind, VerifiedFile
from mediavault.core.messages import Message, join
from mediavault.store.waiting_jobs import DAMAGE, accepted_reasons
from mediavault.worker.attempt import Attempt
from mediavault.worker.stages.compare import contradicted, contradictions

_FAILURES: Mapping[ProblemKind, type[Failure]] = {
    ProblemKind.NOT_A_VIDEO: NotAVideo,
    ProblemKind.INCOMPLETE: Incomplete,
    ProblemKind.DAMAGED: BadFile,
    ProblemKind.PROTECTED: Drm,
    ProblemKind.EMPTY: EmptyBody,
    ProblemKind.DOUBTFUL: NotAsAnnounced,
}


async def validate(
    fetched: DownloadedFile, attempt: Attempt, *, candidate: Candidate | None = None, said: Expected | None = None
) -> VerifiedFile:
    """Return the file as verified. Raises the failure for the first problem that the probe reports, and Contradicted
    when the file of ``candidate`` contradicts what its page ``said`` of its own video.

    A file that a user wants to be saved as it is, for this very reason or although it is damaged, passes, and so does a
    contradiction of the file that the user chose. Its own length is then what copies of it are compared with.
    """
    report = await attempt.tools.probe.examine(fetched)
    failure = reason_to_reject(report, size=fetched.bytes)
    is_accepted = failure is not None and await _is_accepted(failure, attempt)
    if candidate is not None and said is not None and (failure is None or isinstance(failure, NotAsAnnounced)):
        signs = contradictions(report, said, candidate.evidence)
        if signs and not is_accepted and candidate.ownership is not Ownership.CHOSEN:
            raise contradicted(candidate, signs, report, said, size=fetched.bytes)
        is_accepted = is_accepted or bool(signs)
    if failure is None:
        return VerifiedFile(fetched, report)
    if not is_accepted:
        raise failure
    everything = join("; ", [problem.reason for problem in report.problems])
    note = Message("saved as it is: %(reason)s", reason=everything)
    kind = NotAsAnnounced if isinstance(failure, NotAsAnnounced) else Damaged
    despite = kind(Message("The file was refused because %(reason)s.", reason=everything))
    own = replace(fetched.expected, duration_s=report.duration_s)
    as_accepted = replace(report, problems=(), notes=(*report.notes, note))
    return VerifiedFile(replace(fetched, expected=own), as_accepted, despite)


async def _is_accepted(failure: Failure, attempt: Attempt) -> bool:
    """Whether a user wants the file as it is. What is asked about is a length, or that some of it is damaged or missing."""
    if isinstance(failure, NotAsAnnounced):
        reason: str = failure.message
    elif isinstance(failure, BadFile | CutShort) and failure.plays:
        reason = DAMAGE
    else:
        return False
    return reason in await accepted_reasons(attempt.tools.store.records, attempt.claim.id)


def reason_to_reject(report: ProbeReport, *, size: int) -> Failure | None:
    """The failure for the first problem of the report; None without one."""
    if not report.problems:
        return None
    message = Message("The file was refused because %(reason)s.", reason=_reasons(report))
    failure = _FAILURES[report.problems[0].kind]
    if failure is Incomplete:
        short = CutShort(message, bytes_received=size)
        short.plays = report.plays
        return short
    if failure is BadFile and report.plays:
        return Damaged(message, bytes_received=size)
    return failure(message, bytes_received=size)


def _reasons(report: ProbeReport) -> str:
    """Return the first problem, or all where the user is asked, so that one answer is about all of them."""
    first = report.problems[0]
    if first.kind is not ProblemKind.DOUBTFUL:
        return first.reason
    return join("; ", [problem.reason for problem in report.problems])

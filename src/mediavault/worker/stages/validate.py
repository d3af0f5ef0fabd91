"""Stage 7: whether the download is a whole, playable video, judged by the probe's report; and
whether it is the right one.

Only on sites without a reader may a whole file contradict its page: there an advert or a teaser may
have been taken for the video that the page is about, and it plays as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
from mediavault.core.media import (
    Candidate,
    DownloadedFile,
    Expected,
    Extraction,
    LengthSource,
    Ownership,
    ProbeReport,
    ProblemKind,
    Sign,
    VerifiedFile,
)
from mediavault.core.messages import Message, clock_length, join
from mediavault.store.waiting_jobs import DAMAGE, accepted_reasons
from mediavault.worker.attempt import Attempt

_FAILURES: Mapping[ProblemKind, type[Failure]] = {
    ProblemKind.NOT_A_VIDEO: NotAVideo,
    ProblemKind.INCOMPLETE: Incomplete,
    ProblemKind.DAMAGED: BadFile,
    ProblemKind.PROTECTED: Drm,
    ProblemKind.EMPTY: EmptyBody,
    ProblemKind.DOUBTFUL: NotAsAnnounced,
}


async def validate(
    fetched: DownloadedFile,
    attempt: Attempt,
    *,
    candidate: Candidate | None = None,
    said: Expected | None = None,
) -> VerifiedFile:
    """Return the file as verified. Raises the failure for the first problem that the probe reports,
    and Contradicted when the file of ``candidate`` contradicts what its page ``said`` of its own
    video.

    A file that a user wants to be saved as it is, for this very reason or although it is damaged,
    passes, and so does a contradiction of the file that the user chose. Its own length is then what
    copies of it are compared with.
    """
    report = await attempt.context.probe.examine(fetched)
    failure = reason_to_reject(report, size=fetched.bytes)
    is_accepted = failure is not None and await _is_accepted(failure, attempt)
    if (
        candidate is not None
        and said is not None
        and (failure is None or isinstance(failure, NotAsAnnounced))
    ):
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
    """Whether a user wants the file as it is. What is asked about is a length,
    or that some of it is damaged or missing.
    """
    if isinstance(failure, NotAsAnnounced):
        reason: str = failure.message
    elif isinstance(failure, BadFile | CutShort) and failure.plays:
        reason = DAMAGE
    else:
        return False
    return reason in await accepted_reasons(attempt.context.store.records, attempt.claim.id)


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
    """Return the first problem, or all where the user is asked,
    so that one answer is about all of them.
    """
    first = report.problems[0]
    if first.kind is not ProblemKind.DOUBTFUL:
        return first.reason
    return join("; ", [problem.reason for problem in report.problems])


OTHER_LENGTH = 0.2  # the share of the page's length by which the file's must differ
OTHER_LENGTH_S = 5.0  # and how much that is at least: of a short clip, less may be rounding
ADVERTS_S = (6.0, 15.0, 20.0, 30.0)  # the usual lengths of adverts before videos
ADVERT_SLACK_S = 1.0


class Contradicted(NotAsAnnounced):
    """The file plays, but its page says something else of its own video. Another candidate may
    agree.

    ``candidate`` is the file's, with what was found out about it.
    """

    def __init__(self, message: str, candidate: Candidate, *, bytes_received: int) -> None:
        super().__init__(message, bytes_received=bytes_received)
        self.candidate = candidate


def contradictions(
    report: ProbeReport, said: Expected, evidence: Collection[Sign]
) -> tuple[Sign, ...]:
    """Return how a file contradicts what its page ``said`` of its own video, and the ``evidence``
    of the page.

    Where the page can skip adverts and declares no length, a file as long as an advert counts as
    one.
    """
    declared_s = said.duration_s if said.length_source is LengthSource.DECLARED else None
    length_s = report.duration_s
    found: list[Sign] = []
    if length_s is not None and declared_s is not None:
        found += [Sign.OTHER_LENGTH] if _is_other_length(length_s, declared_s) else []
    elif length_s is not None and Sign.SKIPS_ADVERTS in evidence:
        found += (
            [Sign.ADVERT_LENGTH]
            if any(abs(length_s - each) <= ADVERT_SLACK_S for each in ADVERTS_S)
            else []
        )
    return (*found, Sign.NO_SOUND) if said.audio and report.audio_codec is None else tuple(found)


def contradicted(
    candidate: Candidate, signs: tuple[Sign, ...], report: ProbeReport, said: Expected, *, size: int
) -> Contradicted:
    """Return the failure of a candidate whose file, of ``size`` bytes,
    contradicts its page by these signs.
    """
    sentences = {
        Sign.OTHER_LENGTH: Message(
            "The file is %(length)s long; the page says %(said)s.",
            length=clock_length(report.duration_s or 0),
            said=clock_length(said.duration_s or 0),
        ),
        Sign.ADVERT_LENGTH: Message(
            "The file is %(length)s long, as adverts are, and the page has a button that skips"
            " adverts.",
            length=clock_length(report.duration_s or 0),
        ),
        Sign.NO_SOUND: Message("The file has no sound, though the page announces sound."),
    }
    # The length of a file that a page's data name is the page's: what the user chooses from has its
    # own.
    known = (
        replace(candidate, duration_s=report.duration_s)
        if Sign.OTHER_LENGTH in signs
        else candidate
    )
    known = replace(known, evidence=tuple(dict.fromkeys((*signs, *candidate.evidence))))
    return Contradicted(join(" ", [sentences[sign] for sign in signs]), known, bytes_received=size)


def with_contradicted(extraction: Extraction, contradicted: Mapping[str, Candidate]) -> Extraction:
    """Return the extraction with what was found out about candidates, by URL.
    Those that it lacks are among the others.
    """
    held = {candidate.url for candidate in extraction.candidates}

    def known(candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        return tuple(contradicted.get(candidate.url, candidate) for candidate in candidates)

    return replace(
        extraction,
        items=tuple(replace(item, candidates=known(item.candidates)) for item in extraction.items),
        others=(
            *known(extraction.others),
            *(replace(c, item=None) for url, c in contradicted.items() if url not in held),
        ),
    )


def _is_other_length(length_s: float, declared_s: float) -> bool:
    return abs(length_s - declared_s) > max(OTHER_LENGTH_S, OTHER_LENGTH * declared_s)

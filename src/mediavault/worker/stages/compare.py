"""After stage 7: whether a whole file contradicts what its page says of its own video. Pure.

Only on sites without a reader: there an advert or a teaser may have been taken for the video that the page is about, and it
plays as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from mediavault.core.evidence import Sign
from mediavault.core.failures import NotAsAnnounced
from mediavault.core.media import Candidate, Expected, Extraction, LengthSource, ProbeReport
from mediavault.core.messages import Message, clock_length, join

OTHER_LENGTH = 0.2  # the share of the page's length by which the file's must differ
OTHER_LENGTH_S = 5.0  # and how much that is at least: of a short clip, less may be rounding
ADVERTS_S = (6.0, 15.0, 20.0, 30.0)  # the usual lengths of adverts before videos
ADVERT_SLACK_S = 1.0


class Contradicted(NotAsAnnounced):
    """The file plays, but its page says something else of its own video. Another candidate may agree.

    ``candidate`` is the file's, with what was found out about it.
    """

    def __init__(self, message: str, candidate: Candidate, *, bytes_received: int) -> None:
        super().__init__(message, bytes_received=bytes_received)
        self.candidate = candidate


def contradictions(report: ProbeReport, said: Expected, evidence: Collection[Sign]) -> tuple[Sign, ...]:
    """Return how a file contradicts what its page ``said`` of its own video, and the ``evidence`` of the page.

    Where the page can skip adverts and declares no length, a file as long as an advert counts as one.
    """
    declared_s = said.duration_s if said.length_source is LengthSource.DECLARED else None
    length_s = report.duration_s
    found: list[Sign] = []
    if length_s is not None and declared_s is not None:
        found += [Sign.OTHER_LENGTH] if _is_other_length(length_s, declared_s) else []
    elif length_s is not None and Sign.SKIPS_ADVERTS in evidence:
        found += [Sign.ADVERT_LENGTH] if any(abs(length_s - each) <= ADVERT_SLACK_S for each in ADVERTS_S) else []
    return (*found, Sign.NO_SOUND) if said.audio and report.audio_codec is None else tuple(found)


def contradicted(
    candidate: Candidate, signs: tuple[Sign, ...], report: ProbeReport, said: Expected, *, size: int
) -> Contradicted:
    """Return the failure of a candidate whose file, of ``size`` bytes, contradicts its page by these signs."""
    sentences = {
        Sign.OTHER_LENGTH: Message(
            "The file is %(length)s long; the page says %(said)s.",
            length=clock_length(report.duration_s or 0),
            said=clock_length(said.duration_s or 0),
        ),
        Sign.ADVERT_LENGTH: Message(
            "The file is %(length)s long, as adverts are, and the page has a button that skips adverts.",
            length=clock_length(report.duration_s or 0),
        ),
        Sign.NO_SOUND: Message("The file has no sound, though the page announces sound."),
    }
    # The length of a file that a page's data name is the page's: what the user chooses from has its own.
    known = replace(candidate, duration_s=report.duration_s) if Sign.OTHER_LENGTH in signs else candidate
    known = replace(known, evidence=tuple(dict.fromkeys((*signs, *candidate.evidence))))
    return Contradicted(join(" ", [sentences[sign] for sign in signs]), known, bytes_received=size)


def with_contradicted(extraction: Extraction, contradicted: Mapping[str, Candidate]) -> Extraction:
    """Return the extraction with what was found out about candidates, by URL. Those that it lacks are among the others."""
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

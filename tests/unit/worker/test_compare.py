"""When a whole file contradicts what its page says of its own video: the comparison by itself,
and its edges.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediavault.core.media import Expected, LengthSource, ProbeReport, Sign, in_words
from mediavault.worker.stages.validate import contradicted, contradictions
from tests.stubs import candidate

DECLARED = LengthSource.DECLARED
SEEN = (Sign.NAMED, Sign.OWN_HOST)


def file(length_s: float | None, *, sound: bool = True) -> ProbeReport:
    return ProbeReport("mp4", "h264", "aac" if sound else None, length_s, 640, 360)


@pytest.mark.parametrize(
    ("said_s", "length_s", "differs"),
    [
        (252.0, 15.0, True),
        (252.0, 251.0, False),
        (100.0, 80.0, False),  # exactly a fifth
        (100.0, 79.9, True),
        (100.0, 120.0, False),
        (100.0, 120.1, True),
        (60.0, 3_600.0, True),
        (10.0, 15.0, False),  # a few seconds
        (10.0, 15.1, True),
        (10.0, 4.0, True),
        (252.0, None, False),
    ],
)
def test_a_file_contradicts_a_length_by_more_than_a_fifth_and_a_few_seconds(
    said_s: float, length_s: float | None, *, differs: bool
) -> None:
    signs = contradictions(file(length_s), Expected(said_s, length_source=DECLARED), ())

    assert signs == ((Sign.OTHER_LENGTH,) if differs else ())


@pytest.mark.parametrize(
    ("source", "counts"), [(source, source is DECLARED) for source in LengthSource]
)
def test_only_a_length_that_the_page_itself_declares_counts(
    source: LengthSource, *, counts: bool
) -> None:
    signs = contradictions(file(15.0), Expected(252.0, length_source=source), ())

    assert bool(signs) is counts


@pytest.mark.parametrize(
    ("announced", "sound", "missing"),
    [(True, False, True), (True, True, False), (False, False, False), (None, False, False)],
)
def test_sound_is_missing_only_where_it_was_announced(
    announced: bool | None, *, sound: bool, missing: bool
) -> None:
    signs = contradictions(file(15.0, sound=sound), Expected(audio=announced), ())

    assert signs == ((Sign.NO_SOUND,) if missing else ())


@pytest.mark.parametrize(
    ("length_s", "is_usual"),
    [
        (6.0, True), (7.0, True), (7.1, False), (13.9, False), (14.0, True), (16.0, True),
        (19.0, True), (21.0, True), (22.0, False), (28.9, False), (29.0, True), (31.0, True),
        (31.1, False), (None, False),
    ],
)  # fmt: skip
def test_a_file_as_long_as_an_advert_is_doubted_where_the_page_can_skip_adverts(
    length_s: float | None, *, is_usual: bool
) -> None:
    report = file(length_s)

    assert contradictions(report, Expected(), {Sign.SKIPS_ADVERTS}) == (
        (Sign.ADVERT_LENGTH,) if is_usual else ()
    )
    assert contradictions(report, Expected(), {Sign.PLAYER}) == ()


def test_a_declared_length_decides_whether_a_short_file_is_an_advert() -> None:
    short, skips = Expected(15.0, length_source=DECLARED), {Sign.SKIPS_ADVERTS}

    assert contradictions(file(15.0), short, skips) == ()
    assert contradictions(file(15.0), replace(short, duration_s=252.0), skips) == (
        Sign.OTHER_LENGTH,
    )
    assert contradictions(file(15.0), Expected(15.0, length_source=LengthSource.LISTED), skips) == (
        Sign.ADVERT_LENGTH,
    )


def test_the_sentence_names_both_lengths_and_the_missing_sound() -> None:
    said = Expected(252.0, audio=True, length_source=DECLARED)
    report = file(14.6, sound=False)
    failure = contradicted(
        candidate(evidence=SEEN), contradictions(report, said, SEEN), report, said, size=20_000
    )

    assert failure.message == (
        "The file is 0:15 long; the page says 4:12. The file has no sound, though the page"
        " announces sound."
    )
    assert failure.candidate.evidence == (Sign.OTHER_LENGTH, Sign.NO_SOUND, *SEEN)
    assert in_words(failure.candidate.evidence).startswith(
        "not as long as the page says, without the sound"
    )

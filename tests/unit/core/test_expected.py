"""Statements about a video: which of two holds."""

from __future__ import annotations

import pytest

from mediavault.core.media import Expected, LengthSource

LISTED, DECLARED, RECORD = LengthSource.LISTED, LengthSource.DECLARED, LengthSource.RECORD


def length(seconds: float | None, source: LengthSource) -> Expected:
    return Expected(duration_s=seconds, length_source=source)


@pytest.mark.parametrize(
    ("first", "later", "holds"),
    [
        (length(60, DECLARED), length(10, LengthSource.MEASURED), length(60, DECLARED)),
        (length(60, DECLARED), length(10, LISTED), length(60, DECLARED)),
        (length(60, DECLARED), length(10, DECLARED), length(60, DECLARED)),
        (length(60, DECLARED), length(600, RECORD), length(600, RECORD)),
        (length(60, DECLARED), length(None, RECORD), length(60, DECLARED)),
        (length(None, RECORD), length(10, LISTED), length(10, LISTED)),
        (length(10, LengthSource.MEASURED), length(60, LISTED), length(60, LISTED)),
    ],
)
def test_only_a_stronger_statement_replaces_a_length(
    first: Expected, later: Expected, holds: Expected
) -> None:
    assert first.completed_by(later) == holds


@pytest.mark.parametrize(
    ("first", "later", "holds"),
    [
        (True, False, True),
        (True, None, True),
        (None, True, True),
        (False, True, False),
        (None, None, None),
    ],
)
def test_what_was_announced_about_the_sound_holds(
    first: bool | None, later: bool | None, holds: bool | None
) -> None:
    assert Expected(audio=first).completed_by(Expected(audio=later)).audio is holds

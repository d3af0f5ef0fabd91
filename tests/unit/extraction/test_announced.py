"""How long a sentence says it is until something begins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.extraction.walls import announced_wait


@pytest.mark.parametrize(
    ("sentence", "wait"),
    [
        ("Premieres in 3 hours", timedelta(hours=3)),
        ("This live event will begin in a day.", timedelta(days=1)),
        ("premiere will begin in 45 minutes", timedelta(minutes=45)),
        ("live event will begin in about 2 weeks", timedelta(weeks=2)),
        ("This live event will begin in a few moments.", None),
        ("Recorded in 2024", None),
        ("begins in 99999 days", None),
        ("", None),
    ],
)
def test_the_wait_is_read_from_a_sentence(sentence: str, wait: timedelta | None) -> None:
    assert announced_wait(sentence) == wait

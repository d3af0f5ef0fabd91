"""A count and what is counted agree."""

from __future__ import annotations

import pytest

from mediavault.core.words import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (21, "21 jobs"), (1_500_000, "1,500,000 jobs")]
)
def test_one_of_a_thing_is_spoken_of_in_the_singular(count: int, words: str) -> None:
    assert counted(count, "job") == words


def test_the_verb_goes_with_the_count() -> None:
    assert [counted(count, "worker is", "workers are") for count in (1, 2)] == ["1 worker is", "2 workers are"]

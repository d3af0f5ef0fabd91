"""No text of a stranger takes the vault longer than its length: every regular expression, and every function that reads one.

Each is given texts that repeat something ever more often, and the processor's time for twice the text is held against that for
the text. ``python -m tests.growth_table`` lists them all, the slowest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.growth import Growth, growth_of
from tests.pumps import Found, Pump, patterns, pumps_of, unread_calls
from tests.text_readers import OWN_TEXTS, WITH_MORE, candidates_of_code, pumps, readers

FILES = sorted({one.place.partition(":")[0] for one in patterns()})
READERS = readers()


def above_linear(read: Callable[[str], object], given: list[Pump]) -> list[tuple[Pump, Growth]]:
    judged = [(pump, growth_of(read, pump.text)) for pump in given]
    return [(pump, growth) for pump, growth in judged if growth.is_above_linear]


@pytest.mark.parametrize("file", FILES)
def test_no_regular_expression_takes_longer_than_its_text(file: str) -> None:
    for one in patterns():
        if one.place.startswith(f"{file}:"):
            assert above_linear(one, pumps_of(one.pattern)) == [], f"{one.place}: {one.pattern.pattern!r}"


@pytest.mark.parametrize("name", READERS)
def test_no_reader_takes_longer_than_its_text(name: str) -> None:
    assert above_linear(READERS[name], pumps()) == []


def test_every_function_that_takes_a_text_is_among_them() -> None:
    """A new one with more than one argument is given the others in WITH_MORE, or is excused in OWN_TEXTS."""
    found = candidates_of_code()

    assert [name for name, (_, more) in found.items() if more and name not in WITH_MORE and name not in OWN_TEXTS] == []
    assert [name for name in (*WITH_MORE, *OWN_TEXTS) if name not in found] == []


def test_every_pattern_can_be_looked_at() -> None:
    assert unread_calls() == []
    assert len(patterns()) > 500


@pytest.mark.parametrize(
    "pattern",
    [
        r"(<(?:[\w.-]+:)?BaseURL(?:\s[^>]*)?>)\s*([^<]*?)\s*(</)",
        r"<((?:[\w.-]+:)?)MPD(?:\s[^>]*)?>",
        r"(?<![\w-])([\w-]*(?:token|secret)[\w-]*)([\"']?\s*[=:]\s*)[^\s&;,]+",
        r"\beyJ[\w-]{8,}\.[\w-]+",
        r"(?:a+)+$",
        r"(a|a)*b",
        r"\s*[{\[]?\s*&",
    ],
)
def test_a_pattern_that_backtracks_is_found(pattern: str) -> None:
    """Most of these stood in the product once."""
    one = Found("here", re.compile(pattern), frozenset({"search"}))

    assert above_linear(one, pumps_of(one.pattern))


@pytest.mark.parametrize("pattern", [r"[^<]*+(</)", r"(?<![\w-])[\w-]++:", r"\d{1,9}-", r"[a-z]+://\S+"])
def test_a_pattern_that_does_not_is_left_alone(pattern: str) -> None:
    one = Found("here", re.compile(pattern), frozenset({"fullmatch"}))

    assert above_linear(one, pumps_of(one.pattern)) == []

"""Processing time for untrusted text grows at most linearly, in every regular expression and every
text reader.

Each is given texts that repeat something ever more often, and the processor time for four times the
text is compared with that for the text. ``python -m tests.growth_table`` lists them all, the
slowest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.growth import Growth, growth_of
from tests.pumps import Found, Pump, patterns, pumps_of, unread_calls
from tests.text_readers import OWN_TEXTS, WITH_MORE, candidates_of_code, pumps, readers

FILES = sorted({usage.place.partition(":")[0] for usage in patterns()})
READERS = readers()


def above_linear(read: Callable[[str], object], texts: list[Pump]) -> list[tuple[Pump, Growth]]:
    return list(all_above_linear(read, texts))


def all_above_linear(
    read: Callable[[str], object], texts: list[Pump]
) -> Iterator[tuple[Pump, Growth]]:
    judged = ((pump, growth_of(read, pump.text)) for pump in texts)
    return ((pump, growth) for pump, growth in judged if growth.is_above_linear)


@pytest.mark.parametrize("file", FILES)
def test_no_regular_expression_takes_longer_than_its_text(file: str) -> None:
    for usage in patterns():
        if usage.place.startswith(f"{file}:"):
            assert above_linear(usage, pumps_of(usage.pattern)) == [], (
                f"{usage.place}: {usage.pattern.pattern!r}"
            )


@pytest.mark.parametrize("name", READERS)
def test_no_reader_takes_longer_than_its_text(name: str) -> None:
    assert above_linear(READERS[name], pumps()) == []


def test_every_function_that_takes_a_text_is_tested() -> None:
    """For a new one with more than one argument, add the others to WITH_MORE or exempt it in
    OWN_TEXTS.
    """
    functions = candidates_of_code()

    assert [
        name
        for name, (_, more) in functions.items()
        if more and name not in WITH_MORE and name not in OWN_TEXTS
    ] == []
    assert [name for name in (*WITH_MORE, *OWN_TEXTS) if name not in functions] == []


def test_every_pattern_can_be_inspected() -> None:
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
    """Most of these were once in the product."""
    usage = Found("here", re.compile(pattern), frozenset({"search"}))

    assert next(all_above_linear(usage, pumps_of(usage.pattern)), None)


@pytest.mark.parametrize(
    "pattern", [r"[^<]*+(</)", r"(?<![\w-])[\w-]++:", r"\d{1,9}-", r"[a-z]+://\S+"]
)
def test_a_pattern_that_does_not_backtrack_is_not_reported(pattern: str) -> None:
    usage = Found("here", re.compile(pattern), frozenset({"fullmatch"}))

    assert above_linear(usage, pumps_of(usage.pattern)) == []

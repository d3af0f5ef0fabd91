"""Which entries of a source's list are wanted."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import BadInput
from mediavault.core.listings import Entry, EntryKind
from mediavault.features.following.filters import Filters, Reason, checked_filters, reason_against


def entry(number: int = 1, **facts: Any) -> Entry:
    return Entry(f"https://video.example/{number}", str(number), **facts)


@pytest.mark.parametrize(
    ("facts", "filters", "reason"),
    [
        ({}, Filters(), None),
        ({"kind": EntryKind.SHORT}, Filters(kinds=(EntryKind.VIDEO,)), Reason.KIND),
        ({"kind": None}, Filters(kinds=(EntryKind.VIDEO,)), None),
        ({"members_only": True}, Filters(), Reason.MEMBERS),
        ({"members_only": True}, Filters(members_only=True), None),
        ({"is_repost": True}, Filters(), Reason.REPOST),
        ({"is_repost": True}, Filters(reposts=True), None),
        ({"is_reply": True}, Filters(replies=False), Reason.REPLY),
        ({"duration_s": 59.0}, Filters(shortest_s=60), Reason.LENGTH),
        ({"duration_s": 61.0}, Filters(shortest_s=60), None),
        ({"duration_s": 61.0}, Filters(longest_s=60), Reason.LENGTH),
        ({"duration_s": None}, Filters(shortest_s=60), None),
        ({"language": "pt-BR"}, Filters(languages=("pt",)), None),
        ({"language": "de"}, Filters(languages=("pt",)), Reason.LANGUAGE),
        ({"language": None}, Filters(languages=("pt",)), None),
    ],
)
def test_what_is_known_of_a_post_decides_and_what_is_unknown_does_not(
    facts: dict[str, Any], filters: Filters, reason: Reason | None
) -> None:
    assert reason_against(entry(**facts), filters) is reason


@pytest.mark.parametrize(
    ("title", "filters", "is_wanted"),
    [
        ("Züge in Köln", Filters(having=("zuge",)), True),
        ("Trains", Filters(having=("train",)), False),  # whole words
        ("A long  train journey", Filters(having=("train journey",)), True),
        ("Train. Journey", Filters(lacking=("train journey",)), False),
        ("Episode 12", Filters(having=(r"/episode \d+$/",)), True),
        ("Episode 12 trailer", Filters(having=(r"/episode \d+$/",)), False),
        ("Trailer", Filters(lacking=("trailer", "teaser")), False),
        ("東京の電車", Filters(having=("東京の電車",)), True),
        ("C++ in an hour", Filters(having=("++",)), True),
    ],
)
def test_words_are_found_regardless_of_case_and_diacritics(
    title: str, filters: Filters, is_wanted: bool
) -> None:
    reason = reason_against(entry(title=title, text=""), checked_filters(filters))

    assert reason is (None if is_wanted else Reason.WORDS)


def test_a_description_that_is_not_known_yet_may_contain_the_words() -> None:
    filters = Filters(having=("steam",))

    assert reason_against(entry(title="Trains", text=None), filters) is None
    assert reason_against(entry(title="Trains", text="All diesel"), filters) is Reason.WORDS


def test_an_expression_that_would_take_for_ever_elsewhere_is_answered_at_once() -> None:
    filters = checked_filters(Filters(having=(r"/(a+)+$/",)))

    assert reason_against(entry(title="a" * 500 + "!", text=""), filters) is Reason.WORDS


@pytest.mark.parametrize(
    "filters",
    [
        Filters(having=("",)),
        Filters(having=("x" * 201,)),
        Filters(lacking=("/(/",)),
        Filters(having=(r"/(a)\1/",)),
        Filters(kinds=()),
        Filters(shortest_s=10, longest_s=5),
        Filters(shortest_s=-1),
        Filters(longest_s=float("nan")),
    ],
)
def test_filters_that_cannot_be_are_refused(filters: Filters) -> None:
    with pytest.raises(BadInput):
        checked_filters(filters)

"""Where something is said: the passages of subtitles that a search finds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mediavault.core.media import Cue
from mediavault.features.transcripts.model import (
    PASSAGE_CHARS,
    Passage,
    SpokenText,
    find_cues,
    find_passages,
)
from mediavault.store.search_words import parse_search

CUES = [
    Cue(0, 2, "Good morning."),
    Cue(2, 4, "Today we sail to the\nsea, and the boat"),
    Cue(4, 6, "is blue. 東京タワーの夜景"),
    Cue(60, 62, "The SEA was calm."),
    Cue(62, 64, "Über den Wolken"),
]


def passages(text: str, cues: Sequence[Cue] = CUES) -> list[Passage]:
    return find_passages([SpokenText(0, "en", cues)], parse_search(text) or ())


@pytest.mark.parametrize(
    ("text", "best", "at"),
    [
        ("sea", 1, [2, 60]),
        ("SE cal", 2, [60]),
        ("boat blue", 2, [2]),  # a sentence of two cues
        ("blue sea", 2, [2]),
        ("uber", 1, [62]),
        ("タワー", 1, [4]),
        ("sea holidays", 1, [2, 60]),  # the other word is in the title
        ("calm morning", 1, [0, 60]),
        ("ea", 0, []),
        ("wolken good", 1, [0, 62]),
    ],
)
def test_the_passages_with_the_most_words_are_found(text: str, best: int, at: list[float]) -> None:
    assert find_cues(CUES, parse_search(text) or ())[0] == best
    assert [passage.start_s for passage in passages(text)] == at


def test_a_passage_has_the_words_around_it() -> None:
    assert passages("boat") == [
        Passage(0, 2, "… to the sea, and the boat is blue. 東京タワーの夜景", "en")
    ]
    assert passages("calm") == [Passage(0, 60, "The SEA was calm. Über den Wolken", "en")]


def test_of_several_texts_only_those_with_the_most_words_are_found_by_item_and_time() -> None:
    texts = [
        SpokenText(1, "de", [Cue(0, 2, "sea")]),
        SpokenText(1, "en", CUES),
        SpokenText(0, "en", CUES),
    ]
    found = find_passages(texts, parse_search("sea calm") or ())

    assert [(one.item, one.start_s, one.language) for one in found] == [
        (0, 60, "en"),
        (1, 60, "en"),
    ]


@pytest.mark.parametrize("word", ["word", "w" * 5_000])
def test_a_long_passage_is_shortened_around_the_word(word: str) -> None:
    words = [word, *["filler"] * 200]
    cues = [Cue(0, 9, " ".join([*words, "needle", *words]))]

    [passage] = passages("need", cues)
    assert "needle" in passage.text
    assert len(passage.text) <= PASSAGE_CHARS + 4
    assert passage.text[:2] == "… "
    assert passage.text[-2:] == " …"


def test_a_cue_without_words_and_a_search_for_nothing_find_nothing() -> None:
    assert passages("a", [Cue(0, 1, "…!?"), Cue(1, 2, "")]) == []
    assert passages("") == []
    assert passages("a", []) == []

"""Where something is said: the passages of subtitles that a search finds."""

from __future__ import annotations

import pytest

from mediavault.core.media import Cue
from mediavault.store.search_words import parse_search
from mediavault.store.spoken import PASSAGE_CHARS, Passage, find_passages

CUES = [
    Cue(0, 2, "Good morning."),
    Cue(2, 4, "Today we sail to the\nsea, and the boat"),
    Cue(4, 6, "is blue. 東京タワーの夜景"),
    Cue(60, 62, "The SEA was calm."),
    Cue(62, 64, "Über den Wolken"),
]


def passages(text: str) -> tuple[int, list[float]]:
    best, found = find_passages(CUES, parse_search(text) or ())
    return best, [passage.start_s for passage in found]


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
    assert passages(text) == (best, at)


def test_a_passage_has_the_words_around_it() -> None:
    assert find_passages(CUES, parse_search("boat") or ()) == (
        1,
        [Passage(2, "… to the sea, and the boat is blue. 東京タワーの夜景")],
    )
    assert find_passages(CUES, parse_search("calm") or ())[1] == [Passage(60, "The SEA was calm. Über den Wolken")]


@pytest.mark.parametrize("word", ["word", "w" * 5_000])
def test_a_long_passage_is_shortened_around_the_word(word: str) -> None:
    words = [word, *["filler"] * 200]
    cues = [Cue(0, 9, " ".join([*words, "needle", *words]))]

    [passage] = find_passages(cues, parse_search("need") or ())[1]
    assert "needle" in passage.text
    assert len(passage.text) <= PASSAGE_CHARS + 4
    assert passage.text[:2] == "… "
    assert passage.text[-2:] == " …"


def test_a_cue_without_words_and_a_search_for_nothing_find_nothing() -> None:
    assert find_passages([Cue(0, 1, "…!?"), Cue(1, 2, "")], parse_search("a") or ()) == (0, [])
    assert find_passages(CUES, ()) == (0, [])
    assert find_passages([], parse_search("a") or ()) == (0, [])

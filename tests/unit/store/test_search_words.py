"""The words of a text and of a search."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.media import Account
from mediavault.store.search_words import (
    GAP,
    MAX_SEARCH_WORDS,
    MAX_WORD_CHARS,
    MAX_WORDS,
    account_line,
    is_in,
    job_line,
    line_of,
    needle,
    parse_search,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Quick-Brown_fox's", ["the", "quick", "brown", "fox", "s"]),
        ("https://s.example/a?b=C1", ["https", "s", "example", "a", "b", "c1"]),
        ("Crème BRÛLÉE", ["creme", "brulee"]),
        ("Straße Øre Łódź æon ısı", ["strasse", "ore", "lodz", "aeon", "isi"]),
        ("東京 is カ", ["東", "京", "is", "カ"]),
        ("ｆｕｌｌ ﬁne ①", ["full", "fine", "1"]),
        ("นี่คือ", list("นี่คือ".replace("่", ""))),
        ("हिन्दी", ["हिन्दी"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("👩\u200d🚀❤\ufe0f", ["👩", "🚀", "❤"]),
        ("a\u202eb\0c\ud800d", ["ab", "c", "d"]),
        (f"x{GAP}y", ["x", "y"]),
        ("", []),
        ("!?…—", []),
    ],
)
def test_a_text_becomes_lower_case_words_without_diacritics(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(max_size=60))
def test_words_contain_nothing_that_a_database_could_take_for_an_operator(text: str) -> None:
    for word in words_of(text):
        assert word
        assert not any(
            char in "'\"\\*:&|!<>()^{}[]$.+-?\0\ue000" or char.isspace() for char in word
        )
        word.encode("utf-8")


@given(st.text(max_size=60))
def test_a_text_is_found_by_itself(text: str) -> None:
    terms = parse_search(text)
    assert terms is None or is_in(line_of([text]), terms)


@given(st.text(alphabet="aé東京 -", max_size=20), st.text(alphabet="aé東京 -", max_size=6))
def test_every_prefix_of_a_word_and_every_run_is_found(text: str, more: str) -> None:
    whole = parse_search(text + more)
    part = parse_search(text)
    if whole and part and not more[:1].isspace():
        assert is_in(line_of([text + more]), part)


def test_only_spaces_means_no_search_and_only_punctuation_finds_nothing() -> None:
    assert parse_search(None) is parse_search("") is parse_search(" \t\n\u3000") is None
    assert parse_search("?!") == parse_search("\ud800") == parse_search("🏳️‍🌈"[1:3]) == ()


def test_a_search_consists_of_words_and_runs_each_once() -> None:
    assert parse_search("Fox 東京タ fox dog 京") == (
        ("fox",),
        ("東", "京", "タ"),
        ("dog",),
        ("京",),
    )
    assert needle(("東", "京")) == " 東 京"


def test_text_that_is_too_long_is_cut_alike_in_the_index_and_in_a_search() -> None:
    long = "x" * 500
    assert words_of(long) == ["x" * MAX_WORD_CHARS]
    assert is_in(line_of([long]), parse_search(long) or ())
    assert len(parse_search(" ".join(f"w{n}" for n in range(100))) or ()) == MAX_SEARCH_WORDS
    assert line_of(["a " * 10_000]).count(" a") == MAX_WORDS


def test_a_job_is_found_by_its_fields_and_not_across_them() -> None:
    line = job_line(
        "https://s.example/1",
        "https://s.example/1",
        Account("x", "jane", "東", "x-jane"),
        {"title": "京", "text": 7},
    )

    assert line == f" 京 {GAP} jane {GAP} 東 {GAP} https s example 1"
    assert account_line(None, None) == ""

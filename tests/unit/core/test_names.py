from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.name_template import NamedPost, stem_of
from mediavault.core.names import MAX_STEM_BYTES, label_or_none, safe_text, slug, truncate_bytes

DAY = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-Jane.Doe_1", "x-jane.doe_1"),
        ("Überraschung & Söhne", "uberraschung-sohne"),
        ("../../etc/passwd", "etc-passwd"),
        ("CON", "unknown-con"),
        ("com1.txt", "unknown-com1.txt"),
        ("日本", "unknown"),
        ("", "unknown"),
        ("...", "unknown"),
        ("a" * 300, "a" * 64),
    ],
)
def test_slugs_are_safe_everywhere(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=500), st.text(max_size=200))
def test_any_title_and_id_give_a_name_that_every_file_system_accepts(
    title: str, post_id: str
) -> None:
    stem = stem_of(NamedPost(post_id, DAY, title))

    assert len(stem.encode("utf-8")) <= MAX_STEM_BYTES
    assert not set(stem) & set('<>:"/\\|?*\0\n\r')
    assert stem == stem.strip(" .")
    assert stem.startswith("2026-11-24")


def test_the_post_id_survives_a_long_title() -> None:
    assert stem_of(NamedPost("7571863205253778710", DAY, "ä" * 300)).endswith(
        "[7571863205253778710]"
    )


def test_ids_that_differ_in_case_give_different_names() -> None:
    assert stem_of(NamedPost("aB", DAY, "t")) != stem_of(NamedPost("ab", DAY, "t"))


def test_direction_marks_and_control_characters_do_not_reach_a_name() -> None:
    assert safe_text("evil\u202egpj.exe\x00\n  name\ud800") == "evilgpj.exe name"


def test_cutting_never_splits_a_character() -> None:
    assert truncate_bytes("aé", 2) == "a"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("  My \n phone ", "My phone"),
        ("Télé", "Télé"),
        ("", ""),
        ("a" * 9, None),
        ("a\x07b", None),
        ("a\u202eb", None),
    ],
)
def test_a_label_has_single_spaces_and_what_can_be_printed(text: str, label: str | None) -> None:
    assert label_or_none(text, 8) == label

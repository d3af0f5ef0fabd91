"""Tags, collections, notes and positions as they are written, searched for and stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core import marks
from mediavault.core.failures import BadInput
from mediavault.core.job import JobId
from mediavault.core.marks import Mark, Position, PostMarks

JOB = JobId("j")


@pytest.mark.parametrize("text", ["Cats", "#cats", " CATS ", "cats\n", "##cats"])
def test_a_tag_is_the_same_however_it_is_written(text: str) -> None:
    assert marks.tag(text) == "tag/cats"


def test_a_tag_is_shown_as_it_was_written_without_its_sign() -> None:
    assert marks.tag_text("  #Long\tTrain  Rides \0") == "Long Train Rides"


@pytest.mark.parametrize("text", ["", " ", "#", "..", "x" * 61, 'a"b', "\0\x01"])
def test_what_cannot_be_a_tag_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(BadInput, match="can't be a tag") as refused:
        marks.tag(text)
    assert "1 to 60 characters" in refused.value.help


def test_a_collection_has_a_title_and_is_the_same_regardless_of_case() -> None:
    assert (
        marks.collection("Train  Journeys")
        == marks.collection("train JOURNEYS")
        == "collection/train journeys"
    )
    with pytest.raises(BadInput, match="title"):
        marks.collection_title(" ")


def test_a_note_keeps_its_lines_and_has_a_limit() -> None:
    assert marks.note_text(" one\r\ntwo\x00\n ") == "one\ntwo"
    with pytest.raises(BadInput, match="too long"):
        marks.note_text("x" * 10_001)


@pytest.mark.parametrize(
    ("search", "rest", "tags"),
    [
        (None, None, ()),
        ("fox", "fox", ()),
        ("tag:cats", None, ("tag/cats",)),
        ("fox tag:Cats  den", "fox den", ("tag/cats",)),
        ('TAG:"Long Train" fox tag:cats tag:cats', "fox", ("tag/long train", "tag/cats")),
        ("tag: cats", "tag: cats", ()),
        ('tag:""', 'tag:""', ()),
        ("vintage:cats", "vintage:cats", ()),
    ],
)
def test_tags_are_read_out_of_a_search(
    search: str | None, rest: str | None, tags: tuple[str, ...]
) -> None:
    assert marks.split_search(search) == (rest, tags)


@given(st.text(max_size=60))
def test_every_tag_can_be_searched_for(text: str) -> None:
    try:
        shown = marks.tag_text(text)
    except BadInput:
        return
    search = f'tag:"{shown}"' if " " in shown else f"tag:{shown}"
    assert marks.split_search(search) == (None, (marks.tag(text),))
    assert marks.is_written_so(marks.tag(text), shown)


def test_a_position_is_read_back_to_a_tenth_of_a_second() -> None:
    stored = marks.position_to_text(Position(760.25, 1800, 2))

    assert marks.position_from_text(stored) == Position(760.2, 1800.0, 2)
    assert Position(450, 1800).share == 0.25
    assert Position(5, 0).share == 0.0


def test_a_user_sees_the_marks_of_all_and_only_the_own_favourites() -> None:
    found = [
        Mark(JOB, "tag/cats", "Cats"),
        Mark(JOB, "collection/trains", "Trains"),
        Mark(JOB, "note", "a note"),
        Mark(JOB, "favourite/ann", ""),
        Mark(JOB, "watched/owner", ""),
        Mark(JOB, "position/owner", "[12,60,1]"),
        Mark(JOB, "outdated", "1"),
    ]

    assert marks.post_marks(found, "owner") == PostMarks(
        watched=True,
        tags=("Cats",),
        collections=("Trains",),
        note="a note",
        position=Position(12, 60, 1),
    )
    assert marks.post_marks(found, "ann").favourite
    assert marks.post_marks([], "owner") == PostMarks()

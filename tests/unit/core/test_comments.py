"""Comments as lines of JSON: written and read back, whatever they contain."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.comments import comments_from_lines, comments_to_lines
from mediavault.core.media import Comment

AT = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
COMMENTS = st.builds(
    Comment,
    id=TEXTS,
    parent=st.none(),
    author=TEXTS,
    text=TEXTS,
    at=st.sampled_from([None, AT]),
    likes=st.integers(0, 10**9),
    by_author=st.booleans(),
    is_pinned=st.booleans(),
)


@given(st.lists(COMMENTS, max_size=10))
def test_comments_come_back_as_they_were(comments: list[Comment]) -> None:
    content = comments_to_lines(comments)

    assert comments_from_lines(content) == comments
    assert content.count(b"\n") == len(comments)


def test_answers_follow_what_they_answer() -> None:
    first, second = Comment("1", None, "a", "first"), Comment("2", None, "b", "second")
    to_first, to_nothing = (
        Comment("3", "1", "c", "to the first"),
        Comment("4", "gone", "d", "to nothing"),
    )

    assert comments_from_lines(comments_to_lines([first, second, to_first, to_nothing])) == [
        first, to_first, second, to_nothing,
    ]  # fmt: skip


def test_lines_that_are_no_comments_are_passed_over() -> None:
    good = comments_to_lines([Comment("1", None, "a", "good")])
    bad = (
        b'{"id": 1}\n7\n[]\nrubbish\n\xff\xfe\n'
        b'{"id":"1","parent":null,"author":"a","text":"t","at":"never"}\n'
    )

    assert [one.text for one in comments_from_lines(bad + good)] == ["good"]


def test_a_lone_surrogate_is_replaced() -> None:
    [one] = comments_from_lines(b'{"id":"1","parent":null,"author":"\\ud800","text":"a\\u0000b"}\n')

    assert (one.author, one.text) == ("?", "a\ufffdb")


def test_a_number_of_likes_that_is_none_makes_the_line_no_comment() -> None:
    line = b'{"id":"1","parent":null,"author":"a","text":"t","likes":1e999}\n'

    assert comments_from_lines(line) == []


def test_answers_to_an_id_that_several_comments_have_are_taken_once() -> None:
    same, answer = Comment("1", None, "a", "same"), Comment("2", "1", "b", "answer")

    assert len(comments_from_lines(comments_to_lines([same] * 30 + [answer] * 30))) == 60

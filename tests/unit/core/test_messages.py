"""Messages: English text that keeps its template and values."""

from __future__ import annotations

import copy
import json

import pytest

from mediavault.core.failures import BadUrl, NetworkFailure
from mediavault.core.messages import Message, counted, from_json, join, to_json


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 jobs"), (1, "1 job"), (2, "2 jobs"), (1500, "1,500 jobs")]
)
def test_a_count_agrees_with_what_is_counted(count: int, text: str) -> None:
    assert counted(count, "job") == text


def test_the_plural_may_be_another_word() -> None:
    assert counted(1, "job is", "jobs are") == "1 job is"
    assert counted(2, "job is", "jobs are") == "2 jobs are"


def test_a_message_is_its_english_text() -> None:
    message = Message(
        "%(site)s sent %(bytes)d bytes in %(seconds).1f s, %(share)s%%.",
        site="X",
        bytes=1200,
        seconds=0.25,
        share=5,
    )

    assert message == "X sent 1,200 bytes in 0.2 s, 5%."
    assert f"{message}" == str(message) == "X sent 1,200 bytes in 0.2 s, 5%."


def test_a_template_without_values_is_taken_literally() -> None:
    assert Message("100 % of %(site)s") == "100 % of %(site)s"


def test_a_value_is_never_read_as_a_template() -> None:
    message = Message("%(title)s: %(count)d", title="%(count)d %s %%", count=3)

    assert message == "%(count)d %s %%: 3"
    assert from_json(message, to_json(message)) == message


def test_joined_messages_keep_their_parts() -> None:
    joined = join("; ", [counted(2, "job"), "as it is", Message("from %(site)s", site="X")])

    assert joined == "2 jobs; as it is; from X"
    assert [type(value) for value in joined.values.values()] == [Message, str, Message]


def test_an_exception_as_a_value_is_its_message() -> None:
    outer = Message(
        "cannot go on: %(error)s", error=NetworkFailure(Message("%(site)s is away.", site="X"))
    )

    assert outer == "cannot go on: X is away."
    assert isinstance(outer.values["error"], Message)


def test_an_error_made_from_plain_text_has_a_message() -> None:
    assert isinstance(BadUrl("No.").message, Message)


def test_a_stored_message_comes_back_whole() -> None:
    message = Message("%(files)s at %(site)s", files=counted(1, "file"), site="X")
    again = from_json(str(message), to_json(message))

    assert (again, again.template, again.values) == (message, message.template, message.values)
    assert copy.deepcopy(message).values == message.values


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "",
        "no JSON",
        "[]",
        "{}",
        '{"text": "%(site)s"}',
        '{"text": "%(a)s", "values": {}}',
        '{"text": 1, "values": 2}',
    ],
)
def test_text_without_values_that_fit_it_is_plain_text(stored: str | None) -> None:
    """Older rows have no values, and another version may write a new text next to the previous
    version's values.
    """
    message = from_json("X is away.", stored)

    assert (message, message.values) == ("X is away.", {})


def test_plain_text_needs_nothing_stored_with_it() -> None:
    assert to_json("text") is None
    assert to_json(Message("text")) is None
    assert json.loads(to_json(Message("%(n)d", n=1)) or "") == {"text": "%(n)d", "values": {"n": 1}}

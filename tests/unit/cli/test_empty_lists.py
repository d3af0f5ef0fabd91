"""What the commands that list something print when there is nothing to list."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("follow", "No sources are followed."),
        ("feed", "No RSS feeds."),
        ("user", "There are no other users."),
    ],
)
def test_an_empty_list_is_a_sentence(command: str, sentence: str, run: Run) -> None:
    assert run(command, "list").out == f"{sentence}\n"
